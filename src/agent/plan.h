/* plan.h - the difference between what should be and what is, as one action. A pure function: no
 * disk, no network, no clock. The four states of REQUIREMENTS S2.16-S2.19 are its rows. */
#ifndef ASSAY_AGENT_PLAN_H
#define ASSAY_AGENT_PLAN_H

#include "agent/desired.h"
#include "agent/observe.h"

enum plan_action {
	PLAN_NOTHING, /* key and certificate are as they should be (S2.18) */
	PLAN_SWITCH,  /* the next generation is complete: an earlier run was killed before it used it */
	PLAN_REQUEST, /* a certificate is to be had (S2.16, S2.17, S2.19) */
};
/* What the certificate is requested for. */
enum plan_key {
	PLAN_KEY_NEW,  /* a key that is made now, in a generation of its own */
	PLAN_KEY_LIVE, /* the key that is there and has no certificate (S2.17) */
	PLAN_KEY_NEXT, /* the key of the generation that an earlier run has begun */
};
struct plan {
	enum plan_action action;
	enum plan_key key;  /* PLAN_REQUEST */
	bool resume;        /* PLAN_KEY_NEXT: its order is with the wanted server, so go on with it */
	bool discard_next;  /* the next generation is of no use: remove it */
	int64_t renew_at;   /* PLAN_NOTHING, PLAN_SWITCH: when it will be due */
	const char *why;    /* "the certificate expires soon"; static */
};
struct plan plan_make(const struct desired *d, const struct observed *o, int64_t now);
/* From when on a certificate is renewed: renew_before_s before its end, or in the last third of its
 * life if that is 0; never in the first half of its life, however short that is, so that no setting
 * makes every run a renewal (TRUST V51). */
int64_t plan_renew_at(int64_t not_before, int64_t not_after, int64_t renew_before_s);

#endif
