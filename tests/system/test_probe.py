"""`assay probe`: names that the server truly cannot reach are proven through a probe that can; what a lost,
a lying and a stolen probe can do."""

import base64
import hashlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization

from acmewire import Account, Http, Wire, make_csr, wait_until
from bind import KEY, KEY_NAME, SBIN
from segments import (PROBES_PORT, SERVER, SERVER_FOR_PROBES, TARGET, SegmentServer, Segments,
                      available)
from servers import PROGRAMS, Process, clean_environment
from test_tlsalpn01 import challenge_certificate

pytestmark = [
    pytest.mark.assay,
    pytest.mark.skipif(not available(), reason="network namespaces need root"),
]

DOUBLE = pathlib.Path(__file__).with_name("probe_double.py")
PROBES = ("a", "b", "c")


@pytest.fixture(scope="module")
def segments():
    made = Segments()
    yield made
    made.close()


class Target:
    """A web server and whatever else a test starts in the target's segment."""

    def __init__(self, segments, directory):
        self.segments, self.directory = segments, directory
        self.root = directory / "www"
        (self.root / ".well-known/acme-challenge").mkdir(parents=True)
        self.started = []
        self.start_web()

    def start_web(self):
        self.web = self.start(sys.executable, "-m", "http.server", "--bind", TARGET, "--directory", self.root, "80")
        wait_until(lambda: self.answers(80), 20, "the web server of the target")

    def start(self, *arguments, name="target"):
        made = Process(self.segments.inside(self.segments.target, *arguments), self.directory, name)
        self.started.append(made)
        return made

    def answers(self, port, segment=None):
        program = f"import socket; socket.create_connection(('{TARGET}', {port}), 3)"
        return self.segments.run(segment or self.segments.target, sys.executable, "-c", program,
                                 check=False).returncode == 0

    def serve(self, challenge, value):
        (self.root / ".well-known/acme-challenge" / challenge["token"]).write_text(value)

    def close(self):
        for process in self.started:
            if process.process.poll() is None:
                process.kill()
            process.log.close()


class Probes:
    """The keys of the probes, and those that run."""

    def __init__(self, segments, directory):
        self.segments, self.directory, self.running, self.keys = segments, directory, {}, {}
        for name in PROBES:
            said = subprocess.run([PROGRAMS / "assay", "probe", "key", "--key", self.key(name), "--name", name],
                                  capture_output=True, text=True, timeout=30, check=True).stdout
            assert said.startswith("probes:\n")
            self.keys[name] = said.splitlines()[1]

    def key(self, name):
        return self.directory / f"{name}.key"

    def settings(self, names=PROBES):
        return "\nprobes:\n" + "\n".join(self.keys[n] for n in names) + "\n"

    def start(self, name, root, *options, key=None):
        self.running[name] = Process(self.segments.inside(
            self.segments.probe, PROGRAMS / "assay", "probe", "--server", f"{SERVER_FOR_PROBES}:{PROBES_PORT}",
            "--root", root, "--key", self.key(key or name), "--name", name, "--resolver", f"{TARGET}:53", *options),
            self.directory, f"probe-{name}")
        return self.running[name]

    def double(self, name, root, claim, key=None, alpn=None):
        """A program that has the key of a probe and says what it likes."""
        private = serialization.load_pem_private_key(self.key(key or name).read_bytes(), None)
        certificate, _ = challenge_certificate("double.test", b"", oid=None, key=private)
        file = self.directory / f"double-{name}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.running[name] = Process(self.segments.inside(
            self.segments.probe, sys.executable, DOUBLE, SERVER_FOR_PROBES, PROBES_PORT, root,
            self.key(key or name), file, name, claim), self.directory, f"double-{name}-{claim}")
        return self.running[name]

    def end(self, *names):
        for name in names or list(self.running):
            process = self.running.pop(name)
            if process.process.poll() is None:
                process.kill()
            process.log.close()

    def close(self):
        self.end()


