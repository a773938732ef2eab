/* config.c - the table of settings, and from strings to what the server works with. Each semantic
 * error names its line; all are reported in one run. */
#include "core/config.h"

#include <stdlib.h>

#include "acme/identifier.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/limits.h"
#include "core/authz.h"
#include "core/rate_limit.h"
#include "crypto/crl.h"
#include "signer/law.h"
#include "signer/signer_config.h"

#define OFF(member) offsetof(struct config_file, member)
#define DAY 86400

/* --- the table --- */

static const char *const level_names[] = { "error", "warn", "info", "debug", NULL };
static const char *const format_names[] = { "text", "json", NULL };
static const char *const preset_names[] = { "private", "public", "dev", NULL };
static const char *const caa_names[] = { "off", "report", "enforce", NULL };

static const struct setting listen_rows[] = {
	{ .name = "acme", .type = SETTING_STR_LIST, .offset = OFF(listen.acme) - OFF(listen), .fallback = ":443",
	  .reload = SETTING_RESTART, .doc = "Addresses for ACME over HTTPS: `:443`, `10.0.0.5:8443`, `[fd00::5]:443`." },
	{ .name = "http", .type = SETTING_STR_LIST, .offset = OFF(listen.http) - OFF(listen),
	  .reload = SETTING_RESTART, .doc = "Plain HTTP: serves only the roots for bootstrap." },
	{ .name = "probes", .type = SETTING_STR_LIST, .offset = OFF(listen.probes) - OFF(listen),
	  .reload = SETTING_RESTART, .doc = "Where probes dial in, over mutually authenticated TLS: `:8444`; default: none." },
	{ .name = "metrics", .type = SETTING_STR_LIST, .offset = OFF(listen.metrics) - OFF(listen),
	  .reload = SETTING_RESTART, .doc = "Plain HTTP for Prometheus, `/metrics` and nothing else: `127.0.0.1:9464`; default: none." },
	{ .name = "admin", .type = SETTING_STR_LIST, .offset = OFF(listen.admin) - OFF(listen),
	  .fallback = "unix:/run/assay/admin.sock", .reload = SETTING_RESTART,
	  .doc = "The local admin socket, `unix:PATH`; the peer's user id is its credential." },
	{ 0 },
};

#define AUTHORITY(member) offsetof(struct config_authority, member)
static const struct setting authority_rows[] = {
	{ .name = "key", .type = SETTING_STR, .offset = AUTHORITY(key), .required = true, .reload = SETTING_RESTART,
	  .doc = "Where the signer process finds the issuing key: `file:PATH`." },
	{ .name = "passphrase", .type = SETTING_STR, .offset = AUTHORITY(passphrase), .reload = SETTING_RESTART,
	  .doc = "Passphrase of the key: `file:PATH` or `credential:NAME` (systemd LoadCredential)." },
	{ .name = "chain", .type = SETTING_STR, .offset = AUTHORITY(chain), .reload = SETTING_RESTART,
	  .doc = "PEM file, issuing certificate first, root last; default: `chain.pem` beside the key." },
	{ .name = "alternates", .type = SETTING_STR_LIST, .offset = AUTHORITY(alternates), .reload = SETTING_RESTART,
	  .doc = "PEM files of further chains for the same key, offered as `Link: rel=\"alternate\"`." },
	{ .name = "permit", .type = SETTING_STR_LIST, .offset = AUTHORITY(permit), .reload = SETTING_RESTART,
	  .doc = "DNS zones and prefixes that the signer certifies at most, beside the certificate's own name constraints." },
	{ .name = "ocsp_url", .type = SETTING_STR, .offset = AUTHORITY(ocsp_url), .reload = SETTING_RESTART,
	  .doc = "OCSP responder URL put into certificates." },
	{ .name = "ca_issuers_url", .type = SETTING_STR, .offset = AUTHORITY(ca_issuers_url), .reload = SETTING_RESTART,
	  .doc = "URL of the issuing certificate (AIA caIssuers) put into certificates." },
	{ .name = "crl_url", .type = SETTING_STR, .offset = AUTHORITY(crl_url), .reload = SETTING_RESTART,
	  .doc = "CRL distribution point put into certificates." },
	{ .name = "crl_lifetime", .type = SETTING_DURATION, .offset = AUTHORITY(crl_lifetime_s), .fallback = "7d",
	  .min = 3600, .max = 90 * DAY, .reload = SETTING_RESTART,
	  .doc = "How long a revocation list is good; a new one is made at half of it, and soon after each revocation." },
	{ .name = "crl_shards", .type = SETTING_INT, .offset = AUTHORITY(crl_shards), .fallback = "0", .min = 0,
	  .max = CRL_SHARDS_MAX, .reload = SETTING_RESTART,
	  .doc = "Lists by serial number beside the full one; crl_url `http://HOST/crl/NAME.crl` then becomes `.../NAME-3.crl` in a certificate of the third. For more than 100,000 revoked certificates. It cannot be changed once it is not 0." },
	{ 0 },
};

