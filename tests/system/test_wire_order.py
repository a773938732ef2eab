"""Orders, authorizations and challenges (RFC 8555 §7.1.3-7.1.6, §7.4, §7.5; RFC 8738)."""

import datetime

import pytest
from cryptography import x509

from acmewire import Account, make_csr, refused, wait_until
from judge import verify


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_rfc8555_7_4__new_order(account, name):
    a, b = name(), name()
    order = account.order(a, b)
    body = order.body
    assert body["status"] == "pending"
    assert sorted(i["value"] for i in body["identifiers"]) == sorted([a, b])
    assert len(body["authorizations"]) == 2
    assert body["finalize"].startswith("https://")
    assert moment(body["expires"]) > datetime.datetime.now(datetime.timezone.utc)
    assert "certificate" not in body
    assert account.read(order.url)["status"] == "pending"


def test_rfc8555_7_1_4__authorization(account, name):
    wanted = name()
    order = account.order(wanted)
    (_, authorization), = order.authorizations()
    assert authorization["status"] == "pending"
    assert authorization["identifier"] == {"type": "dns", "value": wanted}
    assert "wildcard" not in authorization or authorization["wildcard"] is False
    assert moment(authorization["expires"])
    kinds = {c["type"] for c in authorization["challenges"]}
    assert "http-01" in kinds
    for challenge in authorization["challenges"]:
        assert challenge["status"] == "pending"
        assert challenge["url"].startswith("https://")
        if challenge["type"] not in ("http-01", "dns-01", "tls-alpn-01"):
            continue
        assert len(challenge["token"]) >= 22  # 128 bits (RFC 8555 §8.3)
        assert not set(challenge["token"]) - set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        assert "error" not in challenge


@pytest.mark.assay
def test_rfc8555_7_5__the_token_of_every_challenge_differs(account, name):
    tokens = []
    for _ in range(10):
        tokens += [c["token"] for _, a in account.order(name(), name()).authorizations()
                   for c in a["challenges"]]
    pairs = {}
    for token in tokens:
        pairs[token] = pairs.get(token, 0) + 1
    assert len(pairs) >= 20


def test_issuance(server, account, responder, name):
    wanted = name()
    order = account.order(wanted)
    made = order.body
    chain, pem = order.issue(responder)
    verify(pem, server.issued_by, "-verify_hostname", wanted)
    for member in ("identifiers", "authorizations"):  # RFC 8555 §7.1.3: never change
        assert order.body[member] == made[member]
    assert chain[0].public_key().public_numbers() == order.key.public_key().public_numbers()
    assert order.body["status"] == "valid"
    (_, authorization), = order.authorizations()
    challenge = next(c for c in authorization["challenges"] if c["type"] == "http-01")
    assert challenge["status"] == "valid"
    assert moment(challenge["validated"])


def test_several_names(server, account, responder, name):
    names = [name() for _ in range(10)]
    chain, pem = account.order(*names).issue(responder)
    san = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(san.get_values_for_type(x509.DNSName)) == sorted(names)
    verify(pem, server.issued_by)


def test_rfc8738__ip_identifiers(server, account, responder):
    order = account.order(("ip", "127.0.0.1"))
    assert order.body["identifiers"] == [{"type": "ip", "value": "127.0.0.1"}]
    (_, authorization), = order.authorizations()
    assert "dns-01" not in {c["type"] for c in authorization["challenges"]}
    chain, pem = order.issue(responder)
    verify(pem, server.issued_by, "-verify_ip", "127.0.0.1")


@pytest.mark.assay
def test_rfc8738_3__http01_for_an_address_asks_for_the_address(account, responder):
    order = account.order(("ip", "127.0.0.1"))
    if order.body["status"] == "pending":
        order.authorize(responder)
        hosts = {host for path, host in responder.seen}
        assert hosts and all(h.split(":")[0] == "127.0.0.1" for h in hosts)


@pytest.mark.assay
@pytest.mark.parametrize("value", ["127.0.0.01", "127.0.0.1/32", "[::1]", "::1%lo", "1", "0x7f.1",
                                   "localhost", "", "127.0.0.1 ", "256.0.0.1"])
def test_rfc8738_3__malformed_addresses(account, value):
    refused(account.try_order(("ip", value)), ("malformed", "rejectedIdentifier"), (400, 403))


