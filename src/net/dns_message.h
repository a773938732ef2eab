/* dns_message.h - writing one DNS question, and reading one response that somebody else wrote (RFC 1035
 * §4): without sockets, bytes in, answer out. Nothing beyond the answer section is looked at. */
#ifndef ASSAY_NET_DNS_MESSAGE_H
#define ASSAY_NET_DNS_MESSAGE_H

#include "base/arena.h"
#include "net/resolver.h"

#define DNS_NAME_WIRE 255   /* RFC 1035 §2.3.4 */
#define DNS_RECORDS_MAX 256 /* in the answer section; more is refused */
#define DNS_CNAMES_MAX 8    /* followed from one question */

#define DNS_UDP_OCTETS 1232  /* what a UDP response may have: fits in one packet everywhere */
#define DNS_QUERY_OCTETS (12 + DNS_NAME_WIRE + 4 + 11)

/* An uncompressed name: length octets, labels, the root's 0. */
struct dns_name {
	uint8_t wire[DNS_NAME_WIRE];
	size_t len;
};

/* Letters, digits, '-' and '_' in labels of 1 to 63; one dot at the end is tolerated. */
bool dns_name_parse(struct str text, struct dns_name *out);
bool dns_name_eq(const struct dns_name *a, const struct dns_name *b); /* RFC 4343: without case */

/* Each letter in upper or lower case by chance, which the response must repeat (0x20): that much more
 * has whoever would forge one to guess. */
void dns_name_mix_case(struct dns_name *name);

/* Writes the question (name, type, IN) to a server that shall not ask others (RD=0), with EDNS
 * (RFC 6891 §6.1) and without DO. Returns its length. */
size_t dns_query_write(uint8_t out[DNS_QUERY_OCTETS], uint16_t id, const struct dns_name *name,
		       enum dns_type type);
enum dns_reply {
	DNS_REPLY_FOREIGN,   /* not the response to this query: another id, another question */
	DNS_REPLY_TRUNCATED, /* the rest is to be had over TCP (RFC 7766 §5) */
	DNS_REPLY_WHOLE,
};
/* The question is compared octet by octet, with case (RFC 5452 §9.1). A response without question is
 * taken when it says nothing but an error. */
enum dns_reply dns_reply_match(struct bytes packet, struct bytes query);

/* Reads the response to (question, type, IN). out->rc is RC_OK with at least one record of the type
 * for the name or for what its CNAMEs lead to, RC_NOTFOUND, or RC_IO with out->why when the server
 * failed, the message is malformed or answers another question; RC_NOMEM when the arena is too small. out->secure is left alone. */
void dns_message_read(struct arena *a, struct bytes packet, const struct dns_name *question,
		      enum dns_type type, struct dns_answer *out);

/* "SERVFAIL"; 0 is "no response", as libunbound means it. */
const char *dns_rcode_text(int rcode);

#endif
