"""When to renew (RFC 9773): windows, their certID, `replaces`, and `assay cert renew-early`."""

import datetime
import re

import pytest
from cryptography import x509

from acmewire import Account, b64, refused

pytestmark = pytest.mark.assay


def key_id(certificate):
    found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    return found.value.key_identifier


def cert_id(certificate, zero=False):
    number = certificate.serial_number
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return f"{b64(key_id(certificate))}.{b64((b'' if not zero else bytes(1)) + octets)}"


def instant(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)


def window(wire, certificate, **kw):
    got = wire.get(f"{wire.directory['renewalInfo']}/{cert_id(certificate, **kw)}")
    assert got.status == 200, got
    found = got.json()["suggestedWindow"]
    return instant(found["start"]), instant(found["end"])


@pytest.fixture
def issued(account, responder, name):
    names = [name("ari")]
    order = account.order(*names)
    chain, _ = order.issue(responder)
    return names, chain[0]


def test_rfc9773_3__directory_advertises_renewal_info(wire):
    assert re.fullmatch(r"https://[^/]+/acme/renewal-info", wire.directory["renewalInfo"])


def test_rfc9773_4_2__window_is_in_the_last_third(wire, issued):
    _, certificate = issued
    start, end = window(wire, certificate)
    begin, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert begin + (until - begin) * 2 / 3 - datetime.timedelta(seconds=2) <= start
    assert start + datetime.timedelta(seconds=2) <= end < until - (until - begin) / 6
    assert window(wire, certificate) == (start, end)


def test_rfc9773_4_1__serial_with_or_without_its_zero_octet(wire, issued):
    _, certificate = issued
    assert window(wire, certificate) == window(wire, certificate, zero=True)


def test_rfc9773_4_3__retry_after_is_whole_seconds(wire, issued):
    got = wire.get(f"{wire.directory['renewalInfo']}/{cert_id(issued[1])}")
    assert got.header("Retry-After") == "21600"
    assert got.type == "application/json"


def test_rfc9773_4_2__revoked_is_in_the_past(account, wire, issued):
    _, certificate = issued
    from cryptography.hazmat.primitives.serialization import Encoding
    account.post(wire.directory["revokeCert"], {"certificate": b64(certificate.public_bytes(Encoding.DER))})
    start, end = window(wire, certificate)
    assert start < end <= datetime.datetime.now(datetime.timezone.utc)


@pytest.mark.parametrize("text, status", [
    ("nonsense", 400), (".", 400), ("AAAA.", 400), (".AAAA", 400), ("AA=A.AAAA", 400),
    ("AAAA.AAAA.AAAA", 400), ("AAAA.AAAA", 404), ("A" * 400 + ".AAAA", 400),
    ("AAAA." + "A" * 200, 400), ("AAAA.AAAA/", 400),
])
def test_bad_cert_ids(wire, text, status):
    assert wire.get(f"{wire.directory['renewalInfo']}/{text}").status == status


def test_another_authority_key_id_is_not_found(wire, issued):
    right = cert_id(issued[1]).split(".")[1]
    got = wire.get(f"{wire.directory['renewalInfo']}/{b64(bytes(20))}.{right}")
    assert got.status == 404


def test_it_is_only_read(account, wire, issued):
    got = account.post(f"{wire.directory['renewalInfo']}/{cert_id(issued[1])}", None)
    assert got.status == 405 and got.header("Allow") == "GET, HEAD"


# --- replaces ---

def test_rfc9773_5__a_replaced_certificate_is_replaced_once(account, responder, issued):
    names, certificate = issued
    order = account.order(*names, replaces=cert_id(certificate))
    assert order.body["replaces"] == cert_id(certificate)
    late = account.order(*names, replaces=cert_id(certificate, zero=True))
    order.issue(responder)
    refused(account.try_order(*names, replaces=cert_id(certificate)), "alreadyReplaced", 409)
    # Two orders were open at once: only one of them becomes the successor.
    late.authorize(responder)
    from acmewire import make_csr
    refused(late.finalize(make_csr([("dns", n) for n in names])), "alreadyReplaced", 409)
    account.order(*names)


def test_rfc9773_5__unknown_predecessor_is_malformed(account, name, issued):
    left = cert_id(issued[1]).split(".")[0]
    for bad in ("nonsense", f"{left}.AAAA"):
        refused(account.try_order(name(), replaces=bad), "malformed")


def test_rfc9773_5__predecessor_of_another_account_is_malformed(wire, issued):
    names, certificate = issued
    refused(Account(wire).try_order(*names, replaces=cert_id(certificate)), "malformed")


def test_rfc9773_5__predecessor_must_share_a_name(account, name, issued):
    names, certificate = issued
    refused(account.try_order(name(), replaces=cert_id(certificate)), "malformed")
    assert account.try_order(names[0], name(), replaces=cert_id(certificate)).status == 201


# --- renew-early ---

def test_renew_early__moves_the_windows_of_a_name(server, wire, account, responder, name, issued):
    names, certificate = issued
    other, _ = account.order(name()).issue(responder)
    before = window(wire, other[0])
    now = datetime.datetime.now(datetime.timezone.utc)
    got = server.admin("cert", "renew-early", "--name", names[0], "--within", "2h")
    assert got == {"moved": 1}
    start, end = window(wire, certificate)
    assert now - datetime.timedelta(seconds=2) <= start <= now + datetime.timedelta(hours=2, seconds=2)
    assert end == start + datetime.timedelta(hours=1)
    assert window(wire, other[0]) == before


def test_renew_early__by_key_and_by_authority(server, wire, account, responder, name):
    from cryptography.hazmat.primitives import hashes, serialization
    certificate = account.order(name()).issue(responder)[0][0]
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(spki)
    assert server.admin("cert", "renew-early", "--key-hash", digest.finalize().hex()) == {"moved": 1}
    assert server.admin("cert", "renew-early", "--authority", "none") == {"moved": 0}
    assert server.admin("cert", "renew-early", "--all")["moved"] > 1


def test_renew_early__needs_to_be_told_which(server):
    done = server.run("cert", "renew-early", check=False)
    assert done.returncode == 1 and "say which" in done.stderr
