/* local.c - certificates from our own authorities: TBS made here, signed by the signer process.
 *
 * prepare() builds the TBSCertificate from order and profile. Of the CSR only the public key gets
 * into it (TRUST V10). It is checked with the same rules as in the signer (crypto/tbs_check.c), so
 * that what the signer would refuse is refused at finalize, with a reason for the client, and never
 * stored as a claim.
 *
 * The claim is 1 octet of version, the length of the issuing key's SubjectPublicKeyInfo in 2 octets,
 * that, and the TBS: all that issue() needs to make and to check the certificate, on whatever
 * settings the server was started again.
 *
 * issue() verifies every signature before the certificate goes on. With P-256 that is some 60 us
 * for each certificate, and it is the only check that sees the whole way: key, signer, journal,
 * socket and our own bookkeeping of answers. A certificate with a bad signature would be delivered,
 * deployed and only then found. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "crypto/crl.h"
#include "issuer/issuer.h"
#include "signer/name_law.h"

#define CLAIM_VERSION 1
#define CLAIM_HEAD 3
#define CLAIM_ARENA (LIMIT_TBS_BYTES * 8)
#define KEY_CACHE 4
#define CLOCK_RETRY_S 60
#define LEFT_MIN_S 3600 /* policy: the issuer must live for so long, or for the profile's lifetime */
/* A client may have asked for notBefore at newOrder, some time ago; less than the day that the signer's
 * law leaves for it. */
#define SLACK_S (12 * 3600)

struct local {
	struct issuer issuer;
	struct signer *signer;
	/* Keys of issuing certificates, last used first: reading one costs more than using it. */
	struct pubkey *keys[KEY_CACHE];
};

/* --- prepare --- */

struct draft {
	const struct issue_request *request;
	struct arena *arena;
	struct san *sans;
	int64_t now, not_before, not_after;
	uint8_t serial[SERIAL_MAX];
	struct str crl_url; /* of the list that this serial belongs to */
	struct fault *f;
};

static enum rc refuse_identifier(struct draft *d, const struct identifier *id, const char *why)
{
	const struct issue_request *r = d->request;
	enum rc rc = fault_set(d->f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER, "%.*s: %s",
			       STR_ARG(id->shown), why);

	if (r->identifier_count > 1)
		fault_add_sub(d->f, PROBLEM_REJECTED_IDENTIFIER, identifier_type_name(id->type),
			      id->shown, "%s", why);
	return rc;
}

static enum rc draft_names(struct draft *d)
{
	const struct issue_request *r = d->request;
	const struct authority *a = r->authority;

	d->sans = arena_array(d->arena, r->identifier_count, sizeof(*d->sans));
	if (!d->sans)
		return RC_NOMEM;
	for (size_t i = 0; i < r->identifier_count; i++) {
		const struct identifier *id = &r->identifiers[i];
		enum rc rc = identifier_san(d->arena, id, &d->sans[i]);

		if (rc != RC_OK)
			return rc;
		if (id->type == IDENTIFIER_DNS ? !r->profile->names_dns : !r->profile->names_ip)
			return refuse_identifier(d, id, "policy: the profile has no names of this "
							"type");
		if (!name_law_permits(&a->issuing, a->permit, a->permit_count, &d->sans[i]))
			return refuse_identifier(d, id, "RFC 5280 §4.2.1.10: outside of what the "
							"authority may certify");
	}
	return RC_OK;
}

static enum rc refuse_time(struct draft *d, const char *why)
{
	return fault_set(d->f, RC_INVALID, PROBLEM_MALFORMED, "RFC 8555 §7.4: %s", why);
}

/* An authority is never made for later: the clock has yet to be set. */
static enum rc clock_is_wrong(struct draft *d)
{
	(void)fault_set(d->f, RC_UNAVAILABLE, PROBLEM_UNAVAILABLE,
			"RFC 5280 §6.1.3: by this server's clock the issuing certificate is not valid yet; the operator "
			"has to set the clock");
	if (d->f)
		d->f->retry_after_s = CLOCK_RETRY_S;
	return RC_UNAVAILABLE;
}