@pytest.mark.assay
@pytest.mark.parametrize("value", ["", ".", "a..test", "-a.test", "a-.test", "a_b.test", "a b.test",
                                   "*", "*.", "*.*.test", "a.*.test", "w*.test", "*a.test",
                                   "a" * 64 + ".test", ".".join(["a" * 49] * 6), "127.0.0.1", "1.2",
                                   "a.test\u0000.x", "a.test/..", "http://a.test", "a.test:80",
                                   "bücher.test", "xn--\u00fc.test", "xn--.test", "a@b.test",
                                   "..test", "a.test.."])
def test_rfc8555_7_1_4__bad_names(account, value):
    got = account.try_order(value)
    refused(got, ("malformed", "rejectedIdentifier"), (400, 403))


@pytest.mark.assay
def test_rfc8555_9_7_7__other_identifier_types(account):
    got = account.try_order(("email", "a@example.test"))
    refused(got, "unsupportedIdentifier")


@pytest.mark.assay
def test_rfc8555_6_7_1__all_bad_identifiers_are_reported_at_once(account, name):
    good = name()
    body = refused(account.try_order(good, "bad_one.test", ("ip", "nowhere")),
                   ("malformed", "rejectedIdentifier", "compound"), (400, 403))
    told = {s["identifier"]["value"] for s in body["subproblems"]}
    assert told == {"bad_one.test", "nowhere"}
    for sub in body["subproblems"]:
        assert sub["type"].startswith("urn:ietf:params:acme:error:")
        assert sub["identifier"]["type"] in ("dns", "ip")
        assert sub["detail"]


@pytest.mark.parametrize("payload", [{}, {"identifiers": []}, {"identifiers": "a"},
                                     {"identifiers": [1]}, {"identifiers": [{"type": "dns"}]},
                                     {"identifiers": [{"value": "a.test"}]},
                                     {"identifiers": [{"type": "dns", "value": 1}]},
                                     {"identifiers": None}])
def test_rfc8555_7_4__malformed_orders(wire, account, payload):
    refused(account.post(wire.directory["newOrder"], payload),
            ("malformed", "unsupportedIdentifier", "rejectedIdentifier"))


@pytest.mark.assay
def test_rfc8555_7_4__more_identifiers_than_the_limit(account):
    got = account.try_order(*[f"n{i}.test" for i in range(101)])
    refused(got, ("malformed", "rejectedIdentifier", "rateLimited"), (400, 403, 429))
    assert account.try_order(*[f"n{i}.test" for i in range(100)]).status == 201


@pytest.mark.assay
def test_wildcards_are_refused_where_no_challenge_can_prove_them(account, name):
    """RFC 8555 §8.3: http-01 proves no wildcard; without dns-01 there is nothing to offer."""
    got = account.try_order("*." + name())
    if got.status == 201:
        # dns-01 is offered: then nothing else may be.
        url = got.json()["authorizations"][0]
        authorization = account.read(url)
        assert authorization["wildcard"] is True
        assert {c["type"] for c in authorization["challenges"]} <= {"dns-01", "dns-account-01"}
    else:
        refused(got, ("rejectedIdentifier", "unsupportedIdentifier"), (400, 403))


# --- notBefore, notAfter (RFC 8555 §7.4)

def stamp(**delta):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.assay
def test_rfc8555_7_4__not_after_is_honoured(account, responder, name):
    wanted = stamp(days=3)
    order = account.order(name(), notAfter=wanted)
    assert moment(order.body["notAfter"]) == moment(wanted)
    chain, _ = order.issue(responder)
    assert abs(chain[0].not_valid_after_utc - moment(wanted)) <= datetime.timedelta(seconds=1)


@pytest.mark.assay
@pytest.mark.parametrize("times", [
    {"notAfter": stamp(days=-1)}, {"notAfter": stamp(days=3650)},
    {"notBefore": stamp(days=2), "notAfter": stamp(days=1)}, {"notBefore": stamp(days=400)},
    {"notAfter": "tomorrow"}, {"notAfter": 1}, {"notBefore": "2026-13-01T00:00:00Z"},
    {"notAfter": "9999-12-31T23:59:59Z"}, {"notBefore": "1969-12-31T23:59:59Z"},
])
def test_rfc8555_7_4__times_that_cannot_be_had(account, name, times):
    got = account.try_order(name(), **times)
    refused(got, ("malformed", "rejectedIdentifier", "unauthorized"), (400, 403))


# --- who may see what

