"""DNS proofs by the authoritative servers themselves, by signatures, and by records of an account of its
own or that stay (dns-account-01, dns-persist-01): a network namespace with four BINDs on port 53 - two
that have the same zone, each by itself, one with a delegated zone and zones that aliases lead to, and a
recursive one, which Assay asks where the zones are."""

import base64
import concurrent.futures
import ctypes
import hashlib
import os
import queue
import re
import subprocess
import threading
import time

import pytest

from acmewire import Account, make_csr, wait_until
from bind import KEY, KEY_NAME, Named, installed, run
from servers import AssayServe

pytestmark = [
    pytest.mark.assay,
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="BIND is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

CLONE_NEWNET = 0x40000000
RESOLVER, ONE, TWO, THREE = "10.53.0.1", "10.53.0.2", "10.53.0.3", "10.53.0.4"
SILENT = "10.53.1.9"   # packets to it are lost
CLOSED = "10.53.0.5"   # of this machine, but nobody listens
US = "localhost"       # the host of public_url is our issuer domain name

SOA = "$TTL 1\n@ IN SOA ns. hostmaster. 1 3600 600 86400 1\n"
LAB = SOA + f"""@ IN NS ns1
@ IN NS ns2
ns1 IN A {ONE}
ns2 IN A {TWO}
child IN NS ns.child
ns.child IN A {THREE}
"""


def zone(*servers):
    return SOA + "".join(f"@ IN NS ns{i}\nns{i} IN A {a}\n" for i, a in enumerate(servers, 1))


ZONES = {  # which server has which, with what in it
    ONE: {"lab.test": LAB, "signed.test": zone(ONE), "dead.test": zone(ONE, CLOSED, SILENT),
          "lame.test": zone(ONE, THREE), "local.test": SOA + "@ IN NS a.other.test.\n@ IN NS b.other.test.\n",
          "partly.test": zone(ONE, "127.0.0.1")},
    TWO: {"lab.test": LAB},
    THREE: {"child.lab.test": zone(THREE), "gone.test": zone(CLOSED),
            "other.test": zone(THREE) + "a IN A 127.0.0.1\nb IN A 169.254.169.254\n"},
}
DELEGATED = {"lab.test": (ONE, TWO), "signed.test": (ONE,), "dead.test": (ONE, CLOSED, SILENT),
             "lame.test": (ONE, THREE), "local.test": (ONE,), "partly.test": (ONE,), "other.test": (THREE,), "gone.test": (CLOSED,),
             "bogus.test": (THREE,)}

SETTINGS = """
zones:
  - {{ names: ["*.test"], challenges: [dns-01, dns-account-01, dns-persist-01], dns: authoritative,
      resolver: "{resolver}:53", caa: off }}
  - {{ names: ["*.plain.lab.test"], challenges: [dns-01], resolver: "{resolver}:53", caa: off }}
  - {{ names: ["*.signed.test", "*.bogus.test"], challenges: [dns-01, dns-persist-01], dnssec: validate,
      resolver: "{resolver}:53", caa: off }}
  - {{ names: ["*.must.signed.test", "*.must.lab.test"], challenges: [dns-01], dnssec: require,
      resolver: "{resolver}:53", caa: off }}
  - {{ names: ["*.both.signed.test", "*.both.lab.test", "*.both.bogus.test"], challenges: [dns-01],
      dns: authoritative, dnssec: require, resolver: "{resolver}:53", caa: off }}
validation:
  trust_anchor: "{anchors}"
  deadline: 6s
  first_retry: 1s
"""


class Namespace:
    """A thread in a network namespace of its own; what it starts is in there too."""

    def __init__(self):
        self.work = queue.Queue()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            item = self.work.get()
            if item is None:
                return
            future, function, arguments = item
            try:
                future.set_result(function(*arguments))
            except BaseException as error:  # pytest's own are no Exceptions
                future.set_exception(error)

    def __call__(self, function, *arguments):
        future = concurrent.futures.Future()
        self.work.put((future, function, arguments))
        return future.result(300)

    def close(self):
        self.work.put(None)
        self.thread.join()


def enter():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        pytest.skip(f"no network namespace here: {os.strerror(ctypes.get_errno())}")
    addresses = [f"addr add {a}/32 dev lo" for a in (RESOLVER, ONE, TWO, THREE, CLOSED)]
    for command in ("link set lo up", "link add out type veth peer name far", "link set far up",
                    "link set out up arp off", *addresses, "addr add 10.53.1.1/24 dev out"):
        done = subprocess.run(["ip", *command.split()], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"ip {command}: {done.stderr}")


def authority(directory, host, zones, more=""):
    statements = [
        f'zone "{name}" {{ type primary; file "{name}.zone"; '
        f'{"dnssec-policy default;" if name == "signed.test" else ""} '
        f'allow-update {{ key "{KEY_NAME}"; }}; }};'
        for name in zones
    ]
    return Named(directory, f"at-{host}", {
        "options": "recursion no; dnssec-validation no; minimal-responses yes; querylog yes;",
        "rest": "\n".join(statements) + more,
        **{f"{name}.zone": text for name, text in zones.items()},
    }, host, 53)


class World:
    """All of it. To be made and used in the namespace."""

    def __init__(self, directory):
        self.directory = directory
        self.started = []
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        directory = self.directory
        self.one, self.two = (authority(directory, a, ZONES[a]) for a in (ONE, TWO))
        self.three = authority(directory, THREE, ZONES[THREE],
                               'zone "bogus.test" { type primary; file "bogus.zone.signed"; };')
        bogus = self.sign_and_spoil()
        for server in (self.one, self.two, self.three):
            self.made(server)
        root = SOA + f"@ IN NS ns.\nns. IN A {RESOLVER}\n"
        for name, servers in DELEGATED.items():
            for i, address in enumerate(servers, 1):
                root += f"{name}. IN NS ns{i}.{name}.\nns{i}.{name}. IN A {address}\n"
        self.resolver = self.made(Named(directory, "resolver", {
            # It does not validate: what is wrong must be seen by Assay itself.
            "options": "recursion yes; allow-recursion { any; }; dnssec-validation no; max-cache-ttl 1; "
                       "max-ncache-ttl 1; servfail-ttl 0; querylog yes;",
            "rest": 'zone "." { type primary; file "root.zone"; };',
            "root.zone": root,
        }, RESOLVER, 53))
        signed = wait_until(lambda: self.one.anchor("signed.test"), 20, "the keys of the signed zone")
        self.anchors = directory / "anchors"
        self.anchors.write_text(f"signed.test. IN DNSKEY {signed}\nbogus.test. IN DNSKEY {bogus}\n")
        self.assay = AssayServe(directory / "assay", edit=self.settings)
        self.started.append(self.assay)

    def made(self, server):
        self.started.append(server)
        return server.start()

    def settings(self, text):
        kept = re.split(r"^zones:", text, flags=re.M)[0]
        return kept + SETTINGS.format(resolver=RESOLVER, anchors=self.anchors)

    def sign_and_spoil(self):
        where = self.three.directory
        (where / "bogus.zone").write_text(zone(THREE) + '_acme-challenge.known IN TXT "as it was signed"\n'
                                          '_acme-challenge.known.both IN TXT "as it was signed"\n')
        name = run("dnssec-keygen", "-a", "ECDSAP256SHA256", "-f", "KSK", "bogus.test", cwd=where).strip()
        run("dnssec-signzone", "-z", "-o", "bogus.test", "-f", "bogus.zone.signed", "-S", "bogus.zone",
            cwd=where)
        public = (where / f"{name}.key").read_text().splitlines()[-1]
        return public.split("DNSKEY", 1)[1].strip()

    def spoil(self, value):
        """Its record has this value and the signature of another."""
        signed = self.three.directory / "bogus.zone.signed"
        text = signed.read_text()
        assert "as it was signed" in text
        signed.write_text(text.replace("as it was signed", value))
        self.three.process.stop()
        self.three.start()

    def close(self):
        for part in reversed(self.started):
            part.close()


@pytest.fixture(scope="module")
def inside(tmp_path_factory):
    """Runs a function in the namespace."""
    made = Namespace()
    try:
        made(enter)
        made.world = made(World, tmp_path_factory.mktemp("authoritative"))
        yield made
        made(made.world.close)
    finally:
        made.close()


@pytest.fixture
def world(inside):
    return inside.world


@pytest.fixture(scope="module")
def label():
    count = iter(range(1, 1 << 30))
    return lambda: f"n{next(count)}"


@pytest.fixture
def scene(inside, world, request):
    """Runs the test's own function, given as scene(function), in the namespace with an account."""
    return lambda function: inside(lambda: function(Account(world.assay.wire())))


def digest(account, challenge):
    octets = hashlib.sha256(account.key_authorization(challenge).encode()).digest()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


class Attempt:
    """One name and its one challenge."""

    def __init__(self, account, name, kind="dns-01"):
        self.account, self.kind = account, kind
        self.order = account.order(name)
        self.url, self.challenge = self.order.challenge(kind=kind)
        self.value = digest(account, self.challenge) if "token" in self.challenge else None

    def answer(self):
        assert self.account.post(self.challenge["url"], {}).status == 200
        return self

    def settled(self):
        return self.order.account_settled(self.url, 60)

    def valid(self):
        authorization = self.answer().settled()
        assert authorization["status"] == "valid", authorization
        return authorization

    def refused(self):
        """The problem that it ended with."""
        authorization = self.answer().settled()
        assert authorization["status"] == "invalid", authorization
        return next(c for c in authorization["challenges"] if c["type"] == self.kind)["error"]

    def why(self, world):
        return world.assay.run("order", "why", self.order.url.rsplit("/", 1)[1]).stdout


# --- dns: authoritative

def test_s1_35__all_authoritative_servers_are_asked(scene, world, label):
    def run_it(account):
        attempt = Attempt(account, f"{label()}.lab.test")
        place = f"_acme-challenge.{attempt.order.body['identifiers'][0]['value']}"
        for server in (world.one, world.two):
            server.add_txt(place, attempt.value)
        attempt.valid()
        why = attempt.why(world)
        assert f"at ns1.lab.test ({ONE}): 1 record" in why, why
        assert f"at ns2.lab.test ({TWO}): 1 record" in why, why
        assert f"{place} IN TXT" not in world.resolver.process.output()

    scene(run_it)


def test_s1_35__one_that_lags_behind_is_waited_for(scene, world, label):
    def run_it(account):
        name = f"{label()}.lab.test"
        attempt = Attempt(account, name)
        world.one.add_txt(f"_acme-challenge.{name}", attempt.value)
        attempt.answer()
        wait_until(lambda: f"_acme-challenge.{name} IN TXT" in world.two.process.output().lower().replace(
            " in txt", " IN TXT"), 20, "the first try")
        world.two.add_txt(f"_acme-challenge.{name}", attempt.value)
        assert attempt.settled()["status"] == "valid"

    scene(run_it)


def test_s1_35__one_that_stays_behind_is_named(scene, world, label):
    def run_it(account):
        name = f"{label()}.lab.test"
        attempt = Attempt(account, name)
        world.one.add_txt(f"_acme-challenge.{name}", attempt.value)
        world.two.add_txt(f"_acme-challenge.{name}", "an old one")
        error = attempt.refused()
        assert error["type"].endswith(":incorrectResponse")
        assert f"ns2.lab.test ({TWO}) has not got the record yet, unlike 1 of 2" in error["detail"]

    scene(run_it)


def test_dead_and_lame_servers_do_not_count(scene, world, label):
    def run_it(account):
        dead, lame = f"{label()}.dead.test", f"{label()}.lame.test"
        attempts = [Attempt(account, name) for name in (dead, lame)]
        for name, attempt in zip((dead, lame), attempts):
            world.one.add_txt(f"_acme-challenge.{name}", attempt.value)
            attempt.valid()
        why = attempts[0].why(world)
        assert f"ns2.dead.test ({CLOSED}): does not count: connection refused" in why, why
        assert f"ns3.dead.test ({SILENT}): does not count: no answer" in why, why
        assert f"ns2.lame.test ({THREE}): does not count: REFUSED" in attempts[1].why(world)
        error = Attempt(account, f"{label()}.gone.test").refused()
        assert error["type"].endswith(":dns")
        assert "gone.test" in error["detail"]

    scene(run_it)


def test_v05__name_servers_that_are_never_dialled(scene, world, label):
    """The private policy allows 10.0.0.0/8 and never loopback, name server or not."""
    def run_it(account):
        error = Attempt(account, f"{label()}.local.test").refused()
        assert error["type"].endswith(":dns")
        assert "no name server of local.test may be asked: policy: " in error["detail"]
        name = f"{label()}.partly.test"
        attempt = Attempt(account, name)
        world.one.add_txt(f"_acme-challenge.{name}", attempt.value)
        attempt.valid()
        assert "skip name server ns2.partly.test: policy: 127.0.0.1 is loopback" in attempt.why(world)

    scene(run_it)


def test_delegated_zones_are_found(scene, world, label):
    def run_it(account):
        name = f"{label()}.child.lab.test"
        attempt = Attempt(account, name)
        world.three.add_txt(f"_acme-challenge.{name}", attempt.value)
        attempt.valid()
        assert f"in zone child.lab.test of ns1.child.lab.test" in attempt.why(world)

    scene(run_it)


def test_aliases_lead_to_other_zones(scene, world, label):
    def run_it(account):
        one, two = label(), label()
        for server in (world.one, world.two):
            server.update(f"add _acme-challenge.{one}.lab.test. 1 CNAME {one}.other.test.",
                          f"add {two}.lab.test. 1 DNAME {two}.other.test.")
        attempt = Attempt(account, f"{one}.lab.test")
        world.three.add_txt(f"{one}.other.test", attempt.value)
        attempt.valid()
        assert f"at ns1.other.test ({THREE}): 1 record" in attempt.why(world)
        attempt = Attempt(account, f"www.{two}.lab.test")
        world.three.add_txt(f"_acme-challenge.www.{two}.other.test", attempt.value)
        attempt.valid()
        loop = label()
        for server in (world.one, world.two):
            server.update(f"add _acme-challenge.{loop}.lab.test. 1 CNAME {loop}.other.test.")
        world.three.update(f"add {loop}.other.test. 1 CNAME _acme-challenge.{loop}.lab.test.")
        assert "more than 8 aliases, or a loop of them" in Attempt(account, f"{loop}.lab.test").refused()["detail"]
        apart = label()
        world.one.update(f"add _acme-challenge.{apart}.lab.test. 1 CNAME {apart}.other.test.")
        error = Attempt(account, f"{apart}.lab.test").refused()
        assert "do not agree" in error["detail"]

    scene(run_it)


def test_rfc7766_5__more_than_fits_in_a_datagram(scene, world, label):
    def run_it(account):
        name = f"{label()}.lab.test"
        attempt = Attempt(account, name)
        place = f"_acme-challenge.{name}"
        for server in (world.one, world.two):
            server.update(*(f'add {place}. 1 TXT "{i:03}{"x" * 200}"' for i in range(40)))
            server.add_txt(place, attempt.value)
        attempt.valid()

    scene(run_it)


# --- signatures

def test_rfc4035_5__signed_zones(scene, world, label):
    """Validated by Assay itself with the zone's own key, by either way of asking."""
    def run_it(account):
        for zone_name in ("signed.test", "must.signed.test", "both.signed.test"):
            name = f"{label()}.{zone_name}"
            attempt = Attempt(account, name)
            world.one.add_txt(f"_acme-challenge.{name}", attempt.value)
            attempt.valid()
            assert f"dns _acme-challenge.{name} TXT: 1 text, DNSSEC" in attempt.why(world)

    scene(run_it)


def test_rfc4035_5__unsigned_zones_where_signed_ones_are_demanded(scene, world, label):
    def run_it(account):
        for zone_name in ("must.lab.test", "both.lab.test"):
            name = f"{label()}.{zone_name}"
            attempt = Attempt(account, name)
            for server in (world.one, world.two):
                server.add_txt(f"_acme-challenge.{name}", attempt.value)
            error = attempt.refused()
            assert error["type"].endswith(":dns")
            assert f"for _acme-challenge.{name} TXT is not signed" in error["detail"]
            assert "validation.trust_anchor" in error["detail"]

    scene(run_it)


def test_rfc4035_5_5__wrong_signatures_are_a_refusal(scene, world):
    def run_it(account):
        attempts = [Attempt(account, name) for name in ("known.bogus.test", "known.both.bogus.test")]
        for attempt in attempts:
            world.spoil(attempt.value)
            error = attempt.refused()
            assert error["type"].endswith(":dns")
            assert "RFC 4035 §5.5" in error["detail"]
            restore(world, attempt.value)

    def restore(world, value):
        signed = world.three.directory / "bogus.zone.signed"
        signed.write_text(signed.read_text().replace(value, "as it was signed"))

    scene(run_it)


# --- dns-account-01

def account_label(url):
    return "_" + base64.b32encode(hashlib.sha256(url.encode()).digest()[:10]).decode().lower()


def test_dns_account_01__two_accounts_side_by_side(scene, world, label):
    """Each is sent to another zone by an alias of its own, which is what the challenge is for."""
    def run_it(account):
        name = f"{label()}.lab.test"
        accounts = [account, Account(world.assay.wire())]
        attempts = [Attempt(a, name, "dns-account-01") for a in accounts]
        for i, attempt in enumerate(attempts):
            place = f"{account_label(attempt.account.url)}._acme-challenge.{name}"
            for server in (world.one, world.two):
                server.update(f"add {place}. 1 CNAME {i}.{name.split('.')[0]}.other.test.")
            world.three.add_txt(f"{i}.{name.split('.')[0]}.other.test", attempt.value)
        for attempt in attempts:
            attempt.valid()
        # What one has published proves nothing for another.
        third = Attempt(Account(world.assay.wire()), name, "dns-account-01")
        error = third.refused()
        assert account_label(third.account.url) in error["detail"]

    scene(run_it)


def test_dns_account_01__wildcard(scene, world, label):
    def run_it(account):
        name = f"{label()}.lab.test"
        attempt = Attempt(account, f"*.{name}", "dns-account-01")
        for server in (world.one, world.two):
            server.add_txt(f"{account_label(account.url)}._acme-challenge.{name}", attempt.value)
        attempt.valid()
        assert attempt.order.finalize(make_csr([f"*.{name}"])).status == 200
        assert attempt.order.wait()["status"] == "valid"

    scene(run_it)


# --- dns-persist-01

def persist(world, name, value):
    for server in (world.one, world.two):
        server.update(f"delete _validation-persist.{name}. TXT",
                      f'add _validation-persist.{name}. 1 TXT "{value}"')


def issue(attempt, *names):
    assert attempt.order.finalize(make_csr(list(names))).status == 200
    assert attempt.order.wait()["status"] == "valid"


def test_dns_persist_01__the_challenge_says_what_to_publish(scene, world, label):
    def run_it(account):
        challenge = Attempt(account, f"{label()}.lab.test", "dns-persist-01").challenge
        assert "token" not in challenge
        assert challenge["accounturi"] == account.url
        assert challenge["issuer-domain-names"] == [US]

    scene(run_it)


def test_dns_persist_01__renewed_by_the_record_that_stays(scene, world, label):
    def run_it(account):
        name = f"{label()}.lab.test"
        first = Attempt(account, name, "dns-persist-01")
        persist(world, name, f"{US}; accounturi={account.url}")
        first.valid()
        issue(first, name)
        # The renewal touches nothing in the DNS; but it is looked at again, each time.
        second = Attempt(account, name, "dns-persist-01")
        assert account.read(second.url)["status"] == "pending"
        second.valid()
        issue(second, name)
        for server in (world.one, world.two):
            server.update(f"delete _validation-persist.{name}. TXT")
        error = Attempt(account, name, "dns-persist-01").refused()
        assert error["type"].endswith(":unauthorized")
        assert f"{US}; accounturi={account.url}" in error["detail"]

    scene(run_it)


def test_dns_persist_01__only_for_the_account_that_is_named(scene, world, label):
    def run_it(account):
        name = f"{label()}.lab.test"
        persist(world, name, f"{US}; accounturi={account.url}")
        error = Attempt(Account(world.assay.wire()), name, "dns-persist-01").refused()
        assert error["type"].endswith(":unauthorized")
        assert "accounturi is not that of this account" in error["detail"]
        assert account.url not in error["detail"]
        Attempt(account, name, "dns-persist-01").valid()

    scene(run_it)


def test_dns_persist_01__wildcards_need_the_policy(scene, world, label):
    def run_it(account):
        name = f"{label()}.lab.test"
        persist(world, name, f"{US}; accounturi={account.url}")
        error = Attempt(account, f"*.{name}", "dns-persist-01").refused()
        assert "policy=wildcard" in error["detail"]
        persist(world, name, f"{US}; accounturi={account.url}; policy=wildcard")
        attempt = Attempt(account, f"*.{name}", "dns-persist-01")
        attempt.valid()
        issue(attempt, f"*.{name}")

    scene(run_it)


def test_dns_persist_01__no_longer_than_the_record_says(scene, world, label):
    def run_it(account):
        name, until = f"{label()}.lab.test", int(time.time()) + 3000
        persist(world, name, f"{US}; accounturi={account.url}; persistUntil={until}")
        expires = Attempt(account, name, "dns-persist-01").valid()["expires"]
        assert expires == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
        persist(world, name, f"{US}; accounturi={account.url}; persistUntil={int(time.time()) - 1}")
        assert "persistUntil has passed" in Attempt(account, name, "dns-persist-01").refused()["detail"]
        persist(world, name, f"{US}; accounturi={account.url}; persistUntil=soon")
        error = Attempt(account, name, "dns-persist-01").refused()
        assert error["type"].endswith(":malformed")

    scene(run_it)


def test_dns_persist_01__in_a_signed_zone(scene, world, label):
    def run_it(account):
        name = f"{label()}.signed.test"
        world.one.add_txt(f"_validation-persist.{name}", f"{US}; accounturi={account.url}")
        Attempt(account, name, "dns-persist-01").valid()

    scene(run_it)


def test_challenges_that_the_zone_does_not_name_are_not_offered(scene, world, label):
    def run_it(account):
        order = account.order(f"{label()}.plain.lab.test")
        (_, authorization), = order.authorizations()
        assert [c["type"] for c in authorization["challenges"]] == ["dns-01"]

    scene(run_it)
