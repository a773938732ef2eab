"""What is issued, to the octet: lints of others, lifetimes, serials, the chain (RFC 5280)."""

import datetime
import pathlib
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import judge
from servers import TOOLS

pytestmark = pytest.mark.assay

LINTS = pathlib.Path(__file__).with_name("lints.md")


def left_out(linter):
    """The lints that lints.md leaves out, each with its reason there."""
    found = {}
    for line in LINTS.read_text().splitlines():
        match = re.fullmatch(r"\| (\w+) \| `([^`]+)` \| (.+) \|", line)
        if match and match.group(1) == linter:
            found[match.group(2)] = match.group(3)
    return found


@pytest.fixture(scope="module")
def certificates(server):
    """One certificate of each profile, and one of each kind of key and name."""
    from acmewire import Account
    from peers import Responder, running

    made = {}
    with running(Responder(server.http01_port)) as responder:
        account = Account(server.wire())
        for label, names, key in (
            ("p256", ["lint1.test"], ec.generate_private_key(ec.SECP256R1())),
            ("p384", ["lint2.test", "www.lint2.test"], ec.generate_private_key(ec.SECP384R1())),
            ("rsa", ["lint3.test"], rsa.generate_private_key(65537, 2048)),
            ("address", [("ip", "127.0.0.1")], ec.generate_private_key(ec.SECP256R1())),
            ("long", ["a" * 60 + ".lint4.test"], ec.generate_private_key(ec.SECP256R1())),
        ):
            chain, pem = account.order(*names).issue(responder, key)
            made[label] = (chain, pem)
    return made


LABELS = ["p256", "p384", "rsa", "address", "long"]


@pytest.mark.parametrize("label", LABELS)
def test_zlint(certificates, label):
    if not (TOOLS / "zlint").exists():
        pytest.skip("zlint was not built: no Go here")
    found = judge.zlint(judge.blocks(certificates[label][1])[0])
    unexplained = {k: v for k, v in found.items() if k not in left_out("zlint")}
    assert unexplained == {}


def test_zlint_of_the_cas(server, certificates):
    if not (TOOLS / "zlint").exists():
        pytest.skip("zlint was not built: no Go here")
    roots = pathlib.Path(server.roots).read_bytes()
    for pem in [*judge.blocks(certificates["p256"][1])[1:], *judge.blocks(roots)]:
        found = judge.zlint(pem)
        unexplained = {k: v for k, v in found.items() if k not in left_out("zlint")}
        assert unexplained == {}


@pytest.mark.parametrize("label", LABELS)
def test_pkilint(certificates, label):
    pem = judge.blocks(certificates[label][1])[0]
    found = judge.pkilint(pem, "lint_pkix_cert")
    found.update(judge.pkilint(pem, "lint_cabf_serverauth_cert", "-t", "DV-FINAL-CERTIFICATE"))
    unexplained = {k: v for k, v in found.items() if k not in left_out("pkilint")}
    assert unexplained == {}


def test_pkilint_of_the_cas(server, certificates):
    roots = pathlib.Path(server.roots).read_bytes()
    for pem in [*judge.blocks(certificates["p256"][1])[1:], *judge.blocks(roots)]:
        found = judge.pkilint(pem, "lint_pkix_cert")
        unexplained = {k: v for k, v in found.items() if k not in left_out("pkilint")}
        assert unexplained == {}


def test_every_lint_that_is_left_out_is_still_needed(server, certificates):
    """A row of lints.md that no certificate needs any more is taken out."""
    if not (TOOLS / "zlint").exists():
        pytest.skip("zlint was not built: no Go here")
    zlint, pkilint = set(), set()
    everything = [judge.blocks(pem) for _, pem in certificates.values()]
    leaves = [pems[0] for pems in everything]
    cas = everything[0][1:] + judge.blocks(pathlib.Path(server.roots).read_bytes())
    for pem in leaves + cas:
        zlint |= set(judge.zlint(pem))
        pkilint |= set(judge.pkilint(pem, "lint_pkix_cert"))
    for pem in leaves:
        pkilint |= set(judge.pkilint(pem, "lint_cabf_serverauth_cert", "-t",
                                     "DV-FINAL-CERTIFICATE"))
    assert set(left_out("zlint")) - zlint == set()
    assert set(left_out("pkilint")) - pkilint == set()


def test_v28__lifetime_is_exactly_that_of_the_profile(certificates):
    """RFC 5280 §4.1.2.5: both ends belong to the lifetime."""
    for chain, _ in certificates.values():
        leaf = chain[0]
        lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        assert lifetime + datetime.timedelta(seconds=1) == datetime.timedelta(days=90)


def test_v31__serials(certificates):
    serials = [chain[0].serial_number for chain, _ in certificates.values()]
    assert len(set(serials)) == len(serials)
    for serial in serials:
        assert 0 < serial < 1 << 159
        assert serial.bit_length() >= 100  # 128 random bits


def test_rfc5280__extensions_of_a_leaf(certificates):
    for label, (chain, _) in certificates.items():
        leaf, issuing = chain[0], chain[1]
        by = {e.oid._name: e for e in leaf.extensions}
        assert by["keyUsage"].critical
        usage = by["keyUsage"].value
        assert usage.digital_signature and not usage.key_cert_sign and not usage.crl_sign
        assert usage.key_encipherment == (label == "rsa")
        assert {u._name for u in by["extendedKeyUsage"].value} == {"serverAuth"}
        if "basicConstraints" in by:
            assert not by["basicConstraints"].value.ca
        identifier = issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert by["authorityKeyIdentifier"].value.key_identifier == identifier.digest
        assert leaf.issuer == issuing.subject
        assert leaf.version is x509.Version.v3


def test_rfc5280__the_issuing_ca(certificates):
    issuing = certificates["p256"][0][1]
    constraints = issuing.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length == 0
    usage = issuing.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign


def test_a_leaf_never_outlives_its_issuer(certificates):
    for chain, _ in certificates.values():
        for lower, upper in zip(chain, chain[1:]):
            assert lower.not_valid_after_utc <= upper.not_valid_after_utc