@pytest.mark.assay
def test_foreign_resources_look_like_none(wire, account, name):
    order = account.order(name())
    url, challenge = order.challenge()
    other = Account(wire)
    for resource, payload in ((order.url, None), (url, None), (challenge["url"], None),
                              (challenge["url"], {}), (url, {"status": "deactivated"}),
                              (order.body["finalize"], {"csr": "AA"})):
        got = other.post(resource, payload)
        none = other.post(resource.replace(resource.rsplit("/", 2)[1], "0" * 26), payload)
        assert got.status in (403, 404), (resource, got)
        assert b"token" not in got.body
        assert none.status in (403, 404)
    assert account.read(url)["status"] == "pending"


# --- deactivation (RFC 8555 §7.5.2)

def test_rfc8555_7_5_2__pending_authorization(account, name):
    order = account.order(name())
    url = order.body["authorizations"][0]
    got = account.post(url, {"status": "deactivated"})
    assert got.status == 200
    assert got.json()["status"] == "deactivated"
    # The order can never become ready.
    assert order.wait(5)["status"] == "invalid"


def test_rfc8555_7_5_2__valid_authorization(account, responder, name):
    wanted = name()
    order = account.order(wanted).authorize(responder)
    url = order.body["authorizations"][0]
    assert account.post(url, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert account.read(url)["status"] == "deactivated"
    refused(order.finalize(make_csr([wanted])), "orderNotReady", 403)
    again = account.order(wanted)
    assert again.body["status"] == "pending"
    assert again.body["authorizations"] != order.body["authorizations"]


@pytest.mark.assay
def test_rfc8555_7_5_2__only_deactivation(account, name):
    url = account.order(name()).body["authorizations"][0]
    for payload in ({"status": "valid"}, {"status": "revoked"}, {"status": 1}):
        refused(account.post(url, payload), "malformed")
    assert account.read(url)["status"] == "pending"


@pytest.mark.assay
def test_rfc8555_7_5_2__deactivated_stays_so(account, responder, name):
    order = account.order(name())
    url, challenge = order.challenge()
    account.post(url, {"status": "deactivated"})
    responder.serve(challenge["token"], account.key_authorization(challenge))
    account.post(challenge["url"], {})
    assert account.read(url)["status"] == "deactivated"
    assert not responder.requests(challenge["token"])


# --- reuse of authorizations (RFC 8555 §7.4), never of orders (FIELD A37)

@pytest.mark.assay
def test_a37__two_identical_orders_are_two(account, responder, name):
    wanted = name()
    first, second = account.order(wanted), account.order(wanted)
    assert first.url != second.url
    first.issue(responder)
    second.reload()
    second.issue(responder)
    assert first.body["certificate"] != second.body["certificate"]


@pytest.mark.assay
def test_rfc8555_7_4__valid_authorizations_are_reused_by_their_account_alone(
        wire, account, responder, name):
    wanted = name()
    account.order(wanted).authorize(responder)
    assert account.order(wanted).body["status"] == "ready"
    assert Account(wire).order(wanted).body["status"] == "pending"


# --- finalize (RFC 8555 §7.4)

def test_rfc8555_7_4__finalize_pending_order_is_not_ready(account, name):
    wanted = name()
    order = account.order(wanted)
    refused(order.finalize(make_csr([wanted])), "orderNotReady", 403)
    assert account.read(order.url)["status"] == "pending"


@pytest.mark.assay
def test_rfc8555_7_4__finalize_again(account, responder, name):
    wanted = name()
    order = account.order(wanted).authorize(responder)
    csr = make_csr([wanted])
    first = order.finalize(csr)
    assert first.json()["status"] in ("processing", "valid")
    second = order.finalize(csr)
    assert second.status == 200
    assert second.json()["status"] in ("processing", "valid")
    body = order.wait()
    third = order.finalize(csr)
    assert third.status == 200
    assert third.json()["certificate"] == body["certificate"]
    refused(order.finalize(make_csr([wanted])), "orderNotReady", 403)


@pytest.mark.assay
def test_finalize_of_an_invalid_order(account, responder, name):
    wanted = name()
    order = account.order(wanted)
    order.fail(responder)
    assert order.wait()["status"] == "invalid"
    refused(order.finalize(make_csr([wanted])), "orderNotReady", 403)


def test_certificate_of_another_account_is_not_shown(server, wire, account, responder, name):
    order = account.order(name())
    order.issue(responder)
    got = Account(wire).post(order.body["certificate"], None)
    if server.is_assay:
        assert got.status in (403, 404)
    else:
        assert got.status in (200, 403, 404)


def test_an_order_shows_its_expiry_to_the_end(account, responder, name):
    order = account.order(name())
    order.issue(responder)
    wait_until(lambda: order.reload()["status"] == "valid", 10, "valid")
    assert "expires" in order.body
