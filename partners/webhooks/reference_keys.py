"""The keys of member references: the newest makes new ones, all of them resolve their own.

Version 1 is derived from the first secret key; later keys are random and stored encrypted. A consumer reads the newest key in the
transaction of its messages, so that all processes switch with the rotation's commit.
"""

import hmac
import secrets
from datetime import datetime
from uuid import UUID

from marketplace.kernel.keyring import KeyRing, Purpose
from marketplace.platform.eventlog import audit
from marketplace.platform.postgres.database import UnitOfWork
from partners.pairwise import ReferenceKey, first_key, member_reference, version_of
from partners.webhooks.tables import MemberReferenceKeyRow

PURPOSE = Purpose("pairwise member reference", ("member_reference_key.key_sealed",))
_BYTES = 32


async def current_key(work: UnitOfWork, ring: KeyRing) -> ReferenceKey:
    """Return the current key."""
    row = await work.fetchrow("SELECT version, key_sealed FROM member_reference_key ORDER BY version DESC LIMIT 1")
    if row is None:
        return first_key(ring)
    return ReferenceKey(row["version"], ring.decrypt(PURPOSE, row["key_sealed"]))


async def rotate_reference_key(work: UnitOfWork, ring: KeyRing, actor: str, now: datetime) -> int:
    """Create the next key and return its version. From the commit on, messages have new references."""
    sealed = ring.encrypt(PURPOSE, secrets.token_bytes(_BYTES))
    version: int = await work.fetchval(
        "INSERT INTO member_reference_key (version, key_sealed, made_by, made_at)"
        " SELECT coalesce(max(version), 1) + 1, $1, $2, $3 FROM member_reference_key RETURNING version",
        sealed, actor, now,
    )  # fmt: skip
    await audit.record(work, actor, "reference_key.rotate", f"reference_key:{version}", now)
    return version


async def member_of(work: UnitOfWork, ring: KeyRing, partner_id: UUID, reference: str) -> UUID | None:
    """Return the member whom the partner knows by the reference, under whichever key it was made, or None.

    A reference cannot be inverted: it is computed for each member with dealings at the partner, and compared.
    """
    version = version_of(reference)
    key = first_key(ring) if version == 1 else None
    if version is not None and version > 1:
        row = await work.run(MemberReferenceKeyRow.select().where(MemberReferenceKeyRow.version == version).first())
        key = None if row is None else ReferenceKey(version, ring.decrypt(PURPOSE, row["key_sealed"]))
    if key is None:
        return None
    rows = await work.fetch(
        "SELECT DISTINCT (payload ->> 'member_id')::uuid AS id FROM event"
        " WHERE payload ->> 'partner_id' = $1 AND payload ->> 'member_id' IS NOT NULL",
        str(partner_id),
    )
    for row in rows:
        if hmac.compare_digest(member_reference(key, partner_id, row["id"]), reference):
            return UUID(str(row["id"]))
    return None
