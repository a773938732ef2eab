"""The fault catalogue (TRUST §4) against the running programs: disks that fail or are full, locked
databases, exhausted descriptors and memory, stopped and killed processes, storms of signals. Nothing
that was acknowledged is lost, nothing is issued twice, nothing hangs."""

import concurrent.futures
import contextlib
import http.client
import os
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from acmewire import Account, Key, make_csr, refused, wait_until
from peers import Responder, running, sleeper
from servers import PROGRAMS, AssayServe

pytestmark = pytest.mark.assay

DOWN = (OSError, http.client.HTTPException, ssl.SSLError)
TICK = os.sysconf("SC_CLK_TCK")


def needs(*programs, root=False):
    missing = [p for p in programs if not shutil.which(p)]
    return pytest.mark.skipif(
        bool(missing) or (root and os.geteuid() != 0),
        reason=f"needs {', '.join(missing) or 'root'}")


@pytest.fixture
def own(tmp_path):
    made = AssayServe(tmp_path)
    yield made
    made.close()


@pytest.fixture
def web(own):
    with running(Responder(own.http01_port)) as made:
        yield made


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def signer_of(server):
    """(monitor, worker)"""
    monitor, = children(server.process.pid)
    worker, = wait_until(lambda: children(monitor), 10, "a worker")
    return monitor, worker


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def status_kib(pid, field):
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith(field)).split()[1])


@contextlib.contextmanager
def injected(pid, *rules):
    """strace(1) on a running process and its threads, with faults; ends with the block."""
    arguments = [a for rule in rules for a in ("-e", f"inject={rule}")]
    calls = ",".join(rule.split(":")[0] for rule in rules)
    tracer = subprocess.Popen(["strace", "-f", "-p", str(pid), "-e", f"trace={calls}", *arguments],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        line = tracer.stderr.readline()
        if "attached" not in line:
            pytest.skip(f"strace may not attach here: {line}")
        # Reads on, so that strace never waits for us.
        threading.Thread(target=tracer.stderr.read, daemon=True).start()
        yield tracer
    finally:
        with contextlib.suppress(ProcessLookupError):
            tracer.terminate()
        tracer.wait(20)


def serial_of(order):
    return x509.load_pem_x509_certificate(order.certificate().body).serial_number


def all_serials(server):
    return [c["serial"] for c in server.admin("cert", "list", "--limit", "500")["certs"]]


# --- V69: a failed fsync is final

@needs("strace")
def test_v69__a_failed_fsync_ends_the_server_without_an_acknowledgement(own):
    before = Account(own.wire())
    key = Key()
    with injected(own.process.pid, "fdatasync,fsync:error=EIO"):
        with pytest.raises(DOWN):
            got = own.wire().post(before.wire.directory["newAccount"],
                                  {"termsOfServiceAgreed": True}, key)
            assert got.status >= 500, f"acknowledged: {got}"
            raise ConnectionError  # 5xx before it ends is no acknowledgement either
        began = time.monotonic()
        assert own.process.process.wait(10) not in (0, None)
        assert time.monotonic() - began < 5
    assert "store_failed" in own.process.output()
    # The next start verifies and serves; what was acknowledged is there.
    own.start()
    before.wire.nonces.clear()
    assert before.read(before.url)["status"] == "valid"
    # What was not acknowledged is there as a whole or not at all: the client's retry works.
    assert Account(own.wire(), key).created.status in (200, 201)
    database = sqlite3.connect(f"file:{own.database}?mode=ro", uri=True)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


FAILING_SYNC = """
#include <errno.h>
static int count;
int fdatasync(int fd) { (void)fd; if (++count < 7) return 0; errno = EIO; return -1; }
"""


@needs("cc")
def test_v69__a_failed_fsync_of_the_signers_journal_signs_nothing(tmp_path):
    """strace cannot do it: the signer's filter ends a process whose calls are tampered with. So
    fdatasync() itself fails, in each worker from its seventh call on."""
    (tmp_path / "sync.c").write_text(FAILING_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "sync.so", tmp_path / "sync.c"],
                   check=True)
    wrapper = tmp_path / "signer"
    wrapper.write_text(f'#!/bin/sh\nLD_PRELOAD={tmp_path / "sync.so"} '
                       f'exec {PROGRAMS / "assay-signer"} "$@"\n')
    wrapper.chmod(0o755)
    made = AssayServe(tmp_path / "serve", edit=lambda t: t + f'signer: {{program: "{wrapper}"}}\n')
    try:
        with running(Responder(made.http01_port)) as web:
            account = Account(made.wire())
            account.order("journal.test").authorize(web)
            monitor, first = signer_of(made)
            serials = []
            for _ in range(12):
                order = account.order("journal.test")
                assert order.finalize(make_csr(["journal.test"])).status == 200
                # A worker whose journal failed answers nobody; its successor reads the journal
                # again and has the same serial to sign.
                assert order.wait(30)["status"] == "valid"
                serials.append(f"{serial_of(order):040x}")
            assert signer_of(made)[0] == monitor
            assert signer_of(made)[1] != first, "the worker went on after a failed fsync"
            assert len(set(serials)) == len(serials)
            recorded = all_serials(made)
            assert all(recorded.count(serial) == 1 for serial in serials)
            died = [line for line in made.process.output().splitlines() if "signer_worker_died" in line]
            assert died and "signal=31" not in died[0], died  # by itself, and not by its filter
    finally:
        made.close()


