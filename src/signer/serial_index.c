/* serial_index.c - the table of serial_index.h: open addressing with linear steps, nothing is ever
 * taken out but by making the table anew. */
#include "signer/serial_index.h"

#include <stdlib.h>

#include "crypto/digest.h"

static uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint32_t serial_time(const uint8_t serial[SERIAL_MAX])
{
	return get_be32(serial);
}

static uint64_t serial_key(const uint8_t serial[SERIAL_MAX])
{
	return (uint64_t)get_be32(serial + 12) << 32 | get_be32(serial + 16);
}

static uint32_t home_slot(const struct serial_index *x, uint64_t key)
{
	return (uint32_t)(key * x->multiplier >> 40) & (x->slot_count - 1);
}

enum rc serial_index_init(struct serial_index *x, uint32_t floor, uint32_t slots_max)
{
	*x = (struct serial_index){
		.slot_count = slots_max < SERIAL_INDEX_SLOTS_MIN ? slots_max
								 : SERIAL_INDEX_SLOTS_MIN,
		.slots_max = slots_max,
		.floor = floor,
	};
	random_bytes(&x->multiplier, sizeof(x->multiplier));
	x->multiplier |= 1;
	x->slots = calloc(x->slot_count, sizeof(*x->slots));
	return x->slots ? RC_OK : RC_NOMEM;
}

void serial_index_done(struct serial_index *x)
{
	free(x->slots);
	*x = (struct serial_index){ 0 };
}

struct serial_entry *serial_index_next(const struct serial_index *x,
				       const uint8_t serial[SERIAL_MAX],
				       const struct serial_entry *prev)
{
	uint32_t mask = x->slot_count - 1, time = serial_time(serial);
	uint64_t key = serial_key(serial);
	uint32_t i = prev ? (uint32_t)(prev - x->slots + 1) & mask : home_slot(x, key);

	/* There is always a free slot: add() keeps a quarter free. */
	for (; x->slots[i].record; i = (i + 1) & mask)
		if (x->slots[i].key == key && x->slots[i].time == time)
			return &x->slots[i];
	return NULL;
}

static void place(struct serial_index *x, const struct serial_entry *e)
{
	uint32_t i = home_slot(x, e->key);

	while (x->slots[i].record)
		i = (i + 1) & (x->slot_count - 1);
	x->slots[i] = *e;
	x->count++;
}

static uint32_t count_since(const struct serial_index *x, uint32_t floor)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < x->slot_count; i++)
		n += x->slots[i].record && x->slots[i].time >= floor;
	return n;
}

static uint32_t newest_time(const struct serial_index *x)
{
	uint32_t newest = 0;

	for (uint32_t i = 0; i < x->slot_count; i++)
		if (x->slots[i].record && x->slots[i].time > newest)
			newest = x->slots[i].time;
	return newest;
}

/* Makes the table anew, with room: first without what is too old, then larger, and at its maximum
 * without its older half. */
static enum rc make_room(struct serial_index *x, uint32_t oldest)
{
	struct serial_index old = *x;
	uint32_t newest = newest_time(x), keep;

	if (x->floor < oldest)
		x->floor = oldest;
	while ((keep = count_since(x, x->floor)) > x->slots_max / 2)
		x->floor += (newest >= x->floor ? newest - x->floor : 0) / 2 + 1;
	while (x->slot_count < x->slots_max && keep > x->slot_count / 2)
		x->slot_count *= 2;
	x->slots = calloc(x->slot_count, sizeof(*x->slots));
	if (!x->slots) {
		*x = old;
		return RC_NOMEM;
	}
	x->count = 0;
	for (uint32_t i = 0; i < old.slot_count; i++)
		if (old.slots[i].record && old.slots[i].time >= x->floor)
			place(x, &old.slots[i]);
	free(old.slots);
	return RC_OK;
}

enum rc serial_index_add(struct serial_index *x, const uint8_t serial[SERIAL_MAX], uint32_t record,
			 uint32_t oldest)
{
	struct serial_entry e = { .key = serial_key(serial), .time = serial_time(serial),
				  .record = record + 1 };
	enum rc rc;

	if (x->count >= x->slot_count / 4 * 3 && (rc = make_room(x, oldest)) != RC_OK)
		return rc;
	if (e.time >= x->floor)
		place(x, &e);
	return RC_OK;
}
