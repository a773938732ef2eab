/* ocsp.c - requests and answers (ocsp.h). Every request passes der_check() first: then each item is
 * well-formed DER within the budgets, and reading it is following the ASN.1 of RFC 6960 §4.1.1. */
#include "crypto/ocsp.h"

#include "crypto/digest.h"
#include "crypto/x509_impl.h"

#define OID(text) bytes_of(text, sizeof(text) - 1)
#define OID_SHA1 OID("\x2b\x0e\x03\x02\x1a")
#define OID_SHA256 OID("\x60\x86\x48\x01\x65\x03\x04\x02\x01")
#define OID_BASIC OID("\x2b\x06\x01\x05\x05\x07\x30\x01\x01")
#define OID_NONCE OID("\x2b\x06\x01\x05\x05\x07\x30\x01\x02")

#define SINGLE_ROOM 96    /* of one answer beside its CertID */
#define RESPONSE_ROOM 256 /* of all beside answers, nonce, signature and certificate */

/* --- requests --- */

static enum rc bad(struct fault *f, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "%s", why);
}

/* AlgorithmIdentifier with NULL parameters or none. */
static bool read_hash(struct der *d, enum ocsp_hash *out)
{
	struct der alg;
	struct der_item id, parameters;

	if (!der_enter(d, DER_SEQUENCE, &alg) || !der_get(&alg, DER_OID, &id))
		return false;
	*out = bytes_eq(id.body, OID_SHA1) ? OCSP_SHA1 : bytes_eq(id.body, OID_SHA256) ? OCSP_SHA256
										       : OCSP_HASH_OTHER;
	if (der_at_end(&alg))
		return true;
	if (*out == OCSP_HASH_OTHER)
		return der_next(&alg, &parameters) && der_at_end(&alg);
	return der_get(&alg, DER_NULL, &parameters) && der_at_end(&alg);
}

static bool read_cert_id(struct der *d, struct ocsp_cert_id *out)
{
	struct der_item whole, name, key, serial;
	struct der id;

	if (!der_get(d, DER_SEQUENCE, &whole))
		return false;
	id = der_over(whole.body);
	if (!read_hash(&id, &out->hash) || !der_get(&id, DER_OCTET_STRING, &name) ||
	    !der_get(&id, DER_OCTET_STRING, &key) || !der_get(&id, DER_INTEGER, &serial) || !der_at_end(&id))
		return false;
	out->whole = whole.whole;
	out->name_hash = name.body;
	out->key_hash = key.body;
	out->serial = serial.body;
	return true;
}

/* RFC 9654 §2.1: Nonce ::= OCTET STRING (SIZE (1..128)), inside the extension's own octets. */
static enum rc read_nonce(struct bytes value, struct bytes *out, struct fault *f)
{
	struct der d = der_over(value);
	struct der_item nonce;

	if (out->p)
		return bad(f, "RFC 6960 §4.1.1: the nonce is there twice");
	if (!der_get(&d, DER_OCTET_STRING, &nonce) || !der_at_end(&d) || nonce.body.len < 1 ||
	    nonce.body.len > OCSP_NONCE_MAX)
		return bad(f, "RFC 9654 §2.1: a nonce is an OCTET STRING of 1 to 128 octets");
	*out = nonce.body;
	return RC_OK;
}

/* Extensions, already below their context tag. out_nonce NULL: none is known here. */
static enum rc read_extensions(struct der *tagged, struct bytes *out_nonce, struct fault *f)
{
	struct der list;

	if (!der_enter(tagged, DER_SEQUENCE, &list) || !der_at_end(tagged) || der_at_end(&list))
		return bad(f, "RFC 6960 §4.1.1: extensions are malformed");
	while (!der_at_end(&list)) {
		struct der_item id, value;
		struct der ext;
		bool critical;
		enum rc rc;

		if (!der_enter(&list, DER_SEQUENCE, &ext) || !der_get(&ext, DER_OID, &id) ||
		    !der_get_default_false(&ext, &critical) || !der_get(&ext, DER_OCTET_STRING, &value) ||
		    !der_at_end(&ext))
			return bad(f, "RFC 5280 §4.1: an extension is malformed");
		if (out_nonce && bytes_eq(id.body, OID_NONCE)) {
			rc = read_nonce(value.body, out_nonce, f);
			if (rc != RC_OK)
				return rc;
		} else if (critical) {
			return bad(f, "RFC 6960 §4.4: a critical extension that we do not know");
		}
	}
	return RC_OK;
}

static enum rc read_single(struct der *list, struct ocsp_cert_id *out, struct fault *f)
{
	struct der request, tagged;

	if (!der_enter(list, DER_SEQUENCE, &request) || !read_cert_id(&request, out))
		return bad(f, "RFC 6960 §4.1.1: a Request is malformed");
	if (der_at_end(&request))
		return RC_OK;
	if (!der_enter(&request, DER_CONTEXT_CONS(0), &tagged) || !der_at_end(&request))
		return bad(f, "RFC 6960 §4.1.1: a Request is malformed");
	return read_extensions(&tagged, NULL, f);
}