#define PROFILE(member) offsetof(struct config_profile, member)
static const struct setting profile_rows[] = {
	{ .name = "description", .type = SETTING_STR, .offset = PROFILE(description), .reload = SETTING_RESTART,
	  .doc = "One sentence, shown in the directory's meta." },
	{ .name = "lifetime", .type = SETTING_DURATION, .offset = PROFILE(lifetime_s), .fallback = "90d",
	  .min = 300, .max = 3650 * DAY, .reload = SETTING_RESTART, .doc = "Lifetime of a certificate." },
	{ .name = "max_lifetime", .type = SETTING_DURATION, .offset = PROFILE(max_lifetime_s),
	  .min = 300, .max = 3650 * DAY, .reload = SETTING_RESTART,
	  .doc = "What a client may ask for by notAfter; default: lifetime. The signer's cap." },
	{ .name = "backdate", .type = SETTING_DURATION, .offset = PROFILE(backdate_s), .fallback = "1h",
	  .min = 1, .max = DAY, .reload = SETTING_RESTART, .doc = "notBefore is this much before now, for clocks that are late." },
	{ .name = "usages", .type = SETTING_STR_LIST, .offset = PROFILE(usages), .fallback = "server",
	  .reload = SETTING_RESTART, .doc = "`server`, `client` (extended key usage)." },
	{ .name = "subject_cn", .type = SETTING_BOOL, .offset = PROFILE(subject_cn), .fallback = "true",
	  .reload = SETTING_RESTART, .doc = "Put the first name that fits 64 characters into the common name." },
	{ .name = "must_staple", .type = SETTING_BOOL, .offset = PROFILE(must_staple), .fallback = "false",
	  .reload = SETTING_RESTART, .doc = "TLS feature extension status_request (RFC 7633)." },
	{ .name = "keys", .type = SETTING_STR_LIST, .offset = PROFILE(keys), .reload = SETTING_RESTART,
	  .doc = "Allowed keys: `p256`, `p384`, `p521`, `rsa2048` (and larger), `rsa3072`, `rsa4096`, `ed25519`; default all." },
	{ 0 },
};

#define DIRECTORY(member) offsetof(struct config_directory, member)
static const struct setting directory_rows[] = {
	{ .name = "issuer", .type = SETTING_STR, .offset = DIRECTORY(issuer), .required = true, .reload = SETTING_RELOAD,
	  .doc = "Name of the authority that issues." },
	{ .name = "prefix", .type = SETTING_STR, .offset = DIRECTORY(prefix), .reload = SETTING_RELOAD,
	  .doc = "Path below which it is served, e.g. `/api/v1/acme`; default `/acme` for the one named default, else `/acme/NAME`." },
	{ .name = "profiles", .type = SETTING_STR_LIST, .offset = DIRECTORY(profiles), .fallback = "server",
	  .reload = SETTING_RELOAD, .doc = "Profiles offered; the first is the default." },
	{ .name = "terms", .type = SETTING_STR, .offset = DIRECTORY(terms), .reload = SETTING_RELOAD,
	  .doc = "Terms of service URL; default: a page of this server." },
	{ .name = "website", .type = SETTING_STR, .offset = DIRECTORY(website), .reload = SETTING_RELOAD,
	  .doc = "Website shown in the directory's meta." },
	{ .name = "caa_identities", .type = SETTING_STR_LIST, .offset = DIRECTORY(caa_identities), .reload = SETTING_RELOAD,
	  .doc = "Names that CAA records may authorize; default: the host of public_url." },
	{ .name = "eab_required", .type = SETTING_BOOL, .offset = DIRECTORY(eab_required), .fallback = "false",
	  .reload = SETTING_RELOAD, .doc = "Only who has an external account binding key may register." },
	{ 0 },
};

#define EAB(member) offsetof(struct config_eab_key, member)
static const struct setting eab_rows[] = {
	{ .name = "key", .type = SETTING_STR, .offset = EAB(key), .required = true, .reload = SETTING_RELOAD,
	  .doc = "The HMAC key, base64url without padding: `file:PATH` or `credential:NAME`." },
	{ 0 },
};

static const char *const zone_accounts_names[] = { "anyone", "bound", "bindings", NULL };
static const char *const zone_dns_names[] = { "resolver", "authoritative", NULL };
static const char *const zone_dnssec_names[] = { "off", "validate", "require", NULL };
static const char *const proxy_names[] = { "x-forwarded-for", "proxy", NULL };

