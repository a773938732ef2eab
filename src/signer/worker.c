/* worker.c - the signer's worker (worker.h).
 *
 * One round: take all messages that wait (at most a batch), look each at the law and the journal,
 * claim the new serials, sign, make claims and signatures durable with one fdatasync(), answer.
 * So a server with 32 orders under way pays for one fsync, not for 32. Why the order is this one is
 * said in journal.c.
 *
 * A message with another epoch was meant for a worker that died; it is dropped, because the server
 * sends everything again that it has no answer for, as soon as it has read this worker's hello.
 * When the journal fails nothing can be known any more: the batch is refused and the worker ends;
 * its successor reads the journal again (TRUST V69). */
#include "signer/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "signer/sandbox.h"
#include "signer/worker_impl.h"

#define REQUEST_ARENA (512 * 1024) /* what one TBS may need while it is checked */

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	(void)signo;
	stop = 1;
}

/* --- messages --- */

static bool peer_closed(const struct worker *w)
{
	struct pollfd p = { .fd = w->socket };
	const struct timespec now = { 0 };

	return ppoll(&p, 1, &now, NULL) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* Waits until there is something to read or to stop for; only here are signals let in. */
static bool wait_readable(const struct worker *w)
{
	struct pollfd p = { .fd = w->socket, .events = POLLIN };
	sigset_t none;

	sigemptyset(&none);
	while (!stop) {
		if (ppoll(&p, 1, NULL, &none) > 0)
			return true;
		if (errno != EINTR)
			return false;
	}
	return false;
}

/* Room for one descriptor; the kernel closes what is more. */
union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

static int descriptor_of(struct msghdr *head)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(head);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void drop_descriptor(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void garbage(struct worker *w, size_t len)
{
	if (!w->refused_garbage)
		LOG_ERROR("signer_message_refused", F_INT("octets", len));
	w->refused_garbage = true;
}

/* Fills the slots with what waits. False when the server's end is closed. */
static bool take_messages(struct worker *w)
{
	struct mmsghdr heads[JOURNAL_BATCH] = { 0 };
	struct iovec vectors[JOURNAL_BATCH];
	union control controls[JOURNAL_BATCH];
	int n;

	w->count = 0;
	for (size_t i = 0; i < JOURNAL_BATCH; i++) {
		vectors[i] = (struct iovec){ w->slots[i].in, sizeof(w->slots[i].in) };
		heads[i].msg_hdr.msg_iov = &vectors[i];
		heads[i].msg_hdr.msg_iovlen = 1;
		heads[i].msg_hdr.msg_control = &controls[i];
		heads[i].msg_hdr.msg_controllen = sizeof(controls[i]);
	}
	n = recvmmsg(w->socket, heads, JOURNAL_BATCH, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	for (int i = 0; i < n; i++) {
		struct slot *s = &w->slots[w->count];
		size_t len = heads[i].msg_len;
		int fd = descriptor_of(&heads[i].msg_hdr);

		if (len == 0 && fd < 0 && peer_closed(w))
			return w->count > 0;
		/* Its octets stay where they were received; only the rest of a slot is reused. */
		if ((heads[i].msg_hdr.msg_flags & MSG_TRUNC) ||
		    message_decode(bytes_of(w->slots[i].in, len), &s->request) != RC_OK ||
		    s->request.reply || (fd >= 0) != (s->request.op == MESSAGE_CRL)) {
			garbage(w, len);
			drop_descriptor(fd);
			continue;
		}
		s->fd = fd;
		if (s->request.epoch == w->epoch)
			w->count++;
		else
			drop_descriptor(fd);
	}
	return true;
}

static enum rc send_all(const struct worker *w, struct mmsghdr *heads, unsigned count)
{
	while (count > 0) {
		int n = sendmmsg(w->socket, heads, count, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return RC_IO;
		heads += n;
		count -= (unsigned)n;
	}
	return RC_OK;
}

static enum rc answer_all(struct worker *w)
{
	struct mmsghdr heads[JOURNAL_BATCH] = { 0 };
	struct iovec vectors[JOURNAL_BATCH];

	for (size_t i = 0; i < w->count; i++) {
		struct slot *s = &w->slots[i];
		const struct slot *from = s->same ? s->same : s;
		struct message reply = {
			.op = s->request.op,
			.reply = true,
			.status = from->fault.rc,
			.id = s->request.id,
			.epoch = w->epoch,
		};

		if (reply.status == RC_OK)
			reply.payload = bytes_of(from->payload, from->payload_len);
		else
			reply.detail = str_of(from->fault.detail);
		if (message_encode(&reply, s->out, sizeof(s->out), &vectors[i].iov_len) != RC_OK)
			return RC_INTERNAL;
		vectors[i].iov_base = s->out;
		heads[i].msg_hdr.msg_iov = &vectors[i];
		heads[i].msg_hdr.msg_iovlen = 1;
	}
	return send_all(w, heads, (unsigned)w->count);
}

static enum rc say_hello(const struct worker *w, enum rc status, const char *detail)
{
	const struct message hello = {
		.op = MESSAGE_HELLO,
		.reply = true,
		.status = status,
		.epoch = w->epoch,
		.detail = str_of(detail),
	};
	uint8_t out[MESSAGE_REPLY_MAX];
	struct iovec vector = { .iov_base = out };
	struct mmsghdr head = { .msg_hdr = { .msg_iov = &vector, .msg_iovlen = 1 } };
	enum rc rc = message_encode(&hello, out, sizeof(out), &vector.iov_len);

	return rc == RC_OK ? send_all(w, &head, 1) : rc;
}

/* --- one round --- */

static void slot_reset(struct slot *s)
{
	fault_done(&s->fault);
	s->sign = false;
	s->same = NULL;
	s->tbs = (struct bytes){ 0 };
	s->payload_len = 0;
}

static enum rc decide_all(struct worker *w)
{
	int64_t now_s = clock_now_s();
	enum rc rc = RC_OK;

	for (size_t i = 0; i < w->count; i++)
		slot_reset(&w->slots[i]);
	for (size_t i = 0; rc == RC_OK && i < w->count; i++) {
		struct slot *s = &w->slots[i];

		if (s->request.op == MESSAGE_SIGN)
			rc = slot_decide(w, s, now_s);
		else if (s->request.op == MESSAGE_CRL)
			rc = slot_decide_list(w, s, now_s);
		else if (s->request.op == MESSAGE_LOOKUP)
			rc = slot_answer_lookup(w, s);
		else if (s->request.op == MESSAGE_CHECKPOINT)
			rc = slot_decide_checkpoint(w, s, now_s);
		else if (s->request.op == MESSAGE_LAST_CHECKPOINT)
			rc = slot_answer_last_checkpoint(w, s);
		arena_reset(&w->arena);
	}
	return rc;
}

/* Signs what was claimed. A key that does not sign is not the journal's fault: the claim stays, and
 * the same TBS may be asked for again. */
static enum rc sign_all(struct worker *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct slot *s = &w->slots[i];
		struct signing_key *key = s->sign ? s->authority->key : NULL;
		enum rc rc;

		if (!key)
			continue;
		rc = key->ops->sign(key, s->tbs, s->payload, &s->payload_len);
		if (rc != RC_OK) {
			LOG_ERROR("signer_key_failed", F_STR("authority", s->request.authority),
				  F_TEXT("rc", rc_text(rc)));
			(void)fault_set(&s->fault, RC_UNAVAILABLE, PROBLEM_SERVER_INTERNAL,
					"the authority's key does not sign for now");
			continue;
		}
		rc = journal_signature(w->journal, s->claim, bytes_of(s->payload, s->payload_len));
		if (rc != RC_OK)
			return rc;
		if (s->request.op == MESSAGE_CHECKPOINT)
			slot_put_time(s);
	}
	return RC_OK;
}

static bool any_claim(const struct worker *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->slots[i].sign)
			return true;
	return false;
}

static enum rc round_of(struct worker *w)
{
	enum rc rc = decide_all(w);

	if (rc != RC_OK || !any_claim(w))
		return rc;
	if ((rc = journal_write(w->journal)) != RC_OK || (rc = sign_all(w)) != RC_OK)
		return rc;
	return journal_commit(w->journal);
}

static void refuse_all(struct worker *w)
{
	for (size_t i = 0; i < w->count; i++) {
		fault_done(&w->slots[i].fault);
		w->slots[i].same = NULL;
		(void)fault_set(&w->slots[i].fault, RC_UNAVAILABLE, PROBLEM_SERVER_INTERNAL,
				"the signer's journal failed");
	}
}

static int serve(struct worker *w)
{
	while (wait_readable(w)) {
		enum rc rc;

		if (!take_messages(w))
			return WORKER_DONE;
		rc = round_of(w);
		if (rc != RC_OK) {
			LOG_ERROR("signer_journal_failed", F_TEXT("rc", rc_text(rc)));
			refuse_all(w);
		}
		for (size_t i = 0; i < w->count; i++)
			slot_done(&w->slots[i]);
		if (answer_all(w) != RC_OK)
			return peer_closed(w) ? WORKER_DONE : WORKER_FAILED;
		if (rc != RC_OK)
			return WORKER_FAILED;
	}
	return WORKER_DONE;
}

/* --- start and end --- */

static enum rc open_journal(struct worker *w, struct fault *f)
{
	const char *path = arena_cstr(&w->config_arena, w->config.journal_file);
	const struct journal_options options = {
		.path = path,
		.now_s = clock_now_s(),
		/* Once for each start of the signer; a worker's successor must be quick. */
		.check_all = w->epoch == 1,
	};
	enum rc rc;

	if (!path)
		return RC_NOMEM;
	rc = journal_open(&options, &w->journal, f);
	if (rc == RC_OK) {
		w->minute_from_s = options.now_s;
		w->minute_count = journal_recent_claims(w->journal);
	}
	return rc;
}

static enum rc worker_start(struct worker *w, struct str config, struct fault *f)
{
	enum rc rc = signer_config_read(&w->config_arena, config, &w->config, f);

	if (rc != RC_OK)
		return rc;
	log_setup(LOG_LEVEL_INFO, w->config.log_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
	sandbox_lock_memory();
	if ((rc = crypto_init(f)) != RC_OK ||
	    (rc = law_load(&w->config_arena, &w->config, &w->law, f)) != RC_OK ||
	    (rc = open_journal(w, f)) != RC_OK || (rc = worker_give_up_checkpoint(w)) != RC_OK)
		return rc;
	return sandbox_enter(f);
}

static void worker_free(struct worker *w)
{
	for (size_t i = 0; i < JOURNAL_BATCH; i++)
		fault_done(&w->slots[i].fault);
	law_done(&w->law);
	journal_free(w->journal);
	arena_done(&w->arena);
	arena_done(&w->config_arena);
	free(w);
}

int worker_run(int socket, struct str config, uint64_t epoch)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct worker *w = calloc(1, sizeof(*w));
	struct fault f = { 0 };
	int code;

	if (!w)
		return WORKER_FAILED;
	sigaction(SIGTERM, &action, NULL);
	w->socket = socket;
	w->epoch = epoch;
	arena_init(&w->config_arena, SIGNER_CONFIG_ARENA);
	arena_init(&w->arena, REQUEST_ARENA);
	if (worker_start(w, config, &f) == RC_OK) {
		code = say_hello(w, RC_OK, "") == RC_OK ? serve(w) : WORKER_DONE;
	} else {
		LOG_ERROR("signer_not_started", F_TEXT("detail", f.detail));
		(void)say_hello(w, RC_UNAVAILABLE, f.detail);
		code = WORKER_USELESS;
	}
	fault_done(&f);
	worker_free(w);
	return code;
}
