"""`assay serve` as an operator meets it: start, reload, stop, restart, a killed signer."""

import os
import re
import signal
import socket
import ssl
import subprocess
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from acmewire import JOSE, Account, dumps, make_csr, refused, wait_until
from judge import verify
from peers import Responder, free_port, running
from servers import PROGRAMS, AssayServe, clean_environment

pytestmark = pytest.mark.assay


@pytest.fixture
def own(tmp_path):
    made = AssayServe(tmp_path)
    yield made
    made.close()


def presented(server):
    """The chain that the server shows, as `openssl s_client` prints it."""
    parts = urlsplit(server.directory)
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{parts.port}", "-servername",
         parts.hostname, "-showcerts"],
        input=b"", capture_output=True, env=clean_environment(), timeout=20,
    )
    return b"".join(
        m + b"\n" for m in re.findall(
            rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.S)
    )


def test_own_certificate_is_from_the_own_ca(served):
    chain = presented(served)
    verify(chain, served.roots, "-verify_hostname", "localhost", "-purpose", "sslserver")
    assert len(x509.load_pem_x509_certificates(chain)) >= 2


def test_issuance(served, name):
    with running(Responder(served.http01_port)) as responder:
        account = Account(served.wire())
        wanted = name()
        _, pem = account.order(wanted).issue(responder)
        verify(pem, served.roots, "-verify_hostname", wanted)


@pytest.mark.parametrize("wanted", ["outside.example", "test.example", ("ip", "192.0.2.1")])
def test_names_that_the_ca_may_not_have(served, wanted):
    """--permit: the issuing CA's name constraints; no zone, no certificate."""
    got = Account(served.wire()).try_order(wanted)
    refused(got, ("rejectedIdentifier", "malformed"), (400, 403))


def test_rfc5280_4_2_1_10__the_issuing_ca_is_constrained(served, name):
    with running(Responder(served.http01_port)) as responder:
        _, pem = Account(served.wire()).order(name()).issue(responder)
    issuing = x509.load_pem_x509_certificates(pem)[1]
    constraints = issuing.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = {str(n.value) for n in constraints.value.permitted_subtrees}
    assert {"test", "localhost", "127.0.0.0/8"} <= permitted


def test_everything_is_still_there_after_a_restart(own, name):
    wire = own.wire()
    account = Account(wire, contact=["mailto:a@example.com"])
    with running(Responder(own.http01_port)) as responder:
        done = account.order(name())
        done.issue(responder)
        wanted = name()
        ready = account.order(wanted).authorize(responder)
        pending = account.order(name())
        old_nonce = wire.nonce()
        assert own.process.stop() == 0
        own.start()
        # RFC 8555 §6.5: a nonce of before the restart is refused, and a new one comes with it.
        got = wire.post(account.url, None, account.key, account.url, nonce=old_nonce)
        refused(got, "badNonce")
        got = wire.post(account.url, None, account.key, account.url, nonce=got.nonce)
        assert got.json()["contact"] == ["mailto:a@example.com"]
        wire.nonces.clear()
        assert done.certificate().body == done.pem
        assert ready.finalize(make_csr([wanted])).status == 200
        assert ready.wait()["status"] == "valid"
        pending.issue(responder)


def test_a_redeemed_nonce_stays_redeemed_after_a_kill(own):
    wire = own.wire()
    account = Account(wire)
    nonce = wire.nonce()
    assert wire.post(account.url, None, account.key, account.url, nonce=nonce).status == 200
    own.kill()
    own.start()
    refused(wire.post(account.url, None, account.key, account.url, nonce=nonce), "badNonce")


def test_sighup_with_good_settings(own):
    before = own.config.read_text()
    own.config.write_text(before.replace("name: Test", "name: Renamed"))
    own.process.signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in own.process.output(), 10, "reload")
    assert own.wire().directory["newNonce"]


@pytest.mark.parametrize("text, words", [
    ("nmae: x\n", ("nmae", "name")), ("name: x\nname: y\n", ("name",)), (": [", ()),
    ("", ()), ("lifetimes: {nonce: never}\n", ("nonce",)),
])
def test_sighup_with_bad_settings_keeps_the_running_ones(own, text, words):
    before = own.config.read_text()
    own.config.write_text(text if text == "" else before + text)
    own.process.signal(signal.SIGHUP)
    wait_until(lambda: "reload_refused" in own.process.output(), 10, own.process.output())
    for word in words:
        assert word in own.process.output()
    assert Account(own.wire()).created.status == 201
    own.config.write_text(before)


