"""An ACME client (RFC 8555) that can do everything right and everything wrong.

Nothing is hidden: `Wire.post` returns whatever the server said and retries nothing, and each part
of the request (protected header, payload, signature, HTTP headers) can be replaced. The helpers at
the end (`Client`) do the ordinary thing for the tests that are about something else.
"""

import base64
import dataclasses
import email.utils
import hashlib
import hmac
import http.client
import json
import re
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

JOSE = "application/jose+json"
ERROR = "urn:ietf:params:acme:error:"

# JWS algorithm -> (curve, hash)
EC_ALGORITHMS = {
    "ES256": (ec.SECP256R1, hashes.SHA256),
    "ES384": (ec.SECP384R1, hashes.SHA384),
    "ES512": (ec.SECP521R1, hashes.SHA512),
}


def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def dumps(value):
    return json.dumps(value, separators=(",", ":"))


def wait_until(probe, timeout, what):
    """The first true value of probe(); fails after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"still waiting after {timeout} s: {what}")
        time.sleep(0.02)


class Key:
    """An account key: its JWK, thumbprint and signatures."""

    def __init__(self, alg="ES256", private=None):
        self.alg = alg
        if private is not None:
            self.private = private
        elif alg in EC_ALGORITHMS:
            self.private = ec.generate_private_key(EC_ALGORITHMS[alg][0]())
        elif alg == "RS256":
            self.private = rsa.generate_private_key(65537, 2048)
        elif alg == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            raise ValueError(alg)

    def jwk(self):
        public = self.private.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            n = public.public_numbers()
            size = (public.curve.key_size + 7) // 8
            curve = {256: "P-256", 384: "P-384", 521: "P-521"}[public.curve.key_size]
            return {
                "crv": curve,
                "kty": "EC",
                "x": b64(n.x.to_bytes(size, "big")),
                "y": b64(n.y.to_bytes(size, "big")),
            }
        if isinstance(public, rsa.RSAPublicKey):
            n = public.public_numbers()
            return {
                "e": b64(n.e.to_bytes((n.e.bit_length() + 7) // 8, "big")),
                "kty": "RSA",
                "n": b64(n.n.to_bytes((n.n.bit_length() + 7) // 8, "big")),
            }
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(raw)}

    def thumbprint(self):
        text = json.dumps(self.jwk(), separators=(",", ":"), sort_keys=True)
        return b64(hashlib.sha256(text.encode()).digest())

    def sign(self, data):
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            bits = self.private.curve.key_size
            algorithm = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}[bits]
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(algorithm())))
            size = (bits + 7) // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(data)


@dataclasses.dataclass
class Response:
    status: int
    headers: list  # (name, value) in the order received
    body: bytes

    def header(self, name):
        values = self.all(name)
        return values[0] if values else None

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def json(self):
        def pairs(items):
            keys = [k for k, _ in items]
            assert len(keys) == len(set(keys)), f"duplicate members: {keys}"
            return dict(items)

        return json.loads(self.body, object_pairs_hook=pairs)

    @property
    def nonce(self):
        return self.header("Replay-Nonce")

    @property
    def location(self):
        return self.header("Location")

    @property
    def type(self):
        """The media type without parameters."""
        return (self.header("Content-Type") or "").split(";")[0].strip()

    def links(self, rel):
        found = []
        for line in self.all("Link"):
            match = re.fullmatch(r'<([^>]*)>\s*;\s*rel="([^"]*)"', line)
            if match and match.group(2) == rel:
                found.append(match.group(1))
        return found

    def problem(self):
        """The short name of the ACME error type."""
        assert self.type == "application/problem+json", (self.status, self.headers, self.body)
        kind = self.json().get("type", "about:blank")
        return kind[len(ERROR):] if kind.startswith(ERROR) else kind

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:2000]!r}>"


class Http:
    """HTTPS to one server over one kept connection for each thread. `addresses` says where the
    host really is, so that any public name can be used."""

    def __init__(self, roots_pem, addresses=None, timeout=30):
        self.context = ssl.create_default_context(cadata=roots_pem)
        self.addresses = addresses or {}
        self.timeout = timeout
        self.local = threading.local()

    def connection(self, host, port, fresh):
        kept = self.local.__dict__.setdefault("kept", {})
        if fresh and (host, port) in kept:
            kept.pop((host, port)).close()
        if (host, port) not in kept:
            connection = http.client.HTTPSConnection(
                host, port, context=self.context, timeout=self.timeout
            )
            connection._create_connection = self._connect
            kept[host, port] = connection
        return kept[host, port]

    def _connect(self, address, timeout, source):
        host, port = address
        made = socket.create_connection(
            (self.addresses.get(host, host), port), timeout, source
        )
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def request(self, method, url, body=None, headers=None, fresh=False):
        parts = urlsplit(url)
        target = parts.path or "/"
        if parts.query:
            target += "?" + parts.query
        all_headers = {"User-Agent": "assay-wire", **(headers or {})}
        for last in (False, True):
            connection = self.connection(parts.hostname, parts.port or 443, fresh or last)
            try:
                connection.request(method, target, body=body, headers=all_headers)
                got = connection.getresponse()
                return Response(got.status, got.getheaders(), got.read())
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError,
                    http.client.CannotSendRequest, ssl.SSLEOFError):
                # A kept connection that the server has closed meanwhile.
                if last:
                    raise
        raise AssertionError("not reached")

    def raw(self, url, octets, timeout=10):
        """Sends octets as they are over TLS and returns all that comes until the server closes."""
        parts = urlsplit(url)
        address = (self.addresses.get(parts.hostname, parts.hostname), parts.port or 443)
        with socket.create_connection(address, timeout) as plain:
            with self.context.wrap_socket(plain, server_hostname=parts.hostname) as tls:
                tls.sendall(octets)
                received = b""
                while True:
                    try:
                        chunk = tls.recv(65536)
                    except (ssl.SSLEOFError, ConnectionResetError):
                        chunk = b""
                    if not chunk:
                        return received
                    received += chunk


class Wire:
    """One directory."""

    def __init__(self, http, directory_url):
        self.http = http
        self.directory_url = directory_url
        got = http.request("GET", directory_url)
        assert got.status == 200, got
        self.directory = got.json()
        self.nonces = []

    def get(self, url, **kw):
        return self.http.request("GET", url, **kw)

    def nonce(self):
        try:
            return self.nonces.pop()
        except IndexError:
            got = self.http.request("HEAD", self.directory["newNonce"])
            assert got.nonce, got
            return got.nonce

    def sign(self, url, payload, key, kid=None, nonce=None, protected=None, drop=(),
             signature=None, extra=None, algorithm=None):
        """The flattened JWS as a dict. `protected` adds or replaces members of the protected
        header and `drop` removes some; `extra` does so for the outer object."""
        head = {"alg": algorithm or key.alg}
        if nonce is not None:
            head["nonce"] = nonce
        head["url"] = url
        if kid is None:
            head["jwk"] = key.jwk()
        else:
            head["kid"] = kid
        head.update(protected or {})
        for name in drop:
            head.pop(name, None)
        if payload is None:
            text = b""
        elif isinstance(payload, (bytes, str)):
            text = payload if isinstance(payload, bytes) else payload.encode()
        else:
            text = dumps(payload).encode()
        head_text, text = b64(dumps(head)), b64(text)
        made = key.sign(f"{head_text}.{text}".encode()) if signature is None else signature
        jws = {"protected": head_text, "payload": text, "signature": b64(made)}
        jws.update(extra or {})
        return jws

    def send(self, url, jws, content_type=JOSE, headers=None):
        body = jws if isinstance(jws, (bytes, str)) else dumps(jws)
        head = {"Content-Type": content_type} if content_type is not None else {}
        got = self.http.request("POST", url, body=body, headers={**head, **(headers or {})})
        if got.nonce:
            self.nonces.append(got.nonce)
        return got

    def post(self, url, payload, key, kid=None, content_type=JOSE, **kw):
        """Signs and sends with a fresh nonce; nothing is tried again. payload None is
        POST-as-GET."""
        if "nonce" not in kw:
            kw["nonce"] = self.nonce()
        return self.send(url, self.sign(url, payload, key, kid, **kw), content_type)

    def eab(self, key, kid, hmac_key, url=None):
        head = b64(dumps({"alg": "HS256", "kid": kid, "url": url or self.directory["newAccount"]}))
        body = b64(dumps(key.jwk()))
        mac = hmac.new(unb64(hmac_key), f"{head}.{body}".encode(), hashlib.sha256).digest()
        return {"protected": head, "payload": body, "signature": b64(mac)}


def refused(got, problem, status=400):
    """Checks that the answer is a problem document of the type and status (or one of several);
    returns its body."""
    kinds = problem if isinstance(problem, tuple) else (problem,)
    states = status if isinstance(status, tuple) else (status,)
    assert got.problem() in kinds, got
    assert got.status in states, got
    assert got.json()["detail"], got
    assert got.json().get("status", got.status) == got.status
    return got.json()


def hex_serial(certificate):
    """As openssl prints it: whole octets."""
    text = f"{certificate.serial_number:x}"
    return "0" * (len(text) % 2) + text


def retry_after(response):
    value = response.header("Retry-After")
    if value is None:
        return None
    if value.isdigit():
        return int(value)
    return max(0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())


class Account:
    """A registered account that does the ordinary things."""

    def __init__(self, wire, key=None, contact=None, **payload):
        self.wire = wire
        self.key = key or Key()
        body = {"termsOfServiceAgreed": True, **payload}
        if contact is not None:
            body["contact"] = contact
        got = wire.post(wire.directory["newAccount"], body, self.key)
        assert got.status in (200, 201), got
        self.created = got
        self.url = got.location

    def post(self, url, payload, **kw):
        return self.wire.post(url, payload, self.key, self.url, **kw)

    def read(self, url):
        got = self.post(url, None)
        assert got.status == 200, got
        return got.json()

    def try_order(self, *names, **more):
        return self.post(
            self.wire.directory["newOrder"], {"identifiers": identifiers(*names), **more}
        )

    def order(self, *names, **more):
        got = self.try_order(*names, **more)
        assert got.status == 201, got
        return Order(self, got.location, got.json())

    def key_authorization(self, challenge):
        return f"{challenge['token']}.{self.key.thumbprint()}"


class Order:
    def __init__(self, account, url, body):
        self.account = account
        self.url = url
        self.body = body

    def reload(self):
        self.body = self.account.read(self.url)
        return self.body

    def authorizations(self):
        return [(url, self.account.read(url)) for url in self.body["authorizations"]]

    def challenge(self, index=0, kind="http-01"):
        url = self.body["authorizations"][index]
        for challenge in self.account.read(url)["challenges"]:
            if challenge["type"] == kind:
                return url, challenge
        raise AssertionError(f"no {kind}")

    def authorize(self, responder, timeout=30):
        """Answers the http-01 challenge of each pending authorization and waits for them."""
        waiting = []
        for url, authorization in self.authorizations():
            if authorization["status"] != "pending":
                continue
            challenge = next(c for c in authorization["challenges"] if c["type"] == "http-01")
            responder.serve(challenge["token"], self.account.key_authorization(challenge))
            got = self.account.post(challenge["url"], {})
            assert got.status == 200, got
            waiting.append(url)
        for url in waiting:
            done = self.account_settled(url, timeout)
            assert done["status"] == "valid", done
        return self

    def account_settled(self, url, timeout=30):
        """The authorization once it is no longer pending."""

        def probe():
            body = self.account.read(url)
            return body if body["status"] != "pending" else None

        return wait_until(probe, timeout, url)

    def fail(self, responder, timeout=30):
        """Lets the first authorization fail; returns it."""
        url, challenge = self.challenge()
        responder.answer(challenge["token"], 200, b"nonsense")
        got = self.account.post(challenge["url"], {})
        assert got.status == 200, got
        return self.account_settled(url, timeout)

    def finalize(self, csr):
        return self.account.post(self.body["finalize"], {"csr": b64(csr)})

    def wait(self, timeout=30):
        def probe():
            self.reload()
            return self.body["status"] in ("valid", "invalid") and self.body

        return wait_until(probe, timeout, self.url)

    def certificate(self):
        got = self.account.post(self.body["certificate"], None)
        assert got.status == 200, got
        return got

    def issue(self, responder, key=None, csr=None, timeout=30):
        """The whole way; returns (chain, PEM)."""
        self.reload()
        self.authorize(responder, timeout)
        names = [(i["type"], i["value"]) for i in self.body["identifiers"]]
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        got = self.finalize(csr or make_csr(names, self.key))
        assert got.status == 200, got
        assert self.wait(timeout)["status"] == "valid", self.body
        self.pem = self.certificate().body
        return x509.load_pem_x509_certificates(self.pem), self.pem


def identifiers(*names):
    """Names are dns identifiers, ("ip", value) and dicts are taken as they are."""
    made = []
    for name in names:
        if isinstance(name, dict):
            made.append(name)
        elif isinstance(name, tuple):
            made.append({"type": name[0], "value": name[1]})
        else:
            made.append({"type": "dns", "value": name})
    return made


def general_names(names):
    import ipaddress

    made = []
    for name in names:
        if isinstance(name, x509.GeneralName):
            made.append(name)
        elif isinstance(name, tuple) and name[0] == "ip":
            made.append(x509.IPAddress(ipaddress.ip_address(name[1])))
        else:
            value = name[1] if isinstance(name, tuple) else name
            made.append(x509.DNSName(value))
    return made


def make_csr(names, key=None, common_name=None, subject=(), extensions=(), digest=None):
    """A PKCS #10 request in DER. subject: further (OID, value) pairs; extensions: (value, critical)
    pairs."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(oid, value) for oid, value in subject]
    if common_name is not None:
        attributes.insert(0, x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(general_names(names)), False)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        digest = None
    else:
        digest = digest or hashes.SHA256()
    return builder.sign(key, digest).public_bytes(serialization.Encoding.DER)
