"""What became of a certificate (RFC 5280 §5, RFC 6960, RFC 5019, RFC 9654): lists and OCSP answers of a
real `assay serve`, judged by OpenSSL, GnuTLS, Go and Java."""

import base64
import http.client
import pathlib
import re
import shutil
import subprocess
import textwrap
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtensionOID

from acmewire import wait_until
from peers import free_port
from servers import AssayServe, clean_environment

pytestmark = pytest.mark.assay

REASON = x509.ReasonFlags.key_compromise


class Status(AssayServe):
    """A server with plain HTTP, whose certificates say where to ask."""

    def __init__(self, directory, shards=0, more=""):
        self.plain = free_port()
        self.shards = shards
        self.more = more
        super().__init__(directory, edit=self.edit)
        self.chain = x509.load_pem_x509_certificates(pathlib.Path(self.data / "ca/chain.pem").read_bytes())
        self.issuer, self.root = self.chain[0], self.data / "ca/root.pem"

    def edit(self, text):
        more = (f"    ocsp_url: http://127.0.0.1:{self.plain}/ocsp\n"
                f"    crl_url: http://127.0.0.1:{self.plain}/crl/ca.crl\n"
                f"    crl_shards: {self.shards}\n{self.more}")
        text = text.replace("authorities:\n  ca:\n", "authorities:\n  ca:\n" + more)
        return re.sub(r"(?m)^listen:\n", f"listen:\n  http: [\"127.0.0.1:{self.plain}\"]\n", text)

    def get(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.plain, timeout=20)
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        reply.content = reply.read()
        connection.close()
        return reply

    def crl(self, name="ca"):
        reply = self.get(f"/crl/{name}.crl")
        assert reply.status == 200, (reply.status, reply.content)
        return x509.load_der_x509_crl(reply.content)

    def issue(self, name, directory):
        out = pathlib.Path(directory) / name
        self.run("cert", "issue", "--dns", f"{name}.test", "--out", out)
        found = next(p for p in sorted(out.parent.glob(f"{name}*")) + sorted(out.glob("*"))
                     if p.is_file() and b"BEGIN CERTIFICATE" in p.read_bytes())
        return x509.load_pem_x509_certificates(found.read_bytes())[0]

    def revoke(self, certificate, reason="keyCompromise"):
        self.run("cert", "revoke", f"{certificate.serial_number:040x}", "--reason", reason)

    def ask(self, der):
        reply = self.get("/ocsp", "POST", der, **{"Content-Type": "application/ocsp-request"})
        assert (reply.status, reply.getheader("Content-Type")) == (200, "application/ocsp-response")
        return ocsp.load_der_ocsp_response(reply.content)

    def status(self, certificate):
        return self.ask(question(certificate, self.issuer)).certificate_status


def question(certificate, issuer, algorithm=hashes.SHA1(), nonce=None):
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), False)
    return builder.build().public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def status(tmp_path_factory):
    made = Status(tmp_path_factory.mktemp("status"))
    yield made
    made.close()


@pytest.fixture
def pair(status, tmp_path, name):
    """A good and a revoked certificate, when the list has the latter."""
    label = name("r").split(".")[0]
    good, bad = status.issue(label + "g", tmp_path), status.issue(label + "b", tmp_path)
    status.revoke(bad)
    wait_until(lambda: status.crl().get_revoked_certificate_by_serial_number(bad.serial_number), 20, "list")
    for label, certificate in (("good", good), ("bad", bad)):
        (tmp_path / f"{label}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "issuing.pem").write_bytes(status.issuer.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "crl.der").write_bytes(status.get("/crl/ca.crl").content)
    return good, bad


def run(*arguments, cwd=None, **kw):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120, cwd=cwd,
                          env=clean_environment(), **kw)
    return done.returncode, done.stdout + done.stderr


# --- lists ---

def test_rfc5280_5__list_says_what_was_revoked(status, pair):
    good, bad = pair
    crl = status.crl()
    issuing = status.issuer
    assert crl.is_signature_valid(issuing.public_key()) and crl.issuer == issuing.subject
    entry = crl.get_revoked_certificate_by_serial_number(bad.serial_number)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == REASON
    assert crl.get_revoked_certificate_by_serial_number(good.serial_number) is None
    key_id = issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    extensions = crl.extensions
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == key_id
    assert {e.oid for e in extensions} == {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER}
    assert 6 < (crl.next_update_utc - crl.last_update_utc).days < 8


