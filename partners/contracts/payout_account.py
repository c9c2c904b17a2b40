"""A partner's payout account: stored encrypted, shown masked, changed by finance only.

A partner's own systems cannot change it, so that a stolen token cannot divert payouts.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.kernel.keyring import KeyRing, Purpose
from marketplace.kernel.refusals import ChangedMeanwhile, NotFound
from marketplace.kernel.text import marked
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.http.etags import ANY, Editions, only
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.events import PayoutAccountChanged
from partners.contracts.tables import PayoutAccountRow
from partners.fields import OneLine, Reference
from partners.registry.history import lock_partner

PURPOSE = Purpose("payout account", ("payout_account.number_sealed",))

AccountNumber = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9A-Z]{8,34}$(?!\n)",
        description="Without blanks; never told again.",
        examples=["6222021001112223334"],
        extra=marked(words=(" 8 至 34 个数字或大写字母，不含空格", "8 to 34 digits or capital letters without blanks")),
    ),
]


class PayoutAccountInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The partner's bank account, and the filing reference of the document that proves it."""

    holder: OneLine
    bank: OneLine
    number: AccountNumber
    document_reference: Reference


class PayoutAccountView(msgspec.Struct, frozen=True, kw_only=True):
    """The account, its number masked except for the last four digits."""

    holder: str
    bank: str
    number: str
    version: int
    changed_at: datetime


async def set_payout_account(
    work: UnitOfWork,
    partner_id: UUID,
    account: PayoutAccountInput,
    editions: Editions | None,
    ring: KeyRing,
    actor: str,
    now: datetime,
) -> PayoutAccountView:
    """Set the account, if the current version is among `editions` (None: there is none yet), and return it masked.

    The partner is notified of the change, with the last four digits. Raises NotFound, ChangedMeanwhile.
    """
    await lock_partner(work, partner_id)
    present = await work.fetchval("SELECT version FROM payout_account WHERE partner_id = $1", partner_id)
    version, last_four = present or 0, account.number[-4:]
    # "0" is the version of a missing account; `*` does not match a missing one.
    if version not in (only(0) if editions is None else editions) or (present is None and editions is ANY):
        raise ChangedMeanwhile
    written = await work.fetchval(
        "INSERT INTO payout_account AS a (partner_id, version, holder, bank, number_sealed, last_four, document_reference,"
        " changed_by, changed_at) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (partner_id) DO UPDATE SET version = a.version + 1, holder = $2, bank = $3, number_sealed = $4,"
        " last_four = $5, document_reference = $6, changed_by = $7, changed_at = $8 WHERE a.version = $9"
        " RETURNING version",
        partner_id, account.holder, account.bank, ring.encrypt(PURPOSE, account.number.encode()), last_four,
        account.document_reference, actor, now, version,
    )  # fmt: skip
    if written != version + 1:
        raise ChangedMeanwhile
    await publish(work, [PayoutAccountChanged(partner_id, last_four, now)], now)
    await audit.record(
        work, actor, "payout_account.set", f"partner:{partner_id}", now,
        last_four=last_four, document_reference=account.document_reference,
    )  # fmt: skip
    return await get_payout_account(partner_id)


async def get_payout_account(partner_id: UUID) -> PayoutAccountView:
    """Return the partner's account, masked. Raises NotFound."""
    row = (
        await PayoutAccountRow.select(
            PayoutAccountRow.holder,
            PayoutAccountRow.bank,
            PayoutAccountRow.last_four,
            PayoutAccountRow.version,
            PayoutAccountRow.changed_at,
        )
        .where(PayoutAccountRow.partner_id == partner_id)
        .first()
    )
    if row is None:
        raise NotFound
    return PayoutAccountView(
        holder=row["holder"],
        bank=row["bank"],
        number=f"**** {row['last_four']}",
        version=row["version"],
        changed_at=row["changed_at"],
    )
