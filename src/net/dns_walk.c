/* dns_walk.c - the way to the authoritative servers:
 *
 *   name -> which of its parents has NS records? -> the addresses of all these hosts -> ask each
 *     ^                                                                                  |
 *     +---------------------- where the name is an alias of another ---------------------+
 *
 * Everything but the last step goes through the resolver, so that what it knows of private zones and
 * views holds here too. An address that policy denies is skipped without a packet. Servers that are dead
 * or do not serve the zone are named in the trace and do not count, as long as one answers; those that
 * answer must agree on whether the name is an alias and of what, and what they say otherwise is for the
 * caller to compare. The hosts, addresses and aliases that a stranger's zone can make us visit are
 * limited, and a zone with more of them is refused rather than asked in part. */
#include "net/dns_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/dns_direct.h"
#include "net/dns_message.h"
#include "net/relay.h"
#include "net/trace.h"

#define HOSTS_MAX 16
#define LABELS_MAX 40 /* questions for the zone of one name; one under ip6.arpa has 34 labels */
#define ASKED_AT_ONCE 8

static const enum dns_type FAMILIES[2] = { DNS_AAAA, DNS_A };

struct host {
	struct dns_walk *walk;
	char name[LIMIT_NAME + 1];
	struct dns_query *question[2];
};

struct server {
	struct dns_walk *walk;
	struct addr addr;
	const struct host *host;
	struct dns_direct *question;
	struct errand *errand; /* instead of it, where the resolver has a relay */
	int64_t asked_ms;
};

struct dns_walk {
	struct loop *loop;
	struct dns_walk_spec spec;
	char name[LIMIT_NAME + 1]; /* that is being asked for; spec.name or where an alias led */
	const char *zone;          /* the part of name that is being tried, or was found */
	unsigned aliases, labels;
	struct dns_query *question; /* for the zone */
	struct loop_timer *later;   /* what fails at once is told from it */

	struct host hosts[HOSTS_MAX];
	size_t host_count, resolving;
	struct server servers[LIMIT_DNS_SERVERS];
	size_t server_count, next, asking, answered;
	bool too_many;
	char denied[200]; /* the first refusal by policy */
	char silent[340]; /* the first server that did not answer, and why */
	char first[DNS_WALK_LABEL], alias[LIMIT_NAME + 1]; /* who answered first, and "" if it knows of no alias */
	struct dns_walk_end end;
};

static void find_zone(struct dns_walk *w);

/* --- the end --- */

static void server_cancel(struct server *s)
{
	dns_direct_cancel(s->question);
	if (s->errand)
		resolver_relay(s->walk->spec.resolver)->ops->cancel(s->errand);
}

static void stop(struct dns_walk *w)
{
	resolver_cancel(w->question);
	w->question = NULL;
	for (size_t i = 0; i < w->host_count; i++)
		for (size_t k = 0; k < COUNT_OF(FAMILIES); k++)
			resolver_cancel(w->hosts[i].question[k]);
	for (size_t i = 0; i < w->server_count; i++)
		server_cancel(&w->servers[i]);
	w->host_count = w->resolving = w->server_count = w->next = w->asking = w->answered = 0;
}

static void walk_free(struct dns_walk *w)
{
	stop(w);
	loop_timer_free(w->later);
	free(w);
}

static void finish(void *arg)
{
	struct dns_walk *w = arg;

	w->spec.done(w->spec.arg, &w->end);
	walk_free(w);
}

