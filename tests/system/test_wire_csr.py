"""What a certificate request may say (RFC 8555 §7.4; TRUST V06-V10): the names of the order, a
sound key, and nothing else that would be copied."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from acmewire import Account, make_csr, refused
from judge import verify


@pytest.fixture(scope="module")
def ready(server):
    """An account with one valid authorization: new orders for the name are ready at once."""
    from peers import Responder, running

    account = Account(server.wire())
    with running(Responder(server.http01_port)) as responder:
        account.order("csr.test").authorize(responder)
        yield account


def order(ready):
    made = ready.order("csr.test")
    made.reload()
    if made.body["status"] != "ready":
        pytest.skip("authorizations are not reused here")
    return made


def crooked_rsa():
    """A modulus whose length is no multiple of 8 (the library may round what it is asked for)."""
    for bits in (2049, 2050, 2052, 2060):
        key = rsa.generate_private_key(65537, bits)
        if key.key_size % 8:
            return key
    raise AssertionError("none")


KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.assay
@pytest.mark.parametrize("names", [
    ["csr.test", "other.test"], ["other.test"], ["*.csr.test"], ["csr.test", "*.csr.test"],
    ["csr.test", ("ip", "127.0.0.1")], ["csr.test", x509.RFC822Name("a@csr.test")],
    ["csr.test", x509.UniformResourceIdentifier("https://csr.test/")],
    ["csr.test", x509.DirectoryName(x509.Name([]))],
    ["csr.test", x509.RegisteredID(ObjectIdentifier("1.2.3"))],
    ["csr.test", x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a")],
    [], ["csr.test\x00.evil.test"], [" csr.test"], ["sub.csr.test"],
])
def test_v08_v06__names_other_than_the_orders(ready, names):
    made = order(ready)
    refused(made.finalize(make_csr(names, KEY)), "badCSR")
    assert ready.read(made.url)["status"] == "ready"


@pytest.mark.assay
@pytest.mark.parametrize("subject", [
    [(NameOID.COMMON_NAME, "other.test")],
    [(NameOID.COMMON_NAME, "csr.test"), (NameOID.COMMON_NAME, "csr.test")],
    [(NameOID.COMMON_NAME, "csr.test"), (NameOID.COMMON_NAME, "other.test")],
    [(NameOID.COMMON_NAME, "csr.test\x00x")],
])
def test_v09__common_names(ready, subject):
    refused(order(ready).finalize(make_csr(["csr.test"], KEY, subject=subject)), "badCSR")


@pytest.mark.assay
@pytest.mark.parametrize("extension", [
    x509.BasicConstraints(True, None), x509.BasicConstraints(True, 0),
])
def test_v10__a_ca_is_refused(ready, extension):
    csr = make_csr(["csr.test"], KEY, extensions=[(extension, True)])
    refused(order(ready).finalize(csr), "badCSR")


@pytest.mark.assay
def test_v10__no_other_extension_is_copied(server, ready):
    plain = order(ready)
    assert plain.finalize(make_csr(["csr.test"], KEY)).status == 200
    plain.wait()
    fancy = order(ready)
    csr = make_csr(
        ["csr.test"], KEY, subject=[(NameOID.ORGANIZATION_NAME, "Evil"), (NameOID.COUNTRY_NAME, "XX")],
        extensions=[
            (x509.KeyUsage(True, True, True, True, True, True, True, False, False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING,
                                    ExtendedKeyUsageOID.CODE_SIGNING]), False),
            (x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("2.5.29.32.0"),
                                                              None)]), False),
            (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),
        ],
    )
    got = fancy.finalize(csr)
    if got.status != 200:
        refused(got, "badCSR")
        return
    fancy.wait()
    one, two = (x509.load_pem_x509_certificate(o.certificate().body) for o in (plain, fancy))
    assert [e.oid for e in one.extensions] == [e.oid for e in two.extensions]
    for a, b in zip(one.extensions, two.extensions):
        assert a.critical == b.critical
        if a.oid.dotted_string not in ("2.5.29.14",):
            assert a.value == b.value
    assert one.subject == two.subject
    assert not two.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.assay
@pytest.mark.parametrize("make", [
    lambda: rsa.generate_private_key(65537, 1024), lambda: rsa.generate_private_key(3, 2048),
    crooked_rsa, lambda: ec.generate_private_key(ec.SECP256K1()),
    lambda: ec.generate_private_key(ec.SECP192R1()),
    lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
], ids=["rsa1024", "rsa-e3", "rsa-crooked", "secp256k1", "p192", "brainpool"])
def test_v67__keys_that_are_refused(ready, make):
    try:
        csr = make_csr(["csr.test"], make())
    except Exception as error:  # the library of the tests does not make it
        pytest.skip(str(error))
    refused(order(ready).finalize(csr), "badCSR")


@pytest.mark.parametrize("make", [
    lambda: rsa.generate_private_key(65537, 2048), lambda: rsa.generate_private_key(65537, 3072),
    lambda: ec.generate_private_key(ec.SECP256R1()), lambda: ec.generate_private_key(ec.SECP384R1()),
], ids=["rsa2048", "rsa3072", "p256", "p384"])
def test_keys_that_are_good(server, ready, make):
    made = order(ready)
    got = made.finalize(make_csr(["csr.test"], make()))
    assert got.status == 200, got
    assert made.wait()["status"] == "valid"
    verify(made.certificate().body, server.issued_by)


@pytest.mark.assay
def test_ed25519_is_answered_clearly(ready):
    made = order(ready)
    got = made.finalize(make_csr(["csr.test"], ed25519.Ed25519PrivateKey.generate()))
    if got.status == 200:
        assert made.wait()["status"] == "valid"
    else:
        refused(got, "badCSR")


def test_rfc8555_11_1__the_account_key_is_refused(ready):
    refused(order(ready).finalize(make_csr(["csr.test"], ready.key.private)), "badCSR")


@pytest.mark.assay
def test_bad_signature(ready):
    csr = bytearray(make_csr(["csr.test"], KEY))
    csr[-1] ^= 1
    refused(order(ready).finalize(bytes(csr)), "badCSR")


@pytest.mark.assay
def test_weak_digest(ready):
    try:
        csr = make_csr(["csr.test"], rsa.generate_private_key(65537, 2048), digest=hashes.MD5())
    except Exception as error:
        pytest.skip(str(error))
    refused(order(ready).finalize(csr), "badCSR")


@pytest.mark.assay
@pytest.mark.parametrize("spoil", [
    lambda d: d + b"\x00", lambda d: d[:-1], lambda d: b"", lambda d: b"\x30\x80" + d[4:],
    lambda d: d + d, lambda d: b"-----BEGIN CERTIFICATE REQUEST-----", lambda d: b"\x30" * 20000,
    lambda d: b"\x30\x84\xff\xff\xff\xff",
], ids=["trailing", "short", "empty", "indefinite", "twice", "pem", "deep", "huge"])
def test_bad_der(ready, spoil):
    refused(order(ready).finalize(spoil(make_csr(["csr.test"], KEY))), ("badCSR", "malformed"))


@pytest.mark.assay
@pytest.mark.parametrize("payload", [{}, {"csr": 1}, {"csr": None}, {"csr": "*"}, {"csr": "A"},
                                     {"csr": "AAAA+/"}, {"CSR": "AA"}])
def test_bad_payload(ready, payload):
    made = order(ready)
    refused(ready.post(made.body["finalize"], payload), ("malformed", "badCSR"))


@pytest.mark.assay
def test_spelling_of_names_is_free(server, ready):
    """FIELD Q10: order, case and duplicates of the SAN, the CN as one of them."""
    made = order(ready)
    got = made.finalize(make_csr(["CSR.Test", "csr.test"], KEY, common_name="cSr.tEst"))
    assert got.status == 200, got
    made.wait()
    certificate = x509.load_pem_x509_certificate(made.certificate().body)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("csr.test")]
