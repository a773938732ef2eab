/* config.c - from the strings of the settings to what the server works with. Each semantic error names
 * its line; all are reported in one run. The table is in config_rows.c, zones in config_zones.c. */
#include "core/config_build.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/limits.h"
#include "core/rate_limit.h"
#include "signer/law.h"
#include "signer/signer_config.h"

#define DAY 86400

/* --- building --- */

void config_bad(struct builder *b, unsigned line, const char *what, const char *why)
{
	settings_add_error(b->errors_arena, b->errors, b->file, line, "%s: %s", what, why);
}

unsigned config_line_of(const struct setting_strs *list, size_t i)
{
	return list->lines ? list->lines[i] : 0;
}

static bool build_urls(struct builder *b)
{
	struct config *c = b->c;
	struct str url = c->raw.public_url, host;

	while (url.len && url.p[url.len - 1] == '/')
		url.len--;
	if (!str_starts(url, "https://") || url.len <= 8 || memchr(url.p + 8, '/', url.len - 8)) {
		config_bad(b, 0, "public_url", "must be https://HOST or https://HOST:PORT, without a path");
		return false;
	}
	host = (struct str){ url.p + 8, url.len - 8 };
	c->base_url = url;
	c->hosts = arena_array(b->a, c->raw.hosts.count + 1, sizeof(*c->hosts));
	if (!c->hosts)
		return false;
	c->hosts[c->host_count++] = host;
	for (size_t i = 0; i < c->raw.hosts.count; i++)
		c->hosts[c->host_count++] = c->raw.hosts.v[i];
	return true;
}

/* The file beside the key "file:DIR/x" that is named name. */
static struct str beside_key(struct arena *a, struct str key_ref, const char *name)
{
	struct str path = { key_ref.p + 5, key_ref.len - 5 };

	while (path.len && path.p[path.len - 1] != '/')
		path.len--;
	return str_of(arena_printf(a, "%.*s%s", STR_ARG(path), name));
}

static bool build_authority(struct builder *b, const struct config_authority *raw, unsigned line,
			    struct authority *out)
{
	const char **alternates = arena_array(b->a, raw->alternates.count + 1, sizeof(*alternates));
	AUTO(fault) struct fault f = { 0 };
	struct str chain = raw->chain;
	enum rc rc;

	if (!alternates)
		return false;
	if (!str_starts(raw->key, "file:")) {
		config_bad(b, line, "key", "must be file:PATH");
		return false;
	}
	if (!chain.p)
		chain = beside_key(b->a, raw->key, "chain.pem");
	for (size_t i = 0; i < raw->alternates.count; i++)
		alternates[i] = arena_cstr(b->a, raw->alternates.v[i]);
	rc = authority_load(b->a, raw->name, arena_cstr(b->a, chain), alternates, out, &f);
	if (rc != RC_OK) {
		config_bad(b, line, "authority", f.detail[0] ? f.detail : rc_text(rc));
		return false;
	}
	out->ocsp_url = raw->ocsp_url;
	out->ca_issuers_url = raw->ca_issuers_url;
	out->crl_url = raw->crl_url;
	out->crl_lifetime_s = raw->crl_lifetime_s;
	out->crl_shards = (unsigned)raw->crl_shards;
	if (raw->crl_shards && !str_ends(raw->crl_url, ".crl"))
		config_bad(b, line, "crl_shards", "needs a crl_url that ends in .crl, so that certificates can name their list");
	out->crl_delta_s = raw->crl_delta_s;
	if (raw->crl_delta_s && (!str_ends(raw->crl_url, ".crl") || raw->crl_shards))
		config_bad(b, line, "crl_delta", "needs a crl_url that ends in .crl, and no crl_shards");
	if (raw->crl_delta_s && raw->crl_delta_s >= raw->crl_lifetime_s)
		config_bad(b, line, "crl_delta", "must be less than crl_lifetime");
	if (raw->permit.count) {
		out->permit = arena_array(b->a, raw->permit.count, sizeof(*out->permit));
		if (!out->permit)
			return false;
	}
	for (size_t i = 0; i < raw->permit.count; i++) {
		if (name_subtree_parse(b->a, raw->permit.v[i], &out->permit[i], &f) != RC_OK)
			config_bad(b, config_line_of(&raw->permit, i), "permit", f.detail);
		else
			out->permit_count++;
	}
	return true;
}

