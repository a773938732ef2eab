/* nonce.c - see nonce.h for the idea.
 *
 * Counters are handed out in order, so the counters minted within one time slice are one range. A
 * slice keeps, for each page of 32,768 counters that it has seen redeemed, a bitmap of 4 KiB. Slices
 * are lifetime/16 long; a nonce is good while its slice is one of the last 17, so that it lives at
 * least lifetime_s, and a page is freed together with its slice.
 *
 * A forged nonce decrypts to a random time and counter: it is refused unless it happens to name a
 * counter that was minted in a living slice (the range is checked), and even then it only uses up
 * a nonce; authentication is the signature's work, not the nonce's. */
#include "core/nonce.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/digest.h"

#define NONCE_SLICES 17
#define PAGE_BITS 32768u
#define PAGE_BYTES (PAGE_BITS / 8)

struct slice {
	int64_t number;        /* since the monotonic clock's zero; -1: unused */
	uint64_t first;        /* counter at its begin */
	uint64_t end;          /* one past its last counter */
	uint8_t **pages;       /* by (counter - first) / PAGE_BITS; NULL: nothing redeemed */
	size_t page_count;
};

struct nonces {
	pthread_mutex_t lock; /* guards all below; a leaf */
	struct block_cipher *cipher;
	int64_t slice_ms;
	uint64_t counter;
	struct slice slices[NONCE_SLICES];
	size_t bytes;
};

static void slice_clear(struct nonces *n, struct slice *s)
{
	for (size_t i = 0; i < s->page_count; i++) {
		if (s->pages[i])
			n->bytes -= PAGE_BYTES;
		free(s->pages[i]);
	}
	free(s->pages);
	n->bytes -= s->page_count * sizeof(*s->pages);
	*s = (struct slice){ .number = -1 };
}

enum rc nonces_new(int64_t lifetime_s, struct nonces **out)
{
	struct nonces *n = calloc(1, sizeof(*n));
	uint8_t key[16];

	if (!n)
		return RC_NOMEM;
	random_bytes(key, sizeof(key));
	if (block_cipher_new(key, &n->cipher) != RC_OK) {
		free(n);
		return RC_NOMEM;
	}
	pthread_mutex_init(&n->lock, NULL);
	n->slice_ms = lifetime_s * 1000 / (NONCE_SLICES - 1);
	for (size_t i = 0; i < NONCE_SLICES; i++)
		n->slices[i].number = -1;
	*out = n;
	return RC_OK;
}

void nonces_free(struct nonces *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < NONCE_SLICES; i++)
		slice_clear(n, &n->slices[i]);
	block_cipher_free(n->cipher);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

/* The slice of now; an old one in its place is dropped. */
static struct slice *slice_now(struct nonces *n, int64_t number)
{
	struct slice *s = &n->slices[number % NONCE_SLICES];

	if (s->number != number) {
		slice_clear(n, s);
		s->number = number;
		s->first = s->end = n->counter;
	}
	return s;
}

static void put_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static uint64_t get_be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

void nonce_mint(struct nonces *n, char out[NONCE_TEXT_LEN + 1])
{
	uint8_t plain[16], sealed[16];
	int64_t number = clock_mono_ms() / n->slice_ms;
	struct slice *s;

	pthread_mutex_lock(&n->lock);
	s = slice_now(n, number);
	put_be64(plain, (uint64_t)number);
	put_be64(plain + 8, n->counter++);
	s->end = n->counter;
	block_cipher_encrypt(n->cipher, plain, sealed);
	pthread_mutex_unlock(&n->lock);
	b64url_encode(bytes_of(sealed, sizeof(sealed)), out);
}

/* The bit's octet, its page made when it is the first there. */
static uint8_t *slice_octet(struct nonces *n, struct slice *s, uint64_t bit)
{
	size_t page = (size_t)(bit / PAGE_BITS);

	if (page >= s->page_count) {
		uint8_t **grown = realloc(s->pages, (page + 1) * sizeof(*grown));

		if (!grown)
			return NULL;
		memset(grown + s->page_count, 0, (page + 1 - s->page_count) * sizeof(*grown));
		n->bytes += (page + 1 - s->page_count) * sizeof(*grown);
		s->pages = grown;
		s->page_count = page + 1;
	}
	if (!s->pages[page]) {
		s->pages[page] = calloc(1, PAGE_BYTES);
		if (!s->pages[page])
			return NULL;
		n->bytes += PAGE_BYTES;
	}
	return &s->pages[page][bit % PAGE_BITS / 8];
}

static bool redeem(struct nonces *n, uint64_t number, uint64_t counter, int64_t now_number)
{
	struct slice *s = &n->slices[number % NONCE_SLICES];
	uint8_t *octet, mask;

	if (number > (uint64_t)now_number || (uint64_t)now_number - number >= NONCE_SLICES)
		return false;
	if (s->number != (int64_t)number || counter < s->first || counter >= s->end)
		return false;
	octet = slice_octet(n, s, counter - s->first);
	mask = (uint8_t)(1u << ((counter - s->first) % 8));
	if (!octet || (*octet & mask)) /* out of memory: not redeemed, the client tries another */
		return false;
	*octet |= mask;
	return true;
}

bool nonce_redeem(struct nonces *n, struct str text)
{
	uint8_t sealed[NONCE_TEXT_LEN], plain[16];
	size_t len;
	bool good;

	if (text.len != NONCE_TEXT_LEN || !b64url_decode(text, sealed, &len) || len != sizeof(plain))
		return false;
	pthread_mutex_lock(&n->lock);
	block_cipher_decrypt(n->cipher, sealed, plain);
	good = redeem(n, get_be64(plain), get_be64(plain + 8), clock_mono_ms() / n->slice_ms);
	pthread_mutex_unlock(&n->lock);
	return good;
}

size_t nonces_bytes(struct nonces *n)
{
	size_t bytes;

	pthread_mutex_lock(&n->lock);
	bytes = n->bytes;
	pthread_mutex_unlock(&n->lock);
	return bytes;
}
