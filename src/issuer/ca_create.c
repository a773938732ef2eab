/* ca_create.c - makes, installs and imports certificate authorities (ca_create.h).
 *
 * The root signs one level below it (pathLenConstraint 1), the issuing certificate only end entities
 * (pathLenConstraint 0; RFC 5280 §4.2.1.9). Name constraints are in the issuing certificate, critical
 * (RFC 5280 §4.2.1.10): whoever trusts the root of a home lab endangers no other name.
 * Both begin an hour ago, because the clocks of machines differ. */
#include "issuer/ca_create.h"

#include "base/clock.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "issuer/issuer.h"
#include "issuer/pem_file.h"

#define YEAR (365 * 86400LL)
#define BACKDATE_S 3600
#define PEM_MAX (256 * 1024)
#define NAME_MAX_LEN 50 /* with " Issuing CA" it still fits ub-common-name, 64 */

#define ROOT_CERT "root.pem"
#define ROOT_KEY "root.key"
#define ISSUING_CERT "issuing.pem"
#define ISSUING_KEY "issuing.key"
#define ISSUING_CSR "issuing.csr"
#define CHAIN "chain.pem"

#define MODE_KEY 0600
#define MODE_CERT 0644

static enum rc refuse(struct fault *f, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL, "%s", why);
}

/* --- files --- */

static enum rc set_begin(struct arena *a, struct file_set *s, struct str folder, struct fault *f)
{
	const char *path = arena_cstr(a, folder);

	return path ? file_set_init(s, path, f) : RC_NOMEM;
}

static enum rc add_key(struct file_set *s, const char *name, const struct privkey *key,
		       const struct secret *passphrase, struct fault *f)
{
	AUTO_PTR(secret) struct secret *pem = NULL;
	enum rc rc = privkey_to_pem(key, passphrase, &pem);

	if (rc != RC_OK)
		return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "%s: the key cannot be encoded", name);
	return file_set_add(s, name, secret_bytes(pem), MODE_KEY, f);
}

static enum rc add_pem(struct file_set *s, const char *name, const char *label,
		       const struct bytes *der, size_t count, struct fault *f)
{
	AUTO(buf) struct buf pem;

	buf_init(&pem, PEM_MAX);
	for (size_t i = 0; i < count; i++)
		pem_add(&pem, label, der[i]);
	if (!buf_ok(&pem))
		return RC_NOMEM;
	return file_set_add(s, name, buf_bytes(&pem), MODE_CERT, f);
}

/* Issuing certificate, chain, and the root if it is there; keys are added before, so that no
 * certificate gets its name without its key. */
static enum rc add_certificates(struct file_set *s, const struct bytes *chain, size_t count,
				struct fault *f)
{
	enum rc rc;

	if ((rc = add_pem(s, ISSUING_CERT, "CERTIFICATE", chain, 1, f)) != RC_OK ||
	    (rc = add_pem(s, CHAIN, "CERTIFICATE", chain, count, f)) != RC_OK)
		return rc;
	return add_pem(s, ROOT_CERT, "CERTIFICATE", &chain[count - 1], 1, f);
}

static struct str path_of(struct arena *a, struct str folder, const char *name)
{
	return str_of(arena_printf(a, "%.*s/%s", STR_ARG(folder), name));
}

static enum rc created(struct arena *a, struct str folder, struct bytes root, struct ca_created *out)
{
	struct ca_created c = {
		.root_file = path_of(a, folder, ROOT_CERT),
		.chain_file = path_of(a, folder, CHAIN),
		.key_file = path_of(a, folder, ISSUING_KEY),
	};

	if (!c.root_file.p || !c.chain_file.p || !c.key_file.p)
		return RC_NOMEM;
	sha256(root, c.fingerprint);
	*out = c;
	return RC_OK;
}

/* --- making certificates --- */