@pytest.fixture(scope="module")
def target(segments, tmp_path_factory):
    made = Target(segments, tmp_path_factory.mktemp("target"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def probes(segments, tmp_path_factory):
    made = Probes(segments, tmp_path_factory.mktemp("probes"))
    yield made
    made.close()


@pytest.fixture
def no_probes(probes):
    yield probes
    probes.end()


def make_server(tmp_path, segments, probes, zone):
    return SegmentServer(tmp_path, segments, lambda text: text + probes.settings(), zone)


@pytest.fixture(scope="module")
def one(segments, probes, tmp_path_factory):
    """A server whose zone is looked at by probe a alone."""
    made = make_server(tmp_path_factory.mktemp("one"), segments, probes, "probes: [a]")
    yield made
    made.close()


@pytest.fixture(scope="module")
def several(segments, probes, tmp_path_factory, one):
    """The settings of the same server for two of three."""
    one.edit(lambda text: text + probes.settings(), "probes: [a, b, c]\n    probe_quorum: 2")
    reload(one)
    return one


def reload(server):
    before = server.process.output().count("reloaded")
    server.process.signal(signal.SIGHUP)
    wait_until(lambda: server.process.output().count("reloaded") > before, 20, server.process.output)


def states(server):
    return {p["name"]: p for p in server.admin("probe", "list")["probes"]}


def connected(server, *names):
    wait_until(lambda: all(states(server)[n]["connected"] for n in names), 30,
               f"{names}: {server.process.output()}")


def account_of(server):
    return Account(Wire(Http(pathlib.Path(server.roots).read_text()), server.directory))


def start(account, value, kind="http-01"):
    order = account.order(value)
    url, challenge = order.challenge(kind=kind)
    return order, url, challenge, account.key_authorization(challenge)


def go(account, order, url, challenge, timeout=60):
    assert account.post(challenge["url"], {}).status == 200
    return order.account_settled(url, timeout)


def trace(server, order):
    return str(server.admin("order", "why", order.url.rsplit("/", 1)[1]))


def test_the_server_cannot_reach_the_target(segments, target):
    """Or else the tests of this file say nothing."""
    assert not target.answers(80, segments.server)
    assert target.answers(80, segments.probe)
    routes = segments.run(segments.server, "ip", "route", "get", TARGET, check=False)
    assert routes.returncode != 0 and "unreachable" in routes.stderr


def test_http01__through_a_probe(one, target, no_probes):
    process = no_probes.start("a", one.roots)
    connected(one, "a")
    account = account_of(one)
    order, url, challenge, value = start(account, ("ip", TARGET))
    target.serve(challenge, value)
    assert go(account, order, url, challenge)["status"] == "valid"
    assert order.finalize(make_csr([("ip", TARGET)])).status == 200
    assert order.wait()["status"] == "valid"
    told = trace(one, order)
    assert f"probe a: connect {TARGET}:80: ok" in told
    assert "probe a: valid" in told
    # What must be served is for the server to know.
    assert value.split(".")[1] not in process.output()
    # Nothing listens in the probe's segment.
    assert no_probes.segments.run(no_probes.segments.probe, "ss", "-Hltn").stdout == ""
    before = states(one)["a"]
    assert before["looks"] >= 1 and before["failures"] == 0 and before["version"]
    assert process.stop() == 0
    wait_until(lambda: not states(one)["a"]["connected"], 20, "the probe has gone")


def test_http01__wrong_answer_is_judged_by_the_server(one, target, no_probes):
    no_probes.start("a", one.roots)
    connected(one, "a")
    account = account_of(one)
    order, url, challenge, value = start(account, ("ip", TARGET))
    target.serve(challenge, value + "x")
    settled = go(account, order, url, challenge)
    assert settled["status"] == "invalid"
    assert "incorrectResponse" in str(settled)


@pytest.fixture(scope="module")
def zone(target, segments, tmp_path_factory):
    """BIND in the target's segment, with the authority for seg.test."""
    if not shutil.which("named", path=SBIN) or not shutil.which("nsupdate", path=SBIN):
        pytest.skip("BIND is not installed")
    directory = tmp_path_factory.mktemp("named")
    directory.chmod(0o777)
    (directory / "named.conf").write_text(f"""
options {{ directory "{directory}"; pid-file none; session-keyfile "{directory}/session.key";
  listen-on port 53 {{ {TARGET}; }}; listen-on-v6 {{ none; }}; recursion no; notify no; }};
controls {{ }};
key "{KEY_NAME}" {{ algorithm hmac-sha256; secret "{KEY}"; }};
zone "seg.test" {{ type primary; file "seg.zone"; allow-update {{ key "{KEY_NAME}"; }}; }};
""")
    (directory / "seg.zone").write_text(f"""$TTL 1
@ IN SOA ns.seg.test. hostmaster.seg.test. 1 3600 600 86400 1
@ IN NS ns.seg.test.
ns IN A {TARGET}
web IN A {TARGET}
""")
    (directory / "seg.zone").chmod(0o666)
    target.start(shutil.which("named", path=SBIN), "-g", "-c", directory / "named.conf", "-n", "1", name="named")
    wait_until(lambda: target.answers(53), 20, "BIND")

    def update(*lines):
        script = "\n".join([f"server {TARGET}", f"key hmac-sha256:{KEY_NAME} {KEY}", "zone seg.test", *lines, "send", ""])
        segments.run(segments.target, shutil.which("nsupdate", path=SBIN), stdin=script)

    return update


def test_dns01__through_a_probe(one, zone, no_probes):
    no_probes.start("a", one.roots)
    connected(one, "a")
    account = account_of(one)
    order, url, challenge, value = start(account, "*.web.seg.test", "dns-01")
    digest = base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()).decode().rstrip("=")
    zone(f"update add _acme-challenge.web.seg.test. 1 TXT {digest}")
    assert go(account, order, url, challenge)["status"] == "valid"
    assert "probe a: dns _acme-challenge.web.seg.test TXT: 1 text" in trace(one, order)


def test_dns01__authoritative_servers_asked_by_a_probe(one, zone, probes, no_probes):
    """The walk to the name servers goes through the probe too: the server can reach none of them."""
    one.edit(lambda text: text + probes.settings(), "probes: [a]\n    dns: authoritative")
    reload(one)
    no_probes.start("a", one.roots)
    connected(one, "a")
    account = account_of(one)
    order, url, challenge, value = start(account, "auth.seg.test", "dns-01")
    digest = base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()).decode().rstrip("=")
    zone(f"update add _acme-challenge.auth.seg.test. 1 TXT {digest}")
    assert go(account, order, url, challenge)["status"] == "valid"
    assert f"probe a: dns _acme-challenge.auth.seg.test TXT at ns.seg.test ({TARGET})" in trace(one, order)
    one.edit(lambda text: text + probes.settings(), "probes: [a]")
    reload(one)