#define ZONE(member) offsetof(struct config_zone, member)
static const struct setting zone_rows[] = {
	{ .name = "name", .type = SETTING_STR, .offset = ZONE(name), .reload = SETTING_RELOAD,
	  .doc = "What messages and `assay zone` call it; default: `zone-1`, `zone-2`, ... by place." },
	{ .name = "names", .type = SETTING_STR_LIST, .offset = ZONE(names), .required = true, .reload = SETTING_RELOAD,
	  .doc = "`nas.lan` (one name), `*.lab.internal` (all below), `10.0.0.0/8` (addresses), `*` (everything)." },
	{ .name = "except", .type = SETTING_STR_LIST, .offset = ZONE(except), .reload = SETTING_RELOAD,
	  .doc = "Names and addresses that the zone does not cover, of the same form; another zone may." },
	{ .name = "accounts", .type = SETTING_ENUM, .offset = ZONE(accounts), .fallback = "anyone",
	  .values = zone_accounts_names, .reload = SETTING_RELOAD,
	  .doc = "Who may have its names: `anyone`, accounts with an external account binding (`bound`), or those bound by one of `bindings`." },
	{ .name = "bindings", .type = SETTING_STR_LIST, .offset = ZONE(bindings), .reload = SETTING_RELOAD,
	  .doc = "Ids or names of external account binding keys, for `accounts: bindings`." },
	{ .name = "challenges", .type = SETTING_STR_LIST, .offset = ZONE(challenges), .fallback = "http-01",
	  .reload = SETTING_RELOAD, .doc = "Challenge types that prove control here: `http-01`, `dns-01`, `tls-alpn-01`, `dns-account-01`, `dns-persist-01`." },
	{ .name = "subdomains", .type = SETTING_BOOL, .offset = ZONE(subdomains), .fallback = "false", .reload = SETTING_RELOAD,
	  .doc = "An authorization for a name may serve the names below it (RFC 9444)." },
	{ .name = "targets", .type = SETTING_STR_LIST, .offset = ZONE(targets), .reload = SETTING_RELOAD,
	  .doc = "Prefixes that validation may dial; default: all that address_policy allows." },
	{ .name = "deny_targets", .type = SETTING_STR_LIST, .offset = ZONE(deny_targets), .reload = SETTING_RELOAD,
	  .doc = "Prefixes that validation never dials." },
	{ .name = "address_policy", .type = SETTING_ENUM, .offset = ZONE(preset), .fallback = "private",
	  .values = preset_names, .reload = SETTING_RELOAD,
	  .doc = "`private`: RFC 1918 and ULA allowed; loopback, link-local, metadata, multicast never. `public`: global unicast only. `dev`: loopback too." },
	{ .name = "resolver", .type = SETTING_STR, .offset = ZONE(resolver), .reload = SETTING_RELOAD,
	  .doc = "DNS server for validation, `ADDRESS` or `ADDRESS:PORT`; default: the system's." },
	{ .name = "dns", .type = SETTING_ENUM, .offset = ZONE(dns), .fallback = "resolver", .values = zone_dns_names,
	  .reload = SETTING_RELOAD,
	  .doc = "Whom the DNS challenges ask: the `resolver`, or all `authoritative` servers of the name, which must agree." },
	{ .name = "dnssec", .type = SETTING_ENUM, .offset = ZONE(dnssec), .fallback = "off", .values = zone_dnssec_names,
	  .reload = SETTING_RELOAD,
	  .doc = "`validate`: an answer whose signatures are wrong is refused; `require`: also one that is not signed." },
	{ .name = "probes", .type = SETTING_STR_LIST, .offset = ZONE(probes), .reload = SETTING_RELOAD,
	  .doc = "Probes that look instead of this server, by name (`probes:`)." },
	{ .name = "probe_quorum", .type = SETTING_INT, .offset = ZONE(probe_quorum), .fallback = "0", .min = 0, .max = 32,
	  .reload = SETTING_RELOAD, .doc = "How many of the probes must agree; 0: all." },
	{ .name = "caa", .type = SETTING_ENUM, .offset = ZONE(caa), .fallback = "report", .values = caa_names,
	  .reload = SETTING_RELOAD, .doc = "CAA mode (RFC 8659)." },
	{ .name = "issuer", .type = SETTING_STR, .offset = ZONE(issuer), .reload = SETTING_RELOAD,
	  .doc = "Authority that issues for its names; default: the directory's." },
	{ .name = "profiles", .type = SETTING_STR_LIST, .offset = ZONE(profiles), .reload = SETTING_RELOAD,
	  .doc = "Profiles of the directory that its names may have; default: all." },
	{ .name = "certificates", .type = SETTING_STR, .offset = ZONE(certificates), .reload = SETTING_RELOAD,
	  .doc = "How many certificates it may get, like `100/h`; default: any number." },
	{ 0 },
};

#define PROBE(member) offsetof(struct config_probe, member)
static const struct setting probe_rows[] = {
	{ .name = "key", .type = SETTING_STR, .offset = PROBE(key), .required = true, .reload = SETTING_RELOAD,
	  .doc = "SHA-256 of the probe's public key (SubjectPublicKeyInfo), hex; `assay probe key` prints it." },
	{ 0 },
};

#define PROXIES(member) (OFF(proxies.member) - OFF(proxies))
static const struct setting proxy_rows[] = {
	{ .name = "peers", .type = SETTING_STR_LIST, .offset = PROXIES(peers), .reload = SETTING_RESTART,
	  .doc = "Addresses or prefixes of proxies whose word on the client's address is taken; default: none." },
	{ .name = "protocol", .type = SETTING_ENUM, .offset = PROXIES(protocol), .fallback = "x-forwarded-for",
	  .values = proxy_names, .reload = SETTING_RESTART,
	  .doc = "How they say it: `x-forwarded-for` (a header) or `proxy` (PROXY protocol 1 or 2 before TLS)." },
	{ 0 },
};

#define BLOCK(member) (OFF(block.member) - OFF(block))
static const struct setting block_rows[] = {
	{ .name = "names", .type = SETTING_STR_LIST, .offset = BLOCK(names), .reload = SETTING_RELOAD,
	  .doc = "Names and addresses that are never certified, whatever the zones say; same form as a zone's names." },
	{ .name = "tlds", .type = SETTING_STR_LIST, .offset = BLOCK(tlds), .reload = SETTING_RELOAD,
	  .doc = "Top-level domains likewise: `zip`, `mov`." },
	{ 0 },
};