static enum rc check_options(const struct ca_create_options *o, struct fault *f)
{
	if (o->name.len < 1 || o->name.len > NAME_MAX_LEN || !str_is_utf8(o->name))
		return refuse(f, "a CA's name has 1 to 50 octets of UTF-8");
	for (size_t i = 0; i < o->name.len; i++)
		if ((unsigned char)o->name.p[i] < ' ' || o->name.p[i] == 0x7f)
			return refuse(f, "a CA's name has no control characters");
	if (o->root_lifetime_s < 0 || o->issuing_lifetime_s < 0 ||
	    o->root_lifetime_s > 100 * YEAR || o->issuing_lifetime_s > 100 * YEAR)
		return refuse(f, "a CA's lifetime is at most 100 years");
	return RC_OK;
}

/* One certificate authority in the making. */
struct ca {
	struct privkey *key; /* owned */
	struct bytes dn, der;
	struct bytes key_id;
	int64_t not_before, not_after;
};

static void ca_done(struct ca *ca)
{
	privkey_free(ca->key);
}

static enum rc ca_generate(struct arena *a, const struct ca_create_options *o, const char *kind,
			   struct ca *ca, struct fault *f)
{
	const char *cn = arena_printf(a, "%.*s %s", STR_ARG(o->name), kind);
	enum rc rc;

	if (!cn)
		return RC_NOMEM;
	rc = privkey_generate(o->key_type, o->rsa_bits, &ca->key);
	if (rc != RC_OK)
		return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "cannot make such a key");
	return dn_build(a, o->name, str_of(cn), &ca->dn);
}

/* ca's certificate, signed by issuer, which may be ca itself. */
static enum rc ca_certify(struct arena *a, const struct ca_create_options *o, struct ca *ca,
			  const struct ca *issuer, struct fault *f)
{
	bool root = ca == issuer;
	struct pubkey *signing = privkey_pubkey(issuer->key);
	uint8_t serial[SERIAL_MAX], sig[SIG_MAX];
	struct tbs_spec spec = {
		.serial = bytes_of(serial, sizeof(serial)),
		.alg = key_x509_sig_alg(pubkey_type(signing)),
		.issuer_dn = issuer->dn,
		.subject_dn = ca->dn,
		.not_before = ca->not_before,
		.not_after = ca->not_after,
		.key = privkey_pubkey(ca->key),
		.ca = true,
		.path_len = root ? 1 : 0,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
		.authority_key_id = root ? (struct bytes){ 0 } : issuer->key_id,
		.permit = root ? NULL : o->permit,
		.permit_count = root ? 0 : o->permit_count,
	};
	struct cert_info info, issuer_info;
	struct bytes tbs;
	size_t sig_len;
	enum rc rc;

	serial_new(clock_now_s(), serial);
	if ((rc = tbs_build(a, &spec, &tbs)) != RC_OK ||
	    (rc = privkey_sign_x509(issuer->key, tbs, sig, &sig_len)) != RC_OK ||
	    (rc = cert_assemble(a, tbs, spec.alg, bytes_of(sig, sig_len), &ca->der)) != RC_OK ||
	    (rc = cert_parse(a, ca->der, &info, f)) != RC_OK ||
	    (rc = cert_parse(a, issuer->der, &issuer_info, f)) != RC_OK)
		return rc;
	ca->key_id = info.subject_key_id;
	return cert_check_issued(&info, &issuer_info, f);
}

static int64_t lifetime(int64_t asked, int64_t usual)
{
	return asked ? asked : usual;
}

static enum rc make_both(struct arena *a, const struct ca_create_options *o, struct ca *root,
			 struct ca *issuing, struct fault *f)
{
	enum rc rc;

	root->not_before = issuing->not_before = clock_now_s() - BACKDATE_S;
	root->not_after = root->not_before + lifetime(o->root_lifetime_s, 20 * YEAR) - 1;
	issuing->not_after = issuing->not_before + lifetime(o->issuing_lifetime_s, 5 * YEAR) - 1;
	if (issuing->not_after > root->not_after)
		issuing->not_after = root->not_after;
	if ((rc = ca_generate(a, o, "Root CA", root, f)) != RC_OK ||
	    (rc = ca_generate(a, o, "Issuing CA", issuing, f)) != RC_OK ||
	    (rc = ca_certify(a, o, root, root, f)) != RC_OK)
		return rc;
	return ca_certify(a, o, issuing, root, f);
}

