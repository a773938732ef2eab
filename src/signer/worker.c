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
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/crl.h"
#include "crypto/digest.h"
#include "signer/journal.h"
#include "signer/law.h"
#include "signer/messages.h"
#include "signer/sandbox.h"

#define REQUEST_ARENA (512 * 1024) /* what one TBS may need while it is checked */

/* One message and its answer. */
struct slot {
	struct message request;
	bool answer;         /* the message was one to answer */
	bool sign;           /* a claim was made: a signature is due */
	const struct slot *same; /* the same TBS was asked for earlier in this batch */
	int fd;              /* that came along; -1: none */
	struct bytes tbs;    /* to be signed: the payload, or the memory file */
	const struct law_authority *authority;
	uint8_t serial[SERIAL_MAX];
	uint8_t hash[SHA256_LEN];
	uint32_t claim;
	uint8_t payload[SIG_MAX];
	size_t payload_len;
	struct fault fault; /* its rc is the answer's status */
	uint8_t out[MESSAGE_REPLY_MAX];
	uint8_t in[MESSAGE_REQUEST_MAX];
};

struct worker {
	int socket;
	uint64_t epoch;
	struct arena config_arena, arena;
	struct signer_config config;
	struct law law;
	struct journal *journal;
	int64_t minute_from_s; /* the cap per minute: since when counted, and how many */
	unsigned minute_count;
	bool refused_garbage; /* logged once; a server that sends it would fill the log */
	size_t count;         /* slots in use in this round */
	struct slot slots[JOURNAL_BATCH];
};

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

/* The cap is a window of a minute that begins with the first signature after the last one. */
static enum rc check_cap(struct worker *w, int64_t now_s, struct fault *f)
{
	if (w->config.max_per_minute == 0)
		return RC_OK;
	if (now_s < w->minute_from_s || now_s - w->minute_from_s >= 60) {
		w->minute_from_s = now_s;
		w->minute_count = 0;
	}
	if (w->minute_count >= w->config.max_per_minute)
		return fault_set(f, RC_LIMIT, PROBLEM_RATE_LIMITED,
				 "policy: the signer's cap of %u signatures in a minute is reached",
				 w->config.max_per_minute);
	w->minute_count++;
	return RC_OK;
}

/* What the journal says of the slot's serial and TBS. RC_OK: signed before, the slot has that
 * signature. RC_NOTFOUND: nobody ever got one. RC_CONFLICT: the serial has another TBS. Anything
 * else: the journal failed. */
static enum rc look_up(struct worker *w, struct slot *s)
{
	struct journal_entry entry;
	enum rc rc = journal_find(w->journal, s->serial, &entry);

	if (rc != RC_OK)
		return rc;
	if (memcmp(entry.tbs_hash, s->hash, SHA256_LEN) != 0)
		return RC_CONFLICT;
	if (entry.sig_len == 0)
		return RC_NOTFOUND;
	memcpy(s->payload, entry.sig, entry.sig_len);
	s->payload_len = entry.sig_len;
	s->fault.rc = RC_OK;
	return RC_OK;
}

/* The law may have changed, or time gone by, since this TBS was signed: the signature that it got
 * then is not taken back. */
static enum rc repeat_in_spite(struct worker *w, struct slot *s)
{
	struct cert_info info;
	enum rc rc;

	if (tbs_parse(&w->arena, s->request.payload, &info, NULL) != RC_OK ||
	    info.serial.len != SERIAL_MAX)
		return RC_OK;
	memcpy(s->serial, info.serial.p, SERIAL_MAX);
	rc = look_up(w, s);
	return rc == RC_NOTFOUND || rc == RC_CONFLICT ? RC_OK : rc;
}

static void refuse_conflict(struct slot *s)
{
	(void)fault_set(&s->fault, RC_CONFLICT, PROBLEM_SERVER_INTERNAL,
			"RFC 5280 §4.1.2.2: the serial was used for another certificate");
}

static bool asked_in_this_batch(struct worker *w, struct slot *s)
{
	for (const struct slot *t = w->slots; t < s; t++) {
		if (!t->sign || t->request.op != MESSAGE_SIGN || memcmp(t->serial, s->serial, SERIAL_MAX) != 0)
			continue;
		if (memcmp(t->hash, s->hash, SHA256_LEN) == 0)
			s->same = t;
		else
			refuse_conflict(s);
		return true;
	}
	return false;
}

/* Decides one request for a signature. Its answer, if it is a refusal or a repetition, is in the
 * slot; an error returned here means that the journal failed. */
static enum rc decide(struct worker *w, struct slot *s, int64_t now_s)
{
	const struct message *m = &s->request;
	const struct signer_profile *profile;
	enum rc rc;

