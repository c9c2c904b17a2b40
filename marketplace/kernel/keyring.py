"""The program's keys: derived from MARKETPLACE_SECRET_KEY, one per purpose, and from its predecessors.

The present key encrypts and signs. The old ones (MARKETPLACE_SECRET_KEYS_OLD) decrypt and verify, until
`marketplace rotate-secret-key` has re-encrypted everything stored under the present one.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class WrongSecretError(Exception):
    """A ciphertext was encrypted under a key that is not in the ring."""


class Purpose(msgspec.Struct, frozen=True):
    """What a key is for. `columns` name where its ciphertexts are stored, as `table.column`; none: they are sent out and expire.

    A package lists its purposes with columns (`Package.sealed`), so that key rotation reaches them.
    """

    name: str
    columns: tuple[str, ...] = ()


class InsideJson(Purpose, frozen=True):
    """A purpose whose ciphertexts are texts anywhere inside the columns' JSON."""


class Lasting(msgspec.Struct, frozen=True):
    """The purpose of a key that survives a rotation of the secret key: derived once, then stored encrypted.

    `first` derives it from the secret key of a new database; without it, it is derived as every other key.
    """

    name: str
    first: Callable[[str], bytes] | None = None

    def of(self, secret_key: str) -> bytes:
        """Derive the key from the secret key."""
        return derive(secret_key, self.name) if self.first is None else self.first(secret_key)


def derive(secret_key: str, purpose: str) -> bytes:
    """Return 32 bytes for the purpose. Keys of different purposes are independent."""
    return hmac.new(secret_key.encode(), purpose.encode(), hashlib.sha256).digest()


def fingerprint(secret_key: str) -> bytes:
    """Return the fingerprint of a key that a database stores. It identifies the key and decrypts nothing."""
    return derive(secret_key, "fingerprint of the secret key")


class KeyRing:
    """The present secret key, the old ones, and the lasting keys of the database that the process serves."""

    def __init__(self, present: str, old: Iterable[str] = ()) -> None:
        """Start with lasting keys derived from the present key; `keep` replaces them with those of the database."""
        self.present = present
        self.old = tuple(old)
        self._ciphers: dict[str, MultiFernet] = {}
        self._lasting: dict[str, bytes] = {}

    def encrypt(self, purpose: Purpose, plain: bytes) -> bytes:
        """Return the text encrypted and authenticated under the present key (Fernet)."""
        return self._cipher(purpose).encrypt(plain)

    def decrypt(self, purpose: Purpose, sealed: bytes) -> bytes:
        """Return the plain text, encrypted under any key of the ring. Raises WrongSecretError."""
        try:
            return self._cipher(purpose).decrypt(sealed)
        except InvalidToken as error:
            raise WrongSecretError(
                f"{purpose.name}: encrypted under a key that is not MARKETPLACE_SECRET_KEY"
            ) from error

    def opener(self, purpose: Purpose, sealed: bytes) -> str | None:
        """Return the key of the ring that decrypts it, or None."""
        for key in self.all:
            try:
                _fernet(key, purpose).decrypt(sealed)
            except InvalidToken:
                continue
            return key
        return None

    def signatures(self, purpose: Purpose, content: bytes) -> tuple[str, ...]:
        """Return the content's signatures (HMAC-SHA-256, hexadecimal) under each key, the present one's first.

        Send the first one out; accept any of them.
        """
        return tuple(hmac.new(derive(key, purpose.name), content, hashlib.sha256).hexdigest() for key in self.all)

    def fleeting(self, purpose: Purpose) -> bytes:
        """Return a key that changes with the secret key, for data that may be lost at any time."""
        return derive(self.present, purpose.name)

    def lasting(self, what: Lasting) -> bytes:
        """Return a key that outlives every secret key."""
        return self._lasting.get(what.name) or what.of(self.present)

    def keep(self, keys: Mapping[str, bytes]) -> None:
        """Replace the lasting keys with those of the database, by name."""
        self._lasting = dict(keys)

    @property
    def all(self) -> tuple[str, ...]:
        """All keys, the present one first."""
        return (self.present, *self.old)

    def _cipher(self, purpose: Purpose) -> MultiFernet:
        found = self._ciphers.get(purpose.name)
        if found is None:
            found = self._ciphers[purpose.name] = MultiFernet([_fernet(key, purpose) for key in self.all])
        return found


@lru_cache(maxsize=64)
def key_ring(present: str, old: tuple[str, ...]) -> KeyRing:
    """Return the process's ring of these keys. There is one, so that all users share the lasting keys."""
    return KeyRing(present, old)


def _fernet(secret_key: str, purpose: Purpose) -> Fernet:
    return Fernet(urlsafe_b64encode(derive(secret_key, purpose.name)))
