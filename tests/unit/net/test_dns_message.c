/* test_dns_message.c - the response parser, with packets written out by hand (RFC 1035 §4). */
#include "net/dns_message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEAD(flags, rcode, questions, answers) "\x12\x34" flags rcode "\0" questions "\0" answers "\0\0\0\0"
#define NAME_A "\x01" "a" "\0"
#define NAME_B "\x01" "b" "\0"
#define QUESTION_A NAME_A "\0\x01\0\x01"
#define OWNER "\xc0\x0c"
#define A_IN "\0\x01\0\x01\0\0\0\x3c"
#define CNAME_IN "\0\x05\0\x01\0\0\0\x3c"
#define OK(answers) HEAD("\x81", "\x80", "\x01", answers) QUESTION_A
#define IP(last) "\0\x04\x0a\0\0" last

struct parsed {
	struct arena arena;
	struct dns_answer answer;
};

static void parse(struct parsed *p, const char *question, enum dns_type type, const void *packet, size_t len)
{
	struct dns_name name;
	uint8_t *exact = test_malloc(len ? len : 1); /* so that a read beyond it is found */

	memcpy(exact, packet, len);
	arena_init(&p->arena, 200 * 1024);
	assert_true(dns_name_parse(str_of(question), &name));
	dns_message_read(&p->arena, bytes_of(exact, len), &name, type, &p->answer);
	test_free(exact);
}