/* Both ends belong to the validity, so a lifetime of n seconds ends at begin + n - 1 (TRUST V28). */
static enum rc draft_validity(struct draft *d)
{
	const struct issue_request *r = d->request;
	const struct profile *p = r->profile;
	const struct cert_info *issuing = &r->authority->issuing;
	int64_t left_min = p->lifetime_s < LEFT_MIN_S ? p->lifetime_s : LEFT_MIN_S;

	if (d->now < issuing->not_before)
		return clock_is_wrong(d);
	if (issuing->not_after - d->now < left_min)
		return fault_set(d->f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
				 "RFC 5280 §6.1.3: the issuing certificate has expired or is about to; "
				 "the operator has to renew the authority");
	d->not_before = r->not_before ? r->not_before : d->now - p->backdate_s;
	if (d->not_before < d->now - p->backdate_s - SLACK_S)
		return refuse_time(d, "notBefore lies further back than the profile allows");
	if (d->not_before < issuing->not_before)
		d->not_before = issuing->not_before;
	d->not_after = r->not_after ? r->not_after : d->not_before + p->lifetime_s - 1;
	if (d->not_after < d->not_before || d->not_after < d->now)
		return refuse_time(d, "notAfter is not after notBefore and now");
	/* Counted from now too: what was proven today does not last for longer either. */
	if (d->not_after - d->not_before + 1 > p->max_lifetime_s ||
	    d->not_after - d->now + 1 > p->max_lifetime_s)
		return refuse_time(d, "notAfter lies beyond the longest lifetime of the profile");
	if (d->not_after > issuing->not_after) {
		if (r->not_after)
			return refuse_time(d, "notAfter lies beyond the end of the issuing "
					      "certificate");
		d->not_after = issuing->not_after;
	}
	return RC_OK;
}

/* The first name that a CN can hold; absent if the profile wants none. */
static struct str draft_cn(const struct draft *d)
{
	const struct issue_request *r = d->request;

	for (size_t i = 0; r->profile->subject_cn && i < r->identifier_count; i++) {
		const struct san *san = &d->sans[i];

		/* RFC 5280, appendix A.1: ub-common-name */
		if (san->type == SAN_DNS && san->value.len <= 64)
			return (struct str){ (const char *)san->value.p, san->value.len };
	}
	return (struct str){ 0 };
}

static enum rc draft_urls(struct draft *d)
{
	const struct authority *a = d->request->authority;

	d->crl_url = a->crl_url;
	if (a->crl_shards && a->crl_url.p) {
		d->crl_url = crl_shard_url(d->arena, a->crl_url,
					   crl_shard_of(bytes_of(d->serial, sizeof(d->serial)), a->crl_shards));
		if (!d->crl_url.p)
			return RC_NOMEM;
	}
	return RC_OK;
}

static enum rc draft_build(struct draft *d, struct bytes *out_tbs)
{
	const struct issue_request *r = d->request;
	const struct authority *a = r->authority;
	struct str cn = draft_cn(d);
	struct tbs_spec spec = {
		.serial = bytes_of(d->serial, sizeof(d->serial)),
		.alg = a->alg,
		.issuer_dn = a->issuing.subject_dn,
		.not_before = d->not_before,
		.not_after = d->not_after,
		.key = r->csr->key,
		.path_len = -1,
		.key_usage = r->profile->key_usage,
		.ext_key_usage = r->profile->ext_key_usage,
		.sans = d->sans,
		.san_count = r->identifier_count,
		.san_critical = !cn.p, /* RFC 5280 §4.2.1.6 */
		.authority_key_id = a->issuing.subject_key_id,
		.ocsp_url = a->ocsp_url,
		.ca_issuers_url = a->ca_issuers_url,
		.crl_url = d->crl_url,
		.must_staple = r->profile->must_staple,
	};
	enum rc rc = dn_build(d->arena, (struct str){ 0 }, cn, &spec.subject_dn);

	/* RFC 5480 §3, RFC 8410 §5: only RSA keys encipher keys. */
	if (pubkey_type(r->csr->key) != KEY_RSA)
		spec.key_usage &= ~(unsigned)KU_KEY_ENCIPHERMENT;
	return rc == RC_OK ? tbs_build(d->arena, &spec, out_tbs) : rc;
}

