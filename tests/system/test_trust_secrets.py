"""What is kept secret and what cannot be forged (TRUST V20, V42, V59): planted secrets are looked for
in every file, log and process; every field that a peer chooses tries to forge a line of the log."""

import json
import os
import pathlib
import re
import sqlite3
import ssl
import socket
import subprocess
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization

from acmewire import Account, Key, b64, make_csr, wait_until
from peers import Responder, running
from servers import AssayServe, clean_environment

pytestmark = pytest.mark.assay

EAB = b"planted-hmac-key-0123456789abcdef!"  # the octets of the binding key
ROOT_PASSPHRASE = "correct horse battery staple"


def plant(text):
    return text.replace("profiles: [server, short]",
                        "profiles: [server, short]\n    eab_required: true") + f"""
eab_keys:
  planted: {{key: "file:@EAB@"}}
log: {{level: debug}}
"""


@pytest.fixture
def planted(tmp_path):
    (tmp_path / "eab").write_text(b64(EAB) + "\n")
    (tmp_path / "eab").chmod(0o600)
    made = AssayServe(tmp_path / "serve",
                      edit=lambda t: plant(t).replace("@EAB@", str(tmp_path / "eab")))
    yield made
    made.close()


def ca_key(server):
    """(private key, passphrase) of the issuing CA, as its owner reads them."""
    passphrase = (server.data / "ca" / "issuing.pass").read_text().strip()
    pem = (server.data / "ca" / "issuing.key").read_bytes()
    return serialization.load_pem_private_key(pem, passphrase.encode()), passphrase


def spellings(server):
    """name -> the octets of a secret in each form in which it may turn up."""
    key, passphrase = ca_key(server)
    private = key.private_numbers().private_value.to_bytes(32, "big")
    return {
        "EAB key": EAB, "EAB key, base64url": b64(EAB).encode(), "EAB key, hex": EAB.hex().encode(),
        "CA passphrase": passphrase.encode(), "root passphrase": ROOT_PASSPHRASE.encode(),
        "CA key": private, "CA key, little-endian": private[::-1],
        "CA key, base64url": b64(private).encode(), "CA key, hex": private.hex().encode(),
    }


def traffic(server):
    """Registrations with good and bad bindings, an issuance, a failed one, a revocation."""
    wire = server.wire()
    url = wire.directory["newAccount"]
    account = Account(wire, key := Key(), externalAccountBinding=wire.eab(key, "planted", b64(EAB)))
    for kid, mac in (("planted", b64(b"wrong")), ("nobody", b64(EAB)), (b64(EAB)[:10], b64(EAB))):
        key = Key()
        got = wire.post(url, {"termsOfServiceAgreed": True,
                              "externalAccountBinding": wire.eab(key, kid, mac)}, key)
        assert got.status in (400, 401, 403), got
    with running(Responder(server.http01_port)) as responder:
        account.order("secret.test").issue(responder)
        account.order("fails.test").fail(responder)
    server.run("cert", "issue", "--dns", "direct.test")
    server.run("status")
    return account


def test_v20__planted_secrets_are_in_no_other_file(planted, tmp_path):
    traffic(planted)
    secrets = spellings(planted)
    # A backup as an operator takes it, beside the live files and the log.
    database = sqlite3.connect(f"file:{planted.database}?mode=ro", uri=True)
    database.execute(f"VACUUM INTO '{tmp_path / 'backup.db'}'")
    database.close()
    own_files = {tmp_path / "eab", planted.data / "ca" / "issuing.pass", planted.path / "pass"}
    looked_at = 0
    for path in tmp_path.rglob("*"):
        if not path.is_file() or path in own_files:
            continue
        octets = path.read_bytes()
        looked_at += 1
        for what, secret in secrets.items():
            assert secret not in octets, (what, path)
    assert looked_at >= 8
    assert (tmp_path / "backup.db").stat().st_size > 0
    for arguments in (("account", "list"), ("audit", "list"), ("directory", "list"), ("status",)):
        told = planted.run(*arguments, "--json").stdout.encode()
        for what, secret in secrets.items():
            assert secret not in told, (what, arguments)


