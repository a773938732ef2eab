/* view.c - see view.h: the relay (net/relay.h) that turns fetches, handshakes and questions into looks. */
#include "probe/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/relay.h"
#include "validator/validator_env.h"

struct view {
	struct relay relay; /* first */
	struct view_spec spec;
	char name[PROBE_NAME_MAX + 1];
	struct validator_env env;
	struct resolver *resolver;
	char trouble[PROBE_TROUBLE_MAX];
};

struct errand {
	struct view *view;
	struct probe_errand *look;
	enum probe_look_kind kind;
	union {
		void (*fetched)(void *arg, const struct fetch_result *result);
		void (*shaken)(void *arg, const struct tls_probe_result *result);
		void (*answered)(void *arg, const struct dns_answer *answer);
	} seen;
	void *arg;
	size_t max_body;
};

/* --- what comes back --- */

/* Nothing was seen: a failure that says nothing about the name. */
static void tell_trouble(const struct errand *e, const char *why)
{
	struct fetch_result fetched = { .rc = RC_UNAVAILABLE, .problem = PROBLEM_SERVER_INTERNAL, .transient = true };
	struct tls_probe_result shaken = { .rc = RC_UNAVAILABLE, .problem = PROBLEM_SERVER_INTERNAL, .transient = true };
	struct dns_answer answered = { .rc = RC_IO };

	snprintf(e->view->trouble, sizeof(e->view->trouble), "%s", why);
	switch (e->kind) {
	case PROBE_LOOK_FETCH:
		snprintf(fetched.why, sizeof(fetched.why), "%s", why);
		e->seen.fetched(e->arg, &fetched);
		break;
	case PROBE_LOOK_HANDSHAKE:
		snprintf(shaken.why, sizeof(shaken.why), "%s", why);
		e->seen.shaken(e->arg, &shaken);
		break;
	case PROBE_LOOK_ASK:
		snprintf(answered.why, sizeof(answered.why), "%s", why);
		e->seen.answered(e->arg, &answered);
		break;
	}
}

static void on_seen(void *arg, const struct probe_seen *seen, const char *why)
{
	struct errand *e = arg;
	char lie[PROBE_TROUBLE_MAX];

	if (seen && e->kind == PROBE_LOOK_FETCH && seen->fetched.body.len > e->max_body) {
		snprintf(lie, sizeof(lie), "probe %s sent more than it was asked for", e->view->name);
		seen = NULL;
		why = lie;
	}
	if (!seen)
		tell_trouble(e, why);
	else if (e->kind == PROBE_LOOK_FETCH)
		e->seen.fetched(e->arg, &seen->fetched);
	else if (e->kind == PROBE_LOOK_HANDSHAKE)
		e->seen.shaken(e->arg, &seen->shaken);
	else
		e->seen.answered(e->arg, &seen->answered);
	free(e);
}

/* --- what is sent --- */

/* Takes e. */
static enum rc send_look(struct errand *e, struct probe_look *look, int64_t deadline_ms, struct errand **out)
{
	struct view *v = e->view;
	enum rc rc;

	look->kind = e->kind;
	rc = probes_look(v->spec.probes, str_of(v->name), look, deadline_ms, on_seen, e, &e->look);
	if (rc == RC_OK) {
		*out = e;
		return RC_OK;
	}
	if (rc == RC_LIMIT)
		snprintf(v->trouble, sizeof(v->trouble), "probe %s cannot be told the zone's rules: more than %d prefixes "
			 "or %d resolvers are too many", v->name, LIMIT_PROBE_PREFIXES, PROBE_SERVERS_MAX);
	else if (rc == RC_BUSY)
		snprintf(v->trouble, sizeof(v->trouble), "probe %s has too much to do", v->name);
	else if (!probes_missing(v->spec.probes, str_of(v->name), v->trouble))
		snprintf(v->trouble, sizeof(v->trouble), "probe %s cannot be asked: %s", v->name, rc_text(rc));
	free(e);
	return rc;
}

