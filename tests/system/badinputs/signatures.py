"""Request authentication (RFC 8555 §6.2-6.5; RFC 7515): every part of a JWS wrong in turn, at every
resource that wants one."""

import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from acmewire import JOSE, Key, b64, dumps, unb64
from badinputs.framing import READABLE, SIGNED
from badinputs.rows import (BAD_ALGORITHM, BAD_KEY, BAD_NONCE, DEACTIVATED, MALFORMED, NO_ACCOUNT, UNAUTHORIZED,
                            UNSUPPORTED_TYPE, Row, printable)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BY_KID = tuple(w for w in SIGNED if w != "newAccount")


def signer(where):
    return None if where == "newAccount" else "a"


def signed(name, where, expected, payload=None, **changes):
    """One request with something wrong in its JWS."""
    def send(world):
        made = {k: v(world) if callable(v) else v for k, v in changes.items()}
        made.setdefault("who", signer(where))
        return world.post(where, payload, **made)

    return Row(f"jws {name} at {where}", send, expected)


def spoilt(name, where, expected, spoil, payload=None, content_type=JOSE):
    """spoil(JWS of a good request, world) gives what is sent: an object, text or octets."""
    def send(world):
        body = spoil(world.jws(where, payload, signer(where)), world)
        if isinstance(body, dict):
            body = dumps(body)
        return world.post_octets(where, body.encode() if isinstance(body, str) else body, content_type)

    return Row(f"jws {name} at {where}", send, expected)


def without(*names):
    return lambda jws, world: {k: v for k, v in jws.items() if k not in names}


def appended(member, text):
    return lambda jws, world: {**jws, member: jws[member] + text}


def flipped(jws, world):
    octets = bytearray(unb64(jws["signature"]))
    octets[-1] ^= 1
    return {**jws, "signature": b64(bytes(octets))}


def unused_bits(member):
    """Another text for the same octets (RFC 4648 §3.5), where the length leaves bits unused."""
    def spoil(jws, world):
        text = jws[member]
        assert len(text) % 4 in (2, 3), text
        return {**jws, member: text[:-1] + ALPHABET[ALPHABET.index(text[-1]) ^ 1]}

    return spoil


def several(jws, world):
    return {"payload": jws["payload"], "signatures": [{k: jws[k] for k in ("protected", "signature")}]}


def compact(jws, world):
    return ".".join((jws["protected"], jws["payload"], jws["signature"]))


