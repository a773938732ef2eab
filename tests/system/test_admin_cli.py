"""The operator's command line over the real programs: every admin verb, its tables, its JSON and its
exit codes; who may use the admin socket; `assay init`, `ca` and `config`."""

import datetime
import http.client
import ipaddress
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from acmewire import Account, hex_serial, make_csr, refused, wait_until
from peers import free_port
from servers import PROGRAMS, ROOT, AssayDev, AssayServe, Process, clean_environment

pytestmark = pytest.mark.assay

FAILED, USAGE, NOT_FOUND, UNREACHABLE = 1, 2, 3, 4
NO_ID = "0" * 26
NO_SERIAL = "0c" + "0" * 38


def assay(*arguments, code=0, **kw):
    """A verb that needs no server."""
    done = subprocess.run(
        [PROGRAMS / "assay", *map(str, arguments)], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, env=clean_environment(), **kw,
    )
    assert done.returncode == code, (arguments, done)
    return done


def fails(server, code, *arguments):
    """Runs a verb that must end with this code; returns what it said."""
    done = server.run(*arguments, check=False)
    assert done.returncode == code, (arguments, done)
    assert done.stdout == ""
    return done.stderr


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(self.path))


def api(server, method, target, body=None):
    """(status, headers, JSON) of the admin API itself."""
    connection = UnixConnection(server.socket)
    text = None if body is None else body if isinstance(body, str) else json.dumps(body)
    connection.request(method, target, text)
    answer = connection.getresponse()
    made = answer.status, answer.headers, json.loads(answer.read())
    connection.close()
    return made


def only_certificate(pem):
    found = x509.load_pem_x509_certificates(pem if isinstance(pem, bytes) else pem.encode())
    assert len(found) == 1
    return found[0]


def names_of(certificate):
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return san.get_values_for_type(x509.DNSName) + [
        str(a) for a in san.get_values_for_type(x509.IPAddress)
    ]


def public_octets(key):
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def order_id(order):
    return order.url.rsplit("/", 1)[1]


# --- help, usage ---

VERBS = [
    "init", "serve", "dev", "ca csr", "ca install", "config check", "config manual", "status",
    "account list", "account show", "account deactivate", "order list", "order show", "order why",
    "cert list", "cert show", "cert issue", "cert revoke", "authority list", "authority show",
    "directory list", "directory show", "job list", "audit list", "zone list", "zone show", "zone set",
    "zone remove", "config export", "config diff", "config apply",
]


@pytest.mark.parametrize("verb", VERBS)
def test_help__every_verb_teaches(verb):
    said = assay(*verb.split(), "--help").stdout
    assert said.startswith(f"usage: assay {verb}")
    assert f"  assay {verb}" in said or verb in ("serve", "dev") or verb.endswith("list")


@pytest.mark.parametrize("noun", ["", "account", "order", "cert", "authority", "directory", "job",
                                  "audit", "ca", "config", "zone"])
def test_help__nouns_list_their_verbs(noun):
    words = [noun] if noun else []
    said = assay(*words, "--help").stdout
    for verb in VERBS:
        if not noun or verb.startswith(noun + " "):
            assert verb.split()[0 if not noun else 1] in said
    assay(*words, code=USAGE)
    assay(*words, "nonsense", code=USAGE)


def test_version():
    assert re.fullmatch(r"assay \d+\.\d+\.\d+\n", assay("--version").stdout)


@pytest.mark.parametrize("arguments", [
    ["status", "--nonsense"], ["status", "word"], ["order", "why"], ["order", "show", "a", "b"],
    ["cert", "show"], ["cert", "revoke"], ["cert", "issue"], ["cert", "issue", "--dns"],
    ["cert", "list", "--limit", "many"], ["account", "deactivate"], ["authority", "show", ""],
    ["cert", "issue", "--dns", "a.test", "--json"],
])
def test_usage_errors(server, arguments):
    assert fails(server, USAGE, *arguments)


# --- reaching the server ---

def test_unreachable(server, tmp_path):
    missing = assay("status", "--socket", tmp_path / "none.sock", code=UNREACHABLE)
    assert "no such socket" in missing.stderr
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as was:
        was.bind(str(left))
    assert "nobody listens" in assay("status", "--socket", left, code=UNREACHABLE).stderr
    assay("status", "--socket", tmp_path / ("x" * 200), code=FAILED)


def test_which_socket(server, served):
    assay("status", "--socket", f"unix:{server.socket}")
    assert json.loads(assay("status", "--config", served.config, "--json").stdout)["name"] == "Test"
    # What is said on the command line counts most.
    by_option = server.run("status", "--json", "--socket", served.socket).stdout
    assert json.loads(by_option)["name"] == "Test"
    assay("status", "--config", "/nowhere/assay.yaml", code=FAILED)


def test_proxies_of_the_environment_are_not_asked(server):
    env = clean_environment(ASSAY_SOCKET=str(server.socket), http_proxy="http://127.0.0.1:1",
                            all_proxy="socks5://127.0.0.1:1")
    done = subprocess.run([PROGRAMS / "assay", "status"], env=env, capture_output=True, timeout=60)
    assert done.returncode == 0, done


