"""Who may do what, as matrices (TRUST V01, V03, V11, V13, V15, V24, V26, V33, V40, V53): every
endpoint with every credential in every directory, and whatever is not in the table of what is
allowed is refused and changes nothing."""

import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acmewire import Account, Key, Wire, b64, dumps, make_csr, wait_until
from peers import Responder, running
from servers import AssayServe

pytestmark = pytest.mark.assay

REFUSALS = (400, 401, 403, 404, 405, 409, 415)


def two_directories(text):
    """A second directory with the same authority and zones."""
    return re.sub(r"(?m)^directories:\n(  default:\n(?:    .*\n)+)",
                  lambda m: m[0] + m[1].replace("default", "second"), text, count=1)


@pytest.fixture(scope="module")
def doubled(tmp_path_factory):
    made = AssayServe(tmp_path_factory.mktemp("two"), edit=two_directories)
    yield made
    made.close()


def second_wire(server):
    wire = server.wire()
    return Wire(wire.http, server.directory.replace("/acme/directory", "/acme/second/directory"))


class Victim:
    """An account in the first directory with one resource of each kind: a finished order, a ready
    one, a pending one."""

    def __init__(self, server, responder):
        self.server = server
        self.wire = server.wire()
        self.account = Account(self.wire, contact=["mailto:victim@example.com"])
        self.done = self.account.order("done.test")
        chain, self.pem = self.done.issue(responder)
        self.der = chain[0].public_bytes(serialization.Encoding.DER)
        self.ready = self.account.order("ready.test").authorize(responder)
        self.ready.reload()
        self.pending = self.account.order("pending.test")
        self.authz, self.challenge = self.pending.challenge()
        # Whoever triggers the challenge of the victim would find it answered.
        responder.serve(self.challenge["token"], self.account.key_authorization(self.challenge))
        self.responder = responder
        self.new_key = Key()

    def key_change(self, url):
        account = self.account
        return dumps(self.wire.sign(url, {"account": account.url, "oldKey": account.key.jwk()},
                                    self.new_key))

    def requests(self, directory):
        """name -> (URL, payload): everything that a POST can do to what is the victim's."""

        def there(url):
            return url.replace(self.wire.directory_url.removesuffix("directory"),
                               directory.directory_url.removesuffix("directory"))

        change = there(self.wire.directory["keyChange"])
        return {
            "account, read": (there(self.account.url), None),
            "account, update": (there(self.account.url), {"contact": []}),
            "account, deactivate": (there(self.account.url), {"status": "deactivated"}),
            "orders": (there(self.account.read(self.account.url)["orders"]), None),
            "key change": (change, self.key_change(change)),
            "order, done": (there(self.done.url), None),
            "order, ready": (there(self.ready.url), None),
            "finalize": (there(self.ready.body["finalize"]),
                         {"csr": b64(make_csr(["ready.test"]))}),
            "authorization, read": (there(self.authz), None),
            "authorization, deactivate": (there(self.authz), {"status": "deactivated"}),
            "challenge, read": (there(self.challenge["url"]), None),
            "challenge, respond": (there(self.challenge["url"]), {}),
            "order, explained": (there(self.done.url.replace("/order/", "/explain/")), None),
            "authorization, explained": (there(self.authz.replace("/authz/", "/explain/")), None),
            "certificate": (there(self.done.body["certificate"]), None),
            "revoke": (there(self.wire.directory["revokeCert"]), {"certificate": b64(self.der)}),
        }

    def secrets(self):
        """What no answer to a stranger may contain."""
        return [b"victim@example.com", b"-----BEGIN", self.challenge["token"].encode(),
                b"ready.test", b"pending.test"]

    def check_untouched(self):
        account = self.account.read(self.account.url)
        assert (account["status"], account["contact"]) == ("valid", ["mailto:victim@example.com"])
        assert self.account.read(self.ready.url)["status"] == "ready"
        authorization = self.account.read(self.authz)
        assert authorization["status"] == "pending"
        assert all(c["status"] == "pending" for c in authorization["challenges"])
        assert not self.responder.requests(self.challenge["token"])
        serial = x509.load_der_x509_certificate(self.der).serial_number
        assert self.server.admin("cert", "show", f"{serial:040x}")["status"] == "valid"