static void test_dns_message_read__table(void **state)
{
	static const struct {
		const char *what, *packet;
		size_t len;
		enum rc rc;
		size_t addrs;
		const char *why;
	} CASES[] = {
#define CASE(what, packet, rc, ...) { what, packet, sizeof(packet) - 1, rc, __VA_ARGS__ }
		CASE("one address", OK("\x01") OWNER A_IN IP("\x01"), RC_OK, 1),
		CASE("two addresses", OK("\x02") OWNER A_IN IP("\x01") OWNER A_IN IP("\x02"), RC_OK, 2),
		CASE("owner written out, in capitals", OK("\x01") "\x01" "A" "\0" A_IN IP("\x01"), RC_OK, 1),
		CASE("no data", OK("\0"), RC_NOTFOUND, 0),
		CASE("NXDOMAIN", HEAD("\x81", "\x83", "\x01", "\0") QUESTION_A, RC_NOTFOUND, 0),
		CASE("SERVFAIL", HEAD("\x81", "\x82", "\x01", "\0") QUESTION_A, RC_IO, 0),
		CASE("REFUSED and nothing else", HEAD("\x81", "\x85", "\0", "\0"), RC_IO, 0),
		CASE("record of another name", OK("\x01") NAME_B A_IN IP("\x01"), RC_NOTFOUND, 0),
		CASE("record of another class", OK("\x01") OWNER "\0\x01\0\x03\0\0\0\x3c" IP("\x01"),
		     RC_NOTFOUND, 0),
		CASE("record of another type", OK("\x01") OWNER "\0\x63\0\x01\0\0\0\x3c" IP("\x01"),
		     RC_NOTFOUND, 0),
		CASE("alias, then address", OK("\x02") OWNER CNAME_IN "\0\x03" NAME_B NAME_B A_IN IP("\x01"),
		     RC_OK, 1),
		CASE("address, then alias", OK("\x02") NAME_B A_IN IP("\x01") OWNER CNAME_IN "\0\x03" NAME_B,
		     RC_OK, 1),
		CASE("alias of the root", OK("\x01") OWNER CNAME_IN "\0\x01\0", RC_NOTFOUND, 0),
		CASE("alias to nothing", OK("\x01") OWNER CNAME_IN "\0\x03" NAME_B, RC_NOTFOUND, 0),
		CASE("alias of itself", OK("\x01") OWNER CNAME_IN "\0\x02" OWNER, RC_IO, 0, "loops"),
		CASE("two aliases in a ring",
		     OK("\x02") OWNER CNAME_IN "\0\x03" NAME_B NAME_B CNAME_IN "\0\x02" OWNER, RC_IO, 0, "loops"),
		CASE("alias with more behind it", OK("\x01") OWNER CNAME_IN "\0\x04" NAME_B "x", RC_IO, 0,
		     "RFC 1035 §3.3.1"),
		CASE("alias cut short by its own length", OK("\x01") OWNER CNAME_IN "\0\x02" NAME_B, RC_IO, 0,
		     "RFC 1035 §3.3.1"),
		CASE("address of five octets", OK("\x01") OWNER A_IN "\0\x05\x0a\0\0\x01\x02", RC_IO, 0,
		     "RFC 1035 §3.4.1"),
		CASE("one good and one bad address", OK("\x02") OWNER A_IN IP("\x01") OWNER A_IN "\0\x01\x0a",
		     RC_IO, 0),
		CASE("empty packet", "", RC_IO, 0, "§4.1.1"),
		CASE("half a header", "\x12\x34\x81\x80\0", RC_IO, 0, "§4.1.1"),
		CASE("a query", HEAD("\x01", "\0", "\x01", "\0") QUESTION_A, RC_IO, 0, "not the response"),
		CASE("an update", HEAD("\xa8", "\0", "\x01", "\0") QUESTION_A, RC_IO, 0, "not the response"),
		CASE("truncated", HEAD("\x83", "\x80", "\x01", "\0") QUESTION_A, RC_IO, 0, "RFC 2181 §9"),
		CASE("no question", HEAD("\x81", "\x80", "\0", "\0"), RC_IO, 0, "§4.1.2"),
		CASE("two questions", HEAD("\x81", "\x80", "\x02", "\0") QUESTION_A QUESTION_A, RC_IO, 0, "§4.1.2"),
		CASE("question cut short", HEAD("\x81", "\x80", "\x01", "\0") NAME_A "\0\x01\0", RC_IO, 0, "§4.1.2"),
		CASE("question of another name", HEAD("\x81", "\x80", "\x01", "\0") NAME_B "\0\x01\0\x01", RC_IO,
		     0, "another question"),
		CASE("question of another type", HEAD("\x81", "\x80", "\x01", "\0") NAME_A "\0\x1c\0\x01", RC_IO,
		     0, "another question"),
		CASE("question of another class", HEAD("\x81", "\x80", "\x01", "\0") NAME_A "\0\x01\0\x03", RC_IO,
		     0, "another question"),
		CASE("fewer records than said", OK("\x02") OWNER A_IN IP("\x01"), RC_IO, 0, "§4.1.4"),
		CASE("record cut in its head", OK("\x01") OWNER "\0\x01\0\x01\0\0\0", RC_IO, 0, "§4.1.3"),
		CASE("data longer than the packet", OK("\x01") OWNER A_IN "\0\x05\x0a\0\0\x01", RC_IO, 0, "§4.1.3"),
		CASE("pointer to itself", OK("\x01") "\xc0\x13" A_IN IP("\x01"), RC_IO, 0, "§4.1.4"),
		CASE("pointer forwards", OK("\x01") "\xc0\x20" A_IN IP("\x01"), RC_IO, 0, "§4.1.4"),
		CASE("pointer into the header", OK("\x01") "\xc0\x02" A_IN IP("\x01"), RC_IO, 0, "§4.1.4"),
		CASE("pointer cut short", OK("\x01") "\xc0", RC_IO, 0, "§4.1.4"),
		CASE("label of a reserved kind", OK("\x01") "\x41" "a" "\0" A_IN IP("\x01"), RC_IO, 0, "§4.1.4"),
		CASE("label longer than the packet", OK("\x01") "\x3f" "a", RC_IO, 0, "§4.1.4"),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct parsed p = { 0 };

		parse(&p, "a", DNS_A, CASES[i].packet, CASES[i].len);
		if (p.answer.rc != CASES[i].rc || p.answer.addr_count != CASES[i].addrs)
			fail_msg("%s: %s, %zu addresses: %s", CASES[i].what, rc_text(p.answer.rc),
				 p.answer.addr_count, p.answer.why);
		if (CASES[i].why && !strstr(p.answer.why, CASES[i].why))
			fail_msg("%s: %s", CASES[i].what, p.answer.why);
		arena_done(&p.arena);
	}
}

/* Every beginning of a good response is refused or says nothing, and none is read beyond its end. */
static void test_dns_message_read__every_truncation(void **state)
{
	static const char WHOLE[] = OK("\x02") OWNER CNAME_IN "\0\x03" NAME_B NAME_B A_IN IP("\x01");

	(void)state;
	for (size_t len = 0; len < sizeof(WHOLE) - 1; len++) {
		struct parsed p = { 0 };

		parse(&p, "a", DNS_A, WHOLE, len);
		assert_int_equal(p.answer.rc, RC_IO);
		assert_int_equal(p.answer.addr_count, 0);
		arena_done(&p.arena);
	}
}

