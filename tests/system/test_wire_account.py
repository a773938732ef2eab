"""Accounts (RFC 8555 §7.3): creation, reading, update, orders list, key rollover, deactivation."""

import pytest

from acmewire import Account, Key, b64, dumps, make_csr, refused


def test_rfc8555_7_3__created_account(wire):
    account = Account(wire, contact=["mailto:a@example.com"])
    assert account.created.status == 201
    body = account.created.json()
    assert body["status"] == "valid"
    assert body["contact"] == ["mailto:a@example.com"]
    assert account.url.startswith("https://")
    assert account.read(account.url)["contact"] == ["mailto:a@example.com"]
    assert account.read(account.url)["orders"].startswith("https://")


@pytest.mark.assay
def test_rfc8555_7_3_1__same_key_again_changes_nothing(wire):
    account = Account(wire, contact=["mailto:a@example.com"])
    got = wire.post(wire.directory["newAccount"],
                    {"termsOfServiceAgreed": True, "contact": ["mailto:b@example.com"]},
                    account.key)
    assert got.status == 200
    assert got.location == account.url
    assert got.json()["contact"] == ["mailto:a@example.com"]


def test_rfc8555_7_3_1__only_return_existing(wire):
    key = Key()
    got = wire.post(wire.directory["newAccount"], {"onlyReturnExisting": True}, key)
    refused(got, "accountDoesNotExist")
    account = Account(wire, key)
    got = wire.post(wire.directory["newAccount"], {"onlyReturnExisting": True}, key)
    assert (got.status, got.location) == (200, account.url)


def test_rfc8555_7_3__members_that_the_server_owns_are_ignored(wire):
    account = Account(wire, status="deactivated", orders="https://elsewhere.test/",
                      onlyReturnExisting=False, strange="x")
    for shown in (account.created.json(), account.read(account.url)):
        assert not {"onlyReturnExisting", "strange"} & set(shown)
    body = account.read(account.url)
    assert body["status"] == "valid"
    assert "elsewhere" not in body["orders"]


@pytest.mark.assay
@pytest.mark.parametrize("value", ["yes", 1, None, []])
def test_rfc8555_7_3__terms_agreed_is_a_boolean(wire, value):
    got = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": value}, Key())
    refused(got, ("malformed", "userActionRequired"), (400, 403))


@pytest.mark.assay
@pytest.mark.parametrize("contact, problem", [
    (["tel:+12025551212"], "unsupportedContact"),
    (["https://example.com"], "unsupportedContact"),
    (["a@example.com"], "unsupportedContact"),
    (["mailto:"], "invalidContact"),
    (["mailto:a"], "invalidContact"),
    (["mailto:a@example.com,b@example.com"], "invalidContact"),
    (["mailto:a@example.com?subject=x"], "invalidContact"),
    (["mailto:a@example.com", "tel:1"], "unsupportedContact"),
    (["mailto:a\r\nb@example.com"], "invalidContact"),
    (["mailto:" + "a" * 400 + "@example.com"], "invalidContact"),
    ("mailto:a@example.com", "malformed"),
    ([1], "malformed"),
    (["mailto:a@example.com"] * 11, ("invalidContact", "malformed")),
])
def test_rfc8555_7_3__contacts(wire, contact, problem):
    kinds = problem if isinstance(problem, tuple) else (problem, "malformed")
    if problem == "unsupportedContact":
        kinds = ("unsupportedContact", "invalidContact")
    payload = {"termsOfServiceAgreed": True, "contact": contact}
    refused(wire.post(wire.directory["newAccount"], payload, Key()), kinds)


def test_rfc8555_7_3_2__update(wire):
    account = Account(wire, contact=["mailto:a@example.com"])
    got = account.post(account.url, {"contact": ["mailto:b@example.com"]})
    assert got.status == 200
    assert got.json()["contact"] == ["mailto:b@example.com"]
    assert account.read(account.url)["contact"] == ["mailto:b@example.com"]


@pytest.mark.assay
def test_rfc8555_7_3_2__update_ignores_what_is_the_servers(wire):
    """RFC 8555 §7.3.2: MUST ignore any updates to orders, status (but deactivation) and so on."""
    account = Account(wire)
    got = account.post(account.url, {"termsOfServiceAgreed": True, "orders": "x", "key": {}})
    assert got.status == 200
    for status in ("revoked", "valid", "nonsense"):
        assert account.post(account.url, {"status": status}).status == 200
    assert account.read(account.url)["status"] == "valid"


