/* revocation.c - publishing revocation lists (revocation.h).
 *
 * One round:  barrier   an empty transaction: what was revoked before it is durable and will be seen
 *             scan      all revoked certificates, once, into the entries of each list
 *             then for each list whose entries changed or whose time has come:
 *             build     the TBS
 *             sign      the signer process, which checks it
 *             check     the signature; the list is put together
 *             store     number and list; when that is durable the list is what clients get
 *
 * A list of a million certificates has some 40 MB, so scan, build and check run on a thread of their own;
 * everything else is on the jobs' loop, one step at a time. Revocations that come during a round make
 * another one follow, after a pause of twice what the last one took: lists cost a third of one processor
 * at most.
 *
 * The number (RFC 5280 §5.2.3) is the time in milliseconds, or one more than the last when the clock does
 * not move. So it goes on rising when the store was restored from an older copy; the signer's journal
 * refuses what is not higher.
 *
 * An entry stays until the list's lifetime after the certificate's end. A list is published at half its
 * lifetime at the latest, so each entry is in one that was made after that end (RFC 5280 §3.3). */
#include "core/revocation.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/cert.h"
#include "crypto/crl.h"
#include "crypto/digest.h"

#define SCAN_BATCH 2000
#define SOON_MS 1000         /* after a revocation: those of a moment share a list */
#define RETRY_MS 5000        /* after a failure */
#define CHECK_MAX_MS (6 * 3600 * 1000) /* a timer is never set for longer: the clock may be set meanwhile */
#define STORED_MAX (4 * 1024 * 1024) /* larger lists are made anew at the next start */
#define ENTRY_ROOM 64
#define NAME_MAX_LEN 64 /* of an authority */

struct list {
	struct str name;
	size_t authority; /* number in the config */
	unsigned shard;   /* 0: the full list */
	struct str url;   /* of a shard */
	struct crl *current; /* guarded by revocation.lock */
	int64_t version;  /* of its row; 0: there is none */
	int64_t this_update;
	uint8_t content[SHA256_LEN]; /* of the current list's entries */
	bool published;
	/* the round at hand */
	struct buf entries;
	uint8_t new_content[SHA256_LEN];
};

struct revocation {
	struct queue_item item; /* first: posted to the thread */
	struct loop_work work;  /* posted back */
	void (*step)(struct revocation *r); /* what the thread is to do */
	void (*next)(struct revocation *r); /* what the loop is to do then */
	enum rc rc;                         /* of the step, or of the commit */
	struct service *service;
	struct config *config; /* that of the start: authorities change by restart only */
	struct loop *loop;
	struct signer *signer;
	struct store_read *read; /* the thread's own */
	struct queue queue;
	struct thread thread;
	pthread_mutex_t lock; /* guards current of every list; a leaf */
	struct list *lists;
	size_t count;
	uint64_t *last_numbers; /* by authority */
	struct pubkey **keys;   /* by authority */
	struct loop_timer *timer;
	void (*ready)(void *arg);
	void *arg;
	/* Another thread says that something is revoked. */
	struct loop_work poke;
	bool poked; /* atomic: poke is on its way */
	/* the round at hand */
	bool busy, again, failed;
	int64_t started_ms, took_ms;
	size_t at; /* list */
	struct crl_spec spec;
	struct buf tbs;
	struct crl *made;
	uint8_t sig[SIG_MAX];
	size_t sig_len;
	struct arena names; /* of the lists */
	struct arena arena; /* scratch: of the start, then of the thread */
	bool stopped;       /* works that are still posted do nothing */
};

/* --- lists --- */

void crl_unref(struct crl *c)
{
	if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free((void *)c->der.p);
	free(c);
}

static struct crl *crl_new(uint64_t number, int64_t this_update, int64_t next_update, struct bytes der)
{
	struct crl *c = calloc(1, sizeof(*c));
	uint8_t *copy = malloc(der.len);

	if (!c || !copy) {
		free(c);
		free(copy);
		return NULL;
	}
	memcpy(copy, der.p, der.len);
	*c = (struct crl){ .refs = 1, .number = number, .this_update = this_update,
			   .next_update = next_update, .der = bytes_of(copy, der.len) };
	return c;
}

