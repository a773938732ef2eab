"""The directory and nonces (RFC 8555 §7.1.1, §7.2, §6.5) and what is served without JWS."""

import hashlib
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from acmewire import Account, Key, unb64


def test_rfc8555_7_1_1__directory_names_every_resource(wire):
    for name in ("newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange"):
        assert wire.directory[name].startswith("https://"), name
    assert ":" in wire.directory["meta"]["termsOfService"]
    got = wire.get(wire.directory_url)
    assert got.type == "application/json"
    assert got.all("Content-Length") or got.header("Transfer-Encoding")


@pytest.mark.assay
def test_directory__nothing_is_advertised_that_does_not_work(wire):
    for name, url in wire.directory.items():
        if name in ("meta", "renewalInfo"):  # the latter is a prefix (RFC 9773 §4.1)
            continue
        # A resource that only takes POST says so, an absent one would be 404 or 501.
        assert wire.get(url).status in (200, 204, 405), name


@pytest.mark.assay
def test_directory__answers_with_slash_and_below_itself(wire):
    plain = wire.get(wire.directory_url).json()
    base = wire.directory_url[: -len("/directory")]
    for url in (wire.directory_url + "/", base, base + "/", base + "/directory"):
        got = wire.get(url)
        assert got.status == 200, url
        assert got.json() == plain, url
    # win-acme asks for "directory" below whatever it was given (CLIENTS, Windows).
    assert wire.get(wire.directory_url + "/directory").json() == plain


@pytest.mark.assay
def test_directory__dev_serves_pebbles_address_too(server, wire):
    got = wire.get(re.sub("/acme/directory$", "/dir", wire.directory_url))
    assert got.status == 200
    assert got.json() == wire.directory


def test_rfc8555_7_2__new_nonce_head_200_get_204(server, wire):
    for method, status in (("HEAD", 200), ("GET", 204)):
        got = wire.http.request(method, wire.directory["newNonce"])
        assert got.status == status, got
        assert "no-store" in got.header("Cache-Control") or "pebble" in server.name
        assert re.fullmatch("[A-Za-z0-9_-]+", got.nonce)
        assert got.body == b""


def test_rfc8555_6_5_1__nonces_differ(wire):
    seen = {wire.http.request("HEAD", wire.directory["newNonce"]).nonce for _ in range(50)}
    assert len(seen) == 50
    assert all(re.fullmatch("[A-Za-z0-9_-]{22,}", nonce) for nonce in seen)


@pytest.mark.assay
def test_rfc8555_6_5_1__nonce_octets_do_not_repeat_a_pattern(wire):
    nonce = wire.http.request("HEAD", wire.directory["newNonce"]).nonce
    assert len(unb64(nonce)) >= 16


def test_rfc8555_7_1__resources_link_to_the_directory(wire):
    for got in (wire.http.request("HEAD", wire.directory["newNonce"]), Account(wire).created):
        assert wire.directory_url in got.links("index"), got


@pytest.mark.assay
def test_rfc8555_6_3__get_on_resources_is_405(wire, account, name):
    order = account.order(name())
    url, challenge = order.challenge()
    for resource in (account.url, order.url, url, challenge["url"], order.body["finalize"],
                     wire.directory["newAccount"], wire.directory["newOrder"],
                     wire.directory["revokeCert"], wire.directory["keyChange"]):
        got = wire.get(resource)
        assert got.status == 405, (resource, got)
        assert got.problem() == "malformed" or got.json()["status"] == 405
        assert "POST" in got.header("Allow"), got


@pytest.mark.assay
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(wire, method):
    for url in (wire.directory_url, wire.directory["newNonce"], wire.directory["newOrder"]):
        assert wire.http.request(method, url).status == 405


@pytest.mark.assay
def test_unknown_paths_are_404(wire):
    base = wire.directory_url.rsplit("/", 1)[0]
    for path in ("/nothing", "/order", "/order/", "/acme/order/../directory"):
        assert wire.get(base + path, fresh=True).status in (400, 404), path


@pytest.mark.assay
def test_roots_are_served_for_bootstrap(server, wire):
    origin = re.match("https://[^/]*", wire.directory_url).group()
    roots = x509.load_pem_x509_certificates(open(server.roots, "rb").read())
    pem = wire.get(origin + "/root.pem")
    assert pem.status == 200
    assert x509.load_pem_x509_certificates(pem.body)[0] in roots
    assert x509.load_pem_x509_certificates(wire.get(origin + "/roots.pem").body) == roots
    der = wire.get(origin + "/root.der")
    assert der.type in ("application/pkix-cert", "application/x-x509-ca-cert")
    assert der.body == roots[0].public_bytes(serialization.Encoding.DER)
    assert hashlib.sha256(der.body).digest()


@pytest.mark.assay
def test_health(wire):
    origin = re.match("https://[^/]*", wire.directory_url).group()
    for path in ("/health/live", "/health/ready"):
        assert wire.get(origin + path).status == 200, path


@pytest.mark.assay
def test_unknown_authority_is_logged(server, wire):
    """A client that does not trust the root is logged as such (TLS alert unknown_ca)."""
    import ssl

    from acmewire import Http, wait_until

    other = Http(None, wire.http.addresses)
    with pytest.raises(ssl.SSLCertVerificationError):
        other.request("GET", wire.directory_url)
    wait_until(lambda: "unknown_ca" in server.process.output().replace(" ", "_"), 10, "log line")


def test_rfc8555_6_5__a_get_needs_no_nonce_and_a_key_is_an_account(wire):
    key = Key()
    first = Account(wire, key)
    assert first.created.status == 201
    again = Account(wire, key)
    assert again.created.status == 200
    assert again.url == first.url
