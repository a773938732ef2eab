"""Payloads (RFC 8555 §7.3-7.6): every member of every object missing, of every other type, too long, too
many; objects in the wrong state; what is another account's."""

import datetime
import hashlib
import hmac
import json

from acmewire import Key, b64, dumps, unb64
from badinputs.rows import (ALREADY_REVOKED, BAD_ALGORITHM, BAD_CONTACT, BAD_KEY, BAD_PROFILE, BAD_REASON,
                            CONFLICT, DEACTIVATED, MALFORMED, NOT_FOUND, NOT_READY, UNAUTHORIZED,
                            UNSUPPORTED, UNSUPPORTED_CONTACT, Row, printable)

# JSON texts, so that what no JSON library writes is among them.
TEXT, NUMBER, TRUE, NULL, ARRAY, OBJECT = '"text"', "1", "true", "null", "[]", "{}"
OTHERS = {"text": TEXT, "empty text": '""', "number": NUMBER, "negative": "-1", "fraction": "1.5", "true": TRUE,
    "false": "false",
          "array": ARRAY, "object": OBJECT, "array of arrays": "[[]]", "array of null": "[null]"}
NO_JSON = {"overflow": "1e400", "large integer": "9" * 30, "NUL": '"\\u0000"', "lone surrogate": '"\\udfff"',
    "control": '"\x07"',
           "deep": "[" * 20 + "]" * 20, "bare word": "text", "hexadecimal": "0x1", "leading zero": "01",
           "plus": "+1"}

WRITTEN = ("newAccount", "account", "newOrder", "newAuthz", "finalize:ready", "authz:pending", "chall:pending",
    "revokeCert", "keyChange")


def posted(name, where, payload, expected=MALFORMED, who="a", **changes):
    """payload: JSON text, a value, or a function of the world that gives one."""
    def send(world):
        made = payload(world) if callable(payload) else payload
        return world.post(where, made, None if where == "newAccount" and who == "a" else who, **changes)

    return Row(f"payload {name} at {where}", send, expected)


def no_objects():
    for where in WRITTEN:
        for name, text in (("array", "[]"), ("number", "1"), ("text", '"x"'), ("null", "null"),
                ("true", "true"), ("cut off", "{"), ("two", "{}{}"),
                           ("behind", "{} x"), ("duplicate", '{"a":1,"a":2}'),
                           ("deep", '{"a":' * 40 + "1" + "}" * 40), ("comma", "{,}"),
                           ("many", "{" + ",".join(f'"{i}":1' for i in range(2100)) + "}"),
                           ("single quotes", "{'a':1}")):
            yield posted(f"{name}", where, text)
        for name, octets in (("no UTF-8", b"\xff\xfe"), ("NUL", b"\0"), ("white space", b" \n"),
                ("no UTF-8 in a member", b'{"a":"\xff"}')):
            yield posted(f"{name}", where, octets)
        for name, text in NO_JSON.items():
            yield posted(f"a member that is {name}", where, f'{{"a":{text}}}')
    for where in ("newAccount", "newOrder", "finalize:ready", "revokeCert", "keyChange"):
        yield posted("empty", where, "")
    for where in ("orders", "order:pending", "cert"):
        for name, text in (("object", "{}"), ("text", '"x"'), ("octets", b"\x00"), ("space", " "),
                ("member", '{"status":"x"}')):
            yield posted(f"{name} in POST-as-GET", where, text)


def members(where, member, good, allowed=(), expected=MALFORMED, rest="", special=None):
    """The member as every type but those allowed. rest: what else the object must have."""
    for name, text in OTHERS.items():
        if name in allowed:
            continue
        yield posted(f"{member} is {name}", where, f'{{"{member}":{text}{rest}}}',
            (special or {}).get(name, expected))


