/* check_facts.c - what settings and store say about a name: the same decisions as newOrder and
 * finalize make (order.c, policy.c, authz.c, the issuer), in one snapshot and a transaction that is
 * thrown away. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "core/ari.h"
#include "core/authz.h"
#include "core/check_impl.h"
#include "core/eab.h"
#include "core/health.h"
#include "core/policy.h"
#include "core/rate_limit.h"

#define CLOCK_TOLERANCE_S 60
#define ROWS_LOOKED_AT 2000 /* certificates and orders: the newest */
#define ROWS_BATCH 100
#define ROWS_ARENA (4 * 1024 * 1024)
#define ROWS_SHOWN 5

static bool is_decision(enum rc rc)
{
	return rc == RC_DENIED || rc == RC_INVALID || rc == RC_LIMIT || rc == RC_NOTFOUND;
}

/* --- the question --- */

static enum rc find_account(struct check *k, struct fault *f)
{
	struct str text = k->request.account, head, rest = text;
	struct account_record r;
	struct id id;
	enum rc rc;

	/* An account's URL will do: its id comes last (RFC 8555 §7.3). */
	while (str_cut(rest, '/', &head, &rest))
		text = rest;
	if (!id_parse(text, &id))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"account\" is not the id or URL of an account");
	rc = account_get(&k->context, id, &r, f);
	if (rc != RC_OK)
		return rc;
	k->account = (struct account){ .id = id, .status = r.status, .directory = r.directory, .eab_kid = r.eab_kid };
	if (k->request.directory.p && !str_eq(k->request.directory, r.directory))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "the account is of directory \"%.*s\"; leave \"directory\" out",
				 STR_ARG(r.directory));
	k->request.directory = r.directory;
	k->report.account = id_str(&k->arena, id);
	if (r.status == ACCOUNT_VALID)
		check_add(k, &k->lines, CHECK_OK, "account", NULL, "valid, of directory \"%.*s\", registered %s, %s%.*s",
			  STR_ARG(r.directory), check_time(k, r.created_at), r.eab_kid.p ? "bound by key " : "without binding",
			  STR_ARG(r.eab_kid));
	else
		check_add(k, &k->lines, CHECK_FAIL, "account",
			  "Have the client register a new account; one that has ended does not come back (RFC 8555 §7.3.6).",
			  "the account is %s", account_status_name(r.status));
	return RC_OK;
}

static enum rc find_directory(struct check *k, struct fault *f)
{
	struct str name = k->request.directory;

	k->directory = name.p ? config_directory(k->config, name) : &k->config->directories[0];
	if (!k->directory)
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no directory \"%.*s\" (any more)", STR_ARG(name));
	if (!k->request.account.p)
		check_add(k, &k->lines, CHECK_OK, "account", NULL,
			  "none given: whoever registers in directory \"%.*s\"%s", STR_ARG(k->directory->name),
			  k->directory->eab_required ? ", which takes a binding key (`assay eab add`)" : "");
	return RC_OK;
}

/* False: it can be no identifier, and a line says so. */
static bool read_name(struct check *k)
{
	AUTO(fault) struct fault f = { 0 };
	struct identifier *id = &k->identifier;
	struct addr literal;
	bool is_ip = addr_ip_parse(k->request.name, 0, &literal);
	enum rc rc = identifier_parse(&k->arena, is_ip ? STR("ip") : STR("dns"), k->request.name, id, &f);

	k->report.name = k->request.name;
	if (rc != RC_OK) {
		check_add(k, &k->lines, CHECK_FAIL, "name",
			  "Ask for a name as it is in the DNS (letters, digits, hyphens; international names as xn--...), or for an address.",
			  "%s", f.detail[0] ? f.detail : rc_text(rc));
		return false;
	}
	k->report.name = str_of(arena_printf(&k->arena, "%s%.*s", id->wildcard ? "*." : "", STR_ARG(id->value)));
	check_add(k, &k->lines, CHECK_OK, "name", NULL, "%.*s is %s", STR_ARG(k->report.name),
		  id->type == IDENTIFIER_IP ? "an address (RFC 8738)" : id->wildcard ? "a wildcard (RFC 8555 §7.1.3)" :
										       "a DNS name");
	return true;
}

static enum rc read_challenge(struct check *k, int64_t *out, struct fault *f)
{
	*out = challenge_type_bit(k->request.challenge);
	if (k->request.challenge.p && !*out)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"challenge\" must be http-01, dns-01, tls-alpn-01, dns-account-01 or dns-persist-01");
	return RC_OK;
}