static const struct list *find(const struct revocation *r, struct str name)
{
	for (size_t i = 0; i < r->count; i++)
		if (str_eq(r->lists[i].name, name))
			return &r->lists[i];
	return NULL;
}

bool revocation_has_list(struct service *s, struct str name)
{
	return s->revocation && find(s->revocation, name);
}

struct crl *revocation_list(struct service *s, struct str name)
{
	struct revocation *r = s->revocation;
	const struct list *l = r ? find(r, name) : NULL;
	struct crl *c = NULL;

	if (!l)
		return NULL;
	pthread_mutex_lock(&r->lock);
	if (l->current && l->current->next_update > clock_now_s()) {
		c = l->current;
		__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&r->lock);
	return c;
}

static void set_current(struct revocation *r, struct list *l, struct crl *c)
{
	struct crl *old;

	pthread_mutex_lock(&r->lock);
	old = l->current;
	l->current = c;
	pthread_mutex_unlock(&r->lock);
	crl_unref(old);
}

static const struct authority *authority_of(const struct revocation *r, const struct list *l)
{
	return &r->config->authorities[l->authority];
}

/* --- the thread --- */

static void step_done(struct loop_work *w)
{
	struct revocation *r = (struct revocation *)((char *)w - offsetof(struct revocation, work));

	if (!r->stopped)
		r->next(r);
}

static void thread_main(void *arg)
{
	struct revocation *r = arg;

	while (queue_take_all(&r->queue)) {
		r->step(r);
		r->work.fn = step_done;
		loop_post(r->loop, &r->work);
	}
}

/* Runs step on the thread, then next on the loop. Any thread. */
static void run_step(struct revocation *r, void (*step)(struct revocation *r),
		     void (*next)(struct revocation *r))
{
	r->step = step;
	r->next = next;
	(void)queue_put(&r->queue, &r->item); /* closed: the program ends */
}

/* --- a round --- */

static void next_list(struct revocation *r);

static int64_t due_at(const struct revocation *r, const struct list *l)
{
	return l->published ? l->this_update + authority_of(r, l)->crl_lifetime_s / 2 : 0;
}

static void plan(struct revocation *r)
{
	int64_t now = clock_now_s(), first = INT64_MAX, delay_ms = CHECK_MAX_MS;

	for (size_t i = 0; i < r->count; i++)
		if (due_at(r, &r->lists[i]) < first)
			first = due_at(r, &r->lists[i]);
	if (r->failed)
		delay_ms = RETRY_MS;
	else if (r->again)
		delay_ms = SOON_MS + 2 * r->took_ms;
	else if (first < now + CHECK_MAX_MS / 1000)
		delay_ms = first > now ? (first - now) * 1000 : 0;
	r->again = false;
	loop_timer_set(r->timer, delay_ms);
}

static void round_end(struct revocation *r, enum rc rc, const char *what)
{
	r->busy = false;
	r->failed = rc != RC_OK;
	r->took_ms = clock_mono_ms() - r->started_ms;
	if (rc != RC_OK)
		LOG_ERROR("crl_not_published", F_TEXT("step", what), F_TEXT("cause", rc_text(rc)));
	for (size_t i = 0; i < r->count; i++)
		buf_done(&r->lists[i].entries);
	buf_done(&r->tbs);
	crl_unref(r->made);
	r->made = NULL;
	plan(r);
	if (r->ready) {
		void (*ready)(void *) = r->ready;

		r->ready = NULL;
		ready(r->arg);
	}
}

/* The list has nothing new and its time has not come. */
static bool is_current(const struct revocation *r, const struct list *l)
{
	return l->published && memcmp(l->content, l->new_content, SHA256_LEN) == 0 &&
	       due_at(r, l) > clock_now_s();
}

static void list_committed(struct revocation *r)
{
	struct list *l = &r->lists[r->at];

	if (r->rc != RC_OK) {
		round_end(r, r->rc, "store");
		return;
	}
	l->version++;
	l->this_update = r->spec.this_update;
	l->published = true;
	memcpy(l->content, l->new_content, SHA256_LEN);
	LOG_INFO("crl_published", F_STR("name", l->name), F_INT("number", r->spec.number),
		 F_INT("octets", r->made->der.len));
	set_current(r, l, TAKE(r->made));
	r->at++;
	next_list(r);
}

