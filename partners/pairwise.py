"""Pairwise references: a member's towards one partner, a person's towards one application.

A member has a different reference at each partner, so partners cannot join their data, and none can turn a reference back into a
member. The key's version is the prefix: a new key changes all references, and an old one still shows under which key it was made.
"""

import hashlib
import hmac
import re
from base64 import b32encode
from uuid import UUID

import msgspec

from marketplace.kernel.keyring import KeyRing, Lasting

SUBJECT_VERSION = 1
MEMBERS = Lasting("pairwise member reference 1")
"""Partners store references in their own books, so a new secret key does not change them."""
SUBJECTS = Lasting(f"pairwise subject {SUBJECT_VERSION}")
"""An application identifies its users by the subject for as long as it has them (OpenID Connect Core §8)."""
_BYTES = 10
_REFERENCE = re.compile(r"m([1-9][0-9]{0,3})_[A-Z2-7]{16}", re.ASCII)


class ReferenceKey(msgspec.Struct, frozen=True):
    """One version of the key."""

    version: int
    key: bytes


def first_key(ring: KeyRing) -> ReferenceKey:
    """Return the key of version 1, which is derived from the first secret key. Later versions are random and stored."""
    return ReferenceKey(1, ring.lasting(MEMBERS))


def member_reference(key: ReferenceKey, partner_id: UUID, member_id: UUID) -> str:
    """Return the reference, such as `m1_4FJ3Q7ZK2VXN5T6B`: 80 bits, so that millions of members do not collide."""
    digest = hmac.new(key.key, partner_id.bytes + member_id.bytes, hashlib.sha256).digest()
    return f"m{key.version}_{b32encode(digest[:_BYTES]).decode()}"


def version_of(reference: str) -> int | None:
    """Return the version under which a reference was made, or None if the text is not a reference."""
    found = _REFERENCE.fullmatch(reference)
    return int(found[1]) if found else None


def subject_reference(ring: KeyRing, client_id: str, staff_id: UUID) -> str:
    """Return the subject of a partner's person towards one application, such as `s1_4FJ3Q7ZK2VXN5T6B`."""
    digest = hmac.new(ring.lasting(SUBJECTS), client_id.encode() + b"\0" + staff_id.bytes, hashlib.sha256).digest()
    return f"s{SUBJECT_VERSION}_{b32encode(digest[:_BYTES]).decode()}"