void config_check_word(struct builder *b, struct str name, unsigned line, const char *what)
{
	bool good = name.len >= 1 && name.len <= 64;

	for (size_t i = 0; good && i < name.len; i++) {
		char ch = name.p[i];

		good = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
		       ch == '.' || ch == '_' || ch == '-';
	}
	if (!good)
		config_bad(b, line, what, "a name is 1 to 64 letters, digits, dots, underscores and hyphens");
}

static bool build_authorities(struct builder *b)
{
	struct config *c = b->c;
	const struct config_authority *raw = c->raw.authorities.v;

	c->authorities = arena_array(b->a, c->raw.authorities.count + 1, sizeof(*c->authorities));
	if (!c->authorities)
		return false;
	for (size_t i = 0; i < c->raw.authorities.count; i++) {
		config_check_word(b, raw[i].name, c->raw.authorities.lines[i], "authorities");
		if (build_authority(b, &raw[i], c->raw.authorities.lines[i], &c->authorities[c->authority_count]))
			c->authority_count++;
	}
	if (c->raw.authorities.count == 0)
		config_bad(b, 0, "authorities", "there must be at least one; `assay init` makes one");
	return true;
}

static const struct {
	const char *name;
	enum key_type type;
	unsigned rsa_bits;
} key_names[] = {
	{ "p256", KEY_P256, 0 },       { "p384", KEY_P384, 0 },       { "p521", KEY_P521, 0 },
	{ "ed25519", KEY_ED25519, 0 }, { "rsa2048", KEY_RSA, 2048 }, { "rsa3072", KEY_RSA, 3072 },
	{ "rsa4096", KEY_RSA, 4096 },
};

static void build_profile_keys(struct builder *b, const struct config_profile *raw, struct profile *p)
{
	for (size_t i = 0; i < raw->keys.count; i++) {
		size_t k = 0;

		while (k < COUNT_OF(key_names) && !str_is(raw->keys.v[i], key_names[k].name))
			k++;
		if (k == COUNT_OF(key_names)) {
			config_bad(b, config_line_of(&raw->keys, i), "keys",
			    "must be p256, p384, p521, ed25519, rsa2048, rsa3072 or rsa4096");
			continue;
		}
		p->key_types |= 1u << key_names[k].type;
		if (key_names[k].type == KEY_RSA && (!p->rsa_bits_min || key_names[k].rsa_bits < p->rsa_bits_min))
			p->rsa_bits_min = key_names[k].rsa_bits;
	}
	if (!p->key_types)
		p->key_types = PROFILES_BUILT_IN[0].key_types;
	if (!p->rsa_bits_min)
		p->rsa_bits_min = LIMIT_RSA_BITS_MIN;
}

static void build_profile(struct builder *b, const struct config_profile *raw, unsigned line, struct profile *p)
{
	*p = (struct profile){
		.name = raw->name,
		.description = raw->description.p ? raw->description : raw->name,
		.lifetime_s = raw->lifetime_s,
		.max_lifetime_s = raw->max_lifetime_s ? raw->max_lifetime_s : raw->lifetime_s,
		.backdate_s = raw->backdate_s,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.subject_cn = raw->subject_cn,
		.must_staple = raw->must_staple,
		.names_dns = true,
		.names_ip = true,
	};
	if (p->max_lifetime_s < p->lifetime_s)
		config_bad(b, line, "max_lifetime", "is less than lifetime");
	if (p->backdate_s >= p->lifetime_s)
		config_bad(b, line, "backdate", "must be less than lifetime");
	for (size_t i = 0; i < raw->usages.count; i++) {
		if (str_is(raw->usages.v[i], "server"))
			p->ext_key_usage |= EKU_SERVER_AUTH, p->key_usage |= KU_KEY_ENCIPHERMENT;
		else if (str_is(raw->usages.v[i], "client"))
			p->ext_key_usage |= EKU_CLIENT_AUTH;
		else
			config_bad(b, config_line_of(&raw->usages, i), "usages", "must be server or client");
	}
	build_profile_keys(b, raw, p);
}

