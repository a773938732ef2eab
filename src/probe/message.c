/* message.c - the codec of message.h. Each part has a put_ and a take_ function side by side; reading
 * goes on after an error with zeros, and one check at the end finds it. */
#include "probe/message.h"

#include "base/limits.h"

#define TEXT_MAX 4096 /* of one text with a short length */
#define PATH_MAX_OCTETS 512
#define KEEPALIVE_MAX_MS 600000
#define CHALLENGE_PATH "/.well-known/acme-challenge/" /* RFC 8555 §8.3 */
#define CHALLENGE_ALPN "acme-tls/1"                   /* RFC 8737 §4 */

/* Numbers on the wire of their own, so that the enums can be reordered. */
static const enum rc RCS[] = {
	RC_OK, RC_INVALID, RC_NOTFOUND, RC_DENIED, RC_LIMIT, RC_TIMEOUT, RC_UNAVAILABLE, RC_IO, RC_INTERNAL,
};
static const enum problem PROBLEMS[] = {
	PROBLEM_NONE, PROBLEM_DNS, PROBLEM_CONNECTION, PROBLEM_TLS, PROBLEM_UNAUTHORIZED,
	PROBLEM_SERVER_INTERNAL,
};
static const enum addr_preset PRESETS[] = { ADDR_PRIVATE, ADDR_PUBLIC, ADDR_DEV };
/* All that proofs of control ask for. */
static const enum dns_type TYPES[] = { DNS_A, DNS_TXT, DNS_AAAA, DNS_CAA, DNS_NS };

bool probe_name_ok(struct str name)
{
	if (name.len < 1 || name.len > PROBE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		      c == '_' || c == '-'))
			return false;
	}
	return true;
}

/* For logs, problem documents and terminals. */
static bool is_plain(struct str s, bool lines)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		uint32_t code;

		n = str_utf8_at(s, i, &code);
		if (n == 0 || (utf8_is_control(code) && !(lines && code == '\n')))
			return false;
	}
	return true;
}

/* --- octets --- */

struct reader {
	const uint8_t *p;
	size_t left;
	struct arena *arena;
	bool failed, nomem;
};

struct writer {
	struct buf *out;
	bool too_long;
};

static void put_number(struct writer *w, unsigned octets, uint64_t v)
{
	while (octets-- > 0)
		buf_add_char(w->out, (char)(uint8_t)(v >> (8 * octets)));
}

static struct bytes take_raw(struct reader *r, size_t len)
{
	struct bytes b = { r->p, len };

	if (r->failed || len > r->left) {
		r->failed = true;
		return (struct bytes){ 0 };
	}
	r->p += len;
	r->left -= len;
	return b;
}

static uint64_t take_number(struct reader *r, unsigned octets)
{
	struct bytes b = take_raw(r, octets);
	uint64_t v = 0;

	for (size_t i = 0; i < b.len; i++)
		v = v << 8 | b.p[i];
	return v;
}

/* A number of at most max. */
static uint64_t take_upto(struct reader *r, unsigned octets, uint64_t max)
{
	uint64_t v = take_number(r, octets);

	if (v <= max)
		return v;
	r->failed = true;
	return 0;
}

static bool take_bool(struct reader *r)
{
	return take_upto(r, 1, 1) == 1;
}

static void put_text(struct writer *w, struct str s, size_t max)
{
	if (s.len > max)
		w->too_long = true;
	put_number(w, 2, s.len);
	buf_add_str(w->out, s);
}

/* Never absent. */
static struct str take_text(struct reader *r, size_t max)
{
	struct bytes b = take_raw(r, (size_t)take_upto(r, 2, max));

	if (r->failed)
		return STR("");
	return (struct str){ (const char *)b.p, b.len };
}

static struct str take_plain(struct reader *r, size_t max, bool lines)
{
	struct str s = take_text(r, max);

	if (!is_plain(s, lines))
		r->failed = true;
	return s;
}

static void put_long(struct writer *w, struct bytes b, size_t max)
{
	if (b.len > max)
		w->too_long = true;
	put_number(w, 4, b.len);
	buf_add(w->out, b.p, b.len);
}

