/* csr.h - PKCS#10 requests (RFC 2986) as ACME uses them (RFC 8555 §7.4).
 * Of a request only the public key, the common name and the subject alternative names are ever
 * read; no other extension reaches a certificate. */
#ifndef ASSAY_CRYPTO_CSR_H
#define ASSAY_CRYPTO_CSR_H

#include "crypto/key.h"
#include "crypto/x509name.h"

struct csr {
	struct pubkey *key; /* owned */
	struct str cn;      /* absent when the subject has none */
	struct san *sans;   /* in the arena */
	size_t san_count;
};

/* Parses with a strict DER reader that has budgets (size, depth, OID length, count), refuses: any
 * trailing octet, a second CN or a multi-valued RDN, subject attributes other than CN that would
 * carry a name (emailAddress, UID, DC; O, OU, C, ST, L, serialNumber are ignored), NUL or other
 * control octets in names, SAN types other than dNSName and iPAddress, basicConstraints CA:TRUE,
 * duplicate extensions, empty extension contents, an unknown signature algorithm; verifies the
 * signature by the request's own key and the key's strength. Fault: badCSR or badPublicKey with
 * the rule's section. */
enum rc csr_parse(struct arena *a, struct bytes der, struct csr *out, struct fault *f) MUST_USE;
void csr_done(struct csr *c);

/* Makes one: for the agent, the tests and `assay ca csr`. */
struct csr_spec {
	struct str cn; /* may be absent */
	struct str organization;
	const struct san *sans;
	size_t san_count;
	bool ca; /* adds basicConstraints CA:TRUE, for a CA's own request */
};
enum rc csr_build(struct arena *a, const struct csr_spec *spec, const struct privkey *key,
		  struct bytes *out) MUST_USE;

#endif
