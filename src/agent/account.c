/* account.c - see account.h. */
#include "agent/account.h"

#include "agent/observe.h"
#include "base/file.h"

#define KEY_FILE_MAX (64 * 1024)

enum rc account_key_load(const char *path, struct privkey **out, bool *out_made, struct fault *f)
{
	AUTO(arena) struct arena scratch;
	struct bytes pem;
	enum rc rc;

	arena_init(&scratch, 2 * KEY_FILE_MAX);
	rc = file_read(&scratch, path, KEY_FILE_MAX, &pem, f);
	*out_made = rc == RC_NOTFOUND;
	if (rc == RC_NOTFOUND)
		return privkey_make_file(path, KEY_P256, out, f);
	if (rc != RC_OK)
		return rc;
	rc = privkey_from_pem(pem, NULL, out, f);
	secret_cleanse((void *)pem.p, pem.len);
	if (rc != RC_OK && f) {
		char why[FAULT_DETAIL_MAX];

		memcpy(why, f->detail, sizeof(why));
		return fault_set(f, rc, PROBLEM_NONE,
				 "%s is no key that we can use: %s. Give another file with --account-key", path, why);
	}
	return rc;
}

enum rc account_url_load(struct arena *a, const char *key_path, struct str server, struct str *out,
			 struct fault *f)
{
	char *path = arena_printf(a, "%s.url", key_path);
	struct str of, url, found = { 0 };
	struct bytes text;
	enum rc rc;

	if (!path)
		return RC_NOMEM;
	rc = file_read(a, path, KEY_FILE_MAX, &text, f);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	if (rc == RC_OK && url_file_read((struct str){ (const char *)text.p, text.len }, &of, &url) &&
	    str_eq(of, server))
		found = url;
	fault_done(f);
	*out = found;
	return RC_OK;
}

enum rc account_url_store(struct arena *a, const char *key_path, struct str server, struct str url,
			  struct fault *f)
{
	char *path = arena_printf(a, "%s.url", key_path);
	struct bytes text;
	enum rc rc = path ? url_file_write(a, server, url, &text) : RC_NOMEM;

	return rc == RC_OK ? file_write(path, text, 0600, f) : rc;
}