def test_v20__secrets_are_in_no_environment_and_no_command_line(planted):
    secrets = spellings(planted)
    monitor, = children(planted.process.pid)
    for pid in (planted.process.pid, monitor, *children(monitor)):
        for name in ("cmdline", "environ"):
            octets = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
            for what, secret in secrets.items():
                assert secret not in octets, (what, pid, name)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def memory_of(pid):
    """Everything that the process can read of itself."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\S+)", line)
            if not match or "[v" in line:
                continue
            begin, end = int(match[1], 16), int(match[2], 16)
            try:
                memory.seek(begin)
                yield memory.read(end - begin)
            except (OSError, OverflowError, ValueError):
                continue


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to read the memory of the processes")
def test_v59__the_process_that_parses_the_network_holds_no_ca_key(planted):
    traffic(planted)
    secrets = {k: v for k, v in spellings(planted).items() if k.startswith("CA ")}
    read = 0
    for region in memory_of(planted.process.pid):
        read += len(region)
        for what, secret in secrets.items():
            assert secret not in region, what
    assert read > 1 << 20
    # The search can find it: it is in the signer's worker.
    monitor, = children(planted.process.pid)
    worker, = children(monitor)
    assert any(secrets["CA key"] in region or secrets["CA key, little-endian"] in region
               for region in memory_of(worker))
    # And core dumps and debuggers of the same user do not get it.
    status = pathlib.Path(f"/proc/{worker}/status").read_text()
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    assert os.stat(f"/proc/{worker}/mem").st_uid == 0


# --- V42: the log

LINE = "2026-01-01T00:00:00.000Z error forged evil=1"
EVIL = f'a"b\\c\r\n{LINE}\n\x1b[2J\x1b]0;x\x07\x00\x7f\x85\u2028\u202e\n<0>{LINE}\n{{"event":"forged"}}'


@pytest.fixture(scope="module", params=["text", "json"])
def logged(request, tmp_path_factory):
    made = AssayServe(tmp_path_factory.mktemp("log"), edit=lambda t: t + (
        f"log: {{level: debug, format: {request.param}}}\n"))
    made.log_format = request.param
    yield made
    made.close()


def evil_web(handler):
    text = EVIL.replace("\x00", "").encode()
    handler.wfile.write(b"HTTP/1.1 299 " + text.replace(b"\r", b"").replace(b"\n", b" ")
                        + b"\r\nContent-Type: " + text.split(b"\r")[0] + b"\x1b[2J\r\n"
                        + b"Content-Length: " + str(len(text)).encode() + b"\r\n\r\n" + text)


def evil_redirect(handler):
    handler.wfile.write(b"HTTP/1.1 302 x\r\nLocation: http://\x1b[2J\"" + LINE.encode()
                        + b"/%0a%1b?\x85\r\nContent-Length: 0\r\n\r\n")


def evil_http(server, wire, account):
    parts = urlsplit(server.directory)
    evil = EVIL.encode().replace(b"\r", b"").replace(b"\n", b"").replace(b"\x00", b"")
    for text in (
            b"GET /" + evil + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /%0d%0a" + LINE.replace(" ", "%20").encode()
            + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET /?" + LINE.replace(" ", "%0a").encode()
            + b" HTTP/1.1\r\nHost: " + parts.netloc.encode() + b"\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: " + evil + b"\r\n\r\n",
            b"GET /none HTTP/1.1\r\nHost: " + parts.netloc.encode() + b"\r\nUser-Agent: " + evil
            + b"\r\nReferer: " + evil + b"\r\nConnection: close\r\n\r\n",
            evil + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        wire.http.raw(server.directory, text)
    # SNI, as far as a TLS library lets us choose it.
    for name in (LINE, "a\x1b[2Jb", "x\nforged"):
        subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{parts.port}", "-servername",
                        name], input=b"", capture_output=True, timeout=20, env=clean_environment())
    # A handshake that fails is told too: a client that trusts nobody.
    context = ssl.create_default_context(cadata=open(server.roots).read())
    context.load_verify_locations(cadata=open(server.roots).read())
    with pytest.raises(ssl.SSLError):
        with socket.create_connection(("127.0.0.1", parts.port), 10) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def evil_acme(wire, account):
    key = Key()
    new_account, new_order = wire.directory["newAccount"], wire.directory["newOrder"]
    for contact in ([EVIL], [f"mailto:{EVIL}"], [f"mailto:a@{EVIL}"], [f"mailto:{LINE}@example.com"]):
        wire.post(new_account, {"termsOfServiceAgreed": True, "contact": contact}, key)
    for body in ({"identifiers": [{"type": "dns", "value": EVIL}]},
                 {"identifiers": [{"type": EVIL, "value": "a.test"}]},
                 {"identifiers": [{"type": "dns", "value": "a.test"}], "profile": EVIL},
                 {"identifiers": [{"type": "dns", "value": "a.test"}], "notAfter": EVIL},
                 {"identifiers": [{"type": "dns", "value": "a.test"}], "replaces": EVIL}, EVIL):
        account.post(new_order, body)
    for member in ("alg", "kid", "url", "nonce", "typ", "crit"):
        wire.send(new_order, wire.sign(new_order, {}, account.key, account.url, wire.nonce(),
                                       protected={member: EVIL}))
    wire.send(new_account, wire.sign(new_account, {}, key, nonce=wire.nonce(),
                                     protected={"jwk": {**key.jwk(), "kty": EVIL, "crv": EVIL}}))
    binding = wire.eab(key, EVIL, b64(b"x" * 32))
    wire.post(new_account, {"termsOfServiceAgreed": True, "externalAccountBinding": binding}, key)
    wire.send(new_order, EVIL.encode())
    wire.send(new_order, "{}", content_type=EVIL.split("\r")[0])
    account.post(wire.directory["revokeCert"], {"certificate": EVIL, "reason": EVIL})
    account.post(account.url + "/" + "%1b%0a", None)


def test_v42__no_field_of_a_peer_forges_a_line(logged):
    wire = logged.wire()
    account = Account(wire)
    evil_http(logged, wire, account)
    evil_acme(wire, account)
    with running(Responder(logged.http01_port)) as responder:
        for answer in (evil_web, evil_redirect):
            order = account.order("evil.test")
            url, challenge = order.challenge()
            responder.call(challenge["token"], answer)
            account.post(challenge["url"], {})
            assert order.account_settled(url, 40)["status"] == "invalid"
            check_text(logged.run("order", "why", order.url.rsplit("/", 1)[1]).stdout)
        ready = account.order("ready.test").authorize(responder)
        for common_name in (LINE, "x\x1b[2J.test"):
            ready.finalize(make_csr(["ready.test"], common_name=common_name))
    check_text(logged.run("audit", "list").stdout)
    check_text(logged.run("account", "list").stdout)
    # The last event is in the log when this one is.
    wire.get(wire.directory["newNonce"] + "-the-end")
    wait_until(lambda: "the-end" in logged.process.output(), 10, "the log")
    check_log(logged)


def check_text(text):
    """Of a terminal: no control characters but the ends of lines."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text), text


def check_log(server):
    octets = server.process.log_path.read_bytes()
    text = octets.decode("utf-8")  # overlong and other wrong UTF-8 is never written
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    events = 0
    for line in text.splitlines():
        if re.match(r"(directory|root|fingerprint) ", line):
            continue  # what is printed at the start
        if server.log_format == "json":
            event = json.loads(line)
            assert event["event"] != "forged" and "evil" not in event, line
        else:
            match = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warn|info|debug) (\w+)", line)
            assert match, line
            assert match[2] != "forged", line
            assert not re.search(r" evil=1", re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)), line
        events += 1
    assert events > 30
