"""Debian weak keys (CVE-2008-0166): a key whose fingerprint is in a list of the settings is refused
for certificates and for accounts. To ask, one must hold the key, so the list is written here, in the
format of openssl-blacklist, with the fingerprint of a key of the test's own; that the fingerprints are
those of Debian's lists is shown on real weak keys by tests/unit/crypto/test_weak.c."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from acmewire import Account, Key, make_csr, refused
from peers import Responder, running
from servers import AssayServe

pytestmark = pytest.mark.assay


def test_v67_debian_weak_keys_by_list(tmp_path, name):
    weak = rsa.generate_private_key(65537, 2048)
    modulus = weak.public_key().public_numbers().n
    mark = hashlib.sha1(f"Modulus={modulus:X}\n".encode()).hexdigest()[20:]
    blacklist = tmp_path / "blacklist.RSA-2048"
    blacklist.write_text(f"# a comment\n{mark}\n")
    server = AssayServe(tmp_path / "serve", edit=lambda t: t + f'weak_key_lists: ["{blacklist}"]\n')
    try:
        account = Account(server.wire())
        with running(Responder(server.http01_port)) as responder:
            wanted = name()
            order = account.order(wanted)
            order.authorize(responder)
            got = order.finalize(make_csr([wanted], weak))
            refused(got, "badCSR")
            assert "CVE-2008-0166" in got.json()["detail"] or "Debian" in got.json()["detail"], got
            order.issue(responder)
        wire = server.wire()
        got = wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True}, Key("RS256", weak))
        refused(got, "badPublicKey")
    finally:
        server.close()
