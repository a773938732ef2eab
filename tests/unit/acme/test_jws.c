/* test_jws.c - request authentication: every MUST of RFC 8555 §6.2, the inner JWS of keyChange
 * (§7.3.5), external account binding (§7.3.4), and signatures made by others. */
#include "acme_test.h"

#include "acme/jwk.h"
#include "acme/jws.h"
#include "vectors.h"

#define P256_JWK                                                                         \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define URL "\"url\":\"https://ca.example/acme/new-order\""
#define NONCE "\"nonce\":\"bm9uY2U\""
#define KID "\"kid\":\"https://ca.example/acme/account/1\""
#define ALG "\"alg\":\"ES256\""

static struct str encoded(struct arena *a, struct str text)
{
	char *p = arena_alloc(a, B64URL_LEN(text.len) + 1);

	assert_non_null(p);
	return (struct str){ p, b64url_encode(str_bytes(text), p) };
}

/* A JWS with this protected header; its signature is not one. */
static struct str body_of(struct arena *a, const char *header)
{
	char *text = arena_printf(a, "{\"protected\":\"%s\",\"payload\":\"e30\",\"signature\":\"AAAA\"}",
				  encoded(a, str_of(header)).p);

	assert_non_null(text);
	return str_of(text);
}

typedef enum rc (*parse_fn)(struct arena *, struct str, struct jws *, struct fault *);

/* --- the protected header of a request --- */

static const struct {
	const char *row, *header;
	bool has_nonce, has_kid;
} good_headers[] = {
	{ "kid", "{" ALG "," KID "," NONCE "," URL "}", true, true },
	{ "jwk", "{" ALG ",\"jwk\":" P256_JWK "," NONCE "," URL "}", true, false },
	{ "order is free", "{" URL "," NONCE "," KID "," ALG "}", true, true },
	{ "white space", " {\n  " ALG " ,\n  " KID ",\n\t" NONCE ",\r\n  " URL "\n}\n", true, true },
	{ "nonce absent: left to the gate", "{" ALG "," KID "," URL "}", false, true },
	{ "nonce empty", "{" ALG "," KID ",\"nonce\":\"\"," URL "}", true, true },
	{ "unknown parameters", "{" ALG "," KID "," NONCE "," URL ",\"typ\":\"JOSE\",\"x\":{\"y\":[1]}}", true, true },
	{ "jku is never fetched", "{" ALG "," KID "," NONCE "," URL ",\"jku\":\"http://10.0.0.1/\",\"x5u\":\"a\",\"x5c\":[]}", true, true },
	{ "b64 true", "{" ALG "," KID "," NONCE "," URL ",\"b64\":true}", true, true },
	{ "RS256", "{\"alg\":\"RS256\"," KID "," NONCE "," URL "}", true, true },
	{ "ES384", "{\"alg\":\"ES384\"," KID "," NONCE "," URL "}", true, true },
	{ "ES512", "{\"alg\":\"ES512\"," KID "," NONCE "," URL "}", true, true },
	{ "EdDSA", "{\"alg\":\"EdDSA\"," KID "," NONCE "," URL "}", true, true },
	{ "escaped", "{\"\\u0061lg\":\"ES\\u0032\\u0035\\u0036\"," KID "," NONCE "," URL "}", true, true },
};

static void test_rfc8555_6_2__good_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good_headers); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		AUTO(jws) struct jws j = { 0 };
		const char *row = good_headers[i].row;

		arena_init(&a, 1 << 18);
		check_accepted(row, jws_parse(&a, body_of(&a, good_headers[i].header), &j, &f), &f);
		ROW_CHECK((j.nonce.p != NULL) == good_headers[i].has_nonce, row);
		ROW_CHECK((j.kid.p != NULL) == good_headers[i].has_kid, row);
		ROW_CHECK((j.jwk == NULL) == good_headers[i].has_kid, row);
		ROW_CHECK(str_is(j.url, "https://ca.example/acme/new-order"), row);
		ROW_CHECK(str_is(j.payload, "{}") && !j.mac && j.signature.len == 3, row);
	}
}

struct bad_row {
	const char *row, *text;
	enum problem problem;
	const char *words;
};

