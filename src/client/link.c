/* link.c - see link.h. The grammar is RFC 8288 §3: "<" URI ">" *( OWS ";" OWS name [ "=" value ] ),
 * with commas between links; only "rel" is read, and of several the first (§3.3). */
#include "client/link.h"

static void skip_space(struct str *s)
{
	while (s->len > 0 && (s->p[0] == ' ' || s->p[0] == '\t')) {
		s->p++;
		s->len--;
	}
}

static bool take_char(struct str *s, char c)
{
	if (s->len == 0 || s->p[0] != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool take_token(struct str *s, struct str *out)
{
	size_t n = 0;

	while (n < s->len && is_token_char(s->p[n]))
		n++;
	*out = (struct str){ s->p, n };
	s->p += n;
	s->len -= n;
	return n > 0;
}

/* A quoted-string (RFC 9110 §5.6.4); *out is what is between the quotes, escapes left as they are:
 * no relation type has any. */
static bool take_quoted(struct str *s, struct str *out)
{
	for (size_t i = 1; i < s->len; i++) {
		if (s->p[i] == '\\') {
			i++;
		} else if (s->p[i] == '"') {
			*out = (struct str){ s->p + 1, i - 1 };
			s->p += i + 1;
			s->len -= i + 1;
			return true;
		}
	}
	return false;
}

static bool take_parameter(struct str *s, struct link *l)
{
	struct str name, value = { 0 };

	skip_space(s);
	if (!take_token(s, &name))
		return s->len == 0 || s->p[0] == ',' || s->p[0] == ';'; /* "; ;" is allowed, says §3 */
	skip_space(s);
	if (take_char(s, '=')) {
		skip_space(s);
		if (s->len > 0 && s->p[0] == '"') {
			if (!take_quoted(s, &value))
				return false;
		} else if (!take_token(s, &value)) {
			return false;
		}
	}
	if (value.p && !l->rel.p && str_eq_nocase(name, STR("rel")))
		l->rel = value;
	return true;
}

bool link_next(struct str *rest, struct link *out)
{
	struct str s = *rest, target;
	struct link l = { 0 };

	do
		skip_space(&s);
	while (take_char(&s, ',')); /* empty list members (RFC 9110 §5.6.1.2) */
	if (!take_char(&s, '<') || !str_cut(s, '>', &target, &s))
		return false;
	l.target = target;
	for (;;) {
		skip_space(&s);
		if (s.len == 0 || take_char(&s, ','))
			break;
		if (!take_char(&s, ';') || !take_parameter(&s, &l))
			return false;
	}
	*rest = s;
	*out = l;
	return true;
}

bool link_has_rel(const struct link *l, const char *rel)
{
	struct str rest = l->rel, one;

	while (rest.len > 0) {
		(void)str_cut(rest, ' ', &one, &rest);
		if (str_eq_nocase(one, str_of(rel)))
			return true;
	}
	return false;
}
