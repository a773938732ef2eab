/* fetch_hop.c - one exchange over libcurl's multi interface, driven by the loop's event_base.
 *
 * libcurl never resolves anything here: CURLOPT_CONNECT_TO gives it the vetted address in place of
 * the URL's host, the socket is opened by us after comparing that address and asking the policy once
 * more, and before the request is sent the peer is compared again. Connections are never reused, so
 * that no exchange can ride on what another one was allowed to dial. A client of our own would save
 * little: a plain GET costs about 75 us of CPU here, and bare system calls for the same 53 us.
 *
 * Reading stops as soon as the outcome is certain: after the head when the status is not 200, at the
 * first octet beyond max_body, beyond LIMIT_HTTP_HEADERS of head. Easy handles are kept for the next
 * hop (reset costs less than making one). */
#include "net/fetch_hop.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/targets.h"

#define HANDLES_IDLE_MAX 16
#define RECEIVE_BUFFER 4096L
#define HEAD_TOO_LARGE "the response's head is too large"
#define NOT_HTTP "the response is not HTTP/1.1"
#define DATE_MAX 64

enum hop_stop {
	STOP_NOT,
	STOP_AT_HEAD,
	STOP_BODY_TOO_LARGE,
	STOP_HEAD_TOO_LARGE,
	STOP_VERSION,
	STOP_CODING,
	STOP_LOCATIONS,
	STOP_NOMEM,
	STOP_WRONG_ADDRESS,
};

struct hop {
	TAILQ_ENTRY(hop) link;
	struct hops *hops;
	struct hop_spec spec;
	void (*done)(void *arg, const struct hop_result *result);
	void *arg;
	CURL *easy;
	struct curl_slist *connect_to;
	enum hop_stop stop;
	int fd;
	bool connected, head_read;
	size_t head_len;
	struct buf location, body;
	bool has_location;
	int64_t date_at;
	char error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(hop_list, hop);

struct hops {
	struct event_base *base;
	CURLM *multi;
	struct event *timer; /* libcurl's own clock: real time, whatever base/clock says */
	struct hop_list open;
	CURL *idle[HANDLES_IDLE_MAX];
	size_t idle_count;
};

/* --- sockets --- */

static bool same_ip(const struct addr *a, const struct sockaddr *sa)
{
	if (sa->sa_family != a->sa.sa_family)
		return false;
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		return in->sin_port == a->in.sin_port && in->sin_addr.s_addr == a->in.sin_addr.s_addr;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		return in6->sin6_port == a->in6.sin6_port &&
		       memcmp(&in6->sin6_addr, &a->in6.sin6_addr, 16) == 0;
	}
	return false;
}

/* CURLOPT_OPENSOCKETFUNCTION: the last gate before connect(). */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct hop *hop = arg;

	if (purpose != CURLSOCKTYPE_IPCXN || !same_ip(&hop->spec.addr, &a->addr) ||
	    addr_policy_check(&hop->spec.policy, &hop->spec.addr, NULL) != RC_OK) {
		hop->stop = STOP_WRONG_ADDRESS;
		return CURL_SOCKET_BAD;
	}
	hop->fd = socket(a->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	return hop->fd < 0 ? CURL_SOCKET_BAD : hop->fd;
}

/* CURLOPT_PREREQFUNCTION: connected (and TLS is up), the request is not sent yet. */
static int on_connected(void *arg, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
	struct hop *hop = arg;
	struct addr peer;

	(void)local_ip;
	(void)local_port;
	if (peer_port < 0 || peer_port > UINT16_MAX ||
	    !addr_ip_parse(str_of(peer_ip), (uint16_t)peer_port, &peer) || !addr_eq(&peer, &hop->spec.addr)) {
		hop->stop = STOP_WRONG_ADDRESS;
		return CURL_PREREQFUNC_ABORT;
	}
	hop->connected = true;
	return CURL_PREREQFUNC_OK;
}

/* --- the response --- */

static struct str trim(struct str s)
{
	while (s.len > 0 && memchr(" \t\r\n", s.p[0], 4)) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && memchr(" \t\r\n", s.p[s.len - 1], 4))
		s.len--;
	return s;
}

static bool header_is(struct str line, const char *name, struct str *value)
{
	size_t len = strlen(name);

	if (line.len <= len || line.p[len] != ':' || strncasecmp(line.p, name, len) != 0)
		return false;
	*value = trim((struct str){ line.p + len + 1, line.len - len - 1 });
	return true;
}

