"""A member's name towards one partner; a person's name towards one application.

The same member has another reference at each partner, so two partners cannot put their files together, and none can turn a
reference back into a member. The version of the key stands in front: after a new key, references are others, and it can be
told of each old one under which key it was made.
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
"""Partners keep references in their own books: a new secret key changes none."""
SUBJECTS = Lasting(f"pairwise subject {SUBJECT_VERSION}")
"""By the subject an application knows its users, for as long as it has them (OpenID Connect Core §8)."""
_BYTES = 10
_REFERENCE = re.compile(r"m([1-9][0-9]{0,3})_[A-Z2-7]{16}", re.ASCII)


class ReferenceKey(msgspec.Struct, frozen=True):
    """The key of one version."""

    version: int
    key: bytes


def first_key(ring: KeyRing) -> ReferenceKey:
    """Return the key of version 1, which followed from the first secret key; later ones are made and kept."""
    return ReferenceKey(1, ring.lasting(MEMBERS))


def member_reference(key: ReferenceKey, partner_id: UUID, member_id: UUID) -> str:
    """Return the reference, such as `m1_4FJ3Q7ZK2VXN5T6B`: 80 bits, so that millions of members do not meet."""
    digest = hmac.new(key.key, partner_id.bytes + member_id.bytes, hashlib.sha256).digest()
    return f"m{key.version}_{b32encode(digest[:_BYTES]).decode()}"


def version_of(reference: str) -> int | None:
    """Return the version under which a reference was made, or None for a text that is none."""
    found = _REFERENCE.fullmatch(reference)
    return int(found[1]) if found else None


def subject_reference(ring: KeyRing, client_id: str, staff_id: UUID) -> str:
    """Return the name of a partner's person towards one application, such as `s1_4FJ3Q7ZK2VXN5T6B`."""
    digest = hmac.new(ring.lasting(SUBJECTS), client_id.encode() + b"\0" + staff_id.bytes, hashlib.sha256).digest()
    return f"s{SUBJECT_VERSION}_{b32encode(digest[:_BYTES]).decode()}"
