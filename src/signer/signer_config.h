/* signer_config.h - the signer's law, as text on its standard input: what each authority may sign.
 * Written once by the trusted start of the server, before it listens; the signer never takes
 * another one while it lives. Strict reader (fuzzed). One line is "word value"; the value goes to
 * the end of the line. Lines before the first "authority NAME" are the process's own; those after
 * "profile NAME" belong to that profile of that authority.
 *
 *   assay-signer 1
 *   journal /var/lib/assay/signer.journal
 *   max-backdate 90000
 *   max-per-minute 600
 *   log json
 *   accept-rollback 1234:9f86d081...
 *   authority lab
 *   certificate /var/lib/assay/ca/issuing.pem
 *   key file:/var/lib/assay/ca/issuing.key
 *   passphrase credential:ca-pass
 *   permit lab.internal
 *   permit 10.0.0.0/8
 *   ocsp http://ca.lab.internal/ocsp
 *   ca-issuers http://ca.lab.internal/issuing.crt
 *   crl http://ca.lab.internal/lab.crl
 *   crl-shards 16
 *   crl-delta on
 *   profile server
 *   max-lifetime 7776000
 *   allow basic-constraints,key-usage,ext-key-usage,san,subject-key-id,authority-key-id
 *   require key-usage,san
 *   key-usage digital-signature,key-encipherment
 *   ext-key-usage server-auth */
#ifndef ASSAY_SIGNER_SIGNER_CONFIG_H
#define ASSAY_SIGNER_SIGNER_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "crypto/cert.h"

#define SIGNER_CONFIG_MAX (256 * 1024) /* octets of text */
#define SIGNER_CONFIG_ARENA (4 * 1024 * 1024) /* what it may need, with certificates loaded */

struct signer_profile {
	struct str name;
	int64_t max_lifetime_s;
	unsigned allowed_extensions, required_extensions; /* EXT_*, never EXT_UNKNOWN */
	unsigned key_usage, ext_key_usage;                /* at most these */
};

struct signer_authority {
	struct str name;
	struct str certificate_file; /* PEM; the first certificate is the issuing one */
	struct str key_ref;          /* "file:PATH" */
	struct str passphrase_ref;   /* "file:PATH", "credential:NAME" or absent */
	struct name_subtree *permit; /* beside those in the certificate */
	size_t permit_count;
	struct str ocsp_url, ca_issuers_url, crl_url;
	unsigned crl_shards; /* revocation lists 1 to this, by serial (crypto/crl.h); 0: one for all */
	bool crl_delta; /* there are delta lists (RFC 5280 §5.2.4) */
	struct signer_profile *profiles;
	size_t profile_count;
};

struct signer_config {
	struct str journal_file;
	int64_t max_backdate_s;
	unsigned max_per_minute; /* signatures; 0: no cap */
	bool log_json;           /* how the process logs to its standard error */
	/* An operator gives up the checkpoint of this row, if it is still the newest: the audit trail may go on
	 * from an older row. 0: none. Only the start of the server can say so, before it listens. */
	int64_t give_up_number;
	uint8_t give_up_hash[SHA256_LEN];
	struct signer_authority *authorities;
	size_t authority_count;
};

/* Fails out (buf_ok) on what cannot be written: a value with a control character, an address range
 * whose mask is no prefix. */
void signer_config_write(const struct signer_config *c, struct buf *out);
enum rc signer_config_read(struct arena *a, struct str text, struct signer_config *out,
			   struct fault *f) MUST_USE;

#endif
