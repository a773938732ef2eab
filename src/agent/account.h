/* account.h - the agent's account key on disk, and the account's URL beside it (RFC 8555 §7.3). */
#ifndef ASSAY_AGENT_ACCOUNT_H
#define ASSAY_AGENT_ACCOUNT_H

#include "client/client.h"

/* Reads the key, or makes one (P-256, 0600) where there is no file: REQUIREMENTS S2.15. A file that
 * cannot be read as a key is an error: it is never overwritten. */
enum rc account_key_load(const char *path, struct privkey **out, bool *out_made, struct fault *f) MUST_USE;
/* The URL that account_url_store() kept for this server; absent: none is known. */
enum rc account_url_load(struct arena *a, const char *key_path, struct str server, struct str *out,
			 struct fault *f) MUST_USE;
/* In the file KEY.url, two lines: directory and account. */
enum rc account_url_store(struct arena *a, const char *key_path, struct str server, struct str url,
			  struct fault *f) MUST_USE;

#endif
