/* fetch_url.c - URLs by libcurl's own parser, so that what is checked here is what it will use.
 * On top of that the host must be an IP address or an ordinary name: libcurl would also take
 * percent-encoding, zones and other spellings, which only serve to get past checks. */
#include "net/fetch_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"
#include "net/dns_message.h"

struct url_parts {
	char *scheme, *host, *port, *zone, *whole;
};

static void url_parts_done(struct url_parts *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	curl_free(p->port);
	curl_free(p->zone);
	curl_free(p->whole);
}

static enum rc bad(const char **out_why, const char *why)
{
	*out_why = why;
	return RC_INVALID;
}

/* "1.2.3" is neither an address nor a name: no top-level domain is a number (RFC 1123 §2.1). */
static bool last_label_is_number(struct str host)
{
	size_t end = host.len, at;

	if (end > 0 && host.p[end - 1] == '.')
		end--;
	for (at = end; at > 0 && host.p[at - 1] != '.'; at--)
		if (host.p[at - 1] < '0' || host.p[at - 1] > '9')
			return false;
	return at < end;
}

static enum rc set_host(struct fetch_url *u, struct str host, const char **out_why)
{
	struct dns_name name;

	if (host.len == 0 || host.len >= sizeof(u->host))
		return bad(out_why, "its host is missing or too long");
	u->is_literal = addr_ip_parse(host, u->port, &u->literal);
	if (!u->is_literal && (!dns_name_parse(host, &name) || last_label_is_number(host)))
		return bad(out_why, "its host is neither a DNS name nor an IP address");
	memcpy(u->host, host.p, host.len);
	u->host[host.len] = '\0';
	return RC_OK;
}

static enum rc read_parts(CURLU *url, struct url_parts *p, struct fetch_url *u, const char **out_why)
{
	struct str host;
	int64_t port;

	if (curl_url_get(url, CURLUPART_SCHEME, &p->scheme, 0) != CURLUE_OK)
		return bad(out_why, "it is not a URL");
	if (strcmp(p->scheme, "http") != 0 && strcmp(p->scheme, "https") != 0)
		return bad(out_why, "its scheme is neither http nor https");
	if (curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &p->host, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_URL, &p->whole, 0) != CURLUE_OK)
		return bad(out_why, "it is not a URL");
	if (curl_url_get(url, CURLUPART_ZONEID, &p->zone, 0) == CURLUE_OK)
		return bad(out_why, "its address has a zone");
	if (!str_to_int(str_of(p->port), &port) || port < 1 || port > UINT16_MAX)
		return bad(out_why, "its port is not one");
	if (strlen(p->whole) > FETCH_URL_MAX)
		return bad(out_why, "it is too long");
	host = str_of(p->host);
	if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = (struct str){ host.p + 1, host.len - 2 }; /* RFC 3986 §3.2.2 */
	u->https = p->scheme[4] == 's';
	u->port = (uint16_t)port;
	memcpy(u->text, p->whole, strlen(p->whole) + 1);
	return set_host(u, host, out_why);
}

static enum rc read_url(CURLU *url, struct fetch_url *out, const char **out_why)
{
	AUTO(url_parts) struct url_parts parts = { 0 };
	struct fetch_url u = { .https = false };
	enum rc rc = read_parts(url, &parts, &u, out_why);

	if (rc == RC_OK)
		*out = u;
	return rc;
}

enum rc fetch_url_first(struct str host, uint16_t port, struct str path, struct fetch_url *out,
			const char **out_why)
{
	bool v6 = host.p && memchr(host.p, ':', host.len);
	struct fetch_url checked = { .port = port };
	char text[FETCH_URL_MAX + 1];
	CURLU *url;
	enum rc rc;
	int len;

	/* Before it is put together with the rest, so that it cannot be more than a host. */
	rc = set_host(&checked, host, out_why);
	if (rc != RC_OK)
		return rc;
	if (path.len == 0 || path.p[0] != '/')
		return bad(out_why, "its path does not begin with a slash");
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] <= ' ' || path.p[i] >= 0x7f)
			return bad(out_why, "its path has characters that no path has");
	len = snprintf(text, sizeof(text), v6 ? "http://[%.*s]:%u%.*s" : "http://%.*s:%u%.*s", STR_ARG(host),
		       (unsigned)port, STR_ARG(path));
	if (len < 0 || (size_t)len >= sizeof(text))
		return bad(out_why, "it is too long");
	url = curl_url();
	if (!url)
		return RC_NOMEM;
	if (curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK)
		rc = read_url(url, out, out_why);
	else
		rc = bad(out_why, "it is not a URL");
	curl_url_cleanup(url);
	return rc;
}

enum rc fetch_url_redirect(const struct fetch_url *from, struct str location, struct fetch_url *out,
			   const char **out_why)
{
	char text[FETCH_URL_MAX + 1];
	CURLUcode code;
	CURLU *url;
	enum rc rc;

	if (location.len == 0)
		return bad(out_why, "it is empty");
	if (location.len > FETCH_URL_MAX)
		return bad(out_why, "it is too long");
	for (size_t i = 0; i < location.len; i++)
		if ((uint8_t)location.p[i] <= ' ' || location.p[i] == 0x7f)
			return bad(out_why, "it has white space or control characters");
	memcpy(text, location.p, location.len);
	text[location.len] = '\0';
	url = curl_url();
	if (!url)
		return RC_NOMEM;
	code = curl_url_set(url, CURLUPART_URL, from->text, 0);
	if (code == CURLUE_OK)
		code = curl_url_set(url, CURLUPART_URL, text,
				    CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_OK)
		rc = read_url(url, out, out_why);
	else
		rc = bad(out_why, code == CURLUE_USER_NOT_ALLOWED ? "it names a user" : "it is not a URL");
	curl_url_cleanup(url);
	return rc;
}