@pytest.mark.assay
def test_others_accounts_are_not_shown(wire, account):
    other = Account(wire)
    got = wire.post(account.url, None, other.key, other.url)
    assert got.status in (401, 403, 404), got
    assert b"contact" not in got.body


def test_rfc8555_7_3_6__deactivation(wire, name):
    account = Account(wire)
    order = account.order(name())
    url, challenge = order.challenge()
    got = account.post(account.url, {"status": "deactivated"})
    assert got.status == 200
    assert got.json()["status"] == "deactivated"
    for resource, payload in ((account.url, None), (order.url, None), (url, None),
                              (challenge["url"], {}),
                              (wire.directory["newOrder"], {"identifiers": []})):
        refused(account.post(resource, payload), ("unauthorized", "accountDoesNotExist"),
                (401, 403))
    got = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, account.key)
    assert got.status in (401, 403), got


@pytest.mark.assay
def test_rfc8555_7_3_6__deactivated_is_401_unauthorized(wire):
    account = Account(wire)
    account.post(account.url, {"status": "deactivated"})
    refused(account.post(account.url, None), "unauthorized", 401)
    refused(account.post(account.url, {"status": "valid"}), "unauthorized", 401)


@pytest.mark.assay
def test_rfc8555_7_3_3__who_must_agree_is_told_to_what(served):
    wire = served.wire()
    got = wire.post(wire.directory["newAccount"], {}, Key())
    terms = wire.directory["meta"]["termsOfService"]
    assert refused(got, "userActionRequired", 403)["instance"] == terms
    assert got.links("terms-of-service") == [terms]
    assert got.links("index") == [wire.directory_url]


# --- orders list (RFC 8555 §7.1.2.1)

@pytest.mark.assay
def test_rfc8555_7_1_2_1__orders_list_in_pages(wire, account, name):
    made = [account.order(name()).url for _ in range(130)]
    url, seen, pages = account.read(account.url)["orders"], [], 0
    while url:
        got = account.post(url, None)
        assert got.status == 200, got
        seen += got.json()["orders"]
        pages += 1
        following = got.links("next")
        assert len(following) <= 1
        url = following[0] if following else None
    assert sorted(seen) == sorted(made)
    assert pages >= 2


@pytest.mark.assay
def test_rfc8555_7_1_2_1__orders_of_others_are_not_shown(wire, account):
    other = Account(wire)
    got = wire.post(account.read(account.url)["orders"], None, other.key, other.url)
    assert got.status in (403, 404), got


@pytest.mark.assay
@pytest.mark.parametrize("cursor", ["?cursor=x", "?cursor=", "?after=%00", "?cursor=" + "9" * 400])
def test_orders_list_with_bad_cursors(account, cursor):
    got = account.post(account.read(account.url)["orders"] + cursor, None)
    assert got.status in (200, 400, 404), got


# --- key rollover (RFC 8555 §7.3.5)

def inner_jws(wire, account, new_key, **changes):
    url = wire.directory["keyChange"]
    payload = {"account": account.url, "oldKey": account.key.jwk()}
    payload.update(changes.pop("payload", {}))
    for gone in changes.pop("without", ()):
        payload.pop(gone)
    return wire.sign(changes.pop("url", url), payload, changes.pop("signer", new_key), **changes)


def roll(wire, account, new_key, **changes):
    return account.post(wire.directory["keyChange"], inner_jws(wire, account, new_key, **changes))


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_rfc8555_7_3_5__key_change(wire, alg):
    account = Account(wire)
    new_key = Key(alg)
    old_key = account.key
    got = roll(wire, account, new_key)
    assert got.status == 200, got
    account.key = new_key
    assert account.read(account.url)["status"] == "valid"
    refused(wire.post(account.url, None, old_key, account.url),
            ("malformed", "unauthorized", "badSignatureAlgorithm"), (400, 401, 403))
    # The old key belongs to nobody now.
    got = wire.post(wire.directory["newAccount"], {"onlyReturnExisting": True}, old_key)
    refused(got, "accountDoesNotExist")
    got = wire.post(wire.directory["newAccount"], {"onlyReturnExisting": True}, new_key)
    assert got.location == account.url


@pytest.mark.assay
def test_rfc8555_7_3_5__key_of_another_account_is_409(wire, account):
    other = Account(wire)
    got = roll(wire, account, other.key)
    assert got.status == 409, got
    assert got.location == other.url
    assert account.read(account.url)["status"] == "valid"


def test_rfc8555_7_3_5__own_key_is_refused(wire, account):
    """The new key is already that of an account, this one."""
    got = roll(wire, account, account.key)
    assert got.status in (400, 409), got


