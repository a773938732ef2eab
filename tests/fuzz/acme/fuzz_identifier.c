/* fuzz_identifier.c - the first octet chooses: type and value of an identifier, a SAN, or the text of
 * a stored list. What is accepted keeps its spelling and survives each round trip. */
#include <stdlib.h>

#include "acme/identifier.h"
#include "base/auto.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check(struct arena *a, const struct identifier *id)
{
	struct identifier again, *list;
	struct san san;
	struct str text;
	size_t count;

	require(id->value.len > 0 && id->value.len <= LIMIT_NAME);
	for (size_t i = 0; i < id->shown.len; i++)
		require(id->shown.p[i] > ' ' && id->shown.p[i] < 0x7F);
	require(identifier_san(a, id, &san) == RC_OK);
	require(identifier_from_san(a, &san, &again, NULL) == RC_OK);
	require(identifier_eq(id, &again));
	require(identifiers_to_text(a, id, 1, &text) == RC_OK);
	require(identifiers_from_text(a, text, &list, &count) == RC_OK && count == 1);
	require(identifier_eq(id, &list[0]) && str_eq(id->shown, list[0].shown));
}

static void try_list(struct arena *a, struct str text)
{
	struct identifier *list;
	struct str again;
	size_t count;

	if (identifiers_from_text(a, text, &list, &count) != RC_OK)
		return;
	require(identifiers_to_text(a, list, count, &again) == RC_OK);
	require(str_eq(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a;
	struct identifier id;
	struct str rest;
	struct san san;

	arena_init(&a, LIMIT_REQUEST_ARENA);
	if (size == 0)
		return 0;
	rest = (struct str){ (const char *)data + 1, size - 1 };
	san.value = str_bytes(rest);
	san.type = data[0] == 's' ? SAN_DNS : SAN_IP;
	if (data[0] == 't')
		try_list(&a, rest);
	else if (data[0] == 's' || data[0] == 'o') {
		if (identifier_from_san(&a, &san, &id, NULL) == RC_OK)
			check(&a, &id);
	} else if (identifier_parse(&a, data[0] == 'i' ? STR("ip") : STR("dns"), rest, &id, NULL) == RC_OK) {
		require(str_eq(id.shown, rest));
		check(&a, &id);
	}
	return 0;
}
