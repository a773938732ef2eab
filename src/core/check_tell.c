/* check_tell.c - from what was asked outside (check_reach.c) to lines with cause and remedy.
 *
 * One way to prove control is enough: what shuts one of them is a failure only when none is left. */
#include <stdio.h>

#include "core/authz.h"
#include "core/check_impl.h"
#include "probe/probes.h"

#define SKEW_MOST_S 3600
#define DIALLED (CHALLENGE_HTTP_01 | CHALLENGE_TLS_ALPN_01) /* challenges that dial the name's addresses */

enum way { WAY_OPEN, WAY_DOUBTFUL, WAY_SHUT };

static const struct check_task *find_task(const struct check *k, int kind, int64_t challenge)
{
	for (size_t i = 0; i < k->task_count; i++) {
		if ((int)k->tasks[i].kind == kind && k->tasks[i].challenge == challenge)
			return &k->tasks[i];
	}
	return NULL;
}

/* --- remedies --- */

/* By what targets_errno_text() and fetch.c say. */
static const struct {
	const char *said, *remedy;
} remedies[] = {
	{ "forbidden by a firewall of this machine", "Let this server's own firewall pass what it sends there." },
	{ "connection refused", "Let a server listen on that port at that address. Where the client itself does so while it "
				"orders (certbot --standalone, lego --http), this is as it should be." },
	{ "network unreachable", "Give this server a route to that address family, or remove the record: nothing goes there from here." },
	{ "no route to host", "Repair the route to that address or switch the machine on, or correct the record." },
	{ "connection reset", "See what ends the connection: a firewall or proxy in between, or the server itself." },
	{ "handshake timed out", "See what is on that port: it takes connections, but speaks no TLS." },
	{ "did not answer in full", "See why the server there is silent: it takes connections and does not answer in time." },
	{ "timed out", "Let firewalls pass TCP to that port from this server, and see that the machine runs: what is sent there is lost." },
	{ "wrong version number", "Let something that speaks TLS listen on that port: what is there does not." },
	{ "no address that may be dialled", "Publish an address that the zone may dial, or allow it (the zone's targets, deny_targets, "
					    "address_policy); loopback, link-local and metadata addresses are for preset dev only." },
	{ "redirects are not followed", "Redirect the challenge to port 80 or 443 only (validation: in the settings), or not at all." },
	{ "redirects", "Serve the challenge directly: too many redirects, or in a circle." },
	{ "NXDOMAIN", "Publish an A or AAAA record that the zone's resolver sees, or give the zone another resolver." },
	{ "neither an AAAA nor an A", "Publish an A or AAAA record that the zone's resolver sees." },
};

static const char *dns_remedy(enum rc rc)
{
	if (rc == RC_DENIED)
		return "Repair the signatures of the DNS zone (DNSSEC): its answers are refused. `delv NAME` shows where it breaks.";
	return "See that the zone's resolver can be reached and answers for the name (`dig @RESOLVER NAME`), or give the zone another.";
}

/* A detail for clients ends in what they can do; the remedy here is for the operator. */
static const char *cause_of(struct check *k, const char *detail)
{
	const char *end = NULL, *cause;

	for (const char *at = strstr(detail, "; "); at; at = strstr(at + 1, "; "))
		end = at;
	cause = end ? arena_printf(&k->arena, "%.*s", (int)(end - detail), detail) : detail;
	return cause ? cause : detail;
}

static const char *shut_remedy(const struct validation_result *r)
{
	for (size_t i = 0; i < COUNT_OF(remedies); i++) {
		if (strstr(r->detail, remedies[i].said))
			return remedies[i].remedy;
	}
	if (r->problem == PROBLEM_DNS)
		return dns_remedy(strstr(r->detail, "signatures") ? RC_DENIED : RC_IO);
	if (r->problem == PROBLEM_TLS)
		return "Let something that speaks TLS 1.2 or 1.3 answer on that port.";
	return "See the trace: remove what stands between this server and the name.";
}

/* --- rehearsals --- */

static enum way http_way(const struct validation_result *r)
{
	if (r->valid || r->http_status == 404)
		return WAY_OPEN;
	if (r->problem != PROBLEM_INCORRECT_RESPONSE || r->http_status >= 500)
		return WAY_SHUT;
	return WAY_DOUBTFUL;
}

