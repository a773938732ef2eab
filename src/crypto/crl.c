/* crl.c - revocation lists (crl.h). The upper half writes them, the lower half is the law that the
 * signer holds against what it is asked to sign. */
#include "crypto/crl.h"

#include "crypto/digest.h"
#include "crypto/x509_impl.h"

#define ENTRY_MAX 64   /* octets of one entry: 20 of serial, a time, a reason */
#define HEAD_ROOM 64   /* beside the names */
#define EXTENSIONS_ROOM 192
#define CLOCK_AHEAD_S 600    /* policy: how far thisUpdate may lie ahead of the signer's clock */
#define CLOCK_BEHIND_S 86400 /* and behind: a list may wait for the signer as long as a claim does */

#define OID_REASON "\x06\x03\x55\x1d\x15" /* 2.5.29.21 */
#define OID_AKI "\x06\x03\x55\x1d\x23"
#define OID_NUMBER "\x06\x03\x55\x1d\x14"
#define OID_IDP "\x06\x03\x55\x1d\x1c"
#define OID_DELTA "\x06\x03\x55\x1d\x1b"
#define OID_FRESHEST "\x06\x03\x55\x1d\x2e"
#define OID_LEN 5

/* --- writing --- */

void crl_add_entry(struct buf *entries, struct bytes serial, int64_t revoked_at, int64_t reason)
{
	uint8_t mem[ENTRY_MAX], code = (uint8_t)reason;
	struct der_writer w = der_writer_over(mem, sizeof(mem));
	size_t entry = der_open(&w, DER_SEQUENCE);
	struct bytes der;

	der_add_unsigned(&w, serial);
	der_add_time(&w, revoked_at);
	if (reason != 0) {
		size_t list = der_open(&w, DER_SEQUENCE), ext = der_open(&w, DER_SEQUENCE), value;

		der_add_raw(&w, bytes_of(OID_REASON, OID_LEN));
		value = der_open(&w, DER_OCTET_STRING);
		der_add(&w, DER_ENUMERATED, bytes_of(&code, 1));
		der_close(&w, value);
		der_close(&w, ext);
		der_close(&w, list);
	}
	der_close(&w, entry);
	if (reason < 0 || reason > 10 || serial.len == 0 || der_writer_done(&w, &der) != RC_OK)
		entries->failed = true;
	else
		buf_add(entries, der.p, der.len);
}

/* Tag and length of content that is added piece by piece. */
static void add_head(struct buf *out, uint8_t tag, size_t len)
{
	uint8_t head[6] = { tag };
	size_t n = 1, octets = 1;

	if (len < 0x80) {
		head[n++] = (uint8_t)len;
	} else {
		while (octets < 4 && len >> (8 * octets))
			octets++;
		head[n++] = (uint8_t)(0x80 | octets);
		while (octets-- > 0)
			head[n++] = (uint8_t)(len >> (8 * octets));
	}
	buf_add(out, head, n);
}

static size_t head_size(size_t len)
{
	return len < 0x80 ? 2 : len < 0x100 ? 3 : len < 0x10000 ? 4 : len < 0x1000000 ? 5 : 6;
}

static void add_number(struct der_writer *w, uint64_t number)
{
	uint8_t octets[8];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(number >> (8 * (7 - i)));
	der_add_unsigned(w, bytes_of(octets, sizeof(octets)));
}

/* SEQUENCE { distributionPoint [0] { fullName [0] { URL } } } */
static void add_point(struct der_writer *w, struct str url)
{
	size_t seq = der_open(w, DER_SEQUENCE), name = der_open(w, DER_CONTEXT_CONS(0));
	size_t full = der_open(w, DER_CONTEXT_CONS(0));

	der_add(w, DER_CONTEXT(6), str_bytes(url));
	der_close(w, full);
	der_close(w, name);
	der_close(w, seq);
}

