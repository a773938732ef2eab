/* metrics.c - see metrics.h. */
#include "core/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/authz.h"
#include "core/health.h"
#include "core/jobs.h"
#include "core/nonce.h"
#include "core/rate_limit.h"
#include "core/revocation.h"
#include "net/dns_failures.h"
#include "probe/probes.h"

#define BUCKETS 10
#define ROUTES 18
#define CLASSES 5
#define TYPES 8 /* challenge types: bits of CHALLENGE_* */
#define EXPIRY_MAX_AGE_S 300
#define EXPIRY_PAGE 2000
#define DAY 86400

/* Upper ends in microseconds; the last bucket is +Inf. */
static const int64_t request_ends[BUCKETS] = { 500,   1000,   2500,   5000,    10000,
					       25000, 100000, 500000, 2500000, 10000000 };
static const int64_t validation_ends[BUCKETS] = { 1000000,  2000000,  5000000,   10000000,  20000000,
						  30000000, 60000000, 120000000, 300000000, 600000000 };

static const char *const signer_kinds[SIGNER_KINDS] = {
	[SIGNER_CERTIFICATE] = "certificate", [SIGNER_RESPONDER] = "ocsp-responder", [SIGNER_LIST] = "crl",
	[SIGNER_CHECKPOINT] = "checkpoint", [SIGNER_OTHER] = "none",
};

static const char *const routes[ROUTES] = {
	"directory", "new-nonce", "new-account", "acct", "orders", "key-change", "new-order", "order", "finalize",
	"authz", "chall", "explain", "cert", "revoke-cert", "renewal-info", "new-authz", "admin", "other",
};

static const struct act {
	const char *action, *name, *labels, *help;
} acts[] = {
	{ "account.create", "assay_accounts", "event=\"created\"", "What became of ACME accounts." },
	{ "account.deactivate", "assay_accounts", "event=\"deactivated\"", NULL },
	{ "account.key-change", "assay_accounts", "event=\"key_changed\"", NULL },
	{ "order.create", "assay_orders", "event=\"created\"", "What became of orders." },
	{ "order.direct", "assay_orders", "event=\"by_operator\"", NULL },
	{ "cert.issue", "assay_orders", "event=\"valid\"", NULL },
	{ "order.fail", "assay_orders", "event=\"invalid\"", NULL },
	{ "cert.revoke", "assay_certificates_revoked", "", "Certificates revoked." },
};

struct histogram {
	uint64_t buckets[BUCKETS + 1], sum_us;
};

struct slot {
	struct slot *next;
	uint64_t acts[COUNT_OF(acts)];
	uint64_t requests[ROUTES][CLASSES];
	struct histogram durations[ROUTES];
	uint64_t validations[TYPES][2];
	struct histogram validation_durations[TYPES];
	uint64_t signer[SIGNER_KINDS][2];
	struct histogram signer_durations[SIGNER_KINDS];
	struct histogram signer_waits, job_waits;
};

/* Slots stay until the process ends: threads do, too. */
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list; a leaf */
static struct slot *slots;
static _Thread_local struct slot *mine;

/* --- counting --- */

static struct slot *slot(void)
{
	if (!mine) {
		mine = aligned_alloc(64, (sizeof(*mine) + 63) & ~(size_t)63);
		if (!mine)
			return NULL;
		memset(mine, 0, sizeof(*mine));
		pthread_mutex_lock(&slots_lock);
		mine->next = slots;
		slots = mine;
		pthread_mutex_unlock(&slots_lock);
	}
	return mine;
}

/* Only this thread writes it. */
static void add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static void observe(struct histogram *h, const int64_t ends[BUCKETS], int64_t us)
{
	size_t i = 0;

	while (i < BUCKETS && us > ends[i])
		i++;
	add(&h->buckets[i], 1);
	add(&h->sum_us, us > 0 ? (uint64_t)us : 0);
}

void metrics_act(const char *action)
{
	struct slot *s = slot();

	for (size_t i = 0; s && i < COUNT_OF(acts); i++) {
		if (strcmp(acts[i].action, action) == 0)
			add(&s->acts[i], 1);
	}
}

