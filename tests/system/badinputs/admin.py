"""The admin API (docs/admin-api.md) on its socket: what it does not know it refuses by name."""

import json
import socket

from badinputs.rows import BAD_CSR, BAD_PROFILE, BAD_REASON, MALFORMED, NOT_ALLOWED, NOT_FOUND, Row, printable
from badinputs.world import Connection

NO_ID, NO_SERIAL = "0" * 26, "0" * 40
LISTS = ("accounts", "orders", "certs", "eab", "jobs", "audit")


def asked(name, method, target, body=None, expected=MALFORMED, allow=None):
    """target: text, or a function of the world."""
    def send(world):
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(20)
        plain.connect(str(world.server.socket))
        connection = Connection(plain)
        try:
            octets = body if isinstance(body,
                bytes) else json.dumps(body).encode() if body is not None else None
            head = f"{method} {target(world) if callable(target) else target} HTTP/1.1\r\nHost: localhost\r\n"
            if octets is not None:
                head += f"Content-Length: {len(octets)}\r\n"
            plain.sendall(head.encode("latin-1") + b"\r\n" + (octets or b""))
            return connection.answer()
        finally:
            connection.close()

    return Row(f"admin {name}", send, expected, allow=allow)


def paths():
    for path in ("/", "/v1", "/v1/", "/v1/status/", "/v1/nothing", "/v2/status", "/V1/status", "/v1/Status",
            "/v1/orders/a/b/c", "/v1/accounts/", "/v1/accounts/x/y", "/v1/certs/x/y/z", "/acme/directory",
            "/v1/status.json", "/v1/status;x",
                 "/v1/%73tatus", "/v1/audit/chain/x", "/v1/limits/reset/x", "/v1/authorities/", "/metrics",
                 "/root.pem"):
        yield asked(f"path {path}", "GET", path, None, NOT_FOUND)
    for method, path, allow in (("POST", "/v1/status", "GET"), ("DELETE", "/v1/certs", "GET, POST"),
            ("GET", f"/v1/certs/{NO_SERIAL}/revoke", "POST"),
            ("GET", f"/v1/accounts/{NO_ID}/deactivate", "POST"),
                                ("DELETE", f"/v1/accounts/{NO_ID}", "GET"), ("PATCH", "/v1/eab", "GET, POST"),
                                ("GET", "/v1/limits/reset", "POST"), ("PUT", "/v1/audit", "GET"),
                                ("DELETE", "/v1/jobs", "GET"), ("POST", "/v1/audit/chain", "GET")):
        yield asked(f"method {method} on {printable(path)}", method, path, b"{}" if method == "POST" else None,
            NOT_ALLOWED, allow)
    for kind in ("accounts", "orders"):
        for name in ("x", NO_ID, "0" * 25, "0" * 27, "u" * 26, "%20", "..%20", "-1", "'", "%c3%a9"):
            yield asked(f"{kind} {printable(name)}", "GET", f"/v1/{kind}/{name}", None, NOT_FOUND)
    for name in ("x", NO_SERIAL, "0" * 39, "0" * 42, "zz" * 20, "%20", "-1"):
        yield asked(f"cert {printable(name)}", "GET", f"/v1/certs/{name}", None, NOT_FOUND)
    for kind in ("authorities", "directories", "eab"):
        for name in ("nothing", "x" * 300, "%20", "DEFAULT", "..x"):
            yield asked(f"{kind} {printable(name)}", "GET", f"/v1/{kind}/{name}", None, NOT_FOUND)


def queries():
    for kind in LISTS:
        for query in ("nmae=a", "limit", "limit=", "limit=x", "limit=0", "limit=-1", "limit=1001", "limit=1.5",
                "limit=1e2", "limit=99999999999999999999", "limit=1&limit=2", "limit=+1", "limit=%31x", "=1",
                "&x", "limit=%ff", "limit=1%00",
                      "Limit=1", "after=%01", "limit=0x10"):
            yield asked(f"query {query} of {kind}", "GET", f"/v1/{kind}?{query}")
        for after in ("x", "!", "%20", "zz"):
            if kind not in ("eab",):
                yield asked(f"query after={after} of {kind}", "GET", f"/v1/{kind}?after={after}")
    for query in ("status=x", "status=VALID", "expires_before=x", "expires_before=-1d", "account=x"):
        yield asked(f"query {query} of certs", "GET", f"/v1/certs?{query}")
    for query in ("verbose=1", "x", "=", "status"):
        yield asked(f"query {query} of status", "GET", f"/v1/status?{query}")


