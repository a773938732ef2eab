"""Zones of the store: `assay zone`, `assay config diff|apply|export`, and what real clients get (S1.31,
S1.38, S1.43)."""

import contextlib

import pytest

from acmewire import Account, Key, make_csr, refused, wait_until
from peers import Responder
from servers import AssayServe

pytestmark = pytest.mark.assay


def narrow(text):
    """One zone of the file; all others are the store's."""
    return text.replace('names: [test, "*.test", localhost, "127.0.0.0/8"]',
                        'name: home\n    names: ["*.home.test", localhost, "127.0.0.0/8"]') + \
        "block:\n  names: [secret.dev.test]\n"


@pytest.fixture
def lab(tmp_path):
    made = AssayServe(tmp_path / "server", edit=narrow)
    assert "*.home.test" in made.config.read_text()
    yield made
    made.close()


def zone(server, names, more=""):
    return f"""names: {names}
challenges: [http-01]
address_policy: dev
resolver: "{server.nameserver.address}"
caa: off
{more}"""


def run(server, *arguments, expect):
    done = server.run(*arguments, check=False)
    assert done.returncode == expect, done
    return done


def put(server, name, text, code=0):
    path = server.path / f"{name}.yaml"
    path.write_text(text)
    return run(server, "zone", "set", name, path, "--json", expect=code)


def issue(server, *names):
    account = Account(server.wire())
    with contextlib.closing(Responder(server.http01_port)) as responder:
        return account.order(*names).issue(responder)


def actions(server):
    return [(r["action"], r["subject"]) for r in server.admin("audit", "list")["audit"]
            if r["action"].startswith("zone.")]


def test_s1_43__developers_have_what_is_on_the_list_and_nothing_else(lab):
    account = Account(lab.wire())
    refused(account.try_order("web.dev.test"), "rejectedIdentifier")
    put(lab, "dev", zone(lab, '["*.dev.test"]', "except: [build.dev.test]\n"))
    issue(lab, "web.dev.test", "a.b.dev.test")  # in force at once
    for name in ("dev.test", "build.dev.test", "web.dev.test.evil", "xdev.test"):
        assert "no zone" in refused(account.try_order(name), "rejectedIdentifier")["detail"]
    assert "block.names" in refused(account.try_order("secret.dev.test"), "rejectedIdentifier")["detail"]
    body = refused(account.try_order("web.dev.test", "other", "secret.dev.test"), "rejectedIdentifier")
    assert [s["identifier"]["value"] for s in body["subproblems"]] == ["other", "secret.dev.test"]


def test_a_zone_is_set_shown_and_removed(lab):
    done = lab.run("zone", "set", "ops", "--names", "*.ops.test", "--names", "10.0.0.0/8", "--challenges", "dns-01",
                      "--preset", "public", "--certificates", "5/h", "--json").stdout
    assert '"from":"store"' in done
    shown = lab.admin("zone", "show", "ops")
    assert shown["names"] == ["*.ops.test", "10.0.0.0/8"] and shown["challenges"] == ["dns-01"]
    assert (shown["caa"], shown["dns"], shown["dnssec"]) == ("enforce", "authoritative", "validate")
    assert [z["name"] for z in lab.admin("zone", "list")["zones"]] == ["home", "ops"]
    assert "ops" in lab.run("zone", "list").stdout and "5/h" in lab.run("zone", "show", "ops").stdout
    lab.run("zone", "set", "ops", "--names", "*.ops.test", "--json")
    assert "not removed" in run(lab, "zone", "remove", "ops", expect=1).stderr  # nobody is there to ask
    lab.run("zone", "remove", "ops", "--yes")
    run(lab, "zone", "show", "ops", expect=3)
    run(lab, "zone", "remove", "ops", "--yes", expect=3)
    assert sorted(actions(lab)) == [("zone.add", "ops"), ("zone.change", "ops"), ("zone.remove", "ops")]


