/* messages.c - the codec of messages.h. Which part may be there for which operation is said once,
 * in rules[]; encoding and decoding both obey it. */
#include "signer/messages.h"

#define VERSION 2
#define REPLY 0x80
#define OFFSET_EPOCH 16

static const char magic[4] = { 'A', 'Y', 'S', 'G' };

/* The status on the wire is a number of its own, so that enum rc can be reordered. */
static const enum rc statuses[] = {
	RC_OK, RC_INVALID, RC_NOTFOUND, RC_CONFLICT, RC_DENIED, RC_LIMIT, RC_UNAVAILABLE,
};

struct rule {
	bool authority, profile;         /* are named */
	size_t payload_min, payload_max; /* of a request, or of an answer that is RC_OK */
	bool id;                         /* not 0 */
};

static const struct rule *rule_of(enum message_op op, bool reply)
{
	static const struct rule requests[] = {
		[MESSAGE_SIGN] = { .authority = true, .profile = true, .payload_min = 1, .payload_max = LIMIT_TBS_BYTES,
				   .id = true },
		[MESSAGE_LOOKUP] = { .payload_min = 1, .payload_max = SERIAL_MAX, .id = true },
		[MESSAGE_PING] = { .id = true },
		[MESSAGE_CRL] = { .authority = true, .payload_min = MESSAGE_CRL_PAYLOAD,
				  .payload_max = MESSAGE_CRL_PAYLOAD, .id = true },
		[MESSAGE_CHECKPOINT] = { .authority = true, .payload_min = MESSAGE_CHECKPOINT_PAYLOAD,
					 .payload_max = MESSAGE_CHECKPOINT_PAYLOAD, .id = true },
		[MESSAGE_LAST_CHECKPOINT] = { .id = true },
	};
	static const struct rule replies[] = {
		[MESSAGE_HELLO] = { .id = false },
		[MESSAGE_SIGN] = { .payload_min = 1, .payload_max = SIG_MAX, .id = true },
		[MESSAGE_LOOKUP] = { .payload_min = SHA256_LEN, .payload_max = SHA256_LEN,
				     .id = true },
		[MESSAGE_PING] = { .id = true },
		[MESSAGE_CRL] = { .payload_min = 1, .payload_max = SIG_MAX, .id = true },
		[MESSAGE_CHECKPOINT] = { .payload_min = MESSAGE_CHECKPOINT_TIME + 1,
					 .payload_max = MESSAGE_PAYLOAD_MAX, .id = true },
		[MESSAGE_LAST_CHECKPOINT] = { .payload_min = MESSAGE_LAST_PAYLOAD,
					      .payload_max = MESSAGE_LAST_PAYLOAD, .id = true },
	};

	if (reply)
		return op >= MESSAGE_HELLO && op <= MESSAGE_LAST_CHECKPOINT ? &replies[op] : NULL;
	return op >= MESSAGE_SIGN && op <= MESSAGE_LAST_CHECKPOINT ? &requests[op] : NULL;
}

