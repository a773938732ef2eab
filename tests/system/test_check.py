"""`assay check NAME`, the doctor: every way in which a name gets no certificate is told before it is
tried, with cause and remedy, and an order that is made nevertheless fails for the same cause
(DESIGN §1, explain and plan)."""

import contextlib
import json
import socket
import subprocess
import time

import pytest

from acmewire import Account, Key, make_csr
from bind import Bind, installed
from peers import Responder, running
from servers import PROGRAMS, AssayServe, clean_environment
from test_tlsalpn01 import TlsResponder, challenge_certificate

pytestmark = pytest.mark.assay

OK, NO, CANNOT = 0, 1, 2

ZONES = """zones:
  - names: ["*.private.test"]
    challenges: [http-01]
    resolver: "{resolver}"
  - {{names: ["*.caa.test"], challenges: [http-01], address_policy: dev, resolver: "{resolver}", caa: enforce}}
  - {{names: ["*.report.test"], challenges: [http-01], address_policy: dev, resolver: "{resolver}", caa: report}}
  - names: ["*.bound.test"]
    accounts: bindings
    bindings: [cameras]
    challenges: [http-01]
    address_policy: dev
    resolver: "{resolver}"
    caa: off
  - {{names: ["*.tls.test"], challenges: [tls-alpn-01], address_policy: dev, resolver: "{resolver}", caa: off}}
  - {{names: ["*.both.test"], challenges: [http-01, dns-01], address_policy: dev, resolver: "{resolver}", caa: off}}
  - {{names: ["*.dns.test"], challenges: [dns-01, dns-account-01, dns-persist-01], resolver: "{resolver}", caa: off}}
  - {{names: ["*.elsewhere.example"], challenges: [http-01], address_policy: dev, resolver: "{resolver}", caa: off}}
"""


class Doctor(AssayServe):
    """A server with a zone for each thing that can be wrong."""

    def adapt(self, text):
        text = super().adapt(text)
        text = text.replace("zones:\n", ZONES.format(resolver=self.nameserver.address), 1)
        text = text.replace("  first_retry: 1s\n", "  first_retry: 1s\n  deadline: 2s\n  attempts: 1\n")
        return text + 'block: {names: ["blocked.test", "*.blocked.test"], tlds: [zip]}\n'

    def check(self, name, *options):
        """The exit code and the answer, after the human form was compared with it."""
        done = self.run("check", name, *options, "--json", check=False)
        assert done.returncode in (OK, NO), done
        body = json.loads(done.stdout)
        assert body["would_issue"] is (done.returncode == OK), body
        for line in body["lines"]:
            assert line["grade"] in ("ok", "warn", "fail") and line["topic"] and line["text"], line
            assert bool(line.get("remedy")) is (line["grade"] != "ok"), line
        failed = [line for line in body["lines"] if line["grade"] == "fail"]
        assert bool(failed) is (done.returncode == NO)
        assert body["cause"] and body["remedy"]
        if failed:
            assert (body["cause"], body["remedy"]) == (failed[0]["text"], failed[0]["remedy"])
        return done.returncode, body

    def told(self, name, grade, topic, *options):
        """The texts and remedies of such lines, as one text each."""
        _, body = self.check(name, *options)
        return [f"{line['text']} -> {line.get('remedy', '')}" for line in body["lines"]
                if line["grade"] == grade and line["topic"] == topic]


