"""Real ACME clients, unchanged: each gets, renews and revokes certificates, and manages its account
as far as it can, against `assay dev` and against `assay serve`.

The root is given to each client the way its users give it. Where a client only knows the trust
store of the system, it runs in a mount namespace in which that store holds our root.
"""

import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess

import pytest
from cryptography import x509

from acmewire import hex_serial, wait_until
from judge import verify
from peers import Responder, free_port
from servers import ROOT, Process, clean_environment

SYSTEM_STORE = "/etc/ssl/certs/ca-certificates.crt"


class ClientFailed(Exception):
    """The client ended with an error; the text is what it said."""


class Client:
    """One installation of a client: a home directory, and how its words are."""

    program = None

    def __init__(self, server, home):
        self.server, self.home = server, pathlib.Path(home)
        self.directory, self.roots = server.directory, str(server.roots)
        self.responder = None

    def run(self, *arguments, env=None, timeout=120, **kw):
        done = subprocess.run(
            list(map(str, arguments)), env=clean_environment(HOME=str(self.home), **(env or {})),
            capture_output=True, timeout=timeout, cwd=self.home, **kw,
        )
        if done.returncode != 0:
            raise ClientFailed(f"{arguments}: {done.returncode}\n"
                               f"{done.stdout.decode()}\n{done.stderr.decode()}")
        return done

    def with_system_store(self, *arguments, **kw):
        store = self.home / "system-store.pem"
        shutil.copyfile(self.roots, store)
        return self.run("unshare", "-rm", "sh", "-c",
                        f'mount --bind "$0" {SYSTEM_STORE} && exec "$@"', store, *arguments, **kw)

    def webroot(self):
        """Serves ./www as the challenge directory of port 80."""
        www = self.home / "www"
        www.mkdir(exist_ok=True)
        if self.responder is None:
            self.responder = Responder(self.server.http01_port, webroot=www)
        return www

    def close(self):
        if self.responder:
            self.responder.close()

    # What a client can:
    def issue(self, *names):
        """Returns the chain in PEM, leaf first."""
        raise NotImplementedError

    renew = None           # (*names) -> chain
    revoke = None          # (*names)
    update_contact = None  # (address)
    roll_key = None        # ()
    deactivate = None      # ()


class Certbot(Client):
    program = "/usr/bin/certbot"

    def certbot(self, *arguments, **kw):
        return self.run(
            self.program, *arguments, "-n", "--config-dir", self.home / "etc", "--work-dir",
            self.home / "var", "--logs-dir", self.home / "log", "--server", self.directory,
            env={"REQUESTS_CA_BUNDLE": self.roots}, **kw,
        )

    def certonly(self, names, *more):
        domains = [a for n in names for a in ("-d", n)]
        self.certbot("certonly", "--standalone", "--agree-tos", "-m", "a@example.com",
                     "--http-01-port", self.server.http01_port, "--http-01-address", "127.0.0.1",
                     *domains, *more)

    def live(self, name):
        return self.home / "etc" / "live" / name

    def issue(self, *names):
        self.certonly(names)
        return (self.live(names[0]) / "fullchain.pem").read_bytes()

    def renew(self, *names):
        self.certbot("renew", "--force-renewal", "--no-random-sleep-on-renew")
        return (self.live(names[0]) / "fullchain.pem").read_bytes()

    def revoke(self, *names):
        self.certbot("revoke", "--cert-path", self.live(names[0]) / "cert.pem", "--reason",
                     "superseded", "--no-delete-after-revoke")

    def update_contact(self, address):
        self.certbot("update_account", "-m", address)

    def deactivate(self):
        self.certbot("unregister")


class CertbotPip(Certbot):
    program = ROOT / "out" / "venv" / "bin" / "certbot"


