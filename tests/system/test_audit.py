"""The audit trail as a chain (TRUST I9): any change is named by its row."""

import json
import re
import shutil
import sqlite3
import subprocess

import pytest

from acmewire import Account, wait_until
from peers import Responder
from servers import PROGRAMS, AssayServe, clean_environment

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
    assert said.startswith(f"{len(trail)} rows, unbroken; head {len(trail)}:{trail[-1]['hash']}\n")
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


# --- checkpoints: signed, and kept by the signer too ---


def issuing(server):
    return server.data / "ca" / "chain.pem"


def test_a_checkpoint_is_signed_kept_and_part_of_the_trail(tmp_path):
    server = AssayServe(tmp_path)
    try:
        Account(server.wire()).order("one.test")
        said = server.run("audit", "checkpoint").stdout
        number, digest = re.match(r"(\d+):([0-9a-f]{64}) noted by the signer at 2", said).groups()
        trail = rows(server)
        assert trail[int(number) - 1]["hash"] == digest
        assert trail[-1]["action"] == "audit.checkpoint" and trail[-1]["subject"] == f"{number}:{digest}"
        # Nothing is new but the checkpoint itself: there is no other.
        assert server.run("audit", "checkpoint").stdout == said
        assert len(rows(server)) == len(trail)
        said = server.run("audit", "verify").stdout
        assert "checkpoints, signed by the authority" in said
        assert f"row {number} is as the signer noted" in said
        answer = json.loads(server.run("audit", "checkpoint", "--json").stdout)
        assert answer["newest"]["number"] == int(number) and "problem" not in answer
    finally:
        server.close()


def test_a_forged_checkpoint_is_named(tmp_path):
    server = AssayServe(tmp_path)
    try:
        Account(server.wire()).order("one.test")
        server.run("audit", "checkpoint")
        trail = rows(server)
        ca = issuing(server)
        assert "signed by the authority" in verify(server, trail, tmp_path, "--ca", ca).stdout
        assert "not checked" in verify(server, trail, tmp_path).stdout
        stranger = AssayServe(tmp_path / "stranger")
        try:
            other = verify(server, trail, tmp_path, "--ca", issuing(stranger))
            assert other.returncode == 1 and "not known here" in other.stderr
        finally:
            stranger.close()
    finally:
        server.close()


def refused(server, *options):
    done = subprocess.run(
        [PROGRAMS / "assay", "serve", "--config", server.config, *options],
        env=clean_environment(), capture_output=True, text=True, timeout=30,
    )
    assert done.returncode == 1
    return done.stderr


def copy_store(server, target):
    target.mkdir()
    for suffix in ("", "-wal", "-shm"):
        path = server.data / ("assay.db" + suffix)
        if path.exists():
            shutil.copy(path, target)


def restore_store(server, source):
    for suffix in ("", "-wal", "-shm"):
        (server.data / ("assay.db" + suffix)).unlink(missing_ok=True)
    for path in source.iterdir():
        shutil.copy(path, server.data)


def list_numbers(server):
    return [int(re.search(r"number=(\d+)", row["detail"])[1]) for row in rows(server) if row["action"] == "crl.publish"]


def revoke_one(server, name):
    """Issues, revokes and waits for the list; its number and the serial."""
    before = len(list_numbers(server))
    out = server.path / name
    server.run("cert", "issue", "--dns", f"{name}.test", "--out", out)
    serial = json.loads(server.run("cert", "list", "--name", f"{name}.test", "--json").stdout)["certs"][0]["serial"]
    server.run("cert", "revoke", serial)
    wait_until(lambda: len(list_numbers(server)) > before, 20, "list")
    return max(list_numbers(server)), serial


def test_a_restored_older_store_is_refused_until_an_operator_accepts_it(tmp_path):
    """TRUST §4, "backup / restore": nothing is issued with it, and no serial or CRL number comes again."""
    server = AssayServe(tmp_path)
    try:
        first = revoke_one(server, "before")
        server.process.stop()
        copy_store(server, tmp_path / "backup")
        server.start()
        lost = revoke_one(server, "lost")
        server.process.stop()
        restore_store(server, tmp_path / "backup")

        said = refused(server)
        assert "rollback suspected" in said and "audit trail ends at row" in said
        head = re.search(r"--accept-rollback (\d+:[0-9a-f]{64})", said)[1]
        # Only by the name of that very checkpoint.
        number, digest = head.split(":")
        assert "rollback suspected" in refused(server, "--accept-rollback", f"{int(number) - 1}:{digest}")
        assert "rollback suspected" in refused(server, "--accept-rollback", f"{number}:{'0' * 64}")
        assert "accept-rollback" in refused(server, "--accept-rollback", "yes")

        server.start("--accept-rollback", head)
        accepted = [row for row in rows(server) if row["action"] == "audit.accept-rollback"]
        assert len(accepted) == 1 and accepted[0]["subject"] == head
        assert "is as the signer noted" in server.run("audit", "verify").stdout
        after = revoke_one(server, "after")
        assert first[0] < lost[0] < after[0]  # RFC 5280 §5.2.3: numbers only rise
        assert len({first[1], lost[1], after[1]}) == 3
        server.process.stop()
        # The option may stay where it is: it names a checkpoint that is not the newest any more.
        server.start("--accept-rollback", head)
        assert len([row for row in rows(server) if row["action"] == "audit.accept-rollback"]) == 1
        server.process.stop()
        server.start()
    finally:
        server.close()


@pytest.mark.parametrize("change, said", [
    ("DELETE FROM audits WHERE number > 3", "audit trail ends at row 3"),
    ("DELETE FROM audits", "audit trail ends at row 0"),
    ("UPDATE audits SET hash = randomblob(32)", "is not the one that the signer noted"),
])
def test_a_trail_cut_off_or_written_anew_is_refused(tmp_path, change, said):
    server = AssayServe(tmp_path)
    try:
        Account(server.wire()).order("one.test")
        server.process.stop()
        with sqlite3.connect(server.database) as db:
            db.execute(change)
        db.close()
        assert said in refused(server)
    finally:
        server.close()


def test_after_a_crash_the_store_is_as_noted(tmp_path):
    server = AssayServe(tmp_path)
    try:
        for n in range(3):
            Account(server.wire()).order(f"k{n}.test")
            server.run("audit", "checkpoint")
            server.kill()
            server.start()
        assert "is as the signer noted" in server.run("audit", "verify").stdout
    finally:
        server.close()


def test_a_journal_older_than_the_trail_is_found(tmp_path):
    """The signer may have forgotten serials then."""
    server = AssayServe(tmp_path)
    try:
        Account(server.wire()).order("one.test")
        server.process.stop()
        journal = next(server.data.rglob("signer.journal"))
        shutil.copy(journal, tmp_path / "older")
        server.start()
        Account(server.wire()).order("two.test")
        server.process.stop()
        shutil.copy(tmp_path / "older", journal)
        server.start()
        behind = [row for row in rows(server) if row["action"] == "audit.signer-behind"]
        assert len(behind) == 1
        assert "is as the signer noted" in server.run("audit", "verify").stdout
        server.process.stop()
        server.start()
        assert len([row for row in rows(server) if row["action"] == "audit.signer-behind"]) == 1
    finally:
        server.close()