static void add_distribution_point(struct der_writer *w, struct str url)
{
	size_t ext = der_open(w, DER_SEQUENCE), value;

	der_add_raw(w, bytes_of(OID_IDP, OID_LEN));
	der_add_true(w); /* RFC 5280 §5.2.5: critical */
	value = der_open(w, DER_OCTET_STRING);
	add_point(w, url);
	der_close(w, value);
	der_close(w, ext);
}

static void add_freshest(struct der_writer *w, struct str url)
{
	size_t ext = der_open(w, DER_SEQUENCE), value, points;

	der_add_raw(w, bytes_of(OID_FRESHEST, OID_LEN)); /* RFC 5280 §5.2.6: not critical */
	value = der_open(w, DER_OCTET_STRING);
	points = der_open(w, DER_SEQUENCE);
	add_point(w, url);
	der_close(w, points);
	der_close(w, value);
	der_close(w, ext);
}

static void add_delta_indicator(struct der_writer *w, uint64_t base_number)
{
	size_t ext = der_open(w, DER_SEQUENCE), value;

	der_add_raw(w, bytes_of(OID_DELTA, OID_LEN));
	der_add_true(w); /* RFC 5280 §5.2.4: critical */
	value = der_open(w, DER_OCTET_STRING);
	add_number(w, base_number);
	der_close(w, value);
	der_close(w, ext);
}

static void add_extensions(struct der_writer *w, const struct crl_spec *spec)
{
	size_t tagged = der_open(w, DER_CONTEXT_CONS(0)), list = der_open(w, DER_SEQUENCE), ext, value, seq;

	ext = der_open(w, DER_SEQUENCE);
	der_add_raw(w, bytes_of(OID_AKI, OID_LEN));
	value = der_open(w, DER_OCTET_STRING);
	seq = der_open(w, DER_SEQUENCE);
	der_add(w, DER_CONTEXT(0), spec->authority_key_id);
	der_close(w, seq);
	der_close(w, value);
	der_close(w, ext);
	ext = der_open(w, DER_SEQUENCE);
	der_add_raw(w, bytes_of(OID_NUMBER, OID_LEN));
	value = der_open(w, DER_OCTET_STRING);
	add_number(w, spec->number);
	der_close(w, value);
	der_close(w, ext);
	if (spec->base_number)
		add_delta_indicator(w, spec->base_number);
	if (spec->shard_url.p)
		add_distribution_point(w, spec->shard_url);
	if (spec->delta_url.p)
		add_freshest(w, spec->delta_url);
	der_close(w, list);
	der_close(w, tagged);
}

static void add_beginning(struct der_writer *w, const struct crl_spec *spec)
{
	der_add_small(w, 1); /* v2 */
	der_add_raw(w, sig_alg_der(spec->alg));
	der_add_raw(w, spec->issuer_dn);
	der_add_time(w, spec->this_update);
	der_add_time(w, spec->next_update);
}

enum rc crl_tbs_build(const struct crl_spec *spec, const struct buf *entries, struct buf *out)
{
	AUTO(arena) struct arena a;
	size_t begin_room = HEAD_ROOM + spec->issuer_dn.len;
	size_t end_room = EXTENSIONS_ROOM + spec->authority_key_id.len + spec->shard_url.len + spec->delta_url.len;
	struct der_writer begin, end;
	struct bytes head, tail;
	size_t len;

	if (!sig_alg_der(spec->alg).p || !spec->issuer_dn.len || !spec->authority_key_id.len ||
	    spec->number > INT64_MAX || spec->base_number >= spec->number || spec->next_update <= spec->this_update || !buf_ok(entries) ||
	    entries->len > CRL_TBS_MAX - begin_room - end_room)
		return RC_INVALID;
	arena_init(&a, begin_room + end_room + 64);
	if (der_writer_init(&begin, &a, begin_room) != RC_OK || der_writer_init(&end, &a, end_room) != RC_OK)
		return RC_NOMEM;
	add_beginning(&begin, spec);
	add_extensions(&end, spec);
	if (der_writer_done(&begin, &head) != RC_OK || der_writer_done(&end, &tail) != RC_OK)
		return RC_INVALID;
	len = head.len + tail.len;
	if (entries->len > 0)
		len += head_size(entries->len) + entries->len;
	add_head(out, DER_SEQUENCE, len);
	buf_add(out, head.p, head.len);
	if (entries->len > 0) { /* RFC 5280 §5.1.2.6: no entries, no list of them */
		add_head(out, DER_SEQUENCE, entries->len);
		buf_add_str(out, buf_str(entries));
	}
	buf_add(out, tail.p, tail.len);
	return buf_ok(out) ? RC_OK : RC_NOMEM;
}

