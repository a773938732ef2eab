/* identifier.c - reading, comparing and storing identifiers (RFC 8555 §7.1.4, §9.7.7; RFC 8738).
 * There is one way in: identifier_parse(). What comes from a store or out of a CSR goes through it
 * again, so that no struct identifier exists that it would refuse. */
#include "acme/identifier.h"

#include <arpa/inet.h>

#include "acme/idna.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"

#define TEXT_MAX (LIMIT_IDENTIFIERS * (LIMIT_NAME + 8))

/* Clips what a peer sent, so that the remedy behind it is not cut off. */
#define SHOW_MAX 120
#define SHOW(s) (int)((s).len < SHOW_MAX ? (s).len : SHOW_MAX), (s).p ? (s).p : ""

const char *identifier_type_name(enum identifier_type type)
{
	return type == IDENTIFIER_IP ? "ip" : "dns";
}

/* --- IP addresses --- */

/* inet_pton() reads one textual address and nothing else: no zone, mask, bracket, leading zero or
 * short form. Its argument needs a terminator. */
static size_t read_address(struct str text, uint8_t out[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy) || (text.len > 0 && memchr(text.p, '\0', text.len)))
		return 0;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, out) == 1)
		return 4;
	return inet_pton(AF_INET6, copy, out) == 1 ? 16 : 0;
}

static bool contains(struct str text, char c)
{
	return text.len > 0 && memchr(text.p, c, text.len) != NULL;
}

static enum rc bad_address(struct str text, struct fault *f)
{
	const char *why = "write one address, such as 192.0.2.1 or 2001:db8::1";

	if (text.len == 0)
		why = "it is empty";
	else if (contains(text, '/'))
		why = "a range cannot be certified; leave out the mask";
	else if (contains(text, '%'))
		why = "leave out the zone";
	else if (contains(text, '['))
		why = "leave out the brackets";
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			 "RFC 8738 §3: \"%.*s\" is not an IP address: %s", SHOW(text), why);
}

static enum rc set_address(struct arena *a, struct str shown, const uint8_t *ip, size_t len,
			   struct identifier *out, struct fault *f)
{
	static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
	struct identifier id = { .type = IDENTIFIER_IP, .ip_len = len };
	char canonical[INET6_ADDRSTRLEN];

	/* One host would have two names, and the rules for the one would not cover the other. */
	if (len == 16 && memcmp(ip, mapped, sizeof(mapped)) == 0)
		return fault_set(f, RC_INVALID, PROBLEM_REJECTED_IDENTIFIER,
				 "RFC 8738 §3: \"%.*s\" is an IPv4 address inside an IPv6 one; ask for %u.%u.%u.%u",
				 SHOW(shown), ip[12], ip[13], ip[14], ip[15]);
	memcpy(id.ip, ip, len);
	if (!inet_ntop(len == 4 ? AF_INET : AF_INET6, ip, canonical, sizeof(canonical)))
		return RC_INTERNAL;
	id.shown = arena_str(a, shown.p ? shown : str_of(canonical));
	id.value = arena_str(a, str_of(canonical));
	if (!id.shown.p || !id.value.p)
		return RC_NOMEM;
	*out = id;
	return RC_OK;
}

static enum rc parse_ip(struct arena *a, struct str text, struct identifier *out, struct fault *f)
{
	uint8_t ip[16];
	size_t len = read_address(text, ip);

	return len > 0 ? set_address(a, text, ip, len, out, f) : bad_address(text, f);
}

/* --- DNS names --- */

static enum rc bad_name(struct str name, struct fault *f, const char *section, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "%s: \"%.*s\" is not a DNS name: %s",
			 section, SHOW(name), why);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* A last label that is a number makes resolvers take the whole for an address: "10.1", "0x7f.1",
 * "2130706433" (RFC 1123 §2.1, RFC 3696 §2). */
static bool is_number(struct str label)
{
	bool hex = str_starts(label, "0x");

	for (size_t i = hex ? 2 : 0; i < label.len; i++)
		if (hex ? !is_lower_hex(label.p[i]) : !is_digit(label.p[i]))
			return false;
	return true;
}

/* Names that are addresses; name has no trailing dot any more. */
static enum rc refuse_address(struct str name, struct fault *f)
{
	uint8_t ip[16];
	struct str bare = name;

	if (bare.len > 2 && bare.p[0] == '[' && bare.p[bare.len - 1] == ']') {
		bare.p++;
		bare.len -= 2;
	}
	if (read_address(bare, ip) == 0)
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_REJECTED_IDENTIFIER,
			 "RFC 8738 §3: \"%.*s\" is an IP address, not a DNS name; ask for it with \"type\":\"ip\"",
			 SHOW(name));
}