static int status_of(CURL *easy)
{
	long status = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

/* 0 when it is no date: what a stranger's clock shows is a hint and nothing more. */
static int64_t date_of(struct str value)
{
	char text[DATE_MAX];
	time_t at;

	if (value.len == 0 || value.len >= sizeof(text) || memchr(value.p, '\0', value.len))
		return 0;
	memcpy(text, value.p, value.len);
	text[value.len] = '\0';
	at = curl_getdate(text, NULL);
	return at > 0 ? (int64_t)at : 0;
}

static enum hop_stop read_header(struct hop *hop, struct str line)
{
	struct str value;

	hop->head_len += line.len;
	if (hop->head_len > LIMIT_HTTP_HEADERS)
		return STOP_HEAD_TOO_LARGE;
	if (hop->head_read)
		return STOP_NOT; /* a trailer (RFC 9112 §7.1.2), which says nothing to us */
	if (str_starts(line, "HTTP/")) {
		if (!str_starts(line, "HTTP/1."))
			return STOP_VERSION;
		buf_reset(&hop->location); /* what an interim response said does not count */
		hop->has_location = false;
		hop->date_at = 0;
		return STOP_NOT;
	}
	if (trim(line).len == 0) {
		int status = status_of(hop->easy);

		if (status < 200)
			return STOP_NOT; /* RFC 9110 §15.2: the final response follows */
		hop->head_read = true;
		return status == 200 ? STOP_NOT : STOP_AT_HEAD;
	}
	if (header_is(line, "Location", &value)) {
		if (hop->has_location)
			return STOP_LOCATIONS;
		hop->has_location = true;
		buf_add_str(&hop->location, value);
		return buf_ok(&hop->location) ? STOP_NOT : STOP_NOMEM;
	}
	if (header_is(line, "Date", &value))
		hop->date_at = date_of(value);
	/* RFC 9112 §7: codings that were not asked for, such as gzip, are not undone. */
	if (header_is(line, "Transfer-Encoding", &value) && !str_eq_nocase(value, STR("chunked")))
		return STOP_CODING;
	return STOP_NOT;
}

static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
	struct hop *hop = arg;

	hop->stop = read_header(hop, (struct str){ p, size * count });
	return hop->stop == STOP_NOT ? size * count : 0;
}

static size_t on_body(char *p, size_t size, size_t count, void *arg)
{
	struct hop *hop = arg;
	size_t len = size * count;

	if (len > hop->spec.max_body - hop->body.len) {
		hop->stop = STOP_BODY_TOO_LARGE;
		return 0;
	}
	buf_add(&hop->body, p, len);
	if (buf_ok(&hop->body))
		return len;
	hop->stop = STOP_NOMEM;
	return 0;
}

/* --- the outcome --- */

/* What libcurl says about a connection that was made. */
static const struct {
	CURLcode code;
	const char *text;
	bool transient;
} BROKEN[] = {
	{ CURLE_GOT_NOTHING, "the connection was closed without a response", true },
	{ CURLE_RECV_ERROR, "the connection broke before the response was whole", true },
	{ CURLE_SEND_ERROR, "the connection broke before the request was sent", true },
	{ CURLE_PARTIAL_FILE, "the response was cut short", true },
	{ CURLE_UNSUPPORTED_PROTOCOL, NOT_HTTP, false },
	{ CURLE_WEIRD_SERVER_REPLY, NOT_HTTP, false },
};

static void result_broken(struct hop_result *r, CURLcode code)
{
	r->outcome = HOP_BROKEN;
	r->text = "the response breaks HTTP/1.1 (RFC 9112)";
	for (size_t i = 0; i < COUNT_OF(BROKEN); i++)
		if (BROKEN[i].code == code) {
			r->text = BROKEN[i].text;
			r->transient = BROKEN[i].transient;
		}
}

enum hop_stage hop_stage(const struct hop *hop)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (hop->connected)
		return HOP_CONNECTED;
	/* The socket is libcurl's, which keeps it open as long as it has the handle. */
	if (hop->easy && hop->fd >= 0 && getpeername(hop->fd, (struct sockaddr *)&peer, &len) == 0)
		return HOP_IN_TLS;
	return HOP_CONNECTING;
}

