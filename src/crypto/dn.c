/* dn.c - distinguished names (RFC 5280 §4.1.2.4): reading attribute by attribute, building the
 * plain ones that we issue. */
#include "crypto/x509_impl.h"

bool dn_open(struct dn_reader *r, struct bytes dn)
{
	*r = (struct dn_reader){ 0 };
	return der_only(dn, DER_SEQUENCE, &r->rdns);
}

/* The types that an AttributeValue of a name may have (RFC 5280 appendix A.1: DirectoryString, and
 * what older CAs and emailAddress, DC and the like use). */
static bool is_string_type(uint8_t tag)
{
	return tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING || tag == DER_T61_STRING ||
	       tag == DER_IA5_STRING || tag == 0x12 /* Numeric */ || tag == 0x1c /* Universal */ ||
	       tag == 0x1e /* BMP */;
}

int dn_next(struct dn_reader *r, struct dn_attribute *out)
{
	struct der pair, count;
	struct der_item oid, value, item;

	if (der_at_end(&r->rdn)) {
		if (der_at_end(&r->rdns))
			return 0;
		if (!der_enter(&r->rdns, DER_SET, &r->rdn) || der_at_end(&r->rdn))
			return -1;
		count = r->rdn;
		r->alone = der_next(&count, &item) && der_at_end(&count);
	}
	if (!der_enter(&r->rdn, DER_SEQUENCE, &pair) || !der_get(&pair, DER_OID, &oid) ||
	    !der_next(&pair, &value) || !der_at_end(&pair) || !is_string_type(value.tag))
		return -1;
	out->id = oid_find(OID_ATTRIBUTE, oid.body, &out->name);
	out->oid = oid.body;
	out->tag = value.tag;
	out->value = value.body;
	out->alone = r->alone;
	return 1;
}

const char *dn_ascii_check(const struct dn_attribute *attr)
{
	if (attr->tag != DER_UTF8_STRING && attr->tag != DER_PRINTABLE_STRING &&
	    attr->tag != DER_T61_STRING)
		return "RFC 5280 §4.1.2.4: a CN is a UTF8String or PrintableString";
	if (attr->value.len == 0 || attr->value.len > UB_COMMON_NAME)
		return "RFC 5280 appendix A.1 (ub-common-name): a CN has 1 to 64 characters";
	for (size_t i = 0; i < attr->value.len; i++)
		if (attr->value.p[i] < 0x20 || attr->value.p[i] >= 0x7f)
			return "policy: a CN is ASCII without control characters";
	return NULL;
}

/* Well-formed UTF-8 (RFC 3629 §4) without control characters, counted in characters. */
static bool is_plain_utf8(struct str s, size_t *out_count)
{
	const uint8_t *p = (const uint8_t *)s.p, *end = p + s.len;
	uint32_t c, least;
	size_t count = 0;
	int more;

	for (; p < end; count++) {
		more = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1 : *p >= 0xe0 && *p < 0xf0 ? 2 :
		       *p >= 0xf0 && *p < 0xf5 ? 3 : -1;
		if (more < 0 || more >= end - p)
			return false;
		c = more == 0 ? *p : *p & (0x3fU >> more);
		least = more == 2 ? 0x800 : more == 3 ? 0x10000 : 0;
		for (p++; more > 0; more--, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*p & 0x3f);
		}
		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c < least || c > 0x10ffff ||
		    (c >= 0xd800 && c < 0xe000))
			return false;
	}
	*out_count = count;
	return true;
}

static bool attribute_fits(struct str value)
{
	size_t count;

	return !value.p || (is_plain_utf8(value, &count) && count >= 1 && count <= UB_COMMON_NAME);
}

static void add_attribute(struct der_writer *w, const char *oid, struct str value)
{
	size_t set, pair;

	if (!value.p)
		return;
	set = der_open(w, DER_SET);
	pair = der_open(w, DER_SEQUENCE);
	der_add(w, DER_OID, bytes_of(oid, 3));
	der_add(w, DER_UTF8_STRING, str_bytes(value));
	der_close(w, pair);
	der_close(w, set);
}

enum rc dn_build(struct arena *a, struct str organization, struct str cn, struct bytes *out)
{
	struct der_writer w;
	size_t seq;
	enum rc rc;

	if (!attribute_fits(organization) || !attribute_fits(cn))
		return RC_INVALID;
	rc = der_writer_init(&w, a, organization.len + cn.len + 64);
	if (rc != RC_OK)
		return rc;
	seq = der_open(&w, DER_SEQUENCE);
	add_attribute(&w, "\x55\x04\x0a", organization);
	add_attribute(&w, "\x55\x04\x03", cn);
	der_close(&w, seq);
	return der_writer_done(&w, out);
}
