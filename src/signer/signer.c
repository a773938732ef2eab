/* signer.c - the server's end of the signer process (signer.h).
 *
 * A request has a slot until it is answered; its id is the slot's number and a count, so that a late
 * answer to an earlier user of the slot is recognised. Requests wait in line until the socket takes
 * them, at most WINDOW are under way, and each answer makes room: so nothing blocks, and the
 * socket's buffer needs no event for "writable".
 * Everything without an answer is sent again when a new worker says hello (it does not have what
 * the one before it took) and when its time is over; after TRIES times it fails. Sending again is
 * harmless: the signer answers the same request with the same signature. */
#include "signer/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "signer/law.h"
#include "signer/messages.h"
#include "signer/signer_spawn.h"

#define WINDOW 64
#define TRIES 3
#define HELLO_MS 30000 /* for the first worker to check its journal and to decrypt its keys */
#define WAITING_MAX 65536

enum slot_state { SLOT_FREE, SLOT_IN_LINE, SLOT_SENT };

struct slot {
	enum slot_state state;
	uint64_t uses; /* how often the slot was given away */
	uint64_t id;
	enum message_op op;
	enum signer_kind kind;
	int64_t asked_us, sent_us;
	uint8_t *encoded; /* owned */
	size_t encoded_len;
	int fd; /* sent along; -1: none; owned */
	int64_t deadline_ms;
	int tries;
	signer_done_fn done;
	void *arg;
	TAILQ_ENTRY(slot) by_deadline; /* or the list of free slots */
	TAILQ_ENTRY(slot) in_line;
};
TAILQ_HEAD(slot_list, slot);

struct signer {
	pid_t pid;
	int socket;
	bool gone;      /* the process has ended: nothing is answered any more */
	uint64_t epoch; /* of the worker that said hello last */
	int timeout_ms;
	struct loop_fd *readable;
	struct loop_timer *timer;
	bool timer_set;
	struct slot *slots;
	unsigned slot_count;
	struct slot_list free, waiting /* all in use, by deadline */, line;
	unsigned sent;
	unsigned in_use; /* slots; atomic */
	void (*observe)(enum signer_kind kind, enum rc rc, int64_t duration_us, int64_t wait_us);
};

/* --- sending --- */

/* Sets the timer for the request that is due first. */
static void plan(struct signer *s)
{
	struct slot *first = TAILQ_FIRST(&s->waiting);
	int64_t left;

	if (!first) {
		loop_timer_clear(s->timer);
	} else {
		left = first->deadline_ms - clock_mono_ms();
		loop_timer_set(s->timer, left > 0 ? left : 0);
	}
	s->timer_set = first;
}