/* A server that has no responder yet is reached nevertheless: by its alert, or by what it chose. */
static enum way tls_way(const struct validation_result *r)
{
	if (r->valid || (r->problem == PROBLEM_INCORRECT_RESPONSE && !r->transient))
		return WAY_OPEN;
	if (r->problem == PROBLEM_INCORRECT_RESPONSE || strstr(r->detail, "application protocol"))
		return WAY_DOUBTFUL;
	return WAY_SHUT;
}

static enum way way_of(const struct check_task *t)
{
	const struct validation_result *r = &t->result;

	if (!t->asked)
		return WAY_SHUT;
	if (t->challenge == CHALLENGE_HTTP_01)
		return http_way(r);
	if (t->challenge == CHALLENGE_TLS_ALPN_01)
		return tls_way(r);
	/* The others ask the DNS: that there is no record yet is as it should be. */
	return r->valid || r->problem == PROBLEM_INCORRECT_RESPONSE || r->problem == PROBLEM_UNAUTHORIZED ? WAY_OPEN : WAY_SHUT;
}

static bool caa_refuses(const struct check *k, int64_t challenge)
{
	const struct check_task *t = find_task(k, TASK_CAA, challenge);

	return k->zone->caa == CAA_ENFORCE && t && (!t->asked || t->said.verdict != CAA_VERDICT_ALLOWED);
}

/* The challenges by which a certificate can be had. */
static int64_t open_ways(const struct check *k)
{
	int64_t set = 0;

	for (size_t i = 0; i < k->task_count; i++) {
		const struct check_task *t = &k->tasks[i];

		if (t->kind == TASK_CHALLENGE && !caa_refuses(k, t->challenge) &&
		    (way_of(t) != WAY_SHUT || t->challenge == k->proven_by))
			set |= t->challenge;
	}
	return set;
}

static struct str last_line(struct str trace)
{
	struct str one, line = { 0 };

	while (trace.len) {
		(void)str_cut(trace, '\n', &one, &trace);
		if (one.len)
			line = one;
	}
	return line;
}

static void tell_open(struct check *k, const struct check_task *t)
{
	const char *topic = challenge_type_name(t->challenge);
	const struct validation_result *r = &t->result;
	struct str last = last_line(r->trace);

	if (t->challenge == CHALLENGE_HTTP_01)
		check_add(k, &k->lines, CHECK_OK, topic, NULL,
			  "a web server answers (%.*s), as it should for a token that nobody has: a client's webroot or location can serve one",
			  STR_ARG(last));
	else if (t->challenge == CHALLENGE_TLS_ALPN_01)
		check_add(k, &k->lines, CHECK_OK, topic, NULL, "a responder for acme-tls/1 answers (%.*s)", STR_ARG(last));
	else if (r->valid)
		check_add(k, &k->lines, CHECK_OK, topic, NULL, "the record is there already (%.*s)", STR_ARG(last));
	else
		check_add(k, &k->lines, CHECK_OK, topic, NULL, "the record can be asked for (%.*s)", STR_ARG(last));
}

static const char *doubtful_remedy(const struct check_task *t)
{
	if (t->challenge == CHALLENGE_TLS_ALPN_01)
		return "While the client orders it must answer acme-tls/1 on that port itself (Caddy, Traefik, mod_md, lego --tls), "
		       "or the server there must pass that protocol on to it (nginx: ssl_preread).";
	if (t->result.http_status == 200)
		return "See that the client's file comes before the page that the server shows for everything: "
		       "/.well-known/acme-challenge/ needs a location of its own.";
	return "See that /.well-known/acme-challenge/ is open to everybody: no login, no filter, no error page.";
}

static void tell_challenge(struct check *k, const struct check_task *t, enum check_grade bad)
{
	const char *topic = challenge_type_name(t->challenge);
	enum way way = way_of(t);

	if (!t->asked)
		check_add(k, &k->lines, bad, topic, "See the server's log; ask again.", "it could not be tried: %s", rc_text(t->rc));
	else if (way == WAY_OPEN)
		tell_open(k, t);
	else if (way == WAY_DOUBTFUL)
		check_add(k, &k->lines, CHECK_WARN, topic, doubtful_remedy(t), "reached, but not ready: %s",
			  cause_of(k, t->result.detail))
			->trace = t->result.trace;
	else
		check_add(k, &k->lines, bad, topic, shut_remedy(&t->result), "%s", cause_of(k, t->result.detail))->trace =
			t->result.trace;
}

