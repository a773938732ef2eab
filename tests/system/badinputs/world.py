"""What the rows speak of: one server, accounts and orders in every state, and connections.

The connections are plain sockets, so that nothing between a row and the server repairs, adds or tries
again; a few are kept and used by turns."""

import dataclasses
import re
import socket
import ssl
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from acmewire import JOSE, Account, Key, Response, b64, dumps, hex_serial, make_csr
from peers import Responder, running

NO_ID = "0" * 26
TIMEOUT = 20


@dataclasses.dataclass
class Answer(Response):
    closed: bool = False  # the server closed the connection after it


class Connection:
    def __init__(self, made):
        self.socket = made
        self.kept = b""

    def close(self):
        self.socket.close()

    def more(self):
        try:
            octets = self.socket.recv(65536)
        except (ssl.SSLEOFError, ConnectionResetError):
            octets = b""
        self.kept += octets
        return bool(octets)

    def answer(self, head_only=False):
        """The next answer; None when the connection ended without one."""
        while b"\r\n\r\n" not in self.kept:
            if not self.more():
                assert not self.kept, self.kept
                return None
        head, _, self.kept = self.kept.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}) [\x20-\x7e]*", first)[1])
        headers = [tuple(re.fullmatch(r"([^\s:]+): (.*)", line).groups()) for line in lines]
        length = next((int(v) for n, v in headers if n.lower() == "content-length"), 0)
        if head_only or status in (204, 304):
            length = 0
        while len(self.kept) < length:
            assert self.more(), (head, self.kept)
        body, self.kept = self.kept[:length], self.kept[length:]
        made = Answer(status, headers, body)
        if (made.header("Connection") or "").lower() == "close":
            made.closed = self.has_ended()
        return made

    def has_ended(self):
        """The server has closed, and nothing came after its last answer."""
        while self.more():
            pass
        return self.kept == b""


