"""The network that the tests give to the server and the clients: a name server and web servers,
all on loopback."""

import contextlib
import http.server
import ipaddress
import socket
import socketserver
import struct
import threading
import time
from urllib.parse import urlsplit


def free_port(kind=socket.SOCK_STREAM):
    """A port of 127.0.0.1 that is free now, for programs that must be told one."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nameserver:
    """Answers every A question with 127.0.0.1 unless `hosts` says otherwise: name -> list of
    addresses (empty: no such data), None: NXDOMAIN, "servfail", "silent"."""

    A, AAAA = 1, 28

    def __init__(self):
        self.hosts = {}
        self.caa = {}   # name -> list of (flags, tag, value), or "servfail"
        self.txt = {}   # name -> list of values
        self.asked = []  # (name, type)
        outer = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                query, sock = self.request
                reply = outer.reply(query)
                if reply:
                    sock.sendto(reply, self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self):
                head = self.request.recv(2)
                if len(head) == 2:
                    reply = outer.reply(self.request.recv(struct.unpack("!H", head)[0]))
                    if reply:
                        self.request.sendall(struct.pack("!H", len(reply)) + reply)

        socketserver.ThreadingUDPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer.request_queue_size = 256
        while True:  # a port that is free for both
            self.udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Udp)
            self.port = self.udp.server_address[1]
            try:
                self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Tcp)
                break
            except OSError:
                self.udp.server_close()
        for server in (self.udp, self.tcp):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def reply(self, query):
        if len(query) < 12:
            return None
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
            at += 1 + query[at]
        kind, = struct.unpack("!H", query[at + 1:at + 3])
        question = query[12:at + 5]
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        found = self.hosts.get(name, ["127.0.0.1"])
        if found == "silent":
            return None
        code = 2 if found == "servfail" else 3 if found is None else 0
        answers = []
        for text in found if isinstance(found, list) else []:
            address = ipaddress.ip_address(text)
            if kind == (self.A if address.version == 4 else self.AAAA):
                answers.append(
                    b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(address.packed))
                    + address.packed
                )
        rules = self.caa.get(name, []) if kind == 257 else []
        if rules == "servfail":
            code, rules = 2, []
        for value in self.txt.get(name, []) if kind == 16 else []:
            data = bytes([len(value)]) + value.encode()
            answers.append(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(data)) + data)
        for critical, tag, value in rules:
            data = bytes([critical, len(tag)]) + tag.encode() + value.encode()
            answers.append(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 1, len(data)) + data)
        # Answer, recursion desired as asked and available; no EDNS.
        flags = 0x8080 | (struct.unpack("!H", query[2:4])[0] & 0x0100) | code
        return (
            query[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0) + question
            + b"".join(answers)
        )

    def close(self):
        for server in (self.udp, self.tcp):
            server.shutdown()
            server.server_close()


class Responder:
    """Answers http-01 challenges, or does anything else that a web server may do."""

    def __init__(self, port=0, context=None, address="127.0.0.1", webroot=None):
        """webroot: a directory; what no answer is known for is read from there."""
        self.answers = {}  # token -> callable(handler) or (status, headers, body)
        self.seen = []     # (path, Host)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.seen.append((self.path, self.headers.get("Host")))
                answer = outer.answers.get(urlsplit(self.path).path.rsplit("/", 1)[-1])
                if answer is None:
                    answer = outer.from_webroot(webroot, self.path)
                if callable(answer):
                    answer(self)
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

            def handle_error(self, *_):
                pass  # a validator that hangs up is not our trouble

        self.server = Server((address, port), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @staticmethod
    def from_webroot(webroot, path):
        prefix = "/.well-known/acme-challenge/"
        if webroot and path.startswith(prefix) and "/" not in path[len(prefix):]:
            with contextlib.suppress(FileNotFoundError):
                with open(f"{webroot}/{path[len(prefix):]}", "rb") as file:
                    return 200, {}, file.read()
        return 404, {}, b"no such token\n"

    def serve(self, token, key_authorization):
        self.answer(token, 200, key_authorization.encode())

    def answer(self, token, status, body=b"", **headers):
        self.answers[token] = (
            status, {k.replace("_", "-"): v for k, v in headers.items()}, body
        )

    def call(self, token, function):
        self.answers[token] = function

    def requests(self, token):
        return [path for path, _ in self.seen if token in path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def running(thing):
    try:
        yield thing
    finally:
        thing.close()


def sleeper(handler):
    """A web server that takes the request and never answers."""
    with contextlib.suppress(Exception):
        while handler.rfile.read(1):
            time.sleep(0.01)
