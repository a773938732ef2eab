"""HTTP itself (RFC 9112): whatever two parsers could read differently is refused (TRUST V16, V38,
V56), and what a peer sends is bounded."""

import re
import socket
import ssl
from urllib.parse import urlsplit

import pytest

from acmewire import JOSE, Account, dumps, refused

pytestmark = pytest.mark.assay


def exchange(wire, text, host=None):
    parts = urlsplit(wire.directory_url)
    octets = text.replace("\n", "\r\n") if isinstance(text, str) else text
    if isinstance(octets, str):
        octets = octets.encode("latin-1")
    octets = octets.replace(b"{host}", (host or parts.netloc).encode())
    octets = octets.replace(b"{path}", parts.path.encode())
    return wire.http.raw(wire.directory_url, octets)


def status(reply):
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", reply)
    return int(match.group(1)) if match else None


def test_plain_request(wire):
    assert status(exchange(wire, "GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n\n")) == 200


@pytest.mark.parametrize("text", [
    "GET {path} HTTP/1.1\n\n",
    "GET {path} HTTP/1.1\nHost: {host}\nHost: {host}\n\n",
    "GET {path} HTTP/1.1\nHost: {host}, {host}\n\n",
    "GET {path} HTTP/1.1\nHost : {host}\n\n",
    "GET {path} HTTP/1.1\nHost: {host}\n folded\n\n",
    "GET {path} HTTP/1.1\nHost: {host}\nX: a\x00b\n\n",
    "GET {path} HTTP/1.1\nHost: {host}\nX y: 1\n\n",
    "GET {path} HTTP/1.1\nHost: {host}\n: 1\n\n",
    "GET  {path} HTTP/1.1\nHost: {host}\n\n",
    "GET {path}  HTTP/1.1\nHost: {host}\n\n",
    "GET {path}\n\n",
    "GET https://{host}{path} HTTP/1.1\nHost: {host}\n\n",
    "GET * HTTP/1.1\nHost: {host}\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 2\nContent-Length: 2\n\nab",
    "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 2, 2\n\nab",
    "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: +2\n\nab",
    "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 0x2\n\nab",
    "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: -1\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 99999999999999999999\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked, chunked\n\n0\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: gzip, chunked\n\n0\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n0\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: xchunked\n\n0\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\n\ng\nab\n0\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\n\n-1\nab\n0\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\n\n2\nabc\n0\n\n",
    "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\n\nfffffffffffffffff\nab\n0\n\n",
    "GET {path} HTTP/2.0\nHost: {host}\n\n",
    "GET {path} HTTP/1.2\nHost: {host}\n\n",
    "GET {path} http/1.1\nHost: {host}\n\n",
    "BREW {path} HTTP/1.1\nHost: {host}\n\n",
    "PRI * HTTP/2.0\n\nSM\n\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
])
def test_rfc9112__refused_and_closed(wire, text):
    # The server closes: raw() returns only then.
    reply = exchange(wire, text + ("\n" if text.startswith("\x16") else ""))
    assert status(reply) in (400, 405, 411, 413, 501, 505), reply


def test_rfc9112_2_2__bare_line_feeds(wire):
    reply = exchange(wire, b"GET {path} HTTP/1.1\nHost: {host}\n\n")
    assert status(reply) == 400


def test_nothing_of_a_refused_request_is_taken_for_the_next(wire):
    """Request smuggling: the rest after an anomaly is never parsed."""
    reply = exchange(wire, "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 3\n"
                           "Transfer-Encoding: chunked\n\n0\n\nGET {path} HTTP/1.1\nHost: {host}\n\n")
    assert reply.count(b"HTTP/1.1 ") == 1
    assert status(reply) == 400


@pytest.mark.parametrize("host", ["elsewhere.test", "elsewhere.test:14000", "169.254.169.254",
                                  "localhost.evil.test", ""])
