/* route.c - from method and path to an endpoint. Default deny: a path matches exactly or it is 404,
 * a method that the resource does not have is 405 (TRUST V03, V13, V40). The HTTP parser has already
 * refused paths with dot segments, "//" and encoded slashes. */
#include "api/acme/acme.h"
#include "api/pages.h"
#include "api/status.h"
#include "core/rate_limit.h"

struct endpoint {
	const char *name;
	handler_fn handler;
	enum gate_key key;
	bool get;     /* also readable without a JWS */
	bool get_only; /* and never posted to */
	bool limited; /* for the sender's address, before anything is parsed (TRUST V38) */
	enum limit_rule limit;
	bool with_id; /* "/name/ID" instead of "/name" */
};

static const struct endpoint endpoints[] = {
	{ "directory", handle_directory, GATE_KID, .get = true },
	{ "new-nonce", handle_new_nonce, GATE_KID, .get = true, .limited = true, .limit = LIMIT_NONCES_ADDRESS },
	{ "new-account", handle_new_account, GATE_JWK, .limited = true, .limit = LIMIT_ACCOUNTS_ADDRESS },
	{ "acct", handle_account, GATE_KID, .with_id = true },
	{ "orders", handle_orders, GATE_KID, .with_id = true },
	{ "key-change", handle_key_change, GATE_KID },
	{ "new-order", handle_new_order, GATE_KID, .limited = true, .limit = LIMIT_ORDERS_ADDRESS },
	{ "new-authz", handle_new_authz, GATE_KID, .limited = true, .limit = LIMIT_ORDERS_ADDRESS },
	{ "order", handle_order, GATE_KID, .with_id = true },
	{ "finalize", handle_finalize, GATE_KID, .with_id = true },
	{ "authz", handle_authz, GATE_KID, .with_id = true },
	{ "chall", handle_challenge, GATE_KID, .with_id = true },
	{ "explain", handle_explain, GATE_KID, .with_id = true },
	{ "cert", handle_cert, GATE_KID, .with_id = true },
	{ "revoke-cert", handle_revoke, GATE_EITHER },
	{ "renewal-info", handle_renewal_info, GATE_KID, .get = true, .get_only = true, .with_id = true },
};

static enum rc not_found(struct fault *f)
{
	return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is nothing at this path");
}

/* The part of the path behind "prefix/"; absent when it is not below prefix. */
static struct str below(struct str path, struct str prefix)
{
	if (path.len > prefix.len && memcmp(path.p, prefix.p, prefix.len) == 0 && path.p[prefix.len] == '/')
		return (struct str){ path.p + prefix.len + 1, path.len - prefix.len - 1 };
	return (struct str){ 0 };
}

/* The directory whose prefix is the longest that fits, and what follows it. */
static const struct directory *find_directory(const struct config *c, struct str path, struct str *out_rest)
{
	const struct directory *best = NULL;

	for (size_t i = 0; i < c->directory_count; i++) {
		const struct directory *d = &c->directories[i];
		struct str rest = below(path, d->prefix);

		if (rest.p && (!best || d->prefix.len > best->prefix.len)) {
			best = d;
			*out_rest = rest;
		}
	}
	return best;
}

/* The directory object answers at its URL, with a trailing slash, at the bare prefix and below
 * "/directory" again: clients append the word (FIELD Q30). "/acme/NAME/..." works for every
 * directory, wherever its prefix is; "/dir" is what test clients of Pebble have in their settings. */
static const struct directory *directory_alias(const struct config *c, struct str path)
{
	static const char *const tails[] = { "", "/", "/directory", "/directory/", "/directory/directory" };

	for (size_t i = 0; i < c->directory_count; i++) {
		const struct directory *d = &c->directories[i];

		for (size_t t = 0; t < COUNT_OF(tails); t++) {
			struct str tail = str_of(tails[t]), rest;

			if (path.len < tail.len || !str_ends(path, tails[t]))
				continue;
			rest = (struct str){ path.p, path.len - tail.len };
			if (str_eq(rest, d->prefix))
				return d;
			if (str_starts(rest, "/acme/") &&
			    str_eq((struct str){ rest.p + 6, rest.len - 6 }, d->name))
				return d;
		}
	}
	if (c->directory_count && (str_is(path, "/dir") || str_is(path, "/dir/")))
		return &c->directories[0];
	return NULL;
}

static enum rc enter(struct request *req, const struct endpoint *e, struct fault *f)
{
	enum http_method method = req->http->method;
	enum rc rc = RC_OK;

	req->acme = true;
	req->handler = e->handler;
	req->endpoint = e->name;
	if (e->limited)
		rc = limits_take_address(req->core.service->limits, req->config, e->limit,
					 http_exchange_peer(req->exchange), f);
	if (rc != RC_OK)
		return rc;
	if (method == HTTP_POST && !e->get_only)
		return gate_check(req, e->key, f);
	if (e->get && (method == HTTP_GET || method == HTTP_HEAD)) {
		req->payload = (struct str){ 0 };
		return RC_OK;
	}
	req->allow = e->get_only ? "GET, HEAD" : e->get ? "GET, HEAD, POST" : "POST";
	return fault_set(f, RC_INVALID, PROBLEM_METHOD_NOT_ALLOWED,
			 e->get_only ? "RFC 9773 §4.1: this resource answers GET and HEAD"
			 : e->get ? "this resource answers GET, HEAD and POST-as-GET"
				: "RFC 8555 §6.3: this resource is read by POST-as-GET, a signed POST with an empty payload");
}

static const struct endpoint *find_endpoint(struct request *req, struct str rest)
{
	struct str name, id;
	bool has_id = str_cut(rest, '/', &name, &id);

	for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
		if (str_is(name, endpoints[i].name) && has_id == endpoints[i].with_id &&
		    (!has_id || id.len > 0)) {
			req->path_id = id;
			return &endpoints[i];
		}
	}
	return NULL;
}

enum rc acme_route(struct request *req, struct fault *f)
{
	const struct http_request *http = req->http;
	const struct endpoint *e = NULL;
	struct str rest;
	enum rc rc;

	req->base = str_of(arena_printf(req->arena, "https://%.*s", STR_ARG(http->host)));
	if (!req->base.p)
		return RC_NOMEM;
	req->directory = find_directory(req->config, http->path, &rest);
	if (req->directory)
		e = find_endpoint(req, rest);
	if (!e) {
		const struct directory *alias = directory_alias(req->config, http->path);

		if (alias) {
			req->directory = alias;
			e = &endpoints[0];
		}
	}
	if (e)
		return enter(req, e, f);
	if (status_route(req, &rc, f))
		return rc;
	req->handler = page_find(http->path);
	if (!req->handler)
		return not_found(f);
	req->allow = "GET, HEAD";
	if (http->method != HTTP_GET && http->method != HTTP_HEAD)
		return fault_set(f, RC_INVALID, PROBLEM_METHOD_NOT_ALLOWED, "this page answers GET and HEAD");
	return RC_OK;
}
