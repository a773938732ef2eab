"""Request authentication (RFC 8555 §6): every rule broken in turn."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from acmewire import ERROR, Account, Key, b64, dumps, refused, unb64


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "RS256", "EdDSA"])
def test_rfc8555_6_2__algorithms(wire, alg):
    if alg == "EdDSA" and wire.directory_url.endswith("/dir"):
        pytest.skip("Pebble knows no EdDSA")
    account = Account(wire, Key(alg))
    assert account.read(account.url)["status"] == "valid"


@pytest.mark.parametrize("alg", ["none", "HS256", "HS512", "PS256", "RS1", "ES256K", "es256"])
def test_rfc8555_6_2__other_algorithms_are_refused(wire, alg):
    got = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, Key(),
                    algorithm=alg)
    refused(got, ("badSignatureAlgorithm", "malformed"))
    if alg in ("none", "HS256", "PS256"):
        assert got.problem() == "badSignatureAlgorithm" or "alg" in got.json()["detail"]


@pytest.mark.assay
def test_rfc8555_6_2__bad_signature_algorithm_lists_the_good_ones(wire):
    got = wire.post(wire.directory["newAccount"], {}, Key(), algorithm="HS256")
    body = refused(got, "badSignatureAlgorithm")
    assert {"ES256", "ES384", "ES512", "RS256", "EdDSA"} <= set(body["algorithms"])


def test_rfc8555_6_2__empty_signature_with_none(wire):
    got = wire.post(wire.directory["newAccount"], {}, Key(), algorithm="none", signature=b"")
    refused(got, ("badSignatureAlgorithm", "malformed"))


@pytest.mark.parametrize("alg, other", [("ES256", "ES384"), ("ES384", "ES256"), ("RS256", "ES256"),
                                        ("ES256", "RS256")])
def test_rfc8555_6_2__algorithm_of_another_key_type(wire, alg, other):
    got = wire.post(wire.directory["newAccount"], {}, Key(alg), algorithm=other)
    refused(got, ("badSignatureAlgorithm", "malformed", "badPublicKey"))


@pytest.mark.assay
def test_rfc8555_6_2__algorithm_must_be_that_of_the_stored_key(wire, account):
    """The header of a kid request cannot choose how the stored key is used (TRUST V21)."""
    key = Key("RS256")
    got = wire.post(account.url, None, key, account.url)
    refused(got, ("badSignatureAlgorithm", "malformed", "unauthorized"), (400, 401, 403))


def test_rfc8555_6_2__bad_signature(wire, account):
    good = wire.sign(account.url, None, account.key, account.url, wire.nonce())
    signature = bytearray(unb64(good["signature"]))
    signature[-1] ^= 1
    refused(wire.send(account.url, {**good, "signature": b64(bytes(signature))}),
            ("malformed", "unauthorized"), (400, 401, 403))


def test_rfc8555_6_2__signature_of_another_account(wire, account):
    other = Account(wire)
    got = wire.post(account.url, None, other.key, account.url)
    refused(got, ("malformed", "unauthorized"), (400, 401, 403))


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_rfc8555_6_2__signature_of_wrong_length(wire, account, length):
    got = wire.post(account.url, None, account.key, account.url, signature=b"\x01" * length)
    refused(got, ("malformed", "unauthorized"), (400, 401, 403))


@pytest.mark.assay
def test_rfc7518_3_4__signature_in_der_is_refused(wire, account):
    der = account.key.private.sign(b"x", ec.ECDSA(__import__(
        "cryptography.hazmat.primitives.hashes", fromlist=["SHA256"]).SHA256()))
    got = wire.post(account.url, None, account.key, account.url, signature=der)
    refused(got, "malformed", (400, 401, 403))


@pytest.mark.assay
def test_rfc7518_3_4__zero_signature_is_refused(wire, account):
    got = wire.post(account.url, None, account.key, account.url, signature=bytes(64))
    refused(got, ("malformed", "unauthorized"), (400, 401, 403))


def test_rfc8555_6_2__jwk_and_kid_together(wire, account):
    got = wire.post(account.url, None, account.key, account.url,
                    protected={"jwk": account.key.jwk()})
    refused(got, "malformed")


def test_rfc8555_6_2__neither_jwk_nor_kid(wire, account):
    refused(wire.post(account.url, None, account.key, drop=["jwk"]), "malformed")


def test_rfc8555_6_2__kid_where_jwk_is_required(wire, account):
    got = wire.post(wire.directory["newAccount"], {}, account.key, account.url)
    refused(got, "malformed")


def test_rfc8555_6_2__jwk_where_kid_is_required(wire, account, name):
    for url in (wire.directory["newOrder"], account.url):
        got = wire.post(url, {"identifiers": [{"type": "dns", "value": name()}]}, account.key)
        refused(got, "malformed")


@pytest.mark.parametrize("member", ["alg", "nonce", "url"])
def test_rfc8555_6_2__protected_members_that_must_be(wire, account, member):
    got = wire.post(account.url, None, account.key, account.url, drop=[member])
    kinds = ("badNonce", "malformed") if member == "nonce" else (
        "malformed", "badSignatureAlgorithm", "unauthorized")
    refused(got, kinds, (400, 401, 403))


@pytest.mark.assay
def test_rfc8555_6_5_2__missing_nonce_is_bad_nonce(wire, account):
    refused(wire.post(account.url, None, account.key, account.url, drop=["nonce"]), "badNonce")


@pytest.mark.assay
@pytest.mark.parametrize("value", [1, None, [], {}, True])
@pytest.mark.parametrize("member", ["alg", "nonce", "url", "kid"])
def test_rfc8555_6_2__protected_members_of_wrong_type(wire, account, member, value):
    got = wire.post(account.url, None, account.key, account.url, protected={member: value})
    refused(got, ("malformed", "badNonce", "badSignatureAlgorithm"))


@pytest.mark.assay
@pytest.mark.parametrize("members", [{"crit": ["b64"], "b64": False}, {"crit": ["exp"]},
                                     {"b64": False}, {"crit": []}])
def test_rfc7515_4_1_11__crit_and_unencoded_payload(wire, account, members):
    got = wire.post(account.url, None, account.key, account.url, protected=members)
    refused(got, "malformed")


def test_rfc8555_6_2__unprotected_header(wire, account):
    got = wire.post(account.url, None, account.key, account.url, extra={"header": {"x": 1}})
    refused(got, "malformed")


def test_rfc8555_6_2__several_signatures(wire, account):
    good = wire.sign(account.url, None, account.key, account.url, wire.nonce())
    one = {"protected": good["protected"], "signature": good["signature"]}
    for jws in ({"payload": good["payload"], "signatures": [one]},
                {**good, "signatures": [one]}):
        refused(wire.send(account.url, jws), "malformed")


def test_rfc8555_6_2__compact_serialization(wire, account):
    good = wire.sign(account.url, None, account.key, account.url, wire.nonce())
    text = ".".join((good["protected"], good["payload"], good["signature"]))
    refused(wire.send(account.url, text), "malformed")


@pytest.mark.assay
@pytest.mark.parametrize("member", ["protected", "payload", "signature"])
@pytest.mark.parametrize("spoil", ["=", "==", " ", "\n", "+", "/", "*", "\x00"])
def test_rfc8555_6_1__base64url_without_padding(wire, account, member, spoil):
    good = wire.sign(account.url, {"contact": []}, account.key, account.url, wire.nonce())
    refused(wire.send(account.url, {**good, member: good[member] + spoil}), "malformed")


@pytest.mark.assay
def test_rfc4648_3_5__unused_bits_must_be_zero(wire, account):
    """Two texts for the same octets would be two spellings of one request."""
    good = wire.sign(account.url, {"contact": []}, account.key, account.url, wire.nonce())
    text = good["signature"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]
    assert unb64(other) == unb64(text)
    refused(wire.send(account.url, {**good, "signature": other}), "malformed")


@pytest.mark.parametrize("member", ["protected", "payload", "signature"])
def test_rfc7515_7_2_2__members_that_must_be(wire, account, member):
    good = wire.sign(account.url, None, account.key, account.url, wire.nonce())
    del good[member]
    refused(wire.send(account.url, good), ("malformed", "badNonce", "unauthorized", "badSignatureAlgorithm"), (400, 401, 403))


@pytest.mark.assay
@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "{}", "1", "\xff",
                                  '{"protected":1}', '{"protected":""}', "{" * 10000,
                                  '{"a":"\\ud800"}', '{"protected":"e30","payload":"",'
                                  '"signature":"","signature":""}'])
def test_malformed_bodies(wire, account, body):
    refused(wire.send(account.url, body.encode("latin-1")), ("malformed", "badSignatureAlgorithm"))


@pytest.mark.assay
def test_rfc8259_4__duplicate_members(wire, account):
    good = wire.sign(account.url, None, account.key, account.url, wire.nonce())
    text = dumps(good)[:-1] + ',"payload":""}'
    refused(wire.send(account.url, text), "malformed")
    head = dumps({"alg": "ES256", "kid": account.url, "nonce": wire.nonce(), "url": account.url})
    head = b64(head[:-1] + f',"url":"{account.url}"}}')
    signature = account.key.sign(f"{head}.".encode())
    refused(wire.send(account.url, {"protected": head, "payload": "", "signature": b64(signature)}),
            "malformed")


@pytest.mark.assay
def test_rfc8555_6_4__url_must_be_the_one_asked(wire, account, name):
    """RFC 8555 §6.4: MUST reject as unauthorized."""
    for url in (wire.directory["newOrder"], account.url + "x", account.url + "?x",
                account.url.replace("https:", "http:"), account.url.upper(), ""):
        got = wire.send(account.url, wire.sign(url, None, account.key, account.url, wire.nonce()))
        refused(got, ("unauthorized", "malformed") if not url else "unauthorized", (400, 401, 403))


def test_rfc8555_6_4__url_of_another_resource(wire, account):
    got = wire.send(account.url, wire.sign(wire.directory["newOrder"], None, account.key,
                                           account.url, wire.nonce()))
    refused(got, ("unauthorized", "malformed"), (400, 401, 403))


def test_rfc8555_6_5__nonce_is_used_once(wire, account):
    nonce = wire.nonce()
    assert wire.post(account.url, None, account.key, account.url, nonce=nonce).status == 200
    got = wire.post(account.url, None, account.key, account.url, nonce=nonce)
    refused(got, "badNonce")
    assert got.nonce and got.nonce != nonce


def test_rfc8555_6_5__the_nonce_of_an_error_is_good(wire, account):
    got = wire.post(account.url, None, account.key, account.url, nonce="Zm9vYmFyZm9vYmFyZm9vYmFy")
    refused(got, "badNonce")
    assert wire.post(account.url, None, account.key, account.url, nonce=got.nonce).status == 200


@pytest.mark.assay
def test_rfc8555_6_5__forged_nonces(wire, account):
    good = wire.nonce()
    octets = bytearray(unb64(good))
    for at in range(len(octets)):
        forged = bytearray(octets)
        forged[at] ^= 0x40
        got = wire.post(account.url, None, account.key, account.url, nonce=b64(bytes(forged)))
        refused(got, "badNonce")
    # None of them has used up the real one.
    assert wire.post(account.url, None, account.key, account.url, nonce=good).status == 200


@pytest.mark.assay
@pytest.mark.parametrize("nonce", ["not base64url!", "a=b", "", "é"])
def test_rfc8555_6_5_2__nonce_that_is_not_base64url_is_malformed(wire, account, nonce):
    got = wire.post(account.url, None, account.key, account.url, nonce=nonce)
    refused(got, ("malformed", "badNonce") if nonce == "" else "malformed")


@pytest.mark.assay
def test_rfc8555_6_5__a_refused_signature_does_not_use_up_another_nonce(wire, account):
    keep = wire.nonce()
    got = wire.post(account.url, None, account.key, account.url, signature=bytes(64))
    assert got.status >= 400
    assert wire.post(account.url, None, account.key, account.url, nonce=keep).status == 200


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", "",
                                          "application/jose", "application/jose+jsonx"])
def test_rfc8555_6_2__content_type_415(wire, account, content_type):
    got = wire.post(account.url, None, account.key, account.url, content_type=content_type)
    assert got.status == 415, got
    assert got.type == "application/problem+json"


@pytest.mark.parametrize("kid", ["", "1", "https://elsewhere.test/acct/1", "{}x", "{}/", "{}?a"])
def test_unknown_kid(wire, account, kid):
    got = wire.post(account.url, None, account.key, kid.format(account.url))
    refused(got, ("accountDoesNotExist", "malformed", "unauthorized"), (400, 401, 403))


def test_rfc8555_6_7__unknown_account_does_not_exist(wire, account):
    kid = account.url[:-1] + ("0" if account.url[-1] != "0" else "1")
    got = wire.post(wire.directory["newOrder"], {}, account.key, kid)
    refused(got, ("accountDoesNotExist",), (400, 401, 403))


@pytest.mark.assay
@pytest.mark.parametrize("bits, exponent", [(1024, 65537), (2048, 3)])
def test_weak_rsa_account_keys(wire, bits, exponent):
    key = Key("RS256", rsa.generate_private_key(exponent, bits))
    got = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, key)
    refused(got, "badPublicKey")


@pytest.mark.assay
def test_rfc7638__jwk_with_private_members_is_refused(wire):
    key = Key()
    d = key.private.private_numbers().private_value.to_bytes(32, "big")
    got = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, key,
                    protected={"jwk": {**key.jwk(), "d": b64(d)}})
    refused(got, ("badPublicKey", "malformed"))


@pytest.mark.parametrize("change", [
    {"crv": "P-384"}, {"crv": "secp256k1"}, {"kty": "oct"}, {"kty": "RSA"}, {"x": ""},
    {"x": b64(bytes(32)), "y": b64(bytes(32))}, {"y": b64(b"\x01" * 32)}, {"x": b64(b"\xff" * 32)},
    {"x": 5}, {"kty": None},
])
def test_bad_jwks(wire, change):
    key = Key()
    got = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, key,
                    protected={"jwk": {**key.jwk(), **change}})
    refused(got, ("badPublicKey", "malformed", "badSignatureAlgorithm"))


@pytest.mark.assay
def test_payload_must_be_an_object(wire):
    for payload in ("[]", "1", '"x"', "null", "{", '{"contact":[],"contact":[]}',
                    '{"a":' * 40 + "1" + "}" * 40, b"\xff\xfe"):
        got = wire.post(wire.directory["newAccount"], payload, Key())
        refused(got, "malformed")


@pytest.mark.assay
def test_rfc8555_6_3__post_as_get_payload_must_be_empty(wire, account, name):
    order = account.order(name())
    for url in (order.url, account.read(account.url)["orders"]):
        refused(account.post(url, {}), "malformed")


def test_problems_have_no_null_members(wire, account):
    """certbot broke on "subproblems": null (OpenBao GH-1236)."""
    got = account.try_order(("dns", "bad name"), ("dns", "also bad name"))
    assert got.status == 400

    def walk(value):
        assert value is not None
        for inner in value.values() if isinstance(value, dict) else (
                value if isinstance(value, list) else ()):
            walk(inner)

    walk(got.json())
    assert got.json()["type"].startswith(ERROR)
    assert json.loads(got.body)