/* --- zone and binding --- */

/* covered: the account's binding key is in force and for this name and profile. */
static const char *policy_remedy(const struct check *k, const struct fault *f, bool covered)
{
	if (!covered)
		return "Have the client register with a key that covers it: `assay eab add --zone NAME --profile NAME`.";
	if (!k->zone && !strstr(f->detail, "(block."))
		return "Add a zone that covers the name: `assay zone set`, or zones: in the settings and SIGHUP.";
	switch (f->problem) {
	case PROBLEM_UNAUTHORIZED:
	case PROBLEM_EXTERNAL_ACCOUNT_REQUIRED:
		return "Have the client register with a binding key that the zone is for (`assay eab add`), or change the "
		       "zone's accounts or bindings.";
	case PROBLEM_INVALID_PROFILE:
		return "Order with a profile that zone and directory have, or add it to them (profiles).";
	default:
		break;
	}
	if (k->zone && !authz_provable_by(k->zone, &k->identifier))
		return k->identifier.wildcard ? "Offer dns-01 in the zone (challenges), or order the names one by one." :
						"Offer a challenge in the zone that can prove it (challenges).";
	return "Ask for another name, or change what the line names: block, the zone's names or except.";
}

static struct str deciding_pattern(const struct check *k)
{
	const struct zone *z = k->zone;
	struct str text = z->pattern_text;
	unsigned best = 0;

	for (size_t i = 0; i < z->pattern_count; i++) {
		unsigned fit = zone_pattern_fit(&z->patterns[i], &k->identifier);

		if (fit > best) {
			best = fit;
			text = z->patterns[i].text;
		}
	}
	return text;
}

static const char *zone_serves(struct check *k)
{
	static const char *const texts[] = { [ZONE_ANYONE] = "any account", [ZONE_BOUND] = "accounts with a binding",
					     [ZONE_BINDINGS] = "accounts bound by" };
	const struct zone *z = k->zone;
	const char *text = texts[z->accounts];

	for (size_t i = 0; text && z->accounts == ZONE_BINDINGS && i < z->binding_count; i++)
		text = arena_printf(&k->arena, "%s%s \"%.*s\"", text, i ? "," : "", STR_ARG(z->bindings[i]));
	return text ? text : "?";
}

/* Who names no account asks about the rest: whom the zone is for is said and not decided. */
static enum rc ask_policy(struct check *k, struct fault *f)
{
	struct policy_request r = { .directory = k->directory, .eab_kid = k->account.eab_kid,
				    .profile = k->request.profile };
	const struct zone *zone;
	enum rc rc = policy_zone(&k->context, &r, &k->identifier, &zone, f);

	if (rc != RC_DENIED || k->request.account.p || f->problem != PROBLEM_UNAUTHORIZED)
		return rc;
	check_add(k, &k->lines, CHECK_WARN, "zone", "Give --account to ask for one that may have it.", "%s", f->detail);
	fault_done(f);
	return RC_OK;
}

static enum rc zone_facts(struct check *k, bool covered)
{
	AUTO(fault) struct fault f = { 0 };
	enum rc rc;

	k->zone = config_zone(k->config, &k->identifier);
	rc = ask_policy(k, &f);
	if (rc == RC_OK)
		check_add(k, &k->lines, CHECK_OK, "zone", NULL, "zone \"%.*s\" decides, by its \"%.*s\"; it serves %s",
			  STR_ARG(k->zone->name), STR_ARG(deciding_pattern(k)), zone_serves(k));
	else if (is_decision(rc))
		check_add(k, &k->lines, CHECK_FAIL, "zone", policy_remedy(k, &f, covered), "%s", f.detail);
	else
		return rc;
	return RC_OK;
}

/* What is refused here the policy refuses too, and the zone's line says it. */
static enum rc binding_facts(struct check *k, struct eab_scope *scope, bool *out_covered)
{
	enum rc rc = eab_scope_of(&k->context, k->account.eab_kid, scope, NULL);

	if (rc == RC_OK)
		rc = eab_check_names(scope, &k->identifier, 1, NULL);
	if (rc == RC_OK && k->request.profile.p)
		rc = eab_check_profile(scope, k->request.profile, NULL);
	*out_covered = rc == RC_OK;
	if (rc == RC_OK && k->account.eab_kid.p)
		check_add(k, &k->lines, CHECK_OK, "binding", NULL, "key %.*s covers the name", STR_ARG(k->account.eab_kid));
	return is_decision(rc) ? RC_OK : rc;
}

