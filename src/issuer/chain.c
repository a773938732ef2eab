/* chain.c - reads certificates from PEM and puts them in order, each link checked
 * (RFC 5280 §6.1; pem_file.h). */
#include "crypto/pem.h"
#include "issuer/pem_file.h"

static enum rc refuse(struct fault *f, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL, "%s", why);
}

static bool self_issued(const struct cert_info *c)
{
	return bytes_eq(c->issuer_dn, c->subject_dn);
}

static enum rc parse_all(struct arena *a, struct bytes pem, struct chain *out, struct fault *f)
{
	enum rc rc = pem_read(a, pem, "CERTIFICATE", &out->der, &out->count, f);

	if (rc != RC_OK)
		return rc;
	if (out->count == 0)
		return refuse(f, "there is no certificate in it");
	if (out->count > CHAIN_MAX)
		return refuse(f, "there are more certificates in it than one chain has");
	out->info = arena_array(a, out->count, sizeof(*out->info));
	if (!out->info)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < out->count; i++) {
		rc = cert_parse(a, out->der[i], &out->info[i], f);
		if (rc == RC_OK && !out->info[i].ca)
			rc = refuse(f, "RFC 5280 §4.2.1.9: a certificate in it is not a CA's");
	}
	return rc;
}

static void swap(struct chain *c, size_t i, size_t k)
{
	struct bytes der = c->der[i];
	struct cert_info info = c->info[i];

	c->der[i] = c->der[k];
	c->info[i] = c->info[k];
	c->der[k] = der;
	c->info[k] = info;
}

/* Brings the issuer of certificate i to place i + 1. */
static enum rc bring_issuer(struct chain *c, size_t i, struct fault *f)
{
	for (size_t k = i + 1; k < c->count; k++) {
		if (!bytes_eq(c->info[k].subject_dn, c->info[i].issuer_dn) ||
		    cert_check_issued(&c->info[i], &c->info[k], NULL) != RC_OK)
			continue;
		swap(c, i + 1, k);
		return RC_OK;
	}
	/* Once more for the reason, with the certificate that stands there. */
	return cert_check_issued(&c->info[i], &c->info[i + 1], f);
}

/* pathLenConstraint counts the CA certificates below, but not the last of a chain and not self-issued
 * ones (RFC 5280 §4.2.1.9); cert_check_issued() sees one link only. */
static enum rc check_path_lengths(const struct chain *c, struct fault *f)
{
	int below = 0;

	for (size_t i = 1; i < c->count; i++) {
		below += !self_issued(&c->info[i - 1]);
		if (c->info[i].path_len >= 0 && below > c->info[i].path_len)
			return refuse(f, "RFC 5280 §4.2.1.9: a pathLenConstraint in the chain allows "
					 "fewer CA certificates below it");
	}
	return RC_OK;
}

enum rc chain_read(struct arena *a, struct bytes pem, struct chain *out, struct fault *f)
{
	struct chain c = { 0 };
	const struct cert_info *last;
	enum rc rc = parse_all(a, pem, &c, f);

	for (size_t i = 0; rc == RC_OK && i + 1 < c.count; i++) {
		if (self_issued(&c.info[i]) &&
		    cert_check_issued(&c.info[i], &c.info[i], NULL) == RC_OK)
			return refuse(f, "a certificate in it belongs to another chain");
		rc = bring_issuer(&c, i, f);
	}
	if (rc == RC_OK)
		rc = check_path_lengths(&c, f);
	if (rc != RC_OK)
		return rc;
	last = &c.info[c.count - 1];
	if (self_issued(last)) {
		rc = cert_check_issued(last, last, f);
		if (rc != RC_OK)
			return rc;
		c.rooted = true;
	}
	*out = c;
	return RC_OK;
}
