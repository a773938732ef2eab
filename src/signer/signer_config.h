/* signer_config.h - the signer's law, as text on its standard input: what each authority may sign.
 * Written once by the trusted start of the server, before it listens; the signer never takes
 * another one while it lives. Line format: "word value"; sections open with "authority NAME" and
 * "profile NAME"; values with spaces are not needed. Strict reader (fuzzed). */
#ifndef ASSAY_SIGNER_SIGNER_CONFIG_H
#define ASSAY_SIGNER_SIGNER_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "crypto/cert.h"

struct signer_profile {
	struct str name;
	int64_t max_lifetime_s;
	unsigned allowed_extensions, required_extensions; /* EXT_* */
	unsigned key_usage, ext_key_usage;                /* at most these */
};

struct signer_authority {
	struct str name;
	struct str certificate_file; /* PEM of the issuing certificate */
	struct str key_ref;          /* "file:PATH" */
	struct str passphrase_ref;   /* "file:PATH", "credential:NAME" or absent */
	struct name_subtree *permit; /* beside those in the certificate */
	size_t permit_count;
	struct str ocsp_url, ca_issuers_url, crl_url;
	struct signer_profile *profiles;
	size_t profile_count;
};

struct signer_config {
	struct str journal_file;
	int64_t max_backdate_s;
	unsigned max_per_minute; /* signatures; 0: no cap */
	struct signer_authority *authorities;
	size_t authority_count;
};

void signer_config_write(const struct signer_config *c, struct buf *out);
enum rc signer_config_read(struct arena *a, struct str text, struct signer_config *out,
			   struct fault *f) MUST_USE;

#endif