static void result_by_code(struct hop *hop, CURLcode code, struct hop_result *r)
{
	long err = 0;

	(void)curl_easy_getinfo(hop->easy, CURLINFO_OS_ERRNO, &err);
	switch (code) {
	case CURLE_OK:
		r->outcome = HOP_RESPONSE;
		r->status = status_of(hop->easy);
		r->body = buf_bytes(&hop->body);
		return;
	case CURLE_OUT_OF_MEMORY:
		if (hop->connected && !hop->head_read) {
			/* libcurl's word for a header line beyond its own maximum of 100 KiB. */
			r->outcome = HOP_BROKEN;
			r->text = HEAD_TOO_LARGE;
			return;
		}
		r->outcome = HOP_FAILED;
		r->rc = RC_NOMEM;
		return;
	case CURLE_COULDNT_CONNECT:
		r->outcome = HOP_NO_CONNECT;
		r->text = targets_errno_text((int)err);
		return;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
		r->outcome = HOP_NO_TLS;
		r->text = hop->error[0] ? hop->error : "the handshake failed";
		return;
	default:
		result_broken(r, code);
	}
}

static void result_of(struct hop *hop, CURLcode code, struct hop_result *r)
{
	static const char *const TEXTS[] = {
		[STOP_HEAD_TOO_LARGE] = HEAD_TOO_LARGE,
		[STOP_VERSION] = NOT_HTTP,
		[STOP_CODING] = "the response has a transfer coding that was not asked for (RFC 9112 §7)",
		[STOP_LOCATIONS] = "the response has more than one Location (RFC 9110 §10.2.2)",
	};

	*r = (struct hop_result){ .text = "" };
	switch (hop->stop) {
	case STOP_NOT:
		result_by_code(hop, code, r);
		break;
	case STOP_AT_HEAD:
		r->outcome = HOP_RESPONSE;
		r->status = status_of(hop->easy);
		break;
	case STOP_BODY_TOO_LARGE:
		r->outcome = HOP_TOO_LARGE;
		r->status = status_of(hop->easy);
		break;
	case STOP_HEAD_TOO_LARGE:
	case STOP_VERSION:
	case STOP_CODING:
	case STOP_LOCATIONS:
		r->outcome = HOP_BROKEN;
		r->text = TEXTS[hop->stop];
		break;
	case STOP_NOMEM:
		r->outcome = HOP_FAILED;
		r->rc = RC_NOMEM;
		break;
	case STOP_WRONG_ADDRESS:
		r->outcome = HOP_FAILED;
		r->rc = RC_INTERNAL;
		break;
	}
	if (hop->has_location)
		r->location = buf_str(&hop->location);
	r->date_at = hop->date_at;
}

/* --- life --- */

/* The handle must forget the hop before the hop is freed. */
static void release_handle(struct hop *hop)
{
	struct hops *h = hop->hops;

	if (!hop->easy)
		return;
	if (h->idle_count < HANDLES_IDLE_MAX) {
		curl_easy_reset(hop->easy);
		h->idle[h->idle_count++] = hop->easy;
	} else {
		curl_easy_cleanup(hop->easy);
	}
	hop->easy = NULL;
}

static void hop_free(struct hop *hop)
{
	release_handle(hop);
	TAILQ_REMOVE(&hop->hops->open, hop, link);
	curl_slist_free_all(hop->connect_to);
	buf_done(&hop->location);
	buf_done(&hop->body);
	free(hop);
}

/* Tells everybody whose exchange has ended. */
static void collect(struct hops *h)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(h->multi, &left))) {
		struct hop_result result;
		struct hop *hop = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&hop) != CURLE_OK)
			continue;
		curl_multi_remove_handle(h->multi, hop->easy); /* message is gone now */
		result_of(hop, code, &result);
		release_handle(hop);
		hop->done(hop->arg, &result);
		hop_free(hop);
	}
}

static void on_socket_event(evutil_socket_t fd, short what, void *arg)
{
	struct hops *h = arg;
	int running, bits = 0;

	if (what & EV_READ)
		bits |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		bits |= CURL_CSELECT_OUT;
	curl_multi_socket_action(h->multi, fd, bits, &running);
	collect(h);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct hops *h = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(h);
}

/* CURLMOPT_SOCKETFUNCTION; socket_arg is the event that watches fd. */
static int on_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct hops *h = arg;
	struct event *e = socket_arg;
	short bits = EV_PERSIST;

	(void)easy;
	if (e)
		event_free(e);
	e = NULL;
	if (what & CURL_POLL_IN)
		bits |= EV_READ;
	if (what & CURL_POLL_OUT)
		bits |= EV_WRITE;
	if (what != CURL_POLL_REMOVE) {
		e = event_new(h->base, fd, bits, on_socket_event, h);
		if (!e || event_add(e, NULL) != 0) {
			if (e)
				event_free(e);
			curl_multi_assign(h->multi, fd, NULL);
			return -1;
		}
	}
	curl_multi_assign(h->multi, fd, e);
	return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int on_set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct hops *h = arg;
	struct timeval delay = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	(void)multi;
	if (timeout_ms < 0)
		return event_del(h->timer);
	return event_add(h->timer, &delay);
}