/* One address among several; its like are told only when one of them does not do. */
static void tell_addresses(struct check *k, int64_t challenge, enum check_grade bad)
{
	bool whole = way_of(find_task(k, TASK_CHALLENGE, challenge)) != WAY_SHUT;

	for (size_t i = 0; i < k->task_count; i++) {
		const struct check_task *t = &k->tasks[i];
		char text[ADDR_TEXT_MAX];

		if (t->kind != TASK_ADDRESS || t->challenge != challenge)
			continue;
		addr_text_ip(&t->addr, text);
		if (way_of(t) != WAY_SHUT || t->result.connected)
			check_add(k, &k->lines, CHECK_OK, challenge_type_name(challenge), NULL, "%s is reached", text);
		else
			check_add(k, &k->lines, whole ? CHECK_WARN : bad, challenge_type_name(challenge),
				  whole ? "Serve this address too, or remove its record: validation tries IPv6 first and loses time, and "
					  "others of the name's clients may not try another address." :
					  shut_remedy(&t->result),
				  "%s is published but not served: %s", text, cause_of(k, t->result.detail));
	}
}

/* --- names and addresses --- */

/* Whom the zone asks, and what it makes of signatures. */
static void tell_resolver(struct check *k)
{
	static const char *const modes[] = { [ZONE_DNSSEC_OFF] = "off", [ZONE_DNSSEC_VALIDATE] = "validate",
					     [ZONE_DNSSEC_REQUIRE] = "require" };
	const struct zone *z = k->zone;
	const char *list = z->resolver_count ? "" : "the resolvers of this machine";

	for (size_t i = 0; list && i < z->resolver_count; i++) {
		char text[ADDR_TEXT_MAX];

		addr_text(&z->resolvers[i], text);
		list = arena_printf(&k->arena, "%s%s%s", list, i ? ", " : "", text);
	}
	check_add(k, &k->lines, CHECK_OK, "dns", NULL, "zone \"%.*s\" asks %s%s (dnssec: %s)", STR_ARG(z->name),
		  list ? list : "?",
		  z->dns == ZONE_DNS_AUTHORITATIVE ? ", and for DNS challenges all authoritative servers of the name" : "",
		  modes[z->dnssec]);
}

static const char *signed_text(const struct check *k, const struct dns_answer *a)
{
	if (k->zone->dnssec == ZONE_DNSSEC_OFF)
		return "";
	return a->secure ? "; signed" : "; not signed";
}

static const char *address_list(struct check *k, const struct dns_answer *a)
{
	const char *list = "";

	for (size_t i = 0; list && i < a->addr_count; i++) {
		char text[ADDR_TEXT_MAX];

		addr_text_ip(&a->addrs[i], text);
		list = arena_printf(&k->arena, "%s%s%s", list, i ? ", " : "", text);
	}
	return list ? list : "?";
}

static void tell_answer(struct check *k, const struct check_task *t, enum check_grade bad)
{
	const struct dns_answer *a = &t->answer;
	const char *type = t->kind == TASK_A ? "A" : "AAAA";

	if (!t->asked)
		check_add(k, &k->lines, bad, "dns", "Ask again.", "%s could not be asked: %s", type, rc_text(t->rc));
	else if (a->rc == RC_OK || a->rc == RC_NOTFOUND)
		check_add(k, &k->lines, CHECK_OK, "dns", NULL, "%.*s %s: %s%s%.*s%s", STR_ARG(k->identifier.value), type,
			  a->rc == RC_OK ? address_list(k, a) : a->nxdomain ? "no such name (NXDOMAIN)" : "none",
			  a->canonical.len ? ", by CNAME " : "", STR_ARG(a->canonical), signed_text(k, a));
	else
		check_add(k, &k->lines, bad, "dns", dns_remedy(a->rc), "%.*s %s: %s", STR_ARG(k->identifier.value), type, a->why);
}

static void tell_names(struct check *k, enum check_grade bad)
{
	const struct check_task *six = find_task(k, TASK_AAAA, 0), *four = find_task(k, TASK_A, 0);

	if (k->identifier.type == IDENTIFIER_IP || !six || !four)
		return;
	/* One family that fails does no harm as long as the other has an address. */
	if (!(k->offered & DIALLED) || k->addr_count)
		bad = CHECK_WARN;
	tell_resolver(k);
	tell_answer(k, six, bad);
	tell_answer(k, four, bad);
	if (!k->addr_count && (k->offered & DIALLED) && six->answer.rc == RC_NOTFOUND && four->answer.rc == RC_NOTFOUND)
		check_add(k, &k->lines, bad, "dns",
			  "Publish an A or AAAA record that the zone's resolver sees, or give the zone another resolver.",
			  "%.*s has no address", STR_ARG(k->identifier.value));
	if (k->zone->dnssec == ZONE_DNSSEC_REQUIRE && !(six->answer.secure && four->answer.secure) && bad != CHECK_OK)
		check_add(k, &k->lines, CHECK_WARN, "dns", "Sign the DNS zone, or set the zone's dnssec to validate.",
			  "zone \"%.*s\" requires signed answers (dnssec: require), and not all are", STR_ARG(k->zone->name));
}