WRONG = [
    ("home", "names: [x.test]\n", "is in the settings file"),
    ("bad", "names: [a..b]\n", "names"),
    ("bad", "names: [x.test]\nchalenges: [http-01]\n", "did you mean"),
    ("bad", "names: [x.test]\nissuer: nobody\n", "there is no such authority"),
    ("bad", "names: ['*.HOME.test']\n", "has *.HOME.test already"),
    ("bad", "names: [x.test]\naccounts: bindings\nbindings: [nobody]\n", "there is no binding key"),
    ("bad", "names: [x.test]\nprobe_quorum: 2\n", "greater than the number"),
    ("bad", "name: other\nnames: [x.test]\n", "leave it out"),
    ("bad", "- names: [x.test]\n", "zone bad:1"),
    ("b d", "names: [x.test]\n", "the name of a zone"),
    ("bad", "", "names"),
]


def test_what_a_zone_cannot_be(lab):
    path = lab.path / "zone.yaml"
    for name, text, why in WRONG:
        path.write_text(text)
        done = run(lab, "zone", "set", name, path, expect=1)
        assert why in done.stderr, done.stderr
    assert [z["name"] for z in lab.admin("zone", "list")["zones"]] == ["home"]


def test_bindings_by_id_and_by_name(lab):
    made = {n: lab.admin("eab", "add", "--name", n) for n in ("red", "blue")}
    put(lab, "red", zone(lab, '["*.red.test"]', "accounts: bindings\nbindings: [red]\n"))
    put(lab, "blue", zone(lab, '["*.blue.test"]', f"accounts: bindings\nbindings: [{made['blue']['kid']}]\n"))

    def bind(which):
        wire, key = lab.wire(), Key()
        return Account(wire, key, externalAccountBinding=wire.eab(key, made[which]["kid"], made[which]["hmac_key"]))

    red = bind("red")
    with contextlib.closing(Responder(lab.http01_port)) as responder:
        red.order("a.red.test").issue(responder)
    assert 'zone "blue"' in refused(red.try_order("a.blue.test"), "unauthorized", 403)["detail"]
    bind("blue").order("a.blue.test")
    refused(Account(lab.wire()).try_order("a.red.test"), "unauthorized", 403)
    lab.run("eab", "revoke", made["red"]["kid"])
    assert "revoked" in refused(red.try_order("a.red.test"), "unauthorized", 403)["detail"]


def test_policy_is_asked_again_at_finalize(lab):
    put(lab, "dev", zone(lab, '["*.dev.test"]'))
    account = Account(lab.wire())
    with contextlib.closing(Responder(lab.http01_port)) as responder:
        order = account.order("a.dev.test")
        order.authorize(responder)
    lab.run("zone", "remove", "dev", "--yes")
    assert "no zone" in refused(order.finalize(make_csr(["a.dev.test"])), "rejectedIdentifier")["detail"]
    put(lab, "dev", zone(lab, '["*.dev.test"]'))
    assert order.finalize(make_csr(["a.dev.test"])).status == 200


