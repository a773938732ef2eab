/* stub_dns.h - a DNS server for tests: UDP and TCP on one loopback port, in a thread of its own. */
#ifndef ASSAY_TESTS_STUB_DNS_H
#define ASSAY_TESTS_STUB_DNS_H

#include "net/addr.h"

enum stub_dns_act {
	STUB_DNS_ANSWER,
	STUB_DNS_NXDOMAIN,
	STUB_DNS_SERVFAIL,
	STUB_DNS_REFUSED,
	STUB_DNS_SILENT,
	STUB_DNS_TRUNCATE,  /* over UDP: TC and nothing; over TCP: the answer */
	STUB_DNS_LIE,       /* right id, another question */
	STUB_DNS_GARBAGE,   /* right id, broken records */
	STUB_DNS_LAME,      /* the answer, but not by its own authority */
	STUB_DNS_TCP_ONLY,  /* silent over UDP */
	STUB_DNS_LOWERS,    /* over UDP: the question comes back in lower case */
	STUB_DNS_FORGED,    /* over UDP: before the answer come wrong ones with a wrong id, question or case */
};

struct stub_dns_row {
	const char *name;
	int type; /* 0: every type */
	enum stub_dns_act act;
	/* A, AAAA: addresses; NS: names; TXT: texts, "+" joins character-strings; CAA: "0 issue ca.example";
	 * separated by '|'. cname: the name is an alias instead. */
	const char *data, *cname;
	const char *later; /* data from the second time on; the TTL is 0 then, else 60 */
};

struct stub_dns;
/* rows end with a NULL name; a name that is in no row does not exist. */
struct stub_dns *stub_dns_start(const struct stub_dns_row *rows, struct addr *out);
/* On this address; NULL when the port is taken there. */
struct stub_dns *stub_dns_start_at(const struct stub_dns_row *rows, const struct addr *where);
/* How often rows[row] was asked. */
unsigned stub_dns_asked(struct stub_dns *s, size_t row);
unsigned stub_dns_asked_tcp(struct stub_dns *s);
void stub_dns_stop(struct stub_dns *s);

#endif
