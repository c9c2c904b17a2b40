"""What the program keeps to itself: keys derived from its one secret, each for one purpose."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken


class WrongSecretError(Exception):
    """Something was encrypted under another MARKETPLACE_SECRET_KEY."""


def derive(secret_key: str, purpose: str) -> bytes:
    """Return 32 bytes for the purpose; one purpose's key says nothing of another's."""
    return hmac.new(secret_key.encode(), purpose.encode(), hashlib.sha256).digest()


def encrypt(secret_key: str, purpose: str, plain: bytes) -> bytes:
    """Return the text encrypted and authenticated (Fernet)."""
    return Fernet(urlsafe_b64encode(derive(secret_key, purpose))).encrypt(plain)


def decrypt(secret_key: str, purpose: str, sealed: bytes) -> bytes:
    """Return the plain text. Raises WrongSecretError."""
    try:
        return Fernet(urlsafe_b64encode(derive(secret_key, purpose))).decrypt(sealed)
    except InvalidToken as error:
        raise WrongSecretError(f"{purpose} was encrypted under another MARKETPLACE_SECRET_KEY") from error