def test_status(server):
    said = server.run("status").stdout
    assert re.search(r"^ready +yes$", said, re.M)
    assert server.directory in said
    body = server.admin("status")
    assert body["ready"] is True and "why_not_ready" not in body
    assert re.fullmatch(r"\d+\.\d+\.\d+", body["version"])
    assert body["store"].startswith("sqlite") and body["uptime_s"] >= 0
    assert set(body["jobs"]) == {"running", "waiting"} and body["nonce_memory_bytes"] >= 0
    assert [d["url"] for d in body["directories"]] == [server.directory]
    assert body["authorities"][0]["days_left"] > 365
    assert "\033" not in said


# --- certificates ---

def test_cert_issue__makes_the_key_here(server, tmp_path):
    out = tmp_path / "nas"
    said = server.run("cert", "issue", "--dns", "nas.test", "--dns", "*.nas.test", "--ip", "10.0.0.7",
                      "--duration", "30d", "--out", out).stdout
    certificate = only_certificate((out / "cert.pem").read_bytes())
    key = serialization.load_pem_private_key((out / "privkey.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"
    assert public_octets(key.public_key()) == public_octets(certificate.public_key())
    assert stat.S_IMODE((out / "privkey.pem").stat().st_mode) == 0o600
    assert sorted(names_of(certificate)) == ["*.nas.test", "10.0.0.7", "nas.test"]
    left = certificate.not_valid_after_utc.timestamp() - time.time()
    assert abs(left - 30 * 86400) < 60
    chain = x509.load_pem_x509_certificates((out / "chain.pem").read_bytes())
    certificate.verify_directly_issued_by(chain[0])
    assert (out / "fullchain.pem").read_bytes() == \
        (out / "cert.pem").read_bytes() + (out / "chain.pem").read_bytes()
    assert hex_serial(certificate) in said and "(operator)" in said
    assert "PRIVATE KEY" not in said
    # Again: a renewal replaces all of it.
    server.run("cert", "issue", "--dns", "nas.test", "--out", out)
    renewed = only_certificate((out / "cert.pem").read_bytes())
    assert renewed.serial_number != certificate.serial_number
    key = serialization.load_pem_private_key((out / "privkey.pem").read_bytes(), None)
    assert public_octets(key.public_key()) == public_octets(renewed.public_key())


def test_cert_issue__without_out_prints_pem(server):
    said = server.run("cert", "issue", "--dns", "pipe.test", "--key-type", "ed25519").stdout.encode()
    key = serialization.load_pem_private_key(said, None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    chain = x509.load_pem_x509_certificates(said)
    assert len(chain) >= 2 and names_of(chain[0]) == ["pipe.test"]
    assert public_octets(key.public_key()) == public_octets(chain[0].public_key())


@pytest.mark.parametrize("kind, check", [
    ("p384", lambda k: k.curve.name == "secp384r1"), ("rsa2048", lambda k: k.key_size == 2048),
    ("rsa3072", lambda k: k.key_size == 3072),
])
def test_cert_issue__kinds_of_keys(server, tmp_path, kind, check):
    server.run("cert", "issue", "--dns", "kind.test", "--key-type", kind, "--out", tmp_path)
    assert check(serialization.load_pem_private_key((tmp_path / "privkey.pem").read_bytes(), None))


def test_cert_issue__csr(server, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    der = make_csr([("dns", "printer.test"), ("ip", "10.0.0.9")], key)
    request = x509.load_der_x509_csr(der).public_bytes(serialization.Encoding.PEM)
    (tmp_path / "csr.pem").write_bytes(request)
    body = server.admin("cert", "issue", "--csr", tmp_path / "csr.pem")
    certificate = only_certificate(body["pem"])
    assert public_octets(certificate.public_key()) == public_octets(key.public_key())
    assert sorted(body["names"]) == sorted(names_of(certificate)) == ["10.0.0.9", "printer.test"]
    out = tmp_path / "out"
    server.run("cert", "issue", "--csr", tmp_path / "csr.pem", "--dns", "printer.test", "--ip",
               "10.0.0.9", "--out", out)
    assert sorted(p.name for p in out.iterdir()) == ["cert.pem", "chain.pem", "fullchain.pem"]
    # The names asked for and those of the request must agree (RFC 8555 §7.4).
    assert "printer.test" in fails(server, FAILED, "cert", "issue", "--csr", tmp_path / "csr.pem",
                                   "--dns", "other.test")
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
                                      "-----END CERTIFICATE REQUEST-----\n")
    fails(server, FAILED, "cert", "issue", "--csr", tmp_path / "bad.pem")
    fails(server, FAILED, "cert", "issue", "--csr", tmp_path / "none.pem")


@pytest.mark.parametrize("arguments, says", [
    (["--dns", "a.test", "--duration", "2000d"], "at most"),
    (["--dns", "a.test", "--duration", "soon"], "duration"),
    (["--dns", "a.test", "--profile", "nonsense"], "profile"),
    (["--dns", "a.test", "--authority", "nonsense"], "authority"),
    (["--dns", "a.test", "--key-type", "dsa"], "p256"),
    (["--dns", "under_score.test"], ""), (["--dns", "10.0.0.1"], ""), (["--ip", "a.test"], ""),
    (["--dns", "*.*.test"], ""),
])
def test_cert_issue__refused(server, tmp_path, arguments, says):
    out = tmp_path / "out"
    assert says in fails(server, FAILED, "cert", "issue", *arguments, "--out", out)
    assert not out.exists()


def test_cert_issue__outside_permit_is_refused(served, tmp_path):
    assert served.run("cert", "issue", "--dns", "inside.test", "--out", tmp_path / "in")
    said = fails(served, FAILED, "cert", "issue", "--dns", "outside.example", "--out", tmp_path / "out")
    assert "outside.example" in said or "permit" in said
    assert not (tmp_path / "out").exists()


def test_cert_show_and_revoke(server, tmp_path):
    server.run("cert", "issue", "--dns", "gone.test", "--out", tmp_path)
    certificate = only_certificate((tmp_path / "cert.pem").read_bytes())
    serial = hex_serial(certificate)
    body = server.admin("cert", "show", serial)
    assert body["status"] == "valid" and body["serial"] == serial and body["by_operator"] is True
    assert body["pem"].encode() == (tmp_path / "cert.pem").read_bytes()
    assert body["chain"].encode() == (tmp_path / "chain.pem").read_bytes()
    shown = server.run("cert", "show", ":".join(re.findall("..", serial.upper()))).stdout
    assert (tmp_path / "fullchain.pem").read_text() in shown
    assert server.admin("order", "show", body["order"])["certificate"] == serial

    assert "RFC 5280" in fails(server, FAILED, "cert", "revoke", serial, "--reason", "cACompromise")
    revoked = server.admin("cert", "revoke", serial, "--reason", "keyCompromise")
    assert revoked["status"] == "revoked" and revoked["revoked_reason"] == "keyCompromise"
    assert revoked["revoked_by"] == "operator root" or os.getuid() != 0
    assert "already" in fails(server, FAILED, "cert", "revoke", serial)
    assert serial in server.run("cert", "list", "--status", "revoked").stdout
    assert any(e["action"] == "cert.revoke" and e["subject"] == serial
               for e in server.admin("audit", "list")["audit"])


def test_cert_list__filters(server, tmp_path):
    for days, profile in (("2d", "short"), ("80d", "server")):
        server.run("cert", "issue", "--dns", f"f{days}.test", "--duration", days, "--profile", profile,
                   "--out", tmp_path / days)
    listed = server.admin("cert", "list", "--name", "F2D.test")["certs"]
    assert [c["names"] for c in listed] == [["f2d.test"]]
    assert [c["profile"] for c in listed] == ["short"]
    soon = server.admin("cert", "list", "--expires-before", "3d")["certs"]
    assert ["f2d.test"] in [c["names"] for c in soon]
    assert ["f80d.test"] not in [c["names"] for c in soon]
    assert [c["not_after"] for c in soon] == sorted(c["not_after"] for c in soon)
    assert server.admin("cert", "list", "--name", "nobody.test") == {"certs": []}
    table = server.run("cert", "list", "--name", "f80d.test").stdout.splitlines()
    assert table[0].split() == ["SERIAL", "STATUS", "UNTIL", "PROFILE", "NAMES"] and len(table) == 2
    for wrong in (["--status", "broken"], ["--expires-before", "soon"], ["--account", "x"],
                  ["--limit", "0"]):
        fails(server, FAILED, "cert", "list", *wrong)


def test_lists__pages(server, tmp_path):
    for i in range(5):
        server.run("cert", "issue", "--dns", f"page{i}.test", "--out", tmp_path)
    seen, after = [], ""
    for _ in range(200):
        status, _, page = api(server, "GET", f"/v1/certs?limit=2{after}")
        assert status == 200 and len(page["certs"]) <= 2
        seen += [c["serial"] for c in page["certs"]]
        if "next" not in page:
            break
        after = f"&after={page['next']}"
    assert len(seen) == len(set(seen)) >= 5
    assert seen == [c["serial"] for c in server.admin("cert", "list", "--limit", "100000")["certs"]]
    assert len(server.admin("cert", "list", "--limit", "3")["certs"]) == 3
    done = server.run("cert", "list", "--limit", "3")
    assert len(done.stdout.splitlines()) == 4 and "--limit" in done.stderr
    for target in ("/v1/orders", "/v1/audit", "/v1/accounts", "/v1/jobs"):
        assert api(server, "GET", f"{target}?after=x")[0] == 400
        assert api(server, "GET", f"{target}?after={NO_ID}")[0] == 200
    assert api(server, "GET", f"/v1/certs?after={NO_SERIAL}")[0] == 400


# --- accounts ---

def test_account_list_show_deactivate(server, wire):
    account = Account(wire, contact=["mailto:ops@lab.test", "mailto:second@lab.test"])
    name = account.url.rsplit("/", 1)[1]
    shown = server.admin("account", "show", name)
    assert shown["contacts"] == ["mailto:ops@lab.test", "mailto:second@lab.test"]
    assert shown["status"] == "valid" and shown["key"] == "p256"
    assert shown["thumbprint"] == account.key.thumbprint()
    assert name in server.run("account", "list").stdout
    assert "ops@lab.test, mailto:second" in server.run("account", "show", name).stdout
    assert server.admin("account", "deactivate", name)["status"] == "deactivated"
    refused(account.post(account.url, None), "unauthorized", 401)
    assert server.admin("account", "deactivate", name)["status"] == "deactivated"
    listed = server.admin("account", "list", "--status", "deactivated")["accounts"]
    assert name in [a["id"] for a in listed]
    assert {a["status"] for a in listed} == {"deactivated"}
    fails(server, FAILED, "account", "list", "--status", "nonsense")
    entry = next(e for e in server.admin("audit", "list")["audit"]
                 if e["action"] == "account.deactivate" and e["subject"] == name)
    assert entry["actor"].startswith("operator ")


# --- orders ---

def test_order_why__valid(server, account, responder, name):
    order = account.order(name())
    order.issue(responder)
    body = server.admin("order", "why", order_id(order))
    assert body["status"] == "valid"
    assert [s["what"] for s in body["steps"]][0] == "order made"
    assert "recorded" in body["steps"][-1]["what"]
    assert [s["at"] for s in body["steps"]] == sorted(s["at"] for s in body["steps"])
    (one,) = body["authorizations"]
    assert one["challenge"] == "http-01" and one["status"] == "valid" and one["trace"]
    assert one["zone"]["names"] == ["*"]
    assert account.url.endswith(body["account"])
    assert order_id(order) in server.run("order", "list", "--account", body["account"]).stdout


def test_order_why__pending(server, account, name):
    order = account.order(name())
    body = server.admin("order", "why", order_id(order))
    assert body["status"] == "pending"
    assert "has not answered" in body["cause"] and "client" in body["remedy"]


def test_order_why__ready(server, account, responder, name):
    order = account.order(name()).authorize(responder)
    body = server.admin("order", "why", order_id(order))
    assert body["status"] == "ready" and "finalize" in body["remedy"]


def test_order_why__wrong_answer(server, account, responder, name):
    wanted = name()
    order = account.order(wanted)
    assert order.fail(responder)["status"] == "invalid"
    body = server.admin("order", "why", order_id(order))
    assert body["status"] == "invalid"
    assert wanted in body["cause"] and "http-01" in body["cause"]
    assert "acme-challenge" in body["remedy"]
    (one,) = body["authorizations"]
    assert one["error"]["detail"] in body["cause"]
    assert any(f"127.0.0.1:{server.http01_port}" in line for line in one["trace"])
    said = server.run("order", "why", order_id(order)).stdout
    for text in (body["cause"], one["trace"][-1], "what to do", "zone"):
        assert text in said


def test_order_why__many_names(server, account, responder, name):
    """As many as an order may have, one of which fails: neither the list nor the explanation is too
    large to be shown."""
    names = [name("many") for _ in range(100)]
    for wanted in names[1:]:
        server.nameserver.hosts[wanted] = []
    order = account.order(*names)
    for url, authorization in order.authorizations():
        challenge = next(c for c in authorization["challenges"] if c["type"] == "http-01")
        account.post(challenge["url"], {})
    for url in order.body["authorizations"]:
        assert order.account_settled(url, 60)["status"] == "invalid"
    body = server.admin("order", "why", order_id(order))
    assert [a["identifier"] for a in body["authorizations"]] == names
    assert all(a["trace"] for a in body["authorizations"] if not a.get("trace_left_out"))
    assert names[0] in body["cause"]
    assert order_id(order) in [o["id"] for o in server.admin("order", "list")["orders"]]


def test_order_why__name_does_not_exist(server, account, responder, name):
    wanted = name()
    server.nameserver.hosts[wanted] = None
    order = account.order(wanted)
    assert order.fail(responder)["status"] == "invalid"
    body = server.admin("order", "why", order_id(order))
    assert "resolve" in body["remedy"] and wanted in body["cause"]


def test_order_why__tried_again(server, account, name):
    """Nobody listens: worth another try, which is a job with a note."""
    order = account.order(name())
    url, challenge = order.challenge()
    account.post(challenge["url"], {})
    authorization = url.rsplit("/", 1)[1]

    def noted():
        jobs = server.admin("job", "list")["jobs"]
        return next((j for j in jobs if j["subject"] == authorization and j.get("note")), None)

    job = wait_until(noted, 20, "a job with a note")
    assert job["kind"] == "validate"
    assert "127.0.0.1" in job["note"]
    body = server.admin("order", "why", order_id(order))
    if body["status"] == "pending":
        assert "again" in body["cause"]
    assert order.account_settled(url)["status"] == "invalid"
    assert "reachable" in server.admin("order", "why", order_id(order))["remedy"]


def test_order_why__operators_own(server, tmp_path):
    server.run("cert", "issue", "--dns", "own.test", "--out", tmp_path)
    newest = server.admin("order", "list", "--limit", "1")["orders"][0]
    assert newest["by_operator"] is True and newest["identifiers"] == ["own.test"]
    body = server.admin("order", "why", newest["id"])
    assert body["status"] == "valid" and "operator" in body["steps"][1]["what"]
    assert "own.test" in server.run("order", "why", newest["id"]).stdout


# --- settings, jobs, audit ---

def test_authority_and_directory(server):
    (authority,) = server.admin("authority", "list")["authorities"]
    body = server.admin("authority", "show", authority["name"])
    chain = x509.load_pem_x509_certificates(body["chain"].encode())
    assert chain[-1].fingerprint(hashes.SHA256()).hex() == body["root_fingerprint"]
    assert "BEGIN CERTIFICATE" in server.run("authority", "show", authority["name"]).stdout
    assert authority["name"] in server.run("authority", "list").stdout
    (directory,) = server.admin("directory", "list")["directories"]
    assert directory["url"] == server.directory
    assert server.admin("directory", "show", directory["name"]) == directory
    assert "server" in server.run("directory", "show", directory["name"]).stdout
    assert server.directory in server.run("directory", "list").stdout
    zones = api(server, "GET", "/v1/zones")[2]["zones"]
    assert zones[0]["names"] == ["*"] and zones[0]["address_policy"] == "dev"


def test_audit_and_jobs(server, tmp_path):
    server.run("cert", "issue", "--dns", "audited.test", "--out", tmp_path)
    entries = server.admin("audit", "list", "--limit", "5")["audit"]
    assert len(entries) == 5
    assert [e["id"] for e in entries] == sorted((e["id"] for e in entries), reverse=True)
    assert any("audited.test" in e.get("detail", "") for e in entries)
    assert "operator " in server.run("audit", "list", "--limit", "5").stdout
    assert isinstance(server.admin("job", "list")["jobs"], list)
    assert server.run("job", "list").stdout.startswith("JOB")


@pytest.mark.parametrize("arguments", [
    ["order", "show", NO_ID], ["order", "why", NO_ID], ["order", "why", "nonsense"],
    ["account", "show", NO_ID], ["account", "deactivate", NO_ID], ["cert", "show", NO_SERIAL],
    ["cert", "show", "nonsense"], ["cert", "revoke", NO_SERIAL], ["authority", "show", "none"],
    ["directory", "show", "none"], ["authority", "show", "a b%00?x=1"],  # escaped: a name like any other
])
def test_not_found(server, arguments):
    assert fails(server, NOT_FOUND, *arguments)
    assert fails(server, NOT_FOUND, *arguments, "--json")


# --- the API itself ---

def test_api__default_deny(server):
    for target in ("/", "/v1", "/v1/", "/v1/status/", "/v1/nothing", "/v2/status", "/v1/orders/a/b/c",
                   "/acme/directory", "/V1/status"):
        status, headers, body = api(server, "GET", target)
        assert status == 404, target
        assert headers["Content-Type"] == "application/problem+json" and body["detail"]
    for method, target, allow in (
        ("POST", "/v1/status", "GET"), ("DELETE", "/v1/certs", "GET, POST"),
        ("GET", f"/v1/certs/{NO_SERIAL}/revoke", "POST"), ("PUT", "/v1/zones", "GET"),
    ):
        status, headers, _ = api(server, method, target)
        assert (status, headers["Allow"]) == (405, allow)


@pytest.mark.parametrize("method, target, body, says", [
    ("GET", "/v1/status?verbose=1", None, "verbose"),
    ("GET", "/v1/certs?nmae=a", None, "nmae"),
    ("GET", "/v1/certs?limit=1&limit=2", None, "twice"),
    ("GET", "/v1/certs?limit=1001", None, "limit"),
    ("POST", "/v1/certs", {"csr": "x", "dsn": []}, "dsn"),
    ("POST", "/v1/certs", {"dns": ["a.test"]}, "csr"),
    ("POST", "/v1/certs", {"csr": "x", "dns": ["a.test"]}, "csr"),
    ("POST", "/v1/certs", '{"csr":"x","csr":"y"}', "twice"),
    ("POST", "/v1/certs", "[]", "object"),
    ("POST", f"/v1/certs/{NO_SERIAL}/revoke", {"raeson": 1}, "raeson"),
    ("POST", f"/v1/accounts/{NO_ID}/deactivate", {"force": True}, "force"),
])
def test_api__unknown_is_refused_by_its_name(server, method, target, body, says):
    status, headers, problem = api(server, method, target, body)
    assert status == 400 and says in problem["detail"], problem
    assert headers["Content-Type"] == "application/problem+json"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")
def test_api__another_user_is_refused():
    """Even where the file's mode would let it in, the peer's user id does not."""
    folder = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
    server = AssayDev(folder)
    try:
        for path in (folder, folder / "data"):
            path.chmod(0o755)
        assert stat.S_IMODE(os.stat(server.socket).st_mode) == 0o600
        os.chmod(server.socket, 0o666)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                status, _, body = api(server, "GET", "/v1/status")
                os.write(write, json.dumps([status, body["detail"]]).encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            status, detail = json.loads(pipe.read())
        os.waitpid(child, 0)
        assert status == 403 and "root" in detail
        server.run("status")
    finally:
        server.close()
        shutil.rmtree(folder)


# --- init ---

def init(path, *options, code=0, **kw):
    return assay("init", "--data", path / "data", "--config", path / "assay.yaml", *options, code=code,
                 **kw)


def ca_file(path, name):
    return path / "data" / "ca" / name


def load(path, name):
    return only_certificate(ca_file(path, name).read_bytes())


URL = ("--public-url", "https://ca.lab.internal")


def test_init__permit_is_in_the_certificate(tmp_path):
    (tmp_path / "pass").write_text("secret\n")
    said = init(tmp_path, *URL, "--name", "Home Lab", "--permit", "lab.internal", "--permit",
                "10.0.0.0/8", "--root-passphrase-file", tmp_path / "pass", "--root-lifetime", "10y",
                "--issuing-lifetime", "2y").stdout
    root, issuing = load(tmp_path, "root.pem"), load(tmp_path, "issuing.pem")
    issuing.verify_directly_issued_by(root)
    constraints = issuing.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = constraints.value.permitted_subtrees
    assert x509.DNSName("lab.internal") in permitted
    assert x509.IPAddress(ipaddress.ip_network("10.0.0.0/8")) in permitted
    life = (root.not_valid_after_utc - root.not_valid_before_utc).days
    assert 3649 <= life <= 3651
    assert 729 <= (issuing.not_valid_after_utc - issuing.not_valid_before_utc).days <= 731
    fingerprint = root.fingerprint(hashes.SHA256()).hex(":").upper()
    assert fingerprint in said and "assay serve" in said and "certbot" in said
    assert "secret" not in said and "Passphrase of the root key" not in said
    for name in ("root.key", "issuing.key", "issuing.pass"):
        assert stat.S_IMODE(ca_file(tmp_path, name).stat().st_mode) == 0o600
    assert b"ENCRYPTED" in ca_file(tmp_path, "root.key").read_bytes()
    serialization.load_pem_private_key(ca_file(tmp_path, "root.key").read_bytes(), b"secret")
    serialization.load_pem_private_key(ca_file(tmp_path, "issuing.key").read_bytes(),
                                       ca_file(tmp_path, "issuing.pass").read_bytes())
    text = (tmp_path / "assay.yaml").read_text()
    assert '"lab.internal", "*.lab.internal", "10.0.0.0/8"' in text and '"*.lan"' not in text
    assert assay("config", "check", "--config", tmp_path / "assay.yaml").stdout == "ok\n"


def test_init__makes_a_passphrase_and_shows_it_once(tmp_path):
    said = init(tmp_path, *URL).stdout
    (shown,) = re.findall(r"^    ([a-z0-9-]{29})$", said, re.M)
    serialization.load_pem_private_key(ca_file(tmp_path, "root.key").read_bytes(), shown.encode())
    for file in (tmp_path / "data").rglob("*"):
        assert file.is_dir() or shown.encode() not in file.read_bytes()
    text = (tmp_path / "assay.yaml").read_text()
    for name in ("*.internal", "*.lan", "*.home.arpa", "*.local", "10.0.0.0/8", "172.16.0.0/12",
                 "192.168.0.0/16", "fc00::/7"):
        assert f'"{name}"' in text
    assert "localhost" not in text and "dev" not in re.findall(r"address_policy: (\w+)", text)


@pytest.mark.parametrize("typed, works", [
    ([b"on the terminal", b"on the terminal"], True), ([b"first try", b"second try"], False), ([b""], True),
])
def test_init__asks_on_a_terminal(tmp_path, typed, works):
    """Twice, and nothing that is typed is shown."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(PROGRAMS / "assay", ["assay", "init", "--data", str(tmp_path / "data"), "--config",
                                      str(tmp_path / "assay.yaml"), *URL])
    said, left = b"", list(typed)
    while True:
        if not select.select([terminal], [], [], 30)[0]:
            os.kill(child, signal.SIGKILL)
            raise AssertionError(f"waits for more: {said}")
        try:
            octets = os.read(terminal, 4096)
        except OSError:  # the end of a terminal
            break
        said += octets
        if left and octets.rstrip(b" ").endswith(b":") and said.count(b"Passphrase for"):
            os.write(terminal, left.pop(0) + b"\n")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    assert (status == 0) == works, said
    assert not any(text and text in said for text in typed)
    if typed[0] and works:
        serialization.load_pem_private_key(ca_file(tmp_path, "root.key").read_bytes(), typed[0])
    elif works:
        assert b"Write it down" in said
    else:
        assert b"differ" in said and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind, check", [
    ("p256", lambda k: k.curve.name == "secp256r1"), ("p384", lambda k: k.curve.name == "secp384r1"),
    ("rsa3072", lambda k: isinstance(k, rsa.RSAPublicKey) and k.key_size == 3072),
    ("ed25519", lambda k: isinstance(k, ed25519.Ed25519PublicKey)),
])
def test_init__kinds_of_keys(tmp_path, kind, check):
    init(tmp_path, *URL, "--key", kind)
    for name in ("root.pem", "issuing.pem"):
        assert check(load(tmp_path, name).public_key())


def snapshot(path):
    return {str(p): p.read_bytes() if p.is_file() else None for p in path.rglob("*")}


def test_init__overwrites_nothing(tmp_path):
    init(tmp_path, *URL)
    before = snapshot(tmp_path)
    assert "exists already" in init(tmp_path, *URL, code=FAILED).stderr
    assert "exists already" in assay("init", "--data", tmp_path / "data", "--config",
                                     tmp_path / "other.yaml", *URL, code=FAILED).stderr
    # Also when something else is wrong as well.
    for wrong in (["--admin", "relative"], ["--key", "dsa"], ["--listen", "nonsense:x"]):
        assay("init", "--data", tmp_path / "data", "--config", tmp_path / "other.yaml", *URL, *wrong,
              code=FAILED)
    assert snapshot(tmp_path) == before
    other = tmp_path / "second"
    other.mkdir()
    (other / "assay.yaml").write_text("mine\n")
    init(other, *URL, code=FAILED)
    assert (other / "assay.yaml").read_text() == "mine\n" and not (other / "data").exists()


@pytest.mark.parametrize("options, says", [
    ([*URL, "--permit", "bad_zone!"], ""),
    ([*URL, "--permit", "10.0.0.0/33"], ""),
    ([*URL, "--permit", "other.internal"], "--permit ca.lab.internal"),
    (["--public-url", "http://ca.lab.internal"], "https://"),
    (["--public-url", "https://ca.lab.internal/path"], ""),
    ([*URL, "--key", "dsa"], "p256"),
    ([*URL, "--name", "x" * 51], "50"),
    ([*URL, "--name", "two\nlines"], "control"),
    ([*URL, "--listen", "nowhere"], ""),
    ([*URL, "--admin", "relative.sock"], "absolute"),
    ([*URL, "--admin", "/" + "x" * 120], "too long"),
    ([*URL, "--root-passphrase-file", "/nowhere/pass"], "/nowhere/pass"),
    ([*URL, "--import", "/nowhere/chain.pem"], "--import-key"),
    ([*URL, "--import", "/nowhere/chain.pem", "--import-key", "/nowhere/key.pem"], "/nowhere"),
    ([*URL, "--http01-port", "70000"], "port"),
])
def test_init__leaves_nothing_behind(tmp_path, options, says):
    assert says in init(tmp_path, *options, code=FAILED).stderr
    assert list(tmp_path.iterdir()) == []


def test_init__quotes_what_yaml_would_read_otherwise(tmp_path):
    init(tmp_path, *URL, "--name", 'a: "b" #\\ {c}')
    assert 'name: "a: \\"b\\" #\\\\ {c}"' in (tmp_path / "assay.yaml").read_text()
    assert "a: " in load(tmp_path, "root.pem").subject.rfc4514_string()
    assay("config", "check", "--config", tmp_path / "assay.yaml")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to give files away")
def test_init__files_belong_to_the_owner_of_the_data(tmp_path):
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 65534, 65534)
    init(tmp_path, *URL)
    assert ca_file(tmp_path, "issuing.key").stat().st_uid == 65534
    assert ca_file(tmp_path, "issuing.pass").stat().st_uid == 65534
    assert ca_file(tmp_path, "root.key").stat().st_uid == 0


def authority_above(subject, public_key, issuer=None, **changes):
    """A CA certificate by cryptography's own code: self-signed, or under (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    signer, parent = (issuer[1], issuer[0].subject) if issuer else (key, name)
    public_key = public_key or key.public_key()
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder().subject_name(changes.get("name", name)).issuer_name(parent)
        .public_key(public_key).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=3000))
        .add_extension(x509.BasicConstraints(changes.get("ca", True),
                                             changes.get("path", 0 if issuer else 1)
                                             if changes.get("ca", True) else None), True)
        .add_extension(x509.KeyUsage(True, False, False, False, False, changes.get("sign", True),
                                     changes.get("sign", True), False, False), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )
    return builder.sign(signer, hashes.SHA256()), key


def pem(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def serve(path, config, body):
    """Runs `assay serve` with these settings, and body(server)."""
    ready = path / "ready.json"
    process = Process([PROGRAMS / "assay", "serve", "--config", config, "--ready-file", ready], path)
    try:
        info = process.wait_for_file(ready)

        class Served(AssayServe):
            def __init__(self):
                self.socket = info["admin_url"].removeprefix("unix:")

        body(Served())
    finally:
        assert process.stop() == 0, process.output()


def options_for(port):
    return ("--public-url", f"https://localhost:{port}", "--listen", f"127.0.0.1:{port}")


def issues_under(path, root):
    def body(server):
        server.run("cert", "issue", "--dns", "one.internal", "--out", path / "one")
        leaf = only_certificate((path / "one" / "cert.pem").read_bytes())
        chain = x509.load_pem_x509_certificates((path / "one" / "chain.pem").read_bytes())
        leaf.verify_directly_issued_by(chain[0])
        chain[-1].verify_directly_issued_by(root)

    return body


def test_init__imports_an_intermediate(tmp_path):
    root = authority_above("Old Root", None)
    issuing = authority_above("Old Issuing", None, root)
    (tmp_path / "chain.pem").write_bytes(pem(issuing[0], root[0]))
    (tmp_path / "key.pem").write_bytes(issuing[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"old")))
    (tmp_path / "old.pass").write_text("old\n")
    options = ["--import", tmp_path / "chain.pem", "--import-key", tmp_path / "key.pem"]
    assert init(tmp_path, *options_for(free_port()), *options, code=FAILED).stderr
    assert not (tmp_path / "data").exists()
    init(tmp_path, *options_for(free_port()), *options, "--import-passphrase-file",
         tmp_path / "old.pass")
    assert not ca_file(tmp_path, "root.key").exists()
    assert load(tmp_path, "root.pem") == root[0]
    assert b"ENCRYPTED" in ca_file(tmp_path, "issuing.key").read_bytes()
    serve(tmp_path, tmp_path / "assay.yaml", issues_under(tmp_path, root[0]))


def test_ca__foreign_root(tmp_path):
    data = tmp_path / "data"
    said = assay("ca", "csr", "--data", data, "--name", "Home Lab").stdout
    assert "issuing.csr" in said
    request = x509.load_pem_x509_csr(ca_file(tmp_path, "issuing.csr").read_bytes())
    assert request.is_signature_valid
    assert "exists already" in assay("ca", "csr", "--data", data, code=FAILED).stderr

    root = authority_above("Company Root", None)
    wrong = {
        "another key": authority_above("x", None, root)[0],
        "not a CA": authority_above("x", request.public_key(), root, ca=False, sign=False)[0],
        "no keyCertSign": authority_above("x", request.public_key(), root, sign=False)[0],
    }
    for certificate in wrong.values():
        (tmp_path / "wrong.pem").write_bytes(pem(certificate, root[0]))
        assay("ca", "install", "--data", data, "--chain", tmp_path / "wrong.pem", code=FAILED)
        assert not ca_file(tmp_path, "chain.pem").exists()
    issuing = authority_above("x", request.public_key(), root, name=request.subject)[0]
    (tmp_path / "signed.pem").write_bytes(pem(issuing))
    (tmp_path / "root.pem").write_bytes(pem(root[0]))
    install = ["ca", "install", "--data", data, "--chain", tmp_path / "signed.pem"]
    assert "root" in assay(*install, code=FAILED).stderr
    assay(*install, "--root", tmp_path / "root.pem")
    assay(*install, "--root", tmp_path / "root.pem", code=FAILED)

    assert "exists already" in init(tmp_path, *options_for(free_port()), code=FAILED).stderr
    init(tmp_path, *options_for(free_port()), "--existing-ca")
    serve(tmp_path, tmp_path / "assay.yaml", issues_under(tmp_path, root[0]))


def test_ca_install__without_a_request(tmp_path):
    assert "ca csr" in assay("ca", "install", "--data", tmp_path / "none", "--chain", "x",
                             code=FAILED).stderr
    assert "--chain" in assay("ca", "install", "--data", tmp_path, code=FAILED).stderr


def test_init__trial(tmp_path):
    """Validation over loopback, for localhost alone."""
    init(tmp_path, *options_for(free_port()), "--permit", "lab.internal", "--permit", "localhost",
         "--trial", "--http01-port", "15080")
    text = (tmp_path / "assay.yaml").read_text()
    zones = re.findall(r"names: (\[.*\])\n(?:    .*\n)*", text)
    assert zones == ['["lab.internal", "*.lab.internal"]', '["localhost", "127.0.0.1/32"]']
    assert text.count("address_policy: dev") == 1 and "http01_port: 15080" in text
    serve(tmp_path, tmp_path / "assay.yaml", lambda server: server.run("status"))


def test_init__trial_for_localhost_only(tmp_path):
    init(tmp_path, *options_for(free_port()), "--permit", "localhost", "--trial")
    text = (tmp_path / "assay.yaml").read_text()
    assert text.count("  - names:") == 1
    assay("config", "check", "--config", tmp_path / "assay.yaml")


# --- config ---

def test_config_check__every_error_with_its_place(tmp_path):
    init(tmp_path, *URL)
    good = (tmp_path / "assay.yaml").read_text()
    broken = tmp_path / "broken.yaml"
    broken.write_text(good.replace("challenges:", "challenge:")
                      .replace("profiles: [server, short]", "profiles: [server, nonsense]")
                      + "threads: many\nname: twice\n")
    said = assay("config", "check", "--config", broken, code=FAILED)
    assert said.stdout == ""
    lines = said.stderr.splitlines()
    assert all(re.match(re.escape(str(broken)) + r":\d+", line) for line in lines), lines
    assert any("did you mean" in line and "challenges" in line for line in lines)
    assert any("threads" in line for line in lines) and len(lines) >= 3
    at = {int(line.split(":")[1]): line for line in lines}
    number = next(i for i, l in enumerate(broken.read_text().splitlines(), 1) if "challenge:" in l)
    assert number in at and re.search(rf":{number}:\d+: ", at[number])


@pytest.mark.parametrize("change, says", [
    (lambda t: t.replace('issuer: ca', 'issuer: cb'), "authority"),
    (lambda t: t.replace("[server, short]", "[server, nonsense]"), "profile"),
    (lambda t: t.replace("https://ca.lab.internal", "ftp://x"), "public_url"),
    (lambda t: t.replace("issuing.key", "none/issuing.key"), "none"),
    (lambda t: t.replace("10.0.0.0/8", "10.0.0.0/80"), "10.0.0.0/80"),
    (lambda t: "\t" + t, ""), (lambda t: "", "required"), (lambda t: "a: &x 1\nb: *x\n", ""),
])
def test_config_check__refused(tmp_path, change, says):
    init(tmp_path, *URL)
    broken = tmp_path / "broken.yaml"
    broken.write_text(change((tmp_path / "assay.yaml").read_text()))
    said = assay("config", "check", "--config", broken, code=FAILED).stderr
    assert says in said and str(broken) in said


def test_config_check__no_file(tmp_path):
    assert "none.yaml" in assay("config", "check", "--config", tmp_path / "none.yaml",
                                code=FAILED).stderr


def test_config_manual__is_the_page():
    page = ROOT / "docs" / "configuration.md"
    assay("config", "manual", "--check", page)
    manual = assay("config", "manual").stdout
    assert "`public_url`" in manual and page.read_text().endswith(manual)
    assay("config", "manual", "--check", ROOT / "meson.build", code=FAILED)
