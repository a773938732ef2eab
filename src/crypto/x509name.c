/* x509name.c - host names, addresses and the subtrees that contain them (RFC 5280 §4.2.1.6,
 * §4.2.1.10; RFC 1123 §2.1; RFC 4632 for address ranges). */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/limits.h"
#include "crypto/x509_impl.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

static const char *label_check(struct str label)
{
	if (label.len == 0)
		return "RFC 1034 §3.5: a label is empty";
	if (label.len > DNS_LABEL_MAX)
		return "RFC 1035 §2.3.4: a label has more than 63 octets";
	for (size_t i = 0; i < label.len; i++)
		if (!is_letter_or_digit(label.p[i]) && label.p[i] != '-')
			return "RFC 1123 §2.1: a label has other characters than letters, digits and hyphens";
	if (label.p[0] == '-' || label.p[label.len - 1] == '-')
		return "RFC 1034 §3.5: a label begins or ends with a hyphen";
	return NULL;
}

const char *host_name_check(struct str name, bool wildcard)
{
	struct str label, rest = name;
	const char *why;
	bool more, number = true;

	if (name.len == 0 || name.len > LIMIT_NAME)
		return "RFC 1035 §2.3.4: a name has 1 to 253 octets";
	if (wildcard && str_starts(rest, "*.")) {
		rest.p += 2;
		rest.len -= 2;
	}
	do {
		more = str_cut(rest, '.', &label, &rest);
		why = label_check(label);
		if (why)
			return why;
		number = true;
		for (size_t i = 0; i < label.len; i++)
			number &= is_digit(label.p[i]);
	} while (more);
	/* RFC 1123 §2.1: the top label is never all digits, so a name never looks like an address. */
	return number ? "RFC 1123 §2.1: the last label is a number, as if it were an address" : NULL;
}

void san_text(const struct san *name, char out[SAN_TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN];

	if (name->type == SAN_DNS)
		snprintf(out, SAN_TEXT_MAX, "dns %.*s", (int)(name->value.len > 255 ? 255 : name->value.len),
			 (const char *)name->value.p);
	else if (name->type == SAN_IP && (name->value.len == 4 || name->value.len == 16))
		snprintf(out, SAN_TEXT_MAX, "ip %s",
			 inet_ntop(name->value.len == 4 ? AF_INET : AF_INET6, name->value.p, address,
				   sizeof(address)));
	else
		snprintf(out, SAN_TEXT_MAX, "a name of another type");
}

/* --- subtrees --- */

static bool is_below(struct str name, struct str tree)
{
	struct str tail;

	if (tree.len == 0)
		return true; /* RFC 5280 §4.2.1.10: the empty dNSName contains all */
	if (name.len < tree.len)
		return false;
	tail = (struct str){ name.p + name.len - tree.len, tree.len };
	if (!str_eq_nocase(tail, tree))
		return false;
	return name.len == tree.len || tree.p[0] == '.' || name.p[name.len - tree.len - 1] == '.';
}

bool name_subtree_contains(const struct name_subtree *tree, const struct san *name)
{
	struct str dns = { (const char *)name->value.p, name->value.len };

	if (tree->type != name->type)
		return false;
	if (tree->type == SAN_DNS) /* ".a.example", only ever read, has what is below it alone */
		return is_below(dns, tree->dns) &&
		       !(tree->dns.len > 0 && tree->dns.p[0] == '.' && dns.len == tree->dns.len);
	if (tree->type != SAN_IP || name->value.len != tree->ip_len)
		return false;
	for (size_t i = 0; i < tree->ip_len; i++)
		if ((name->value.p[i] & tree->mask[i]) != (tree->ip[i] & tree->mask[i]))
			return false;
	return true;
}

bool name_subtree_touches(const struct name_subtree *tree, const struct san *name)
{
	struct str dns = { (const char *)name->value.p, name->value.len };

	if (name_subtree_contains(tree, name))
		return true;
	if (tree->type != SAN_DNS || name->type != SAN_DNS || !str_starts(dns, "*."))
		return false;
	return is_below(tree->dns, (struct str){ dns.p + 1, dns.len - 1 });
}

bool name_subtrees_permit(const struct name_subtree *list, size_t count, const struct san *name)
{
	if (count == 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (name_subtree_contains(&list[i], name))
			return true;
	return false;
}

static enum rc bad_subtree(struct fault *f, struct str text, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"%.*s\": %s", STR_ARG(text), why);
}

/* An address with or without "/prefix"; RC_NOTFOUND when it is none at all. */
static enum rc parse_range(struct str text, struct name_subtree *out, struct fault *f)
{
	struct str address, prefix;
	char copy[INET6_ADDRSTRLEN];
	bool cut = str_cut(text, '/', &address, &prefix);
	int64_t bits;

	if (address.len >= sizeof(copy))
		return RC_NOTFOUND;
	memcpy(copy, address.p, address.len);
	copy[address.len] = 0;
	if (memchr(copy, 0, address.len))
		return RC_NOTFOUND;
	if (inet_pton(AF_INET, copy, out->ip) == 1)
		out->ip_len = 4;
	else if (inet_pton(AF_INET6, copy, out->ip) == 1)
		out->ip_len = 16;
	else
		return RC_NOTFOUND;
	out->type = SAN_IP;
	bits = (int64_t)out->ip_len * 8;
	if (cut && (!str_to_int(prefix, &bits) || bits < 0 || bits > (int64_t)out->ip_len * 8))
		return bad_subtree(f, text, "RFC 4632 §3.1: the prefix length after \"/\" is wrong");
	for (int64_t i = 0; i < bits; i++)
		out->mask[i / 8] |= (uint8_t)(0x80U >> (i % 8));
	for (size_t i = 0; i < out->ip_len; i++)
		if (out->ip[i] & (uint8_t)~out->mask[i])
			return bad_subtree(f, text, "RFC 4632 §3.1: bits behind the prefix are not zero");
	return RC_OK;
}

enum rc name_subtree_parse(struct arena *a, struct str text, struct name_subtree *out, struct fault *f)
{
	struct name_subtree tree = { 0 };
	struct str name = text;
	const char *why;
	char *copy;
	enum rc rc;

	if (text.len == 0)
		return bad_subtree(f, text, "an empty name or range");
	rc = parse_range(text, &tree, f);
	if (rc == RC_OK)
		*out = tree;
	if (rc != RC_NOTFOUND)
		return rc;
	if (memchr(text.p, '/', text.len))
		return bad_subtree(f, text, "RFC 4632 §3.1: this is no address before the \"/\"");
	if (str_starts(text, "*."))
		return bad_subtree(f, text, "RFC 5280 §4.2.1.10: write the name without \"*.\"; it includes "
					    "everything below");
	if (text.p[0] == '.') {
		name.p++;
		name.len--;
	}
	why = host_name_check(name, false);
	if (why)
		return bad_subtree(f, text, why);
	copy = arena_cstr(a, name);
	if (!copy)
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "no memory for a name");
	for (char *p = copy; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	*out = (struct name_subtree){ .type = SAN_DNS, .dns = { copy, name.len } };
	return RC_OK;
}
