/* core.c - the service object and the audit trail. */
#include "core/core.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "core/checkpoints.h"
#include "core/metrics.h"

struct config *service_config(struct service *s)
{
	struct config *c;

	pthread_mutex_lock(&s->config_lock);
	c = config_ref(s->config);
	pthread_mutex_unlock(&s->config_lock);
	return c;
}

void service_set_config(struct service *s, struct config *c)
{
	struct config *old;

	pthread_mutex_lock(&s->config_lock);
	old = s->config;
	s->config = c;
	pthread_mutex_unlock(&s->config_lock);
	config_unref(old);
}

struct str id_str(struct arena *a, struct id id)
{
	char *text = arena_alloc(a, ID_TEXT_LEN + 1);

	if (!text)
		return (struct str){ 0 };
	id_text(id, text);
	return (struct str){ text, ID_TEXT_LEN };
}

enum rc audit_add(struct context *c, const char *action, struct str subject, const char *fmt, ...)
{
	struct audit_record r = {
		.id = id_new(),
		.at = c->now,
		.actor = c->actor,
		.action = str_of(action),
		.subject = subject,
	};
	char detail[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	r.detail = str_of(detail);
	metrics_act(action);
	checkpoints_act(c->service);
	return tx_insert(c->tx, &AUDITS, &r);
}
