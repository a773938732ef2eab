/* issue_value.c - read strictly: what does not match the grammar of RFC 8659 §4.2 from end to end is
 * refused as a whole, before any of it is believed. */
#include "validator/issue_value.h"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

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

/* (ALPHA / DIGIT) *( *("-") (ALPHA / DIGIT)), with dots between if dots is true. */
static bool take_word(struct str *s, bool dots, struct str *out)
{
	size_t len = 0;

	while (len < s->len) {
		char c = s->p[len];
		bool between = len > 0 && len + 1 < s->len;

		if (c == '.' && (!dots || !between || !is_alnum(s->p[len - 1]) || !is_alnum(s->p[len + 1])))
			break;
		if (c == '-' && len == 0)
			break;
		if (c != '-' && c != '.' && !is_alnum(c))
			break;
		len++;
	}
	if (len == 0 || s->p[len - 1] == '-')
		return false;
	*out = (struct str){ s->p, len };
	s->p += len;
	s->len -= len;
	return true;
}

/* *(%x21-3A / %x3C-7E): visible, without ";". */
static struct str take_value(struct str *s)
{
	struct str out = { s->p, 0 };

	while (out.len < s->len && s->p[out.len] > ' ' && s->p[out.len] < 0x7f && s->p[out.len] != ';')
		out.len++;
	s->p += out.len;
	s->len -= out.len;
	return out;
}

/* parameter = tag *WSP "=" *WSP value, with what may stand behind it. */
static bool take_parameter(struct str *s, struct str *out_tag, struct str *out_value)
{
	if (!take_word(s, false, out_tag))
		return false;
	skip_space(s);
	if (!take_char(s, '='))
		return false;
	skip_space(s);
	*out_value = take_value(s);
	skip_space(s);
	return true;
}

bool issue_value_next(struct str *rest, struct str *out_tag, struct str *out_value)
{
	if (!take_parameter(rest, out_tag, out_value))
		return false;
	(void)take_char(rest, ';');
	skip_space(rest);
	return true;
}

bool issue_value_parse(struct str s, bool final_dot, struct issue_value *out)
{
	struct issue_value value = { .issuer = { "", 0 } };
	struct str tag, text;

	skip_space(&s);
	if (s.len > 0 && s.p[0] != ';' && !take_word(&s, true, &value.issuer))
		return false;
	if (final_dot && value.issuer.len > 0)
		(void)take_char(&s, '.');
	skip_space(&s);
	if (s.len > 0) {
		if (!take_char(&s, ';'))
			return false;
		skip_space(&s);
	}
	value.parameters = s;
	for (bool more = s.len > 0; more;) {
		if (!take_parameter(&s, &tag, &text))
			return false;
		more = take_char(&s, ';');
		skip_space(&s);
		if (!more && s.len > 0)
			return false;
	}
	*out = value;
	return true;
}
