/* fuzz_http1_oracle.c - see fuzz_http1_oracle.h. */
#include "fuzz_http1_oracle.h"

#include <http_parser.h>

static int on_url(http_parser *p, const char *at, size_t len)
{
	buf_add(&((struct oracle *)p->data)->url, at, len);
	return 0;
}

static int on_header(http_parser *p, const char *at, size_t len)
{
	buf_add(&((struct oracle *)p->data)->headers, at, len);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	buf_add(&((struct oracle *)p->data)->body, at, len);
	return 0;
}

static int on_complete(http_parser *p)
{
	((struct oracle *)p->data)->complete = true;
	((struct oracle *)p->data)->keep_alive = http_should_keep_alive(p);
	http_parser_pause(p, 1);
	return 0;
}

void oracle_read(struct oracle *o, struct str message)
{
	static const http_parser_settings settings = {
		.on_url = on_url, .on_header_field = on_header, .on_header_value = on_header,
		.on_body = on_body, .on_message_complete = on_complete,
	};
	http_parser p;

	*o = (struct oracle){ 0 };
	buf_init(&o->url, SIZE_MAX);
	buf_init(&o->body, SIZE_MAX);
	buf_init(&o->headers, SIZE_MAX);
	http_parser_init(&p, HTTP_REQUEST);
	p.data = o;
	o->used = http_parser_execute(&p, &settings, message.p, message.len);
	o->method = http_method_str((enum http_method)p.method);
	o->upgrade = p.upgrade;
}

void oracle_done(struct oracle *o)
{
	buf_done(&o->url);
	buf_done(&o->body);
	buf_done(&o->headers);
}
