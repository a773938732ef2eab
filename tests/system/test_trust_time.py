"""Clocks (TRUST V28, V48, §4): lifetimes to the second on every odd day of the calendar, and a server
whose clock jumps. libfaketime turns the wall clock of the server and its signer; the monotonic clock
goes on."""

import contextlib
import datetime
import glob
import os
import ssl
import time

import pytest
from cryptography import x509

from acmewire import Account, Http, Wire, make_csr, wait_until
from peers import Responder, running
from servers import PROGRAMS, AssayServe

pytestmark = pytest.mark.assay

LIBRARIES = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
UTC = datetime.timezone.utc


def patient_wire(server):
    """Our own clock is another than the server's: its certificate is not judged by time."""
    http = Http(open(server.roots).read(), {"localhost": "127.0.0.1"})
    http.context.check_hostname = False
    http.context.verify_mode = ssl.CERT_NONE
    return Wire(http, server.directory)


@pytest.fixture
def made(tmp_path):
    servers = []
    yield servers
    for server in servers:
        server.process.stop()
        server.nameserver.close()


def preload(monkeypatch, **variables):
    if not LIBRARIES:
        pytest.skip("needs libfaketime")
    for name, value in {"LD_PRELOAD": LIBRARIES[0], "NO_FAKE_STAT": "1",
                        "FAKETIME_DONT_FAKE_MONOTONIC": "1", **variables}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server_at(monkeypatch, tmp_path, made):
    """Makes a server (and its CA) on a machine on which it is that moment; time passes."""

    def make(moment, **more):
        offset = moment - datetime.datetime.now(UTC)
        with monkeypatch.context() as patch:
            preload(patch, FAKETIME=f"{offset.total_seconds():+.0f}s")
            made.append(AssayServe(tmp_path / f"serve{len(made)}", **more))
        return made[-1]

    return make


class Clock:
    """The wall clock of a running server. Its signer keeps the right time: its filter of system
    calls lets it read no file, so that nobody can turn its clock that way."""

    def __init__(self, monkeypatch, directory, made):
        self.file = directory / "clock"
        self.jump(datetime.timedelta())
        wrapper = directory / "signer"
        wrapper.write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec {PROGRAMS / "assay-signer"} "$@"\n')
        wrapper.chmod(0o755)
        with monkeypatch.context() as patch:
            preload(patch, FAKETIME_TIMESTAMP_FILE=str(self.file), FAKETIME_NO_CACHE="1")
            self.server = AssayServe(directory / "serve", edit=lambda t: t + (
                f'signer: {{program: "{wrapper}"}}\n'))
        made.append(self.server)

    def jump(self, offset):
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset.total_seconds():+.0f}\n")
        new.rename(self.file)


@pytest.fixture
def clock(monkeypatch, tmp_path, made):
    return Clock(monkeypatch, tmp_path, made)