/* What the signer will say (law_check() there), but for what only its journal knows. */
static enum rc draft_check(struct draft *d, struct bytes tbs)
{
	const struct authority *a = d->request->authority;
	struct signer_profile law;
	struct tbs_limits limits = {
		.alg = a->alg,
		.issuer_dn = a->issuing.subject_dn,
		.authority_key_id = a->issuing.subject_key_id,
		.issuer_not_before = a->issuing.not_before,
		.issuer_not_after = a->issuing.not_after,
		.now = d->now,
		.max_backdate_s = d->request->profile->backdate_s + SLACK_S,
		.permit = a->issuing.permit,
		.permit_count = a->issuing.permit_count,
		.ocsp_url = a->ocsp_url,
		.ca_issuers_url = a->ca_issuers_url,
		.crl_url = d->crl_url,
		.key = d->request->csr->key,
	};

	profile_signer_law(d->request->profile, &law);
	limits.max_lifetime_s = law.max_lifetime_s;
	limits.allowed_extensions = law.allowed_extensions;
	limits.required_extensions = law.required_extensions;
	limits.allowed_key_usage = law.key_usage;
	limits.allowed_ext_key_usage = law.ext_key_usage;
	return tbs_check(d->arena, tbs, &limits, NULL, d->f);
}

static enum rc claim_encode(struct arena *a, struct bytes spki, struct bytes tbs, struct bytes *out)
{
	size_t len = CLAIM_HEAD + spki.len + tbs.len;
	uint8_t *p = spki.len <= UINT16_MAX ? arena_alloc(a, len) : NULL;

	if (!p)
		return RC_NOMEM;
	p[0] = CLAIM_VERSION;
	p[1] = (uint8_t)(spki.len >> 8);
	p[2] = (uint8_t)spki.len;
	memcpy(p + CLAIM_HEAD, spki.p, spki.len);
	memcpy(p + CLAIM_HEAD + spki.len, tbs.p, tbs.len);
	*out = bytes_of(p, len);
	return RC_OK;
}

static enum rc local_prepare(struct issuer *i, const struct issue_request *r, struct arena *a,
			     struct issue_claim *out, struct fault *f)
{
	struct draft d = { .request = r, .arena = a, .now = clock_now_s(), .f = f };
	struct issue_claim claim;
	struct bytes tbs;
	enum rc rc;

	(void)i;
	serial_new(d.now, d.serial);
	if ((rc = profile_check_key(r->profile, r->csr->key, f)) != RC_OK ||
	    (rc = draft_names(&d)) != RC_OK || (rc = draft_validity(&d)) != RC_OK ||
	    (rc = draft_urls(&d)) != RC_OK ||
	    (rc = draft_build(&d, &tbs)) != RC_OK || (rc = draft_check(&d, tbs)) != RC_OK ||
	    (rc = claim_encode(a, r->authority->issuing.spki, tbs, &claim.claim)) != RC_OK)
		return rc;
	claim.serial = arena_bytes(a, bytes_of(d.serial, sizeof(d.serial)));
	if (!claim.serial.p)
		return RC_NOMEM;
	claim.not_before = d.not_before;
	claim.not_after = d.not_after;
	*out = claim;
	return RC_OK;
}

/* --- issue --- */

struct issue_job {
	struct local *local;
	struct pubkey *key; /* of the issuing certificate */
	void (*done)(void *arg, enum rc rc, struct bytes certificate, const struct fault *f);
	void *arg;
	size_t tbs_len;
	uint8_t tbs[];
};

static void job_free(struct issue_job *job)
{
	if (job)
		pubkey_free(job->key);
	free(job);
}

static enum rc key_of(struct local *l, struct bytes spki, struct pubkey **out)
{
	struct pubkey *key = NULL;
	size_t i = 0;
	enum rc rc;

	while (i < KEY_CACHE && l->keys[i] && !bytes_eq(pubkey_spki(l->keys[i]), spki))
		i++;
	if (i < KEY_CACHE && l->keys[i]) {
		key = l->keys[i];
	} else {
		rc = pubkey_from_spki(spki, &key, NULL);
		if (rc != RC_OK)
			return rc;
		if (i == KEY_CACHE)
			pubkey_free(l->keys[--i]);
	}
	memmove(&l->keys[1], &l->keys[0], i * sizeof(l->keys[0]));
	l->keys[0] = key;
	*out = pubkey_ref(key);
	return RC_OK;
}

