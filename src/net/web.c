/* web.c - see web.h. One libcurl easy handle, which keeps its connections between calls.
 * When the server's certificate is not trusted, a second connection, over which nothing is sent,
 * asks who issued it: that is what a person needs to know to find the root that is missing. */
#include "net/web.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

#define CONNECT_TIMEOUT_MS 15000L
#define ISSUER_MAX 200

/* Of X509_STORE_CTX_get_error(): the part of the numbers that has another remedy. They are stable. */
enum {
	VERIFY_NOT_ASKED = 1, /* libcurl's, when the name is wrong: it looks at that first */
	VERIFY_NOT_YET_VALID = 9,
	VERIFY_EXPIRED = 10,
};

struct web {
	CURL *curl;
	char *root_file, *user_agent; /* owned; NULL: none */
	long timeout_ms;
	char error[CURL_ERROR_SIZE];
};

struct receiving {
	struct buf body;
	size_t header_len, header_count;
	bool too_long, header_too_long;
};

static void receiving_done(struct receiving *r)
{
	buf_done(&r->body);
}

static size_t receive_body(char *p, size_t size, size_t count, void *arg)
{
	struct receiving *r = arg;

	(void)size; /* always 1 */
	if (count > r->body.max - r->body.len) {
		r->too_long = true;
		return 0;
	}
	buf_add(&r->body, p, count);
	return buf_ok(&r->body) ? count : 0;
}

/* Only counts: libcurl keeps the headers, and hands them out parsed. */
static size_t receive_header(char *p, size_t size, size_t count, void *arg)
{
	struct receiving *r = arg;

	(void)p;
	(void)size;
	r->header_len += count;
	r->header_count++;
	/* The status line, the empty line, and those of a 100 (Continue) or a proxy come here too. */
	if (r->header_len > 4 * LIMIT_HTTP_HEADERS || r->header_count > 2 * LIMIT_HTTP_HEADER_COUNT) {
		r->header_too_long = true;
		return 0;
	}
	return count;
}

#define SET(option, value)                                            \
	do {                                                          \
		if (code == CURLE_OK)                                 \
			code = curl_easy_setopt(curl, option, value); \
	} while (0)

/* What every connection of a session has in common. */
static CURLcode set_session(CURL *curl, const struct web *w)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, w->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	SET(CURLOPT_MAXCONNECTS, 4L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	if (w->user_agent)
		SET(CURLOPT_USERAGENT, w->user_agent);
	if (w->root_file) { /* these roots and no others */
		SET(CURLOPT_CAINFO, w->root_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	return code;
}

static char *text_dup(struct str s)
{
	return s.p ? strndup(s.p, s.len) : NULL;
}

static bool may_read(const char *path)
{
	FILE *file = fopen(path, "re");

	if (file)
		(void)fclose(file);
	return file != NULL;
}

enum rc web_new(const struct web_options *o, struct web **out, struct fault *f)
{
	AUTO_PTR(web) struct web *w = NULL;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return RC_NOMEM;
	w = calloc(1, sizeof(*w));
	if (!w) {
		curl_global_cleanup();
		return RC_NOMEM;
	}
	w->timeout_ms = (long)o->timeout_ms;
	w->root_file = text_dup(o->root_file);
	w->user_agent = text_dup(o->user_agent);
	w->curl = curl_easy_init();
	if (!w->curl || (o->root_file.p && !w->root_file) || (o->user_agent.p && !w->user_agent))
		return RC_NOMEM;
	/* libcurl would say so too, at the first call and with less to go by. */
	if (w->root_file && !may_read(w->root_file))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NONE, "cannot read the roots to trust from %s: %m",
				 w->root_file);
	*out = TAKE(w);
	return RC_OK;
}

void web_free(struct web *w)
{
	if (!w)
		return;
	curl_easy_cleanup(w->curl);
	curl_global_cleanup();
	free(w->root_file);
	free(w->user_agent);
	free(w);
}

/* --- why a call failed --- */

static size_t discard(char *p, size_t size, size_t count, void *arg)
{
	(void)p;
	(void)arg;
	return size * count;
}

/* Who says to have issued the certificate of this URL's server; "" when that cannot be found out.
 * Nothing is verified and nothing is sent. */
static void ask_issuer(const struct web *w, const char *url, char out[ISSUER_MAX])
{
	CURL *curl = curl_easy_init();
	struct curl_certinfo *info = NULL;
	CURLcode code = CURLE_OK;

	out[0] = '\0';
	if (!curl)
		return;
	code = set_session(curl, w);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_SSL_VERIFYPEER, 0L);
	SET(CURLOPT_SSL_VERIFYHOST, 0L);
	SET(CURLOPT_CERTINFO, 1L);
	SET(CURLOPT_WRITEFUNCTION, discard);
	if (code == CURLE_OK && curl_easy_perform(curl) == CURLE_OK &&
	    curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) == CURLE_OK && info && info->num_of_certs > 0) {
		for (struct curl_slist *s = info->certinfo[0]; s; s = s->next) {
			if (strncmp(s->data, "Issuer:", 7) == 0)
				(void)str_printable(str_of(s->data + 7), out, ISSUER_MAX);
		}
	}
	curl_easy_cleanup(curl);
}

