/* chain.c - the certificate that was issued, checked before anybody installs it (RFC 8555 §7.4.2,
 * §9.1). Whether its root is trusted is the business of those who will be shown it. */
#include "acme/identifier.h"
#include "base/clock.h"
#include "base/limits.h"
#include "client/client_impl.h"
#include "crypto/cert.h"
#include "crypto/csr.h"
#include "crypto/pem.h"

#define SKEW_S 3600 /* between the server's clock and ours */

static enum rc names_of(struct arena *a, const struct san *sans, size_t count, struct identifier **out,
			struct fault *f)
{
	struct identifier *list = arena_array(a, count ? count : 1, sizeof(*list));
	enum rc rc = list ? RC_OK : RC_NOMEM;

	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = identifier_from_san(a, &sans[i], &list[i], f);
	if (rc == RC_OK)
		*out = list;
	return rc;
}

static bool contains_all(const struct identifier *list, size_t count, const struct identifier *of, size_t of_count)
{
	for (size_t i = 0; i < of_count; i++) {
		bool found = false;

		for (size_t k = 0; k < count && !found; k++)
			found = identifier_eq(&list[k], &of[i]);
		if (!found)
			return false;
	}
	return true;
}

static enum rc check_names(struct arena *a, const struct cert_info *leaf, const struct csr *csr, struct fault *f)
{
	struct identifier *got, *wanted;
	enum rc rc;

	if (leaf->san_count > 10 * LIMIT_IDENTIFIERS)
		return fault_set(f, RC_LIMIT, PROBLEM_NONE, "the certificate has too many names");
	rc = names_of(a, leaf->sans, leaf->san_count, &got, f);
	if (rc == RC_OK)
		rc = names_of(a, csr->sans, csr->san_count, &wanted, f);
	if (rc != RC_OK)
		return rc;
	if (!contains_all(got, leaf->san_count, wanted, csr->san_count))
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "RFC 8555 §7.4: the certificate lacks a name that was ordered");
	if (!contains_all(wanted, csr->san_count, got, leaf->san_count))
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "RFC 8555 §7.4: the certificate has a name that was not ordered");
	return RC_OK;
}

static enum rc check_leaf(struct arena *a, const struct cert_info *leaf, const struct csr *csr, struct fault *f)
{
	AUTO_PTR(pubkey) struct pubkey *key = NULL;
	int64_t now = clock_now_s();
	enum rc rc = pubkey_from_spki(leaf->spki, &key, f);

	if (rc != RC_OK)
		return rc;
	if (!pubkey_eq(key, csr->key))
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "RFC 8555 §7.4: the certificate is for another key than the request's");
	if (leaf->ca)
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the first certificate of the chain is a CA's");
	if (leaf->not_after < now || leaf->not_before > now + SKEW_S)
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "the certificate is not valid now; check this machine's clock");
	return check_names(a, leaf, csr, f);
}

static enum rc check_chain(struct arena *a, const struct bytes *chain, size_t count, const struct csr *csr,
			   struct fault *f)
{
	struct cert_info leaf, issuer;
	enum rc rc = cert_parse(a, chain[0], &leaf, f);

	if (rc == RC_OK)
		rc = check_leaf(a, &leaf, csr, f);
	/* RFC 8555 §9.1: each certificate is certified by the next. Of a signature that we do not know
	 * nothing can be said. */
	if (rc == RC_OK && count > 1 && leaf.alg != SIG_NONE) {
		rc = cert_parse(a, chain[1], &issuer, f);
		if (rc == RC_OK)
			rc = cert_check_issued(&leaf, &issuer, f);
	}
	return rc;
}

enum rc chain_read(struct arena *a, struct str pem, struct bytes csr_der, struct bytes **out, size_t *out_count,
		   struct fault *f)
{
	AUTO(arena) struct arena scratch;
	AUTO(csr) struct csr csr = { 0 };
	struct bytes *chain;
	size_t count;
	enum rc rc;

	arena_init(&scratch, CLIENT_ARENA);
	rc = pem_read(a, str_bytes(pem), "CERTIFICATE", &chain, &count, f);
	if (rc == RC_OK && (count == 0 || count > CLIENT_CHAIN_CERTS))
		rc = fault_set(f, RC_INVALID, PROBLEM_NONE, "the chain has %zu certificates, not 1 to %d", count,
			       CLIENT_CHAIN_CERTS);
	if (rc == RC_OK)
		rc = csr_parse(&scratch, csr_der, &csr, f);
	if (rc == RC_OK)
		rc = check_chain(&scratch, chain, count, &csr, f);
	if (rc != RC_OK) {
		client_fault_prefix(f, "the server's certificate is refused");
		return rc;
	}
	*out = chain;
	*out_count = count;
	return RC_OK;
}
