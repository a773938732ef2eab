"""The servers under test: `assay dev`, `assay init` + `assay serve`, and Pebble, against which the
tests themselves are checked (ASSAY_TEST_SERVER=pebble)."""

import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from acmewire import Http, Wire, wait_until
from peers import Nameserver, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("ASSAY_PROGRAMS", ROOT / "out"))
TOOLS = ROOT / "out" / "tools"

# What a machine may export for its own trust would make every test of a private root worthless.
TRUST_VARIABLES = (
    "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO", "PIP_CERT", "AWS_CA_BUNDLE", "NIX_SSL_CERT_FILE", "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "LEGO_CA_CERTIFICATES",
)


def clean_environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in TRUST_VARIABLES}
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        env.pop(name, None)
    env.update(more)
    return env


class Process:
    """A server process with its output in a file."""

    def __init__(self, arguments, directory, name="server", env=None):
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        self.log = open(self.log_path, "ab")
        self.arguments = [str(a) for a in arguments]
        self.process = subprocess.Popen(
            self.arguments, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=env or clean_environment(), start_new_session=True,
        )

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log_path.read_text(errors="replace")

    def wait_for_file(self, path, timeout=20):
        def probe():
            assert self.process.poll() is None, f"{self.arguments}: {self.output()}"
            try:
                return json.loads(pathlib.Path(path).read_text())
            except (FileNotFoundError, ValueError):
                return None

        return wait_until(probe, timeout, f"{path}\n{self.output()}")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=30):
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"does not stop: {self.output()[-4000:]}")
        self.log.close()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()


class Server:
    """What a test may know of a server."""

    name = None
    is_assay = True

    directory = None      # URL
    roots = None          # file with the roots to trust for HTTPS
    issued_by = None      # file with the roots of issued certificates
    http01_port = None
    https_port = None     # of redirects to https and of tls-alpn-01
    nameserver = None
    socket = None         # admin socket
    token = None
    eab = ()

    def wire(self):
        addresses = {"localhost": "127.0.0.1"}
        return Wire(Http(pathlib.Path(self.roots).read_text(), addresses), self.directory)

    def run(self, *arguments, check=True, timeout=60, **kw):
        """An admin verb of `assay`."""
        env = clean_environment(ASSAY_SOCKET=str(self.socket))
        done = subprocess.run(
            [PROGRAMS / "assay", *map(str, arguments)], env=env, capture_output=True, text=True,
            timeout=timeout, **kw,
        )
        if check:
            assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def admin(self, *arguments):
        return json.loads(self.run(*arguments, "--json").stdout)

    def kill(self):
        """SIGKILL; start() begins again with the same state."""
        self.process.kill()
        self.process.log.close()

    def close(self):
        status = self.process.stop()
        self.nameserver.close()
        assert not self.is_assay or status == 0, self.process.output()[-4000:]


class AssayDev(Server):
    name = "assay dev"

    def __init__(self, directory, *options):
        directory = pathlib.Path(directory)
        self.nameserver = Nameserver()
        self.http01_port = free_port()
        self.https_port = free_port()
        self.port = free_port()
        self.root_out = directory / "root.pem"
        self.path, self.options = directory, options
        self.database = directory / "data" / "assay.db"
        self.start()

    def start(self):
        directory, ready = self.path, self.path / "ready.json"
        ready.unlink(missing_ok=True)
        self.process = Process(
            [
                PROGRAMS / "assay", "dev", "--listen", f"127.0.0.1:{self.port}",
                "--http01-port", self.http01_port, "--tls-alpn01-port",
                self.https_port,
                "--resolver", self.nameserver.address, "--data", directory / "data",
                "--root-out", self.root_out, "--ready-file", ready, *self.options,
            ],
            directory,
        )
        self.ready = self.process.wait_for_file(ready)
        self.directory = self.ready["directory"]
        self.roots = self.issued_by = self.ready["root"]
        self.token = self.ready["admin_token"]
        self.eab = self.ready.get("eab") or ()
        self.socket = re.sub("^unix:(//)?", "", self.ready["admin_url"])


