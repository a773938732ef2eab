/* cert.c - issued certificates: chains and revocation (RFC 8555 §7.4.2, §7.6). */
#include "core/cert.h"

#include "base/encode.h"
#include "base/limits.h"
#include "core/authz.h"
#include "core/revocation.h"
#include "core/subdomain.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

enum rc cert_load(struct context *c, struct bytes serial, struct cert_record *out, struct fault *f)
{
	struct cert_record key = { .serial = serial };
	enum rc rc = store_get(c->read, &CERTS, STORE_PRIMARY, &key, c->arena, out);

	if (rc == RC_NOTFOUND)
		return fault_set(f, rc, PROBLEM_NOT_FOUND, "there is no such certificate");
	return rc;
}

/* --- chains --- */

static void chain_add(struct buf *b, const struct bytes *chain, size_t count)
{
	/* The root is left out, clients have it; but a chain of the leaf alone is refused by some
	 * (FIELD Q23), so the issuer stays even if it is the root. */
	size_t shown = count > 1 ? count - 1 : count;

	for (size_t i = 0; i < shown; i++)
		pem_add(b, "CERTIFICATE", chain[i]);
}

enum rc cert_chain_pem(struct context *c, const struct cert_record *cert, size_t alternate,
		       struct str *out, size_t *out_alternates, struct fault *f)
{
	const struct authority *a = config_authority(c->config, cert->authority);
	AUTO(buf) struct buf b;
	size_t alternates = a ? a->alternate_count : 0;

	if (alternate > alternates)
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such alternate chain");
	buf_init(&b, 256 * 1024);
	pem_add(&b, "CERTIFICATE", cert->der);
	if (a && alternate == 0)
		chain_add(&b, a->chain, a->chain_count);
	else if (a)
		chain_add(&b, a->alternates[alternate - 1], a->alternate_counts[alternate - 1]);
	if (!buf_ok(&b))
		return RC_NOMEM;
	*out = arena_str(c->arena, buf_str(&b));
	*out_alternates = alternates;
	return out->p ? RC_OK : RC_NOMEM;
}

/* --- revocation --- */

/* RFC 5280 §5.3.1, CRLReason; 7 is unassigned. */
static const struct {
	int64_t code;
	const char *name;
	bool allowed; /* to subscribers: the others are a CA's own or have no meaning for us */
} reasons[] = {
	{ 0, "unspecified", true },
	{ 1, "keyCompromise", true },
	{ 2, "cACompromise", false },
	{ 3, "affiliationChanged", true },
	{ 4, "superseded", true },
	{ 5, "cessationOfOperation", true },
	{ 6, "certificateHold", false },
	{ 8, "removeFromCRL", false },
	{ 9, "privilegeWithdrawn", false },
	{ 10, "aACompromise", false },
};

bool revocation_reason_is_allowed(int64_t reason)
{
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		if (reasons[i].code == reason)
			return reasons[i].allowed;
	}
	return false;
}

int64_t revocation_reason_parse(struct str text)
{
	int64_t code;

	if (str_to_int(text, &code))
		return revocation_reason_name(code) ? code : -1;
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		if (str_eq_nocase(text, str_of(reasons[i].name)))
			return reasons[i].code;
	}
	return -1;
}

const char *revocation_reason_name(int64_t reason)
{
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		if (reasons[i].code == reason)
			return reasons[i].name;
	}
	return NULL;
}

enum rc cert_revoke_record(struct context *c, struct cert_record *cert, int64_t reason, struct str by,
			   struct fault *f)
{
	char serial[2 * SERIAL_MAX + 1];
	enum rc rc;

	if (cert->status == CERT_REVOKED)
		return fault_set(f, RC_INVALID, PROBLEM_ALREADY_REVOKED,
				 "RFC 8555 §7.6: the certificate is already revoked");
	cert->status = CERT_REVOKED;
	cert->revoked_at = c->now;
	cert->revoked_reason = reason;
	cert->revoked_by = by;
	rc = tx_update(c->tx, &CERTS, cert,
		       1u << CERT_COL_STATUS | 1u << CERT_COL_REVOKED_AT | 1u << CERT_COL_REVOKED_REASON |
			       1u << CERT_COL_REVOKED_BY);
	if (rc != RC_OK)
		return rc;
	revocation_changed(c->service);
	hex_encode(cert->serial, serial);
	return audit_add(c, "cert.revoke", str_of(serial), "reason=%s by=%.*s",
			 revocation_reason_name(reason), STR_ARG(by));
}