def accounts():
    agreed = ',"termsOfServiceAgreed":true'
    for where in ("newAccount", "account"):
        yield from members(where, "contact", "[]", ("array",), rest=agreed)
        yield from members(where, "externalAccountBinding", "{}", ("object",), rest=agreed)
        yield from members(where, "status", '"x"', ("text", "empty text"), rest=agreed)
        for member in ("termsOfServiceAgreed", "onlyReturnExisting"):
            yield from members(where, member, "true", ("true", "false"), rest="")
        for name, value in (("numbers", [1]), ("null inside", [None]), ("objects", [{}]),
                ("mixed", ["mailto:a@example.com", 1])):
            yield posted(f"contact of {name}", where, {"contact": value, "termsOfServiceAgreed": True})
        yield posted("11 contacts", where,
            {"contact": [f"mailto:a{i}@example.com" for i in range(11)], "termsOfServiceAgreed": True})
        yield posted("1000 contacts", where,
            {"contact": ["mailto:a@example.com"] * 1000, "termsOfServiceAgreed": True})
        for contact in BAD_CONTACTS:
            yield posted(f"contact {printable(contact) if contact.isascii() else ascii(contact)}", where,
                         {"contact": [contact], "termsOfServiceAgreed": True}, BAD_CONTACT)
        for contact in OTHER_CONTACTS:
            yield posted(f"contact {printable(contact)}", where,
                {"contact": [contact], "termsOfServiceAgreed": True}, UNSUPPORTED_CONTACT)
    yield posted("terms not agreed", "newAccount", {}, (403, "userActionRequired"))
    yield posted("terms refused", "newAccount", {"termsOfServiceAgreed": False}, (403, "userActionRequired"))
    yield posted("no such account", "newAccount", {"onlyReturnExisting": True}, (400, "accountDoesNotExist"))
    yield Row("payload another account at account:b", lambda w: w.post("account:b", None), UNAUTHORIZED)
    yield Row("payload change of another account at account:b", lambda w: w.post("account:b", {"contact": []}),
        UNAUTHORIZED)
    yield Row("payload deactivation of another account at account:b",
        lambda w: w.post("account:b", {"status": "deactivated"}), UNAUTHORIZED)
    yield Row("payload unknown account at account:unknown", lambda w: w.post("account:unknown", None),
        UNAUTHORIZED)
    yield Row("payload deactivated account at newAccount", lambda w: w.post(
        "newAccount", {"termsOfServiceAgreed": True}, None, w.accounts["gone"].key), DEACTIVATED)


BAD_CONTACTS = (
    "", "a", "a@example.com", "mailto", "mailto:", "mailto:a", "mailto:@", "mailto:a@", "mailto:@example.com",
    "mailto:a@b@example.com",
    "mailto:a@example.com,b@example.com", "mailto:a@example.com?subject=x", "mailto:?to=a@example.com",
    "mailto:a b@example.com", "mailto: a@example.com",
    "mailto:a@example.com ", "mailto:a@example.com\n", "mailto:a@example.com\r\nBcc: x",
    "mailto:.a@example.com", "mailto:a.@example.com", "mailto:a..b@example.com",
    "mailto:a@.example.com", "mailto:a@example..com", "mailto:a@example.com.", "mailto:a@-example.com",
    "mailto:a@example-.com", "mailto:a@exa_mple.com",
    "mailto:a@exa mple.com", "mailto:a@[127.0.0.1]", "mailto:a@b\u00fccher.test", "mailto:\u00fc@example.com",
    'mailto:"a b"@example.com', "mailto:(a)@example.com",
    "mailto:a<b>@example.com", "mailto:a%@example.com", "mailto:a%4@example.com", "mailto:a%zz@example.com",
    "mailto:a%00@example.com", "mailto:a%0a@example.com",
    "mailto:a%20b@example.com", "mailto:a%40b@example.com", "mailto:a%2cb@example.com",
    "mailto:a%7f@example.com", "mailto:a@" + "b" * 64 + ".test",
    "mailto:" + "a" * 400 + "@example.com", "mailto:a@" + "b." * 200 + "test", "mailto:a@exa\x1bmple.com",
    "mailto:\x1b[2J@example.com", "mailto:a;b@example.com",
    "mailto:a\\b@example.com", "mailto:a@example.com;b@example.com", "mailto:<script>@example.com",
)
OTHER_CONTACTS = ("tel:+15555", "http://example.com", "https://example.com", "sip:a@example.com",
    "xmpp:a@example.com", "javascript:alert(1)", "data:,x", "file:///etc/passwd",
                  ":a@example.com", "mailtoo:a@example.com", "mail to:a@example.com", "urn:x")


