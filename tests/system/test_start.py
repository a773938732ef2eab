"""What keeps a server from starting: each mishap ends with exit code 1 and one line that names what is
wrong and where, nothing is left running, and the start succeeds once it is mended."""

import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

from peers import free_port
from servers import PROGRAMS, clean_environment

pytestmark = pytest.mark.assay


def assay(*arguments, timeout=60, **more):
    return subprocess.run([PROGRAMS / "assay", *map(str, arguments)], capture_output=True, text=True,
                          env=clean_environment(**more), timeout=timeout)


@pytest.fixture(scope="module")
def initialized(tmp_path_factory):
    """A folder as `assay init` leaves it; each test works on a copy at the same path."""
    folder = tmp_path_factory.mktemp("start")
    port = free_port()
    done = assay("init", "--data", folder / "data", "--config", folder / "assay.yaml", "--permit", "localhost",
                 "--public-url", f"https://localhost:{port}", "--listen", f"127.0.0.1:{port}", "--trial")
    assert done.returncode == 0, done.stderr
    return folder, port


@pytest.fixture
def place(initialized, tmp_path):
    folder, port = initialized
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept, copy_function=shutil.copy2)
    yield folder, port
    shutil.rmtree(folder)
    shutil.copytree(kept, folder, copy_function=shutil.copy2)


def edit(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def append(path, text):
    path.write_text(path.read_text() + text)


def another_key(ca):
    subprocess.run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", ca / "issuing.key"],
                   check=True)


MISHAPS = {
    "wrong passphrase": (lambda d: (d / "data/ca/issuing.pass").write_text("wrong\n"),
                         ["issuing.key with file:", "issuing.pass", "does not open with this passphrase"]),
    "no passphrase": (lambda d: (d / "data/ca/issuing.pass").unlink(), ["issuing.pass", "No such file"]),
    "no key": (lambda d: (d / "data/ca/issuing.key").unlink(), ["issuing.key", "No such file"]),
    "no such key": (lambda d: (d / "data/ca/issuing.key").write_text("junk\n"), ["issuing.key", "RFC 7468", "PEM"]),
    "another key": (lambda d: another_key(d / "data/ca"), ["authority ca", "not the one in its certificate"]),
    "no chain": (lambda d: (d / "data/ca/chain.pem").unlink(), ["assay.yaml:", "chain.pem", "No such file"]),
    "no database": (lambda d: (d / "data/assay.db").write_text("junk\n" * 2000), ["assay.db"]),
    "no folder": (lambda d: edit(d / "assay.yaml", f"sqlite:{d}/data/", "sqlite:/nonexistent/"),
                  ["/nonexistent"]),
    "no such store": (lambda d: edit(d / "assay.yaml", "sqlite:", "mysql:"), ["sqlite:/path"]),
    "not our address": (lambda d: edit(d / "assay.yaml", '"127.0.0.1:', '"192.0.2.77:'),
                        ["listen", "192.0.2.77", "Cannot assign"]),
    "no signer": (lambda d: append(d / "assay.yaml", "signer: {program: /nonexistent}\n"),
                  ["signer", "/nonexistent"]),
    "no weak keys": (lambda d: append(d / "assay.yaml", "weak_key_lists: [/nonexistent]\n"),
                     ["weak_key_lists", "/nonexistent"]),
    "a typo": (lambda d: edit(d / "assay.yaml", "zones:", "zonez:"), ["assay.yaml:", "zonez", 'mean "zones"']),
}


def children_of(folder):
    """Processes that have something of the folder open or in their arguments."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            links = [os.readlink(link) for link in (entry / "fd").iterdir()]
        except OSError:
            continue
        if any(link.startswith(str(folder)) for link in links):
            found.append((entry.name, links))
    return found


def failed(folder, *says):
    done = assay("serve", "--config", folder / "assay.yaml")
    assert done.returncode == 1, (done.returncode, done.stderr)
    for word in says:
        assert word in done.stderr, done.stderr
    assert len(re.findall(r"\berror start_failed ", done.stderr)) == 1, done.stderr
    assert not children_of(folder / "data")


@pytest.mark.parametrize("mishap", MISHAPS)
def test_names_what_is_wrong(place, mishap):
    folder, _ = place
    spoil, says = MISHAPS[mishap]
    spoil(folder)
    failed(folder, *says)


def test_occupied_port(place):
    """The listeners come last, when threads and the signer run already: all of it ends in order."""
    folder, port = place
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        failed(folder, "listen", f"127.0.0.1:{port}", "in use")
    # And again with several request threads, of which the first has begun.
    append(folder / "assay.yaml", "threads: 4\n")
    edit(folder / "assay.yaml", f'acme: ["127.0.0.1:{port}"]', f'acme: ["127.0.0.1:{port}", "192.0.2.77:{port}"]')
    failed(folder, "listen", "192.0.2.77")


def test_no_settings(tmp_path):
    done = assay("serve", "--config", tmp_path / "none.yaml")
    assert done.returncode == 1
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"{tmp_path}/none.yaml: ") and "`assay init` makes one" in first, done.stderr


@pytest.mark.parametrize("arguments, meant", [
    (["ordr"], "order"), (["order", "lst"], "list"), (["certs"], "cert"),
    (["order", "list", "--jsn"], "--json"), (["init", "--publicurl", "x"], "--public-url"),
    (["serve", "--conf", "x"], "--config"),
])
def test_did_you_mean(arguments, meant):
    done = assay(*arguments)
    assert done.returncode == 2
    assert f"did you mean {meant}" in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [["frobnicate"], ["order", "list", "--frobnicate"]])
def test_nothing_near_is_not_guessed(arguments):
    done = assay(*arguments)
    assert done.returncode == 2 and "did you mean" not in done.stderr


@pytest.mark.parametrize("noun", ["order", "cert", "account", "authority", "directory", "eab"])
def test_not_found_says_where_to_look(server, noun):
    done = server.run(noun, "show", "0" * 26, check=False)
    assert done.returncode == 3 and f"`assay {noun} list`" in done.stderr, done.stderr


def test_limit_reset_of_nobody_is_3(server):
    done = server.run("limit", "reset", "192.0.2.250", check=False)
    assert done.returncode == 3 and "192.0.2.250" in done.stderr, done.stderr