static void test_dns_message_read__counts_are_limited(void **state)
{
	static uint8_t packet[20000];
	static const char HEADER[] = HEAD("\x81", "\x80", "\x01", "\0") QUESTION_A;
	static const char RECORD[] = OWNER A_IN IP("\x01");
	static const size_t COUNTS[] = { DNS_RECORDS_MAX, DNS_RECORDS_MAX + 1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(COUNTS); i++) {
		size_t len = sizeof(HEADER) - 1;
		struct parsed p = { 0 };

		memcpy(packet, HEADER, len);
		packet[6] = (uint8_t)(COUNTS[i] >> 8);
		packet[7] = (uint8_t)COUNTS[i];
		for (size_t k = 0; k < COUNTS[i]; k++, len += sizeof(RECORD) - 1)
			memcpy(packet + len, RECORD, sizeof(RECORD) - 1);
		parse(&p, "a", DNS_A, packet, len);
		assert_int_equal(p.answer.rc, COUNTS[i] > DNS_RECORDS_MAX ? RC_IO : RC_OK);
		assert_int_equal(p.answer.addr_count, COUNTS[i] > DNS_RECORDS_MAX ? 0 : LIMIT_DNS_ADDRESSES);
		arena_done(&p.arena);
	}
}

static void test_dns_message_read__cname_chain_is_limited(void **state)
{
	(void)state;
	for (unsigned length = DNS_CNAMES_MAX; length <= DNS_CNAMES_MAX + 1; length++) {
		static const char HEADER[] = HEAD("\x81", "\x80", "\x01", "\0") QUESTION_A;
		uint8_t packet[1024];
		size_t len = sizeof(HEADER) - 1;
		struct parsed p = { 0 };

		memcpy(packet, HEADER, len);
		packet[7] = (uint8_t)(length + 1);
		for (unsigned i = 0; i <= length; i++) {
			char owner[] = { 1, (char)('a' + i), 0 }, next[] = { 0, 3, 1, (char)('b' + i), 0 };

			memcpy(packet + len, owner, 3);
			memcpy(packet + len + 3, i < length ? CNAME_IN : A_IN, 8);
			memcpy(packet + len + 11, i < length ? next : IP("\x07"), i < length ? 5 : 6);
			len += i < length ? 16 : 17;
		}
		parse(&p, "a", DNS_A, packet, len);
		assert_int_equal(p.answer.rc, length > DNS_CNAMES_MAX ? RC_IO : RC_OK);
		if (p.answer.rc == RC_OK)
			assert_true(str_is(p.answer.canonical, "i"));
		else
			assert_null(p.answer.canonical.p);
		arena_done(&p.arena);
	}
}

static void test_dns_message_read__txt_and_caa(void **state)
{
#define TXT_HEAD HEAD("\x81", "\x80", "\x01", "\x01") NAME_A "\0\x10\0\x01" OWNER "\0\x10\0\x01\0\0\0\x3c"
#define CAA_HEAD HEAD("\x81", "\x80", "\x01", "\x01") NAME_A "\x01\x01\0\x01" OWNER "\x01\x01\0\x01\0\0\0\x3c"
	static const struct {
		const char *packet;
		size_t len;
		enum dns_type type;
		enum rc rc;
		struct str tag, text;
	} CASES[] = {
#define CASE(packet, ...) { packet, sizeof(packet) - 1, __VA_ARGS__ }
		CASE(TXT_HEAD "\0\x03\x02" "hi", DNS_TXT, RC_OK, { 0 }, STR("hi")),
		CASE(TXT_HEAD "\0\x06\x02" "hi" "\0\x01" "!", DNS_TXT, RC_OK, { 0 }, STR("hi!")),
		CASE(TXT_HEAD "\0\x01\0", DNS_TXT, RC_OK, { 0 }, STR("")),
		CASE(TXT_HEAD "\0\x04\x03" "a\0b", DNS_TXT, RC_OK, { 0 }, STR("a\0b")),
		CASE(TXT_HEAD "\0\0", DNS_TXT, RC_IO, { 0 }, { 0 }),
		CASE(TXT_HEAD "\0\x03\x03" "hi", DNS_TXT, RC_IO, { 0 }, { 0 }),
		CASE(TXT_HEAD "\0\x04\x02" "hi" "\xff", DNS_TXT, RC_IO, { 0 }, { 0 }),
		CASE(CAA_HEAD "\0\x08\x80\x05" "issue" "x", DNS_CAA, RC_OK, STR("issue"), STR("x")),
		CASE(CAA_HEAD "\0\x07\0\x05" "issue", DNS_CAA, RC_OK, STR("issue"), STR("")),
		CASE(CAA_HEAD "\0\x07\0\x06" "issue", DNS_CAA, RC_IO, { 0 }, { 0 }),
		CASE(CAA_HEAD "\0\x03\0\0" "x", DNS_CAA, RC_IO, { 0 }, { 0 }),
		CASE(CAA_HEAD "\0\x01\0", DNS_CAA, RC_IO, { 0 }, { 0 }),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		bool txt = CASES[i].type == DNS_TXT;
		struct parsed p = { 0 };

		parse(&p, "a", CASES[i].type, CASES[i].packet, CASES[i].len);
		if (p.answer.rc != CASES[i].rc)
			fail_msg("case %zu: %s %s", i, rc_text(p.answer.rc), p.answer.why);
		assert_int_equal(p.answer.text_count, txt && p.answer.rc == RC_OK);
		assert_int_equal(p.answer.caa_count, !txt && p.answer.rc == RC_OK);
		if (p.answer.rc == RC_OK) {
			assert_true(str_eq(txt ? p.answer.texts[0] : p.answer.caa[0].value, CASES[i].text));
			assert_true(txt || str_eq(p.answer.caa[0].tag, CASES[i].tag));
		}
		arena_done(&p.arena);
	}
}