/* Does the account hold a valid authorization for every name in the certificate (RFC 8555 §7.6)? */
static enum rc holds_all_names(struct context *c, const struct account *account,
			       const struct cert_record *cert, bool *out)
{
	struct identifier *names;
	size_t count;
	enum rc rc = identifiers_from_text(c->arena, cert->names, &names, &count);

	*out = false;
	if (rc != RC_OK || count == 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		struct authz_record key = { .account = account->id }, *found;
		struct store_query q = { .table = &AUTHZS, .index = AUTHZS_BY_NAME, .key = &key,
					 .key_columns = 2, .descending = true, .limit = 16 };
		size_t found_count;
		bool held = false;

		rc = identifiers_to_text(c->arena, &names[i], 1, &key.identifier);
		if (rc == RC_OK)
			rc = store_list(c->read, &q, c->arena, &found, &found_count);
		if (rc != RC_OK)
			return rc;
		for (size_t k = 0; k < found_count; k++)
			held |= authz_state(&found[k], c->now) == AUTHZ_STATE_VALID;
		if (!held) { /* or for a domain above it (RFC 9444) */
			struct id above;

			rc = subdomain_find(c, account->id, &names[i], c->now, &above);
			if (rc != RC_OK)
				return rc == RC_NOTFOUND ? RC_OK : rc;
		}
	}
	*out = true;
	return RC_OK;
}

static enum rc may_revoke(struct context *c, const struct cert_record *cert,
			  const struct account *account, const struct pubkey *cert_key, struct str *by,
			  struct fault *f)
{
	bool holds;
	enum rc rc;

	if (cert_key) {
		uint8_t hash[SHA256_LEN];

		/* The JWS is signed by the certificate's own key. */
		pubkey_spki_sha256(cert_key, hash);
		if (bytes_eq(cert->spki_hash, bytes_of(hash, sizeof(hash)))) {
			*by = STR("certificate key");
			return RC_OK;
		}
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "RFC 8555 §7.6: the request is not signed by the key of this certificate");
	}
	*by = str_of(arena_printf(c->arena, "account %.*s", STR_ARG(id_str(c->arena, account->id))));
	if (!by->p)
		return RC_NOMEM;
	if (!id_is_zero(cert->account) && id_eq(cert->account, account->id))
		return RC_OK;
	rc = holds_all_names(c, account, cert, &holds);
	if (rc != RC_OK || holds)
		return rc;
	return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			 "RFC 8555 §7.6: this account neither ordered the certificate nor holds authorizations for all its names");
}

enum rc cert_revoke(struct context *c, struct bytes der, const struct account *account,
		    const struct pubkey *cert_key, bool has_reason, int64_t reason, struct fault *f)
{
	struct cert_info info;
	struct cert_record cert;
	struct str by;
	enum rc rc;

	if (has_reason && !revocation_reason_is_allowed(reason))
		return fault_set(f, RC_INVALID, PROBLEM_BAD_REVOCATION_REASON,
				 "policy: reason %lld is not for subscribers; use 0 unspecified, 1 keyCompromise, "
				 "3 affiliationChanged, 4 superseded or 5 cessationOfOperation (RFC 5280 §5.3.1)",
				 (long long)reason);
	rc = cert_parse(c->arena, der, &info, f);
	if (rc != RC_OK)
		return rc == RC_NOMEM ? rc
				      : fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
						  "RFC 8555 §7.6: \"certificate\" is not a DER certificate");
	rc = cert_load(c, info.serial, &cert, f);
	/* Looked up by serial, then compared whole: another certificate's serial does not help. */
	if (rc == RC_NOTFOUND || (rc == RC_OK && !bytes_eq(cert.der, der)))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND,
				 "RFC 8555 §7.6: this server did not issue that certificate");
	if (rc == RC_OK)
		rc = may_revoke(c, &cert, account, cert_key, &by, f);
	if (rc == RC_OK)
		rc = cert_revoke_record(c, &cert, has_reason ? reason : 0, by, f);
	return rc;
}

/* --- recording --- */

enum rc cert_record_new(struct context *c, struct str authority, struct str profile, struct bytes der,
			struct str names, struct cert_record *out)
{
	struct cert_info info;
	uint8_t *hash = arena_alloc(c->arena, SHA256_LEN);
	enum rc rc;

	if (!hash)
		return RC_NOMEM;
	rc = cert_parse(c->arena, der, &info, NULL);
	if (rc != RC_OK)
		return rc == RC_NOMEM ? rc : RC_INTERNAL;
	sha256(info.spki, hash);
	*out = (struct cert_record){
		.serial = info.serial,
		.authority = authority,
		.profile = profile,
		.names = names,
		.der = der,
		.spki_hash = bytes_of(hash, SHA256_LEN),
		.not_before = info.not_before,
		.not_after = info.not_after,
		.issued_at = c->now,
		.status = CERT_VALID,
	};
	return RC_OK;
}
