/* script.h - the scenario's network and issuer: what they answer, and what they were asked.
 * The validators, the resolver and the issuer's second step are ours instead of the real ones;
 * the issuer's first step (the claim) is the real local one. All on the test's thread but prepare(). */
#ifndef ASSAY_TESTS_SCENARIO_SCRIPT_H
#define ASSAY_TESTS_SCENARIO_SCRIPT_H

#include "issuer/issuer.h"
#include "net/loop.h"

enum answer {
	ANSWER_VALID,
	ANSWER_TRANSIENT, /* nobody listens: may pass */
	ANSWER_FINAL,     /* the wrong content */
	ANSWER_HOLD,      /* none until script_release() */
};
#define TRANSIENT_DETAIL "RFC 8555 §8.3: 10.0.0.1 port 80 refused the connection"
#define FINAL_DETAIL "RFC 8555 §8.3: 10.0.0.1 answered with another key authorization"

/* What each attempt for this identifier gets; the last one goes for all later ones. Without a script
 * everything is valid, or what script_all() said. */
void script_validations(const char *identifier, const enum answer *answers, size_t count);
#define SCRIPT_VALIDATIONS(identifier, ...)                                  \
	script_validations(identifier, (const enum answer[]){ __VA_ARGS__ }, \
			   COUNT_OF(((const enum answer[]){ __VA_ARGS__ })))
void script_all(enum answer answer);
/* Persistent records (dns-persist-01) are valid until then; 0, as at first: for good. */
void script_valid_until(int64_t at_s);
/* All held validations of this identifier (NULL: of all) get this answer. Returns how many. */
unsigned script_release(const char *identifier, enum answer answer);
/* Attempts so far, and when (monotonic ms) the n-th began, n from 0. NULL: of all identifiers. */
unsigned script_attempts(const char *identifier);
int64_t script_attempt_ms(const char *identifier, unsigned n);
unsigned script_most_at_once(void);

/* What the DNS has about who may issue (RFC 8659), for every name. */
enum dns_script { DNS_HAS_NONE, DNS_FORBIDS, DNS_FAILS, DNS_SILENT };
void script_dns(enum dns_script answer);
unsigned script_dns_asked(void);
/* The IPv4 address of every name; NULL, and at first: none. */
void script_host(const char *ip);

enum issue_answer {
	ISSUE_OK,
	ISSUE_UNAVAILABLE,  /* answers so */
	ISSUE_BUSY,         /* refuses to be asked */
	ISSUE_DENIED,
	ISSUE_HOLD,         /* signs, and answers at script_issue_release() */
	ISSUE_OTHER_SERIAL, /* the certificate of an earlier order */
	ISSUE_GARBAGE,
};
void script_issuer(enum issue_answer answer);
unsigned script_issue_release(void);
unsigned script_prepared(void); /* claims made so far */
unsigned script_issued(void);   /* times the issuer was asked to sign */
unsigned script_signed(void);   /* signatures made, as the signer's journal has them */
/* The n-th claim that the issuer was asked to sign. */
struct bytes script_claim(unsigned n);

/* --- for kit.c --- */

struct validator_env;
/* The folder has issuing.key and its passphrase is "secret". */
enum rc script_issuer_new(const char *folder, struct loop *loop, struct issuer **out);
/* Forgets all questions; the signer's journal stays. */
void script_drop(void);
void script_reset(void);
/* Grows with everything that the script is asked. */
unsigned script_activity(void);

#endif
