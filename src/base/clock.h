/* clock.h - the only source of time. Tests turn it; no other file calls time() or clock_gettime().
 * Wall time dates things (certificates, expiry); monotonic time measures (timeouts, back-off).
 * Thread-safe. */
#ifndef ASSAY_BASE_CLOCK_H
#define ASSAY_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_s(void);  /* seconds since 1970 */
int64_t clock_now_ms(void); /* milliseconds since 1970 */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* Tests only: from now on both clocks stand still at wall_ms (monotonic starts at 0) until moved. */
void clock_fake(int64_t wall_ms);
void clock_fake_advance_ms(int64_t ms);
void clock_real(void);

/* "2026-11-21T11:04:05Z" (RFC 3339) into out[21]. */
void clock_rfc3339(int64_t at_s, char out[21]);
/* RFC 3339 with "Z" or an offset, fraction ignored. False when malformed or out of 1970..9999. */
int clock_parse_rfc3339(const char *p, unsigned len, int64_t *out_s);

#endif