static void fail(struct dns_walk *w, enum rc rc, bool transient, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void fail(struct dns_walk *w, enum rc rc, bool transient, const char *fmt, ...)
{
	va_list args;

	stop(w);
	va_start(args, fmt);
	vsnprintf(w->end.why, sizeof(w->end.why), fmt, args);
	va_end(args);
	w->end.rc = rc;
	w->end.transient = transient;
	loop_timer_set(w->later, 0);
}

static void fail_internal(struct dns_walk *w, enum rc rc)
{
	fail(w, RC_UNAVAILABLE, true, "this server could not ask the DNS: %s", rc_text(rc));
}

/* --- what the servers say --- */

static void hop(struct dns_walk *w)
{
	if (w->aliases++ == DNS_CNAMES_MAX) {
		fail(w, RC_DENIED, false, "policy: more than %d aliases, or a loop of them (RFC 1034 §3.6.2); "
		     "shorten the chain of CNAME and DNAME records", DNS_CNAMES_MAX);
		return;
	}
	memcpy(w->name, w->alias, sizeof(w->name));
	find_zone(w);
}

static void all_answered(struct dns_walk *w)
{
	if (w->answered == 0)
		fail(w, RC_UNAVAILABLE, true, "none of the %zu name servers of %s answered for it, for one %s; repair "
		     "them, or try again later", w->server_count, w->zone, w->silent);
	else if (w->alias[0])
		hop(w);
	else
		finish(w);
}

static void ask_next(struct dns_walk *w);

static void server_label(const struct server *s, char out[DNS_WALK_LABEL])
{
	char ip[ADDR_TEXT_MAX];

	addr_text_ip(&s->addr, ip);
	snprintf(out, DNS_WALK_LABEL, "%s (%s)", s->host->name, ip);
}

static void trace_server(const struct server *s, const char *label, const struct dns_answer *a)
{
	struct dns_walk *w = s->walk;
	char said[300];

	if (a->alias.p)
		snprintf(said, sizeof(said), "CNAME %.*s", STR_ARG(a->alias));
	else if (a->rc == RC_OK)
		snprintf(said, sizeof(said), "%zu record%s", a->text_count + a->caa_count,
			 a->text_count + a->caa_count == 1 ? "" : "s");
	else if (a->rc == RC_NOTFOUND)
		snprintf(said, sizeof(said), "%s", a->nxdomain ? "NXDOMAIN" : "none");
	else
		snprintf(said, sizeof(said), "does not count: %s", a->rc == RC_TIMEOUT ? "no answer" : a->why);
	trace_add(w->spec.trace, "dns %s %s at %s: %s (%lld ms)", w->name, dns_type_text(w->spec.type), label,
		  said, (long long)(clock_mono_ms() - s->asked_ms));
}

/* RFC 1034 §3.6.2: a name that is an alias has no other data, so they must be of one mind. */
static bool same_alias(struct dns_walk *w, const char *label, const struct dns_answer *a)
{
	if (w->answered++ == 0) {
		snprintf(w->first, sizeof(w->first), "%s", label);
		snprintf(w->alias, sizeof(w->alias), "%.*s", STR_ARG(a->alias));
		return true;
	}
	if (str_is(a->alias, w->alias))
		return true;
	fail(w, RC_UNAVAILABLE, true, "its name servers do not agree: at %s %s is %s%s, at %s it is %s%.*s; wait "
	     "until all have the same zone", w->first, w->name, w->alias[0] ? "an alias of " : "no alias",
	     w->alias, label, a->alias.len ? "an alias of " : "no alias", STR_ARG(a->alias));
	return false;
}

static void on_server(void *arg, const struct dns_answer *a)
{
	struct server *s = arg;
	struct dns_walk *w = s->walk;
	char label[DNS_WALK_LABEL];

	s->question = NULL;
	s->errand = NULL;
	w->asking--;
	server_label(s, label);
	trace_server(s, label, a);
	if (a->rc == RC_OK || a->rc == RC_NOTFOUND) {
		if (a->alias.len > LIMIT_NAME) {
			fail(w, RC_DENIED, false, "%s is an alias of a name that no host can have", w->name);
			return;
		}
		if (!same_alias(w, label, a))
			return;
		if (!a->alias.len)
			w->spec.answer(w->spec.arg, label, a);
	} else if (a->rc != RC_IO && a->rc != RC_TIMEOUT) {
		fail_internal(w, a->rc);
		return;
	} else if (!w->silent[0]) {
		snprintf(w->silent, sizeof(w->silent), "%.120s: %s", label, a->rc == RC_TIMEOUT ? "no answer" : a->why);
	}
	ask_next(w);
}

/* From here, or from where the resolver stands. */
static enum rc ask_server(struct server *s, const struct dns_direct_spec *spec)
{
	struct relay *relay = resolver_relay(s->walk->spec.resolver);

	return relay ? relay->ops->ask_server(relay, spec, on_server, s, &s->errand)
		     : dns_direct_ask(s->walk->loop, spec, on_server, s, &s->question);
}

static void ask_next(struct dns_walk *w)
{
	while (w->next < w->server_count && w->asking < ASKED_AT_ONCE) {
		struct server *s = &w->servers[w->next++];
		struct dns_direct_spec spec = { .server = s->addr, .name = str_of(w->name), .type = w->spec.type,
						.timeout_ms = w->spec.timeout_ms };
		enum rc rc;

		s->asked_ms = clock_mono_ms();
		rc = ask_server(s, &spec);
		if (rc == RC_INVALID) {
			fail(w, RC_DENIED, false, "%s is no name that a host can have", w->name);
			return;
		}
		if (rc != RC_OK) {
			fail_internal(w, rc);
			return;
		}
		w->asking++;
	}
	if (w->asking == 0)
		all_answered(w);
}

/* --- where the servers are --- */

static bool known(const struct dns_walk *w, const struct addr *a)
{
	for (size_t i = 0; i < w->server_count; i++)
		if (addr_eq(&w->servers[i].addr, a))
			return true;
	return false;
}

static void add_server(struct dns_walk *w, const struct host *h, struct addr a)
{
	struct fault f = { 0 };

	if (a.sa.sa_family == AF_INET)
		a.in.sin_port = htons(w->spec.port);
	else
		a.in6.sin6_port = htons(w->spec.port);
	if (known(w, &a))
		return;
	if (addr_policy_check(&w->spec.policy, &a, &f) != RC_OK) {
		trace_add(w->spec.trace, "skip name server %s: %s", h->name, f.detail);
		if (!w->denied[0])
			snprintf(w->denied, sizeof(w->denied), "%.199s", f.detail);
		return;
	}
	if (w->server_count == COUNT_OF(w->servers)) {
		w->too_many = true;
		return;
	}
	w->servers[w->server_count++] = (struct server){ .walk = w, .addr = a, .host = h };
}

static void all_resolved(struct dns_walk *w)
{
	if (w->too_many)
		fail(w, RC_DENIED, false, "policy: the name servers of %s have more than %d addresses", w->zone,
		     LIMIT_DNS_SERVERS);
	else if (w->server_count == 0 && w->denied[0])
		fail(w, RC_DENIED, false, "no name server of %s may be asked: %s", w->zone, w->denied);
	else if (w->server_count == 0)
		fail(w, RC_UNAVAILABLE, true, "no name server of %s has an address; repair its NS records", w->zone);
	else
		ask_next(w);
}

static void on_address(struct host *h, size_t family, const struct dns_answer *a)
{
	struct dns_walk *w = h->walk;

	h->question[family] = NULL;
	if (a->rc == RC_NOMEM) { /* our own trouble is no reason to leave a server out */
		fail_internal(w, a->rc);
		return;
	}
	if (a->rc != RC_OK && (a->rc != RC_NOTFOUND || FAMILIES[family] == DNS_A))
		trace_add(w->spec.trace, "dns %s %s: %s", h->name, dns_type_text(FAMILIES[family]),
			  a->rc == RC_NOTFOUND ? (a->nxdomain ? "NXDOMAIN" : "none") : a->why);
	for (size_t i = 0; i < a->addr_count; i++)
		add_server(w, h, a->addrs[i]);
	if (--w->resolving == 0)
		all_resolved(w);
}

static void on_aaaa(void *arg, const struct dns_answer *a)
{
	on_address(arg, 0, a);
}

static void on_a(void *arg, const struct dns_answer *a)
{
	on_address(arg, 1, a);
}

static void find_addresses(struct dns_walk *w)
{
	static void (*const DONE[2])(void *arg, const struct dns_answer *a) = { on_aaaa, on_a };
	enum rc rc = RC_OK;

	w->too_many = false;
	w->denied[0] = w->silent[0] = '\0';
	for (size_t i = 0; i < w->host_count; i++)
		for (size_t k = 0; k < COUNT_OF(FAMILIES); k++) {
			struct host *h = &w->hosts[i];

			rc = resolver_ask(w->spec.resolver, str_of(h->name), FAMILIES[k], DONE[k], h, &h->question[k]);
			if (rc == RC_OK) {
				w->resolving++;
			} else if (rc == RC_INVALID) {
				trace_add(w->spec.trace, "skip name server %s: no host can have this name", h->name);
			} else {
				fail_internal(w, rc);
				return;
			}
		}
	if (w->resolving == 0)
		all_resolved(w);
}

/* --- which zone it is --- */

static void take_hosts(struct dns_walk *w, const struct dns_answer *a)
{
	char list[300] = "";
	size_t len = 0;

	for (size_t i = 0; i < a->host_count; i++) {
		if (i == HOSTS_MAX || a->hosts[i].len > LIMIT_NAME) {
			fail(w, RC_DENIED, false, "policy: %s has more than %d name servers, or one without a proper name",
			     w->zone, HOSTS_MAX);
			return;
		}
		w->hosts[i] = (struct host){ .walk = w };
		snprintf(w->hosts[i].name, sizeof(w->hosts[i].name), "%.*s", STR_ARG(a->hosts[i]));
		w->host_count = i + 1;
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", w->hosts[i].name);
	}
	trace_add(w->spec.trace, "dns %s: in zone %s of %s", w->name, w->zone, list);
	find_addresses(w);
}

static void fail_zone(struct dns_walk *w, const char *why)
{
	fail(w, RC_UNAVAILABLE, true, "the name servers of %s are not known: %s; repair the DNS, or try again later",
	     w->zone, why);
}

static void ask_zone(struct dns_walk *w);

static void on_zone(void *arg, const struct dns_answer *a)
{
	struct dns_walk *w = arg;
	const char *dot;

	w->question = NULL;
	switch (a->rc) {
	case RC_OK:
		if (!a->alias.p) {
			take_hosts(w, a);
			return;
		}
		break; /* the zone of something else (RFC 1034 §3.6.2: an alias has no NS records) */
	case RC_NOTFOUND:
		break;
	case RC_IO:
		/* Of the name itself that says little: it may be an alias of something broken, and what it is
		 * its servers will tell. */
		if (w->zone == w->name)
			break;
		fail_zone(w, a->why);
		return;
	case RC_DENIED:
		fail(w, RC_DENIED, false, "the name servers of %s are not believed: %s; repair the zone's signatures",
		     w->zone, a->why);
		return;
	default:
		fail_zone(w, a->rc == RC_TIMEOUT ? a->why : rc_text(a->rc));
		return;
	}
	dot = strchr(w->zone, '.');
	if (!dot || ++w->labels == LABELS_MAX) {
		fail(w, RC_UNAVAILABLE, true, "no zone is known that holds %s; give the zone's settings a resolver that "
		     "knows it", w->name);
		return;
	}
	w->zone = dot + 1;
	ask_zone(w);
}

static void ask_zone(struct dns_walk *w)
{
	enum rc rc = resolver_ask(w->spec.resolver, str_of(w->zone), DNS_NS, on_zone, w, &w->question);

	if (rc == RC_INVALID)
		fail(w, RC_DENIED, false, "%s is no name that a host can have", w->name);
	else if (rc != RC_OK)
		fail_internal(w, rc);
}

static void find_zone(struct dns_walk *w)
{
	stop(w);
	w->zone = w->name;
	w->labels = 0;
	ask_zone(w);
}

enum rc dns_walk_start(struct loop *l, const struct dns_walk_spec *spec, struct dns_walk **out)
{
	struct dns_walk *w;
	struct dns_name name;
	enum rc rc;

	if (!dns_name_parse(spec->name, &name))
		return RC_INVALID;
	w = calloc(1, sizeof(*w));
	if (!w)
		return RC_NOMEM;
	w->loop = l;
	w->spec = *spec;
	snprintf(w->name, sizeof(w->name), "%.*s", STR_ARG(spec->name));
	rc = loop_timer_new(l, finish, w, &w->later);
	if (rc != RC_OK) {
		walk_free(w);
		return rc;
	}
	find_zone(w);
	*out = w;
	return RC_OK;
}

void dns_walk_cancel(struct dns_walk *w)
{
	if (w)
		walk_free(w);
}