class Lego(Client):
    program = "lego"

    def lego(self, names, *command):
        domains = [a for n in names for a in ("-d", n)]
        self.run("lego", "--path", self.home / "lego", "--server", self.directory, "--accept-tos",
                 "-m", "a@example.com", "--http", "--http.port",
                 f"127.0.0.1:{self.server.http01_port}", *domains, *command,
                 env={"LEGO_CA_CERTIFICATES": self.roots})

    def file(self, names):
        return self.home / "lego" / "certificates" / f"{names[0]}.crt"

    def issue(self, *names):
        self.lego(names, "run")
        return self.file(names).read_bytes()

    def renew(self, *names):
        self.lego(names, "renew", "--days", "9999", "--no-random-sleep")
        return self.file(names).read_bytes()

    def revoke(self, *names):
        self.lego(names, "revoke", "--keep")


class Dehydrated(Client):
    program = "dehydrated"
    algorithm = "prime256v1"

    def dehydrated(self, *arguments):
        config = self.home / "config"
        if not config.exists():
            config.write_text(
                f'CA="{self.directory}"\nCURL_OPTS="--cacert {self.roots}"\n'
                f'BASEDIR="{self.home}"\nWELLKNOWN="{self.webroot()}"\n'
                f'KEY_ALGO={self.algorithm}\nCONTACT_EMAIL=a@example.com\n'
            )
            self.dehydrated("--register", "--accept-terms")
        return self.run("dehydrated", "--config", config, *arguments)

    def chain(self, names):
        return (self.home / "certs" / names[0] / "fullchain.pem").read_bytes()

    def issue(self, *names):
        self.dehydrated("--cron", "--domain", " ".join(names))
        return self.chain(names)

    def renew(self, *names):
        self.dehydrated("--cron", "--force", "--domain", " ".join(names))
        return self.chain(names)

    def revoke(self, *names):
        self.dehydrated("--revoke", os.path.realpath(self.home / "certs" / names[0] / "cert.pem"))

    def update_contact(self, address):
        config = self.home / "config"
        config.write_text(config.read_text().replace("a@example.com", address))
        self.dehydrated("--account")

    def deactivate(self):
        self.dehydrated("--deactivate")


class Uacme(Client):
    """Knows no option for the root: the system's store."""

    program = "uacme"
    kind = "EC"

    def uacme(self, *arguments):
        fresh = not (self.home / "conf").exists()
        if fresh:
            self.uacme_run("new", "a@example.com")
        return self.uacme_run(*arguments)

    def uacme_run(self, *arguments):
        return self.with_system_store(
            "uacme", "-v", "-y", "-a", self.directory, "-c", self.home / "conf", "-t", self.kind,
            "-h", "/usr/share/uacme/uacme.sh", *arguments,
            env={"UACME_CHALLENGE_PATH": str(self.webroot())},
        )

    def chain(self, names):
        return (self.home / "conf" / names[0] / "cert.pem").read_bytes()

    def issue(self, *names):
        self.uacme("issue", *names)
        return self.chain(names)

    def renew(self, *names):
        self.uacme("-f", "issue", *names)
        return self.chain(names)

    def revoke(self, *names):
        self.uacme("-r", "4", "revoke", self.home / "conf" / names[0] / "cert.pem")

    def update_contact(self, address):
        self.uacme("update", address)

    def roll_key(self):
        self.uacme("newkey")

    def deactivate(self):
        self.uacme("deactivate")


class UacmeRsa(Uacme):
    kind = "RSA"


class AcmeSh(Client):
    """Not a package of Debian: it runs where acme.sh is on the PATH."""

    program = "acme.sh"

    def acme_sh(self, *arguments):
        self.run(self.program, "--home", self.home / "acme.sh", "--server", self.directory, "--ca-bundle", self.roots,
                 *arguments)

    def domains(self, names):
        return [a for n in names for a in ("-d", n)]

    def file(self, names):
        return self.home / "acme.sh" / f"{names[0]}_ecc" / "fullchain.cer"

    def root(self):
        """acme.sh wants the root of the site and makes .well-known/acme-challenge in it."""
        root = self.home / "site"
        if not root.exists():
            (root / ".well-known").mkdir(parents=True)
            (root / ".well-known" / "acme-challenge").symlink_to(self.webroot())
        return root

    def issue(self, *names):
        self.acme_sh("--register-account", "-m", "a@example.com")
        self.acme_sh("--issue", *self.domains(names), "-w", self.root())
        return self.file(names).read_bytes()

    def renew(self, *names):
        self.acme_sh("--renew", "-d", names[0], "--force")
        return self.file(names).read_bytes()

    def revoke(self, *names):
        self.acme_sh("--revoke", "-d", names[0], "--revoke-reason", "4")

    def update_contact(self, address):
        self.acme_sh("--update-account", "-m", address)

    def deactivate(self):
        self.acme_sh("--deactivate-account")


