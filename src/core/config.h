/* config.h - the settings file /etc/assay/assay.yaml as structs: one snapshot, const once loaded,
 * counted and swapped whole on reload. The table of settings (name, type, default, range, unit) is in
 * config_rows.c; the manual docs/configuration.md is printed from it. */
#ifndef ASSAY_CORE_CONFIG_H
#define ASSAY_CORE_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/checkpoint.h"
#include "issuer/issuer.h"
#include "net/addr.h"
#include "settings/schema.h"

struct config_authority {
	struct str name;
	struct str key;        /* "file:PATH" */
	struct str passphrase; /* "file:PATH", "credential:NAME", absent */
	struct str chain;      /* PEM file, issuing certificate first */
	struct setting_strs alternates;
	struct setting_strs permit;
	struct str ocsp_url, ca_issuers_url, crl_url;
	int64_t crl_lifetime_s, crl_shards, crl_delta_s;
};

struct config_profile {
	struct str name, description;
	int64_t lifetime_s, max_lifetime_s, backdate_s;
	struct setting_strs usages; /* "server", "client" */
	bool subject_cn, must_staple;
	struct setting_strs keys;
};

struct config_directory {
	struct str name;
	struct str issuer;  /* name of an authority */
	struct str prefix;  /* "/acme" for the one named default, "/acme/NAME" for others */
	struct setting_strs profiles;
	struct str terms, website;
	struct setting_strs caa_identities;
	bool eab_required;
};

struct config_eab_key {
	struct str name; /* the key id */
	struct str key;  /* "file:PATH": base64url, without padding */
};

struct config_zone {
	struct str name;           /* absent: "zone-1", "zone-2", ... by place in the file */
	struct setting_strs names; /* "*.lab.internal", "nas.lan", "10.0.0.0/8", "*" */
	struct setting_strs except; /* of the same form: not these */
	int accounts;              /* enum zone_accounts */
	struct setting_strs bindings; /* EAB key ids or names */
	struct setting_strs challenges;
	bool subdomains;           /* RFC 9444 */
	struct setting_strs targets, deny_targets; /* prefixes that validation may dial */
	int preset;                /* 0: the file's; else enum zone_preset + 1 */
	int address_policy;        /* 0: the preset's; else enum addr_preset + 1; likewise: */
	struct str resolver;       /* absent: the system's */
	int dns;                   /* enum zone_dns */
	int dnssec;                /* enum zone_dnssec */
	struct setting_strs probes; /* names of probes */
	int64_t probe_quorum;
	int caa;                   /* enum caa_mode */
	struct str issuer;         /* absent: the directory's */
	struct setting_strs profiles; /* none: the directory's */
	struct str certificates;   /* "100/h" */
};

#define PROBE_SERVER "server" /* this server's own view among those of a zone's probes */

/* A probe (assay probe): its views are believed when it shows this key. */
struct config_probe {
	struct str name;
	struct str key; /* SHA-256 of its SubjectPublicKeyInfo, hex */
};

/* As read: strings and numbers. */
struct config_file {
	struct str name, public_url;
	struct setting_strs hosts, weak_key_lists;
	int preset; /* enum zone_preset */
	struct {
		struct setting_strs acme, http, admin, metrics, probes;
	} listen;
	struct {
		struct setting_strs peers; /* prefixes */
		int protocol;              /* enum proxy_protocol */
	} proxies;
	struct {
		struct setting_strs names, tlds;
	} block;
	struct str store;
	struct setting_items authorities, profiles, directories, eab_keys, zones, probes;
	struct {
		int64_t http01_port, https_port, tls_alpn01_port, attempts, deadline_s, first_retry_s;
		struct str trust_anchor;
	} validation;
	struct {
		int64_t nonce_s, order_s, authorization_s, unused_account_s, finished_order_s;
	} lifetimes;
	struct {
		int64_t retry_after_s;
		struct str explanation_url;
	} renewal;
	struct {
		int preset;
		struct str nonces_address, accounts_address, orders_address, orders_account_hour,
			orders_account_day, orders_eab, orders_directory, certs_name, failed_validations;
	} limits;
	struct {
		int level, format;
	} log;
	struct {
		struct str program, journal;
		int64_t per_minute;
	} signer;
	int64_t threads;
};

