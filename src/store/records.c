/* records.c - the tables as every back end sees them. A change here needs a new migration
 * (migrations/): store_open() compares what the migrations made with what is described here. */
#include "store/records.h"

/* The member's C type decides the column's type, so that they cannot differ. */
#define COLUMN(record, member)                                        \
	{                                                             \
		.name = #member,                                      \
		.type = _Generic(((struct record *)0)->member,        \
				 struct id: STORE_ID,                 \
				 int64_t: STORE_INT,                  \
				 struct str: STORE_TEXT,              \
				 struct bytes: STORE_BLOB),           \
		.offset = offsetof(struct record, member),            \
	}

static const struct store_column account_columns[] = {
	[ACCOUNT_COL_ID] = COLUMN(account_record, id),
	[ACCOUNT_COL_VERSION] = COLUMN(account_record, version),
	[ACCOUNT_COL_DIRECTORY] = COLUMN(account_record, directory),
	[ACCOUNT_COL_THUMBPRINT] = COLUMN(account_record, thumbprint),
	[ACCOUNT_COL_JWK] = COLUMN(account_record, jwk),
	[ACCOUNT_COL_STATUS] = COLUMN(account_record, status),
	[ACCOUNT_COL_CONTACTS] = COLUMN(account_record, contacts),
	[ACCOUNT_COL_TERMS_AGREED_AT] = COLUMN(account_record, terms_agreed_at),
	[ACCOUNT_COL_EAB_KID] = COLUMN(account_record, eab_kid),
	[ACCOUNT_COL_EAB] = COLUMN(account_record, eab),
	[ACCOUNT_COL_CREATED_AT] = COLUMN(account_record, created_at),
	[ACCOUNT_COL_CREATED_FROM] = COLUMN(account_record, created_from),
};
static const struct store_index account_indexes[] = {
	[ACCOUNTS_BY_KEY] = { .name = "accounts_by_key",
		.columns = { ACCOUNT_COL_DIRECTORY, ACCOUNT_COL_THUMBPRINT }, .count = 2, .unique = true },
	[ACCOUNTS_BY_CREATED] = { .name = "accounts_by_created",
		.columns = { ACCOUNT_COL_CREATED_AT }, .count = 1 },
};
const struct store_table ACCOUNTS = {
	.name = "accounts",
	.record_size = sizeof(struct account_record),
	.columns = account_columns,
	.column_count = COUNT_OF(account_columns),
	.indexes = account_indexes,
	.index_count = COUNT_OF(account_indexes),
	.version_column = ACCOUNT_COL_VERSION,
};

static const struct store_column order_columns[] = {
	[ORDER_COL_ID] = COLUMN(order_record, id),
	[ORDER_COL_VERSION] = COLUMN(order_record, version),
	[ORDER_COL_ACCOUNT] = COLUMN(order_record, account),
	[ORDER_COL_DIRECTORY] = COLUMN(order_record, directory),
	[ORDER_COL_STATUS] = COLUMN(order_record, status),
	[ORDER_COL_IDENTIFIERS] = COLUMN(order_record, identifiers),
	[ORDER_COL_AUTHZS] = COLUMN(order_record, authzs),
	[ORDER_COL_PROFILE] = COLUMN(order_record, profile),
	[ORDER_COL_PROFILE_HASH] = COLUMN(order_record, profile_hash),
	[ORDER_COL_NOT_BEFORE] = COLUMN(order_record, not_before),
	[ORDER_COL_NOT_AFTER] = COLUMN(order_record, not_after),
	[ORDER_COL_EXPIRES_AT] = COLUMN(order_record, expires_at),
	[ORDER_COL_CREATED_AT] = COLUMN(order_record, created_at),
	[ORDER_COL_REPLACES] = COLUMN(order_record, replaces),
	[ORDER_COL_CSR_HASH] = COLUMN(order_record, csr_hash),
	[ORDER_COL_AUTHORITY] = COLUMN(order_record, authority),
	[ORDER_COL_SERIAL] = COLUMN(order_record, serial),
	[ORDER_COL_CLAIM] = COLUMN(order_record, claim),
	[ORDER_COL_CERTIFICATE] = COLUMN(order_record, certificate),
	[ORDER_COL_ERROR] = COLUMN(order_record, error),
	[ORDER_COL_TRACE] = COLUMN(order_record, trace),
};
static const struct store_index order_indexes[] = {
	[ORDERS_BY_ACCOUNT] = { .name = "orders_by_account",
		.columns = { ORDER_COL_ACCOUNT }, .count = 1 },
	[ORDERS_BY_SERIAL] = { .name = "orders_by_serial",
		.columns = { ORDER_COL_SERIAL }, .count = 1, .partial = true },
};
const struct store_table ORDERS = {
	.name = "orders",
	.record_size = sizeof(struct order_record),
	.columns = order_columns,
	.column_count = COUNT_OF(order_columns),
	.indexes = order_indexes,
	.index_count = COUNT_OF(order_indexes),
	.version_column = ORDER_COL_VERSION,
};

