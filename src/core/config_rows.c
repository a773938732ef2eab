/* config_rows.c - the table of settings: one row each. The manual is printed from it. */
#include "core/config_build.h"
#include "crypto/crl.h"

#define OFF(member) offsetof(struct config_file, member)
#define DAY 86400

static const char *const level_names[] = { "error", "warn", "info", "debug", NULL };
static const char *const format_names[] = { "text", "json", NULL };
/* Of zones: the first word is what the preset says, the others follow the enums. */
static const char *const address_names[] = { "preset", "private", "public", "dev", NULL };
static const char *const caa_names[] = { "preset", "off", "report", "enforce", NULL };
static const char *const zone_dns_names[] = { "preset", "resolver", "authoritative", NULL };
static const char *const zone_dnssec_names[] = { "preset", "off", "validate", "require", NULL };
static const char *const zone_preset_names[] = { "inherit", "private", "public", NULL };

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
	{ .name = "crl_delta", .type = SETTING_DURATION, .offset = AUTHORITY(crl_delta_s), .min = 600, .max = 30 * DAY,
	  .reload = SETTING_RESTART,
	  .doc = "How long a delta list is good (RFC 5280 §5.2.4); default: there are none. With it a revocation is in the delta within seconds, and the full list is made anew only at half of crl_lifetime. crl_url must end in `.crl`: the delta of `.../NAME.crl` is `.../NAME-delta.crl`. Not together with crl_shards." },
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
static const char *const proxy_names[] = { "x-forwarded-for", "proxy", NULL };

#define ZONE(member) offsetof(struct config_zone, member)
const struct setting CONFIG_ZONE_ROWS[] = {
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
	{ .name = "preset", .type = SETTING_ENUM, .offset = ZONE(preset), .fallback = "inherit", .values = zone_preset_names,
	  .reload = SETTING_RELOAD,
	  .doc = "What holds for address_policy, caa, dns, dnssec and challenges where they are not set; `inherit`: the `preset` of the whole file." },
	{ .name = "challenges", .type = SETTING_STR_LIST, .offset = ZONE(challenges), .reload = SETTING_RELOAD,
	  .doc = "Challenge types that prove control here: `http-01`, `dns-01`, `tls-alpn-01`, `dns-account-01`, `dns-persist-01`; default: `http-01`, in the preset `public` also `dns-01` and `tls-alpn-01`." },
	{ .name = "subdomains", .type = SETTING_BOOL, .offset = ZONE(subdomains), .fallback = "false", .reload = SETTING_RELOAD,
	  .doc = "An authorization for a name may serve the names below it (RFC 9444)." },
	{ .name = "targets", .type = SETTING_STR_LIST, .offset = ZONE(targets), .reload = SETTING_RELOAD,
	  .doc = "Prefixes that validation may dial; default: all that address_policy allows." },
	{ .name = "deny_targets", .type = SETTING_STR_LIST, .offset = ZONE(deny_targets), .reload = SETTING_RELOAD,
	  .doc = "Prefixes that validation never dials." },
	{ .name = "address_policy", .type = SETTING_ENUM, .offset = ZONE(address_policy), .fallback = "preset",
	  .values = address_names, .reload = SETTING_RELOAD,
	  .doc = "`private`: RFC 1918 and ULA allowed; loopback, link-local, metadata, multicast never. `public`: global unicast only. `dev`: loopback too." },
	{ .name = "resolver", .type = SETTING_STR, .offset = ZONE(resolver), .reload = SETTING_RELOAD,
	  .doc = "DNS server for validation, `ADDRESS` or `ADDRESS:PORT`; default: the system's." },
	{ .name = "dns", .type = SETTING_ENUM, .offset = ZONE(dns), .fallback = "preset", .values = zone_dns_names,
	  .reload = SETTING_RELOAD,
	  .doc = "Whom the DNS challenges ask: the `resolver`, or all `authoritative` servers of the name, which must agree." },
	{ .name = "dnssec", .type = SETTING_ENUM, .offset = ZONE(dnssec), .fallback = "preset", .values = zone_dnssec_names,
	  .reload = SETTING_RELOAD,
	  .doc = "`validate`: an answer whose signatures are wrong is refused; `require`: also one that is not signed." },
	{ .name = "probes", .type = SETTING_STR_LIST, .offset = ZONE(probes), .reload = SETTING_RELOAD,
	  .doc = "Probes that look instead of this server, by name (`probes:`); `server` is its own view among theirs." },
	{ .name = "probe_quorum", .type = SETTING_INT, .offset = ZONE(probe_quorum), .fallback = "0", .min = 0, .max = 32,
	  .reload = SETTING_RELOAD, .doc = "How many of the probes must agree; 0: all." },
	{ .name = "caa", .type = SETTING_ENUM, .offset = ZONE(caa), .fallback = "preset", .values = caa_names,
	  .reload = SETTING_RELOAD, .doc = "What CAA records (RFC 8659) do: nothing (`off`), a line in the log (`report`), a refusal (`enforce`)." },
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

const struct setting CONFIG_ROWS[] = {
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
	{ .name = "preset", .type = SETTING_ENUM, .offset = OFF(preset), .fallback = "private", .values = zone_preset_names + 1,
	  .doc = "What zones say where they do not say otherwise. `private`: address_policy private, caa report, dns resolver, dnssec off, challenges http-01. `public`: address_policy public, caa enforce, dns authoritative, dnssec validate, challenges http-01, dns-01, tls-alpn-01." },
	{ .name = "zones", .type = SETTING_LIST, .offset = OFF(zones), .children = CONFIG_ZONE_ROWS,
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
	settings_manual(CONFIG_ROWS, out);
}
