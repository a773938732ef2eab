"""Rate limits (RFC 8555 §6.6; S1.22-S1.24, S1.47c): per address, account, name, binding key."""

import pytest

from acmewire import Account, Key, make_csr, refused, retry_after
from peers import Responder
from servers import AssayServe

pytestmark = pytest.mark.assay

LIMITS = """
limits:
  preset: internet
  new_nonces_per_address: {nonces}
  new_accounts_per_address: {accounts}
  new_orders_per_address: off
"""


def limited(tmp_path_factory, name, nonces="off", accounts="off", more=""):
    return AssayServe(tmp_path_factory.mktemp(name),
                      edit=lambda text: text + LIMITS.format(nonces=nonces, accounts=accounts) + more)


@pytest.fixture(scope="module")
def internet(tmp_path_factory):
    made = limited(tmp_path_factory, "internet")
    yield made
    made.close()


def rejected(got, rule):
    body = refused(got, "rateLimited", 429)
    assert f'"{rule}"' in body["detail"]
    wait = int(got.header("Retry-After"))
    assert wait > 0 and retry_after(got) == wait
    return wait


def test_s1_22__orders_of_an_account(internet):
    account = Account(internet.wire())
    for n in range(5):
        account.order(f"s{n}.test")
    wait = rejected(account.try_order("s5.test"), "new-orders-per-account-hour")
    assert wait <= 720
    # Another account has its own; what was there is still served.
    Account(internet.wire()).order("s5.test")


def test_s1_23__addresses__before_anything_is_parsed(tmp_path_factory):
    server = limited(tmp_path_factory, "address", nonces="100/h", accounts="10/h")
    try:
        wire = server.wire()
        nonce = None
        for _ in range(100):
            got = wire.http.request("HEAD", wire.directory["newNonce"])
            assert got.status == 200
            nonce = got.nonce
        rejected(wire.http.request("GET", wire.directory["newNonce"]), "new-nonces-per-address")
        for _ in range(10):
            # Refused requests count too: who sends nonsense pays for it.
            got = wire.http.request("POST", wire.directory["newAccount"], b"{}",
                                    {"Content-Type": "application/jose+json"})
            assert got.status == 400
        got = wire.http.request("POST", wire.directory["newAccount"], b"not even JSON",
                                {"Content-Type": "application/jose+json"})
        rejected(got, "new-accounts-per-address")
        assert got.nonce and got.nonce != nonce
        assert wire.get(wire.directory_url).status == 200
    finally:
        server.close()


def test_s1_24__certificates_for_a_name(internet):
    responder = Responder(internet.http01_port)
    try:
        for _ in range(5):
            Account(internet.wire()).order("week.test").issue(responder)
        account = Account(internet.wire())
        wait = rejected(account.try_order("week.test"), "certificates-per-name")
        assert 86400 < wait <= 7 * 86400 / 5
        rejected(account.try_order("other.test", "week.test"), "certificates-per-name")
        # What the refused order named is not used up by it.
        account.order("other.test")
    finally:
        responder.close()


def test_orders_that_were_open_do_not_get_around_it(internet):
    responder = Responder(internet.http01_port)
    try:
        orders = [Account(internet.wire()).order("open.test").authorize(responder) for _ in range(6)]
        got = [o.finalize(make_csr([("dns", "open.test")])) for o in orders]
        assert [g.status for g in got] == [200] * 5 + [429]
        rejected(got[5], "certificates-per-name")
        assert orders[5].reload()["status"] == "ready"
    finally:
        responder.close()


def test_rfc9773_5__renewals_are_exempt(internet):
    from test_ari import cert_id
    responder = Responder(internet.http01_port)
    try:
        account = Account(internet.wire())
        chain, _ = account.order("renewed.test").issue(responder)
        for _ in range(8):
            chain, _ = account.order("renewed.test", replaces=cert_id(chain[0])).issue(responder)
    finally:
        responder.close()


def test_failed_validations(internet):
    responder = Responder(internet.http01_port)
    account = Account(internet.wire(), Key())
    try:
        for n in range(5):
            assert account.order("failing.test").fail(responder)["status"] == "invalid"
            internet.run("limit", "reset", account.url.rsplit("/", 1)[1])
        _, challenge = account.order("failing.test").challenge()
        rejected(account.post(challenge["url"], {}), "failed-validations")
    finally:
        responder.close()


def test_counters_survive_a_restart(internet):
    account = Account(internet.wire())
    for n in range(5):
        account.order(f"r{n}.test")
    internet.process.stop()
    internet.start()
    account.wire = internet.wire()  # with nonces of this run
    rejected(account.try_order("r5.test"), "new-orders-per-account-hour")


def test_show_and_reset(internet):
    account = Account(internet.wire())
    for n in range(5):
        account.order(f"x{n}.test")
    rejected(account.try_order("x5.test"), "new-orders-per-account-hour")
    subject = account.url.rsplit("/", 1)[1]
    shown = internet.admin("limit", "show")
    mine = {e["rule"]: e for e in shown["fullest"] if e["subject"] == subject}
    assert mine["new-orders-per-account-hour"]["used"] == 5
    assert mine["new-orders-per-account-day"]["used"] == 5
    rules = {r["name"]: r for r in shown["rules"]}
    assert rules["new-orders-per-account-hour"]["refused"] >= 1
    assert (rules["certificates-per-name"]["count"], rules["certificates-per-name"]["period_s"]) == (5, 604800)
    assert "new-orders-per-account-hour" in internet.run("limit", "show").stdout
    assert internet.admin("limit", "reset", subject) == {"reset": 2}
    account.order("x5.test")
    assert internet.run("limit", "reset", check=False).returncode == 2
    assert internet.admin("limit", "reset", "--all")["reset"] >= 1
    assert internet.admin("limit", "show")["fullest"] == []


def test_per_binding_key(tmp_path_factory):
    server = limited(tmp_path_factory, "binding", more="  new_orders_per_binding_key: 3/h\n")
    try:
        made = server.admin("eab", "add", "--reusable")
        wire = server.wire()

        def bound():
            key = Key()
            return Account(wire, key, externalAccountBinding=wire.eab(key, made["kid"], made["hmac_key"]))

        for n in range(3):
            bound().order(f"k{n}.test")
        rejected(bound().try_order("k3.test"), "new-orders-per-binding-key")
        Account(wire).order("k3.test")
    finally:
        server.close()


def test_private_is_generous(wire):
    account = Account(wire)
    for n in range(60):
        account.order(f"p{n}.test")


def test_bad_figures_are_errors(tmp_path_factory):
    with pytest.raises(AssertionError) as error:
        limited(tmp_path_factory, "bad", more="  certificates_per_name: many\n")
    assert "certificates-per-name: must be like 100/h" in str(error.value)
