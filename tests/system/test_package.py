"""The Debian packages: built from the tree by dpkg-buildpackage, judged by lintian and systemd, and
installed, used, removed and purged by dpkg itself - in a mount namespace over a copy-on-write view
of this machine, so that nothing of it is left here."""

import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

pytestmark = [pytest.mark.assay, pytest.mark.slow]

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ("dpkg-buildpackage", "dh", "meson", "dpkg-deb")


def sources():
    """What a clean clone of this tree would have, with the changes that are not committed yet."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, check=True).stdout
    return [name.decode() for name in listed.split(b"\0") if name and (ROOT / name.decode()).exists()]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The directory that dpkg-buildpackage left the packages in."""
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        pytest.skip(f"no {', '.join(missing)} here")
    if not (ROOT / ".git").exists():
        pytest.skip("the tree is no clone")
    out = tmp_path_factory.mktemp("package")
    for name in sources():
        target = out / "assay" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target, follow_symlinks=False)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ASAN", "UBSAN", "TSAN"))}
    done = subprocess.run(["dpkg-buildpackage", "-us", "-uc", "-b"], cwd=out / "assay", text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900,
                          env={**environment, "DEB_BUILD_OPTIONS": "nocheck parallel=2"})
    assert done.returncode == 0, done.stdout[-6000:]
    assert not re.search(r"\.[ch]:\d+:.* warning: ", done.stdout), done.stdout[-6000:]
    return out


def deb(built, package):
    found = list(built.glob(f"{package}_*.deb"))
    assert len(found) == 1, found
    return found[0]


def contents(built, package):
    """path -> (mode, owner) of the files in a package."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb(built, package)], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(data.stdout)) as archive:
        return {m.name.removeprefix("."): (m.mode, m.uname) for m in archive if m.isfile()}


@pytest.fixture
def unpacked(built, tmp_path):
    for package in ("assay", "assay-agent"):
        subprocess.run(["dpkg-deb", "-x", deb(built, package), tmp_path], check=True)
    return tmp_path


def test_contents(built):
    server, agent = contents(built, "assay"), contents(built, "assay-agent")
    assert server["/usr/bin/assay"] == server["/usr/lib/assay/assay-signer"] == (0o755, "root")
    assert agent["/usr/bin/assay-agent"] == (0o755, "root")
    assert any(re.fullmatch(r"(/usr)?/lib/systemd/system/assay\.service", path) for path in server), server
    assert "/usr/share/man/man1/assay.1.gz" in server and "/usr/share/man/man1/assay-agent.1.gz" in agent
    for path in ("README.md", "clients.md", "configuration.md", "operations.md", "divergences.md", "copyright"):
        assert f"/usr/share/doc/assay/{path}" in server
    # The settings and the state are `assay init`'s and the operator's.
    for path, (mode, owner) in {**server, **agent}.items():
        assert not path.startswith(("/etc/assay", "/var", "/run", "/usr/local")), path
        assert owner == "root" and not mode & 0o7022, (path, oct(mode))


def test_lintian(built):
    if not shutil.which("lintian"):
        pytest.skip("no lintian here")
    changes = next(built.glob("*.changes"))
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", changes],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_units(unpacked):
    """The units are well-formed, and the server's leaves little that an intruder could use."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    units = sorted((unpacked / "lib/systemd/system").iterdir())
    assert units
    for name in ("network-online.target", "time-sync.target", "sysinit.target", "basic.target", "shutdown.target",
                 "multi-user.target", "timers.target", "-.slice", "system.slice"):
        source = pathlib.Path("/lib/systemd/system") / name
        if source.exists():
            shutil.copy(source, unpacked / "lib/systemd/system" / name)
    (unpacked / "bin").mkdir(exist_ok=True)
    shutil.copy("/bin/kill", unpacked / "bin/kill")
    for unit in units:
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={unpacked}", unit.name],
                              capture_output=True, text=True)
        said = [line for line in done.stderr.splitlines() if unit.name in line]
        assert not said, said
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", f"--root={unpacked}",
                           "--threshold=20", "--no-pager", "assay.service"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_manual_pages_know_every_verb_and_option(unpacked):
    """The pages are made from --help; here they are read back by man's own formatter."""
    if not shutil.which("man"):
        pytest.skip("no man here")
    for program in ("assay", "assay-agent"):
        page = unpacked / f"usr/share/man/man1/{program}.1.gz"
        done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "MANWIDTH": "200", "LANG": "C.UTF-8"})
        assert done.returncode == 0 and not done.stderr, done.stderr
        text = done.stdout.replace("\u2010", "-").replace("\u2212", "-")
        top = subprocess.run([unpacked / "usr/bin" / program, "--help"], capture_output=True, text=True).stdout
        verbs = re.findall(r"^  ([a-z]+) ", top, re.M)
        assert verbs
        for verb in verbs:
            assert f"{program} {verb}" in text, verb
    assert "assay cert renew-early" in subprocess.run(
        ["man", "-l", unpacked / "usr/share/man/man1/assay.1.gz"], capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "MANWIDTH": "200"}).stdout