void metrics_validation(int64_t challenge, bool valid, int64_t duration_s)
{
	struct slot *s = slot();

	for (size_t i = 0; s && i < TYPES; i++) {
		if (challenge != INT64_C(1) << i)
			continue;
		add(&s->validations[i][valid], 1);
		observe(&s->validation_durations[i], validation_ends, duration_s * 1000000);
	}
}

void metrics_request(const char *endpoint, int status, int64_t duration_us)
{
	struct slot *s = slot();
	size_t i = 0;

	if (!s || status < 100 || status > 599)
		return;
	while (i < ROUTES - 1 && !(endpoint && strcmp(routes[i], endpoint) == 0))
		i++;
	add(&s->requests[i][status / 100 - 1], 1);
	observe(&s->durations[i], request_ends, duration_us);
}

void metrics_signer(enum signer_kind kind, enum rc rc, int64_t duration_us, int64_t wait_us)
{
	struct slot *s = slot();

	if (!s)
		return;
	add(&s->signer[kind][rc != RC_UNAVAILABLE], 1);
	observe(&s->signer_durations[kind], request_ends, duration_us);
	observe(&s->signer_waits, request_ends, wait_us);
}

void metrics_job(int64_t wait_ms)
{
	struct slot *s = slot();

	if (s)
		observe(&s->job_waits, request_ends, wait_ms > 0 ? wait_ms * 1000 : 0);
}

/* --- adding up --- */

static uint64_t total_at(size_t offset)
{
	uint64_t n = 0;

	pthread_mutex_lock(&slots_lock);
	for (const struct slot *s = slots; s; s = s->next)
		n += __atomic_load_n((const uint64_t *)((const char *)s + offset), __ATOMIC_RELAXED);
	pthread_mutex_unlock(&slots_lock);
	return n;
}

#define TOTAL(member) total_at(offsetof(struct slot, member))

/* --- writing --- */

struct writer {
	struct buf *out;
	bool openmetrics;
};

