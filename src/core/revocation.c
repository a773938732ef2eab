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
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/revocation_impl.h"
#include "crypto/digest.h"

#define SCAN_BATCH 2000
#define SOON_MS 1000         /* after a revocation: those of a moment share a list */
#define RETRY_MS 5000        /* after a failure */
#define CHECK_MAX_MS (6 * 3600 * 1000) /* a timer is never set for longer: the clock may be set meanwhile */
#define STORED_MAX (4 * 1024 * 1024) /* larger lists are made anew at the next start */
#define ENTRY_ROOM 64
#define NAME_MAX_LEN 64 /* of an authority */

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

int64_t revocation_next_update(struct service *s, const struct authority *a, enum list_kind kind)
{
	struct revocation *r = s->revocation;
	int64_t first = 0;

	if (!r)
		return 0;
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->count; i++) {
		const struct list *l = &r->lists[i];
		enum list_kind is = l->delta ? LIST_DELTA : l->shard ? LIST_SHARD : LIST_FULL;

		if (is == kind && l->current && str_eq(r->config->authorities[l->authority].name, a->name) &&
		    (!first || l->current->next_update < first))
			first = l->current->next_update;
	}
	pthread_mutex_unlock(&r->lock);
	return first;
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

const struct authority *list_authority(const struct revocation *r, const struct list *l)
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

void revocation_run(struct revocation *r, void (*step)(struct revocation *r), void (*next)(struct revocation *r))
{
	r->step = step;
	r->next = next;
	(void)queue_put(&r->queue, &r->item); /* closed: the program ends */
}

/* --- a round --- */

static int64_t lifetime_of(const struct revocation *r, const struct list *l)
{
	const struct authority *a = list_authority(r, l);

	return l->delta ? a->crl_delta_s : a->crl_lifetime_s;
}

int64_t list_due_at(const struct revocation *r, const struct list *l)
{
	if (l->delta && !delta_base(l)->published)
		return INT64_MAX; /* its base is due */
	return l->published ? l->this_update + lifetime_of(r, l) / 2 : 0;
}

static void plan(struct revocation *r)
{
	int64_t now = clock_now_s(), first = INT64_MAX, delay_ms = CHECK_MAX_MS;

	for (size_t i = 0; i < r->count; i++)
		if (list_due_at(r, &r->lists[i]) < first)
			first = list_due_at(r, &r->lists[i]);
	if (r->failed)
		delay_ms = RETRY_MS;
	else if (r->again)
		delay_ms = SOON_MS + 2 * r->took_ms;
	else if (first < now + CHECK_MAX_MS / 1000)
		delay_ms = first > now ? (first - now) * 1000 : 0;
	r->again = false;
	loop_timer_set(r->timer, delay_ms);
}

void revocation_round_end(struct revocation *r, enum rc rc, const char *what)
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

/* What is new in it is said by its delta. */
static bool waits_for_its_time(const struct revocation *r, const struct list *l)
{
	return l->published && l->delta_url.p && list_due_at(r, l) > clock_now_s();
}

bool list_is_current(const struct revocation *r, const struct list *l)
{
	return waits_for_its_time(r, l) ||
	       (l->published && memcmp(l->content, l->new_content, SHA256_LEN) == 0 &&
		list_due_at(r, l) > clock_now_s());
}

/* Are all revoked certificates to be walked? Not when only deltas can be new. */
static bool needs_scan(const struct revocation *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (!r->lists[i].delta && !waits_for_its_time(r, &r->lists[i]))
			return true;
	return false;
}

static void list_committed(struct revocation *r)
{
	struct list *l = &r->lists[r->at];

	if (r->rc != RC_OK) {
		revocation_round_end(r, r->rc, "store");
		return;
	}
	l->version++;
	l->this_update = r->spec.this_update;
	l->published = true;
	memcpy(l->content, l->new_content, SHA256_LEN);
	LOG_INFO("crl_published", F_STR("name", l->name), F_INT("number", r->spec.number),
		 F_INT("octets", r->made->der.len), F_INT("took_ms", clock_mono_ms() - r->started_ms));
	set_current(r, l, TAKE(r->made));
	r->at++;
	revocation_next_list(r);
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
		revocation_round_end(r, r->rc, "check");
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
	revocation_round_end(r, rc, "store");
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
		revocation_round_end(r, rc, "sign");
		return;
	}
	memcpy(r->sig, sig.p, sig.len);
	r->sig_len = sig.len;
	revocation_run(r, step_check, store_list_row);
}