static const struct store_column authz_columns[] = {
	[AUTHZ_COL_ID] = COLUMN(authz_record, id),
	[AUTHZ_COL_VERSION] = COLUMN(authz_record, version),
	[AUTHZ_COL_ACCOUNT] = COLUMN(authz_record, account),
	[AUTHZ_COL_IDENTIFIER] = COLUMN(authz_record, identifier),
	[AUTHZ_COL_SHOWN] = COLUMN(authz_record, shown),
	[AUTHZ_COL_STATUS] = COLUMN(authz_record, status),
	[AUTHZ_COL_EXPIRES_AT] = COLUMN(authz_record, expires_at),
	[AUTHZ_COL_CREATED_AT] = COLUMN(authz_record, created_at),
	[AUTHZ_COL_TOKEN] = COLUMN(authz_record, token),
	[AUTHZ_COL_OFFERED] = COLUMN(authz_record, offered),
	[AUTHZ_COL_ATTEMPTED] = COLUMN(authz_record, attempted),
	[AUTHZ_COL_ATTEMPTED_AT] = COLUMN(authz_record, attempted_at),
	[AUTHZ_COL_VALIDATED_AT] = COLUMN(authz_record, validated_at),
	[AUTHZ_COL_ERROR] = COLUMN(authz_record, error),
	[AUTHZ_COL_TRACE] = COLUMN(authz_record, trace),
	[AUTHZ_COL_SUBDOMAINS] = COLUMN(authz_record, subdomains),
};
static const struct store_index authz_indexes[] = {
	[AUTHZS_BY_NAME] = { .name = "authzs_by_name",
		.columns = { AUTHZ_COL_ACCOUNT, AUTHZ_COL_IDENTIFIER }, .count = 2 },
};
const struct store_table AUTHZS = {
	.name = "authzs",
	.record_size = sizeof(struct authz_record),
	.columns = authz_columns,
	.column_count = COUNT_OF(authz_columns),
	.indexes = authz_indexes,
	.index_count = COUNT_OF(authz_indexes),
	.version_column = AUTHZ_COL_VERSION,
};

