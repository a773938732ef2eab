/* signer_config.c - writes and reads the signer's law (signer_config.h). The words of a section are
 * rows of a table: each is handled by one function, may come once unless it says otherwise, and
 * must come if it says so. */
#include "signer/signer_config.h"

#include <arpa/inet.h>

#include "crypto/checkpoint.h"
#include "crypto/crl.h"
#include "signer/messages.h"

#define AUTHORITIES_MAX 64
#define PROFILES_MAX 64
#define PERMITS_MAX 1024
#define LIFETIME_MAX (100LL * 366 * 86400)

static const struct str first_line = { "assay-signer 1", sizeof("assay-signer 1") - 1 };

struct bit_name {
	unsigned bit;
	const char *name;
};

static const struct bit_name extension_names[] = {
	{ EXT_BASIC_CONSTRAINTS, "basic-constraints" },
	{ EXT_KEY_USAGE, "key-usage" },
	{ EXT_EXT_KEY_USAGE, "ext-key-usage" },
	{ EXT_SAN, "san" },
	{ EXT_SUBJECT_KEY_ID, "subject-key-id" },
	{ EXT_AUTHORITY_KEY_ID, "authority-key-id" },
	{ EXT_AIA, "aia" },
	{ EXT_CRL_DP, "crl-distribution-points" },
	{ EXT_CERT_POLICIES, "certificate-policies" },
	{ EXT_TLS_FEATURE, "tls-feature" },
	{ EXT_OCSP_NOCHECK, "ocsp-nocheck" },
	{ 0, NULL },
};
static const struct bit_name key_usage_names[] = {
	{ KU_DIGITAL_SIGNATURE, "digital-signature" },
	{ KU_KEY_ENCIPHERMENT, "key-encipherment" },
	{ KU_KEY_AGREEMENT, "key-agreement" },
	{ 0, NULL },
};
static const struct bit_name ext_key_usage_names[] = {
	{ EKU_SERVER_AUTH, "server-auth" },
	{ EKU_CLIENT_AUTH, "client-auth" },
	{ EKU_OCSP_SIGNING, "ocsp-signing" },
	{ 0, NULL },
};

/* --- writing --- */

static void write_value(struct buf *out, const char *word, struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
			out->failed = true;
	buf_add_text(out, word);
	buf_add_char(out, ' ');
	buf_add_str(out, value);
	buf_add_char(out, '\n');
}

static void write_optional(struct buf *out, const char *word, struct str value)
{
	if (value.len)
		write_value(out, word, value);
}

/* Nothing is written for an empty set: then nothing of the kind is allowed. */
static void write_bits(struct buf *out, const char *word, unsigned bits, const struct bit_name *names)
{
	char separator = ' ';

	if (!bits)
		return;
	buf_add_text(out, word);
	for (; names->name; names++) {
		if (!(bits & names->bit))
			continue;
		buf_add_char(out, separator);
		buf_add_text(out, names->name);
		separator = ',';
		bits &= ~names->bit;
	}
	buf_add_char(out, '\n');
	if (bits)
		out->failed = true;
}

/* The number of leading ones, or -1 when ones follow a zero. */
static int mask_prefix(const uint8_t *mask, size_t len)
{
	int prefix = 0;

	for (size_t i = 0; i < len * 8; i++)
		if (mask[i / 8] & (0x80 >> i % 8)) {
			if ((size_t)prefix != i)
				return -1;
			prefix++;
		}
	return prefix;
}

static void write_permit(struct buf *out, const struct name_subtree *t)
{
	char text[INET6_ADDRSTRLEN];
	int prefix;

	if (t->type == SAN_DNS) {
		write_value(out, "permit", t->dns);
		return;
	}
	prefix = t->type == SAN_IP && (t->ip_len == 4 || t->ip_len == 16)
			 ? mask_prefix(t->mask, t->ip_len) : -1;
	if (prefix < 0 ||
	    !inet_ntop(t->ip_len == 4 ? AF_INET : AF_INET6, t->ip, text, sizeof(text)))
		out->failed = true;
	else
		buf_addf(out, "permit %s/%d\n", text, prefix);
}

static void write_profile(struct buf *out, const struct signer_profile *p)
{
	write_value(out, "profile", p->name);
	buf_addf(out, "max-lifetime %lld\n", (long long)p->max_lifetime_s);
	write_bits(out, "allow", p->allowed_extensions, extension_names);
	write_bits(out, "require", p->required_extensions, extension_names);
	write_bits(out, "key-usage", p->key_usage, key_usage_names);
	write_bits(out, "ext-key-usage", p->ext_key_usage, ext_key_usage_names);
}

