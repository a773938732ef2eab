"""The verbs of `assay` over the admin socket: tables for people, --json for programs, exit codes
for scripts (0 done, 1 failed, 2 usage, 3 no such thing, 4 no server)."""

import datetime
import json
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acmewire import Account, hex_serial, make_csr, refused
from judge import verify
from servers import PROGRAMS, clean_environment

pytestmark = pytest.mark.assay


def rows(found):
    """The list in a --json answer, whatever it is called."""
    if isinstance(found, list):
        return found
    lists = [v for v in found.values() if isinstance(v, list)]
    assert len(lists) == 1, found
    return lists[0]


def identity(url):
    return url.rstrip("/").rsplit("/", 1)[1]


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["dev", "--help"],
                                       ["init", "--help"], ["cert", "--help"],
                                       ["cert", "issue", "--help"], ["order", "why", "--help"]])
def test_help_teaches(arguments):
    done = subprocess.run([PROGRAMS / "assay", *arguments], capture_output=True, text=True,
                          env=clean_environment(), timeout=10)
    assert done.returncode == 0
    assert "assay" in done.stdout and len(done.stdout.splitlines()) >= 3


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["cert"], ["cert", "nothing"],
                                       ["cert", "issue"], ["cert", "show"], ["order", "why"],
                                       ["serve", "--nothing"], ["dev", "--http01-port", "x"]])
def test_usage_is_2(arguments, server):
    done = subprocess.run([PROGRAMS / "assay", *arguments], capture_output=True, text=True,
                          env=clean_environment(ASSAY_SOCKET=server.socket), timeout=10)
    assert done.returncode == 2, done
    assert done.stderr


@pytest.mark.parametrize("arguments, word", [
    (["dev", "--http01-port", "70000"], "port"), (["cert", "revoke", "1", "--reason", "x"], "reason"),
])
def test_values_that_cannot_be(arguments, word, server):
    done = server.run(*arguments, check=False)
    assert done.returncode in (1, 2), done
    assert word in done.stderr


def test_unreachable_is_4(tmp_path):
    done = subprocess.run([PROGRAMS / "assay", "status", "--socket", tmp_path / "none.sock"],
                          capture_output=True, text=True, env=clean_environment(), timeout=10)
    assert done.returncode == 4, done
    assert "none.sock" in done.stderr


@pytest.mark.parametrize("arguments", [["cert", "show", "123abc"], ["cert", "revoke", "123abc"],
                                       ["order", "show", "0" * 26], ["order", "why", "0" * 26],
                                       ["account", "show", "0" * 26],
                                       ["account", "deactivate", "0" * 26],
                                       ["authority", "show", "nobody"],
                                       ["directory", "show", "nobody"]])
def test_not_found_is_3(server, arguments):
    done = server.run(*arguments, check=False)
    assert done.returncode == 3, done
    assert done.stderr and not done.stdout


def test_socket_is_for_the_owner_alone(server):
    assert os.stat(server.socket).st_mode & 0o077 == 0


def test_status(server):
    assert server.run("status").stdout
    assert isinstance(server.admin("status"), dict)


@pytest.mark.parametrize("noun", ["account", "order", "cert", "authority", "directory"])
def test_lists(server, account, responder, name, noun):
    account.order(name()).issue(responder)
    found = rows(server.admin(noun, "list"))
    assert found
    table = server.run(noun, "list").stdout
    assert len(table.splitlines()) >= 2


def test_account(server, wire):
    account = Account(wire, contact=["mailto:who@example.com"])
    wanted = identity(account.url)
    assert any(wanted in str(row) for row in rows(server.admin("account", "list")))
    assert "who@example.com" in str(server.admin("account", "show", wanted))
    assert "who@example.com" in server.run("account", "show", wanted).stdout
    server.run("account", "deactivate", wanted)
    refused(account.post(account.url, None), "unauthorized", 401)
    assert "deactivated" in str(server.admin("account", "show", wanted))


def test_order(server, account, responder, name):
    wanted = name()
    order = account.order(wanted)
    order.issue(responder)
    shown = server.admin("order", "show", identity(order.url))
    assert wanted in str(shown) and "valid" in str(shown)
    assert wanted in server.run("order", "show", identity(order.url)).stdout


def test_order_why_of_a_good_order_shows_what_was_done(server, account, responder, name):
    wanted = name()
    order = account.order(wanted)
    order.issue(responder)
    text = server.run("order", "why", identity(order.url)).stdout
    assert wanted in text


def test_authority_and_directory(server):
    for noun in ("authority", "directory"):
        first = rows(server.admin(noun, "list"))[0]
        shown = server.admin(noun, "show", first["name"])
        assert first["name"] in str(shown)
        assert server.run(noun, "show", first["name"]).stdout


