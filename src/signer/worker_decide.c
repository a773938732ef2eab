/* worker_decide.c - what the signer's worker does about one request (worker_impl.h): the law is asked, then
 * the journal, and a signature that is due is claimed there. Nothing here signs. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/crl.h"
#include "crypto/digest.h"
#include "signer/worker_impl.h"

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

enum rc slot_decide(struct worker *w, struct slot *s, int64_t now_s)
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

void slot_done(struct slot *s)
{
	if (s->request.op == MESSAGE_CRL && s->tbs.p)
		munmap((void *)s->tbs.p, s->tbs.len);
	s->tbs = (struct bytes){ 0 };
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

enum rc slot_decide_list(struct worker *w, struct slot *s, int64_t now_s)
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

/* --- checkpoints of the audit trail --- */

/* The trail was cut off, restored from an older copy or written anew, or somebody wants it to look so. */
static void refuse_checkpoint(struct worker *w, struct slot *s, uint64_t last)
{
	bool fork = (uint64_t)s->checkpoint.number == last;

	(void)fault_set(&s->fault, RC_CONFLICT, PROBLEM_SERVER_INTERNAL,
			fork ? "policy: row %llu of the audit trail was noted with another hash: its history forked"
			     : "policy: the audit trail was noted up to row %llu already: an older row is no news",
			(unsigned long long)last);
	if (!w->refused_checkpoint)
		LOG_ERROR("signer_checkpoint_refused", F_INT("number", s->checkpoint.number), F_INT("noted", last),
			  F_TEXT("cause", fork ? "the same row with another hash" : "an older row"));
	w->refused_checkpoint = true;
}

void slot_put_time(struct slot *s)
{
	memmove(s->payload + MESSAGE_CHECKPOINT_TIME, s->payload, s->payload_len);
	message_checkpoint_time(s->checkpoint.at, s->payload);
	s->payload_len += MESSAGE_CHECKPOINT_TIME;
}

static void repeat_checkpoint(struct slot *s, const struct journal_checkpoint *last)
{
	memcpy(s->payload, last->entry.sig, last->entry.sig_len);
	s->payload_len = last->entry.sig_len;
	s->checkpoint.at = last->at;
	slot_put_time(s);
}

enum rc slot_decide_checkpoint(struct worker *w, struct slot *s, int64_t now_s)
{
	struct journal_checkpoint last;
	struct checkpoint *c = &s->checkpoint;
	enum rc rc;

	message_checkpoint_of(&s->request, c);
	if (law_find_authority(&w->law, s->request.authority, &s->authority, &s->fault) != RC_OK)
		return RC_OK;
	if (c->number < 1) {
		(void)fault_set(&s->fault, RC_DENIED, PROBLEM_SERVER_INTERNAL, "policy: rows count from 1");
		return RC_OK;
	}
	rc = journal_find_checkpoint(w->journal, &last);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	if (rc == RC_OK && !last.given_up && (uint64_t)c->number <= last.number) {
		bool same = (uint64_t)c->number == last.number &&
			    memcmp(c->hash, last.entry.tbs_hash, SHA256_LEN) == 0;

		if (!same) {
			refuse_checkpoint(w, s, last.number);
			return RC_OK;
		}
		if (last.entry.sig_len > 0 && memcmp(last.tag, s->authority->tag, JOURNAL_TAG) == 0) {
			repeat_checkpoint(s, &last);
			return RC_OK;
		}
	}
	if (journal_check_clock(w->journal, now_s, &s->fault) != RC_OK || check_cap(w, now_s, &s->fault) != RC_OK)
		return RC_OK;
	rc = journal_claim_checkpoint(w->journal, s->authority->tag, (uint64_t)c->number, c->hash, now_s, &s->claim,
				      &c->at);
	checkpoint_encode(c, s->octets);
	s->tbs = bytes_of(s->octets, sizeof(s->octets));
	s->sign = rc == RC_OK;
	return rc;
}

enum rc slot_answer_last_checkpoint(struct worker *w, struct slot *s)
{
	struct journal_checkpoint last;
	enum rc rc = journal_find_checkpoint(w->journal, &last);

	if (rc == RC_NOTFOUND) {
		(void)fault_set(&s->fault, rc, PROBLEM_NOT_FOUND, "there was never a checkpoint");
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	s->checkpoint.number = (int64_t)last.number;
	s->checkpoint.at = last.at;
	memcpy(s->checkpoint.hash, last.entry.tbs_hash, SHA256_LEN);
	message_last_payload(&s->checkpoint, last.given_up, s->payload);
	s->payload_len = MESSAGE_LAST_PAYLOAD;
	return RC_OK;
}

enum rc worker_give_up_checkpoint(struct worker *w)
{
	const struct signer_config *c = &w->config;
	struct journal_checkpoint last;
	enum rc rc;

	if (!c->give_up_number)
		return RC_OK;
	rc = journal_find_checkpoint(w->journal, &last);
	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	if (last.given_up || last.number != (uint64_t)c->give_up_number ||
	    memcmp(last.entry.tbs_hash, c->give_up_hash, SHA256_LEN) != 0)
		return RC_OK;
	rc = journal_give_up_checkpoint(w->journal, clock_now_s());
	if (rc == RC_OK)
		rc = journal_commit(w->journal);
	if (rc == RC_OK)
		LOG_WARN("signer_rollback_accepted", F_INT("number", c->give_up_number));
	return rc;
}

enum rc slot_answer_lookup(struct worker *w, struct slot *s)
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
