"""Bad inputs (badinputs/): whatever is wrong, the answer is the one that the row says, and the server is
afterwards as it was before: no larger, no slower, with nothing in its log that the operator would have to
look at, and ready to issue."""

import os
import re
import time

import pytest

from acmewire import Account, wait_until
from badinputs import admin, csrs, framing, identifiers, payloads, signatures, status
from badinputs.rows import HTTP
from badinputs.world import World
from peers import Responder, running
from test_limits import assert_growth, resident_kib

pytestmark = pytest.mark.assay

ROWS = [row for part in (framing, signatures, payloads, identifiers, csrs, status, admin)
        for row in part.ROWS]
LEAST = 1500
GROWTH_KIB = 2048


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def connections(server):
    """How many the server has open: the sockets of its port that belong to a process and do not listen."""
    with open(f"/proc/{server.process.pid}/net/tcp") as file:
        rows = [line.split() for line in file][1:]
    return sum(row[1].endswith(f":{server.port:04X}") and row[3] != "0A" and row[9] != "0" for row in rows)


def close_all(world, server):
    world.close()
    wait_until(lambda: connections(server) == 0, 10, "connections that are closed")


@pytest.fixture(scope="module")
def world(served):
    made = World(served)
    # Some of each kind, so that what is allocated once is there before anything is measured.
    for row in ROWS[::5]:
        row.send(made)
    close_all(made, served)
    made.descriptors = descriptors(served)
    made.resident_kib = resident_kib(served)
    made.log_at = len(served.process.output())
    yield made
    made.close()


def test_rows():
    assert len(ROWS) >= LEAST
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids), sorted({i for i in ids if ids.count(i) > 1})
    # Of 5xx only what says that something is not known here (RFC 9110 §15.6.2, §15.6.6).
    assert {row.expected[0] for row in ROWS if row.expected[0] >= 500} == {501, 505}


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_bad_input(world, row):
    got = row.send(world)
    code, kind = row.expected
    assert got is not None, "the connection ended without an answer"
    assert got.status == code, got
    assert got.closed == row.closed, got
    if row.allow:
        assert got.header("Allow") == row.allow, got
    if kind is None:  # an answer to HEAD
        assert got.body == b""
        return
    assert got.problem() == kind, got
    if code < 400:  # an error that OCSP has words of its own for
        return
    body = got.json()
    assert body["status"] == code and body["detail"], got
    assert (kind == HTTP) == ("title" in body), got


def test_after_them_the_server_is_as_before(world, served):
    """No larger, no descriptor kept, nothing in the log, quick. Some are sent again, for a run of this test
    alone."""
    for row in ROWS[::10]:
        row.send(world)
    close_all(world, served)
    assert descriptors(served) <= world.descriptors
    assert_growth(served, world.resident_kib, GROWTH_KIB)

    log = served.process.output()[world.log_at:]
    assert not re.findall(r"^\S+ (?:warn|error) .*$", log, re.M)
    assert not re.findall(r"\bstatus=5(?!01|05)\d\d\b", log)

    world.request("GET", world.path)
    began = time.monotonic()
    assert world.request("GET", world.path).status == 200
    assert time.monotonic() - began < 0.05


def test_after_them_a_certificate_is_issued(world, served, name):
    with running(Responder(served.http01_port)) as responder:
        Account(served.wire()).order(name()).issue(responder)
    assert world.ready.reload()["status"] == "ready"
    assert world.pending.reload()["status"] == "pending"
