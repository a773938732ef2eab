"""Authorizations in advance (RFC 8555 §7.4.1) and for the names below a domain (RFC 9444), by the
wire. The last tests are the RFC's own example (RFC 9444 §5) with its names."""

import hashlib

import pytest
from cryptography import x509

from acmewire import Account, b64, make_csr, refused, wait_until
from servers import AssayServe

pytestmark = pytest.mark.assay


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    def edit(text):
        return text.replace("zones:\n", """zones:
  - names: [example.org, "*.example.org"]
    challenges: [http-01, dns-01]
    subdomains: true
    address_policy: dev
    caa: enforce
    resolver: "RESOLVER"
  - names: [closed.example.org, "*.closed.example.org"]
    challenges: [dns-01]
    caa: off
    resolver: "RESOLVER"
""", 1)

    made = AssayServe.__new__(AssayServe)
    made.adapt = lambda text: edit(AssayServe.adapt(made, text)).replace("RESOLVER", made.nameserver.address)
    made.__init__(tmp_path_factory.mktemp("authz"), init=("--permit", "example.org"))
    yield made
    made.close()


@pytest.fixture
def account(served):
    served.nameserver.txt.clear()
    served.nameserver.caa.clear()
    return Account(served.wire())


def new_authz(account, name, kind="dns", **more):
    return account.post(account.wire.directory["newAuthz"],
                        {"identifier": {"type": kind, "value": name, **more}})


def below(name, above):
    return {"type": "dns", "value": name, "ancestorDomain": above}


def new_order(account, *items):
    return account.post(account.wire.directory["newOrder"], {"identifiers": list(items)})


def prove(served, account, url):
    """By dns-01."""
    body = account.read(url)
    challenge = next(c for c in body["challenges"] if c["type"] == "dns-01")
    digest = hashlib.sha256(account.key_authorization(challenge).encode()).digest()
    served.nameserver.txt["_acme-challenge." + body["identifier"]["value"].lower()] = [b64(digest)]
    assert account.post(challenge["url"], {}).status == 200

    def settled():
        body = account.read(url)
        return body if body["status"] != "pending" else None

    done = wait_until(settled, 20, url)
    assert done["status"] == "valid", done
    return done


def issue(account, order_url, order, *names):
    got = account.post(order["finalize"], {"csr": b64(make_csr(names))})
    assert got.status == 200, got

    def settled():
        body = account.read(order_url)
        return body if body["status"] not in ("processing", "ready") else None

    return wait_until(settled, 20, order_url)


def names_in(account, order):
    got = account.post(order["certificate"], None)
    leaf = x509.load_pem_x509_certificates(got.body)[0]
    return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


# --- in advance ---


def test_rfc8555_7_4_1__new_authorization(account):
    got = new_authz(account, "A.example.org")
    assert got.status == 201 and got.location, got
    body = got.json()
    assert body["status"] == "pending"
    assert body["identifier"] == {"type": "dns", "value": "A.example.org"}
    assert {c["type"] for c in body["challenges"]} == {"http-01", "dns-01"}
    assert "wildcard" not in body and "subdomainAuthAllowed" not in body
    assert account.read(got.location) == body
    again = new_authz(account, "a.example.org")
    assert again.status == 200 and again.location == got.location
    refused(Account(account.wire).post(got.location, None), "about:blank", 404)


def test_rfc8555_7_4_1__wildcards_and_foreign_names_are_refused(account):
    for name, kind in (("*.example.org", "dns"), ("example.com", "dns"), ("192.0.2.1", "ip")):
        refused(new_authz(account, name, kind), "rejectedIdentifier", 403)
    refused(new_authz(account, "a_b.example.org"), "malformed")
    refused(new_authz(account, "a", "email"), "unsupportedIdentifier")
    refused(account.post(account.wire.directory["newAuthz"], {}), "malformed")
    refused(account.post(account.wire.directory["newAuthz"], None), "malformed")


def test_rfc8555_6_3__new_authorization_is_posted(account):
    refused(account.wire.get(account.wire.directory["newAuthz"]), "malformed", 405)