def test_rfc5280_5_2_3__number_rises(status, tmp_path, name):
    def number():
        return status.crl().extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    seen = [number()]
    for _ in range(2):
        status.revoke(status.issue(name("n").split(".")[0], tmp_path))
        wait_until(lambda: number() > seen[-1], 20, "another list")
        seen.append(number())
    assert seen == sorted(set(seen))


def test_list__headers(status, pair):
    reply = status.get("/crl/ca.crl")
    assert reply.getheader("Content-Type") == "application/pkix-crl"
    assert 0 < int(re.search(r"max-age=(\d+)", reply.getheader("Cache-Control"))[1]) <= 3600
    assert reply.getheader("Last-Modified").endswith("GMT")
    tag = reply.getheader("ETag")
    again = status.get("/crl/ca.crl", **{"If-None-Match": f'"x", {tag}'})
    assert (again.status, again.content, again.getheader("ETag")) == (304, b"", tag)
    head = status.get("/crl/ca.crl", "HEAD")
    assert (head.status, head.content) == (200, b"")
    assert int(head.getheader("Content-Length")) == len(reply.content)
    for path in ("/crl/other.crl", "/crl/ca-1.crl", "/crl/.crl", "/crl/ca", "/crl/"):
        assert status.get(path).status == 404, path
    assert status.get("/crl/ca.crl", "POST", b"").status == 405


def test_list__openssl(status, pair, tmp_path):
    run("openssl", "crl", "-inform", "der", "-in", "crl.der", "-out", "crl.pem", cwd=tmp_path)
    code, text = run("openssl", "crl", "-inform", "der", "-in", "crl.der", "-CAfile", "issuing.pem", "-noout",
                     cwd=tmp_path)
    assert "verify OK" in text, text
    verify = ["openssl", "verify", "-CAfile", status.root, "-untrusted", "issuing.pem", "-crl_check",
              "-CRLfile", "crl.pem"]
    assert run(*verify, "good.pem", cwd=tmp_path)[0] == 0
    code, text = run(*verify, "bad.pem", cwd=tmp_path)
    assert code != 0 and "certificate revoked" in text


@pytest.mark.skipif(not shutil.which("certtool"), reason="needs GnuTLS's certtool")
def test_list__gnutls(status, pair, tmp_path):
    run("openssl", "crl", "-inform", "der", "-in", "crl.der", "-out", "crl.pem", cwd=tmp_path)
    code, text = run("certtool", "--verify-crl", "--infile", "crl.pem", "--load-ca-certificate", "issuing.pem",
                     cwd=tmp_path)
    assert code == 0 and "Verified" in text, text


@pytest.mark.skipif(not shutil.which("go"), reason="needs Go")
def test_list__go(status, pair, tmp_path):
    (tmp_path / "main.go").write_text(textwrap.dedent("""
        package main

        import ("crypto/x509"; "encoding/pem"; "fmt"; "os")

        func check(err error) { if err != nil { panic(err) } }

        func main() {
            text, err := os.ReadFile("issuing.pem"); check(err)
            block, _ := pem.Decode(text)
            issuer, err := x509.ParseCertificate(block.Bytes); check(err)
            der, err := os.ReadFile("crl.der"); check(err)
            list, err := x509.ParseRevocationList(der); check(err)
            check(list.CheckSignatureFrom(issuer))
            for _, e := range list.RevokedCertificateEntries { fmt.Printf("%x %d\\n", e.SerialNumber, e.ReasonCode) }
        }
        """))
    code, text = run("go", "run", "main.go", cwd=tmp_path)
    assert code == 0 and f"{pair[1].serial_number:x} 1\n" in text, text


