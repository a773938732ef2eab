"""Figures that hold on any machine: a thousand orders open at once, what a bad request costs, what a
huge validation body moves (S1.46). tests/bench is the measuring; docs/performance.md has the others."""

import os
import pathlib
import shutil
import subprocess

import pytest

from peers import free_port
from servers import PROGRAMS, ROOT, clean_environment

pytestmark = [pytest.mark.assay, pytest.mark.slow]

BENCHES = [os.environ.get("ASSAY_BENCH", ""), PROGRAMS / "assay-bench", ROOT / "out/default/tests/bench/assay-bench"]


@pytest.fixture(scope="module")
def report():
    """section -> name -> text, as tests/bench/run.sh prints it."""
    bench = next((path for path in BENCHES if path and pathlib.Path(path).is_file()), None)
    if not bench or not shutil.which("taskset"):
        pytest.skip("assay-bench is not built")
    done = subprocess.run([ROOT / "tests/bench/run.sh"], capture_output=True, text=True, timeout=300, env={
        **clean_environment(), "ASSAY": str(PROGRAMS / "assay"), "ASSAY_SIGNER": str(PROGRAMS / "assay-signer"),
        "ASSAY_BENCH": str(bench), "PORT": str(free_port()), "CLIENTS": "32", "COUNT": "200", "OPEN": "1000"})
    assert done.returncode == 0, done.stdout + done.stderr
    sections = {}
    for line in done.stdout.splitlines():
        if not line.startswith(" "):
            section = sections.setdefault(line, {})
        else:
            name, _, value = line.strip().partition(" ")
            section[name] = value.strip()
    return sections


def figures(text):
    """"p50 1.5  p99 2" as a dictionary."""
    words = text.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2], strict=True)}


def test_a_thousand_open_orders_are_issued(report):
    opened = report["open"]
    assert (opened["certificates"], opened["errors"]) == ("1000", "0")
    assert figures(opened["finalize_ms"])["p99"] < 1000, opened
    assert report["issue"]["errors"] == "0"


@pytest.mark.parametrize("what", ["no_jws", "unknown_account", "bad_signature", "bad_nonce", "5000_identifiers",
                                  "1200_identifiers"])
def test_a_bad_request_costs_little(report, what):
    cost = figures(report["bad"][what])
    assert 400 <= cost["status"] < 500
    assert cost["cpu_ms"] < 5 and cost["peak_kib"] < 64, cost


def test_a_body_of_256_mib_moves_less_than_one(report):
    cost = figures(report["bad"]["256_mib_body"])
    assert cost["peak_kib"] < 1024 and cost["octets_taken"] < 256 << 20, cost
