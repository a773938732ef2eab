/* test_addr.c - addresses as text, prefixes, and the table of where we never connect. */
#include "net/addr.h"

#include <ifaddrs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct addr addr_of(const char *text)
{
	struct addr a;

	if (!addr_ip_parse(str_of(text), 80, &a))
		fail_msg("not an address: %s", text);
	return a;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(str_of(text), &p, NULL), RC_OK);
	return p;
}

/* --- text --- */

static void test_addr_parse__forms(void **state)
{
	static const struct {
		const char *text, *shown; /* shown NULL: refused */
	} CASES[] = {
		{ "10.0.0.1:53", "10.0.0.1:53" },
		{ "10.0.0.1", "10.0.0.1:99" },
		{ "[::1]:53", "[::1]:53" },
		{ "[fd00::1]", "[fd00::1]:99" },
		{ "fd00::1", "[fd00::1]:99" },
		{ ":443", "[::]:443" },
		{ ":0", "[::]:0" },
		{ "localhost:14000", "127.0.0.1:14000" },
		{ "LocalHost", "127.0.0.1:99" },
		{ "0.0.0.0:65535", "0.0.0.0:65535" },
		{ "", NULL },
		{ ":", NULL },
		{ ":65536", NULL },
		{ ":+80", NULL },
		{ ": 80", NULL },
		{ "10.0.0.1:", NULL },
		{ "10.0.0.1:080000", NULL },
		{ "10.0.0.1:80x", NULL },
		{ "10.0.0.256:80", NULL },
		{ "10.0.1:80", NULL },
		{ "010.0.0.1:80", NULL },
		{ "0x7f.0.0.1:80", NULL },
		{ "2130706433:80", NULL },
		{ "[10.0.0.1]:80", NULL },
		{ "[localhost]:80", NULL },
		{ "[]:80", NULL },
		{ "[::1", NULL },
		{ "[::1]x", NULL },
		{ "[::1]80", NULL },
		{ "::1:80:", NULL },
		{ "fe80::1%eth0", NULL },
		{ "[fe80::1%1]:80", NULL },
		{ "ca.example:443", NULL },
		{ " 10.0.0.1:80", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct fault f = { 0 };
		struct addr a;
		char shown[ADDR_TEXT_MAX];
		enum rc rc = addr_parse(str_of(CASES[i].text), 99, &a, &f);

		if (!CASES[i].shown) {
			if (rc != RC_INVALID || f.problem != PROBLEM_MALFORMED)
				fail_msg("accepted: %s", CASES[i].text);
			continue;
		}
		if (rc != RC_OK)
			fail_msg("refused: %s", CASES[i].text);
		addr_text(&a, shown);
		assert_string_equal(shown, CASES[i].shown);
	}
}

static void test_addr_ip_parse__embedded_nul_is_refused(void **state)
{
	struct addr a;

	(void)state;
	assert_false(addr_ip_parse(STR("10.0.0.1\0.2"), 0, &a));
	assert_false(addr_ip_parse(STR("10.0.0.1\0"), 0, &a));
}

static void test_addr_eq__address_port_and_family(void **state)
{
	struct addr a = addr_of("10.0.0.1"), b = addr_of("10.0.0.1"), mapped = addr_of("::ffff:10.0.0.1");

	(void)state;
	assert_true(addr_eq(&a, &b));
	assert_false(addr_eq(&a, &mapped));
	b.in.sin_port = htons(81);
	assert_false(addr_eq(&a, &b));
}

/* --- prefixes --- */

static void test_prefix_parse__forms(void **state)
{
	static const struct {
		const char *text;
		int bits; /* -1: refused */
	} CASES[] = {
		{ "10.0.0.0/8", 104 }, { "0.0.0.0/0", 96 },  { "10.0.0.1", 128 },
		{ "10.0.0.1/32", 128 }, { "fd00::/8", 8 },   { "::/0", 0 },
		{ "::1", 128 },         { "::1/128", 128 },  { "10.0.0.0/33", -1 },
		{ "10.0.0.1/8", -1 },   { "fd00::/129", -1 }, { "fd00::1/64", -1 },
		{ "10.0.0.0/", -1 },    { "10.0.0.0/08", -1 }, { "10.0.0.0/-1", -1 },
		{ "10/8", -1 },         { "/8", -1 },        { "", -1 },
		{ "10.0.0.0/8/8", -1 }, { "[fd00::]/8", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct prefix p = { .bits = 999 };
		enum rc rc = prefix_parse(str_of(CASES[i].text), &p, NULL);

		if ((rc == RC_OK) != (CASES[i].bits >= 0))
			fail_msg("%s: %s", CASES[i].text, rc_text(rc));
		assert_int_equal(p.bits, rc == RC_OK ? CASES[i].bits : 999);
	}
}

static void test_prefix_contains__edges(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool in;
	} CASES[] = {
		{ "10.0.0.0/8", "10.0.0.0", true },
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "9.255.255.255", false },
		{ "172.16.0.0/12", "172.31.255.255", true },
		{ "172.16.0.0/12", "172.32.0.0", false },
		{ "100.64.0.0/10", "100.127.255.255", true },
		{ "100.64.0.0/10", "100.128.0.0", false },
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.0", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "ff00::1", true },
		{ "::/0", "10.0.0.1", false }, /* all of IPv6 is not all of IPv4 */
		{ "fd00::/8", "fdff::1", true },
		{ "fd00::/8", "fc00::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct prefix p = prefix_of(CASES[i].prefix);
		struct addr a = addr_of(CASES[i].addr);

		if (prefix_contains(&p, &a) != CASES[i].in)
			fail_msg("%s in %s", CASES[i].addr, CASES[i].prefix);
	}
}

/* --- policy --- */

/* First and last address of every special range and what lies beside it. allowed: in which presets
 * it is dialled, G public, P private, D dev. */
static const struct {
	const char *addr, *allowed;
} EDGES[] = {
	{ "0.0.0.0", "" }, { "0.255.255.255", "" }, { "1.0.0.0", "GPD" },
	{ "9.255.255.255", "GPD" }, { "10.0.0.0", "PD" }, { "10.255.255.255", "PD" }, { "11.0.0.0", "GPD" },
	{ "100.63.255.255", "GPD" }, { "100.64.0.0", "PD" }, { "100.127.255.255", "PD" }, { "100.128.0.0", "GPD" },
	{ "100.100.100.199", "PD" }, { "100.100.100.200", "D" }, { "100.100.100.201", "PD" },
	{ "126.255.255.255", "GPD" }, { "127.0.0.0", "D" }, { "127.0.0.1", "D" }, { "127.255.255.255", "D" },
	{ "128.0.0.0", "GPD" },
	{ "168.63.129.15", "GPD" }, { "168.63.129.16", "D" }, { "168.63.129.17", "GPD" },
	{ "169.253.255.255", "GPD" }, { "169.254.0.0", "D" }, { "169.254.169.254", "D" },
	{ "169.254.170.2", "D" }, { "169.254.42.42", "D" }, { "169.254.255.255", "D" }, { "169.255.0.0", "GPD" },
	{ "172.15.255.255", "GPD" }, { "172.16.0.0", "PD" }, { "172.31.255.255", "PD" }, { "172.32.0.0", "GPD" },
	{ "191.255.255.255", "GPD" }, { "192.0.0.0", "D" }, { "192.0.0.192", "D" }, { "192.0.0.255", "D" },
	{ "192.0.1.0", "GPD" }, { "192.0.1.255", "GPD" }, { "192.0.2.0", "D" }, { "192.0.2.255", "D" },
	{ "192.0.3.0", "GPD" },
	{ "192.88.98.255", "GPD" }, { "192.88.99.0", "D" }, { "192.88.99.255", "D" }, { "192.88.100.0", "GPD" },
	{ "192.167.255.255", "GPD" }, { "192.168.0.0", "PD" }, { "192.168.255.255", "PD" }, { "192.169.0.0", "GPD" },
	{ "198.17.255.255", "GPD" }, { "198.18.0.0", "D" }, { "198.19.255.255", "D" }, { "198.20.0.0", "GPD" },
	{ "198.51.99.255", "GPD" }, { "198.51.100.0", "D" }, { "198.51.100.255", "D" }, { "198.51.101.0", "GPD" },
	{ "203.0.112.255", "GPD" }, { "203.0.113.0", "D" }, { "203.0.113.255", "D" }, { "203.0.114.0", "GPD" },
	{ "223.255.255.255", "GPD" }, { "224.0.0.0", "" }, { "239.255.255.255", "" }, { "240.0.0.0", "D" },
	{ "255.255.255.254", "D" }, { "255.255.255.255", "" },

	{ "::", "" }, { "::1", "D" }, { "::2", "" /* 0.0.0.2 */ }, { "::7f00:1", "D" }, { "::808:808", "D" },
	{ "::ffff:0.0.0.0", "" }, { "::ffff:10.0.0.1", "D" }, { "::ffff:127.0.0.1", "D" },
	{ "::ffff:8.8.8.8", "D" }, { "::ffff:169.254.169.254", "D" }, { "::ffff:224.0.0.1", "" },
	{ "::ffff:255.255.255.255", "" }, { "::fffe:8.8.8.8", "D" }, { "::1:0:0:0", "D" },
	{ "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "D" },
	{ "64:ff9b::0.0.0.0", "" }, { "64:ff9b::8.8.8.8", "GPD" }, { "64:ff9b::10.0.0.1", "D" },
	{ "64:ff9b::127.0.0.1", "D" }, { "64:ff9b::169.254.169.254", "D" }, { "64:ff9b::168.63.129.16", "D" },
	{ "64:ff9b::224.0.0.1", "" }, { "64:ff9b::223.255.255.255", "GPD" }, { "64:ff9b::1:0:0", "D" },
	{ "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "D" }, { "64:ff9b:1::", "D" }, { "64:ff9b:1::808:808", "D" },
	{ "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "D" }, { "64:ff9b:2::", "D" },
	{ "100::", "D" }, { "100::ffff:ffff:ffff:ffff", "D" }, { "100:0:0:1::", "D" },
	{ "100:0:0:1:ffff:ffff:ffff:ffff", "D" }, { "100:0:0:2::", "D" },
	{ "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "2000::", "GPD" },
	{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "GPD" }, { "2001::", "D" },
	{ "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "2001:1::1", "D" }, { "2001:2::", "D" },
	{ "2001:2:0:ffff:ffff:ffff:ffff:ffff", "D" }, { "2001:10::", "D" },
	{ "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "2001:20::", "D" },
	{ "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "2001:200::", "GPD" },
	{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "GPD" }, { "2001:db8::", "D" },
	{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "2001:db9::", "GPD" },
	{ "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "GPD" }, { "2002::", "D" }, { "2002:808:808::1", "D" },
	{ "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "2003::", "GPD" },
	{ "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "GPD" }, { "3fff::", "D" },
	{ "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "3fff:1000::", "GPD" },
	{ "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "GPD" }, { "4000::", "D" },
	{ "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "5f00::", "D" },
	{ "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "5f01::", "D" },
	{ "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "fc00::", "PD" },
	{ "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "PD" }, { "fe00::", "D" },
	{ "fd00:42::41", "PD" }, { "fd00:42::42", "D" }, { "fd00:42::43", "PD" },
	{ "fd00:c1::a9fe:a9fd", "PD" }, { "fd00:c1::a9fe:a9fe", "D" }, { "fd00:c1::a9fe:a9ff", "PD" },
	{ "fd00:ec2::22", "PD" }, { "fd00:ec2::23", "D" }, { "fd00:ec2::24", "PD" },
	{ "fd00:ec2::253", "PD" }, { "fd00:ec2::254", "D" }, { "fd00:ec2::255", "PD" },
	{ "fd20:ce::253", "PD" }, { "fd20:ce::254", "D" }, { "fd20:ce::255", "PD" },
	{ "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "fe80::", "D" },
	{ "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "fec0::", "D" },
	{ "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "D" }, { "ff00::", "" }, { "ff02::1", "" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "" },
};

static void test_addr_policy_check__edges_of_every_range(void **state)
{
	static const struct {
		enum addr_preset preset;
		char letter;
	} PRESETS[] = { { ADDR_PUBLIC, 'G' }, { ADDR_PRIVATE, 'P' }, { ADDR_DEV, 'D' } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(EDGES); i++) {
		struct addr a = addr_of(EDGES[i].addr);

		for (size_t k = 0; k < COUNT_OF(PRESETS); k++) {
			struct addr_policy p = { .preset = PRESETS[k].preset };
			bool want = strchr(EDGES[i].allowed, PRESETS[k].letter) != NULL;
			struct fault f = { 0 };
			enum rc rc = addr_policy_check(&p, &a, &f);

			if (rc != (want ? RC_OK : RC_DENIED))
				fail_msg("%s with preset %c: %s %s", EDGES[i].addr,
					 PRESETS[k].letter, rc_text(rc), f.detail);
			assert_true(want || (f.problem == PROBLEM_CONNECTION &&
					     strncmp(f.detail, "policy: ", 8) == 0));
		}
	}
}

static void test_addr_range_name__what_it_is_for(void **state)
{
	static const char *const CASES[][2] = {
		{ "10.1.2.3", "private (RFC 1918)" },	     { "127.0.0.1", "loopback (RFC 1122 §3.2.1.3)" },
		{ "169.254.169.254", "a cloud metadata service" }, { "192.88.98.1", "global unicast" },
		{ "fd00::1", "unique local (RFC 4193)" },    { "2a00::1", "global unicast" },
		{ "4000::1", "not global unicast (RFC 4291 §2.4)" },
		{ "::ffff:10.0.0.1", "IPv4-mapped (RFC 4291 §2.5.5.2)" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct addr a;

		assert_true(addr_ip_parse(str_of(CASES[i][0]), 0, &a));
		assert_string_equal(addr_range_name(&a), CASES[i][1]);
	}
}

static void test_addr_policy_check__says_which_rule(void **state)
{
	struct addr loopback = addr_of("127.0.0.1"), hidden = addr_of("64:ff9b::10.0.0.1");
	struct addr_policy p = { .preset = ADDR_PRIVATE };
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(addr_policy_check(&p, &loopback, &f), RC_DENIED);
	assert_string_equal(f.detail,
			    "policy: 127.0.0.1 is loopback (RFC 1122 §3.2.1.3), which is never dialled");
	assert_int_equal(addr_policy_check(&p, &hidden, &f), RC_DENIED);
	assert_string_equal(f.detail, "policy: 64:ff9b::a00:1 is a NAT64 address (RFC 6052 §2.1) whose "
				      "IPv4 address is private (RFC 1918), which is never dialled");
}

static void test_addr_policy_check__allow_and_deny_lists(void **state)
{
	struct prefix allow[] = { prefix_of("10.0.0.0/8"), prefix_of("fd00::/8"), prefix_of("127.0.0.0/8") };
	struct prefix deny[] = { prefix_of("10.9.0.0/16"), prefix_of("192.0.66.0/24") };
	struct addr_policy p = { .preset = ADDR_PRIVATE, .allow = allow, .allow_count = COUNT_OF(allow),
				 .deny = deny, .deny_count = COUNT_OF(deny) };
	static const struct {
		const char *addr;
		bool ok;
	} CASES[] = {
		{ "10.8.0.1", true },  { "10.9.0.1", false },  { "11.0.0.1", false },
		{ "fd00::1", true },   { "fc00::1", false },   { "2a00::1", false },
		{ "127.0.0.1", false }, /* an allow list opens nothing that is always denied */
	};
	struct addr nat64 = addr_of("64:ff9b::192.0.66.1");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct addr a = addr_of(CASES[i].addr);

		if (addr_policy_check(&p, &a, NULL) != (CASES[i].ok ? RC_OK : RC_DENIED))
			fail_msg("%s", CASES[i].addr);
	}
	p.allow_count = 0;
	assert_int_equal(addr_policy_check(&p, &nat64, NULL), RC_DENIED);
	p.deny_count = 0;
	assert_int_equal(addr_policy_check(&p, &nat64, NULL), RC_OK);
}

static void test_addr_policy_check__own_listening_sockets(void **state)
{
	struct addr_policy p = { .preset = ADDR_PRIVATE }, dev = { .preset = ADDR_DEV };
	struct addr own[2], a = addr_of("10.1.2.3"), six = addr_of("fd00::7");
	struct fault f = { 0 };

	(void)state;
	own[0] = a;
	own[1] = six;
	assert_int_equal(addr_policy_set_own(own, 2), RC_OK);
	assert_int_equal(addr_policy_check(&p, &a, &f), RC_DENIED);
	assert_non_null(strstr(f.detail, "itself listens"));
	assert_int_equal(addr_policy_check(&p, &six, NULL), RC_DENIED);
	assert_int_equal(addr_policy_check(&dev, &a, NULL), RC_OK);
	a.in.sin_port = htons(81); /* another port of the same machine is another service */
	assert_int_equal(addr_policy_check(&p, &a, NULL), RC_OK);

	/* Replaced, not added to. */
	assert_int_equal(addr_policy_set_own(NULL, 0), RC_OK);
	assert_int_equal(addr_policy_check(&p, &six, NULL), RC_OK);
}

/* A listener on every address stands for each address that this machine has. */
static void test_addr_policy_set_own__wildcard_is_every_interface(void **state)
{
	struct addr_policy p = { .preset = ADDR_PRIVATE };
	struct ifaddrs *interfaces;
	struct addr any;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(addr_parse(STR(":80"), 0, &any, NULL), RC_OK);
	assert_int_equal(addr_policy_set_own(&any, 1), RC_OK);
	assert_int_equal(getifaddrs(&interfaces), 0);
	for (struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
		struct addr a = { 0 };

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&a.in, i->ifa_addr, sizeof(a.in));
		a.in.sin_port = htons(81);
		if (addr_policy_check(&p, &a, NULL) != RC_OK)
			continue; /* loopback and the like are denied anyway */
		a.in.sin_port = htons(80);
		assert_int_equal(addr_policy_check(&p, &a, NULL), RC_DENIED);
		seen++;
	}
	freeifaddrs(interfaces);
	assert_int_equal(addr_policy_set_own(NULL, 0), RC_OK);
	if (!seen)
		skip(); /* a machine with loopback only */
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_addr_parse__forms),
		cmocka_unit_test(test_addr_ip_parse__embedded_nul_is_refused),
		cmocka_unit_test(test_addr_eq__address_port_and_family),
		cmocka_unit_test(test_prefix_parse__forms),
		cmocka_unit_test(test_prefix_contains__edges),
		cmocka_unit_test(test_addr_policy_check__edges_of_every_range),
		cmocka_unit_test(test_addr_range_name__what_it_is_for),
		cmocka_unit_test(test_addr_policy_check__says_which_rule),
		cmocka_unit_test(test_addr_policy_check__allow_and_deny_lists),
		cmocka_unit_test(test_addr_policy_check__own_listening_sockets),
		cmocka_unit_test(test_addr_policy_set_own__wildcard_is_every_interface),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