static void list_built(struct revocation *r)
{
	enum rc rc = r->rc;

	if (rc == RC_OK)
		rc = signer_sign_crl(r->signer, list_authority(r, &r->lists[r->at])->name, buf_bytes(&r->tbs),
				     on_signature, r);
	if (rc != RC_OK)
		revocation_round_end(r, rc, "build");
}

/* On the thread. */
static void step_build(struct revocation *r)
{
	buf_done(&r->tbs);
	buf_init(&r->tbs, CRL_TBS_MAX);
	r->rc = crl_tbs_build(&r->spec, &r->lists[r->at].entries, &r->tbs);
	buf_done(&r->lists[r->at].entries);
}

void revocation_build(struct revocation *r)
{
	const struct list *l = &r->lists[r->at];
	const struct authority *a = list_authority(r, l);
	uint64_t *last = &r->last_numbers[l->authority], now_ms = (uint64_t)clock_now_ms();

	*last = now_ms > *last ? now_ms : *last + 1;
	r->spec = (struct crl_spec){
		.alg = a->alg,
		.issuer_dn = a->issuing.subject_dn,
		.authority_key_id = a->issuing.subject_key_id,
		.number = *last,
		.this_update = clock_now_s(),
		.next_update = clock_now_s() + lifetime_of(r, l),
		.shard_url = l->url,
		.delta_url = l->delta_url,
		.base_number = l->delta ? delta_base(l)->current->number : 0,
	};
	revocation_run(r, step_build, list_built);
}

/* A full list is made of nothing but a walk of this round, whatever time it is by now. */
static bool is_settled(const struct revocation *r, const struct list *l)
{
	return !l->delta && (!r->scan || list_is_current(r, l));
}

void revocation_next_list(struct revocation *r)
{
	while (r->at < r->count && is_settled(r, &r->lists[r->at]))
		r->at++;
	if (r->at == r->count)
		revocation_round_end(r, RC_OK, "");
	else if (r->lists[r->at].delta)
		delta_begin(r);
	else
		revocation_build(r);
}

/* Each list of the certificate's authority that it belongs to: the full one and its shard. */
static void add_row(struct revocation *r, const struct cert_record *row, int64_t now)
{
	for (size_t i = 0; i < r->count; i++) {
		struct list *l = &r->lists[i];
		const struct authority *a = list_authority(r, l);

		if (l->shard != 0 || l->delta || !str_eq(a->name, row->authority))
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

enum rc revocation_scan(struct revocation *r, const int64_t *since, list_add_fn add)
{
	struct cert_record last, *rows;
	uint8_t serial[SERIAL_MAX];
	char authority[NAME_MAX_LEN];
	struct store_query q = { .table = &CERTS, .index = CERTS_BY_REVOKED, .limit = SCAN_BATCH, .lower = since,
				 .columns = STORE_COLUMNS(CERT_COL_SERIAL, CERT_COL_AUTHORITY,
							  CERT_COL_REVOKED_AT, CERT_COL_REVOKED_REASON,
							  CERT_COL_NOT_AFTER) };
	int64_t now = clock_now_s();
	size_t count;
	enum rc rc;

	do {
		rc = store_list(r->read, &q, &r->arena, &rows, &count);
		for (size_t i = 0; rc == RC_OK && i < count; i++)
			add(r, &rows[i], now);
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
	r->rc = revocation_scan(r, NULL, add_row);
	for (size_t i = 0; i < r->count; i++) {
		if (!buf_ok(&r->lists[i].entries))
			r->rc = r->rc == RC_OK ? RC_NOMEM : r->rc;
		sha256(buf_bytes(&r->lists[i].entries), r->lists[i].new_content);
	}
}

static void scanned(struct revocation *r)
{
	if (r->rc != RC_OK) {
		revocation_round_end(r, r->rc, "scan");
		return;
	}
	r->at = 0;
	revocation_next_list(r);
}

static void barrier_failed(struct revocation *r)
{
	revocation_round_end(r, r->rc, "store");
}

/* On the writer's thread: everything that was submitted before is durable. */
static void barrier_passed(void *arg, enum rc rc)
{
	struct revocation *r = arg;

	if (rc == RC_OK && r->scan) {
		revocation_run(r, step_scan, scanned);
		return;
	}
	r->rc = rc;
	r->next = rc == RC_OK ? scanned : barrier_failed;
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
	r->scan = needs_scan(r);
	r->started_ms = clock_mono_ms();
	if (tx)
		store_submit(r->service->store, tx, barrier_passed, r);
	else
		revocation_round_end(r, RC_NOMEM, "begin");
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
		room += 1 + c->authorities[i].crl_shards + (c->authorities[i].crl_delta_s > 0);
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
		if (rc == RC_OK && a->crl_delta_s)
			rc = delta_add(r, i);
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