def test_tlsalpn01__through_a_probe(one, zone, target, no_probes, tmp_path):
    no_probes.start("a", one.roots)
    connected(one, "a")
    account = account_of(one)
    order, url, challenge, value = start(account, "web.seg.test", "tls-alpn-01")
    certificate, key = challenge_certificate("web.seg.test", hashlib.sha256(value.encode()).digest())
    (tmp_path / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "k.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    responder = target.start("openssl", "s_server", "-accept", f"{TARGET}:443", "-alpn", "acme-tls/1", "-cert",
                             tmp_path / "c.pem", "-key", tmp_path / "k.pem", "-naccept", "4", "-quiet",
                             name="s_server")
    wait_until(lambda: target.answers(443), 20, "openssl s_server")
    assert go(account, order, url, challenge)["status"] == "valid"
    assert "probe a: tls 10.77.2.2:443: TLSv1.3, SNI web.seg.test, ALPN acme-tls/1" in trace(one, order)
    responder.kill()


def test_what_the_segments_operator_forbids(one, target, no_probes):
    """The zone allows it and the probe does not: both must."""
    no_probes.start("a", one.roots, "--deny", "10.77.2.0/25")
    connected(one, "a")
    account = account_of(one)
    order, url, challenge, value = start(account, ("ip", TARGET))
    target.serve(challenge, value)
    settled = go(account, order, url, challenge)
    assert settled["status"] == "invalid"
    assert "outside of what this probe was allowed" in str(settled)


def test_no_probe__the_order_ends_and_says_so(one, probes):
    account = account_of(one)
    order, url, challenge, _ = start(account, ("ip", TARGET))
    settled = go(account, order, url, challenge)
    assert settled["status"] == "invalid"
    assert "probe a" in str(settled) and "is not connected since" in str(settled)
    assert trace(one, order).count("is not connected since") >= 4  # each attempt has its line


def check(server):
    done = server.run("check", TARGET, "--json", check=False)
    return done.returncode, json.loads(done.stdout)


def test_the_doctor_knows_of_probes(one, target, no_probes):
    """The server cannot reach the target, and need not: its probe can, if it is there."""
    status, told = check(one)
    assert status == 1 and any(line["grade"] == "fail" and "needs 1 of 1 views" in line["text"] for line in told["lines"])
    no_probes.start("a", one.roots)
    connected(one, "a")
    status, told = check(one)
    assert status == 0, told
    assert any(line["grade"] == "ok" and line["text"] == "probe a is connected" for line in told["lines"])
    assert any(line["grade"] == "warn" and "unreachable" in line["text"] for line in told["lines"]), told


def test_killed_in_the_middle__the_order_still_ends(one, target, no_probes):
    """A target that takes the request and never answers, while the probe is killed."""
    target.web.kill()
    hang = target.start(sys.executable, "-c", f"""
import socket
s = socket.create_server(("{TARGET}", 80)); print("up", flush=True)
while True:
    c, _ = s.accept(); print("asked", c.recv(10), flush=True)
""", name="hang")
    wait_until(lambda: "up" in hang.output(), 20, "the silent server")
    killed = no_probes.start("a", one.roots)
    connected(one, "a")
    account = account_of(one)
    order, url, challenge, value = start(account, ("ip", TARGET))
    target.serve(challenge, value)
    assert account.post(challenge["url"], {}).status == 200
    wait_until(lambda: "asked" in hang.output(), 20, "the probe looks")
    killed.kill()  # SIGKILL
    hang.kill()
    target.start_web()
    wait_until(lambda: "probe_lost" in one.process.output(), 20, "the loss is logged")
    no_probes.start("a", one.roots)
    assert order.account_settled(url, 60)["status"] == "valid"
    assert "was lost while it looked" in trace(one, order)