def credentials(victim, doubled):
    """name -> function(url, payload) that sends the request with another credential than the
    victim's own kid in the victim's own directory."""
    wire, account = victim.wire, victim.account
    foreign = Account(wire)
    second = second_wire(doubled)
    elsewhere = Account(second)
    # The victim's key has an account in the other directory too: still another account.
    twin = Account(second, account.key)
    gone = Account(wire)
    assert gone.post(gone.url, {"status": "deactivated"}).status == 200
    fresh = Key()

    def kid(key, url):
        return lambda target, payload: wire.post(target, payload, key, url)

    return {
        "another account": kid(foreign.key, foreign.url),
        "an account of the other directory": kid(elsewhere.key, elsewhere.url),
        "the same key in the other directory": kid(account.key, twin.url),
        "the other directory's account by this one's path":
            kid(account.key, twin.url.replace("/acme/second/", "/acme/")),
        "the victim's account by the other directory's path":
            kid(account.key, account.url.replace("/acme/", "/acme/second/")),
        "a deactivated account": kid(gone.key, gone.url),
        "the victim's kid, signed by another": kid(foreign.key, account.url),
        "another's kid, signed by the victim": kid(account.key, foreign.url),
        "jwk of a stranger": lambda url, payload: wire.post(url, payload, fresh),
        "jwk of the victim, signed by another": lambda url, payload: wire.send(
            url, wire.sign(url, payload, fresh, nonce=wire.nonce(),
                           protected={"jwk": account.key.jwk()})),
        "kid that is no account": kid(account.key, account.url[:-26] + "0" * 26),
        "no signature": lambda url, payload: wire.send(
            url, wire.sign(url, payload, account.key, account.url, wire.nonce(), signature=b"")),
        "no JWS": lambda url, payload: wire.send(url, payload if payload is not None else ""),
        "GET": lambda url, payload: wire.get(url),
        "HEAD": lambda url, payload: wire.http.request("HEAD", url),
    }


def test_v01_v11_v13__every_endpoint_with_every_other_credential(doubled):
    with running(Responder(doubled.http01_port)) as responder:
        victim = Victim(doubled, responder)
        served = {"first": victim.wire, "second": second_wire(doubled)}
        tried = 0
        for where, directory in served.items():
            for what, (url, payload) in victim.requests(directory).items():
                for who, send in credentials(victim, doubled).items():
                    got = send(url, payload)
                    tried += 1
                    case = (where, what, who, got)
                    assert got.status in REFUSALS, case
                    assert who == "HEAD" or got.type == "application/problem+json", case
                    for secret in victim.secrets():
                        assert secret not in got.body, case
        assert tried == 2 * 16 * 15
        victim.check_untouched()
        # And with the right one all of it works: the refusals were the credential's.
        requests = victim.requests(victim.wire)
        last = ["authorization, deactivate", "revoke", "account, deactivate"]
        del requests["key change"]
        for what in [w for w in requests if w not in last] + last:
            got = victim.account.post(*requests[what])
            assert got.status == 200, (what, got)


def test_v01__no_pair_but_the_allowed_ones_leads_to_a_certificate(doubled):
    """The way of an order with each step asked for by the wrong one: nothing is issued."""
    def issued():
        return {c["serial"] for c in certificates(doubled)}

    with running(Responder(doubled.http01_port)) as responder:
        victim = Victim(doubled, responder)
        before = issued()
        for send in credentials(victim, doubled).values():
            send(victim.ready.body["finalize"], {"csr": b64(make_csr(["ready.test"]))})
            send(victim.wire.directory["newOrder"] + "/../finalize",
                 {"csr": b64(make_csr(["ready.test"]))})
        other = Account(victim.wire)
        pending = other.order("ready.test")
        # Proven by another account is not proven (RFC 8555 §7.4).
        assert pending.body["status"] == "pending"
        assert pending.finalize(make_csr(["ready.test"])).status == 403
        assert issued() == before


