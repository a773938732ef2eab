"""Identifiers (RFC 8555 §7.1.4, RFC 8738, RFC 1123 §2.1, RFC 5890): names and addresses that are none, or
that no zone has."""

import json

from badinputs.rows import COMPOUND, MALFORMED, REJECTED, UNSUPPORTED, Row, printable


def shown(value):
    return printable(value) if value.isascii() else ascii(value)


def ordered(kind, value, expected):
    payload = json.dumps({"identifiers": [{"type": kind, "value": value}]})
    return Row(f"identifier {kind} {shown(value)}", lambda w: w.post("newOrder", payload), expected)


def dns(values, expected=MALFORMED):
    for value in values:
        yield ordered("dns", value, expected)


def ip(values, expected=MALFORMED):
    for value in values:
        yield ordered("ip", value, expected)


def characters():
    for character in " !\"#$%&'()+,/:;<=>?@[\\]^_`{|}~":
        yield from dns((f"{character}a.test", f"a{character}b.test", f"a.test{character}"))
    for octet in [*range(0x00, 0x20), 0x7f]:
        yield from dns((f"a{chr(octet)}b.test",))
    for octet in (0x00, 0x09, 0x0a, 0x0d, 0x1b, 0x20, 0x7f):
        yield from dns((f"{chr(octet)}a.test", f"a.test{chr(octet)}"))
    for code in (0x80, 0x85, 0xa0, 0xad, 0xdf, 0xe9, 0xfc, 0x3c2, 0x430, 0x5d0, 0x627, 0x6f1, 0x200b, 0x200c,
            0x200d, 0x200e, 0x202e, 0x2024, 0x2028, 0x2044,
                 0x2060, 0x2215, 0x3002, 0xfeff, 0xff0e, 0xff0f, 0xff11, 0xff21, 0xff61, 0xfffd, 0xffff,
                 0x1f4a9, 0xe0001, 0x10ffff):
        yield from dns((f"a{chr(code)}b.test",))
    yield from dns(("bücher.test", "*.bücher.test", "БЕЛ.test", "日本.test", "test.日本", "ｅxample.test", "①.test",
        "ﬁ.test", "\u212a.test", "a。test"))
    for name, octets in (("ff", b"\xff"), ("overlong", b"\xc0\xae"), ("surrogate", b"\xed\xa0\x80"),
            ("cut off", b"\xe3\x80")):
        body = b'{"identifiers":[{"type":"dns","value":"a' + octets + b'.test"}]}'
        yield Row(f"identifier dns no UTF-8: {name}", lambda w, b=body: w.post("newOrder", b), MALFORMED)
    for name, text in (("NUL", "\\u0000"), ("lone high surrogate", "\\ud800"),
            ("lone low surrogate", "\\udc00"), ("NUL at the end", "test\\u0000.evil")):
        body = f'{{"identifiers":[{{"type":"dns","value":"a.{text}"}}]}}'
        yield Row(f"identifier dns escape: {name}", lambda w, b=body: w.post("newOrder", b), MALFORMED)


def labels():
    yield from dns(("", ".", "..", "...", ".test", "..test", "a..test", "a.test..", "a...test", ".a.test",
        "-a.test", "a-.test", "-.test", "--.test", "a.-b.test", "a.b-.test", "a.-", "-",
                    "a." + "b" * 64 + ".test", "b" * 64 + ".test", "b" * 255 + ".test", "b" * 300,
                    ".".join(["b" * 49] * 6), "a." * 126 + "test", "a." * 1000 + "test",
                    ".".join(["b" * 63] * 4),
                    ".".join(["b" * 63] * 3) + "." + "c" * 59 + ".test", "_acme-challenge.a.test", "a_b.test",
                    "_.test", "a.test_", "__.test", "a__b.test"))
    yield from dns(("http://a.test", "https://a.test/", "//a.test", "a.test/", "a.test/x", "a.test:443",
        "a.test:", ":443", "a@b.test", "mailto:a@b.test", "a.test?x", "a.test#x", "a.test/..", "../a.test",
                    "a.test,b.test", "a.test b.test", "a.test;b.test", "a.test\nb.test", "DNS:a.test",
                    "a.test.\u200b", "' OR 1=1 --.test", "<script>.test", "$(id).test", "`id`.test",
                    "${x}.test", "%61.test",
                    "a.test%00", "a.test%2e", "\\a.test", "a\\.test", "a\\046test", "&amp;.test",
                    "../../etc/passwd", "C:\\a", "file:///a"))


def wildcards():
    yield from dns(("*", "*.", "**.test", "*.*", "*.*.test", "a.*.test", "a.*", "*a.test", "a*.test",
        "a*b.test", "*-a.test", "**", "*..test", "*.a..test", ".*.test", "*.-a.test", "*.a_b.test",
                    "*.xn--.test", "xn--*.test", "*xn--.test", "*." + "b" * 64 + ".test", "*.*.", "* .test",
                    " *.test", "*\t.test", "*.a.test*", "?.test", "%2a.test", "*.test/", "*.\u00fc.test"))
    yield from dns(("*.127.0.0.1", "*.1", "*.0x1", "*.10.1"), REJECTED)
    # http-01, which is all that the zone has, proves no wildcard (RFC 8555 §8.3).
    yield from dns(("*.test", "*.a.test", "*.a.b.c.test", "*.A.TEST", "*.a.test."), REJECTED)


