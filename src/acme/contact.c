/* contact.c - contact URLs of accounts (RFC 8555 §7.3): mailto (RFC 6068) with exactly one address
 * and nothing else. */
#include "acme/members.h"
#include "acme/objects.h"
#include "base/limits.h"

static enum rc invalid(struct fault *f, struct str contact, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_INVALID_CONTACT,
			 "RFC 8555 §7.3: contact \"%.*s\" %s", SHOWN(contact), why);
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A dot-atom (RFC 5322 §3.2.3) as RFC 6068 §2 writes it: what a URL cannot carry is percent-encoded,
 * and nothing that is encoded may be a control character, white space or a second address. */
static bool is_local_part(struct str s)
{
	if (s.len == 0 || s.p[0] == '.' || s.p[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '.' && s.p[i - 1] == '.')
			return false;
		if (c == '%') {
			int high = i + 2 < s.len ? hex_digit(s.p[i + 1]) : -1;
			int low = i + 2 < s.len ? hex_digit(s.p[i + 2]) : -1;
			int octet = high * 16 + low;

			if (high < 0 || low < 0 || octet <= 0x20 || octet == 0x7F || octet == '@' ||
			    octet == ',')
				return false;
			i += 2;
		} else if (c == '\0' || (!is_alnum(c) && !strchr(".!#$&'*+-/=^_`{|}~", c))) {
			return false;
		}
	}
	return true;
}

/* Letters, digits and hyphens; a single label will do in a private network. */
static bool is_domain(struct str s)
{
	struct str label, rest = s;

	if (s.len == 0 || s.len > LIMIT_NAME)
		return false;
	for (bool more = true; more;) {
		more = str_cut(rest, '.', &label, &rest);
		if (label.len == 0 || label.len > 63 || label.p[0] == '-' ||
		    label.p[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	}
	return true;
}

static enum rc check_address(struct str contact, struct str address, struct fault *f)
{
	struct str local, domain;

	if (address.len > 0 && memchr(address.p, '?', address.len))
		return invalid(f, contact, "has header fields; leave out everything from \"?\" on");
	if (address.len > 0 && memchr(address.p, ',', address.len))
		return invalid(f, contact, "has more than one address; send one contact for each");
	if (!str_cut(address, '@', &local, &domain) || !is_local_part(local) || !is_domain(domain))
		return invalid(f, contact, "is not a mail address; write \"mailto:name@host.example\"");
	return RC_OK;
}

static enum rc check_contact(struct str contact, struct fault *f)
{
	struct str scheme, address;

	if (contact.len > LIMIT_CONTACT)
		return invalid(f, contact, "is longer than 320 octets");
	if (!str_cut(contact, ':', &scheme, &address))
		return invalid(f, contact, "is not a URL; write \"mailto:name@host.example\"");
	if (!str_eq_nocase(scheme, STR("mailto")))
		return fault_set(f, RC_INVALID, PROBLEM_UNSUPPORTED_CONTACT,
				 "RFC 8555 §7.3: contact \"%.*s\" has an unsupported scheme; use mailto",
				 SHOWN(contact));
	return check_address(contact, address, f);
}

enum rc acme_contacts_check(const struct str *contacts, size_t count, struct fault *f)
{
	if (count > LIMIT_CONTACTS)
		return fault_set(f, RC_INVALID, PROBLEM_INVALID_CONTACT,
				 "policy: %zu contacts, at most %d are accepted; send fewer", count,
				 LIMIT_CONTACTS);
	for (size_t i = 0; i < count; i++) {
		enum rc rc = check_contact(contacts[i], f);

		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}
