"""A probe that speaks the protocol with a valid key and says what it likes: run in the probe's segment
as `python probe_double.py SERVER PORT ROOT KEY CERTIFICATE NAME CLAIM`.

CLAIM is one of
  success   a 200 with a body that begins with the token, for every fetch
  failure   connection refused, for every fetch
  hello     only the hello; prints what the server answers
  order     the hello, then what only a server may send; prints how that ends
  silent    takes looks and never answers
Prints one line for each thing that happens."""

import socket
import ssl
import struct
import sys

HELLO, WELCOME, REFUSED, LOOK, SEEN, CANCEL, PING, PONG = range(1, 9)
FETCH = 1
NAMES = {WELCOME: "welcome", REFUSED: "refused", LOOK: "look", CANCEL: "cancel", PING: "ping"}


def text(value):
    return struct.pack(">H", len(value)) + value


def send(tls, payload):
    tls.sendall(struct.pack(">I", len(payload)) + payload)


def receive(tls):
    """One message; None at the end."""
    def exactly(count):
        got = b""
        while len(got) < count:
            piece = tls.recv(count - len(got))
            if not piece:
                return None
            got += piece
        return got

    try:
        head = exactly(4)
        return head and exactly(struct.unpack(">I", head)[0])
    except OSError as error:
        print("broken", type(error).__name__, flush=True)
        return None


def fetched(number, claim, look):
    """The answer to a look of kind fetch."""
    begin = struct.pack(">BQB", SEEN, number, FETCH)
    peer = bytes([4, 10, 77, 2, 2]) + struct.pack(">H", 80)
    if claim == "failure":
        return (begin + bytes([6, 2, 1]) + struct.pack(">H", 0) + struct.pack(">I", 0) + bytes([0])
                + text(b"could not connect: connection refused") + text(b"connect: refused, says the double"))
    token = look.split(b"/.well-known/acme-challenge/")[1][:43]
    body = token + b"." + b"A" * 43
    return (begin + bytes([0, 0, 0]) + struct.pack(">H", 200) + struct.pack(">I", len(body)) + body + peer
            + text(b"") + text(b"http GET: 200, says the double"))


def main():
    server, port, root, key, certificate, name, claim = sys.argv[1:]
    context = ssl.create_default_context(cafile=root)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["assay-probe/1"])
    with socket.create_connection((server, int(port)), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname=server) as tls:
            send(tls, bytes([HELLO]) + struct.pack(">H", 1) + text(name.encode()) + text(b"double")
                 + struct.pack(">I", 4))
            while True:
                message = receive(tls)
                if message is None:
                    print("closed", flush=True)
                    return
                kind = message[0]
                print(NAMES.get(kind, kind), message[3:].decode(errors="replace") if kind == REFUSED else "",
                      flush=True)
                if kind == PING:
                    send(tls, bytes([PONG]) + message[1:])
                elif kind == LOOK and claim in ("success", "failure"):
                    number, look_kind = struct.unpack(">QB", message[1:10])
                    assert look_kind == FETCH
                    send(tls, fetched(number, claim, message))
                elif kind == WELCOME and claim == "order":
                    send(tls, bytes([WELCOME]) + text(b"me") + struct.pack(">I", 1000))


main()