static bool build_profiles(struct builder *b)
{
	struct config *c = b->c;
	const struct config_profile *raw = c->raw.profiles.v;
	size_t built_in = 0;

	while (PROFILES_BUILT_IN[built_in].name.p)
		built_in++;
	c->profiles = arena_array(b->a, built_in + c->raw.profiles.count, sizeof(*c->profiles));
	if (!c->profiles)
		return false;
	memcpy(c->profiles, PROFILES_BUILT_IN, built_in * sizeof(*c->profiles));
	c->profile_count = built_in;
	for (size_t i = 0; i < c->raw.profiles.count; i++) {
		struct profile *p = (struct profile *)config_profile(c, raw[i].name);

		config_check_word(b, raw[i].name, c->raw.profiles.lines[i], "profiles");
		if (str_is(raw[i].name, LAW_OCSP_RESPONDER))
			config_bad(b, c->raw.profiles.lines[i], "profiles", "this name is that of the OCSP responder's own profile");
		build_profile(b, &raw[i], c->raw.profiles.lines[i], p ? p : &c->profiles[c->profile_count++]);
	}
	return true;
}

static bool build_directory(struct builder *b, const struct config_directory *raw, unsigned line,
			    struct directory *d)
{
	struct config *c = b->c;

	d->name = raw->name;
	d->prefix = raw->prefix;
	d->website = raw->website;
	d->eab_required = raw->eab_required;
	d->authority = config_authority(c, raw->issuer);
	if (!d->authority)
		config_bad(b, line, "issuer", "there is no such authority");
	if (!d->prefix.p)
		d->prefix = str_is(raw->name, "default")
				    ? STR("/acme")
				    : str_of(arena_printf(b->a, "/acme/%.*s", STR_ARG(raw->name)));
	if (!str_starts(d->prefix, "/") || d->prefix.len < 2 || str_ends(d->prefix, "/"))
		config_bad(b, line, "prefix", "must begin with / and not end with it");
	d->terms = raw->terms.p ? raw->terms : str_of(arena_printf(b->a, "%.*s/terms", STR_ARG(c->base_url)));
	d->profiles = arena_array(b->a, raw->profiles.count + 1, sizeof(*d->profiles));
	d->caa_identities = arena_array(b->a, raw->caa_identities.count + 1, sizeof(*d->caa_identities));
	if (!d->profiles || !d->caa_identities)
		return false;
	for (size_t i = 0; i < raw->profiles.count; i++) {
		d->profiles[d->profile_count] = config_profile(c, raw->profiles.v[i]);
		if (d->profiles[d->profile_count])
			d->profile_count++;
		else
			config_bad(b, config_line_of(&raw->profiles, i), "profiles", "there is no such profile");
	}
	for (size_t i = 0; i < raw->caa_identities.count; i++)
		d->caa_identities[d->caa_identity_count++] = raw->caa_identities.v[i];
	if (!d->caa_identity_count) {
		struct str host = c->hosts[0], rest;

		if (str_starts(host, "[")) /* an IPv6 address (RFC 3986 §3.2.2): no CAA record can name it */
			(void)str_cut((struct str){ host.p + 1, host.len - 1 }, ']', &host, &rest);
		else
			(void)str_cut(c->hosts[0], ':', &host, &rest);
		d->caa_identities[d->caa_identity_count++] = host;
	}
	return true;
}

static bool build_directories(struct builder *b)
{
	struct config *c = b->c;
	const struct config_directory *raw = c->raw.directories.v;

	c->directories = arena_array(b->a, c->raw.directories.count + 1, sizeof(*c->directories));
	if (!c->directories)
		return false;
	for (size_t i = 0; i < c->raw.directories.count; i++) {
		if (!build_directory(b, &raw[i], c->raw.directories.lines[i], &c->directories[i]))
			return false;
		c->directory_count++;
		for (size_t k = 0; k < i; k++) {
			if (str_eq(c->directories[k].prefix, c->directories[i].prefix))
				config_bad(b, c->raw.directories.lines[i], "prefix", "another directory has the same");
		}
	}
	return true;
}

static bool build_eab_keys(struct builder *b)
{
	struct config *c = b->c;
	const struct config_eab_key *raw = c->raw.eab_keys.v;

	c->eab_keys = arena_array(b->a, c->raw.eab_keys.count + 1, sizeof(*c->eab_keys));
	if (!c->eab_keys)
		return false;
	for (size_t i = 0; i < c->raw.eab_keys.count; i++) {
		struct eab_key *k = &c->eab_keys[c->eab_key_count];
		AUTO_PTR(secret) struct secret *text = NULL;
		AUTO(fault) struct fault f = { 0 };
		uint8_t key[512];
		size_t len = 0;

		if (secret_load(raw[i].key, &text, &f) != RC_OK) {
			config_bad(b, c->raw.eab_keys.lines[i], "eab_keys", f.detail);
			continue;
		}
		if (secret_bytes(text).len > 600 ||
		    !b64url_decode((struct str){ (const char *)secret_bytes(text).p, secret_bytes(text).len }, key, &len) ||
		    len < 16) {
			config_bad(b, c->raw.eab_keys.lines[i], "eab_keys",
			    "the key must be base64url without padding, at least 16 octets");
			continue;
		}
		if (secret_new(bytes_of(key, len), &k->key) != RC_OK)
			return false;
		secret_cleanse(key, sizeof(key));
		k->kid = raw[i].name;
		c->eab_key_count++;
	}
	return true;
}