def every_resource():
    """What the gate refuses, it refuses everywhere."""
    for where in SIGNED:
        yield spoilt("flipped signature", where, MALFORMED, flipped)
        yield spoilt("general serialization", where, MALFORMED, several)
        yield spoilt("both serializations", where, MALFORMED, lambda j, w: {**j, **several(j, w)})
        yield spoilt("compact serialization", where, MALFORMED, compact)
        yield spoilt("unprotected header", where, MALFORMED, lambda j, w: {**j, "header": {}})
        yield spoilt("empty body", where, MALFORMED, lambda j, w: "")
        yield spoilt("no JSON", where, MALFORMED, lambda j, w: "hello")
        yield spoilt("an array", where, MALFORMED, lambda j, w: [j].__repr__())
        for member in ("protected", "payload", "signature"):
            yield spoilt(f"no {member}", where, MALFORMED, without(member))
        yield spoilt("wrong content type", where, UNSUPPORTED_TYPE, lambda j, w: j,
            content_type="application/json")
        yield spoilt("no content type", where, UNSUPPORTED_TYPE, lambda j, w: j, content_type=None)
        yield signed("alg none", where, BAD_ALGORITHM, algorithm="none", signature=b"\0")
        yield signed("alg HS256", where, BAD_ALGORITHM, algorithm="HS256")
        yield signed("no alg", where, MALFORMED, drop=["alg"])
        yield signed("no url", where, MALFORMED, drop=["url"])
        yield signed("no nonce", where, BAD_NONCE, drop=["nonce"])
        yield signed("unknown nonce", where, BAD_NONCE, nonce=b64(b"\x55" * 16))
        yield signed("nonce is no base64url", where, MALFORMED, nonce="a+b/")
        yield signed("crit", where, MALFORMED, protected={"crit": ["exp"]})
        yield signed("url of the directory", where, UNAUTHORIZED, url=lambda w: w.urls["directory"])
        yield signed("jwk and kid", where, MALFORMED, protected=lambda w: {
            "jwk": w.accounts["a"].key.jwk(), "kid": w.accounts["a"].url})
        yield signed("neither jwk nor kid", where, MALFORMED, drop=["jwk", "kid"])
    for where in BY_KID:
        yield signed("by a deactivated account", where, DEACTIVATED, who="gone")
        yield signed("by nobody's account", where, NO_ACCOUNT, who="a", kid=lambda w: w.urls["account:unknown"])
        yield signed("by another account's key", where, MALFORMED, who="a", key=lambda w: w.accounts["b"].key)
        if where != "revokeCert":
            yield signed("by jwk", where, MALFORMED, who=None)
    yield signed("by kid", "newAccount", MALFORMED, payload={}, who="a")
    for where in READABLE:
        yield signed("payload", where, MALFORMED, payload={}, who="a")
        yield spoilt("flipped signature", where, MALFORMED, lambda j, w,
            where=where: flipped(w.jws(where, None, "a"), w))
        yield signed("by jwk", where, MALFORMED, who=None)


def content_types():
    for value in ("", "application/jose", "application/jose+jsonx", "application/x-jose+json", "text/json",
            "text/plain",
                  "application/json", "multipart/form-data", "application/x-www-form-urlencoded", "*/*", "json",
                  "application/*", "application/jose json", "application/jose+json, application/json",
                  "application /jose+json",
                  '"application/jose+json"', "application/octet-stream", "application/problem+json",
                  "application/jose+xml"):
        yield spoilt(f"content type {printable(value)}", "newOrder", UNSUPPORTED_TYPE, lambda j, w: j,
            content_type=value)


def algorithms():
    for alg in ("", "NONE", "None", "HS384", "HS512", "RS1", "RS384", "RS512", "PS256", "PS384", "PS512",
            "ES256K", "es256",
                "ES256 ", " ES256", "ES-256", "EdDSA25519", "Ed448", "A128KW", "dir", "RSA-OAEP", "SHA256",
                "x" * 200, "ES256\n"):
        yield signed(f"alg {printable(alg)}", "newOrder", BAD_ALGORITHM, algorithm=alg or None,
            protected={"alg": alg})
    for value in (1, True, None, [], {}, ["ES256"], 1.5):
        yield signed(f"alg is {json.dumps(value)}", "newOrder", MALFORMED, protected={"alg": value})
    # The stored key decides (TRUST V21, V53).
    for who in ("a", "rsa", "p384"):
        for alg in ("ES256", "ES384", "ES512", "RS256", "EdDSA"):
            own = {"a": "ES256", "rsa": "RS256", "p384": "ES384"}[who]
            if alg != own:
                yield signed(f"alg {alg} with a key of {own}", "newOrder", MALFORMED, who=who,
                    protected={"alg": alg})
                yield signed(f"alg {alg} with a jwk of {own}", "newAccount", MALFORMED, payload={},
                        key=lambda w, who=who:
                             w.accounts[who].key, protected={"alg": alg})


def der_signature(world):
    return world.accounts["a"].key.private.sign(b"x", ec.ECDSA(hashes.SHA256()))


