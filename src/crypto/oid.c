/* oid.c - the object identifiers that the readers know. */
#include "crypto/x509_impl.h"

#define OID(text) { (const uint8_t *)(text), sizeof(text) - 1 }
#define PKIX "\x2b\x06\x01\x05\x05\x07"           /* 1.3.6.1.5.5.7 */
#define PKCS9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"  /* 1.2.840.113549.1.9 */
#define PKCS1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01"  /* 1.2.840.113549.1.1 */
#define X962_SHA2 "\x2a\x86\x48\xce\x3d\x04\x03"  /* 1.2.840.10045.4.3 */
#define PILOT "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01" /* 0.9.2342.19200300.100.1 */

static const struct {
	enum oid_kind kind;
	unsigned value;
	const char *name;
	struct bytes oid;
} table[] = {
	{ OID_ATTRIBUTE, ATTR_CN, "CN", OID("\x55\x04\x03") },
	{ OID_ATTRIBUTE, ATTR_PLAIN, "serialNumber", OID("\x55\x04\x05") },
	{ OID_ATTRIBUTE, ATTR_PLAIN, "C", OID("\x55\x04\x06") },
	{ OID_ATTRIBUTE, ATTR_PLAIN, "L", OID("\x55\x04\x07") },
	{ OID_ATTRIBUTE, ATTR_PLAIN, "ST", OID("\x55\x04\x08") },
	{ OID_ATTRIBUTE, ATTR_PLAIN, "street", OID("\x55\x04\x09") },
	{ OID_ATTRIBUTE, ATTR_PLAIN, "O", OID("\x55\x04\x0a") },
	{ OID_ATTRIBUTE, ATTR_PLAIN, "OU", OID("\x55\x04\x0b") },
	{ OID_ATTRIBUTE, ATTR_PLAIN, "postalCode", OID("\x55\x04\x11") },
	{ OID_ATTRIBUTE, ATTR_NAMING, "emailAddress", OID(PKCS9 "\x01") },
	{ OID_ATTRIBUTE, ATTR_NAMING, "UID", OID(PILOT "\x01") },
	{ OID_ATTRIBUTE, ATTR_NAMING, "DC", OID(PILOT "\x19") },
	{ OID_EXTENSION, EXT_SUBJECT_KEY_ID, "subjectKeyIdentifier", OID("\x55\x1d\x0e") },
	{ OID_EXTENSION, EXT_KEY_USAGE, "keyUsage", OID("\x55\x1d\x0f") },
	{ OID_EXTENSION, EXT_SAN, "subjectAltName", OID("\x55\x1d\x11") },
	{ OID_EXTENSION, EXT_BASIC_CONSTRAINTS, "basicConstraints", OID("\x55\x1d\x13") },
	{ OID_EXTENSION, EXT_NAME_CONSTRAINTS, "nameConstraints", OID("\x55\x1d\x1e") },
	{ OID_EXTENSION, EXT_CRL_DP, "cRLDistributionPoints", OID("\x55\x1d\x1f") },
	{ OID_EXTENSION, EXT_CERT_POLICIES, "certificatePolicies", OID("\x55\x1d\x20") },
	{ OID_EXTENSION, EXT_AUTHORITY_KEY_ID, "authorityKeyIdentifier", OID("\x55\x1d\x23") },
	{ OID_EXTENSION, EXT_EXT_KEY_USAGE, "extKeyUsage", OID("\x55\x1d\x25") },
	{ OID_EXTENSION, EXT_AIA, "authorityInfoAccess", OID(PKIX "\x01\x01") },
	{ OID_EXTENSION, EXT_TLS_FEATURE, "tlsFeature", OID(PKIX "\x01\x18") },
	{ OID_EXTENSION, EXT_OCSP_NOCHECK, "ocspNoCheck", OID(PKIX "\x30\x01\x05") },
	{ OID_KEY_PURPOSE, EKU_SERVER_AUTH, "serverAuth", OID(PKIX "\x03\x01") },
	{ OID_KEY_PURPOSE, EKU_CLIENT_AUTH, "clientAuth", OID(PKIX "\x03\x02") },
	{ OID_KEY_PURPOSE, EKU_OCSP_SIGNING, "OCSPSigning", OID(PKIX "\x03\x09") },
	{ OID_ACCESS, ACCESS_OCSP, "ocsp", OID(PKIX "\x30\x01") },
	{ OID_ACCESS, ACCESS_CA_ISSUERS, "caIssuers", OID(PKIX "\x30\x02") },
	{ OID_SIGNATURE, SIG_RS256, "sha256WithRSAEncryption", OID(PKCS1 "\x0b") },
	{ OID_SIGNATURE, SIG_RS384, "sha384WithRSAEncryption", OID(PKCS1 "\x0c") },
	{ OID_SIGNATURE, SIG_RS512, "sha512WithRSAEncryption", OID(PKCS1 "\x0d") },
	{ OID_SIGNATURE, SIG_ES256, "ecdsa-with-SHA256", OID(X962_SHA2 "\x02") },
	{ OID_SIGNATURE, SIG_ES384, "ecdsa-with-SHA384", OID(X962_SHA2 "\x03") },
	{ OID_SIGNATURE, SIG_ES512, "ecdsa-with-SHA512", OID(X962_SHA2 "\x04") },
	{ OID_SIGNATURE, SIG_EDDSA, "Ed25519", OID("\x2b\x65\x70") },
	{ OID_REQUEST, REQUEST_EXTENSIONS, "extensionRequest", OID(PKCS9 "\x0e") },
};

unsigned oid_find(enum oid_kind kind, struct bytes oid, const char **out_name)
{
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (table[i].kind == kind && bytes_eq(table[i].oid, oid)) {
			if (out_name)
				*out_name = table[i].name;
			return table[i].value;
		}
	if (out_name)
		*out_name = "unknown";
	return 0;
}