void signer_config_write(const struct signer_config *c, struct buf *out)
{
	buf_add_str(out, first_line);
	buf_add_char(out, '\n');
	write_value(out, "journal", c->journal_file);
	buf_addf(out, "max-backdate %lld\n", (long long)c->max_backdate_s);
	if (c->max_per_minute)
		buf_addf(out, "max-per-minute %u\n", c->max_per_minute);
	if (c->log_json)
		buf_add_text(out, "log json\n");
	if (c->give_up_number) {
		char head[CHECKPOINT_HEAD_MAX];

		checkpoint_head_text(c->give_up_number, c->give_up_hash, head);
		write_value(out, "accept-rollback", str_of(head));
	}
	for (size_t i = 0; i < c->authority_count; i++) {
		const struct signer_authority *a = &c->authorities[i];

		write_value(out, "authority", a->name);
		write_value(out, "certificate", a->certificate_file);
		write_value(out, "key", a->key_ref);
		write_optional(out, "passphrase", a->passphrase_ref);
		for (size_t k = 0; k < a->permit_count; k++)
			write_permit(out, &a->permit[k]);
		write_optional(out, "ocsp", a->ocsp_url);
		write_optional(out, "ca-issuers", a->ca_issuers_url);
		write_optional(out, "crl", a->crl_url);
		if (a->crl_shards)
			buf_addf(out, "crl-shards %u\n", a->crl_shards);
		if (a->crl_delta)
			buf_add_text(out, "crl-delta on\n");
		for (size_t k = 0; k < a->profile_count; k++)
			write_profile(out, &a->profiles[k]);
	}
}

/* --- reading --- */

struct reader {
	struct arena *arena;
	struct str rest; /* lines not yet read */
	unsigned line;
	struct signer_config *config;
	struct signer_authority *authority; /* of the section at hand, or NULL */
	struct signer_profile *profile;
	unsigned seen; /* rows of the section's table, by index */
	struct fault *f;
};

static enum rc refuse(struct reader *r, const char *why)
{
	return fault_set(r->f, RC_INVALID, PROBLEM_SERVER_INTERNAL, "signer config line %u: %s",
			 r->line, why);
}

static enum rc read_number(struct reader *r, struct str value, int64_t max, int64_t *out)
{
	int64_t v;

	if (!str_to_int(value, &v) || v < 0 || v > max)
		return refuse(r, "not a number in its range");
	*out = v;
	return RC_OK;
}

static enum rc read_bits(struct reader *r, struct str value, const struct bit_name *names,
			 unsigned *out)
{
	struct str rest = value, name;
	unsigned bits = 0;
	bool more = true;

	while (more) {
		const struct bit_name *n = names;

		more = str_cut(rest, ',', &name, &rest);
		while (n->name && !str_is(name, n->name))
			n++;
		if (!n->name || (bits & n->bit))
			return refuse(r, "an unknown or repeated item in the list");
		bits |= n->bit;
	}
	*out = bits;
	return RC_OK;
}

static enum rc read_journal(struct reader *r, struct str value)
{
	r->config->journal_file = value;
	return RC_OK;
}

static enum rc read_max_backdate(struct reader *r, struct str value)
{
	return read_number(r, value, LIFETIME_MAX, &r->config->max_backdate_s);
}

static enum rc read_max_per_minute(struct reader *r, struct str value)
{
	int64_t n;
	enum rc rc = read_number(r, value, 1000000, &n);

	if (rc != RC_OK)
		return rc;
	r->config->max_per_minute = (unsigned)n;
	return n > 0 ? RC_OK : refuse(r, "leave max-per-minute out for no cap");
}

static enum rc read_log(struct reader *r, struct str value)
{
	r->config->log_json = true;
	return str_is(value, "json") ? RC_OK : refuse(r, "the only other way to log is json");
}

static enum rc read_accept_rollback(struct reader *r, struct str value)
{
	return checkpoint_head_parse(value, &r->config->give_up_number, r->config->give_up_hash)
		       ? RC_OK : refuse(r, "accept-rollback is NUMBER:HASH of a row of the audit trail");
}

static enum rc read_certificate(struct reader *r, struct str value)
{
	r->authority->certificate_file = value;
	return RC_OK;
}

static enum rc read_key(struct reader *r, struct str value)
{
	r->authority->key_ref = value;
	return RC_OK;
}

static enum rc read_passphrase(struct reader *r, struct str value)
{
	r->authority->passphrase_ref = value;
	return RC_OK;
}

static enum rc read_permit(struct reader *r, struct str value)
{
	struct signer_authority *a = r->authority;
	struct fault why = { 0 };
	enum rc rc;

	/* The array has room for all of the section's (section_room). */
	rc = name_subtree_parse(r->arena, value, &a->permit[a->permit_count], &why);
	if (rc == RC_OK)
		a->permit_count++;
	else
		rc = fault_set(r->f, rc, PROBLEM_SERVER_INTERNAL, "signer config line %u: %s",
			       r->line, why.detail);
	fault_done(&why);
	return rc;
}

