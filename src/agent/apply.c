/* apply.c - see apply.h. The order of steps is what makes it safe to be killed anywhere:
 *   1. a generation with its key          2. the order, its URL beside the key
 *   3. cert, chain, and last fullchain    4. `live` switched, in one rename
 * Nobody reads a generation before step 4. */
#include "agent/apply.h"

#include <stdarg.h>
#include <stdio.h>

#include "agent/account.h"
#include "crypto/cert.h"
#include "crypto/csr.h"
#include "crypto/pem.h"
#include "solver/solver.h"

#define APPLY_ARENA (8 * 1024 * 1024)

struct applying {
	const struct files *files;
	const struct desired *desired;
	const struct apply_options *options;
	struct arena arena;
	struct str generation;
	const struct privkey *key; /* of the generation */
	struct privkey *made;      /* owned; NULL: an observed one is used */
	struct privkey *account_key;
	struct client *client;
	struct solver *solver;
	enum rc order_stored;
	struct fault *f;
};

static void applying_done(struct applying *x)
{
	client_free(x->client);
	solver_free(x->solver);
	privkey_free(x->account_key);
	privkey_free(x->made);
	arena_done(&x->arena);
}

PRINTF_LIKE(2, 3)
static void say(const struct applying *x, const char *fmt, ...)
{
	char raw[2048], text[2048];
	va_list args;

	if (!x->options->say)
		return;
	va_start(args, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	(void)str_printable(str_of(raw), text, sizeof(text)); /* a server's words are in it */
	x->options->say(x->options->say_arg, text);
}

/* --- the generation and its key --- */

static enum rc store_key(struct applying *x)
{
	AUTO_PTR(secret) struct secret *pem = NULL;
	enum rc rc = privkey_to_pem(x->key, NULL, &pem);

	if (rc == RC_OK)
		rc = files_new_generation(x->files, &x->arena, &x->generation, x->f);
	if (rc == RC_OK)
		rc = files_write(x->files, x->generation, "privkey.pem", secret_bytes(pem), 0600, x->f);
	return rc;
}

static enum rc open_generation(struct applying *x, const struct observed *o, const struct plan *p)
{
	enum rc rc = RC_OK;

	switch (p->key) {
	case PLAN_KEY_NEXT:
		x->generation = o->next.generation;
		x->key = o->next.key;
		return RC_OK;
	case PLAN_KEY_LIVE:
		x->key = o->live.key;
		break;
	case PLAN_KEY_NEW:
		rc = privkey_generate(x->desired->key_type, x->desired->rsa_bits, &x->made);
		x->key = x->made;
		break;
	}
	return rc == RC_OK ? store_key(x) : rc;
}

static enum rc make_csr(struct applying *x, struct bytes *out)
{
	const struct desired *d = x->desired;
	struct csr_spec spec = { .san_count = d->identifier_count };
	struct san *sans = arena_array(&x->arena, d->identifier_count, sizeof(*sans));
	enum rc rc = sans ? RC_OK : RC_NOMEM;

	for (size_t i = 0; rc == RC_OK && i < d->identifier_count; i++)
		rc = identifier_san(&x->arena, &d->identifiers[i], &sans[i]);
	spec.sans = sans;
	return rc == RC_OK ? csr_build(&x->arena, &spec, x->key, out) : rc;
}

/* --- the account --- */

static enum rc join(struct applying *x)
{
	const struct apply_options *o = x->options;
	struct client_account account = { .contacts = o->contacts, .contact_count = o->contact_count,
					  .agree_terms = true, .eab_kid = o->eab_kid, .eab_key = o->eab_key };
	struct str terms = client_directory(x->client)->terms, url;
	enum rc rc;

	if (terms.p)
		say(x, "agreeing to the server's terms of service: %.*s", STR_ARG(terms));
	rc = client_register(x->client, &x->arena, &account, &url, x->f);
	if (rc != RC_OK)
		return rc;
	say(x, "account: %.*s", STR_ARG(url));
	return account_url_store(&x->arena, o->account_key, x->desired->server, url, x->f);
}

static enum rc open_session(struct applying *x)
{
	const struct apply_options *o = x->options;
	struct client_options client = { .directory_url = x->desired->server,
					 .root_file = str_of(o->root_file),
					 .user_agent = str_of(o->user_agent) };
	struct str url;
	bool made;
	enum rc rc;

	rc = account_key_load(o->account_key, &x->account_key, &made, x->f);
	if (rc != RC_OK)
		return rc;
	if (made)
		say(x, "made a new account key: %s", o->account_key);
	client.account_key = x->account_key;
	rc = client_new(&client, &x->client, x->f);
	if (rc == RC_OK)
		rc = account_url_load(&x->arena, o->account_key, x->desired->server, &url, x->f);
	if (rc != RC_OK)
		return rc;
	if (url.p && client_set_account(x->client, url, NULL) == RC_OK)
		return RC_OK;
	return join(x);
}

/* --- the certificate --- */

static struct solver *solver_for(void *arg, const struct identifier *id)
{
	(void)id;
	return ((struct applying *)arg)->solver;
}

static void on_order(void *arg, struct str order_url)
{
	struct applying *x = arg;
	struct bytes text;

	x->order_stored = url_file_write(&x->arena, x->desired->server, order_url, &text);
	if (x->order_stored == RC_OK)
		x->order_stored = files_write(x->files, x->generation, "order", text, 0600, NULL);
	if (x->order_stored != RC_OK)
		say(x, "the order's URL could not be stored: if this run is interrupted, the next begins anew");
}

static enum rc obtain(struct applying *x, struct str resume_url, struct bytes **out_chain, size_t *out_count)
{
	const struct desired *d = x->desired;
	struct client_order order = {
		.identifiers = d->identifiers,
		.identifier_count = d->identifier_count,
		.profile = d->profile,
		.solver_for = solver_for,
		.arg = x,
		.order_url = resume_url,
		.on_order = on_order,
	};
	enum rc rc = make_csr(x, &order.csr);

	if (rc != RC_OK)
		return rc;
	rc = client_obtain(x->client, &x->arena, &order, out_chain, out_count, x->f);
	if (rc != RC_OK && x->f->problem == PROBLEM_ACCOUNT_DOES_NOT_EXIST) {
		/* Forgotten by the server, say after it was set up anew (FIELD A30). */
		say(x, "the server does not know our account any more");
		order.order_url = (struct str){ 0 };
		rc = join(x);
		if (rc == RC_OK)
			rc = client_obtain(x->client, &x->arena, &order, out_chain, out_count, x->f);
	}
	return rc;
}

/* What cannot become a certificate any more is not resumed. */
static bool failed_for_good(enum rc rc)
{
	return rc == RC_INVALID || rc == RC_DENIED || rc == RC_NOTFOUND || rc == RC_CONFLICT;
}

static enum rc store_pem(struct applying *x, const char *name, const struct bytes *certs, size_t count)
{
	AUTO(buf) struct buf pem;

	buf_init(&pem, FILES_MAX);
	for (size_t i = 0; i < count; i++)
		pem_add(&pem, "CERTIFICATE", certs[i]);
	if (!buf_ok(&pem))
		return RC_NOMEM;
	return files_write(x->files, x->generation, name, buf_bytes(&pem), 0644, x->f);
}

static enum rc store_chain(struct applying *x, const struct bytes *chain, size_t count, int64_t *out_not_after)
{
	struct cert_info leaf;
	enum rc rc = cert_parse(&x->arena, chain[0], &leaf, x->f);

	if (rc == RC_OK)
		rc = store_pem(x, "cert.pem", chain, 1);
	if (rc == RC_OK)
		rc = store_pem(x, "chain.pem", chain + 1, count - 1);
	if (rc == RC_OK)
		rc = store_pem(x, "fullchain.pem", chain, count); /* from now on it is complete */
	if (rc == RC_OK)
		rc = files_remove(x->files, x->generation, "order", x->f);
	if (rc == RC_OK)
		*out_not_after = leaf.not_after;
	return rc;
}

static enum rc request(struct applying *x, const struct observed *o, const struct plan *p, int64_t *out_not_after)
{
	struct str resume_url = { 0 };
	struct bytes *chain;
	size_t count;
	enum rc rc;

	/* The solver first: an address that is taken is known before the server is asked. */
	rc = solver_new(str_of(x->options->solver), str_of(x->options->solver_argument), &x->solver, x->f);
	if (rc == RC_OK)
		rc = open_session(x);
	if (rc == RC_OK)
		rc = open_generation(x, o, p);
	if (rc != RC_OK)
		return rc;
	if (p->resume) {
		say(x, "going on with the order of an interrupted run");
		resume_url = o->next.order_url;
	}
	rc = obtain(x, resume_url, &chain, &count);
	if (rc != RC_OK) {
		if (failed_for_good(rc) && files_remove(x->files, x->generation, "order", NULL) != RC_OK)
			say(x, "the failed order could not be forgotten: the next run will find it failed, and order anew");
		return rc;
	}
	return store_chain(x, chain, count, out_not_after);
}

enum rc apply(const struct files *files, const struct desired *d, const struct observed *o, const struct plan *p,
	      const struct apply_options *options, int64_t *out_not_after, struct fault *f)
{
	AUTO(applying) struct applying x = { .files = files, .desired = d, .options = options };
	AUTO(fault) struct fault own = { 0 };
	enum rc rc = RC_OK;

	arena_init(&x.arena, APPLY_ARENA);
	x.f = f ? f : &own;
	if (p->discard_next)
		rc = files_discard(files, o->next.generation, x.f);
	if (rc != RC_OK)
		return rc;
	switch (p->action) {
	case PLAN_NOTHING:
		*out_not_after = o->live.not_after;
		return RC_OK;
	case PLAN_SWITCH:
		x.generation = o->next.generation;
		*out_not_after = o->next.not_after;
		break;
	case PLAN_REQUEST:
		rc = request(&x, o, p, out_not_after);
		break;
	}
	return rc == RC_OK ? files_switch(files, x.generation, x.f) : rc;
}
