"""Assay behind a real HAProxy (S1.36): in TCP mode with the PROXY protocol, and in HTTP mode, where the
proxy ends TLS and speaks TLS to Assay anew. Whom a client is taken for shows in the rate limits and in
its account; a client that says it is somebody else is not believed (TRUST V18)."""

import shutil
import signal
import socket
import ssl

import pytest

from acmewire import Account, Http, Key, Wire, refused, wait_until
from peers import free_port
from servers import AssayServe, Process, throw_away_certificate

pytestmark = [
    pytest.mark.assay,
    pytest.mark.skipif(not shutil.which("haproxy", path="/usr/sbin:/usr/bin"), reason="HAProxy is not installed"),
]

PROXY = "127.0.0.9"  # where HAProxy connects from: the only peer that is believed
MODES = {
    "proxy-v1": "mode tcp\n  bind 127.0.0.1:{front}\n  server assay 127.0.0.1:{back} send-proxy source {proxy}",
    "proxy-v2": "mode tcp\n  bind 127.0.0.1:{front}\n  server assay 127.0.0.1:{back} send-proxy-v2 source {proxy}",
    "http": "mode http\n  option forwardfor\n  bind 127.0.0.1:{front} ssl crt {pem} alpn http/1.1\n"
            "  server assay 127.0.0.1:{back} source {proxy} ssl verify required ca-file {root}"
            " sni str(localhost) verifyhost localhost",
}


class From(Http):
    """A client at an address of its own that may add headers to each request."""

    def __init__(self, roots, address, headers=None):
        super().__init__(roots, {"localhost": "127.0.0.1"})
        self.address, self.headers = address, headers or {}

    def _connect(self, address, timeout, source):
        return super()._connect(address, timeout, (self.address, 0))

    def request(self, method, url, body=None, headers=None, fresh=False):
        return super().request(method, url, body, {**(headers or {}), **self.headers}, fresh)


class Deployment:
    def __init__(self, directory, mode):
        self.mode = mode
        self.front = free_port()
        protocol = "x-forwarded-for" if mode == "http" else "proxy"

        def edit(text):
            return text + f"""
hosts: ["localhost:{self.front}"]
proxies:
  peers: ["{PROXY}"]
  protocol: {protocol}
limits:
  new_accounts_per_address: 2/h
"""

        self.server = AssayServe(directory / "assay", edit=edit)
        root = directory / "proxy-root.pem"
        certificate, key = throw_away_certificate(directory, root)
        pem = directory / "proxy.pem"
        pem.write_bytes(certificate.read_bytes() + key.read_bytes())
        self.trusted = root.read_text() if mode == "http" else open(self.server.roots).read()
        config = directory / "haproxy.cfg"
        config.write_text(
            "defaults\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\nlisten assay\n  "
            + "tcp-request connection reject unless { src 127.0.0.0/25 }\n  "
            + MODES[mode].format(front=self.front, back=self.server.port, proxy=PROXY, pem=pem,
                                 root=self.server.roots) + "\n")
        self.haproxy = Process([shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "-db", "-f", config],
                               directory, "haproxy")
        wait_until(self.listens, 20, "haproxy")

    def listens(self):
        assert self.haproxy.process.poll() is None, self.haproxy.output()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.front)) == 0

    def wire(self, address, headers=None):
        """Through the proxy."""
        return Wire(From(self.trusted, address, headers), f"https://localhost:{self.front}/acme/directory")

    def direct(self, address, headers=None):
        return Wire(From(open(self.server.roots).read(), address, headers), self.server.directory)

    def close(self):
        self.haproxy.kill()
        self.server.close()


@pytest.fixture(scope="module", params=list(MODES))
def deployed(request, tmp_path_factory):
    made = Deployment(tmp_path_factory.mktemp(request.param), request.param)
    yield made
    made.close()


def register(wire):
    return wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, Key())


def exhaust(wire, address):
    """Registers until the address has no more to go, and returns the last refusal."""
    for _ in range(2):
        assert register(wire).status == 201
    got = register(wire)
    assert address in refused(got, "rateLimited", 429)["detail"]
    return got


def test_s1_36__clients_behind_the_proxy_are_told_apart(deployed):
    exhaust(deployed.wire("127.0.0.2"), "127.0.0.2")
    exhaust(deployed.wire("127.0.0.3"), "127.0.0.3")


def test_s1_36__the_account_says_where_it_was_made(deployed):
    wire = deployed.wire("127.0.0.4")
    account = Account(wire)
    shown = deployed.server.admin("account", "show", account.url.rsplit("/", 1)[1])
    assert shown["created_from"].startswith("127.0.0.4"), shown
    exported = deployed.server.run("audit", "export").stdout
    assert "from=127.0.0.4" in exported


def test_s1_36__only_some_clients_are_let_in(deployed):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        deployed.wire("127.0.0.200")


def test_trust_v18__a_client_of_the_proxy_cannot_be_somebody_else(deployed):
    exhaust(deployed.wire("127.0.0.5", {"X-Forwarded-For": "127.0.0.66"}), "127.0.0.5")
    again = deployed.wire("127.0.0.5", {"X-Forwarded-For": f"127.0.0.66, {PROXY}"})
    refused(register(again), "rateLimited", 429)


def test_trust_v18__a_client_that_comes_directly_is_not_believed(deployed):
    exhaust(deployed.direct("127.0.0.6", {"X-Forwarded-For": "127.0.0.67"}), "127.0.0.6")
    with socket.create_connection(("127.0.0.1", deployed.server.port), 10, ("127.0.0.7", 0)) as s:
        s.sendall(b"PROXY TCP4 127.0.0.68 127.0.0.1 1000 443\r\n")
        context = ssl.create_default_context(cadata=open(deployed.server.roots).read())
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(s, server_hostname="localhost")


def test_trust_v18__the_proxy_itself_must_say_whom_it_speaks_for(deployed):
    if deployed.mode == "http":
        # Without the header it speaks for itself; with a malformed one it is refused.
        got = deployed.direct(PROXY).get(deployed.server.directory)
        assert got.status == 200
        broken = From(open(deployed.server.roots).read(), PROXY, {"X-Forwarded-For": "127.0.0.8, unknown"})
        refused(broken.request("GET", deployed.server.directory), "malformed")
        return
    with socket.create_connection(("127.0.0.1", deployed.server.port), 10, (PROXY, 0)) as s:
        context = ssl.create_default_context(cadata=open(deployed.server.roots).read())
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(s, server_hostname="localhost")
    wait_until(lambda: "proxy_refused" in deployed.server.process.output(), 10, "the log")
    assert "proxies.peers" in deployed.server.process.output()


def test_settings__proxies_are_those_of_the_start(deployed):
    """A reload changes neither who is trusted nor which hosts are ours (under ASan: nor are they read
    from the settings that it replaced)."""
    deployed.server.process.signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in deployed.server.process.output(), 20, "the reload")
    account = Account(deployed.wire("127.0.0.10"))
    shown = deployed.server.admin("account", "show", account.url.rsplit("/", 1)[1])
    assert shown["created_from"].startswith("127.0.0.10"), shown


def test_settings__what_is_no_prefix_is_refused(tmp_path, deployed):
    text = deployed.server.config.read_text().replace(f'peers: ["{PROXY}"]', 'peers: ["10.0.0.1/8"]')
    (tmp_path / "bad.yaml").write_text(text)
    got = deployed.server.run("config", "check", "--config", tmp_path / "bad.yaml", check=False)
    assert got.returncode != 0 and "proxies.peers" in got.stdout + got.stderr, got
