"""`assay dev`: what the people who test ACME clients rely on."""

import os
import subprocess

import pytest
from cryptography import x509

from acmewire import Account, Key, make_csr, refused, wait_until
from peers import Responder, free_port, running
from servers import PROGRAMS, AssayDev, Process, clean_environment

pytestmark = pytest.mark.assay


def test_ready_file(server):
    ready = server.ready
    assert ready["directory"] == server.directory
    assert ready["directory"].endswith("/acme/directory")
    assert ready["pid"] == server.process.pid
    assert ready["admin_url"]
    assert isinstance(ready["eab"], list)
    assert x509.load_pem_x509_certificates(open(ready["root"], "rb").read())
    assert open(ready["root"], "rb").read() == server.root_out.read_bytes()


def test_state_is_gone_afterwards(tmp_path):
    ready = tmp_path / "ready.json"
    process = Process([PROGRAMS / "assay", "dev", "--listen", f"127.0.0.1:{free_port()}",
                       "--ready-file", ready], tmp_path, env=clean_environment())
    said = process.wait_for_file(ready)
    assert os.path.exists(said["root"])
    assert process.stop() == 0
    assert not os.path.exists(said["root"])


def test_state_is_kept_with_data(tmp_path, name):
    first = AssayDev(tmp_path)
    account = Account(first.wire())
    root = first.root_out.read_bytes()
    first.close()
    second = AssayDev(tmp_path)
    try:
        again = Account(second.wire(), account.key)
        assert again.created.status == 200
        assert second.root_out.read_bytes() == root
    finally:
        second.close()


def test_says_what_a_tester_needs(server):
    text = server.process.output()
    assert server.directory in text
    fingerprint = x509.load_pem_x509_certificates(server.root_out.read_bytes())[0].fingerprint(
        __import__("cryptography.hazmat.primitives.hashes", fromlist=["SHA256"]).SHA256())
    assert fingerprint.hex() in text.replace(":", "").lower()


def test_rfc8555_7_3_4__external_account_binding(tmp_path):
    server = AssayDev(tmp_path, "--eab-required")
    try:
        wire = server.wire()
        assert wire.directory["meta"]["externalAccountRequired"] is True
        payload = {"termsOfServiceAgreed": True}
        refused(wire.post(wire.directory["newAccount"], payload, Key()), "externalAccountRequired",
                (400, 401, 403))
        kid, mac = server.eab[0]["kid"], server.eab[0]["hmac_key"]
        assert "=" not in mac
        key, other = Key(), Key()
        for binding in (wire.eab(other, kid, mac), wire.eab(key, kid, "A" * 43),
                        wire.eab(key, "nobody", mac),
                        wire.eab(key, kid, mac, url="https://elsewhere.test/"),
                        {**wire.eab(key, kid, mac), "signature": ""}):
            got = wire.post(wire.directory["newAccount"],
                            {**payload, "externalAccountBinding": binding}, key)
            refused(got, ("malformed", "unauthorized", "externalAccountRequired"), (400, 401, 403))
        account = Account(wire, key, externalAccountBinding=wire.eab(key, kid, mac))
        assert account.created.status == 201
        # acme.sh sends the binding again when it registers again (FIELD Q8).
        again = Account(wire, key, externalAccountBinding=wire.eab(key, kid, mac))
        assert (again.created.status, again.url) == (200, account.url)
    finally:
        server.close()


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    made = AssayDev(tmp_path_factory.mktemp("strict"), "--strict")
    yield made
    made.close()


def patient(account):
    """Lets the account retry badNonce, as RFC 8555 §6.5 wants of clients."""
    post = account.wire.post

    def again(*arguments, **kw):
        for _ in range(50):
            got = post(*arguments, **kw)
            if got.status != 400 or got.problem() != "badNonce":
                return got
            kw.pop("nonce", None)
        raise AssertionError("always badNonce")

    account.wire.post = again
    return account


def strict_account(strict):
    wire = strict.wire()
    key = Key()
    for _ in range(50):
        try:
            return patient(Account(wire, key))
        except AssertionError:
            continue
    raise AssertionError("no account")


def test_strict_refuses_good_nonces(strict):
    wire = strict.wire()
    answers = [wire.post(wire.directory["newAccount"], {"onlyReturnExisting": True}, Key())
               for _ in range(200)]
    bad = sum(got.problem() == "badNonce" for got in answers)
    assert 1 <= bad <= 150


def test_strict_issues_to_patient_clients(strict, name):
    with running(Responder(strict.http01_port)) as responder:
        account = strict_account(strict)
        wanted = name()
        order = account.order(wanted).authorize(responder)
        got = order.finalize(make_csr([wanted]))
        # Orders stay in "processing" for a while.
        assert got.json()["status"] == "processing"
        assert order.wait()["status"] == "valid"
        # Authorizations are never used again.
        assert account.order(wanted).body["status"] == "pending"


def test_strict_shuffles_authorizations(strict, name):
    account = strict_account(strict)
    orders = set()
    names = [name() for _ in range(5)]
    for _ in range(8):
        order = account.order(*names)
        orders.add(tuple(a["identifier"]["value"] for _, a in order.authorizations()))
    assert len(orders) >= 2


def test_listen_address_without_port():
    done = subprocess.run([PROGRAMS / "assay", "dev", "--listen", "127.0.0.1"], timeout=20,
                          capture_output=True, text=True, env=clean_environment())
    assert done.returncode in (1, 2)
    assert done.stderr


def test_two_side_by_side(tmp_path, server):
    other = AssayDev(tmp_path)
    try:
        assert other.root_out.read_bytes() != open(server.roots, "rb").read()
        assert Account(other.wire()).created.status == 201
    finally:
        other.close()


def test_refusals_are_logged_with_their_request_id(server, wire, account):
    """The id that the client was given leads the operator to the reason."""
    got = wire.post(account.url, None, account.key, account.url, signature=bytes(64))
    identity = got.header("Request-Id")
    assert identity
    wait_until(lambda: identity in server.process.output(), 10, "log line")
    line = next(x for x in server.process.output().splitlines() if identity in x)
    assert "status=4" in line and "signature" in line.lower()