static struct bytes take_long(struct reader *r, size_t max)
{
	return take_raw(r, (size_t)take_upto(r, 4, max));
}

static void *take_list(struct reader *r, size_t count, size_t size)
{
	void *p;

	if (r->failed || count == 0)
		return NULL;
	p = arena_array(r->arena, count, size);
	if (!p)
		r->failed = r->nomem = true;
	return p;
}

/* The index of value in a table of ints; what is in none cannot be sent. */
#define PUT_ENUM(w, table, value)                                        \
	do {                                                             \
		size_t at_ = 0;                                          \
		while (at_ < COUNT_OF(table) && (table)[at_] != (value)) \
			at_++;                                           \
		if (at_ == COUNT_OF(table))                              \
			(w)->too_long = true;                            \
		put_number(w, 1, at_);                                   \
	} while (0)
#define TAKE_ENUM(r, table) ((table)[take_upto(r, 1, COUNT_OF(table) - 1)])

/* --- addresses --- */

/* Length 0 (none), 4 or 16, the octets, the port. */
static void put_addr(struct writer *w, const struct addr *a)
{
	uint8_t ip[16];
	bool is_v4 = a->sa.sa_family == AF_INET;

	if (a->len == 0) {
		put_number(w, 1, 0);
		return;
	}
	addr_ip16(a, ip);
	put_number(w, 1, is_v4 ? 4 : 16);
	buf_add(w->out, is_v4 ? ip + 12 : ip, is_v4 ? 4 : 16);
	put_number(w, 2, addr_port(a));
}

static struct addr take_addr(struct reader *r)
{
	size_t len = (size_t)take_upto(r, 1, 16);
	struct bytes ip = take_raw(r, len);

	if (len == 0)
		return (struct addr){ 0 };
	if (len != 4 && len != 16)
		r->failed = true;
	if (r->failed)
		return (struct addr){ 0 };
	return addr_from_ip(ip.p, ip.len, (uint16_t)take_number(r, 2));
}

static void put_prefixes(struct writer *w, const struct prefix *list, size_t count)
{
	if (count > LIMIT_PROBE_PREFIXES) {
		w->too_long = true;
		return;
	}
	put_number(w, 2, count);
	for (size_t i = 0; i < count; i++) {
		buf_add(w->out, list[i].ip, sizeof(list[i].ip));
		put_number(w, 1, list[i].bits);
	}
}

static const struct prefix *take_prefixes(struct reader *r, size_t *out_count)
{
	size_t count = (size_t)take_upto(r, 2, LIMIT_PROBE_PREFIXES);
	struct prefix *list = take_list(r, count, sizeof(*list));

	for (size_t i = 0; list && i < count; i++) {
		struct bytes ip = take_raw(r, sizeof(list[i].ip));

		if (ip.len)
			memcpy(list[i].ip, ip.p, ip.len);
		list[i].bits = (unsigned)take_upto(r, 1, 128);
	}
	*out_count = list ? count : 0;
	return list;
}

/* --- looks --- */

static void put_rules(struct writer *w, const struct probe_look *k)
{
	if (k->dns.server_count > PROBE_SERVERS_MAX)
		w->too_long = true;
	put_number(w, 1, k->dns.server_count);
	for (size_t i = 0; i < k->dns.server_count && !w->too_long; i++)
		put_addr(w, &k->dns.servers[i]);
	put_number(w, 1, k->dns.dnssec);
	put_number(w, 4, (uint64_t)k->dns.timeout_ms);
	PUT_ENUM(w, PRESETS, k->policy.preset);
	put_prefixes(w, k->policy.allow, k->policy.allow_count);
	put_prefixes(w, k->policy.deny, k->policy.deny_count);
}

static void take_rules(struct reader *r, struct probe_look *k)
{
	size_t count = (size_t)take_upto(r, 1, PROBE_SERVERS_MAX);
	struct addr *servers = take_list(r, count, sizeof(*servers));

	for (size_t i = 0; servers && i < count; i++) {
		servers[i] = take_addr(r);
		if (servers[i].len == 0)
			r->failed = true;
	}
	k->dns.servers = servers;
	k->dns.server_count = servers ? count : 0;
	k->dns.dnssec = take_bool(r);
	k->dns.timeout_ms = (int64_t)take_upto(r, 4, PROBE_DEADLINE_MAX_MS);
	k->policy.preset = TAKE_ENUM(r, PRESETS);
	k->policy.allow = take_prefixes(r, &k->policy.allow_count);
	k->policy.deny = take_prefixes(r, &k->policy.deny_count);
}

