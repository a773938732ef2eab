"""HTTP itself (RFC 9112, RFC 9110): whatever is no request of exactly one form is refused, and the
connection ends, because nobody can say where the next request begins."""

from badinputs.rows import NOT_ALLOWED, NOT_FOUND, Row, printable

BAD = (400, "malformed")
TOO_LONG = (414, "malformed")
TOO_LARGE = (413, "malformed")
HEADER_TOO_LARGE = (431, "malformed")
UNKNOWN_METHOD = (501, "malformed")
UNKNOWN_VERSION = (505, "malformed")
EXPECTATION = (417, "malformed")
MISDIRECTED = (421, "malformed")


def raw(name, text, expected=BAD, closed=True, target=None):
    """text: LF stands for CRLF unless it is of octets; {host} and {path} are filled in."""
    octets = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode("latin-1")

    def send(world):
        path = world.target(target) if target else world.path
        return world.raw(octets.replace(b"{host}", world.host.encode())
                         .replace(b"{path}", path.encode()), octets.startswith(b"HEAD "))

    return Row(f"http {name}", send, expected, closed)


def request_lines():
    host = "Host: {host}\n\n"
    for name, line in (
        ("no version", "GET {path}"), ("no target", "GET HTTP/1.1"), ("method alone", "GET"),
        ("space before", " GET {path} HTTP/1.1"), ("tab before", "\tGET {path} HTTP/1.1"),
        ("two spaces after the method", "GET  {path} HTTP/1.1"),
        ("two spaces before the version", "GET {path}  HTTP/1.1"),
        ("space at the end", "GET {path} HTTP/1.1 "), ("tab at the end", "GET {path} HTTP/1.1\t"),
        ("tabs", "GET\t{path}\tHTTP/1.1"), ("word behind", "GET {path} HTTP/1.1 x"),
        ("comma", "GET,{path},HTTP/1.1"), ("NUL at the end", "GET {path} HTTP/1.1\0"),
        ("space in the target", "GET {path} x HTTP/1.1"), ("empty", ""), ("a colon", ":"),
        ("a response", "HTTP/1.1 200 OK"), ("quotes", '"GET" {path} HTTP/1.1'),
        ("method with NUL", "G\0T {path} HTTP/1.1"), ("method with DEL", "G\x7fT {path} HTTP/1.1"),
        ("method in UTF-8", "G\xc3\x89T {path} HTTP/1.1"), ("method in brackets", "[GET] {path} HTTP/1.1"),
        ("SSH", "SSH-2.0-OpenSSH_9.2"), ("SMTP", "EHLO a.test"), ("JSON", '{"protected":""}'),
        ("no HTTP", "GET {path} XTTP/1.1"), ("lower case", "GET {path} http/1.1"),
        ("no slash", "GET {path} HTTP1.1"), ("no minor", "GET {path} HTTP/1"),
        ("no major", "GET {path} HTTP/.1"), ("two digits", "GET {path} HTTP/1.11"),
        ("leading zero", "GET {path} HTTP/01.1"), ("letters", "GET {path} HTTP/a.b"),
        ("negative", "GET {path} HTTP/-1.1"), ("comma in the version", "GET {path} HTTP/1,1"),
        ("sign", "GET {path} HTTP/+1.1"), ("full-width digit", "GET {path} HTTP/1.\xef\xbc\x91"),
    ):
        yield raw(f"request line: {name}", f"{line}\n{host}")
    for version in ("0.9", "1.0", "1.2", "1.9", "2.0", "2.1", "3.0", "9.9", "0.0"):
        yield raw(f"version {version}", f"GET {{path}} HTTP/{version}\n{host}", UNKNOWN_VERSION)
    yield raw("HTTP/2 preface", "PRI * HTTP/2.0\n\nSM\n\n", UNKNOWN_VERSION)
    for name, octets in (("TLS record", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"),
                         ("NUL", b"\0\0\0\0\r\n"), ("escape", b"\x1b[2J\r\n\r\n"),
                         ("byte order mark", b"\xef\xbb\xbfGET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                         ("UTF-16", "GET / HTTP/1.1\r\n\r\n".encode("utf-16")),
                         ("bare CR", b"\rGET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                         ("two empty lines before", b"\r\n\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                         ("bare LF before", b"\nGET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                         ("bare LF after the request line", b"GET {path} HTTP/1.1\nHost: {host}\r\n\r\n"),
                         ("bare LF after a header", b"GET {path} HTTP/1.1\r\nHost: {host}\n\r\n"),
                         ("bare LF at the end", b"GET {path} HTTP/1.1\r\nHost: {host}\r\n\n"),
                         ("bare LF everywhere", b"GET {path} HTTP/1.1\nHost: {host}\n\n"),
                         ("CR CR LF", b"GET {path} HTTP/1.1\r\r\nHost: {host}\r\n\r\n"),
                         ("bare CR in a header", b"GET {path} HTTP/1.1\r\nHost: {host}\r\nX: a\rb\r\n\r\n"),
                         ):
        yield raw(f"start: {name}", octets)


def methods():
    for method in ("TRACE", "CONNECT", "PROPFIND", "BREW", "get", "Get", "GETT", "POSTX", "QUERY", "LINK",
                   "M-SEARCH", "PURGE", "DEBUG", "SEARCH", "X" * 100, "!", "GET_", "0"):
        yield raw(f"method {printable(method)}", f"{method} {{path}} HTTP/1.1\nHost: {{host}}\n\n",
                  UNKNOWN_METHOD)


def targets():
    for name, target in (
        ("absolute", "https://{host}{path}"), ("plain http", "http://{host}{path}"),
        ("asterisk", "*"), ("authority", "{host}"), ("no slash", "acme/directory"),
        ("question mark", "?x"), ("fragment", "{path}#x"), ("backslash", "/acme\\directory"),
        ("quote", '{path}"'), ("less", "{path}<"), ("greater", "{path}>"), ("caret", "{path}^"),
        ("grave", "{path}`"), ("brace", "{path}{"), ("bar", "{path}|"), ("closing brace", "{path}}"),
        ("NUL", "{path}\0"), ("DEL", "{path}\x7f"), ("high octet", "{path}\xff"),
        ("UTF-8", "{path}\xc3\xa9"), ("escape", "{path}\x1b"), ("brackets", "{path}[]"),
        ("percent", "{path}%"), ("one digit", "{path}%4"), ("no digits", "{path}%zz"),
        ("half a digit", "{path}%4z"), ("percent u", "{path}%u0041"), ("encoded NUL", "{path}%00"),
        ("encoded CR", "{path}%0d"), ("encoded LF", "{path}%0a"), ("encoded escape", "{path}%1b"),
        ("encoded DEL", "{path}%7f"), ("encoded slash", "/acme%2fdirectory"),
        ("encoded slash in capitals", "/acme%2Fdirectory"), ("encoded dot", "/acme/%2e/directory"),
        ("encoded dots", "/acme/%2e%2e/directory"), ("half encoded dots", "/acme/.%2e/directory"),
        ("encoded backslash", "/acme%5cdirectory"), ("dot segment", "/acme/./directory"),
        ("dots segment", "/acme/../acme/directory"), ("dots first", "/../acme/directory"),
        ("dots last", "{path}/.."), ("dot last", "{path}/."), ("two slashes", "//acme/directory"),
        ("two slashes inside", "/acme//directory"), ("three slashes", "/acme///directory"),
        ("slashes alone", "//"), ("query with a quote", '{path}?"'), ("query with percent", "{path}?%"),
        ("query with half", "{path}?a=%1"), ("query with a control", "{path}?\x01"),
        ("query with a bracket", "{path}?a[]=1"), ("query with high octet", "{path}?\xe9"),
    ):
        yield raw(f"target: {name}", f"GET {target} HTTP/1.1\nHost: {{host}}\n\n")
    for name, target in (
        ("other case", "/ACME/directory"), ("encoded letter", "/acme/%64irectory"), ("root name", "/acme2"),
        ("trailing slash", "/acme/new-nonce/"), ("one segment more", "/acme/new-nonce/x"),
        ("id missing", "/acme/order"), ("id empty", "/acme/order/"), ("unknown", "/nothing"),
        ("parameters", "/acme/directory;x=1"), ("dotted", "/acme/directory.json"), ("admin", "/v1/status"),
        ("metrics", "/metrics"), ("environment", "/.env"), ("well-known", "/.well-known/acme-challenge/x"),
        ("crl of nothing", "/crl/"), ("crl without a name", "/crl/.crl"), ("crl unknown", "/crl/none.crl"),
        ("crl other ending", "/crl/test.der"), ("roots", "/roots.pem/"), ("favicon", "/favicon.ico"),
        ("long", "/" + "a" * 4000), ("deep", "/a" * 2000), ("health", "/health"), ("tilde", "/~root"),
        ("encoded space", "/acme/%20"), ("encoded percent", "/acme/%25"), ("encoded UTF-8", "/acme/%c3%a9"),
        ("bad UTF-8", "/acme/%ff"), ("plus", "/acme/+"), ("colon", "/acme/:"), ("at", "/acme/@"),
    ):
        yield raw(f"path: {name}", f"GET {target} HTTP/1.1\nHost: {{host}}\n\n", NOT_FOUND, False)


def hosts():
    get = "GET {path} HTTP/1.1\n"
    for name, lines in (
        ("none", ""), ("twice", "Host: {host}\nHost: {host}\n"),
        ("two of them", "Host: {host}\nhost: a.test\n"),
        ("list", "Host: {host}, {host}\n"), ("empty", "Host:\n"), ("space", "Host: \n"),
        ("space before the colon", "Host : {host}\n"), ("two words", "Host: a b\n"),
        ("user", "Host: a@{host}\n"), ("scheme", "Host: https://{host}\n"), ("path", "Host: {host}/\n"),
        ("query", "Host: {host}?\n"), ("no port", "Host: localhost:\n"),
        ("port is no number", "Host: localhost:x\n"),
        ("port too large", "Host: localhost:65536\n"), ("port much too large", "Host: localhost:4294981296\n"),
        ("port negative", "Host: localhost:-1\n"), ("two ports", "Host: localhost:1:2\n"),
        ("port alone", "Host: :443\n"), ("IPv6 without brackets", "Host: ::1\n"),
        ("bracket open", "Host: [::1\n"), ("bracket closed", "Host: ::1]\n"), ("brackets empty", "Host: []\n"),
        ("zone", "Host: [fe80::1%lo]\n"), ("letters in brackets", "Host: [x]\n"),
        ("behind the brackets", "Host: [::1]x\n"), ("NUL", "Host: local\0host\n"),
        ("percent", "Host: %6cocalhost\n"),
        ("UTF-8", "Host: b\xc3\xbccher.test\n"), ("too long", "Host: " + "a" * 300 + "\n"),
        ("quotes", 'Host: "localhost"\n'), ("comma", "Host: a,b\n"), ("tab inside", "Host: local\thost\n"),
    ):
        yield raw(f"Host: {name}", f"{get}{lines}\n")
    for host in ("elsewhere.test", "localhost", "localhost:1", "localhost:0", "localhost:65535", "127.0.0.2",
                 "169.254.169.254", "localhost.evil.test", "evil.localhost", "localhost.", "[::]", "[::1]:1",
                 "0.0.0.0", "xn--localhost-.test", "_", "-", "a" * 250):
        yield raw(f"Host is another: {printable(host)}", f"{get}Host: {host}\n\n", MISDIRECTED)


def headers():
    start = "GET {path} HTTP/1.1\nHost: {host}\n"
    for octet in [*range(0x00, 0x09), *range(0x0b, 0x0d), *range(0x0e, 0x20), 0x7f]:
        yield raw(f"value with octet {octet:02x}", f"{start}X: a{chr(octet)}b\n\n")
    for character in '"(),/:;<=>?@[\\]{}':
        if character != ":":
            yield raw(f"name with {character}", f"{start}X{character}y: 1\n\n")
    for octet in (0x00, 0x01, 0x09, 0x1b, 0x20, 0x7f, 0x80, 0xff):
        yield raw(f"name with octet {octet:02x}", f"{start}X{chr(octet)}y: 1\n\n")
    for name, lines in (
        ("no colon", "X\n"), ("no name", ": 1\n"), ("space before the colon", "X : 1\n"),
        ("tab before the colon", "X\t: 1\n"), ("folded", "X: 1\n 2\n"), ("folded with a tab", "X: 1\n\t2\n"),
        ("folded first", " X: 1\n"), ("folded empty", "X: 1\n \n"), ("space at the start", " X: 1\n"),
        ("request line again", "GET / HTTP/1.1\n"), ("a word", "hello\n"),
    ):
        yield raw(f"header: {name}", f"{start}{lines}\n")
    yield raw("header: folded directly after the request line", "GET {path} HTTP/1.1\n Host: {host}\n\n")
    for name, lines in (
        ("one long", "X: " + "a" * 17000 + "\n"), ("long name", "X" * 17000 + ": 1\n"),
        ("many long", ("X: " + "a" * 1000 + "\n") * 17), ("100 more", "X: 1\n" * 100),
        ("200 more", "X: 1\n" * 200),
        ("500 empty", "X:\n" * 500),
    ):
        yield raw(f"too many headers: {name}", f"{start}{lines}\n", HEADER_TOO_LARGE)
    for length in (8190, 8192, 9000, 20000, 70000):
        yield raw(f"target of {length}", f"GET /{'a' * length} HTTP/1.1\nHost: {{host}}\n\n", TOO_LONG)
    yield raw("method without end", "G" * 9000, TOO_LONG)
    yield raw("query too long", f"GET {{path}}?{'a' * 9000} HTTP/1.1\nHost: {{host}}\n\n", TOO_LONG)
    for value in ("", "100-continued", "100", "200-ok", "100-continue, x", "x", "100-continue;q=1",
            '"100-continue"'):
        yield raw(f"Expect: {value}", f"{start}Expect: {value}\n\n", EXPECTATION)


def lengths():
    start = "POST {path} HTTP/1.1\nHost: {host}\n"
    for name, lines in (
        ("twice", "Content-Length: 2\nContent-Length: 2\n"),
        ("two of them", "Content-Length: 2\nContent-Length: 3\n"),
        ("list", "Content-Length: 2, 2\n"), ("list of different", "Content-Length: 2, 3\n"),
        ("plus", "Content-Length: +2\n"),
        ("minus", "Content-Length: -2\n"), ("hexadecimal", "Content-Length: 0x2\n"),
        ("fraction", "Content-Length: 2.0\n"),
        ("exponent", "Content-Length: 2e0\n"), ("empty", "Content-Length:\n"),
        ("word", "Content-Length: two\n"),
        ("space inside", "Content-Length: 1 2\n"), ("tab before", "Content-Length:\t2\n"),
        ("tab after", "Content-Length: 2\t\n"),
        ("comma", "Content-Length: 2,\n"), ("semicolon", "Content-Length: 2;\n"),
        ("quotes", 'Content-Length: "2"\n'),
        ("thousands", "Content-Length: 1,000\n"), ("underscore", "Content-Length: 1_0\n"),
        ("NUL", "Content-Length: 2\0\n"),
        ("arabic digits", "Content-Length: \xd9\xa2\n"), ("superscript", "Content-Length: \xb2\n"),
        ("other case twice", "Content-Length: 2\ncontent-length: 2\n"),
        ("space before the colon", "Content-Length : 2\n"), ("folded", "Content-Length:\n 2\n"),
    ):
        yield raw(f"Content-Length: {name}", f"{start}{lines}\nab")
    for length in ("65537", "70000", "1048576", "2147483648", "4294967296", "4294967298", "9223372036854775808",
                   "18446744073709551616", "18446744073709551618", "9" * 40, "0" * 40 + "65537"):
        yield raw(f"Content-Length: {length}", f"{start}Content-Length: {length}\n\nab", TOO_LARGE)
    for name, lines in (
        ("with a length", "Content-Length: 5\nTransfer-Encoding: chunked\n"),
        ("before a length", "Transfer-Encoding: chunked\nContent-Length: 5\n"),
        ("with length 0", "Content-Length: 0\nTransfer-Encoding: chunked\n"),
        ("twice", "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n"),
        ("tab", "Transfer-Encoding:\tchunked\n"), ("tab after", "Transfer-Encoding: chunked\t\n"),
        ("vertical tab", "Transfer-Encoding: \x0bchunked\n"), ("NUL", "Transfer-Encoding: chunked\0\n"),
        ("space before the colon", "Transfer-Encoding : chunked\n"),
        ("folded", "Transfer-Encoding: chunked\n chunked\n"),
    ):
        yield raw(f"Transfer-Encoding: {name}", f"{start}{lines}\n0\n\n")
    for value in ("chunked, chunked", "gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunkedx",
            "gzip",
                  "deflate", "chunked;q=1", '"chunked"', "chunked,", ",chunked", "chunked, identity", "", "cow",
                  "trailers", "chunk\xc3\xa9d"):
        yield raw(f"Transfer-Encoding: {printable(value)}", f"{start}Transfer-Encoding: {value}\n\n0\n\n",
            UNKNOWN_METHOD)


def chunks():
    start = "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\n\n"
    for name, body in (
        ("no size", "\nab\n0\n\n"), ("no hexadecimal", "g\nab\n0\n\n"), ("negative", "-1\nab\n0\n\n"),
        ("plus", "+2\nab\n0\n\n"),
        ("0x", "0x2\nab\n0\n\n"), ("space before", " 2\nab\n0\n\n"), ("space after", "2 \nab\n0\n\n"),
        ("tab after", "2\t\nab\n0\n\n"),
        ("extension", "2;a=b\nab\n0\n\n"), ("extension without name", "2;\nab\n0\n\n"),
        ("extension quoted", '2;a="\n"\nab\n0\n\n'),
        ("longer than said", "2\nabc\n0\n\n"), ("shorter than said", "3\nab\n0\n\n"),
        ("no CRLF behind", "2\nab0\n\n"),
        ("nine digits", "000000002\nab\n0\n\n"), ("seventeen digits", "fffffffffffffffff\nab\n0\n\n"),
        ("many zeros", "0" * 100 + "2\nab\n0\n\n"), ("trailer", "0\nX: 1\n\n"),
        ("trailer with a length", "0\nContent-Length: 5\n\n"),
        ("trailer with a space", "0\n \n"), ("last chunk with extension", "0;x\n\n"),
        ("NUL in the size", "2\0\nab\n0\n\n"),
        ("fraction", "2.0\nab\n0\n\n"), ("comma", "2,\nab\n0\n\n"), ("underscore", "1_0\nab\n0\n\n"),
        ("quotes", '"2"\nab\n0\n\n'),
        ("words", "two\nab\n0\n\n"), ("data first", "{}\n0\n\n"), ("octets behind", "0\nab\n\n"),
    ):
        yield raw(f"chunk: {name}", start + body)
    octets = start.replace("\n", "\r\n").encode()
    for name, body in (
        ("bare LF after the size", b"2\nab\r\n0\r\n\r\n"), ("bare LF after the data", b"2\r\nab\n0\r\n\r\n"),
        ("bare LF at the end", b"2\r\nab\r\n0\r\n\n"), ("bare LF after the last size", b"2\r\nab\r\n0\n\r\n"),
        ("CR CR LF", b"2\r\r\nab\r\n0\r\n\r\n"), ("CR without LF", b"2\rab\r\n0\r\n\r\n"),
        ("LF CR", b"2\n\rab\r\n0\r\n\r\n"),
    ):
        yield raw(f"chunk: {name}", octets + body)
    for name, body in (
        ("one of 70000", f"{70000:x}\n"), ("of 2 GiB", "7fffffff\n"), ("of 4 GiB", "ffffffff\n"),
        ("of 2 GiB and more", "80000000\n"),
        ("two of 40000", f"{40000:x}\n{'a' * 40000}\n" * 2 + "0\n\n"),
        ("2000 of one", "1\na\n" * 2000 + "0\n\n"),
        ("65536 and one", f"10000\n{'a' * 65536}\n1\na\n0\n\n"),
    ):
        yield raw(f"chunks too large: {name}", start + body, TOO_LARGE)


def smuggling():
    """The octets behind a refused request are not the next one: raw() sees to that for all rows; these
    try."""
    second = "GET {path} HTTP/1.1\nHost: {host}\n\n"
    for name, text, expected in (
        ("length and chunks",
        "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\n\n", BAD),
        ("two lengths", "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 0\nContent-Length: 50\n\n", BAD),
        ("unknown coding", "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: x\n\n", UNKNOWN_METHOD),
        ("bad chunk", "POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\n\nz\n", BAD),
        ("other host", "GET {path} HTTP/1.1\nHost: other.test\n\n", MISDIRECTED),
        ("old version", "GET {path} HTTP/1.0\nHost: {host}\n\n", UNKNOWN_VERSION),
        ("unknown method", "BREW {path} HTTP/1.1\nHost: {host}\n\n", UNKNOWN_METHOD),
        ("too large", "POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 70000\n\n", TOO_LARGE),
        ("expectation", "POST {path} HTTP/1.1\nHost: {host}\nExpect: x\nContent-Length: 0\n\n", EXPECTATION),
    ):
        yield raw(f"followed by a request: {name}", text + second, expected)
    for name, line in (("Connection: close", "Connection: close"), ("close in a list", "Connection: x, close"),
                       ("CLOSE", "Connection: CLOSE"), ("two lines", "Connection: x\nConnection: close")):
        yield raw(f"nothing after {name}", f"GET /nothing HTTP/1.1\nHost: {{host}}\n{line}\n\n{second}",
            NOT_FOUND)


def heads():
    """RFC 9110 §9.3.2: an answer to HEAD has no content, also when it refuses."""
    for name, text, expected in (
        ("not found", "HEAD /nothing HTTP/1.1\nHost: {host}\n\n", NOT_FOUND),
        ("without Host", "HEAD {path} HTTP/1.1\n\n", BAD),
        ("other host", "HEAD {path} HTTP/1.1\nHost: other.test\n\n", MISDIRECTED),
        ("bad header", "HEAD {path} HTTP/1.1\nHost: {host}\nX\n\n", BAD),
        ("too many headers", "HEAD {path} HTTP/1.1\nHost: {host}\n" + "X: 1\n" * 200 + "\n", HEADER_TOO_LARGE),
        ("HTTP/1.0", "HEAD {path} HTTP/1.0\nHost: {host}\n\n", UNKNOWN_VERSION),
        ("bad target", "HEAD /acme//directory HTTP/1.1\nHost: {host}\n\n", BAD),
    ):
        yield raw(f"HEAD: {name}", text, (expected[0], None), expected != NOT_FOUND)


SIGNED = ("newAccount", "account", "orders", "newOrder", "newAuthz", "order:pending", "finalize:ready", "authz:pending",
          "chall:pending", "cert", "revokeCert", "keyChange")
READABLE = ("directory", "newNonce")
PAGES = ("/", "/root.pem", "/roots.pem", "/root.der", "/terms", "/health/live", "/health/ready")


def not_allowed(name, target, method, allow, body=None):
    def send(world):
        path = target if target.startswith("/") else world.target(target)
        return world.request(method, path, (), body)

    expected = (405, None) if method == "HEAD" else NOT_ALLOWED
    return Row(f"method {method} on {name}", send, expected, allow=allow)


def wrong_methods():
    for where in SIGNED:
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
            yield not_allowed(where, where, method, "POST")
        yield not_allowed(f"{where} with a body", where, "PUT", "POST", b"{}")
    for where in READABLE:
        for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
            yield not_allowed(where, where, method, "GET, HEAD, POST")
    for page in PAGES:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            yield not_allowed(page, page, method, "GET, HEAD", b"" if method == "POST" else None)


ROWS = [*request_lines(), *methods(), *targets(), *hosts(), *headers(), *lengths(), *chunks(), *smuggling(),
        *heads(), *wrong_methods()]
