/* profiles.c - what the built-in profiles are, and what follows from a profile.
 *
 * Choices of the built-in ones (policy):
 * - 90 days, or 6 days for machines that renew by themselves all the time; a requested notAfter may
 *   go up to 398 days, as far as browsers accept certificates, and to 7 days for "short".
 * - Valid from an hour ago, because clocks of clients differ.
 * - "server", "client" and "mtls" repeat the first DNS name as CN: software that reads nothing else
 *   is still in use on private networks. "short" has an empty subject, as RFC 5280 §4.1.2.6 and
 *   today's public CAs have it; whoever takes it has new software.
 * - keyEncipherment is for RSA key transport in TLS 1.2 and only ever set for RSA keys. */
#include <stdio.h>

#include "base/limits.h"
#include "crypto/digest.h"
#include "issuer/issuer.h"

#define HOUR 3600
#define DAY (24 * HOUR)

#define ALL_KEYS \
	(1u << KEY_RSA | 1u << KEY_P256 | 1u << KEY_P384 | 1u << KEY_P521 | 1u << KEY_ED25519)

#define NAME(text) { text, sizeof(text) - 1 }

const struct profile PROFILES_BUILT_IN[] = {
	{
		.name = NAME("server"),
		.description = NAME("TLS servers, 90 days"),
		.lifetime_s = 90 * DAY,
		.max_lifetime_s = 398 * DAY,
		.backdate_s = HOUR,
		.key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
		.ext_key_usage = EKU_SERVER_AUTH,
		.subject_cn = true,
		.key_types = ALL_KEYS,
		.rsa_bits_min = LIMIT_RSA_BITS_MIN,
		.names_dns = true,
		.names_ip = true,
	},
	{
		.name = NAME("short"),
		.description = NAME("TLS servers that renew by themselves, 6 days"),
		.lifetime_s = 6 * DAY,
		.max_lifetime_s = 7 * DAY,
		.backdate_s = HOUR,
		.key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
		.ext_key_usage = EKU_SERVER_AUTH,
		.key_types = ALL_KEYS,
		.rsa_bits_min = LIMIT_RSA_BITS_MIN,
		.names_dns = true,
		.names_ip = true,
	},
	{
		.name = NAME("client"),
		.description = NAME("TLS clients, 90 days"),
		.lifetime_s = 90 * DAY,
		.max_lifetime_s = 398 * DAY,
		.backdate_s = HOUR,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = EKU_CLIENT_AUTH,
		.subject_cn = true,
		.key_types = ALL_KEYS,
		.rsa_bits_min = LIMIT_RSA_BITS_MIN,
		.names_dns = true,
		.names_ip = true,
	},
	{
		.name = NAME("mtls"),
		.description = NAME("machines that are TLS server and client, 90 days"),
		.lifetime_s = 90 * DAY,
		.max_lifetime_s = 398 * DAY,
		.backdate_s = HOUR,
		.key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
		.ext_key_usage = EKU_SERVER_AUTH | EKU_CLIENT_AUTH,
		.subject_cn = true,
		.key_types = ALL_KEYS,
		.rsa_bits_min = LIMIT_RSA_BITS_MIN,
		.names_dns = true,
		.names_ip = true,
	},
	{ .name = { NULL, 0 } },
};

/* Everything that shapes a certificate, in a fixed order and width; the description does not. A
 * new member of struct profile goes at the end, with a new first octet. */
void profile_hash(const struct profile *p, uint8_t out[32])
{
	const int64_t numbers[] = {
		p->lifetime_s, p->max_lifetime_s, p->backdate_s, p->key_usage, p->ext_key_usage,
		p->subject_cn, p->must_staple, p->key_types, p->rsa_bits_min, p->names_dns,
		p->names_ip, (int64_t)p->name.len,
	};
	uint8_t fixed[1 + sizeof(numbers)] = { 1 };
	struct bytes pieces[2] = { { fixed, sizeof(fixed) }, str_bytes(p->name) };

	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		for (int k = 0; k < 8; k++)
			fixed[1 + 8 * i + (size_t)k] = (uint8_t)((uint64_t)numbers[i] >> (56 - 8 * k));
	sha256_pieces(pieces, COUNT_OF(pieces), out);
}

void profile_signer_law(const struct profile *p, struct signer_profile *out)
{
	*out = (struct signer_profile){
		.name = p->name,
		.max_lifetime_s = p->max_lifetime_s,
		.allowed_extensions = EXT_BASIC_CONSTRAINTS | EXT_KEY_USAGE | EXT_EXT_KEY_USAGE |
				      EXT_SAN | EXT_SUBJECT_KEY_ID | EXT_AUTHORITY_KEY_ID |
				      EXT_AIA | EXT_CRL_DP |
				      (p->must_staple ? EXT_TLS_FEATURE : 0),
		.required_extensions = EXT_KEY_USAGE | EXT_EXT_KEY_USAGE | EXT_SAN |
				       EXT_AUTHORITY_KEY_ID |
				       (p->must_staple ? EXT_TLS_FEATURE : 0),
		.key_usage = p->key_usage,
		.ext_key_usage = p->ext_key_usage,
	};
}

/* "RSA keys of 2048 bits or more, p256, p384" for the fault. */
static void allowed_keys(const struct profile *p, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (enum key_type t = KEY_RSA; t <= KEY_ED25519; t++) {
		int n;

		if (!(p->key_types & 1u << t))
			continue;
		n = t == KEY_RSA ? snprintf(out + len, cap - len, "%sRSA of %u bits or more",
					    len ? ", " : "", p->rsa_bits_min)
				 : snprintf(out + len, cap - len, "%s%s", len ? ", " : "",
					    key_type_name(t, 0));
		if (n < 0 || (size_t)n >= cap - len)
			return;
		len += (size_t)n;
	}
}

enum rc profile_check_key(const struct profile *p, const struct pubkey *key, struct fault *f)
{
	enum key_type type = pubkey_type(key);
	char allowed[160];

	if ((p->key_types & 1u << type) &&
	    (type != KEY_RSA || pubkey_bits(key) >= p->rsa_bits_min))
		return RC_OK;
	allowed_keys(p, allowed, sizeof(allowed));
	return fault_set(f, RC_DENIED, PROBLEM_BAD_CSR,
			 "RFC 8555 §7.4: the CSR's key is %s; profile %.*s allows %s",
			 key_type_name(type, pubkey_bits(key)), STR_ARG(p->name), allowed);
}