/* --- profile and authority --- */

static const struct profile *choose_profile(const struct check *k, const struct eab_scope *scope)
{
	for (size_t i = 0; i < k->directory->profile_count; i++) {
		const struct profile *p = k->directory->profiles[i];

		if (k->request.profile.p ? str_eq(p->name, k->request.profile) :
					   eab_allows_profile(scope, p->name) &&
						   (!k->zone || policy_zone_has_profile(k->zone, p->name)))
			return p;
	}
	return NULL;
}

/* A request for the name by a key of the moment. */
static enum rc make_csr(struct check *k, struct csr *out)
{
	struct privkey *key = NULL;
	struct csr_spec spec = { .san_count = 1 };
	struct bytes der;
	struct san san;
	enum rc rc = identifier_san(&k->arena, &k->identifier, &san);

	spec.sans = &san;
	if (rc == RC_OK)
		rc = privkey_generate(KEY_P256, 0, &key);
	if (rc == RC_OK)
		rc = csr_build(&k->arena, &spec, key, &der);
	if (rc == RC_OK)
		rc = csr_parse(&k->arena, der, out, NULL);
	privkey_free(key);
	return rc;
}

/* The issuer's first step, which checks its law and signs nothing (issuer.h). */
static enum rc rehearse(struct check *k, struct issue_claim *out, struct fault *f)
{
	struct issuer *issuer = k->context.service->issuer;
	struct profile profile = *k->profile;
	struct csr csr = { 0 };
	const struct issue_request r = { .authority = k->authority, .profile = &profile, .identifiers = &k->identifier,
					 .identifier_count = 1, .csr = &csr };
	enum rc rc = make_csr(k, &csr);

	profile.key_types |= 1u << KEY_P256; /* whose key it will be is not asked here */
	if (rc == RC_OK)
		rc = issuer->ops->prepare(issuer, &r, &k->arena, out, f);
	csr_done(&csr);
	return rc;
}

static enum rc authority_facts(struct check *k)
{
	AUTO(fault) struct fault f = { 0 };
	const struct cert_info *issuing = &k->authority->issuing;
	struct issue_claim claim;
	enum rc rc = rehearse(k, &claim, &f);

	if (is_decision(rc)) {
		check_add(k, &k->lines, CHECK_FAIL, "authority",
			  "Let another authority issue for the zone (issuer), widen what this one may certify (permit), or renew it.",
			  "authority \"%.*s\" (%s to %s) would refuse: %s", STR_ARG(k->authority->name),
			  check_time(k, issuing->not_before), check_time(k, issuing->not_after), f.detail);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	if (claim.not_after - claim.not_before + 1 < k->profile->lifetime_s)
		check_add(k, &k->lines, CHECK_WARN, "authority", "Renew the authority: its certificates get shorter every day.",
			  "authority \"%.*s\" ends at %s, so the certificate would too", STR_ARG(k->authority->name),
			  check_time(k, issuing->not_after));
	else
		check_add(k, &k->lines, CHECK_OK, "authority", NULL,
			  "\"%.*s\" may certify it until %s; the authority itself lasts until %s", STR_ARG(k->authority->name),
			  check_time(k, claim.not_after), check_time(k, issuing->not_after));
	return RC_OK;
}

static enum rc profile_facts(struct check *k, const struct eab_scope *scope)
{
	k->profile = choose_profile(k, scope);
	k->authority = k->zone ? policy_authority(&(struct policy_request){ .directory = k->directory }, k->zone) :
				 k->directory->authority;
	if (!k->profile) {
		check_add(k, &k->lines, CHECK_FAIL, "profile",
			  "Order with one of the directory's profiles (`assay directory show`), or add it there (profiles).",
			  "directory \"%.*s\" has no profile%s%.*s%s that this account may have for the name",
			  STR_ARG(k->directory->name), k->request.profile.p ? " \"" : "", STR_ARG(k->request.profile),
			  k->request.profile.p ? "\"" : "");
		return RC_OK;
	}
	check_add(k, &k->lines, CHECK_OK, "profile", NULL, "\"%.*s\": a certificate lasts %s", STR_ARG(k->profile->name),
		  check_span(k, k->profile->lifetime_s));
	return authority_facts(k);
}

/* --- limits, service, clock --- */

static void limit_line(struct check *k, const struct fault *f)
{
	check_add(k, &k->lines, CHECK_FAIL, "limits",
		  "Wait until then, forgive what was counted (`assay limit reset SUBJECT`), or raise the limit (limits).",
		  "an order would be refused until %s: %s", check_time(k, k->context.now + f->retry_after_s), f->detail);
}

static enum rc limit_facts(struct check *k)
{
	AUTO(fault) struct fault f = { 0 };
	bool has_account = k->request.account.p;
	struct str account = has_account ? id_str(&k->arena, k->account.id) : (struct str){ 0 }, name;
	enum rc rc;

