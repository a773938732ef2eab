"""What clients in the field do, and what they need in return: one test for each row of the list of
client quirks (Q1-Q32) that concerns the resources that are served. The number is in the name; the
sentence says which client would break."""

import json
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from acmewire import Account, Key, b64, dumps, make_csr, refused, retry_after

pytestmark = pytest.mark.assay


@pytest.fixture
def issued(account, responder, name):
    order = account.order(name())
    order.chain, _ = order.issue(responder)
    return order


def challenge_of(authorization):
    return next(c for c in authorization["challenges"] if c["type"] == "http-01")


@pytest.mark.parametrize("content_type", [
    "application/jose+json; charset=utf-8", "application/jose+json;charset=UTF-8",
    "application/jose+json ;x=y", "Application/JOSE+JSON",
])
def test_q01_content_type_with_parameters(wire, account, content_type):
    """certes, boulder#3603."""
    got = wire.post(account.url, None, account.key, account.url, content_type=content_type)
    assert got.status == 200, got


def test_q01_other_content_types_are_415(wire, account):
    got = wire.post(account.url, None, account.key, account.url, content_type="application/json")
    assert got.status == 415


def test_q02_indented_jws_in_any_order(wire, account):
    """certbot writes the JWS with indent 2; member order is free."""
    jws = wire.sign(account.url, None, account.key, account.url, wire.nonce())
    assert jws["payload"] == ""
    assert wire.send(account.url, json.dumps(jws, indent=2)).status == 200
    jws = wire.sign(account.url, None, account.key, account.url, wire.nonce())
    assert wire.send(account.url, dict(reversed(list(jws.items())))).status == 200


def test_q02_protected_header_with_white_space(wire, account):
    head = json.dumps({"url": account.url, "nonce": wire.nonce(), "kid": account.url,
                       "alg": "ES256", "typ": "JWT"}, indent=2)
    head = b64(head)
    signature = b64(account.key.sign(f"{head}.".encode()))
    got = wire.send(account.url, {"protected": head, "payload": "", "signature": signature})
    assert got.status == 200, got


def test_q02_p521_accounts(wire):
    """dehydrated offers secp521r1 account keys."""
    account = Account(wire, Key("ES512"))
    assert account.read(account.url)["status"] == "valid"


@pytest.mark.parametrize("body", [{"keyAuthorization": "x.y"},
                                  {"resource": "challenge", "type": "http-01"},
                                  {"resource": "challenge", "keyAuthorization": "x", "token": "y"}])
def test_q03_old_challenge_bodies(account, responder, name, body):
    order = account.order(name())
    url, challenge = order.challenge()
    responder.serve(challenge["token"], account.key_authorization(challenge))
    assert account.post(challenge["url"], body).status == 200
    assert order.account_settled(url)["status"] == "valid"


def test_q04_challenge_and_authorization_can_both_be_polled(account, responder, name):
    """dehydrated and uacme poll the challenge, the others the authorization."""
    order = account.order(name())
    url, challenge = order.challenge()
    assert account.read(challenge["url"])["status"] == "pending"
    order.authorize(responder)
    assert account.read(challenge["url"])["status"] == "valid"
    assert challenge_of(account.read(url))["status"] == "valid"


def test_q05_read_only_members_in_new_order(wire, account, name):
    """acmez sends all members of its order struct."""
    wanted = name()
    got = account.post(wire.directory["newOrder"], {
        "status": "", "expires": "0001-01-01T00:00:00Z", "authorizations": None, "finalize": "",
        "certificate": "", "resource": "new-order", "error": None,
        "identifiers": [{"type": "dns", "value": wanted, "extra": {"a": [1]}}],
    })
    assert got.status == 201, got
    assert got.json()["status"] == "pending"


def test_q05_deactivation_with_an_empty_identifier(account, name):
    """lego."""
    url = account.order(name()).body["authorizations"][0]
    got = account.post(url, {"identifier": {"type": "", "value": ""}, "status": "deactivated",
                             "expires": "0001-01-01T00:00:00Z"})
    assert (got.status, got.json()["status"]) == (200, "deactivated")


def test_q05_registration_of_old_certbot(wire):
    payload = {"resource": "new-reg", "status": "pending", "key": {"kty": "EC"},
               "termsOfServiceAgreed": True}
    got = wire.post(wire.directory["newAccount"], payload, Key())
    assert (got.status, got.json()["status"]) == (201, "valid")


def test_q06_only_return_existing_with_contact(wire):
    """certbot update_account; step-ca answers 400."""
    account = Account(wire, contact=["mailto:a@example.com"])
    got = wire.post(wire.directory["newAccount"],
                    {"onlyReturnExisting": True, "contact": ["mailto:b@example.com"]}, account.key)
    assert (got.status, got.location) == (200, account.url)
    assert account.read(account.url)["contact"] == ["mailto:a@example.com"]


