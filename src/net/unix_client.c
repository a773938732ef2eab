/* unix_client.c - see unix_client.h. libcurl does the work; a proxy of the environment is never asked. */
#include "net/unix_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "base/auto.h"

struct receiving {
	struct buf *body;
	bool too_long;
};

static size_t receive(char *p, size_t size, size_t count, void *arg)
{
	struct receiving *r = arg;

	(void)size; /* always 1 */
	if (count > r->body->max - r->body->len) {
		r->too_long = true;
		return 0;
	}
	buf_add(r->body, p, count);
	return buf_ok(r->body) ? count : 0;
}

static const char *connect_remedy(long os_errno)
{
	switch (os_errno) {
	case ENOENT:
		return "there is no such socket; is `assay serve` running, and is this its listen.admin?";
	case ECONNREFUSED:
		return "nobody listens there; start `assay serve`";
	case EACCES:
	case EPERM:
		return "permission denied; ask as root or as the server's own user";
	default:
		return strerror((int)os_errno);
	}
}

static enum rc failed(CURL *curl, CURLcode code, const struct unix_request *r, const struct receiving *got,
		      struct fault *f)
{
	long os_errno = 0;

	if (got->too_long)
		return fault_set(f, RC_LIMIT, PROBLEM_NONE, "the answer of %s has more than %zu octets", r->socket,
				 got->body->max);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno);
		return fault_set(f, RC_UNAVAILABLE, PROBLEM_NONE, "cannot reach the server at %s: %s", r->socket,
				 connect_remedy(os_errno));
	case CURLE_OPERATION_TIMEDOUT:
		return fault_set(f, RC_TIMEOUT, PROBLEM_NONE, "the server at %s did not answer within %d s", r->socket,
				 r->timeout_ms / 1000);
	case CURLE_OUT_OF_MEMORY:
		return RC_NOMEM;
	default:
		return fault_set(f, RC_IO, PROBLEM_NONE, "talking to %s: %s", r->socket, curl_easy_strerror(code));
	}
}

#define SET(option, value)                                        \
	do {                                                      \
		if (code == CURLE_OK)                             \
			code = curl_easy_setopt(curl, option, value); \
	} while (0)

static CURLcode set_up(CURL *curl, const struct unix_request *r, const char *url, struct curl_slist *headers,
		       struct receiving *got)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_UNIX_SOCKET_PATH, r->socket);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_PROTOCOLS_STR, "http");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	SET(CURLOPT_WRITEFUNCTION, receive);
	SET(CURLOPT_WRITEDATA, got);
	SET(CURLOPT_HTTPHEADER, headers);
	if (r->body.p || strcmp(r->method, "POST") == 0) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE, (long)r->body.len);
		SET(CURLOPT_COPYPOSTFIELDS, r->body.p ? r->body.p : "");
	}
	return code;
}

static enum rc call(CURL *curl, const struct unix_request *r, struct receiving *got, int *out_status,
		    struct fault *f)
{
	/* "Expect:" keeps libcurl from waiting for a "100 Continue". */
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:"), *more;
	AUTO(buf) struct buf url;
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	buf_init(&url, 16 * 1024);
	buf_addf(&url, "http://localhost%s", r->target);
	more = headers ? curl_slist_append(headers, "Content-Type: application/json") : NULL;
	if (more && buf_ok(&url)) {
		code = set_up(curl, r, url.p, headers, got);
		if (code == CURLE_OK)
			code = curl_easy_perform(curl);
	}
	curl_slist_free_all(headers);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		return failed(curl, code, r, got, f);
	*out_status = (int)status;
	return RC_OK;
}

enum rc unix_call(const struct unix_request *r, struct buf *out_body, int *out_status, struct fault *f)
{
	struct receiving got = { .body = out_body };
	CURL *curl;
	enum rc rc;

	if (strlen(r->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the socket's path is too long: %s", r->socket);
	curl = curl_easy_init();
	if (!curl)
		return RC_NOMEM;
	rc = call(curl, r, &got, out_status, f);
	curl_easy_cleanup(curl);
	return rc;
}