static const struct store_column cert_columns[] = {
	[CERT_COL_SERIAL] = COLUMN(cert_record, serial),
	[CERT_COL_VERSION] = COLUMN(cert_record, version),
	[CERT_COL_AUTHORITY] = COLUMN(cert_record, authority),
	[CERT_COL_ACCOUNT] = COLUMN(cert_record, account),
	[CERT_COL_ORDER] = COLUMN(cert_record, order),
	[CERT_COL_PROFILE] = COLUMN(cert_record, profile),
	[CERT_COL_NAMES] = COLUMN(cert_record, names),
	[CERT_COL_DER] = COLUMN(cert_record, der),
	[CERT_COL_SPKI_HASH] = COLUMN(cert_record, spki_hash),
	[CERT_COL_NOT_BEFORE] = COLUMN(cert_record, not_before),
	[CERT_COL_NOT_AFTER] = COLUMN(cert_record, not_after),
	[CERT_COL_ISSUED_AT] = COLUMN(cert_record, issued_at),
	[CERT_COL_STATUS] = COLUMN(cert_record, status),
	[CERT_COL_REVOKED_AT] = COLUMN(cert_record, revoked_at),
	[CERT_COL_REVOKED_REASON] = COLUMN(cert_record, revoked_reason),
	[CERT_COL_REVOKED_BY] = COLUMN(cert_record, revoked_by),
	[CERT_COL_REPLACED_BY] = COLUMN(cert_record, replaced_by),
	[CERT_COL_RENEW_FROM] = COLUMN(cert_record, renew_from),
	[CERT_COL_RENEW_UNTIL] = COLUMN(cert_record, renew_until),
};
static const struct store_index cert_indexes[] = {
	[CERTS_BY_ACCOUNT] = { .name = "certs_by_account",
		.columns = { CERT_COL_ACCOUNT }, .count = 1 },
	[CERTS_BY_NOT_AFTER] = { .name = "certs_by_not_after",
		.columns = { CERT_COL_NOT_AFTER }, .count = 1 },
	/* All that a revocation list says, so that making one touches no row. */
	[CERTS_BY_REVOKED] = { .name = "certs_by_revoked",
		.columns = { CERT_COL_REVOKED_AT, CERT_COL_AUTHORITY, CERT_COL_REVOKED_REASON,
			     CERT_COL_NOT_AFTER },
		.count = 4, .partial = true },
};
const struct store_table CERTS = {
	.name = "certs",
	.record_size = sizeof(struct cert_record),
	.columns = cert_columns,
	.column_count = COUNT_OF(cert_columns),
	.indexes = cert_indexes,
	.index_count = COUNT_OF(cert_indexes),
	.version_column = CERT_COL_VERSION,
};

static const struct store_column job_columns[] = {
	[JOB_COL_ID] = COLUMN(job_record, id),
	[JOB_COL_VERSION] = COLUMN(job_record, version),
	[JOB_COL_KIND] = COLUMN(job_record, kind),
	[JOB_COL_SUBJECT] = COLUMN(job_record, subject),
	[JOB_COL_DUE_AT_MS] = COLUMN(job_record, due_at_ms),
	[JOB_COL_ATTEMPT] = COLUMN(job_record, attempt),
	[JOB_COL_LEASE_OWNER] = COLUMN(job_record, lease_owner),
	[JOB_COL_LEASE_UNTIL_MS] = COLUMN(job_record, lease_until_ms),
	[JOB_COL_NOTE] = COLUMN(job_record, note),
};
const struct store_table JOBS = {
	.name = "jobs",
	.record_size = sizeof(struct job_record),
	.columns = job_columns,
	.column_count = COUNT_OF(job_columns),
	.version_column = JOB_COL_VERSION,
};

static const struct store_column meta_columns[] = {
	[META_COL_KEY] = COLUMN(meta_record, key),
	[META_COL_VERSION] = COLUMN(meta_record, version),
	[META_COL_VALUE] = COLUMN(meta_record, value),
};
const struct store_table METAS = {
	.name = "metas",
	.record_size = sizeof(struct meta_record),
	.columns = meta_columns,
	.column_count = COUNT_OF(meta_columns),
	.version_column = META_COL_VERSION,
};

static const struct store_column crl_columns[] = {
	[CRL_COL_NAME] = COLUMN(crl_record, name),
	[CRL_COL_VERSION] = COLUMN(crl_record, version),
	[CRL_COL_NUMBER] = COLUMN(crl_record, number),
	[CRL_COL_THIS_UPDATE] = COLUMN(crl_record, this_update),
	[CRL_COL_NEXT_UPDATE] = COLUMN(crl_record, next_update),
	[CRL_COL_CONTENT] = COLUMN(crl_record, content),
	[CRL_COL_DER] = COLUMN(crl_record, der),
};
const struct store_table CRLS = {
	.name = "crls",
	.record_size = sizeof(struct crl_record),
	.columns = crl_columns,
	.column_count = COUNT_OF(crl_columns),
	.version_column = CRL_COL_VERSION,
};