def test_q06_unknown_account_is_exactly_400(wire):
    """uacme begins every registration so; certmagic registers again on this type."""
    got = wire.post(wire.directory["newAccount"], {"onlyReturnExisting": True}, Key())
    refused(got, "accountDoesNotExist", 400)


def test_q07_contact_absent_empty_and_given(wire):
    account = Account(wire, contact=["mailto:a@example.com"])
    assert account.post(account.url, {}).json()["contact"] == ["mailto:a@example.com"]
    assert not account.post(account.url, {"contact": []}).json().get("contact")
    assert not account.read(account.url).get("contact")
    assert Account(wire).created.status == 201


def test_q09_inner_nonce_is_tolerated(wire, account):
    new_key = Key()
    url = wire.directory["keyChange"]
    inner = wire.sign(url, {"account": account.url, "oldKey": account.key.jwk()}, new_key,
                      nonce=wire.nonce())
    assert account.post(url, inner).status == 200


def test_q09_conflict_has_location(wire, account):
    other = Account(wire)
    url = wire.directory["keyChange"]
    inner = wire.sign(url, {"account": account.url, "oldKey": account.key.jwk()}, other.key)
    got = account.post(url, inner)
    assert (got.status, got.location) == (409, other.url)


@pytest.mark.parametrize("pad", ["=", "=="])
def test_q10_padded_csr(account, responder, name, pad):
    """Synology (step-ca#939)."""
    wanted = name()
    order = account.order(wanted).authorize(responder)
    got = account.post(order.body["finalize"], {"csr": b64(make_csr([wanted])) + pad})
    assert got.status == 200, got


def test_q10_name_only_in_the_subject(account, responder, name):
    wanted = name()
    order = account.order(wanted).authorize(responder)
    got = order.finalize(make_csr([], common_name=wanted))
    assert got.status == 200, got
    order.wait()
    certificate = x509.load_pem_x509_certificate(order.certificate().body)
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == [wanted]


def test_q10_names_longer_than_a_common_name(server, account, responder, name):
    """CN > 64 is left out of the certificate."""
    wanted = "a" * 60 + "." + name("b" * 30)
    order = account.order(wanted)
    chain, _ = order.issue(responder)
    assert all(len(a.value) <= 64 for a in chain[0].subject)
    san = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert san.value.get_values_for_type(x509.DNSName) == [wanted]
    # RFC 5280 §4.1.2.6: critical where the subject is empty.
    assert san.critical == (not list(chain[0].subject))


def test_q11_identifiers_come_back_as_they_were(account, name):
    """lego 5 fails on any change of case or of the text of an address."""
    values = [name().upper(), name() + ".", "MiXed." + name()]
    order = account.order(*values, ("ip", "127.0.0.1"))
    assert [i["value"] for i in order.body["identifiers"]] == [*values, "127.0.0.1"]
    assert [i["value"] for i in order.reload()["identifiers"]] == [*values, "127.0.0.1"]
    seen = {a["identifier"]["value"].lower().rstrip(".") for _, a in order.authorizations()}
    assert seen == {v.lower().rstrip(".") for v in (*values, "127.0.0.1")}


def test_q11_ipv6_text_comes_back_as_it_was(account):
    for text in ("0:0:0:0:0:0:0:1", "::1", "0:0::1"):
        got = account.try_order(("ip", text))
        if got.status != 201:
            refused(got, "rejectedIdentifier", (400, 403))
            continue
        assert got.json()["identifiers"] == [{"type": "ip", "value": text}]


def test_q11_upper_case_names_are_issued(account, responder, name):
    wanted = name().upper()
    order = account.order(wanted)
    chain, _ = order.issue(responder)
    san = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == [wanted.lower()]


def test_q13_new_order_is_201_pending_or_ready(account, responder, name):
    """uacme refuses others; authorizations are reused, orders never."""
    wanted = name()
    first = account.try_order(wanted)
    assert (first.status, first.json()["status"]) == (201, "pending")
    second = account.try_order(wanted)
    assert second.status == 201
    assert second.location != first.location
    account.order(wanted).authorize(responder)
    third = account.try_order(wanted)
    assert (third.status, third.json()["status"]) == (201, "ready")


def test_q14_finalize_is_200_and_never_ready(account, responder, name):
    """dehydrated, acmez, x/crypto and uacme abort on "ready"."""
    for _ in range(10):
        wanted = name()
        order = account.order(wanted).authorize(responder)
        got = order.finalize(make_csr([wanted]))
        assert got.status == 200
        assert got.json()["status"] in ("processing", "valid")
        assert account.read(order.url)["status"] in ("processing", "valid")