def moment(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("begin, zone", [
    ("2027-03-13T12:00:00", "America/New_York"),    # summer time begins within the lifetime
    ("2027-10-30T23:30:00", "Europe/Berlin"),       # and ends
    ("2027-12-31T23:30:00", "Pacific/Kiritimati"),
    ("2028-02-28T23:59:30", "UTC"),                 # a leap day follows
    ("2028-02-29T12:00:00", "UTC"),
    ("2038-01-19T02:30:00", "UTC"),                 # 2^31 seconds
    ("2049-12-31T12:00:00", "UTC"),                 # UTCTime to GeneralizedTime
    ("2050-06-01T00:00:00", "UTC"),
])
def test_v28__lifetimes_are_exact_on_odd_days(server_at, monkeypatch, begin, zone):
    monkeypatch.setenv("TZ", zone)
    server = server_at(moment(begin), edit=lambda t: t.replace(
        "profiles: [server, short]", "profiles: [server, short, tiny]")
        + "profiles: {tiny: {lifetime: 36h, backdate: 1h}}\n")
    with running(Responder(server.http01_port)) as responder:
        account = Account(patient_wire(server))
        for profile, lifetime_s in (("server", 90 * 86400), ("short", 6 * 86400), ("tiny", 36 * 3600)):
            order = account.order("odd.test", profile=profile)
            chain, pem = order.issue(responder)
            leaf, issuer = chain[0], chain[1]
            length = leaf.not_valid_after_utc - leaf.not_valid_before_utc
            # Both ends belong to the validity.
            assert length.total_seconds() + 1 == lifetime_s, (profile, leaf)
            age = moment(begin) - leaf.not_valid_before_utc
            assert abs(age.total_seconds() - 3600) < 120
            assert leaf.not_valid_after_utc <= issuer.not_valid_after_utc
            check_encoding(leaf)


def check_encoding(certificate):
    """RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on."""
    for at in (certificate.not_valid_before_utc, certificate.not_valid_after_utc):
        short, long = at.strftime("%y%m%d%H%M%SZ").encode(), at.strftime("%Y%m%d%H%M%SZ").encode()
        der = certificate.tbs_certificate_bytes
        if at.year < 2050:
            assert b"\x17\x0d" + short in der
        else:
            assert b"\x18\x0f" + long in der


def ready_text(wire, server):
    got = wire.get(server.directory.replace("/acme/directory", "/health/ready"))
    return got.status, got.body.decode()


def test_clock_before_the_build__is_not_ready_and_issues_nothing(clock):
    """A machine whose clock was never set."""
    server = clock.server
    with running(Responder(server.http01_port)) as responder:
        account = Account(patient_wire(server))
        order = account.order("early.test").authorize(responder)
        clock.jump(datetime.timedelta(days=-25 * 365))
        wire = patient_wire(server)
        wait_until(lambda: ready_text(wire, server)[0] == 503, 20, "not ready")
        assert "clock" in ready_text(wire, server)[1]
        got = order.finalize(make_csr(["early.test"]))
        assert got.status == 503 and int(got.header("Retry-After")) > 0, got
        assert "set the clock" in got.json()["detail"]
        assert "set the clock" in server.process.output()
        assert order.reload()["status"] != "valid", (got, order.body)
        assert server.process.process.poll() is None
        clock.jump(datetime.timedelta())
        wait_until(lambda: ready_text(wire, server)[0] == 200, 20, "ready again")
        Account(patient_wire(server)).order("right.test").issue(responder)


@pytest.mark.parametrize("hours", [1, -1, -24, 24])
def test_clock_jumps__the_server_goes_on_when_it_is_right_again(clock, hours):
    """Nothing that is valid expires for good, no lifetime is negative, no request hangs, no serial
    is there twice."""
    server = clock.server
    with running(Responder(server.http01_port)) as responder:
        account = Account(patient_wire(server))
        before = account.order("before.test").authorize(responder)
        clock.jump(datetime.timedelta(hours=hours))
        assert account.read(account.url)["status"] == "valid"
        assert account.try_order("during.test").status in (201, 503)
        got = before.finalize(make_csr(["before.test"]))
        assert got.status in (200, 403, 503) or "issuing certificate" in got.json()["detail"], got
        clock.jump(datetime.timedelta())
        if before.reload()["status"] == "ready":
            before.finalize(make_csr(["before.test"]))
        assert before.wait(40)["status"] in ("valid", "invalid")
        chain, _ = account.order("after.test").issue(responder)
        assert chain[0].not_valid_after_utc > chain[0].not_valid_before_utc
        issued = server.admin("cert", "list", "--limit", "500")["certs"]
        assert len({c["serial"] for c in issued}) == len(issued)
        assert all(c["not_before"] < c["not_after"] for c in issued)


@pytest.mark.parametrize("years", [10, -10])
def test_clock_jumps_by_years__no_crash_and_no_busy_loop(clock, years):
    server = clock.server
    account = Account(patient_wire(server))
    order = account.order("years.test")
    clock.jump(datetime.timedelta(days=365 * years))
    wire = patient_wire(server)
    for _ in range(20):
        assert wire.get(server.directory).status == 200
    got = account.try_order("then.test")
    assert got.status < 500 or got.status == 503, got
    assert account.post(order.url, None).status in (200, 404)
    pid, began = server.process.pid, time.monotonic()
    before = cpu_s(pid)
    wait_until(lambda: time.monotonic() - began > 2, 10, "two seconds")
    assert cpu_s(pid) - before < 0.4, "a busy loop"
    clock.jump(datetime.timedelta())
    assert Account(patient_wire(server)).created.status == 201
    assert server.process.process.poll() is None


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("left_s", [10 * 86400, 86400, 60, -60])
def test_the_issuer_ends_soon__no_leaf_outlives_it(server_at, monkeypatch, left_s):
    """Before the end of the issuing CA a certificate is cut or refused, never too long."""
    server = server_at(datetime.datetime.now(UTC))
    chain = x509.load_pem_x509_certificates((server.data / "ca" / "chain.pem").read_bytes())
    end = chain[0].not_valid_after_utc
    assert server.process.stop() == 0
    offset = (end - datetime.datetime.now(UTC)).total_seconds() - left_s
    with monkeypatch.context() as patch:
        preload(patch, FAKETIME=f"{offset:+.0f}s")
        with contextlib.suppress(AssertionError):
            server.start()
    if not (server.path / "ready.json").exists():  # without a certificate of its own it serves nobody
        assert left_s < 3600, server.process.output()[-1000:]
        # and says so by its end, to whoever started it
        assert server.process.process.wait(20) == 1
        told = server.process.output()
        assert "own certificate" in told and "the issuing certificate has expired or is about to" in told
        return
    with running(Responder(server.http01_port)) as responder:
        account = Account(patient_wire(server))
        order = account.order("late.test").authorize(responder)
        got = order.finalize(make_csr(["late.test"]))
        if got.status == 200 and order.wait(40)["status"] == "valid":
            assert left_s > 0
            leaf = x509.load_pem_x509_certificate(order.certificate().body)
            assert leaf.not_valid_after_utc <= end