def bindings():
    """RFC 8555 §7.3.4: the JWS in "externalAccountBinding". The directory wants none, but one that is sent
    must be right."""
    def bound(name, change, expected=MALFORMED):
        def send(world):
            key, secret = world.binding
            account_key = Key()
            made = change(world, world.wire.eab(account_key, key, secret))
            return world.post("newAccount", {"termsOfServiceAgreed": True, "externalAccountBinding": made},
                None, account_key)

        return Row(f"binding {name}", send, expected)

    def header(**changes):
        def change(world, made):
            head = json.loads(unb64(made["protected"]))
            for name, value in changes.items():
                value = value(world) if callable(value) else value
                head.pop(name, None)
                if value is not ...:
                    head[name] = value
            text = b64(dumps(head))
            mac = hmac.new(unb64(world.binding[1]), f"{text}.{made['payload']}".encode(),
                hashlib.sha256).digest()
            return {"protected": text, "payload": made["payload"], "signature": b64(mac)}

        return change

    yield bound("MAC changed", lambda w, m: {**m, "signature": b64(bytes(32))}, UNAUTHORIZED)
    yield bound("MAC of 31 octets", lambda w, m: {**m, "signature": b64(bytes(31))}, UNAUTHORIZED)
    yield bound("MAC empty", lambda w, m: {**m, "signature": ""})
    yield bound("unknown key", header(kid="nobody"), UNAUTHORIZED)
    yield bound("empty kid", header(kid=""), UNAUTHORIZED)
    yield bound("kid with SQL", header(kid="' OR 1=1 --"), UNAUTHORIZED)
    yield bound("long kid", header(kid="k" * 5000), UNAUTHORIZED)
    yield bound("kid is a number", header(kid=1))
    yield bound("no kid", header(kid=...))
    yield bound("jwk instead", header(kid=..., jwk=lambda w: Key().jwk()))
    yield bound("jwk too", header(jwk=lambda w: Key().jwk()))
    yield bound("no alg", header(alg=...))
    for alg in ("none", "HS384", "HS512", "ES256", "RS256", "hs256", ""):
        yield bound(f"alg {alg}", header(alg=alg))
    yield bound("no url", header(url=...))
    yield bound("another url", header(url="https://evil.test/acme/new-account"))
    yield bound("url of newOrder", header(url=lambda w: w.urls["newOrder"]))
    yield bound("nonce", header(nonce=lambda w: w.nonce()))
    yield bound("crit", header(crit=["x"]))
    yield bound("b64 false", header(b64=False))
    yield bound("another account key", lambda w, m: w.wire.eab(Key(), *w.binding))
    yield bound("empty payload", lambda w, m: {**m, "payload": ""}, UNAUTHORIZED)
    yield bound("unprotected header", lambda w, m: {**m, "header": {}})
    yield bound("several signatures", lambda w, m: {"payload": m["payload"], "signatures": [m]})
    for member in ("protected", "payload", "signature"):
        yield bound(f"no {member}", lambda w, m, x=member: {k: v for k, v in m.items() if k != x})
    yield bound("empty", lambda w, m: {})


def orders():
    one = '[{"type":"dns","value":"one.test"}]'
    yield from members("newOrder", "identifiers", "[]", (), special={})
    for name, text in (("empty objects", "[{}]"), ("texts", '["a.test"]'), ("no type", '[{"value":"a.test"}]'),
            ("no value", '[{"type":"dns"}]'),
                       ("type is null", '[{"type":null,"value":"a.test"}]'),
                       ("value is null", '[{"type":"dns","value":null}]'),
                       ("type is a number", '[{"type":1,"value":"a.test"}]'),
                       ("value is a number", '[{"type":"dns","value":1}]'),
                       ("value is an array", '[{"type":"dns","value":["a.test"]}]'),
                       ("value is an object", '[{"type":"dns","value":{}}]'),
                       ("a good one and a number", '[{"type":"dns","value":"a.test"},1]'),
                       ("other case", '[{"Type":"dns","Value":"a.test"}]'),
                       ("duplicate value", '[{"type":"dns","value":"a.test","value":"b.test"}]'),
                       ("101",
                       "[" + ",".join(f'{{"type":"dns","value":"n{i}.test"}}' for i in range(101)) + "]"),
                       ("101 alike", "[" + ",".join(['{"type":"dns","value":"n.test"}'] * 101) + "]"),
                       ("1000", "[" + ",".join(['{"type":"dns","value":"n.test"}'] * 1000) + "]")):
        yield posted(f"identifiers: {name}", "newOrder", f'{{"identifiers":{text}}}')
    yield posted("no identifiers", "newOrder", "{}")
    for member in ("profile", "replaces", "notBefore", "notAfter"):
        yield from members("newOrder", member, '"x"', ("text", "empty text"), rest=f',"identifiers":{one}')
    for name in ("nothing", "SERVER", "server ", " server", "server\n", "serve", "x" * 5000, "../server",
            "' OR 1=1 --", "s\u00e9rver", "*"):
        yield posted(f"profile {printable(name) if name.isascii() else ascii(name)}", "newOrder",
            {"identifiers": [{"type": "dns", "value": "one.test"}], "profile": name}, BAD_PROFILE)
    yield from replaced()
    yield from dates()