	if (has_account && !account.p)
		return RC_NOMEM;
	rc = limits_look_order(&k->context, k->directory, account, k->account.eab_kid, &k->identifier, 1, &f);
	if (rc == RC_OK && has_account) {
		rc = identifiers_canonical_text(&k->arena, &k->identifier, 1, &name);
		if (rc == RC_OK)
			rc = limits_look(k->context.service->limits, k->config, LIMIT_FAILED_VALIDATIONS,
					 authz_failure_subject(&k->context, k->account.id, name), &f);
	}
	if (rc == RC_LIMIT)
		limit_line(k, &f);
	else if (rc == RC_OK)
		check_add(k, &k->lines, CHECK_OK, "limits", NULL, "no rate limit is reached%s",
			  has_account ? "" : " for the name and the directory");
	return rc == RC_LIMIT ? RC_OK : rc;
}

static void service_facts(struct check *k)
{
	struct service *s = k->context.service;
	const char *why = s->health ? health_why_not_ready(s) : NULL;

	if (why)
		check_add(k, &k->lines, CHECK_FAIL, "service", "Look at `assay status` and at the server's log.", "not ready: %s",
			  why);
	else
		check_add(k, &k->lines, CHECK_OK, "service", NULL, "the store commits and the signer answers");
}

/* The newest moment that the store knows. */
static enum rc newest_moment(struct check *k, int64_t *out)
{
	struct store_query audits = { .table = &AUDITS, .index = STORE_PRIMARY, .descending = true, .limit = 1,
				      .columns = STORE_COLUMNS(AUDIT_COL_AT) };
	struct store_query certs = { .table = &CERTS, .index = STORE_PRIMARY, .descending = true, .limit = 1,
				     .columns = STORE_COLUMNS(CERT_COL_ISSUED_AT) };
	struct audit_record *a;
	struct cert_record *c;
	size_t a_count, c_count;
	enum rc rc = store_list(k->context.read, &audits, &k->arena, &a, &a_count);

	if (rc == RC_OK)
		rc = store_list(k->context.read, &certs, &k->arena, &c, &c_count);
	if (rc != RC_OK)
		return rc;
	*out = a_count ? a->at : 0;
	if (c_count && c->issued_at > *out)
		*out = c->issued_at;
	return RC_OK;
}

static enum rc clock_facts(struct check *k)
{
	int64_t now = k->context.now, newest;
	enum rc rc = newest_moment(k, &newest);