def test_q14_too_early_is_order_not_ready(account, name):
    wanted = name()
    refused(account.order(wanted).finalize(make_csr([wanted])), "orderNotReady", 403)


def test_q15_second_finalize(account, responder, name):
    """FortiGate polls by sending finalize again."""
    wanted = name()
    order = account.order(wanted).authorize(responder)
    csr = make_csr([wanted])
    assert order.finalize(csr).status == 200
    order.wait()
    again = order.finalize(csr)
    assert (again.status, again.json()["status"]) == (200, "valid")
    assert again.json()["certificate"] == order.body["certificate"]
    assert order.finalize(make_csr([wanted])).status == 403


def test_q16_pending_and_valid_authorizations_can_be_deactivated(account, responder, name):
    """lego after any failure; certbot --dry-run and acme.sh --deactivate when valid."""
    pending = account.order(name()).body["authorizations"][0]
    valid = account.order(name()).authorize(responder).body["authorizations"][0]
    for url in (pending, valid):
        got = account.post(url, {"status": "deactivated"})
        assert (got.status, got.json()["status"]) == (200, "deactivated")


def test_q17_revocation_has_an_empty_body(wire, account, issued):
    """acme.sh fails otherwise; certbot needs exactly 200."""
    der = b64(issued.chain[0].public_bytes(__import__(
        "cryptography.hazmat.primitives.serialization", fromlist=["Encoding"]).Encoding.DER))
    got = account.post(wire.directory["revokeCert"], {"certificate": der, "reason": 0})
    assert (got.status, got.body) == (200, b"")
    body = refused(account.post(wire.directory["revokeCert"], {"certificate": der}),
                   "alreadyRevoked")
    assert "already revoked" in body["detail"].lower()


def test_q18_every_post_has_a_nonce(wire, account, name):
    """certbot raises MissingNonce."""
    order = account.order(name())
    url, challenge = order.challenge()
    for resource, payload in (
        (account.url, None), (order.url, None), (url, None), (challenge["url"], None),
        (order.body["finalize"], {}), (wire.directory["newOrder"], {}),
        (wire.directory["revokeCert"], {}), (wire.directory["keyChange"], {}),
        (wire.directory["newAccount"], {}), (order.url + "x", None),
    ):
        got = account.post(resource, payload)
        assert got.nonce, (resource, got)
        assert len(got.all("Replay-Nonce")) == 1
    for content_type in ("text/plain", None):
        got = wire.post(account.url, None, account.key, account.url, content_type=content_type)
        assert got.nonce, got
    assert wire.send(account.url, "not json").nonce


def test_q18_sixty_four_nonces_can_be_kept(wire, account):
    """acmez stacks them, last in first out."""
    nonces = [wire.http.request("HEAD", wire.directory["newNonce"]).nonce for _ in range(64)]
    for nonce in reversed(nonces):
        got = wire.post(account.url, None, account.key, account.url, nonce=nonce)
        assert got.status == 200, got


def test_q19_bad_nonce_has_the_words_that_acme_sh_looks_for(wire, account):
    got = wire.post(account.url, None, account.key, account.url, nonce=b64(bytes(24)))
    body = refused(got, "badNonce", 400)
    assert "JWS has an invalid anti-replay nonce" in body["detail"]


def test_q20_locations(wire, responder, name):
    """Absolute https URLs, one line each, on newAccount (both), newOrder, finalize, order."""
    account = Account(wire)
    again = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, account.key)
    assert again.location == account.url
    wanted = name()
    got = account.try_order(wanted)
    url = got.location
    order = account.order(wanted).authorize(responder)
    finalized = order.finalize(make_csr([wanted]))
    read = account.post(order.url, None)
    for answer, expected in ((account.created, account.url), (again, account.url), (got, url),
                             (finalized, order.url), (read, order.url)):
        assert answer.all("Location") == [expected]
        assert expected.startswith("https://")


def test_q21_challenges_link_up(account, name):
    """certbot: '"up" Link header missing'; lego: "authorization[get]: empty URL"."""
    order = account.order(name())
    url, challenge = order.challenge()
    for payload in (None, {}):
        got = account.post(challenge["url"], payload)
        assert f'<{url}>;rel="up"' in [re.sub(r";\s+", ";", line) for line in got.all("Link")]
        assert all(line.count("rel=") == 1 for line in got.all("Link"))


def test_q22_certificates_have_no_up_link(issued):
    """acmez and mod_md fetch it and append it."""
    got = issued.certificate()
    assert not got.links("up")
    for url in got.links("alternate"):
        assert issued.account.post(url, None).status == 200


def test_q23_the_chain_has_an_issuer(issued):
    """mod_md refuses chains of one certificate."""
    assert len(issued.chain) >= 2
    for lower, upper in zip(issued.chain, issued.chain[1:]):
        lower.verify_directly_issued_by(upper)


