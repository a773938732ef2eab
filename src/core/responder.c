/* responder.c - keys of the OCSP responder, and its answers (responder.h).
 *
 * A key lives in this process only. Its certificate is claimed in the audit trail before it is signed and
 * stored with all others before it is used, like every certificate (docs/ARCHITECTURE.md: record before
 * signing); it has no names. At half its life another key follows.
 *
 * An answer about one certificate without a nonce is kept and used again until half of its time is over,
 * for as long as the certificate's row has the version that it speaks of. The row is read for every
 * answer: so there is no moment at which a revocation is durable and "good" is still said (TRUST V14), and
 * nothing has to be told of a revocation. */
#include "core/responder.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/cert.h"
#include "core/ocsp_cache.h"
#include "crypto/ocsp.h"
#include "signer/law.h"

#define KEY_LIFETIME_S (7 * 86400)
#define BACKDATE_S 3600
#define ANSWER_LIFETIME_S (8 * 3600)
#define RETRY_MS 5000
#define CACHE_OCTETS (32 * 1024 * 1024)

/* One certified key: immutable, counted. */
struct responder_key {
	int refs; /* atomic */
	uint64_t id;
	struct privkey *key;
	struct bytes certificate; /* owned */
	int64_t not_after;
};

struct authority_responder {
	struct ocsp_issuer issuer;
	struct responder_key *current; /* guarded by responder.lock; NULL: none yet */
	int64_t renew_at;
};

struct responder {
	struct loop_work work; /* first: posted by the store's writer */
	void (*next)(struct responder *r);
	enum rc rc; /* of the commit */
	struct service *service;
	struct config *config; /* that of the start: authorities change by restart only */
	struct loop *loop;
	struct signer *signer;
	struct loop_timer *timer;
	void (*ready)(void *arg);
	void *arg;
	pthread_mutex_t lock; /* guards current of every authority; a leaf */
	struct authority_responder *authorities;
	struct ocsp_cache *cache;
	uint64_t last_id;
	/* the key under way */
	bool busy, failed, stopped;
	size_t at; /* authority */
	struct responder_key *made;
	struct bytes tbs; /* in the arena */
	struct arena arena;
	struct context context;
};

/* --- keys --- */

