"""The money book: what the OEM and each partner owe each other, as postings that are never changed.

Pure: an event gives postings, and the same event the same postings, with the same ids, however often it is told.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from benefits.points.events import PointsGranted
from benefits.redemptions.events import (
    RedemptionCancelled,
    RedemptionIssued,
    VoucherExpired,
    VoucherUsed,
    VoucherUseUndone,
)
from marketplace.kernel.calendar import Calendar
from marketplace.kernel.money import tax_included
from marketplace.kernel.periods import Cycle, Period

BookedEvent = RedemptionIssued | RedemptionCancelled | VoucherUsed | VoucherUseUndone | VoucherExpired | PointsGranted
"""The events from which postings can follow."""


class MoneyAccount(StrEnum):
    """The chart of accounts. Each is kept per partner and currency, so a partner's book balances by itself.

    A posting goes from the account that is debited (source) to the one that is credited (destination).
    """

    BENEFITS = "oem:benefits"
    """What benefits cost the OEM."""
    PAYABLE = "partner:payable"
    """What the OEM owes the partner: credits less debits."""
    BANK = "oem:bank"
    """What left the OEM's bank account."""
    COMMISSION = "oem:commission"
    """What the OEM keeps of what it owes: its income."""
    POINTS = "oem:points"
    """What partners pay for the points that they grant postpaid: the OEM's income."""
    DEALER = "dealer:receivable"
    """What the dealer of the contract owes the OEM for its part of the funding. The OEM pays the partner and collects it."""


class MoneyPostingCode(StrEnum):
    """Why a posting was made."""

    BENEFIT_ON_ISSUE = "benefit_on_issue"
    """The contract owes the partner when the member redeems."""
    BENEFIT_ON_ISSUE_REVERSED = "benefit_on_issue_reversed"
    """The redemption was cancelled: the posting of its issue, the other way round."""
    BENEFIT_ON_USE = "benefit_on_use"
    """The contract owes the partner when it serves the voucher."""
    BENEFIT_ON_USE_REVERSED = "benefit_on_use_reversed"
    """The counter undid the use: the posting of that use, the other way round."""
    DEALER_SHARE = "dealer_share"
    """The part of the benefit that the dealer bears; the benefit itself is posted without it."""
    DEALER_SHARE_REVERSED = "dealer_share_reversed"
    """The dealer's part of a benefit that was cancelled or undone."""
    PARTNER_SHARE = "partner_share"
    """The part of the benefit that the partner bears itself: it is not paid."""
    PARTNER_SHARE_REVERSED = "partner_share_reversed"
    """The partner's part of a benefit that was cancelled or undone."""
    COMMISSION = "commission"
    """What the OEM keeps of what it owes."""
    COMMISSION_REVERSED = "commission_reversed"
    """The commission on a benefit that was cancelled or undone."""
    POINTS_GRANTED = "points_granted"
    """The partner granted points postpaid: it owes the OEM for them, and its payable is less by that."""
    PAYOUT = "payout"
    """A statement was paid."""