#define VALIDATION(member) (OFF(validation.member) - OFF(validation))
static const struct setting validation_rows[] = {
	{ .name = "http01_port", .type = SETTING_INT, .offset = VALIDATION(http01_port), .fallback = "80",
	  .min = 1, .max = 65535, .doc = "Port that HTTP-01 dials." },
	{ .name = "https_port", .type = SETTING_INT, .offset = VALIDATION(https_port), .fallback = "443",
	  .min = 1, .max = 65535, .doc = "Port that redirects to https may name." },
	{ .name = "tls_alpn01_port", .type = SETTING_INT, .offset = VALIDATION(tls_alpn01_port), .fallback = "443",
	  .min = 1, .max = 65535, .doc = "Port that TLS-ALPN-01 dials." },
	{ .name = "trust_anchor", .type = SETTING_STR, .offset = VALIDATION(trust_anchor),
	  .doc = "File with DNSSEC trust anchors (DS or DNSKEY records) for zones with `dnssec`; default: the system's root key." },
	{ .name = "attempts", .type = SETTING_INT, .offset = VALIDATION(attempts), .fallback = "3", .min = 1, .max = 10,
	  .doc = "Tries before a challenge that may yet succeed is invalid." },
	{ .name = "deadline", .type = SETTING_DURATION, .offset = VALIDATION(deadline_s), .fallback = "10s",
	  .min = 1, .max = 60, .doc = "Time for one try, DNS and redirects included." },
	{ .name = "first_retry", .type = SETTING_DURATION, .offset = VALIDATION(first_retry_s), .fallback = "2s",
	  .min = 1, .max = 300, .doc = "Gap before the second try; each further gap is twice as long." },
	{ 0 },
};

#define LIFETIME(member) (OFF(lifetimes.member) - OFF(lifetimes))
static const struct setting lifetime_rows[] = {
	{ .name = "nonce", .type = SETTING_DURATION, .offset = LIFETIME(nonce_s), .fallback = "2h",
	  .min = 1800, .max = DAY, .reload = SETTING_RESTART, .doc = "How long a nonce can be redeemed." },
	{ .name = "order", .type = SETTING_DURATION, .offset = LIFETIME(order_s), .fallback = "7d",
	  .min = 600, .max = 90 * DAY, .doc = "Until an order that is not finalized expires." },
	{ .name = "authorization", .type = SETTING_DURATION, .offset = LIFETIME(authorization_s), .fallback = "8h",
	  .min = 60, .max = 90 * DAY, .doc = "How long a valid authorization serves further orders." },
	{ .name = "finished_order", .type = SETTING_DURATION, .offset = LIFETIME(finished_order_s), .fallback = "30d",
	  .min = 60, .max = 3650 * DAY, .doc = "How long orders and authorizations are kept after they expired, to be explained." },
	{ .name = "unused_account", .type = SETTING_DURATION, .offset = LIFETIME(unused_account_s),
	  .min = DAY, .max = 3650 * DAY, .doc = "Accounts this old without any order or certificate are removed; default: never." },
	{ 0 },
};

#define RENEWAL(member) (OFF(renewal.member) - OFF(renewal))
static const struct setting renewal_rows[] = {
	{ .name = "retry_after", .type = SETTING_DURATION, .offset = RENEWAL(retry_after_s), .fallback = "6h",
	  .min = 60, .max = 7 * DAY, .doc = "How long clients wait before they ask again when to renew (RFC 9773 §4.3)." },
	{ .name = "explanation_url", .type = SETTING_STR, .offset = RENEWAL(explanation_url),
	  .doc = "A page that says why certificates are renewed early, shown with each window." },
	{ 0 },
};

static const char *const limits_names[] = { "private", "internet", NULL };
#define LIMIT(member) (OFF(member) - OFF(limits))
static const struct setting limit_rows[] = {
	{ .name = "preset", .type = SETTING_ENUM, .offset = LIMIT(limits.preset), .fallback = "private",
	  .values = limits_names,
	  .doc = "`private`: little but a cap on failures; `internet`: figures like those of public authorities. The others override it: `100/h`, `5/7d`, `off`." },
	{ .name = "new_nonces_per_address", .type = SETTING_STR, .offset = LIMIT(limits.nonces_address),
	  .doc = "Nonces for an address (/32, /64)." },
	{ .name = "new_accounts_per_address", .type = SETTING_STR, .offset = LIMIT(limits.accounts_address),
	  .doc = "New accounts from an address." },
	{ .name = "new_orders_per_address", .type = SETTING_STR, .offset = LIMIT(limits.orders_address),
	  .doc = "New orders from an address." },
	{ .name = "new_orders_per_account_hour", .type = SETTING_STR, .offset = LIMIT(limits.orders_account_hour),
	  .doc = "New orders of an account, over the hour." },
	{ .name = "new_orders_per_account_day", .type = SETTING_STR, .offset = LIMIT(limits.orders_account_day),
	  .doc = "New orders of an account, over the day." },
	{ .name = "new_orders_per_binding_key", .type = SETTING_STR, .offset = LIMIT(limits.orders_eab),
	  .doc = "New orders of all accounts of an external account binding key." },
	{ .name = "new_orders_per_directory", .type = SETTING_STR, .offset = LIMIT(limits.orders_directory),
	  .doc = "New orders of a directory." },
	{ .name = "certificates_per_name", .type = SETTING_STR, .offset = LIMIT(limits.certs_name),
	  .doc = "Certificates for a name; renewals that say `replaces` (RFC 9773) do not count." },
	{ .name = "failed_validations", .type = SETTING_STR, .offset = LIMIT(limits.failed_validations),
	  .doc = "Failed validations of a name by an account." },
	{ 0 },
};

