"""What is asked without an account: renewalInfo (RFC 9773), OCSP (RFC 6960), revocation lists, pages."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from badinputs.rows import MALFORMED, NOT_ALLOWED, NOT_FOUND, UNSUPPORTED_TYPE, Row, printable

OCSP = "application/ocsp-request"
MALFORMED_REQUEST = (200, "malformedRequest")  # RFC 6960 §4.2.1: errors of OCSP come with status 200


def renewal():
    def row(name, text, expected=MALFORMED):
        def send(world):
            made = text(world) if callable(text) else text
            return world.request("GET", f"{world.target('renewalInfo')}/{made}")

        return Row(f"renewalInfo {name}", send, expected)

    for text in ("x", "AA", "AA.", ".AA", "A.A", "AA.A", "A.AA", "AA==.AA==", "AA.AA=", "..a", "AA..AA",
            "AA.AA.", ".AA.AA", "AA.AA.AA", "AA,AA", "AA:AA", "AA+.AA", "AA.+A", "%41A.AA",
                 "AA.%41A", "AA%2bAA", "A" * 2000, "A" * 200 + ".AA", "AA." + "A" * 200, "AA." + "A" * 31,
                 "AB.AA", "AA.AB", "AA.AA/", "AA.AA/x", "~", "1", "0" * 40, "AA.AA;x", "AA.AA%20",
                 "%20AA.AA", "AA.AA%c3%a9", "AA*.AA", "!.!", "-.-", "_._"):
        yield row(printable(text), text)
    yield row("another serial", lambda w: f"{w.key_id}.{base64.urlsafe_b64encode(bytes(15)).decode()}",
        NOT_FOUND)
    yield row("nothing known", "AAAA.AAAA", NOT_FOUND)
    yield row("another authority", lambda w: f"AAAAAAAAAAAAAAAAAAAAAAAAAAA.{w.cert_id.split('.')[1]}",
        NOT_FOUND)
    yield row("serial cut off", lambda w: w.cert_id[:-3], NOT_FOUND)
    yield row("serial alone", lambda w: w.cert_id.split(".")[1])
    yield row("hexadecimal serial", lambda w: f"{w.certificate.serial_number:x}")
    yield row("padding", lambda w: f"{w.cert_id}==")
    yield row("octets behind", lambda w: f"{w.cert_id}AAAA")
    yield Row("renewalInfo without an identifier", lambda w: w.request("GET", w.target("renewalInfo")),
        NOT_FOUND)
    yield Row("renewalInfo with a slash alone", lambda w: w.request("GET", w.target("renewalInfo") + "/"),
        NOT_FOUND)
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        yield Row(f"method {method} on renewalInfo", lambda w,
            m=method: w.request(m, f"{w.target('renewalInfo')}/{w.cert_id}", (), b"" if m == "POST" else None),
                  NOT_ALLOWED, allow="GET, HEAD")
    yield Row("renewalInfo signed", lambda w: w.post("renewalInfo+/AA.AA", None), NOT_ALLOWED,
        allow="GET, HEAD")


class Status:
    """An OCSP answer as a row expects it: its responseStatus stands for the problem type."""

    def __init__(self, answer):
        self.answer = answer

    def __getattr__(self, name):
        return getattr(self.answer, name)

    def problem(self):
        if self.answer.type != "application/ocsp-response":
            return self.answer.problem()
        status = ocsp.load_der_ocsp_response(self.answer.body).response_status
        return {ocsp.OCSPResponseStatus.MALFORMED_REQUEST: "malformedRequest",
            ocsp.OCSPResponseStatus.UNAUTHORIZED: "unauthorized"}.get(status, str(status))


def asked(world, digest=None):
    issuer = x509.load_der_x509_certificate(world.issuer_der)
    return ocsp.OCSPRequestBuilder().add_certificate(world.certificate, issuer,
        digest or hashes.SHA1()).build().public_bytes(serialization.Encoding.DER)


def ocsp_rows():
    def posted(name, make, expected=MALFORMED_REQUEST, content_type=OCSP):
        def send(world):
            headers = [("Content-Type", content_type)] if content_type is not None else []
            return Status(world.request("POST", "/ocsp", headers, make(world)))

        return Row(f"OCSP POST {name}", send, expected)

    def got(name, make, expected=MALFORMED_REQUEST):
        return Row(f"OCSP GET {name}", lambda w: Status(w.request("GET",
            f"/ocsp/{make(w) if callable(make) else make}")), expected)

    for name, change in (
        ("empty", lambda d: b""), ("one octet", lambda d: b"\x30"), ("empty sequence", lambda d: b"\x30\x00"),
        ("null", lambda d: b"\x05\x00"), ("octet behind", lambda d: d + b"\0"), ("twice", lambda d: d + d),
        ("cut off", lambda d: d[:-1]),
        ("set", lambda d: b"\x31" + d[1:]), ("indefinite", lambda d: b"\x30\x80" + d[2:] + b"\0\0"),
        ("huge length", lambda d: b"\x30\x84\xff\xff\xff\xff" + d[2:]), ("deep", lambda d: b"\x30" * 3000),
        ("zeros", lambda d: bytes(100)),
        ("ones", lambda d: b"\xff" * 100), ("text", lambda d: b"hello"), ("base64", base64.b64encode),
        ("60000 octets", lambda d: b"\x30\x82\xea\x5c" + bytes(59996)),
        ("long form", lambda d: b"\x30\x81" + d[1:]),
        ("no requests", lambda d: b"\x30\x04\x30\x02\x30\x00"),
        ("request without an id", lambda d: b"\x30\x06\x30\x04\x30\x02\x30\x00"),
        ("id without members", lambda d: b"\x30\x08\x30\x06\x30\x04\x30\x02\x30\x00"),
    ):
        yield posted(name, lambda w, change=change: change(asked(w)))
    for at in range(1, 24):
        yield posted(f"cut off at {at}/24", lambda w, at=at: asked(w)[:len(asked(w)) * at // 24])
    yield posted("a certificate", lambda w: w.der)
    yield posted("a CSR", lambda w: w.csr("a.test"))
    for content_type in (None, "", "application/ocsp-response", "application/json", "text/plain",
            "application/ocsp-requests", "application/*", "ocsp-request", "application/x-www-form-urlencoded"):
        yield posted(f"as {content_type}", asked, UNSUPPORTED_TYPE, content_type)
    for name, text in (("a letter", "A"), ("a word", "hello"), ("star", "*"), ("empty sequence", "MAA="),
            ("null", "BQA="), ("zeros", "AAAA"), ("padding alone", "="), ("padding inside", "MA==MA=="),
            ("url alphabet", "MA-_"), ("colon", "MA:A"),
                       ("encoded control", "MA%09A"), ("encoded newline", "MA%0aAA"),
                       ("encoded space", "MA%20AA"), ("encoded NUL", "%00"), ("high octet", "MA%ffA"),
                       ("long", "M" * 4000), ("slash behind", "MAA=/"), ("dots", "a.b"), ("tilde", "~")):
        yield got(name, text)
    yield got("cut off", lambda w: base64.b64encode(asked(w)[:-3]).decode().replace("/", "%2F"))
    yield got("twice", lambda w: (base64.b64encode(asked(w)) * 2).decode().replace("/", "%2F"))
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        yield Row(f"method {method} on /ocsp", lambda w, m=method: w.request(m, "/ocsp"),
            (405, None) if method == "HEAD" else NOT_ALLOWED, allow="POST")
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        yield Row(f"method {method} on /ocsp/MAA=", lambda w, m=method: w.request(m, "/ocsp/MAA="), NOT_ALLOWED,
            allow="GET, HEAD, POST")
    for path in ("/OCSP", "/ocsp2", "/ocsps/x", "/ocs"):
        yield Row(f"path {path}", lambda w, p=path: w.request("GET", p), NOT_FOUND)


def lists():
    for name in ("none", "CRL", "x" * 3000, "*", "null", "%41", "a.crl", "~", "-", "1"):
        yield Row(f"crl {printable(name)}", lambda w, n=name: w.request("GET", f"/crl/{n}.crl"), NOT_FOUND)
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        yield Row(f"method {method} on a crl", lambda w,
            m=method: w.request(m, "/crl/none.crl", (), b"" if m == "POST" else None), NOT_ALLOWED,
            allow="GET, HEAD")
    for path in ("/crl", "/crl/", "/crl/x", "/crl/x.der", "/crl/x.crl/", "/crl/x.crl.pem", "/crls/x.crl",
            "/CRL/x.crl"):
        yield Row(f"crl path {path}", lambda w, p=path: w.request("GET", p), NOT_FOUND)


ROWS = [*renewal(), *ocsp_rows(), *lists()]
