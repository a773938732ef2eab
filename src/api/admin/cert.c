/* cert.c - certificates: listing, issuing by the operator without ACME (S1.45), revoking. */
#include "core/cert.h"
#include "acme/problem.h"
#include "api/admin/resource.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypto/pem.h"

#define ISSUE_WAIT_MS 10000

static const char *cert_status(const struct cert_record *c, int64_t now)
{
	if (c->status == CERT_REVOKED)
		return "revoked";
	return c->not_after < now ? "expired" : "valid";
}

static enum rc show_pem(struct request *req, struct json_out *o, const struct cert_record *c)
{
	AUTO(buf) struct buf pem;
	size_t alternates;
	struct str chain;
	enum rc rc;

	rc = cert_chain_pem(&req->core, c, 0, &chain, &alternates, NULL);
	if (rc != RC_OK)
		return rc;
	buf_init(&pem, 2 * LIMIT_CERT_BYTES);
	pem_add(&pem, "CERTIFICATE", c->der);
	if (!buf_ok(&pem) || !str_starts(chain, pem.p))
		return RC_INTERNAL;
	json_out_str(o, "pem", buf_str(&pem));
	json_out_str(o, "chain", (struct str){ chain.p + pem.len, chain.len - pem.len });
	return RC_OK;
}

enum rc show_cert(struct request *req, struct json_out *o, const struct cert_record *c, bool with_pem)
{
	struct str serial = serial_str(req->arena, c->serial);
	struct str account = id_str(req->arena, c->account), order = id_str(req->arena, c->order);
	enum rc rc = RC_OK;

	if (!serial.p || !account.p || !order.p)
		return RC_NOMEM;
	json_out_open(o, NULL, '{');
	json_out_str(o, "serial", serial);
	json_out_str(o, "status", str_of(cert_status(c, req->core.now)));
	show_identifiers(o, "names", c->names);
	json_out_str(o, "authority", c->authority);
	json_out_str(o, "profile", c->profile);
	if (!id_is_zero(c->account))
		json_out_str(o, "account", account);
	else
		json_out_bool(o, "by_operator", true);
	if (!id_is_zero(c->order))
		json_out_str(o, "order", order);
	show_time(o, "not_before", c->not_before);
	show_time(o, "not_after", c->not_after);
	show_time(o, "issued_at", c->issued_at);
	if (c->status == CERT_REVOKED) {
		show_time(o, "revoked_at", c->revoked_at);
		show_text(o, "revoked_reason", str_of(revocation_reason_name(c->revoked_reason)));
		show_text(o, "revoked_by", c->revoked_by);
	}
	if (with_pem)
		rc = show_pem(req, o, c);
	json_out_close(o, '}');
	return rc;
}

/* --- listing --- */

struct cert_filter {
	struct str status, name;
	int64_t expires_before, now;
};

/* Is the name one of the certificate's? As it is written there, whatever the case. */
static bool names_contain(struct str names, struct str wanted)
{
	struct str one, type, name;

	while (names.len) {
		(void)str_cut(names, ' ', &one, &names);
		if (str_cut(one, ':', &type, &name) && str_eq_nocase(name, wanted))
			return true;
	}
	return false;
}

static bool cert_wanted(const void *record, const void *arg)
{
	const struct cert_record *c = record;
	const struct cert_filter *w = arg;

	return (!w->status.p || str_is(w->status, cert_status(c, w->now))) &&
	       (!w->name.p || names_contain(c->names, w->name)) &&
	       (!w->expires_before || c->not_after < w->expires_before);
}

static enum rc show_cert_row(struct request *req, struct json_out *o, const void *record)
{
	return show_cert(req, o, record, false);
}

static struct str cert_cursor(struct request *req, const void *record)
{
	return serial_str(req->arena, ((const struct cert_record *)record)->serial);
}

static bool serial_parse(struct arena *a, struct str text, struct bytes *out)
{
	uint8_t *p = arena_alloc(a, text.len / 2 + 1);
	size_t len;

	if (!p || text.len == 0 || text.len > 2 * SERIAL_MAX || !hex_decode(text, p, &len))
		return false;
	*out = bytes_of(p, len);
	return true;
}

static enum rc list_filtered(struct request *req, struct listing *l, struct cert_filter *filter, struct str account,
			     struct str before, struct fault *f)
{
	struct cert_record *key = arena_alloc(req->arena, sizeof(*key));
	int64_t duration;