@needs("strace")
@pytest.mark.slow
def test_kill__at_each_write_of_an_issuance(own, web):
    """I1-I5: the server is killed before its Nth write or sync while an order is finalized."""
    account = Account(own.wire())
    account.order("nth.test").authorize(web)
    serials = set()
    for n in range(1, 11):
        account.wire.nonces.clear()
        order = account.order("nth.test")
        assert order.reload()["status"] == "ready"
        csr = make_csr(["nth.test"])
        with injected(own.process.pid, f"pwrite64,fdatasync:signal=KILL:when={n}"):
            with contextlib.suppress(*DOWN, AssertionError):
                order.finalize(csr)
            died = True
            try:
                own.process.process.wait(2.5)
            except subprocess.TimeoutExpired:
                died = False
        if died:
            own.start()
        account.wire.nonces.clear()
        if order.reload()["status"] == "ready":  # nothing of the claim was durable
            assert order.finalize(csr).status == 200
        assert order.wait()["status"] == "valid", (n, order.body)
        serials.add(serial_of(order))
    assert len(serials) == 10
    recorded = all_serials(own)
    assert len(recorded) == len(set(recorded))


# --- full and locked

@contextlib.contextmanager
def small_disk(path, size):
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "assay-test", path],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file systems may be mounted here: {done.stderr}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def fill(path):
    """Takes what is left of the disk; returns the file."""
    ballast = path / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(65536)):
                pass
        with contextlib.suppress(OSError):
            while file.write(bytes(512)):
                pass
    return ballast


@needs("mount", root=True)
def test_disk_full__refuses_and_recovers_by_itself(tmp_path):
    with small_disk(tmp_path / "small", "24m") as disk:
        made = AssayServe(disk)
        try:
            with running(Responder(made.http01_port)) as responder:
                account = Account(made.wire())
                done = account.order("full.test")
                done.issue(responder)
                ready = account.order("full.test")
                before = all_serials(made)
                ballast = fill(disk)
                busy = 0
                for _ in range(400):
                    got = account.try_order("full.test")
                    if got.status == 201:
                        continue  # what room the file itself still had
                    assert got.status == 503, got
                    assert int(got.header("Retry-After")) > 0
                    busy += 1
                    if busy == 3:
                        break
                assert busy == 3, "the disk is not full"
                # Before signing: nothing is issued that could not be recorded.
                assert ready.finalize(make_csr(["full.test"])).status == 503
                assert all_serials(made) == before
                # Reading goes on.
                assert done.certificate().status == 200
                assert made.wire().get(made.directory).status == 200
                assert made.process.process.poll() is None
                ballast.unlink()
                wait_until(lambda: account.try_order("full.test").status == 201, 20, "room again")
                csr = make_csr(["full.test"])
                assert ready.finalize(csr).status == 200
                assert ready.wait()["status"] == "valid"
        finally:
            made.close()


def test_database_locked_by_another_process(own):
    account = Account(own.wire())
    key = Key()
    other = sqlite3.connect(own.database, isolation_level=None, timeout=10)
    other.execute("BEGIN EXCLUSIVE")
    try:
        began = time.monotonic()
        got = account.wire.post(account.wire.directory["newAccount"],
                                {"termsOfServiceAgreed": True}, key)
        assert got.status == 503, got
        assert int(got.header("Retry-After")) > 0
        assert time.monotonic() - began < 6
        # Reading needs no lock.
        began = time.monotonic()
        assert account.read(account.url)["status"] == "valid"
        assert time.monotonic() - began < 1
    finally:
        other.execute("ROLLBACK")
        other.close()
    got = account.wire.post(account.wire.directory["newAccount"], {"onlyReturnExisting": True}, key)
    refused(got, "accountDoesNotExist")  # refused means absent
    assert Account(own.wire(), key).created.status == 201