def pre_authorizations():
    """RFC 8555 §7.4.1, RFC 9444 §4.2."""
    yield from members("newAuthz", "identifier", "{}")
    for name, text in (("without a type", '{"value":"a.test"}'), ("without a value", '{"type":"dns"}'),
            ("of null", '{"type":null,"value":null}'),
                       ("of numbers", '{"type":1,"value":2}'),
                       ("with a value that is a list", '{"type":"dns","value":["a.test"]}'),
                       ("malformed", '{"type":"dns","value":"a b.test"}'),
                       ("of a bad A-label", '{"type":"dns","value":"xn--0.test"}'),
                       ("twice", '{"type":"dns","value":"a.test","value":"b.test"}')):
        yield posted(f"identifier {name}", "newAuthz", f'{{"identifier":{text}}}')
    for name in ("a.test", "b.test"):
        for value in ('"true"', "1", "[]", "{}"):
            yield posted(f"subdomainAuthAllowed {value} of {name}", "newAuthz",
                         f'{{"identifier":{{"type":"dns","value":"{name}","subdomainAuthAllowed":{value}}}}}')
    yield posted("identifier of another type", "newAuthz",
        {"identifier": {"type": "email", "value": "a@b.test"}}, UNSUPPORTED)
    yield posted("identifiers, as newOrder has them", "newAuthz",
        {"identifiers": [{"type": "dns", "value": "a.test"}]})


def replaced():
    """RFC 9773 §5."""
    def row(name, text, expected=MALFORMED, names=("valid.test",)):
        return posted(f"replaces {name}", "newOrder", lambda w: {
            "identifiers": [{"type": "dns", "value": n} for n in names],
            "replaces": text(w) if callable(text) else text}, expected)

    for text in ("x", ".", "..", "a.b.c", "AA", "AA.", ".AA", "AA==.AA==", "A.A", "AA.A", "+/.AA", "AA.AA AA",
            "é.AA", "A" * 100 + ".AA", "AA." + "A" * 100, "A" * 9000, "AA.AA", "0.0"):
        yield row(printable(text) if text.isascii() else ascii(text), text)
    yield row("another serial", lambda w: f"{w.key_id}.{b64(bytes(19) + b'x')}")
    yield row("another authority", lambda w: f"{b64(bytes(20))}.{w.cert_id.split('.')[1]}")
    yield row("with padding", lambda w: w.cert_id + "=")
    yield row("cut off", lambda w: w.cert_id[:-4])
    yield row("turned", lambda w: ".".join(reversed(w.cert_id.split("."))))
    yield row("without a name in common", lambda w: w.cert_id, names=("elsewhere.test",))


