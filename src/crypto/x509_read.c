/* x509_read.c - the pieces that certificates and requests have in common: extensions and what is
 * in them (RFC 5280 §4.2), signature algorithms (RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3). */
#include "crypto/x509_impl.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"

enum rc x509_bad(const struct x509_ctx *c, const char *fmt, ...)
{
	char text[FAULT_DETAIL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(c->fault, RC_INVALID, c->problem, "%s", text);
}

enum rc x509_nomem(const struct x509_ctx *c)
{
	return fault_set(c->fault, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "no memory to read an object");
}

bool sig_alg_read(struct der *d, enum sig_alg *out, struct der_item *out_whole)
{
	struct der ahead = *d, inner;
	struct der_item oid, null;
	enum sig_alg alg;

	if (!der_get(&ahead, DER_SEQUENCE, out_whole))
		return false;
	inner = der_over(out_whole->body);
	if (!der_get(&inner, DER_OID, &oid))
		return false;
	alg = (enum sig_alg)oid_find(OID_SIGNATURE, oid.body, NULL);
	/* RFC 4055 §5: NULL for RSA, and its absence must be accepted; nothing for the others. */
	if (alg >= SIG_RS256 && alg <= SIG_RS512 && der_get(&inner, DER_NULL, &null) &&
	    null.body.len != 0)
		return false;
	if (alg != SIG_NONE && !der_at_end(&inner))
		return false;
	*d = ahead;
	*out = alg;
	return true;
}

static enum rc extension_read(const struct x509_ctx *c, struct der *d, struct extension *out)
{
	struct der ext;
	struct der_item oid, value;
	const char *name;
	char text[DER_OID_TEXT_MAX];

