/* kit.h - what a scenario is made of: the real core, its jobs on a real loop and a real store; a
 * clock that the script turns; a network and an issuer that answer what the script says (script.h).
 *
 * A scenario acts like a client: kit_begin() opens a decision as a request does, the core decides,
 * kit_end() commits it. kit_settle() runs the jobs until all is quiet; kit_advance_ms() turns the
 * clock. Nothing sleeps. All but struct actor belongs to the thread of the test. */
#ifndef ASSAY_TESTS_SCENARIO_KIT_H
#define ASSAY_TESTS_SCENARIO_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/cert.h"
#include "core/jobs.h"
#include "core/order.h"
#include "script.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)
#define DAY_S INT64_C(86400)
/* 2027-01-15T08:00:00Z; the authority was made an hour before. */
#define KIT_START_MS INT64_C(1800000000000)

/* Who decides: a request thread. */
struct actor {
	struct store_read *read;
	struct arena arena; /* lives as long as the actor: a scenario looks at results later */
	struct context c;
	struct fault f;     /* of the last decision that was refused */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t ended;
	bool is_committed;
	enum rc committed;
};
void actor_init(struct actor *x);
void actor_done(struct actor *x);
struct context *actor_begin(struct actor *x);
/* decided RC_OK: commits and starts the jobs, as api/request.c does, and returns the commit's rc.
 * Else drops the transaction and returns decided. */
enum rc actor_end(struct actor *x, enum rc decided);

struct kit {
	struct service service;
	struct loop *loop;
	struct validator_env *validators;
	struct actor actor;
	struct privkey *leaf_key; /* for CSRs, where it does not matter whose */
	char store_url[128];
};
extern struct kit kit;

/* "memory" or "sqlite" from the command line: every scenario runs over both. */
void kit_choose_store(int argc, char **argv);
int kit_group_setup(void **state);
int kit_group_teardown(void **state);
int kit_setup(void **state);
int kit_teardown(void **state);
#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

/* The settings from here on: this text behind the fixed head (authorities "lab" and "second", directories
 * "default" and "bound", EAB keys "k1" and "k2"), as after a SIGHUP. */
void kit_settings(const char *tail);
/* Ends the service without finishing anything and starts another on the same store. */
void kit_crash(void);

/* --- time --- */

/* Runs the loop until neither the jobs nor the script do anything more at this time. */
void kit_settle(void);
/* Turns the clock, then settles. */
void kit_advance_ms(int64_t ms);
/* In steps, for what sets new timers on its way. */
void kit_run_ms(int64_t total_ms, int64_t step_ms);

/* --- decisions of the test's thread --- */

struct context *kit_begin(void);
enum rc kit_end(enum rc decided);
/* Ends a decision that only read. */
void kit_drop(void);
/* Fails the test with the last fault. */
void must(enum rc rc);
/* The last decision was refused with this problem, and its detail has this text. */
void kit_assert_fault(enum problem problem, const char *text);

/* --- a client --- */

struct pubkey *kit_pubkey(void); /* a new one; freed at the end */
/* Registered in the directory "default" with a new key. The reference is the kit's. */
const struct account *kit_account(void);
/* The same, bound by the key "k1" or "k2" of the settings (RFC 8555 §7.3.4). */
const struct account *kit_bound_account(const char *kid);
/* As a request of this account would be authenticated now. */
enum rc kit_authenticate(struct id account);
/* "dns:a.test ip:10.0.0.1" */
struct acme_new_order kit_names(const char *names);
enum rc kit_try_order(const struct account *a, const struct acme_new_order *body, struct id *out);
struct id kit_order(const struct account *a, const char *names);
struct order kit_load(struct id order);
enum order_state kit_state(struct id order);
struct id kit_authz_id(struct id order, size_t i);
struct authz_record kit_authz(struct id authz);
enum authz_state kit_authz_state(struct id authz);
enum rc kit_respond(const struct account *a, struct id authz);
/* Answers all challenges of the order and settles. */
void kit_prove(const struct account *a, struct id order);
struct id kit_ready(const struct account *a, const char *names);
struct bytes kit_csr(const char *names, const struct privkey *key);
enum rc kit_finalize(const struct account *a, struct id order, struct bytes csr);
/* From nothing to the valid order. */
struct id kit_issue(const struct account *a, const char *names);
struct cert_record kit_cert(struct bytes serial);

/* --- looking --- */

int64_t kit_count(const struct store_table *t);
/* The store holds a row about this with this action. */
bool kit_audited(const char *action);
unsigned kit_jobs_running(void);
bool text_has(struct str text, const char *part);

#endif
