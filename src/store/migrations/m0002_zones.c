/* m0002_zones.c - zones that are set at run time; authorizations that serve subdomains (RFC 9444); no
 * index of certificates by key: every certificate paid for a question that is asked once in years. */
#include "store/migrations/migrations.h"

static const struct migration_step steps[] = {
	{ MIGRATION_TABLE, "zones", .columns = {
		{ "name", STORE_TEXT },
		{ "version", STORE_INT },
		{ "text", STORE_TEXT },
		{ "created_at", STORE_INT },
		{ "updated_at", STORE_INT },
		{ "updated_by", STORE_TEXT },
	} },
	{ MIGRATION_COLUMN, "authzs", .columns = { { "subdomains", STORE_INT } } },
	{ MIGRATION_DROP_INDEX, "certs", "certs_by_key" },
};

const struct store_migration MIGRATION_0002_ZONES = {
	.version = 2,
	.what = "zones, subdomain authorizations",
	.steps = steps,
	.step_count = COUNT_OF(steps),
};
