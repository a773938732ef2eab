/* kit.h - what the tests of src/crypto share: keys, files, the openssl command, DER by hand. */
#ifndef ASSAY_TESTS_CRYPTO_KIT_H
#define ASSAY_TESTS_CRYPTO_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/encode.h"
#include "crypto/cert.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

#define KIT_ARENA (64 * 1024 * 1024)

static inline struct bytes kit_hex(struct arena *a, const char *hex)
{
	uint8_t *p = arena_alloc(a, strlen(hex) / 2 + 1);
	size_t len;

	assert_non_null(p);
	assert_true(hex_decode(str_of(hex), p, &len));
	return bytes_of(p, len);
}

static inline struct bytes kit_b64url(struct arena *a, const char *text)
{
	struct bytes out;

	assert_int_equal(b64url_decode_arena(a, str_of(text), &out), RC_OK);
	return out;
}

/* A key per type and size, made once. */
static inline struct privkey *kit_key(enum key_type type, unsigned bits)
{
	static struct {
		enum key_type type;
		unsigned bits;
		struct privkey *key;
	} made[16];
	size_t i = 0;

	while (i < COUNT_OF(made) && made[i].key && (made[i].type != type || made[i].bits != bits))
		i++;
	assert_true(i < COUNT_OF(made));
	if (!made[i].key) {
		made[i].type = type;
		made[i].bits = bits;
		assert_int_equal(privkey_generate(type, bits, &made[i].key), RC_OK);
	}
	return made[i].key;
}

/* A folder of this test's own; the same one at each call. */
static inline const char *kit_dir(void)
{
	static char dir[] = "/tmp/assay-test-XXXXXX";
	static bool made;

	if (!made) {
		assert_non_null(mkdtemp(dir));
		made = true;
	}
	return dir;
}

static inline void kit_rmdir(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", kit_dir());
	assert_int_equal(system(command), 0);
}

static inline void kit_write(const char *name, struct bytes b)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(b.p, 1, b.len, file), b.len);
	assert_int_equal(fclose(file), 0);
}

static inline struct bytes kit_read(struct arena *a, const char *name)
{
	char path[256];
	uint8_t *p = arena_alloc(a, 256 * 1024);
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", kit_dir(), name);
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_non_null(p);
	len = fread(p, 1, 256 * 1024, file);
	fclose(file);
	return bytes_of(p, len);
}

static inline void kit_write_pem(const char *name, const char *label, struct bytes der)
{
	struct buf b;

	buf_init(&b, 1024 * 1024);
	pem_add(&b, label, der);
	assert_true(buf_ok(&b));
	kit_write(name, buf_bytes(&b));
	buf_done(&b);
}

/* Runs a command line in the test's folder; its output, text, is in the arena. Returns the exit
 * code. */
static inline int kit_run(struct arena *a, char **out, const char *fmt, ...) PRINTF_LIKE(3, 4);
static inline int kit_run(struct arena *a, char **out, const char *fmt, ...)
{
	char command[2048];
	va_list args;
	size_t n;
	FILE *pipe;

	n = (size_t)snprintf(command, sizeof(command), "cd %s && { ", kit_dir());
	va_start(args, fmt);
	n += (size_t)vsnprintf(command + n, sizeof(command) - n, fmt, args);
	va_end(args);
	assert_true(n + 8 < sizeof(command));
	strcat(command, "; } 2>&1");
	*out = arena_alloc(a, 64 * 1024);
	assert_non_null(*out);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(*out, 1, 64 * 1024 - 1, pipe);
	(*out)[n] = 0;
	n = (size_t)pclose(pipe);
	return (int)n;
}

static inline void kit_expect_text(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text ? text : "(nothing)");
}

/* A fault must name a rule: an RFC, a standard or our own policy. */
static inline void kit_expect_rule(const struct fault *f)
{
	static const char *const rules[] = { "RFC ", "X.690 ", "policy", "CA/Browser", "SEC 1 " };

	for (size_t i = 0; i < COUNT_OF(rules); i++)
		if (strstr(f->detail, rules[i]))
			return;
	fail_msg("no rule in: %s", f->detail);
}

#endif