static const struct store_column eab_columns[] = {
	[EAB_COL_KID] = COLUMN(eab_record, kid),
	[EAB_COL_VERSION] = COLUMN(eab_record, version),
	[EAB_COL_NAME] = COLUMN(eab_record, name),
	[EAB_COL_SEALED] = COLUMN(eab_record, sealed),
	[EAB_COL_USES] = COLUMN(eab_record, uses),
	[EAB_COL_USED] = COLUMN(eab_record, used),
	[EAB_COL_ZONES] = COLUMN(eab_record, zones),
	[EAB_COL_PROFILES] = COLUMN(eab_record, profiles),
	[EAB_COL_CREATED_AT] = COLUMN(eab_record, created_at),
	[EAB_COL_CREATED_BY] = COLUMN(eab_record, created_by),
	[EAB_COL_EXPIRES_AT] = COLUMN(eab_record, expires_at),
	[EAB_COL_REVOKED_AT] = COLUMN(eab_record, revoked_at),
};
const struct store_table EABS = {
	.name = "eabs",
	.record_size = sizeof(struct eab_record),
	.columns = eab_columns,
	.column_count = COUNT_OF(eab_columns),
	.version_column = EAB_COL_VERSION,
};

static const struct store_column zone_columns[] = {
	[ZONE_COL_NAME] = COLUMN(zone_record, name),
	[ZONE_COL_VERSION] = COLUMN(zone_record, version),
	[ZONE_COL_TEXT] = COLUMN(zone_record, text),
	[ZONE_COL_CREATED_AT] = COLUMN(zone_record, created_at),
	[ZONE_COL_UPDATED_AT] = COLUMN(zone_record, updated_at),
	[ZONE_COL_UPDATED_BY] = COLUMN(zone_record, updated_by),
};
const struct store_table ZONES = {
	.name = "zones",
	.record_size = sizeof(struct zone_record),
	.columns = zone_columns,
	.column_count = COUNT_OF(zone_columns),
	.version_column = ZONE_COL_VERSION,
};

static const struct store_column audit_columns[] = {
	[AUDIT_COL_ID] = COLUMN(audit_record, id),
	[AUDIT_COL_VERSION] = COLUMN(audit_record, version),
	[AUDIT_COL_AT] = COLUMN(audit_record, at),
	[AUDIT_COL_ACTOR] = COLUMN(audit_record, actor),
	[AUDIT_COL_ACTION] = COLUMN(audit_record, action),
	[AUDIT_COL_SUBJECT] = COLUMN(audit_record, subject),
	[AUDIT_COL_DETAIL] = COLUMN(audit_record, detail),
	[AUDIT_COL_NUMBER] = COLUMN(audit_record, number),
	[AUDIT_COL_BEFORE] = COLUMN(audit_record, before),
	[AUDIT_COL_HASH] = COLUMN(audit_record, hash),
};
static const struct store_index audit_indexes[] = {
	[AUDITS_BY_NUMBER] = { .name = "audits_by_number",
		.columns = { AUDIT_COL_NUMBER }, .count = 1, .unique = true },
};
static const struct store_chain audit_chain = {
	.number = AUDIT_COL_NUMBER, .before = AUDIT_COL_BEFORE, .hash = AUDIT_COL_HASH,
	.index = AUDITS_BY_NUMBER,
};
const struct store_table AUDITS = {
	.name = "audits",
	.record_size = sizeof(struct audit_record),
	.columns = audit_columns,
	.column_count = COUNT_OF(audit_columns),
	.indexes = audit_indexes,
	.index_count = COUNT_OF(audit_indexes),
	.chain = &audit_chain,
	.version_column = AUDIT_COL_VERSION,
};

const struct store_table *const STORE_TABLES[] = {
	&ACCOUNTS, &ORDERS, &AUTHZS, &CERTS, &JOBS, &METAS, &CRLS, &AUDITS, &EABS, &ZONES, NULL,
};