static void PRINTF_LIKE(2, 3) put(struct writer *w, const char *fmt, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n > 0)
		buf_add(w->out, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* OpenMetrics names the family without the "_total" of its samples; the older format with it. */
static void family(struct writer *w, const char *name, const char *type, const char *help)
{
	const char *suffix = !w->openmetrics && strcmp(type, "counter") == 0 ? "_total" : "";

	put(w, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix, type);
}

static void counter(struct writer *w, const char *name, const char *labels, uint64_t n)
{
	put(w, "%s_total%s%s%s %llu\n", name, *labels ? "{" : "", labels, *labels ? "}" : "", (unsigned long long)n);
}

static void gauge(struct writer *w, const char *name, const char *help, int64_t n)
{
	family(w, name, "gauge", help);
	put(w, "%s %lld\n", name, (long long)n);
}

static void histogram(struct writer *w, const char *name, const char *labels, size_t offset,
		      const int64_t ends[BUCKETS])
{
	const char *comma = *labels ? "," : "";
	uint64_t n = 0, sum = total_at(offset + offsetof(struct histogram, sum_us));

	for (size_t i = 0; i <= BUCKETS; i++) {
		n += total_at(offset + i * sizeof(uint64_t));
		if (i < BUCKETS)
			put(w, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, comma, (double)ends[i] / 1e6,
			    (unsigned long long)n);
		else
			put(w, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, (unsigned long long)n);
	}
	put(w, "%s_sum%s%s%s %.6f\n", name, *labels ? "{" : "", labels, *labels ? "}" : "", (double)sum / 1e6);
	put(w, "%s_count%s%s%s %llu\n", name, *labels ? "{" : "", labels, *labels ? "}" : "", (unsigned long long)n);
}

static void write_acts(struct writer *w)
{
	for (size_t i = 0; i < COUNT_OF(acts); i++) {
		if (acts[i].help)
			family(w, acts[i].name, "counter", acts[i].help);
		counter(w, acts[i].name, acts[i].labels, total_at(offsetof(struct slot, acts) + i * sizeof(uint64_t)));
	}
	family(w, "assay_certificates_issued", "counter", "Certificates issued.");
	for (size_t i = 0; i < COUNT_OF(acts); i++) {
		if (strcmp(acts[i].action, "cert.issue") == 0)
			counter(w, "assay_certificates_issued", "",
				total_at(offsetof(struct slot, acts) + i * sizeof(uint64_t)));
	}
}

static void write_requests(struct writer *w)
{
	char labels[128];

	family(w, "assay_http_requests", "counter", "Requests answered, by endpoint and class of the status.");
	for (size_t i = 0; i < ROUTES; i++) {
		for (size_t k = 0; k < CLASSES; k++) {
			(void)snprintf(labels, sizeof(labels), "endpoint=\"%s\",status=\"%zuxx\"", routes[i], k + 1);
			counter(w, "assay_http_requests", labels,
				total_at(offsetof(struct slot, requests) + (i * CLASSES + k) * sizeof(uint64_t)));
		}
	}
	family(w, "assay_http_request_duration_seconds", "histogram", "From the whole request to its reply.");
	for (size_t i = 0; i < ROUTES; i++) {
		(void)snprintf(labels, sizeof(labels), "endpoint=\"%s\"", routes[i]);
		histogram(w, "assay_http_request_duration_seconds", labels,
			  offsetof(struct slot, durations) + i * sizeof(struct histogram), request_ends);
	}
}

static void write_validations(struct writer *w)
{
	char labels[128];

	family(w, "assay_validations", "counter", "Challenges settled, by type and outcome.");
	for (size_t i = 0; i < TYPES; i++) {
		const char *type = challenge_type_name(INT64_C(1) << i);

		for (size_t k = 0; type && k < 2; k++) {
			(void)snprintf(labels, sizeof(labels), "type=\"%s\",outcome=\"%s\"", type, k ? "valid" : "invalid");
			counter(w, "assay_validations", labels,
				total_at(offsetof(struct slot, validations) + (i * 2 + k) * sizeof(uint64_t)));
		}
	}
	family(w, "assay_validation_duration_seconds", "histogram", "From the client's word to the outcome.");
	for (size_t i = 0; i < TYPES; i++) {
		const char *type = challenge_type_name(INT64_C(1) << i);

		if (!type)
			continue;
		(void)snprintf(labels, sizeof(labels), "type=\"%s\"", type);
		histogram(w, "assay_validation_duration_seconds", labels,
			  offsetof(struct slot, validation_durations) + i * sizeof(struct histogram), validation_ends);
	}
}

static void write_signer(struct writer *w)
{
	char labels[128];

	family(w, "assay_signer_requests", "counter", "Questions to the signer process, by what is to be signed and outcome.");
	for (size_t i = 0; i < SIGNER_KINDS; i++) {
		for (size_t k = 0; k < 2; k++) {
			(void)snprintf(labels, sizeof(labels), "kind=\"%s\",outcome=\"%s\"", signer_kinds[i],
				       k ? "answered" : "failed");
			counter(w, "assay_signer_requests", labels,
				total_at(offsetof(struct slot, signer) + (i * 2 + k) * sizeof(uint64_t)));
		}
	}
	family(w, "assay_signer_duration_seconds", "histogram", "From the question to the signer's answer.");
	for (size_t i = 0; i < SIGNER_KINDS; i++) {
		(void)snprintf(labels, sizeof(labels), "kind=\"%s\"", signer_kinds[i]);
		histogram(w, "assay_signer_duration_seconds", labels,
			  offsetof(struct slot, signer_durations) + i * sizeof(struct histogram), request_ends);
	}
	family(w, "assay_signer_wait_seconds", "histogram", "Until a question was sent: others were before it.");
	histogram(w, "assay_signer_wait_seconds", "", offsetof(struct slot, signer_waits), request_ends);
}

static void write_dns(struct writer *w)
{
	char labels[128];

	family(w, "assay_dns_failures", "counter", "Questions to the DNS without a good answer, by kind; an absence is an answer.");
	for (int i = 0; i < DNS_FAILURES; i++) {
		(void)snprintf(labels, sizeof(labels), "kind=\"%s\"", dns_failure_name((enum dns_failure)i));
		counter(w, "assay_dns_failures", labels, dns_failures((enum dns_failure)i));
	}
}

static void write_limits(struct writer *w, const struct service *s)
{
	char labels[128];

	family(w, "assay_rate_limited", "counter", "Refusals by rate limits.");
	for (int i = 0; i < LIMIT_RULES; i++) {
		(void)snprintf(labels, sizeof(labels), "limit=\"%s\"", limit_rule_name((enum limit_rule)i));
		counter(w, "assay_rate_limited", labels, s->limits ? limits_refused(s->limits, (enum limit_rule)i) : 0);
	}
}

/* Names of authorities are words of the settings: no character needs an escape. */
static void write_authorities(struct writer *w, const struct config *c)
{
	family(w, "assay_authority_not_after_timestamp_seconds", "gauge", "When an authority's certificate ends.");
	for (size_t i = 0; i < c->authority_count; i++)
		put(w, "assay_authority_not_after_timestamp_seconds{authority=\"%.*s\"} %lld\n",
		    STR_ARG(c->authorities[i].name), (long long)c->authorities[i].issuing.not_after);
}

static void write_lists(struct writer *w, struct service *s, const struct config *c)
{
	static const char *const kinds[] = { [LIST_FULL] = "full", [LIST_SHARD] = "shard", [LIST_DELTA] = "delta" };

	family(w, "assay_crl_next_update_timestamp_seconds", "gauge",
	       "When an authority's revocation list ends; of shards, the first.");
	for (size_t i = 0; i < c->authority_count; i++) {
		for (int k = 0; k < LIST_KINDS; k++) {
			int64_t at = revocation_next_update(s, &c->authorities[i], (enum list_kind)k);

			if (at)
				put(w, "assay_crl_next_update_timestamp_seconds{authority=\"%.*s\",kind=\"%s\"} %lld\n",
				    STR_ARG(c->authorities[i].name), kinds[k], (long long)at);
		}
	}
}

/* --- probes --- */

static void write_probe_counts(struct writer *w, const char *name, const char *help, const struct probe_status *list,
			       size_t count, bool failures)
{
	char labels[PROBE_NAME_MAX + 16];

	family(w, name, "counter", help);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(labels, sizeof(labels), "probe=\"%.*s\"", PROBE_NAME_MAX, list[i].name);
		counter(w, name, labels, failures ? list[i].failures : list[i].looks);
	}
}