#define LOG_OFF(member) (OFF(log.member) - OFF(log))
static const struct setting log_rows[] = {
	{ .name = "level", .type = SETTING_ENUM, .offset = LOG_OFF(level), .fallback = "info", .values = level_names,
	  .doc = "Least severity that is logged." },
	{ .name = "format", .type = SETTING_ENUM, .offset = LOG_OFF(format), .fallback = "text", .values = format_names,
	  .doc = "`text` for the journal, `json` for collectors." },
	{ 0 },
};

#define SIGNER(member) (OFF(signer.member) - OFF(signer))
static const struct setting signer_rows[] = {
	{ .name = "program", .type = SETTING_STR, .offset = SIGNER(program), .reload = SETTING_RESTART,
	  .doc = "Path of assay-signer; default: beside assay, then /usr/lib/assay." },
	{ .name = "journal", .type = SETTING_STR, .offset = SIGNER(journal), .reload = SETTING_RESTART,
	  .doc = "The signer's own journal; default: `signer.journal` beside the first authority's key." },
	{ .name = "per_minute", .type = SETTING_INT, .offset = SIGNER(per_minute), .fallback = "0", .min = 0,
	  .max = 10000000, .reload = SETTING_RESTART, .doc = "Most signatures in a minute; 0: no cap." },
	{ 0 },
};

static const struct setting rows[] = {
	{ .name = "name", .type = SETTING_STR, .offset = OFF(name), .fallback = "Assay", .doc = "Shown to people." },
	{ .name = "public_url", .type = SETTING_STR, .offset = OFF(public_url), .required = true,
	  .reload = SETTING_RESTART, .doc = "How clients reach the server: `https://ca.lab.internal`. All ACME URLs begin with it." },
	{ .name = "hosts", .type = SETTING_STR_LIST, .offset = OFF(hosts), .reload = SETTING_RESTART,
	  .doc = "Further Host values (and names in the server's own certificate) that are answered." },
	{ .name = "listen", .type = SETTING_MAP, .offset = OFF(listen), .children = listen_rows, .doc = "Where the server listens." },
	{ .name = "store", .type = SETTING_STR, .offset = OFF(store), .required = true, .reload = SETTING_RESTART,
	  .doc = "`sqlite:PATH`." },
	{ .name = "authorities", .type = SETTING_NAMED, .offset = OFF(authorities), .children = authority_rows,
	  .item_size = sizeof(struct config_authority), .required = true, .doc = "Certificate authorities whose keys the signer process holds." },
	{ .name = "profiles", .type = SETTING_NAMED, .offset = OFF(profiles), .children = profile_rows,
	  .item_size = sizeof(struct config_profile), .doc = "Certificate profiles beside the built-in `server`, `short`, `client` and `mtls`." },
	{ .name = "directories", .type = SETTING_NAMED, .offset = OFF(directories), .children = directory_rows,
	  .item_size = sizeof(struct config_directory), .required = true, .doc = "ACME endpoints." },
	{ .name = "eab_keys", .type = SETTING_NAMED, .offset = OFF(eab_keys), .children = eab_rows,
	  .item_size = sizeof(struct config_eab_key), .doc = "External account binding keys by key id (RFC 8555 §7.3.4)." },
	{ .name = "zones", .type = SETTING_LIST, .offset = OFF(zones), .children = zone_rows,
	  .item_size = sizeof(struct config_zone), .doc = "What may be certified and how control is proven; the most specific zone wins, no zone means no certificate." },
	{ .name = "block", .type = SETTING_MAP, .offset = OFF(block), .children = block_rows, .doc = "What is never certified." },
	{ .name = "probes", .type = SETTING_NAMED, .offset = OFF(probes), .children = probe_rows,
	  .item_size = sizeof(struct config_probe), .doc = "Programs that look from where this server cannot (`assay probe`)." },
	{ .name = "proxies", .type = SETTING_MAP, .offset = OFF(proxies), .children = proxy_rows, .doc = "Who may speak for clients." },
	{ .name = "validation", .type = SETTING_MAP, .offset = OFF(validation), .children = validation_rows, .doc = "How validation dials." },
	{ .name = "lifetimes", .type = SETTING_MAP, .offset = OFF(lifetimes), .children = lifetime_rows, .doc = "How long things live." },
	{ .name = "renewal", .type = SETTING_MAP, .offset = OFF(renewal), .children = renewal_rows, .doc = "When clients renew (RFC 9773)." },
	{ .name = "limits", .type = SETTING_MAP, .offset = OFF(limits), .children = limit_rows, .doc = "How often clients may ask (RFC 8555 §6.6)." },
	{ .name = "signer", .type = SETTING_MAP, .offset = OFF(signer), .children = signer_rows, .doc = "The process that holds the keys." },
	{ .name = "log", .type = SETTING_MAP, .offset = OFF(log), .children = log_rows, .doc = "Log." },
	{ .name = "weak_key_lists", .type = SETTING_STR_LIST, .offset = OFF(weak_key_lists), .reload = SETTING_RESTART,
	  .doc = "Files in the format of Debian's openssl-blacklist: RSA keys in them are refused (CVE-2008-0166)." },
	{ .name = "threads", .type = SETTING_INT, .offset = OFF(threads), .fallback = "0", .min = 0, .max = 256,
	  .reload = SETTING_RESTART, .doc = "Request threads; 0: one for each CPU the process may use." },
	{ 0 },
};