enum rc crl_assemble(struct bytes tbs, enum sig_alg alg, struct bytes sig, struct buf *out)
{
	struct bytes alg_der = sig_alg_der(alg);
	uint8_t mem[SIG_MAX + 16];
	struct der_writer w = der_writer_over(mem, sizeof(mem));
	struct bytes bits;

	der_add_bit_octets(&w, sig);
	if (!alg_der.p || tbs.len == 0 || tbs.len > CRL_TBS_MAX || der_writer_done(&w, &bits) != RC_OK)
		return RC_INVALID;
	add_head(out, DER_SEQUENCE, tbs.len + alg_der.len + bits.len);
	buf_add(out, tbs.p, tbs.len);
	buf_add(out, alg_der.p, alg_der.len);
	buf_add(out, bits.p, bits.len);
	return buf_ok(out) ? RC_OK : RC_NOMEM;
}

/* --- shards --- */

unsigned crl_shard_of(struct bytes serial, unsigned shards)
{
	uint8_t hash[32];
	uint64_t v = 0;

	sha256(serial, hash);
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | hash[i];
	return (unsigned)(v % shards) + 1;
}

struct str crl_shard_url(struct arena *a, struct str url, unsigned shard)
{
	return str_of(arena_printf(a, "%.*s-%u.crl", (int)(url.len - 4), url.p, shard));
}

struct str crl_delta_url(struct arena *a, struct str url)
{
	return str_of(arena_printf(a, "%.*s-delta.crl", (int)(url.len - 4), url.p));
}

/* Is text the URL of one of the shards? */
static bool is_shard_url(const struct crl_limits *l, struct str text)
{
	for (unsigned i = 1; i <= l->shards; i++) {
		AUTO(arena) struct arena a;

		arena_init(&a, l->url.len + 64);
		if (str_eq(crl_shard_url(&a, l->url, i), text))
			return true;
	}
	return false;
}

/* --- the law --- */

struct check {
	const struct crl_limits *limits;
	struct fault *f;
};

static enum rc deny(const struct check *c, const char *why)
{
	return fault_set(c->f, RC_DENIED, PROBLEM_SERVER_INTERNAL, "%s", why);
}

/* Extension ::= SEQUENCE { OID, critical DEFAULT FALSE, OCTET STRING }: the content of the octets,
 * and whether the OID is this one. */
static bool next_extension(struct der *list, const char *oid, bool critical, struct bytes *out)
{
	struct der before = *list, ext;
	struct der_item id, value;
	bool is_critical;

	if (der_enter(list, DER_SEQUENCE, &ext) && der_get(&ext, DER_OID, &id) &&
	    bytes_eq(id.whole, bytes_of(oid, OID_LEN)) && der_get_default_false(&ext, &is_critical) &&
	    is_critical == critical && der_get(&ext, DER_OCTET_STRING, &value) && der_at_end(&ext)) {
		*out = value.body;
		return true;
	}
	*list = before;
	return false;
}

static bool reason_is_good(struct bytes value)
{
	/* 0 is left out, 7 is unassigned, removeFromCRL (8) is for delta lists. */
	return value.len == 3 && value.p[0] == DER_ENUMERATED && value.p[1] == 1 && value.p[2] >= 1 &&
	       value.p[2] <= 10 && value.p[2] != 7 && value.p[2] != 8;
}

static enum rc check_entry(const struct check *c, struct der *list)
{
	struct bytes serial, reason;
	struct der entry, extensions;
	int64_t at;

