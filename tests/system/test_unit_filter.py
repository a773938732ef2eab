"""The units' SystemCallFilter leaves the programs all that they need: the filter of the unit is put on
in the way that systemd does it, then the server has to start and issue. What else a unit takes away is
judged by systemd-analyze (test_package.py)."""
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from acmewire import Account
from peers import Responder, running
from servers import AssayServe

UNITS = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "systemd"
LIBSECCOMP = "libseccomp.so.2"

pytestmark = pytest.mark.assay

# Runs a command with nothing but the system calls of the first argument; the others fail with EPERM.
CONFINE = r"""
import ctypes, os, sys
lib = ctypes.CDLL(%r)
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_load.argtypes = [ctypes.c_void_p]
lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                       ctypes.c_void_p]
context = lib.seccomp_init(0x00050001)  # SCMP_ACT_ERRNO(EPERM)
for name in sys.argv[1].split():
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        assert lib.seccomp_rule_add_array(context, 0x7FFF0000, number, 0, None) == 0, name
assert lib.seccomp_load(context) == 0
os.execv(sys.argv[2], sys.argv[2:])
""" % LIBSECCOMP


def members(word):
    """The system calls of a word of SystemCallFilter=, groups expanded."""
    if not word.startswith("@"):
        return {word}
    text = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True,
                          check=True).stdout
    names = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*(members(name) for name in names))


def allowed_by(unit):
    """systemd.exec(5): the first line makes it a list of what is allowed, "~" takes away, later lines add."""
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", (UNITS / unit).read_text(), re.M):
        words = line.lstrip("~").split()
        named = set().union(*(members(word) for word in words))
        allowed = allowed - named if line.startswith("~") else allowed | named
    # Always there: what every process needs to begin and to end.
    return allowed | members("@default") | {"execve"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_the_server_lives_within_its_units_filter(tmp_path, name):
    # Under systemd it runs as a user of its own. Here it is root, who has SQLite chown its files.
    calls = " ".join(sorted(allowed_by("assay.service") | members("@chown")))
    server = AssayServe(tmp_path / "serve", under=[sys.executable, "-c", CONFINE, calls])
    try:
        account = Account(server.wire())
        with running(Responder(server.http01_port)) as responder:
            order = account.order(name())
            order.authorize(responder)
            order.issue(responder)
    finally:
        server.close()
