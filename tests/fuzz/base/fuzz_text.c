/* fuzz_text.c - the small parsers of base/: dates, ids, numbers, durations, UTF-8. What they accept
 * has one canonical text. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void parse_date(struct str text)
{
	char out[21];
	int64_t at_s, again_s;

	if (text.len > 1000 || !clock_parse_rfc3339(text.p, (unsigned)text.len, &at_s))
		return;
	require(at_s >= 0);
	clock_rfc3339(at_s, out);
	require(clock_parse_rfc3339(out, 20, &again_s) && again_s == at_s);
}

static void parse_id(struct str text)
{
	char out[ID_TEXT_LEN + 1];
	struct id id;

	if (!id_parse(text, &id))
		return;
	id_text(id, out);
	require(str_eq(str_of(out), text));
}

static void parse_numbers(struct str text)
{
	int64_t value, again;
	char out[32];

	if (str_to_int(text, &value)) {
		snprintf(out, sizeof(out), "%lld", (long long)value);
		require(str_to_int(str_of(out), &again) && again == value);
	}
	if (str_to_duration_s(text, &value))
		require(value > 0);
}

static void show(struct str text)
{
	char *out = malloc(text.len + 1), *cut = malloc(text.len / 2 + 1);
	size_t len, cut_len;
	uint32_t code;

	require(out && cut);
	len = str_printable(text, out, text.len + 1);
	require(strlen(out) == len && str_is_utf8((struct str){ out, len }));
	for (size_t i = 0, step; i < len; i += step) {
		step = str_utf8_at((struct str){ out, len }, i, &code);
		require(step > 0 && !utf8_is_control(code));
	}
	cut_len = str_printable(text, cut, text.len / 2 + 1);
	require(cut_len <= text.len / 2 && memcmp(out, cut, cut_len) == 0);
	require(str_is_utf8((struct str){ cut, cut_len }));
	free(out);
	free(cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };

	parse_date(text);
	parse_id(text);
	parse_numbers(text);
	show(text);
	return 0;
}
