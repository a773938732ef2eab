/* pem.h - textual encoding of DER (RFC 7468). */
#ifndef ASSAY_CRYPTO_PEM_H
#define ASSAY_CRYPTO_PEM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"

/* PEM: LF, 64 columns, newline at the end, nothing else (FIELD Q25). */
void pem_add(struct buf *b, const char *label, struct bytes der);
/* Reads the blocks with this label in order; other text between blocks is skipped. */
enum rc pem_read(struct arena *a, struct bytes pem, const char *label, struct bytes **out,
		 size_t *out_count, struct fault *f) MUST_USE;


#endif