enum rc ca_create(struct arena *a, const struct ca_create_options *o, struct ca_created *out,
		  struct fault *f)
{
	AUTO(ca) struct ca root = { 0 };
	AUTO(ca) struct ca issuing = { 0 };
	AUTO(file_set) struct file_set files = { .fd = -1 };
	struct bytes chain[2];
	enum rc rc;

	if ((rc = check_options(o, f)) != RC_OK)
		return rc;
	if (!o->root_passphrase || secret_bytes(o->root_passphrase).len == 0)
		return refuse(f, "the root's key is always encrypted: a passphrase is needed");
	/* Names taken are found before keys are made, which may take seconds. */
	if ((rc = set_begin(a, &files, o->directory, f)) != RC_OK ||
	    (rc = file_set_check(&files, ISSUING_CERT, f)) != RC_OK ||
	    (rc = file_set_check(&files, ROOT_CERT, f)) != RC_OK ||
	    (rc = make_both(a, o, &root, &issuing, f)) != RC_OK)
		return rc;
	chain[0] = issuing.der;
	chain[1] = root.der;
	if ((rc = add_key(&files, ROOT_KEY, root.key, o->root_passphrase, f)) != RC_OK ||
	    (rc = add_key(&files, ISSUING_KEY, issuing.key, o->issuing_passphrase, f)) != RC_OK ||
	    (rc = add_certificates(&files, chain, 2, f)) != RC_OK ||
	    (rc = created(a, o->directory, root.der, out)) != RC_OK)
		return rc;
	return file_set_commit(&files, f);
}

enum rc ca_create_csr(struct arena *a, const struct ca_create_options *o, struct str *out_csr_file,
		      struct fault *f)
{
	AUTO(ca) struct ca issuing = { 0 };
	AUTO(file_set) struct file_set files = { .fd = -1 };
	struct csr_spec spec = { .organization = o->name, .ca = true };
	struct bytes der;
	struct str path = path_of(a, o->directory, ISSUING_CSR);
	enum rc rc;

	if (!path.p)
		return RC_NOMEM;
	spec.cn = str_of(arena_printf(a, "%.*s Issuing CA", STR_ARG(o->name)));
	if ((rc = check_options(o, f)) != RC_OK ||
	    (rc = set_begin(a, &files, o->directory, f)) != RC_OK ||
	    (rc = ca_generate(a, o, "Issuing CA", &issuing, f)) != RC_OK ||
	    (rc = csr_build(a, &spec, issuing.key, &der)) != RC_OK ||
	    (rc = add_key(&files, ISSUING_KEY, issuing.key, o->issuing_passphrase, f)) != RC_OK ||
	    (rc = add_pem(&files, ISSUING_CSR, "CERTIFICATE REQUEST", &der, 1, f)) != RC_OK ||
	    (rc = file_set_commit(&files, f)) != RC_OK)
		return rc;
	*out_csr_file = path;
	return RC_OK;
}

/* --- certificates that others made --- */

/* chain_pem and root_pem as one chain, up to its root. */
static enum rc read_chain(struct arena *a, struct bytes chain_pem, struct bytes root_pem,
			  struct chain *out, struct fault *f)
{
	AUTO(buf) struct buf all;
	int64_t now = clock_now_s();
	enum rc rc;