	if (!key)
		return RC_NOMEM;
	if (filter->status.p && !str_is(filter->status, "valid") && !str_is(filter->status, "expired") &&
	    !str_is(filter->status, "revoked"))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"status\" must be valid, expired or revoked");
	if (before.p && str_to_duration_s(before, &duration))
		filter->expires_before = filter->now + duration;
	else if (before.p && !clock_parse_rfc3339(before.p, (unsigned)before.len, &filter->expires_before))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"expires_before\" must be a time such as 2026-12-31T00:00:00Z, or from now on, such as 30d");
	if (account.p) {
		if (!id_parse(account, &key->account))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"account\" is not the id of an account");
		l->query.index = CERTS_BY_ACCOUNT;
		l->query.key = key;
		l->query.key_columns = 1;
	} else if (filter->expires_before) {
		l->query.index = CERTS_BY_NOT_AFTER; /* the next to expire first */
		l->query.descending = false;
		l->query.upper = &filter->expires_before;
	}
	return RC_OK;
}

enum rc admin_certs(struct request *req, struct fault *f)
{
	struct cert_filter filter = { .now = req->core.now };
	struct str account = { 0 }, before = { 0 }, limit = { 0 }, after = { 0 };
	const struct query_param params[] = {
		{ "account", &account }, { "name", &filter.name }, { "status", &filter.status },
		{ "expires_before", &before }, { "limit", &limit }, { "after", &after }, { 0 },
	};
	struct listing l = {
		.name = "certs",
		.query = { .table = &CERTS, .index = STORE_PRIMARY, .descending = true },
		.record_size = sizeof(struct cert_record),
		.wanted = cert_wanted,
		.show = show_cert_row,
		.cursor = cert_cursor,
		.arg = &filter,
	};
	struct cert_record behind;
	struct bytes serial;
	enum rc rc = admin_query_decode(req->arena, req->http->query, params, f);

	if (rc == RC_OK)
		rc = admin_limit_decode(limit, &l.limit, f);
	if (rc == RC_OK)
		rc = list_filtered(req, &l, &filter, account, before, f);
	if (rc == RC_OK && after.p) {
		if (!serial_parse(req->arena, after, &serial) ||
		    cert_load(&req->core, serial, &behind, NULL) != RC_OK)
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"after\" is not the serial of a certificate");
		l.after = &behind;
	}
	return rc == RC_OK ? reply_listing(req, &l) : rc;
}

/* --- one --- */

static enum rc load_cert(struct request *req, struct cert_record *out, struct fault *f)
{
	struct bytes serial;

	if (!serial_parse(req->arena, req->path_id, &serial))
		return admin_not_found("certificate", f);
	return cert_load(&req->core, serial, out, f);
}

static enum rc reply_cert(struct request *req, int status, const struct cert_record *c)
{
	AUTO(answer) struct answer a;
	enum rc rc;

	answer_init(&a);
	rc = show_cert(req, &a.out, c, true);
	return rc == RC_OK ? reply_json(req, status, &a) : rc;
}

enum rc admin_cert(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	struct cert_record c;
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	if (rc == RC_OK)
		rc = load_cert(req, &c, f);
	return rc == RC_OK ? reply_cert(req, 200, &c) : rc;
}

enum rc admin_cert_revoke(struct request *req, struct fault *f)
{
	struct cert_record c;
	int64_t reason;
	enum rc rc = admin_revoke_decode(req->arena, req->http->body, &reason, f);

	if (rc == RC_OK)
		rc = load_cert(req, &c, f);
	if (rc == RC_OK)
		rc = cert_revoke_record(&req->core, &c, reason, req->core.actor, f);
	return rc == RC_OK ? reply_cert(req, 200, &c) : rc;
}

/* --- issuing --- */

static enum rc csr_read(struct request *req, struct str pem, struct csr *out, struct fault *f)
{
	static const char *const labels[] = { "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST" };
	struct bytes *der;
	size_t count;

	for (size_t i = 0; i < COUNT_OF(labels); i++) {
		if (pem_read(req->arena, str_bytes(pem), labels[i], &der, &count, NULL) == RC_OK && count == 1)
			return csr_parse(req->arena, der[0], out, f);
	}
	return fault_set(f, RC_INVALID, PROBLEM_BAD_CSR,
			 "\"csr\" must be one PEM block \"CERTIFICATE REQUEST\" (RFC 7468 §7)");
}

static enum rc parse_names(struct request *req, const char *type, const struct str *names, size_t count,
			   struct direct_request *d, struct fault *f)
{
	for (size_t i = 0; i < count; i++) {
		struct identifier *id = &d->identifiers[d->identifier_count];
		bool known = false;
		enum rc rc = identifier_parse(req->arena, str_of(type), names[i], id, f);

		if (rc != RC_OK)
			return rc;
		for (size_t k = 0; k < d->identifier_count; k++)
			known |= identifier_eq(&d->identifiers[k], id);
		d->identifier_count += !known;
	}
	return RC_OK;
}