static void check_probes(struct builder *b)
{
	const struct setting_items *list = &b->c->raw.probes;
	const struct config_probe *v = list->v;

	for (size_t i = 0; i < list->count; i++) {
		uint8_t key[32];
		size_t len;

		config_check_word(b, v[i].name, list->lines[i], "probes");
		if (str_is(v[i].name, PROBE_SERVER))
			config_bad(b, list->lines[i], "probes", "`server` is this server's own view; call the probe something else");
		if (v[i].key.len != 2 * sizeof(key) || !hex_decode(v[i].key, key, &len))
			config_bad(b, list->lines[i], "key", "64 hex digits are wanted, as `assay probe key` prints them");
	}
}

static void build_limits(struct builder *b)
{
	const struct str texts[LIMIT_RULES] = {
		[LIMIT_NONCES_ADDRESS] = b->c->raw.limits.nonces_address,
		[LIMIT_ACCOUNTS_ADDRESS] = b->c->raw.limits.accounts_address,
		[LIMIT_ORDERS_ADDRESS] = b->c->raw.limits.orders_address,
		[LIMIT_ORDERS_ACCOUNT_HOUR] = b->c->raw.limits.orders_account_hour,
		[LIMIT_ORDERS_ACCOUNT_DAY] = b->c->raw.limits.orders_account_day,
		[LIMIT_ORDERS_EAB] = b->c->raw.limits.orders_eab,
		[LIMIT_ORDERS_DIRECTORY] = b->c->raw.limits.orders_directory,
		[LIMIT_CERTS_NAME] = b->c->raw.limits.certs_name,
		[LIMIT_FAILED_VALIDATIONS] = b->c->raw.limits.failed_validations,
	};

	for (size_t i = 0; i < LIMIT_RULES; i++) {
		struct limit *l = &b->c->limits[i];

		*l = limit_preset(b->c->raw.limits.preset, (enum limit_rule)i);
		if (texts[i].p && !limit_parse(texts[i], l))
			config_bad(b, 0, limit_rule_name((enum limit_rule)i), "must be like 100/h, 5/7d or off");
	}
}

enum rc config_from_text(struct arena *a, struct str yaml, const char *file, struct config **out,
			 struct setting_errors *errors)
{
	struct config *c = calloc(1, sizeof(*c));
	struct builder b = { .c = c, .errors_arena = a, .errors = errors, .file = file };
	struct str copy;
	enum rc rc;

	if (!c)
		return RC_NOMEM;
	c->refs = 1;
	arena_init(&c->arena, 4 * LIMIT_SETTINGS_BYTES);
	b.a = &c->arena;
	copy = arena_str(&c->arena, yaml);
	c->file = arena_str(&c->arena, str_of(file));
	rc = copy.p && c->file.p ? settings_read(&c->arena, copy, file, CONFIG_ROWS, &c->raw, errors) : RC_NOMEM;
	if (rc == RC_OK && build_urls(&b) &&
	    !(build_authorities(&b) && build_profiles(&b) && build_directories(&b) && build_eab_keys(&b) &&
	      config_build_zones(&b) && config_build_block(&b) &&
	      config_build_prefixes(&b, &c->raw.proxies.peers, "proxies.peers", &c->proxies, &c->proxy_count)) &&
	    errors->count == 0)
		rc = RC_NOMEM;
	if (rc == RC_OK) {
		build_limits(&b);
		check_probes(&b);
	}
	if (rc == RC_OK && errors->count > 0)
		rc = RC_INVALID;
	if (rc != RC_OK) {
		/* The errors' text may lie in the config's arena: it is moved before that goes. */
		for (size_t i = 0; i < errors->count; i++)
			errors->v[i].text = arena_cstr(a, str_of(errors->v[i].text));
		if (errors->count) {
			struct setting_error *v = arena_array(a, errors->count, sizeof(*v));

			if (v)
				memcpy(v, errors->v, errors->count * sizeof(*v));
			errors->v = v;
			errors->count = v ? errors->count : 0;
		}
		config_unref(c);
		return rc;
	}
	*out = c;
	return RC_OK;
}

