/* test_messages.c - the codec between server and signer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "signer/messages.h"

#define TEXT(literal) { literal, sizeof(literal) - 1 }

static const uint8_t octets[LIMIT_TBS_BYTES + 1];

static const struct message good[] = {
	{ .op = MESSAGE_HELLO, .reply = true, .epoch = 1 },
	{ .op = MESSAGE_HELLO, .reply = true, .status = RC_UNAVAILABLE, .epoch = UINT64_MAX,
	  .detail = TEXT("why not – ü") },
	{ .op = MESSAGE_SIGN, .id = 1, .epoch = 1, .authority = { "lab", 3 },
	  .profile = { "server-1.x_Y", 12 }, .payload = { octets, 1 } },
	{ .op = MESSAGE_SIGN, .id = UINT64_MAX, .epoch = 7, .authority = { "a", 1 },
	  .profile = { "b", 1 }, .payload = { octets, LIMIT_TBS_BYTES } },
	{ .op = MESSAGE_SIGN, .reply = true, .id = 5, .epoch = 7, .payload = { octets, SIG_MAX } },
	{ .op = MESSAGE_SIGN, .reply = true, .id = 5, .epoch = 7, .status = RC_DENIED,
	  .detail = TEXT("RFC 5280 §4.2.1.9: a CA certificate") },
	{ .op = MESSAGE_LOOKUP, .id = 5, .epoch = 7, .payload = { octets, 20 } },
	{ .op = MESSAGE_LOOKUP, .reply = true, .id = 5, .epoch = 7, .payload = { octets, 32 } },
	{ .op = MESSAGE_LOOKUP, .reply = true, .id = 5, .epoch = 7, .status = RC_NOTFOUND },
	{ .op = MESSAGE_CHECKPOINT, .id = 5, .epoch = 7, .authority = { "lab", 3 }, .payload = { octets, 40 } },
	{ .op = MESSAGE_CHECKPOINT, .reply = true, .id = 5, .epoch = 7, .payload = { octets, 8 + SIG_MAX } },
	{ .op = MESSAGE_LAST_CHECKPOINT, .id = 5, .epoch = 7 },
	{ .op = MESSAGE_LAST_CHECKPOINT, .reply = true, .id = 5, .epoch = 7, .payload = { octets, 49 } },
	{ .op = MESSAGE_LAST_CHECKPOINT, .reply = true, .id = 5, .epoch = 7, .status = RC_NOTFOUND },
	{ .op = MESSAGE_PING, .id = 9, .epoch = 7 },
	{ .op = MESSAGE_PING, .reply = true, .id = 9, .epoch = 7 },
};

static const struct message bad[] = {
	{ .op = 0, .id = 1, .epoch = 1 },
	{ .op = MESSAGE_LAST_CHECKPOINT + 1, .id = 1, .epoch = 1 },
	{ .op = MESSAGE_HELLO, .epoch = 1 },                         /* a request */
	{ .op = MESSAGE_HELLO, .reply = true },                      /* no epoch */
	{ .op = MESSAGE_HELLO, .reply = true, .epoch = 1, .id = 1 }, /* an id */
	{ .op = MESSAGE_PING, .epoch = 1 },                          /* no id */
	{ .op = MESSAGE_PING, .id = 1, .epoch = 1, .status = RC_DENIED },
	{ .op = MESSAGE_PING, .id = 1, .epoch = 1, .payload = { octets, 1 } },
	{ .op = MESSAGE_PING, .id = 1, .epoch = 1, .detail = { "x", 1 } },
	{ .op = MESSAGE_PING, .id = 1, .epoch = 1, .authority = { "lab", 3 } },
	{ .op = MESSAGE_SIGN, .id = 1, .epoch = 1, .authority = { "lab", 3 },
	  .payload = { octets, 1 } },
	{ .op = MESSAGE_SIGN, .id = 1, .epoch = 1, .authority = { "l b", 3 },
	  .profile = { "b", 1 }, .payload = { octets, 1 } },
	{ .op = MESSAGE_SIGN, .id = 1, .epoch = 1, .authority = { "a", 1 },
	  .profile = { "b", 1 }, .payload = { octets, 0 } },
	{ .op = MESSAGE_SIGN, .id = 1, .epoch = 1, .authority = { "a", 1 },
	  .profile = { "b", 1 }, .payload = { octets, LIMIT_TBS_BYTES + 1 } },
	{ .op = MESSAGE_SIGN, .reply = true, .id = 1, .epoch = 1 }, /* done, but nothing in it */
	{ .op = MESSAGE_SIGN, .reply = true, .id = 1, .epoch = 1, .payload = { octets, SIG_MAX + 1 } },
	{ .op = MESSAGE_SIGN, .reply = true, .id = 1, .epoch = 1, .status = RC_DENIED,
	  .payload = { octets, 64 } }, /* refused, with a signature */
	{ .op = MESSAGE_SIGN, .reply = true, .id = 1, .epoch = 1, .status = RC_DENIED,
	  .detail = { "forged\nline", 11 } },
	{ .op = MESSAGE_SIGN, .reply = true, .id = 1, .epoch = 1, .status = RC_DENIED,
	  .detail = { "\xff", 1 } },
	{ .op = MESSAGE_SIGN, .reply = true, .id = 1, .epoch = 1, .status = RC_INTERNAL },
	{ .op = MESSAGE_CHECKPOINT, .id = 1, .epoch = 1, .payload = { octets, 40 } }, /* by whom? */
	{ .op = MESSAGE_CHECKPOINT, .id = 1, .epoch = 1, .authority = { "lab", 3 }, .payload = { octets, 39 } },
	{ .op = MESSAGE_CHECKPOINT, .id = 1, .epoch = 1, .authority = { "lab", 3 }, .payload = { octets, 41 } },
	{ .op = MESSAGE_CHECKPOINT, .reply = true, .id = 1, .epoch = 1, .payload = { octets, 8 } }, /* no signature */
	{ .op = MESSAGE_LAST_CHECKPOINT, .id = 1, .epoch = 1, .authority = { "lab", 3 } },
	{ .op = MESSAGE_LAST_CHECKPOINT, .reply = true, .id = 1, .epoch = 1, .payload = { octets, 48 } },
	{ .op = MESSAGE_LOOKUP, .id = 1, .epoch = 1, .payload = { octets, 21 } },
	{ .op = MESSAGE_LOOKUP, .reply = true, .id = 1, .epoch = 1, .payload = { octets, 31 } },
};

