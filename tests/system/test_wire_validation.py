"""http-01 validation (RFC 8555 §8.3): what is asked for, what is accepted, and that every failure
is final and says exactly why (FIELD A18)."""

import pytest

from acmewire import make_csr, refused
from peers import Responder, running, sleeper


def start(account, responder, name, answer):
    """Answers the challenge as `answer(responder, token, key authorization)` wants; returns
    (order, authorization)."""
    order = account.order(name)
    url, challenge = order.challenge()
    answer(responder, challenge["token"], account.key_authorization(challenge))
    got = account.post(challenge["url"], {})
    assert got.status == 200, got
    assert got.json()["status"] in ("pending", "processing", "valid", "invalid")
    return order, url


def settle(order, url, timeout=40):
    return order.account_settled(url, timeout)


def http01(authorization):
    return next(c for c in authorization["challenges"] if c["type"] == "http-01")


def test_rfc8555_8_3__what_is_asked_for(server, account, responder, name):
    wanted = name()
    order, url = start(account, responder, wanted, lambda r, t, k: r.serve(t, k))
    assert settle(order, url)["status"] == "valid"
    token = http01(account.read(url))["token"]
    path, host = responder.seen[0]
    assert path == f"/.well-known/acme-challenge/{token}"
    assert host == f"{wanted}:{server.http01_port}" or host == wanted


@pytest.mark.parametrize("change", [
    lambda k: k + "\n", lambda k: k + "\r\n",
    pytest.param(lambda k: k + " \t\n", marks=pytest.mark.assay),
])
def test_rfc8555_8_3__trailing_white_space(account, responder, name, change):
    order, url = start(account, responder, name(), lambda r, t, k: r.serve(t, change(k)))
    assert settle(order, url)["status"] == "valid"


@pytest.mark.parametrize("change", [
    lambda k: "", lambda k: k[:-1], lambda k: k + "x", lambda k: " " + k, lambda k: k.upper(),
    lambda k: k.split(".")[0], lambda k: k.split(".")[0] + "." + "A" * 43, lambda k: k + "\n" + k,
    lambda k: "\n" + k, lambda k: k + "\x00", lambda k: f"<html>{k}</html>",
])
def test_rfc8555_8_3__wrong_bodies(server, account, responder, name, change):
    order, url = start(account, responder, name(), lambda r, t, k: r.serve(t, change(k)))
    authorization = settle(order, url)
    assert authorization["status"] == "invalid"
    challenge = http01(authorization)
    assert challenge["status"] == "invalid"
    assert challenge["error"]["type"].rsplit(":", 1)[1] in ("unauthorized", "incorrectResponse")
    assert order.wait()["status"] == "invalid"
    if server.is_assay:
        assert order.body["error"]["type"]


@pytest.mark.assay
@pytest.mark.parametrize("status", [201, 202, 204, 206, 304, 400, 401, 403, 404, 500, 503])
def test_v32__only_200_counts(account, responder, name, status):
    def answer(responder, token, key_authorization):
        body = b"" if status in (204, 304) else key_authorization.encode()
        responder.answer(token, status, body)

    order, url = start(account, responder, name(), answer)
    authorization = settle(order, url)
    assert authorization["status"] == "invalid"
    error = http01(authorization)["error"]
    assert str(status) in error["detail"]
    assert error["type"].rsplit(":", 1)[1] in ("unauthorized", "incorrectResponse")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects(server, account, responder, name, status):
    target = name()

    def answer(responder, token, key_authorization):
        url = f"http://{target}:{server.http01_port}/.well-known/acme-challenge/x{token}"
        responder.answer(token, status, Location=url)
        responder.serve("x" + token, key_authorization)

    order, url = start(account, responder, name(), answer)
    assert settle(order, url)["status"] == "valid"


@pytest.mark.assay
def test_relative_redirects(account, responder, name):
    def answer(responder, token, key_authorization):
        responder.answer(token, 302, Location=f"/elsewhere/x{token}")
        responder.serve("x" + token, key_authorization)

    order, url = start(account, responder, name(), answer)
    assert settle(order, url)["status"] == "valid"


