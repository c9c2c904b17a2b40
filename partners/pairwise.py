"""A member's name towards one partner; a person's name towards one application.

The same member has another reference at each partner, so two partners cannot put their files together, and none can turn a
reference back into a member. The version stands in front: a new key makes new references without breaking old ones.
"""

import hashlib
import hmac
from base64 import b32encode
from uuid import UUID

from marketplace.platform.secretbox import derive

VERSION = 1
_BYTES = 10


def member_reference(secret_key: str, partner_id: UUID, member_id: UUID, version: int = VERSION) -> str:
    """Return the reference, such as `m1_4FJ3Q7ZK2VXN5T6B`: 80 bits, so that millions of members do not meet."""
    key = derive(secret_key, f"pairwise member reference {version}")
    digest = hmac.new(key, partner_id.bytes + member_id.bytes, hashlib.sha256).digest()
    return f"m{version}_{b32encode(digest[:_BYTES]).decode()}"


def subject_reference(secret_key: str, client_id: str, staff_id: UUID) -> str:
    """Return the name of a partner's person towards one application, such as `s1_4FJ3Q7ZK2VXN5T6B`."""
    key = derive(secret_key, f"pairwise subject {VERSION}")
    digest = hmac.new(key, client_id.encode() + b"\0" + staff_id.bytes, hashlib.sha256).digest()
    return f"s{VERSION}_{b32encode(digest[:_BYTES]).decode()}"
