/* ari.c - see ari.h. */
#include "core/ari.h"

#include "base/encode.h"
#include "crypto/digest.h"

#define DAY 86400
#define KEY_ID_MAX 64
#define EARLY_ROWS 2000 /* certificates looked at in one call */
#define EARLY_WINDOW_S 3600

/* --- the window --- */

/* A number that belongs to the certificate, evenly spread over the fleet. */
static int64_t smear(struct bytes serial, int64_t range)
{
	uint8_t hash[SHA256_LEN];
	uint64_t n;

	if (range <= 0)
		return 0;
	sha256(serial, hash);
	memcpy(&n, hash, sizeof(n));
	return (int64_t)(n % (uint64_t)range);
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

struct ari_window ari_window(const struct cert_record *cert)
{
	int64_t lifetime = cert->not_after - cert->not_before;
	struct ari_window w;

	/* RFC 9773 §4.2: a window in the past says "at once". */
	if (cert->status == CERT_REVOKED) {
		w.end = cert->revoked_at - 1;
		w.start = w.end - EARLY_WINDOW_S;
		return w;
	}
	if (cert->renew_from)
		return (struct ari_window){ cert->renew_from, cert->renew_until };
	w.start = cert->not_before + lifetime / 3 * 2 + smear(cert->serial, lifetime / 12);
	w.end = w.start + clamp(lifetime / 24, 2, 2 * DAY);
	return w;
}

int ari_retry_after(const struct config *c, const struct cert_record *cert)
{
	int64_t lifetime = cert->not_after - cert->not_before;

	/* A certificate of an hour is not asked about every six. */
	return (int)clamp(lifetime / 24, 60, c->raw.renewal.retry_after_s);
}

/* --- finding --- */

static bool decode_part(struct str text, size_t max, uint8_t *out, size_t *out_len)
{
	return text.len > 0 && text.len <= B64URL_LEN(max) && b64url_decode(text, out, out_len) && *out_len > 0;
}

static enum rc malformed_id(struct fault *f)
{
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			 "RFC 9773 §4.1: a certificate's identifier is base64url of its authority key identifier, "
			 "\".\", base64url of its serial number");
}

enum rc ari_find(struct context *c, struct str cert_id, struct cert_record *out, struct fault *f)
{
	uint8_t key_id[KEY_ID_MAX + 3], serial_octets[SERIAL_MAX + 4];
	struct str left, right;
	struct bytes serial;
	struct cert_info info;
	size_t key_id_len, len;
	enum rc rc;

	if (!str_cut(cert_id, '.', &left, &right) || !decode_part(left, KEY_ID_MAX, key_id, &key_id_len) ||
	    !decode_part(right, SERIAL_MAX + 1, serial_octets, &len))
		return malformed_id(f);
	serial = bytes_of(serial_octets, len);
	/* With the zero octet that DER puts before a high bit, and without (FIELD Q31). */
	if (serial.len > 1 && serial.p[0] == 0)
		serial = bytes_of(serial.p + 1, serial.len - 1);
	if (serial.len > SERIAL_MAX)
		return malformed_id(f);
	rc = store_get(c->read, &CERTS, STORE_PRIMARY, &(struct cert_record){ .serial = serial }, c->arena, out);
	if (rc == RC_OK) {
		if (cert_parse(c->arena, out->der, &info, NULL) != RC_OK)
			return RC_INTERNAL;
		if (!bytes_eq(info.authority_key_id, bytes_of(key_id, key_id_len)))
			rc = RC_NOTFOUND;
	}
	if (rc == RC_NOTFOUND)
		return fault_set(f, rc, PROBLEM_NOT_FOUND, "there is no such certificate");
	return rc;
}

/* --- replacing --- */

/* Replaced by an order that is not "invalid" (RFC 9773 §5). */
static enum rc check_not_replaced(struct context *c, const struct cert_record *cert, struct id order,
				  struct fault *f)
{
	struct order_record r;
	enum rc rc;

	if (id_is_zero(cert->replaced_by) || id_eq(cert->replaced_by, order))
		return RC_OK;
	rc = store_get(c->read, &ORDERS, STORE_PRIMARY, &(struct order_record){ .id = cert->replaced_by },
		       c->arena, &r);
	if (rc == RC_OK && r.status == ORDER_INVALID)
		return RC_OK;
	if (rc != RC_OK && rc != RC_NOTFOUND) /* swept: it had been finalized */
		return rc;
	return fault_set(f, RC_CONFLICT, PROBLEM_ALREADY_REPLACED,
			 "RFC 9773 §5: the certificate in \"replaces\" was already replaced; order without it");
}

