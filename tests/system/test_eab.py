"""External account binding keys made while the server runs (RFC 8555 §7.3.4, FIELD Q8, S1.25, S1.42)."""

import concurrent.futures
import json

import pytest

from acmewire import Account, Key, refused, unb64
from peers import Responder
from servers import AssayServe

pytestmark = pytest.mark.assay

AWAITING = "The account is not awaiting external account binding"


def eab_required(text):
    return text.replace("  default:\n", "  default:\n    eab_required: true\n", 1)


@pytest.fixture(scope="module")
def bound(tmp_path_factory):
    made = AssayServe(tmp_path_factory.mktemp("eab"), edit=eab_required)
    assert "eab_required: true" in made.config.read_text()
    yield made
    made.close()


def add(server, *options):
    return server.admin("eab", "add", *options)


def register(wire, made, key=None):
    key = key or Key()
    binding = wire.eab(key, made["kid"], made["hmac_key"])
    return wire.post(wire.directory["newAccount"],
                     {"termsOfServiceAgreed": True, "externalAccountBinding": binding}, key)


def bind(wire, made):
    key = Key()
    return Account(wire, key, externalAccountBinding=wire.eab(key, made["kid"], made["hmac_key"]))


def test_without_a_binding_nobody_registers(bound):
    wire = bound.wire()
    assert wire.directory["meta"]["externalAccountRequired"] is True
    got = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, Key())
    refused(got, "externalAccountRequired", 403)


def test_the_key_is_shown_once_and_never_stored_in_plain(bound):
    made = add(bound, "--name", "camera 17")
    assert len(unb64(made["hmac_key"])) == 32 and "=" not in made["hmac_key"]
    shown = bound.admin("eab", "show", made["kid"])
    assert shown["name"] == "camera 17" and shown["status"] == "active" and "hmac_key" not in shown
    listed = bound.admin("eab", "list")["eab"]
    assert made["kid"] in [k["kid"] for k in listed] and "hmac_key" not in json.dumps(listed)
    assert (bound.data / "service.key").stat().st_mode & 0o777 == 0o600
    for path in bound.data.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            assert made["hmac_key"].encode() not in octets and unb64(made["hmac_key"]) not in octets, path


def test_rfc8555_7_3_4__a_key_makes_one_account(bound):
    wire, made, key = bound.wire(), add(bound), Key()
    got = register(wire, made, key)
    assert got.status == 201
    # The same client again: its account, whatever became of the key (acme.sh does this).
    assert register(wire, made, key).status == 200
    again = register(wire, made)
    refused(again, "unauthorized", 403)
    assert AWAITING in again.json()["detail"]
    assert bound.admin("eab", "show", made["kid"])["status"] == "used"


def test_twenty_at_once_make_one_account(bound):
    wire, made = bound.wire(), add(bound)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        got = list(pool.map(lambda _: register(wire, made).status, range(20)))
    assert sorted(got) == [201] + [403] * 19


def test_uses_and_reusable(bound):
    wire = bound.wire()
    twice = add(bound, "--uses", 2)
    assert [register(wire, twice).status for _ in range(3)] == [201, 201, 403]
    many = add(bound, "--reusable")
    assert many["kid"].isascii()  # RFC 8555 §7.3.4
    assert [register(wire, many).status for _ in range(4)] == [201] * 4
    assert bound.admin("eab", "show", many["kid"])["used"] == 4


def test_a_wrong_mac_learns_nothing_of_the_key(bound):
    wire, made = bound.wire(), add(bound)
    assert register(wire, made).status == 201
    wrong = register(wire, {**made, "hmac_key": "A" * 43})
    refused(wrong, ("unauthorized", "malformed"), (400, 403))
    assert "used" not in wrong.json()["detail"]


def test_expired(bound):
    wire, made = bound.wire(), add(bound, "--expires", "1s", "--reusable")
    from acmewire import wait_until
    wait_until(lambda: bound.admin("eab", "show", made["kid"])["status"] == "expired", 5, "expiry")
    refused(register(wire, made), "unauthorized", 403)


def test_revoked__registers_nobody_and_its_accounts_order_nothing(bound):
    wire, made = bound.wire(), add(bound, "--reusable")
    account = bind(wire, made)
    account.order("revoked.test")
    assert bound.admin("eab", "revoke", made["kid"])["status"] == "revoked"
    refused(register(wire, made), "unauthorized", 403)
    refused(account.try_order("revoked.test"), "unauthorized", 403)


def test_zones__limit_what_its_accounts_order(bound):
    account = bind(bound.wire(), add(bound, "--zone", "cam.test", "--zone", "*.cam.test"))
    for good in ("cam.test", "a.cam.test", "a.b.cam.test"):
        assert account.try_order(good).status == 201
    got = account.try_order("cam.test", "door.test", "xcam.test")
    refused(got, "rejectedIdentifier")
    assert {s["identifier"]["value"] for s in got.json()["subproblems"]} == {"door.test", "xcam.test"}


def test_profiles__limit_what_its_accounts_order(bound):
    account = bind(bound.wire(), add(bound, "--profile", "short"))
    refused(account.try_order("p.test", profile="server"), "invalidProfile")
    assert account.order("p.test").body["profile"] == "short"


@pytest.mark.parametrize("options", [
    ["--uses", "0x"], ["--uses", "-1"], ["--uses", "2", "--reusable"], ["--expires", "soon"],
    ["--zone", "not a name"], ["--profile", "none"],
])
def test_bad_terms_are_refused(bound, options):
    assert bound.run("eab", "add", *options, check=False).returncode != 0


def test_survives_a_restart(bound):
    made = add(bound)
    bound.kill()
    bound.start()
    wire = bound.wire()
    assert register(wire, made).status == 201
    refused(register(wire, made), "unauthorized", 403)


@pytest.mark.slow
def test_s1_42__five_hundred_devices_with_a_key_each(bound):
    """Keys are made beforehand, one for each device and its one name; all first boots come at once."""
    devices = [f"device-{n}.iot.test" for n in range(500)]
    keys = {d: add(bound, "--name", d, "--zone", d, "--expires", "30d") for d in devices}
    responder = Responder(bound.http01_port)
    wire = bound.wire()

    def boot(device):
        account = bind(wire, keys[device])
        chain, _ = account.order(device).issue(responder, timeout=120)
        stranger = account.try_order("device-0.iot.test" if device != devices[0] else devices[1])
        return chain[0].subject.rfc4514_string(), stranger.status

    try:
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            got = list(pool.map(boot, devices))
    finally:
        responder.close()
    assert got == [(f"CN={d}", 400) for d in devices]
    # Each key is used up: a thief of the list gets nothing.
    assert {register(wire, keys[d]).status for d in devices[:20]} == {403}