void config_manual(struct buf *out)
{
	settings_manual(rows, out);
}

/* --- building --- */

struct builder {
	struct config *c;
	struct arena *a; /* the config's own */
	struct arena *errors_arena;
	struct setting_errors *errors;
	const char *file;
};

static void bad(struct builder *b, unsigned line, const char *what, const char *why)
{
	settings_add_error(b->errors_arena, b->errors, b->file, line, "%s: %s", what, why);
}

static unsigned line_of(const struct setting_strs *list, size_t i)
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
		bad(b, 0, "public_url", "must be https://HOST or https://HOST:PORT, without a path");
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
		bad(b, line, "key", "must be file:PATH");
		return false;
	}
	if (!chain.p)
		chain = beside_key(b->a, raw->key, "chain.pem");
	for (size_t i = 0; i < raw->alternates.count; i++)
		alternates[i] = arena_cstr(b->a, raw->alternates.v[i]);
	rc = authority_load(b->a, raw->name, arena_cstr(b->a, chain), alternates, out, &f);
	if (rc != RC_OK) {
		bad(b, line, "authority", f.detail[0] ? f.detail : rc_text(rc));
		return false;
	}
	out->ocsp_url = raw->ocsp_url;
	out->ca_issuers_url = raw->ca_issuers_url;
	out->crl_url = raw->crl_url;
	out->crl_lifetime_s = raw->crl_lifetime_s;
	out->crl_shards = (unsigned)raw->crl_shards;
	if (raw->crl_shards && !str_ends(raw->crl_url, ".crl"))
		bad(b, line, "crl_shards", "needs a crl_url that ends in .crl, so that certificates can name their list");
	if (raw->permit.count) {
		out->permit = arena_array(b->a, raw->permit.count, sizeof(*out->permit));
		if (!out->permit)
			return false;
	}
	for (size_t i = 0; i < raw->permit.count; i++) {
		if (name_subtree_parse(b->a, raw->permit.v[i], &out->permit[i], &f) != RC_OK)
			bad(b, line_of(&raw->permit, i), "permit", f.detail);
		else
			out->permit_count++;
	}
	return true;
}

/* Names of authorities and profiles go to the signer as single words. */
static void check_word(struct builder *b, struct str name, unsigned line, const char *what)
{
	bool good = name.len >= 1 && name.len <= 64;

	for (size_t i = 0; good && i < name.len; i++) {
		char ch = name.p[i];

		good = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
		       ch == '.' || ch == '_' || ch == '-';
	}
	if (!good)
		bad(b, line, what, "a name is 1 to 64 letters, digits, dots, underscores and hyphens");
}