# --- descriptors and memory

def test_descriptors_exhausted__waits_without_spinning_and_recovers(own, web):
    account = Account(own.wire())
    pid = own.process.pid
    in_use = len(os.listdir(f"/proc/{pid}/fd"))
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + 20, hard))
    parts = urlsplit(own.directory)
    crowd = []
    try:
        for _ in range(100):
            crowd.append(socket.create_connection(("127.0.0.1", parts.port), 10))
        wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) >= in_use + 19, 10, "all in use")
        # What is connected goes on, and the store has its files.
        assert account.read(account.url)["status"] == "valid"
        assert account.post(account.url, {"contact": ["mailto:a@example.com"]}).status == 200
        before, began = cpu_s(pid), time.monotonic()
        wait_until(lambda: time.monotonic() - began > 3, 10, "three seconds")
        assert (cpu_s(pid) - before) / (time.monotonic() - began) < 0.05, "a busy loop"
    finally:
        for connection in crowd:
            connection.close()
    assert own.wire().get(own.directory, fresh=True).status == 200
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    account.order("after.test").issue(web)


def test_memory_exhausted__refuses_and_goes_on(own, web):
    account = Account(own.wire())
    pid = own.process.pid
    order = account.order("memory.test").authorize(web)
    limit = status_kib(pid, "VmSize") * 1024 + 256 * 1024
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    signer = signer_of(own)
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, hard))
    names = [{"type": "dns", "value": f"{'m' * 60}{i}.test"} for i in range(100)]
    answers = []

    def crowd(_):
        with contextlib.suppress(*DOWN, AssertionError):
            one = Account(own.wire())
            for _ in range(3):
                answers.append(one.try_order(*names).status)

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        list(pool.map(crowd, range(48)))
    assert set(answers) <= {201, 400, 403, 500, 503}, set(answers)
    assert own.process.process.poll() is None, own.process.output()[-2000:]
    resource.prlimit(pid, resource.RLIMIT_AS, (hard, hard))
    assert signer_of(own) == signer
    account.wire.nonces.clear()
    assert order.finalize(make_csr(["memory.test"])).status == 200
    assert order.wait()["status"] == "valid"


# --- processes that stop or die

def test_signer_stopped__orders_wait_and_others_are_served(own, web):
    account = Account(own.wire())
    orders = [account.order(f"s{i}.test").authorize(web) for i in range(5)]
    _, worker = signer_of(own)
    os.kill(worker, signal.SIGSTOP)
    try:
        for i, order in enumerate(orders):
            got = order.finalize(make_csr([f"s{i}.test"]))
            assert (got.status, got.json()["status"]) == (200, "processing"), got
            assert int(got.header("Retry-After")) <= 10
        began = time.monotonic()
        assert account.try_order("meanwhile.test").status == 201
        assert time.monotonic() - began < 2
    finally:
        os.kill(worker, signal.SIGCONT)
    serials = set()
    for order in orders:
        assert order.wait(60)["status"] == "valid"
        serials.add(serial_of(order))
    assert len(serials) == 5


@pytest.mark.slow
def test_signer_killed_under_load__every_order_is_issued_once(own, web):
    account = Account(own.wire())
    account.order("load.test").authorize(web)
    orders, failed = [], []
    stop = threading.Event()

    def load():
        while not stop.is_set():
            order = account.order("load.test")
            got = order.finalize(make_csr(["load.test"]))
            if got.status != 200:
                failed.append(got)
                return
            orders.append(order)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            begun = len(orders)
            wait_until(lambda n=begun: len(orders) >= n + 5 or failed, 30, "five more")
            os.kill(signer_of(own)[1], signal.SIGKILL)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not failed, failed[0]
    serials = [order.wait(60)["status"] == "valid" and serial_of(order) for order in orders]
    assert all(serials) and len(set(serials)) == len(orders)
    recorded = all_serials(own)
    assert len(recorded) == len(set(recorded)) >= len(orders)


# --- signals

