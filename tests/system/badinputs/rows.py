"""The form of a row, and the answers that rows expect."""

import dataclasses
import typing

HTTP = "about:blank"  # the status says all (RFC 7807 §4.2)

MALFORMED = (400, "malformed")
BAD_NONCE = (400, "badNonce")
BAD_ALGORITHM = (400, "badSignatureAlgorithm")
BAD_KEY = (400, "badPublicKey")
BAD_CSR = (400, "badCSR")
BAD_CONTACT = (400, "invalidContact")
UNSUPPORTED_CONTACT = (400, "unsupportedContact")
BAD_REASON = (400, "badRevocationReason")
REJECTED = (400, "rejectedIdentifier")
UNSUPPORTED = (400, "unsupportedIdentifier")
COMPOUND = (400, "compound")
BAD_PROFILE = (400, "invalidProfile")
NO_ACCOUNT = (400, "accountDoesNotExist")
ALREADY_REVOKED = (400, "alreadyRevoked")
UNAUTHORIZED = (403, "unauthorized")
DEACTIVATED = (401, "unauthorized")
NOT_READY = (403, "orderNotReady")
NOT_FOUND = (404, HTTP)
NOT_ALLOWED = (405, "malformed")  # RFC 8555 §6.3
CONFLICT = (409, HTTP)
UNSUPPORTED_TYPE = (415, HTTP)


@dataclasses.dataclass(frozen=True)
class Row:
    id: str
    send: typing.Callable  # (world) -> world.Answer
    expected: tuple        # (status, problem type)
    closed: bool = False   # the connection ends after the answer; else it can be used again
    allow: str = None      # the Allow header of a 405


def printable(text):
    """Text as part of a row's id: what is not printable ASCII is shown as its code."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    shown = "".join(c if " " < c < "\x7f" and c not in "[]" else f"<{ord(c):02x}>" for c in text)
    return shown if len(shown) <= 60 else f"{shown[:40]}...{len(text)}"
