/* dns_message.h - reading one DNS response that somebody else wrote (RFC 1035 §4): without sockets,
 * bytes in, answer out. Nothing beyond the answer section is looked at. */
#ifndef ASSAY_NET_DNS_MESSAGE_H
#define ASSAY_NET_DNS_MESSAGE_H

#include "base/arena.h"
#include "net/resolver.h"

#define DNS_NAME_WIRE 255   /* RFC 1035 §2.3.4 */
#define DNS_RECORDS_MAX 256 /* in the answer section; more is refused */
#define DNS_CNAMES_MAX 8    /* followed from one question */

/* An uncompressed name: length octets, labels, the root's 0. */
struct dns_name {
	uint8_t wire[DNS_NAME_WIRE];
	size_t len;
};

/* Letters, digits, '-' and '_' in labels of 1 to 63; one dot at the end is tolerated. */
bool dns_name_parse(struct str text, struct dns_name *out);
bool dns_name_eq(const struct dns_name *a, const struct dns_name *b); /* RFC 4343: without case */

/* Reads the response to (question, type, IN). out->rc is RC_OK with at least one record of the type
 * for the name or for what its CNAMEs lead to, RC_NOTFOUND, or RC_IO with out->why when the server
 * failed, the message is malformed or answers another question. out->secure is left alone. */
void dns_message_read(struct arena *a, struct bytes packet, const struct dns_name *question,
		      enum dns_type type, struct dns_answer *out);

#endif