class AcmeTiny(Client):
    program = "acme-tiny"

    def issue(self, *names):
        key = self.home / "account.key"
        if not key.exists():
            self.run("openssl", "genrsa", "-out", key, "2048")
        self.run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout",
                 self.home / "key.pem", "-out", self.home / "csr.pem", "-subj", f"/CN={names[0]}",
                 "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
        # Its own check looks the name up in the system's DNS, which does not have it.
        done = self.run(
            "acme-tiny", "--account-key", key, "--csr", self.home / "csr.pem", "--acme-dir",
            self.webroot(), "--directory-url", self.directory, "--disable-check", "--contact",
            "mailto:a@example.com", env={"SSL_CERT_FILE": self.roots},
        )
        return done.stdout

    renew = issue


class Acmetool(Client):
    program = "acmetool"

    def acmetool(self, *arguments):
        return self.run("acmetool", "--state", self.home / "state", "--hooks", self.home / "hooks",
                        "--batch", "--response-file", self.home / "responses", *arguments,
                        env={"SSL_CERT_FILE": self.roots})

    def target(self, names):
        state = self.home / "state"
        for part in ("conf", "desired"):
            (state / part).mkdir(parents=True, exist_ok=True)
        (self.home / "hooks").mkdir(exist_ok=True)
        meta = self.server.wire().directory["meta"]
        (self.home / "responses").write_text(
            f'"acme-enter-email": "a@example.com"\n"acme-agreement:{meta["termsOfService"]}": true\n'
        )
        (state / "conf" / "target").write_text(
            f"request:\n  provider: {self.directory}\n  key:\n    type: ecdsa\n"
            f"  challenge:\n    http-self-test: false\n    webroot-paths:\n    - {self.webroot()}\n"
        )
        lines = "".join(f"    - {n}\n" for n in names)
        (state / "desired" / names[0]).write_text(f"satisfy:\n  names:\n{lines}")

    def live(self, names):
        return (self.home / "state" / "live" / names[0] / "fullchain").read_bytes()

    def issue(self, *names):
        self.target(names)
        self.acmetool("reconcile")
        return self.live(names)

    def renew(self, *names):
        """It renews by its own clock alone: here the certificate is gone, the account stays."""
        shutil.rmtree(self.home / "state" / "certs")
        (self.home / "state" / "live" / names[0]).unlink()
        self.acmetool("reconcile")
        return self.live(names)

    # `acmetool revoke` of 0.2.2 marks the certificate and then sends nothing to the server.


class Caddy(Client):
    program = "caddy"

    def serve_once(self, names):
        port = free_port()
        (self.home / "Caddyfile").write_text(
            "{\n  admin off\n  email a@example.com\n"
            f"  http_port {self.server.http01_port}\n  https_port {port}\n"
            f"  acme_ca {self.directory}\n  acme_ca_root {self.roots}\n"
            f"  storage file_system {self.home}/storage\n}}\n"
            f"{', '.join(names)} {{\n  respond \"hello\"\n}}\n"
        )
        caddy = Process(["caddy", "run", "--config", self.home / "Caddyfile"], self.home, "caddy",
                        clean_environment(HOME=str(self.home), XDG_DATA_HOME=str(self.home),
                                          XDG_CONFIG_HOME=str(self.home)))
        try:
            der = wait_until(lambda: served(port, names[0]), 60, caddy.log_path)
        except AssertionError:
            raise ClientFailed(caddy.output()) from None
        finally:
            caddy.signal(signal.SIGTERM)
            caddy.process.wait(20)
        leaf = x509.load_der_x509_certificate(der)
        found = list((self.home / "storage").glob(f"certificates/*/{names[0]}/*.crt"))
        assert len(found) == 1
        pem = found[0].read_bytes()
        assert x509.load_pem_x509_certificate(pem) == leaf
        return pem

    def issue(self, *names):
        return self.serve_once(names)

    def renew(self, *names):
        """The account stays, the certificate is gone."""
        shutil.rmtree(self.home / "storage" / "certificates")
        return self.serve_once(names)