static struct curl_slist *connect_to(const struct addr *a)
{
	char ip[ADDR_TEXT_MAX], text[2 * ADDR_TEXT_MAX];

	addr_text_ip(a, ip);
	snprintf(text, sizeof(text), a->sa.sa_family == AF_INET6 ? "::[%s]:%u" : "::%s:%u", ip,
		 (unsigned)addr_port(a));
	return curl_slist_append(NULL, text);
}

#define SET(option, value)                                                      \
	do {                                                                    \
		if (curl_easy_setopt(hop->easy, (option), (value)) != CURLE_OK) \
			return RC_NOMEM;                                        \
	} while (0)

static enum rc set_request(struct hop *hop)
{
	SET(CURLOPT_URL, hop->spec.url);
	SET(CURLOPT_CONNECT_TO, hop->connect_to);
	SET(CURLOPT_USERAGENT, hop->spec.user_agent);
	SET(CURLOPT_PRIVATE, hop);
	SET(CURLOPT_ERRORBUFFER, hop->error);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	SET(CURLOPT_OPENSOCKETDATA, hop);
	SET(CURLOPT_PREREQFUNCTION, on_connected);
	SET(CURLOPT_PREREQDATA, hop);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, hop);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, hop);
	return RC_OK;
}

static enum rc set_rules(struct hop *hop)
{
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	SET(CURLOPT_FOLLOWLOCATION, 0L); /* fetch.c does, with its own checks */
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	SET(CURLOPT_PROXY, ""); /* neither a setting nor http_proxy */
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
	/* RFC 8555 §8.3 asks for no trust in the redirect's certificate: whoever has the name may
	 * have none yet but a self-signed one. */
	SET(CURLOPT_SSL_VERIFYPEER, 0L);
	SET(CURLOPT_SSL_VERIFYHOST, 0L);
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	return RC_OK;
}

enum rc hop_start(struct hops *h, const struct hop_spec *spec,
		  void (*done)(void *arg, const struct hop_result *result), void *arg, struct hop **out)
{
	struct hop *hop = calloc(1, sizeof(*hop));
	enum rc rc = RC_NOMEM;

	if (!hop)
		return RC_NOMEM;
	hop->hops = h;
	hop->spec = *spec;
	hop->done = done;
	hop->arg = arg;
	hop->fd = -1;
	buf_init(&hop->location, LIMIT_HTTP_HEADERS);
	buf_init(&hop->body, spec->max_body);
	TAILQ_INSERT_TAIL(&h->open, hop, link);
	hop->easy = h->idle_count ? h->idle[--h->idle_count] : curl_easy_init();
	hop->connect_to = connect_to(&spec->addr);
	if (hop->easy && hop->connect_to) {
		rc = set_request(hop);
		if (rc == RC_OK)
			rc = set_rules(hop);
		if (rc == RC_OK && curl_multi_add_handle(h->multi, hop->easy) != CURLM_OK)
			rc = RC_IO;
	}
	if (rc != RC_OK) {
		hop_free(hop);
		return rc;
	}
	*out = hop;
	return RC_OK;
}

void hop_cancel(struct hop *hop)
{
	if (!hop)
		return;
	curl_multi_remove_handle(hop->hops->multi, hop->easy);
	hop_free(hop);
}

static CURLcode global_result;

static void global_init(void)
{
	global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum rc hops_new(struct loop *l, struct hops **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct hops *h;

	pthread_once(&once, global_init);
	if (global_result != CURLE_OK)
		return RC_IO;
	h = calloc(1, sizeof(*h));
	if (!h)
		return RC_NOMEM;
	TAILQ_INIT(&h->open);
	h->base = loop_event_base(l);
	h->multi = curl_multi_init();
	h->timer = event_new(h->base, -1, 0, on_timer, h);
	if (!h->multi || !h->timer ||
	    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_watch) != CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) != CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_set_timer) != CURLM_OK ||
	    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) != CURLM_OK) {
		hops_free(h);
		return RC_NOMEM;
	}
	*out = h;
	return RC_OK;
}

void hops_free(struct hops *h)
{
	struct hop *hop;

	if (!h)
		return;
	while ((hop = TAILQ_FIRST(&h->open)))
		hop_cancel(hop);
	while (h->idle_count)
		curl_easy_cleanup(h->idle[--h->idle_count]);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	if (h->timer)
		event_free(h->timer);
	free(h);
}