def test_host_must_be_ours(wire, host):
    reply = exchange(wire, f"GET {{path}} HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    assert status(reply) in (400, 421), reply


def test_forwarded_headers_of_strangers_are_ignored(wire):
    """TRUST V18: the URLs in the answer do not follow what a peer claims."""
    reply = exchange(wire, "GET {path} HTTP/1.1\nHost: {host}\nX-Forwarded-Host: evil.test\n"
                           "X-Forwarded-Proto: http\nForwarded: host=evil.test;proto=http\n"
                           "Connection: close\n\n")
    assert status(reply) == 200
    assert b"evil.test" not in reply
    assert b"http://" not in reply


def test_long_lines_and_headers(wire):
    for text, expected in (
        ("GET /" + "a" * 9000 + " HTTP/1.1\nHost: {host}\n\n", (400, 414)),
        ("GET {path} HTTP/1.1\nHost: {host}\nX: " + "a" * 20000 + "\n\n", (400, 431)),
        ("GET {path} HTTP/1.1\nHost: {host}\n" + "X: 1\n" * 200 + "\n", (400, 431)),
    ):
        assert status(exchange(wire, text)) in expected


def test_v16__bodies_are_bounded_however_framed(wire):
    plain = "POST {path} HTTP/1.1\nHost: {host}\nContent-Type: application/jose+json\n"
    assert status(exchange(wire, plain + "Content-Length: 70000\n\n")) == 413
    chunk = f"{40000:x}\n" + "a" * 40000 + "\n"
    reply = exchange(wire, plain + "Transfer-Encoding: chunked\n\n" + chunk * 2 + "0\n\n")
    assert status(reply) == 413
    reply = exchange(wire, plain + "Transfer-Encoding: chunked\n\n" + "1\na\n" * 5000 + "0\n\n")
    assert status(reply) in (400, 413)


def test_chunked_requests_work(wire, account):
    jws = dumps(wire.sign(account.url, None, account.key, account.url, wire.nonce())).encode()
    half = len(jws) // 2
    body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (jws[:half], jws[half:]))
    path = urlsplit(account.url).path.encode()
    reply = exchange(wire, b"POST " + path + b" HTTP/1.1\r\nHost: {host}\r\nContent-Type: "
                     + JOSE.encode() + b"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                     + body + b"0\r\n\r\n")
    assert status(reply) == 200, reply


def test_expect_100_continue(wire, account):
    """curl sends it for bodies over 1 MiB; others always."""
    jws = dumps(wire.sign(account.url, None, account.key, account.url, wire.nonce())).encode()
    parts = urlsplit(account.url)
    head = (f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {JOSE}\r\n"
            f"Content-Length: {len(jws)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", parts.port), 10) as plain:
        with wire.http.context.wrap_socket(plain, server_hostname=parts.hostname) as tls:
            tls.sendall(head.encode())
            assert tls.recv(1000).startswith(b"HTTP/1.1 100 ")
            tls.sendall(jws)
            assert tls.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(wire):
    text = "GET {path} HTTP/1.1\nHost: {host}\n\n" * 2 + (
        "GET /nothing HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    reply = exchange(wire, text)
    assert [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", reply)] == [200, 200, 404]


@pytest.mark.parametrize("path", ["/acme/../acme/directory", "//acme/directory", "/acme//directory",
                                  "/acme/%64irectory", "/acme/directory%00", "/acme/directory%2f..",
                                  "/acme\\directory", "/acme/./directory", "/ACME/directory"])
def test_v40__paths_match_exactly(wire, path):
    assert status(exchange(wire, f"GET {path} HTTP/1.1\nHost: {{host}}\nConnection: close\n\n")) in (
        400, 404)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(wire, version):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    parts = urlsplit(wire.directory_url)
    with socket.create_connection((parts.hostname, parts.port), 10) as plain:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            context.wrap_socket(plain, server_hostname=parts.hostname)


def test_alpn(wire):
    context = wire.http.context
    context.set_alpn_protocols(["http/1.1"])
    parts = urlsplit(wire.directory_url)
    with socket.create_connection(("127.0.0.1", parts.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=parts.hostname) as tls:
            assert tls.selected_alpn_protocol() == "http/1.1"


def test_large_json_is_refused_cheaply(wire):
    account = Account(wire)
    names = [{"type": "dns", "value": f"n{i}.test"} for i in range(1000)]
    refused(account.post(wire.directory["newOrder"], {"identifiers": names}),
            ("malformed", "rejectedIdentifier", "rateLimited"), (400, 403, 413, 429))


def test_connections_are_kept(wire):
    first = wire.http.connection(urlsplit(wire.directory_url).hostname,
                                 urlsplit(wire.directory_url).port, False)
    for _ in range(20):
        assert wire.get(wire.directory_url).status == 200
    assert wire.http.connection(urlsplit(wire.directory_url).hostname,
                                urlsplit(wire.directory_url).port, False) is first
    assert first.sock is not None
