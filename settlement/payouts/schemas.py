"""What goes over the wire about payouts."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec

from marketplace.kernel.money import Money
from marketplace.kernel.text import marked
from settlement.payouts.domain import Rail

PayoutReference = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=64, pattern=r"^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$(?!\n)",
        extra=marked(words=(" 1 至 64 个字符的一行文字", "one line of text of 1 to 64 characters")),
        description="The bank's reference of the transfer.", examples=["ICBC-20261105-0042"],
    ),
]  # fmt: skip


class PayoutInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement that was paid: how, and on which business day. The amount is the statement's total."""

    statement_id: UUID
    rail: Rail
    reference: PayoutReference
    paid_on: date


class PartnerPayoutView(msgspec.Struct, frozen=True, kw_only=True):
    """A payout as its partner sees it."""

    id: UUID
    statement_id: UUID
    partner_id: UUID
    amount: Money
    rail: Rail
    reference: str
    paid_on: date
    recorded_at: datetime


class PayoutView(PartnerPayoutView, frozen=True, kw_only=True):
    """A payout as finance sees it: with who recorded it."""

    recorded_by: str