@pytest.mark.slow
def test_sighup_storm__a_thousand_reloads_drop_no_request(own, web):
    account = Account(own.wire())
    account.order("storm.test").authorize(web)
    stop = threading.Event()
    failed, done = [], []

    def load(_):
        wire = own.wire()
        one = Account(wire, account.key)
        while not stop.is_set():
            try:
                order = one.order("storm.test")
                got = order.finalize(make_csr(["storm.test"]))
                assert got.status == 200, got
                assert order.wait()["status"] == "valid"
                done.append(order)
            except Exception as error:
                failed.append(repr(error))
                return

    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    own.process.signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in own.process.output(), 10, "the first reload")
    small = status_kib(own.process.pid, "VmRSS")
    for _ in range(1000):
        own.process.signal(signal.SIGHUP)
        time.sleep(0.002)  # the load has its turn; signals that arrive together are one
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not failed, failed[:3]
    assert len(done) >= 20
    assert own.process.output().count("reloaded") >= 100
    assert status_kib(own.process.pid, "VmRSS") - small < 16 * 1024
    assert own.process.process.poll() is None


def test_sigterm__with_a_validation_under_way(own, web):
    """The target never answers: the server ends all the same, and goes on after the next start."""
    account = Account(own.wire())
    order = account.order("hang.test")
    url, challenge = order.challenge()
    web.call(challenge["token"], sleeper)
    account.post(challenge["url"], {})
    wait_until(lambda: web.requests(challenge["token"]), 10, "asked for")
    began = time.monotonic()
    assert own.process.stop(timeout=35) == 0
    assert time.monotonic() - began < 31
    web.serve(challenge["token"], account.key_authorization(challenge))
    own.start()
    account.wire.nonces.clear()
    assert order.account_settled(url, 30)["status"] == "valid"


def test_sigterm__with_handshakes_and_half_requests(own):
    parts = urlsplit(own.directory)
    context = own.wire().http.context
    silent = [socket.create_connection(("127.0.0.1", parts.port), 10) for _ in range(20)]
    half = []
    for _ in range(20):
        tls = context.wrap_socket(socket.create_connection(("127.0.0.1", parts.port), 10),
                                  server_hostname="localhost")
        tls.sendall(b"POST /acme/new-order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        half.append(tls)
    began = time.monotonic()
    assert own.process.stop(timeout=40) == 0
    assert time.monotonic() - began < 35
    for connection in silent + half:
        connection.close()
    own.start()


def test_sigterm__with_the_signer_stopped(own, web):
    """What was claimed waits in the store; the next start finishes it."""
    account = Account(own.wire())
    order = account.order("term.test").authorize(web)
    monitor, worker = signer_of(own)
    os.kill(worker, signal.SIGSTOP)
    got = order.finalize(make_csr(["term.test"]))
    assert got.json()["status"] == "processing"
    own.process.process.terminate()
    with contextlib.suppress(ProcessLookupError):
        wait_until(lambda: "stopping" in own.process.output(), 10, "stopping")
        os.kill(worker, signal.SIGCONT)
    assert own.process.process.wait(35) == 0
    wait_until(lambda: not os.path.exists(f"/proc/{monitor}"), 15, "the signer ends too")
    own.start()
    account.wire.nonces.clear()
    assert order.wait()["status"] == "valid"


# --- V41: every stage has a deadline

@pytest.mark.slow
def test_v41__slow_handshakes_and_slow_requests_end(own):
    parts = urlsplit(own.directory)
    context = own.wire().http.context
    hello = bytes.fromhex("16030100c8010000c40303") + bytes(32)

    def handshake(connection):
        return connection

    def request(connection):
        return context.wrap_socket(connection, server_hostname="localhost")

    drips = []  # silence, or an octet every half second
    for prepare, text, step in ((handshake, hello, 0), (handshake, hello, 1),
                                (request, b"GET /acme/directory HTTP/1.1\r\nHost: lo", 1)):
        made = prepare(socket.create_connection(("127.0.0.1", parts.port), 60))
        drips.append((made, text, step))
    began = time.monotonic()
    ended = {}

    def drip(number):
        made, text, step = drips[number]
        made.settimeout(0.5)
        with contextlib.suppress(OSError, ssl.SSLError):
            for at in range(200):
                if step and at < len(text):
                    made.sendall(text[at:at + 1])
                with contextlib.suppress(TimeoutError):
                    if made.recv(4096) == b"":
                        break
                if time.monotonic() - began > 25:
                    return
        ended[number] = time.monotonic() - began

    threads = [threading.Thread(target=drip, args=(i,)) for i in range(len(drips))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for made, _, _ in drips:
        made.close()
    for number in range(len(drips)):  # each has 10 s
        assert ended.get(number, 99) < 20, (number, ended)
    assert own.wire().get(own.directory, fresh=True).status == 200