static enum rc read_ocsp(struct reader *r, struct str value)
{
	r->authority->ocsp_url = value;
	return RC_OK;
}

static enum rc read_ca_issuers(struct reader *r, struct str value)
{
	r->authority->ca_issuers_url = value;
	return RC_OK;
}

static enum rc read_crl(struct reader *r, struct str value)
{
	r->authority->crl_url = value;
	return RC_OK;
}

static enum rc read_crl_shards(struct reader *r, struct str value)
{
	int64_t n;
	enum rc rc = read_number(r, value, CRL_SHARDS_MAX, &n);

	if (rc != RC_OK)
		return rc;
	if (n == 0 || !str_ends(r->authority->crl_url, ".crl") || r->authority->crl_delta)
		return refuse(r, "crl-shards comes after a crl that ends in .crl, is not 0, and not for crl-delta");
	r->authority->crl_shards = (unsigned)n;
	return RC_OK;
}

static enum rc read_crl_delta(struct reader *r, struct str value)
{
	if (!str_is(value, "on") || !str_ends(r->authority->crl_url, ".crl") || r->authority->crl_shards)
		return refuse(r, "crl-delta is on, comes after a crl that ends in .crl, and is not for crl-shards");
	r->authority->crl_delta = true;
	return RC_OK;
}

static enum rc read_max_lifetime(struct reader *r, struct str value)
{
	enum rc rc = read_number(r, value, LIFETIME_MAX, &r->profile->max_lifetime_s);

	if (rc == RC_OK && r->profile->max_lifetime_s == 0)
		return refuse(r, "max-lifetime must not be 0");
	return rc;
}

static enum rc read_allow(struct reader *r, struct str value)
{
	return read_bits(r, value, extension_names, &r->profile->allowed_extensions);
}

static enum rc read_require(struct reader *r, struct str value)
{
	return read_bits(r, value, extension_names, &r->profile->required_extensions);
}

static enum rc read_key_usage(struct reader *r, struct str value)
{
	return read_bits(r, value, key_usage_names, &r->profile->key_usage);
}

static enum rc read_ext_key_usage(struct reader *r, struct str value)
{
	return read_bits(r, value, ext_key_usage_names, &r->profile->ext_key_usage);
}

struct row {
	const char *word;
	enum rc (*read)(struct reader *r, struct str value);
	bool required, repeated;
};

static const struct row process_rows[] = {
	{ "journal", read_journal, .required = true },
	{ "max-backdate", read_max_backdate, .required = true },
	{ "max-per-minute", read_max_per_minute },
	{ "log", read_log },
	{ "accept-rollback", read_accept_rollback },
	{ NULL },
};
static const struct row authority_rows[] = {
	{ "certificate", read_certificate, .required = true },
	{ "key", read_key, .required = true },
	{ "passphrase", read_passphrase },
	{ "permit", read_permit, .repeated = true },
	{ "ocsp", read_ocsp },
	{ "ca-issuers", read_ca_issuers },
	{ "crl", read_crl },
	{ "crl-shards", read_crl_shards },
	{ "crl-delta", read_crl_delta },
	{ NULL },
};
static const struct row profile_rows[] = {
	{ "max-lifetime", read_max_lifetime, .required = true },
	{ "allow", read_allow, .required = true },
	{ "require", read_require },
	{ "key-usage", read_key_usage },
	{ "ext-key-usage", read_ext_key_usage },
	{ NULL },
};

static const struct row *section_rows(const struct reader *r)
{
	return r->profile ? profile_rows : r->authority ? authority_rows : process_rows;
}

/* Splits the next line into its word and its value, which is never empty. */
static enum rc next_line(struct reader *r, struct str *word, struct str *value)
{
	struct str line;

	r->line++;
	if (!str_cut(r->rest, '\n', &line, &r->rest))
		return refuse(r, "the last line does not end");
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f)
			return refuse(r, "a control character");
	if (!str_cut(line, ' ', word, value) || word->len == 0 || value->len == 0)
		return refuse(r, "not of the form \"word value\"");
	return RC_OK;
}

/* How many lines with this word come before one with the word stop, counted ahead so that arrays
 * are made once. */
static size_t count_ahead(struct str text, const char *word, const char *stop)
{
	struct str line, head, value;
	size_t count = 0;

	while (text.len && str_cut(text, '\n', &line, &text)) {
		str_cut(line, ' ', &head, &value);
		if (stop && str_is(head, stop))
			break;
		count += str_is(head, word);
	}
	return count;
}

static enum rc section_room(struct reader *r, const char *word, const char *stop, size_t max,
			    size_t size, void **out)
{
	size_t count = count_ahead(r->rest, word, stop);

	if (count > max)
		return refuse(r, "too many of one kind in this section");
	*out = NULL;
	if (count == 0)
		return RC_OK;
	*out = arena_array(r->arena, count, size);
	return *out ? RC_OK : RC_NOMEM;
}