def served(port, name):
    """The certificate on the port, once the handshake for the name succeeds."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                return tls.getpeercert(True)
    except OSError:
        return None


CLIENTS = [Certbot, CertbotPip, Lego, AcmeSh, Dehydrated, Uacme, UacmeRsa, AcmeTiny, Acmetool, Caddy]


def missing(kind):
    return shutil.which(str(kind.program)) is None


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.__name__.lower())
def kind(request):
    if missing(request.param):
        pytest.skip(f"{request.param.program} is not a package here")
    return request.param


@pytest.fixture
def client(kind, server, tmp_path):
    made = kind(server, tmp_path)
    yield made
    made.close()


def leaf(chain):
    return x509.load_pem_x509_certificates(chain)[0]


def names_of(chain):
    san = leaf(chain).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(san.get_values_for_type(x509.DNSName))


def check(server, chain, names):
    verify(chain, server.issued_by, "-verify_hostname", names[0])
    assert names_of(chain) >= {names[0]}


def several(client, name):
    return [name("client"), name("client")] if not isinstance(client, Caddy) else [name("client")]


def test_issue_renew_revoke(server, client, name):
    names = several(client, name)
    first = client.issue(*names)
    check(server, first, names)
    assert names_of(first) == set(names)
    second = client.renew(*names)
    check(server, second, names)
    assert leaf(first).serial_number != leaf(second).serial_number
    if client.revoke is None:
        return
    client.revoke(*names)
    if server.is_assay:
        shown = server.run("cert", "show", hex_serial(leaf(second))).stdout
        assert "revoked" in shown.lower()
        shown = server.run("cert", "show", hex_serial(leaf(first))).stdout
        assert "revoked" not in shown.lower()


def test_account_can_be_managed(server, client, name):
    if not (client.update_contact or client.roll_key or client.deactivate):
        pytest.skip("this client cannot")
    wanted = name("client")
    client.issue(wanted)
    if client.update_contact:
        client.update_contact("b@example.com")
    if client.roll_key:
        client.roll_key()
        check(server, client.renew(wanted), [wanted])
    if client.deactivate:
        client.deactivate()
        with pytest.raises(ClientFailed):
            client.renew(wanted)


@pytest.mark.assay
def test_against_serve(kind, served, tmp_path, name):
    client = kind(served, tmp_path)
    try:
        names = several(client, name)
        chain = client.issue(*names)
        check(served, chain, names)
    finally:
        client.close()


def test_failures_are_told(server, tmp_path, name):
    """certbot prints what the server found out (FIELD A18)."""
    client = Certbot(server, tmp_path)
    wanted = name("client")
    server.nameserver.hosts[wanted] = None
    with pytest.raises(ClientFailed, match=wanted):
        client.issue(wanted)


@pytest.mark.assay
def test_certbot_deb_with_the_system_store(server, tmp_path, name):
    """Debian's certifi points to the system's store: no variable is needed there."""
    client = Certbot(server, tmp_path)
    wanted = name("client")
    client.with_system_store(
        "certbot", "certonly", "--standalone", "-n", "--agree-tos",
        "--register-unsafely-without-email", "--server", server.directory, "--http-01-port",
        server.http01_port, "--config-dir", tmp_path / "etc", "--work-dir", tmp_path / "var",
        "--logs-dir", tmp_path / "log", "-d", wanted,
    )
    check(server, (tmp_path / "etc" / "live" / wanted / "fullchain.pem").read_bytes(), [wanted])
