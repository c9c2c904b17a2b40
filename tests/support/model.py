"""A small pure model of points, stock and vouchers, written from the rules and not from the code.

Days are plain integers of the business calendar (date ordinals); a lot is known by its first day without points.
"""

from dataclasses import dataclass, field
from datetime import date


def month_after(day: int, months: int) -> int:
    """Return the first day of the month that many months after the day's own."""
    first = date.fromordinal(day)
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1).toordinal()


@dataclass
class Redeemed:
    """A redemption that the model made."""

    member: int
    offer: int
    quantity: int
    taken: dict[int, int]
    expires: int
    on: int
    status: str = "issued"


@dataclass
class Model:
    """Two numbers for each member and lot, one for each stock, one word for each voucher."""

    today: int
    lifetime_months: int
    voucher_days: int
    cancel_window_days: int
    restore: bool
    price: list[int]
    stock: list[int | None]
    limit: list[int | None]
    lots: dict[int, dict[int, int]] = field(default_factory=dict)
    earned: dict[tuple[int, str], int] = field(default_factory=dict)
    redeemed: list[Redeemed] = field(default_factory=list)
    expired_points: int = 0

    def balance(self, member: int) -> int:
        """Points that can be spent today."""
        return sum(points for day, points in self.lots.get(member, {}).items() if day > self.today)

    def earn(self, member: int, reference: str, points: int) -> str:
        """Credit points of today."""
        before = self.earned.get((member, reference))
        if before is not None:
            return "replayed" if before == points else "reference_reused"
        self.earned[member, reference] = points
        lot = month_after(self.today, self.lifetime_months + 1)
        lots = self.lots.setdefault(member, {})
        lots[lot] = lots.get(lot, 0) + points
        return "credited"

    def redeem(self, member: int, offer: int, quantity: int) -> str:
        """Spend points, first to expire first; the first reason against it is the answer."""
        limit, stock, price = self.limit[offer], self.stock[offer], self.price[offer] * quantity
        had = sum(
            r.quantity for r in self.redeemed if (r.member, r.offer) == (member, offer) and r.status != "cancelled"
        )
        if limit is not None and had + quantity > limit:
            return "limit_reached"
        if stock is not None and quantity > stock:
            return "sold_out"
        if price > self.balance(member):
            return "insufficient_points"
        taken: dict[int, int] = {}
        for day in sorted(self.lots[member]):
            if day > self.today and price:
                part = min(price, self.lots[member][day])
                self.lots[member][day] -= part
                price -= part
                if part:
                    taken[day] = part
        if stock is not None:
            self.stock[offer] = stock - quantity
        expires = self.today + self.voucher_days + 1
        self.redeemed.append(Redeemed(member, offer, quantity, taken, expires, self.today))
        return "issued"

    def state(self, redemption: int) -> str:
        """What the voucher is today."""
        found = self.redeemed[redemption]
        return "expired" if found.status == "issued" and self.today >= found.expires else found.status

    def use(self, redemption: int) -> str:
        """Take the voucher."""
        state = self.state(redemption)
        if state == "issued":
            self.redeemed[redemption].status = "used"
        return {"issued": "used", "used": "already_used"}.get(state, state)

    def cancel(self, redemption: int) -> tuple[str, int, int]:
        """Give it back: what it came to, points returned, points forfeited."""
        found, state = self.redeemed[redemption], self.state(redemption)
        if state != "issued":
            return ("already_used" if state == "used" else state), 0, 0
        if self.today >= found.on + self.cancel_window_days:
            return "cancel_window_over", 0, 0
        found.status = "cancelled"
        stock = self.stock[found.offer]
        if stock is not None:
            self.stock[found.offer] = stock + found.quantity
        returned = forfeited = 0
        for day, points in found.taken.items():
            target = max(day, month_after(self.today, 2)) if self.restore else day
            if day > self.today or self.restore:
                self.lots[found.member][target] = self.lots[found.member].get(target, 0) + points
                returned += points
            else:
                forfeited += points
        return "cancelled", returned, forfeited
