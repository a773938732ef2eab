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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type TYPES[] = { DNS_A, DNS_AAAA, DNS_TXT, DNS_CAA };
	struct dns_answer answer = { 0 };
	struct dns_name question;
	struct arena arena;
	enum dns_type type;
	size_t octets = 0;

	if (size < 1)
		return 0;
	type = TYPES[data[0] % COUNT_OF(TYPES)];
	must(dns_name_parse(STR("a.example"), &question));
	arena_init(&arena, 200 * 1024);
	dns_message_read(&arena, bytes_of(data + 1, size - 1), &question, type, &answer);
	must(answer.rc == RC_OK || answer.rc == RC_NOTFOUND || answer.rc == RC_IO);
	must(answer.addr_count <= COUNT_OF(answer.addrs) && answer.text_count <= DNS_RECORDS_MAX &&
	     answer.caa_count <= DNS_RECORDS_MAX);
	must((answer.addr_count + answer.text_count + answer.caa_count > 0) == (answer.rc == RC_OK));
	must(memchr(answer.why, '\0', sizeof(answer.why)) != NULL);
	for (size_t i = 0; i < answer.addr_count; i++)
		must(answer.addrs[i].sa.sa_family == (type == DNS_A ? AF_INET : AF_INET6));
	for (size_t i = 0; i < answer.text_count; i++)
		for (size_t k = 0; k < answer.texts[i].len; k++)
			octets += (uint8_t)answer.texts[i].p[k];
	for (size_t i = 0; i < answer.caa_count; i++)
		must(answer.caa[i].tag.len > 0 && answer.caa[i].value.p);
	for (size_t i = 0; i < answer.canonical.len; i++)
		must(answer.canonical.p[i] > ' ' && answer.canonical.p[i] < 0x7f);
	must(octets <= 255 * size);
	arena_done(&arena);
	return 0;
}