static void test_dns_message_read__alias_text_is_harmless(void **state)
{
	static const char PACKET[] = OK("\x01") OWNER CNAME_IN "\0\x09\x07" "A\n.\x1b \xff" "z" "\0";
	struct parsed p = { 0 };

	(void)state;
	parse(&p, "a", DNS_A, PACKET, sizeof(PACKET) - 1);
	assert_int_equal(p.answer.rc, RC_NOTFOUND);
	assert_true(str_is(p.answer.canonical, "a\\010\\046\\027\\032\\255z"));
	arena_done(&p.arena);
}

static void test_dns_name_parse__limits(void **state)
{
	char longest[256];
	struct dns_name name, other;

	(void)state;
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 64 == 63 ? '.' : 'x';
	assert_true(dns_name_parse((struct str){ longest, 253 }, &name));
	assert_int_equal(name.len, DNS_NAME_WIRE);
	assert_false(dns_name_parse((struct str){ longest, 254 }, &name));
	assert_true(dns_name_parse(STR("a.Example"), &name));
	assert_true(dns_name_parse(STR("A.eXample."), &other));
	assert_true(dns_name_eq(&name, &other));
	assert_true(dns_name_parse(STR("a.examplf"), &other));
	assert_false(dns_name_eq(&name, &other));
}

/* --- our questions --- */

static void test_rfc6891_6_1__question_as_sent(void **state)
{
	static const char WANT[] = "\x12\x34" "\0\0" "\0\x01" "\0\0\0\0" "\0\x01" /* RD=0, one question, OPT */
				   NAME_A "\0\x10\0\x01"                          /* a TXT IN */
				   "\0" "\0\x29" "\x04\xd0" "\0\0\0\0" "\0\0"; /* 1232 octets */
	uint8_t query[DNS_QUERY_OCTETS];
	struct dns_name name;

	(void)state;
	assert_true(dns_name_parse(STR("a"), &name));
	assert_int_equal(dns_query_write(query, 0x1234, &name, DNS_TXT), sizeof(WANT) - 1);
	assert_memory_equal(query, WANT, sizeof(WANT) - 1);
}