static bool may_dial(struct check *k, struct addr a, struct fault *f)
{
	uint16_t port = (uint16_t)((k->offered & CHALLENGE_HTTP_01) ? k->config->raw.validation.http01_port :
								      k->config->raw.validation.tls_alpn01_port);

	if (a.sa.sa_family == AF_INET)
		a.in.sin_port = htons(port);
	else
		a.in6.sin6_port = htons(port);
	return addr_policy_check(&k->zone->targets, &a, f) == RC_OK;
}

static void tell_policy(struct check *k, enum check_grade bad)
{
	static const char *const presets[] = { [ADDR_PRIVATE] = "private", [ADDR_PUBLIC] = "public", [ADDR_DEV] = "dev" };
	size_t allowed = 0;

	for (size_t i = 0; i < k->addr_count; i++)
		allowed += may_dial(k, k->addrs[i], NULL);
	for (size_t i = 0; (k->offered & DIALLED) && i < k->addr_count; i++) {
		char text[ADDR_TEXT_MAX];
		struct fault f = { 0 };

		addr_text_ip(&k->addrs[i], text);
		if (may_dial(k, k->addrs[i], &f))
			check_add(k, &k->lines, CHECK_OK, "address", NULL, "%s is %s; zone \"%.*s\" may dial it (address_policy %s%s)",
				  text, addr_range_name(&k->addrs[i]), STR_ARG(k->zone->name), presets[k->zone->targets.preset],
				  k->zone->targets.allow_count ? ", in its targets" : "");
		else
			check_add(k, &k->lines, allowed ? CHECK_WARN : bad, "address",
				  "Publish an address that the zone may dial, or allow it (the zone's targets, deny_targets, "
				  "address_policy); loopback, link-local and metadata addresses are for preset dev only.",
				  "zone \"%.*s\" must not dial it: %s", STR_ARG(k->zone->name), f.detail);
	}
}

/* Whether enough of the zone's probes are there to look. */
static void tell_probes(struct check *k)
{
	const struct zone *zone = k->zone;
	struct probes *probes = k->jobs->service->probes;
	size_t needed = zone->probe_quorum ? zone->probe_quorum : zone->probe_count, there = 0;

	for (size_t i = 0; i < zone->probe_count; i++) {
		char why[PROBE_TROUBLE_MAX] = "this server has no probes";

		if (str_is(zone->probes[i], PROBE_SERVER)) {
			there++;
		} else if (probes && !probes_missing(probes, zone->probes[i], why)) {
			there++;
			check_add(k, &k->lines, CHECK_OK, "probe", NULL, "probe %.*s is connected", STR_ARG(zone->probes[i]));
		} else {
			check_add(k, &k->lines, CHECK_WARN, "probe",
				  "Start `assay probe` there, or see its log for why it cannot dial in (listen.probes).", "%s", why);
		}
	}
	if (!zone->probe_count)
		return;
	if (there < needed)
		check_add(k, &k->lines, CHECK_FAIL, "probes", "Start the probes that are missing.",
			  "zone \"%.*s\" needs %zu of %zu views to agree, and %zu can be had", STR_ARG(zone->name), needed,
			  zone->probe_count, there);
	check_add(k, &k->lines, CHECK_OK, "probes", NULL,
		  "zone \"%.*s\" proves control through its probes; what follows is seen from this server and decides nothing",
		  STR_ARG(zone->name));
}

/* --- CAA --- */

static const char *caa_remedy(struct check *k, const struct caa_result *r)
{
	const char *text;

	if (r->verdict == CAA_VERDICT_FAILED)
		return dns_remedy(strstr(r->detail, "signatures") ? RC_DENIED : RC_IO);
	text = arena_printf(&k->arena, "Publish '%s. CAA 0 %s \"%.*s\"', or set the zone's caa to report or off.%s", r->owner,
			    k->identifier.wildcard ? "issuewild" : "issue", STR_ARG(k->directory->caa_identities[0]),
			    !k->request.account.p && strstr(r->detail, "accounturi") ? " Give --account if it is a certain one's." : "");
	return text ? text : "Publish a CAA record that names this service.";
}

