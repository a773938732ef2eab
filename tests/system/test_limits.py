"""What a stranger can make the server spend: CPU, memory, connections."""

import os
import socket
import ssl
import threading
from urllib.parse import urlsplit

import pytest

from acmewire import JOSE, Account, Key, b64, dumps
from servers import PROGRAMS

pytestmark = pytest.mark.assay

TICK = os.sysconf("SC_CLK_TCK")


def cpu_s(server):
    with open(f"/proc/{server.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_kib(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def assert_growth(server, before, limit):
    """KiB. AddressSanitizer keeps what was freed, so that sizes say nothing there."""
    if b"__asan_init" not in (PROGRAMS / "assay").read_bytes():
        assert resident_kib(server) - before < limit


def cost(server, send, count=200):
    """CPU milliseconds and resident KiB for each of count requests."""
    send()
    before, memory = cpu_s(server), resident_kib(server)
    for _ in range(count):
        send()
    return (cpu_s(server) - before) * 1000 / count, (resident_kib(server) - memory) / count


def refusals(server):
    """name -> a request that needs no account and is refused."""
    wire = server.wire()
    url = wire.directory["newOrder"]
    key = Key()
    account = Account(wire)
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    big = dumps({"protected": b64("x" * 30000), "payload": b64("y" * 10000), "signature": "AA"})
    forged = dumps(wire.sign(url, {"identifiers": []}, Key(), account.url, "AAAA"))
    return {
        "no JSON": lambda: wire.send(url, "x" * 60000),
        "deep": lambda: wire.send(url, deep),
        "big": lambda: wire.send(url, big),
        "forged signature": lambda: wire.send(url, forged),
        "unknown account": lambda: wire.post(url, {}, key, account.url + "0"),
        "weak key": lambda: wire.post(wire.directory["newAccount"], {}, key,
                                      protected={"jwk": {"kty": "RSA", "e": "AQAB",
                                                         "n": b64(b"\xff" * 1024)}}),
        "404": lambda: wire.get(url + "/nothing"),
    }


@pytest.mark.parametrize("what", ["no JSON", "deep", "big", "forged signature", "unknown account",
                                  "weak key", "404"])
def test_a_bad_request_costs_little(server, what):
    send = refusals(server)[what]
    assert send().status >= 400
    milliseconds, kib = cost(server, send)
    assert milliseconds < 5, milliseconds
    assert kib < 64, kib


def test_five_thousand_identifiers_are_refused_cheaply(server):
    account = Account(server.wire())
    many = {"identifiers": [{"type": "dns", "value": f"{i}.a"} for i in range(2000)]}
    url = account.wire.directory["newOrder"]
    assert account.post(url, many).status in (400, 403, 413)
    milliseconds, _ = cost(server, lambda: account.post(url, many), 50)
    assert milliseconds < 5, milliseconds
    five_thousand = {"identifiers": [{"type": "dns", "value": f"{i}.a"} for i in range(5000)]}
    got = account.post(url, five_thousand)
    assert got.status in (400, 403, 413), got
    milliseconds, _ = cost(server, lambda: account.post(url, five_thousand), 50)
    assert milliseconds < 5, milliseconds


def test_memory_does_not_grow_with_requests(server):
    wire = server.wire()
    for _ in range(300):
        wire.get(wire.directory_url)
    before = resident_kib(server)
    for _ in range(3000):
        wire.get(wire.directory_url)
        wire.http.request("HEAD", wire.directory["newNonce"])
    assert resident_kib(server) - before < 1024


def test_idle_connections_do_not_stop_others(server):
    wire = server.wire()
    parts = urlsplit(wire.directory_url)
    idle = [socket.create_connection((parts.hostname, parts.port), 10) for _ in range(300)]
    try:
        assert wire.get(wire.directory_url, fresh=True).status == 200
    finally:
        for connection in idle:
            connection.close()


def test_half_a_request_does_not_stop_others(server):
    wire = server.wire()
    parts = urlsplit(wire.directory_url)
    half = []
    for _ in range(100):
        plain = socket.create_connection((parts.hostname, parts.port), 10)
        tls = wire.http.context.wrap_socket(plain, server_hostname=parts.hostname)
        tls.sendall(f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {JOSE}\r\n"
                    "Content-Length: 60000\r\n\r\n{".encode())
        half.append(tls)
    try:
        assert wire.get(wire.directory_url, fresh=True).status == 200
    finally:
        for tls in half:
            tls.close()


def test_garbage_instead_of_tls(server):
    parts = urlsplit(server.directory)
    for octets in (b"GET / HTTP/1.1\r\n\r\n", bytes(1000), os.urandom(1000),
                   b"\x16\x03\x01\xff\xff" + bytes(100)):
        with socket.create_connection((parts.hostname, parts.port), 10) as plain:
            plain.sendall(octets)
            try:
                while plain.recv(1000):
                    pass
            except (TimeoutError, ConnectionResetError):
                pass
    assert server.wire().get(server.directory).status == 200


def test_many_handshakes_at_once(server):
    parts = urlsplit(server.directory)
    context = server.wire().http.context
    failures = []

    def run():
        for _ in range(25):
            try:
                with socket.create_connection((parts.hostname, parts.port), 10) as plain:
                    with context.wrap_socket(plain, server_hostname=parts.hostname):
                        pass
            except (OSError, ssl.SSLError) as error:
                failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