static struct errand *errand_new(struct relay *r, enum probe_look_kind kind, void *arg)
{
	struct errand *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->view = (struct view *)r;
	e->kind = kind;
	e->arg = arg;
	return e;
}

static enum rc relay_fetch(struct relay *r, const struct fetch_request *request,
			   void (*seen)(void *arg, const struct fetch_result *result), void *arg,
			   struct errand **out)
{
	struct errand *e = errand_new(r, PROBE_LOOK_FETCH, arg);
	struct probe_look look = { .dns = ((struct view *)r)->spec.dns, .policy = *request->policy, .fetch = *request };

	if (!e)
		return RC_NOMEM;
	e->seen.fetched = seen;
	e->max_body = request->max_body;
	return send_look(e, &look, request->deadline_ms, out);
}

static enum rc relay_handshake(struct relay *r, const struct tls_probe_request *request,
			       void (*seen)(void *arg, const struct tls_probe_result *result), void *arg,
			       struct errand **out)
{
	struct errand *e = errand_new(r, PROBE_LOOK_HANDSHAKE, arg);
	struct probe_look look = { .dns = ((struct view *)r)->spec.dns, .policy = *request->policy,
				   .handshake = *request };

	if (!e)
		return RC_NOMEM;
	e->seen.shaken = seen;
	return send_look(e, &look, request->deadline_ms, out);
}

static enum rc relay_ask(struct relay *r, struct str name, enum dns_type type,
			 void (*seen)(void *arg, const struct dns_answer *answer), void *arg,
			 struct errand **out)
{
	struct errand *e = errand_new(r, PROBE_LOOK_ASK, arg);
	struct probe_look look = { .dns = ((struct view *)r)->spec.dns, .ask = { .name = name, .type = type } };

	if (!e)
		return RC_NOMEM;
	e->seen.answered = seen;
	return send_look(e, &look, e->view->spec.dns.timeout_ms, out);
}

static enum rc relay_ask_server(struct relay *r, const struct dns_direct_spec *spec,
				void (*seen)(void *arg, const struct dns_answer *answer), void *arg,
				struct errand **out)
{
	struct errand *e = errand_new(r, PROBE_LOOK_ASK, arg);
	struct probe_look look = { .ask = { spec->name, spec->type, spec->server } };

	if (!e)
		return RC_NOMEM;
	e->seen.answered = seen;
	look.dns = e->view->spec.dns;
	look.dns.timeout_ms = spec->timeout_ms;
	return send_look(e, &look, spec->timeout_ms, out);
}

static void relay_cancel(struct errand *e)
{
	if (!e)
		return;
	probes_cancel(e->look);
	free(e);
}

static const struct relay_ops RELAY = {
	.fetch = relay_fetch,
	.handshake = relay_handshake,
	.ask = relay_ask,
	.ask_server = relay_ask_server,
	.cancel = relay_cancel,
};

/* --- the view --- */

enum rc view_new(const struct view_spec *spec, struct view **out)
{
	struct view *v = calloc(1, sizeof(*v));
	enum rc rc;

	if (!v)
		return RC_NOMEM;
	v->relay.ops = &RELAY;
	v->spec = *spec;
	snprintf(v->name, sizeof(v->name), "%.*s", STR_ARG(spec->probe));
	v->env.loop = spec->loop;
	rc = fetcher_new_relayed(spec->loop, &v->relay, &v->env.fetcher);
	if (rc == RC_OK)
		rc = tls_prober_new_relayed(spec->loop, &v->relay, &v->env.prober);
	if (rc == RC_OK)
		rc = resolver_new_relayed(spec->loop, &v->relay, spec->dns.dnssec, &v->resolver);
	if (rc != RC_OK) {
		view_free(v);
		return rc;
	}
	*out = v;
	return RC_OK;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	fetcher_free(v->env.fetcher);
	tls_prober_free(v->env.prober);
	resolver_free(v->resolver);
	free(v);
}

struct validator_env *view_env(struct view *v)
{
	return &v->env;
}

struct resolver *view_resolver(struct view *v)
{
	return v->resolver;
}

const char *view_trouble(const struct view *v)
{
	return v->trouble;
}