def certificates(server):
    return server.admin("cert", "list", "--limit", "500")["certs"]


def test_v53__jwk_only_where_rfc8555_6_2_has_it(doubled):
    """An embedded key is an identity nowhere but in newAccount and revokeCert (CVE-2018-0114)."""
    with running(Responder(doubled.http01_port)) as responder:
        victim = Victim(doubled, responder)
        for what, (url, payload) in victim.requests(victim.wire).items():
            if what == "revoke":
                continue
            got = victim.wire.post(url, payload, victim.account.key)  # jwk, and well signed
            assert (got.status, got.problem()) == (400, "malformed"), (what, got)
        got = victim.wire.post(victim.wire.directory["newOrder"], {"identifiers": [
            {"type": "dns", "value": "ready.test"}]}, victim.account.key)
        assert (got.status, got.problem()) == (400, "malformed")
        # revokeCert takes a jwk, but the certificate's, not the account's.
        url, payload = victim.requests(victim.wire)["revoke"]
        got = victim.wire.post(url, payload, victim.account.key)
        assert (got.status, got.problem()) == (403, "unauthorized")
        victim.check_untouched()


# --- V03: what is unknown is refused

METHODS = ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get", "Post", "PROPFIND"]


@pytest.mark.parametrize("method", METHODS)
def test_v03__unknown_methods(wire, account, name, method):
    order = account.order(name())
    url, challenge = order.challenge()
    resources = {**wire.directory, "renewalInfo": wire.directory.get("renewalInfo", "") + "/a.b"}
    for target in [wire.directory_url,
                   *[u for u in resources.values() if isinstance(u, str) and u.startswith("https")],
                   account.url, order.url, order.body["finalize"], url, challenge["url"]]:
        body = dumps(wire.sign(target, {}, account.key, account.url, wire.nonce()))
        got = wire.http.request(method, target, body=body, fresh=True,
                                headers={"Content-Type": "application/jose+json"})
        assert got.status in (400, 405, 501), (target, got)
    assert account.read(order.url)["status"] == "pending"


@pytest.mark.parametrize("kind", ["dns-02", "HTTP-01", "http-01%00", "tls-sni-01", "http",
                                  "http-01/http-01", "dns-01", "tls-alpn-01", "1", "", "none"])
def test_v03__challenge_types_that_are_not_offered(server, account, responder, name, kind):
    order = account.order(name())
    url, challenge = order.challenge()
    offered = {c["type"] for c in account.read(url)["challenges"]}
    if kind in offered:
        pytest.skip("offered here")
    responder.serve(challenge["token"], account.key_authorization(challenge))
    asked = len(server.nameserver.asked)
    target = challenge["url"].removesuffix("http-01") + kind
    got = account.post(target, {})
    assert got.status in (400, 404), got
    assert account.read(url)["status"] == "pending"
    assert not responder.requests(challenge["token"])
    assert len(server.nameserver.asked) == asked


@pytest.mark.parametrize("status", ["valid", "revoked", "Deactivated", "deactivated ", "deactivate",
                                    "expired", "", "DEACTIVATED", 0, 1, True, ["deactivated"],
                                    {"status": "deactivated"}])
def test_v03__statuses(account, name, status):
    """Nothing but "deactivated", spelled so, changes anything."""
    order = account.order(name())
    url = order.body["authorizations"][0]
    got = account.post(url, {"status": status})
    assert got.status == 400, got
    assert account.post(account.url, {"status": status}).status in (200, 400)
    assert account.read(url)["status"] == "pending"
    assert account.read(account.url)["status"] == "valid"


