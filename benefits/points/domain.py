"""Points: wallets with lots that expire, and the postings that move them. Pure functions; no clock, no I/O."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import msgspec

from marketplace.kernel.calendar import Calendar, Month
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text

MAX_POINTS = 10_000_000
"""The most that one earning or price may be: far above any real one, and a wallet's sum stays far below a bigint's end."""


class Account(StrEnum):
    """The sub-accounts of a member's bucket between which points move."""

    WALLET = "wallet"  # what the member can spend
    HELD = "held"  # set aside until a hold ends
    PROGRAMME = "programme"  # the OEM's club, where earnings come from
    PARTNER = "partner"  # what members spent at a partner (counterparty: the partner)
    GIFT = "gift"  # on the way to another member (counterparty: that member); over all buckets it sums to zero
    EXPIRED = "expired"  # what nobody spent in time


class PointsPostingCode(StrEnum):
    """Why points moved."""

    EARNING = "earning"  # the OEM credited them
    REDEMPTION = "redemption"  # the member spent them
    CANCELLATION = "cancellation"  # a redemption was undone
    FORFEITURE = "forfeiture"  # came back from a cancellation after their lot had expired, and the rule lets them go
    EXPIRY = "expiry"  # their lot's time was over
    HOLD = "hold"  # set aside for something that waits for somebody else
    RELEASE = "release"  # a hold ended without spending them
    GIFT = "gift"  # one member gave them to another


class Posting(msgspec.Struct, frozen=True):
    """One movement of points: from `source` to `destination`, always a positive number, of one lot."""

    transaction_id: UUID
    member_id: UUID
    code: PointsPostingCode
    source: Account
    destination: Account
    expires_on: date
    points: int
    occurred_at: datetime
    counterparty: UUID | None = None
    reverses: UUID | None = None

    def reverse(self, transaction_id: UUID, code: PointsPostingCode, now: datetime) -> "Posting":
        """Return the posting that undoes this one and names it."""
        return msgspec.structs.replace(
            self,
            transaction_id=transaction_id,
            code=code,
            source=self.destination,
            destination=self.source,
            occurred_at=now,
            reverses=self.transaction_id,
        )


class LotPart(msgspec.Struct, frozen=True):
    """Some points of one lot."""

    expires_on: date
    points: int


class OverdrawnError(RuntimeError):
    """More was to be taken than is there. A decision asks first, so this is a bug, and nothing of it is committed."""


class Wallet(msgspec.Struct):
    """A member's points in memory, under the lock of the wallet's row.

    `lots` maps the day from which points are gone to how many there are; `balance` is their sum.
    """

    member_id: UUID
    balance: int
    lots: dict[date, int]

    def take(self, points: int) -> list[LotPart]:
        """Spend points, first to expire first, and return what was taken of which lot. Raises OverdrawnError."""
        if points > self.balance:
            raise OverdrawnError(f"{points} points were to be taken from a wallet of {self.balance}")
        parts, left = [], points
        for expires_on in sorted(self.lots):
            part = min(left, self.lots[expires_on])
            if part:
                self.lots[expires_on] -= part
                parts.append(LotPart(expires_on, part))
                left -= part
        self.balance -= points
        return parts

    def put(self, part: LotPart) -> None:
        """Add points to a lot."""
        self.lots[part.expires_on] = self.lots.get(part.expires_on, 0) + part.points
        self.balance += part.points

    def expire(self, today: date) -> list[LotPart]:
        """Take out what is gone by today and return it, by lot."""
        due = [day for day, points in self.lots.items() if points and day <= today]
        if not due:
            return []
        parts = [LotPart(day, self.lots[day]) for day in sorted(due)]
        for part in parts:
            self.lots[part.expires_on] = 0
            self.balance -= part.points
        return parts


class MemberState(msgspec.Struct):
    """A member as a decision sees them: wallet, tier, and whether they may redeem at all."""

    wallet: Wallet
    tier: str
    active: bool


class InsufficientPoints(Refusal):
    """The wallet holds less than is wanted."""

    code = "insufficient_points"
    zh = "积分不足：需要 {wanted}，现有 {found}。"
    en = "Not enough points: {wanted} are needed, {found} are there."
    explanation = Explanation(
        Text("会员的可用积分不足。", "The member does not have enough points."),
        Text("请减少数量，或待积分足够后再兑换。", "Redeem fewer units, or wait until the balance is enough."),
    )