static enum rc not_trusted(struct web *w, const char *url, struct fault *f)
{
	char issuer[ISSUER_MAX];
	long verify = 0;

	(void)curl_easy_getinfo(w->curl, CURLINFO_SSL_VERIFYRESULT, &verify);
	ask_issuer(w, url, issuer);
	if (verify <= VERIFY_NOT_ASKED) /* the chain is good, the name is not */
		return fault_set(f, RC_DENIED, PROBLEM_TLS,
				 "the certificate of %s names another host: %s. Use the name that the server's certificate has",
				 url, w->error);
	if (verify == VERIFY_EXPIRED || verify == VERIFY_NOT_YET_VALID)
		return fault_set(f, RC_DENIED, PROBLEM_TLS,
				 "the certificate of %s (issued by %s) is not valid now: %s. Check this machine's clock, then the server's certificate",
				 url, issuer[0] ? issuer : "an unknown CA", w->error);
	return fault_set(f, RC_DENIED, PROBLEM_TLS,
			 "the certificate of %s is not trusted: %s. It says it was issued by \"%s\"; "
			 "the root of that CA is missing %s%s. "
			 "Get the root (Assay serves it at /root.pem), compare its fingerprint with the operator's, then give it with --root FILE, "
			 "or copy it to /usr/local/share/ca-certificates/NAME.crt and run update-ca-certificates",
			 url, w->error, issuer[0] ? issuer : "an unknown CA",
			 w->root_file ? "from " : "from the system's store", w->root_file ? w->root_file : "");
}

static enum rc failed(struct web *w, CURLcode code, const char *url, const struct receiving *got, struct fault *f)
{
	const char *why = w->error[0] ? w->error : curl_easy_strerror(code);

	if (got->too_long)
		return fault_set(f, RC_LIMIT, PROBLEM_NONE, "the answer of %s has more than %zu octets", url,
				 got->body.max);
	if (got->header_too_long)
		return fault_set(f, RC_LIMIT, PROBLEM_NONE, "the answer of %s has too many or too long headers",
				 url);
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return not_trusted(w, url, f);
	case CURLE_SSL_CACERT_BADFILE:
		return fault_set(f, RC_INVALID, PROBLEM_TLS,
				 "cannot use the roots to trust: %s. It must be a file of PEM certificates", why);
	case CURLE_OPERATION_TIMEDOUT:
		return fault_set(f, RC_TIMEOUT, PROBLEM_CONNECTION, "no answer from %s in time: %s", url, why);
	case CURLE_OUT_OF_MEMORY:
	case CURLE_WRITE_ERROR: /* receive_body() has no room, and not for the answer's length */
		return RC_NOMEM;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_WEIRD_SERVER_REPLY:
		return fault_set(f, RC_INVALID, PROBLEM_CONNECTION, "%s: %s", url, why);
	default:
		return fault_set(f, RC_UNAVAILABLE, PROBLEM_CONNECTION, "cannot talk to %s: %s", url, why);
	}
}

/* --- one call --- */

static enum rc take_headers(CURL *curl, struct arena *a, struct web_response *out)
{
	struct curl_header *h = NULL;
	size_t count = 0;