static ssize_t send_slot(struct signer *s, struct slot *r)
{
	struct iovec vector = { r->encoded, r->encoded_len };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = &vector, .msg_iovlen = 1 };

	if (r->fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
						 .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.head), &r->fd, sizeof(r->fd));
	}
	return sendmsg(s->socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Sends what waits in line, as far as the window and the socket allow. */
static void flush(struct signer *s)
{
	struct slot *r;

	while (!s->gone && s->sent < WINDOW && (r = TAILQ_FIRST(&s->line))) {
		message_set_epoch(r->encoded, s->epoch);
		if (send_slot(s, r) < 0) {
			if (errno == EINTR)
				continue;
			return; /* full: an answer or a hello comes; or closed: the reader sees it */
		}
		TAILQ_REMOVE(&s->line, r, in_line);
		r->state = SLOT_SENT;
		if (!r->sent_us)
			r->sent_us = clock_mono_us();
		s->sent++;
	}
}

/* From sent back into the line, at its end. */
static void back_in_line(struct signer *s, struct slot *r)
{
	if (r->state != SLOT_SENT)
		return;
	r->state = SLOT_IN_LINE;
	s->sent--;
	TAILQ_INSERT_TAIL(&s->line, r, in_line);
}

static void slot_empty(struct slot *r)
{
	free(r->encoded);
	r->encoded = NULL;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

static void release(struct signer *s, struct slot *r)
{
	if (r->state == SLOT_SENT)
		s->sent--;
	else
		TAILQ_REMOVE(&s->line, r, in_line);
	TAILQ_REMOVE(&s->waiting, r, by_deadline);
	slot_empty(r);
	r->state = SLOT_FREE;
	TAILQ_INSERT_TAIL(&s->free, r, by_deadline);
	__atomic_sub_fetch(&s->in_use, 1, __ATOMIC_RELAXED);
}

/* The slot is free before its owner is called, who may ask for something new at once. */
static void finish(struct signer *s, struct slot *r, enum rc rc, struct bytes payload,
		   const struct fault *f)
{
	signer_done_fn done = r->done;
	void *arg = r->arg;
	int64_t now_us = clock_mono_us();

	if (s->observe)
		s->observe(r->kind, rc, now_us - r->asked_us, (r->sent_us ? r->sent_us : now_us) - r->asked_us);
	release(s, r);
	done(arg, rc, payload, f);
}

static void fail(struct signer *s, struct slot *r, const char *why)
{
	struct fault f = { 0 };
	enum rc rc = fault_set(&f, RC_UNAVAILABLE, PROBLEM_UNAVAILABLE, "%s", why);

	finish(s, r, rc, bytes_of(NULL, 0), &f);
	fault_done(&f);
}

/* --- receiving --- */

static void on_gone(struct signer *s)
{
	struct slot *r;

	if (s->gone)
		return;
	s->gone = true;
	LOG_ERROR("signer_ended", F_INT("pid", s->pid));
	loop_fd_free(s->readable);
	s->readable = NULL;
	while ((r = TAILQ_FIRST(&s->waiting)))
		fail(s, r, "the signer process has ended");
}

static void on_hello(struct signer *s, const struct message *m)
{
	struct slot *r;

	if (m->status != RC_OK) {
		LOG_ERROR("signer_worker_useless", F_INT("epoch", m->epoch),
			  F_STR("detail", m->detail));
		return;
	}
	LOG_WARN("signer_worker_restarted", F_INT("epoch", m->epoch));
	s->epoch = m->epoch;
	TAILQ_FOREACH(r, &s->waiting, by_deadline)
		back_in_line(s, r);
}

static enum problem problem_of(enum rc rc)
{
	switch (rc) {
	case RC_LIMIT:
		return PROBLEM_RATE_LIMITED;
	case RC_UNAVAILABLE:
		return PROBLEM_UNAVAILABLE;
	case RC_NOTFOUND:
		return PROBLEM_NOT_FOUND;
	default:
		return PROBLEM_SERVER_INTERNAL;
	}
}

static void on_reply(struct signer *s, const struct message *m)
{
	struct slot *r = &s->slots[m->id % s->slot_count];
	struct fault f = { 0 };

	if (m->epoch != s->epoch || r->state != SLOT_SENT || r->id != m->id || r->op != m->op)
		return; /* it was given up, or answered already */
	if (m->status != RC_OK)
		(void)fault_set(&f, m->status, problem_of(m->status), "%.*s", STR_ARG(m->detail));
	finish(s, r, m->status, m->payload, &f);
	fault_done(&f);
}

/* One message. False when there is none for now, or none ever again. */
static bool receive(struct signer *s)
{
	uint8_t in[MESSAGE_REPLY_MAX];
	struct message m;
	ssize_t n = recv(s->socket, in, sizeof(in), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		on_gone(s);
		return false;
	}
	if ((size_t)n > sizeof(in) || message_decode(bytes_of(in, (size_t)n), &m) != RC_OK ||
	    !m.reply)
		LOG_ERROR("signer_answer_refused", F_INT("octets", n));
	else if (m.op == MESSAGE_HELLO)
		on_hello(s, &m);
	else
		on_reply(s, &m);
	return true;
}

static void on_readable(void *arg)
{
	struct signer *s = arg;

	/* At most a window at a time: others use this loop too, and the event stays. */
	for (int i = 0; i < WINDOW && receive(s); i++)
		;
	flush(s);
	plan(s);
}

static void on_timer(void *arg)
{
	struct signer *s = arg;
	int64_t now = clock_mono_ms();
	struct slot *r;

	while ((r = TAILQ_FIRST(&s->waiting)) && r->deadline_ms <= now) {
		if (++r->tries >= TRIES) {
			fail(s, r, "the signer does not answer");
			continue;
		}
		r->deadline_ms = now + s->timeout_ms;
		TAILQ_REMOVE(&s->waiting, r, by_deadline);
		TAILQ_INSERT_TAIL(&s->waiting, r, by_deadline);
		back_in_line(s, r);
	}
	flush(s);
	plan(s);
}

/* --- asking --- */

static enum signer_kind kind_of(const struct message *m)
{
	switch (m->op) {
	case MESSAGE_SIGN:
		return str_is(m->profile, LAW_OCSP_RESPONDER) ? SIGNER_RESPONDER : SIGNER_CERTIFICATE;
	case MESSAGE_CRL:
		return SIGNER_LIST;
	case MESSAGE_CHECKPOINT:
		return SIGNER_CHECKPOINT;
	default:
		return SIGNER_OTHER;
	}
}

/* fd, or -1, is the request's when it is accepted. */
static enum rc submit_with(struct signer *s, struct message *m, int fd, signer_done_fn done, void *arg)
{
	struct slot *r = TAILQ_FIRST(&s->free);
	size_t cap = MESSAGE_HEADER + m->authority.len + m->profile.len + m->payload.len;
	enum rc rc;

	if (s->gone)
		return RC_UNAVAILABLE;
	if (!r)
		return RC_BUSY;
	m->id = ++r->uses * s->slot_count + (uint64_t)(r - s->slots);
	m->epoch = s->epoch;
	r->encoded = malloc(cap);
	if (!r->encoded)
		return RC_NOMEM;
	rc = message_encode(m, r->encoded, cap, &r->encoded_len);
	if (rc != RC_OK) {
		free(r->encoded);
		r->encoded = NULL;
		return rc;
	}
	r->id = m->id;
	r->op = m->op;
	r->kind = kind_of(m);
	r->asked_us = clock_mono_us();
	r->sent_us = 0;
	r->fd = fd;
	r->deadline_ms = clock_mono_ms() + s->timeout_ms;
	r->tries = 0;
	r->done = done;
	r->arg = arg;
	r->state = SLOT_IN_LINE;
	TAILQ_REMOVE(&s->free, r, by_deadline);
	TAILQ_INSERT_TAIL(&s->waiting, r, by_deadline);
	TAILQ_INSERT_TAIL(&s->line, r, in_line);
	__atomic_add_fetch(&s->in_use, 1, __ATOMIC_RELAXED);
	flush(s);
	if (!s->timer_set)
		plan(s);
	return RC_OK;
}

static enum rc submit(struct signer *s, struct message *m, signer_done_fn done, void *arg)
{
	return submit_with(s, m, -1, done, arg);
}

enum rc signer_sign(struct signer *s, struct str authority, struct str profile, struct bytes tbs,
		    signer_done_fn done, void *arg)
{
	struct message m = { .op = MESSAGE_SIGN, .authority = authority, .profile = profile,
			     .payload = tbs };

	return submit(s, &m, done, arg);
}

static bool write_all(int fd, struct bytes b)
{
	while (b.len > 0) {
		ssize_t n = write(fd, b.p, b.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		b.p += n;
		b.len -= (size_t)n;
	}
	return true;
}

/* A memory file with these octets that nobody can change any more. */
static int sealed_file(struct bytes b)
{
	int fd = memfd_create("assay-crl", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && write_all(fd, b) &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

enum rc signer_sign_crl(struct signer *s, struct str authority, struct bytes tbs, signer_done_fn done,
			void *arg)
{
	uint8_t payload[MESSAGE_CRL_PAYLOAD];
	struct message m = { .op = MESSAGE_CRL, .authority = authority,
			     .payload = bytes_of(payload, sizeof(payload)) };
	int fd = sealed_file(tbs);
	enum rc rc;

	if (fd < 0)
		return RC_IO;
	message_crl_payload(tbs.len, payload);
	rc = submit_with(s, &m, fd, done, arg);
	if (rc != RC_OK)
		close(fd);
	return rc;
}

enum rc signer_lookup(struct signer *s, struct bytes serial, signer_done_fn done, void *arg)
{
	struct message m = { .op = MESSAGE_LOOKUP, .payload = serial };

	return submit(s, &m, done, arg);
}

enum rc signer_checkpoint(struct signer *s, struct str authority, const struct checkpoint *c, signer_done_fn done,
			  void *arg)
{
	uint8_t payload[MESSAGE_CHECKPOINT_PAYLOAD];
	struct message m = { .op = MESSAGE_CHECKPOINT, .authority = authority,
			     .payload = bytes_of(payload, sizeof(payload)) };

	message_checkpoint_payload(c, payload);
	return submit(s, &m, done, arg);
}

enum rc signer_last_checkpoint(struct signer *s, signer_done_fn done, void *arg)
{
	struct message m = { .op = MESSAGE_LAST_CHECKPOINT };

	return submit(s, &m, done, arg);
}

enum rc signer_ping(struct signer *s, signer_done_fn done, void *arg)
{
	struct message m = { .op = MESSAGE_PING };

	return submit(s, &m, done, arg);
}

/* --- start and end --- */

/* Blocks until the first worker has said hello: this is the start of the server. */
static enum rc wait_hello(struct signer *s, struct fault *f)
{
	struct pollfd p = { .fd = s->socket, .events = POLLIN };
	int64_t deadline = clock_mono_ms() + HELLO_MS;
	uint8_t in[MESSAGE_REPLY_MAX];
	struct message m;
	int64_t left;
	ssize_t n;

	while ((left = deadline - clock_mono_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = recv(s->socket, in, sizeof(in), MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		if ((size_t)n > sizeof(in) ||
		    message_decode(bytes_of(in, (size_t)n), &m) != RC_OK || m.op != MESSAGE_HELLO)
			return fault_set(f, RC_INTERNAL, PROBLEM_SERVER_INTERNAL,
					 "the signer process is of another version");
		s->epoch = m.epoch;
		return m.status == RC_OK ? RC_OK
					 : fault_set(f, m.status, PROBLEM_SERVER_INTERNAL,
						     "the signer cannot serve: %.*s",
						     STR_ARG(m.detail));
	}
	return fault_set(f, RC_UNAVAILABLE, PROBLEM_SERVER_INTERNAL,
			 "the signer process has ended, or said nothing, at its start");
}

static enum rc make_slots(struct signer *s, unsigned count)
{
	s->slot_count = count < 1 ? 1 : count > WAITING_MAX ? WAITING_MAX : count;
	s->slots = calloc(s->slot_count, sizeof(*s->slots));
	TAILQ_INIT(&s->free);
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->line);
	if (!s->slots)
		return RC_NOMEM;
	for (unsigned i = 0; i < s->slot_count; i++) {
		s->slots[i].fd = -1;
		TAILQ_INSERT_TAIL(&s->free, &s->slots[i], by_deadline);
	}
	return RC_OK;
}

static enum rc attach(struct signer *s, struct loop *loop)
{
	enum rc rc = loop_fd_new(loop, s->socket, on_readable, s, &s->readable);

	return rc == RC_OK ? loop_timer_new(loop, on_timer, s, &s->timer) : rc;
}

enum rc signer_start(const struct signer_options *o, struct signer **out, struct fault *f)
{
	struct signer *s = calloc(1, sizeof(*s));
	enum rc rc;

	if (!s)
		return RC_NOMEM;
	s->socket = -1;
	s->timeout_ms = o->timeout_ms;
	s->observe = o->observe;
	rc = make_slots(s, o->max_waiting);
	if (rc == RC_OK)
		rc = signer_spawn(o->program, o->config, &s->pid, &s->socket, f);
	if (rc == RC_OK)
		rc = wait_hello(s, f);
	if (rc == RC_OK)
		rc = attach(s, o->loop);
	if (rc == RC_OK)
		*out = s;
	else
		signer_free(s);
	return rc;
}

void signer_free(struct signer *s)
{
	if (!s)
		return;
	loop_fd_free(s->readable);
	loop_timer_free(s->timer);
	if (s->socket >= 0)
		close(s->socket); /* ends the process */
	if (s->pid > 0)
		signer_reap(s->pid);
	for (unsigned i = 0; s->slots && i < s->slot_count; i++)
		slot_empty(&s->slots[i]);
	free(s->slots);
	free(s);
}

unsigned signer_waiting(const struct signer *s)
{
	return __atomic_load_n(&s->in_use, __ATOMIC_RELAXED);
}

int signer_pid(const struct signer *s)
{
	return (int)s->pid;
}
