"""`assay-agent once` against Assay and against Pebble: one certificate, files as others expect."""

import os
import random
import signal
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from judge import verify
from peers import Responder, running
import servers
from servers import PROGRAMS, AssayDev, Pebble, clean_environment


def agent(server, out, *arguments, check=True, env=None):
    done = subprocess.run(
        [PROGRAMS / "assay-agent", "once", "--server", server.directory, "--root", server.roots,
         "--out", out, *map(str, arguments)],
        capture_output=True, text=True, timeout=90, env=clean_environment(**(env or {})),
    )
    if check:
        assert done.returncode == 0, (done.stdout, done.stderr)
    return done


def read(out):
    return {name: (out / name).read_bytes()
            for name in ("privkey.pem", "cert.pem", "chain.pem", "fullchain.pem")}


def test_own_listener(server, name, tmp_path):
    names = [name(), name()]
    agent(server, tmp_path, "--dns", names[0], "--dns", names[1], "--listen",
          f"127.0.0.1:{server.http01_port}")
    files = read(tmp_path)
    verify(files["fullchain.pem"], server.issued_by, "-verify_hostname", names[1])
    assert files["cert.pem"] + files["chain.pem"] == files["fullchain.pem"]
    assert os.stat(tmp_path / "privkey.pem").st_mode & 0o077 == 0
    key = serialization.load_pem_private_key(files["privkey.pem"], None)
    leaf = x509.load_pem_x509_certificate(files["cert.pem"])
    assert key.public_key().public_numbers() == leaf.public_key().public_numbers()


def test_webroot(server, name, tmp_path):
    www = tmp_path / "www"
    www.mkdir()
    wanted = name()

    class Root(Responder):
        @staticmethod
        def from_webroot(webroot, path):
            """The whole path below the web root, as a web server has it."""
            file = webroot / path.lstrip("/")
            if ".." not in path and file.is_file():
                return 200, {}, file.read_bytes()
            return 404, {}, b""

    with running(Root(server.http01_port, webroot=www)):
        agent(server, tmp_path / "out", "--dns", wanted, "--webroot", www)
    verify(read(tmp_path / "out")["fullchain.pem"], server.issued_by, "-verify_hostname", wanted)
    left = [p for p in www.rglob("*") if p.is_file()]
    assert left == [], "the challenge is cleaned up"


@pytest.mark.parametrize("key", ["p256", "p384", "rsa2048"])
def test_key_types(server, name, tmp_path, key):
    agent(server, tmp_path, "--dns", name(), "--listen", f"127.0.0.1:{server.http01_port}", "--key",
          key)
    made = serialization.load_pem_private_key(read(tmp_path)["privkey.pem"], None)
    assert made.key_size == int(key.lstrip("prsa"))


def test_account_key_is_kept(server, name, tmp_path):
    key = tmp_path / "account.pem"
    for _ in range(2):
        agent(server, tmp_path / "out", "--dns", name(), "--listen",
              f"127.0.0.1:{server.http01_port}", "--account-key", key, "--contact",
              "mailto:a@example.com")
    assert os.stat(key).st_mode & 0o077 == 0
    assert b"PRIVATE KEY" in key.read_bytes()


def test_a_failed_validation_is_told_and_leaves_nothing(server, name, tmp_path):
    wanted = name()
    server.nameserver.hosts[wanted] = None
    done = agent(server, tmp_path / "out", "--dns", wanted, "--listen",
                 f"127.0.0.1:{server.http01_port}", check=False)
    assert done.returncode == 1
    assert wanted in done.stderr
    assert not (tmp_path / "out" / "fullchain.pem").exists()


def test_a_failure_keeps_the_files_of_before(server, name, tmp_path):
    wanted = name()
    listen = ("--listen", f"127.0.0.1:{server.http01_port}")
    agent(server, tmp_path, "--dns", wanted, *listen)
    before = read(tmp_path)
    other = name()
    server.nameserver.hosts[other] = None
    assert agent(server, tmp_path, "--dns", other, *listen, check=False).returncode == 1
    assert read(tmp_path) == before


def test_an_unknown_root_is_refused(server, name, tmp_path):
    from servers import throw_away_certificate

    throw_away_certificate(tmp_path, tmp_path / "other.pem")
    done = subprocess.run(
        [PROGRAMS / "assay-agent", "once", "--server", server.directory, "--root",
         tmp_path / "other.pem", "--dns", name(), "--listen", f"127.0.0.1:{server.http01_port}",
         "--out", tmp_path / "out"],
        capture_output=True, text=True, timeout=60, env=clean_environment(),
    )
    assert done.returncode == 1
    assert "certificate" in done.stderr.lower()


def test_v47__plain_http_is_refused(server, name, tmp_path):
    plain = server.directory.replace("https:", "http:")
    done = subprocess.run(
        [PROGRAMS / "assay-agent", "once", "--server", plain, "--root", server.roots, "--dns",
         name(), "--listen", f"127.0.0.1:{server.http01_port}", "--out", tmp_path / "out"],
        capture_output=True, text=True, timeout=60, env=clean_environment(),
    )
    assert done.returncode in (1, 2)
    assert "https" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--dns"], ["--dns", "a.test"],
                                       ["--dns", "a.test", "--listen", "x", "--nothing"]])