def idna():
    """A-labels must be what IDNA 2008 makes of their U-label (RFC 5891 §5.4)."""
    yield from dns(("xn--.test", "xn--a.test", "xn--aa.test", "xn--0.test", "xn---.test", "xn----.test",
        "xn--a-.test", "xn---a.test", "xn--99999999.test", "xn--bcher-kv.test", "xn--bcher-kva1.test",
                    "xn--zzzzzzzzzzzzzzzzzzzzzzzz.test", "xn--" + "a" * 59 + ".test",
                    "xn--" + "9" * 59 + ".test", "xn--a--b.test", "XN--A.test", "Xn--0.test", "xn--ls8h-.test",
                    "a.xn--.test", "xn--.xn--.test", "xn--test-.test", "xn--localhost-.test",
                    "xn--fiqs8s0.test", "xn--8.test", "xn--n3h.test", "xn--ls8h.test", "xn--www-hn0a.test"))


def addresses_as_names():
    """RFC 8738 §3 has a type for addresses; what resolvers read as one is no name."""
    yield from dns(("127.0.0.1", "127.0.0.1.", "10.0.0.1", "0.0.0.0", "255.255.255.255", "8.8.8.8", "1.2",
        "127.1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1", "2130706433", "017700000001", "0x7f000001", "0x7f.1",
                    "0x7f.0x0.0x0.0x1", "0177.0.0.1", "127.0.0.01", "127.0.0.0x1", "a.1", "a.test.1", "test.0",
                    "a.0x", "a.0xff", "a.00", "a.123456789", "::1", "::", "fe80::1", "2001:db8::1",
                    "::ffff:127.0.0.1",
                    "[::1]", "[127.0.0.1]", "[2001:db8::1]", "0:0:0:0:0:0:0:1", "1e1.1", "a.0X1"), REJECTED)
    yield from dns(("fe80::1%lo", "[::1", "::1]", "[::1%1]", "::1/128", "127.0.0.1/8", "127.0.0.1:80",
        "[::1]:80", "1::2::3", ":::", "12345::", "[v1.a]", "127.0.0.1 ", "127.0.0.1\u0000"))


def outside():
    """No zone, no certificate."""
    yield from dns(("example.com", "com", "co.uk", "a", "xtest", "atest", "test.example", "test.com",
        "a.test.com", "tes", "testt", "a.testt", "localhost.localdomain", "a.localhost", "local", "a.local",
        "internal",
                    "corp", "home.arpa", "arpa", "in-addr.arpa", "1.0.0.127.in-addr.arpa", "ip6.arpa", "onion",
                    "a.onion", "invalid", "a.invalid", "example", "github.io", "s3.amazonaws.com",
                    "metadata.google.internal",
                    "kubernetes.default.svc", "xn--p1ai", "xn--bcher-kva.de", "EXAMPLE.COM", "example.com.",
                    "b" * 63 + ".com", ".".join(["b"] * 60) + ".com", "*.example.com", "*.com", "*.localhost"),
                    REJECTED)
    yield from ip(("10.0.0.1", "0.0.0.0", "0.1.2.3", "8.8.8.8", "100.64.0.1", "169.254.169.254", "172.16.0.1",
        "192.0.2.1", "192.168.0.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
                   "126.255.255.255", "128.0.0.0", "::", "::1", "::2", "::127.0.0.1", "64:ff9b::7f00:1",
                   "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "fc00::1", "fe80::1", "fec0::1",
                   "ff02::1",
                   "FE80::1", "0:0:0:0:0:0:0:1", "2001:DB8:0:0:0:0:0:1", "2001:0db8::0001", "1:2:3:4:5:6:7:8",
                   "1:2:3:4:5:6:1.2.3.4"), REJECTED)
    # One host would have two names (RFC 8738 §3).
    yield from ip(("::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:127.0.0.1", "0:0:0:0:0:ffff:127.0.0.1",
        "::ffff:0.0.0.0", "::ffff:169.254.169.254", "::ffff:8.8.8.8"), REJECTED)