class AssayServe(Server):
    """`assay init` and `assay serve` in one directory; may be killed and started again."""

    name = "assay serve"

    def __init__(self, directory, init=(), edit=None, under=()):
        self.under = under  # a command that runs the server: [program, arguments...]
        self.path = pathlib.Path(directory)
        self.path.mkdir(parents=True, exist_ok=True)
        self.nameserver = Nameserver()
        self.http01_port = free_port()
        self.https_port = free_port()
        self.port = free_port()
        self.config = self.path / "assay.yaml"
        self.data = self.path / "data"
        self.database = self.data / "assay.db"
        (self.path / "pass").write_text("correct horse battery staple\n")
        (self.path / "pass").chmod(0o600)
        done = subprocess.run(
            [
                PROGRAMS / "assay", "init", "--data", self.data, "--config", self.config,
                "--name", "Test", "--public-url", f"https://localhost:{self.port}",
                "--listen", f"127.0.0.1:{self.port}", "--permit", "test", "--permit", "localhost",
                "--permit", "127.0.0.0/8",
                "--root-passphrase-file", self.path / "pass", *init,
            ],
            env=clean_environment(), capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 0, done
        self.written = self.config.read_text()
        text = self.adapt(self.written)
        self.config.write_text(edit(text) if edit else text)
        self.start()

    def adapt(self, text):
        """The settings that a test on one machine needs: this name server, these ports, loopback."""
        kept, skip = [], False
        for line in text.splitlines():
            if re.match(r"[a-z]", line):
                skip = re.match(r"(zones|validation):", line) is not None
            if not skip:
                kept.append(line)
        return "\n".join(kept) + f"""
zones:
  - names: [test, "*.test", localhost, "127.0.0.0/8"]
    challenges: [http-01]
    address_policy: dev
    resolver: "{self.nameserver.address}"
    caa: off
validation:
  http01_port: {self.http01_port}
  https_port: {self.https_port}
  tls_alpn01_port: {self.https_port}
  first_retry: 1s
"""

    def start(self, *options):
        ready = self.path / "ready.json"
        ready.unlink(missing_ok=True)
        self.process = Process(
            [*self.under, PROGRAMS / "assay", "serve", "--config", self.config, "--ready-file", ready, *options],
            self.path,
        )
        self.ready = self.process.wait_for_file(ready)
        self.directory = self.ready["directory"]
        self.roots = self.issued_by = self.ready["root"]
        self.socket = re.sub("^unix:(//)?", "", self.ready["admin_url"])


class Pebble(Server):
    name = "pebble"
    is_assay = False

    def __init__(self, directory, *_):
        directory = pathlib.Path(directory)
        self.nameserver = Nameserver()
        self.http01_port = free_port()
        listen, manage = free_port(), free_port()
        self.roots = directory / "minica.pem"
        certificate, key = throw_away_certificate(directory, self.roots)
        config = directory / "pebble.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{listen}",
            "managementListenAddress": f"127.0.0.1:{manage}",
            "certificate": str(certificate), "privateKey": str(key),
            "httpPort": self.http01_port, "tlsPort": free_port(),
            "ocspResponderURL": "", "externalAccountBindingRequired": False,
            "retryAfter": {"authz": 1, "order": 1},
        }}))
        self.process = Process(
            [TOOLS / "pebble", "-config", config, "-dnsserver", self.nameserver.address],
            directory,
            env=clean_environment(
                PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="0", PEBBLE_AUTHZREUSE="0"
            ),
        )
        self.directory = f"https://localhost:{listen}/dir"
        wait_until(lambda: "Listening on" in self.process.output()
                   or "ACME directory available" in self.process.output(), 20, "pebble")
        http = Http(self.roots.read_text(), {"localhost": "127.0.0.1"})
        root = wait_until(lambda: self._root(http, manage), 20, "root")
        self.issued_by = directory / "issued-by.pem"
        self.issued_by.write_bytes(root)

    @staticmethod
    def _root(http, port):
        try:
            return http.request("GET", f"https://localhost:{port}/roots/0", fresh=True).body
        except ConnectionRefusedError:
            return None


def throw_away_certificate(directory, root_path, name="localhost"):
    """A CA in root_path and a server certificate under it; returns the files of the latter."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject, issuer, key, signer, ca):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca, None), True)
        )
        if not ca:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            builder = builder.add_extension(names, False)
        made = builder.sign(signer, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    ca_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    pathlib.Path(root_path).write_bytes(certificate("tests", "tests", ca_key, ca_key, True))
    cert_path = pathlib.Path(directory) / "server.pem"
    key_path = pathlib.Path(directory) / "server.key"
    cert_path.write_bytes(certificate(name, "tests", key, ca_key, False))
    key_path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ))
    return cert_path, key_path


def dev_server(directory, *options):
    kind = os.environ.get("ASSAY_TEST_SERVER", "assay")
    return {"assay": AssayDev, "pebble": Pebble}[kind](directory, *options)
