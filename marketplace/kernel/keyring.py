"""The program's secrets: keys derived from MARKETPLACE_SECRET_KEY, each for one purpose, and from the keys before it.

The present key encrypts and signs. The old ones (MARKETPLACE_SECRET_KEYS_OLD) decrypt and verify, until
`marketplace rotate-secret-key` has encrypted everything that is stored to the present one.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class WrongSecretError(Exception):
    """Something was encrypted under a key that is not in the ring."""


class Purpose(msgspec.Struct, frozen=True):
    """What a key is for. `columns` are where its ciphertexts are stored, as `table.column`; none: they travel and expire.

    A package lists those with columns (`Package.sealed`), so that a new secret key reaches them.
    """

    name: str
    columns: tuple[str, ...] = ()


class InsideJson(Purpose, frozen=True):
    """A purpose whose ciphertexts are texts anywhere inside the columns' JSON."""


class Lasting(msgspec.Struct, frozen=True):
    """What a key is for that a new secret key must not change: it is derived once, and then stored encrypted.

    `first` says how it follows from the secret key of a new database; without it as every other key does.
    """

    name: str
    first: Callable[[str], bytes] | None = None

    def of(self, secret_key: str) -> bytes:
        """Return the key as it follows from the secret key."""
        return derive(secret_key, self.name) if self.first is None else self.first(secret_key)


def derive(secret_key: str, purpose: str) -> bytes:
    """Return 32 bytes for the purpose; one purpose's key says nothing of another's."""
    return hmac.new(secret_key.encode(), purpose.encode(), hashlib.sha256).digest()


def fingerprint(secret_key: str) -> bytes:
    """Return what a database remembers of a key: it tells one key from another and opens nothing."""
    return derive(secret_key, "fingerprint of the secret key")


class KeyRing:
    """The present secret key, the old ones, and the lasting keys of the database that the process serves."""

    def __init__(self, present: str, old: Iterable[str] = ()) -> None:
        """Begin with lasting keys that follow from the present key; `keep` brings those of the database."""
        self.present = present
        self.old = tuple(old)
        self._ciphers: dict[str, MultiFernet] = {}
        self._lasting: dict[str, bytes] = {}

    def encrypt(self, purpose: Purpose, plain: bytes) -> bytes:
        """Return the text encrypted and authenticated under the present key (Fernet)."""
        return self._cipher(purpose).encrypt(plain)

    def decrypt(self, purpose: Purpose, sealed: bytes) -> bytes:
        """Return the plain text, under whichever key of the ring it was encrypted. Raises WrongSecretError."""
        try:
            return self._cipher(purpose).decrypt(sealed)
        except InvalidToken as error:
            raise WrongSecretError(
                f"{purpose.name}: encrypted under a key that is not MARKETPLACE_SECRET_KEY"
            ) from error

    def opener(self, purpose: Purpose, sealed: bytes) -> str | None:
        """Return the key of the ring that opens it, or None."""
        for key in self.all:
            try:
                _fernet(key, purpose).decrypt(sealed)
            except InvalidToken:
                continue
            return key
        return None

    def signatures(self, purpose: Purpose, content: bytes) -> tuple[str, ...]:
        """Return the content's signatures (HMAC-SHA-256, hexadecimal) under each key, the present one's first.

        The first one is given away; any of them is good when it comes back.
        """
        return tuple(hmac.new(derive(key, purpose.name), content, hashlib.sha256).hexdigest() for key in self.all)

    def fleeting(self, purpose: Purpose) -> bytes:
        """Return a key that changes with the secret key, for what may be forgotten at any time."""
        return derive(self.present, purpose.name)

    def lasting(self, what: Lasting) -> bytes:
        """Return a key that outlives every secret key."""
        return self._lasting.get(what.name) or what.of(self.present)

    def keep(self, keys: Mapping[str, bytes]) -> None:
        """Take the lasting keys that the database has, by their names."""
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
    """Return the process's ring of these keys, which is one, so that the lasting keys are the same for everybody."""
    return KeyRing(present, old)


def _fernet(secret_key: str, purpose: Purpose) -> Fernet:
    return Fernet(urlsafe_b64encode(derive(secret_key, purpose.name)))
