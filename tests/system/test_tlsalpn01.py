"""tls-alpn-01 (RFC 8737) with a client that speaks it, and with responders that do one thing wrong."""

import datetime
import hashlib
import ipaddress
import pathlib
import select
import shutil
import ssl
import socket
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from acmewire import Account, make_csr
from bind import run
from judge import verify
from peers import running

pytestmark = pytest.mark.assay

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
DRAFT = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.30.1")


class TlsResponder:
    """A TLS server that shows a certificate and notes what it was asked."""

    def __init__(self, port, certificate, key, directory, alpn=("acme-tls/1",), versions=None,
                 address="127.0.0.1"):
        path = pathlib.Path(directory) / "responder.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption()))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)
        self.context.sni_callback = lambda tls, name, context: self.names.append(name)
        if alpn:
            self.context.set_alpn_protocols(list(alpn))
        if versions:
            self.context.set_ciphers("ALL:@SECLEVEL=0")
            self.context.minimum_version, self.context.maximum_version = versions
        self.names, self.received, self.chosen = [], b"", []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family, backlog=64)
        self.ended, self.end = socket.socketpair()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while self.ended not in select.select([self.listener, self.ended], [], [])[0]:
            plain, _ = self.listener.accept()
            plain.settimeout(20)
            try:
                with self.context.wrap_socket(plain, server_side=True) as tls:
                    self.chosen.append((tls.selected_alpn_protocol(), tls.version()))
                    self.received += tls.recv(1000)
            except OSError:
                pass
            finally:
                plain.close()

    def close(self):
        self.end.send(b"x")
        self.thread.join(30)
        for s in (self.listener, self.ended, self.end):
            s.close()


def challenge_certificate(name, digest, oid=ACME_IDENTIFIER, critical=True, sans=None, key=None,
                          value=None):
    now = datetime.datetime.now(datetime.timezone.utc)
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "challenge")])
    general = [general_name(n) for n in sans or [name]]
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(general), False)
    )
    if oid:
        octets = value or b"\x04\x20" + digest
        certificate = certificate.add_extension(x509.UnrecognizedExtension(oid, octets), critical)
    return certificate.sign(key, hashes.SHA256()), key


def general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def tls_alpn(authorization):
    return next(c for c in authorization["challenges"] if c["type"] == "tls-alpn-01")


def attempt(server, account, directory, name, make, **responder):
    """Orders the name; make(digest) gives the certificate and key that are shown for it. Returns
    (order, settled authorization, responder)."""
    value = ("ip", name) if isinstance(general_name(name), x509.IPAddress) else name
    order = account.order(value)
    url, challenge = order.challenge(kind="tls-alpn-01")
    digest = hashlib.sha256(account.key_authorization(challenge).encode()).digest()
    certificate, key = make(digest)
    with running(TlsResponder(server.https_port, certificate, key, directory, **responder)) as made:
        assert account.post(challenge["url"], {}).status == 200
        return order, order.account_settled(url, 40), made


@pytest.mark.parametrize("key", [None, "rsa"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_rfc8737_3__name(server, account, name, tmp_path, key, version):
    wanted = name()
    key = rsa.generate_private_key(65537, 2048) if key else None
    order, authorization, responder = attempt(
        server, account, tmp_path, wanted,
        lambda digest: challenge_certificate(wanted, digest, key=key), versions=(version, version))
    assert authorization["status"] == "valid", authorization
    assert responder.names == [wanted]
    assert responder.chosen[0][0] == "acme-tls/1"
    assert responder.received == b""  # RFC 8737 §3: no application data
    assert order.finalize(make_csr([wanted])).status == 200
    assert order.wait()["status"] == "valid"


@pytest.mark.parametrize("ip, sni", [
    ("127.0.0.1", "1.0.0.127.in-addr.arpa"),
    ("::1", "1." + "0." * 31 + "ip6.arpa"),
])
def test_rfc8738_6__address(server, account, tmp_path, ip, sni):
    """By its reverse-DNS name (FIELD Q32)."""
    _, authorization, responder = attempt(
        server, account, tmp_path, ip, lambda digest: challenge_certificate(ip, digest), address=ip)
    assert authorization["status"] == "valid", authorization
    assert responder.names == [sni]


WRONG = {
    "draft's OID": dict(oid=DRAFT),
    "not critical": dict(critical=False),
    "no extension": dict(oid=None),
    "no OCTET STRING": dict(value=b"\x03\x20" + bytes(32)),
    "two names": dict(sans=["a.test", "b.test"]),
    "another name": dict(sans=["other.test"]),
    "an address": dict(sans=["127.0.0.1"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_rfc8737_3__wrong_certificates(server, account, name, tmp_path, wrong):
    wanted = name()
    _, authorization, _ = attempt(
        server, account, tmp_path, wanted,
        lambda digest: challenge_certificate(wanted, digest, **WRONG[wrong]))
    assert authorization["status"] == "invalid"
    error = tls_alpn(authorization)["error"]
    assert error["type"].endswith(":incorrectResponse")
    assert "RFC 8737 §" in error["detail"] and wanted in error["detail"]


def test_v27__tls_1_1_is_refused(server, account, name, tmp_path):
    wanted = name()
    old = ssl.TLSVersion.TLSv1_1
    _, authorization, _ = attempt(
        server, account, tmp_path, wanted, lambda digest: challenge_certificate(wanted, digest),
        versions=(ssl.TLSVersion.TLSv1, old))
    assert authorization["status"] == "invalid"
    error = tls_alpn(authorization)["error"]
    assert error["type"].endswith(":tls")
    assert "TLS 1.2" in error["detail"]


def test_v35__default_certificate_proves_nothing(server, account, name, tmp_path):
    """A web server that answers for every name, and does not know the protocol."""
    wanted = name()
    _, authorization, _ = attempt(
        server, account, tmp_path, wanted, lambda digest: challenge_certificate(wanted, digest),
        alpn=())
    assert authorization["status"] == "invalid"
    error = tls_alpn(authorization)["error"]
    assert "acme-tls/1" in error["detail"]


def test_nobody_listens(server, account, name):
    wanted = name()
    order = account.order(wanted)
    url, challenge = order.challenge(kind="tls-alpn-01")
    assert account.post(challenge["url"], {}).status == 200
    authorization = order.account_settled(url, 40)
    assert authorization["status"] == "invalid"
    error = tls_alpn(authorization)["error"]
    assert error["type"].endswith(":connection")
    assert f"127.0.0.1:{server.https_port}: connection refused" in error["detail"]


@pytest.mark.skipif(not shutil.which("lego"), reason="lego is not a package here")
def test_lego(server, name, tmp_path):
    names = [name("lego"), name("lego")]
    run("lego", "--path", tmp_path, "--server", server.directory, "--accept-tos", "-m",
        "a@example.com", "--tls", "--tls.port", f"127.0.0.1:{server.https_port}",
        "-d", names[0], "-d", names[1], "run", env={"LEGO_CA_CERTIFICATES": str(server.roots)})
    chain = (tmp_path / "certificates" / f"{names[0]}.crt").read_bytes()
    verify(chain, server.issued_by, "-verify_hostname", names[1])
