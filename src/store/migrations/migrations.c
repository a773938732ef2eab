/* migrations.c - the list of all migrations. */
#include "store/migrations/migrations.h"

const struct store_migration *const STORE_MIGRATIONS[] = {
	&MIGRATION_0001_FIRST,
	&MIGRATION_0002_ZONES,
	NULL,
};