class MoneyPosting(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that moves from one account of a partner to another, in minor units.

    `tax_minor` is the tax contained in the amount. `reverses` names the posting that this one undoes, `occasion` counts the
    uses of one voucher where some were undone. It is settled in periods of `cycle`, by the days of `zone`. A payout and a grant
    of points have no redemption.
    """

    id: UUID
    transaction_id: UUID
    code: MoneyPostingCode
    partner_id: UUID
    source: MoneyAccount
    destination: MoneyAccount
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
    occasion: int = 1
    cycle: Cycle = "monthly"
    zone: str = ""
    reverses: UUID | None = None
    payout_id: UUID | None = None

    def reverse(self, transaction_id: UUID, code: MoneyPostingCode, occurred_at: datetime) -> "MoneyPosting":
        """Return the posting that undoes this one: the same amount the other way round, naming this one."""
        return msgspec.structs.replace(
            self,
            id=line_id(transaction_id, code, self.source),
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
        return 1 if self.destination is MoneyAccount.PAYABLE else -1


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


_BENEFITS = frozenset(code for code in MoneyPostingCode if code.startswith("benefit_"))


def line_id(transaction_id: UUID, code: MoneyPostingCode, account: MoneyAccount) -> UUID:
    """Return the id of a posting of the transaction: a benefit's by the account that it reaches, any other's by its code."""
    return derived_id(transaction_id, account if code in _BENEFITS else code)


_REVERSED: Mapping[MoneyPostingCode, MoneyPostingCode] = {
    MoneyPostingCode.BENEFIT_ON_ISSUE: MoneyPostingCode.BENEFIT_ON_ISSUE_REVERSED,
    MoneyPostingCode.BENEFIT_ON_USE: MoneyPostingCode.BENEFIT_ON_USE_REVERSED,
    MoneyPostingCode.DEALER_SHARE: MoneyPostingCode.DEALER_SHARE_REVERSED,
    MoneyPostingCode.PARTNER_SHARE: MoneyPostingCode.PARTNER_SHARE_REVERSED,
    MoneyPostingCode.COMMISSION: MoneyPostingCode.COMMISSION_REVERSED,
}


def postings_for(event: BookedEvent) -> list[MoneyPosting]:
    """Return what an event adds to the book; nothing for most.

    on_issue: owed at the issue, undone by a cancellation. on_use: owed at the use, undone when the counter undoes it. A
    voucher that expires changes nothing: what was owed at its issue stays owed. Points that a partner granted postpaid are
    owed by it. What comes to nothing is not posted.

    The frozen terms alone say the amounts, and no contract is looked up: a later version cannot change them.
    """
    if isinstance(event, PointsGranted):
        return _granted(event)
    match event, event.settlement.basis:
        case RedemptionIssued(), "on_issue":
            return _owed(event, MoneyPostingCode.BENEFIT_ON_ISSUE, event.issued_at)
        case RedemptionCancelled(), "on_issue":
            # The frozen terms that made the originals make them again here; their instant is not in what a reversal says.
            originals = _owed(event, MoneyPostingCode.BENEFIT_ON_ISSUE, event.cancelled_at)
            return _undone(
                originals, MoneyPostingCode.BENEFIT_ON_ISSUE_REVERSED, event.redemption_id, event.cancelled_at
            )
        case VoucherUsed(), "on_use":
            return _owed(event, MoneyPostingCode.BENEFIT_ON_USE, event.used_at)
        case VoucherUseUndone(), "on_use":
            originals = _owed(event, MoneyPostingCode.BENEFIT_ON_USE, event.undone_at)
            return _undone(originals, MoneyPostingCode.BENEFIT_ON_USE_REVERSED, event.redemption_id, event.undone_at)
        case _:
            return []


def _granted(event: PointsGranted) -> list[MoneyPosting]:
    """Return what the partner owes for points that it granted, under the id of the points' own transaction."""
    terms = event.settlement
    if terms is None or terms.amount_minor == 0:
        return []
    return [
        MoneyPosting(
            id=line_id(event.transaction_id, MoneyPostingCode.POINTS_GRANTED, MoneyAccount.POINTS),
            transaction_id=event.transaction_id,
            code=MoneyPostingCode.POINTS_GRANTED,
            partner_id=event.partner_id,
            source=MoneyAccount.PAYABLE,
            destination=MoneyAccount.POINTS,
            amount_minor=terms.amount_minor,
            tax_minor=tax_included(terms.amount_minor, terms.tax_rate_ppm),
            currency=terms.currency,
            occurred_at=event.granted_at,
            reference=event.reference,
            contract_id=terms.contract_id,
            contract_version=terms.contract_version,
            cycle=terms.cycle,
            zone=terms.zone,
        )
    ]


def _owed(
    event: RedemptionIssued | RedemptionCancelled | VoucherUsed | VoucherUseUndone,
    benefit: MoneyPostingCode,
    occurred_at: datetime,
) -> list[MoneyPosting]:
    """Return what a redemption owes as one transaction: the benefit, and what of it others bear or the OEM keeps.

    The credits sum to the frozen amount, and their tax to the tax that it contains.
    """
    terms = event.settlement
    dealer_tax = tax_included(terms.dealer_minor, terms.tax_rate_ppm)
    whole_tax = tax_included(terms.amount_minor, terms.tax_rate_ppm)
    parts = [
        (
            benefit,
            MoneyAccount.BENEFITS,
            MoneyAccount.PAYABLE,
            terms.amount_minor - terms.dealer_minor,
            whole_tax - dealer_tax,
        ),
        (MoneyPostingCode.DEALER_SHARE, MoneyAccount.DEALER, MoneyAccount.PAYABLE, terms.dealer_minor, dealer_tax),
        _deducted(MoneyPostingCode.PARTNER_SHARE, MoneyAccount.BENEFITS, terms.partner_minor, terms.tax_rate_ppm),
        _deducted(MoneyPostingCode.COMMISSION, MoneyAccount.COMMISSION, terms.commission_minor, terms.tax_rate_ppm),
    ]
    return [_posting(event, benefit, part, occurred_at) for part in parts if part[3]]


_Part = tuple[MoneyPostingCode, MoneyAccount, MoneyAccount, int, int]
"""A code, from where, to where, the amount, the tax in it."""


def _deducted(code: MoneyPostingCode, destination: MoneyAccount, amount_minor: int, tax_rate_ppm: int) -> _Part:
    return code, MoneyAccount.PAYABLE, destination, amount_minor, tax_included(amount_minor, tax_rate_ppm)


def _posting(
    event: RedemptionIssued | RedemptionCancelled | VoucherUsed | VoucherUseUndone,
    benefit: MoneyPostingCode,
    part: _Part,
    occurred_at: datetime,
) -> MoneyPosting:
    code, source, destination, amount_minor, tax_minor = part
    terms = event.settlement
    reference, location_id, occasion = "", "", 1
    if isinstance(event, VoucherUsed | VoucherUseUndone):
        reference, location_id, occasion = event.reference, event.location_id, event.occasion
    transaction_id = derived_id(event.redemption_id, _name(benefit, occasion))
    return MoneyPosting(
        id=line_id(transaction_id, code, destination),
        transaction_id=transaction_id,
        code=code,
        partner_id=event.partner_id,
        source=source,
        destination=destination,
        amount_minor=amount_minor,
        tax_minor=tax_minor,
        currency=terms.currency,
        occurred_at=occurred_at,
        redemption_id=event.redemption_id,
        voucher_id=event.voucher_id,
        offer_id=event.offer_id,
        revision=event.revision,
        quantity=event.quantity,
        reference=reference,
        location_id=location_id,
        contract_id=terms.contract_id,
        contract_version=terms.contract_version,
        occasion=occasion,
        cycle=terms.cycle,
        zone=terms.zone,
    )


def _undone(
    originals: Sequence[MoneyPosting], benefit: MoneyPostingCode, redemption_id: UUID, occurred_at: datetime
) -> list[MoneyPosting]:
    """Return the reversals of what a redemption owed, as one transaction."""
    return [
        original.reverse(
            derived_id(redemption_id, _name(benefit, original.occasion)), _REVERSED[original.code], occurred_at
        )
        for original in originals
    ]


def _name(code: MoneyPostingCode, occasion: int) -> str:
    return str(code) if occasion == 1 else f"{code}:{occasion}"


def payout_posting(
    payout_id: UUID, partner_id: UUID, amount_minor: int, currency: str, paid_at: datetime, cycle: Cycle = "monthly"
) -> MoneyPosting:
    """Return the posting of a payout: what was owed left the bank. It has no tax: the lines that it pays carry theirs."""
    transaction_id = derived_id(payout_id, MoneyPostingCode.PAYOUT)
    return MoneyPosting(
        id=derived_id(transaction_id, MoneyAccount.BANK),
        transaction_id=transaction_id,
        code=MoneyPostingCode.PAYOUT,
        partner_id=partner_id,
        source=MoneyAccount.PAYABLE,
        destination=MoneyAccount.BANK,
        amount_minor=amount_minor,
        tax_minor=0,
        currency=currency,
        occurred_at=paid_at,
        payout_id=payout_id,
        cycle=cycle,
    )


def period_of(posting: MoneyPosting, open_from: date | None, calendar: Calendar) -> date:
    """Return the first day of the period that a posting is settled in.

    It is the period of its cycle in which it occurred, by the days of its contract's zone; or the partner's first open
    period when that one is closed: closed periods never change. `open_from` is None while nothing was closed yet.
    """
    days = Calendar(ZoneInfo(posting.zone)) if posting.zone else calendar
    first_day = Period.of(posting.cycle, days.day_of(posting.occurred_at)).first_day
    return first_day if open_from is None else max(first_day, open_from)
