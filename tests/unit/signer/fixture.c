#include "fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "issuer/ca_create.h"
#include "issuer/issuer.h"
#include "signer/signer_spawn.h"

static struct name_subtree permits[2];

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char ca_folder[64];

int fixture_authority_make(void **state)
{
	struct secret *passphrase;
	struct ca_created made;
	struct arena a;
	struct ca_create_options o = { .directory = { ca_folder, 0 }, .name = STR("Lab"),
				       .key_type = KEY_P256, .permit = permits,
				       .permit_count = COUNT_OF(permits) };

	(void)state;
	arena_init(&a, 1024 * 1024);
	strcpy(ca_folder, "/tmp/assay-signer-ca-XXXXXX");
	assert_non_null(mkdtemp(ca_folder));
	o.directory.len = strlen(ca_folder);
	assert_int_equal(name_subtree_parse(&a, STR("lab.internal"), &permits[0], NULL), RC_OK);
	assert_int_equal(name_subtree_parse(&a, STR("10.0.0.0/8"), &permits[1], NULL), RC_OK);
	assert_int_equal(secret_new(str_bytes(STR("open sesame")), &passphrase), RC_OK);
	o.root_passphrase = o.issuing_passphrase = passphrase;
	assert_int_equal(ca_create(&a, &o, &made, NULL), RC_OK);
	secret_free(passphrase);
	write_file(arena_printf(&a, "%s/pass", ca_folder), "open sesame\n");
	arena_done(&a);
	return 0;
}

static void remove_folder(const char *folder)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

int fixture_authority_remove(void **state)
{
	(void)state;
	remove_folder(ca_folder);
	return 0;
}

static struct str path_in(struct fixture *x, const char *name, const char *folder)
{
	char text[128];

	snprintf(text, sizeof(text), "%s%s", folder, name);
	return arena_str(&x->arena, str_of(text));
}

static void load_authority(struct fixture *x)
{
	struct authority loaded;

	x->chain_file = path_in(x, "/chain.pem", ca_folder);
	x->root_file = path_in(x, "/root.pem", ca_folder);
	x->key_file = str_of(arena_printf(&x->arena, "file:%s/issuing.key", ca_folder));
	x->passphrase_file = str_of(arena_printf(&x->arena, "file:%s/pass", ca_folder));
	x->journal_file = path_in(x, "/journal", x->folder);
	assert_int_equal(authority_load(&x->arena, STR("lab"), x->chain_file.p, NULL, &loaded, NULL),
			 RC_OK);
	x->issuing = loaded.issuing;
	assert_int_equal(pubkey_from_spki(x->issuing.spki, &x->issuing_key, NULL), RC_OK);
}

void fixture_init(struct fixture *x)
{
	memset(x, 0, sizeof(*x));
	x->socket = -1;
	unsetenv("MALLOC_PERTURB_"); /* meson's: it would fill, and so use, what is only reserved */
	arena_init(&x->arena, 256 * 1024 * 1024);
	strcpy(x->folder, "/tmp/assay-signer-test-XXXXXX");
	assert_non_null(mkdtemp(x->folder));
	load_authority(x);
	assert_int_equal(privkey_generate(KEY_P256, 0, &x->key), RC_OK);
	assert_int_equal(dn_build(&x->arena, (struct str){ 0 }, (struct str){ 0 }, &x->subject),
			 RC_OK);
	x->san = (struct san){ .type = SAN_DNS, .value = str_bytes(STR("host.lab.internal")) };
	x->profiles[0] = (struct signer_profile){
		.name = STR("server"),
		.max_lifetime_s = 90 * 86400,
		.allowed_extensions = EXT_BASIC_CONSTRAINTS | EXT_KEY_USAGE | EXT_EXT_KEY_USAGE |
				      EXT_SAN | EXT_SUBJECT_KEY_ID | EXT_AUTHORITY_KEY_ID | EXT_AIA |
				      EXT_CRL_DP,
		.required_extensions = EXT_KEY_USAGE | EXT_EXT_KEY_USAGE | EXT_SAN,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = EKU_SERVER_AUTH,
	};
	x->authority = (struct signer_authority){
		.name = STR("lab"),
		.certificate_file = x->chain_file,
		.key_ref = x->key_file,
		.passphrase_ref = x->passphrase_file,
		.ocsp_url = STR("http://ca.lab.internal/ocsp"),
		.profiles = x->profiles,
		.profile_count = 1,
	};
	x->config = (struct signer_config){
		.journal_file = x->journal_file,
		.max_backdate_s = 90000,
		.authorities = &x->authority,
		.authority_count = 1,
	};
}

void fixture_done(struct fixture *x)
{
	if (x->pid)
		fixture_stop(x);
	remove_folder(x->folder);
	pubkey_free(x->issuing_key);
	privkey_free(x->key);
	arena_done(&x->arena);
}

enum rc fixture_start(struct fixture *x, char detail[FAULT_DETAIL_MAX])
{
	struct buf text;
	enum rc rc;

	buf_init(&text, SIGNER_CONFIG_MAX);
	signer_config_write(&x->config, &text);
	assert_true(buf_ok(&text));
	rc = fixture_start_text(x, buf_str(&text), detail);
	buf_done(&text);
	return rc;
}

enum rc fixture_start_text(struct fixture *x, struct str text, char detail[FAULT_DETAIL_MAX])
{
	struct fault f = { 0 };
	struct reply hello;