@pytest.mark.assay
def test_five_redirects_and_no_sixth(account, responder, name):
    for hops, expected in ((5, "valid"), (6, "invalid")):
        def answer(responder, token, key_authorization, hops=hops):
            responder.answer(token, 302, Location=f"/r/1-{token}")
            for hop in range(1, hops):
                responder.answer(f"{hop}-{token}", 302, Location=f"/r/{hop + 1}-{token}")
            responder.serve(f"{hops}-{token}", key_authorization)

        order, url = start(account, responder, name(), answer)
        authorization = settle(order, url)
        assert authorization["status"] == expected, (hops, authorization)
        if expected == "invalid":
            assert "redirect" in http01(authorization)["error"]["detail"].lower()


@pytest.mark.assay
@pytest.mark.parametrize("location", [
    "ftp://a.test/", "file:///etc/passwd", "gopher://a.test/", "http://a.test:22/", "//", "",
    "http://user:secret@a.test/", "http://169.254.169.254/latest/meta-data/", "javascript:1",
    "http://[fe80::1]/", "http://0.0.0.0/",
])
def test_v05_v17__redirects_that_are_refused(account, responder, name, location):
    def answer(responder, token, _):
        responder.answer(token, 302, Location=location)

    order, url = start(account, responder, name(), answer)
    authorization = settle(order, url)
    assert authorization["status"] == "invalid"
    detail = http01(authorization)["error"]["detail"]
    assert "passwd:" not in detail and "secret" not in detail


@pytest.mark.assay
@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255",
                                     "fe80::1", "ff02::1", "::ffff:169.254.169.254", "::"])
def test_v17__addresses_that_are_never_dialled(server, account, name, address):
    wanted = name()
    server.nameserver.hosts[wanted] = [address]
    order = account.order(wanted)
    url, challenge = order.challenge()
    account.post(challenge["url"], {})
    authorization = settle(order, url)
    assert authorization["status"] == "invalid"
    error = http01(authorization)["error"]
    assert error["type"].rsplit(":", 1)[1] in ("connection", "rejectedIdentifier", "unauthorized",
                                               "dns")


@pytest.mark.assay
def test_a15__ipv4_after_a_refused_ipv6(server, account, responder, name):
    """IPv6 first, IPv4 when nothing listens there (OpenBao GH-559)."""
    wanted = name()
    server.nameserver.hosts[wanted] = ["::1", "127.0.0.1"]
    order, url = start(account, responder, wanted, lambda r, t, k: r.serve(t, k))
    assert settle(order, url)["status"] == "valid"


@pytest.mark.assay
def test_a15__ipv6(server, account, name):
    wanted = name()
    server.nameserver.hosts[wanted] = ["::1"]
    with running(Responder(server.http01_port, address="::1")) as responder:
        order, url = start(account, responder, wanted, lambda r, t, k: r.serve(t, k))
        assert settle(order, url)["status"] == "valid"


@pytest.mark.assay
def test_a18__nobody_listens(server, account, name):
    order = account.order(name())
    url, challenge = order.challenge()
    account.post(challenge["url"], {})
    authorization = settle(order, url, 60)
    assert authorization["status"] == "invalid"
    error = http01(authorization)["error"]
    assert error["type"].endswith(":connection")
    for part in ("127.0.0.1", str(server.http01_port), "refused"):
        assert part in error["detail"], error


@pytest.mark.assay
@pytest.mark.parametrize("what, words", [
    (None, ("NXDOMAIN",)), ("servfail", ("SERVFAIL",)), ([], ("neither an AAAA nor an A",)),
])
def test_a18__dns_failures(server, account, name, what, words):
    wanted = name()
    server.nameserver.hosts[wanted] = what
    order = account.order(wanted)
    url, challenge = order.challenge()
    account.post(challenge["url"], {})
    authorization = settle(order, url, 60)
    assert authorization["status"] == "invalid"
    error = http01(authorization)["error"]
    assert error["type"].endswith(":dns")
    assert any(w.lower() in error["detail"].lower() for w in words), error
    assert wanted in error["detail"]


@pytest.mark.assay
def test_a_server_that_never_answers(account, responder, name):
    order, url = start(account, responder, name(), lambda r, t, k: r.call(t, sleeper))
    authorization = settle(order, url, 90)
    assert authorization["status"] == "invalid"
    error = http01(authorization)["error"]
    assert error["type"].endswith(":connection")
    assert "did not answer" in error["detail"]


@pytest.mark.assay
def test_a_body_without_end_costs_little(server, account, responder, name):
    def flood(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(256 << 20))
        handler.end_headers()
        try:
            for _ in range(256):
                handler.wfile.write(bytes(1 << 20))
        except OSError:
            pass

    before = resident(server)
    order, url = start(account, responder, name(), lambda r, t, k: r.call(t, flood))
    assert settle(order, url)["status"] == "invalid"
    assert resident(server) - before < 1024  # KiB