/* RFC 8555 §8.3: the place of a challenge, and no other path of that host. */
static bool is_challenge_path(struct str path)
{
	size_t prefix = sizeof(CHALLENGE_PATH) - 1;

	if (!str_starts(path, CHALLENGE_PATH) || path.len == prefix)
		return false;
	for (size_t i = prefix; i < path.len; i++) {
		char c = path.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		      c == '_'))
			return false;
	}
	return true;
}

static void put_fetch(struct writer *w, const struct fetch_request *q)
{
	put_text(w, q->host, LIMIT_NAME);
	put_number(w, 2, q->port);
	put_text(w, q->path, PATH_MAX_OCTETS);
	put_number(w, 1, q->redirect_port_count);
	for (size_t i = 0; i < q->redirect_port_count; i++)
		put_number(w, 2, q->redirect_ports[i]);
	put_number(w, 1, q->max_redirects);
	put_number(w, 4, q->max_body);
	put_number(w, 4, (uint64_t)q->deadline_ms);
	put_text(w, q->user_agent, 100);
	if (q->redirect_port_count > FETCH_REDIRECT_PORTS_MAX || q->max_redirects > PROBE_REDIRECTS_MAX ||
	    !is_challenge_path(q->path))
		w->too_long = true;
}

static void take_fetch(struct reader *r, struct fetch_request *q)
{
	uint16_t *ports;

	q->host = take_plain(r, LIMIT_NAME, false);
	q->port = (uint16_t)take_number(r, 2);
	q->path = take_text(r, PATH_MAX_OCTETS);
	q->redirect_port_count = (size_t)take_upto(r, 1, FETCH_REDIRECT_PORTS_MAX);
	ports = take_list(r, q->redirect_port_count, sizeof(*ports));
	for (size_t i = 0; ports && i < q->redirect_port_count; i++)
		ports[i] = (uint16_t)take_number(r, 2);
	q->redirect_ports = ports;
	q->max_redirects = (unsigned)take_upto(r, 1, PROBE_REDIRECTS_MAX);
	q->max_body = (size_t)take_upto(r, 4, PROBE_BODY_MAX);
	q->deadline_ms = (int64_t)take_upto(r, 4, PROBE_DEADLINE_MAX_MS);
	q->user_agent = take_plain(r, 100, false);
	if (!is_challenge_path(q->path))
		r->failed = true;
}

static void put_handshake(struct writer *w, const struct tls_probe_request *q)
{
	put_text(w, q->host, LIMIT_NAME);
	put_number(w, 2, q->port);
	put_text(w, q->server_name, LIMIT_NAME);
	put_number(w, 4, (uint64_t)q->deadline_ms);
	if (strcmp(q->alpn, CHALLENGE_ALPN) != 0)
		w->too_long = true;
}

static void take_handshake(struct reader *r, struct tls_probe_request *q)
{
	q->host = take_plain(r, LIMIT_NAME, false);
	q->port = (uint16_t)take_number(r, 2);
	q->server_name = take_plain(r, LIMIT_NAME, false);
	q->deadline_ms = (int64_t)take_upto(r, 4, PROBE_DEADLINE_MAX_MS);
	q->alpn = CHALLENGE_ALPN;
}

static void put_look(struct writer *w, const struct probe_look *k)
{
	put_number(w, 1, k->kind);
	put_rules(w, k);
	switch (k->kind) {
	case PROBE_LOOK_FETCH:
		put_fetch(w, &k->fetch);
		break;
	case PROBE_LOOK_HANDSHAKE:
		put_handshake(w, &k->handshake);
		break;
	case PROBE_LOOK_ASK:
		put_text(w, k->ask.name, LIMIT_NAME + 1);
		PUT_ENUM(w, TYPES, k->ask.type);
		put_addr(w, &k->ask.server);
		break;
	}
}