	buf_init(&all, PEM_MAX);
	buf_add(&all, chain_pem.p, chain_pem.len);
	buf_add_char(&all, '\n');
	buf_add(&all, root_pem.p, root_pem.len);
	if (!buf_ok(&all))
		return refuse(f, "the certificates are too large");
	rc = chain_read(a, buf_bytes(&all), out, f);
	if (rc != RC_OK)
		return rc;
	if (!out->rooted)
		return refuse(f, "the chain does not end in a self-signed root: clients need the root, "
				 "so it has to be given too");
	for (size_t i = 0; i < out->count; i++)
		if (out->info[i].not_before > now || out->info[i].not_after < now)
			return refuse(f, "RFC 5280 §4.1.2.5: a certificate of the chain is not valid "
					 "now");
	return RC_OK;
}

/* May key and certificate serve as an authority? */
static enum rc check_issuing(const struct cert_info *c, const struct privkey *key, struct fault *f)
{
	struct bytes mine = pubkey_spki(privkey_pubkey(key));

	if (!bytes_eq(c->spki, mine))
		return refuse(f, "the first certificate is not for this key");
	if (!(c->key_usage & KU_KEY_CERT_SIGN))
		return refuse(f, "RFC 5280 §4.2.1.3: the issuing certificate has no keyCertSign");
	if (!(c->key_usage & KU_CRL_SIGN))
		return refuse(f, "RFC 5280 §4.2.1.3: the issuing certificate has no cRLSign, so nothing "
				 "could be revoked");
	if (c->subject_key_id.len == 0)
		return refuse(f, "RFC 5280 §4.2.1.2: the issuing certificate has no subject key "
				 "identifier");
	return RC_OK;
}

enum rc ca_install(struct arena *a, struct str directory, struct bytes chain_pem,
		   struct bytes root_pem, const struct secret *issuing_passphrase,
		   struct ca_created *out, struct fault *f)
{
	AUTO(file_set) struct file_set files = { .fd = -1 };
	AUTO_PTR(privkey) struct privkey *key = NULL;
	AUTO_PTR(secret) struct secret *key_pem = NULL;
	const char *ref = arena_printf(a, "file:%.*s/%s", STR_ARG(directory), ISSUING_KEY);
	struct chain chain;
	enum rc rc;

	if (!ref)
		return RC_NOMEM;
	if ((rc = secret_load(str_of(ref), &key_pem, f)) != RC_OK ||
	    (rc = privkey_from_pem(secret_bytes(key_pem), issuing_passphrase, &key, f)) != RC_OK ||
	    (rc = read_chain(a, chain_pem, root_pem, &chain, f)) != RC_OK ||
	    (rc = check_issuing(&chain.info[0], key, f)) != RC_OK ||
	    (rc = set_begin(a, &files, directory, f)) != RC_OK ||
	    (rc = add_certificates(&files, chain.der, chain.count, f)) != RC_OK ||
	    (rc = created(a, directory, chain.der[chain.count - 1], out)) != RC_OK)
		return rc;
	return file_set_commit(&files, f);
}

enum rc ca_import(struct arena *a, struct str directory, struct bytes chain_pem, struct bytes key_pem,
		  const struct secret *key_passphrase, const struct secret *issuing_passphrase,
		  struct ca_created *out, struct fault *f)
{
	AUTO(file_set) struct file_set files = { .fd = -1 };
	AUTO_PTR(privkey) struct privkey *key = NULL;
	struct chain chain;
	enum rc rc;

	if ((rc = privkey_from_pem(key_pem, key_passphrase, &key, f)) != RC_OK ||
	    (rc = read_chain(a, chain_pem, (struct bytes){ 0 }, &chain, f)) != RC_OK ||
	    (rc = check_issuing(&chain.info[0], key, f)) != RC_OK ||
	    (rc = set_begin(a, &files, directory, f)) != RC_OK ||
	    (rc = add_key(&files, ISSUING_KEY, key, issuing_passphrase, f)) != RC_OK ||
	    (rc = add_certificates(&files, chain.der, chain.count, f)) != RC_OK ||
	    (rc = created(a, directory, chain.der[chain.count - 1], out)) != RC_OK)
		return rc;
	return file_set_commit(&files, f);
}