def numbers(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signature_octets():
    for length in (1, 2, 31, 32, 33, 62, 63, 65, 66, 96, 128, 132, 256, 1024):
        yield signed(f"signature of {length} octets", "newOrder", MALFORMED, signature=b"\x01" * length)
    for length in (1, 255, 257, 512):
        yield signed(f"RSA signature of {length} octets", "newOrder", MALFORMED, who="rsa",
            signature=b"\x01" * length)
    for length in (64, 95, 97, 132):
        yield signed(f"P-384 signature of {length} octets", "newOrder", MALFORMED, who="p384",
            signature=b"\x01" * length)
    yield spoilt("empty signature", "newOrder", MALFORMED, lambda j, w: {**j, "signature": ""})
    yield signed("huge signature", "newOrder", MALFORMED, signature=b"\x01" * 20000)
    n = P256_ORDER
    for name, octets in (("zero", numbers(0, 0)), ("r is zero", numbers(0, 1)), ("s is zero", numbers(1, 0)),
                         ("r is n", numbers(n, 1)), ("s is n", numbers(1, n)),
                         ("r beyond n", numbers(n + 1, 1)),
                         ("all ones", b"\xff" * 64), ("one and one", numbers(1, 1)),
                         ("n-1", numbers(n - 1, n - 1))):
        yield signed(f"signature {name}", "newOrder", MALFORMED, signature=octets)
    yield signed("signature in DER", "newOrder", MALFORMED, signature=der_signature)
    yield signed("RSA zero", "newOrder", MALFORMED, who="rsa", signature=bytes(256))
    yield signed("RSA one", "newOrder", MALFORMED, who="rsa", signature=bytes(255) + b"\x01")
    yield signed("RSA all ones", "newOrder", MALFORMED, who="rsa", signature=b"\xff" * 256)
    yield signed("signature of other octets", "newOrder", MALFORMED,
                 signature=lambda w: w.accounts["a"].key.sign(b"other"))

    def other_digest(jws, world):
        private = world.accounts["rsa"].key.private
        good = world.jws("newOrder", None, "rsa")
        made = private.sign(f"{good['protected']}.{good['payload']}".encode(), padding.PKCS1v15(),
            hashes.SHA512())
        return {**good, "signature": b64(made)}

    def with_pss(jws, world):
        private = world.accounts["rsa"].key.private
        good = world.jws("newOrder", None, "rsa")
        made = private.sign(f"{good['protected']}.{good['payload']}".encode(),
                            padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        return {**good, "signature": b64(made)}

    yield spoilt("RSA with SHA-512", "newOrder", MALFORMED, other_digest)
    yield spoilt("RSA with PSS", "newOrder", MALFORMED, with_pss)
    # High s is as good as low s (RFC 7518 §3.4 has no rule), but the octets are the signature of one message.
    for member in ("protected", "payload"):
        yield spoilt(f"{member} exchanged after signing", "newOrder", MALFORMED,
                     lambda j, w, member=member: {**j, member: w.jws("newOrder", {"x": 1})[member]}, payload={})


def encodings():
    """RFC 8555 §6.1: base64url without padding, and one text for each octet string."""
    for member in ("protected", "payload", "signature"):
        for text in ("=", "==", " ", "\n", "\t", "\r\n", "+", "/", "*", ".", "%", "\x00", "é", "\u200b",
                "A" * 1, ",", "\\", '"'):
            if text == "A":
                continue
            yield spoilt(f"{member} with {printable(text) if text.isascii() else ascii(text)}", "newOrder",
                MALFORMED,
                         appended(member, text), payload={"contact": []})
        yield spoilt(f"{member} of five digits", "newOrder", MALFORMED,
                     lambda j, w, m=member: {**j, m: (j[m] + "AAAA")[:len(j[m]) // 4 * 4 + 1]},
                     payload={"x": 1})
        yield spoilt(f"{member} in plain base64", "newOrder", MALFORMED,
                     lambda j, w, m=member: {**j, m: "+/" + j[m]}, payload={"x": 1})
        for value in (1, 1.5, True, None, [], {}, [""], {"a": ""}):
            yield spoilt(f"{member} is {json.dumps(value)}", "newOrder", MALFORMED,
                         lambda j, w, m=member, v=value: {**j, m: v}, payload={})
    yield spoilt("unused bits of the signature", "newOrder", MALFORMED, unused_bits("signature"))
    yield spoilt("unused bits of the payload", "newOrder", MALFORMED, unused_bits("payload"),
        payload='{"a":12}')
    yield spoilt("spaces inside protected", "newOrder", MALFORMED,
                 lambda j, w: {**j, "protected": j["protected"][:10] + " " + j["protected"][10:]})


def bodies():
    good = '"protected":"e30","payload":"","signature":"AA"'
    for name, body in (
        ("null", "null"), ("true", "true"), ("a number", "1"), ("a string", '"x"'), ("an object", "{}"),
        ("open", "{"),
        ("cut off", "{" + good), ("two", "{" + good + "}{}"), ("octets behind", "{" + good + "} x"),
        ("comma behind", "{" + good + ",}"),
        ("comment", "{" + good + "/**/}"), ("single quotes", "{'protected':''}"),
        ("no quotes", "{protected:1}"),
        ("duplicate", "{" + good + ',"signature":"AA"}'),
        ("duplicate by escapes", "{" + good + ',"signatur\\u0065":"AA"}'),
        ("NUL escape", '{"protected":"\\u0000"}'), ("NUL octet", '{"protected":"\0"}'),
        ("NUL behind", "{" + good + "}\0"),
        ("lone surrogate", '{"protected":"\\ud800"}'), ("surrogates turned", '{"protected":"\\udc00\\ud800"}'),
        ("control", '{"protected":"\x01"}'), ("newline in a string", '{"protected":"\n"}'),
        ("bad escape", '{"protected":"\\x41"}'),
        ("half an escape", '{"protected":"\\u00"}'), ("backslash at the end", '{"protected":"\\'),
        ("Infinity", '{"protected":Infinity}'),
        ("NaN", '{"protected":NaN}'), ("1e999", '{"protected":1e999}'), ("0x10", '{"protected":0x10}'),
        ("01", '{"protected":01}'),
        ("+1", '{"protected":+1}'), (".5", '{"protected":.5}'), ("5.", '{"protected":5.}'),
        ("-", '{"protected":-}'),
        ("huge integer", '{"protected":' + "9" * 400 + "}"), ("depth 17", '{"a":' * 17 + "1" + "}" * 17),
        ("depth 5000", '{"a":' * 5000 + "1" + "}" * 5000), ("depth of arrays", "[" * 30000),
        ("many tokens", '{"a":[' + "1," * 3000 + "1]}"),
        ("many members", "{" + ",".join(f'"m{i}":1' for i in range(3000)) + "}"),
        ("long string", '{"a":"' + "x" * 60000 + '"}'),
        ("form", "protected=a&payload=b&signature=c"), ("XML", "<?xml version='1.0'?><a/>"),
        ("YAML", "protected: x\n"), ("CBOR", "\xa1\x01\x02"),
        ("white space", " \n\t "), ("byte order mark", "\ufeff{}"),
        ("members of other case", '{"Protected":"","Payload":"","Signature":""}'),
        ("empty protected", '{"protected":"","payload":"","signature":"AA"}'),
        ("protected is {}", "{" + good + "}"),
    ):
        octets = body.encode("utf-8") if "\xa1" not in body else body.encode("latin-1")
        yield spoilt(f"body: {name}", "newOrder", MALFORMED, lambda j, w, o=octets: o)
    for name, octets in (("ff", b'{"a":"\xff"}'), ("overlong slash", b'{"a":"\xc0\xaf"}'),
            ("overlong NUL", b'{"a":"\xc0\x80"}'),
                         ("surrogate", b'{"a":"\xed\xa0\x80"}'),
                         ("beyond Unicode", b'{"a":"\xf4\x90\x80\x80"}'),
                         ("cut off", b'{"a":"\xe2\x82"}'), ("lone continuation", b'{"a":"\x80"}'),
                         ("latin-1", b'{"a":"b\xfccher"}'),
                         ("UTF-16", '{"a":1}'.encode("utf-16")), ("UTF-32", '{"a":1}'.encode("utf-32")),
                         ("key", b'{"\xff":1}')):
        yield spoilt(f"body: UTF-8 {name}", "newOrder", MALFORMED, lambda j, w, o=octets: o)


def protected_headers():
    """What the protected header itself may be, signed as it is."""
    def header(text):
        def send(world):
            account = world.accounts["a"]
            full = text(world) if callable(text) else text
            head = b64(full)
            jws = {"protected": head, "payload": "", "signature": b64(account.key.sign(f"{head}.".encode()))}
            return world.post_octets("newOrder", dumps(jws).encode())

        return send

    def good(world, more=""):
        a = world.accounts["a"]
        return (f'{{"alg":"ES256","kid":"{a.url}","nonce":"{world.nonce()}","url":"{world.urls["newOrder"]}"{more}}}')

    for name, text in (
        ("no JSON", "hello"), ("an array", "[]"), ("null", "null"), ("a string", '"x"'), ("open", "{"),
        ("trailing octets", lambda w: good(w) + "x"),
        ("trailing NUL", lambda w: good(w) + "\0"), ("two objects", lambda w: good(w) * 2),
        ("duplicate url", lambda w: good(w, f',"url":"{w.urls["newOrder"]}"')),
        ("duplicate alg", lambda w: good(w, ',"alg":"ES256"')),
        ("duplicate nonce", lambda w: good(w, f',"nonce":"{w.nonce()}"')),
        ("duplicate kid", lambda w: good(w, f',"kid":"{w.accounts["b"].url}"')),
        ("depth", lambda w: good(w, ',"x":' + "[" * 20 + "]" * 20)),
        ("too long", lambda w: good(w, ',"x":"' + "y" * 9000 + '"')),
        ("many members", lambda w: good(w, "".join(f',"m{i}":1' for i in range(2100)))),
        ("bad UTF-8", lambda w: good(w).encode()[:-1] + b',"x":"\xff"}'),
        ("NUL", lambda w: good(w, ',"x":"\\u0000"')),
        ("lone surrogate", lambda w: good(w, ',"x":"\\ud800"')),
        ("b64 false", lambda w: good(w, ',"b64":false')), ("b64 null", lambda w: good(w, ',"b64":null')),
        ("b64 0", lambda w: good(w, ',"b64":0')), ("b64 text", lambda w: good(w, ',"b64":"true"')),
        ("crit empty", lambda w: good(w, ',"crit":[]')),
        ("crit b64", lambda w: good(w, ',"crit":["b64"],"b64":true')),
        ("crit alg", lambda w: good(w, ',"crit":["alg"]')), ("crit text", lambda w: good(w, ',"crit":"b64"')),
        ("crit null", lambda w: good(w, ',"crit":null')),
        ("crit of the unknown", lambda w: good(w, ',"crit":["x"],"x":1')),
        ("zip", lambda w: good(w, ',"zip":"DEF"')),
        ("zip null", lambda w: good(w, ',"zip":null')), ("jwk beside kid", lambda w: good(w, ',"jwk":{}')),
        ("jwk null beside kid", lambda w: good(w, ',"jwk":null')),
    ):
        yield Row(f"jws protected header: {name}", header(text), MALFORMED)
    for member in ("nonce", "url", "kid"):
        for value in (1, 1.5, True, None, [], {}, ["x"]):
            yield signed(f"{member} is {json.dumps(value)}", "newOrder", MALFORMED, protected={member: value})


def urls():
    for name, change in (
        ("empty", lambda u: ""), ("one character more", lambda u: u + "x"), ("slash more", lambda u: u + "/"),
        ("query", lambda u: u + "?a"),
        ("fragment", lambda u: u + "#"), ("plain http", lambda u: u.replace("https:", "http:")),
        ("capitals", lambda u: u.upper()),
        ("path in capitals", lambda u: u.replace("/acme", "/ACME")),
        ("other host", lambda u: u.replace("localhost", "evil.test")),
        ("other port", lambda u: u.replace("localhost:", "localhost:1")),
        ("no port", lambda u: u.split(":1")[0] + "/acme/new-order"),
        ("user", lambda u: u.replace("https://", "https://a@")), ("path alone", lambda u: u[u.index("/acme"):]),
        ("no scheme", lambda u: u.removeprefix("https:")),
        ("encoded", lambda u: u.replace("new-order", "new%2Dorder")),
        ("dots", lambda u: u.replace("/acme/", "/acme/./")), ("space behind", lambda u: u + " "),
        ("space before", lambda u: " " + u), ("newline behind", lambda u: u + "\n"),
        ("two", lambda u: u + " " + u), ("127.0.0.1", lambda u: u.replace("localhost", "127.0.0.1")),
        ("IPv6", lambda u: u.replace("localhost", "[::1]")),
        ("trailing dot", lambda u: u.replace("localhost", "localhost.")), ("long", lambda u: u + "a" * 5000),
        ("javascript", lambda u: "javascript:1"),
        ("new-account", lambda u: u.replace("new-order", "new-account")), ("cut off", lambda u: u[:-1]),
    ):
        yield signed(f"url: {name}", "newOrder", UNAUTHORIZED, url=lambda w,
            change=change: change(w.urls["newOrder"]))


def nonces():
    for name, nonce, expected in (
        ("empty", "", BAD_NONCE), ("one digit", "A", MALFORMED), ("two digits", "AA", BAD_NONCE),
        ("padding", "AAAA=", MALFORMED), ("space", "AA AA", MALFORMED),
        ("plus", "AA+A", MALFORMED), ("slash", "AA/A", MALFORMED), ("NUL", "AA\0A", MALFORMED),
        ("é", "é", MALFORMED), ("newline", "AAAA\n", MALFORMED),
        ("long", "A" * 4000, BAD_NONCE), ("zeros", b64(bytes(16)), BAD_NONCE),
        ("ones", b64(b"\xff" * 16), BAD_NONCE), ("32 octets", b64(b"\x11" * 32), BAD_NONCE),
        ("quotes", '"AAAA"', MALFORMED), ("SQL", "' OR 1=1 --", MALFORMED), ("dots", "../../x", MALFORMED),
        ("percent", "%41%41", MALFORMED),
    ):
        yield signed(f"nonce: {name}", "newOrder", expected, nonce=nonce)

    def changed(change):
        return lambda world: change(world.nonce())

    for name, change in (("cut off", lambda n: n[:-4]), ("longer", lambda n: n + "AAAA"),
            ("twice", lambda n: n + n), ("other case", lambda n: n.swapcase()),
                         ("turned", lambda n: n[::-1])):
        yield signed(f"nonce: {name}", "newOrder", BAD_NONCE, nonce=changed(change))
    for octet in range(0, 16):
        def flip(nonce, octet=octet):
            octets = bytearray(unb64(nonce))
            octets[octet] ^= 0x20
            return b64(bytes(octets))

        yield signed(f"nonce: octet {octet} changed", "newOrder", BAD_NONCE, nonce=changed(flip))

    def used(world):
        nonce = world.nonce()
        assert world.post("account", None, nonce=nonce).status == 200
        return nonce

    yield signed("nonce: used", "newOrder", BAD_NONCE, nonce=used)
    yield signed("nonce: used elsewhere", "newAccount", BAD_NONCE, nonce=used)


def kids():
    for name, change in (
        ("empty", lambda u: ""), ("a word", lambda u: "x"), ("1", lambda u: "1"),
        ("other host", lambda u: u.replace("localhost", "evil.test")),
        ("plain http", lambda u: u.replace("https", "http")), ("path alone", lambda u: u[u.index("/acme"):]),
        ("id alone", lambda u: u.rsplit("/", 1)[1]),
        ("slash behind", lambda u: u + "/"), ("query", lambda u: u + "?"), ("fragment", lambda u: u + "#x"),
        ("cut off", lambda u: u[:-1]), ("longer", lambda u: u + "0"),
        ("order", lambda u: u.replace("/acct/", "/order/")),
        ("orders", lambda u: u.replace("/acct/", "/orders/")), ("capitals", lambda u: u.upper()),
        ("other directory", lambda u: u.replace("/acme/", "/acme/other/")),
        ("no such id", lambda u: u[:-26] + "0" * 26), ("bad digits", lambda u: u[:-1] + "u"),
        ("é", lambda u: u[:-1] + "é"), ("space", lambda u: u + " "),
        ("two slashes", lambda u: u.replace("/acct", "//acct")),
        ("dots", lambda u: u.replace("/acct", "/x/../acct")),
        ("long", lambda u: u + "0" * 4000), ("quotes", lambda u: f'"{u}"'),
        ("directory", lambda u: u.split("/acct")[0] + "/directory"),
    ):
        yield signed(f"kid: {name}", "newOrder", NO_ACCOUNT, kid=lambda w,
            change=change: change(w.accounts["a"].url))


def keys():
    """RFC 7517, RFC 7518 §6: keys in newAccount (badPublicKey, RFC 8555 §6.7)."""
    key, other = Key(), Key("ES384")
    rsa_key = Key("RS256")
    jwk, wide, rsa_jwk = key.jwk(), other.jwk(), rsa_key.jwk()
    private = b64(key.private.private_numbers().private_value.to_bytes(32, "big"))
    beyond = b64((2**256 - 2**32 - 977).to_bytes(32, "big"))

    def with_key(name, made, expected=BAD_KEY, by=key):
        return signed(f"jwk: {name}", "newAccount", expected, payload={}, key=lambda w: by,
            protected={"jwk": made})

    for value in (None, 1, True, "x", [], 1.5):
        yield with_key(f"is {json.dumps(value)}", value)
    yield with_key("empty", {})
    for name in ("kty", "crv", "x", "y"):
        yield with_key(f"without {name}", {k: v for k, v in jwk.items() if k != name})
        for value in (None, 1, True, [], {}):
            yield with_key(f"{name} is {json.dumps(value)}", {**jwk, name: value})
    for name in ("n", "e"):
        yield with_key(f"RSA without {name}", {k: v for k, v in rsa_jwk.items() if k != name}, by=rsa_key)
        for value in (None, 1, True, [], {}):
            yield with_key(f"RSA {name} is {json.dumps(value)}", {**rsa_jwk, name: value}, by=rsa_key)
        for text in ("", "=", "AA==", "a b", "+/+/", "A", "é", "*"):
            yield with_key(f"RSA {name} is {printable(text) if text.isascii() else ascii(text)}",
                {**rsa_jwk, name: text}, by=rsa_key)
    for name in ("x", "y"):
        for text in ("", "=", "AA==", "a b", "+/", "A", "é", b64(bytes(31)), b64(bytes(33)), b64(bytes(66)),
                b64(b"\x00" + unb64(jwk[name])),
                     jwk[name] + "=", jwk[name] + "\n", "A" * 3000):
            yield with_key(f"{name} is {printable(text) if text.isascii() else ascii(text)} of {len(text)}",
                {**jwk, name: text})
    for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
        yield with_key(f"with {name}", {**jwk, name: private})
        yield with_key(f"with {name} null", {**jwk, name: None})
        yield with_key(f"RSA with {name}", {**rsa_jwk, name: private}, by=rsa_key)
    for name, made in (("zero point", {**jwk, "x": b64(bytes(32)), "y": b64(bytes(32))}),
            ("off the curve", {**jwk, "y": b64(b"\x01" * 32)}),
                       ("x beyond the field", {**jwk, "x": b64(b"\xff" * 32)}),
                       ("y beyond the field", {**jwk, "y": b64(b"\xff" * 32)}),
                       ("x is y", {**jwk, "x": jwk["y"]}),
                       ("x is p", {**jwk, "x": beyond}), ("exchanged", {**jwk, "x": jwk["y"], "y": jwk["x"]}),
                       ("P-384 with P-256 numbers", {**jwk, "crv": "P-384"}),
                       ("P-521 with P-256 numbers", {**jwk, "crv": "P-521"}),
                       ("P-256 with P-384 numbers", {**wide, "crv": "P-256"}),
                       ("EC that is RSA", {**jwk, "kty": "RSA"})):
        yield with_key(name, made)
    for curve in ("secp256k1", "P-192", "P-224", "K-256", "brainpoolP256r1", "p-256", "P256", "", "Ed25519",
            "X25519", "Ed448", "sm2"):
        yield with_key(f"curve {curve}", {**jwk, "crv": curve}, BAD_ALGORITHM)
    for kind in ("oct", "ec", "Ec", "rsa", "", "DSA", "OKP2", "AKP"):
        yield with_key(f"kty {kind}", {**jwk, "kty": kind}, BAD_ALGORITHM)
    for curve in ("X25519", "Ed448", "P-256", ""):
        yield with_key(f"OKP of {curve}", {"kty": "OKP", "crv": curve, "x": jwk["x"]}, BAD_ALGORITHM)
    for length in (1, 31, 33, 57):
        yield with_key(f"Ed25519 of {length}", {"kty": "OKP", "crv": "Ed25519", "x": b64(b"\x01" * length)})
    for name, n, e in (("512 bits", 2**511 + 1, 65537), ("1024 bits", 2**1023 + 1, 65537),
            ("2040 bits", 2**2039 + 1, 65537), ("2047 bits", 2**2046 + 1, 65537),
                       ("16384 bits", 2**16383 + 1, 65537), ("even", 2**2047, 65537), ("one", 1, 65537),
                       ("exponent 1", 2**2047 + 1, 1), ("exponent 2", 2**2047 + 1, 2),
                       ("exponent 3", 2**2047 + 1, 3), ("exponent 65536", 2**2047 + 1, 65536),
                       ("exponent of 72 bits", 2**2047 + 1, 2**71 + 1),
                       ("huge exponent", 2**2047 + 1, 2**2046 + 1)):
        yield with_key(f"RSA {name}", {"kty": "RSA", "n": b64(n.to_bytes((n.bit_length() + 7) // 8, "big")),
                                       "e": b64(e.to_bytes((e.bit_length() + 7) // 8, "big"))},
                       # Sound as to its form; whether it is strong is asked of those who hold it.
                       MALFORMED if name == "exponent 3" else BAD_KEY, by=rsa_key)
    yield with_key("RSA leading zero of n", {**rsa_jwk, "n": b64(b"\0" + unb64(rsa_jwk["n"]))}, by=rsa_key)
    yield with_key("RSA leading zero of e", {**rsa_jwk, "e": b64(b"\0" + unb64(rsa_jwk["e"]))}, by=rsa_key)
    small = Key("RS256", rsa.generate_private_key(65537, 1024))
    yield signed("key of 1024 bits, signed by it", "newAccount", BAD_KEY, payload={}, key=lambda w: small)
    three = Key("RS256", rsa.generate_private_key(3, 2048))
    yield signed("key with exponent 3, signed by it", "newAccount", BAD_KEY,
        payload={"termsOfServiceAgreed": True}, key=lambda w: three)


ROWS = [*every_resource(), *content_types(), *algorithms(), *signature_octets(), *encodings(), *bodies(),
    *protected_headers(),
        *urls(), *nonces(), *kids(), *keys()]
