/* shell.h - running openssl(1) and reading what it says: another implementation judges ours. */
#ifndef ASSAY_TESTS_ISSUER_SHELL_H
#define ASSAY_TESTS_ISSUER_SHELL_H

#include <stdbool.h>

/* Runs in folder; the output (64 KiB at most, stderr too) stays until the next call. Aborts the test
 * unless the command's success is as expected. */
const char *shell(const char *folder, bool succeeds, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