/* On the writer's thread. */
static void committed(void *arg, enum rc rc)
{
	struct revocation *r = arg;

	r->rc = rc;
	r->next = list_committed;
	r->work.fn = step_done;
	loop_post(r->loop, &r->work);
}

static void store_list_row(struct revocation *r)
{
	const struct list *l = &r->lists[r->at];
	struct crl_record row = {
		.name = l->name,
		.version = l->version,
		.number = (int64_t)r->spec.number,
		.this_update = r->spec.this_update,
		.next_update = r->spec.next_update,
		.content = bytes_of(l->new_content, SHA256_LEN),
	};
	struct context c = { .service = r->service, .tx = tx_new(), .now = clock_now_s(),
			     .actor = STR("system") };
	enum rc rc = c.tx ? RC_OK : RC_NOMEM;

	if (r->rc != RC_OK) {
		tx_free(c.tx);
		round_end(r, r->rc, "check");
		return;
	}
	if (r->made->der.len <= STORED_MAX)
		row.der = r->made->der;
	if (rc == RC_OK && l->version == 0)
		rc = tx_insert(c.tx, &CRLS, &row);
	else if (rc == RC_OK)
		rc = tx_update(c.tx, &CRLS, &row,
			       STORE_COLUMNS(CRL_COL_NUMBER, CRL_COL_THIS_UPDATE, CRL_COL_NEXT_UPDATE,
					     CRL_COL_CONTENT, CRL_COL_DER));
	if (rc == RC_OK)
		rc = audit_add(&c, "crl.publish", l->name, "number=%llu octets=%zu",
			       (unsigned long long)r->spec.number, r->made->der.len);
	if (rc == RC_OK) {
		store_submit(r->service->store, c.tx, committed, r);
		return;
	}
	tx_free(c.tx);
	round_end(r, rc, "store");
}

/* On the thread. */
static void step_check(struct revocation *r)
{
	const struct list *l = &r->lists[r->at];
	struct bytes sig = bytes_of(r->sig, r->sig_len), tbs = buf_bytes(&r->tbs);
	enum sig_alg alg = r->spec.alg;
	struct buf der;

	r->rc = pubkey_verify_x509(r->keys[l->authority], alg, tbs, sig);
	if (r->rc != RC_OK)
		return;
	buf_init(&der, tbs.len + SIG_MAX + 64);
	r->rc = crl_assemble(tbs, alg, sig, &der);
	if (r->rc == RC_OK) {
		r->made = crl_new(r->spec.number, r->spec.this_update, r->spec.next_update,
				  buf_bytes(&der));
		r->rc = r->made ? RC_OK : RC_NOMEM;
	}
	buf_done(&der);
}

static void on_signature(void *arg, enum rc rc, struct bytes sig, const struct fault *f)
{
	struct revocation *r = arg;

	if (rc != RC_OK) {
		if (f && f->detail[0])
			LOG_WARN("crl_not_signed", F_STR("name", r->lists[r->at].name),
				 F_TEXT("detail", f->detail));
		round_end(r, rc, "sign");
		return;
	}
	memcpy(r->sig, sig.p, sig.len);
	r->sig_len = sig.len;
	run_step(r, step_check, store_list_row);
}

static void list_built(struct revocation *r)
{
	enum rc rc = r->rc;

	if (rc == RC_OK)
		rc = signer_sign_crl(r->signer, authority_of(r, &r->lists[r->at])->name, buf_bytes(&r->tbs),
				     on_signature, r);
	if (rc != RC_OK)
		round_end(r, rc, "build");
}

/* On the thread. */
static void step_build(struct revocation *r)
{
	buf_done(&r->tbs);
	buf_init(&r->tbs, CRL_TBS_MAX);
	r->rc = crl_tbs_build(&r->spec, &r->lists[r->at].entries, &r->tbs);
	buf_done(&r->lists[r->at].entries);
}

