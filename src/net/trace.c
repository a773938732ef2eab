/* trace.c - lines of a trace. */
#include "net/trace.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_OCTETS 600

void trace_add(struct buf *trace, const char *fmt, ...)
{
	char raw[LINE_MAX_OCTETS], line[LINE_MAX_OCTETS];
	va_list args;
	size_t len;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	len = str_printable(str_of(raw), line, sizeof(line));
	if (len + 1 > trace->max - trace->len)
		return;
	buf_add(trace, line, len);
	buf_add_char(trace, '\n');
}
