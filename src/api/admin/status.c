/* status.c - GET /v1/status: is it well, and what does it run with. */
#include "api/admin/resource.h"
#include "base/encode.h"
#include "core/health.h"
#include "core/jobs.h"
#include "core/nonce.h"

static void show_authorities(struct answer *a, const struct config *c, int64_t now)
{
	json_out_open(&a->out, "authorities", '[');
	for (size_t i = 0; i < c->authority_count; i++) {
		const struct authority *x = &c->authorities[i];

		json_out_open(&a->out, NULL, '{');
		json_out_str(&a->out, "name", x->name);
		show_time(&a->out, "not_after", x->issuing.not_after);
		json_out_int(&a->out, "days_left", (x->issuing.not_after - now) / 86400);
		json_out_close(&a->out, '}');
	}
	json_out_close(&a->out, ']');
}

static void show_directories(struct request *req, struct answer *a)
{
	json_out_open(&a->out, "directories", '[');
	for (size_t i = 0; i < req->config->directory_count; i++) {
		const struct directory *d = &req->config->directories[i];

		json_out_open(&a->out, NULL, '{');
		json_out_str(&a->out, "name", d->name);
		show_directory_url(req, &a->out, d);
		json_out_str(&a->out, "authority", d->authority->name);
		json_out_close(&a->out, '}');
	}
	json_out_close(&a->out, ']');
}

enum rc admin_status(struct request *req, struct fault *f)
{
	struct service *s = req->core.service;
	const char *why = health_why_not_ready(s);
	unsigned running, waiting;
	AUTO(answer) struct answer a;
	struct query_param none = { 0 };
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	if (rc != RC_OK)
		return rc;
	jobs_counts(s->jobs, &running, &waiting);
	answer_init(&a);
	json_out_open(&a.out, NULL, '{');
	json_out_str(&a.out, "version", STR(ASSAY_VERSION));
	json_out_str(&a.out, "name", req->config->raw.name);
	json_out_str(&a.out, "url", req->config->base_url);
	json_out_str(&a.out, "settings", req->config->file);
	json_out_bool(&a.out, "ready", !why);
	show_text(&a.out, "why_not_ready", str_of(why));
	show_time(&a.out, "started_at", s->started_at);
	json_out_int(&a.out, "uptime_s", req->core.now - s->started_at);
	json_out_str(&a.out, "store", str_of(store_describe(s->store)));
	json_out_open(&a.out, "jobs", '{');
	json_out_int(&a.out, "running", running);
	json_out_int(&a.out, "waiting", waiting);
	json_out_close(&a.out, '}');
	json_out_int(&a.out, "nonce_memory_bytes", (int64_t)nonces_bytes(s->nonces));
	show_authorities(&a, req->config, req->core.now);
	show_directories(req, &a);
	json_out_int(&a.out, "zones", (int64_t)req->config->zone_count);
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}