class EarningRefusal(Refusal):
    """Base of what refuses one earning of a call; the others of the call are not touched."""

    kind = Kind.CONFLICT


class UnknownMember(EarningRefusal):
    """No member has that id."""

    code = "unknown_member"
    zh = "没有该会员。"
    en = "There is no such member."
    explanation = Explanation(
        Text("没有该会员。", "There is no such member."),
        Text("请核对 member_id，或先上报该会员。", "Check member_id, or send the member first."),
    )


class ReferenceReused(EarningRefusal):
    """The member already has an earning of that reference with other content."""

    code = "reference_reused"
    zh = "该 reference 已用于内容不同的积分记录。"
    en = "The reference was used before for a different earning."
    explanation = Explanation(
        Text("该 reference 已用于内容不同的积分记录。", "The reference was used before for a different earning."),
        Text("新的积分请使用新的 reference。", "Use a new reference for a new earning."),
    )


class OccurredInFuture(EarningRefusal):
    """The earning says that it happens later than now."""

    code = "occurred_in_future"
    zh = "occurred_at 晚于当前时间。"
    en = "occurred_at lies in the future."
    explanation = Explanation(
        Text("occurred_at 晚于当前时间。", "occurred_at lies in the future."),
        Text("请核对系统时钟和时区。", "Check the system's clock and time zone."),
    )


class AlreadyExpired(EarningRefusal):
    """The points would have expired before they came."""

    code = "already_expired"
    zh = "按发生时间计算，这些积分已过期。"
    en = "Counted from occurred_at, these points have already expired."
    explanation = Explanation(
        Text(
            "该笔积分按 occurred_at 起算的有效期已经过去，未入账。",
            "The points' validity, counted from occurred_at, has already ended. Nothing was credited.",
        ),
        Text(
            "请核对 occurred_at；确需补发时，以当前时间作为新的一笔积分上报。",
            "Check occurred_at. To credit the points anyway, send a new earning that occurred now.",
        ),
    )


@lru_cache(maxsize=4096)  # the earnings of a call happened at few instants
def expiry_day(occurred_at: datetime, calendar: Calendar, lifetime_months: int) -> date:
    """Return the day from which points are gone: the first of the month after their lifetime's last month.

    All points of a month share the day, so that a wallet has one lot for each month of the lifetime at most.
    """
    return calendar.month_of(occurred_at).plus(lifetime_months + 1).first_day


def restored_expiry(today: date) -> date:
    """Return the day until which returned points last at least under the rule `restore`: the first of the month after next.

    Who cancels in time shall not lose points, and has at least a whole month to spend them.
    """
    return Month.of(today).plus(2).first_day


def spend(wallet: Wallet, points: int, transaction_id: UUID, partner_id: UUID, now: datetime) -> list[Posting]:
    """Take points from the wallet for a partner's benefit and return the postings, one for each lot."""
    parts = wallet.take(points)
    return _move(
        wallet, parts, transaction_id, PointsPostingCode.REDEMPTION, Account.WALLET, Account.PARTNER, now, partner_id
    )


def expire_due(wallet: Wallet, transaction_id: UUID, today: date, now: datetime) -> list[Posting]:
    """Expire what is due in the wallet and return the postings; none if nothing was due."""
    parts = wallet.expire(today)
    if not parts:
        return []
    return _move(wallet, parts, transaction_id, PointsPostingCode.EXPIRY, Account.WALLET, Account.EXPIRED, now)


def hold(wallet: Wallet, points: int, hold_id: UUID, now: datetime) -> list[Posting]:
    """Set points of the wallet aside and return the postings, one for each lot."""
    return _move(wallet, wallet.take(points), hold_id, PointsPostingCode.HOLD, Account.WALLET, Account.HELD, now)


