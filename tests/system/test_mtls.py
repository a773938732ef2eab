"""Certificates for mutual TLS (S1.1): both ends know the root alone. The profiles `mtls` and `client` make
a client's; one that may only be a server's does not open a door."""

import socket
import ssl
import threading

import pytest

pytestmark = pytest.mark.assay


@pytest.fixture(scope="module")
def made(server, tmp_path_factory):
    """profile -> folder with fullchain.pem and privkey.pem."""
    found = {}
    for profile in ("server", "client", "mtls"):
        found[profile] = tmp_path_factory.mktemp(profile)
        server.run("cert", "issue", "--dns", f"{profile}.mtls.test", "--profile", profile, "--out", found[profile])
    return found


def context(server, side, folder):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if side == "server" else ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(server.issued_by)
    made.verify_mode = ssl.CERT_REQUIRED
    if folder:
        made.load_cert_chain(folder / "fullchain.pem", folder / "privkey.pem")
    return made


def talk(server, server_folder, client_folder, name):
    """What the server saw of the client's names; ssl.SSLError when either end refuses."""
    ends = socket.socketpair()
    seen = {}

    def serve():
        try:
            with context(server, "server", server_folder).wrap_socket(ends[0], server_side=True) as tls:
                seen["names"] = [value for _, value in tls.getpeercert()["subjectAltName"]]
                tls.sendall(b"welcome")
        except (ssl.SSLError, OSError) as error:
            seen["error"] = error
            ends[0].close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context(server, "client", client_folder).wrap_socket(ends[1], server_hostname=name) as tls:
            if tls.recv(7) != b"welcome":
                raise ssl.SSLError("the server refused")
    finally:
        thread.join(10)
    return seen["names"]


@pytest.mark.parametrize("profile", ["client", "mtls"])
def test_both_ends_are_known(server, made, profile):
    assert talk(server, made["mtls"], made[profile], "mtls.mtls.test") == [f"{profile}.mtls.test"]


@pytest.mark.parametrize("server_profile, client_profile, name", [
    ("mtls", "server", "mtls.mtls.test"),   # serverAuth alone is no client's
    ("mtls", None, "mtls.mtls.test"),       # no certificate at all
    ("client", "mtls", "client.mtls.test"), # clientAuth alone is no server's
    ("mtls", "mtls", "other.mtls.test"),    # another name
])
def test_others_are_refused(server, made, server_profile, client_profile, name):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        talk(server, made[server_profile], made.get(client_profile), name)