@pytest.mark.parametrize("kind", ["DNS", "dns ", "ip6", "email", "uri", "dirName", "", "dns\u0000",
                                  1, None, ["dns"], {"dns": 1}])
def test_v03__identifier_types(account, name, kind):
    got = account.try_order({"type": kind, "value": name()})
    assert got.status in (400, 403), got
    assert got.problem() in ("malformed", "unsupportedIdentifier"), got


# --- V15, V24, V26, V33: challenges

def traffic(server, responder):
    return len(responder.seen), len(server.nameserver.asked)


@pytest.mark.parametrize("end", ["valid", "invalid", "deactivated"])
def test_v15__a_settled_challenge_sends_no_packet(server, account, responder, name, end):
    order = account.order(name())
    url, challenge = order.challenge()
    if end == "valid":
        order.authorize(responder)
    elif end == "invalid":
        order.fail(responder)
        # It would succeed now.
        responder.serve(challenge["token"], account.key_authorization(challenge))
    else:
        responder.serve(challenge["token"], account.key_authorization(challenge))
        account.post(url, {"status": "deactivated"})
    before = traffic(server, responder)
    for payload in ({}, {"keyAuthorization": account.key_authorization(challenge)}, None) * 5:
        account.post(challenge["url"], payload)
    # A validation begun after all of these is over: what they would have begun is over too.
    account.order(name()).authorize(responder)
    assert [p for p in responder.seen[before[0]:] if challenge["token"] in p[0]] == []
    assert not [q for q in server.nameserver.asked[before[1]:]
                if q[0] == order.body["identifiers"][0]["value"]]
    assert account.read(url)["status"] == end


def test_v24__a_token_is_good_for_its_own_account_alone(wire, responder, name):
    """Signature reuse and key substitution (acme-spec PR #223): what counts is the token with the
    thumbprint of the key of the account that made the order."""
    one, two = Account(wire), Account(wire, Key("RS256"))
    wanted = name()
    for account, other, text in ((one, two, "{own_token}.{other}"), (two, one, "{own_token}.{other}"),
                                 (one, two, "{other_token}.{own}"), (two, one, "{other_token}.{other}")):
        order, foreign = account.order(wanted), other.order(wanted)
        url, challenge = order.challenge()
        _, theirs = foreign.challenge()
        responder.serve(challenge["token"], text.format(
            own_token=challenge["token"], other_token=theirs["token"],
            own=account.key.thumbprint(), other=other.key.thumbprint()))
        account.post(challenge["url"], {})
        assert order.account_settled(url)["status"] == "invalid"


def test_v26_v33__each_of_a_hundred_names_is_validated_itself(server, account, responder, name):
    """Not one name a hundred times: each token is asked for at its own name, once."""
    names = [name("hundred") for _ in range(100)]
    asked = len(server.nameserver.asked)
    order = account.order(*names).authorize(responder, timeout=120)
    assert order.reload()["status"] == "ready"
    wanted = {}
    for _, authorization in order.authorizations():
        token = next(c for c in authorization["challenges"] if c["type"] == "http-01")["token"]
        wanted[token] = authorization["identifier"]["value"]
    assert sorted(wanted.values()) == sorted(names)
    seen = [(path.rsplit("/", 1)[1], host.split(":")[0]) for path, host in responder.seen
            if path.rsplit("/", 1)[1] in wanted]
    assert sorted(seen) == sorted(wanted.items())
    assert {q[0] for q in server.nameserver.asked[asked:]} >= set(names)