def bodies():
    revoke = f"/v1/certs/{NO_SERIAL}/revoke"
    deactivate = f"/v1/accounts/{NO_ID}/deactivate"
    for name, target in (("issue", "/v1/certs"), ("revoke", revoke), ("deactivate", deactivate),
            ("eab", "/v1/eab"), ("renew-early", "/v1/certs/renew-early"), ("limits reset", "/v1/limits/reset")):
        for what, body in (("array", b"[]"), ("text", b'"x"'), ("number", b"1"), ("null", b"null"),
                ("cut off", b"{"), ("two", b"{}{}"), ("duplicate", b'{"a":1,"a":2}'),
                ("unknown member", b'{"unknown":1}'), ("no UTF-8", b'{"a":"\xff"}'),
                           ("NUL", b'{"a":"\\u0000"}'), ("deep", b'{"a":' * 40 + b"1" + b"}" * 40),
                           ("trailing", b"{} x"), ("bare word", b"hello"), ("other case", b'{"Reason":1}'),
                           ("large", b'{"a":"' + b"x" * 100000 + b'"}'),
                           ("many", b'{"a":[' + b"1," * 3000 + b"1]}")):
            yield asked(f"body {what} of {name}", "POST", target, body)
    for value in ("x", "keycompromise2", "", 7, -1, 2, 6, 8, 10, 11, 256, True, False, 1.5, [], {},
            "cACompromise", "1.0"):
        yield asked(f"reason {json.dumps(value)}", "POST", revoke, {"reason": value}, BAD_REASON)
    yield asked("revoke what is not there", "POST", revoke, {}, NOT_FOUND)
    yield asked("deactivate what is not there", "POST", deactivate, {}, NOT_FOUND)
    for name, body in (("no csr", {}), ("csr is a number", {"csr": 1}), ("csr is null", {"csr": None}),
            ("dns is text", {"csr": "x", "dns": "a.test"}), ("dns of numbers", {"csr": "x", "dns": [1]}),
                       ("101 names", {"csr": "x", "dns": [f"n{i}.test" for i in range(101)]}),
                       ("ip is a number", {"csr": "x", "ip": 1}),
                       ("duration", {"csr": "x", "duration": "long"}),
                       ("negative duration", {"csr": "x", "duration": "-1d"}),
                       ("duration is a number", {"csr": "x", "duration": 90}),
                       ("profile is a number", {"csr": "x", "profile": 1}),
                       ("authority is a list", {"csr": "x", "authority": []})):
        yield asked(f"issue: {name}", "POST", "/v1/certs", body)
    for name, body in (("name is a number", {"name": 1}), ("uses is text", {"name": "x", "uses": "1"}),
            ("negative uses", {"name": "x", "uses": -1}), ("no uses", {"name": "x", "uses": 0}),
            ("fraction", {"name": "x", "uses": 1.5}),
                       ("uses and reusable", {"name": "x", "uses": 2, "reusable": True}),
                       ("expires is no time", {"name": "x", "expires": "soon"}),
                       ("expired", {"name": "x", "expires": "2001-01-01T00:00:00Z"}),
                       ("zones is text", {"name": "x", "zones": "a"}),
                       ("zone malformed", {"name": "x", "zones": ["a b"]}),
                       ("name with a newline", {"name": "a\nb"}), ("long name", {"name": "x" * 1000})):
        yield asked(f"eab: {name}", "POST", "/v1/eab", body)
    yield asked("issue: csr is no PEM", "POST", "/v1/certs", {"csr": "x"}, BAD_CSR)
    yield asked("eab: profile unknown", "POST", "/v1/eab", {"name": "x", "profiles": ["nothing"]}, BAD_PROFILE)
    yield asked("eab revoke what is not there", "POST", "/v1/eab/nothing/revoke", {}, NOT_FOUND)
    for name, body in (("nobody", {}), ("subject is a number", {"subject": 1}), ("all is text", {"all": "yes"}),
            ("all is false", {"all": False})):
        yield asked(f"limits reset: {name}", "POST", "/v1/limits/reset", body)
    for name, body in (("whose", {}), ("within", {"all": True, "within": "x"}),
            ("negative", {"all": True, "within": "-1h"}), ("key is no hash", {"key_hash": "zz"}),
            ("short hash", {"key_hash": "00"}), ("name is a number", {"name": 1}),
                       ("all is text", {"all": "x"}), ("after is no serial", {"all": True, "after": "x"})):
        yield asked(f"renew-early: {name}", "POST", "/v1/certs/renew-early", body)


ROWS = [*paths(), *queries(), *bodies()]
