/* pem.c - the textual encoding of DER (RFC 7468 §2, §3).
 * Writing is the strict form (64 columns, LF); reading takes CRLF, other line lengths and text
 * between the blocks, as RFC 7468 §2 wants of parsers, but no headers and no foreign characters. */
#include "crypto/pem.h"

#include "base/encode.h"

#define LINE_BYTES 48 /* octets of 64 columns */

void pem_add(struct buf *b, const char *label, struct bytes der)
{
	char line[B64_LEN(LINE_BYTES) + 1];
	size_t n;

	buf_addf(b, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < der.len; at += n) {
		n = der.len - at < LINE_BYTES ? der.len - at : LINE_BYTES;
		buf_add(b, line, b64_encode(bytes_of(der.p + at, n), line));
		buf_add_char(b, '\n');
	}
	buf_addf(b, "-----END %s-----\n", label);
}

/* Takes the next line off *rest, without its line end. */
static bool next_line(struct str *rest, struct str *line)
{
	const char *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->p, '\n', rest->len);
	line->p = rest->p;
	line->len = end ? (size_t)(end - rest->p) : rest->len;
	rest->p += line->len + (end ? 1 : 0);
	rest->len -= line->len + (end ? 1 : 0);
	while (line->len > 0 && (line->p[line->len - 1] == '\r' || line->p[line->len - 1] == ' ' ||
				 line->p[line->len - 1] == '\t'))
		line->len--;
	return true;
}

struct pem_block {
	struct str label;
	struct str base64;
};

/* The next block of any label. RC_NOTFOUND when there is none left. */
static enum rc next_block(struct str *rest, struct pem_block *out, struct fault *f)
{
	struct str line;

	for (;;) {
		if (!next_line(rest, &line))
			return RC_NOTFOUND;
		if (line.len >= 16 && str_starts(line, "-----BEGIN ") && str_ends(line, "-----"))
			break;
	}
	out->label = (struct str){ line.p + 11, line.len - 16 };
	out->base64 = (struct str){ rest->p, 0 };
	for (;;) {
		out->base64.len = (size_t)(rest->p - out->base64.p);
		if (!next_line(rest, &line) || str_starts(line, "-----BEGIN "))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "RFC 7468 §2: the block \"%.*s\" has no end", STR_ARG(out->label));
		if (str_starts(line, "-----END "))
			break;
	}
	if (line.len != out->label.len + 14 || !str_ends(line, "-----") ||
	    memcmp(line.p + 9, out->label.p, out->label.len) != 0)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 7468 §2: the block \"%.*s\" ends with another label",
				 STR_ARG(out->label));
	return RC_OK;
}

static enum rc decode(struct arena *a, struct str base64, struct bytes *out, struct fault *f)
{
	uint8_t *p = arena_alloc(a, base64.len / 4 * 3 + 3);
	size_t len;

	if (!p)
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "no memory for PEM");
	if (!b64_decode_ws(base64, p, &len) || len == 0)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 7468 §3: the text of a block is not base64");
	*out = bytes_of(p, len);
	return RC_OK;
}

enum rc pem_read(struct arena *a, struct bytes pem, const char *label, struct bytes **out,
		 size_t *out_count, struct fault *f)
{
	struct str rest = { (const char *)pem.p, pem.len };
	struct pem_block block;
	struct bytes *list;
	size_t count = 0, i = 0;
	enum rc rc;

	while ((rc = next_block(&rest, &block, f)) == RC_OK)
		count += str_is(block.label, label);
	if (rc != RC_NOTFOUND)
		return rc;
	if (count == 0)
		return fault_set(f, RC_NOTFOUND, PROBLEM_MALFORMED,
				 "RFC 7468 §2: there is no block \"%s\"", label);
	list = arena_array(a, count, sizeof(*list));
	if (!list)
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "no memory for PEM");
	rest = (struct str){ (const char *)pem.p, pem.len };
	while (next_block(&rest, &block, f) == RC_OK) {
		if (!str_is(block.label, label))
			continue;
		rc = decode(a, block.base64, &list[i++], f);
		if (rc != RC_OK)
			return rc;
	}
	*out = list;
	*out_count = count;
	return RC_OK;
}
