/* observe.c - see observe.h. Files on disk may be anybody's: they are read as strictly as what comes
 * from the network, and a damaged one means that a new one is made, not that the agent fails. */
#include "agent/observe.h"

#include <stdio.h>

#include "crypto/cert.h"
#include "crypto/pem.h"

#define URL_FILE_MAX 8192

enum rc url_file_write(struct arena *a, struct str server, struct str url, struct bytes *out)
{
	char *text = arena_printf(a, "%.*s\n%.*s\n", STR_ARG(server), STR_ARG(url));

	if (!text)
		return RC_NOMEM;
	*out = str_bytes(str_of(text));
	return RC_OK;
}

bool url_file_read(struct str text, struct str *out_server, struct str *out_url)
{
	struct str server, url, rest;

	if (text.len > URL_FILE_MAX || !str_cut(text, '\n', &server, &rest) ||
	    !str_cut(rest, '\n', &url, &rest) || rest.len != 0 || server.len == 0 || url.len == 0)
		return false;
	*out_server = server;
	*out_url = url;
	return true;
}

static void note(struct observed_set *set, const char *name, struct fault *f)
{
	if (!set->trouble[0])
		(void)snprintf(set->trouble, sizeof(set->trouble), "%s: %.900s", name, f->detail);
	fault_done(f);
}

/* RC_OK with an absent *out when the file is not there. */
static enum rc read_part(const struct files *files, struct arena *a, const char *name, struct observed_set *set,
			 struct bytes *out, struct fault *f)
{
	enum rc rc = files_read(files, a, set->generation, name, out, f);

	if (rc == RC_NOTFOUND || rc == RC_LIMIT) {
		*out = (struct bytes){ 0 };
		if (rc == RC_LIMIT)
			note(set, name, f);
		fault_done(f);
		return RC_OK;
	}
	return rc;
}

static enum rc read_key(const struct files *files, struct arena *a, struct observed_set *set, struct fault *f)
{
	struct bytes pem;
	enum rc rc = read_part(files, a, "privkey.pem", set, &pem, f);

	if (rc != RC_OK || !pem.p)
		return rc;
	rc = privkey_from_pem(pem, NULL, &set->key, f);
	secret_cleanse((void *)pem.p, pem.len);
	if (rc == RC_NOMEM)
		return rc;
	if (rc != RC_OK)
		note(set, "privkey.pem", f);
	return RC_OK;
}

static enum rc read_names(struct arena *a, const struct cert_info *leaf, struct observed_set *set, struct fault *f)
{
	set->identifiers = arena_array(a, leaf->san_count + 1, sizeof(*set->identifiers));
	if (!set->identifiers)
		return RC_NOMEM;
	for (size_t i = 0; i < leaf->san_count; i++) {
		enum rc rc = identifier_from_san(a, &leaf->sans[i], &set->identifiers[i], f);

		if (rc != RC_OK)
			return rc;
	}
	set->identifier_count = leaf->san_count;
	return RC_OK;
}

static enum rc read_leaf(struct arena *a, struct bytes pem, struct observed_set *set, struct fault *f)
{
	AUTO_PTR(pubkey) struct pubkey *key = NULL;
	struct cert_info leaf;
	struct bytes *chain;
	size_t count;
	enum rc rc;

	rc = pem_read(a, pem, "CERTIFICATE", &chain, &count, f);
	if (rc == RC_OK)
		rc = cert_parse(a, chain[0], &leaf, f);
	if (rc == RC_OK)
		rc = pubkey_from_spki(leaf.spki, &key, f);
	if (rc == RC_OK)
		rc = read_names(a, &leaf, set, f);
	if (rc != RC_OK)
		return rc;
	set->has_certificate = true;
	set->key_matches = set->key && pubkey_eq(key, privkey_pubkey(set->key));
	set->not_before = leaf.not_before;
	set->not_after = leaf.not_after;
	return RC_OK;
}

/* fullchain.pem is the last that is written: without it our own generation is not complete. */
static enum rc read_certificate(const struct files *files, struct arena *a, bool live, struct observed_set *set,
				struct fault *f)
{
	struct bytes pem;
	enum rc rc = read_part(files, a, "fullchain.pem", set, &pem, f);

	if (rc == RC_OK && !pem.p && live) /* taken over from somebody else, perhaps */
		rc = read_part(files, a, "cert.pem", set, &pem, f);
	if (rc != RC_OK || !pem.p)
		return rc;
	rc = read_leaf(a, pem, set, f);
	if (rc == RC_NOMEM)
		return rc;
	if (rc != RC_OK)
		note(set, "fullchain.pem", f);
	return RC_OK;
}

static enum rc read_order(const struct files *files, struct arena *a, struct observed_set *set, struct fault *f)
{
	struct bytes text;
	enum rc rc = read_part(files, a, "order", set, &text, f);

	if (rc == RC_OK && text.p)
		(void)url_file_read((struct str){ (const char *)text.p, text.len }, &set->order_server,
				      &set->order_url);
	return rc;
}

static enum rc observe_set(const struct files *files, struct arena *a, bool live, struct observed_set *set,
			   struct fault *f)
{
	enum rc rc;

	if (!set->generation.p)
		return RC_OK;
	rc = read_key(files, a, set, f);
	if (rc == RC_OK)
		rc = read_certificate(files, a, live, set, f);
	if (rc == RC_OK)
		rc = read_order(files, a, set, f);
	return rc;
}

enum rc observe(const struct files *files, struct arena *a, struct observed *out, struct fault *f)
{
	AUTO(observed) struct observed o = { 0 };
	AUTO(fault) struct fault own = { 0 };
	enum rc rc;

	if (!f)
		f = &own;
	rc = files_generations(files, a, &o.live.generation, &o.next.generation, f);
	if (rc == RC_OK)
		rc = observe_set(files, a, true, &o.live, f);
	if (rc == RC_OK)
		rc = observe_set(files, a, false, &o.next, f);
	if (rc == RC_OK) {
		*out = o;
		o = (struct observed){ 0 };
	}
	return rc;
}

void observed_done(struct observed *o)
{
	privkey_free(o->live.key);
	privkey_free(o->next.key);
	o->live.key = o->next.key = NULL;
}
