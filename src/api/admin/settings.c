/* settings.c - what the settings file made: authorities, directories and zones, read only. */
#include "api/admin/resource.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

static enum rc no_query(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };

	return admin_query_decode(req->arena, req->http->query, &none, f);
}

/* --- authorities --- */

static void show_chain(struct json_out *o, const struct authority *a, struct buf *pem)
{
	buf_reset(pem);
	for (size_t i = 0; i < a->chain_count; i++)
		pem_add(pem, "CERTIFICATE", a->chain[i]);
	json_out_str(o, "chain", buf_str(pem));
}

static void show_permit(struct json_out *o, const struct config_authority *raw)
{
	json_out_open(o, "permit", '[');
	for (size_t i = 0; i < raw->permit.count; i++)
		json_out_str(o, NULL, raw->permit.v[i]);
	json_out_close(o, ']');
}

static enum rc show_authority(struct request *req, struct json_out *o, const struct authority *a, bool with_pem)
{
	const struct config_authority *raw = req->config->raw.authorities.v;
	size_t at = (size_t)(a - req->config->authorities);
	char fingerprint[2 * SHA256_LEN + 1];
	struct str serial = serial_str(req->arena, a->issuing.serial);
	AUTO(buf) struct buf pem;

	buf_init(&pem, 256 * 1024);
	if (!serial.p)
		return RC_NOMEM;
	hex_encode(bytes_of(a->fingerprint, SHA256_LEN), fingerprint);
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", a->name);
	show_text(o, "subject", a->issuing.subject_cn);
	json_out_str(o, "serial", serial);
	show_time(o, "not_before", a->issuing.not_before);
	show_time(o, "not_after", a->issuing.not_after);
	json_out_int(o, "days_left", (a->issuing.not_after - req->core.now) / 86400);
	json_out_str(o, "root_fingerprint", str_of(fingerprint));
	json_out_int(o, "chain_length", (int64_t)a->chain_count);
	json_out_int(o, "alternates", (int64_t)a->alternate_count);
	show_permit(o, &raw[at]);
	show_text(o, "ocsp_url", a->ocsp_url);
	show_text(o, "ca_issuers_url", a->ca_issuers_url);
	show_text(o, "crl_url", a->crl_url);
	if (with_pem)
		show_chain(o, a, &pem);
	json_out_close(o, '}');
	return buf_ok(&pem) ? RC_OK : RC_NOMEM;
}

enum rc admin_authorities(struct request *req, struct fault *f)
{
	AUTO(answer) struct answer a;
	enum rc rc = no_query(req, f);

	answer_init(&a);
	json_out_open(&a.out, NULL, '{');
	json_out_open(&a.out, "authorities", '[');
	for (size_t i = 0; rc == RC_OK && i < req->config->authority_count; i++)
		rc = show_authority(req, &a.out, &req->config->authorities[i], false);
	json_out_close(&a.out, ']');
	json_out_close(&a.out, '}');
	return rc == RC_OK ? reply_json(req, 200, &a) : rc;
}

enum rc admin_authority(struct request *req, struct fault *f)
{
	const struct authority *x;
	AUTO(answer) struct answer a;
	struct str name;
	enum rc rc = no_query(req, f);

	answer_init(&a);
	if (rc == RC_OK)
		rc = admin_segment_decode(req->arena, req->path_id, &name, f);
	if (rc != RC_OK)
		return rc;
	x = config_authority(req->config, name);
	if (!x)
		return admin_not_found("authority", f);
	rc = show_authority(req, &a.out, x, true);
	return rc == RC_OK ? reply_json(req, 200, &a) : rc;
}

/* --- directories --- */

void show_directory_url(struct request *req, struct json_out *o, const struct directory *d)
{
	const char *url = arena_printf(req->arena, "%.*s%.*s/directory", STR_ARG(req->config->base_url),
				       STR_ARG(d->prefix));

	show_text(o, "url", str_of(url));
}

static void show_profile(struct json_out *o, const struct profile *p)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", p->name);
	json_out_str(o, "description", p->description);
	json_out_int(o, "lifetime_s", p->lifetime_s);
	json_out_int(o, "max_lifetime_s", p->max_lifetime_s);
	json_out_close(o, '}');
}

static void show_directory(struct request *req, struct json_out *o, const struct directory *d)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", d->name);
	show_directory_url(req, o, d);
	json_out_str(o, "authority", d->authority->name);
	json_out_open(o, "profiles", '[');
	for (size_t i = 0; i < d->profile_count; i++)
		show_profile(o, d->profiles[i]);
	json_out_close(o, ']');
	show_text(o, "terms", d->terms);
	show_text(o, "website", d->website);
	json_out_open(o, "caa_identities", '[');
	for (size_t i = 0; i < d->caa_identity_count; i++)
		json_out_str(o, NULL, d->caa_identities[i]);
	json_out_close(o, ']');
	json_out_close(o, '}');
}

enum rc admin_directories(struct request *req, struct fault *f)
{
	AUTO(answer) struct answer a;
	enum rc rc = no_query(req, f);

	answer_init(&a);
	if (rc != RC_OK)
		return rc;
	json_out_open(&a.out, NULL, '{');
	json_out_open(&a.out, "directories", '[');
	for (size_t i = 0; i < req->config->directory_count; i++)
		show_directory(req, &a.out, &req->config->directories[i]);
	json_out_close(&a.out, ']');
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}

enum rc admin_directory(struct request *req, struct fault *f)
{
	const struct directory *d;
	AUTO(answer) struct answer a;
	struct str name;
	enum rc rc = no_query(req, f);

	answer_init(&a);
	if (rc == RC_OK)
		rc = admin_segment_decode(req->arena, req->path_id, &name, f);
	if (rc != RC_OK)
		return rc;
	d = config_directory(req->config, name);
	if (!d)
		return admin_not_found("directory", f);
	show_directory(req, &a.out, d);
	return reply_json(req, 200, &a);
}
