/* plan.c - see plan.h. */
#include "agent/plan.h"

int64_t plan_renew_at(int64_t not_before, int64_t not_after, int64_t renew_before_s)
{
	int64_t life = not_after > not_before ? not_after - not_before : 0;
	int64_t before = renew_before_s > 0 ? renew_before_s : life / 3;

	return not_after - (before < life / 2 ? before : life / 2);
}

static bool names(const struct identifier *list, size_t count, const struct identifier *id)
{
	for (size_t i = 0; i < count; i++) {
		if (identifier_eq(&list[i], id))
			return true;
	}
	return false;
}

static bool names_are_wanted(const struct desired *d, const struct observed_set *set)
{
	for (size_t i = 0; i < d->identifier_count; i++) {
		if (!names(set->identifiers, set->identifier_count, &d->identifiers[i]))
			return false;
	}
	for (size_t i = 0; i < set->identifier_count; i++) {
		if (!names(d->identifiers, d->identifier_count, &set->identifiers[i]))
			return false;
	}
	return true;
}

/* Why a generation will not do; NULL: it will. */
static const char *lacking(const struct desired *d, const struct observed_set *set, int64_t now)
{
	if (!set->generation.p || (!set->key && !set->has_certificate))
		return "there is no key and no certificate yet";
	if (!set->key)
		return "there is no key for the certificate";
	if (!set->has_certificate)
		return "there is a key and no certificate";
	if (!set->key_matches)
		return "the certificate is for another key";
	if (!desired_key_fits(d, privkey_pubkey(set->key)))
		return "another kind of key is wanted";
	if (!names_are_wanted(d, set))
		return "the certificate names something else than what is wanted";
	if (set->not_after < now)
		return "the certificate has expired";
	if (now >= plan_renew_at(set->not_before, set->not_after, d->renew_before_s))
		return "the certificate expires soon";
	return NULL;
}

static bool usable_key(const struct desired *d, const struct observed_set *set)
{
	return set->key && !set->has_certificate && desired_key_fits(d, privkey_pubkey(set->key));
}

struct plan plan_make(const struct desired *d, const struct observed *o, int64_t now)
{
	struct plan p = { .action = PLAN_REQUEST, .key = PLAN_KEY_NEW };
	const char *lacks = lacking(d, &o->live, now);

	/* Newer than what is live, so it was made because that would not do, or by force. */
	if (o->next.generation.p && !lacking(d, &o->next, now)) {
		p.action = PLAN_SWITCH;
		p.renew_at = plan_renew_at(o->next.not_before, o->next.not_after, d->renew_before_s);
		p.why = "an earlier run has obtained a certificate and was interrupted";
		return p;
	}
	if (!lacks && !d->force) {
		p.action = PLAN_NOTHING;
		p.discard_next = o->next.generation.p != NULL;
		p.renew_at = plan_renew_at(o->live.not_before, o->live.not_after, d->renew_before_s);
		p.why = "the certificate is as wanted";
		return p;
	}
	p.why = lacks ? lacks : "asked for by --force";
	if (usable_key(d, &o->next)) {
		p.key = PLAN_KEY_NEXT;
		p.resume = str_eq(o->next.order_server, d->server);
		return p;
	}
	p.discard_next = o->next.generation.p != NULL;
	if (usable_key(d, &o->live))
		p.key = PLAN_KEY_LIVE;
	return p;
}