def addresses():
    yield from ip(("", " ", ".", "..", "...", "1", "127", "127.1", "127.0.1", "127.0.0", "127.0.0.",
        ".127.0.0.1", "127..0.1", "127.0.0.1.", "127.0.0.1.5", "256.0.0.1", "127.0.0.256", "127.0.0.999",
        "127.0.0.-1", "127.0.0.+1",
                   "127.0.0.01", "0127.0.0.1", "00127.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433",
                   "017700000001", "0177.0.0.1", "127.0.0.0x1", "127.0.0.1/32", "127.0.0.0/8", "127.0.0.1:80",
                   " 127.0.0.1", "127.0.0.1 ",
                   "127.0.0.1\n", "127.0.0.1\t", "127. 0.0.1", "127,0,0,1", "127-0-0-1", "127.0.0.1-5",
                   "127.0.0.1,127.0.0.2", "127.0.0.*", "*.0.0.1", "*", "127.0.0.1%lo", "127.0.0.1\u0000",
                   "127.0.0.1e0", "1e2.0.0.1",
                   "localhost", "test", "a.test", "１２７.0.0.1", "127。0。0。1", "١٢٧.0.0.1", "\u200b127.0.0.1",
                   "http://127.0.0.1", "//127.0.0.1", "127.0.0.1/", "user@127.0.0.1", "[127.0.0.1]",
                   "(127.0.0.1)", '"127.0.0.1"',
                   "7f000001", "7f.0.0.1", "127.0.0.1.in-addr.arpa", "1.0.0.127.in-addr.arpa", "127.0.0.1" * 20,
                   "1" * 1000, "IP:127.0.0.1", "127.0.0.a", "127.0.0.1a", "0b1.0.0.1", "1_0.0.0.1"))
    yield from ip((":", ":::", "::::", ":1", "1:", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "::12345", "g::", "::g", "-1::", "::-1", "::1/128",
        "::1%lo", "fe80::1%eth0", "fe80::1%1",
                   "::1%", "%lo", "[::1]", "[::1", "::1]", "[]", "[::1]:80", "::1 ", " ::1", ": :1", "::1.2.3",
                   "::1.2.3.4.5", "::256.0.0.1", "::1.2.3.04", "1.2.3.4::", "::1.2.3.4:5",
                   "::ffff:127.0.0.1/96", "::ffff:127.0.0.256",
                   "0x1::", "1;2;3;4;5;6;7;8", "1.2.3.4.5.6.7.8", "::1\n", "::1\u0000", "::\u0661",
                   "1:2:3:4:5:6:7:8:", ":1:2:3:4:5:6:7:8", "::1,::2", "v1.fe", "ip6:::1", "2001:db8::1-5",
                   "00001::", "::00001",
                   "1.0.0.0.0.0.0.0.ip6.arpa", "fe80--1.ipv6-literal.net", "::1::",
                   "\\x00000000000000000000000000000001", "00000000000000000000000000000001", "0" * 400))


def types():
    for kind in ("", "DNS", "Dns", "IP", "Ip", "dns ", " dns", "dns\n", "ipv4", "ipv6", "email", "uri", "URI",
            "cn", "CN", "TNAuthList", "JWTClaimConstraints", "permanent-identifier", "hardware-module",
            "bundleEID", "NfInstanceId",
                 "fqdn", "host", "any", "*", "dns-01", "dnsName", "iPAddress", "rid", "directoryName",
                 "otherName", "x" * 1000, "\u0434\u043d\u0441", "dns,ip", "1", "null", "true"):
        yield ordered(kind, "a.test", UNSUPPORTED)
    for value in ("", "a@b.test", "+15555", "urn:x", "127.0.0.1", "é"):
        yield ordered("email", value, UNSUPPORTED)


def together():
    """RFC 8555 §6.7.1: one problem for all, of their common type."""
    def row(name, pairs, expected):
        payload = {"identifiers": [{"type": kind, "value": value} for kind, value in pairs]}
        return Row(f"identifiers together: {name}", lambda w: w.post("newOrder", payload), expected)

    yield row("good and malformed", [("dns", "a.test"), ("dns", "a b.test")], MALFORMED)
    yield row("good and outside", [("dns", "a.test"), ("dns", "example.com")], REJECTED)
    yield row("good and of another type", [("dns", "a.test"), ("email", "a@b.test")], UNSUPPORTED)
    yield row("two malformed", [("dns", "a b.test"), ("dns", "a_b.test")], MALFORMED)
    yield row("two outside", [("dns", "example.com"), ("ip", "10.0.0.1")], REJECTED)
    yield row("malformed and address", [("dns", "a b.test"), ("dns", "127.0.0.1")], COMPOUND)
    yield row("malformed and of another type", [("dns", "a b.test"), ("email", "x")], COMPOUND)
    yield row("malformed and outside", [("dns", "a b.test"), ("dns", "example.com")], MALFORMED)
    yield row("three kinds", [("dns", "a b.test"), ("ip", "::ffff:1.2.3.4"), ("email", "x")], COMPOUND)
    yield row("99 good and one outside", [*(("dns", f"n{i}.test") for i in range(99)), ("dns", "example.com")],
        REJECTED)
    yield row("99 good and one malformed", [*(("dns", f"n{i}.test") for i in range(99)), ("dns", "a b")],
        MALFORMED)
    yield row("100 malformed", [("dns", f"a {i}.test") for i in range(100)], MALFORMED)
    yield row("100 outside", [("dns", f"n{i}.example") for i in range(100)], REJECTED)
    yield row("address in both types", [("ip", "127.0.0.1"), ("dns", "127.0.0.1")], REJECTED)


# The lists overlap a little.
ROWS = list({row.id: row for part in (characters, labels, wildcards, idna, addresses_as_names, outside,
    addresses,
                                      types, together) for row in part()}.values())
