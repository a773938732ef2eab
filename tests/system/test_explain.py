"""Explain: what "instance" of a problem document leads to (RFC 7807 §3.1), and for whom."""

import pytest

from acmewire import Account, make_csr, refused

pytestmark = pytest.mark.assay


@pytest.fixture
def failed(account, responder, name):
    """An order whose first authorization failed."""
    order = account.order(name("explained"), name("other"))
    order.fail(responder)
    return order


def test_explain__a_failed_challenge_leads_to_its_trace(failed):
    account = failed.account
    url, authorization = failed.authorizations()[0]
    challenge = next(c for c in authorization["challenges"] if "error" in c)
    assert challenge["error"]["detail"] and challenge["error"]["status"]
    instance = challenge["error"]["instance"]
    told = account.read(instance)
    assert told["authorization"] == url and told["status"] == "invalid"
    assert told["identifier"] == authorization["identifier"]
    assert told["challenge"] == "http-01"
    assert told["error"]["detail"] == challenge["error"]["detail"]
    assert any("127.0.0.1" in line for line in told["trace"])
    assert any("/.well-known/acme-challenge/" in line for line in told["trace"])
    # The challenge by itself says the same.
    assert account.read(challenge["url"])["error"] == challenge["error"]


def test_explain__a_failed_order_leads_to_its_authorizations(failed):
    account = failed.account
    body = failed.reload()
    assert body["status"] == "invalid" and body["error"]["detail"]
    told = account.read(body["error"]["instance"])
    assert told["order"] == failed.url and told["status"] == "invalid"
    explained = [account.read(url) for url in told["authorizations"]]
    assert [e["authorization"] for e in explained] == body["authorizations"]
    assert [e["status"] for e in explained] == ["invalid", "pending"]


def test_explain__a_refused_finalize_leads_to_its_order(account, responder, name):
    one = name()
    order = account.order(one).authorize(responder)
    for csr, problem in ((make_csr([name()]), "badCSR"), (b"\x30\x00", "badCSR")):
        body = refused(order.finalize(csr), problem, (400, 403))
        told = account.read(body["instance"])
        assert told["order"] == order.url and told["status"] == "ready"
    order.issue(responder)
    told = account.read(body["instance"])
    assert told["status"] == "valid" and len(told["trace"]) == 2 and "error" not in told


def test_explain__nobody_else_learns_anything(failed, wire):
    other = Account(wire)
    authz = failed.authorizations()[0][1]["challenges"]
    for instance in (failed.reload()["error"]["instance"],
                     next(c for c in authz if "error" in c)["error"]["instance"]):
        mine = refused(other.post(instance, None), "about:blank", 404)
        none = refused(other.post(instance[:-26] + "0" * 26, None), "about:blank", 404)
        assert mine == none  # another's and none look the same
        assert "instance" not in mine
        refused(wire.get(instance), "malformed", 405)  # the URL alone is worth nothing
        refused(failed.account.post(instance, {}), "malformed", 400)  # it is only read
    # Who may not see an order is not told where it is explained.
    got = other.post(failed.body["finalize"], {"csr": "AAAA"})
    assert "instance" not in refused(got, "about:blank", 404)


def test_explain__is_no_resource_of_the_directory(wire):
    assert not [url for url in wire.directory.values() if "explain" in str(url)]
