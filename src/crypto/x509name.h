/* x509name.h - what certificates and requests name: subject alternative names and distinguished
 * names (RFC 5280 §4.1.2.4, §4.2.1.6; RFC 6125; RFC 8738). */
#ifndef ASSAY_CRYPTO_X509NAME_H
#define ASSAY_CRYPTO_X509NAME_H

#include "base/arena.h"
#include "base/fault.h"

enum san_type { SAN_DNS, SAN_IP, SAN_OTHER };

struct san {
	enum san_type type;
	struct bytes value; /* SAN_DNS: ASCII as encoded; SAN_IP: 4 or 16 octets; else raw content */
	uint8_t tag;        /* GeneralName tag as encoded, for SAN_OTHER */
};

/* A DNS subtree or address range of name constraints (RFC 5280 §4.2.1.10). */
struct name_subtree {
	enum san_type type;  /* SAN_DNS or SAN_IP */
	struct str dns;      /* "lab.internal": itself and everything below; lower case */
	uint8_t ip[16], mask[16];
	size_t ip_len;       /* 4 or 16 */
};

/* "lab.internal", ".lab.internal", "10.0.0.0/8", "fd00::/8"; the fault names what is wrong. */
enum rc name_subtree_parse(struct arena *a, struct str text, struct name_subtree *out,
			   struct fault *f) MUST_USE;
/* Is the name inside one of the subtrees? RFC 5280 semantics: if there is any subtree of the
 * name's type, one must contain it. A permitted list that has only DNS subtrees forbids every
 * address and the reverse: unknown means denied (policy). An empty list permits all. */
bool name_subtrees_permit(const struct name_subtree *list, size_t count, const struct san *name);
/* DER Name with one CN (UTF8String) and, if given, one O. absent cn: empty Name. */
enum rc dn_build(struct arena *a, struct str organization, struct str cn, struct bytes *out) MUST_USE;

#endif
