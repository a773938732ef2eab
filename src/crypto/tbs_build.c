/* tbs_build.c - writes a TBSCertificate (RFC 5280 §4.1, §4.2) from a struct tbs_spec.
 * Straight from the record to DER: no X509 object, no template of libcrypto. It refuses what it
 * cannot write down; whether a certificate may be issued is not decided here but in tbs_check.c,
 * which shares no line and no table with this file. */
#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/key_impl.h"
#include "crypto/x509_impl.h"

#define ID_CE(n) "\x06\x03\x55\x1d" n                       /* 2.5.29.n */
#define ID_PKIX(arcs) "\x06\x08\x2b\x06\x01\x05\x05\x07" arcs /* 1.3.6.1.5.5.7.a.b */

struct bytes sig_alg_der(enum sig_alg alg)
{
#define RSA(n) "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" n "\x05\x00"
#define ECDSA(n) "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" n
	static const char *const text[] = {
		[SIG_RS256] = RSA("\x0b"),   [SIG_RS384] = RSA("\x0c"),   [SIG_RS512] = RSA("\x0d"),
		[SIG_ES256] = ECDSA("\x02"), [SIG_ES384] = ECDSA("\x03"), [SIG_ES512] = ECDSA("\x04"),
		[SIG_EDDSA] = "\x30\x05\x06\x03\x2b\x65\x70",
	};
#undef RSA
#undef ECDSA
	if (alg <= SIG_NONE || (size_t)alg >= COUNT_OF(text))
		return bytes_of(NULL, 0);
	return bytes_of(text[alg], (size_t)text[alg][1] + 2);
}

struct open_ext {
	size_t ext, octets;
};

/* oid: a whole OBJECT IDENTIFIER as a literal. */
static struct open_ext ext_open(struct der_writer *w, const char *oid, bool critical)
{
	struct open_ext e;

	e.ext = der_open(w, DER_SEQUENCE);
	der_add_raw(w, bytes_of(oid, (size_t)oid[1] + 2));
	if (critical)
		der_add_true(w);
	e.octets = der_open(w, DER_OCTET_STRING);
	return e;
}

static void ext_close(struct der_writer *w, struct open_ext e)
{
	der_close(w, e.octets);
	der_close(w, e.ext);
}

/* RFC 5280 §4.2.1.9; critical in every certificate, so that nobody takes a leaf for a CA. */
static void add_basic_constraints(struct der_writer *w, const struct tbs_spec *spec)
{
	struct open_ext e = ext_open(w, ID_CE("\x13"), true);
	size_t seq = der_open(w, DER_SEQUENCE);

	if (spec->ca)
		der_add_true(w);
	if (spec->ca && spec->path_len >= 0)
		der_add_small(w, (unsigned)spec->path_len);
	der_close(w, seq);
	ext_close(w, e);
}

static void add_usages(struct der_writer *w, const struct tbs_spec *spec)
{
	static const struct {
		unsigned bit;
		const char *oid;
	} purposes[] = {
		{ EKU_SERVER_AUTH, ID_PKIX("\x03\x01") },
		{ EKU_CLIENT_AUTH, ID_PKIX("\x03\x02") },
		{ EKU_OCSP_SIGNING, ID_PKIX("\x03\x09") },
	};
	struct open_ext e;
	size_t seq;

	if (spec->key_usage) {
		e = ext_open(w, ID_CE("\x0f"), true); /* RFC 5280 §4.2.1.3: SHOULD be critical */
		der_add_named_bits(w, spec->key_usage);
		ext_close(w, e);
	}
	if (!spec->ext_key_usage)
		return;
	e = ext_open(w, ID_CE("\x25"), false);
	seq = der_open(w, DER_SEQUENCE);
	for (size_t i = 0; i < COUNT_OF(purposes); i++)
		if (spec->ext_key_usage & purposes[i].bit)
			der_add_raw(w, bytes_of(purposes[i].oid, 10));
	der_close(w, seq);
	ext_close(w, e);
}

static void add_key_ids(struct der_writer *w, const struct tbs_spec *spec)
{
	uint8_t id[20];
	struct open_ext e;
	size_t seq;

	sha1(pubkey_bits_octets(spec->key), id); /* RFC 5280 §4.2.1.2 (1) */
	e = ext_open(w, ID_CE("\x0e"), false);
	der_add(w, DER_OCTET_STRING, bytes_of(id, sizeof(id)));
	ext_close(w, e);
	if (!spec->authority_key_id.p)
		return;
	e = ext_open(w, ID_CE("\x23"), false);
	seq = der_open(w, DER_SEQUENCE);
	der_add(w, DER_CONTEXT(0), spec->authority_key_id);
	der_close(w, seq);
	ext_close(w, e);
}

static void add_access(struct der_writer *w, const char *method, struct str url)
{
	size_t seq;

	if (!url.p)
		return;
	seq = der_open(w, DER_SEQUENCE);
	der_add_raw(w, bytes_of(method, 10));
	der_add(w, DER_CONTEXT(6), str_bytes(url));
	der_close(w, seq);
}