def spend_held(
    wallet: Wallet, held: Sequence[LotPart], points: int, transaction_id: UUID, partner_id: UUID, now: datetime
) -> tuple[list[Posting], list[LotPart]]:
    """Spend points that a hold set aside, first to expire first; return the postings and what is left of the hold.

    A lot that expired since does not matter: its points were set aside in time. Raises OverdrawnError.
    """
    spent, rest, wanted = [], [], points
    for part in sorted(held, key=lambda part: part.expires_on):
        now_spent = min(part.points, wanted)
        wanted -= now_spent
        if now_spent:
            spent.append(LotPart(part.expires_on, now_spent))
        if part.points > now_spent:
            rest.append(LotPart(part.expires_on, part.points - now_spent))
    if wanted:
        raise OverdrawnError(f"{points} points were to be spent out of a hold of {points - wanted}")
    return _move(
        wallet, spent, transaction_id, PointsPostingCode.REDEMPTION, Account.HELD, Account.PARTNER, now, partner_id
    ), rest


def release(
    wallet: Wallet, held: Sequence[LotPart], transaction_id: UUID, today: date, now: datetime, *, rule: str
) -> list[Posting]:
    """Give held points back to the wallet and return the postings; for the days until which they last, see `give_back`."""
    back = _move(wallet, held, transaction_id, PointsPostingCode.RELEASE, Account.HELD, Account.WALLET, now)
    return _return(wallet, back, today, rule)


def give_back(
    wallet: Wallet, taken: Sequence[Posting], transaction_id: UUID, today: date, now: datetime, *, rule: str
) -> list[Posting]:
    """Undo a spending and return the postings; points go back to the lots that they came from, as the rule says.

    Under `restore` what comes back lasts until the end of next month at least, whether its lot has expired or would sooner. Under
    `forfeit` a lot keeps its day, and the points of one that has expired are posted back and expire at once.
    """
    return _return(wallet, [p.reverse(transaction_id, PointsPostingCode.CANCELLATION, now) for p in taken], today, rule)


def give(
    giver: Wallet, recipient: Wallet, points: int, transaction_ids: tuple[UUID, UUID], now: datetime
) -> list[Posting]:
    """Move points to another member's wallet and return the postings; they keep the day on which they expire.

    Both legs of each posting lie in its own member's bucket, so a gift is two transactions: the giver's and the
    recipient's. Raises OverdrawnError.
    """
    given, taken = transaction_ids
    parts = giver.take(points)
    for part in parts:
        recipient.put(part)
    out = _move(giver, parts, given, PointsPostingCode.GIFT, Account.WALLET, Account.GIFT, now, recipient.member_id)
    return [
        *out,
        *_move(recipient, parts, taken, PointsPostingCode.GIFT, Account.GIFT, Account.WALLET, now, giver.member_id),
    ]


def _return(wallet: Wallet, back: Sequence[Posting], today: date, rule: str) -> list[Posting]:
    """Put points back into the wallet's lots by the rule, and return the postings."""
    postings = []
    for posting in back:
        if rule == "restore":
            kept = msgspec.structs.replace(posting, expires_on=max(posting.expires_on, restored_expiry(today)))
            postings.append(kept)
            wallet.put(LotPart(kept.expires_on, kept.points))
        elif posting.expires_on > today:
            postings.append(posting)
            wallet.put(LotPart(posting.expires_on, posting.points))
        else:
            postings.append(posting)
            postings.append(
                msgspec.structs.replace(
                    posting,
                    code=PointsPostingCode.FORFEITURE,
                    source=Account.WALLET,
                    destination=Account.EXPIRED,
                    counterparty=None,
                )
            )
    return postings


def _move(
    wallet: Wallet,
    parts: Iterable[LotPart],
    transaction_id: UUID,
    code: PointsPostingCode,
    source: Account,
    destination: Account,
    now: datetime,
    counterparty: UUID | None = None,
) -> list[Posting]:
    return [
        Posting(
            transaction_id=transaction_id,
            member_id=wallet.member_id,
            code=code,
            source=source,
            destination=destination,
            expires_on=part.expires_on,
            points=part.points,
            occurred_at=now,
            counterparty=counterparty,
        )
        for part in parts
    ]


def wallet_change(postings: Iterable[Posting]) -> int:
    """Return by how many points the postings change the wallet."""
    return sum(
        posting.points * ((posting.destination is Account.WALLET) - (posting.source is Account.WALLET))
        for posting in postings
    )