	if (!der_enter(d, DER_SEQUENCE, &ext) || !der_get(&ext, DER_OID, &oid))
		return x509_bad(c, "RFC 5280 §4.1: an Extension is malformed");
	out->oid = oid.body;
	out->id = oid_find(OID_EXTENSION, oid.body, &name);
	if (out->id == 0)
		out->id = EXT_UNKNOWN;
	der_oid_text(oid.body, text);
	if (!der_get_default_false(&ext, &out->critical))
		return x509_bad(c, "X.690 §11.5: extension %s encodes the default of \"critical\"", text);
	if (!der_get(&ext, DER_OCTET_STRING, &value) || !der_at_end(&ext))
		return x509_bad(c, "RFC 5280 §4.1: extension %s (%s) is malformed", name, text);
	if (value.body.len == 0)
		return x509_bad(c, "RFC 5280 §4.2: extension %s (%s) is empty", name, text);
	out->value = value.body;
	return RC_OK;
}

enum rc extensions_read(const struct x509_ctx *c, struct bytes der, struct extension *list,
			size_t *out_count)
{
	struct der d;
	const char *why;
	size_t n = 0;
	enum rc rc;

	if (!der_only(der, DER_SEQUENCE, &d))
		return x509_bad(c, "RFC 5280 §4.1: Extensions are malformed");
	if (der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.1: Extensions are there but empty");
	while (!der_at_end(&d)) {
		if (n == EXTENSIONS_MAX)
			return x509_bad(c, "policy: more than %d extensions", EXTENSIONS_MAX);
		rc = extension_read(c, &d, &list[n]);
		if (rc != RC_OK)
			return rc;
		for (size_t i = 0; i < n; i++)
			if (bytes_eq(list[i].oid, list[n].oid))
				return x509_bad(c, "RFC 5280 §4.2: an extension is there twice");
		/* What we read must be DER to the bottom; what we do not know may be anything. */
		why = list[n].id == EXT_UNKNOWN ? NULL : der_check(list[n].value);
		if (why)
			return x509_bad(c, "RFC 5280 §4.2: content of an extension: %s", why);
		n++;
	}
	*out_count = n;
	return RC_OK;
}

enum rc basic_constraints_read(const struct x509_ctx *c, struct bytes der, bool *out_ca,
			       int *out_path_len)
{
	struct der d;
	bool ca;
	int path_len = -1;

	if (!der_only(der, DER_SEQUENCE, &d) || !der_get_default_false(&d, &ca) ||
	    (!der_at_end(&d) && !der_get_small(&d, &path_len)) || !der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.9: basicConstraints is malformed");
	if (path_len >= 0 && !ca)
		return x509_bad(c, "RFC 5280 §4.2.1.9: pathLenConstraint without cA");
	*out_ca = ca;
	*out_path_len = path_len;
	return RC_OK;
}

enum rc key_usage_read(const struct x509_ctx *c, struct bytes der, unsigned *out)
{
	struct der d = der_over(der);

	if (!der_get_named_bits(&d, out) || !der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.3: keyUsage is malformed");
	if (*out == 0)
		return x509_bad(c, "RFC 5280 §4.2.1.3: keyUsage has no bit set");
	if (*out >= 1U << 9)
		return x509_bad(c, "RFC 5280 §4.2.1.3: keyUsage has bits that do not exist");
	return RC_OK;
}

enum rc ext_key_usage_read(const struct x509_ctx *c, struct bytes der, unsigned *out, bool *out_other)
{
	struct der d;
	struct der_item oid;
	unsigned set = 0, one;
	bool other = false;

	if (!der_only(der, DER_SEQUENCE, &d))
		return x509_bad(c, "RFC 5280 §4.2.1.12: extKeyUsage is malformed");
	if (der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.12: extKeyUsage is an empty SEQUENCE");
	while (!der_at_end(&d)) {
		if (!der_get(&d, DER_OID, &oid))
			return x509_bad(c, "RFC 5280 §4.2.1.12: extKeyUsage is malformed");
		one = oid_find(OID_KEY_PURPOSE, oid.body, NULL);
		if (one & set)
			return x509_bad(c, "policy (RFC 5280 §4.2.1.12): a key purpose is there twice");
		set |= one;
		other |= one == 0;
	}
	*out = set;
	*out_other = other;
	return RC_OK;
}

const char *general_name_type(uint8_t tag)
{
	switch (tag) {
	case DER_CONTEXT_CONS(0):
		return "otherName";
	case DER_CONTEXT(1):
		return "rfc822Name";
	case DER_CONTEXT(2):
		return "dNSName";
	case DER_CONTEXT_CONS(3):
		return "x400Address";
	case DER_CONTEXT_CONS(4):
		return "directoryName";
	case DER_CONTEXT_CONS(5):
		return "ediPartyName";
	case DER_CONTEXT(6):
		return "uniformResourceIdentifier";
	case DER_CONTEXT(7):
		return "iPAddress";
	case DER_CONTEXT(8):
		return "registeredID";
	default:
		return NULL;
	}
}

static enum rc dns_name_read(const struct x509_ctx *c, struct bytes name)
{
	if (name.len == 0 || name.len > LIMIT_NAME)
		return x509_bad(c, "RFC 1035 §2.3.4: a dNSName has 1 to %d octets, this has %zu",
				LIMIT_NAME, name.len);
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= 0x20 || name.p[i] >= 0x7f)
			return x509_bad(c, "RFC 5280 §4.2.1.6: a dNSName is ASCII without spaces, this has "
					   "octet %02x", name.p[i]);
	return RC_OK;
}

static enum rc general_name_read(const struct x509_ctx *c, struct der *d, struct san *out)
{
	struct der_item item;

	if (!der_next(d, &item) || !general_name_type(item.tag))
		return x509_bad(c, "RFC 5280 §4.2.1.6: a GeneralName is malformed");
	out->value = item.body;
	out->tag = item.tag;
	if (item.tag == DER_CONTEXT(2)) {
		out->type = SAN_DNS;
		return dns_name_read(c, item.body);
	}
	if (item.tag == DER_CONTEXT(7)) {
		out->type = SAN_IP;
		if (item.body.len != 4 && item.body.len != 16)
			return x509_bad(c, "RFC 5280 §4.2.1.6: an iPAddress has 4 or 16 octets, this has %zu",
					item.body.len);
		return RC_OK;
	}
	out->type = SAN_OTHER;
	return RC_OK;
}

enum rc sans_read(const struct x509_ctx *c, struct bytes der, size_t max, struct san **out,
		  size_t *out_count)
{
	struct der d, count;
	struct der_item item;
	struct san *list;
	size_t n = 0;
	enum rc rc;

	if (!der_only(der, DER_SEQUENCE, &d))
		return x509_bad(c, "RFC 5280 §4.2.1.6: subjectAltName is malformed");
	for (count = d; der_next(&count, &item);)
		n++;
	if (n == 0)
		return x509_bad(c, "RFC 5280 §4.2.1.6: subjectAltName is an empty SEQUENCE");
	if (n > max)
		return x509_bad(c, "policy: %zu subject alternative names, at most %zu are read", n, max);
	list = arena_array(c->arena, n, sizeof(*list));
	if (!list)
		return x509_nomem(c);
	for (size_t i = 0; i < n; i++) {
		rc = general_name_read(c, &d, &list[i]);
		if (rc != RC_OK)
			return rc;
	}
	if (!der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.6: subjectAltName is malformed");
	*out = list;
	*out_count = n;
	return RC_OK;
}

/* --- name constraints (RFC 5280 §4.2.1.10) --- */

static bool mask_is_prefix(const uint8_t *mask, size_t len)
{
	bool ended = false;

	for (size_t i = 0; i < len * 8; i++) {
		bool bit = mask[i / 8] & (0x80U >> (i % 8));

		if (bit && ended)
			return false;
		ended |= !bit;
	}
	return true;
}

static enum rc subtree_dns(const struct x509_ctx *c, struct bytes base, struct name_subtree *out)
{
	char *text;

	out->type = SAN_DNS;
	if (base.len > 0 && dns_name_read(c, base) != RC_OK)
		return RC_INVALID;
	text = arena_cstr(c->arena, (struct str){ (const char *)base.p, base.len });
	if (!text)
		return x509_nomem(c);
	for (char *p = text; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	out->dns = (struct str){ text, base.len };
	return RC_OK;
}

static enum rc subtree_ip(const struct x509_ctx *c, struct bytes base, struct name_subtree *out)
{
	out->type = SAN_IP;
	if (base.len != 8 && base.len != 32)
		return x509_bad(c, "RFC 5280 §4.2.1.10: an address range has 8 or 32 octets, this has %zu",
				base.len);
	out->ip_len = base.len / 2;
	memcpy(out->ip, base.p, out->ip_len);
	memcpy(out->mask, base.p + out->ip_len, out->ip_len);
	if (!mask_is_prefix(out->mask, out->ip_len))
		return x509_bad(c, "RFC 5280 §4.2.1.10: the mask of an address range is no CIDR prefix");
	return RC_OK;
}

static enum rc subtree_read(const struct x509_ctx *c, struct der *d, struct name_subtree *out)
{
	struct der tree;
	struct der_item base;

	/* RFC 5280 §4.2.1.10: minimum is zero, so absent in DER; maximum is absent. */
	if (!der_enter(d, DER_SEQUENCE, &tree) || !der_next(&tree, &base) || !der_at_end(&tree) ||
	    !general_name_type(base.tag))
		return x509_bad(c, "RFC 5280 §4.2.1.10: a GeneralSubtree is malformed");
	if (base.tag == DER_CONTEXT(2))
		return subtree_dns(c, base.body, out);
	if (base.tag == DER_CONTEXT(7))
		return subtree_ip(c, base.body, out);
	out->type = SAN_OTHER;
	return RC_OK;
}

static enum rc subtrees_read(const struct x509_ctx *c, struct der d, struct name_subtree **out,
			     size_t *out_count)
{
	struct der count = d;
	struct der_item item;
	struct name_subtree *list;
	size_t n = 0;
	enum rc rc;

	while (der_next(&count, &item))
		n++;
	if (n == 0)
		return x509_bad(c, "RFC 5280 §4.2.1.10: GeneralSubtrees are there but empty");
	list = arena_array(c->arena, n, sizeof(*list));
	if (!list)
		return x509_nomem(c);
	for (size_t i = 0; i < n; i++) {
		rc = subtree_read(c, &d, &list[i]);
		if (rc != RC_OK)
			return rc;
	}
	if (!der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.10: GeneralSubtrees are malformed");
	*out = list;
	*out_count = n;
	return RC_OK;
}

enum rc name_constraints_read(const struct x509_ctx *c, struct bytes der, struct cert_info *out)
{
	struct der d, trees;
	enum rc rc;

	if (!der_only(der, DER_SEQUENCE, &d))
		return x509_bad(c, "RFC 5280 §4.2.1.10: nameConstraints is malformed");
	if (der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.10: nameConstraints is an empty SEQUENCE");
	if (der_enter(&d, DER_CONTEXT_CONS(0), &trees)) {
		rc = subtrees_read(c, trees, &out->permit, &out->permit_count);
		if (rc != RC_OK)
			return rc;
	}
	if (der_enter(&d, DER_CONTEXT_CONS(1), &trees)) {
		rc = subtrees_read(c, trees, &out->exclude, &out->exclude_count);
		if (rc != RC_OK)
			return rc;
	}
	if (!der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.10: nameConstraints is malformed");
	return RC_OK;
}
