#include "shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const char *shell(const char *folder, bool succeeds, const char *fmt, ...)
{
	static char out[64 * 1024];
	char command[4096], line[5000];
	va_list ap;
	size_t len;
	FILE *pipe;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "cd %s && { %s\n} 2>&1", folder, command);
	pipe = popen(line, "r");
	assert_non_null(pipe);
	len = fread(out, 1, sizeof(out) - 1, pipe);
	out[len] = '\0';
	status = pclose(pipe);
	if ((status == 0) != succeeds)
		fail_msg("%s: %s\n%s", command, status ? "failed" : "succeeded", out);
	return out;
}