/* Where to ask: RFC 5280 §4.2.2.1 and §4.2.1.13. */
static void add_urls(struct der_writer *w, const struct tbs_spec *spec)
{
	size_t list, point, name, full;
	struct open_ext e;

	if (spec->ocsp_url.p || spec->ca_issuers_url.p) {
		e = ext_open(w, ID_PKIX("\x01\x01"), false);
		list = der_open(w, DER_SEQUENCE);
		add_access(w, ID_PKIX("\x30\x01"), spec->ocsp_url);
		add_access(w, ID_PKIX("\x30\x02"), spec->ca_issuers_url);
		der_close(w, list);
		ext_close(w, e);
	}
	if (!spec->crl_url.p)
		return;
	e = ext_open(w, ID_CE("\x1f"), false);
	list = der_open(w, DER_SEQUENCE);
	point = der_open(w, DER_SEQUENCE);
	name = der_open(w, DER_CONTEXT_CONS(0)); /* distributionPoint, a CHOICE, so explicit */
	full = der_open(w, DER_CONTEXT_CONS(0)); /* fullName */
	der_add(w, DER_CONTEXT(6), str_bytes(spec->crl_url));
	der_close(w, full);
	der_close(w, name);
	der_close(w, point);
	der_close(w, list);
	ext_close(w, e);
}

/* RFC 5280 §4.2.1.6; the order of the names is the caller's. */
static void add_sans(struct der_writer *w, const struct tbs_spec *spec)
{
	struct open_ext e;
	size_t seq;

	if (spec->san_count == 0)
		return;
	e = ext_open(w, ID_CE("\x11"), spec->san_critical);
	seq = der_open(w, DER_SEQUENCE);
	for (size_t i = 0; i < spec->san_count; i++)
		der_add(w, spec->sans[i].type == SAN_DNS ? DER_CONTEXT(2) : DER_CONTEXT(7),
			spec->sans[i].value);
	der_close(w, seq);
	ext_close(w, e);
}

static void add_subtree(struct der_writer *w, uint8_t tag, struct bytes a, struct bytes b)
{
	size_t tree = der_open(w, DER_SEQUENCE), base = der_open(w, tag);

	der_add_raw(w, a);
	der_add_raw(w, b);
	der_close(w, base);
	der_close(w, tree);
}

/* RFC 5280 §4.2.1.10: a name of a type that no subtree mentions is free. Whoever trusts a CA
 * limited to lab.internal expects no certificate for 8.8.8.8 from it, so such types are excluded. */
static void add_exclusions(struct der_writer *w, bool dns, bool ip4, bool ip6)
{
	static const uint8_t zeros[32];
	size_t excluded;

	if (dns && ip4 && ip6)
		return;
	excluded = der_open(w, DER_CONTEXT_CONS(1));
	if (!dns)
		add_subtree(w, DER_CONTEXT(2), bytes_of("", 0), bytes_of("", 0));
	if (!ip4)
		add_subtree(w, DER_CONTEXT(7), bytes_of(zeros, 8), bytes_of("", 0));
	if (!ip6)
		add_subtree(w, DER_CONTEXT(7), bytes_of(zeros, 32), bytes_of("", 0));
	der_close(w, excluded);
}

static void add_name_constraints(struct der_writer *w, const struct tbs_spec *spec)
{
	bool dns = false, ip4 = false, ip6 = false;
	struct open_ext e;
	size_t seq, permitted;

	if (spec->permit_count == 0)
		return;
	e = ext_open(w, ID_CE("\x1e"), true);
	seq = der_open(w, DER_SEQUENCE);
	permitted = der_open(w, DER_CONTEXT_CONS(0));
	for (size_t i = 0; i < spec->permit_count; i++) {
		const struct name_subtree *t = &spec->permit[i];

		if (t->type == SAN_DNS)
			add_subtree(w, DER_CONTEXT(2), str_bytes(t->dns), bytes_of("", 0));
		else
			add_subtree(w, DER_CONTEXT(7), bytes_of(t->ip, t->ip_len),
				    bytes_of(t->mask, t->ip_len));
		dns |= t->type == SAN_DNS;
		ip4 |= t->type == SAN_IP && t->ip_len == 4;
		ip6 |= t->type == SAN_IP && t->ip_len == 16;
	}
	der_close(w, permitted);
	add_exclusions(w, dns, ip4, ip6);
	der_close(w, seq);
	ext_close(w, e);
}

