/* pages.c - roots for bootstrap (the client compares the fingerprint out of band), a default text of
 * terms, and health for load balancers: live is "this process answers", ready is "the store commits,
 * the signer answers, the clock is sane". */
#include "api/pages.h"

#include "api/status.h"
#include "base/encode.h"
#include "core/health.h"
#include "crypto/pem.h"

static const struct authority *first_authority(struct request *req)
{
	return &req->config->authorities[0];
}

static struct bytes root_of(const struct authority *a)
{
	return a->chain[a->chain_count - 1];
}

static enum rc reply_pem(struct request *req, size_t count)
{
	AUTO(buf) struct buf b;
	struct str body;

	buf_init(&b, 1024 * 1024);
	for (size_t i = 0; i < count; i++)
		pem_add(&b, "CERTIFICATE", root_of(&req->config->authorities[i]));
	body = buf_ok(&b) ? arena_str(req->arena, buf_str(&b)) : (struct str){ 0 };
	if (!body.p)
		return RC_NOMEM;
	return reply_set(req, 200, "application/pem-certificate-chain", body);
}

static enum rc handle_root_pem(struct request *req, struct fault *f)
{
	(void)f;
	return reply_pem(req, 1);
}

static enum rc handle_roots_pem(struct request *req, struct fault *f)
{
	(void)f;
	return reply_pem(req, req->config->authority_count);
}

static enum rc handle_root_der(struct request *req, struct fault *f)
{
	struct bytes der = root_of(first_authority(req));

	(void)f;
	return reply_set(req, 200, "application/pkix-cert", (struct str){ (const char *)der.p, der.len });
}

static enum rc handle_terms(struct request *req, struct fault *f)
{
	(void)f;
	return reply_set(req, 200, "text/plain; charset=utf-8",
			 STR("This is a private certificate service. Its operator decides who may use it and for\n"
			     "which names; ask the operator before you rely on its certificates.\n"));
}

static enum rc handle_front(struct request *req, struct fault *f)
{
	char hex[65], *text;

	(void)f;
	hex_encode(bytes_of(first_authority(req)->fingerprint, 32), hex);
	text = arena_printf(req->arena,
			    "%.*s: an ACME certificate service (RFC 8555).\n\n"
			    "ACME directory    %.*s%.*s/directory\n"
			    "Root certificate  %.*s/root.pem\n"
			    "Its SHA-256       %s\n",
			    STR_ARG(req->config->raw.name), STR_ARG(req->config->base_url),
			    STR_ARG(req->config->directories[0].prefix), STR_ARG(req->config->base_url), hex);
	if (!text)
		return RC_NOMEM;
	return reply_set(req, 200, "text/plain; charset=utf-8", str_of(text));
}

static enum rc handle_live(struct request *req, struct fault *f)
{
	(void)f;
	return reply_set(req, 200, "text/plain", STR("live\n"));
}

static enum rc handle_ready(struct request *req, struct fault *f)
{
	const char *why = health_why_not_ready(req->core.service);

	(void)f;
	if (!why)
		return reply_set(req, 200, "text/plain", STR("ready\n"));
	reply_header(req, "Retry-After", STR("5"));
	return reply_set(req, 503, "text/plain", str_of(arena_printf(req->arena, "not ready: %s\n", why)));
}

static const struct {
	const char *path;
	handler_fn handler;
	bool plain; /* also over plain HTTP: needs no secrecy, its integrity is checked by fingerprint */
} pages[] = {
	{ "/", handle_front, true },
	{ "/root.pem", handle_root_pem, true },
	{ "/roots.pem", handle_roots_pem, true },
	{ "/root.der", handle_root_der, true },
	{ "/terms", handle_terms, false },
	{ "/health/live", handle_live, true },
	{ "/health/ready", handle_ready, true },
};

handler_fn page_find(struct str path)
{
	for (size_t i = 0; i < COUNT_OF(pages); i++) {
		if (str_is(path, pages[i].path))
			return pages[i].handler;
	}
	return NULL;
}

enum rc pages_route(struct request *req, struct fault *f)
{
	enum rc rc;

	if (status_route(req, &rc, f))
		return rc;
	for (size_t i = 0; i < COUNT_OF(pages); i++) {
		if (pages[i].plain && str_is(req->http->path, pages[i].path) &&
		    (req->http->method == HTTP_GET || req->http->method == HTTP_HEAD)) {
			req->handler = pages[i].handler;
			return RC_OK;
		}
	}
	return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND,
			 "plain HTTP serves only /root.pem, /roots.pem, /root.der, /crl/ and /ocsp; ACME is at %.*s",
			 STR_ARG(req->config->base_url));
}
