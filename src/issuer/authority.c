/* authority.c - loads what the server knows of an authority: its certificates (issuer.h). */
#include "crypto/digest.h"
#include "issuer/issuer.h"
#include "issuer/pem_file.h"

#define FILE_MAX (256 * 1024)

/* One PEM file as a chain; the fault begins with the file's name. */
static enum rc load_chain(struct arena *a, const char *path, struct chain *out, struct fault *f)
{
	struct fault why = { 0 };
	struct bytes pem;
	enum rc rc = file_read(a, path, FILE_MAX, &pem, f);

	if (rc != RC_OK)
		return rc;
	rc = chain_read(a, pem, out, &why);
	if (rc != RC_OK)
		rc = fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "%s: %s", path, why.detail);
	fault_done(&why);
	return rc;
}

static enum rc check_issuing(const struct cert_info *c, const char *path, struct fault *f)
{
	if (!(c->key_usage & KU_KEY_CERT_SIGN))
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%s: RFC 5280 §4.2.1.3: the first certificate may not sign others",
				 path);
	if (c->subject_key_id.len == 0)
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%s: RFC 5280 §4.2.1.2: the first certificate has no subject key "
				 "identifier", path);
	return RC_OK;
}

static enum rc issuing_alg(const struct cert_info *c, enum sig_alg *out, struct fault *f)
{
	AUTO_PTR(pubkey) struct pubkey *key = NULL;
	enum rc rc = pubkey_from_spki(c->spki, &key, f);

	if (rc == RC_OK)
		*out = key_x509_sig_alg(pubkey_type(key));
	return rc;
}

static enum rc load_alternates(struct arena *a, const char *const *files, struct authority *out,
			       struct fault *f)
{
	size_t count = 0;

	while (files && files[count])
		count++;
	out->alternates = arena_array(a, count + 1, sizeof(*out->alternates));
	out->alternate_counts = arena_array(a, count + 1, sizeof(*out->alternate_counts));
	if (!out->alternates || !out->alternate_counts)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		struct chain c;
		enum rc rc = load_chain(a, files[i], &c, f);

		if (rc != RC_OK)
			return rc;
		if (!bytes_eq(c.info[0].spki, out->issuing.spki) ||
		    !bytes_eq(c.info[0].subject_dn, out->issuing.subject_dn))
			return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
					 "%s: its first certificate is for another key or name than "
					 "the authority's", files[i]);
		out->alternates[i] = c.der;
		out->alternate_counts[i] = c.count;
		out->alternate_count++;
	}
	return RC_OK;
}

enum rc authority_load(struct arena *a, struct str name, const char *chain_file,
		       const char *const *alternate_files, struct authority *out, struct fault *f)
{
	struct authority authority = { .name = arena_str(a, name) };
	struct chain c;
	enum rc rc;

	if (!authority.name.p)
		return RC_NOMEM;
	if ((rc = load_chain(a, chain_file, &c, f)) != RC_OK ||
	    (rc = check_issuing(&c.info[0], chain_file, f)) != RC_OK)
		return rc;
	authority.chain = c.der;
	authority.chain_count = c.count;
	authority.issuing = c.info[0];
	sha256(c.der[c.count - 1], authority.fingerprint);
	if ((rc = issuing_alg(&authority.issuing, &authority.alg, f)) != RC_OK ||
	    (rc = load_alternates(a, alternate_files, &authority, f)) != RC_OK)
		return rc;
	*out = authority;
	return RC_OK;
}