/* As many series as the settings have probes. */
static void write_probes(struct writer *w, const struct service *s)
{
	static struct probe_status list[PROBES_LISTED_MAX]; /* the thread of the metrics listener only */
	size_t count = s->probes ? probes_list(s->probes, list, COUNT_OF(list)) : 0;

	if (count > COUNT_OF(list))
		count = COUNT_OF(list);
	if (count == 0)
		return;
	family(w, "assay_probe_connected", "gauge", "1: this probe is connected.");
	for (size_t i = 0; i < count; i++)
		put(w, "assay_probe_connected{probe=\"%s\"} %d\n", list[i].name, list[i].connected);
	write_probe_counts(w, "assay_probe_looks", "What probes were asked to look at.", list, count, false);
	write_probe_counts(w, "assay_probe_failures", "Looks that got no answer from the probe.", list, count, true);
	family(w, "assay_probe_refused", "counter", "Connections of unknown probes that were turned away.");
	counter(w, "assay_probe_refused", "", probes_refused(s->probes));
}

/* --- certificates by expiry --- */

static const struct {
	int64_t days; /* at most so many are left */
	const char *label;
} expiry[] = { { 1, "1d" }, { 7, "7d" }, { 30, "30d" }, { 90, "90d" }, { 3650, "more" } };

struct expiry_count {
	int64_t counted_at, counts[COUNT_OF(expiry)];
};