@pytest.mark.skipif(not shutil.which("java"), reason="needs Java")
@pytest.mark.parametrize("prefer", ["CRL", "OCSP"])
def test_status__java(status, pair, tmp_path, prefer):
    """PKIX with revocation: where to ask is what the certificates say."""
    options = "PREFER_CRLS, NO_FALLBACK, ONLY_END_ENTITY" if prefer == "CRL" else "NO_FALLBACK, ONLY_END_ENTITY"
    options = ", ".join("PKIXRevocationChecker.Option." + o for o in options.split(", "))
    (tmp_path / "Check.java").write_text(textwrap.dedent("""
        import java.io.*; import java.security.cert.*; import java.util.*;

        public class Check {
            static X509Certificate read(String path) throws Exception {
                try (InputStream in = new FileInputStream(path)) {
                    return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
                }
            }
            public static void main(String[] args) throws Exception {
                CertPathValidator v = CertPathValidator.getInstance("PKIX");
                PKIXRevocationChecker c = (PKIXRevocationChecker) v.getRevocationChecker();
                c.setOptions(EnumSet.of(OPTIONS));
                PKIXParameters p = new PKIXParameters(Set.of(new TrustAnchor(read(args[0]), null)));
                p.addCertPathChecker(c);
                for (String leaf : new String[] {"good.pem", "bad.pem"}) try {
                    v.validate(CertificateFactory.getInstance("X.509").generateCertPath(
                        List.of(read(leaf), read("issuing.pem"))), p);
                    System.out.println(leaf + " is valid");
                } catch (CertPathValidatorException e) {
                    System.out.println(leaf + " " + e.getReason() + " " + e.getMessage());
                }
            }
        }
        """).replace("OPTIONS", options))
    code, text = run("java", "-Dcom.sun.security.enableCRLDP=true", "Check.java", status.root, cwd=tmp_path)
    assert code == 0 and "good.pem is valid" in text and "bad.pem REVOKED" in text, text


def test_restart__first_answers_know_what_was_revoked(tmp_path):
    """TRUST V36, I6."""
    server = Status(tmp_path / "restart")
    try:
        bad = server.issue("bad", tmp_path)
        number = server.crl().extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        server.revoke(bad)
        server.kill()
        server.start()
        crl = server.crl()
        assert crl.get_revoked_certificate_by_serial_number(bad.serial_number)
        assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number > number
        assert server.status(bad) == ocsp.OCSPCertStatus.REVOKED
    finally:
        server.close()