static enum rc job_new(struct local *l, struct bytes claim, struct issue_job **out)
{
	struct issue_job *job;
	struct bytes spki, tbs;
	size_t spki_len;
	enum rc rc;

	if (claim.len < CLAIM_HEAD || claim.p[0] != CLAIM_VERSION)
		return RC_INVALID;
	spki_len = (size_t)claim.p[1] << 8 | claim.p[2];
	if (spki_len >= claim.len - CLAIM_HEAD)
		return RC_INVALID;
	spki = bytes_of(claim.p + CLAIM_HEAD, spki_len);
	tbs = bytes_of(spki.p + spki_len, claim.len - CLAIM_HEAD - spki_len);
	if (tbs.len > LIMIT_TBS_BYTES)
		return RC_INVALID;
	job = malloc(sizeof(*job) + tbs.len);
	if (!job)
		return RC_NOMEM;
	rc = key_of(l, spki, &job->key);
	if (rc != RC_OK) {
		free(job);
		return rc;
	}
	job->local = l;
	job->tbs_len = tbs.len;
	memcpy(job->tbs, tbs.p, tbs.len);
	*out = job;
	return RC_OK;
}

/* The certificate of our TBS and this signature, found good. */
static enum rc finish_certificate(struct arena *a, const struct issue_job *job, struct bytes sig,
				  struct bytes *out, struct fault *f)
{
	enum sig_alg alg = key_x509_sig_alg(pubkey_type(job->key));
	struct bytes tbs = bytes_of(job->tbs, job->tbs_len);
	struct cert_info info;
	enum rc rc;

	if ((rc = cert_assemble(a, tbs, alg, sig, out)) != RC_OK ||
	    (rc = cert_parse(a, *out, &info, f)) != RC_OK)
		return rc;
	if (!bytes_eq(info.tbs, tbs) || info.alg != alg ||
	    pubkey_verify_x509(job->key, alg, tbs, info.signature) != RC_OK)
		return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
				 "RFC 5280 §4.1.1.3: the signer's signature is not that of the "
				 "authority's key over this certificate");
	return RC_OK;
}

/* As issuer.h has it: what is final, and what may pass. */
static enum rc outcome(enum rc rc)
{
	switch (rc) {
	case RC_CONFLICT:
	case RC_NOTFOUND:
		return RC_DENIED;
	case RC_LIMIT:
		return RC_BUSY;
	default:
		return rc;
	}
}

static void on_signature(void *arg, enum rc rc, struct bytes sig, const struct fault *why)
{
	struct issue_job *job = arg;
	struct bytes certificate = { 0 };
	struct fault f = { 0 };
	struct arena a;

	arena_init(&a, CLAIM_ARENA);
	if (rc == RC_OK) {
		rc = finish_certificate(&a, job, sig, &certificate, &f);
		why = &f;
	}
	if (rc != RC_OK)
		certificate = (struct bytes){ 0 };
	job->done(job->arg, outcome(rc), certificate, why);
	arena_done(&a);
	fault_done(&f);
	job_free(job);
}

static enum rc local_issue(struct issuer *i, struct str authority, struct str profile,
			   struct bytes claim,
			   void (*done)(void *arg, enum rc rc, struct bytes certificate,
					const struct fault *f),
			   void *arg)
{
	struct local *l = (struct local *)i;
	struct issue_job *job;
	enum rc rc = job_new(l, claim, &job);

	if (rc != RC_OK)
		return rc;
	job->done = done;
	job->arg = arg;
	rc = signer_sign(l->signer, authority, profile, bytes_of(job->tbs, job->tbs_len),
			 on_signature, job);
	if (rc != RC_OK)
		job_free(job);
	return rc;
}

static void local_free(struct issuer *i)
{
	struct local *l = (struct local *)i;

	if (!l)
		return;
	for (size_t k = 0; k < KEY_CACHE; k++)
		pubkey_free(l->keys[k]);
	free(l);
}

static const struct issuer_ops local_ops = {
	.type = "local",
	.prepare = local_prepare,
	.issue = local_issue,
	.free = local_free,
};

enum rc issuer_local_new(struct signer *signer, struct issuer **out)
{
	struct local *l = calloc(1, sizeof(*l));

	if (!l)
		return RC_NOMEM;
	l->issuer.ops = &local_ops;
	l->signer = signer;
	*out = &l->issuer;
	return RC_OK;
}
