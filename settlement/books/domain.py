"""The money book: what the OEM owes each partner, as postings that are never changed.

Pure: a redemption's event gives postings, and the same event the same postings, with the same ids, however often it
is told.
"""

import hashlib
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from benefits.redemptions.events import RedemptionCancelled, RedemptionIssued, VoucherExpired, VoucherUsed
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.money import tax_included

RedemptionEvent = RedemptionIssued | RedemptionCancelled | VoucherUsed | VoucherExpired


class Account(StrEnum):
    """The chart of accounts. Each is kept per partner and currency, so a partner's book balances by itself.

    A posting goes from the account that is debited (source) to the one that is credited (destination).
    """

    BENEFITS = "oem:benefits"
    """What benefits cost the OEM."""
    PAYABLE = "partner:payable"
    """What the OEM owes the partner: credits less debits."""
    BANK = "oem:bank"
    """What left the OEM's bank account."""


class PostingCode(StrEnum):
    """Why a posting was made."""

    BENEFIT_ON_ISSUE = "benefit_on_issue"
    """The contract owes the partner when the member redeems."""
    BENEFIT_ON_ISSUE_REVERSED = "benefit_on_issue_reversed"
    """The redemption was cancelled: the posting of its issue, the other way round."""
    BENEFIT_ON_USE = "benefit_on_use"
    """The contract owes the partner when it serves the voucher."""
    PAYOUT = "payout"
    """A statement was paid."""


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that moves from one account of a partner to another, in minor units.

    `tax_minor` is the tax contained in the amount. `reverses` names the posting that this one undoes. A payout has no
    redemption, and a redemption's posting no payout.
    """

    id: UUID
    transaction_id: UUID
    code: PostingCode
    partner_id: UUID
    source: Account
    destination: Account
    amount_minor: int
    tax_minor: int
    currency: str
    occurred_at: datetime
    redemption_id: UUID | None = None
    voucher_id: UUID | None = None
    offer_id: UUID | None = None
    revision: int | None = None
    quantity: int | None = None
    reference: str = ""
    location_id: str = ""
    contract_id: UUID | None = None
    contract_version: int | None = None
    reverses: UUID | None = None
    payout_id: UUID | None = None

    def reverse(self, transaction_id: UUID, code: PostingCode, occurred_at: datetime) -> "Posting":
        """Return the posting that undoes this one: the same amount the other way round, naming this one."""
        return msgspec.structs.replace(
            self,
            id=derived_id(transaction_id, self.source),
            transaction_id=transaction_id,
            code=code,
            source=self.destination,
            destination=self.source,
            occurred_at=occurred_at,
            reverses=self.id,
        )

    @property
    def sign(self) -> int:
        """1 where the OEM owes the partner more by it, -1 where it owes less."""
        return 1 if self.destination is Account.PAYABLE else -1


def derived_id(base: UUID, name: str) -> UUID:
    """Return the UUIDv7 that belongs to the name under the base id: the same for the same pair, always.

    It keeps the base's millisecond, so that it sorts with it; its other bits are a digest, where a fresh UUIDv7 has random
    ones (RFC 9562 §5.7 leaves them to the maker). A doubled event thus makes the same posting, and a reversal can name
    its original without looking it up.
    """
    digest = int.from_bytes(hashlib.sha256(base.bytes + name.encode()).digest())
    version_and_variant = 0x7 << 76 | 0b10 << 62
    random_bits = (digest >> 62 & 0xFFF) << 64 | digest & (1 << 62) - 1
    return UUID(int=base.int >> 80 << 80 | version_and_variant | random_bits)


def postings_for(event: RedemptionEvent) -> list[Posting]:
    """Return what an event adds to the book; nothing for most.

    on_issue: owed at the issue, undone by a cancellation. on_use: owed at the use. A voucher that expires changes
    nothing: what was owed at its issue stays owed. A benefit that costs the OEM nothing is not posted.
    """
    if event.settlement.amount_minor == 0:
        return []
    match event, event.settlement.basis:
        case RedemptionIssued(), "on_issue":
            return [_owed(event, PostingCode.BENEFIT_ON_ISSUE, event.issued_at)]
        case RedemptionCancelled(), "on_issue":
            # The frozen terms that made the original make it again here; its instant is not in what its reversal says.
            original = _owed(event, PostingCode.BENEFIT_ON_ISSUE, event.cancelled_at)
            undoing = derived_id(event.redemption_id, PostingCode.BENEFIT_ON_ISSUE_REVERSED)
            return [original.reverse(undoing, PostingCode.BENEFIT_ON_ISSUE_REVERSED, event.cancelled_at)]
        case VoucherUsed(), "on_use":
            owed = _owed(event, PostingCode.BENEFIT_ON_USE, event.used_at)
            return [msgspec.structs.replace(owed, reference=event.reference, location_id=event.location_id)]
        case _:
            return []


def _owed(
    event: RedemptionIssued | RedemptionCancelled | VoucherUsed, code: PostingCode, occurred_at: datetime
) -> Posting:
    terms = event.settlement
    transaction_id = derived_id(event.redemption_id, code)
    return Posting(
        id=derived_id(transaction_id, Account.PAYABLE),
        transaction_id=transaction_id,
        code=code,
        partner_id=event.partner_id,
        source=Account.BENEFITS,
        destination=Account.PAYABLE,
        amount_minor=terms.amount_minor,
        tax_minor=tax_included(terms.amount_minor, terms.tax_rate_ppm),
        currency=terms.currency,
        occurred_at=occurred_at,
        redemption_id=event.redemption_id,
        voucher_id=event.voucher_id,
        offer_id=event.offer_id,
        revision=event.revision,
        quantity=event.quantity,
        contract_id=terms.contract_id,
        contract_version=terms.contract_version,
    )


def payout_posting(payout_id: UUID, partner_id: UUID, amount_minor: int, currency: str, paid_at: datetime) -> Posting:
    """Return the posting of a payout: what was owed left the bank. Its tax was told by the lines that it pays."""
    transaction_id = derived_id(payout_id, PostingCode.PAYOUT)
    return Posting(
        id=derived_id(transaction_id, Account.BANK),
        transaction_id=transaction_id,
        code=PostingCode.PAYOUT,
        partner_id=partner_id,
        source=Account.PAYABLE,
        destination=Account.BANK,
        amount_minor=amount_minor,
        tax_minor=0,
        currency=currency,
        occurred_at=paid_at,
        payout_id=payout_id,
    )


def period_of(occurred_at: datetime, open_from: date | None, calendar: Calendar) -> date:
    """Return the first day of the month that a posting is settled in.

    It is the business month in which it occurred, or the partner's first open month when that one is closed: closed
    months never change. `open_from` is None while nothing was closed yet.
    """
    month = calendar.month_of(occurred_at).first_day
    return month if open_from is None else max(month, open_from)