# --- certificates without ACME (S1.45)

def issued(directory):
    files = {path.name: path for path in directory.rglob("*") if path.is_file()}
    chain = next(p for n, p in files.items() if "fullchain" in n or n.endswith("chain.pem"))
    return files, chain.read_bytes()


def test_cert_issue(server, name, tmp_path):
    names = [name(), name()]
    server.run("cert", "issue", "--dns", names[0], "--dns", names[1], "--ip", "127.0.0.1",
               "--duration", "7d", "--out", tmp_path)
    files, pem = issued(tmp_path)
    verify(pem, server.roots, "-verify_hostname", names[1])
    leaf = x509.load_pem_x509_certificate(pem)
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == names
    assert [str(a) for a in san.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert abs(lifetime - datetime.timedelta(days=7)) < datetime.timedelta(hours=2)
    keys = [p for n, p in files.items() if "key" in n]
    assert len(keys) == 1
    assert keys[0].stat().st_mode & 0o077 == 0
    key = serialization.load_pem_private_key(keys[0].read_bytes(), None)
    assert key.public_key().public_numbers() == leaf.public_key().public_numbers()


def test_cert_issue_for_a_csr(server, name, tmp_path):
    wanted = name()
    key = ec.generate_private_key(ec.SECP384R1())
    csr = x509.load_der_x509_csr(make_csr([wanted], key))
    (tmp_path / "csr.pem").write_bytes(csr.public_bytes(serialization.Encoding.PEM))
    server.run("cert", "issue", "--dns", wanted, "--csr", tmp_path / "csr.pem", "--out",
               tmp_path / "out")
    files, pem = issued(tmp_path / "out")
    assert not [n for n in files if "key" in n]
    leaf = x509.load_pem_x509_certificate(pem)
    assert leaf.public_key().public_numbers() == key.public_key().public_numbers()
    verify(pem, server.roots)


@pytest.mark.parametrize("profile, usages", [
    ("server", {"serverAuth"}), ("short", {"serverAuth"}), ("client", {"clientAuth"}),
    ("mtls", {"serverAuth", "clientAuth"}),
])
def test_profiles(server, name, tmp_path, profile, usages):
    server.run("cert", "issue", "--dns", name(), "--profile", profile, "--out", tmp_path)
    leaf = x509.load_pem_x509_certificate(issued(tmp_path)[1])
    eku = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {u._name for u in eku} == usages


@pytest.mark.parametrize("arguments", [["--dns", "bad_name!"], ["--dns", "a.test", "--duration", "0d"],
                                       ["--dns", "a.test", "--duration", "100000d"],
                                       ["--dns", "a.test", "--profile", "nothing"],
                                       ["--ip", "999.1.1.1"],
                                       ["--dns", "a.test", "--csr", "/nonexistent"]])
def test_cert_issue_refusals(server, tmp_path, arguments):
    done = server.run("cert", "issue", *arguments, "--out", tmp_path, check=False)
    assert done.returncode in (1, 2, 3), done
    assert done.stderr
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_cert_revoke(server, name, tmp_path):
    server.run("cert", "issue", "--dns", name(), "--out", tmp_path)
    serial = hex_serial(x509.load_pem_x509_certificate(issued(tmp_path)[1]))
    server.run("cert", "revoke", serial, "--reason", "keyCompromise")
    assert "keyCompromise" in server.run("cert", "show", serial).stdout
    again = server.run("cert", "revoke", serial, check=False)
    assert again.returncode == 1
    assert "already" in again.stderr


def test_serials_in_any_spelling(server, name, tmp_path):
    server.run("cert", "issue", "--dns", name(), "--out", tmp_path)
    serial = hex_serial(x509.load_pem_x509_certificate(issued(tmp_path)[1]))
    pairs = ":".join(serial[i:i + 2] for i in range(0, len(serial), 2))
    for text in (serial.upper(), pairs, pairs.upper()):
        assert json.loads(server.run("cert", "show", text, "--json").stdout)


def test_output_cannot_be_forged_by_peers(server, wire):
    """TRUST V42: control characters of a contact do not reach the terminal."""
    got = wire.post(wire.directory["newAccount"],
                    {"termsOfServiceAgreed": True,
                     "contact": ["mailto:a\u001b[31m@example.com"]},
                    __import__("acmewire").Key())
    if got.status == 201:
        text = server.run("account", "show", identity(got.location)).stdout
        assert "\x1b" not in text
    assert "\x1b" not in server.run("account", "list").stdout
    assert "\x1b" not in server.process.output()
