"""The audit trail as a chain (TRUST I9): any change is named by its row."""

import json
import sqlite3

import pytest

from acmewire import Account
from peers import Responder
from servers import AssayServe

pytestmark = pytest.mark.assay


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    made = AssayServe(tmp_path_factory.mktemp("audit"))
    responder = Responder(made.http01_port)
    account = Account(made.wire())
    for n in range(5):
        account.order(f"a{n}.test").issue(responder)
    responder.close()
    yield made
    made.close()


def rows(server):
    return [json.loads(line) for line in server.run("audit", "export").stdout.splitlines()]


def verify(server, trail, tmp_path, *options):
    path = tmp_path / "trail.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in trail))
    return server.run("audit", "verify", path, *options, check=False)


def test_every_act_has_its_row_and_the_chain_holds(busy):
    said = busy.run("audit", "verify").stdout
    trail = rows(busy)
    assert said == f"{len(trail)} rows, unbroken; head {len(trail)}:{trail[-1]['hash']}\n"
    assert [row["number"] for row in trail] == list(range(1, len(trail) + 1))
    actions = [row["action"] for row in trail]
    assert {"account.create", "order.create", "challenge.valid", "cert.issue"} <= set(actions)
    assert actions.count("order.create") == 5


def test_tail(busy):
    trail = rows(busy)
    got = busy.run("audit", "tail", "--lines", 3, "--json").stdout.splitlines()
    assert [json.loads(line) for line in got] == trail[-3:]
    heading, *shown = busy.run("audit", "tail", "--lines", 3).stdout.splitlines()
    assert heading.split()[:2] == ["ROW", "TIME"]
    assert [int(line.split()[0]) for line in shown] == [row["number"] for row in trail[-3:]]
    assert all(row["action"] in line for row, line in zip(trail[-3:], shown, strict=True))


def test_a_changed_row_is_named(busy, tmp_path):
    for field, value in (("detail", "forged"), ("actor", "nobody"), ("at_s", 5), ("subject", "x")):
        trail = rows(busy)
        trail[6][field] = value
        done = verify(busy, trail, tmp_path)
        assert done.returncode == 1 and "broken at row 7: its content" in done.stderr


def test_a_missing_row_is_named(busy, tmp_path):
    trail = rows(busy)
    del trail[4]
    assert "broken at row 5: it is missing" in verify(busy, trail, tmp_path).stderr
    trail = rows(busy)[1:]
    assert "broken at row 1: it is missing" in verify(busy, trail, tmp_path).stderr


def test_swapped_and_doubled_rows_are_named(busy, tmp_path):
    trail = rows(busy)
    trail[3], trail[4] = trail[4], trail[3]
    assert "broken at row 4" in verify(busy, trail, tmp_path).stderr
    trail = rows(busy)
    trail.insert(3, trail[2])
    assert "broken at row 3: it is there twice" in verify(busy, trail, tmp_path).stderr
    # Renumbered to look right: then the hashes differ.
    trail = rows(busy)
    trail[3], trail[4] = {**trail[4], "number": 4}, {**trail[3], "number": 5}
    assert "broken at row 4: its content" in verify(busy, trail, tmp_path).stderr


def test_truncation_and_a_new_trail_are_caught_by_a_noted_head(busy, tmp_path):
    trail = rows(busy)
    head = f"{len(trail)}:{trail[-1]['hash']}"
    assert verify(busy, trail, tmp_path, "--head", head).returncode == 0
    cut = verify(busy, trail[:-2], tmp_path)
    assert cut.returncode == 0  # nothing in the rows themselves can tell
    cut = verify(busy, trail[:-2], tmp_path, "--head", head)
    assert cut.returncode == 1 and "was cut off" in cut.stderr
    other = verify(busy, trail, tmp_path, "--head", f"{len(trail) - 1}:{trail[-1]['hash']}")
    assert "written anew" in other.stderr
    assert busy.run("audit", "verify", "--head", "nonsense", check=False).returncode == 2


def test_nonsense_is_no_trail(busy, tmp_path):
    path = tmp_path / "nonsense"
    path.write_text("nonsense\n")
    assert "broken at row 1: it is not a row" in busy.run("audit", "verify", path, check=False).stderr
    assert busy.run("audit", "verify", tmp_path / "none", check=False).returncode == 1


def test_a_bit_flipped_in_the_database_is_found_and_the_chain_survives_a_crash(tmp_path):
    server = AssayServe(tmp_path)
    try:
        account = Account(server.wire())
        for n in range(10):
            account.order(f"c{n}.test")
        server.kill()
        server.start()
        account = Account(server.wire())
        account.order("after.test")
        assert "unbroken" in server.run("audit", "verify").stdout
        server.process.stop()
        with sqlite3.connect(server.database) as db:
            detail = db.execute("SELECT detail FROM audits WHERE number = 8").fetchone()[0]
            forged = detail[:-1] + chr(ord(detail[-1]) ^ 1) if detail else "x"
            db.execute("UPDATE audits SET detail = ? WHERE number = 8", (forged,))
        db.close()
        server.start()
        done = server.run("audit", "verify", check=False)
        assert done.returncode == 1 and "broken at row 8: its content" in done.stderr
    finally:
        server.close()