static void test_encode__and_decode_give_the_same(void **state)
{
	uint8_t out[MESSAGE_REQUEST_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		const struct message *m = &good[i];
		struct message back;

		assert_int_equal(message_encode(m, out, sizeof(out), &len), RC_OK);
		assert_int_equal(message_encode(m, out, len - 1, &len), RC_LIMIT);
		assert_int_equal(message_decode(bytes_of(out, len), &back), RC_OK);
		assert_int_equal(back.op, m->op);
		assert_int_equal(back.reply, m->reply);
		assert_int_equal(back.status, m->status);
		assert_true(back.id == m->id && back.epoch == m->epoch);
		assert_true(str_eq(back.authority, m->authority) && str_eq(back.profile, m->profile));
		assert_true(str_eq(back.detail, m->detail) && bytes_eq(back.payload, m->payload));
		message_set_epoch(out, 0x0102030405060708);
		assert_int_equal(message_decode(bytes_of(out, len), &back), RC_OK);
		assert_true(back.epoch == 0x0102030405060708);
	}
}

static void test_encode__refuses_what_decode_would(void **state)
{
	uint8_t out[2 * LIMIT_TBS_BYTES];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (message_encode(&bad[i], out, sizeof(out), &len) != RC_INVALID)
			fail_msg("message %zu was encoded", i);
}

static void test_checkpoint__payloads(void **state)
{
	const struct checkpoint c = { .number = 0x0102030405060708, .hash = { 1, 2, 3 }, .at = 1800000000 };
	uint8_t asked[MESSAGE_CHECKPOINT_PAYLOAD], last[MESSAGE_LAST_PAYLOAD], at[MESSAGE_CHECKPOINT_TIME];
	struct message m = { .payload = bytes_of(asked, sizeof(asked)) };
	struct checkpoint back;
	bool given_up = false;

	(void)state;
	message_checkpoint_payload(&c, asked);
	message_checkpoint_of(&m, &back);
	assert_true(back.number == c.number && back.at == 0);
	assert_memory_equal(back.hash, c.hash, sizeof(c.hash));
	message_last_payload(&c, true, last);
	message_last_of(bytes_of(last, sizeof(last)), &back, &given_up);
	assert_true(back.number == c.number && back.at == c.at && given_up);
	assert_memory_equal(back.hash, c.hash, sizeof(c.hash));
	message_checkpoint_time(c.at, at);
	assert_true(message_checkpoint_at(bytes_of(at, sizeof(at))) == c.at);
}

/* A change of any octet of the header is refused, or is another good message; so is every prefix. */
static void test_decode__refuses_other_lengths_and_headers(void **state)
{
	/* status, names' lengths, reserved, and the two lengths: nothing may change in them alone */
	static const uint8_t fixed[] = { 0, 1, 2, 3, 4, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31 };
	uint8_t out[MESSAGE_REQUEST_MAX + 1] = { 0 };
	struct message back;
	size_t len;

	(void)state;
	assert_int_equal(message_encode(&good[2], out, sizeof(out), &len), RC_OK);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(message_decode(bytes_of(out, n), &back), RC_INVALID);
	assert_int_equal(message_decode(bytes_of(out, len + 1), &back), RC_INVALID);
	for (size_t i = 0; i < COUNT_OF(fixed); i++)
		for (int bit = 0; bit < 8; bit++) {
			out[fixed[i]] ^= (uint8_t)(1 << bit);
			assert_int_equal(message_decode(bytes_of(out, len), &back), RC_INVALID);
			out[fixed[i]] ^= (uint8_t)(1 << bit);
		}
}

static void test_name_ok__only_harmless_names(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} names[] = {
		{ "a", true }, { "Lab-2.x_y", true }, { "", false }, { "a b", false }, { "a/b", false },
		{ "\xc3\xbc", false }, { "a\n", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123", true },
		{ "01234567890123456789012345678901234567890123456789012345678901234", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_int_equal(message_name_ok(str_of(names[i].name)), names[i].ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode__and_decode_give_the_same),
		cmocka_unit_test(test_encode__refuses_what_decode_would),
		cmocka_unit_test(test_checkpoint__payloads),
		cmocka_unit_test(test_decode__refuses_other_lengths_and_headers),
		cmocka_unit_test(test_name_ok__only_harmless_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
