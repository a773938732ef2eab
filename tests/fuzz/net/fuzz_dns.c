/* fuzz_dns.c - any octets as the response to a question (net/dns_message.h). The first octet picks
 * the type of the question, the rest is the packet; the name is "a.example". */
#include <stdlib.h>

#include "net/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* The same packet as the response to a query of ours: what is taken for one repeats the question. */
static void check_reply(struct bytes packet, const struct dns_name *question, enum dns_type type)
{
	uint8_t query[DNS_QUERY_OCTETS];
	size_t len = dns_query_write(query, 0x1234, question, type);
	enum dns_reply reply = dns_reply_match(packet, bytes_of(query, len));

	must(len <= sizeof(query) && dns_reply_match(bytes_of(query, len), bytes_of(query, len)) == DNS_REPLY_FOREIGN);
	if (reply == DNS_REPLY_FOREIGN)
		return;
	must(packet.len >= 12 && packet.p[0] == 0x12 && packet.p[1] == 0x34 && (packet.p[2] & 0x80));
	if (packet.p[4] || packet.p[5])
		must(memcmp(packet.p + 12, query + 12, question->len + 4) == 0);
	else
		must(reply == DNS_REPLY_WHOLE && (packet.p[3] & 0xf) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type TYPES[] = { DNS_A, DNS_AAAA, DNS_TXT, DNS_CAA, DNS_NS };
	struct dns_answer answer = { 0 };
	struct dns_name question;
	struct arena arena;
	enum dns_type type;
	size_t octets = 0;

	if (size < 1)
		return 0;
	type = TYPES[data[0] % COUNT_OF(TYPES)];
	must(dns_name_parse(STR("a.example"), &question));
	check_reply(bytes_of(data + 1, size - 1), &question, type);
	arena_init(&arena, 200 * 1024);
	dns_message_read(&arena, bytes_of(data + 1, size - 1), &question, type, &answer);
	must(answer.rc == RC_OK || answer.rc == RC_NOTFOUND || answer.rc == RC_IO ||
	     (answer.rc == RC_NOMEM && type == DNS_NS)); /* long names, written out */
	must(answer.addr_count <= COUNT_OF(answer.addrs) && answer.text_count <= DNS_RECORDS_MAX &&
	     answer.caa_count <= DNS_RECORDS_MAX && answer.host_count <= DNS_RECORDS_MAX);
	must((answer.addr_count + answer.text_count + answer.caa_count + answer.host_count > 0) == (answer.rc == RC_OK));
	must((answer.alias.p != NULL) == (answer.canonical.p != NULL));
	must(memchr(answer.why, '\0', sizeof(answer.why)) != NULL);
	for (size_t i = 0; i < answer.addr_count; i++)
		must(answer.addrs[i].sa.sa_family == (type == DNS_A ? AF_INET : AF_INET6));
	for (size_t i = 0; i < answer.text_count; i++)
		for (size_t k = 0; k < answer.texts[i].len; k++)
			octets += (uint8_t)answer.texts[i].p[k];
	for (size_t i = 0; i < answer.caa_count; i++)
		must(answer.caa[i].tag.len > 0 && answer.caa[i].value.p);
	for (size_t i = 0; i < answer.host_count; i++)
		must(answer.hosts[i].p && answer.hosts[i].len <= 4 * DNS_NAME_WIRE);
	for (size_t i = 0; i < answer.canonical.len; i++)
		must(answer.canonical.p[i] > ' ' && answer.canonical.p[i] < 0x7f);
	must(octets <= 255 * size);
	arena_done(&arena);
	return 0;
}