def dates():
    now = datetime.datetime.now(datetime.timezone.utc)

    def stamp(**delta):
        return (now + datetime.timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")

    for member in ("notBefore", "notAfter"):
        for text in ("tomorrow", "now", "0", "1700000000", "2030", "2030-01", "2030-01-01", "2030-01-01T00:00",
                "2030-01-01T00:00Z", "2030-01-01 00:00:00Z", "2030-01-01T00:00:00",
                     "2030-1-1T0:0:0Z", "30-01-01T00:00:00Z", "20300101T000000Z", "2030-13-01T00:00:00Z",
                     "2030-00-01T00:00:00Z", "2030-01-32T00:00:00Z", "2030-01-00T00:00:00Z",
                     "2030-02-30T00:00:00Z", "2030-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
                     "2030-04-31T00:00:00Z", "2030-01-01T24:00:00Z", "2030-01-01T00:60:00Z",
                     "2030-01-01T00:00:61Z",
                     "2030-01-01T00:00:60Z", "2030-01-01T00:00:00.Z", "2030-01-01T00:00:00,5Z",
                     "2030-01-01T00:00:00+24:00", "2030-01-01T00:00:00+00:60", "2030-01-01T00:00:00+0000",
                     "2030-01-01T00:00:00+00", "2030-01-01T00:00:00 Z", "2030-01-01T00:00:00ZZ",
                     "2030-01-01T00:00:00Z ", " 2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z\n",
                     "-030-01-01T00:00:00Z",
                     "+030-01-01T00:00:00Z", "12030-01-01T00:00:00Z", "0000-00-00T00:00:00Z",
                     "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2030/01/01T00:00:00Z",
                     "2030-01-01T00.00.00Z",
                     "２０３０-01-01T00:00:00Z", "2030-01-01T00:00:00−00:00", "Tue, 01 Jan 2030 00:00:00 GMT",
                     "2030-W01-1T00:00:00Z", "2030-001T00:00:00Z", "P1D", "9" * 100,
                     "2030-01-01T00:00:00." + "1" * 60 + "Z"):
            yield posted(f"{member} {printable(text) if text.isascii() else ascii(text)}", "newOrder",
                         {"identifiers": [{"type": "dns", "value": "one.test"}], member: text})
    for name, times in (
        ("notAfter in the past", {"notAfter": stamp(days=-1)}),
        ("notAfter long ago", {"notAfter": "1990-01-01T00:00:00Z"}),
        ("notAfter in ten years", {"notAfter": stamp(days=3650)}),
        ("notAfter in 9999", {"notAfter": "9999-12-31T23:59:59Z"}),
        ("notAfter in 2038", {"notAfter": "2038-01-19T03:14:08Z"}),
        ("notBefore in the past", {"notBefore": stamp(days=-30)}),
        ("notBefore in a year", {"notBefore": stamp(days=400)}),
        ("notBefore in 9999", {"notBefore": "9999-12-31T23:59:59Z"}),
        ("turned", {"notBefore": stamp(days=2), "notAfter": stamp(days=1)}),
        ("equal", {"notBefore": stamp(days=2), "notAfter": stamp(days=2)}),
        ("notBefore in 1980", {"notBefore": "1980-01-01T00:00:00Z"}),
        ("a lifetime too long", {"notBefore": stamp(days=1), "notAfter": stamp(days=500)}),
    ):
        yield posted(f"dates: {name}", "newOrder",
            {"identifiers": [{"type": "dns", "value": "one.test"}], **times})


def states():
    """Objects that are not there, are another's, or are over."""
    csr = {"csr": lambda w: b64(w.csr("pending.test"))}

    def row(name, where, payload, expected, who="a"):
        return Row(f"state {name}", lambda w: w.post(where,
            {k: v(w) if callable(v) else v for k, v in payload.items()} if isinstance(payload,
            dict) else payload, who), expected)

    for kind, payload in (("order", None), ("authz", None), ("chall", None), ("chall", {}),
            ("authz", {"status": "deactivated"}), ("finalize", csr)):
        for which in ("unknown", "others", "gone"):
            yield row(f"{kind} of {which}, payload {'none' if payload is None else sorted(payload)}",
                f"{kind}:{which}", payload, NOT_FOUND)
    for which in ("unknown", "others"):
        yield row(f"certificate of {which}", f"cert:{which}", None, NOT_FOUND)
    yield row("orders of another", "orders:b", None, UNAUTHORIZED)
    for which in ("pending", "failed", "off"):
        yield row(f"finalize of a {which} order", f"finalize:{which}", csr, NOT_READY)
    yield row("finalize of a valid order with another CSR", "finalize:valid", csr, NOT_READY)
    for status in ("valid", "revoked", "pending", "invalid", "expired", "Deactivated", "deactivated ", "",
            "DEACTIVATED", "x" * 1000):
        yield row(f"authz set to {printable(status)}", "authz:pending", {"status": status}, MALFORMED)
    for value in (1, True, [], {}, ["deactivated"], 1.5):
        yield row(f"authz set to {json.dumps(value)}", "authz:pending", {"status": value}, MALFORMED)
    yield row("authz failed set to deactivated", "authz:failed", {"status": "deactivated"}, MALFORMED)
    yield row("challenge of a deactivated authz", "chall:off", {}, MALFORMED)
    for kind in ("order", "authz", "finalize"):
        for tail in ("+x", "+/", "+/x", "+0", "+%20", "+;x"):
            yield row(f"{kind} with {tail[1:]} behind", f"{kind}:pending{tail}",
                None if kind != "finalize" else csr, NOT_FOUND)
    for tail in ("+x", "+/", "+1", "+/x"):
        yield row(f"challenge with {tail[1:]} behind", f"chall:pending{tail}", {}, NOT_FOUND)
    for kind in ("http-02", "dns-account-01", "dns-persist-01", "tls-sni-01", "HTTP-01", "", "email-reply-00",
            "%68ttp-01", "http-01%20"):
        yield Row(f"state challenge of type {kind}", lambda w, k=kind: w_challenge(w, k), NOT_FOUND)
    for tail in ("/0", "/1", "/2", "/00", "/-1", "/x", "/1/1", "x", "00", "/", "/9999999999"):
        yield row(f"certificate with {tail} behind", f"cert+{tail}", None, NOT_FOUND)
    for tail in ("?cursor=x", "?cursor=", "?cursor", "?after=1", "?cursor=%00", "?cursor=" + "9" * 400,
            "?cursor=" + "0" * 25, "?cursor=" + "0" * 27, "?x=1", "?",
                 "?cursor=" + "0" * 26 + "&x=1", "?Cursor=" + "0" * 26):
        yield row(f"orders list with {printable(tail)}", f"orders+{tail}", None, MALFORMED)


def w_challenge(world, kind):
    url = world.urls["chall:pending"].rsplit("/", 1)[0] + "/" + kind
    world.urls["chall:kind"] = url
    return world.post("chall:kind", {})


def revocations():
    """RFC 8555 §7.6."""
    def row(name, payload, expected=MALFORMED, who="a", key=None):
        def send(world):
            made = payload(world) if callable(payload) else payload
            return world.post("revokeCert", made, who, key(world) if key else None)

        return Row(f"revoke {name}", send, expected)

    def with_reason(reason):
        return lambda w: f'{{"certificate":"{b64(w.der)}","reason":{reason}}}'

    yield from members("revokeCert", "certificate", '"x"', special={})
    yield row("no certificate", {})
    yield row("reason alone", {"reason": 1})
    for text in ("A", "=", "AA==AA", "+/", "A A", "é", "*", "-----BEGIN CERTIFICATE-----", "A" * 45000):
        yield row(f"certificate {printable(text) if text.isascii() else ascii(text)}", {"certificate": text})
    for reason in (-1, 2, 6, 7, 8, 9, 10, 11, 12, 99, 255, 256, 2**31, 2**32, 2**32 + 1, 2**63 - 1, -2**63):
        yield row(f"reason {reason}", with_reason(reason), BAD_REASON)
    for reason in ('"1"', "1.0", "1.5", "true", "false", "[]", "{}", "[1]", '""', '"keyCompromise"',
            "9223372036854775808", "1e400", "01", "+1"):
        yield row(f"reason {reason}", with_reason(reason))
    for name, change in (("empty", lambda d: b"\x30\x00"),
            ("a sequence of nothing", lambda d: b"\x30\x03\x02\x01\x00"), ("cut off", lambda d: d[:-1]),
            ("half", lambda d: d[:len(d) // 2]),
                         ("octet behind", lambda d: d + b"\0"), ("twice", lambda d: d + d),
                         ("indefinite length", lambda d: b"\x30\x80" + d[4:] + b"\0\0"),
                         ("huge length", lambda d: b"\x30\x84\xff\xff\xff\xff" + d[4:]),
                         ("deep", lambda d: b"\x30" * 20000), ("zeros", lambda d: bytes(500)),
                         ("ones", lambda d: b"\xff" * 500), ("a CSR", lambda d: None),
                         ("other tag", lambda d: b"\x31" + d[1:])):
        yield row(f"DER: {name}", lambda w,
            change=change: {"certificate": b64(change(w.der) or w.csr("a.test"))})
    for at in range(1, 24):
        # Whatever is left is no certificate.
        yield row(f"DER: cut off at {at}/24", lambda w,
            at=at: {"certificate": b64(w.der[:len(w.der) * at // 24])})
    yield row("DER: signature changed", lambda w: {"certificate": b64(w.der[:-1] + bytes([w.der[-1] ^ 1]))},
        NOT_FOUND)
    yield row("the issuer's certificate", lambda w: {"certificate": b64(w.issuer_der)}, NOT_FOUND)
    yield row("already revoked", lambda w: {"certificate": b64(w.revoked_der)}, ALREADY_REVOKED)
    yield row("already revoked, with another reason",
        lambda w: {"certificate": b64(w.revoked_der), "reason": 1}, ALREADY_REVOKED)
    yield row("another's", lambda w: {"certificate": b64(w.der)}, UNAUTHORIZED, who="b")
    yield row("by an unknown key", lambda w: {"certificate": b64(w.der)}, UNAUTHORIZED, who=None,
        key=lambda w: Key())
    yield row("by the account key as jwk", lambda w: {"certificate": b64(w.der)}, UNAUTHORIZED, who=None,
        key=lambda w: w.accounts["a"].key)
    yield row("another certificate by this one's key", lambda w: {"certificate": b64(w.others_der)},
        UNAUTHORIZED, who=None, key=lambda w: Key("ES256", w.key))


def rollovers():
    """RFC 8555 §7.3.5."""
    def row(name, expected=MALFORMED, new=None, **changes):
        def send(world):
            made = {k: v(world) if callable(v) else v for k, v in changes.items()}
            return world.post("keyChange", world.key_change(new(world) if new else Key(), **made))

        return Row(f"keyChange {name}", send, expected)

    for value in (None, 1, True, [], {}, "", "x", "https://evil.test/acct/1"):
        yield row(f"account is {json.dumps(value)}", payload={"account": value})
    for value in (None, 1, True, [], "x"):
        yield row(f"oldKey is {json.dumps(value)}", payload={"oldKey": value})
    yield row("account of another", payload=lambda w: {"account": w.accounts["b"].url})
    yield row("account without scheme",
        payload=lambda w: {"account": w.accounts["a"].url.removeprefix("https://")})
    yield row("no account", without=["account"])
    yield row("no oldKey", without=["oldKey"])
    yield row("oldKey of another", payload=lambda w: {"oldKey": w.accounts["b"].key.jwk()})
    yield row("oldKey empty", BAD_KEY, payload={"oldKey": {}})
    yield row("oldKey private", BAD_KEY, payload=lambda w: {"oldKey": {**w.accounts["a"].key.jwk(), "d": "AA"}})
    yield row("oldKey off the curve", BAD_KEY,
        payload=lambda w: {"oldKey": {**w.accounts["a"].key.jwk(), "y": w.accounts["a"].key.jwk()["x"]}})
    yield row("oldKey of unknown type", BAD_ALGORITHM, payload={"oldKey": {"kty": "DSA"}})
    yield row("url of newOrder", url=lambda w: w.urls["newOrder"])
    yield row("url elsewhere", url="https://evil.test/key-change")
    yield row("no url", drop=["url"])
    yield row("no jwk", drop=["jwk"])
    yield row("no alg", drop=["alg"])
    yield row("kid", kid=lambda w: w.accounts["a"].url)
    yield row("jwk and kid", protected=lambda w: {"kid": w.accounts["a"].url})
    yield row("jwk is null", BAD_KEY, protected={"jwk": None})
    yield row("jwk empty", BAD_KEY, protected={"jwk": {}})
    for alg in ("none", "HS256", "RS1", ""):
        yield row(f"alg {alg}", BAD_ALGORITHM, protected={"alg": alg})
    yield row("alg of another key type", protected={"alg": "RS256"})
    yield row("signature of zeros", signature=bytes(64))
    yield row("signature empty", signature=b"")
    yield row("signed by the old key", signer=lambda w: w.accounts["a"].key,
        protected=lambda w: {"jwk": Key().jwk()})
    yield row("unprotected header", extra={"header": {}})
    yield row("several signatures", extra={"signatures": []})
    yield row("crit", protected={"crit": ["x"]})
    yield row("b64 false", protected={"b64": False})
    yield row("payload empty", body="")
    yield row("payload an array", body="[]")
    yield row("payload no JSON", body="x")
    yield row("payload duplicate", body='{"account":"x","account":"y"}')
    yield row("the same key", new=lambda w: w.accounts["a"].key)
    yield row("key of another account", CONFLICT, new=lambda w: w.accounts["b"].key)
    yield row("key of a deactivated account", CONFLICT, new=lambda w: w.accounts["gone"].key)
    yield row("RSA of 1024 bits", BAD_KEY, new=lambda w: w.small_rsa)
    yield posted("no JWS", "keyChange", {})
    yield posted("empty JWS", "keyChange", {"protected": "", "payload": "", "signature": ""})
    yield posted("compact JWS", "keyChange", '"a.b.c"')


ROWS = [*no_objects(), *accounts(), *bindings(), *orders(), *pre_authorizations(), *states(), *revocations(),
    *rollovers()]