static enum rc refuse_unicode(struct str name, struct fault *f)
{
	char ascii[LIMIT_NAME + 1];
	bool wildcard = str_starts(name, "*.");
	struct str base = { name.p + (wildcard ? 2 : 0), name.len - (wildcard ? 2 : 0) };
	bool found = idna_to_ascii(base, ascii);

	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			 "RFC 8555 §7.1.4: \"%.*s\" is not ASCII; %s%s%s%s", SHOW(name),
			 found ? "write it as \"" : "write its labels as A-labels (xn--...)",
			 found && wildcard ? "*." : "", found ? ascii : "", found ? "\"" : "");
}

static enum rc check_label(struct str label, struct str name, struct fault *f)
{
	if (label.len == 0)
		return bad_name(name, f, "RFC 1035 §2.3.1", "it has an empty label; remove the extra dot");
	if (label.len > 63)
		return bad_name(name, f, "RFC 1035 §2.3.4", "a label has more than 63 octets");
	for (size_t i = 0; i < label.len; i++) {
		char c = label.p[i];

		if (c == '*')
			return bad_name(name, f, "RFC 8555 §7.1.3",
					"\"*\" may only be the whole first label, with a name behind it");
		if (c == '_')
			return bad_name(name, f, "RFC 5280 §4.2.1.6",
					"certified names cannot contain \"_\" (RFC 1123 §2.1: letters, digits, hyphens); rename the host");
		if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-')
			return bad_name(name, f, "RFC 1123 §2.1",
					"labels have only letters, digits and hyphens");
	}
	if (label.p[0] == '-' || label.p[label.len - 1] == '-')
		return bad_name(name, f, "RFC 1123 §2.1", "a label begins or ends with a hyphen");
	return RC_OK;
}

static enum rc check_a_label(struct str label, struct str name, struct fault *f)
{
	enum rc rc;

	if (!str_starts(label, "xn--"))
		return RC_OK;
	rc = idna_check_a_label(label);
	return rc == RC_INVALID ?
		       bad_name(name, f, "RFC 8555 §7.1.4",
				"a label that begins with xn-- is not a valid A-label (RFC 5891 §5.4)") :
		       rc;
}

/* canonical: lower case, no wildcard, no trailing dot. */
static enum rc check_labels(struct str canonical, struct str name, struct fault *f)
{
	struct str label, rest = canonical;
	enum rc rc;

	/* Form first, then what is costly. */
	for (bool more = true; more;) {
		more = str_cut(rest, '.', &label, &rest);
		rc = check_label(label, name, f);
		if (rc != RC_OK)
			return rc;
	}
	if (is_number(label))
		return fault_set(f, RC_INVALID, PROBLEM_REJECTED_IDENTIFIER,
				 "RFC 1123 §2.1: \"%.*s\" ends in a number and would be taken for an IP address; ask for an address with \"type\":\"ip\"",
				 SHOW(name));
	rest = canonical;
	for (bool more = true; more;) {
		more = str_cut(rest, '.', &label, &rest);
		rc = check_a_label(label, name, f);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* What can be said about the name as a whole. */
static enum rc check_whole(struct str name, struct fault *f)
{
	if (name.len == 0)
		return bad_name(name, f, "RFC 8555 §7.1.4", "it is empty");
	for (size_t i = 0; i < name.len; i++)
		if ((uint8_t)name.p[i] >= 0x80)
			return refuse_unicode(name, f);
	if (name.len > LIMIT_NAME)
		return bad_name(name, f, "RFC 1035 §2.3.4", "it has more than 253 octets");
	return refuse_address(name, f);
}

static enum rc parse_dns(struct arena *a, struct str text, struct identifier *out, struct fault *f)
{
	struct identifier id = { .type = IDENTIFIER_DNS };
	struct str name = text, canonical;
	char lower[LIMIT_NAME];
	enum rc rc;

	if (name.len > 1 && name.p[name.len - 1] == '.')
		name.len--; /* FIELD Q11: one trailing dot is tolerated */
	rc = check_whole(name, f);
	if (rc != RC_OK)
		return rc;
	id.wildcard = str_starts(name, "*.");
	if (id.wildcard) {
		name.p += 2;
		name.len -= 2;
	}
	for (size_t i = 0; i < name.len; i++)
		lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] | 0x20) :
								   name.p[i];
	canonical = (struct str){ lower, name.len };
	rc = check_labels(canonical, text, f);
	if (rc != RC_OK)
		return rc;
	id.shown = arena_str(a, text);
	id.value = arena_str(a, canonical);
	if (!id.shown.p || !id.value.p)
		return RC_NOMEM;
	*out = id;
	return RC_OK;
}

