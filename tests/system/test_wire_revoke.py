"""Revocation (RFC 8555 §7.6) by account, by authorization and by the certificate's own key."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acmewire import Account, Key, b64, hex_serial, refused


@pytest.fixture
def issued(account, responder, name):
    order = account.order(name())
    chain, _ = order.issue(responder)
    order.der = chain[0].public_bytes(serialization.Encoding.DER)
    return order


def revoke(wire, who, der, **more):
    return who.post(wire.directory["revokeCert"], {"certificate": b64(der), **more})


def test_rfc8555_7_6__by_the_account(wire, account, issued):
    got = revoke(wire, account, issued.der)
    assert (got.status, got.body) == (200, b"")
    refused(revoke(wire, account, issued.der), "alreadyRevoked")


@pytest.mark.parametrize("reason", [0, 1, 3, 4, 5])
def test_rfc8555_7_6__reasons(wire, account, issued, reason):
    assert revoke(wire, account, issued.der, reason=reason).status == 200


@pytest.mark.assay
@pytest.mark.parametrize("reason", [-1, 7, 11, 255, 2**31, 2**64, 2, 6, 8, 10])
def test_rfc8555_7_6__bad_reasons(wire, account, issued, reason):
    refused(revoke(wire, account, issued.der, reason=reason), ("badRevocationReason", "malformed"),
            (400, 403))
    assert revoke(wire, account, issued.der).status == 200


@pytest.mark.assay
@pytest.mark.parametrize("reason", ["1", 1.5, True, []])
def test_rfc8555_7_6__reason_of_wrong_type(wire, account, issued, reason):
    refused(revoke(wire, account, issued.der, reason=reason), ("malformed", "badRevocationReason"))


def test_rfc8555_7_6__by_the_certificates_key(wire, issued):
    key = Key("ES256", issued.key)
    got = wire.post(wire.directory["revokeCert"], {"certificate": b64(issued.der), "reason": 1}, key)
    assert (got.status, got.body) == (200, b""), got


@pytest.mark.parametrize("alg", ["ES384", "RS256"])
def test_rfc8555_7_6__by_the_certificates_key_of_other_types(wire, account, responder, name, alg):
    key = Key(alg)
    chain, _ = account.order(name()).issue(responder, key.private)
    der = chain[0].public_bytes(serialization.Encoding.DER)
    got = wire.post(wire.directory["revokeCert"], {"certificate": b64(der)}, key)
    assert got.status == 200, got


@pytest.mark.assay
def test_rfc8555_7_6__by_an_account_that_holds_all_authorizations(
        wire, account, responder, name, issued):
    other = Account(wire)
    refused(revoke(wire, other, issued.der), "unauthorized", (401, 403))
    wanted = issued.body["identifiers"][0]["value"]
    other.order(wanted).authorize(responder)
    assert revoke(wire, other, issued.der).status == 200


@pytest.mark.assay
def test_rfc8555_7_6__some_authorizations_are_not_enough(wire, account, responder, name):
    names = [name(), name()]
    chain, _ = account.order(*names).issue(responder)
    other = Account(wire)
    other.order(names[0]).authorize(responder)
    der = chain[0].public_bytes(serialization.Encoding.DER)
    refused(revoke(wire, other, der), "unauthorized", (401, 403))


def test_v21__the_certificates_jwk_without_its_signature(wire, issued):
    key = Key("ES256", issued.key)
    forger = Key()
    jws = wire.sign(wire.directory["revokeCert"], {"certificate": b64(issued.der)}, forger,
                    nonce=wire.nonce(), protected={"jwk": key.jwk()})
    got = wire.send(wire.directory["revokeCert"], jws)
    assert got.status in (400, 401, 403), got
    assert wire.post(wire.directory["revokeCert"], {"certificate": b64(issued.der)},
                     key).status == 200


def test_rfc8555_7_6__by_any_other_key(wire, issued):
    got = wire.post(wire.directory["revokeCert"], {"certificate": b64(issued.der)}, Key())
    refused(got, ("unauthorized", "malformed"), (400, 401, 403))


@pytest.mark.assay
def test_v02__the_key_of_another_certificate(wire, account, responder, name, issued):
    other = account.order(name())
    other.issue(responder)
    got = wire.post(wire.directory["revokeCert"], {"certificate": b64(issued.der)},
                    Key("ES256", other.key))
    refused(got, "unauthorized", (401, 403))
    assert revoke(wire, account, issued.der).status == 200


@pytest.mark.assay
def test_rfc8555_7_6__by_a_deactivated_account(wire, account, issued):
    account.post(account.url, {"status": "deactivated"})
    refused(revoke(wire, account, issued.der), "unauthorized", 401)


@pytest.mark.assay
def test_certificates_that_are_not_ours(wire, server, account, issued):
    root = x509.load_pem_x509_certificates(open(server.roots, "rb").read())[0]
    forged = bytearray(issued.der)
    forged[-1] ^= 1
    for der in (root.public_bytes(serialization.Encoding.DER), bytes(forged), issued.der + b"\x00",
                b"", b"\x30\x00"):
        got = revoke(wire, account, der)
        assert got.status in (400, 403, 404), got
        assert got.type == "application/problem+json"
    assert revoke(wire, account, issued.der).status == 200


@pytest.mark.assay
def test_malformed_requests(wire, account):
    for payload in ({}, {"certificate": 1}, {"certificate": "=="}, {"certificate": "A"}):
        refused(account.post(wire.directory["revokeCert"], payload), "malformed")


@pytest.mark.assay
def test_a_revoked_certificate_can_still_be_had(wire, account, issued):
    assert revoke(wire, account, issued.der).status == 200
    assert issued.certificate().status == 200


@pytest.mark.assay
def test_the_operator_sees_the_revocation(server, wire, account, issued):
    serial = hex_serial(x509.load_der_x509_certificate(issued.der))
    revoke(wire, account, issued.der, reason=4)
    shown = server.admin("cert", "show", serial)
    assert "supersede" in str(shown), shown


@pytest.mark.assay
def test_weak_certificate_keys_can_revoke_nothing_new(wire):
    """The jwk of revokeCert is judged as any other (an off-curve point is no key)."""
    key = Key("ES256", ec.generate_private_key(ec.SECP256R1()))
    bad = {**key.jwk(), "y": key.jwk()["x"]}
    got = wire.post(wire.directory["revokeCert"], {"certificate": b64(b"\x30\x00")}, key,
                    protected={"jwk": bad})
    refused(got, ("badPublicKey", "malformed"))
