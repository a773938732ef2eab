"""dns-01 (RFC 8555 §8.4) against BIND: a signed zone that takes updates, behind a recursive server
that validates. Wildcards, aliases, several records, late records, wrong signatures; and the clients
that people use with it."""

import base64
import hashlib
import shutil
import socket
import ssl

import pytest
from cryptography import x509

from acmewire import Account, make_csr, wait_until
from bind import KEY, KEY_NAME, Bind, installed, run
from judge import verify
from peers import free_port
from servers import AssayDev, Process, clean_environment

pytestmark = [
    pytest.mark.assay,
    pytest.mark.skipif(not installed(), reason="BIND is not installed"),
]


@pytest.fixture(scope="module")
def bind(tmp_path_factory):
    made = Bind(tmp_path_factory.mktemp("bind"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def dev(tmp_path_factory, bind):
    made = AssayDev(tmp_path_factory.mktemp("dns01"), "--resolver", bind.resolver.address)
    yield made
    made.close()


@pytest.fixture
def account(dev):
    return Account(dev.wire())


@pytest.fixture(scope="module")
def label():
    count = iter(range(1, 1 << 30))
    return lambda: f"n{next(count)}"


def digest(account, challenge):
    octets = hashlib.sha256(account.key_authorization(challenge).encode()).digest()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def dns01(authorization):
    return next(c for c in authorization["challenges"] if c["type"] == "dns-01")


def start(account, name, publish):
    """Orders the name, lets publish(value) bring its record, and returns a function that waits for
    the settled authorization."""
    order = account.order(name)
    url, challenge = order.challenge(kind="dns-01")
    publish(digest(account, challenge))
    assert account.post(challenge["url"], {}).status == 200
    return lambda: order.account_settled(url, 40)


def try_name(account, name, publish):
    return start(account, name, publish)()


def names_of(pem):
    leaf = x509.load_pem_x509_certificates(pem)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName))


def test_the_zone_is_signed_and_validated(bind):
    """Or else the tests of this file say less than they seem to."""
    def secure(name):
        said = bind.resolver.dig(name, "SOA", "+adflag")
        return "NOERROR" in said and "flags: qr rd ra ad" in said

    wait_until(lambda: secure(bind.signed), 20, "the signed zone")
    assert not secure(bind.plain)
    assert "SERVFAIL" in bind.resolver.dig(f"_acme-challenge.known.{bind.bogus}", "TXT", "+comments")


def test_rfc8555_7_1_3__name_and_wildcard_at_one_place(dev, bind, account, label):
    """Two authorizations with the same value, one of them for the wildcard, proven by two records of
    one name (FIELD Q12)."""
    name = f"{label()}.{bind.signed}"
    order = account.order(name, f"*.{name}")
    authorizations = order.authorizations()
    assert [a["identifier"]["value"] for _, a in authorizations] == [name, name]
    assert sorted(a.get("wildcard", False) for _, a in authorizations) == [False, True]
    wild = next(a for _, a in authorizations if a.get("wildcard"))
    assert {c["type"] for c in wild["challenges"]} == {"dns-01"}  # nothing else can prove it
    values = [digest(account, dns01(a)) for _, a in authorizations]
    assert len(set(values)) == 2
    bind.add_txt(f"_acme-challenge.{name}", *values)
    for _, authorization in authorizations:
        assert account.post(dns01(authorization)["url"], {}).status == 200
    for url, _ in authorizations:
        assert order.account_settled(url)["status"] == "valid"
    assert order.finalize(make_csr([name, f"*.{name}"])).status == 200
    assert order.wait()["status"] == "valid"
    assert names_of(order.certificate().body) == {name, f"*.{name}"}


def test_rfc8555_8_4__the_digest_and_nothing_else(account, bind, label):
    started = []
    for change in (lambda v: v[:-1], lambda v: v + "=", lambda v: v.swapcase(), lambda v: " " + v):
        name = f"{label()}.{bind.signed}"
        started.append(start(
            account, name, lambda v, c=change, n=name: bind.add_txt(f"_acme-challenge.{n}", c(v))))
    for settled in started:
        authorization = settled()
        assert authorization["status"] == "invalid"
        error = dns01(authorization)["error"]
        assert error["type"].endswith(":incorrectResponse")
        assert "none of the 1 TXT records" in error["detail"]


