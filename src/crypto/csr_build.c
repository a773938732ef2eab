/* csr_build.c - writes a PKCS#10 request (RFC 2986 §4): for the agent, for `assay ca csr` and for
 * tests. */
#include "base/limits.h"
#include "crypto/csr.h"
#include "crypto/key_impl.h"
#include "crypto/x509_impl.h"

static void add_extension(struct der_writer *w, const char *oid, bool critical, struct bytes value)
{
	size_t ext = der_open(w, DER_SEQUENCE);

	der_add(w, DER_OID, bytes_of(oid, 3));
	if (critical)
		der_add_true(w);
	der_add(w, DER_OCTET_STRING, value);
	der_close(w, ext);
}

static void add_sans(struct der_writer *w, const struct csr_spec *spec)
{
	size_t ext = der_open(w, DER_SEQUENCE), octets, names;

	der_add(w, DER_OID, bytes_of("\x55\x1d\x11", 3));
	octets = der_open(w, DER_OCTET_STRING);
	names = der_open(w, DER_SEQUENCE);
	for (size_t i = 0; i < spec->san_count; i++)
		der_add(w, spec->sans[i].type == SAN_DNS ? DER_CONTEXT(2) : DER_CONTEXT(7),
			spec->sans[i].value);
	der_close(w, names);
	der_close(w, octets);
	der_close(w, ext);
}

/* Attributes [0] IMPLICIT SET OF: extensionRequest or nothing. */
static void add_attributes(struct der_writer *w, const struct csr_spec *spec)
{
	size_t attributes = der_open(w, DER_CONTEXT_CONS(0)), attribute, set, list;

	if (spec->san_count > 0 || spec->ca) {
		attribute = der_open(w, DER_SEQUENCE);
		der_add(w, DER_OID, bytes_of("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", 9));
		set = der_open(w, DER_SET);
		list = der_open(w, DER_SEQUENCE);
		if (spec->san_count > 0)
			add_sans(w, spec);
		if (spec->ca) {
			add_extension(w, "\x55\x1d\x13", true, bytes_of("\x30\x03\x01\x01\xff", 5));
			/* keyCertSign and cRLSign */
			add_extension(w, "\x55\x1d\x0f", true, bytes_of("\x03\x02\x01\x06", 4));
		}
		der_close(w, list);
		der_close(w, set);
		der_close(w, attribute);
	}
	der_close(w, attributes);
}

static bool names_fit(const struct csr_spec *spec)
{
	for (size_t i = 0; i < spec->san_count; i++) {
		const struct san *s = &spec->sans[i];

		if (s->type == SAN_OTHER || s->value.len == 0 || s->value.len > LIMIT_NAME ||
		    (s->type == SAN_IP && s->value.len != 4 && s->value.len != 16))
			return false;
	}
	return true;
}

enum rc csr_build(struct arena *a, const struct csr_spec *spec, const struct privkey *key,
		  struct bytes *out)
{
	enum sig_alg alg = key_x509_sig_alg(pubkey_type(privkey_pubkey(key)));
	struct bytes spki = pubkey_spki(privkey_pubkey(key)), dn, info;
	uint8_t sig[SIG_MAX];
	size_t size = 256 + spki.len, sig_len, request, mark;
	struct der_writer w;
	enum rc rc;

	if (!names_fit(spec))
		return RC_INVALID;
	rc = dn_build(a, spec->organization, spec->cn, &dn);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < spec->san_count; i++)
		size += spec->sans[i].value.len + 4;
	rc = der_writer_init(&w, a, size + dn.len + SIG_MAX);
	if (rc != RC_OK)
		return rc;
	request = der_open(&w, DER_SEQUENCE);
	mark = der_open(&w, DER_SEQUENCE);
	der_add_small(&w, 0);
	der_add_raw(&w, dn);
	der_add_raw(&w, spki);
	add_attributes(&w, spec);
	der_close(&w, mark);
	if (w.failed)
		return RC_INTERNAL;
	info = bytes_of(w.buf + request, w.len - request);
	rc = privkey_sign_x509(key, info, sig, &sig_len);
	if (rc != RC_OK)
		return rc;
	der_add_raw(&w, sig_alg_der(alg));
	der_add_bit_octets(&w, bytes_of(sig, sig_len));
	der_close(&w, request);
	return der_writer_done(&w, out);
}