def resident(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


@pytest.mark.assay
def test_no_echo_of_what_was_read(account, responder, name):
    """FIELD A17: the answer of an inner server does not come back to whoever asked."""
    secret = b"root:x:0:0:the-secret-of-the-inner-server"
    order, url = start(account, responder, name(), lambda r, t, k: r.answer(t, 200, secret))
    authorization = settle(order, url)
    assert "the-secret" not in str(authorization)
    assert "the-secret" not in str(order.wait())


@pytest.mark.assay
def test_v15__a_settled_challenge_is_never_tried_again(account, responder, name):
    for good in (True, False):
        order, url = start(account, responder, name(),
                           lambda r, t, k: r.serve(t, k if good else "no"))
        challenge = http01(settle(order, url))
        count = len(responder.requests(challenge["token"]))
        responder.serve(challenge["token"], account.key_authorization(challenge))
        for _ in range(3):
            got = account.post(challenge["url"], {})
            assert got.status in (200, 400, 403)
        account.read(url)
        assert len(responder.requests(challenge["token"])) == count
        assert account.read(url)["status"] == ("valid" if good else "invalid")


@pytest.mark.assay
def test_a25__reading_triggers_nothing(account, responder, name):
    order = account.order(name())
    url, challenge = order.challenge()
    responder.serve(challenge["token"], account.key_authorization(challenge))
    for _ in range(3):
        account.read(order.url)
        account.read(url)
        account.read(challenge["url"])
    assert not responder.requests(challenge["token"])
    assert account.read(url)["status"] == "pending"


@pytest.mark.assay
def test_what_may_pass_is_tried_again(account, responder, name):
    """The first answer is a reset connection, the second is right."""
    state = {"count": 0}

    def answer(responder, token, key_authorization):
        def flaky(handler):
            state["count"] += 1
            if state["count"] == 1:
                handler.close_connection = True
                handler.connection.close()
                return
            body = key_authorization.encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        responder.call(token, flaky)

    order, url = start(account, responder, name(), answer)
    assert settle(order, url, 60)["status"] == "valid"
    assert state["count"] == 2


@pytest.mark.assay
def test_the_operator_can_ask_why(server, account, responder, name):
    order, url = start(account, responder, name(), lambda r, t, k: r.answer(t, 404, b"gone"))
    settle(order, url)
    order.wait()
    identity = order.url.rstrip("/").rsplit("/", 1)[1]
    text = server.run("order", "why", identity).stdout
    for part in ("127.0.0.1", str(server.http01_port), "404"):
        assert part in text, text
    assert server.run("order", "why", "0" * 26, check=False).returncode == 3


@pytest.mark.assay
def test_one_failure_makes_the_order_invalid_and_says_which(account, responder, name):
    good, bad = name(), name()
    order = account.order(good, bad)
    for url, authorization in order.authorizations():
        challenge = http01(authorization)
        text = account.key_authorization(challenge)
        if authorization["identifier"]["value"] == bad:
            text = "no"
        responder.serve(challenge["token"], text)
        account.post(challenge["url"], {})
    assert order.wait()["status"] == "invalid"
    assert bad in str(order.body["error"])
    refused(order.finalize(make_csr([good, bad])), "orderNotReady", 403)


@pytest.mark.assay
def test_rfc8555_7_5_1__unknown_challenges(account, name):
    order = account.order(name())
    _, challenge = order.challenge()
    got = account.post(challenge["url"][:-1], {})
    assert got.status in (400, 403, 404)
    got = account.post(challenge["url"], "[]")
    refused(got, "malformed")


@pytest.mark.assay
def test_https_redirect_with_a_certificate_of_nobody(server, tmp_path, account, responder, name):
    """FIELD Q32. RFC 8555 §8.3: certificates are not checked, the token proves it."""
    import ssl

    from servers import throw_away_certificate

    files = throw_away_certificate(tmp_path, tmp_path / "root.pem", "nobody.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    port = server.https_port
    with running(Responder(port, context)) as secure:
        def answer(responder, token, key_authorization):
            responder.answer(token, 301, Location=f"https://x.test:{port}/s{token}")
            secure.serve("s" + token, key_authorization)

        order, url = start(account, responder, name(), answer)
        assert settle(order, url)["status"] == "valid"