	if (!der_enter(list, DER_SEQUENCE, &entry) || !der_get_unsigned(&entry, &serial) ||
	    serial.len > SERIAL_MAX || !der_get_time(&entry, &at))
		return deny(c, "RFC 5280 §5.1.2.6: an entry of the list is malformed");
	if (at > c->limits->now + CLOCK_AHEAD_S)
		return deny(c, "policy (RFC 5280 §5.1.2.6): an entry is dated ahead of the signer's clock");
	if (der_at_end(&entry))
		return RC_OK;
	if (!der_enter(&entry, DER_SEQUENCE, &extensions) || !der_at_end(&entry) ||
	    !next_extension(&extensions, OID_REASON, false, &reason) || !der_at_end(&extensions) ||
	    !reason_is_good(reason))
		return deny(c, "policy (RFC 5280 §5.3): an entry has more than a reason, or one of no meaning");
	return RC_OK;
}

static enum rc check_entries(const struct check *c, struct der *d)
{
	struct der list;
	enum rc rc = RC_OK;

	if (!der_is_next(d, DER_SEQUENCE))
		return RC_OK;
	if (!der_enter(d, DER_SEQUENCE, &list) || der_at_end(&list))
		return deny(c, "RFC 5280 §5.1.2.6: an empty list of entries must be absent");
	while (rc == RC_OK && !der_at_end(&list))
		rc = check_entry(c, &list);
	return rc;
}

static enum rc check_authority_key(const struct check *c, struct bytes value)
{
	struct der_item id;
	struct der seq;

	if (!der_only(value, DER_SEQUENCE, &seq) || !der_get(&seq, DER_CONTEXT(0), &id) || !der_at_end(&seq) ||
	    !bytes_eq(id.body, c->limits->authority_key_id))
		return deny(c, "RFC 5280 §5.2.1: authorityKeyIdentifier is not the authority's key id");
	return RC_OK;
}

static enum rc check_number(const struct check *c, struct bytes value, uint64_t *out)
{
	struct der d = der_over(value);
	struct bytes octets;
	uint64_t v = 0;

	if (!der_get_unsigned(&d, &octets) || !der_at_end(&d) || octets.len > 8 || octets.p[0] >= 0x80)
		return deny(c, "RFC 5280 §5.2.3: the CRL number is malformed");
	for (size_t i = 0; i < octets.len; i++)
		v = v << 8 | octets.p[i];
	*out = v;
	return RC_OK;
}

/* What add_point() writes, and nothing behind it. */
static bool read_point(struct der *seq, struct str *out_url)
{
	struct der name, full;
	struct der_item uri;

	if (!der_enter(seq, DER_CONTEXT_CONS(0), &name) || !der_at_end(seq) ||
	    !der_enter(&name, DER_CONTEXT_CONS(0), &full) || !der_at_end(&name) ||
	    !der_get(&full, DER_CONTEXT(6), &uri) || !der_at_end(&full))
		return false;
	*out_url = (struct str){ (const char *)uri.body.p, uri.body.len };
	return true;
}

static enum rc check_freshest(const struct check *c, struct bytes value)
{
	struct der points, seq;
	AUTO(arena) struct arena a;
	struct str url;

	arena_init(&a, c->limits->url.len + 64);
	if (!c->limits->delta || !der_only(value, DER_SEQUENCE, &points) || !der_enter(&points, DER_SEQUENCE, &seq) ||
	    !der_at_end(&points) || !read_point(&seq, &url) || !str_eq(url, crl_delta_url(&a, c->limits->url)))
		return deny(c, "policy (RFC 5280 §5.2.6): freshestCRL is not the authority's");
	return RC_OK;
}

/* A delta list is for the same certificates as the full one. */
static enum rc check_delta(const struct check *c, struct bytes value, uint64_t number)
{
	uint64_t base;
	enum rc rc = check_number(c, value, &base);

	if (rc != RC_OK)
		return rc;
	if (!c->limits->delta)
		return deny(c, "policy (RFC 5280 §5.2.4): the authority has no delta lists");
	return base < number ? RC_OK : deny(c, "RFC 5280 §5.2.4: the base of the delta is not before it");
}