static void add_extensions(struct der_writer *w, const struct tbs_spec *spec)
{
	size_t tagged = der_open(w, DER_CONTEXT_CONS(3)), seq = der_open(w, DER_SEQUENCE);
	struct open_ext e;

	add_basic_constraints(w, spec);
	add_usages(w, spec);
	add_key_ids(w, spec);
	add_urls(w, spec);
	add_sans(w, spec);
	add_name_constraints(w, spec);
	if (spec->must_staple) { /* RFC 7633 §4: TLS feature 5, status_request */
		e = ext_open(w, ID_PKIX("\x01\x18"), false);
		der_add_raw(w, bytes_of("\x30\x03\x02\x01\x05", 5));
		ext_close(w, e);
	}
	if (spec->ocsp_nocheck) {
		e = ext_open(w, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x05", false);
		der_add(w, DER_NULL, bytes_of("", 0));
		ext_close(w, e);
	}
	der_close(w, seq);
	der_close(w, tagged);
}

static bool serial_is_der(struct bytes s)
{
	/* RFC 5280 §4.1.2.2: positive, at most 20 octets. */
	return s.len >= 1 && s.len <= SERIAL_MAX && s.p[0] < 0x80 &&
	       (s.len == 1 ? s.p[0] != 0 : s.p[0] != 0 || s.p[1] >= 0x80);
}

static bool is_ia5(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.p[i] <= 0x20 || b.p[i] >= 0x7f)
			return false;
	return b.len > 0;
}

static bool url_fits(struct str url)
{
	return !url.p || is_ia5(str_bytes(url));
}

static bool names_fit(const struct tbs_spec *spec)
{
	for (size_t i = 0; i < spec->san_count; i++) {
		const struct san *s = &spec->sans[i];

		if (s->type == SAN_DNS ? !is_ia5(s->value) || s->value.len > LIMIT_NAME :
		    s->type == SAN_IP  ? s->value.len != 4 && s->value.len != 16 :
					 true)
			return false;
	}
	for (size_t i = 0; i < spec->permit_count; i++) {
		const struct name_subtree *t = &spec->permit[i];

		if (t->type == SAN_DNS ? !is_ia5(str_bytes(t->dns)) :
		    t->type == SAN_IP  ? t->ip_len != 4 && t->ip_len != 16 :
					 true)
			return false;
	}
	return spec->permit_count == 0 || spec->ca; /* RFC 5280 §4.2.1.10: only in a CA certificate */
}

/* More than the DER can come to. */
static size_t size_of(const struct tbs_spec *spec)
{
	size_t size = 640 + spec->issuer_dn.len + spec->subject_dn.len + spec->key->spki.len +
		      spec->authority_key_id.len + spec->ocsp_url.len + spec->ca_issuers_url.len +
		      spec->crl_url.len + 80 * spec->permit_count;

	for (size_t i = 0; i < spec->san_count; i++)
		size += spec->sans[i].value.len + 4;
	for (size_t i = 0; i < spec->permit_count; i++)
		size += spec->permit[i].dns.len;
	return size;
}

enum rc tbs_build(struct arena *a, const struct tbs_spec *spec, struct bytes *out)
{
	struct bytes alg = sig_alg_der(spec->alg);
	struct der_writer w;
	size_t tbs, mark;
	enum rc rc;

	if (!spec->key || !alg.p || !serial_is_der(spec->serial) || !spec->issuer_dn.len ||
	    !spec->subject_dn.len || spec->not_before > spec->not_after || !names_fit(spec) ||
	    !url_fits(spec->ocsp_url) || !url_fits(spec->ca_issuers_url) || !url_fits(spec->crl_url) ||
	    size_of(spec) > LIMIT_TBS_BYTES)
		return RC_INVALID;
	rc = der_writer_init(&w, a, size_of(spec));
	if (rc != RC_OK)
		return rc;
	tbs = der_open(&w, DER_SEQUENCE);
	der_add_raw(&w, bytes_of("\xa0\x03\x02\x01\x02", 5)); /* version 3, RFC 5280 §4.1.2.1 */
	der_add(&w, DER_INTEGER, spec->serial);
	der_add_raw(&w, alg);
	der_add_raw(&w, spec->issuer_dn);
	mark = der_open(&w, DER_SEQUENCE);
	der_add_time(&w, spec->not_before);
	der_add_time(&w, spec->not_after);
	der_close(&w, mark);
	der_add_raw(&w, spec->subject_dn);
	der_add_raw(&w, spec->key->spki);
	add_extensions(&w, spec);
	der_close(&w, tbs);
	/* The room was counted, so what did not fit is a date outside 1950..9999. */
	return der_writer_done(&w, out) == RC_OK ? RC_OK : RC_INVALID;
}

enum rc cert_assemble(struct arena *a, struct bytes tbs, enum sig_alg alg, struct bytes sig,
		      struct bytes *out)
{
	struct bytes alg_der = sig_alg_der(alg);
	struct der_writer w;
	size_t mark;
	enum rc rc;

	if (!alg_der.p || tbs.len == 0 || tbs.len > LIMIT_TBS_BYTES || sig.len == 0 || sig.len > SIG_MAX)
		return RC_INVALID;
	rc = der_writer_init(&w, a, tbs.len + alg_der.len + sig.len + 16);
	if (rc != RC_OK)
		return rc;
	mark = der_open(&w, DER_SEQUENCE);
	der_add_raw(&w, tbs);
	der_add_raw(&w, alg_der);
	der_add_bit_octets(&w, sig);
	der_close(&w, mark);
	return der_writer_done(&w, out);
}
