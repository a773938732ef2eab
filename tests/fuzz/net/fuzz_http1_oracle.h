/* fuzz_http1_oracle.h - what http-parser reads. Apart from fuzz_http1.c, because http_parser.h and
 * net/http1.h both name an enum http_method. */
#ifndef ASSAY_FUZZ_HTTP1_ORACLE_H
#define ASSAY_FUZZ_HTTP1_ORACLE_H

#include "base/buf.h"

struct oracle {
	bool complete;
	size_t used;
	const char *method;
	struct buf url, body;
	struct buf headers; /* names and values run together */
	bool keep_alive, upgrade;
};

void oracle_read(struct oracle *o, struct str message);
void oracle_done(struct oracle *o);

#endif