def test_rfc5280_5_2_5__shards(tmp_path):
    server = Status(tmp_path / "shards", shards=3)
    try:
        issued = [server.issue(f"s{i}", tmp_path) for i in range(4)]
        for certificate in issued[:3]:
            server.revoke(certificate)
        full = wait_until(lambda: (lambda c: c if len(c) == 3 else None)(server.crl()), 20, "list")
        assert {e.serial_number for e in full} == {c.serial_number for c in issued[:3]}
        (tmp_path / "issuing.pem").write_bytes(server.issuer.public_bytes(serialization.Encoding.PEM))
        for i, certificate in enumerate(issued):
            points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
            url = points[0].full_name[0].value
            shard = re.fullmatch(rf"http://127.0.0.1:{server.plain}/crl/ca-([123]).crl", url)[1]

            def listed():
                found = server.crl(f"ca-{shard}")
                there = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
                return [found] if there or i == 3 else None  # an empty list is false

            crl, = wait_until(listed, 20, url)
            point = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
            assert point.critical and point.value.full_name[0].value == url
            (tmp_path / "leaf.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
            (tmp_path / "crl.pem").write_bytes(crl.public_bytes(serialization.Encoding.PEM))
            code, text = run("openssl", "verify", "-CAfile", server.root, "-untrusted", "issuing.pem",
                             "-extended_crl", "-crl_check", "-CRLfile", "crl.pem", "leaf.pem", cwd=tmp_path)
            assert (code == 0) == (i == 3) and (i == 3 or "certificate revoked" in text), text
        server.process.stop()
        server.config.write_text(server.config.read_text().replace("crl_shards: 3", "crl_shards: 4"))
        with pytest.raises(AssertionError, match="cannot be changed"):
            server.start()
    finally:
        server.config.write_text(server.config.read_text().replace("crl_shards: 4", "crl_shards: 3"))
        server.start()
        server.close()


def crl_number(crl):
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_rfc5280_5_2_4__delta(tmp_path):
    """A revocation is in the delta within seconds; the full list stays, and names the delta."""
    server = Status(tmp_path / "delta", more="    crl_delta: 1h\n")
    try:
        good, bad, late = (server.issue(label, tmp_path) for label in ("good", "bad", "late"))
        for label, certificate in (("good", good), ("bad", bad), ("late", late)):
            (tmp_path / f"{label}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (tmp_path / "issuing.pem").write_bytes(server.issuer.public_bytes(serialization.Encoding.PEM))
        full = server.crl()
        freshest = full.extensions.get_extension_for_class(x509.FreshestCRL)
        assert not freshest.critical
        assert freshest.value[0].full_name[0].value == f"http://127.0.0.1:{server.plain}/crl/ca-delta.crl"
        server.revoke(bad)
        delta = wait_until(lambda: (lambda c: c if len(c) == 1 else None)(server.crl("ca-delta")), 20, "delta")
        assert delta.get_revoked_certificate_by_serial_number(bad.serial_number)
        indicator = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
        assert indicator.critical and indicator.value.crl_number == crl_number(full)
        assert {e.oid for e in delta.extensions} == {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER,
                                                     ExtensionOID.DELTA_CRL_INDICATOR}
        assert delta.is_signature_valid(server.issuer.public_key())
        assert (delta.next_update_utc - delta.last_update_utc).total_seconds() == 3600
        assert crl_number(server.crl()) == crl_number(full) < crl_number(delta)
        reply = server.get("/crl/ca-delta.crl")
        assert 0 < int(re.search(r"max-age=(\d+)", reply.getheader("Cache-Control"))[1]) <= 3600

        # Numbers rise over a restart, and what the delta says stays.
        server.kill()
        server.start()
        server.revoke(late)
        newer = wait_until(lambda: (lambda c: c if len(c) == 2 else None)(server.crl("ca-delta")), 20, "delta")
        assert crl_number(newer) > crl_number(delta)
        assert newer.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number == crl_number(full)

        (tmp_path / "full.pem").write_bytes(full.public_bytes(serialization.Encoding.PEM))
        (tmp_path / "both.pem").write_bytes(full.public_bytes(serialization.Encoding.PEM) +
                                            newer.public_bytes(serialization.Encoding.PEM))
        verify = ["openssl", "verify", "-CAfile", server.root, "-untrusted", "issuing.pem", "-crl_check"]
        for label, revoked in (("good", False), ("bad", True), ("late", True)):
            code, text = run(*verify, "-use_deltas", "-CRLfile", "both.pem", f"{label}.pem", cwd=tmp_path)
            assert (code != 0, "certificate revoked" in text) == (revoked, revoked), text
            # Who ignores deltas can use the full list as ever.
            assert run(*verify, "-CRLfile", "full.pem", f"{label}.pem", cwd=tmp_path)[0] == 0
    finally:
        server.close()


@pytest.mark.parametrize("more, said", [
    ("    crl_delta: 7d\n", "must be less than crl_lifetime"),
    ("    crl_delta: 5m\n", "crl_delta"),
])
def test_delta__settings_that_make_no_sense(tmp_path, more, said):
    with pytest.raises(AssertionError, match=said):
        Status(tmp_path / "bad", more=more)


# --- OCSP ---

@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])
def test_rfc6960__good_revoked_unknown(status, pair, tmp_path, algorithm):
    good, bad = pair
    answer = status.ask(question(good, status.issuer, algorithm))
    assert answer.certificate_status == ocsp.OCSPCertStatus.GOOD
    assert answer.hash_algorithm.name == algorithm.name and answer.serial_number == good.serial_number
    responder = answer.certificates[0]
    responder.public_key().verify(answer.signature, answer.tbs_response_bytes,
                                  ec.ECDSA(answer.signature_hash_algorithm))
    responder.verify_directly_issued_by(status.issuer)
    usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.OCSP_SIGNING]
    assert responder.extensions.get_extension_for_class(x509.OCSPNoCheck)
    assert answer.this_update_utc < answer.next_update_utc
    answer = status.ask(question(bad, status.issuer, algorithm))
    assert (answer.certificate_status, answer.revocation_reason) == (ocsp.OCSPCertStatus.REVOKED, REASON)
    asked = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        answer.issuer_name_hash, answer.issuer_key_hash, 12345, algorithm).build()
    answer = status.ask(asked.public_bytes(serialization.Encoding.DER))
    assert answer.certificate_status == ocsp.OCSPCertStatus.UNKNOWN


def test_rfc6960__revoked_in_the_next_answer(status, tmp_path, name):
    """TRUST V14: a kept "good" does not outlive the revocation by one answer."""
    certificate = status.issue(name("v").split(".")[0], tmp_path)
    asked = question(certificate, status.issuer)
    assert status.ask(asked).certificate_status == ocsp.OCSPCertStatus.GOOD
    kept = status.get("/ocsp", "POST", asked, **{"Content-Type": "application/ocsp-request"}).content
    assert kept == status.get("/ocsp", "POST", asked, **{"Content-Type": "application/ocsp-request"}).content
    status.revoke(certificate)
    assert status.ask(asked).certificate_status == ocsp.OCSPCertStatus.REVOKED


