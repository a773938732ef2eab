/* messages.h - what the server and the signer process say to each other: one message is one packet
 * of their SOCK_SEQPACKET pair. Both ends use this one strict codec (fuzzed); what it does not
 * know it refuses. No state: safe from any thread.
 *
 *   octets 0-3    "AYSG"
 *          4      version, 2
 *          5      operation; 0x80 is set in answers
 *          6      status of an answer (0: done), 0 in requests
 *          7      length of the authority's name
 *          8-15   request id, chosen by the server; 0 in a hello
 *          16-23  epoch: which worker is meant, or answers
 *          24     length of the profile's name
 *          25     0
 *          26-27  length of the detail
 *          28-31  length of the payload
 *   then authority, profile, detail and payload, and nothing behind them. Numbers are big-endian.
 *
 *   hello   worker -> server, unasked, once: status and, when it cannot serve, why
 *   sign    authority, profile, TBS           -> signature
 *   crl     authority, length of the TBS      -> signature
 *           A revocation list may have many megabytes, so its TBS does not fit in a packet: it is in
 *           a memory file that comes along (SCM_RIGHTS), sealed so that nobody can change it while
 *           it is checked and signed. The payload is its length in 8 octets.
 *   lookup  serial                            -> SHA-256 of the TBS that it was used for
 *   ping                                      -> nothing more
 *   checkpoint       authority, number and hash of a row of the audit trail
 *                                             -> time in 8 octets, signature (crypto/checkpoint.h)
 *   last checkpoint                           -> number, hash, time, 1 when it is given up else 0 */
#ifndef ASSAY_SIGNER_MESSAGES_H
#define ASSAY_SIGNER_MESSAGES_H

#include "base/fault.h"
#include "base/limits.h"
#include "base/str.h"
#include "crypto/cert.h"
#include "crypto/checkpoint.h"

#define MESSAGE_HEADER 32
#define MESSAGE_NAME_MAX 64
#define MESSAGE_REQUEST_MAX LIMIT_SIGNER_MESSAGE
#define MESSAGE_REPLY_MAX (MESSAGE_HEADER + FAULT_DETAIL_MAX + MESSAGE_PAYLOAD_MAX)

_Static_assert(MESSAGE_HEADER + 2 * MESSAGE_NAME_MAX + LIMIT_TBS_BYTES <= MESSAGE_REQUEST_MAX,
	       "the largest TBS must fit");

#define MESSAGE_CRL_PAYLOAD 8
#define MESSAGE_CHECKPOINT_PAYLOAD (8 + SHA256_LEN)
#define MESSAGE_CHECKPOINT_TIME 8 /* octets before the signature */
#define MESSAGE_LAST_PAYLOAD (8 + SHA256_LEN + 8 + 1)
#define MESSAGE_PAYLOAD_MAX (MESSAGE_CHECKPOINT_TIME + SIG_MAX) /* of an answer */

enum message_op {
	MESSAGE_HELLO = 1,
	MESSAGE_SIGN,
	MESSAGE_LOOKUP,
	MESSAGE_PING,
	MESSAGE_CRL,
	MESSAGE_CHECKPOINT,
	MESSAGE_LAST_CHECKPOINT,
};

struct message {
	enum message_op op;
	bool reply;
	enum rc status; /* of a reply */
	uint64_t id, epoch;
	struct str authority, profile; /* sign requests; of a crl request only the authority */
	struct str detail;             /* of a reply that is not RC_OK; may be empty */
	struct bytes payload;
};

/* Slices of out point into in. RC_INVALID for anything but exactly one well-formed message. */
enum rc message_decode(struct bytes in, struct message *out) MUST_USE;
/* RC_INVALID for what message_decode() would refuse, RC_LIMIT when it does not fit in cap. */
enum rc message_encode(const struct message *m, uint8_t *out, size_t cap, size_t *out_len) MUST_USE;
/* Overwrites the epoch of an encoded message. */
void message_set_epoch(uint8_t *encoded, uint64_t epoch);

/* The length in a crl request. */
void message_crl_payload(uint64_t len, uint8_t out[MESSAGE_CRL_PAYLOAD]);
uint64_t message_crl_len(const struct message *m);

/* Of a checkpoint request: the number and hash; of its answer: the time; of an answer to "last
 * checkpoint": all. */
void message_checkpoint_payload(const struct checkpoint *c, uint8_t out[MESSAGE_CHECKPOINT_PAYLOAD]);
void message_checkpoint_of(const struct message *m, struct checkpoint *out);
void message_checkpoint_time(int64_t at, uint8_t out[MESSAGE_CHECKPOINT_TIME]);
int64_t message_checkpoint_at(struct bytes payload);
void message_last_payload(const struct checkpoint *c, bool given_up, uint8_t out[MESSAGE_LAST_PAYLOAD]);
void message_last_of(struct bytes payload, struct checkpoint *out, bool *out_given_up);

/* Names of authorities and profiles: 1 to 64 of A-Z a-z 0-9 . _ - */
bool message_name_ok(struct str name);

#endif