# Run by `sh -e` as root of the copy-on-write view: what an administrator does with the packages.
LIFE = r"""
dpkg -i --force-confnew "$1"/assay_*.deb "$1"/assay-agent_*.deb
test "$(stat -c '%U:%G %a' /var/lib/assay)" = "assay:assay 700"
test "$(stat -c '%U:%G %a' /etc/assay)" = "root:assay 750"
getent passwd assay | grep -q ':/var/lib/assay:/usr/sbin/nologin$'
assay --version
code=0; assay status || code=$?; test $code = 4

assay init --name 'Package test' --permit lab.internal --public-url https://ca.lab.internal \
	--listen 127.0.0.1:0 --http-listen 127.0.0.1:0
test "$(stat -c '%U %a' /var/lib/assay/ca/issuing.key)" = "assay 600"
test "$(stat -c '%U %a' /var/lib/assay/ca/root.key)" = "root 600"
assay config check

install -d -o assay -g assay -m 750 /run/assay
setpriv --reuid assay --regid assay --init-groups --no-new-privs --bounding-set -all \
	/usr/bin/assay serve --ready-file /var/lib/assay/ready 2>/tmp/serve.log &
server=$!
until test -s /var/lib/assay/ready; do kill -0 $server || { cat /tmp/serve.log; exit 1; }; done
assay status
assay cert issue --dns nas.lab.internal --out /root/nas
openssl verify -CAfile /var/lib/assay/ca/root.pem -untrusted /root/nas/chain.pem -verify_hostname nas.lab.internal \
	/root/nas/cert.pem
pgrep -P $server -u assay assay-signer || pgrep -u assay assay-signer
kill $server; wait $server

dpkg -r assay assay-agent
test ! -e /usr/bin/assay
test ! -e /usr/lib/assay
test -e /etc/assay/assay.yaml
dpkg -P assay assay-agent
# A CA is not thrown away with a package.
test -e /var/lib/assay/ca/root.key
dpkg -i "$1"/assay_*.deb
assay config check
echo LIVED
"""


def test_install_use_remove_purge(built, tmp_path):
    """Installed by dpkg over a copy-on-write view of this machine, run as the user that postinst made,
    with no privilege but its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    script = built / "life.sh"
    script.write_text(LIFE)
    enter = (f"mount -t tmpfs view {tmp_path} && cd {tmp_path} && mkdir upper work root && "
             "mount -t overlay view -o lowerdir=/,upperdir=upper,workdir=work root && "
             "mount -t proc proc root/proc && mount --bind /dev root/dev && mount -t tmpfs run root/run && "
             "mkdir root/run/test && cp \"$1\" root/run/test/life.sh && cp \"$2\"/*.deb root/run/test && "
             "exec chroot root sh -ex /run/test/life.sh /run/test")
    done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--propagation", "private",
                           "sh", "-ec", "ip link set lo up; " + enter, "sh", script, built],
                          capture_output=True, text=True, timeout=300, env={"PATH": os.environ["PATH"]})
    if "overlay" in done.stderr and "mount:" in done.stderr and "LIVED" not in done.stdout:
        pytest.skip(f"no overlay here: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0 and "LIVED" in done.stdout, done.stdout[-2000:] + done.stderr[-4000:]