static enum rc read_singles(struct der *d, struct ocsp_request *out, struct fault *f)
{
	struct der list;

	if (!der_enter(d, DER_SEQUENCE, &list) || der_at_end(&list))
		return bad(f, "RFC 6960 §4.1.1: the request asks for nothing");
	while (!der_at_end(&list)) {
		enum rc rc;

		if (out->count == OCSP_IDS_MAX)
			return bad(f, "policy: the request asks for too many certificates at once");
		rc = read_single(&list, &out->ids[out->count], f);
		if (rc != RC_OK)
			return rc;
		out->count++;
	}
	return RC_OK;
}

/* version [0] DEFAULT v1 and requestorName [1], whose content nobody reads. */
static bool skip_beginning(struct der *tbs)
{
	struct der version;
	struct der_item requestor;
	int number;

	if (der_is_next(tbs, DER_CONTEXT_CONS(0)) &&
	    (!der_enter(tbs, DER_CONTEXT_CONS(0), &version) || !der_get_small(&version, &number) ||
	     number != 0 || !der_at_end(&version)))
		return false;
	return !der_is_next(tbs, DER_CONTEXT_CONS(1)) || der_get(tbs, DER_CONTEXT_CONS(1), &requestor);
}

enum rc ocsp_request_parse(struct bytes der, struct ocsp_request *out, struct fault *f)
{
	struct der request, tbs, tagged;
	struct der_item signature;
	const char *why;
	enum rc rc;

	*out = (struct ocsp_request){ 0 };
	if (der.len > OCSP_REQUEST_MAX)
		return bad(f, "policy: the request is too large");
	why = der_check(der);
	if (why)
		return bad(f, why);
	if (!der_only(der, DER_SEQUENCE, &request) || !der_enter(&request, DER_SEQUENCE, &tbs) ||
	    !skip_beginning(&tbs))
		return bad(f, "RFC 6960 §4.1.1: not an OCSPRequest of version 1");
	rc = read_singles(&tbs, out, f);
	if (rc == RC_OK && der_enter(&tbs, DER_CONTEXT_CONS(2), &tagged))
		rc = read_extensions(&tagged, &out->nonce, f);
	if (rc != RC_OK)
		return rc;
	if (!der_at_end(&tbs) || (!der_at_end(&request) && !der_get(&request, DER_CONTEXT_CONS(0), &signature)) ||
	    !der_at_end(&request))
		return bad(f, "RFC 6960 §4.1.1: something follows the request");
	return RC_OK;
}

enum rc ocsp_issuer_init(struct bytes dn, struct bytes spki, struct ocsp_issuer *out)
{
	struct der_item alg;
	struct bytes key;
	struct der d;

	if (!der_only(spki, DER_SEQUENCE, &d) || !der_next(&d, &alg) || !der_get_bit_octets(&d, &key) ||
	    !der_at_end(&d))
		return RC_INVALID;
	sha1(dn, out->name_sha1);
	sha1(key, out->key_sha1);
	sha256(dn, out->name_sha256);
	sha256(key, out->key_sha256);
	return RC_OK;
}

bool ocsp_issuer_is(const struct ocsp_issuer *issuer, const struct ocsp_cert_id *id)
{
	switch (id->hash) {
	case OCSP_SHA1:
		return bytes_eq(id->name_hash, bytes_of(issuer->name_sha1, 20)) &&
		       bytes_eq(id->key_hash, bytes_of(issuer->key_sha1, 20));
	case OCSP_SHA256:
		return bytes_eq(id->name_hash, bytes_of(issuer->name_sha256, 32)) &&
		       bytes_eq(id->key_hash, bytes_of(issuer->key_sha256, 32));
	case OCSP_HASH_OTHER:
		break;
	}
	return false;
}

/* --- answers --- */

static void add_status(struct der_writer *w, const struct ocsp_single *s)
{
	uint8_t code = (uint8_t)s->reason;
	size_t info, reason;

	switch (s->status) {
	case OCSP_GOOD:
		der_add(w, DER_CONTEXT(0), bytes_of("", 0));
		return;
	case OCSP_UNKNOWN:
		der_add(w, DER_CONTEXT(2), bytes_of("", 0));
		return;
	case OCSP_REVOKED:
		break;
	}
	info = der_open(w, DER_CONTEXT_CONS(1));
	der_add_generalized_time(w, s->revoked_at);
	if (s->reason != 0) {
		reason = der_open(w, DER_CONTEXT_CONS(0));
		der_add(w, DER_ENUMERATED, bytes_of(&code, 1));
		der_close(w, reason);
	}
	der_close(w, info);
}

static void add_single(struct der_writer *w, const struct ocsp_single *s)
{
	size_t single = der_open(w, DER_SEQUENCE), next;

	der_add_raw(w, s->cert_id);
	add_status(w, s);
	der_add_generalized_time(w, s->this_update);
	next = der_open(w, DER_CONTEXT_CONS(0));
	der_add_generalized_time(w, s->next_update);
	der_close(w, next);
	der_close(w, single);
}

