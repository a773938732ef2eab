/* desired.h - what should be: one certificate as a user asks for it. */
#ifndef ASSAY_AGENT_DESIRED_H
#define ASSAY_AGENT_DESIRED_H

#include "acme/identifier.h"
#include "crypto/key.h"

/* As typed; every text may be NULL where nothing was said. */
struct desired_text {
	const char *server;
	const char *const *dns;
	size_t dns_count;
	const char *const *ip;
	size_t ip_count;
	const char *key; /* "p256", "rsa3072", ... */
	const char *profile;
	int64_t renew_before_s; /* 0: not said */
	bool force;
};

struct desired {
	struct str server; /* directory URL */
	struct identifier *identifiers;
	size_t identifier_count;
	bool any_key;            /* none was asked for: a key that is there will do */
	enum key_type key_type;  /* of a new key */
	unsigned rsa_bits;
	struct str profile;      /* absent: the server's default */
	int64_t renew_before_s;  /* 0: in the last third of the certificate's life */
	bool force;              /* request even if nothing is wrong with what is there */
};
/* RC_INVALID says what is wrong with the text and how to write it. http-01 is the only challenge so
 * far, so a wildcard is refused (RFC 8555 §8.3). */
enum rc desired_read(struct arena *a, const struct desired_text *text, struct desired *out,
		     struct fault *f) MUST_USE;
/* Is k of the kind that is wanted? */
bool desired_key_fits(const struct desired *d, const struct pubkey *k);

#endif
