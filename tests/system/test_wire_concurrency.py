"""Many at once (RFC 8555 §7.4; FIELD A2, A37): nothing is issued twice, nothing is lost, no 5xx."""

import concurrent.futures

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from acmewire import Account, make_csr, wait_until

KEY = ec.generate_private_key(ec.SECP256R1())


def together(count, function, items):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, items))


@pytest.mark.assay
def test_twenty_finalizes_of_each_of_fifty_orders(server, account, responder):
    account.order("many.test").authorize(responder)
    orders = [account.order("many.test") for _ in range(50)]
    assert all(o.body["status"] == "ready" for o in orders)
    csr = make_csr(["many.test"], KEY)
    answers = together(40, lambda o: (o, o.finalize(csr)), [o for o in orders for _ in range(20)])
    for order, got in answers:
        assert got.status == 200, got
        assert got.json()["status"] in ("processing", "valid")
    serials = set()
    for order in orders:
        assert order.wait(60)["status"] == "valid"
        serials.add(x509.load_pem_x509_certificate(order.certificate().body).serial_number)
    assert len(serials) == 50
    listed = server.admin("cert", "list")
    listed = listed["certs"]
    assert len(listed) >= 50


@pytest.mark.assay
def test_twenty_different_requests_for_one_order(account, responder, name):
    """One wins; the others are told that the order is no longer ready."""
    wanted = name()
    order = account.order(wanted).authorize(responder)
    requests = [make_csr([wanted]) for _ in range(20)]
    answers = together(20, order.finalize, requests)
    won = [got for got in answers if got.status == 200]
    assert len(won) == 1, [got.status for got in answers]
    assert all(got.problem() == "orderNotReady" for got in answers if got.status != 200)
    assert order.wait()["status"] == "valid"


def test_one_hundred_orders_of_one_account_at_once(account, responder, name):
    def run(wanted):
        order = account.order(wanted)
        return order.issue(responder, timeout=60)[0][0]

    names = [name("c") for _ in range(100)]
    certificates = together(25, run, names)
    for wanted, certificate in zip(names, certificates):
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert san.get_values_for_type(x509.DNSName) == [wanted]
    assert len({c.serial_number for c in certificates}) == 100


def test_rfc8555_6_5__one_nonce_used_by_many_at_once(wire, account):
    nonce = wire.nonce()
    answers = together(
        20, lambda _: wire.post(account.url, None, account.key, account.url, nonce=nonce), range(20)
    )
    assert sorted(got.status for got in answers)[:2] == [200, 400]
    assert sum(got.status == 200 for got in answers) == 1


def test_one_key_registered_by_many_at_once(wire):
    from acmewire import Key

    key = Key()
    accounts = together(20, lambda _: Account(wire, key), range(20))
    assert len({a.url for a in accounts}) == 1
    assert sum(a.created.status == 201 for a in accounts) <= 20


@pytest.mark.assay
def test_one_key_makes_one_account(wire):
    from acmewire import Key

    key = Key()
    accounts = together(20, lambda _: Account(wire, key), range(20))
    assert sum(a.created.status == 201 for a in accounts) == 1


def test_a_challenge_triggered_by_many_at_once(account, responder, name):
    order = account.order(name())
    url, challenge = order.challenge()
    responder.serve(challenge["token"], account.key_authorization(challenge))
    answers = together(10, lambda _: account.post(challenge["url"], {}), range(10))
    assert all(got.status < 500 for got in answers)
    assert order.account_settled(url)["status"] == "valid"
    wait_until(lambda: account.read(order.url)["status"] == "ready", 10, "ready")


@pytest.mark.assay
def test_a_challenge_triggered_by_many_is_asked_for_once(account, responder, name):
    order = account.order(name())
    url, challenge = order.challenge()
    responder.serve(challenge["token"], account.key_authorization(challenge))
    together(10, lambda _: account.post(challenge["url"], {}), range(10))
    order.account_settled(url)
    assert len(responder.requests(challenge["token"])) == 1
