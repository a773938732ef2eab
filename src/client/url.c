/* url.c - see url.h. */
#include "client/url.h"

#include "client/client_impl.h"

#define SCHEME "https://"

static enum rc refuse(const char *what, struct str url, const char *why, struct fault *f)
{
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "the URL of %s is refused, %s: \"%.*s\"", what, why,
			 (int)(url.len < 200 ? url.len : 200), url.p ? url.p : "");
}

static bool may_be_in_url(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~:/?[]@!$&'()*+,;=%", c) != NULL);
}

static struct str authority(struct str url)
{
	struct str rest = { url.p + strlen(SCHEME), url.len - strlen(SCHEME) };

	for (size_t i = 0; i < rest.len; i++) {
		if (rest.p[i] == '/' || rest.p[i] == '?')
			rest.len = i;
	}
	return rest;
}

/* "host", "host:443", "[::1]:443". */
static bool is_host_and_port(struct str text)
{
	struct str port = { 0 };
	const char *colon;
	int64_t number;

	if (text.len > 0 && text.p[0] == '[') {
		const char *end = memchr(text.p, ']', text.len);

		if (!end)
			return false;
		port = (struct str){ end + 1, text.len - (size_t)(end + 1 - text.p) };
		if (port.len == 0)
			return true;
		if (port.p[0] != ':')
			return false;
		port = (struct str){ port.p + 1, port.len - 1 };
	} else {
		colon = memchr(text.p, ':', text.len);
		if (text.len == 0 || colon == text.p || memchr(text.p, '[', text.len) || memchr(text.p, ']', text.len))
			return false;
		if (!colon)
			return true;
		port = (struct str){ colon + 1, text.len - (size_t)(colon + 1 - text.p) };
	}
	return str_to_int(port, &number) && number > 0 && number <= 65535;
}

enum rc url_check(const char *what, struct str url, struct fault *f)
{
	if (!str_starts(url, SCHEME)) /* RFC 8555 §6.1: HTTPS only */
		return refuse(what, url, "it is not https:// (RFC 8555 §6.1)", f);
	if (url.len > CLIENT_URL_MAX)
		return refuse(what, url, "it is too long", f);
	for (size_t i = 0; i < url.len; i++) {
		if (!may_be_in_url(url.p[i]))
			return refuse(what, url, "it has a character that no URL has (RFC 3986 §2)", f);
	}
	if (memchr(authority(url).p, '@', authority(url).len))
		return refuse(what, url, "it names a user", f);
	if (!is_host_and_port(authority(url)))
		return refuse(what, url, "it has no proper host and port", f);
	return RC_OK;
}

struct str url_origin(struct str url)
{
	struct str host = authority(url);

	return (struct str){ url.p, (size_t)(host.p + host.len - url.p) };
}

static struct str without_default_port(struct str origin)
{
	if (str_ends(origin, ":443"))
		origin.len -= 4;
	return origin;
}

bool url_origin_eq(struct str a, struct str b)
{
	return str_eq_nocase(without_default_port(a), without_default_port(b));
}