/* --- ready to use --- */

enum caa_mode { CAA_OFF, CAA_REPORT, CAA_ENFORCE };
/* What a zone says where it does not say otherwise. */
enum zone_preset { ZONE_PRIVATE, ZONE_PUBLIC };
/* Who may have names of a zone: anyone, accounts that were bound when they registered (RFC 8555
 * §7.3.4), or those bound by one of the zone's own keys. */
enum zone_accounts { ZONE_ANYONE, ZONE_BOUND, ZONE_BINDINGS };
/* Whom the DNS challenges ask: the zone's resolvers, or the name's authoritative servers, all of them. CAA
 * goes by the resolvers. */
enum zone_dns { ZONE_DNS_RESOLVER, ZONE_DNS_AUTHORITATIVE };
/* Signatures are not looked at; what is signed must be signed right; unsigned is refused too. */
enum zone_dnssec { ZONE_DNSSEC_OFF, ZONE_DNSSEC_VALIDATE, ZONE_DNSSEC_REQUIRE };
/* How a trusted peer tells whom it speaks for (core knows only the setting; net/ and api/ read it). */
enum proxy_protocol { PROXY_FORWARDED_FOR, PROXY_PROTOCOL };

struct limit {
	int64_t count, period_s; /* count 0: no limit */
};

/* What a zone ties together (DESIGN: zones). The most specific match wins; no zone, no certificate. */
struct zone {
	struct str name;
	struct str pattern_text; /* all names, for messages */
	struct zone_pattern {
		struct str text;   /* as it was written, for messages */
		bool any;          /* "*" */
		bool below;        /* "*.lab.internal": names below, any depth; and wildcards there */
		struct str dns;    /* lower case; absent for prefixes */
		struct prefix net; /* addresses */
	} *patterns, *excepts;
	size_t pattern_count, except_count;
	enum zone_preset preset;
	enum zone_accounts accounts;
	const struct str *bindings;
	size_t binding_count;
	int64_t challenges; /* set of CHALLENGE_* */
	bool subdomains;    /* an authorization for a name may serve names below it (RFC 9444) */
	struct addr_policy targets;
	struct addr *resolvers;
	size_t resolver_count;
	enum zone_dns dns;
	enum zone_dnssec dnssec;
	const struct str *probes; /* none: this server itself looks */
	size_t probe_count;
	size_t probe_quorum;      /* of the probes that must agree; 0: all */
	enum caa_mode caa;
	const struct authority *authority; /* NULL: the directory's */
	const struct str *profiles; /* none: all of the directory's */
	size_t profile_count;
	struct limit certificates; /* of the whole zone; count 0: none */
	bool stored;   /* by `assay zone set`, not in the file */
	struct str broken; /* why a stored one means nothing any more: its names are denied; absent: it is good */
	size_t number; /* position in the config: names its resolver */
};

struct directory {
	struct str name, prefix;
	const struct authority *authority;
	const struct profile **profiles; /* first is the default */
	size_t profile_count;
	struct str terms, website;
	struct str *caa_identities;
	size_t caa_identity_count;
	bool eab_required;
};

/* An external account binding key (RFC 8555 §7.3.4). */
struct eab_key {
	struct str kid;
	struct secret *key;
};