	out->headers = arena_array(a, LIMIT_HTTP_HEADER_COUNT, sizeof(*out->headers));
	if (!out->headers)
		return RC_NOMEM;
	while (count < LIMIT_HTTP_HEADER_COUNT && (h = curl_easy_nextheader(curl, CURLH_HEADER, -1, h)) != NULL) {
		out->headers[count].name = arena_str(a, str_of(h->name));
		out->headers[count].value = arena_str(a, str_of(h->value));
		if (!out->headers[count].name.p || !out->headers[count].value.p)
			return RC_NOMEM;
		count++;
	}
	out->header_count = count;
	return RC_OK;
}

/* False without memory; *list is then still the caller's to free. */
static bool add_header(struct curl_slist **list, const char *name, struct str value)
{
	struct curl_slist *more;
	AUTO(buf) struct buf line;

	buf_init(&line, LIMIT_HTTP_LINE);
	buf_addf(&line, "%s:", name);
	if (value.p) { /* else the header that libcurl would send is left out */
		buf_add_char(&line, ' ');
		buf_add_str(&line, value);
	}
	more = buf_ok(&line) ? curl_slist_append(*list, line.p) : NULL;
	if (more)
		*list = more;
	return more != NULL;
}

static CURLcode set_request(struct web *w, const struct web_request *r, const char *url,
			    struct curl_slist *headers, struct receiving *got)
{
	CURL *curl = w->curl;
	CURLcode code;

	curl_easy_reset(curl); /* keeps connections */
	code = set_session(curl, w);
	SET(CURLOPT_ERRORBUFFER, w->error);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_WRITEFUNCTION, receive_body);
	SET(CURLOPT_WRITEDATA, got);
	SET(CURLOPT_HEADERFUNCTION, receive_header);
	SET(CURLOPT_HEADERDATA, got);
	if (r->method == HTTP_HEAD) {
		SET(CURLOPT_NOBODY, 1L);
	} else if (r->method == HTTP_POST) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
		SET(CURLOPT_POSTFIELDS, r->body.p ? r->body.p : "");
	} else {
		SET(CURLOPT_HTTPGET, 1L);
	}
	return code;
}

static enum rc perform(struct web *w, struct arena *a, const char *url, struct receiving *got,
		       struct web_response *out, struct fault *f)
{
	struct web_response answer = { 0 };
	long status = 0;
	CURLcode code;
	enum rc rc;

	w->error[0] = '\0';
	code = curl_easy_perform(w->curl);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		return failed(w, code, url, got, f);
	answer.status = (int)status;
	answer.body = arena_str(a, buf_str(&got->body));
	if (!answer.body.p)
		return RC_NOMEM;
	rc = take_headers(w->curl, a, &answer);
	if (rc == RC_OK)
		*out = answer;
	return rc;
}

enum rc web_call(struct web *w, struct arena *a, const struct web_request *r, struct web_response *out,
		 struct fault *f)
{
	AUTO(receiving) struct receiving got = { 0 };
	struct curl_slist *headers = NULL;
	char *url = arena_cstr(a, r->url);
	enum rc rc = RC_NOMEM;
	bool ok;

	buf_init(&got.body, r->max_body);
	if (!url)
		return RC_NOMEM;
	if (!str_starts(r->url, "https://") || strlen(url) != r->url.len)
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "\"%s\" is not an https:// URL", url);
	/* "Expect:" keeps libcurl from waiting for a "100 Continue". */
	ok = add_header(&headers, "Expect", (struct str){ 0 }) &&
	     add_header(&headers, "Accept", r->accept.p ? r->accept : STR("*/*"));
	if (ok && r->language.p)
		ok = add_header(&headers, "Accept-Language", r->language);
	if (ok && r->method == HTTP_POST)
		ok = add_header(&headers, "Content-Type", r->content_type);
	if (ok && set_request(w, r, url, headers, &got) == CURLE_OK)
		rc = perform(w, a, url, &got, out, f);
	curl_slist_free_all(headers);
	return rc;
}

struct str web_header(const struct web_response *r, const char *name, size_t index)
{
	for (size_t i = 0; i < r->header_count; i++) {
		if (str_eq_nocase(r->headers[i].name, str_of(name)) && index-- == 0)
			return r->headers[i].value;
	}
	return (struct str){ 0 };
}
