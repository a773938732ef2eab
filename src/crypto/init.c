/* init.c - start-up of the crypto layer: which libcrypto this is, and fetching from it. */
#include <openssl/crypto.h>
#include <stdio.h>

#include "base/fault.h"
#include "crypto/digest.h"
#include "crypto/evp.h"

/* Versions by (major, minor, patch) as one number. */
#define V(major, minor, patch) ((major) << 16 | (minor) << 8 | (patch))

static unsigned version(void)
{
	return V(OPENSSL_version_major(), OPENSSL_version_minor(), OPENSSL_version_patch());
}

enum rc crypto_init(struct fault *f)
{
	unsigned v = version();

	if (v < V(3U, 0U, 9U) || (v >= V(3U, 1U, 0U) && v < V(3U, 1U, 1U)))
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "policy: %s has known holes in the reading of certificates "
				 "(CVE-2022-3602, CVE-2023-0286, CVE-2023-0464); install 3.0.9 or later",
				 OpenSSL_version(OPENSSL_VERSION));
	if (OPENSSL_version_major() != OPENSSL_VERSION_MAJOR)
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "policy: built for OpenSSL %d, running with %s", OPENSSL_VERSION_MAJOR,
				 OpenSSL_version(OPENSSL_VERSION));
	evp();
	return RC_OK;
}

const char *crypto_version_note(void)
{
	/* Upstream's fix; a distribution may have patched an older version in place, so this warns. */
	static const struct {
		unsigned from, fixed;
		const char *note;
	} table[] = {
		{ V(3U, 0U, 0U), V(3U, 0U, 15U), "CVE-2024-6119 (X.509 name checks) is fixed in 3.0.15" },
		{ V(3U, 0U, 0U), V(3U, 0U, 21U),
		  "CVE-2026-34180 and CVE-2026-7383 (ASN.1 contents and strings) are fixed after 3.0.20" },
		{ V(3U, 1U, 0U), V(3U, 1U, 7U), "CVE-2024-6119 (X.509 name checks) is fixed in 3.1.7" },
		{ V(3U, 2U, 0U), V(3U, 2U, 3U), "CVE-2024-6119 (X.509 name checks) is fixed in 3.2.3" },
		{ V(3U, 3U, 0U), V(3U, 3U, 2U), "CVE-2024-6119 (X.509 name checks) is fixed in 3.3.2" },
	};
	static char text[256];
	unsigned v = version();

	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (v >= table[i].from && v < table[i].fixed) {
			snprintf(text, sizeof(text),
				 "libcrypto is %s: %s; make sure that your distribution has the patch",
				 OpenSSL_version(OPENSSL_VERSION), table[i].note);
			return text;
		}
	return NULL;
}