	assert_int_equal(signer_spawn(ASSAY_SIGNER_PROGRAM, str_bytes(text), &x->pid, &x->socket, &f),
			 RC_OK);
	assert_true(fixture_receive(x, &hello));
	assert_int_equal(hello.op, MESSAGE_HELLO);
	x->epoch = hello.epoch;
	if (detail)
		strcpy(detail, hello.detail);
	return hello.status;
}

int fixture_stop(struct fixture *x)
{
	int status;

	close(x->socket);
	x->socket = -1;
	assert_int_equal(waitpid(x->pid, &status, 0), x->pid);
	x->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct tbs_spec fixture_spec(struct fixture *x)
{
	uint8_t *serial = arena_alloc(&x->arena, SERIAL_MAX);
	int64_t now = clock_now_s();

	assert_non_null(serial);
	serial_new(now, serial);
	return (struct tbs_spec){
		.serial = bytes_of(serial, SERIAL_MAX),
		.alg = key_x509_sig_alg(pubkey_type(x->issuing_key)),
		.issuer_dn = x->issuing.subject_dn,
		.subject_dn = x->subject,
		/* The authority is as young as this test: not before it. */
		.not_before = x->issuing.not_before,
		.not_after = x->issuing.not_before + 90 * 86400 - 1,
		.key = privkey_pubkey(x->key),
		.path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = EKU_SERVER_AUTH,
		.sans = &x->san,
		.san_count = 1,
		.san_critical = true,
		.authority_key_id = x->issuing.subject_key_id,
		.ocsp_url = x->authority.ocsp_url,
	};
}

struct bytes fixture_build(struct fixture *x, const struct tbs_spec *spec)
{
	struct bytes tbs;

	assert_int_equal(tbs_build(&x->arena, spec, &tbs), RC_OK);
	return tbs;
}

struct bytes fixture_tbs(struct fixture *x)
{
	struct tbs_spec spec = fixture_spec(x);

	return fixture_build(x, &spec);
}

struct bytes fixture_patch(struct fixture *x, struct bytes in, struct bytes from, struct bytes to)
{
	uint8_t *at = memmem(in.p, in.len, from.p, from.len), *copy;

	assert_non_null(at);
	assert_int_equal(from.len, to.len);
	copy = arena_alloc(&x->arena, in.len);
	assert_non_null(copy);
	memcpy(copy, in.p, in.len);
	memcpy(copy + (at - in.p), to.p, to.len);
	return bytes_of(copy, in.len);
}

void fixture_send_raw(struct fixture *x, const void *p, size_t len)
{
	struct pollfd ready = { .fd = x->socket, .events = POLLOUT };

	while (send(x->socket, p, len, MSG_NOSIGNAL) < 0)
		assert_true(poll(&ready, 1, FIXTURE_WAIT_MS) > 0);
}

uint64_t fixture_send(struct fixture *x, enum message_op op, const char *authority,
		      const char *profile, struct bytes payload)
{
	struct message m = { .op = op, .id = ++x->next_id, .epoch = x->epoch,
			     .authority = str_of(authority), .profile = str_of(profile),
			     .payload = payload };
	uint8_t out[MESSAGE_REQUEST_MAX];
	size_t len;

	assert_int_equal(message_encode(&m, out, sizeof(out), &len), RC_OK);
	fixture_send_raw(x, out, len);
	return m.id;
}

bool fixture_receive(struct fixture *x, struct reply *out)
{
	struct pollfd ready = { .fd = x->socket, .events = POLLIN };
	uint8_t in[MESSAGE_REPLY_MAX];
	struct message m;
	ssize_t n;

	assert_true(poll(&ready, 1, FIXTURE_WAIT_MS) > 0);
	n = recv(x->socket, in, sizeof(in), MSG_TRUNC);
	if (n <= 0)
		return false;
	assert_true((size_t)n <= sizeof(in));
	assert_int_equal(message_decode(bytes_of(in, (size_t)n), &m), RC_OK);
	assert_true(m.reply);
	*out = (struct reply){ .status = m.status, .id = m.id, .epoch = m.epoch, .op = m.op,
			       .payload_len = m.payload.len };
	memcpy(out->payload, m.payload.p, m.payload.len);
	memcpy(out->detail, m.detail.p, m.detail.len);
	return true;
}

bool fixture_waiting(const struct fixture *x)
{
	struct pollfd ready = { .fd = x->socket, .events = POLLIN };

	return poll(&ready, 1, 0) > 0;
}

enum rc fixture_sign(struct fixture *x, struct bytes tbs, struct reply *out)
{
	uint64_t id = fixture_send(x, MESSAGE_SIGN, "lab", "server", tbs);

	assert_true(fixture_receive(x, out));
	assert_int_equal(out->id, id);
	return out->status;
}

pid_t fixture_worker(const struct fixture *x)
{
	char path[64];
	FILE *file;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)x->pid, (int)x->pid);
	file = fopen(path, "r");
	assert_non_null(file);
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

long fixture_memory_kb(pid_t pid, const char *what)
{
	char path[64], line[256];
	long kb = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, what, strlen(what)) == 0)
			kb = strtol(line + strlen(what) + 1, NULL, 10);
	fclose(file);
	return kb;
}

long fixture_cpu_us(pid_t pid)
{
	char path[64];
	unsigned long long ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu", &ns), 1);
	fclose(file);
	return (long)(ns / 1000);
}
