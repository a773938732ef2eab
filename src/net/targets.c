/* targets.c - resolve, vet, and hand out one after the other. An address that policy denies is
 * skipped without a packet; what is said about it is the rule, which is the same whether anybody
 * listens there or not. */
#include "net/targets.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/trace.h"

static const enum dns_type FAMILIES[2] = { DNS_AAAA, DNS_A }; /* in the order of dialling */

static void end(struct targets *t, enum rc rc, enum problem problem, bool transient, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
static void end(struct targets *t, enum rc rc, enum problem problem, bool transient, const char *fmt, ...)
{
	va_list args;

	targets_cancel(t);
	va_start(args, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, args);
	va_end(args);
	t->rc = rc;
	t->problem = problem;
	t->transient = transient;
	t->spec.found(t->spec.arg);
}

/* Keeps the addresses that policy allows; the first refusal goes to denied. */
static void vet(struct targets *t, const struct addr *addrs, size_t count, struct fault *denied)
{
	for (size_t i = 0; i < count && t->count < COUNT_OF(t->addrs); i++) {
		struct addr a = addrs[i];
		struct fault f = { 0 };

		if (a.sa.sa_family == AF_INET)
			a.in.sin_port = htons(t->spec.port);
		else
			a.in6.sin6_port = htons(t->spec.port);
		if (addr_policy_check(t->spec.policy, &a, &f) == RC_OK) {
			t->addrs[t->count++] = a;
			continue;
		}
		trace_add(t->spec.trace, "skip %s", f.detail);
		if (denied->rc == RC_OK)
			*denied = f; /* has no subfaults */
	}
}

/* What policy leaves, or which rule left nothing. */
static void end_vetted(struct targets *t, const struct fault *denied)
{
	if (t->count == 0)
		end(t, RC_DENIED, PROBLEM_CONNECTION, false, "%s has no address that may be dialled: %s",
		    t->spec.host, denied->detail);
	else
		end(t, RC_OK, PROBLEM_NONE, false, "%s", "");
}

/* No address at all: whose fault is it, and may it pass? */
static void end_unresolved(struct targets *t)
{
	for (size_t i = 0; i < COUNT_OF(FAMILIES); i++) {
		const struct dns_answer *a = &t->answer[i];

		if (a->rc == RC_OK || a->rc == RC_NOTFOUND)
			continue;
		end(t, a->rc == RC_DENIED ? RC_DENIED : RC_UNAVAILABLE, PROBLEM_DNS, a->rc != RC_DENIED,
		    "the DNS gave no address of %s: %s: %s", t->spec.host, dns_type_text(FAMILIES[i]), a->why);
		return;
	}
	if (t->answer[0].nxdomain || t->answer[1].nxdomain)
		end(t, RC_NOTFOUND, PROBLEM_DNS, false, "%s does not exist in the DNS (NXDOMAIN)",
		    t->spec.host);
	else
		end(t, RC_NOTFOUND, PROBLEM_DNS, false, "%s has neither an AAAA nor an A record", t->spec.host);
}

static void on_resolved(struct targets *t)
{
	const struct dns_answer *six = &t->answer[0], *four = &t->answer[1];
	struct fault denied = { 0 };
	size_t six_max;

	if (six->addr_count + four->addr_count == 0) {
		end_unresolved(t);
		return;
	}
	/* However many IPv6 addresses there are, half the places are for IPv4. */
	six_max = COUNT_OF(t->addrs) / 2;
	if (four->addr_count < six_max)
		six_max = COUNT_OF(t->addrs) - four->addr_count;
	vet(t, six->addrs, six->addr_count < six_max ? six->addr_count : six_max, &denied);
	vet(t, four->addrs, four->addr_count, &denied);
	end_vetted(t, &denied);
}

static void trace_answer(struct targets *t, enum dns_type type, const struct dns_answer *a)
{
	char list[400] = "";
	size_t len = 0;

	for (size_t i = 0; i < a->addr_count && len < sizeof(list); i++) {
		char ip[ADDR_TEXT_MAX];

		addr_text_ip(&a->addrs[i], ip);
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", ip);
	}
	trace_add(t->spec.trace, "dns %s %s: %s%s%.*s (%lld ms)", t->spec.host, dns_type_text(type),
		  a->rc == RC_OK ? list : a->rc == RC_NOTFOUND ? (a->nxdomain ? "NXDOMAIN" : "none") : a->why,
		  a->canonical.len ? ", CNAME " : "", STR_ARG(a->canonical),
		  (long long)(clock_mono_ms() - t->asked_ms));
}

static void on_answer(struct targets *t, size_t family, const struct dns_answer *a)
{
	t->question[family] = NULL;
	trace_answer(t, FAMILIES[family], a);
	t->answer[family] = *a;
	t->answer[family].alias = t->answer[family].canonical = (struct str){ 0 }; /* the slices end with this call */
	t->answer[family].texts = NULL;
	t->answer[family].caa = NULL;
	if (!targets_asking(t))
		on_resolved(t);
}

static void on_aaaa(void *arg, const struct dns_answer *a)
{
	on_answer(arg, 0, a);
}

static void on_a(void *arg, const struct dns_answer *a)
{
	on_answer(arg, 1, a);
}

void targets_find(struct targets *t, const struct targets_spec *spec)
{
	static void (*const DONE[2])(void *arg, const struct dns_answer *a) = { on_aaaa, on_a };
	struct fault denied = { 0 };

	t->spec = *spec;
	t->count = t->next = 0;
	t->failures[0] = '\0';
	t->asked_ms = clock_mono_ms();
	if (spec->literal) {
		vet(t, spec->literal, 1, &denied);
		end_vetted(t, &denied);
		return;
	}
	/* Both at once, since the slower of them decides anyway. */
	for (size_t i = 0; i < COUNT_OF(FAMILIES); i++) {
		enum rc rc = resolver_ask(spec->resolver, str_of(spec->host), FAMILIES[i], DONE[i], t,
					  &t->question[i]);

		if (rc != RC_OK) {
			end(t, rc, PROBLEM_SERVER_INTERNAL, true, "this server could not make the request: %s",
			    rc_text(rc));
			return;
		}
	}
}

bool targets_asking(const struct targets *t)
{
	return t->question[0] || t->question[1];
}

bool targets_next(struct targets *t, int64_t left_ms, struct addr *out, int64_t *out_share_ms)
{
	if (t->next == t->count)
		return false;
	*out_share_ms = left_ms > 0 ? left_ms / (int64_t)(t->count - t->next) : 0;
	*out = t->addrs[t->next++];
	return true;
}

void targets_failed(struct targets *t, const char *text)
{
	size_t len = strlen(t->failures);
	char peer[ADDR_TEXT_MAX];

	addr_text(&t->addrs[t->next - 1], peer);
	snprintf(t->failures + len, sizeof(t->failures) - len, "%s%s: %s", len ? ", " : "", peer, text);
}

const char *targets_errno_text(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return "connection refused";
	case EHOSTUNREACH:
		return "no route to host";
	case ENETUNREACH:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		return "network unreachable from here";
	case ETIMEDOUT:
		return "timed out";
	case ECONNRESET:
		return "connection reset";
	case EACCES:
	case EPERM:
		return "forbidden by a firewall of this machine";
	default:
		return "could not connect";
	}
}

void targets_cancel(struct targets *t)
{
	for (size_t i = 0; i < COUNT_OF(t->question); i++) {
		resolver_cancel(t->question[i]);
		t->question[i] = NULL;
	}
}
