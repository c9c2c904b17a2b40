"""Passwords: argon2id (RFC 9106), in a thread, a few at a time."""

import asyncio
import secrets
import unicodedata
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

_MEMORY_KIB = 19 * 1024
_PASSES = 2
_LANES = 1
"""OWASP's first choice (Password Storage Cheat Sheet, 2025): about 20 ms of a core and 19 MiB for each try."""

_SALT_BYTES = 16
_HASH_BYTES = 32
_AT_ONCE = 2
"""Concurrent hashes of this process: guessing strangers must not take all its cores and memory."""

_turns = asyncio.Semaphore(_AT_ONCE)


async def hash_password(password: str) -> str:
    """Return the stored hash of a password: a PHC string, which contains its parameters."""
    async with _turns:
        return await asyncio.to_thread(_hash, password)


async def password_matches(password: str, stored: str | None) -> bool:
    """Return whether the password matches; without a stored one, do the same work and return False."""
    async with _turns:
        return await asyncio.to_thread(_matches, password, stored)


def _hash(password: str) -> str:
    salt = secrets.token_bytes(_SALT_BYTES)
    argon = Argon2id(salt=salt, length=_HASH_BYTES, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return argon.derive_phc_encoded(_bytes(password))


def _matches(password: str, stored: str | None) -> bool:
    try:
        Argon2id.verify_phc_encoded(_bytes(password), stored or _nobodys())
    except InvalidKey:
        return False
    return stored is not None


@cache
def _nobodys() -> str:
    """Return the hash of a random password: an unknown e-mail address must take as long as a wrong password."""
    return _hash(secrets.token_urlsafe())


def _bytes(password: str) -> bytes:
    """Return the bytes to hash, normalised so that different keyboards give the same (NIST SP 800-63B §3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode()