enum rc config_load(struct arena *a, const char *file, struct config **out, struct setting_errors *errors)
{
	AUTO(fault) struct fault f = { 0 };
	struct bytes text;
	enum rc rc = file_read(a, file, LIMIT_SETTINGS_BYTES, &text, &f);

	if (rc != RC_OK) {
		settings_add_error(a, errors, file, 0, "%s; `assay init` makes one", f.detail);
		return RC_INVALID;
	}
	return config_from_text(a, (struct str){ (const char *)text.p, text.len }, file, out, errors);
}

struct config *config_ref(struct config *c)
{
	__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void config_unref(struct config *c)
{
	struct config *base;
	struct arena arena;

	if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	base = c->base;
	for (size_t i = 0; !base && i < c->eab_key_count; i++)
		secret_free(c->eab_keys[i].key);
	arena = c->arena;
	free(c);
	arena_done(&arena);
	config_unref(base);
}

/* --- looking up --- */

const struct directory *config_directory(const struct config *c, struct str name)
{
	for (size_t i = 0; i < c->directory_count; i++) {
		if (str_eq(c->directories[i].name, name))
			return &c->directories[i];
	}
	return NULL;
}

const struct authority *config_authority(const struct config *c, struct str name)
{
	for (size_t i = 0; i < c->authority_count; i++) {
		if (str_eq(c->authorities[i].name, name))
			return &c->authorities[i];
	}
	return NULL;
}

const struct profile *config_profile(const struct config *c, struct str name)
{
	for (size_t i = 0; i < c->profile_count; i++) {
		if (str_eq(c->profiles[i].name, name))
			return &c->profiles[i];
	}
	return NULL;
}

/* --- the signer's law --- */

static enum rc law_profiles(struct arena *a, const struct config *c, struct signer_authority *out)
{
	out->profiles = arena_array(a, c->profile_count, sizeof(*out->profiles));
	if (!out->profiles)
		return RC_NOMEM;
	for (size_t i = 0; i < c->profile_count; i++)
		profile_signer_law(&c->profiles[i], &out->profiles[i]);
	out->profile_count = c->profile_count;
	return RC_OK;
}

enum rc config_signer_law(const struct config *c, struct buf *out)
{
	const struct config_authority *raw = c->raw.authorities.v;
	struct signer_config law = { .max_per_minute = (unsigned)c->raw.signer.per_minute,
				     .log_json = c->raw.log.format == LOG_FORMAT_JSON,
				     .give_up_number = c->give_up.number };
	AUTO(arena) struct arena a;
	enum rc rc = RC_OK;

	memcpy(law.give_up_hash, c->give_up.hash, sizeof(law.give_up_hash));
	arena_init(&a, LIMIT_SETTINGS_BYTES);
	/* A claim may wait a day for the signer, and its notBefore was backdated when it was made. */
	for (size_t i = 0; i < c->profile_count; i++) {
		if (law.max_backdate_s < DAY + c->profiles[i].backdate_s)
			law.max_backdate_s = DAY + c->profiles[i].backdate_s;
	}
	law.journal_file = c->raw.signer.journal;
	if (!law.journal_file.p)
		law.journal_file = beside_key(&a, raw[0].key, "signer.journal");
	law.authorities = arena_array(&a, c->authority_count, sizeof(*law.authorities));
	if (!law.authorities)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < c->authority_count; i++) {
		struct signer_authority *s = &law.authorities[law.authority_count++];

		*s = (struct signer_authority){
			.name = raw[i].name,
			.certificate_file = raw[i].chain.p ? raw[i].chain : beside_key(&a, raw[i].key, "chain.pem"),
			.key_ref = raw[i].key,
			.passphrase_ref = raw[i].passphrase,
			.permit = c->authorities[i].permit,
			.permit_count = c->authorities[i].permit_count,
			.ocsp_url = raw[i].ocsp_url,
			.ca_issuers_url = raw[i].ca_issuers_url,
			.crl_url = raw[i].crl_url,
			.crl_shards = c->authorities[i].crl_shards,
			.crl_delta = c->authorities[i].crl_delta_s > 0,
		};
		rc = law_profiles(&a, c, s);
	}
	if (rc == RC_OK)
		signer_config_write(&law, out);
	return rc != RC_OK ? rc : buf_ok(out) ? RC_OK : RC_NOMEM;
}