static void next_list(struct revocation *r)
{
	const struct authority *a;
	uint64_t *last, now_ms = (uint64_t)clock_now_ms();

	while (r->at < r->count && is_current(r, &r->lists[r->at]))
		r->at++;
	if (r->at == r->count) {
		round_end(r, RC_OK, "");
		return;
	}
	a = authority_of(r, &r->lists[r->at]);
	last = &r->last_numbers[r->lists[r->at].authority];
	*last = now_ms > *last ? now_ms : *last + 1;
	r->spec = (struct crl_spec){
		.alg = a->alg,
		.issuer_dn = a->issuing.subject_dn,
		.authority_key_id = a->issuing.subject_key_id,
		.number = *last,
		.this_update = clock_now_s(),
		.next_update = clock_now_s() + a->crl_lifetime_s,
		.shard_url = r->lists[r->at].url,
	};
	run_step(r, step_build, list_built);
}

/* Each list of the certificate's authority that it belongs to: the full one and its shard. */
static void add_row(struct revocation *r, const struct cert_record *row, int64_t now)
{
	for (size_t i = 0; i < r->count; i++) {
		struct list *l = &r->lists[i];
		const struct authority *a = authority_of(r, l);

		if (l->shard != 0 || !str_eq(a->name, row->authority))
			continue;
		if (row->not_after + a->crl_lifetime_s < now)
			return;
		crl_add_entry(&l->entries, row->serial, row->revoked_at, row->revoked_reason);
		if (a->crl_shards) /* they follow the full list in order */
			crl_add_entry(&l[crl_shard_of(row->serial, a->crl_shards)].entries, row->serial,
				      row->revoked_at, row->revoked_reason);
		return;
	}
}

static enum rc scan_rows(struct revocation *r, int64_t now)
{
	struct cert_record last, *rows;
	uint8_t serial[SERIAL_MAX];
	char authority[NAME_MAX_LEN];
	struct store_query q = { .table = &CERTS, .index = CERTS_BY_REVOKED, .limit = SCAN_BATCH,
				 .columns = STORE_COLUMNS(CERT_COL_SERIAL, CERT_COL_AUTHORITY,
							  CERT_COL_REVOKED_AT, CERT_COL_REVOKED_REASON,
							  CERT_COL_NOT_AFTER) };
	size_t count;
	enum rc rc;

	do {
		rc = store_list(r->read, &q, &r->arena, &rows, &count);
		for (size_t i = 0; rc == RC_OK && i < count; i++)
			add_row(r, &rows[i], now);
		if (rc == RC_OK && count > 0) {
			last = rows[count - 1];
			if (last.serial.len > sizeof(serial) || last.authority.len > sizeof(authority))
				return RC_INTERNAL;
			memcpy(serial, last.serial.p, last.serial.len);
			memcpy(authority, last.authority.p, last.authority.len);
			last.serial.p = serial;
			last.authority.p = authority;
			q.after = &last;
		}
		arena_reset(&r->arena);
	} while (rc == RC_OK && count == SCAN_BATCH);
	return rc;
}

/* On the thread. */
static void step_scan(struct revocation *r)
{
	for (size_t i = 0; i < r->count; i++)
		buf_init(&r->lists[i].entries, CRL_TBS_MAX - ENTRY_ROOM);
	r->rc = scan_rows(r, clock_now_s());
	for (size_t i = 0; i < r->count; i++) {
		if (!buf_ok(&r->lists[i].entries))
			r->rc = r->rc == RC_OK ? RC_NOMEM : r->rc;
		sha256(buf_bytes(&r->lists[i].entries), r->lists[i].new_content);
	}
}

static void scanned(struct revocation *r)
{
	if (r->rc != RC_OK) {
		round_end(r, r->rc, "scan");
		return;
	}
	r->at = 0;
	next_list(r);
}

static void barrier_failed(struct revocation *r)
{
	round_end(r, r->rc, "store");
}

/* On the writer's thread: everything that was submitted before is durable. */
static void barrier_passed(void *arg, enum rc rc)
{
	struct revocation *r = arg;

	if (rc == RC_OK) {
		run_step(r, step_scan, scanned);
		return;
	}
	r->rc = rc;
	r->next = barrier_failed;
	r->work.fn = step_done;
	loop_post(r->loop, &r->work);
}