static bool same_caa(const struct check *k)
{
	const struct check_task *first = NULL;

	for (size_t i = 0; i < k->task_count; i++) {
		const struct check_task *t = &k->tasks[i];

		if (t->kind != TASK_CAA)
			continue;
		if (!first)
			first = t;
		if (!t->asked || t->said.verdict != first->said.verdict || strcmp(t->said.detail, first->said.detail) != 0)
			return false;
	}
	return true;
}

static void tell_caa_of(struct check *k, const struct check_task *t, const char *methods, enum check_grade bad)
{
	static const char *const modes[] = { [CAA_OFF] = "does not look (caa: off)",
					     [CAA_REPORT] = "would log it and issue (caa: report)",
					     [CAA_ENFORCE] = "would refuse (caa: enforce)" };
	const struct caa_result *r = &t->said;
	enum check_grade grade = k->zone->caa == CAA_OFF ? CHECK_OK : k->zone->caa == CAA_REPORT ? CHECK_WARN : bad;
	char then[300];

	(void)snprintf(then, sizeof(then), "zone \"%.*s\" %s", STR_ARG(k->zone->name), modes[k->zone->caa]);
	if (!t->asked)
		check_add(k, &k->lines, grade, "caa", "Ask again.", "%scould not be asked: %s; %s", methods, rc_text(t->rc), then);
	else if (r->verdict == CAA_VERDICT_ALLOWED)
		check_add(k, &k->lines, CHECK_OK, "caa", NULL, "%s%s%s", methods, r->detail,
			  k->zone->caa == CAA_OFF ? " (not looked at: caa is off in the zone)" : "")
			->trace = r->trace;
	else
		check_add(k, &k->lines, grade, "caa", caa_remedy(k, r), "%s%s; %s", methods, cause_of(k, r->detail), then)->trace =
			r->trace;
}

static void tell_caa(struct check *k, enum check_grade bad)
{
	bool same = same_caa(k);
	bool told = false;

	for (size_t i = 0; i < k->task_count; i++) {
		const struct check_task *t = &k->tasks[i];
		char method[32];

		if (t->kind != TASK_CAA || (same && told))
			continue;
		(void)snprintf(method, sizeof(method), "%s: ", challenge_type_name(t->challenge));
		tell_caa_of(k, t, same ? "" : method, bad);
		told = true;
	}
}

/* --- the other side's clock --- */

static void tell_clock(struct check *k)
{
	const struct check_task *t = find_task(k, TASK_CHALLENGE, CHALLENGE_HTTP_01);
	int64_t ahead;

	if (!t || !t->result.http_date)
		return;
	ahead = t->result.http_date - t->ended_at;
	if (ahead > SKEW_MOST_S || ahead < -SKEW_MOST_S)
		check_add(k, &k->lines, CHECK_WARN, "clock",
			  "Set the clock of that machine right (NTP): with a wrong one it takes a new certificate for one that is not "
			  "valid yet, or renews at the wrong time.",
			  "the web server of %.*s shows a time %s %s this server's", STR_ARG(k->identifier.value),
			  check_span(k, ahead), ahead > 0 ? "ahead of" : "behind");
	else
		check_add(k, &k->lines, CHECK_OK, "clock", NULL, "the web server's clock agrees (%s)", check_span(k, ahead));
}

void check_reach_tell(struct check *k)
{
	int64_t open = open_ways(k);
	enum check_grade caa_bad = open ? CHECK_WARN : CHECK_FAIL;
	/* What probes see is not known from here. */
	enum check_grade bad = k->zone->probe_count ? CHECK_WARN : caa_bad;

	tell_probes(k);
	tell_names(k, bad);
	tell_policy(k, bad);
	for (int64_t bit = 1; bit <= CHALLENGE_DNS_PERSIST_01; bit <<= 1) {
		const struct check_task *t = find_task(k, TASK_CHALLENGE, bit);

		if (!t)
			continue;
		tell_challenge(k, t, bad);
		if (bit & DIALLED)
			tell_addresses(k, bit, bad);
	}
	tell_caa(k, caa_bad);
	tell_clock(k);
	k->offered = open;
}