	if (rc != RC_OK)
		return rc;
	if (newest > now + CLOCK_TOLERANCE_S)
		check_add(k, &k->lines, CHECK_WARN, "clock",
			  "Set the clock of this server right (NTP): certificates would begin in the past.",
			  "this server's clock shows %s, but its newest record is from %s: the clock went back by %s",
			  check_time(k, now), check_time(k, newest), check_span(k, newest - now));
	else if (k->authority && now < k->authority->issuing.not_before)
		check_add(k, &k->lines, CHECK_FAIL, "clock", "Set the clock of this server right (NTP).",
			  "this server's clock shows %s, before its authority begins (%s)", check_time(k, now),
			  check_time(k, k->authority->issuing.not_before));
	else if (k->authority && now > k->authority->issuing.not_after)
		check_add(k, &k->lines, CHECK_FAIL, "clock",
			  "Set the clock of this server right (NTP), or renew the authority (`assay ca`).",
			  "this server's clock shows %s, after its authority ended (%s)", check_time(k, now),
			  check_time(k, k->authority->issuing.not_after));
	else
		check_add(k, &k->lines, CHECK_OK, "clock", NULL, "this server's clock shows %s", check_time(k, now));
	return RC_OK;
}

/* --- what there is already --- */

static void note_cert(struct check *k, const struct cert_record *c)
{
	char serial[2 * SERIAL_MAX + 1], account[ID_TEXT_LEN + 1];
	struct ari_window w = ari_window(c);

	if (c->serial.len > SERIAL_MAX)
		return;
	hex_encode(c->serial, serial);
	serial[2 * c->serial.len] = '\0';
	id_text(c->account, account);
	check_add(k, &k->history, CHECK_OK, "certificate", NULL, "%s of %s%s is valid until %s; renewal from %s to %s",
		  serial, id_is_zero(c->account) ? "the operator" : "account ", id_is_zero(c->account) ? "" : account,
		  check_time(k, c->not_after), check_time(k, w.start), check_time(k, w.end));
}

static void note_order(struct check *k, const struct order_record *o)
{
	char id[ID_TEXT_LEN + 1];

	id_text(o->id, id);
	check_add(k, &k->history, CHECK_OK, "order", NULL, "%s of %s is %s; `assay order why %s` says more", id,
		  check_time(k, o->created_at), o->status == ORDER_PROCESSING ? "being issued" : "open", id);
}

/* Is the name one of these? text: identifiers_to_text(), in whatever case a client wrote. */
static bool names_have(struct str text, struct str name)
{
	struct str one;

	while (text.len) {
		(void)str_cut(text, ' ', &one, &text);
		if (str_eq_nocase(one, name))
			return true;
	}
	return false;
}

/* Walks the newest rows; note() is told of each, and says whether it was shown. */
static enum rc walk_newest(struct check *k, struct store_query q, size_t size,
			   bool (*note)(struct check *k, const void *record, struct str name), struct str name)
{
	struct arena arenas[2];
	size_t looked = 0, shown = 0, count = ROWS_BATCH;
	enum rc rc = RC_OK;

	arena_init(&arenas[0], ROWS_ARENA);
	arena_init(&arenas[1], ROWS_ARENA);
	q.descending = true;
	q.limit = ROWS_BATCH;
	/* The arenas take turns: the next query goes on behind the last row of the one before. */
	for (unsigned turn = 0; rc == RC_OK && count == ROWS_BATCH && looked < ROWS_LOOKED_AT; turn = !turn) {
		char *rows;

		arena_reset(&arenas[turn]);
		rc = store_list(k->context.read, &q, &arenas[turn], &rows, &count);
		for (size_t i = 0; rc == RC_OK && i < count && shown < ROWS_SHOWN; i++)
			shown += note(k, rows + i * size, name);
		if (rc == RC_OK && count)
			q.after = rows + (count - 1) * size;
		looked += count;
	}
	arena_done(&arenas[0]);
	arena_done(&arenas[1]);
	return rc;
}

static bool on_cert(struct check *k, const void *record, struct str name)
{
	const struct cert_record *c = record;

	if (c->status != CERT_VALID || c->not_after < k->context.now || !names_have(c->names, name))
		return false;
	note_cert(k, c);
	return true;
}

static bool on_order(struct check *k, const void *record, struct str name)
{
	const struct order_record *o = record;

	if ((o->status != ORDER_PENDING && o->status != ORDER_PROCESSING) || o->expires_at <= k->context.now ||
	    !names_have(o->identifiers, name))
		return false;
	note_order(k, o);
	return true;
}

static enum rc history_facts(struct check *k)
{
	struct store_query certs = {
		.table = &CERTS, .index = STORE_PRIMARY,
		.columns = STORE_COLUMNS(CERT_COL_SERIAL, CERT_COL_ACCOUNT, CERT_COL_NAMES, CERT_COL_NOT_BEFORE,
					 CERT_COL_NOT_AFTER, CERT_COL_STATUS, CERT_COL_RENEW_FROM, CERT_COL_RENEW_UNTIL),
	};
	struct store_query orders = {
		.table = &ORDERS, .index = STORE_PRIMARY,
		.columns = STORE_COLUMNS(ORDER_COL_ID, ORDER_COL_ACCOUNT, ORDER_COL_STATUS, ORDER_COL_IDENTIFIERS,
					 ORDER_COL_EXPIRES_AT, ORDER_COL_CREATED_AT),
	};
	const struct order_record own = { .account = k->account.id };
	struct str name;
	size_t before;
	enum rc rc = identifiers_canonical_text(&k->arena, &k->identifier, 1, &name);