static void key_unref(struct responder_key *k)
{
	if (!k || __atomic_sub_fetch(&k->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	privkey_free(k->key);
	free((void *)k->certificate.p);
	free(k);
}

static struct responder_key *key_of(struct responder *r, size_t authority)
{
	struct responder_key *k;

	pthread_mutex_lock(&r->lock);
	k = r->authorities[authority].current;
	if (k)
		__atomic_add_fetch(&k->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&r->lock);
	return k;
}

static const struct authority *authority_at(const struct responder *r)
{
	return &r->config->authorities[r->at];
}

static void next_key(struct responder *r);

static void step_posted(struct loop_work *w)
{
	struct responder *r = (struct responder *)w;

	if (!r->stopped)
		r->next(r);
}

/* On the writer's thread. */
static void committed(void *arg, enum rc rc)
{
	struct responder *r = arg;

	r->rc = rc;
	r->work.fn = step_posted;
	loop_post(r->loop, &r->work);
}

static enum rc context_begin(struct responder *r)
{
	r->context = (struct context){ .service = r->service, .config = r->config, .arena = &r->arena,
				       .tx = tx_new(), .now = clock_now_s(), .actor = STR("system") };
	return r->context.tx ? RC_OK : RC_NOMEM;
}

/* Takes the context's transaction. */
static void submit(struct responder *r, void (*next)(struct responder *r))
{
	r->next = next;
	store_submit(r->service->store, TAKE(r->context.tx), committed, r);
}

static void plan(struct responder *r)
{
	int64_t first = INT64_MAX, now = clock_now_s();

	for (size_t i = 0; i < r->config->authority_count; i++)
		if (r->authorities[i].renew_at < first)
			first = r->authorities[i].renew_at;
	if (first < now)
		first = now;
	/* Never for longer than an hour: the clock may be set meanwhile. */
	loop_timer_set(r->timer, r->failed ? RETRY_MS : first - now < 3600 ? (first - now) * 1000 : 3600 * 1000);
}

static void round_end(struct responder *r)
{
	r->busy = false;
	plan(r);
	if (r->ready) {
		void (*ready)(void *) = r->ready;

		r->ready = NULL;
		ready(r->arg);
	}
}

static void give_up(struct responder *r, enum rc rc, const char *what, const struct fault *f)
{
	LOG_ERROR("ocsp_key_not_made", F_STR("authority", authority_at(r)->name), F_TEXT("step", what),
		  F_TEXT("cause", f && f->detail[0] ? f->detail : rc_text(rc)));
	tx_free(r->context.tx);
	r->context.tx = NULL;
	key_unref(r->made);
	r->made = NULL;
	r->failed = true;
	r->at++;
	next_key(r);
}

static void key_stored(struct responder *r)
{
	struct authority_responder *a = &r->authorities[r->at];
	struct responder_key *old;

	if (r->rc != RC_OK) {
		give_up(r, r->rc, "store", NULL);
		return;
	}
	a->renew_at = clock_now_s() + (r->made->not_after - clock_now_s()) / 2;
	LOG_INFO("ocsp_key", F_STR("authority", authority_at(r)->name), F_INT("id", r->made->id));
	pthread_mutex_lock(&r->lock);
	old = a->current;
	a->current = TAKE(r->made);
	pthread_mutex_unlock(&r->lock);
	key_unref(old);
	r->at++;
	next_key(r);
}

/* The certificate of our TBS and this signature, found good. */
static enum rc finish_certificate(struct responder *r, struct bytes sig, struct bytes *out, struct fault *f)
{
	const struct authority *a = authority_at(r);
	AUTO_PTR(pubkey) struct pubkey *issuing = NULL;
	enum rc rc = pubkey_from_spki(a->issuing.spki, &issuing, f);

	if (rc == RC_OK)
		rc = pubkey_verify_x509(issuing, a->alg, r->tbs, sig);
	return rc == RC_OK ? cert_assemble(&r->arena, r->tbs, a->alg, sig, out) : rc;
}

static enum rc record_certificate(struct responder *r, struct bytes der)
{
	const struct authority *a = authority_at(r);
	struct context *c = &r->context;
	struct cert_record row;
	char serial[2 * SERIAL_MAX + 1];
	uint8_t *copy = malloc(der.len);
	enum rc rc = copy ? context_begin(r) : RC_NOMEM;

	if (rc != RC_OK) {
		free(copy);
		return rc;
	}
	memcpy(copy, der.p, der.len);
	r->made->certificate = bytes_of(copy, der.len);
	rc = cert_record_new(c, a->name, STR(LAW_OCSP_RESPONDER), der, STR(""), &row);
	if (rc == RC_OK)
		rc = tx_insert(c->tx, &CERTS, &row);
	if (rc != RC_OK)
		return rc;
	r->made->not_after = row.not_after;
	hex_encode(row.serial, serial);
	return audit_add(c, "cert.issue", str_of(serial), "profile=" LAW_OCSP_RESPONDER);
}

static void on_signature(void *arg, enum rc rc, struct bytes sig, const struct fault *why)
{
	struct responder *r = arg;
	AUTO(fault) struct fault f = { 0 };
	struct bytes der;

	if (rc != RC_OK) {
		give_up(r, rc, "sign", why);
		return;
	}
	rc = finish_certificate(r, sig, &der, &f);
	if (rc == RC_OK)
		rc = record_certificate(r, der);
	if (rc == RC_OK)
		submit(r, key_stored);
	else
		give_up(r, rc, "certificate", &f);
}

static void key_claimed(struct responder *r)
{
	enum rc rc = r->rc;

	if (rc == RC_OK)
		rc = signer_sign(r->signer, authority_at(r)->name, STR(LAW_OCSP_RESPONDER), r->tbs, on_signature, r);
	if (rc != RC_OK)
		give_up(r, rc, "claim", NULL);
}

static enum rc build_tbs(struct responder *r, uint8_t serial[SERIAL_MAX])
{
	const struct authority *a = authority_at(r);
	int64_t now = clock_now_s();
	struct tbs_spec spec = {
		.serial = bytes_of(serial, SERIAL_MAX),
		.alg = a->alg,
		.issuer_dn = a->issuing.subject_dn,
		.not_before = now - BACKDATE_S,
		.not_after = now + KEY_LIFETIME_S - 1,
		.key = privkey_pubkey(r->made->key),
		.path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = EKU_OCSP_SIGNING,
		.authority_key_id = a->issuing.subject_key_id,
		.ocsp_nocheck = true,
	};
	enum rc rc = dn_build(&r->arena, (struct str){ 0 }, STR(OCSP_RESPONDER_CN), &spec.subject_dn);

	if (spec.not_before < a->issuing.not_before)
		spec.not_before = a->issuing.not_before;
	if (spec.not_after > a->issuing.not_after)
		spec.not_after = a->issuing.not_after;
	serial_new(now, serial);
	return rc == RC_OK ? tbs_build(&r->arena, &spec, &r->tbs) : rc;
}

static enum rc make_key(struct responder *r)
{
	uint8_t serial[SERIAL_MAX];
	char text[2 * SERIAL_MAX + 1];
	enum rc rc;

	arena_reset(&r->arena);
	r->made = calloc(1, sizeof(*r->made));
	if (!r->made)
		return RC_NOMEM;
	r->made->refs = 1;
	r->made->id = ++r->last_id;
	if ((rc = privkey_generate(KEY_P256, 0, &r->made->key)) != RC_OK ||
	    (rc = build_tbs(r, serial)) != RC_OK || (rc = context_begin(r)) != RC_OK)
		return rc;
	hex_encode(bytes_of(serial, SERIAL_MAX), text);
	return audit_add(&r->context, "cert.claim", str_of(text), "profile=" LAW_OCSP_RESPONDER);
}

/* The next authority whose key is due, or the end. */
static void next_key(struct responder *r)
{
	enum rc rc;

	while (r->at < r->config->authority_count && r->authorities[r->at].renew_at > clock_now_s())
		r->at++;
	if (r->at == r->config->authority_count) {
		round_end(r);
		return;
	}
	rc = make_key(r);
	if (rc == RC_OK)
		submit(r, key_claimed);
	else
		give_up(r, rc, "key", NULL);
}

static void round_begin(void *arg)
{
	struct responder *r = arg;

	if (r->busy)
		return;
	r->busy = true;
	r->failed = false;
	r->at = 0;
	next_key(r);
}

/* --- answers --- */

static void reply_error(struct responder_reply *out, enum ocsp_error error)
{
	*out = (struct responder_reply){ .der = ocsp_error_response(error) };
}

/* All certificates of one request must be of one authority of ours (RFC 5019 §2.2.3). */
static bool find_authority(const struct responder *r, const struct ocsp_request *q, size_t *out)
{
	for (size_t i = 0; i < r->config->authority_count; i++) {
		size_t k = 0;

		while (k < q->count && ocsp_issuer_is(&r->authorities[i].issuer, &q->ids[k]))
			k++;
		if (k == q->count) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* A serial that was claimed but has no certificate in the store may have been signed: it has a status
 * like any other (TRUST V30). */
static enum rc claimed_status(struct context *c, struct str authority, struct bytes serial,
			      enum ocsp_status *out)
{
	struct order_record key = { .serial = serial }, row;
	enum rc rc = store_get(c->read, &ORDERS, ORDERS_BY_SERIAL, &key, c->arena, &row);

	if (rc == RC_OK)
		*out = str_eq(row.authority, authority) ? OCSP_GOOD : OCSP_UNKNOWN;
	if (rc == RC_NOTFOUND)
		*out = OCSP_UNKNOWN;
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

/* By issuer and serial, never by serial alone (TRUST V14). *out_version: of the row, 0 when there is no
 * certificate. */
static enum rc status_of(struct context *c, struct str authority, const struct ocsp_cert_id *id,
			 struct ocsp_single *out, int64_t *out_version)
{
	struct cert_record key = { .serial = id->serial }, *rows;
	struct store_query q = { .table = &CERTS, .index = STORE_PRIMARY, .key = &key, .key_columns = 1,
				 .limit = 1,
				 .columns = STORE_COLUMNS(CERT_COL_SERIAL, CERT_COL_VERSION, CERT_COL_AUTHORITY,
							  CERT_COL_STATUS, CERT_COL_REVOKED_AT,
							  CERT_COL_REVOKED_REASON) };
	size_t count;
	enum rc rc = store_list(c->read, &q, c->arena, &rows, &count);

	*out = (struct ocsp_single){ .cert_id = id->whole, .status = OCSP_UNKNOWN };
	*out_version = 0;
	if (rc != RC_OK)
		return rc;
	if (count == 0)
		return claimed_status(c, authority, id->serial, &out->status);
	if (!str_eq(rows->authority, authority))
		return RC_OK;
	*out_version = rows->version;
	out->status = rows->status == CERT_REVOKED ? OCSP_REVOKED : OCSP_GOOD;
	out->revoked_at = rows->revoked_at;
	out->reason = rows->revoked_reason;
	return RC_OK;
}

struct answer {
	struct responder *responder;
	const struct ocsp_request *request;
	const struct responder_key *key;
	struct ocsp_single singles[OCSP_IDS_MAX];
	int64_t row_version; /* of the only certificate; 0: the answer is not kept */
};

static bool answer_kept(struct context *c, const struct answer *a, struct responder_reply *out)
{
	struct ocsp_cached kept;

	if (a->row_version == 0 ||
	    ocsp_cache_get(a->responder->cache, a->request->ids[0].whole, c->arena, &kept) != RC_OK ||
	    kept.key_id != a->key->id || kept.row_version != a->row_version || kept.refresh_at <= c->now ||
	    kept.this_update > c->now)
		return false;
	*out = (struct responder_reply){ kept.der, kept.this_update, kept.next_update, kept.refresh_at };
	return true;
}

static enum rc sign_answer(struct context *c, struct answer *a, struct responder_reply *out)
{
	const struct ocsp_responder self = { a->key->key, a->key->certificate };
	const struct ocsp_request *q = a->request;
	int64_t next = c->now + ANSWER_LIFETIME_S;
	struct responder_reply reply = { 0 };
	enum rc rc;

	if (next > a->key->not_after)
		next = a->key->not_after;
	for (size_t i = 0; i < q->count; i++) {
		a->singles[i].this_update = c->now;
		a->singles[i].next_update = next;
	}
	rc = ocsp_response_build(c->arena, &self, a->singles, q->count, q->nonce, c->now, &reply.der);
	if (rc != RC_OK)
		return rc;
	if (a->row_version != 0) {
		struct ocsp_cached kept = { .key_id = a->key->id, .row_version = a->row_version,
					    .this_update = c->now, .next_update = next,
					    .refresh_at = c->now + (next - c->now) / 2, .der = reply.der };

		ocsp_cache_put(a->responder->cache, q->ids[0].whole, &kept);
		reply.this_update = kept.this_update;
		reply.next_update = kept.next_update;
		reply.refresh_at = kept.refresh_at;
	}
	*out = reply;
	return RC_OK;
}

static enum rc answer_with(struct context *c, struct answer *a, struct str authority,
			   struct responder_reply *out)
{
	int64_t version = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < a->request->count; i++)
		rc = status_of(c, authority, &a->request->ids[i], &a->singles[i], &version);
	if (rc != RC_OK)
		return rc;
	if (a->request->count == 1 && !a->request->nonce.p)
		a->row_version = version;
	return answer_kept(c, a, out) ? RC_OK : sign_answer(c, a, out);
}

enum rc responder_answer(struct context *c, struct bytes request, struct responder_reply *out)
{
	struct responder *r = c->service->responder;
	struct ocsp_request q;
	struct answer a = { .responder = r, .request = &q };
	struct responder_key *key;
	size_t authority;
	enum rc rc;

	if (!r) {
		reply_error(out, OCSP_TRY_LATER);
		return RC_OK;
	}
	if (ocsp_request_parse(request, &q, NULL) != RC_OK) {
		reply_error(out, OCSP_MALFORMED);
		return RC_OK;
	}
	if (!find_authority(r, &q, &authority)) {
		reply_error(out, OCSP_UNAUTHORIZED);
		return RC_OK;
	}
	key = key_of(r, authority);
	if (!key || key->not_after <= c->now) {
		key_unref(key);
		reply_error(out, OCSP_TRY_LATER);
		return RC_OK;
	}
	a.key = key;
	rc = answer_with(c, &a, r->config->authorities[authority].name, out);
	key_unref(key);
	return rc;
}

/* --- start and end --- */

enum rc responder_start(const struct responder_options *o, struct responder **out)
{
	struct responder *r = calloc(1, sizeof(*r));
	enum rc rc;

	if (!r)
		return RC_NOMEM;
	r->service = o->service;
	r->config = service_config(o->service);
	r->loop = o->loop;
	r->signer = o->signer;
	r->ready = o->ready;
	r->arg = o->arg;
	arena_init(&r->arena, LIMIT_REQUEST_ARENA);
	pthread_mutex_init(&r->lock, NULL);
	r->authorities = calloc(r->config->authority_count, sizeof(*r->authorities));
	rc = r->authorities ? ocsp_cache_new(CACHE_OCTETS, &r->cache) : RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < r->config->authority_count; i++)
		rc = ocsp_issuer_init(r->config->authorities[i].issuing.subject_dn,
				      r->config->authorities[i].issuing.spki, &r->authorities[i].issuer);
	if (rc == RC_OK)
		rc = loop_timer_new(o->loop, round_begin, r, &r->timer);
	if (rc != RC_OK) {
		responder_free(r);
		return rc;
	}
	loop_timer_set(r->timer, 0);
	*out = r;
	return RC_OK;
}

void responder_stop(struct responder *r)
{
	if (!r)
		return;
	r->stopped = true;
	loop_timer_free(r->timer);
	r->timer = NULL;
}

void responder_free(struct responder *r)
{
	if (!r)
		return;
	for (size_t i = 0; r->authorities && i < r->config->authority_count; i++)
		key_unref(r->authorities[i].current);
	key_unref(r->made);
	tx_free(r->context.tx);
	free(r->authorities);
	ocsp_cache_free(r->cache);
	pthread_mutex_destroy(&r->lock);
	arena_done(&r->arena);
	config_unref(r->config);
	free(r);
}