def test_the_document__export_diff_apply(lab):
    put(lab, "dev", zone(lab, '["*.dev.test"]'))
    put(lab, "ops", zone(lab, '["*.ops.test"]', 'except: ["#a.ops.test"]\n').replace("#a", "a"))
    exported = lab.run("config", "export").stdout
    path = lab.path / "zones-document.yaml"
    path.write_text(exported)
    before = lab.admin("audit", "list")["audit"]
    assert lab.run("config", "diff", path).stdout == ""
    assert lab.run("config", "apply", path).stdout == ""
    assert lab.run("config", "export").stdout == exported
    assert lab.admin("audit", "list")["audit"] == before  # nothing was written

    path.write_text(exported.replace("*.dev.test", "*.new.test").replace('"ops"', '"lab"'))
    shown = run(lab, "config", "diff", path, expect=1).stdout
    assert "+ zone lab" in shown and "- zone ops" in shown and '-   names: ["*.dev.test"]' in shown
    assert run(lab, "config", "apply", path, "--dry-run", expect=1).stdout == shown
    assert lab.run("config", "export").stdout == exported
    assert lab.run("config", "apply", path).stdout == shown
    assert [z["name"] for z in lab.admin("zone", "list")["zones"]] == ["home", "dev", "lab"]
    issue(lab, "x.new.test", "x.ops.test")
    path.write_text(exported)
    lab.run("config", "apply", path)
    assert lab.run("config", "export").stdout == exported

    # All or nothing: one of two is wrong.
    path.write_text(exported.replace("*.dev.test", "*.home.test").replace("*.ops.test", "*.more.test"))
    assert "home" in run(lab, "config", "apply", path, expect=1).stderr
    assert "home" in run(lab, "config", "diff", path, expect=2).stderr
    for text in ("", "zones: {dev: {names: [x.test], nams: [y]}}\n", "eab_keys: {}\nzones: {}\n", "zones: [1]\n"):
        path.write_text(text)
        run(lab, "config", "apply", path, expect=1)
        run(lab, "config", "diff", path, expect=2)
    assert lab.run("config", "export").stdout == exported
    path.write_text("zones: {}\n")
    lab.run("config", "apply", path)
    assert lab.run("config", "export").stdout == "zones: {}\n"


def test_zones_survive_a_restart__and_a_broken_one_stops_nothing(lab):
    put(lab, "dev", zone(lab, '["*.dev.test"]'))
    put(lab, "wide", zone(lab, '["*.test"]'))
    lab.kill()
    lab.start()
    issue(lab, "a.dev.test")
    # The file takes a name of the stored zone: the file's counts, the rest of the stored zone is denied.
    text = lab.config.read_text()
    lab.process.stop()
    lab.config.write_text(text.replace("*.home.test", "*.dev.test"))
    lab.start()
    zones = {z["name"]: z for z in lab.admin("zone", "list")["zones"]}
    assert "already" in zones["dev"]["broken"] and "broken" not in zones["wide"]
    assert "stored_zone_refused" in lab.process.output()
    issue(lab, "a.dev.test")
    put(lab, "dev", zone(lab, '["*.dev.test", "*.only.test"]'), 1)
    lab.run("zone", "remove", "dev", "--yes")
    assert "broken" not in lab.run("zone", "list").stdout


def test_s1_40__by_dns_alone__and_by_http_only_inside_a_prefix(lab):
    put(lab, "alone", zone(lab, '["*.alone.test"]').replace("[http-01]", "[dns-01]"))
    put(lab, "inside", zone(lab, '["*.inside.test"]', 'targets: ["127.0.0.0/8"]\n'))
    put(lab, "outside", zone(lab, '["*.outside.test"]', "targets: [10.0.0.0/8]\n"))
    account = Account(lab.wire())
    ((_, authorization),) = account.order("a.alone.test").authorizations()
    assert [c["type"] for c in authorization["challenges"]] == ["dns-01"]
    issue(lab, "a.inside.test")
    with contextlib.closing(Responder(lab.http01_port)) as responder:
        failed = account.order("a.outside.test").fail(responder)
        assert "policy" in failed["challenges"][0]["error"]["detail"] and responder.seen == []  # nothing was sent there


def test_sighup_keeps_the_stored_zones(lab):
    put(lab, "dev", zone(lab, '["*.dev.test"]'))
    lab.config.write_text(lab.config.read_text().replace("*.home.test", "*.house.test"))
    lab.process.signal(1)
    account = Account(lab.wire())

    def reloaded():
        return lab.admin("zone", "show", "home")["names"][0] == "*.house.test"

    wait_until(reloaded, 10, "the reload")
    account.order("a.dev.test", "b.house.test")