	if (k->request.account.p) {
		orders.index = ORDERS_BY_ACCOUNT;
		orders.key = &own;
		orders.key_columns = 1;
	}
	before = k->history.count;
	if (rc == RC_OK)
		rc = walk_newest(k, certs, sizeof(struct cert_record), on_cert, name);
	if (rc == RC_OK && k->history.count == before)
		check_add(k, &k->history, CHECK_OK, "certificate", NULL, "none is valid for the name (among the newest %d)",
			  ROWS_LOOKED_AT);
	if (rc == RC_OK)
		rc = walk_newest(k, orders, sizeof(struct order_record), on_order, name);
	return rc;
}

/* --- how it can be proven --- */

/* The authorization that an order would get: authz.c makes it, and it is thrown away. */
static enum rc reuse_facts(struct check *k)
{
	AUTO(fault) struct fault f = { 0 };
	struct authz_record z;
	bool is_valid = false;
	struct id id;
	enum rc rc;

	if (!k->request.account.p)
		return RC_OK;
	rc = authz_for_identifier(&k->context, &k->account, &k->identifier, &id, &is_valid, &f);
	if (rc != RC_OK || !is_valid)
		return is_decision(rc) ? RC_OK : rc; /* the zone's line says it */
	rc = authz_load(&k->context, id, &z);
	if (rc != RC_OK)
		return rc;
	k->proven_by = z.attempted;
	k->offered |= z.attempted; /* by which a parent was proven, perhaps (RFC 9444) */
	check_add(k, &k->history, CHECK_OK, "authorization", NULL,
		  "proven by %s at %s and good until %s: an order would use it again", challenge_type_name(z.attempted),
		  check_time(k, z.validated_at), check_time(k, z.expires_at));
	return RC_OK;
}

static void challenge_facts(struct check *k, int64_t wanted)
{
	struct str list = { 0 };

	k->offered = authz_provable_by(k->zone, &k->identifier);
	for (int64_t bit = 1; bit <= CHALLENGE_DNS_PERSIST_01; bit <<= 1) {
		if (k->offered & bit)
			list = str_of(arena_printf(&k->arena, "%.*s%s%s", STR_ARG(list), list.len ? ", " : "",
						   challenge_type_name(bit)));
	}
	if (!k->offered)
		check_add(k, &k->lines, CHECK_FAIL, "challenges",
			  k->identifier.wildcard ? "Offer dns-01 in the zone (challenges), or order the names one by one." :
						   "Offer a challenge in the zone that can prove it (challenges).",
			  "zone \"%.*s\" offers no challenge that can prove %s (RFC 8555 §7.1.3, RFC 8738 §7)", STR_ARG(k->zone->name),
			  k->identifier.wildcard ? "a wildcard" : "this identifier");
	else if (wanted && !(k->offered & wanted))
		check_add(k, &k->lines, CHECK_FAIL, "challenges", "Use another challenge, or offer this one in the zone (challenges).",
			  "%s cannot prove it here: zone \"%.*s\" offers %.*s for it", challenge_type_name(wanted),
			  STR_ARG(k->zone->name), STR_ARG(list));
	else
		check_add(k, &k->lines, CHECK_OK, "challenges", NULL, "zone \"%.*s\" offers %.*s for it", STR_ARG(k->zone->name),
			  STR_ARG(list));
	if (wanted)
		k->offered &= wanted;
}

static bool zone_may_be_asked(const struct check *k)
{
	for (size_t i = 0; i < k->lines.count; i++) {
		const struct check_line *line = &k->lines.v[i];

		/* A name that nobody may have is nobody's to be asked about. */
		if (line->grade == CHECK_FAIL && strcmp(line->topic, "zone") == 0)
			return false;
	}
	return k->zone != NULL;
}

enum rc check_facts(struct check *k, bool *out_goes_on, struct fault *f)
{
	struct eab_scope scope = { 0 };
	bool is_name = read_name(k), covered = false;
	int64_t wanted;
	enum rc rc = read_challenge(k, &wanted, f);

	if (rc == RC_OK && k->request.account.p)
		rc = find_account(k, f);
	if (rc == RC_OK)
		rc = find_directory(k, f);
	if (rc != RC_OK || !is_name)
		return rc;
	rc = binding_facts(k, &scope, &covered);
	if (rc == RC_OK)
		rc = zone_facts(k, covered);
	if (rc == RC_OK)
		rc = profile_facts(k, &scope);
	if (rc == RC_OK)
		rc = limit_facts(k);
	service_facts(k);
	if (rc == RC_OK)
		rc = clock_facts(k);
	if (rc == RC_OK)
		rc = history_facts(k);
	if (rc != RC_OK || !zone_may_be_asked(k))
		return rc;
	challenge_facts(k, wanted);
	*out_goes_on = k->offered != 0;
	return reuse_facts(k);
}