def test_zones_change_by_reload(own):
    """A zone that is taken away stops giving out its names at once."""
    account = Account(own.wire())
    assert account.try_order("a.test").status == 201
    own.config.write_text(own.config.read_text().replace('[test, "*.test", localhost,',
                                                         "[localhost,"))
    own.process.signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in own.process.output(), 10, own.process.output())
    refused(account.try_order("b.test"), "rejectedIdentifier", (400, 403))


def test_sigterm_finishes_what_was_begun(own):
    account = Account(own.wire())
    wire = account.wire
    jws = dumps(wire.sign(account.url, None, account.key, account.url, wire.nonce())).encode()
    parts = urlsplit(account.url)
    with socket.create_connection(("127.0.0.1", parts.port), 20) as plain:
        with wire.http.context.wrap_socket(plain, server_hostname=parts.hostname) as tls:
            head = (f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {JOSE}\r\n"
                    f"Content-Length: {len(jws)}\r\nExpect: 100-continue\r\n\r\n").encode()
            tls.sendall(head)
            # The server has read the head, so the request has begun.
            assert tls.recv(100).startswith(b"HTTP/1.1 100 ")
            own.process.signal(signal.SIGTERM)
            wait_until(lambda: "stopping" in own.process.output(), 10, "stopping")
            tls.sendall(jws)
            assert tls.recv(100).startswith(b"HTTP/1.1 200 ")
    assert own.process.process.wait(35) == 0


def test_sigterm_during_issuance_loses_nothing(own, name):
    account = Account(own.wire())
    with running(Responder(own.http01_port)) as responder:
        orders = []
        for _ in range(10):
            wanted = name()
            orders.append((account.order(wanted).authorize(responder), make_csr([wanted])))
        for order, csr in orders:
            order.finalize(csr)
        assert own.process.stop() == 0
        own.start()
        account.wire.nonces.clear()
        for order, _ in orders:
            assert order.wait(30)["status"] == "valid"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def signer_processes(server):
    """The signer's monitor, a child of the server, and the worker that the monitor watches."""
    monitor = children(server.process.pid)
    return monitor + [child for pid in monitor for child in children(pid)]


def test_the_signer_confines_itself(own):
    found = signer_processes(own)
    assert len(found) == 2
    for pid in found:
        with open(f"/proc/{pid}/comm") as file:
            assert file.read().startswith("assay-signer")
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        assert status["NoNewPrivs"].strip() == "1"
        with open(f"/proc/{pid}/limits") as file:
            core = next(line for line in file if line.startswith("Max core file size"))
        assert core.split()[4] == "0"


def test_a_killed_signer_worker_comes_back(own, name):
    account = Account(own.wire())
    with running(Responder(own.http01_port)) as responder:
        account.order(name()).issue(responder)
        monitor, worker = signer_processes(own)
        os.kill(worker, signal.SIGKILL)
        account.order(name()).issue(responder)
        assert signer_processes(own)[0] == monitor
        assert signer_processes(own)[1:] not in ([], [worker])


def test_a_killed_signer_monitor_does_not_leave_a_server_that_cannot_issue(own, name):
    """The server starts another, or ends so that the service manager starts it again."""
    account = Account(own.wire())
    os.kill(signer_processes(own)[0], signal.SIGKILL)
    with running(Responder(own.http01_port)) as responder:
        try:
            account.order(name()).issue(responder, timeout=15)
        except AssertionError:
            assert own.process.process.poll() is not None, "alive, and no order is ever issued"
        except OSError:
            own.process.process.wait(30)  # it has closed its connections: it ends
    if own.process.process.poll() is not None:
        own.start()


def test_a_killed_server_takes_its_signer_along(own):
    found = signer_processes(own)
    own.kill()
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in found), 10,
               "the signer ends")
    own.start()