static enum rc check_distribution_point(const struct check *c, struct bytes value)
{
	struct der seq;
	struct str url;

	if (!der_only(value, DER_SEQUENCE, &seq) || !read_point(&seq, &url) || !is_shard_url(c->limits, url))
		return deny(c, "policy (RFC 5280 §5.2.5): issuingDistributionPoint is not one of the authority's");
	return RC_OK;
}

static enum rc check_extensions(const struct check *c, struct der *d, uint64_t *out_number)
{
	struct der tagged, list;
	struct bytes value;
	enum rc rc;

	if (!der_enter(d, DER_CONTEXT_CONS(0), &tagged) || !der_at_end(d) ||
	    !der_enter(&tagged, DER_SEQUENCE, &list) || !der_at_end(&tagged))
		return deny(c, "RFC 5280 §5.1.2.7: the extensions are missing, or something follows them");
	if (!next_extension(&list, OID_AKI, false, &value))
		return deny(c, "RFC 5280 §5.2.1: no authorityKeyIdentifier");
	if ((rc = check_authority_key(c, value)) != RC_OK)
		return rc;
	if (!next_extension(&list, OID_NUMBER, false, &value))
		return deny(c, "RFC 5280 §5.2.3: no cRLNumber");
	if ((rc = check_number(c, value, out_number)) != RC_OK)
		return rc;
	if (next_extension(&list, OID_DELTA, true, &value))
		rc = check_delta(c, value, *out_number);
	else if (next_extension(&list, OID_IDP, true, &value))
		rc = check_distribution_point(c, value);
	else if (next_extension(&list, OID_FRESHEST, false, &value))
		rc = check_freshest(c, value);
	if (rc != RC_OK)
		return rc;
	return der_at_end(&list) ? RC_OK
				 : deny(c, "policy (RFC 5280 §5.2): an extension that the signer does not know");
}

static enum rc check_beginning(const struct check *c, struct der *d)
{
	const struct crl_limits *l = c->limits;
	int64_t this_update, next_update;
	struct der_item issuer, whole;
	enum sig_alg alg;
	int version;

	if (!der_get_small(d, &version) || version != 1)
		return deny(c, "RFC 5280 §5.1.2.1: not a list of version 2");
	if (!sig_alg_read(d, &alg, &whole) || alg == SIG_NONE || alg != l->alg)
		return deny(c, "RFC 5280 §5.1.2.2: not the signature algorithm of the authority's key");
	if (!der_get(d, DER_SEQUENCE, &issuer) || !bytes_eq(issuer.whole, l->issuer_dn))
		return deny(c, "RFC 5280 §5.1.2.3: the issuer is not the authority's name");
	if (!der_get_time(d, &this_update) || !der_get_time(d, &next_update) || next_update <= this_update)
		return deny(c, "RFC 5280 §5.1.2.5: nextUpdate is not after thisUpdate");
	if (this_update > l->now + CLOCK_AHEAD_S || this_update < l->now - CLOCK_BEHIND_S)
		return deny(c, "policy (RFC 5280 §5.1.2.4): thisUpdate is not near the signer's clock");
	if (next_update - this_update > CRL_LIFETIME_MAX_S)
		return deny(c, "policy (RFC 5280 §5.1.2.5): the list would be good for too long");
	return RC_OK;
}

enum rc crl_tbs_check(struct bytes tbs, const struct crl_limits *limits, uint64_t *out_number,
		      struct fault *f)
{
	const struct check c = { limits, f };
	struct der d;
	enum rc rc;

	if (tbs.len > CRL_TBS_MAX || !der_only(tbs, DER_SEQUENCE, &d))
		return deny(&c, "X.690 §8.1: not one DER SEQUENCE");
	rc = check_beginning(&c, &d);
	if (rc == RC_OK)
		rc = check_entries(&c, &d);
	return rc == RC_OK ? check_extensions(&c, &d, out_number) : rc;
}