/* Those asked for, or else those of the request. */
static enum rc issue_names(struct request *req, const struct admin_issue *body, struct direct_request *d,
			   struct fault *f)
{
	size_t most = body->dns_count + body->ip_count;
	enum rc rc = RC_OK;

	if (most == 0)
		most = d->csr->san_count;
	if (most == 0 || most > LIMIT_IDENTIFIERS)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "the certificate needs 1 to %d names: \"dns\", \"ip\", or in the request",
				 LIMIT_IDENTIFIERS);
	d->identifiers = arena_array(req->arena, most, sizeof(*d->identifiers));
	if (!d->identifiers)
		return RC_NOMEM;
	if (body->dns_count + body->ip_count > 0) {
		rc = parse_names(req, "dns", body->dns, body->dns_count, d, f);
		return rc == RC_OK ? parse_names(req, "ip", body->ip, body->ip_count, d, f) : rc;
	}
	for (size_t i = 0; rc == RC_OK && i < d->csr->san_count; i++) {
		rc = identifier_from_san(req->arena, &d->csr->sans[i], &d->identifiers[d->identifier_count], f);
		d->identifier_count++;
	}
	return rc;
}

/* What the operator named, or what the first directory issues with. */
static enum rc issue_terms(struct request *req, const struct admin_issue *body, struct direct_request *d,
			   struct fault *f)
{
	const struct directory *first = &req->config->directories[0];
	int64_t from = req->core.now, longest;

	d->authority = body->authority.p ? config_authority(req->config, body->authority) : first->authority;
	if (!d->authority)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "there is no authority \"%.*s\"; `assay authority list` shows them",
				 STR_ARG(body->authority));
	d->profile = body->profile.p ? config_profile(req->config, body->profile) : first->profiles[0];
	if (!d->profile)
		return fault_set(f, RC_INVALID, PROBLEM_INVALID_PROFILE, "there is no profile \"%.*s\"; `assay directory show NAME` has those of a directory",
				 STR_ARG(body->profile));
	if (!body->duration_s)
		return RC_OK;
	if (body->duration_s > d->profile->max_lifetime_s)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: profile \"%.*s\" allows %lld h at most; ask for less or name another profile",
				 STR_ARG(d->profile->name), (long long)d->profile->max_lifetime_s / 3600);
	/* It ends that long from now; the whole, which begins earlier for late clocks, must fit too. */
	longest = d->profile->max_lifetime_s - d->profile->backdate_s;
	d->not_after = from + (body->duration_s < longest ? body->duration_s : longest) - 1;
	return RC_OK;
}

/* After the order is durable: runs until it is settled, or its time is over. */
static enum rc show_issued(struct request *req, struct fault *f)
{
	AUTO(fault) struct fault why = { 0 };
	AUTO(answer) struct answer a;
	struct cert_record c;
	struct order order;
	enum rc rc;

	answer_init(&a);
	rc = admin_load_order(req, &order, f);
	if (rc != RC_OK)
		return rc;
	switch (order.state) {
	case ORDER_STATE_VALID:
		rc = cert_load(&req->core, order.record.certificate, &c, f);
		return rc == RC_OK ? reply_cert(req, 201, &c) : rc;
	case ORDER_STATE_INVALID:
		if (fault_from_json(order.error, &why) != RC_OK)
			return RC_INTERNAL;
		return fault_set(f, RC_DENIED, why.problem, "%s", why.detail);
	default:
		break;
	}
	if (request_wait(req, order.record.id, ISSUE_WAIT_MS))
		return RC_OK;
	json_out_open(&a.out, NULL, '{');
	rc = show_order_members(req, &a.out, &order);
	json_out_close(&a.out, '}');
	return rc == RC_OK ? reply_json(req, 202, &a) : rc;
}

enum rc admin_cert_issue(struct request *req, struct fault *f)
{
	AUTO(csr) struct csr csr = { 0 };
	struct direct_request d = { .csr = &csr };
	struct admin_issue body;
	struct order order;
	enum rc rc;

	rc = admin_issue_decode(req->arena, req->http->body, &body, f);
	if (rc == RC_OK)
		rc = csr_read(req, body.csr, &csr, f);
	if (rc == RC_OK)
		rc = issue_names(req, &body, &d, f);
	if (rc == RC_OK)
		rc = issue_terms(req, &body, &d, f);
	if (rc == RC_OK)
		rc = order_create_direct(&req->core, &d, &order, f);
	if (rc != RC_OK)
		return rc;
	req->path_id = id_str(req->arena, order.record.id);
	request_watch(req, order.record.id, ISSUE_WAIT_MS);
	req->then = show_issued;
	return reply_set(req, 202, NULL, (struct str){ 0 });
}
