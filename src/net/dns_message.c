/* dns_message.c - one question, and the response parser (RFC 1035 §4, RFC 2181, RFC 8659 §4.1).
 *
 * The work is bounded whatever arrives: a compression pointer must point before the name part that
 * holds it, a name has at most 255 octets, at most DNS_RECORDS_MAX records are indexed and at most
 * DNS_CNAMES_MAX aliases followed. */
#include "net/dns_message.h"

#include <stdio.h>

#include "crypto/digest.h"

#define HEADER_LEN 12
#define CLASS_IN 1
#define TYPE_CNAME 5
#define TYPE_OPT 41
#define OPT_LEN 11
#define FLAG_AA 0x0400
#define FLAG_TC 0x0200
#define RCODE_NOERROR 0
#define RCODE_NXDOMAIN 3

struct record {
	size_t owner; /* offset of its name */
	size_t rdata;
	uint16_t type, class, rdata_len;
};

struct message {
	struct bytes packet;
	struct record records[DNS_RECORDS_MAX];
	size_t count;
};

const char *dns_type_text(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_NS:
		return "NS";
	case DNS_AAAA:
		return "AAAA";
	case DNS_TXT:
		return "TXT";
	case DNS_CAA:
		return "CAA";
	}
	return "?";
}

const char *dns_rcode_text(int rcode)
{
	static const char *const NAMES[] = { "no response", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
					     "REFUSED" };

	return rcode >= 0 && (size_t)rcode < COUNT_OF(NAMES) ? NAMES[rcode] : "an unknown error";
}

/* --- names --- */

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