def test_q24_content_types(account, issued, name):
    order = account.order(name())
    url, challenge = order.challenge()
    for resource in (account.url, order.url, url, challenge["url"]):
        assert account.post(resource, None).header("Content-Type") == "application/json"
    assert issued.certificate().header("Content-Type") == "application/pem-certificate-chain"
    got = account.post(order.url + "x", None)
    assert got.header("Content-Type") == "application/problem+json"


def test_q25_pem(issued):
    """acme.sh#2727: a blank first line broke Synology; lego reads 1 MiB."""
    text = issued.certificate().body.decode("ascii")
    assert "\r" not in text and "\n\n" not in text
    assert text.startswith("-----BEGIN CERTIFICATE-----\n")
    assert text.endswith("-----END CERTIFICATE-----\n")
    inside = 0
    for line in text.splitlines():
        inside = 0 if line.startswith("-----") else inside + 1
        assert line.startswith("-----") or len(line) <= 64
    for block in re.findall(r"-----BEGIN CERTIFICATE-----\n(.*?)-----END", text, re.S):
        lines = block.split("\n")[:-1]
        assert all(len(line) == 64 for line in lines[:-1])
    assert len(text) < 1 << 20


def test_q26_retry_after_is_a_small_integer(account, responder, name):
    """acme.sh ignores dates and gives up above 600."""
    wanted = name()
    order = account.order(wanted)
    url, challenge = order.challenge()
    answers = [account.post(order.url, None), account.post(url, None)]
    responder.serve(challenge["token"], account.key_authorization(challenge))
    answers.append(account.post(challenge["url"], {}))
    answers.append(account.post(url, None))
    order.account_settled(url)
    answers.append(order.finalize(make_csr([wanted])))
    for got in answers:
        if got.header("Retry-After") is not None:
            assert got.header("Retry-After").isdigit()
            assert retry_after(got) <= 5


def test_q27_json_that_shells_can_read(account, responder, name):
    """acme.sh scans all "status" of an authorization; no other "value" may be in it."""
    order = account.order(name())
    url, challenge = order.challenge()
    before = account.post(url, None).body.decode()
    assert before.count('"value"') == 1
    assert '"error"' not in before
    order.authorize(responder)
    after = account.post(url, None)
    assert {c["status"] for c in after.json()["challenges"]} == {"valid"}
    assert after.body.decode().count('"value"') == 1
    for challenge in after.json()["challenges"]:
        assert all(not isinstance(v, (dict, list)) for v in challenge.values())


def test_q28_failures_carry_errors(account, responder, name):
    """acme-python counts a failure only then."""
    order = account.order(name())
    authorization = order.fail(responder)
    assert authorization["status"] == "invalid"
    assert challenge_of(authorization)["status"] == "invalid"
    assert challenge_of(authorization)["error"]["type"]
    assert challenge_of(authorization)["error"]["detail"]
    assert order.wait()["error"]["type"].startswith("urn:ietf:params:acme:error:")


def test_q30_directory_with_and_without_slash(wire):
    assert wire.get(wire.directory_url + "/").json() == wire.directory


def test_q30_urls_do_not_follow_the_request(wire):
    """Caddy keeps the directory for 12 hours."""
    assert wire.get(wire.directory_url).json() == wire.directory
    assert all(u.startswith(wire.directory_url.split("/acme")[0])
               for n, u in wire.directory.items() if n != "meta")


@pytest.mark.parametrize("content_type", [None, "text/html", "application/octet-stream",
                                          "text/plain; charset=utf-16"])
def test_q32_any_content_type(account, responder, name, content_type):
    order = account.order(name())
    url, challenge = order.challenge()
    headers = {"Content_Type": content_type} if content_type else {}
    responder.answer(challenge["token"], 200,
                     account.key_authorization(challenge).encode() + b"\r\n", **headers)
    account.post(challenge["url"], {})
    assert order.account_settled(url)["status"] == "valid"


def test_q32_chunked_and_connection_close(account, responder, name):
    order = account.order(name())
    url, challenge = order.challenge()

    def chunked(handler):
        body = account.key_authorization(challenge).encode()
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for octet in body:
            handler.wfile.write(b"1\r\n" + bytes([octet]) + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    responder.call(challenge["token"], chunked)
    account.post(challenge["url"], {})
    assert order.account_settled(url)["status"] == "valid"


def test_key_types_of_the_field(server, account, responder, name):
    """Caddy P-256, certbot RSA or ECDSA, acme.sh ec-384."""
    for key in (ec.generate_private_key(ec.SECP384R1()),):
        chain, _ = account.order(name()).issue(responder, key)
        assert chain[0].public_key().public_numbers() == key.public_key().public_numbers()
