"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes. Pure, apart from random numbers."""

import hashlib
import secrets
from base64 import b32encode
from datetime import datetime
from io import BytesIO

import segno
from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from marketplace.kernel.keyring import KeyRing, Purpose
from marketplace.kernel.typed_text import typed_plain

STEP_S = 30
DIGITS = 6
RECOVERY_CODES = 8

_SECRET_BYTES = 20  # what RFC 4226 §4 recommends
_RECOVERY_BYTES = 10  # 80 random bits: no dictionary helps, so one fast hash is enough
_DRIFT = (-1, 0, 1)
"""Accepted steps of clock drift (RFC 6238 §5.2 recommends one)."""

PURPOSE = Purpose("second factor", ("partner_staff.totp_sealed",))


def new_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def seal_secret(ring: KeyRing, secret: bytes) -> bytes:
    """Return the secret encrypted for storage."""
    return ring.encrypt(PURPOSE, secret)


def open_secret(ring: KeyRing, sealed: bytes) -> bytes:
    """Decrypt a stored secret. Raises WrongSecretError."""
    return ring.decrypt(PURPOSE, sealed)


def matching_step(secret: bytes, code: str, at: datetime) -> int | None:
    """Return the time step of the code, or None. The database decides whether the step was used before."""
    digits = typed_plain(code).replace(" ", "").replace("-", "")
    if not (len(digits) == DIGITS and digits.isascii() and digits.isdigit()):
        return None
    now = int(at.timestamp()) // STEP_S
    hotp = HOTP(secret, DIGITS, SHA1())  # noqa: S303 - what authenticator apps know; HMAC-SHA-1 is not broken
    found = [now + drift for drift in _DRIFT if constant_time.bytes_eq(hotp.generate(now + drift), digits.encode())]
    return found[-1] if found else None


def code_at(secret: bytes, at: datetime) -> str:
    """Return the code that an app shows at the instant."""
    totp = TOTP(secret, DIGITS, SHA1(), STEP_S)  # noqa: S303 - as above
    return totp.generate(int(at.timestamp())).decode()


def setup_address(secret: bytes, email: str, issuer: str) -> str:
    """Return the `otpauth:` address that an authenticator app reads."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S).get_provisioning_uri(email, issuer)  # noqa: S303 - as above


def setup_qr_code(address: str) -> str:
    """Return the address as a QR code in SVG."""
    svg = BytesIO()
    # Without a size of its own it takes the page's, and nothing is cut off.
    segno.make(address, error="m", micro=False).save(
        svg,
        kind="svg",
        border=4,
        omitsize=True,
        dark="#111",
        light="#fff",
        xmldecl=False,
        svgclass=None,
        lineclass=None,
    )
    return svg.getvalue().decode()


def readable(secret: bytes) -> str:
    """Return the secret for typing into an app, in groups of four."""
    text = b32encode(secret).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def new_recovery_codes() -> list[str]:
    """Return new recovery codes, such as ABCD-EFGH-IJKL-MNOP; they are shown once."""
    texts = [b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[start : start + 4] for start in range(0, len(text), 4)) for text in texts]


def recovery_hash(code: str) -> str:
    """Return the stored hash of a recovery code. Case, blanks, dashes and full-width characters do not matter."""
    plain = "".join(letter for letter in typed_plain(code).upper() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
