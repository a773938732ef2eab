/* probe.c - the probes of the settings, and what has become of them. */
#include "api/admin/resource.h"
#include "probe/probes.h"

static void show_probe(struct json_out *o, const struct probe_status *p)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", str_of(p->name));
	json_out_bool(o, "connected", p->connected);
	show_time(o, "since", p->since);
	show_time(o, "last_seen", p->last_seen);
	show_text(o, "address", p->address[0] ? str_of(p->address) : (struct str){ 0 });
	show_text(o, "version", p->version[0] ? str_of(p->version) : (struct str){ 0 });
	json_out_int(o, "looks", (int64_t)p->looks);
	json_out_int(o, "failures", (int64_t)p->failures);
	json_out_int(o, "under_way", p->under_way);
	json_out_int(o, "waiting", p->waiting);
	json_out_close(o, '}');
}

enum rc admin_probes(struct request *req, struct fault *f)
{
	struct probes *probes = req->core.service->probes;
	struct query_param none = { 0 };
	struct probe_status *list = arena_array(req->arena, PROBES_LISTED_MAX, sizeof(*list));
	AUTO(answer) struct answer a;
	size_t count;
	enum rc rc;

	answer_init(&a);
	rc = list ? admin_query_decode(req->arena, req->http->query, &none, f) : RC_NOMEM;
	if (rc != RC_OK)
		return rc;
	count = probes_list(probes, list, PROBES_LISTED_MAX);
	json_out_open(&a.out, NULL, '{');
	json_out_open(&a.out, "probes", '[');
	for (size_t i = 0; i < count && i < PROBES_LISTED_MAX; i++)
		show_probe(&a.out, &list[i]);
	json_out_close(&a.out, ']');
	json_out_int(&a.out, "refused", (int64_t)probes_refused(probes));
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}