static enum rc shares_name(struct arena *a, const struct identifier *identifiers, size_t count,
			   struct str names, bool *out)
{
	struct identifier *old;
	size_t old_count;
	enum rc rc = identifiers_from_text(a, names, &old, &old_count);

	*out = false;
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		for (size_t k = 0; k < old_count; k++)
			*out |= identifier_eq(&identifiers[i], &old[k]);
	}
	return rc;
}

enum rc ari_check_replaces(struct context *c, const struct account *account,
			   const struct identifier *identifiers, size_t identifier_count, struct str cert_id,
			   struct cert_record *out, struct fault *f)
{
	bool shares = false;
	enum rc rc = ari_find(c, cert_id, out, f);

	/* Another account's looks like none; lego and acme.sh try again without (FIELD Q31). */
	if (rc == RC_NOTFOUND || (rc == RC_OK && !id_eq(out->account, account->id)))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 9773 §5: \"replaces\" is not a certificate of this account");
	if (rc == RC_OK)
		rc = shares_name(c->arena, identifiers, identifier_count, out->names, &shares);
	if (rc == RC_OK && !shares)
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			       "RFC 9773 §5: the certificate in \"replaces\" has no name in common with the order");
	if (rc == RC_OK)
		rc = check_not_replaced(c, out, (struct id){ 0 }, f);
	return rc;
}

enum rc ari_mark_replaced(struct context *c, struct id order, struct str cert_id, struct fault *f)
{
	struct cert_record cert;
	enum rc rc;

	if (!cert_id.p)
		return RC_OK;
	rc = ari_find(c, cert_id, &cert, f);
	if (rc == RC_OK)
		rc = check_not_replaced(c, &cert, order, f);
	if (rc != RC_OK || id_eq(cert.replaced_by, order))
		return rc;
	cert.replaced_by = order;
	return tx_update(c->tx, &CERTS, &cert, STORE_COLUMNS(CERT_COL_REPLACED_BY));
}

/* --- renewing early --- */

static bool early_wanted(const struct ari_early *e, const struct cert_record *cert, int64_t now)
{
	struct str names = cert->names, one, type, name;

	if (cert->status != CERT_VALID || cert->not_after <= now ||
	    (e->authority.p && !str_eq(e->authority, cert->authority)) ||
	    (e->key_hash.p && !bytes_eq(e->key_hash, cert->spki_hash)))
		return false;
	if (!e->name.p)
		return true;
	while (names.len) {
		(void)str_cut(names, ' ', &one, &names);
		if (str_cut(one, ':', &type, &name) && str_eq_nocase(name, e->name))
			return true;
	}
	return false;
}

enum rc ari_renew_early(struct context *c, const struct ari_early *e, struct ari_moved *out)
{
	struct cert_record after = { .serial = e->after };
	struct store_query q = { .table = &CERTS, .index = STORE_PRIMARY, .limit = 1 };
	struct ari_moved moved = { 0 };
	enum rc rc = RC_OK;

	if (e->after.p)
		q.after = &after;
	for (size_t seen = 0; rc == RC_OK; seen++) {
		AUTO(arena) struct arena row_arena;
		struct cert_record *row;
		size_t count;

		if (seen == EARLY_ROWS) {
			moved.next = arena_bytes(c->arena, after.serial);
			break;
		}
		arena_init(&row_arena, 256 * 1024);
		rc = store_list(c->read, &q, &row_arena, &row, &count);
		if (rc != RC_OK || count == 0)
			break;
		if (early_wanted(e, row, c->now)) {
			row->renew_from = c->now + smear(row->serial, e->within_s);
			row->renew_until = row->renew_from + EARLY_WINDOW_S;
			rc = tx_update(c->tx, &CERTS, row, STORE_COLUMNS(CERT_COL_RENEW_FROM, CERT_COL_RENEW_UNTIL));
			moved.count++;
		}
		after.serial = arena_bytes(c->arena, row->serial);
		if (!after.serial.p)
			rc = RC_NOMEM;
		q.after = &after;
	}
	if (rc == RC_OK && moved.count)
		rc = audit_add(c, "cert.renew-early", e->name.p ? e->name : e->authority.p ? e->authority : STR("*"),
			       "count=%lld within=%llds", (long long)moved.count, (long long)e->within_s);
	if (rc == RC_OK)
		*out = moved;
	return rc;
}
