/* identifier.h - what ACME certifies: DNS names (RFC 8555 §7.1.4, §9.7.7) and IP addresses
 * (RFC 8738). An identifier keeps the client's own spelling for every answer (clients compare byte
 * for byte) beside a canonical form that everything inside compares. */
#ifndef ASSAY_ACME_IDENTIFIER_H
#define ASSAY_ACME_IDENTIFIER_H

#include "base/arena.h"
#include "base/fault.h"
#include "crypto/x509name.h"

enum identifier_type { IDENTIFIER_DNS, IDENTIFIER_IP };

struct identifier {
	enum identifier_type type;
	struct str shown; /* as the client wrote it */
	struct str value; /* canonical: lower-case A-labels without trailing dot and without "*."; or
			     the address in RFC 5952 form */
	bool wildcard;    /* the client asked for "*." + value */
	uint8_t ip[16];
	size_t ip_len; /* 4, 16; 0 for names */
};

/* Checks syntax only; whether it may be had is policy. DNS: LDH labels, 1..63, whole <= 253, at
 * most one leading "*." label, one trailing dot tolerated, not an IP literal, not all-numeric last
 * label, A-labels must be valid IDNA2008 and round-trip (libidn2); U-labels are refused with the
 * A-label in the hint. IP: exactly one textual address, no zone, no brackets, no mask.
 * Faults: malformed, rejectedIdentifier, unsupportedIdentifier (other type). */
enum rc identifier_parse(struct arena *a, struct str type, struct str value, struct identifier *out,
			 struct fault *f) MUST_USE;
const char *identifier_type_name(enum identifier_type type); /* "dns", "ip" */
/* Same thing asked for, however spelled. */
bool identifier_eq(const struct identifier *a, const struct identifier *b);
/* Is ancestor one of the domains above it? Whole labels are compared (RFC 9444 §7.1); *.a.example is
 * below a.example. Reads type, value and wildcard. */
bool identifier_is_below(const struct identifier *id, const struct identifier *ancestor);
/* The SAN that certifies it. Canonical spelling; memory in the arena. */
enum rc identifier_san(struct arena *a, const struct identifier *id, struct san *out) MUST_USE;
/* A SAN of a request back as a canonical identifier, to compare it with an order's. */
enum rc identifier_from_san(struct arena *a, const struct san *san, struct identifier *out,
			    struct fault *f) MUST_USE;

/* One line of text for storage, "dns:a.example ip:10.0.0.1 dns:*.B.example" (as shown), and back.
 * Reading parses each again and fails with RC_INTERNAL on what it did not write. */
enum rc identifiers_to_text(struct arena *a, const struct identifier *v, size_t count,
			    struct str *out) MUST_USE;
enum rc identifiers_from_text(struct arena *a, struct str text, struct identifier **out,
			      size_t *out_count) MUST_USE;

#endif
