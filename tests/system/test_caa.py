"""CAA (RFC 8659, RFC 8657) as a zone's mode has it: asked for every name right before issuance."""

import pytest

from acmewire import Account, make_csr, wait_until
from peers import Responder, running
from servers import AssayServe

pytestmark = pytest.mark.assay
US = "localhost"  # the host of public_url is our issuer domain name


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory):
    made = AssayServe(tmp_path_factory.mktemp("caa"), edit=lambda t: t.replace("caa: off", "caa: enforce"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def reporting(tmp_path_factory):
    made = AssayServe(tmp_path_factory.mktemp("caa"), edit=lambda t: t.replace("caa: off", "caa: report"))
    yield made
    made.close()


def outcome(server, *names, account=None):
    """The order after finalize, when it is no longer processing."""
    account = account or Account(server.wire())
    with running(Responder(server.http01_port)) as responder:
        order = account.order(*names)
        order.authorize(responder)
        assert order.finalize(make_csr(list(names))).status == 200
        return order.wait()


def test_rfc8659_3__no_record_allows(enforcing, name):
    assert outcome(enforcing, name())["status"] == "valid"


@pytest.mark.parametrize("rules, status", [
    ([(0, "issue", US)], "valid"),
    ([(0, "issue", "other.example")], "invalid"),
    ([(0, "issue", "other.example"), (0, "issue", US)], "valid"),
    ([(0, "issue", ";")], "invalid"),
    ([(0, "iodef", "mailto:a@b.test")], "valid"),
    ([(128, "unheard", "of")], "invalid"),
    ([(0, "unheard", "of")], "valid"),
    ([(0, "issue", US + "; validationmethods=dns-01")], "invalid"),
    ([(0, "issue", US + "; validationmethods=http-01,dns-01")], "valid"),
    ([(0, "issue", US + "; accounturi=https://localhost/elsewhere")], "invalid"),
    ([(0, "issuewild", "other.example")], "valid"),
])
def test_rfc8659_4__the_records_of_the_name_decide(enforcing, name, rules, status):
    wanted = name()
    enforcing.nameserver.caa[wanted] = rules
    seen = outcome(enforcing, wanted)
    assert seen["status"] == status, seen
    if status == "invalid":
        assert seen["error"]["type"].endswith(":caa"), seen
        assert "error" in seen and wanted in str(seen["error"])


def test_rfc8657_3__accounturi_of_this_account(enforcing, name):
    wanted = name()
    account = Account(enforcing.wire())
    enforcing.nameserver.caa[wanted] = [(0, "issue", f"{US}; accounturi={account.url}")]
    assert outcome(enforcing, wanted, account=account)["status"] == "valid"


def test_rfc8659_3__the_tree_is_climbed(enforcing, name):
    wanted = name()
    enforcing.nameserver.caa[f"sub.{wanted}"] = []
    enforcing.nameserver.caa[wanted] = [(0, "issue", "other.example")]
    assert outcome(enforcing, f"a.sub.{wanted}")["status"] == "invalid"


def test_v25_a_failed_question_is_never_an_absence(enforcing, name):
    """It is tried again; when the DNS recovers, the order goes on."""
    wanted = name()
    enforcing.nameserver.caa[wanted] = "servfail"
    account = Account(enforcing.wire())
    with running(Responder(enforcing.http01_port)) as responder:
        order = account.order(wanted)
        order.authorize(responder)
        assert order.finalize(make_csr([wanted])).json()["status"] == "processing"
        enforcing.nameserver.caa[wanted] = []
        assert order.wait(60)["status"] == "valid"


@pytest.mark.parametrize("position", [0, 7, 19])
def test_v26_a_deny_at_any_position_refuses(enforcing, name, position):
    names = [name() for _ in range(20)]
    enforcing.nameserver.caa[names[position]] = [(0, "issue", "other.example")]
    enforcing.nameserver.asked.clear()
    seen = outcome(enforcing, *names)
    assert seen["status"] == "invalid"
    assert names[position] in str(seen["error"])
    asked = {n for n, kind in enforcing.nameserver.asked if kind == 257}
    assert set(names) <= asked, "every name is asked about"


def test_report_issues_and_says_so(reporting, name):
    wanted = name()
    reporting.nameserver.caa[wanted] = [(0, "issue", "other.example")]
    assert outcome(reporting, wanted)["status"] == "valid"
    wait_until(lambda: "caa_reported" in reporting.process.output(), 10, "the report in the log")
    assert wanted in reporting.process.output()