static bool build_authorities(struct builder *b)
{
	struct config *c = b->c;
	const struct config_authority *raw = c->raw.authorities.v;

	c->authorities = arena_array(b->a, c->raw.authorities.count + 1, sizeof(*c->authorities));
	if (!c->authorities)
		return false;
	for (size_t i = 0; i < c->raw.authorities.count; i++) {
		check_word(b, raw[i].name, c->raw.authorities.lines[i], "authorities");
		if (build_authority(b, &raw[i], c->raw.authorities.lines[i], &c->authorities[c->authority_count]))
			c->authority_count++;
	}
	if (c->raw.authorities.count == 0)
		bad(b, 0, "authorities", "there must be at least one; `assay init` makes one");
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
			bad(b, line_of(&raw->keys, i), "keys",
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
		bad(b, line, "max_lifetime", "is less than lifetime");
	if (p->backdate_s >= p->lifetime_s)
		bad(b, line, "backdate", "must be less than lifetime");
	for (size_t i = 0; i < raw->usages.count; i++) {
		if (str_is(raw->usages.v[i], "server"))
			p->ext_key_usage |= EKU_SERVER_AUTH, p->key_usage |= KU_KEY_ENCIPHERMENT;
		else if (str_is(raw->usages.v[i], "client"))
			p->ext_key_usage |= EKU_CLIENT_AUTH;
		else
			bad(b, line_of(&raw->usages, i), "usages", "must be server or client");
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

		check_word(b, raw[i].name, c->raw.profiles.lines[i], "profiles");
		if (str_is(raw[i].name, LAW_OCSP_RESPONDER))
			bad(b, c->raw.profiles.lines[i], "profiles", "this name is that of the OCSP responder's own profile");
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
		bad(b, line, "issuer", "there is no such authority");
	if (!d->prefix.p)
		d->prefix = str_is(raw->name, "default")
				    ? STR("/acme")
				    : str_of(arena_printf(b->a, "/acme/%.*s", STR_ARG(raw->name)));
	if (!str_starts(d->prefix, "/") || d->prefix.len < 2 || str_ends(d->prefix, "/"))
		bad(b, line, "prefix", "must begin with / and not end with it");
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
			bad(b, line_of(&raw->profiles, i), "profiles", "there is no such profile");
	}
	for (size_t i = 0; i < raw->caa_identities.count; i++)
		d->caa_identities[d->caa_identity_count++] = raw->caa_identities.v[i];
	if (!d->caa_identity_count) {
		struct str host = c->hosts[0], rest;

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
				bad(b, c->raw.directories.lines[i], "prefix", "another directory has the same");
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
			bad(b, c->raw.eab_keys.lines[i], "eab_keys", f.detail);
			continue;
		}
		if (secret_bytes(text).len > 600 ||
		    !b64url_decode((struct str){ (const char *)secret_bytes(text).p, secret_bytes(text).len }, key, &len) ||
		    len < 16) {
			bad(b, c->raw.eab_keys.lines[i], "eab_keys",
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

static bool build_prefixes(struct builder *b, const struct setting_strs *list, const char *what,
			   const struct prefix **out, size_t *out_count)
{
	struct prefix *v = arena_array(b->a, list->count + 1, sizeof(*v));
	AUTO(fault) struct fault f = { 0 };

	if (!v)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		if (prefix_parse(list->v[i], &v[*out_count], &f) == RC_OK)
			(*out_count)++;
		else
			bad(b, line_of(list, i), what, f.detail);
	}
	*out = v;
	return true;
}

enum rc zone_pattern_parse(struct arena *a, struct str text, struct zone_pattern *out, struct fault *f)
{
	struct zone_pattern p = { .text = text };
	struct identifier id;
	enum rc rc;

	if (str_is(text, "*")) {
		p.any = true;
	} else if (prefix_parse(text, &p.net, NULL) != RC_OK) {
		rc = identifier_parse(a, STR("dns"), text, &id, f);
		if (rc != RC_OK)
			return rc;
		p.below = id.wildcard;
		p.dns = id.value;
	}
	*out = p;
	return RC_OK;
}

static bool build_patterns(struct builder *b, const struct setting_strs *list, const char *what,
			   struct zone_pattern **out, size_t *out_count)
{
	struct zone_pattern *v = arena_array(b->a, list->count + 1, sizeof(*v));
	size_t count = 0;

	if (!v)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		AUTO(fault) struct fault f = { 0 };

		if (zone_pattern_parse(b->a, list->v[i], &v[count], &f) == RC_OK)
			count++;
		else
			bad(b, line_of(list, i), what, f.detail);
	}
	*out = v;
	*out_count = count;
	return true;
}

static bool build_block(struct builder *b)
{
	const struct setting_strs *tlds = &b->c->raw.block.tlds;
	struct config *c = b->c;

	if (!build_patterns(b, &c->raw.block.names, "block.names", &c->block_names, &c->block_name_count))
		return false;
	c->block_tlds = arena_array(b->a, tlds->count + 1, sizeof(*c->block_tlds));
	if (!c->block_tlds)
		return false;
	for (size_t i = 0; i < tlds->count; i++) {
		const char *below = arena_printf(b->a, "x.%.*s", STR_ARG(tlds->v[i]));
		struct identifier id;

		if (!below)
			return false;
		/* As the last label of a name: canonical, and an A-label where it is one. */
		if (memchr(tlds->v[i].p, '.', tlds->v[i].len) ||
		    identifier_parse(b->a, STR("dns"), str_of(below), &id, NULL) != RC_OK)
			bad(b, line_of(tlds, i), "block.tlds", "must be the last label of names, without dots: zip");
		else
			c->block_tlds[c->block_tld_count++] = (struct str){ id.value.p + 2, id.value.len - 2 };
	}
	return true;
}

static struct str join(struct arena *a, const struct setting_strs *list)
{
	struct str text = list->count ? list->v[0] : STR("(none)");

	for (size_t i = 1; i < list->count && text.len < 200; i++)
		text = str_of(arena_printf(a, "%.*s, %.*s", STR_ARG(text), STR_ARG(list->v[i])));
	return text;
}

static bool build_zone(struct builder *b, const struct config_zone *raw, size_t number, unsigned line,
		       struct zone *z)
{
	z->number = number;
	z->name = raw->name.p ? raw->name : str_of(arena_printf(b->a, "zone-%zu", number + 1));
	z->accounts = (enum zone_accounts)raw->accounts;
	z->bindings = raw->bindings.v;
	z->binding_count = raw->bindings.count;
	z->subdomains = raw->subdomains;
	z->dns = (enum zone_dns)raw->dns;
	z->dnssec = (enum zone_dnssec)raw->dnssec;
	z->probes = raw->probes.v;
	z->probe_count = raw->probes.count;
	z->probe_quorum = (size_t)raw->probe_quorum;
	z->profiles = raw->profiles.v;
	z->profile_count = raw->profiles.count;
	z->caa = (enum caa_mode)raw->caa;
	z->targets.preset = (enum addr_preset)raw->preset;
	z->pattern_text = join(b->a, &raw->names);
	if (!build_patterns(b, &raw->names, "names", &z->patterns, &z->pattern_count) ||
	    !build_patterns(b, &raw->except, "except", &z->excepts, &z->except_count) ||
	    !build_prefixes(b, &raw->targets, "targets", &z->targets.allow, &z->targets.allow_count) ||
	    !build_prefixes(b, &raw->deny_targets, "deny_targets", &z->targets.deny, &z->targets.deny_count))
		return false;
	for (size_t i = 0; i < raw->challenges.count; i++) {
		int64_t bit = challenge_type_bit(raw->challenges.v[i]);

		if (!bit)
			bad(b, line_of(&raw->challenges, i), "challenges", "must be http-01, dns-01, tls-alpn-01, dns-account-01 or dns-persist-01");
		z->challenges |= bit;
	}
	if (raw->resolver.p) {
		AUTO(fault) struct fault f = { 0 };

		z->resolvers = arena_array(b->a, 1, sizeof(*z->resolvers));
		if (!z->resolvers)
			return false;
		if (addr_parse(raw->resolver, 53, z->resolvers, &f) == RC_OK)
			z->resolver_count = 1;
		else
			bad(b, line, "resolver", f.detail);
	}
	return true;
}

static bool build_zones(struct builder *b)
{
	struct config *c = b->c;
	const struct config_zone *raw = c->raw.zones.v;

	c->zones = arena_array(b->a, c->raw.zones.count + 1, sizeof(*c->zones));
	if (!c->zones)
		return false;
	for (size_t i = 0; i < c->raw.zones.count; i++) {
		if (!build_zone(b, &raw[i], i, c->raw.zones.lines[i], &c->zones[i]))
			return false;
		c->zone_count++;
	}
	return true;
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
			bad(b, 0, limit_rule_name((enum limit_rule)i), "must be like 100/h, 5/7d or off");
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
	rc = copy.p && c->file.p ? settings_read(&c->arena, copy, file, rows, &c->raw, errors) : RC_NOMEM;
	if (rc == RC_OK && build_urls(&b) &&
	    !(build_authorities(&b) && build_profiles(&b) && build_directories(&b) && build_eab_keys(&b) &&
	      build_zones(&b) && build_block(&b)) &&
	    errors->count == 0)
		rc = RC_NOMEM;
	if (rc == RC_OK)
		build_limits(&b);
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
	struct arena arena;

	if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < c->eab_key_count; i++)
		secret_free(c->eab_keys[i].key);
	arena = c->arena;
	free(c);
	arena_done(&arena);
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

/* How well a pattern fits, more is more specific; 0: not at all. An exact name beats every
 * subtree, a longer subtree or prefix a shorter one, and "*" loses to all. */
unsigned zone_pattern_fit(const struct zone_pattern *p, const struct identifier *id)
{
	if (p->any)
		return 1;
	if (id->type == IDENTIFIER_IP) {
		struct addr a = addr_from_ip(id->ip, id->ip_len, 0);

		return !p->dns.p && prefix_contains(&p->net, &a) ? 2 + p->net.bits : 0;
	}
	if (!p->dns.p)
		return 0;
	if (!p->below)
		return !id->wildcard && str_eq(p->dns, id->value) ? 1000 : 0;
	/* "*.lab.internal": names below it, and the wildcard "*.lab.internal" itself. */
	if (id->wildcard && str_eq(p->dns, id->value))
		return 2 + (unsigned)p->dns.len;
	if (id->value.len > p->dns.len + 1 && id->value.p[id->value.len - p->dns.len - 1] == '.' &&
	    memcmp(id->value.p + id->value.len - p->dns.len, p->dns.p, p->dns.len) == 0)
		return 2 + (unsigned)p->dns.len;
	return 0;
}

bool zone_pattern_touches(const struct zone_pattern *p, const struct identifier *id)
{
	struct str first, rest;

	if (zone_pattern_fit(p, id))
		return true;
	/* "*.x" covers names of one more label (RFC 6125 §6.4.3). */
	return id->wildcard && p->dns.p && !p->below && str_cut(p->dns, '.', &first, &rest) &&
	       str_eq(rest, id->value);
}

static bool zone_excepts(const struct zone *z, const struct identifier *id)
{
	for (size_t i = 0; i < z->except_count; i++) {
		if (zone_pattern_fit(&z->excepts[i], id))
			return true;
	}
	return false;
}

const struct zone *config_zone(const struct config *c, const struct identifier *id)
{
	const struct zone *best = NULL;
	unsigned best_fit = 0;

	for (size_t i = 0; i < c->zone_count; i++) {
		const struct zone *z = &c->zones[i];
		unsigned zone_fit = 0;

		for (size_t k = 0; k < z->pattern_count; k++) {
			unsigned fit = zone_pattern_fit(&z->patterns[k], id);

			zone_fit = fit > zone_fit ? fit : zone_fit;
		}
		if (zone_fit > best_fit && !zone_excepts(z, id)) {
			best = z;
			best_fit = zone_fit;
		}
	}
	return best;
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
				     .log_json = c->raw.log.format == LOG_FORMAT_JSON };
	AUTO(arena) struct arena a;
	enum rc rc = RC_OK;

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
		};
		rc = law_profiles(&a, c, s);
	}
	if (rc == RC_OK)
		signer_config_write(&law, out);
	return rc != RC_OK ? rc : buf_ok(out) ? RC_OK : RC_NOMEM;
}