static void take_look(struct reader *r, struct probe_look *k)
{
	k->kind = (enum probe_look_kind)take_number(r, 1);
	take_rules(r, k);
	switch (k->kind) {
	case PROBE_LOOK_FETCH:
		take_fetch(r, &k->fetch);
		break;
	case PROBE_LOOK_HANDSHAKE:
		take_handshake(r, &k->handshake);
		break;
	case PROBE_LOOK_ASK:
		k->ask.name = take_plain(r, LIMIT_NAME + 1, false);
		k->ask.type = TAKE_ENUM(r, TYPES);
		k->ask.server = take_addr(r);
		break;
	default:
		r->failed = true;
	}
}

/* --- what was seen --- */

static void put_outcome(struct writer *w, enum rc rc, enum problem problem, bool transient)
{
	/* Whatever else went wrong there is the probe's own trouble. */
	if (rc == RC_NOMEM || rc == RC_BUSY || rc == RC_CONFLICT)
		rc = RC_INTERNAL;
	PUT_ENUM(w, RCS, rc);
	PUT_ENUM(w, PROBLEMS, problem);
	put_number(w, 1, transient);
}

static void take_outcome(struct reader *r, enum rc *rc, enum problem *problem, bool *transient)
{
	*rc = TAKE_ENUM(r, RCS);
	*problem = TAKE_ENUM(r, PROBLEMS);
	*transient = take_bool(r);
	if ((*rc == RC_OK) != (*problem == PROBLEM_NONE))
		r->failed = true;
}

static void take_why(struct reader *r, char *out, size_t cap)
{
	struct str s = take_plain(r, cap - 1, false);

	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
}

static void put_trace(struct writer *w, struct str trace)
{
	put_text(w, trace, LIMIT_TRACE);
}

static void put_fetched(struct writer *w, const struct fetch_result *x)
{
	put_outcome(w, x->rc, x->problem, x->transient);
	put_number(w, 2, (uint64_t)x->status);
	put_long(w, x->body, PROBE_BODY_MAX);
	put_addr(w, &x->dialled);
	put_text(w, str_of(x->why), sizeof(x->why) - 1);
	put_trace(w, x->trace);
}

static void take_fetched(struct reader *r, struct fetch_result *x)
{
	take_outcome(r, &x->rc, &x->problem, &x->transient);
	x->status = (int)take_upto(r, 2, 999);
	x->body = take_long(r, PROBE_BODY_MAX);
	x->dialled = take_addr(r);
	take_why(r, x->why, sizeof(x->why));
	x->trace = take_plain(r, LIMIT_TRACE, true);
	if (x->rc == RC_OK && (x->dialled.len == 0 || x->status < 100))
		r->failed = true;
}

static void put_shaken(struct writer *w, const struct tls_probe_result *x)
{
	put_outcome(w, x->rc, x->problem, x->transient);
	put_addr(w, &x->dialled);
	put_number(w, 1, x->alpn.p != NULL);
	put_text(w, x->alpn, 255);
	put_long(w, x->certificate, 2 * LIMIT_CERT_BYTES);
	put_number(w, 1, x->certificate_count < 255 ? x->certificate_count : 255);
	put_text(w, str_of(x->why), sizeof(x->why) - 1);
	put_trace(w, x->trace);
}

static void take_shaken(struct reader *r, struct tls_probe_result *x)
{
	bool chosen;

	take_outcome(r, &x->rc, &x->problem, &x->transient);
	x->dialled = take_addr(r);
	chosen = take_bool(r);
	x->alpn = take_text(r, 255);
	if (!chosen)
		x->alpn = (struct str){ 0 };
	x->certificate = take_long(r, 2 * LIMIT_CERT_BYTES);
	x->certificate_count = (size_t)take_number(r, 1);
	take_why(r, x->why, sizeof(x->why));
	x->trace = take_plain(r, LIMIT_TRACE, true);
	if ((x->certificate_count > 0) != (x->certificate.len > 0) || (x->rc == RC_OK && x->dialled.len == 0))
		r->failed = true;
}

/* A name that may be absent. */
static void put_name(struct writer *w, struct str name)
{
	put_number(w, 1, name.p != NULL);
	put_text(w, name, TEXT_MAX);
}