bool message_name_ok(struct str name)
{
	if (name.len < 1 || name.len > MESSAGE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

/* It goes to logs and problem documents. */
static bool detail_ok(struct str detail)
{
	if (detail.len >= FAULT_DETAIL_MAX)
		return false;
	for (size_t i = 0, n; i < detail.len; i += n) {
		uint32_t code;

		n = str_utf8_at(detail, i, &code);
		if (n == 0 || utf8_is_control(code))
			return false;
	}
	return true;
}

static bool name_fits(struct str name, bool wanted)
{
	return wanted ? message_name_ok(name) : name.len == 0;
}

static bool message_valid(const struct message *m)
{
	const struct rule *rule = rule_of(m->op, m->reply);

	if (!rule || (m->id != 0) != rule->id || m->epoch == 0)
		return false;
	if (!name_fits(m->authority, rule->authority) || !name_fits(m->profile, rule->profile))
		return false;
	if (m->reply && m->status != RC_OK)
		return m->payload.len == 0 && detail_ok(m->detail);
	return m->status == RC_OK && m->detail.len == 0 && m->payload.len >= rule->payload_min &&
	       m->payload.len <= rule->payload_max;
}

static uint64_t get_be(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

static void put_be(uint8_t *p, size_t len, uint64_t v)
{
	while (len > 0) {
		p[--len] = (uint8_t)v;
		v >>= 8;
	}
}

enum rc message_decode(struct bytes in, struct message *out)
{
	const uint8_t *h = in.p, *p;
	struct message m = { 0 };

	if (in.len < MESSAGE_HEADER || in.len > MESSAGE_REQUEST_MAX ||
	    memcmp(h, magic, sizeof(magic)) != 0 || h[4] != VERSION || h[25] != 0 ||
	    h[6] >= COUNT_OF(statuses))
		return RC_INVALID;
	m.op = (enum message_op)(h[5] & ~REPLY);
	m.reply = h[5] & REPLY;
	m.status = statuses[h[6]];
	m.id = get_be(h + 8, 8);
	m.epoch = get_be(h + OFFSET_EPOCH, 8);
	m.authority.len = h[7];
	m.profile.len = h[24];
	m.detail.len = get_be(h + 26, 2);
	m.payload.len = get_be(h + 28, 4);
	if (m.authority.len + m.profile.len + m.detail.len + m.payload.len !=
	    in.len - MESSAGE_HEADER)
		return RC_INVALID;
	p = h + MESSAGE_HEADER;
	m.authority.p = (const char *)p;
	m.profile.p = m.authority.p + m.authority.len;
	m.detail.p = m.profile.p + m.profile.len;
	m.payload.p = (const uint8_t *)m.detail.p + m.detail.len;
	if (!message_valid(&m))
		return RC_INVALID;
	*out = m;
	return RC_OK;
}

static int status_number(enum rc status)
{
	for (size_t i = 0; i < COUNT_OF(statuses); i++)
		if (statuses[i] == status)
			return (int)i;
	return -1;
}

static uint8_t *put_bytes(uint8_t *p, const void *from, size_t len)
{
	if (len)
		memcpy(p, from, len);
	return p + len;
}

enum rc message_encode(const struct message *m, uint8_t *out, size_t cap, size_t *out_len)
{
	int status = status_number(m->status);
	uint8_t *p = out + MESSAGE_HEADER;
	size_t len;

	if (status < 0 || !message_valid(m))
		return RC_INVALID;
	len = MESSAGE_HEADER + m->authority.len + m->profile.len + m->detail.len + m->payload.len;
	if (len > cap)
		return RC_LIMIT;
	memset(out, 0, MESSAGE_HEADER);
	memcpy(out, magic, sizeof(magic));
	out[4] = VERSION;
	out[5] = (uint8_t)(m->op | (m->reply ? REPLY : 0));
	out[6] = (uint8_t)status;
	out[7] = (uint8_t)m->authority.len;
	put_be(out + 8, 8, m->id);
	message_set_epoch(out, m->epoch);
	out[24] = (uint8_t)m->profile.len;
	put_be(out + 26, 2, m->detail.len);
	put_be(out + 28, 4, m->payload.len);
	p = put_bytes(p, m->authority.p, m->authority.len);
	p = put_bytes(p, m->profile.p, m->profile.len);
	p = put_bytes(p, m->detail.p, m->detail.len);
	put_bytes(p, m->payload.p, m->payload.len);
	*out_len = len;
	return RC_OK;
}

void message_set_epoch(uint8_t *encoded, uint64_t epoch)
{
	put_be(encoded + OFFSET_EPOCH, 8, epoch);
}

void message_crl_payload(uint64_t len, uint8_t out[MESSAGE_CRL_PAYLOAD])
{
	put_be(out, MESSAGE_CRL_PAYLOAD, len);
}

uint64_t message_crl_len(const struct message *m)
{
	return get_be(m->payload.p, MESSAGE_CRL_PAYLOAD);
}

void message_checkpoint_payload(const struct checkpoint *c, uint8_t out[MESSAGE_CHECKPOINT_PAYLOAD])
{
	put_be(out, 8, (uint64_t)c->number);
	memcpy(out + 8, c->hash, SHA256_LEN);
}

void message_checkpoint_of(const struct message *m, struct checkpoint *out)
{
	out->number = (int64_t)get_be(m->payload.p, 8);
	memcpy(out->hash, m->payload.p + 8, SHA256_LEN);
	out->at = 0;
}

void message_checkpoint_time(int64_t at, uint8_t out[MESSAGE_CHECKPOINT_TIME])
{
	put_be(out, MESSAGE_CHECKPOINT_TIME, (uint64_t)at);
}

int64_t message_checkpoint_at(struct bytes payload)
{
	return (int64_t)get_be(payload.p, MESSAGE_CHECKPOINT_TIME);
}

void message_last_payload(const struct checkpoint *c, bool given_up, uint8_t out[MESSAGE_LAST_PAYLOAD])
{
	message_checkpoint_payload(c, out);
	put_be(out + MESSAGE_CHECKPOINT_PAYLOAD, 8, (uint64_t)c->at);
	out[MESSAGE_LAST_PAYLOAD - 1] = given_up;
}

void message_last_of(struct bytes payload, struct checkpoint *out, bool *out_given_up)
{
	out->number = (int64_t)get_be(payload.p, 8);
	memcpy(out->hash, payload.p + 8, SHA256_LEN);
	out->at = (int64_t)get_be(payload.p + MESSAGE_CHECKPOINT_PAYLOAD, 8);
	*out_given_up = payload.p[MESSAGE_LAST_PAYLOAD - 1] != 0;
}