static const struct bad_row bad_headers[] = {
	{ "empty", "", PROBLEM_MALFORMED, "empty" },
	{ "not JSON", "x", PROBLEM_MALFORMED, NULL },
	{ "array", "[]", PROBLEM_MALFORMED, "object" },
	{ "no members", "{}", PROBLEM_MALFORMED, "\"alg\"" },
	{ "no alg", "{" KID "," NONCE "," URL "}", PROBLEM_MALFORMED, "\"alg\"" },
	{ "alg number", "{\"alg\":256," KID "," NONCE "," URL "}", PROBLEM_MALFORMED, "\"alg\"" },
	{ "alg null", "{\"alg\":null," KID "," NONCE "," URL "}", PROBLEM_MALFORMED, "\"alg\"" },
	{ "alg list", "{\"alg\":[\"ES256\"]," KID "," NONCE "," URL "}", PROBLEM_MALFORMED, "\"alg\"" },
	{ "alg twice", "{" ALG "," ALG "," KID "," NONCE "," URL "}", PROBLEM_MALFORMED, "twice" },
	{ "alg empty", "{\"alg\":\"\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, "ES256" },
	{ "none", "{\"alg\":\"none\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, "RFC 8555 §6.2" },
	{ "None", "{\"alg\":\"None\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "HS256", "{\"alg\":\"HS256\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, "MACs" },
	{ "HS384", "{\"alg\":\"HS384\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "HS512", "{\"alg\":\"HS512\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "PS256", "{\"alg\":\"PS256\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, "EdDSA" },
	{ "RS384", "{\"alg\":\"RS384\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "RS512", "{\"alg\":\"RS512\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "RS1", "{\"alg\":\"RS1\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "ES256K", "{\"alg\":\"ES256K\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "es256", "{\"alg\":\"es256\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "ES256 and a space", "{\"alg\":\"ES256 \"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "RSA-OAEP", "{\"alg\":\"RSA-OAEP\"," KID "," NONCE "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },

	{ "jwk and kid", "{" ALG ",\"jwk\":" P256_JWK "," KID "," NONCE "," URL "}", PROBLEM_MALFORMED, "both" },
	{ "neither", "{" ALG "," NONCE "," URL "}", PROBLEM_MALFORMED, "neither" },
	{ "kid number", "{" ALG ",\"kid\":1," NONCE "," URL "}", PROBLEM_MALFORMED, "\"kid\" must be a string" },
	{ "kid object", "{" ALG ",\"kid\":{}," NONCE "," URL "}", PROBLEM_MALFORMED, "\"kid\" must be a string" },
	{ "kid null", "{" ALG ",\"kid\":null," NONCE "," URL "}", PROBLEM_MALFORMED, "\"kid\" must be a string" },
	{ "kid with NUL", "{" ALG ",\"kid\":\"a\\u0000b\"," NONCE "," URL "}", PROBLEM_MALFORMED, "NUL" },
	{ "jwk text", "{" ALG ",\"jwk\":\"a\"," NONCE "," URL "}", PROBLEM_BAD_PUBLIC_KEY, "object" },
	{ "jwk null", "{" ALG ",\"jwk\":null," NONCE "," URL "}", PROBLEM_BAD_PUBLIC_KEY, "object" },
	{ "jwk empty", "{" ALG ",\"jwk\":{}," NONCE "," URL "}", PROBLEM_BAD_PUBLIC_KEY, "kty" },
	{ "jwk private", "{" ALG ",\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AA\"}," NONCE "," URL "}",
	  PROBLEM_BAD_PUBLIC_KEY, "private" },
	{ "jwk oct", "{" ALG ",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}," NONCE "," URL "}", PROBLEM_BAD_PUBLIC_KEY, NULL },
	{ "jwk member twice", "{" ALG ",\"jwk\":{\"kty\":\"EC\",\"kty\":\"EC\"}," NONCE "," URL "}", PROBLEM_MALFORMED, "twice" },
	{ "jwk off the curve",
	  "{" ALG ",\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}," NONCE "," URL "}",
	  PROBLEM_BAD_PUBLIC_KEY, NULL },

	{ "no url", "{" ALG "," KID "," NONCE "}", PROBLEM_MALFORMED, "RFC 8555 §6.4" },
	{ "url number", "{" ALG "," KID "," NONCE ",\"url\":1}", PROBLEM_MALFORMED, "\"url\" must be a string" },
	{ "url null", "{" ALG "," KID "," NONCE ",\"url\":null}", PROBLEM_MALFORMED, "\"url\" must be a string" },
	{ "url twice", "{" ALG "," KID "," NONCE "," URL "," URL "}", PROBLEM_MALFORMED, "twice" },

	{ "nonce number", "{" ALG "," KID ",\"nonce\":1," URL "}", PROBLEM_MALFORMED, "RFC 8555 §6.5.2" },
	{ "nonce null", "{" ALG "," KID ",\"nonce\":null," URL "}", PROBLEM_MALFORMED, "RFC 8555 §6.5.2" },
	{ "nonce space", "{" ALG "," KID ",\"nonce\":\"a b\"," URL "}", PROBLEM_MALFORMED, "RFC 8555 §6.5.2" },
	{ "nonce padded", "{" ALG "," KID ",\"nonce\":\"YQ==\"," URL "}", PROBLEM_MALFORMED, "RFC 8555 §6.5.2" },
	{ "nonce plus", "{" ALG "," KID ",\"nonce\":\"ab+/\"," URL "}", PROBLEM_MALFORMED, "RFC 8555 §6.5.2" },
	{ "nonce of 5", "{" ALG "," KID ",\"nonce\":\"abcde\"," URL "}", PROBLEM_MALFORMED, "RFC 8555 §6.5.2" },
	{ "nonce UTF-8", "{" ALG "," KID ",\"nonce\":\"\xc3\xa9\xc3\xa9\"," URL "}", PROBLEM_MALFORMED, "RFC 8555 §6.5.2" },

	{ "crit", "{" ALG "," KID "," NONCE "," URL ",\"crit\":[\"exp\"],\"exp\":1}", PROBLEM_MALFORMED, "RFC 7515 §4.1.11" },
	{ "crit empty", "{" ALG "," KID "," NONCE "," URL ",\"crit\":[]}", PROBLEM_MALFORMED, "RFC 7515 §4.1.11" },
	{ "crit null", "{" ALG "," KID "," NONCE "," URL ",\"crit\":null}", PROBLEM_MALFORMED, "RFC 7515 §4.1.11" },
	{ "crit b64", "{" ALG "," KID "," NONCE "," URL ",\"crit\":[\"b64\"],\"b64\":false}", PROBLEM_MALFORMED, NULL },
	{ "b64 false", "{" ALG "," KID "," NONCE "," URL ",\"b64\":false}", PROBLEM_MALFORMED, "RFC 7797" },
	{ "b64 text", "{" ALG "," KID "," NONCE "," URL ",\"b64\":\"true\"}", PROBLEM_MALFORMED, "RFC 7797" },
	{ "zip", "{" ALG "," KID "," NONCE "," URL ",\"zip\":\"DEF\"}", PROBLEM_MALFORMED, "zip" },
	{ "deep", "{" ALG "," KID "," NONCE "," URL ",\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", PROBLEM_MALFORMED, "nested" },
	{ "bad UTF-8", "{" ALG "," KID "," NONCE "," URL ",\"x\":\"\xff\"}", PROBLEM_MALFORMED, "UTF-8" },
	{ "text behind", "{" ALG "," KID "," NONCE "," URL "}x", PROBLEM_MALFORMED, NULL },
};

static void check_bad_headers(parse_fn parse, const struct bad_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		struct jws j = { .url = STR("untouched") };
		enum rc rc;

		arena_init(&a, 1 << 18);
		rc = parse(&a, body_of(&a, rows[i].text), &j, &f);
		check_refused(rows[i].row, rc, &f, rows[i].problem, rows[i].words);
		ROW_CHECK(rc == RC_INVALID && str_is(j.url, "untouched") && !j.jwk, rows[i].row);
		ROW_CHECK(parse(&a, body_of(&a, rows[i].text), &j, NULL) == RC_INVALID, rows[i].row);
	}
}

static void test_rfc8555_6_2__bad_headers(void **state)
{
	(void)state;
	check_bad_headers(jws_parse, bad_headers, COUNT_OF(bad_headers));
}

/* --- the object around it --- */

#define B64_HEADER "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJ1cmwiOiJ1In0" /* alg ES256, kid k, url u */

static const struct bad_row bad_bodies[] = {
	{ "empty", "", PROBLEM_MALFORMED, "empty" },
	{ "not JSON", "a.b.c", PROBLEM_MALFORMED, NULL },
	{ "compact", B64_HEADER ".e30.AAAA", PROBLEM_MALFORMED, NULL },
	{ "array", "[]", PROBLEM_MALFORMED, "object" },
	{ "null", "null", PROBLEM_MALFORMED, "object" },
	{ "no members", "{}", PROBLEM_MALFORMED, "\"protected\"" },
	{ "no protected", "{\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "\"protected\"" },
	{ "protected null", "{\"protected\":null,\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "\"protected\"" },
	{ "protected object", "{\"protected\":{},\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "\"protected\"" },
	{ "protected empty", "{\"protected\":\"\",\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "empty" },
	{ "detached", "{\"protected\":\"" B64_HEADER "\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "\"payload\"" },
	{ "payload null", "{\"protected\":\"" B64_HEADER "\",\"payload\":null,\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "\"payload\"" },
	{ "payload object", "{\"protected\":\"" B64_HEADER "\",\"payload\":{},\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "\"payload\"" },
	{ "no signature", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\"}", PROBLEM_MALFORMED, "\"signature\"" },
	{ "signature empty", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\",\"signature\":\"\"}", PROBLEM_MALFORMED, "\"signature\"" },
	{ "signature list", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\",\"signature\":[\"AAAA\"]}", PROBLEM_MALFORMED, "\"signature\"" },
	{ "unprotected header", "{\"protected\":\"" B64_HEADER "\",\"header\":{},\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "\"header\"" },
	{ "header null", "{\"protected\":\"" B64_HEADER "\",\"header\":null,\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "\"header\"" },
	{ "general serialization", "{\"payload\":\"e30\",\"signatures\":[{\"protected\":\"" B64_HEADER "\",\"signature\":\"AAAA\"}]}", PROBLEM_MALFORMED, "\"signatures\"" },
	{ "both serializations", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\",\"signature\":\"AAAA\",\"signatures\":[]}", PROBLEM_MALFORMED, "\"signatures\"" },
	{ "payload twice", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\",\"payload\":\"\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "twice" },
	{ "protected twice", "{\"protected\":\"" B64_HEADER "\",\"protected\":\"\",\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "twice" },
	{ "protected padded", "{\"protected\":\"" B64_HEADER "=\",\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "padding" },
	{ "payload padded", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30=\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "padding" },
	{ "signature padded", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\",\"signature\":\"AA==\"}", PROBLEM_MALFORMED, "padding" },
	{ "payload with space", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e3 0\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "white space" },
	{ "payload with newline", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\\n\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "white space" },
	{ "payload plain base64", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"+/+/\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "plain base64" },
	{ "payload final bits", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e31\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, "final bits" },
	{ "payload of 5", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"AAAAA\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, NULL },
	{ "signature final bits", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\",\"signature\":\"AB\"}", PROBLEM_MALFORMED, "final bits" },
	{ "text behind", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\",\"signature\":\"AAAA\"}{}", PROBLEM_MALFORMED, NULL },
	{ "dot in protected", "{\"protected\":\"" B64_HEADER ".\",\"payload\":\"e30\",\"signature\":\"AAAA\"}", PROBLEM_MALFORMED, NULL },
};

static void test_rfc8555_6_2__bad_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_bodies); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		struct jws j = { 0 };

		arena_init(&a, 1 << 18);
		check_refused(bad_bodies[i].row, jws_parse(&a, str_of(bad_bodies[i].text), &j, &f), &f,
			      bad_bodies[i].problem, bad_bodies[i].words);
	}
}

static void test_jws_parse__good_bodies(void **state)
{
	static const struct {
		const char *row, *text, *payload;
	} rows[] = {
		{ "order", "{\"signature\":\"AAAA\",\"payload\":\"e30\",\"protected\":\"" B64_HEADER "\"}", "{}" },
		{ "indented", "{\n  \"protected\": \"" B64_HEADER "\",\n  \"payload\": \"e30\",\n  \"signature\": \"AAAA\"\n}\n", "{}" },
		{ "unknown member", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"e30\",\"signature\":\"AAAA\",\"x\":1}", "{}" },
		{ "RFC 8555 §6.3 POST-as-GET", "{\"protected\":\"" B64_HEADER "\",\"payload\":\"\",\"signature\":\"AAAA\"}", "" },
		{ "escapes", "{\"pr\\u006ftected\":\"" B64_HEADER "\",\"payload\":\"e3\\u0030\",\"signature\":\"AAAA\"}", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		AUTO(jws) struct jws j = { 0 };

		arena_init(&a, 1 << 18);
		check_accepted(rows[i].row, jws_parse(&a, str_of(rows[i].text), &j, &f), &f);
		ROW_CHECK(str_is(j.payload, rows[i].payload), rows[i].row);
		ROW_CHECK(str_is(j.kid, "k") && str_is(j.url, "u"), rows[i].row);
		ROW_CHECK(memcmp(j.signing_input.p, B64_HEADER ".", sizeof(B64_HEADER)) == 0, rows[i].row);
	}
}

/* --- limits --- */

/* A request whose protected header has exactly this many characters of base64url. */
static enum rc parse_with_header(struct arena *a, size_t chars, struct fault *f)
{
	AUTO(jws) struct jws j = { 0 };
	size_t len = chars * 3 / 4;
	char *header = arena_alloc(a, len + 1), *body = arena_alloc(a, chars + 100);
	const char *start = "{" ALG "," KID "," URL ",\"x\":\"";

	assert_non_null(header);
	assert_non_null(body);
	memset(header, 'x', len);
	memcpy(header, start, strlen(start));
	memcpy(header + len - 2, "\"}", 2);
	strcpy(body, "{\"protected\":\"");
	b64url_encode(bytes_of(header, len), body + strlen(body));
	assert_int_equal(strlen(body) - strlen("{\"protected\":\""), chars);
	strcat(body, "\",\"payload\":\"\",\"signature\":\"AAAA\"}");
	return jws_parse(a, str_of(body), &j, f);
}

static enum rc parse_with_signature(struct arena *a, size_t octets, struct fault *f)
{
	AUTO(jws) struct jws j = { 0 };
	char *text = arena_alloc(a, 2 * octets), *body;

	memset(text, 'A', B64URL_LEN(octets));
	body = arena_printf(a, "{\"protected\":\"" B64_HEADER "\",\"payload\":\"\",\"signature\":\"%s\"}",
			    text);
	return jws_parse(a, str_of(body), &j, f);
}

static void test_jws_parse__limits(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	arena_init(&a, 1 << 20);
	check_accepted("header", parse_with_header(&a, LIMIT_JWS_PROTECTED, &f), &f);
	check_refused("header", parse_with_header(&a, LIMIT_JWS_PROTECTED + 4, &f), &f,
		      PROBLEM_MALFORMED, "too long");
	check_accepted("signature", parse_with_signature(&a, SIG_MAX, &f), &f);
	check_refused("signature", parse_with_signature(&a, SIG_MAX + 3, &f), &f, PROBLEM_MALFORMED,
		      "longer");
}

/* --- inner JWS and external account binding --- */

static const struct bad_row bad_inner[] = {
	{ "kid", "{" ALG "," KID "," URL "}", PROBLEM_MALFORMED, "RFC 8555 §7.3.5" },
	{ "both", "{" ALG ",\"jwk\":" P256_JWK "," KID "," URL "}", PROBLEM_MALFORMED, "both" },
	{ "neither", "{" ALG "," URL "}", PROBLEM_MALFORMED, "\"jwk\"" },
	{ "no url", "{" ALG ",\"jwk\":" P256_JWK "}", PROBLEM_MALFORMED, "url" },
	{ "MAC", "{\"alg\":\"HS256\",\"jwk\":" P256_JWK "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "none", "{\"alg\":\"none\",\"jwk\":" P256_JWK "," URL "}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "crit", "{" ALG ",\"jwk\":" P256_JWK "," URL ",\"crit\":[]}", PROBLEM_MALFORMED, NULL },
};

static void test_rfc8555_7_3_5__inner_jws(void **state)
{
	static const char *const good[] = {
		"{" ALG ",\"jwk\":" P256_JWK "," URL "}",
		"{" ALG ",\"jwk\":" P256_JWK "," NONCE "," URL "}", /* FIELD Q9 */
		"{" ALG ",\"jwk\":" P256_JWK ",\"nonce\":\"not base64url!\"," URL "}",
	};

	(void)state;
	check_bad_headers(jws_parse_inner, bad_inner, COUNT_OF(bad_inner));
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		AUTO(jws) struct jws j = { 0 };

		arena_init(&a, 1 << 18);
		check_accepted(good[i], jws_parse_inner(&a, body_of(&a, good[i]), &j, &f), &f);
		ROW_CHECK(j.jwk && !j.kid.p && !j.nonce.p, good[i]);
	}
}

static const struct bad_row bad_eab[] = {
	{ "ES256", "{" ALG "," KID "," URL "}", PROBLEM_MALFORMED, "HS256" },
	{ "none", "{\"alg\":\"none\"," KID "," URL "}", PROBLEM_MALFORMED, "HS256" },
	{ "HS512", "{\"alg\":\"HS512\"," KID "," URL "}", PROBLEM_MALFORMED, "HS256" },
	{ "no kid", "{\"alg\":\"HS256\"," URL "}", PROBLEM_MALFORMED, "\"kid\"" },
	{ "jwk", "{\"alg\":\"HS256\",\"jwk\":" P256_JWK "," URL "}", PROBLEM_MALFORMED, "\"jwk\"" },
	{ "kid number", "{\"alg\":\"HS256\",\"kid\":1," URL "}", PROBLEM_MALFORMED, "\"kid\"" },
	{ "no url", "{\"alg\":\"HS256\"," KID "}", PROBLEM_MALFORMED, "\"url\"" },
	{ "nonce", "{\"alg\":\"HS256\"," KID "," NONCE "," URL "}", PROBLEM_MALFORMED, "RFC 8555 §7.3.4" },
};

static void test_rfc8555_7_3_4__bad_bindings(void **state)
{
	(void)state;
	check_bad_headers(jws_parse_eab, bad_eab, COUNT_OF(bad_eab));
}

static void test_rfc8555_7_3_4__binding_of_others(void **state)
{
	static const char url[] = "https://ca.example/acme/new-account";
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO(jws) struct jws j = { 0 };
	AUTO_PTR(pubkey) struct pubkey *key = NULL, *other = NULL;
	const struct bytes mac_key = str_bytes(STR(EAB_KEY));

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(jwk_parse(str_of(request_vectors[0].jwk), &key, NULL), RC_OK);
	assert_int_equal(jwk_parse(str_of(request_vectors[1].jwk), &other, NULL), RC_OK);
	check_accepted("parse", jws_parse_eab(&a, STR(EAB_VECTOR), &j, &f), &f);
	assert_true(j.mac && j.alg == SIG_NONE && str_is(j.kid, "kid-1"));
	check_accepted("verify", jws_verify_eab(&j, mac_key, key, str_of(url), &f), &f);
	check_refused("key", jws_verify_eab(&j, str_bytes(STR("another")), key, str_of(url), &f), &f,
		      PROBLEM_UNAUTHORIZED, "MAC");
	check_refused("no key", jws_verify_eab(&j, (struct bytes){ 0 }, key, str_of(url), &f), &f,
		      PROBLEM_UNAUTHORIZED, "MAC");
	check_refused("account", jws_verify_eab(&j, mac_key, other, str_of(url), &f), &f,
		      PROBLEM_MALFORMED, "account key");
	check_refused("url", jws_verify_eab(&j, mac_key, key, STR("https://ca.example/"), &f), &f,
		      PROBLEM_MALFORMED, "\"url\"");
	/* A MAC is never a signature, and a signature never a MAC. */
	check_refused("as request", jws_verify(&j, key, &f), &f, PROBLEM_MALFORMED, "HS256");
	check_refused("as request", jws_parse(&a, STR(EAB_VECTOR), &j, &f), &f,
		      PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL);
}

/* --- signatures --- */

static void check_rfc_vector(const struct rfc_vector *v)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO_PTR(pubkey) struct pubkey *key = NULL;
	struct jws j = { .alg = sig_alg_from_jose_name(str_of(v->alg)) };
	char *input, *broken;

	arena_init(&a, 1 << 18);
	check_accepted(v->name, jwk_parse(str_of(v->jwk), &key, &f), &f);
	input = arena_printf(&a, "%s.%s", v->protected, v->payload);
	j.signing_input = str_bytes(str_of(input));
	assert_int_equal(b64url_decode_arena(&a, str_of(v->signature), &j.signature), RC_OK);
	check_accepted(v->name, jws_verify(&j, key, &f), &f);
	broken = arena_cstr(&a, str_of(input));
	broken[strlen(broken) - 1] ^= 1;
	j.signing_input = str_bytes(str_of(broken));
	check_refused(v->name, jws_verify(&j, key, &f), &f, PROBLEM_MALFORMED, "RFC 7515 §5.2");
	assert_int_equal(f.rc, RC_DENIED);
	assert_int_equal(fault_status(&f), 400);
}

static void test_rfc7515_rfc7520_rfc8037__examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rfc_vectors); i++)
		check_rfc_vector(&rfc_vectors[i]);
}

/* Their headers have no "url", so none of them is an ACME request. */
static void test_rfc8555_6_4__other_jws_are_no_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rfc_vectors); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		struct jws j;
		const struct rfc_vector *v = &rfc_vectors[i];
		char *body;

		arena_init(&a, 1 << 18);
		body = arena_printf(&a, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
				    v->protected, v->payload, v->signature);
		check_refused(v->name, jws_parse(&a, str_of(body), &j, &f), &f, PROBLEM_MALFORMED, "url");
	}
}

/* Requests of another implementation, with every algorithm, and each with every other key. */
static void test_jws_verify__requests_of_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(request_vectors); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		AUTO(jws) struct jws with_jwk = { 0 };
		AUTO(jws) struct jws with_kid = { 0 };
		const struct request_vector *v = &request_vectors[i];

		arena_init(&a, 1 << 18);
		check_accepted(v->alg, jws_parse(&a, str_of(v->with_jwk), &with_jwk, &f), &f);
		check_accepted(v->alg, jws_verify(&with_jwk, with_jwk.jwk, &f), &f);
		ROW_CHECK(str_is(with_jwk.payload, "{\"termsOfServiceAgreed\":true}"), v->alg);
		check_accepted(v->alg, jws_parse(&a, str_of(v->with_kid), &with_kid, &f), &f);
		ROW_CHECK(with_kid.payload.p && with_kid.payload.len == 0, v->alg);
		for (size_t k = 0; k < COUNT_OF(request_vectors); k++) {
			AUTO_PTR(pubkey) struct pubkey *key = NULL;

			assert_int_equal(jwk_parse(str_of(request_vectors[k].jwk), &key, NULL), RC_OK);
			if (k == i)
				check_accepted(v->alg, jws_verify(&with_kid, key, &f), &f);
			else /* CVE-2015-9235: the key decides */
				check_refused(v->alg, jws_verify(&with_kid, key, &f), &f,
					      PROBLEM_MALFORMED, "\"alg\"");
		}
	}
}

/* V21, CVE-2018-0114: the embedded key proves nothing about another account. */
static void test_jws_verify__signature_of_another_key(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO(jws) struct jws j = { 0 };
	AUTO_PTR(pubkey) struct pubkey *owner = NULL;
	AUTO_PTR(privkey) struct privkey *thief = NULL;
	struct str body;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(jwk_parse(str_of(request_vectors[0].jwk), &owner, NULL), RC_OK);
	assert_int_equal(privkey_generate(KEY_P256, 0, &thief), RC_OK);
	assert_int_equal(jws_sign(&a, thief, STR("https://ca.example/acme/account/owner"), STR("bm9uY2U"),
				  STR("https://ca.example/acme/revoke"), STR("{}"), &body), RC_OK);
	assert_int_equal(jws_parse(&a, body, &j, NULL), RC_OK);
	check_refused("thief", jws_verify(&j, owner, &f), &f, PROBLEM_MALFORMED, "does not verify");
	assert_int_equal(fault_status(&f), 400);
}

/* One character of each part changed: never accepted. */
static void test_jws_verify__every_octet_counts(void **state)
{
	const char *body = request_vectors[0].with_jwk;
	size_t len = strlen(body), survived = 0;

	(void)state;
	for (size_t i = 0; i < len; i += 3) {
		AUTO(arena) struct arena a;
		AUTO(jws) struct jws j = { 0 };
		char *changed;

		arena_init(&a, 1 << 18);
		changed = arena_cstr(&a, str_of(body));
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		if (jws_parse(&a, str_of(changed), &j, NULL) == RC_OK && j.jwk &&
		    jws_verify(&j, j.jwk, NULL) == RC_OK)
			survived++;
	}
	assert_int_equal(survived, 0);
}

static void test_jws_sign__round_trip(void **state)
{
	static const struct {
		enum key_type type;
		unsigned bits;
	} rows[] = { { KEY_P256, 0 }, { KEY_P384, 0 }, { KEY_P521, 0 }, { KEY_ED25519, 0 },
		     { KEY_RSA, 2048 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows) * 4; i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		AUTO(jws) struct jws j = { 0 };
		AUTO_PTR(privkey) struct privkey *key = NULL;
		bool kid = i & 1, nonce = i & 2;
		struct str body;

		arena_init(&a, 1 << 18);
		assert_int_equal(privkey_generate(rows[i / 4].type, rows[i / 4].bits, &key), RC_OK);
		assert_int_equal(jws_sign(&a, key, kid ? STR("https://a/\"1\"") : (struct str){ 0 },
					  nonce ? STR("bm9uY2U") : (struct str){ 0 }, STR("https://a/u"),
					  nonce ? STR("{\"a\":1}") : (struct str){ 0 }, &body), RC_OK);
		check_accepted("own", jws_parse(&a, body, &j, &f), &f);
		check_accepted("own", jws_verify(&j, privkey_pubkey(key), &f), &f);
		assert_int_equal(j.alg, key_jose_sig_alg(rows[i / 4].type));
		assert_true(kid ? str_is(j.kid, "https://a/\"1\"") && !j.jwk :
				  pubkey_eq(j.jwk, privkey_pubkey(key)) && !j.kid.p);
		assert_true(nonce ? str_is(j.nonce, "bm9uY2U") : !j.nonce.p);
		assert_true(str_is(j.url, "https://a/u"));
		assert_true(str_is(j.payload, nonce ? "{\"a\":1}" : ""));
		if (!kid && !nonce) {
			AUTO(jws) struct jws inner = { 0 };

			check_accepted("inner", jws_parse_inner(&a, body, &inner, &f), &f);
		}
	}
}

static void test_jws_sign_eab__round_trip(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO(jws) struct jws j = { 0 };
	AUTO_PTR(pubkey) struct pubkey *key = NULL;
	struct str eab;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(jwk_parse(str_of(request_vectors[3].jwk), &key, NULL), RC_OK);
	assert_int_equal(jws_sign_eab(&a, str_bytes(STR(EAB_KEY)), STR("kid-1"), STR("https://a/new"), key,
				      &eab), RC_OK);
	check_accepted("parse", jws_parse_eab(&a, eab, &j, &f), &f);
	check_accepted("verify", jws_verify_eab(&j, str_bytes(STR(EAB_KEY)), key, STR("https://a/new"), &f),
		       &f);
}

/* --- cost --- */

static void test_jws_parse__large_bodies_cost_little(void **state)
{
	static const char *const fills[] = { "A", ".", "\\u0041", "\\\\", "\xc3\xa9", "=" };
	static char body[LIMIT_JSON_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fills); i++) {
		double start;
		size_t at = (size_t)sprintf(body, "{\"protected\":\"" B64_HEADER
						  "\",\"signature\":\"AAAA\",\"payload\":\"");

		while (at + strlen(fills[i]) + 2 < LIMIT_JSON_STRING) {
			memcpy(body + at, fills[i], strlen(fills[i]));
			at += strlen(fills[i]);
		}
		memcpy(body + at, "\"}", 3);
		start = cpu_ms();
		for (int k = 0; k < 5; k++) {
			AUTO(arena) struct arena a;
			AUTO(jws) struct jws j = { 0 };

			arena_init(&a, LIMIT_REQUEST_ARENA);
			if (jws_parse(&a, str_of(body), &j, NULL) == RC_OK)
				ROW_CHECK(i == 0 || i == 2, fills[i]);
		}
		ROW_CHECK(cpu_ms() - start < 5 * 5, fills[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc8555_6_2__good_headers),
		cmocka_unit_test(test_rfc8555_6_2__bad_headers),
		cmocka_unit_test(test_rfc8555_6_2__bad_bodies),
		cmocka_unit_test(test_jws_parse__good_bodies),
		cmocka_unit_test(test_jws_parse__limits),
		cmocka_unit_test(test_rfc8555_7_3_5__inner_jws),
		cmocka_unit_test(test_rfc8555_7_3_4__bad_bindings),
		cmocka_unit_test(test_rfc8555_7_3_4__binding_of_others),
		cmocka_unit_test(test_rfc7515_rfc7520_rfc8037__examples),
		cmocka_unit_test(test_rfc8555_6_4__other_jws_are_no_requests),
		cmocka_unit_test(test_jws_verify__requests_of_others),
		cmocka_unit_test(test_jws_verify__signature_of_another_key),
		cmocka_unit_test(test_jws_verify__every_octet_counts),
		cmocka_unit_test(test_jws_sign__round_trip),
		cmocka_unit_test(test_jws_sign_eab__round_trip),
		cmocka_unit_test(test_jws_parse__large_bodies_cost_little),
	};

	return cmocka_run_group_tests(tests, start_crypto, NULL);
}
