/* probing.c - see probing.h. */
#include "core/probing.h"

#include "base/encode.h"
#include "base/log.h"

/* The probes of the settings with their keys as octets. */
static enum rc pins_from_config(struct arena *a, const struct config *c, struct probe_pin **out, size_t *out_count,
				struct fault *f)
{
	const struct config_probe *raw = c->raw.probes.v;
	struct probe_pin *pins = arena_array(a, c->raw.probes.count, sizeof(*pins));

	if (!pins)
		return RC_NOMEM;
	for (size_t i = 0; i < c->raw.probes.count; i++) {
		size_t len = 0;

		pins[i].name = raw[i].name;
		/* core/config.c has checked name and key. */
		if (raw[i].key.len != 2 * SHA256_LEN || !hex_decode(raw[i].key, pins[i].key, &len))
			return fault_set(f, RC_INTERNAL, PROBLEM_NONE, "probes.%.*s.key is no SHA-256", STR_ARG(raw[i].name));
	}
	*out = pins;
	*out_count = c->raw.probes.count;
	return RC_OK;
}

static enum rc allow(struct service *s, struct fault *f)
{
	struct config *c = service_config(s);
	AUTO(arena) struct arena a;
	struct probe_pin *pins;
	size_t count;
	enum rc rc;

	arena_init(&a, 1024 * 1024);
	rc = pins_from_config(&a, c, &pins, &count, f);
	if (rc == RC_OK)
		rc = probes_allow(s->probes, pins, count, c->raw.name);
	config_unref(c);
	return rc;
}

enum rc probing_start(struct service *s, struct loop *loop, struct tls_server *tls, struct fault *f)
{
	enum rc rc = probes_new(&(struct probes_options){ .loop = loop, .tls = tls }, &s->probes);

	s->perspectives = &PERSPECTIVES;
	return rc == RC_OK ? allow(s, f) : rc;
}

enum rc probing_listen(struct service *s, struct fault *f)
{
	struct config *c = service_config(s);
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < c->raw.listen.probes.count; i++) {
		struct addr a;

		rc = addr_parse(c->raw.listen.probes.v[i], PROBES_PORT, &a, f);
		if (rc == RC_OK)
			rc = probes_listen(s->probes, &a, NULL, f);
	}
	config_unref(c);
	return rc;
}

void probing_reload(struct service *s)
{
	AUTO(fault) struct fault f = { 0 };
	enum rc rc = allow(s, &f);

	if (rc != RC_OK)
		LOG_ERROR("probes_not_reloaded", F_TEXT("cause", f.detail[0] ? f.detail : rc_text(rc)));
}

void probing_stop(struct service *s)
{
	probes_free(s->probes);
	s->probes = NULL;
}
