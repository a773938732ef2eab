/* ca_create.h - making a certificate authority: `assay init`, `assay ca csr|install`, `assay dev`.
 * Runs once, in an operator's shell; nothing at run time needs the root key. */
#ifndef ASSAY_ISSUER_CA_CREATE_H
#define ASSAY_ISSUER_CA_CREATE_H

#include "base/arena.h"
#include "base/fault.h"
#include "base/secret.h"
#include "crypto/cert.h"

struct ca_create_options {
	struct str directory;    /* where ca/ files go: root.pem root.key issuing.pem issuing.key chain.pem */
	struct str name;         /* "Home Lab": in both subjects */
	enum key_type key_type;
	unsigned rsa_bits;
	int64_t root_lifetime_s, issuing_lifetime_s; /* 20 y and 5 y by default */
	const struct name_subtree *permit; /* critical name constraints in the issuing certificate */
	size_t permit_count;
	const struct secret *root_passphrase, *issuing_passphrase; /* root's must not be NULL */
};
struct ca_created {
	uint8_t fingerprint[32]; /* SHA-256 of the root certificate */
	struct str root_file, chain_file, key_file;
};
/* Refuses to touch existing files; all files 0600 (certificates 0644), written whole and fsynced;
 * on failure nothing is left behind. */
enum rc ca_create(struct arena *a, const struct ca_create_options *o, struct ca_created *out,
		  struct fault *f) MUST_USE;

/* A key and a request for a foreign root to sign: issuing.key and issuing.csr. */
enum rc ca_create_csr(struct arena *a, const struct ca_create_options *o, struct str *out_csr_file,
		      struct fault *f) MUST_USE;
/* Installs what the foreign root signed: chain (PEM, issuing first, root last or given in
 * root_pem). Checks: key fits, CA:TRUE, keyCertSign, pathlen, validity, chain verifies. */
enum rc ca_install(struct arena *a, struct str directory, struct bytes chain_pem,
		   struct bytes root_pem, const struct secret *issuing_passphrase,
		   struct ca_created *out, struct fault *f) MUST_USE;
/* Bring your own intermediate: certificate chain and key (PEM, maybe encrypted). */
enum rc ca_import(struct arena *a, struct str directory, struct bytes chain_pem, struct bytes key_pem,
		  const struct secret *key_passphrase, const struct secret *issuing_passphrase,
		  struct ca_created *out, struct fault *f) MUST_USE;

#endif
