/* retry.h - when to ask again: Retry-After (RFC 9110 §10.2.3, RFC 8555 §6.6, §7.5.1) and, without
 * one, growing gaps. All of it saturates: no count of failures, however long, makes a gap shorter
 * (TRUST V48). */
#ifndef ASSAY_CLIENT_RETRY_H
#define ASSAY_CLIENT_RETRY_H

#include "base/str.h"

#define RETRY_GAP_MIN_MS 250
#define RETRY_GAP_MAX_MS 15000
#define RETRY_AFTER_MAX_S (24 * 3600) /* more is read as this */

/* Seconds from now_s on, 0..RETRY_AFTER_MAX_S, of "120" or of a date in one of the three forms of
 * RFC 9110 §5.6.7; a date that has passed is 0. False: absent or neither. */
bool retry_after_parse(struct str value, int64_t now_s, int64_t *out_s);
/* A date as seconds since 1970. */
bool http_date_parse(struct str text, int64_t now_s, int64_t *out_s);
/* How long to wait before look number `look` (0 is the first repetition): grows by half each time
 * from RETRY_GAP_MIN_MS to RETRY_GAP_MAX_MS, plus up to a quarter by chance, so that many machines
 * do not come at once. asked_s: Retry-After, or -1; never less than that. */
int64_t retry_gap_ms(unsigned look, int64_t asked_s, uint32_t chance);

#endif