static struct str take_name(struct reader *r)
{
	bool there = take_bool(r);
	struct str name = take_plain(r, there ? TEXT_MAX : 0, false);

	return there ? name : (struct str){ 0 };
}

static void put_answered(struct writer *w, const struct dns_answer *x)
{
	/* The problem is the asker's to name: RC_OK and nothing else says that there is none. */
	put_outcome(w, x->rc, x->rc == RC_OK ? PROBLEM_NONE : PROBLEM_DNS, false);
	put_number(w, 1, x->nxdomain);
	put_number(w, 1, x->secure);
	if (x->text_count > PROBE_TEXTS_MAX || x->caa_count > PROBE_TEXTS_MAX)
		w->too_long = true;
	put_number(w, 2, x->addr_count);
	for (size_t i = 0; i < x->addr_count; i++)
		put_addr(w, &x->addrs[i]);
	put_number(w, 2, x->text_count);
	for (size_t i = 0; i < x->text_count; i++)
		put_long(w, str_bytes(x->texts[i]), LIMIT_LINK_MESSAGE);
	put_number(w, 2, x->caa_count);
	for (size_t i = 0; i < x->caa_count; i++) {
		put_number(w, 1, x->caa[i].flags);
		put_long(w, str_bytes(x->caa[i].tag), 255);
		put_long(w, str_bytes(x->caa[i].value), LIMIT_LINK_MESSAGE);
	}
	put_number(w, 1, x->authoritative);
	if (x->host_count > PROBE_TEXTS_MAX)
		w->too_long = true;
	put_number(w, 2, x->host_count);
	for (size_t i = 0; i < x->host_count; i++)
		put_text(w, x->hosts[i], LIMIT_NAME + 1);
	put_name(w, x->alias);
	put_name(w, x->canonical);
	put_text(w, str_of(x->why), sizeof(x->why) - 1);
}

static struct str take_octets(struct reader *r, size_t max)
{
	struct bytes b = take_long(r, max);

	return r->failed ? STR("") : (struct str){ (const char *)b.p, b.len };
}

static void take_answered(struct reader *r, struct dns_answer *x)
{
	enum problem problem;
	bool transient;

	take_outcome(r, &x->rc, &problem, &transient);
	x->nxdomain = take_bool(r);
	x->secure = take_bool(r);
	x->addr_count = (size_t)take_upto(r, 2, LIMIT_DNS_ADDRESSES);
	for (size_t i = 0; i < x->addr_count && !r->failed; i++)
		x->addrs[i] = take_addr(r);
	x->text_count = (size_t)take_upto(r, 2, PROBE_TEXTS_MAX);
	x->texts = take_list(r, x->text_count, sizeof(*x->texts));
	for (size_t i = 0; i < x->text_count && !r->failed; i++)
		x->texts[i] = take_octets(r, LIMIT_LINK_MESSAGE);
	x->caa_count = (size_t)take_upto(r, 2, PROBE_TEXTS_MAX);
	x->caa = take_list(r, x->caa_count, sizeof(*x->caa));
	for (size_t i = 0; i < x->caa_count && !r->failed; i++) {
		x->caa[i].flags = (uint8_t)take_number(r, 1);
		x->caa[i].tag = take_octets(r, 255);
		x->caa[i].value = take_octets(r, LIMIT_LINK_MESSAGE);
	}
	x->authoritative = take_bool(r);
	x->host_count = (size_t)take_upto(r, 2, PROBE_TEXTS_MAX);
	x->hosts = take_list(r, x->host_count, sizeof(*x->hosts));
	for (size_t i = 0; i < x->host_count && !r->failed; i++)
		x->hosts[i] = take_plain(r, LIMIT_NAME + 1, false);
	x->alias = take_name(r);
	x->canonical = take_name(r);
	take_why(r, x->why, sizeof(x->why));
}

static void put_seen(struct writer *w, const struct probe_seen *s)
{
	put_number(w, 1, s->kind);
	switch (s->kind) {
	case PROBE_LOOK_FETCH:
		put_fetched(w, &s->fetched);
		break;
	case PROBE_LOOK_HANDSHAKE:
		put_shaken(w, &s->shaken);
		break;
	case PROBE_LOOK_ASK:
		put_answered(w, &s->answered);
		break;
	}
}