def test_reconnects(one, no_probes):
    """The server goes away and comes back; the probe finds it again by itself."""
    process = no_probes.start("a", one.roots)
    connected(one, "a")
    one.process.stop()
    wait_until(lambda: "server_lost" in process.output(), 20, "the probe notices")
    one.start()
    connected(one, "a")
    assert process.process.poll() is None


def test_reload__a_removed_probe_is_cut_off(one, probes, no_probes):
    process = no_probes.start("a", one.roots)
    connected(one, "a")
    one.edit(lambda text: text + probes.settings(["b"]), "probes: [b]")
    reload(one)
    wait_until(lambda: "no longer in the settings" in process.output(), 20, process.output)
    assert "a" not in states(one)
    one.edit(lambda text: text + probes.settings(), "probes: [a]")
    reload(one)


@pytest.mark.parametrize("claim", ["success", "failure"])
def test_two_of_three__one_that_lies(several, target, no_probes, claim):
    """A lying probe can misreport what it alone sees: it is outvoted, and noticed."""
    no_probes.start("a", several.roots)
    no_probes.start("b", several.roots)
    no_probes.double("c", several.roots, claim)
    connected(several, "a", "b", "c")
    account = account_of(several)
    order, url, challenge, value = start(account, ("ip", TARGET))
    target.serve(challenge, value)
    assert go(account, order, url, challenge)["status"] == "valid"
    told = trace(several, order)
    assert "probe a: valid" in told and "probe b: valid" in told


def test_two_of_three__nobody_can_claim_success(several, target, no_probes):
    """Nothing is served: two liars that claim to have seen it do not know what they should have seen."""
    no_probes.start("a", several.roots)
    no_probes.double("b", several.roots, "success")
    no_probes.double("c", several.roots, "success")
    connected(several, "a", "b", "c")
    account = account_of(several)
    order, url, challenge, _ = start(account, ("ip", TARGET))
    settled = go(account, order, url, challenge)
    assert settled["status"] == "invalid"
    assert "0 of 3 perspectives agree and 2 must" in str(settled)


def test_two_of_three__one_is_away(several, target, no_probes):
    no_probes.start("a", several.roots)
    no_probes.start("b", several.roots)
    connected(several, "a", "b")
    account = account_of(several)
    order, url, challenge, value = start(account, ("ip", TARGET))
    target.serve(challenge, value)
    assert go(account, order, url, challenge)["status"] == "valid"
    assert "probe c: probe c" in trace(several, order)
    assert "connected since" in trace(several, order)


def test_an_unknown_key_is_refused(several, no_probes, tmp_path):
    other = no_probes.directory / "unknown.key"
    subprocess.run([PROGRAMS / "assay", "probe", "key", "--key", other], capture_output=True, timeout=30, check=True)
    process = no_probes.start("a", several.roots, key="unknown")
    wait_until(lambda: "probe_refused" in several.process.output(), 20, several.process.output)
    wait_until(lambda: "does not know this probe's key" in process.output(), 20, process.output)
    assert not states(several)["a"]["connected"]


def test_a_stolen_key_gives_nothing_but_a_view(several, segments, no_probes):
    """It is no other probe, may not act as the server, and opens no other door."""
    def told(word, *arguments, **more):
        """What it was told; an address whose key was refused is not heard for two seconds."""
        def again():
            process = no_probes.double(*arguments, **more)
            process.process.wait(30)
            return process.output() if word in process.output() else None
        return wait_until(again, 30, word)

    assert "refused the probe of this name has another key" in told("refused", "b", several.roots, "hello", key="a")
    assert told("welcome", "c", several.roots, "order").splitlines()[-1] == "closed"
    # As a client certificate at the ACME listener it is not even asked for; and there HTTP is not spoken
    # where probes dial in.
    certificate = no_probes.directory / "double-c.pem"
    for place, path, expected in ((f"{SERVER_FOR_PROBES}:{PROBES_PORT}", "/v1/status", None),
                                  (f"{SERVER_FOR_PROBES}:{PROBES_PORT}", "/acme/directory", None)):
        got = segments.run(segments.probe, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", several.roots,
                           "--cert", certificate, "--key", no_probes.key("c"), f"https://{place}{path}", check=False)
        assert got.returncode != 0 and got.stdout == "000", (got, expected)
    assert several.process.process.poll() is None


def test_probe_list_and_help(several):
    told = several.run("probe", "list").stdout
    assert "PROBE" in told and "AWAY" in told
    usage = subprocess.run([PROGRAMS / "assay", "probe"], capture_output=True, text=True, timeout=30,
                           env=clean_environment(), check=False)
    assert usage.returncode == 2 and "--server" in usage.stderr
