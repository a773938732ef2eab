"""BIND as people run it: a server with the authority for some zones, of which one is signed and takes
updates, and a recursive one that validates and is what Assay asks. Both on loopback."""

import base64
import os
import pathlib
import shutil
import socket
import subprocess

from acmewire import wait_until
from servers import Process, clean_environment

SBIN = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
KEY_NAME, KEY = "tests", base64.b64encode(b"32 octets that nobody must know!").decode()

ZONE = """$TTL 1
@ IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 1
@ IN NS ns.{zone}.
ns IN A 127.0.0.1
"""


def installed():
    return all(shutil.which(p, path=SBIN) for p in ("named", "nsupdate", "dig", "dnssec-signzone"))


def run(*arguments, stdin=None, env=None, **kw):
    done = subprocess.run(
        list(map(str, arguments)), input=stdin, capture_output=True, text=True, timeout=60,
        env=clean_environment(PATH=SBIN, **(env or {})), **kw,
    )
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def free_port():
    """Free for UDP and for TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


class Named:
    """One process, on loopback at any port unless told otherwise."""

    def __init__(self, directory, name, text, host="127.0.0.1", port=None):
        self.directory = pathlib.Path(directory) / name
        self.directory.mkdir()
        self.host, self.port = host, port or free_port()
        self.starts = 0
        (self.directory / "named.conf").write_text(f"""
options {{
    directory "{self.directory}";
    pid-file none;
    session-keyfile "{self.directory}/session.key";
    managed-keys-directory "{self.directory}";
    listen-on port {self.port} {{ {self.host}; }};
    listen-on-v6 {{ none; }};
    notify no;
    empty-zones-enable no;
    max-cache-size 16m;
    {text.pop("options")}
}};
controls {{ }};
key "{KEY_NAME}" {{ algorithm hmac-sha256; secret "{KEY}"; }};
{text.pop("rest")}
""")
        for file, content in text.items():
            (self.directory / file).write_text(content)

    def start(self):
        self.process = Process(
            [shutil.which("named", path=SBIN), "-g", "-c", self.directory / "named.conf", "-n", "1"],
            self.directory, "named",
        )
        self.starts += 1
        wait_until(self.is_up, 20, self.directory)
        return self

    def is_up(self):
        assert self.process.process.poll() is None, self.process.output()
        assert "not loaded due to errors" not in self.process.output(), self.process.output()
        return self.process.output().count("all zones loaded") == self.starts  # one log for all

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def dig(self, name, kind, *options):
        """The data alone, unless the options say otherwise."""
        return run("dig", f"@{self.host}", "-p", self.port, "+tries=1", name, kind,
                   *(options or ["+short"]))

    def update(self, *lines):
        """Lines of nsupdate(1), such as: add a.signed.test. 1 TXT "x"."""
        text = [f"server {self.host} {self.port}", f"key hmac-sha256:{KEY_NAME} {KEY}"]
        run("nsupdate", stdin="\n".join([*text, *(f"update {line}" for line in lines), "send", ""]))

    def add_txt(self, name, *values):
        self.update(*(f'add {name}. 1 TXT "{value}"' for value in values))

    def anchor(self, zone):
        """Flags, protocol, algorithm and key of what its signatures begin with; None: not yet signed."""
        keys = [k for k in self.dig(zone, "DNSKEY").splitlines() if k.startswith("257 ")]
        return keys[0] if keys else None

    def close(self):
        self.process.stop()


class Bind:
    """`signed` is a zone with keys of its own that takes updates, `plain` one without keys, `bogus`
    one in which what is signed is not what is said."""

    signed, plain, bogus = "signed.test", "plain.test", "bogus.test"

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.authority = Named(directory, "authority", {
            "options": "recursion no; dnssec-validation no; minimal-responses yes;",
            "rest": f"""
zone "{self.signed}" {{ type primary; file "signed.zone"; dnssec-policy default;
    allow-update {{ key "{KEY_NAME}"; }}; }};
zone "{self.plain}" {{ type primary; file "plain.zone"; allow-update {{ key "{KEY_NAME}"; }}; }};
zone "{self.bogus}" {{ type primary; file "bogus.zone.signed"; }};
""",
            "signed.zone": ZONE.format(zone=self.signed),
            "plain.zone": ZONE.format(zone=self.plain),
            "bogus.zone": ZONE.format(zone=self.bogus)
            + '_acme-challenge.known IN TXT "as it was signed"\n',
        })
        bogus_anchor = self.sign_and_spoil()
        self.authority.start()
        anchor = wait_until(self.signed_anchor, 20, "the keys of the signed zone")
        forward = "".join(
            f'zone "{zone}" {{ type forward; forward only; '
            f"forwarders {{ 127.0.0.1 port {self.authority.port}; }}; }};\n"
            for zone in (self.signed, self.plain, self.bogus)
        )
        self.resolver = Named(directory, "resolver", {
            "options": "recursion yes; allow-recursion { any; }; dnssec-validation yes; "
                       "max-cache-ttl 1; max-ncache-ttl 1; servfail-ttl 0; querylog yes;",
            "rest": f"""{forward}
zone "." {{ type primary; file "root.zone"; }};
trust-anchors {{
    "{self.signed}" static-key {anchor};
    "{self.bogus}" static-key {bogus_anchor};
}};
""",
            # A root of its own, so that nobody outside is asked; what is delegated is forwarded.
            "root.zone": "$TTL 1\n@ IN SOA . . 1 3600 600 86400 1\n@ IN NS ns.\nns IN A 127.0.0.1\n"
            + "".join(f"{zone}. IN NS ns.{zone}.\n" for zone in
                      (self.signed, self.plain, self.bogus)),
        }).start()

    @staticmethod
    def anchor(rdata):
        flags, protocol, algorithm, *key = rdata.split()
        return f'{flags} {protocol} {algorithm} "{"".join(key)}"'

    def sign_and_spoil(self):
        where = self.authority.directory
        name = run("dnssec-keygen", "-a", "ECDSAP256SHA256", "-f", "KSK", self.bogus, cwd=where).strip()
        public = (where / f"{name}.key").read_text().splitlines()[-1]
        run("dnssec-signzone", "-z", "-o", self.bogus, "-f", "bogus.zone.signed", "-S", "bogus.zone",
            cwd=where)
        signed = where / "bogus.zone.signed"
        text = signed.read_text()
        assert '"as it was signed"' in text
        signed.write_text(text.replace('"as it was signed"', '"{spoiled}"'))
        return self.anchor(public.split("DNSKEY", 1)[1])

    def spoil(self, value):
        """The record of known.bogus.test has this value and the signature of another."""
        signed = self.authority.directory / "bogus.zone.signed"
        signed.write_text(signed.read_text().replace("{spoiled}", value))
        self.authority.process.stop()
        self.authority.start()

    def signed_anchor(self):
        key = self.authority.anchor(self.signed)
        return self.anchor(key) if key else None

    def update(self, *lines):
        self.authority.update(*lines)

    def add_txt(self, name, *values):
        self.authority.add_txt(name, *values)

    def close(self):
        self.resolver.close()
        self.authority.close()