static void round_begin(void *arg)
{
	struct revocation *r = arg;
	struct tx *tx = tx_new();

	if (r->busy) {
		tx_free(tx);
		r->again = true;
		return;
	}
	r->busy = true;
	r->started_ms = clock_mono_ms();
	if (tx)
		store_submit(r->service->store, tx, barrier_passed, r);
	else
		round_end(r, RC_NOMEM, "begin");
}

/* --- news --- */

static void poke_arrived(struct loop_work *w)
{
	struct revocation *r = (struct revocation *)((char *)w - offsetof(struct revocation, poke));

	__atomic_store_n(&r->poked, false, __ATOMIC_RELEASE);
	if (r->stopped)
		return;
	if (r->busy)
		r->again = true;
	else if (!r->failed)
		loop_timer_set(r->timer, SOON_MS + 2 * r->took_ms);
}

void revocation_changed(struct service *s)
{
	struct revocation *r = s->revocation;

	if (r && !__atomic_exchange_n(&r->poked, true, __ATOMIC_ACQ_REL))
		loop_post(r->loop, &r->poke);
}

/* --- start and end --- */

/* What was published before; kept while it is good. */
static enum rc load_list(struct revocation *r, struct store_read *read, struct list *l)
{
	struct crl_record key = { .name = l->name }, row;
	enum rc rc = store_get(read, &CRLS, STORE_PRIMARY, &key, &r->arena, &row);

	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	l->version = row.version;
	l->this_update = row.this_update;
	if ((uint64_t)row.number > r->last_numbers[l->authority])
		r->last_numbers[l->authority] = (uint64_t)row.number;
	if (row.der.p && row.content.len == SHA256_LEN) {
		memcpy(l->content, row.content.p, SHA256_LEN);
		l->current = crl_new((uint64_t)row.number, row.this_update, row.next_update, row.der);
		l->published = l->current;
	}
	arena_reset(&r->arena);
	return RC_OK;
}

/* RFC 5280 §5.2.5: a certificate names the list of its shard for as long as it lives, so their number
 * stays. */
static enum rc check_shards(struct revocation *r, struct store_read *read, const struct authority *a,
			    struct fault *f)
{
	struct str key = str_of(arena_printf(&r->arena, "crl-shards/%.*s", STR_ARG(a->name)));
	struct str want = str_of(arena_printf(&r->arena, "%u", a->crl_shards));
	struct meta_record row = { .key = key, .value = str_bytes(want) }, have;
	struct tx *tx;
	enum rc rc;

	if (!key.p || !want.p)
		return RC_NOMEM;
	rc = store_get(read, &METAS, STORE_PRIMARY, &row, &r->arena, &have);
	if (rc == RC_OK && !bytes_eq(have.value, row.value))
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "authorities.%.*s.crl_shards was %.*s when certificates were issued that "
				 "name their lists, and cannot be changed", STR_ARG(a->name),
				 (int)have.value.len, (const char *)have.value.p);
	if (rc != RC_NOTFOUND || a->crl_shards == 0)
		return rc == RC_NOTFOUND ? RC_OK : rc;
	tx = tx_new();
	rc = tx ? tx_insert(tx, &METAS, &row) : RC_NOMEM;
	if (rc == RC_OK)
		return store_commit(r->service->store, tx);
	tx_free(tx);
	return rc;
}

static enum rc add_list(struct revocation *r, size_t authority, unsigned shard)
{
	const struct authority *a = &r->config->authorities[authority];
	struct list *l = &r->lists[r->count];

	l->authority = authority;
	l->shard = shard;
	l->name = a->name;
	buf_init(&l->entries, 0);
	r->count++;
	if (shard == 0)
		return RC_OK;
	l->name = str_of(arena_printf(&r->names, "%.*s-%u", STR_ARG(a->name), shard));
	l->url = crl_shard_url(&r->names, a->crl_url, shard);
	return l->name.p && l->url.p ? RC_OK : RC_NOMEM;
}