def test_v34__sibling_labels_never_count(account, bind, label):
    name = f"{label()}.{bind.signed}"

    def publish(value):
        for wrong in ("", "acme-challenge.", "_acme_challenge.", "_acme-challenge.www.",
                      "_acme-challenge._acme-challenge."):
            bind.add_txt(f"{wrong}{name}", value)
        bind.add_txt(f"_acme-challenge.{bind.signed}", value)

    authorization = try_name(account, name, publish)
    assert authorization["status"] == "invalid"
    detail = dns01(authorization)["error"]["detail"]
    assert f"_acme-challenge.{name}" in detail


def test_any_of_many_records_over_tcp(account, bind, label):
    """More than fits in any UDP answer (RFC 7766 §5), strings in chunks."""
    name = f"{label()}.{bind.signed}"

    def publish(value):
        place = f"_acme-challenge.{name}"
        bind.update(*(f'add {place}. 1 TXT "{i:03}{"x" * 200}" "{"y" * 200}"' for i in range(40)))
        bind.update(f'add {place}. 1 TXT "{value[:20]}" "{value[20:]}"')

    assert try_name(account, name, publish)["status"] == "valid"


@pytest.mark.parametrize("zone", ["signed", "plain"])
def test_aliases_are_followed(account, bind, label, zone):
    """CNAME to another zone, and DNAME of a whole subtree (FIELD A14)."""
    target = getattr(bind, zone)
    one, two = label(), label()
    bind.update(f"add _acme-challenge.{one}.{bind.signed}. 1 CNAME {one}.challenges.{target}.")
    bind.update(f"add {two}.{bind.signed}. 1 DNAME {two}.challenges.{target}.")
    assert try_name(account, f"{one}.{bind.signed}",
                    lambda v: bind.add_txt(f"{one}.challenges.{target}", v))["status"] == "valid"
    assert try_name(account, f"www.{two}.{bind.signed}", lambda v: bind.add_txt(
        f"_acme-challenge.www.{two}.challenges.{target}", v))["status"] == "valid"


def test_alias_loops_end(account, bind, label):
    name = f"{label()}.{bind.signed}"
    bind.update(f"add _acme-challenge.{name}. 1 CNAME loop.{name}.",
                f"add loop.{name}. 1 CNAME _acme-challenge.{name}.")
    authorization = try_name(account, name, lambda v: None)
    assert authorization["status"] == "invalid"
    assert dns01(authorization)["error"]["type"].endswith((":dns", ":incorrectResponse"))


def test_late_records_are_seen(account, bind, label):
    """What was absent at the first attempt is asked again: neither the absence nor an old record is
    kept for long (FIELD A13)."""
    name = f"{label()}.{bind.signed}"
    order = account.order(name)
    url, challenge = order.challenge(kind="dns-01")
    assert account.post(challenge["url"], {}).status == 200
    wait_until(lambda: f"query: _acme-challenge.{name} IN TXT" in bind.resolver.process.output(), 20,
               "the first attempt")
    bind.add_txt(f"_acme-challenge.{name}", digest(account, challenge))
    assert order.account_settled(url, 40)["status"] == "valid"


def test_wrong_signatures_are_a_refusal(account, bind):
    """The right record with the signature of another (RFC 4035 §5.5)."""
    name = f"known.{bind.bogus}"
    authorization = try_name(account, name, bind.spoil)
    assert authorization["status"] == "invalid"
    error = dns01(authorization)["error"]
    assert error["type"].endswith(":dns")
    assert "SERVFAIL" in error["detail"]


def test_failures_say_what_to_publish(account, bind, label):
    name = f"{label()}.{bind.plain}"
    wanted = []
    authorization = try_name(account, name, wanted.append)
    assert authorization["status"] == "invalid"
    detail = dns01(authorization)["error"]["detail"]
    assert f"_acme-challenge.{name}" in detail and "NXDOMAIN" in detail and wanted[0] in detail


# --- clients, unchanged

def check(dev, pem, names):
    assert names_of(pem) == set(names)
    verify(pem, dev.issued_by)


