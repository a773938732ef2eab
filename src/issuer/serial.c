/* serial.c - serial numbers (RFC 5280 §4.1.2.2: positive, at most 20 octets, unique).
 * The time in front lets the signer keep only recent serials in memory and lets databases append;
 * the 128 random bits make them unpredictable, which collision attacks on the hash would need. */
#include "crypto/digest.h"
#include "issuer/issuer.h"

#define SERIAL_EPOCH 1577836800LL /* 2020-01-01 */
/* From here on the first octet is not zero, so that the number always has 20 octets (X.690
 * §8.3.2); no clock is right that shows less. */
#define SERIAL_TIME_MIN 0x01000000
#define SERIAL_TIME_MAX 0x7fffffff

void serial_new(int64_t now_s, uint8_t out[SERIAL_MAX])
{
	int64_t time = now_s;

	if (time < SERIAL_EPOCH + SERIAL_TIME_MIN)
		time = SERIAL_EPOCH + SERIAL_TIME_MIN;
	if (time > SERIAL_EPOCH + SERIAL_TIME_MAX)
		time = SERIAL_EPOCH + SERIAL_TIME_MAX;
	time -= SERIAL_EPOCH;
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(time >> (24 - 8 * i));
	random_bytes(out + 4, SERIAL_MAX - 4);
}