enum rc identifier_parse(struct arena *a, struct str type, struct str value,
			 struct identifier *out, struct fault *f)
{
	if (str_is(type, "dns"))
		return parse_dns(a, value, out, f);
	if (str_is(type, "ip"))
		return parse_ip(a, value, out, f);
	return fault_set(f, RC_INVALID, PROBLEM_UNSUPPORTED_IDENTIFIER,
			 "RFC 8555 §9.7.7: identifier type \"%.*s\" is not supported; use \"dns\", or \"ip\" (RFC 8738)",
			 SHOW(type));
}

bool identifier_eq(const struct identifier *a, const struct identifier *b)
{
	return a->type == b->type && a->wildcard == b->wildcard && str_eq(a->value, b->value);
}

bool identifier_is_below(const struct identifier *id, const struct identifier *ancestor)
{
	struct str name = id->value, above = ancestor->value;

	if (id->type != IDENTIFIER_DNS || ancestor->type != IDENTIFIER_DNS || ancestor->wildcard || above.len == 0)
		return false;
	if (id->wildcard && str_eq(name, above))
		return true;
	return name.len > above.len + 1 && name.p[name.len - above.len - 1] == '.' &&
	       str_eq((struct str){ name.p + name.len - above.len, above.len }, above);
}

/* --- certificates --- */

enum rc identifier_san(struct arena *a, const struct identifier *id, struct san *out)
{
	struct san san = { .type = id->type == IDENTIFIER_IP ? SAN_IP : SAN_DNS };
	size_t prefix = id->wildcard ? 2 : 0;
	uint8_t *p;

	if (id->type == IDENTIFIER_IP) {
		san.value = arena_bytes(a, bytes_of(id->ip, id->ip_len));
		if (!san.value.p)
			return RC_NOMEM;
	} else {
		p = arena_alloc(a, prefix + id->value.len);
		if (!p)
			return RC_NOMEM;
		memcpy(p, "*.", prefix);
		memcpy(p + prefix, id->value.p, id->value.len);
		san.value = bytes_of(p, prefix + id->value.len);
	}
	*out = san;
	return RC_OK;
}

static enum rc read_san(struct arena *a, const struct san *san, struct identifier *out,
			struct fault *f)
{
	switch (san->type) {
	case SAN_DNS:
		return parse_dns(a, (struct str){ (const char *)san->value.p, san->value.len }, out, f);
	case SAN_IP:
		if (san->value.len == 4 || san->value.len == 16)
			return set_address(a, (struct str){ 0 }, san->value.p, san->value.len, out, f);
		return fault_set(f, RC_INVALID, PROBLEM_BAD_CSR,
				 "RFC 5280 §4.2.1.6: an iPAddress has 4 or 16 octets, not %zu",
				 san->value.len);
	default:
		return fault_set(f, RC_INVALID, PROBLEM_BAD_CSR,
				 "RFC 8555 §7.4: the CSR asks for a name that is neither dNSName nor iPAddress; remove it");
	}
}

enum rc identifier_from_san(struct arena *a, const struct san *san, struct identifier *out,
			    struct fault *f)
{
	enum rc rc = read_san(a, san, out, f);

	if (rc == RC_INVALID && f)
		f->problem = PROBLEM_BAD_CSR; /* the same rules, but the CSR breaks them */
	return rc;
}

/* --- storage --- */

enum rc identifiers_to_text(struct arena *a, const struct identifier *v, size_t count,
			    struct str *out)
{
	AUTO(buf) struct buf b;
	struct str text;

	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(&b, ' ');
		buf_add_text(&b, identifier_type_name(v[i].type));
		buf_add_char(&b, ':');
		buf_add_str(&b, v[i].shown);
	}
	if (!buf_ok(&b))
		return RC_NOMEM;
	text = arena_str(a, count > 0 ? buf_str(&b) : STR(""));
	if (!text.p)
		return RC_NOMEM;
	*out = text;
	return RC_OK;
}

enum rc identifiers_from_text(struct arena *a, struct str text, struct identifier **out,
			      size_t *out_count)
{
	struct str item, rest = text, type, value;
	struct identifier *list;
	size_t count = text.len > 0 ? 1 : 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.p[i] == ' ';
	if (count > LIMIT_IDENTIFIERS)
		return RC_INTERNAL;
	list = arena_array(a, count > 0 ? count : 1, sizeof(*list));
	if (!list)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		enum rc rc;

		str_cut(rest, ' ', &item, &rest);
		if (!str_cut(item, ':', &type, &value))
			return RC_INTERNAL;
		rc = identifier_parse(a, type, value, &list[i], NULL);
		if (rc != RC_OK)
			return rc == RC_NOMEM ? rc : RC_INTERNAL;
	}
	*out = list;
	*out_count = count;
	return RC_OK;
}