@pytest.fixture(scope="module")
def doctor(tmp_path_factory):
    made = Doctor(tmp_path_factory.mktemp("check"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def goes_on(doctor):
    yield
    assert doctor.process.process.poll() is None, doctor.process.output()


@pytest.fixture
def web(doctor):
    made = Responder(doctor.http01_port)
    yield made
    made.close()


def only(texts, *parts):
    assert len(texts) == 1, texts
    for part in parts:
        assert part in texts[0], texts[0]


def counters(server):
    """What a check must leave as it is."""
    return (
        server.admin("audit", "list", "--limit", "1")["audit"][:1],
        server.admin("order", "list", "--limit", "1")["orders"],
        server.admin("cert", "list", "--limit", "1")["certs"],
        server.admin("job", "list")["jobs"],
        server.admin("limit", "show"),
    )


# --- healthy

def test_healthy_name(doctor, web, name):
    wanted = name()
    before = counters(doctor)
    code, body = doctor.check(wanted)
    assert code == OK and body["would_issue"] is True
    assert {line["grade"] for line in body["lines"]} == {"ok"}, body
    assert [line["topic"] for line in body["lines"]] == [
        "name", "account", "zone", "profile", "authority", "limits", "service", "clock", "challenges",
        "dns", "dns", "dns", "address", "http-01", "caa", "clock", "certificate"]
    assert body["name"] == wanted and body["zone"] and body["profile"] == "server"
    assert [p for p, _ in web.seen] and all("/.well-known/acme-challenge/" in p for p, _ in web.seen)
    assert {host for _, host in web.seen} == {f"{wanted}:{doctor.http01_port}"}
    assert counters(doctor) == before
    said = doctor.run("check", wanted).stdout
    assert "[ok]   http-01" in said and "would be issued" in said and "[fail]" not in said


def test_an_address(doctor, web):
    code, body = doctor.check("127.0.0.1")
    assert code == OK and "caa" not in [line["topic"] for line in body["lines"]]


def test_what_there_is_already(doctor, web, name):
    """Certificates, authorizations that an order would use again, open orders."""
    wanted = name()
    account = Account(doctor.wire())
    identity = account.url.rsplit("/", 1)[1]
    order = account.order(wanted)
    order.issue(web)
    open_order = account.order(wanted, name()).url.rsplit("/", 1)[1]
    web.close()
    code, body = doctor.check(wanted, "--account", identity)
    lines = {line["topic"]: line["text"] for line in body["lines"]}
    serial = doctor.admin("cert", "list", "--name", wanted)["certs"][0]["serial"]
    assert serial in lines["certificate"] and "renewal" in lines["certificate"]
    assert "proven by http-01" in lines["authorization"] and open_order in lines["order"]
    assert code == OK, "the web server is gone, but control is proven already"
    assert "already" in body["cause"]
    assert doctor.check(wanted, "--account", account.url)[1]["account"] == identity
    assert doctor.check(wanted)[0] == NO


# --- policy

def test_no_zone(doctor):
    code, body = doctor.check("nobody.lan")
    assert code == NO and "no zone" in body["cause"] and "zone" in body["remedy"]
    assert "dns" not in [line["topic"] for line in body["lines"]], "asked about a name that is nobody's"
    assert ("nobody.lan", 1) not in doctor.nameserver.asked


@pytest.mark.parametrize("wanted, part", [
    ("blocked.test", "block.names"), ("a.blocked.test", "block.names"), ("web.zip", "block.tlds"),
])
def test_blocked(doctor, wanted, part):
    code, body = doctor.check(wanted)
    assert code == NO and part in body["cause"] and "block" in body["remedy"]
    assert wanted not in {n for n, _ in doctor.nameserver.asked}


@pytest.mark.parametrize("wanted", [
    "a_b.test", "a..test", "ä.test", "x" * 64 + ".test", ".".join(["x" * 60] * 5) + ".test", "*.*.test", "test:80",
])
def test_no_name_at_all(doctor, wanted):
    code, body = doctor.check(wanted)
    assert code == NO and body["lines"][0]["topic"] == "name" and body["lines"][0]["grade"] == "fail"


def test_wildcard_without_dns01(doctor):
    code, body = doctor.check("*.web.test")
    assert code == NO and "wildcard" in body["cause"] and "dns-01" in body["remedy"]


def test_wildcard_with_dns01(doctor):
    code, body = doctor.check("*.web.both.test")
    assert code == OK and "dns-01" in body["cause"]


def bind_account(server, *options):
    made = server.admin("eab", "add", *options)
    wire, key = server.wire(), Key()
    account = Account(wire, key, externalAccountBinding=wire.eab(key, made["kid"], made["hmac_key"]))
    return account, made["kid"]


def test_account_that_the_zone_is_not_for(doctor, web):
    other = Account(doctor.wire())
    code, body = doctor.check("a.bound.test", "--account", other.url)
    assert code == NO and "binding" in body["cause"] and "eab add" in body["remedy"]
    anybody = doctor.told("a.bound.test", "warn", "zone")
    only(anybody, "external account binding", "--account")
    ours, _ = bind_account(doctor, "--name", "cameras")
    assert doctor.check("a.bound.test", "--account", ours.url)[0] == OK


def test_account_whose_key_does_not_cover_the_name(doctor, web, name):
    account, kid = bind_account(doctor, "--zone", "only.test")
    code, body = doctor.check(name(), "--account", account.url)
    assert code == NO and kid in body["cause"] and "--zone" in body["remedy"]
    assert doctor.check("only.test", "--account", account.url)[0] == OK


def test_account_that_ended(doctor, web, name):
    account = Account(doctor.wire())
    doctor.run("account", "deactivate", account.url.rsplit("/", 1)[1])
    code, body = doctor.check(name(), "--account", account.url)
    assert code == NO and "deactivated" in body["cause"] and "register" in body["remedy"]


def test_profile_that_is_not_there(doctor, web, name):
    code, body = doctor.check(name(), "--profile", "nonsense")
    assert code == NO and "nonsense" in body["cause"] and "directory show" in body["remedy"]


def test_authority_that_may_not_certify_it(doctor, web):
    code, body = doctor.check("a.elsewhere.example")
    assert code == NO and "RFC 5280 §4.2.1.10" in body["cause"] and "permit" in body["remedy"]


# --- the network

def fails_alike(server, body, wanted, part):
    """An order that is made nevertheless fails for the same cause, and says so in the same form."""
    account = Account(server.wire())
    order = account.order(wanted)
    url, challenge = order.challenge()
    account.post(challenge["url"], {})
    assert order.account_settled(url)["status"] == "invalid"
    why = server.admin("order", "why", order.url.rsplit("/", 1)[1])
    assert part in body["cause"] and part in why["cause"], (body, why)
    for line in why["lines"]:
        assert bool(line.get("remedy")) is (line["grade"] != "ok"), line
    (failed,) = [line for line in why["lines"] if line["grade"] == "fail"]
    assert failed["text"] == why["cause"] and failed["remedy"] == why["remedy"]
    said = server.run("order", "why", order.url.rsplit("/", 1)[1]).stdout
    assert "[fail]" in said and f"assay check '{wanted}' --account" in said


def test_nothing_listens(doctor, name):
    wanted = name()
    code, body = doctor.check(wanted)
    assert code == NO and "connection refused" in body["cause"] and "listen" in body["remedy"]
    fails_alike(doctor, body, wanted, "connection refused")


@contextlib.contextmanager
def full_listener(port):
    """A listener whose queue is full: what is sent to it is lost, as with a firewall that drops."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        for _ in range(8):
            s = stack.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(listener.getsockname())
        yield


def test_a_firewall_drops(doctor, name):
    wanted = name()
    with full_listener(doctor.http01_port):
        code, body = doctor.check(wanted)
        assert code == NO and "timed out" in body["cause"] and "firewall" in body["remedy"]
        fails_alike(doctor, body, wanted, "timed out")


def test_a_server_that_is_silent(doctor, name):
    with socket.create_server(("127.0.0.1", doctor.http01_port)):
        code, body = doctor.check(name())
    assert code == NO and "did not answer" in body["cause"] and "silent" in body["remedy"]


def test_ipv6_is_published_but_not_served(doctor, web, name):
    wanted = name()
    doctor.nameserver.hosts[wanted] = ["127.0.0.1", "::1"]
    code, body = doctor.check(wanted)
    assert code == OK, "IPv4 does"
    only(doctor.told(wanted, "warn", "http-01"), "::1 is published but not served", "refused", "remove its record")


def test_no_address(doctor, name):
    gone, empty = name(), name()
    doctor.nameserver.hosts.update({gone: None, empty: []})
    code, body = doctor.check(gone)
    assert code == NO and "no address" in body["cause"] and "Publish" in body["remedy"]
    assert any("NXDOMAIN" in t for t in doctor.told(gone, "ok", "dns"))
    fails_alike(doctor, doctor.check(empty)[1], empty, empty)


@pytest.mark.parametrize("broken, part", [("servfail", "SERVFAIL"), ("silent", "no answer")])
def test_dns_that_fails(doctor, name, broken, part):
    wanted = name()
    doctor.nameserver.hosts[wanted] = broken
    code, body = doctor.check(wanted)
    assert code == NO and part in body["cause"] and "resolver" in body["remedy"]


@pytest.mark.parametrize("address, part", [
    ("127.0.0.1", "loopback"), ("169.254.169.254", "metadata"), ("::1", "loopback"),
    ("::ffff:10.0.0.1", "IPv4-mapped"), ("0.0.0.0", "this network"),
])
def test_denied_address(doctor, web, name, address, part):
    """The doctor dials nothing that a validation would not."""
    wanted = name().replace(".test", ".private.test")
    doctor.nameserver.hosts[wanted] = [address]
    code, body = doctor.check(wanted)
    assert code == NO and part in body["cause"] and "targets" in body["remedy"]
    assert web.seen == []
    fails_alike(doctor, body, wanted, part)


def test_the_way_that_is_left(doctor):
    """Nobody listens for http-01, but dns-01 would do: a warning, unless http-01 it must be."""
    code, body = doctor.check("a.both.test")
    assert code == OK and body["cause"].endswith("by dns-01.")
    only(doctor.told("a.both.test", "warn", "http-01"), "refused")
    assert doctor.check("a.both.test", "--challenge", "http-01")[0] == NO
    assert doctor.check("a.both.test", "--challenge", "dns-01")[0] == OK
    code, body = doctor.check("a.both.test", "--challenge", "tls-alpn-01")
    assert code == NO and "http-01, dns-01" in body["cause"]


def test_proofs_in_the_dns(doctor, name):
    """No address is needed, and none that the zone must not dial does harm."""
    wanted = name().replace(".test", ".dns.test")
    code, body = doctor.check(wanted)
    assert code == OK and {line["grade"] for line in body["lines"]} == {"ok"}, body
    lines = {line["topic"]: line["text"] for line in body["lines"]}
    for kind in ("dns-01", "dns-account-01", "dns-persist-01"):
        assert "can be asked for" in lines[kind] and kind in body["cause"]
    assert f"_acme-challenge.{wanted} TXT" in lines["dns-01"]


@pytest.mark.parametrize("status, grade, part", [
    (200, "warn", "location of its own"), (403, "warn", "open to everybody"), (503, "fail", "trace"),
])
def test_what_the_web_server_says(doctor, name, monkeypatch, status, grade, part):
    monkeypatch.setattr(Responder, "from_webroot", staticmethod(lambda *_: (status, {}, b"welcome")))
    with running(Responder(doctor.http01_port)):
        only(doctor.told(name(), grade, "http-01"), str(status), part)


def test_redirects_are_shown(doctor, name, monkeypatch):
    wanted, other = name(), name()
    where = [f"http://{other}:{doctor.http01_port}/elsewhere"]
    monkeypatch.setattr(Responder, "from_webroot", staticmethod(
        lambda _, path: (404, {}, b"") if path == "/elsewhere" else (301, {"Location": where[0]}, b"")))
    with running(Responder(doctor.http01_port)):
        only(doctor.told(wanted, "ok", "http-01"), "/elsewhere: 404")
        where[0] = f"http://{other}:22/"
        only(doctor.told(wanted, "fail", "http-01"), "port 22", "Redirect")
        where[0] = f"http://{wanted}:{doctor.http01_port}/loop"
        only(doctor.told(wanted, "fail", "http-01"), "more than 5 redirects", "circle")


@pytest.mark.parametrize("hours, part", [(5, "5 h ahead of"), (-3, "3 h behind")])
def test_clock_of_the_target(doctor, name, monkeypatch, hours, part):
    from http.server import BaseHTTPRequestHandler as Handler
    usual = Handler.date_time_string
    monkeypatch.setattr(Handler, "date_time_string", lambda self, timestamp=None:
                        usual(self, time.time() + 3600 * hours + 60 * hours))
    with running(Responder(doctor.http01_port)):
        code, body = doctor.check(name())
        assert code == OK
        (line,) = [line for line in body["lines"] if line["grade"] == "warn"]
        assert line["topic"] == "clock" and part in line["text"] and "NTP" in line["remedy"]


# --- tls-alpn-01

def test_tls_alpn(doctor, tmp_path, name):
    assert doctor.check("a.tls.test")[0] == NO
    with running(Responder(doctor.https_port)):  # HTTP where TLS should be
        only(doctor.told("a.tls.test", "fail", "tls-alpn-01"), "TLS")
    cert, key = challenge_certificate("a.tls.test", bytes(32))
    with running(TlsResponder(doctor.https_port, cert, key, tmp_path)):
        only(doctor.told("a.tls.test", "ok", "tls-alpn-01"), "acme-tls/1")
    for alpn in ((), ("http/1.1",)):  # a web server that knows nothing of ACME
        with running(TlsResponder(doctor.https_port, cert, key, tmp_path, alpn=alpn)):
            code, body = doctor.check("a.tls.test")
            assert code == OK
            only(doctor.told("a.tls.test", "warn", "tls-alpn-01"), "acme-tls/1", "Caddy")


# --- CAA

def test_caa(doctor, web):
    assert doctor.check("free.caa.test")[0] == OK
    doctor.nameserver.caa["up.caa.test"] = [(0, "issue", "other.example")]
    code, body = doctor.check("a.up.caa.test")
    assert code == NO and "other.example" in body["cause"] and "localhost" in body["remedy"]
    (line,) = [line for line in body["lines"] if line["topic"] == "caa"]
    assert any("a.up.caa.test CAA: none" in t for t in line["trace"]), "each label up the tree"
    assert any("up.caa.test CAA: 0 issue" in t for t in line["trace"])
    account = Account(doctor.wire())
    order = account.order("a.up.caa.test").authorize(web)
    order.finalize(make_csr(["a.up.caa.test"]))
    assert order.wait()["status"] == "invalid"
    why = doctor.admin("order", "why", order.url.rsplit("/", 1)[1])
    assert "other.example" in why["cause"] and "CAA" in why["remedy"]


def test_caa_by_account_and_method(doctor, web):
    account = Account(doctor.wire())
    rules = doctor.nameserver.caa
    rules["b.caa.test"] = [(0, "issue", f"localhost; accounturi={account.url}")]
    code, body = doctor.check("b.caa.test")
    assert code == NO and "accounturi" in body["cause"] and "--account" in body["remedy"]
    assert doctor.check("b.caa.test", "--account", account.url)[0] == OK
    rules["c.caa.test"] = [(0, "issue", "localhost; validationmethods=dns-01")]
    code, body = doctor.check("c.caa.test")
    assert code == NO and "validationmethods" in body["cause"]
    rules["d.caa.test"] = "servfail"
    code, body = doctor.check("d.caa.test")
    assert code == NO and "not known" in body["cause"]


def test_caa_that_is_only_reported(doctor, web):
    doctor.nameserver.caa["a.report.test"] = [(0, "issue", "other.example")]
    only(doctor.told("a.report.test", "warn", "caa"), "would log it", "report")
    assert doctor.check("a.report.test")[0] == OK


# --- bogus signatures

@pytest.mark.skipif(not installed(), reason="BIND is not installed")
def test_bogus_signatures(tmp_path_factory):
    with running(Bind(tmp_path_factory.mktemp("bind"))) as bind:
        def edit(text):
            anchor = tmp_path_factory.mktemp("anchor") / "keys"
            keys = bind.authority.dig(bind.bogus, "DNSKEY", "+noall", "+answer")
            anchor.write_text("\n".join(line for line in keys.splitlines() if "DNSKEY" in line) + "\n")
            zone = (f'zones:\n  - {{names: ["*.{bind.bogus}"], challenges: [dns-01, http-01], address_policy: dev, '
                    f'resolver: "{bind.authority.address}", dnssec: validate}}\n')
            return (text.replace("zones:\n", zone, 1)
                    .replace("validation:\n", f"validation:\n  trust_anchor: {anchor}\n", 1))

        with running(Doctor(tmp_path_factory.mktemp("bogus"), edit=edit)) as server:
            code, body = server.check(f"known.{bind.bogus}", "--challenge", "dns-01")
            assert code == NO and "validation failure" in body["cause"], body
            assert "DNSSEC" in body["remedy"]
            assert server.check(f"other.{bind.bogus}", "--challenge", "dns-01")[0] == OK


# --- limits, signer, clock

def test_a_limit_that_is_reached(tmp_path, name):
    def edit(text):
        return text + "limits: {new_orders_per_account_hour: 1/h, certificates_per_name: 1/7d}\n"

    with running(Doctor(tmp_path, edit=edit)) as server, running(Responder(server.http01_port)) as web:
        account, wanted = Account(server.wire()), name()
        assert server.check(wanted, "--account", account.url)[0] == OK
        assert server.check(wanted, "--account", account.url)[0] == OK, "asking takes nothing"
        account.order(wanted).issue(web)
        refused = server.admin("limit", "show")["rules"]
        code, body = server.check(wanted, "--account", account.url)
        assert code == NO and "would be refused until" in body["cause"] and "limit reset" in body["remedy"]
        assert server.check(name(), "--account", account.url)[0] == NO, "the account's limit"
        assert server.check(wanted)[0] == NO, "the name's limit"
        assert server.check(name())[0] == OK
        assert server.admin("limit", "show")["rules"] == refused, "no client was refused"


# --- asking

@pytest.mark.parametrize("words", [
    [], ["a.test", "b.test"], ["a.test", "--nonsense"], ["a.test", "--account", "nonsense"],
    ["a.test", "--account", "0" * 26], ["a.test", "--directory", "nonsense"],
    ["a.test", "--challenge", "http-02"], ["a.test", "--socket", "/nonexistent"], [""],
])
def test_questions_that_make_no_sense(doctor, words):
    done = doctor.run("check", *words, check=False)
    assert done.returncode == CANNOT and done.stderr and not done.stdout, done


def test_only_so_many_at_once(doctor, name):
    """A check is work for the server's one outgoing loop: more than a few wait their turn."""
    names = [name() for _ in range(8)]
    for wanted in names:
        doctor.nameserver.hosts[wanted] = "silent"
    asked = [subprocess.Popen(
        [PROGRAMS / "assay", "check", wanted], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=clean_environment(ASSAY_SOCKET=str(doctor.socket))) for wanted in names]
    ended = [(p.communicate(timeout=60), p.returncode) for p in asked]
    codes = [code for _, code in ended]
    assert set(codes) <= {NO, CANNOT} and codes.count(NO) >= 4, ended
    assert all("under way" in err for (_, err), code in ended if code == CANNOT)


def test_help_teaches(doctor):
    said = doctor.run("check", "--help").stdout
    for part in ("--account", "--challenge", "Exit status", "assay order why", "assay check"):
        assert part in said


def test_stop_while_one_is_under_way(tmp_path, name):
    with running(Doctor(tmp_path)) as server:
        wanted = name()
        server.nameserver.hosts[wanted] = "silent"
        asked = subprocess.Popen(
            [PROGRAMS / "assay", "check", wanted], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=clean_environment(ASSAY_SOCKET=str(server.socket)))
        while (wanted, 1) not in server.nameserver.asked:
            assert asked.poll() is None
            time.sleep(0.01)
    assert asked.wait(60) == CANNOT
