/* listener.c - http-01 (RFC 8555 §8.3) by a web server of our own: one thread with an event loop and
 * the strict server of src/net, whose parser and deadlines strangers meet (TRUST V41, V49).
 * What it answers is kept under one lock, since present and cleanup run on the caller's thread. */
#include <stdlib.h>

#include "base/thread.h"
#include "net/http_server.h"
#include "solver/solver_impl.h"

#define PATH "/.well-known/acme-challenge/"
#define CONNECTIONS_MAX 64
#define BODY_MAX 1024 /* of a request: nobody needs one */

struct answer {
	struct answer *next;
	struct str token, text; /* in the same allocation */
};

struct listener {
	struct solver base; /* first */
	struct loop *loop;
	struct http_server *http;
	struct thread thread;
	pthread_mutex_t lock; /* guards answers; a leaf lock */
	struct answer *answers;
};

static struct answer **find(struct listener *l, struct str token)
{
	struct answer **at = &l->answers;

	while (*at && !str_eq((*at)->token, token))
		at = &(*at)->next;
	return at;
}

static void on_request(void *arg, struct http_exchange *x, const struct http_request *r)
{
	/* RFC 8555 §8.3: the media type is application/octet-stream if it is anything. */
	static const struct http_header type = { { "Content-Type", 12 }, { "application/octet-stream", 24 } };
	struct http_reply reply = { .status = 404 };
	struct listener *l = arg;
	struct answer *answer = NULL;

	if (r->method != HTTP_GET && r->method != HTTP_HEAD) {
		reply.status = 405;
		reply.close = true;
		http_reply(x, &reply);
		return;
	}
	pthread_mutex_lock(&l->lock);
	if (str_starts(r->path, PATH))
		answer = *find(l, (struct str){ r->path.p + strlen(PATH), r->path.len - strlen(PATH) });
	if (answer)
		reply = (struct http_reply){ .status = 200, .headers = &type, .header_count = 1,
					     .body = str_bytes(answer->text) };
	http_reply(x, &reply); /* copies the body; needs no lock of ours */
	pthread_mutex_unlock(&l->lock);
}

/* Takes an answer out of the list; NULL if there is none. */
static struct answer *take(struct listener *l, struct str token)
{
	struct answer **at = find(l, token), *answer = *at;

	if (answer)
		*at = answer->next;
	return answer;
}

static enum rc listener_present(struct solver *s, const struct solve_request *r, struct fault *f)
{
	struct listener *l = (struct listener *)s;
	enum rc rc = solver_check_token(r->token, f);
	struct answer *answer, *old;
	char *p;

	if (rc != RC_OK)
		return rc;
	answer = malloc(sizeof(*answer) + r->token.len + r->key_authorization.len);
	if (!answer)
		return RC_NOMEM;
	p = (char *)(answer + 1);
	memcpy(p, r->token.p, r->token.len);
	memcpy(p + r->token.len, r->key_authorization.p, r->key_authorization.len);
	answer->token = (struct str){ p, r->token.len };
	answer->text = (struct str){ p + r->token.len, r->key_authorization.len };
	pthread_mutex_lock(&l->lock);
	old = take(l, r->token);
	answer->next = l->answers;
	l->answers = answer;
	pthread_mutex_unlock(&l->lock);
	free(old);
	return RC_OK;
}

static enum rc listener_cleanup(struct solver *s, const struct solve_request *r, struct fault *f)
{
	struct listener *l = (struct listener *)s;
	struct answer *answer;

	(void)f;
	pthread_mutex_lock(&l->lock);
	answer = take(l, r->token);
	pthread_mutex_unlock(&l->lock);
	free(answer);
	return RC_OK;
}

struct closing {
	struct loop_work work; /* first */
	struct listener *listener;
};

/* On the loop's thread, where the server belongs. */
static void close_server(struct loop_work *work)
{
	struct listener *l = ((struct closing *)work)->listener;

	http_server_free(l->http);
	l->http = NULL;
	loop_stop(l->loop);
}

static void listener_free(struct solver *s)
{
	struct listener *l = (struct listener *)s;
	struct closing closing = { .work.fn = close_server, .listener = l };
	struct answer *next;

	if (l->thread.started) {
		loop_post(l->loop, &closing.work);
		thread_join(&l->thread);
	} else {
		http_server_free(l->http);
	}
	loop_free(l->loop);
	for (struct answer *answer = l->answers; answer; answer = next) {
		next = answer->next;
		free(answer);
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static const struct solver_ops listener_ops = {
	.name = "listener",
	.challenge = "http-01",
	.present = listener_present,
	.cleanup = listener_cleanup,
	.free = listener_free,
};

static void run(void *arg)
{
	loop_run(arg);
}

/* What is missing after a failure is NULL. */
static enum rc start(struct listener *l, const struct addr *address, struct fault *f)
{
	struct http_server_options o = { .on_request = on_request, .arg = l, .max_body = BODY_MAX,
					 .max_connections = CONNECTIONS_MAX };
	enum rc rc = loop_new(&l->loop);

	if (rc != RC_OK)
		return rc;
	o.loop = l->loop;
	rc = http_server_new(&o, &l->http);
	if (rc == RC_OK)
		rc = http_server_listen(l->http, address, NULL, NULL, f);
	if (rc == RC_OK)
		rc = thread_start(&l->thread, "http-01", run, l->loop);
	return rc;
}

enum rc solver_listener_new(struct str address, struct solver **out, struct fault *f)
{
	AUTO_PTR(solver) struct solver *made = NULL;
	struct listener *l;
	struct addr addr;
	enum rc rc;

	rc = addr_parse(address, 80, &addr, f);
	if (rc != RC_OK)
		return rc;
	l = calloc(1, sizeof(*l));
	if (!l)
		return RC_NOMEM;
	l->base.ops = &listener_ops;
	pthread_mutex_init(&l->lock, NULL);
	made = &l->base;
	rc = start(l, &addr, f);
	if (rc == RC_OK)
		*out = TAKE(made);
	return rc;
}
