/* loop.h - one event loop per thread (libevent stops here and in the other files of net/).
 * A loop belongs to the thread that runs it; only loop_post() and loop_stop() may be called from
 * others. */
#ifndef ASSAY_NET_LOOP_H
#define ASSAY_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

struct loop;
struct loop_timer;
struct loop_fd;

enum rc loop_new(struct loop **out) MUST_USE;
/* Works that were posted and did not run are run now, so that none leaks. Timers and fds must have
 * been freed. */
void loop_free(struct loop *l);
/* Runs until loop_stop(); a stop that comes before the run ends it at once. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Runs what is ready now and returns without waiting (tests that step a loop). */
void loop_step(struct loop *l);

/* Work sent to the loop's thread. Put a struct loop_work first in what you send; the loop owns it
 * until fn runs. Several posts cost one wake-up. Works in the order posted, per sender. */
struct loop_work {
	struct loop_work *next;
	void (*fn)(struct loop_work *w);
};
/* On the loop's own thread: runs fn after the events at hand, without a wake-up. */
void loop_post(struct loop *l, struct loop_work *w);

/* One-shot timers by the monotonic clock, at least 1 ms ahead; created once, set and cleared as
 * needed, and freed even from within their own fn. With the fake clock they fire when
 * loop_timers_check() is called after turning it (scenario tests). */
enum rc loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg, struct loop_timer **out) MUST_USE;
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
void loop_timer_clear(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);
void loop_timers_check(struct loop *l);

/* Calls fn when fd is readable (and stays so until cleared). The fd stays the caller's. */
enum rc loop_fd_new(struct loop *l, int fd, void (*fn)(void *arg), void *arg, struct loop_fd **out) MUST_USE;
void loop_fd_free(struct loop_fd *e);

/* Signals are delivered as calls on this loop's thread. One loop of a program takes signals. */
enum rc loop_signal(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg) MUST_USE;

/* struct event_base *, for libunbound and libcurl inside net/ only. */
void *loop_event_base(struct loop *l);

#endif