/* Rate limits (core/rate_limit.h). */
enum limit_rule {
	LIMIT_NONCES_ADDRESS,
	LIMIT_ACCOUNTS_ADDRESS,
	LIMIT_ORDERS_ADDRESS,
	LIMIT_ORDERS_ACCOUNT_HOUR,
	LIMIT_ORDERS_ACCOUNT_DAY,
	LIMIT_ORDERS_EAB,
	LIMIT_ORDERS_DIRECTORY,
	LIMIT_CERTS_NAME,
	LIMIT_FAILED_VALIDATIONS,
	LIMIT_CERTS_ZONE, /* the figures are each zone's own */
	LIMIT_RULES
};
enum { LIMITS_PRIVATE, LIMITS_INTERNET };

struct config {
	struct arena arena; /* owns everything here */
	int refs;           /* atomic */
	struct config *base; /* the file's, when stored zones were added; owns what they share */
	struct str file;
	struct config_file raw;
	struct str base_url;   /* "https://host[:port]", without trailing slash */
	struct str *hosts;     /* Host values that are ours */
	size_t host_count;
	struct authority *authorities;
	size_t authority_count;
	struct profile *profiles; /* built-in ones first, a file's of the same name replace them */
	size_t profile_count;
	struct directory *directories;
	size_t directory_count;
	struct zone *zones;
	size_t zone_count;
	struct zone_pattern *block_names; /* never certified, whatever the zones say */
	size_t block_name_count;
	struct str *block_tlds; /* last labels, canonical */
	size_t block_tld_count;
	const struct prefix *proxies; /* who may speak for clients */
	size_t proxy_count;
	struct eab_key *eab_keys;
	size_t eab_key_count;
	struct limit limits[LIMIT_RULES];
	bool strict_trainer; /* assay dev --strict */
	/* assay serve --accept-rollback: the checkpoint that is given up (core/checkpoints.h); number 0: none */
	struct checkpoint give_up;
};

/* Reads and checks everything, certificates included. RC_INVALID: errors lists all that is wrong
 * (memory in a). */
enum rc config_load(struct arena *a, const char *file, struct config **out,
		    struct setting_errors *errors) MUST_USE;
enum rc config_from_text(struct arena *a, struct str yaml, const char *file, struct config **out,
			 struct setting_errors *errors) MUST_USE;
/* The file's settings with the zones of the store beside its own: those of the file win. The new one
 * holds a reference on the old. A zone that is wrong denies its names, or when not even those can be
 * told is left out: *why says so of each; nothing of it fails. */
struct stored_zone {
	struct str name, text; /* YAML: one element of `zones` */
	struct str why;        /* out, in the new config's arena; absent: it is good */
};
enum rc config_with_zones(struct config *base, struct stored_zone *v, size_t count, struct config **out) MUST_USE;
struct config *config_ref(struct config *c);
void config_unref(struct config *c);
/* The reference manual of the file, Markdown. */
void config_manual(struct buf *out);

const struct directory *config_directory(const struct config *c, struct str name);
const struct authority *config_authority(const struct config *c, struct str name);
const struct profile *config_profile(const struct config *c, struct str name);
/* "nas.lan", "*.lab.internal", "10.0.0.0/8", "*"; the text must outlive *out. */
enum rc zone_pattern_parse(struct arena *a, struct str text, struct zone_pattern *out, struct fault *f) MUST_USE;
/* By what they match, not by how they are written; 0: the same names. */
int zone_pattern_compare(const struct zone_pattern *a, const struct zone_pattern *b);
/* How well it fits, more is more specific; 0: not at all. */
unsigned zone_pattern_fit(const struct zone_pattern *p, const struct identifier *id);
/* Fits, or is a wildcard that would cover the pattern's one name. */
bool zone_pattern_touches(const struct zone_pattern *p, const struct identifier *id);
/* The zone whose name fits best and that does not except it; NULL: none. Whether an account may have
 * the name is policy_zone()'s to say. */
const struct zone *config_zone(const struct config *c, const struct identifier *id);

/* What the signer process may sign: the same settings as its law (signer/signer_config.h). */
enum rc config_signer_law(const struct config *c, struct buf *out) MUST_USE;

#endif