static enum rc add_lists(struct revocation *r, struct store_read *read, struct fault *f)
{
	const struct config *c = r->config;
	size_t room = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < c->authority_count; i++)
		room += 1 + c->authorities[i].crl_shards;
	r->lists = calloc(room, sizeof(*r->lists));
	r->last_numbers = calloc(c->authority_count, sizeof(*r->last_numbers));
	r->keys = calloc(c->authority_count, sizeof(*r->keys));
	if (!r->lists || !r->last_numbers || !r->keys)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < c->authority_count; i++) {
		const struct authority *a = &c->authorities[i];

		if (!(a->issuing.key_usage & KU_CRL_SIGN)) {
			LOG_WARN("crl_not_possible", F_STR("authority", a->name),
				 F_TEXT("cause", "RFC 5280 §6.3.3: the issuing certificate lacks cRLSign"));
			continue;
		}
		rc = pubkey_from_spki(a->issuing.spki, &r->keys[i], f);
		if (rc == RC_OK)
			rc = check_shards(r, read, a, f);
		for (unsigned k = 0; rc == RC_OK && k <= a->crl_shards; k++)
			rc = add_list(r, i, k);
	}
	for (size_t i = 0; rc == RC_OK && i < r->count; i++) {
		if (find(r, r->lists[i].name) != &r->lists[i])
			return fault_set(f, RC_INVALID, PROBLEM_NONE,
					 "authorities: %.*s is the name of an authority and of a list of another",
					 STR_ARG(r->lists[i].name));
		rc = load_list(r, read, &r->lists[i]);
	}
	return rc;
}

static enum rc start(struct revocation *r, const struct revocation_options *o, struct fault *f)
{
	struct store_read *read = NULL;
	enum rc rc = store_read_open(o->service->store, &read);

	if (rc == RC_OK)
		rc = add_lists(r, read, f);
	store_read_close(read);
	if (rc == RC_OK)
		rc = store_read_open(o->service->store, &r->read);
	if (rc == RC_OK)
		rc = loop_timer_new(o->loop, round_begin, r, &r->timer);
	if (rc == RC_OK)
		rc = thread_start(&r->thread, "lists", thread_main, r);
	return rc;
}

enum rc revocation_start(const struct revocation_options *o, struct revocation **out, struct fault *f)
{
	struct revocation *r = calloc(1, sizeof(*r));
	enum rc rc;

	if (!r)
		return RC_NOMEM;
	r->service = o->service;
	r->config = service_config(o->service);
	r->loop = o->loop;
	r->signer = o->signer;
	r->ready = o->ready;
	r->arg = o->arg;
	r->poke.fn = poke_arrived;
	arena_init(&r->arena, 16 * LIMIT_REQUEST_ARENA);
	arena_init(&r->names, LIMIT_SETTINGS_BYTES);
	buf_init(&r->tbs, 0);
	pthread_mutex_init(&r->lock, NULL);
	queue_init(&r->queue);
	rc = start(r, o, f);
	if (rc != RC_OK) {
		revocation_stop(r);
		revocation_free(r);
		return rc;
	}
	loop_timer_set(r->timer, 0);
	*out = r;
	return RC_OK;
}

void revocation_stop(struct revocation *r)
{
	if (!r)
		return;
	r->stopped = true;
	queue_close(&r->queue);
	thread_join(&r->thread);
	loop_timer_free(r->timer);
	r->timer = NULL;
	store_read_close(r->read);
	r->read = NULL;
}

void revocation_free(struct revocation *r)
{
	if (!r)
		return;
	queue_done(&r->queue);
	for (size_t i = 0; i < r->count; i++) {
		buf_done(&r->lists[i].entries);
		crl_unref(r->lists[i].current);
	}
	for (size_t i = 0; r->keys && i < r->config->authority_count; i++)
		pubkey_free(r->keys[i]);
	free(r->lists);
	free(r->last_numbers);
	free(r->keys);
	buf_done(&r->tbs);
	crl_unref(r->made);
	pthread_mutex_destroy(&r->lock);
	arena_done(&r->arena);
	arena_done(&r->names);
	config_unref(r->config);
	free(r);
}