class World:
    def __init__(self, server):
        self.server = server
        self.wire = server.wire()
        parts = urlsplit(server.directory)
        self.host, self.base, self.path = parts.netloc, f"https://{parts.netloc}", parts.path
        self.address = ("127.0.0.1", parts.port)
        self.context = self.wire.http.context
        self.idle = []
        self.nonces = []
        self.make_accounts()
        with running(Responder(server.http01_port)) as responder:
            self.make_orders(responder)
        self.make_urls()
        gone = self.accounts["gone"]
        got = gone.post(gone.url, {"status": "deactivated"})
        assert got.status == 200, got

    def make_accounts(self):
        self.accounts = {
            "a": Account(self.wire, contact=["mailto:a@example.com"]),
            "b": Account(self.wire),
            "rsa": Account(self.wire, Key("RS256")),
            "p384": Account(self.wire, Key("ES384")),
            "gone": Account(self.wire),
        }
        self.small_rsa = Key("RS256", rsa.generate_private_key(65537, 1024))
        made = self.server.admin("eab", "add", "--name", "bad inputs")
        self.binding = made["kid"], made["hmac_key"]

    def make_orders(self, responder):
        a, b = self.accounts["a"], self.accounts["b"]
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pending = a.order("pending.test")
        self.valid = a.order("valid.test")
        chain, _ = self.valid.issue(responder, self.key)
        self.certificate = chain[0]
        self.der = chain[0].public_bytes(serialization.Encoding.DER)
        self.issuer_der = chain[1].public_bytes(serialization.Encoding.DER)
        self.revoked_order = a.order("revoked.test")
        chain, _ = self.revoked_order.issue(responder)
        self.revoked_der = chain[0].public_bytes(serialization.Encoding.DER)
        done = a.post(self.wire.directory["revokeCert"], {"certificate": b64(self.revoked_der)})
        assert done.status == 200, done
        self.ready = a.order("ready.test").authorize(responder)
        self.failed = a.order("failed.test")
        self.failed.fail(responder)
        self.off = a.order("off.test")
        got = a.post(self.off.body["authorizations"][0], {"status": "deactivated"})
        assert got.status == 200, got
        self.others = b.order("others.test")
        self.others_valid = b.order("theirs.test")
        chain, _ = self.others_valid.issue(responder)
        self.others_der = chain[0].public_bytes(serialization.Encoding.DER)
        self.gone_order = self.accounts["gone"].order("gone.test")

    def make_urls(self):
        a, b = self.accounts["a"], self.accounts["b"]
        listed = a.read(a.url)["orders"]
        self.urls = {**self.wire.directory, "directory": self.server.directory,
                     "account": a.url, "account:b": b.url, "account:gone": self.accounts["gone"].url,
                     "account:unknown": f"{a.url.rsplit('/', 1)[0]}/{NO_ID}",
                     "orders": listed, "orders:b": listed.replace(a.url.rsplit("/", 1)[1],
                                                                  b.url.rsplit("/", 1)[1])}
        for state, order in (("pending", self.pending), ("valid", self.valid), ("ready", self.ready),
                             ("failed", self.failed), ("off", self.off), ("others", self.others),
                             ("gone", self.gone_order)):
            url, challenge = order.challenge()
            self.urls |= {f"order:{state}": order.url, f"finalize:{state}": order.body["finalize"],
                          f"authz:{state}": url, f"chall:{state}": challenge["url"]}
        self.urls |= {"cert": self.valid.body["certificate"],
                      "cert:others": self.others_valid.body["certificate"]}
        for kind in ("order", "finalize", "authz", "chall"):
            url = self.urls[f"{kind}:pending"]
            part = url.rsplit("/", 2)[1] if kind == "chall" else url.rsplit("/", 1)[1]
            self.urls[f"{kind}:unknown"] = url.replace(part, NO_ID)
        self.urls["cert:unknown"] = self.urls["cert"].rsplit("/", 1)[0] + "/" + "0" * 40
        key_id = self.certificate.extensions.get_extension_for_class(
            x509.AuthorityKeyIdentifier).value.key_identifier
        self.key_id = b64(key_id)
        self.cert_id = f"{self.key_id}.{b64(bytes.fromhex(hex_serial(self.certificate)))}"

    # --- connections

    def connect(self):
        plain = socket.create_connection(self.address, TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(self.context.wrap_socket(plain, server_hostname="localhost"))

    def raw(self, octets, head_only=False):
        """Sends octets as they are on a connection of their own. One that is not closed must still
        answer the next request, and with nothing in between."""
        connection = self.connect()
        try:
            try:
                connection.socket.sendall(octets)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                pass  # it has heard enough
            answer = connection.answer(head_only)
            if not answer.closed:
                connection.socket.sendall(f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n"
                                          .encode())
                assert connection.answer().status == 200
            return answer
        finally:
            connection.close()

    def request(self, method, target, headers=(), body=None, host=None):
        """An ordinary request on a kept connection; headers are (name, value) pairs."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or self.host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        octets = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")
        for connection in (self.idle.pop() if self.idle else None, None):
            if not connection:
                connection = self.connect()
            try:
                connection.socket.sendall(octets)
                answer = connection.answer(method == "HEAD")
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                answer = None
            if answer:  # else it had been idle for too long
                break
            connection.close()
        if answer.closed:
            connection.close()
        else:
            self.idle.append(connection)
        if answer.nonce:
            self.nonces.append(answer.nonce)
        return answer

    def close(self):
        """All connections, those of the ordinary client too."""
        while self.idle:
            self.idle.pop().close()
        for connection in self.wire.http.local.__dict__.get("kept", {}).values():
            connection.close()

    # --- signed requests

    def nonce(self):
        while not self.nonces:
            self.request("HEAD", urlsplit(self.urls["newNonce"]).path)
        return self.nonces.pop()

    def url(self, where):
        """The URL of a name of make_urls(), with what follows it behind a '+'."""
        name, _, more = where.partition("+")
        return self.urls[name] + more

    def target(self, where):
        return self.url(where).removeprefix(self.base)

    def post_octets(self, where, body, content_type=JOSE):
        headers = [("Content-Type", content_type)] if content_type is not None else []
        return self.request("POST", self.target(where), headers, body)

    def jws(self, where, payload=None, who="a", key=None, **changes):
        """A request that is good but for `changes` (Wire.sign). who None: by jwk, of `key`, which is
        a new one unless given: rows about accounts do not see each other's."""
        account = self.accounts.get(who)
        key = key or (account.key if account else Key())
        changes.setdefault("nonce", self.nonce())
        kid = changes.pop("kid", account.url if account else None)
        return self.wire.sign(changes.pop("url", self.url(where)), payload, key, kid, **changes)

    def post(self, where, payload=None, who="a", key=None, content_type=JOSE, **changes):
        jws = self.jws(where, payload, who, key, **changes)
        return self.post_octets(where, dumps(jws).encode(), content_type)

    # --- what lies about

    def csr(self, *names, **options):
        options.setdefault("key", self.key)
        return make_csr(list(names), **options)

    def key_change(self, new_key, payload=(), without=(), **changes):
        """The inner JWS of keyChange for account a."""
        account, url = self.accounts["a"], self.urls["keyChange"]
        body = {"account": account.url, "oldKey": account.key.jwk(), **dict(payload)}
        for name in without:
            del body[name]
        signer = changes.pop("signer", new_key)
        return self.wire.sign(changes.pop("url", url), changes.pop("body", body), signer,
                              changes.pop("kid", None), **changes)