static void take_seen(struct reader *r, struct probe_seen *s)
{
	s->kind = (enum probe_look_kind)take_number(r, 1);
	switch (s->kind) {
	case PROBE_LOOK_FETCH:
		take_fetched(r, &s->fetched);
		break;
	case PROBE_LOOK_HANDSHAKE:
		take_shaken(r, &s->shaken);
		break;
	case PROBE_LOOK_ASK:
		take_answered(r, &s->answered);
		break;
	default:
		r->failed = true;
	}
}

/* --- messages --- */

static void put_message(struct writer *w, const struct probe_message *m)
{
	put_number(w, 1, m->type);
	switch (m->type) {
	case PROBE_HELLO:
		put_number(w, 2, m->protocol);
		put_text(w, m->name, PROBE_NAME_MAX);
		put_text(w, m->version, 64);
		put_number(w, 4, m->at_once);
		break;
	case PROBE_WELCOME:
		put_text(w, m->name, 255);
		put_number(w, 4, m->keepalive_ms);
		break;
	case PROBE_REFUSED:
		put_text(w, m->why, TEXT_MAX);
		break;
	case PROBE_LOOK:
		put_number(w, 8, m->id);
		put_look(w, &m->look);
		break;
	case PROBE_SEEN:
		put_number(w, 8, m->id);
		put_seen(w, &m->seen);
		break;
	case PROBE_CANCEL:
	case PROBE_PING:
	case PROBE_PONG:
		put_number(w, 8, m->id);
		break;
	case PROBE_BYE:
		break;
	}
}

static void take_hello(struct reader *r, struct probe_message *m)
{
	m->protocol = (unsigned)take_number(r, 2);
	if (m->protocol != PROBE_VERSION) {
		(void)take_raw(r, r->left);
		return;
	}
	m->name = take_text(r, PROBE_NAME_MAX);
	m->version = take_plain(r, 64, false);
	m->at_once = (uint32_t)take_upto(r, 4, 65535);
	if (!probe_name_ok(m->name) || m->at_once == 0)
		r->failed = true;
}

static void take_message(struct reader *r, struct probe_message *m)
{
	m->type = (enum probe_message_type)take_number(r, 1);
	switch (m->type) {
	case PROBE_HELLO:
		take_hello(r, m);
		break;
	case PROBE_WELCOME:
		m->name = take_plain(r, 255, false);
		m->keepalive_ms = (uint32_t)take_upto(r, 4, KEEPALIVE_MAX_MS);
		if (m->keepalive_ms == 0)
			r->failed = true;
		break;
	case PROBE_REFUSED:
		m->why = take_plain(r, TEXT_MAX, false);
		break;
	case PROBE_LOOK:
		m->id = take_number(r, 8);
		take_look(r, &m->look);
		break;
	case PROBE_SEEN:
		m->id = take_number(r, 8);
		take_seen(r, &m->seen);
		break;
	case PROBE_CANCEL:
	case PROBE_PING:
	case PROBE_PONG:
		m->id = take_number(r, 8);
		break;
	case PROBE_BYE:
		break;
	default:
		r->failed = true;
	}
}

enum rc probe_message_decode(struct arena *a, struct bytes in, struct probe_message *out)
{
	struct reader r = { .p = in.p, .left = in.len, .arena = a };

	if (in.len == 0 || in.len > LIMIT_LINK_MESSAGE)
		return RC_INVALID;
	*out = (struct probe_message){ 0 };
	take_message(&r, out);
	if (r.nomem)
		return RC_NOMEM;
	return r.failed || r.left > 0 ? RC_INVALID : RC_OK;
}

enum rc probe_message_encode(const struct probe_message *m, struct buf *out)
{
	struct writer w = { .out = out };
	size_t before = out->len;

	put_message(&w, m);
	if (w.too_long || out->len - before > LIMIT_LINK_MESSAGE)
		return RC_LIMIT;
	return buf_ok(out) ? RC_OK : RC_NOMEM;
}