bool dns_name_parse(struct str text, struct dns_name *out)
{
	struct dns_name name = { .len = 0 };
	size_t label = 0; /* where the length octet of the current label is */

	if (text.len > 0 && text.p[text.len - 1] == '.')
		text.len--;
	if (text.len == 0 || text.len > LIMIT_NAME)
		return false;
	name.len = 1;
	for (size_t i = 0; i <= text.len; i++) {
		if (i == text.len || text.p[i] == '.') {
			size_t len = name.len - label - 1;

			if (len == 0 || len > 63)
				return false;
			name.wire[label] = (uint8_t)len;
			label = name.len;
			name.wire[name.len++] = 0;
		} else if (is_host_char(text.p[i])) {
			name.wire[name.len++] = (uint8_t)text.p[i];
		} else {
			return false;
		}
	}
	*out = name;
	return true;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool is_letter(uint8_t c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

bool dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return false;
	/* A length octet is at most 63 and so below 'A'. */
	for (size_t i = 0; i < a->len; i++)
		if (lower(a->wire[i]) != lower(b->wire[i]))
			return false;
	return true;
}

void dns_name_mix_case(struct dns_name *name)
{
	uint8_t random[DNS_NAME_WIRE];

	random_bytes(random, sizeof(random));
	for (size_t i = 0; i < name->len; i++)
		if (is_letter(name->wire[i]) && (random[i] & 1))
			name->wire[i] ^= 'a' - 'A';
}

/* RFC 4343 §2.1: octets that no host name has are shown as \DDD. */
static struct str name_text(struct arena *a, const struct dns_name *name)
{
	char text[4 * DNS_NAME_WIRE + 1];
	size_t len = 0;

	for (size_t at = 0; name->wire[at] != 0; at += 1u + name->wire[at]) {
		if (len > 0)
			text[len++] = '.';
		for (size_t i = 1; i <= name->wire[at]; i++) {
			uint8_t c = name->wire[at + i];

			if (is_host_char((char)c))
				text[len++] = (char)lower(c);
			else
				len += (size_t)snprintf(text + len, sizeof(text) - len, "\\%03u", c);
		}
	}
	return arena_str(a, (struct str){ text, len });
}

static uint16_t get_u16(struct bytes p, size_t at)
{
	return (uint16_t)(p.p[at] << 8 | p.p[at + 1]);
}

/* RFC 1035 §4.1.4. *at moves behind the name as it stands there. */
static bool read_name(struct bytes packet, size_t *at, struct dns_name *out)
{
	size_t pos = *at, floor = *at, end = 0;
	bool jumped = false;

	out->len = 0;
	for (;;) {
		uint8_t len;

		if (pos >= packet.len)
			return false;
		len = packet.p[pos];
		if ((len & 0xc0) == 0xc0) {
			size_t target;

			if (pos + 1 >= packet.len)
				return false;
			target = get_u16(packet, pos) & 0x3fff;
			if (!jumped)
				end = pos + 2;
			/* Strictly backwards: no loop, and no name inside the header. */
			if (target >= floor || target < HEADER_LEN)
				return false;
			jumped = true;
			pos = floor = target;
			continue;
		}
		if (len > 63 || len + 1u > packet.len - pos || out->len + len + 1u > DNS_NAME_WIRE)
			return false;
		memcpy(out->wire + out->len, packet.p + pos, len + 1u);
		out->len += len + 1u;
		pos += len + 1u;
		if (len == 0)
			break;
	}
	*at = jumped ? end : pos;
	return true;
}

/* --- a question --- */

static size_t put_u16(uint8_t *out, size_t at, unsigned v)
{
	out[at] = (uint8_t)(v >> 8);
	out[at + 1] = (uint8_t)v;
	return at + 2;
}

size_t dns_query_write(uint8_t out[DNS_QUERY_OCTETS], uint16_t id, const struct dns_name *name,
		       enum dns_type type)
{
	size_t at = HEADER_LEN;

	memset(out, 0, DNS_QUERY_OCTETS);
	put_u16(out, 0, id);
	out[5] = 1;  /* one question */
	out[11] = 1; /* one additional record: OPT */
	memcpy(out + at, name->wire, name->len);
	at += name->len;
	at = put_u16(out, at, type);
	at = put_u16(out, at, CLASS_IN);
	at = put_u16(out, at + 1, TYPE_OPT); /* of the root */
	at = put_u16(out, at, DNS_UDP_OCTETS);
	return at + 6; /* no extended rcode, version 0, no flags, no options */
}

enum dns_reply dns_reply_match(struct bytes packet, struct bytes query)
{
	size_t question_len = query.len - HEADER_LEN - OPT_LEN;
	uint16_t flags;

	if (packet.len < HEADER_LEN || packet.p[0] != query.p[0] || packet.p[1] != query.p[1])
		return DNS_REPLY_FOREIGN;
	flags = get_u16(packet, 2);
	if ((flags & 0xf800) != 0x8000)
		return DNS_REPLY_FOREIGN;
	if (get_u16(packet, 4) == 0)
		return (flags & 0xf) != RCODE_NOERROR && (flags & 0xf) != RCODE_NXDOMAIN ? DNS_REPLY_WHOLE :
											     DNS_REPLY_FOREIGN;
	if (packet.len - HEADER_LEN < question_len ||
	    memcmp(packet.p + HEADER_LEN, query.p + HEADER_LEN, question_len) != 0)
		return DNS_REPLY_FOREIGN;
	return flags & FLAG_TC ? DNS_REPLY_TRUNCATED : DNS_REPLY_WHOLE;
}

/* --- the message --- */

static enum rc malformed(struct dns_answer *out, const char *rule)
{
	snprintf(out->why, sizeof(out->why), "malformed response: %s", rule);
	return RC_IO;
}

static enum rc read_header(struct bytes packet, const struct dns_name *question, enum dns_type type,
			   struct dns_answer *out, size_t *at)
{
	struct dns_name name;
	uint16_t flags;

	if (packet.len < HEADER_LEN)
		return malformed(out, "RFC 1035 §4.1.1: shorter than its header");
	flags = get_u16(packet, 2);
	if ((flags & 0xf800) != 0x8000)
		return malformed(out, "RFC 1035 §4.1.1: not the response to a query");
	out->rcode = flags & 0xf;
	out->authoritative = flags & FLAG_AA;
	/* The caller knows whom to name. Nothing is taken from it, whatever its question. */
	if (out->rcode != RCODE_NOERROR && out->rcode != RCODE_NXDOMAIN)
		return RC_IO;
	if (flags & FLAG_TC)
		return malformed(out, "RFC 2181 §9: truncated");
	if (get_u16(packet, 4) != 1)
		return malformed(out, "RFC 1035 §4.1.2: not exactly one question");
	*at = HEADER_LEN;
	if (!read_name(packet, at, &name) || packet.len - *at < 4)
		return malformed(out, "RFC 1035 §4.1.2: the question is cut short");
	if (!dns_name_eq(&name, question) || get_u16(packet, *at) != type ||
	    get_u16(packet, *at + 2) != CLASS_IN)
		return malformed(out, "RFC 5452 §9.1: it answers another question");
	*at += 4;
	return RC_OK;
}

static enum rc read_records(struct message *m, size_t at, struct dns_answer *out)
{
	size_t count = get_u16(m->packet, 6);

	if (count > DNS_RECORDS_MAX)
		return malformed(out, "policy: too many records");
	for (m->count = 0; m->count < count; m->count++) {
		struct record *r = &m->records[m->count];
		struct dns_name owner;

		r->owner = at;
		if (!read_name(m->packet, &at, &owner))
			return malformed(out, "RFC 1035 §4.1.4: a name is broken");
		if (m->packet.len - at < 10)
			return malformed(out, "RFC 1035 §4.1.3: a record is cut short");
		r->type = get_u16(m->packet, at);
		r->class = get_u16(m->packet, at + 2);
		r->rdata_len = get_u16(m->packet, at + 8);
		r->rdata = at + 10;
		if (r->rdata_len > m->packet.len - r->rdata)
			return malformed(out, "RFC 1035 §4.1.3: a record is cut short");
		at = r->rdata + r->rdata_len;
	}
	return RC_OK;
}

static bool record_is(const struct message *m, const struct record *r, const struct dns_name *owner,
		      uint16_t type)
{
	struct dns_name name;
	size_t at = r->owner;

	return r->type == type && r->class == CLASS_IN && read_name(m->packet, &at, &name) &&
	       dns_name_eq(&name, owner);
}

static const struct record *find(const struct message *m, const struct dns_name *owner, uint16_t type)
{
	for (size_t i = 0; i < m->count; i++)
		if (record_is(m, &m->records[i], owner, type))
			return &m->records[i];
	return NULL;
}

/* RFC 1034 §3.6.2, whatever the order of the records. *name ends as the end of the chain. */
static enum rc follow_cnames(struct arena *a, const struct message *m, struct dns_name *name,
			     struct dns_answer *out)
{
	const struct record *r;

	for (unsigned steps = 0; (r = find(m, name, TYPE_CNAME)); steps++) {
		size_t at = r->rdata;

		if (steps == DNS_CNAMES_MAX)
			return malformed(out, "policy: the CNAME chain is too long or loops");
		if (!read_name(m->packet, &at, name) || at != r->rdata + r->rdata_len)
			return malformed(out, "RFC 1035 §3.3.1: a CNAME is broken");
		out->canonical = name_text(a, name);
		if (!steps)
			out->alias = out->canonical;
		if (!out->canonical.p)
			return RC_NOMEM;
	}
	return RC_OK;
}

/* --- record data --- */

static enum rc add_address(struct dns_answer *out, struct bytes rdata, size_t want)
{
	if (rdata.len != want)
		return malformed(out, want == 4 ? "RFC 1035 §3.4.1: an A record is not 4 octets" :
						  "RFC 3596 §2.2: an AAAA record is not 16 octets");
	if (out->addr_count < COUNT_OF(out->addrs))
		out->addrs[out->addr_count++] = addr_from_ip(rdata.p, rdata.len, 0);
	return RC_OK;
}

/* RFC 1035 §3.3.14; joined as RFC 8555 §8.4 and RFC 7208 §3.3 read them. */
static enum rc add_text(struct arena *a, struct dns_answer *out, struct bytes rdata)
{
	char *joined = arena_alloc(a, rdata.len);
	size_t len = 0, at = 0;

	if (!joined)
		return RC_NOMEM;
	do {
		size_t part = at < rdata.len ? rdata.p[at] : SIZE_MAX;

		if (part == SIZE_MAX || part > rdata.len - at - 1)
			return malformed(out, "RFC 1035 §3.3.14: a TXT record is broken");
		memcpy(joined + len, rdata.p + at + 1, part);
		len += part;
		at += 1 + part;
	} while (at < rdata.len);
	out->texts[out->text_count++] = (struct str){ joined, len };
	return RC_OK;
}

static enum rc add_caa(struct arena *a, struct dns_answer *out, struct bytes rdata)
{
	struct dns_caa caa;
	size_t tag_len;

	if (rdata.len < 2 || rdata.p[1] == 0 || rdata.p[1] > rdata.len - 2)
		return malformed(out, "RFC 8659 §4.1: a CAA record is broken");
	tag_len = rdata.p[1];
	caa.flags = rdata.p[0];
	caa.tag = arena_str(a, (struct str){ (const char *)rdata.p + 2, tag_len });
	caa.value = arena_str(a, (struct str){ (const char *)rdata.p + 2 + tag_len,
					       rdata.len - 2 - tag_len });
	if (!caa.tag.p || !caa.value.p)
		return RC_NOMEM;
	out->caa[out->caa_count++] = caa;
	return RC_OK;
}

/* RFC 1035 §3.3.11; the name may be compressed. */
static enum rc add_host(struct arena *a, const struct message *m, struct dns_answer *out,
			const struct record *r)
{
	struct dns_name name;
	size_t at = r->rdata;

	if (!read_name(m->packet, &at, &name) || at != r->rdata + r->rdata_len)
		return malformed(out, "RFC 1035 §3.3.11: an NS record is broken");
	out->hosts[out->host_count] = name_text(a, &name);
	if (!out->hosts[out->host_count].p)
		return RC_NOMEM;
	out->host_count++;
	return RC_OK;
}

static enum rc add_records(struct arena *a, const struct message *m, const struct dns_name *owner,
			   enum dns_type type, struct dns_answer *out)
{
	enum rc rc = RC_OK;

	if (type == DNS_TXT)
		out->texts = arena_array(a, m->count, sizeof(*out->texts));
	if (type == DNS_CAA)
		out->caa = arena_array(a, m->count, sizeof(*out->caa));
	if (type == DNS_NS)
		out->hosts = arena_array(a, m->count, sizeof(*out->hosts));
	if ((type == DNS_TXT && !out->texts) || (type == DNS_CAA && !out->caa) || (type == DNS_NS && !out->hosts))
		return RC_NOMEM;
	for (size_t i = 0; i < m->count && rc == RC_OK; i++) {
		const struct record *r = &m->records[i];
		struct bytes rdata = bytes_of(m->packet.p + r->rdata, r->rdata_len);

		if (!record_is(m, r, owner, (uint16_t)type))
			continue;
		if (type == DNS_TXT)
			rc = add_text(a, out, rdata);
		else if (type == DNS_CAA)
			rc = add_caa(a, out, rdata);
		else if (type == DNS_NS)
			rc = add_host(a, m, out, r);
		else
			rc = add_address(out, rdata, type == DNS_A ? 4 : 16);
	}
	return rc;
}

static enum rc read_all(struct arena *a, struct message *m, const struct dns_name *question,
			enum dns_type type, struct dns_answer *out)
{
	struct dns_name name = *question;
	size_t at;
	enum rc rc;

	rc = read_header(m->packet, question, type, out, &at);
	if (rc != RC_OK)
		return rc;
	rc = read_records(m, at, out);
	if (rc != RC_OK)
		return rc;
	rc = follow_cnames(a, m, &name, out);
	if (rc != RC_OK)
		return rc;
	out->nxdomain = out->rcode == RCODE_NXDOMAIN;
	if (out->nxdomain)
		return RC_NOTFOUND;
	if (!find(m, &name, (uint16_t)type))
		return RC_NOTFOUND;
	return add_records(a, m, &name, type, out);
}

void dns_message_read(struct arena *a, struct bytes packet, const struct dns_name *question,
		      enum dns_type type, struct dns_answer *out)
{
	struct message m = { .packet = packet };

	*out = (struct dns_answer){ .secure = out->secure };
	out->rc = read_all(a, &m, question, type, out);
	if (out->rc == RC_OK || out->rc == RC_NOTFOUND)
		return;
	/* Half an answer is none. */
	out->addr_count = out->text_count = out->caa_count = out->host_count = 0;
	out->alias = out->canonical = (struct str){ 0 };
}