def test_rfc5019_5__get(status, pair):
    asked = question(pair[0], status.issuer)
    text = base64.b64encode(asked).decode()
    reply = status.get("/ocsp/" + urllib.parse.quote(text, safe=""))
    answer = ocsp.load_der_ocsp_response(reply.content)
    assert answer.certificate_status == ocsp.OCSPCertStatus.GOOD
    assert status.get("/ocsp/" + text).content == reply.content
    assert 0 < int(re.search(r"max-age=(\d+)", reply.getheader("Cache-Control"))[1]) <= 3600
    date = answer.next_update_utc.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert reply.getheader("Expires") == date
    assert reply.getheader("Last-Modified") == answer.this_update_utc.strftime("%a, %d %b %Y %H:%M:%S GMT")
    again = status.get("/ocsp/" + text, **{"If-None-Match": reply.getheader("ETag")})
    assert (again.status, again.content) == (304, b"")


@pytest.mark.parametrize("length", [1, 32, 128])
def test_rfc9654__nonce_comes_back(status, pair, length):
    nonce = bytes(range(1, length + 1))
    answer = status.ask(question(pair[0], status.issuer, nonce=nonce))
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce
    assert answer.certificate_status == ocsp.OCSPCertStatus.GOOD


@pytest.mark.parametrize("length", [0, 129])
def test_rfc9654__nonce_of_wrong_length(status, pair, length):
    answer = status.ask(question(pair[0], status.issuer, nonce=b"n" * length))
    assert answer.response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_ocsp__what_is_not_answered(status, pair):
    asked = question(pair[0], status.issuer)
    for der in (b"", b"0", asked[:-1], asked + b"\0", b"\x30\x80" + asked[2:] + b"\0\0", b"\xff" * 70000):
        reply = status.get("/ocsp", "POST", der, **{"Content-Type": "application/ocsp-request"})
        assert reply.status == 413 or reply.content == b"\x30\x03\x0a\x01\x01", der[:20]
    other = question(status.issuer, status.chain[-1])
    assert status.ask(other).response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED
    assert status.get("/ocsp", "POST", asked, **{"Content-Type": "text/plain"}).status == 415
    assert status.get("/ocsp").status == status.get("/ocsp/").status == 405
    for path in ("/ocsp/x", "/ocsp/%00", "/ocsp/../root.pem", "/ocsp/a%20b", "/ocsp/%2e%2e"):
        assert status.get(path).content == b"\x30\x03\x0a\x01\x01", path


def test_ocsp__openssl(status, pair, tmp_path):
    """It speaks HTTP/1.0, asks by POST and with a nonce."""
    for label, word in (("good", ": good"), ("bad", ": revoked")):
        code, text = run("openssl", "ocsp", "-issuer", "issuing.pem", "-cert", f"{label}.pem", "-url",
                         f"http://127.0.0.1:{status.plain}/ocsp", "-CAfile", status.root, cwd=tmp_path)
        assert code == 0 and word in text and "Response verify OK" in text and "WARNING" not in text, text


@pytest.mark.skipif(not shutil.which("ocsptool"), reason="needs GnuTLS's ocsptool")
def test_ocsp__gnutls(status, pair, tmp_path):
    for label, word in (("good", "good"), ("bad", "revoked")):
        code, text = run("ocsptool", f"--ask=http://127.0.0.1:{status.plain}/ocsp", "--load-cert",
                         f"{label}.pem", "--load-issuer", "issuing.pem", "--load-signer", "issuing.pem",
                         cwd=tmp_path)
        assert f"Certificate Status: {word}" in text, text


def test_plain__speaks_http_1_0_for_status_alone(status):
    for path, first in (("/crl/ca.crl", b"HTTP/1.1 200"), ("/root.pem", b"HTTP/1.1 505")):
        connection = http.client.HTTPConnection("127.0.0.1", status.plain, timeout=20)
        connection.connect()
        connection.sock.sendall(f"GET {path} HTTP/1.0\r\nHost: a\r\n\r\n".encode())
        got = b"".join(iter(lambda: connection.sock.recv(65536), b""))
        assert got.startswith(first), got[:80]
        connection.close()
