/* proc.c - what a process and its children cost, from /proc (proc(5)). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PROCESSES_MAX 64

static bool read_stat(int pid, int *out_parent, double *out_cpu_ms)
{
	unsigned long user, system;
	char path[64], line[1024];
	const char *p;
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(line, 1, sizeof(line) - 1, f);
	(void)fclose(f);
	line[n] = '\0';
	p = strrchr(line, ')'); /* the name may have anything in it */
	if (!p || sscanf(p + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", out_parent, &user, &system) != 3)
		return false;
	*out_cpu_ms = (double)(user + system) * 1000.0 / (double)sysconf(_SC_CLK_TCK);
	return true;
}

static int64_t read_status(int pid, const char *name)
{
	char path[64], line[256];
	int64_t kib = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtoll(line + strlen(name), NULL, 10);
	}
	(void)fclose(f);
	return kib;
}

bool usage_read(int pid, struct usage *out)
{
	int family[PROCESSES_MAX] = { pid }, count = 1, parent;
	struct usage sum = { 0 };
	struct dirent *e;
	double cpu_ms;
	DIR *proc;

	if (!read_stat(pid, &parent, &cpu_ms))
		return false;
	/* Children come after their parents: once for each generation is enough. */
	for (int round = 0; round < 3; round++) {
		proc = opendir("/proc");
		while (proc && (e = readdir(proc)) && count < PROCESSES_MAX) {
			int child = atoi(e->d_name);
			bool known = child <= 0 || !read_stat(child, &parent, &cpu_ms), below = false;

			for (int i = 0; i < count; i++) {
				known |= family[i] == child;
				below |= family[i] == parent;
			}
			if (!known && below)
				family[count++] = child;
		}
		if (proc)
			(void)closedir(proc);
	}
	for (int i = 0; i < count; i++) {
		if (!read_stat(family[i], &parent, &cpu_ms))
			continue;
		sum.cpu_ms += cpu_ms;
		sum.rss_kib += read_status(family[i], "VmRSS:");
		sum.peak_kib += read_status(family[i], "VmHWM:");
	}
	*out = sum;
	return true;
}