/* What the section that ends here still lacks. */
static enum rc section_end(struct reader *r)
{
	const struct row *rows = section_rows(r);

	for (size_t i = 0; rows[i].word; i++)
		if (rows[i].required && !(r->seen & 1u << i))
			return fault_set(r->f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
					 "signer config line %u: \"%s\" is missing in the section "
					 "before", r->line, rows[i].word);
	if (r->profile && (r->profile->required_extensions & ~r->profile->allowed_extensions))
		return refuse(r, "the profile before requires an extension that it does not allow");
	r->seen = 0;
	return RC_OK;
}

static enum rc authority_end(struct reader *r)
{
	if (r->authority && r->authority->profile_count == 0)
		return refuse(r, "the authority before has no profile");
	return RC_OK;
}

static enum rc authority_begin(struct reader *r, struct str name)
{
	struct signer_config *c = r->config;
	void *permit = NULL, *profiles = NULL;
	enum rc rc;

	if ((rc = section_end(r)) != RC_OK || (rc = authority_end(r)) != RC_OK)
		return rc;
	if (!message_name_ok(name))
		return refuse(r, "a name is 1 to 64 of A-Z a-z 0-9 . _ -");
	for (size_t i = 0; i < c->authority_count; i++)
		if (str_eq(c->authorities[i].name, name))
			return refuse(r, "the authority is there already");
	if ((rc = section_room(r, "permit", "authority", PERMITS_MAX, sizeof(struct name_subtree),
			       &permit)) != RC_OK ||
	    (rc = section_room(r, "profile", "authority", PROFILES_MAX,
			       sizeof(struct signer_profile), &profiles)) != RC_OK)
		return rc;
	r->authority = &c->authorities[c->authority_count++];
	*r->authority = (struct signer_authority){ .name = name, .permit = permit,
						   .profiles = profiles };
	r->profile = NULL;
	return RC_OK;
}

static enum rc profile_begin(struct reader *r, struct str name)
{
	struct signer_authority *a = r->authority;
	enum rc rc;

	if (!a)
		return refuse(r, "a profile belongs to an authority");
	if ((rc = section_end(r)) != RC_OK)
		return rc;
	if (!message_name_ok(name))
		return refuse(r, "a name is 1 to 64 of A-Z a-z 0-9 . _ -");
	for (size_t i = 0; i < a->profile_count; i++)
		if (str_eq(a->profiles[i].name, name))
			return refuse(r, "the profile is there already");
	r->profile = &a->profiles[a->profile_count++];
	r->profile->name = name;
	return RC_OK;
}

static enum rc read_line(struct reader *r)
{
	const struct row *rows = section_rows(r);
	struct str word, value;
	enum rc rc = next_line(r, &word, &value);

	if (rc != RC_OK)
		return rc;
	if (str_is(word, "authority"))
		return authority_begin(r, value);
	if (str_is(word, "profile"))
		return profile_begin(r, value);
	for (size_t i = 0; rows[i].word; i++) {
		if (!str_is(word, rows[i].word))
			continue;
		if ((r->seen & 1u << i) && !rows[i].repeated)
			return refuse(r, "the word came already in this section");
		r->seen |= 1u << i;
		return rows[i].read(r, value);
	}
	return refuse(r, "a word that this section does not have");
}

enum rc signer_config_read(struct arena *a, struct str text, struct signer_config *out,
			   struct fault *f)
{
	struct signer_config c = { 0 };
	struct reader r = { .arena = a, .config = &c, .f = f, .line = 1 };
	void *authorities;
	struct str line;
	enum rc rc;

	if (text.len > SIGNER_CONFIG_MAX)
		return fault_set(f, RC_LIMIT, PROBLEM_SERVER_INTERNAL,
				 "the signer config has more than %d octets", SIGNER_CONFIG_MAX);
	r.rest = arena_str(a, text);
	if (!r.rest.p)
		return refuse(&r, "no memory for it, or no config at all");
	if (!str_cut(r.rest, '\n', &line, &r.rest) || !str_eq(line, first_line))
		return refuse(&r, "this is not a signer config of version 1");
	if ((rc = section_room(&r, "authority", NULL, AUTHORITIES_MAX,
			       sizeof(struct signer_authority), &authorities)) != RC_OK)
		return rc;
	c.authorities = authorities;
	while (r.rest.len)
		if ((rc = read_line(&r)) != RC_OK)
			return rc;
	if ((rc = section_end(&r)) != RC_OK || (rc = authority_end(&r)) != RC_OK)
		return rc;
	if (c.authority_count == 0)
		return refuse(&r, "no authority");
	*out = c;
	return RC_OK;
}
