"""What leaves the machine (TRUST V05, V17, V18, V35): the server runs in a network namespace of its
own, every packet there is seen, and names that resolve, redirect or rebind to addresses that are
never dialled cause none to them."""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import threading

import pytest

from acmewire import Account, wait_until
from peers import Responder, running
from servers import AssayServe

pytestmark = pytest.mark.assay

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
TARGET = "10.9.8.7"  # the one address that may be dialled

DENIED = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.1.1", "169.254.170.2",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "203.0.113.9",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", f"::ffff:{TARGET}", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1",
    "2001:db8::1", "fe80::1", "fec0::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "100::1",
]


class Capture:
    """Every TCP SYN and UDP datagram of this namespace as (protocol, address, port)."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.seen = set()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                packet, origin = self.socket.recvfrom(65535)
                if origin[1] in (0x0800, 0x86DD):
                    self.note(packet)

    def note(self, packet):
        if packet[0] >> 4 == 4:
            protocol, rest = packet[9], packet[(packet[0] & 15) * 4:]
            address = socket.inet_ntop(socket.AF_INET, packet[16:20])
        else:
            protocol, rest = packet[6], packet[40:]
            address = socket.inet_ntop(socket.AF_INET6, packet[24:40])
        if len(rest) < 8:
            return
        port, = struct.unpack("!H", rest[2:4])
        if protocol == 6 and len(rest) >= 14 and rest[13] & 0x12 == 0x02:
            self.seen.add(("tcp", address, port))
        elif protocol == 17:
            self.seen.add(("udp", address, port))


def in_namespace(function):
    """Runs function() on a thread in a fresh network namespace with loopback and default routes of
    both families: packets to anywhere could leave."""
    failure = []

    def run():
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(CLONE_NEWNET) != 0:
                pytest.skip(f"no network namespace here: {os.strerror(ctypes.get_errno())}")
            for command in ("link set lo up", "link add out type veth peer name far", "link set far up",
                            "link set out up arp off",
                            f"addr add {TARGET}/24 dev out", "addr add fd99::7/64 dev out nodad",
                            "route add default dev out", "-6 route add default dev out"):
                done = subprocess.run(["ip", *command.split()], capture_output=True, text=True)
                if done.returncode != 0:
                    pytest.skip(f"ip {command}: {done.stderr}")
            function()
        except BaseException as error:  # pytest's own are no Exceptions
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def private(text):
    """The address policy that an operator has by default."""
    return text.replace("address_policy: dev", "address_policy: private")


def detail_of(account, url):
    challenge = next(c for c in account.read(url)["challenges"] if c["type"] == "http-01")
    return challenge["error"]["detail"]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_v05_v17__no_packet_to_what_is_never_dialled(tmp_path):
    in_namespace(lambda: hostile_targets(tmp_path))


def hostile_targets(directory):
    made = AssayServe(directory, edit=private)
    capture = None
    try:
        # Somebody listens on each loopback address: the answer must not tell.
        with running(Responder(made.http01_port, address=TARGET)) as web, \
                running(Responder(made.http01_port, address="127.0.0.1")) as forbidden:
            capture = Capture()  # not before: the web servers of Python look up their own address
            account = Account(made.wire())
            hosts = made.nameserver.hosts
            # The control: what may be dialled is, and the capture sees it.
            hosts["good.test"] = [TARGET]
            account.order("good.test").authorize(web)
            wait_until(lambda: ("tcp", TARGET, made.http01_port) in capture.seen, 5, capture.seen)

            denied_answers(account, hosts, made)
            hostile_redirects(account, hosts, web)
            rebinding_names(account, hosts, made, web)
            assert forbidden.seen == []
        # Nothing but the one target, and of the server itself and its name server.
        allowed = {("tcp", TARGET, made.http01_port), ("udp", "127.0.0.1", made.nameserver.port),
                   ("tcp", "127.0.0.1", made.nameserver.port), ("tcp", "127.0.0.1", made.port)}
        dialled = {s for s in capture.seen if s[0] == "tcp" or s[1] != "127.0.0.1"} - allowed
        # IPv6 itself says hello to its neighbours (ff02::), but over ICMP, which is not seen here.
        assert not dialled, dialled
    finally:
        made.close()
        if capture:
            capture.socket.close()


def denied_answers(account, hosts, server):
    orders = []
    for i, address in enumerate(DENIED):
        hosts[f"d{i}.test"] = [address]
        order = account.order(f"d{i}.test")
        url, challenge = order.challenge()
        assert account.post(challenge["url"], {}).status == 200
        orders.append((address, order, url))
    for address, order, url in orders:
        assert order.account_settled(url)["status"] == "invalid", address
        detail = detail_of(account, url).lower()
        for word in ("refused", "timed out", "reset", "unreachable", "answered"):
            assert word not in detail, (address, detail)


def hostile_redirects(account, hosts, web):
    for i, address in enumerate(DENIED):
        hosts[f"to{i}.test"] = [address]
        host = f"[{address}]" if ":" in address else address
        for way, where in enumerate((f"http://{host}:{web.port}/x", f"http://to{i}.test:{web.port}/x",
                                     f"http://{host}/")):
            hosts[f"redirects{i}-{way}.test"] = [TARGET]  # failures of one name are limited
            order = account.order(f"redirects{i}-{way}.test")
            url, challenge = order.challenge()
            web.answer(challenge["token"], 302, Location=where)
            assert account.post(challenge["url"], {}).status == 200
            assert order.account_settled(url)["status"] == "invalid", where


def rebinding_names(account, hosts, server, web):
    """The address changes between questions: what was vetted is what is dialled."""
    class Flips(list):
        def __init__(self):
            super().__init__([TARGET])
            self.count = 0

        def __iter__(self):
            self.count += 1
            return iter([TARGET] if self.count <= 1 else ["127.0.0.1"])

    for i in range(5):
        hosts[f"flips{i}.test"] = Flips()
        hosts[f"both{i}.test"] = ["127.0.0.1", TARGET, "169.254.169.254"]
        for name in (f"flips{i}.test", f"both{i}.test"):
            order = account.order(name)
            url, challenge = order.challenge()
            web.serve(challenge["token"], account.key_authorization(challenge))
            account.post(challenge["url"], {})
            order.account_settled(url)
        assert account.order(f"both{i}.test").reload()["status"] == "ready"


# --- V18: what strangers claim to be

FORGED = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded",
          "X-Real-IP", "X-Client-IP", "True-Client-IP", "X-SSL-Client-Verify", "X-SSL-Client-Cert",
          "X-SSL-Client-S-DN", "X_Forwarded_For", "x-forwarded-for", "X-Original-URL", "X-Rewrite-URL",
          "X-Remote-User", "Remote-User", "Client-Cert", "X-HTTP-Method-Override", "Via"]


@pytest.mark.parametrize("header", FORGED)
def test_v18__headers_of_strangers_change_nothing(server, wire, name, header):
    value = "SUCCESS, 6.6.6.6, evil.test, /health/live, DELETE"
    account = Account(wire)
    url = wire.directory["newOrder"]
    got = wire.send(url, wire.sign(url, {"identifiers": [{"type": "dns", "value": name()}]},
                                   account.key, account.url, wire.nonce()),
                    headers={header: value, header.lower() + "-2": value})
    assert got.status == 201, got
    told = str(got.headers) + got.body.decode() + str(server.admin("audit", "list"))
    assert "6.6.6.6" not in told and "evil.test" not in told
    refusal = wire.http.request("GET", wire.directory["newOrder"], headers={header: value})
    assert refusal.status == 405
    assert "6.6.6.6" not in server.process.output()