def test_certbot_with_hooks(dev, bind, label, tmp_path):
    name = f"{label()}.{bind.signed}"
    hook = tmp_path / "hook.sh"
    hook.write_text(f"""#!/bin/sh
printf '%s\\n' "server 127.0.0.1 {bind.authority.port}" "key hmac-sha256:{KEY_NAME} {KEY}" \\
    "update $1 _acme-challenge.$CERTBOT_DOMAIN. 1 TXT \\"$CERTBOT_VALIDATION\\"" send | nsupdate
""")
    hook.chmod(0o755)
    run("certbot", "certonly", "-n", "--manual", "--preferred-challenges", "dns", "--manual-auth-hook",
        f"{hook} add", "--manual-cleanup-hook", f"{hook} delete", "--agree-tos",
        "--register-unsafely-without-email", "--server", dev.directory, "--config-dir",
        tmp_path / "etc", "--work-dir", tmp_path / "var", "--logs-dir", tmp_path / "log",
        "-d", name, "-d", f"*.{name}", env={"REQUESTS_CA_BUNDLE": str(dev.roots)})
    check(dev, (tmp_path / "etc" / "live" / name / "fullchain.pem").read_bytes(),
          [name, f"*.{name}"])
    assert bind.authority.dig(f"_acme-challenge.{name}", "TXT") == ""


def test_lego_with_updates(dev, bind, label, tmp_path):
    """RFC 2136 updates, as a lego user would set it up; but its own check of the name servers only
    knows port 53."""
    name = f"{label()}.{bind.signed}"
    run("lego", "--path", tmp_path, "--server", dev.directory, "--accept-tos", "-m", "a@example.com",
        "--dns", "rfc2136", "--dns.resolvers", bind.resolver.address, "--dns.disable-cp",
        "-d", f"*.{name}", "-d", name, "run", env={
            "LEGO_CA_CERTIFICATES": str(dev.roots), "RFC2136_NAMESERVER": bind.authority.address,
            "RFC2136_TSIG_KEY": f"{KEY_NAME}.", "RFC2136_TSIG_SECRET": KEY,
            "RFC2136_TSIG_ALGORITHM": "hmac-sha256.", "RFC2136_POLLING_INTERVAL": "1",
            "RFC2136_TTL": "1", "RFC2136_SEQUENCE_INTERVAL": "1",
        })
    chain = (tmp_path / "certificates" / f"_.{name}.crt").read_bytes()
    check(dev, chain, [name, f"*.{name}"])


@pytest.mark.skipif(not shutil.which("traefik"), reason="Traefik is no package here")
def test_s1_41_traefik_without_a_hand(dev, bind, label, tmp_path):
    """A service comes up, and Traefik serves it with a certificate by dns-01: nobody does anything."""
    name, port = f"{label()}.{bind.signed}", free_port()
    (tmp_path / "services.yml").write_text(f"""
http:
  routers:
    web: {{rule: "Host(`{name}`)", service: web, tls: {{certResolver: lab}}}}
  services:
    web: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:9"}}]}}}}
""")
    (tmp_path / "traefik.yml").write_text(f"""
entryPoints: {{websecure: {{address: "127.0.0.1:{port}"}}}}
providers: {{file: {{filename: {tmp_path}/services.yml}}}}
certificatesResolvers:
  lab:
    acme:
      email: you@lab.internal
      storage: {tmp_path}/acme.json
      caServer: {dev.directory}
      caCertificates: [{dev.roots}]
      certificatesDuration: 2160
      dnsChallenge:
        provider: rfc2136
        resolvers: ["{bind.resolver.address}"]
        propagation: {{disableChecks: true}}
""")
    traefik = Process(["traefik", f"--configFile={tmp_path}/traefik.yml"], tmp_path, env=clean_environment(
        RFC2136_NAMESERVER=bind.authority.address, RFC2136_TSIG_KEY=f"{KEY_NAME}.", RFC2136_TSIG_SECRET=KEY,
        RFC2136_TSIG_ALGORITHM="hmac-sha256.", RFC2136_TTL="1"))
    try:
        context = ssl.create_default_context(cafile=str(dev.issued_by))

        def served():
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as raw:
                    with context.wrap_socket(raw, server_hostname=name) as tls:
                        return tls.getpeercert(True)
            except OSError:  # its own default certificate, or not listening yet
                return None

        assert names_of(ssl.DER_cert_to_PEM_cert(wait_until(served, 60, traefik.output)).encode()) == {name}
    finally:
        traefik.stop()
