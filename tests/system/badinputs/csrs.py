"""Certificate requests (RFC 8555 §7.4, RFC 2986): names other than the order's, keys that will not do,
attributes that nobody gets, and DER that is none. All go to the same order, which stays ready."""

import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from acmewire import b64, make_csr
from badinputs.rows import BAD_CSR, MALFORMED, Row

NAME = "ready.test"


def finalized(name, make, expected=BAD_CSR):
    """make(world): a CSR in DER, or the whole payload."""
    def send(world):
        made = make(world)
        return world.post("finalize:ready", {"csr": b64(made)} if isinstance(made, bytes) else made)

    return Row(f"csr {name}", send, expected)


def names():
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    for name, wanted in (
        ("none", []), ("another", ["other.test"]), ("one more", [NAME, "other.test"]),
        ("one more first", ["other.test", NAME]), ("wildcard", [f"*.{NAME}"]),
        ("wildcard too", [NAME, f"*.{NAME}"]),
        ("parent", ["test"]), ("below", [f"a.{NAME}"]), ("suffix", [f"x{NAME}"]), ("prefix", ["ready.tes"]),
        ("address", [("ip", "127.0.0.1")]), ("address too", [NAME, ("ip", "127.0.0.1")]),
        ("IPv6 too", [NAME, ("ip", "::1")]), ("mapped address too", [NAME, ("ip", "::ffff:127.0.0.1")]),
        ("mail", [x509.RFC822Name("a@ready.test")]), ("mail too", [NAME, x509.RFC822Name("a@ready.test")]),
        ("URI too", [NAME, x509.UniformResourceIdentifier("https://ready.test/")]),
        ("directory name too", [NAME, x509.DirectoryName(x509.Name([]))]),
        ("directory name with the name",
        [NAME, x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]))]),
        ("registered id too", [NAME, x509.RegisteredID(ObjectIdentifier("1.2.3"))]),
        ("other name too", [NAME, x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a")]),
        ("other name alone", [x509.OtherName(ObjectIdentifier("1.2.3"), b"\x05\x00")]),
        ("SRV name too", [NAME, x509.OtherName(ObjectIdentifier("1.3.6.1.5.5.7.8.7"), b"\x16\x05_a.b.")]),
        ("NUL", [f"{NAME}\0.evil.test"]), ("NUL behind", [f"{NAME}\0"]), ("space before", [f" {NAME}"]),
        ("space behind", [f"{NAME} "]),
        ("newline", [f"{NAME}\n"]), ("two dots", ["ready..test"]), ("leading dot", [f".{NAME}"]),
        ("underscore", ["_ready.test"]), ("port", [f"{NAME}:443"]), ("scheme", [f"https://{NAME}"]),
        ("address as name", ["127.0.0.1"]),
        ("empty name", [""]), ("empty name too", [NAME, ""]), ("long label", ["b" * 64 + ".test"]),
        ("long name", [".".join(["b" * 60] * 5)]), ("201 names", [NAME] * 201),
        ("201 different", [f"n{i}.test" for i in range(201)]),
        ("101 names", [NAME, *(f"n{i}.test" for i in range(100))]), ("bad A-label", [NAME, "xn--0.test"]),
        ("control", [NAME, "a\x1bb.test"]),
    ):
        yield finalized(f"names: {name}", lambda w, wanted=wanted: make_csr(wanted, w.key))
    yield finalized("names: address of 4 octets in the wrong place", lambda w: make_csr([NAME, address], w.key))


def subjects():
    cn, other = (NameOID.COMMON_NAME, NAME), (NameOID.COMMON_NAME, "other.test")
    for name, subject in (
        ("another CN", [other]), ("CN twice", [cn, cn]), ("CN and another", [cn, other]),
        ("another and CN", [other, cn]), ("CN with NUL", [(NameOID.COMMON_NAME, f"{NAME}\0x")]),
        ("CN with a space", [(NameOID.COMMON_NAME, f"{NAME} ")]),
        ("CN wildcard", [(NameOID.COMMON_NAME, f"*.{NAME}")]),
        ("CN words", [(NameOID.COMMON_NAME, "My Server")]),
        ("CN address", [(NameOID.COMMON_NAME, "127.0.0.1")]),
        ("CN URL", [(NameOID.COMMON_NAME, f"https://{NAME}/")]),
        ("CN not ASCII", [(NameOID.COMMON_NAME, "bücher.test")]),
        ("CN mail", [(NameOID.COMMON_NAME, f"a@{NAME}")]),
        ("CN newline", [(NameOID.COMMON_NAME, f"{NAME}\nx")]),
        ("mail address", [(NameOID.EMAIL_ADDRESS, f"a@{NAME}")]),
        ("user id", [(NameOID.USER_ID, "root")]), ("domain component", [(NameOID.DOMAIN_COMPONENT, "test")]),
        ("serial number and DC", [(NameOID.SERIAL_NUMBER, "1"), (NameOID.DOMAIN_COMPONENT, "test")]),
        ("mail address and CN", [cn, (NameOID.EMAIL_ADDRESS, f"a@{NAME}")]),
    ):
        yield finalized(f"subject: {name}", lambda w, subject=subject: make_csr([NAME], w.key, subject=subject))
    multi = x509.Name([x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, NAME),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "x")])])
    yield finalized("subject: multi-valued RDN",
        lambda w: x509.CertificateSigningRequestBuilder().subject_name(multi).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(NAME)]), False).sign(w.key,
        hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def extensions():
    for name, extension in (
        ("CA", x509.BasicConstraints(True, None)), ("CA with length 0", x509.BasicConstraints(True, 0)),
        ("CA with length 9", x509.BasicConstraints(True, 9)),
        ("empty basic constraints value", x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.19"), b"")),
        ("basic constraints of one octet", x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.19"), b"\x30")),
        ("basic constraints of another tag",
        x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.19"), b"\x31\x00")),
        ("basic constraints with octets behind",
        x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.19"), b"\x30\x00\x00")),
        ("CA in BER", x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.19"), b"\x30\x03\x01\x01\x01")),
        ("empty key usage value", x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.15"), b"")),
        ("key usage of another tag", x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.15"),
        b"\x02\x01\x01")), ("empty extended key usage",
        x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.37"), b"\x30\x00")),
        ("extended key usage of another tag",
        x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.37"), b"\x05\x00")),
        ("extended key usage without a value", x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.37"), b"")),
    ):
        yield finalized(f"extension: {name}", lambda w,
            e=extension: make_csr([NAME], w.key, extensions=[(e, False)]))

    def san(name, value):
        return finalized(f"SAN: {name}",
            lambda w: make_csr([], w.key, extensions=[(x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.17"),
            value), False)]))

    dns = b"\x82\x0aready.test"
    yield san("empty value", b"")
    yield san("empty sequence", b"\x30\x00")
    yield san("one octet", b"\x30")
    yield san("another tag", b"\x31\x0c" + dns)
    yield san("octets behind", b"\x30\x0c" + dns + b"\x00")
    yield san("length too long", b"\x30\x0d" + dns)
    yield san("long form of a short length", b"\x30\x81\x0c" + dns)
    yield san("indefinite", b"\x30\x80" + dns + b"\0\0")
    yield san("address of 3 octets", b"\x30\x11" + dns + b"\x87\x03\x7f\0\0")
    yield san("address of 5 octets", b"\x30\x13" + dns + b"\x87\x05\x7f\0\0\x01\x02")
    yield san("address with a mask", b"\x30\x16" + dns + b"\x87\x08\x7f\0\0\x01\xff\xff\xff\xff")
    yield san("empty address", b"\x30\x0e" + dns + b"\x87\x00")
    yield san("name of high octets", b"\x30\x10" + dns + b"\x82\x02\xc3\xbc")
    yield san("constructed name", b"\x30\x0e\xa2\x0c" + dns)
    for tag in (0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x88, 0x89, 0x8a, 0x9e, 0xa0, 0xa3, 0xa4, 0xa5, 0x02, 0x04,
            0x05, 0x0c, 0x16, 0x30, 0x42, 0xc2):
        yield san(f"tag {tag:02x}", b"\x30\x0e" + dns + bytes([tag, 0]))


def keys():
    for name, make in (
        ("RSA 1024", lambda: rsa.generate_private_key(65537, 1024)),
        ("RSA exponent 3", lambda: rsa.generate_private_key(3, 2048)),
        ("secp256k1", lambda: ec.generate_private_key(ec.SECP256K1())),
        ("P-192", lambda: ec.generate_private_key(ec.SECP192R1())),
        ("P-224", lambda: ec.generate_private_key(ec.SECP224R1())),
        ("brainpool 256", lambda: ec.generate_private_key(ec.BrainpoolP256R1())),
        ("brainpool 384", lambda: ec.generate_private_key(ec.BrainpoolP384R1())),
        ("binary curve", lambda: ec.generate_private_key(ec.SECT283K1())),
    ):
        try:
            csr = make_csr([NAME], make())
        except Exception:  # the library of the tests does not make this kind
            continue
        yield finalized(f"key: {name}", lambda w, csr=csr: csr)
    for name, who in (("the account's", "a"), ("another account's", "b"), ("a deactivated account's", "gone"),
                      ("another account's RSA key", "rsa")):
        yield finalized(f"key: {name}", lambda w, who=who: make_csr([NAME], w.accounts[who].key.private))
    for name, digest in (("MD5", hashes.MD5), ("SHA-1", hashes.SHA1), ("SHA-224", hashes.SHA224)):
        try:
            csr = make_csr([NAME], rsa.generate_private_key(65537, 2048), digest=digest())
        except Exception:
            continue
        yield finalized(f"digest: {name}", lambda w, csr=csr: csr)


def der():
    csr = make_csr([NAME], ec.generate_private_key(ec.SECP256R1()))
    for name, change in (
        ("octet behind", lambda d: d + b"\0"), ("cut off", lambda d: d[:-1]), ("twice", lambda d: d + d),
        ("indefinite length", lambda d: b"\x30\x80" + d[3:] + b"\0\0"),
        ("PEM", lambda d: b"-----BEGIN CERTIFICATE REQUEST-----"),
        ("deep", lambda d: b"\x30" * 20000), ("huge length", lambda d: b"\x30\x84\xff\xff\xff\xff"),
        ("huger length", lambda d: b"\x30\x88" + b"\xff" * 8),
        ("length of 126 octets", lambda d: b"\x30\xfe" + b"\xff" * 126),
        ("empty sequence", lambda d: b"\x30\x00"), ("null", lambda d: b"\x05\x00"),
        ("set", lambda d: b"\x31" + d[1:]), ("zeros", lambda d: bytes(300)), ("ones", lambda d: b"\xff" * 300),
        ("long length", lambda d: b"\x30\x82\x00\xff"),
        ("version 1", lambda d: d.replace(b"\x02\x01\x00", b"\x02\x01\x01", 1)),
        ("negative version", lambda d: d.replace(b"\x02\x01\x00", b"\x02\x01\xff", 1)),
        ("version of another type", lambda d: d.replace(b"\x02\x01\x00", b"\x01\x01\x00", 1)),
        ("high tag", lambda d: b"\x3f\x81\x00" + d[1:]),
        ("20000 nulls", lambda d: b"\x30\x82\x4e\x20" + b"\x05\x00" * 10000), ("text", lambda d: b"hello"),
        ("one octet", lambda d: b"\x30"),
    ):
        yield finalized(f"DER: {name}", lambda w, o=change(csr): o)
    for at in range(1, 48):
        yield finalized(f"DER: cut off at {at}/48", lambda w, o=csr[:len(csr) * at // 48]: o)
    for at in range(0, len(csr), 4):
        octets = bytearray(csr)
        octets[at] ^= 0x5a
        yield finalized(f"DER: octet {at} changed", lambda w, o=bytes(octets): o)
    yield finalized("a certificate", lambda w: w.der)
    yield finalized("signature of another key", lambda w: w.csr(NAME)[:-70] + make_csr([NAME])[-70:])


def payloads():
    for name, payload in (("no csr", {}), ("null", {"csr": None}), ("number", {"csr": 1}),
            ("true", {"csr": True}), ("array", {"csr": []}), ("object", {"csr": {}}), ("empty", {"csr": ""}),
            ("one digit", {"csr": "A"}),
                          ("star", {"csr": "*"}), ("plain base64", {"csr": "MII+/w"}),
                          ("PEM", {"csr": "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n"}),
                          ("white space", {"csr": "MI IB"}), ("newline", {"csr": "MIIB\n"}),
                          ("padding alone", {"csr": "=="}), ("padding inside", {"csr": "MI==IB"}),
                          ("three paddings", {"csr": "MA==="}), ("é", {"csr": "é"}),
                          ("other case", {"CSR": "MIIB"}), ("40000 octets", {"csr": "A" * 40000}),
                          ("unused bits", {"csr": "MB"})):
        yield finalized(f"payload: {name}", lambda w, p=payload: p, MALFORMED)


ROWS = [*names(), *subjects(), *extensions(), *keys(), *der(), *payloads()]
