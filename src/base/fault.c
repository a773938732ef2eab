/* fault.c - filling in why something failed. Text is formatted before anything is cleared, so that
 * a caller may wrap the detail of the very fault that it sets. */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

PRINTF_LIKE(2, 0)
static size_t format(char out[FAULT_DETAIL_MAX], const char *fmt, va_list args)
{
	char raw[FAULT_DETAIL_MAX];
	int len = vsnprintf(raw, sizeof(raw), fmt, args);

	if (len < 0)
		len = 0;
	if ((size_t)len >= sizeof(raw)) {
		len = sizeof(raw) - 1;
		/* A character that the cut has halved is dropped, not shown as '?'. */
		while (len > 0 && ((uint8_t)raw[len - 1] & 0xc0) == 0x80)
			len--;
		if (len > 0 && (uint8_t)raw[len - 1] >= 0xc0)
			len--;
	}
	return str_printable((struct str){ raw, (size_t)len }, out, FAULT_DETAIL_MAX);
}

enum rc fault_set(struct fault *f, enum rc rc, enum problem problem, const char *fmt, ...)
{
	char detail[FAULT_DETAIL_MAX];
	va_list args;
	size_t len;

	if (!f)
		return rc;
	va_start(args, fmt);
	len = format(detail, fmt, args);
	va_end(args);
	fault_done(f);
	f->rc = rc;
	f->problem = problem;
	memcpy(f->detail, detail, len + 1);
	return rc;
}

static void subfault_done(struct subfault *sub)
{
	free(sub->identifier_type);
	free(sub->identifier);
	free(sub->detail);
}

/* Room for one more; doubles at each power of two, so that no capacity has to be kept. */
static struct subfault *sub_slot(struct fault *f)
{
	size_t count = f->sub_count;

	if ((count & (count - 1)) == 0) {
		struct subfault *subs =
			reallocarray(f->subs, count ? count * 2 : 1, sizeof(*subs));

		if (!subs)
			return NULL;
		f->subs = subs;
	}
	return &f->subs[count];
}

static char *printable_dup(struct str s)
{
	char *copy = malloc(s.len + 1);

	if (copy)
		str_printable(s, copy, s.len + 1);
	return copy;
}

void fault_add_sub(struct fault *f, enum problem problem, const char *identifier_type,
		   struct str identifier, const char *fmt, ...)
{
	char detail[FAULT_DETAIL_MAX];
	struct subfault sub = { .problem = problem }, *slot;
	va_list args;
	size_t len;

	if (!f || f->sub_count >= FAULT_SUBS_MAX)
		return;
	va_start(args, fmt);
	len = format(detail, fmt, args);
	va_end(args);
	sub.identifier_type = strdup(identifier_type ? identifier_type : "");
	sub.identifier = printable_dup(identifier);
	sub.detail = printable_dup((struct str){ detail, len });
	slot = sub.identifier_type && sub.identifier && sub.detail ? sub_slot(f) : NULL;
	if (!slot) {
		subfault_done(&sub); /* no memory: the fault itself still says what failed */
		return;
	}
	*slot = sub;
	f->sub_count++;
}

void fault_done(struct fault *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->sub_count; i++)
		subfault_done(&f->subs[i]);
	free(f->subs);
	f->rc = RC_OK;
	f->problem = PROBLEM_NONE;
	f->status = 0;
	f->retry_after_s = 0;
	f->detail[0] = '\0';
	f->subs = NULL;
	f->sub_count = 0;
}