def test_usage_is_2(arguments):
    done = subprocess.run([PROGRAMS / "assay-agent", "once", *arguments], capture_output=True,
                          text=True, timeout=20, env=clean_environment())
    assert done.returncode == 2
    assert done.stderr


@pytest.mark.assay
def test_against_another_server(tmp_path, name):
    """Pebble: another reading of the same RFC, with refused nonces and dates in Retry-After."""
    pebble = Pebble(tmp_path)
    try:
        wanted = name()
        agent(pebble, tmp_path / "out", "--dns", wanted, "--listen",
              f"127.0.0.1:{pebble.http01_port}")
        verify(read(tmp_path / "out")["fullchain.pem"], pebble.issued_by, "-verify_hostname", wanted)
    finally:
        pebble.close()


def listen(server):
    return "--listen", f"127.0.0.1:{server.http01_port}"


def pair_fits(out):
    """Whether the key on disk is that of the certificate on disk; None while there is none. Read by
    the directory that `live` is at that moment, as a server that reloads would."""
    try:
        live = os.open(out / "live", os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        with os.fdopen(os.open("privkey.pem", os.O_RDONLY, dir_fd=live), "rb") as file:
            key = serialization.load_pem_private_key(file.read(), None)
        with os.fdopen(os.open("fullchain.pem", os.O_RDONLY, dir_fd=live), "rb") as file:
            leaf = x509.load_pem_x509_certificate(file.read())
    finally:
        os.close(live)
    return key.public_key().public_numbers() == leaf.public_key().public_numbers()


def test_s2_18__a_second_run_does_nothing(server, name, tmp_path):
    wanted = name()
    agent(server, tmp_path, "--dns", wanted, *listen(server))
    before = read(tmp_path)
    done = agent(server, tmp_path, "--dns", wanted, *listen(server))
    assert "nothing to do" in done.stderr
    assert read(tmp_path) == before
    agent(server, tmp_path, "--dns", wanted, *listen(server), "--force")
    assert read(tmp_path)["privkey.pem"] != before["privkey.pem"]


def test_addresses(server, name, tmp_path):
    agent(server, tmp_path, "--dns", name(), "--ip", "127.0.0.1", *listen(server))
    verify(read(tmp_path)["fullchain.pem"], server.issued_by, "-verify_ip", "127.0.0.1")


def test_killed_at_any_instant(server, name, tmp_path):
    """The pair on disk fits at all times, and the next run finishes what was begun."""
    wanted = name()
    dice = random.Random(5)
    command = [PROGRAMS / "assay-agent", "once", "--server", server.directory, "--root", server.roots,
               "--out", tmp_path, "--dns", wanted, *listen(server), "--force"]
    begun = time.monotonic()
    agent(server, tmp_path, "--dns", wanted, *listen(server), "--force")
    takes = time.monotonic() - begun
    for _ in range(40 if server.is_assay else 6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=clean_environment())
        until = time.monotonic() + dice.random() * takes
        while time.monotonic() < until and process.poll() is None:
            assert pair_fits(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert pair_fits(tmp_path)
    agent(server, tmp_path, "--dns", wanted, *listen(server), "--force")
    assert pair_fits(tmp_path)
    verify(read(tmp_path)["fullchain.pem"], server.issued_by, "-verify_hostname", wanted)
    assert len(list(tmp_path.glob("gen-*"))) == 2, "what was interrupted is cleared away"


def test_two_at_once(server, name, tmp_path):
    """One works, the other says so; what is on disk fits."""
    command = [PROGRAMS / "assay-agent", "once", "--server", server.directory, "--root", server.roots,
               "--out", tmp_path, "--dns", name(), *listen(server)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=clean_environment()) for _ in range(2)]
    told = [run.communicate(timeout=60)[1] for run in runs]
    assert 0 in [run.returncode for run in runs], told
    for run, text in zip(runs, told):
        assert run.returncode == 0 or "another assay-agent" in text
    assert pair_fits(tmp_path)


@pytest.mark.assay
def test_external_account_binding(tmp_path, name):
    server = AssayDev(tmp_path, "--eab-required")
    try:
        done = agent(server, tmp_path / "out", "--dns", name(), *listen(server), check=False)
        assert done.returncode == 1
        assert "external account binding" in done.stderr
        key = tmp_path / "eab.key"
        key.write_text(server.eab[0]["hmac_key"] + "\n")
        agent(server, tmp_path / "out", "--dns", name(), *listen(server), "--eab-kid",
              server.eab[0]["kid"], "--eab-key", key)
        assert pair_fits(tmp_path / "out")
        for file in (tmp_path / "out").rglob("*"):
            if file.is_file():
                assert server.eab[0]["hmac_key"] not in file.read_text()
    finally:
        server.close()


@pytest.mark.assay
def test_a_server_that_refuses_most_nonces(tmp_path, name, monkeypatch):
    real = servers.clean_environment
    monkeypatch.setattr(servers, "clean_environment",
                        lambda **more: real(**{**more, **({"PEBBLE_WFE_NONCEREJECT": "90"} if more else {})}))
    pebble = Pebble(tmp_path)
    try:
        for _ in range(3):
            agent(pebble, tmp_path / "out", "--dns", name(), *listen(pebble))
            assert pair_fits(tmp_path / "out")
    finally:
        pebble.close()