def test_service_manager_is_told(tmp_path):
    """sd_notify(3): READY=1 when it serves, STOPPING=1 when it drains."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = str(tmp_path / "notify")
        notify.bind(path)
        notify.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = path
        try:
            made = AssayServe(tmp_path / "serve")
        finally:
            del os.environ["NOTIFY_SOCKET"]
        heard = []
        while not any("READY=1" in h for h in heard):
            heard.append(notify.recv(4096).decode())
        made.process.signal(signal.SIGTERM)
        while not any("STOPPING=1" in h for h in heard):
            heard.append(notify.recv(4096).decode())
        made.close()


def test_a_port_that_is_taken(own, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(own.config.read_text().replace(str(own.data / "admin.sock"),
                                                    str(tmp_path / "other.sock")))
    done = subprocess.run(
        [PROGRAMS / "assay", "serve", "--config", other], capture_output=True, text=True,
        env=clean_environment(), timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr


def test_no_settings_file(tmp_path):
    done = subprocess.run(
        [PROGRAMS / "assay", "serve", "--config", tmp_path / "none.yaml"], capture_output=True,
        text=True, env=clean_environment(), timeout=30,
    )
    assert done.returncode == 1
    assert "none.yaml" in done.stderr


def test_config_check(own):
    done = subprocess.run([PROGRAMS / "assay", "config", "check", "--config", own.config],
                          capture_output=True, text=True, env=clean_environment(), timeout=30)
    assert done.returncode == 0, done
    bad = own.path / "bad.yaml"
    bad.write_text(own.config.read_text() + "nmae: x\nlisten: 5\n")
    done = subprocess.run([PROGRAMS / "assay", "config", "check", "--config", bad],
                          capture_output=True, text=True, env=clean_environment(), timeout=30)
    assert done.returncode == 1
    lines = [line for line in (done.stderr + done.stdout).splitlines() if "bad.yaml:" in line]
    assert len(lines) >= 2, done
    assert all(re.search(r"bad\.yaml:\d+:\d+: ", line) for line in lines)
    assert "did you mean" in done.stderr + done.stdout


def test_init_refuses_to_overwrite(own):
    done = subprocess.run(
        [PROGRAMS / "assay", "init", "--data", own.data, "--config", own.config, "--name", "Again",
         "--root-passphrase-file", own.path / "pass"],
        capture_output=True, text=True, env=clean_environment(), timeout=60,
    )
    assert done.returncode == 1
    assert "Again" not in own.config.read_text()


def test_no_secret_is_readable_by_others(own):
    for directory, _, files in os.walk(own.data):
        assert os.stat(directory).st_mode & 0o077 == 0 or directory == str(own.data)
        for file in files:
            path = os.path.join(directory, file)
            if re.search(r"key|pass|\.db|journal", file):
                assert os.stat(path).st_mode & 0o077 == 0, path
    # service.key seals secrets in the store; it is no CA key and has nothing to be encrypted with.
    keys = [path for path in own.data.rglob("*.key") if path.name != "service.key"]
    assert len(keys) == 2, keys
    for path in keys:
        assert "ENCRYPTED" in path.read_text(), path


def test_no_secret_is_in_the_log(own, name):
    account = Account(own.wire())
    with running(Responder(own.http01_port)) as responder:
        account.order(name()).issue(responder)
    text = own.process.output()
    for path in own.data.rglob("*.pass"):
        assert path.read_text().strip() not in text
    assert "correct horse" not in text
    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize("key", ["p384", "rsa3072"])
def test_init_with_other_keys(tmp_path, name, key):
    made = AssayServe(tmp_path, init=("--key", key))
    try:
        with running(Responder(made.http01_port)) as responder:
            _, pem = Account(made.wire()).order(name()).issue(responder)
        verify(pem, made.roots)
    finally:
        made.close()


def test_plain_http_serves_the_roots_for_bootstrap(tmp_path):
    import http.client

    port = free_port()
    made = AssayServe(tmp_path, init=("--http-listen", f"127.0.0.1:{port}"))
    try:
        connection = http.client.HTTPConnection("localhost", port, timeout=10)
        connection.request("GET", "/root.pem")
        got = connection.getresponse()
        assert got.status == 200
        roots = x509.load_pem_x509_certificates(open(made.roots, "rb").read())
        assert x509.load_pem_x509_certificates(got.read())[0] in roots
        connection.request("GET", "/acme/directory")
        assert connection.getresponse().status == 404
    finally:
        made.close()


def test_tls_1_2_works(served):
    context = ssl.create_default_context(cafile=served.roots)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    port = urlsplit(served.directory).port
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            assert tls.version() == "TLSv1.2"
