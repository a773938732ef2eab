/* ocsp_cache.c - a hash table of chains and a list by last use (ocsp_cache.h). */
#include "core/ocsp_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "crypto/digest.h"

#define BUCKETS (1 << 14) /* a power of two */

struct entry {
	LIST_ENTRY(entry) in_bucket;
	TAILQ_ENTRY(entry) by_use;
	struct ocsp_cached answer; /* der points into mem */
	size_t id_len;
	uint8_t mem[]; /* CertID, then the answer */
};

struct ocsp_cache {
	pthread_mutex_t lock; /* guards all below; a leaf */
	size_t max, octets;
	uint64_t seed; /* nobody outside can aim at one bucket */
	TAILQ_HEAD(entries_head, entry) entries; /* last used first */
	LIST_HEAD(bucket, entry) buckets[BUCKETS];
};

enum rc ocsp_cache_new(size_t max_octets, struct ocsp_cache **out)
{
	struct ocsp_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return RC_NOMEM;
	pthread_mutex_init(&c->lock, NULL);
	c->max = max_octets;
	random_bytes(&c->seed, sizeof(c->seed));
	TAILQ_INIT(&c->entries);
	*out = c;
	return RC_OK;
}

static size_t size_of(const struct entry *e)
{
	return sizeof(*e) + e->id_len + e->answer.der.len;
}

static void drop(struct ocsp_cache *c, struct entry *e)
{
	c->octets -= size_of(e);
	LIST_REMOVE(e, in_bucket);
	TAILQ_REMOVE(&c->entries, e, by_use);
	free(e);
}

void ocsp_cache_free(struct ocsp_cache *c)
{
	struct entry *e;

	if (!c)
		return;
	while ((e = TAILQ_FIRST(&c->entries)))
		drop(c, e);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct bucket *bucket_of(struct ocsp_cache *c, struct bytes id)
{
	uint64_t h = c->seed;

	for (size_t i = 0; i < id.len; i++)
		h = (h ^ id.p[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 29;
	return &c->buckets[h & (BUCKETS - 1)];
}

static struct entry *find(struct ocsp_cache *c, struct bytes id)
{
	struct entry *e;

	LIST_FOREACH(e, bucket_of(c, id), in_bucket)
		if (bytes_eq(bytes_of(e->mem, e->id_len), id))
			return e;
	return NULL;
}

enum rc ocsp_cache_get(struct ocsp_cache *c, struct bytes cert_id, struct arena *a, struct ocsp_cached *out)
{
	enum rc rc = RC_NOTFOUND;
	struct ocsp_cached found;
	struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, cert_id);
	if (e) {
		TAILQ_REMOVE(&c->entries, e, by_use);
		TAILQ_INSERT_HEAD(&c->entries, e, by_use);
		found = e->answer;
		found.der = arena_bytes(a, e->answer.der);
		rc = found.der.p ? RC_OK : RC_NOMEM;
	}
	pthread_mutex_unlock(&c->lock);
	if (rc == RC_OK)
		*out = found;
	return rc;
}

void ocsp_cache_put(struct ocsp_cache *c, struct bytes cert_id, const struct ocsp_cached *answer)
{
	struct entry *e = malloc(sizeof(*e) + cert_id.len + answer->der.len), *old;

	if (!e)
		return;
	e->answer = *answer;
	e->id_len = cert_id.len;
	memcpy(e->mem, cert_id.p, cert_id.len);
	memcpy(e->mem + cert_id.len, answer->der.p, answer->der.len);
	e->answer.der.p = e->mem + cert_id.len;
	pthread_mutex_lock(&c->lock);
	old = find(c, cert_id);
	if (old)
		drop(c, old);
	LIST_INSERT_HEAD(bucket_of(c, cert_id), e, in_bucket);
	TAILQ_INSERT_HEAD(&c->entries, e, by_use);
	c->octets += size_of(e);
	while (c->octets > c->max)
		drop(c, TAILQ_LAST(&c->entries, entries_head));
	pthread_mutex_unlock(&c->lock);
}

size_t ocsp_cache_octets(struct ocsp_cache *c)
{
	size_t octets;

	pthread_mutex_lock(&c->lock);
	octets = c->octets;
	pthread_mutex_unlock(&c->lock);
	return octets;
}
