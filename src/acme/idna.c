/* idna.c - see idna.h. */
#include "acme/idna.h"

#include <idn2.h>

/* RFC 5891 §4.2.3.1; libidn2 leaves this one to its callers. */
static bool has_bad_hyphen(const char *unicode)
{
	size_t len = strlen(unicode);

	return len == 0 || unicode[0] == '-' || unicode[len - 1] == '-';
}

enum rc idna_check_a_label(struct str label)
{
	char text[64], *unicode = NULL, *back = NULL;
	bool same = false;
	int rc;

	if (label.len >= sizeof(text))
		return RC_INVALID;
	memcpy(text, label.p, label.len);
	text[label.len] = '\0';
	/* There and back, without any mapping (TR46): what is not its own canonical form differs. */
	rc = idn2_to_unicode_8z8z(text, &unicode, 0);
	if (rc == IDN2_OK)
		rc = idn2_to_ascii_8z(unicode, &back, IDN2_NO_TR46);
	if (rc == IDN2_OK)
		same = strcmp(back, text) == 0 && strcmp(unicode, text) != 0 &&
		       !has_bad_hyphen(unicode);
	idn2_free(unicode);
	idn2_free(back);
	if (rc == IDN2_MALLOC)
		return RC_NOMEM;
	return same ? RC_OK : RC_INVALID;
}

bool idna_to_ascii(struct str name, char out[LIMIT_NAME + 1])
{
	char text[4 * LIMIT_NAME + 1], *ascii = NULL;
	bool found = false;

	if (name.len >= sizeof(text) || memchr(name.p, '\0', name.len))
		return false;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
	    strlen(ascii) <= LIMIT_NAME) {
		memcpy(out, ascii, strlen(ascii) + 1);
		found = true;
	}
	idn2_free(ascii);
	return found;
}