	s->tbs = m->payload;
	sha256(m->payload, s->hash);
	rc = law_find(&w->law, m->authority, m->profile, &s->authority, &profile, &s->fault);
	if (rc != RC_OK)
		return RC_OK;
	rc = law_check(&w->law, s->authority, profile, &w->arena, m->payload, now_s, s->serial,
		       &s->fault);
	if (rc != RC_OK) {
		s->fault.rc = rc == RC_NOMEM ? RC_LIMIT : RC_DENIED;
		return repeat_in_spite(w, s);
	}
	if (asked_in_this_batch(w, s))
		return RC_OK;
	rc = look_up(w, s);
	if (rc == RC_CONFLICT) {
		refuse_conflict(s);
		return RC_OK;
	}
	if (rc != RC_NOTFOUND)
		return rc;
	if (journal_check_time(w->journal, s->serial, now_s, &s->fault) != RC_OK ||
	    check_cap(w, now_s, &s->fault) != RC_OK)
		return RC_OK;
	s->sign = true;
	return journal_claim(w->journal, s->serial, s->hash, now_s, &s->claim);
}

/* --- revocation lists --- */

/* Maps the memory file that came along. It must be sealed against every change: what was checked is
 * what is signed (TRUST §2d rule 2). */
static enum rc map_list(struct slot *s)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	uint64_t len = message_crl_len(&s->request);
	int have = fcntl(s->fd, F_GET_SEALS);
	void *p = MAP_FAILED;

	if (have >= 0 && (have & seals) == seals && len > 0 && len <= CRL_TBS_MAX &&
	    lseek(s->fd, 0, SEEK_END) == (off_t)len)
		p = mmap(NULL, len, PROT_READ, MAP_SHARED, s->fd, 0);
	if (p == MAP_FAILED)
		return fault_set(&s->fault, RC_DENIED, PROBLEM_SERVER_INTERNAL,
				 "policy: the list is not in a sealed file of its length");
	s->tbs = bytes_of(p, len);
	return RC_OK;
}

static void unmap_list(struct slot *s)
{
	if (s->request.op == MESSAGE_CRL && s->tbs.p)
		munmap((void *)s->tbs.p, s->tbs.len);
	s->tbs = (struct bytes){ 0 };
	drop_descriptor(s->fd);
	s->fd = -1;
}

/* As decide(), for a list: it is signed when its number is higher than that of every list before, or
 * when it is the last one again. */
static enum rc decide_list(struct worker *w, struct slot *s, int64_t now_s)
{
	struct journal_crl last;
	uint64_t number;
	bool again;
	enum rc rc;

	if (law_find_authority(&w->law, s->request.authority, &s->authority, &s->fault) != RC_OK ||
	    map_list(s) != RC_OK ||
	    law_check_crl(s->authority, s->tbs, now_s, &number, &s->fault) != RC_OK)
		return RC_OK;
	sha256(s->tbs, s->hash);
	rc = journal_find_crl(w->journal, s->authority->tag, &last);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	again = rc == RC_OK && memcmp(last.entry.tbs_hash, s->hash, SHA256_LEN) == 0;
	if (again && last.entry.sig_len > 0) {
		memcpy(s->payload, last.entry.sig, last.entry.sig_len);
		s->payload_len = last.entry.sig_len;
		s->fault.rc = RC_OK;
		return RC_OK;
	}
	if (rc == RC_OK && !again && number <= last.number) {
		(void)fault_set(&s->fault, RC_CONFLICT, PROBLEM_SERVER_INTERNAL,
				"RFC 5280 §5.2.3: the CRL number must be higher than %llu",
				(unsigned long long)last.number);
		return RC_OK;
	}
	if (journal_check_crl_time(w->journal, number, now_s, &s->fault) != RC_OK ||
	    check_cap(w, now_s, &s->fault) != RC_OK)
		return RC_OK;
	s->sign = true;
	return journal_claim_crl(w->journal, s->authority->tag, number, s->hash, now_s, &s->claim);
}

static enum rc answer_lookup(struct worker *w, struct slot *s)
{
	struct bytes serial = s->request.payload;
	struct journal_entry entry;
	enum rc rc = RC_NOTFOUND;

	if (serial.len == SERIAL_MAX)
		rc = journal_find(w->journal, serial.p, &entry);
	if (rc == RC_NOTFOUND) {
		(void)fault_set(&s->fault, rc, PROBLEM_NOT_FOUND, "the serial was never used");
		return RC_OK;
	}
	if (rc == RC_OK) {
		memcpy(s->payload, entry.tbs_hash, SHA256_LEN);
		s->payload_len = SHA256_LEN;
	}
	return rc;
}

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
			rc = decide(w, s, now_s);
		else if (s->request.op == MESSAGE_CRL)
			rc = decide_list(w, s, now_s);
		else if (s->request.op == MESSAGE_LOOKUP)
			rc = answer_lookup(w, s);
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
			unmap_list(&w->slots[i]);
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
	    (rc = open_journal(w, f)) != RC_OK)
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