static void add_nonce(struct der_writer *w, struct bytes nonce)
{
	size_t tagged = der_open(w, DER_CONTEXT_CONS(1)), list = der_open(w, DER_SEQUENCE);
	size_t ext = der_open(w, DER_SEQUENCE), value;

	der_add(w, DER_OID, OID_NONCE);
	value = der_open(w, DER_OCTET_STRING);
	der_add(w, DER_OCTET_STRING, nonce);
	der_close(w, value);
	der_close(w, ext);
	der_close(w, list);
	der_close(w, tagged);
}

/* ResponseData; the responder is named by its key (RFC 5019 §2.2.2 asks for the shorter form). */
static enum rc build_data(struct arena *a, const struct ocsp_issuer *self, const struct ocsp_single *singles,
			  size_t count, struct bytes nonce, int64_t produced_at, struct bytes *out)
{
	size_t room = RESPONSE_ROOM + nonce.len, data, mark;
	struct der_writer w;
	enum rc rc;

	for (size_t i = 0; i < count; i++)
		room += SINGLE_ROOM + singles[i].cert_id.len;
	rc = der_writer_init(&w, a, room);
	if (rc != RC_OK)
		return rc;
	data = der_open(&w, DER_SEQUENCE);
	mark = der_open(&w, DER_CONTEXT_CONS(2));
	der_add(&w, DER_OCTET_STRING, bytes_of(self->key_sha1, 20));
	der_close(&w, mark);
	der_add_generalized_time(&w, produced_at);
	mark = der_open(&w, DER_SEQUENCE);
	for (size_t i = 0; i < count; i++)
		add_single(&w, &singles[i]);
	der_close(&w, mark);
	if (nonce.p)
		add_nonce(&w, nonce);
	der_close(&w, data);
	return der_writer_done(&w, out);
}

/* OCSPResponse { successful, { id-pkix-ocsp-basic, BasicOCSPResponse } } (RFC 6960 §4.2.1). */
static enum rc wrap(struct arena *a, struct bytes data, enum sig_alg alg, struct bytes sig,
		    struct bytes certificate, struct bytes *out)
{
	size_t outer, tagged, response, octets, basic, list, certs;
	struct der_writer w;
	enum rc rc = der_writer_init(&w, a, RESPONSE_ROOM + data.len + sig.len + certificate.len);

	if (rc != RC_OK)
		return rc;
	outer = der_open(&w, DER_SEQUENCE);
	der_add(&w, DER_ENUMERATED, bytes_of("", 1));
	tagged = der_open(&w, DER_CONTEXT_CONS(0));
	response = der_open(&w, DER_SEQUENCE);
	der_add(&w, DER_OID, OID_BASIC);
	octets = der_open(&w, DER_OCTET_STRING);
	basic = der_open(&w, DER_SEQUENCE);
	der_add_raw(&w, data);
	der_add_raw(&w, sig_alg_der(alg));
	der_add_bit_octets(&w, sig);
	certs = der_open(&w, DER_CONTEXT_CONS(0));
	list = der_open(&w, DER_SEQUENCE);
	der_add_raw(&w, certificate);
	der_close(&w, list);
	der_close(&w, certs);
	der_close(&w, basic);
	der_close(&w, octets);
	der_close(&w, response);
	der_close(&w, tagged);
	der_close(&w, outer);
	return der_writer_done(&w, out);
}

enum rc ocsp_response_build(struct arena *a, const struct ocsp_responder *responder,
			    const struct ocsp_single *singles, size_t count, struct bytes nonce,
			    int64_t produced_at, struct bytes *out)
{
	const struct pubkey *key = privkey_pubkey(responder->key);
	struct ocsp_issuer self;
	uint8_t sig[SIG_MAX];
	struct bytes data;
	size_t sig_len;
	enum rc rc = ocsp_issuer_init(bytes_of("", 0), pubkey_spki(key), &self);

	if (rc == RC_OK)
		rc = build_data(a, &self, singles, count, nonce, produced_at, &data);
	if (rc == RC_OK)
		rc = privkey_sign_x509(responder->key, data, sig, &sig_len);
	if (rc == RC_OK)
		rc = wrap(a, data, key_x509_sig_alg(pubkey_type(key)), bytes_of(sig, sig_len),
			  responder->certificate, out);
	return rc;
}

struct bytes ocsp_error_response(enum ocsp_error error)
{
	switch (error) {
	case OCSP_MALFORMED:
		return bytes_of("\x30\x03\x0a\x01\x01", 5);
	case OCSP_INTERNAL:
		return bytes_of("\x30\x03\x0a\x01\x02", 5);
	case OCSP_TRY_LATER:
		return bytes_of("\x30\x03\x0a\x01\x03", 5);
	case OCSP_UNAUTHORIZED:
		break;
	}
	return bytes_of("\x30\x03\x0a\x01\x06", 5);
}
