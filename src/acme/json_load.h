/* json_load.h - calling jansson's parser so that it survives a failed allocation (json.c only). */
#ifndef ASSAY_ACME_JSON_LOAD_H
#define ASSAY_ACME_JSON_LOAD_H

#include <jansson.h>

#include "base/str.h"

/* NULL with *out_nomem: nothing was left allocated. NULL without: *error says what is wrong. */
json_t *json_load(struct str text, json_error_t *error, bool *out_nomem);

#endif
