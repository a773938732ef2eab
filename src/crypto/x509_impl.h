/* x509_impl.h - what reading certificates and reading requests share. Private to src/crypto.
 * tbs_build.c and csr_build.c use nothing of this but sig_alg_der(): what is built must be read by
 * code that does not know how it was built. */
#ifndef ASSAY_CRYPTO_X509_IMPL_H
#define ASSAY_CRYPTO_X509_IMPL_H

#include "crypto/cert.h"
#include "crypto/der.h"

#define DNS_LABEL_MAX 63      /* RFC 1035 §2.3.4 */
#define UB_COMMON_NAME 64     /* RFC 5280 appendix A.1, also ub-organization-name */
#define EXTENSIONS_MAX 32     /* in one object */

/* Where memory comes from and whom a refusal speaks to. */
struct x509_ctx {
	struct arena *arena;
	enum problem problem;
	struct fault *fault;
};

/* Sets the fault; RC_INVALID. */
enum rc x509_bad(const struct x509_ctx *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum rc x509_nomem(const struct x509_ctx *c);

/* --- object identifiers (oid.c) --- */

enum oid_kind { OID_ATTRIBUTE, OID_EXTENSION, OID_KEY_PURPOSE, OID_ACCESS, OID_SIGNATURE, OID_REQUEST };
/* Attributes of a name. */
enum {
	ATTR_CN = 1,
	ATTR_PLAIN,  /* O, OU, C, ST, L, street, postalCode, serialNumber: names nothing in a network */
	ATTR_NAMING, /* emailAddress, UID, DC: names something, so it must not be smuggled in */
};
enum { ACCESS_OCSP = 1, ACCESS_CA_ISSUERS };
enum { REQUEST_EXTENSIONS = 1 };
/* The value that the table has for an OID of this kind, 0 when it is not there. EXT_*, EKU_*, SIG_*,
 * ATTR_*, ... as the kind says. out_name may be NULL. */
unsigned oid_find(enum oid_kind kind, struct bytes oid, const char **out_name);

/* --- pieces (x509_read.c) --- */

/* AlgorithmIdentifier of a signature. SIG_NONE when well-formed but unknown. */
bool sig_alg_read(struct der *d, enum sig_alg *out, struct der_item *out_whole);

struct extension {
	unsigned id; /* EXT_*, EXT_UNKNOWN */
	struct bytes oid, value;
	bool critical;
};
/* Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension, none twice, none empty. */
enum rc extensions_read(const struct x509_ctx *c, struct bytes der, struct extension *list,
			size_t *out_count);
enum rc basic_constraints_read(const struct x509_ctx *c, struct bytes der, bool *out_ca,
			       int *out_path_len);
enum rc key_usage_read(const struct x509_ctx *c, struct bytes der, unsigned *out);
enum rc ext_key_usage_read(const struct x509_ctx *c, struct bytes der, unsigned *out, bool *out_other);
/* GeneralNames; at least one, at most max. */
enum rc sans_read(const struct x509_ctx *c, struct bytes der, size_t max, struct san **out,
		  size_t *out_count);
const char *general_name_type(uint8_t tag);
/* NameConstraints; either list may come out empty. Subtrees of other types are SAN_OTHER. */
enum rc name_constraints_read(const struct x509_ctx *c, struct bytes der, struct cert_info *out);

/* --- names (dn.c, x509name.c) --- */

struct dn_attribute {
	unsigned id; /* ATTR_*, 0 unknown */
	const char *name;
	struct bytes oid, value;
	uint8_t tag;
	bool alone; /* the only one of its RDN */
};
struct dn_reader {
	struct der rdns, rdn;
	bool alone;
};
bool dn_open(struct dn_reader *r, struct bytes dn);
/* 1: an attribute; 0: the end; -1: malformed. */
int dn_next(struct dn_reader *r, struct dn_attribute *out);
/* NULL when the octets are text of the string type that an ASCII name can be read from: else why. */
const char *dn_ascii_check(const struct dn_attribute *attr);

/* NULL when it is a host name (RFC 1123 §2.1, at most 253 octets), with "*." before it if wildcard
 * is true; else what is wrong. */
const char *host_name_check(struct str name, bool wildcard);
/* Is the name in the subtree? */
bool name_subtree_contains(const struct name_subtree *tree, const struct san *name);
/* Does an excluded subtree touch the name? A wildcard is touched by what lies below it too. */
bool name_subtree_touches(const struct name_subtree *tree, const struct san *name);
/* "dns a.example" or "ip 10.0.0.1" for messages. */
#define SAN_TEXT_MAX 320
void san_text(const struct san *name, char out[SAN_TEXT_MAX]);

/* --- writing (tbs_build.c) --- */

/* The whole AlgorithmIdentifier; absent for SIG_NONE. */
struct bytes sig_alg_der(enum sig_alg alg);

#endif