@pytest.mark.assay
@pytest.mark.parametrize("changes, problem", [
    ({"payload": {"account": "https://elsewhere.test/1"}}, ("malformed", "unauthorized")),
    ({"payload": {"account": 1}}, "malformed"),
    ({"payload": {"oldKey": 1}}, "malformed"),
    ({"without": ["account"]}, "malformed"),
    ({"without": ["oldKey"]}, "malformed"),
    ({"url": "https://elsewhere.test/key-change"}, ("malformed", "unauthorized")),
    ({"drop": ["url"]}, "malformed"),
    ({"drop": ["jwk"]}, "malformed"),
    ({"signature": bytes(64)}, ("malformed", "unauthorized")),
    ({"algorithm": "HS256"}, "badSignatureAlgorithm"),
    ({"extra": {"header": {}}}, "malformed"),
])
def test_rfc8555_7_3_5__every_check(wire, account, changes, problem):
    new_key = Key()
    refused(roll(wire, account, new_key, **dict(changes)), problem, (400, 401, 403))
    assert account.read(account.url)["status"] == "valid"
    got = wire.post(wire.directory["newAccount"], {"onlyReturnExisting": True}, new_key)
    refused(got, "accountDoesNotExist")


@pytest.mark.assay
def test_rfc8555_7_3_5__old_key_must_be_the_accounts(wire, account):
    got = roll(wire, account, Key(), payload={"oldKey": Key().jwk()})
    refused(got, ("malformed", "unauthorized"), (400, 401, 403))


@pytest.mark.assay
def test_rfc8555_7_3_5__inner_signature_by_another_key(wire, account):
    new_key = Key()
    inner = inner_jws(wire, account, new_key, signer=Key(), protected={"jwk": new_key.jwk()})
    refused(account.post(wire.directory["keyChange"], inner), ("malformed", "unauthorized"),
            (400, 401, 403))


@pytest.mark.assay
def test_rfc8555_7_3_5__inner_with_kid(wire, account):
    new_key = Key()
    inner = wire.sign(wire.directory["keyChange"],
                      {"account": account.url, "oldKey": account.key.jwk()}, new_key, account.url)
    refused(account.post(wire.directory["keyChange"], inner), "malformed")


@pytest.mark.assay
def test_rfc8555_7_3_5__outer_with_jwk(wire, account):
    new_key = Key()
    got = wire.post(wire.directory["keyChange"], inner_jws(wire, account, new_key), account.key)
    refused(got, "malformed")


@pytest.mark.assay
def test_rfc8555_7_3_5__weak_new_key(wire, account):
    from cryptography.hazmat.primitives.asymmetric import rsa

    weak = Key("RS256", rsa.generate_private_key(65537, 1024))
    refused(roll(wire, account, weak), "badPublicKey")


@pytest.mark.assay
def test_rfc8555_7_3_5__payload_is_not_a_jws(account, wire):
    for payload in ({}, {"protected": "", "payload": "", "signature": ""}, ""):
        got = account.post(wire.directory["keyChange"], payload)
        refused(got, ("malformed", "badSignatureAlgorithm"))


def test_orders_survive_a_key_change(wire, responder, name):
    account = Account(wire)
    order = account.order(name()).authorize(responder)
    new_key = Key("ES384") if not wire.directory_url.endswith("/dir") else Key("RS256")
    assert roll(wire, account, new_key).status == 200
    account.key = new_key
    got = order.finalize(make_csr([i["value"] for i in order.body["identifiers"]]))
    assert got.status == 200, got
    assert order.wait()["status"] == "valid"


def test_rfc8555_7_3_5__challenges_after_a_key_change_use_the_new_thumbprint(
        wire, responder, name):
    """RFC 8555 §7.3.5: the key authorization is made of the account's current key."""
    account = Account(wire)
    order = account.order(name())
    new_key = Key()
    assert roll(wire, account, new_key).status == 200
    account.key = new_key
    order.authorize(responder)


# --- external account binding that nobody asked for (RFC 8555 §7.3.4)

@pytest.mark.assay
def test_rfc8555_7_3_4__unknown_binding(wire):
    key = Key()
    eab = wire.eab(key, "nobody", b64(b"k" * 32))
    got = wire.post(wire.directory["newAccount"],
                    {"termsOfServiceAgreed": True, "externalAccountBinding": eab}, key)
    # Either the binding is refused or, where the directory wants none, it is ignored.
    assert got.status in (201, 400, 401, 403), got
    assert dumps(got.json())