static void test_rfc5452_9_1__which_response_is_ours(void **state)
{
	static const struct {
		const char *what, *packet;
		size_t len;
		enum dns_reply reply;
	} CASES[] = {
#define CASE(what, packet, reply) { what, packet, sizeof(packet) - 1, reply }
		CASE("an answer", OK("\x01") OWNER A_IN IP("\x01"), DNS_REPLY_WHOLE),
		CASE("an absence", HEAD("\x84", "\x03", "\x01", "\0") QUESTION_A, DNS_REPLY_WHOLE),
		CASE("truncated", HEAD("\x86", "\0", "\x01", "\0") QUESTION_A, DNS_REPLY_TRUNCATED),
		CASE("a refusal without question", HEAD("\x80", "\x05", "\0", "\0"), DNS_REPLY_WHOLE),
		CASE("no error without question", HEAD("\x80", "\0", "\0", "\0"), DNS_REPLY_FOREIGN),
		CASE("NXDOMAIN without question", HEAD("\x80", "\x03", "\0", "\0"), DNS_REPLY_FOREIGN),
		CASE("another id", "\x12\x35\x84\0\0\x01\0\0\0\0\0\0" QUESTION_A, DNS_REPLY_FOREIGN),
		CASE("another name", HEAD("\x84", "\0", "\x01", "\0") NAME_B "\0\x01\0\x01", DNS_REPLY_FOREIGN),
		CASE("another case", HEAD("\x84", "\0", "\x01", "\0") "\x01" "A" "\0" "\0\x01\0\x01", DNS_REPLY_FOREIGN),
		CASE("another type", HEAD("\x84", "\0", "\x01", "\0") NAME_A "\0\x1c\0\x01", DNS_REPLY_FOREIGN),
		CASE("another class", HEAD("\x84", "\0", "\x01", "\0") NAME_A "\0\x01\0\x03", DNS_REPLY_FOREIGN),
		CASE("question cut short", HEAD("\x84", "\0", "\x01", "\0") NAME_A "\0\x01\0", DNS_REPLY_FOREIGN),
		CASE("the query itself", HEAD("\0", "\0", "\x01", "\0") QUESTION_A, DNS_REPLY_FOREIGN),
		CASE("half a header", "\x12\x34\x84\0\0", DNS_REPLY_FOREIGN),
		CASE("nothing", "", DNS_REPLY_FOREIGN),
#undef CASE
	};
	uint8_t query[DNS_QUERY_OCTETS];
	struct dns_name name;
	size_t len;

	(void)state;
	assert_true(dns_name_parse(STR("a"), &name));
	len = dns_query_write(query, 0x1234, &name, DNS_A);
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		uint8_t *exact = test_malloc(CASES[i].len ? CASES[i].len : 1);

		memcpy(exact, CASES[i].packet, CASES[i].len);
		if (dns_reply_match(bytes_of(exact, CASES[i].len), bytes_of(query, len)) != CASES[i].reply)
			fail_msg("%s", CASES[i].what);
		test_free(exact);
	}
}

static void test_dns_name_mix_case__only_letters(void **state)
{
	struct dns_name name, plain;
	size_t changed = 0;

	(void)state;
	assert_true(dns_name_parse(STR("_acme-challenge.abcdefghijklmnopqrstuvwxyz.0123456789.test"), &plain));
	for (unsigned i = 0; i < 20; i++) {
		name = plain;
		dns_name_mix_case(&name);
		assert_true(dns_name_eq(&name, &plain));
		for (size_t k = 0; k < name.len; k++) {
			changed += name.wire[k] != plain.wire[k];
			if (plain.wire[k] < 'a' || plain.wire[k] > 'z')
				assert_int_equal(name.wire[k], plain.wire[k]);
		}
	}
	assert_true(changed > 200 && changed < 700); /* of 20 times 44 letters */
}

static void test_rfc1035_3_3_11__name_servers(void **state)
{
	static const char TWO[] = HEAD("\x84", "\0", "\x01", "\x02") NAME_A "\0\x02\0\x01"
		OWNER "\0\x02\0\x01\0\0\0\x3c" "\0\x05" "\x02" "N1" OWNER OWNER "\0\x02\0\x01\0\0\0\x3c" "\0\x03" NAME_B;
	static const char BROKEN[] = HEAD("\x84", "\0", "\x01", "\x01") NAME_A "\0\x02\0\x01"
		OWNER "\0\x02\0\x01\0\0\0\x3c" "\0\x04" NAME_B "x";
	struct parsed p = { 0 };

	(void)state;
	parse(&p, "a", DNS_NS, TWO, sizeof(TWO) - 1);
	assert_int_equal(p.answer.rc, RC_OK);
	assert_true(p.answer.authoritative);
	assert_int_equal(p.answer.host_count, 2);
	assert_true(str_is(p.answer.hosts[0], "n1.a"));
	assert_true(str_is(p.answer.hosts[1], "b"));
	arena_done(&p.arena);
	parse(&p, "a", DNS_NS, BROKEN, sizeof(BROKEN) - 1);
	assert_int_equal(p.answer.rc, RC_IO);
	assert_int_equal(p.answer.host_count, 0);
	assert_non_null(strstr(p.answer.why, "RFC 1035 §3.3.11"));
	arena_done(&p.arena);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_dns_message_read__table),
		cmocka_unit_test(test_dns_message_read__every_truncation),
		cmocka_unit_test(test_dns_message_read__counts_are_limited),
		cmocka_unit_test(test_dns_message_read__cname_chain_is_limited),
		cmocka_unit_test(test_dns_message_read__txt_and_caa),
		cmocka_unit_test(test_dns_message_read__alias_text_is_harmless),
		cmocka_unit_test(test_dns_name_parse__limits),
		cmocka_unit_test(test_rfc6891_6_1__question_as_sent),
		cmocka_unit_test(test_rfc5452_9_1__which_response_is_ours),
		cmocka_unit_test(test_dns_name_mix_case__only_letters),
		cmocka_unit_test(test_rfc1035_3_3_11__name_servers),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