static void count_page(const struct cert_record *rows, size_t count, int64_t now, struct expiry_count *e)
{
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;

		while (k < COUNT_OF(expiry) - 1 && rows[i].not_after - now > expiry[k].days * DAY)
			k++;
		e->counts[k] += rows[i].status == CERT_VALID;
	}
}

static enum rc count_expiry(struct store_read *read, int64_t now, struct expiry_count *e)
{
	struct cert_record last, *rows;
	uint8_t serial[SERIAL_MAX];
	struct store_query q = {
		.table = &CERTS, .index = CERTS_BY_NOT_AFTER, .lower = &now, .limit = EXPIRY_PAGE,
		.columns = STORE_COLUMNS(CERT_COL_SERIAL, CERT_COL_NOT_AFTER, CERT_COL_STATUS),
	};
	struct expiry_count made = { .counted_at = now };
	AUTO(arena) struct arena a;
	size_t count;

	arena_init(&a, 16 * 1024 * 1024);
	do {
		enum rc rc = store_list(read, &q, &a, &rows, &count);

		if (rc != RC_OK)
			return rc;
		count_page(rows, count, now, &made);
		if (count) {
			last = (struct cert_record){ .not_after = rows[count - 1].not_after };
			memcpy(serial, rows[count - 1].serial.p, rows[count - 1].serial.len);
			last.serial = bytes_of(serial, rows[count - 1].serial.len);
			q.after = &last;
		}
		arena_reset(&a);
	} while (count == EXPIRY_PAGE);
	*e = made;
	return RC_OK;
}

static enum rc write_expiry(struct writer *w, struct store_read *read)
{
	static struct expiry_count known; /* the thread of the metrics listener only */
	int64_t now = clock_now_s();
	enum rc rc = RC_OK;

	if (!known.counted_at || now - known.counted_at > EXPIRY_MAX_AGE_S || now < known.counted_at)
		rc = count_expiry(read, now, &known);
	if (rc != RC_OK)
		return rc;
	family(w, "assay_certificates", "gauge", "Valid certificates by the time that is left: up to, and more than the one before.");
	for (size_t i = 0; i < COUNT_OF(expiry); i++)
		put(w, "assay_certificates{left=\"%s\"} %lld\n", expiry[i].label, (long long)known.counts[i]);
	return RC_OK;
}

enum rc metrics_write(struct service *s, const struct config *c, struct store_read *read, bool openmetrics,
		      struct buf *out)
{
	struct writer w = { .out = out, .openmetrics = openmetrics };
	unsigned running = 0, waiting = 0;
	enum rc rc;

	write_acts(&w);
	write_validations(&w);
	write_requests(&w);
	write_signer(&w);
	write_limits(&w, s);
	write_dns(&w);
	write_authorities(&w, c);
	write_lists(&w, s, c);
	write_probes(&w, s);
	rc = write_expiry(&w, read);
	if (rc != RC_OK)
		return rc;
	jobs_counts(s->jobs, &running, &waiting);
	gauge(&w, "assay_jobs_running", "Validations and issuances under way.", running);
	gauge(&w, "assay_jobs_waiting", "Validations and issuances that wait for their time or a place.", waiting);
	family(&w, "assay_job_wait_seconds", "histogram", "From a job's time to its begin.");
	histogram(&w, "assay_job_wait_seconds", "", offsetof(struct slot, job_waits), request_ends);
	gauge(&w, "assay_signer_waiting", "Questions to the signer that have no answer yet.", s->signer ? signer_waiting(s->signer) : 0);
	gauge(&w, "assay_nonce_memory_bytes", "What redeemed nonces take.", (int64_t)nonces_bytes(s->nonces));
	gauge(&w, "assay_ready", "1: this node can issue.", health_why_not_ready(s) == NULL);
	gauge(&w, "assay_start_time_seconds", "When the server started, since 1970.", s->started_at);
	if (openmetrics)
		put(&w, "# EOF\n");
	return buf_ok(out) ? RC_OK : RC_NOMEM;
}
