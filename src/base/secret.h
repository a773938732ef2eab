/* secret.h - octets that must not leak: kept out of core dumps where the system allows it, cleansed
 * when freed, and of a type that no log or printf takes by accident. */
#ifndef ASSAY_BASE_SECRET_H
#define ASSAY_BASE_SECRET_H

#include "base/auto.h"
#include "base/rc.h"
#include "base/str.h"

struct secret;

enum rc secret_new(struct bytes value, struct secret **out) MUST_USE;
/* NULL is allowed. */
void secret_free(struct secret *s);
AUTO_PTR_DEFINE(secret);
/* Borrowed; valid until secret_free(). */
struct bytes secret_bytes(const struct secret *s);
bool secret_eq(const struct secret *a, const struct secret *b); /* constant time */
/* Overwrites so that the compiler cannot drop it. */
void secret_cleanse(void *p, size_t len);

struct fault;
/* Resolves "file:PATH" or "credential:NAME" (systemd's $CREDENTIALS_DIRECTORY/NAME); one trailing
 * newline is dropped; at most 64 KiB. The fault names the reference, never the content. */
enum rc secret_load(struct str ref, struct secret **out, struct fault *f) MUST_USE;

#endif