def test_rfc8555_7_4_1__an_order_needs_no_second_proof(served, account):
    url = new_authz(account, "pre.example.org").location
    prove(served, account, url)
    got = new_order(account, {"type": "dns", "value": "pre.example.org"})
    assert got.json()["status"] == "ready" and got.json()["authorizations"] == [url]
    assert new_authz(account, "pre.example.org").status == 200
    done = issue(account, got.location, got.json(), "pre.example.org")
    assert done["status"] == "valid"
    assert account.post(url, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert new_authz(account, "pre.example.org").status == 201


# --- names below a domain ---


def test_rfc9444_4_4__the_directory_says_so(account, server):
    assert account.wire.directory["meta"]["subdomainAuthAllowed"] is True
    assert "subdomainAuthAllowed" not in server.wire().directory["meta"]


def test_rfc9444_4_3__the_ancestor_is_proven_once_for_all(served, account):
    got = new_order(account, below("foo.bar.example.org", "bar.example.org"),
                    below("*.bar.example.org", "bar.example.org"), {"type": "dns", "value": "bar.example.org"})
    order = got.json()
    assert got.status == 201 and len(order["authorizations"]) == 1, order
    assert all(set(i) == {"type", "value"} for i in order["identifiers"])
    body = account.read(order["authorizations"][0])
    assert body["identifier"]["value"] == "bar.example.org"
    assert body["subdomainAuthAllowed"] is True and "wildcard" not in body
    assert [c["type"] for c in body["challenges"]] == ["dns-01"]  # http-01 proves one name
    prove(served, account, order["authorizations"][0])
    done = issue(account, got.location, order, "foo.bar.example.org", "*.bar.example.org", "bar.example.org")
    assert done["status"] == "valid", done
    assert set(names_in(account, done)) == {"foo.bar.example.org", "*.bar.example.org", "bar.example.org"}


def test_rfc9444_4_3__what_is_no_ancestor_is_malformed(account):
    for name, above in (("a.example.org", "a.example.org"), ("badexample.org", "example.org"),
                        ("a.example.org", "b.example.org"), ("example.org", "a.example.org"),
                        ("a.example.org", "*.example.org")):
        refused(new_order(account, below(name, above)), "malformed")


def test_rfc9444_4_2__policy_may_give_an_ordinary_one(account):
    got = new_authz(account, "closed.example.org", subdomainAuthAllowed=True)
    assert got.status == 201 and "subdomainAuthAllowed" not in got.json()
    got = new_order(account, below("x.closed.example.org", "example.org"))
    body = account.read(got.json()["authorizations"][0])
    assert body["identifier"]["value"] == "x.closed.example.org"


def test_rfc8659__caa_of_the_name_itself_is_asked(served, account):
    url = new_authz(account, "example.org", subdomainAuthAllowed=True).location
    prove(served, account, url)
    served.nameserver.caa["shut.example.org"] = [(0, "issue", ";")]
    got = new_order(account, {"type": "dns", "value": "shut.example.org"})
    assert got.json()["status"] == "ready"
    done = issue(account, got.location, got.json(), "shut.example.org")
    assert done["status"] == "invalid" and done["error"]["type"].endswith(":caa"), done
    assert ("shut.example.org", 257) in served.nameserver.asked


def test_rfc9444_5__the_example(served, account):
    # Step 1: pre-authorization of the ancestor domain.
    got = new_authz(account, "example.org", subdomainAuthAllowed=True)
    assert got.status == 201
    body = got.json()
    assert body["status"] == "pending" and body["subdomainAuthAllowed"] is True
    assert body["identifier"] == {"type": "dns", "value": "example.org"}
    done = prove(served, account, got.location)
    assert done["subdomainAuthAllowed"] is True
    served.nameserver.txt.clear()  # "Delete DNS TXT"
    # Steps 2 and 3: orders for names below it are ready at once.
    for name in ("sub1.example.org", "sub2.example.org"):
        ordered = new_order(account, {"type": "dns", "value": name})
        assert ordered.status == 201
        order = ordered.json()
        assert order["status"] == "ready" and order["authorizations"] == [got.location]
        assert order["identifiers"] == [{"type": "dns", "value": name}]
        done = issue(account, ordered.location, order, name)
        assert done["status"] == "valid" and names_in(account, done) == [name]
    # Another account has none of it.
    other = Account(account.wire)
    assert new_order(other, {"type": "dns", "value": "sub1.example.org"}).json()["status"] == "pending"