@pytest.mark.parametrize("position", range(10))
def test_v26__one_bad_name_at_any_position_refuses_the_order(account, responder, name, position):
    names = [name() for _ in range(10)]
    order = account.order(*names)
    bad = names[position]
    for url, authorization in order.authorizations():
        challenge = next(c for c in authorization["challenges"] if c["type"] == "http-01")
        right = authorization["identifier"]["value"] != bad
        responder.serve(challenge["token"], account.key_authorization(challenge) if right else "no")
        account.post(challenge["url"], {})
    assert order.wait()["status"] == "invalid"
    assert order.finalize(make_csr(names)).status == 403
    states = {a["identifier"]["value"]: order.account_settled(u)["status"]
              for u, a in order.authorizations()}
    assert states == {n: "invalid" if n == bad else "valid" for n in names}


# --- V40: one spelling for each resource

@pytest.mark.parametrize("spell", [
    lambda u: u + "/", lambda u: u + "//", lambda u: u + "/.", lambda u: u + "/..", lambda u: u + ";a=1",
    lambda u: u + "%20", lambda u: u[:-1] + "%%%02x" % ord(u[-1]), lambda u: u.replace("/acme/", "/acme//"),
    lambda u: u.replace("/acme/", "/acme/./"), lambda u: u.replace("/acme/", "/acme/x/../"),
    lambda u: u.replace("/acme/", "/acme%2f"), lambda u: u.replace("/acme/", "/ACME/"),
    lambda u: u[:-26] + u[-26:].upper() if re.search("[a-z]", u[-26:]) else u + "/",
    lambda u: u[:-26] + "0" + u[-26:], lambda u: u[:-1], lambda u: u + "0", lambda u: u + "%00",
    lambda u: u + "\\", lambda u: u.replace("/order/", "/order/order/"),
    lambda u: u.replace("/order/", "/orders/"), lambda u: u.replace("/order/", "/authz/"),
])
def test_v40__other_spellings_of_an_order(account, name, spell):
    order = account.order(name())
    target = spell(order.url)
    got = account.post(target, None)
    assert got.status in (400, 403, 404), (target, got)


# --- V30: what was signed is known

def test_v30__every_certificate_signed_can_be_shown_and_revoked(doubled):
    """Downloaded or not, the operator's own and the server's own included."""
    with running(Responder(doubled.http01_port)) as responder:
        account = Account(doubled.wire())
        order = account.order("never-fetched.test").authorize(responder)
        assert order.finalize(make_csr(["never-fetched.test"])).status == 200
        assert order.wait()["status"] == "valid"
        doubled.run("cert", "issue", "--dns", "direct.test")
    for row in certificates(doubled):
        assert row["serial"] in str(doubled.admin("cert", "show", row["serial"]))
        if "localhost" not in str(row):
            doubled.run("cert", "revoke", row["serial"], check=False)
            assert "revoke" in str(doubled.admin("cert", "show", row["serial"]))
    for name in ("never-fetched.test", "direct.test"):
        rows = [r for r in certificates(doubled) if name in str(r)]
        assert rows and all("revoked" in str(r) for r in rows), rows


def test_v29__settings_changed_between_newOrder_and_finalize(tmp_path):
    """The profile is pinned at newOrder: after a change the order is refused, never issued by
    another profile."""
    made = AssayServe(tmp_path, edit=lambda text: text.replace(
        "profiles: [server, short]", "profiles: [tight]") + "profiles: {tight: {lifetime: 10d}}\n")
    try:
        config = made.config.read_text()
        with running(Responder(made.http01_port)) as responder:
            account = Account(made.wire())
            order = account.order("pinned.test").authorize(responder)
            assert made.process.stop() == 0
            made.config.write_text(config.replace("lifetime: 10d", "lifetime: 20d"))
            made.start()
            account.wire.nonces.clear()
            got = order.finalize(make_csr(["pinned.test"]))
            assert (got.status, got.problem()) == (400, "invalidProfile"), got
            fresh = account.order("pinned.test")
            chain, _ = fresh.issue(responder)
            lifetime = chain[0].not_valid_after_utc - chain[0].not_valid_before_utc
            assert lifetime.total_seconds() + 1 == 20 * 86400
    finally:
        made.close()
