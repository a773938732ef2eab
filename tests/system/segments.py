"""Three network segments of the test's own (network namespaces, veth; root only):

    tests (here) --10.77.0.0/24-- server --10.77.1.0/24-- probe --10.77.2.0/24-- target

Nobody forwards packets and nobody has a default route: the server cannot reach the target, and the
probe can reach both."""

import os
import re
import subprocess

from servers import PROGRAMS, Process, Server, clean_environment
from peers import free_port

SERVER, SERVER_FOR_PROBES = "10.77.0.2", "10.77.1.1"
PROBE_AT_TARGET, TARGET = "10.77.2.1", "10.77.2.2"
PROBES_PORT = 8444


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, (arguments, done.stderr)


def available():
    """May we make network namespaces here?"""
    if os.geteuid() != 0:
        return False
    name = f"assay-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return False
    ip("netns", "del", name)
    return True


class Segments:
    def __init__(self):
        tag = os.getpid()
        self.server, self.probe, self.target = (f"assay-{part}-{tag}" for part in ("s", "p", "t"))
        self.made = []
        for name in (self.server, self.probe, self.target):
            ip("netns", "add", name)
            self.made.append(name)
            ip("-n", name, "link", "set", "lo", "up")
            self.run(name, "sysctl", "-qw", "net.ipv4.ip_forward=0")
        self.join(None, self.server, f"a{tag}", "10.77.0.1", SERVER)
        self.join(self.server, self.probe, f"b{tag}", SERVER_FOR_PROBES, "10.77.1.2")
        self.join(self.probe, self.target, f"c{tag}", PROBE_AT_TARGET, TARGET)

    @staticmethod
    def join(one, other, name, address, other_address):
        ends = (one, f"{name}l", address), (other, f"{name}r", other_address)
        ip("link", "add", ends[0][1], "type", "veth", "peer", "name", ends[1][1])
        for space, link, own in ends:
            inside = ["-n", space] if space else []
            if space:
                ip("link", "set", link, "netns", space)
            ip(*inside, "addr", "add", f"{own}/24", "dev", link)
            ip(*inside, "link", "set", link, "up")

    @staticmethod
    def inside(name, *arguments):
        """What runs arguments in a segment; the process keeps its pid (it is replaced)."""
        return ["ip", "netns", "exec", name, *map(str, arguments)]

    def run(self, name, *arguments, check=True, stdin=None):
        done = subprocess.run(self.inside(name, *arguments), capture_output=True, text=True, timeout=60,
                              input=stdin, env=clean_environment(), check=False)
        assert not check or done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done

    def close(self):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class SegmentServer(Server):
    """`assay serve` in the server's segment."""

    def __init__(self, directory, segments, edit=lambda text: text, zone=""):
        self.path, self.segments = directory, segments
        self.port = free_port()
        self.config, self.data = directory / "assay.yaml", directory / "data"
        (directory / "pass").write_text("correct horse battery staple\n")
        (directory / "pass").chmod(0o600)
        done = subprocess.run(
            [PROGRAMS / "assay", "init", "--data", self.data, "--config", self.config, "--name", "Test",
             "--public-url", f"https://{SERVER}:{self.port}", "--listen", f"{SERVER}:{self.port}",
             "--permit", "test", "--permit", "10.77.0.0/16",
             "--root-passphrase-file", directory / "pass"],
            env=clean_environment(), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done
        self.written = self.config.read_text()
        self.edit(edit, zone)
        self.start()

    def edit(self, edit, zone=""):
        kept, skip = [], False
        for line in self.written.splitlines():
            if re.match(r"[a-z]", line):
                skip = re.match(r"(zones|validation|hosts|probes):", line) is not None
            if not skip:
                kept.append(line)
            if line.startswith("listen:"):
                kept.append(f'  probes: ["{SERVER_FOR_PROBES}:{PROBES_PORT}"]')
        self.config.write_text(edit("\n".join(kept) + f"""
hosts: [{SERVER}, {SERVER_FOR_PROBES}]
zones:
  - names: ["{SERVER}", "{SERVER_FOR_PROBES}"]
    challenges: [http-01]
  - names: ["*.seg.test", "10.77.2.0/24"]
    challenges: [http-01, dns-01, tls-alpn-01]
    targets: ["10.77.2.0/24"]
    caa: off
    {zone}
validation: {{first_retry: 1s, attempts: 4, deadline: 5s}}
"""))

    def start(self):
        ready = self.path / "ready.json"
        ready.unlink(missing_ok=True)
        self.process = Process(
            self.segments.inside(self.segments.server, PROGRAMS / "assay", "serve", "--config", self.config,
                                 "--ready-file", ready), self.path)
        self.ready = self.process.wait_for_file(ready)
        self.directory = self.ready["directory"]
        self.roots = self.issued_by = self.ready["root"]
        self.socket = re.sub("^unix:(//)?", "", self.ready["admin_url"])

    def close(self):
        assert self.process.stop() == 0, self.process.output()[-4000:]
