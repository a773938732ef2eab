/* jose.c - signatures: checking them, and the two forms of ECDSA (RFC 7518 §3, RFC 8037 §3.1,
 * RFC 5480 appendix A, RFC 8410 §3). */
#include "crypto/der.h"
#include "crypto/evp.h"
#include "crypto/key_impl.h"

static const char *const jose_names[] = {
	[SIG_RS256] = "RS256", [SIG_RS384] = "RS384", [SIG_RS512] = "RS512", [SIG_ES256] = "ES256",
	[SIG_ES384] = "ES384", [SIG_ES512] = "ES512", [SIG_EDDSA] = "EdDSA",
};

const char *sig_alg_jose_name(enum sig_alg alg)
{
	return alg > SIG_NONE && (size_t)alg < COUNT_OF(jose_names) ? jose_names[alg] : "none";
}

enum sig_alg sig_alg_from_jose_name(struct str name)
{
	/* Only what some key type signs with: RS384 and RS512 exist in X.509 alone. */
	for (int type = KEY_RSA; type <= KEY_ED25519; type++)
		if (str_is(name, jose_names[key_jose_sig_alg((enum key_type)type)]))
			return key_jose_sig_alg((enum key_type)type);
	return SIG_NONE;
}

const EVP_MD *sig_alg_md(enum sig_alg alg)
{
	switch (alg) {
	case SIG_RS256:
	case SIG_ES256:
		return evp()->sha256;
	case SIG_RS384:
	case SIG_ES384:
		return evp()->sha384;
	case SIG_RS512:
	case SIG_ES512:
		return evp()->sha512;
	default:
		return NULL;
	}
}

bool sig_alg_fits_type(enum sig_alg alg, enum key_type type)
{
	switch (alg) {
	case SIG_RS256:
	case SIG_RS384:
	case SIG_RS512:
		return type == KEY_RSA;
	case SIG_ES256:
	case SIG_ES384:
	case SIG_ES512:
		return key_coord_len(type) != 0;
	case SIG_EDDSA:
		return type == KEY_ED25519;
	default:
		return false;
	}
}

bool ecdsa_raw_to_der(struct bytes raw, size_t coord_len, uint8_t *out, size_t *out_len)
{
	struct der_writer w = der_writer_over(out, SIG_MAX);
	size_t seq;

	if (coord_len == 0 || raw.len != 2 * coord_len)
		return false;
	seq = der_open(&w, DER_SEQUENCE);
	der_add_unsigned(&w, bytes_of(raw.p, coord_len));
	der_add_unsigned(&w, bytes_of(raw.p + coord_len, coord_len));
	der_close(&w, seq);
	*out_len = w.len;
	return !w.failed;
}

/* Strictly SEQUENCE { r INTEGER, s INTEGER }, both positive and not longer than the curve. */
static bool ecdsa_read(struct bytes der, size_t coord_len, struct bytes *r, struct bytes *s)
{
	struct der seq;

	return der_only(der, DER_SEQUENCE, &seq) && der_get_unsigned(&seq, r) &&
	       der_get_unsigned(&seq, s) && der_at_end(&seq) && r->len <= coord_len &&
	       s->len <= coord_len;
}

bool ecdsa_der_to_raw(struct bytes der, size_t coord_len, uint8_t *out, size_t *out_len)
{
	struct bytes r, s;

	if (coord_len == 0 || !ecdsa_read(der, coord_len, &r, &s))
		return false;
	memset(out, 0, 2 * coord_len);
	memcpy(out + coord_len - r.len, r.p, r.len);
	memcpy(out + 2 * coord_len - s.len, s.p, s.len);
	*out_len = 2 * coord_len;
	return true;
}

static enum rc verify(const struct pubkey *k, enum sig_alg alg, struct bytes data, struct bytes sig)
{
	EVP_MD_CTX *ctx = evp_md_ctx();

	if (!ctx)
		return RC_NOMEM;
	if (EVP_DigestVerifyInit(ctx, NULL, sig_alg_md(alg), NULL, k->evp) != 1)
		return evp_failed(RC_IO);
	if (EVP_DigestVerify(ctx, sig.p, sig.len, data.p, data.len) != 1)
		return evp_failed(RC_DENIED);
	return RC_OK;
}

enum rc pubkey_verify_jose(const struct pubkey *k, enum sig_alg alg, struct bytes data,
			   struct bytes sig)
{
	uint8_t der[SIG_MAX];
	size_t coord_len = key_coord_len(k->type);

	if (alg == SIG_NONE || alg != key_jose_sig_alg(k->type))
		return RC_INVALID;
	if (coord_len == 0)
		return verify(k, alg, data, sig);
	if (!ecdsa_raw_to_der(sig, coord_len, der, &sig.len))
		return RC_DENIED; /* RFC 7518 §3.4: any other length is no signature */
	sig.p = der;
	return verify(k, alg, data, sig);
}

enum rc pubkey_verify_x509(const struct pubkey *k, enum sig_alg alg, struct bytes data,
			   struct bytes sig)
{
	size_t coord_len = key_coord_len(k->type);
	struct bytes r, s;

	if (!sig_alg_fits_type(alg, k->type))
		return RC_INVALID;
	if (coord_len != 0 && !ecdsa_read(sig, coord_len, &r, &s))
		return RC_DENIED;
	return verify(k, alg, data, sig);
}
