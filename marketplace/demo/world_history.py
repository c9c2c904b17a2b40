"""The past of the demo's world: earnings since members joined, redemptions of three months."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from marketplace.demo.world_people import FEATURED
from marketplace.demo.world_things import (
    Cancelled,
    DemoMember,
    DemoOffer,
    Earned,
    Moment,
    PlannedRedemption,
    Used,
)
from marketplace.kernel.calendar import Calendar

MONTHS_BACK = 2
"""Whole business months of redemptions before the current one."""

_HOURS = ((9, 8), (11, 14), (13, 16), (17, 18), (20, 26), (22, 18))
"""The hours of a day with activity, each with its weight: most people redeem after supper."""

_WEEKEND, _MEMBER_DAY = 1.35, 3.6
_MULTIPLIER = {"standard": 1.0, "silver": 1.5, "gold": 2.3, "platinum": 4.0}
_USED, _CANCELLED = 0.70, 0.035
_MEAN_DAYS_TO_USE = 7.0
_LIFETIME_MONTHS = 24
"""The lifetime of points in a demo, equal to the default of the settings."""

_OLD_DAYS = 760
"""A membership of that many days is older than the points that expire next month."""

_FEATURED_MEAN = 2_000
"""More than the average cost of a featured member's redemption."""

_FEATURED_SHARES = (("purchase", 0.5, 0.86), ("service", 0.24, 0.55), ("activity", 0.06, 0.34), ("service", 0.15, 0.14),
                    ("activity", 0.05, 0.03))  # fmt: skip
"""How a featured member earned their points: kind, share of them, and age as a share of the membership."""

_REASONS = ("计划有变", "重复兑换了", "想换一个日期", "朋友已经送了我一张", "选错了城市", "")
_TRIES = 8
_FEATURED_MOST = 5_000
"""The most expensive offer in a featured member's past: their points are left for the person who signs in as them."""


def make_history(
    chance: Random,
    members: Sequence[DemoMember],
    offers: Sequence[DemoOffer],
    locations: dict[str, list[str]],
    redemptions: int,
    now: datetime,
    calendar: Calendar,
) -> list[Moment]:
    """Return the moments of the past in order, with about the requested number of redemptions."""
    opened = calendar.start_of(calendar.month_of(now).plus(-MONTHS_BACK).first_day)
    plan = _Plan(chance, members, offers, locations, _instants(chance, opened, now, calendar))
    fading = calendar.start_of(calendar.month_of(now).plus(-_LIFETIME_MONTHS).first_day) + timedelta(days=12)
    for number, member in enumerate(members):
        plan.earn(number, member, opened, now, fading)
    for moment in plan.spread(max(redemptions - sum(one.redemptions for one in FEATURED), 0), calendar):
        plan.redeem(moment)
    for number, one in enumerate(FEATURED):
        for _ in range(one.redemptions if redemptions else 0):
            plan.redeem(int(len(plan.instants) * chance.betavariate(2.4, 1.0)), member=number, left=0.55)
    return plan.moments(calendar)


def _instants(chance: Random, opened: datetime, now: datetime, calendar: Calendar) -> list[datetime]:
    """Return the instants from the opening until just before now, some in each day."""
    day, found = calendar.day_of(opened), []
    while calendar.start_of(day) < now:
        start = calendar.start_of(day)
        for hour, _ in _HOURS:
            at = start + timedelta(hours=hour - 1, minutes=chance.randint(0, 59), seconds=chance.randint(0, 59))
            if at < now - timedelta(minutes=2):
                found.append(at)
        day += timedelta(days=1)
    return found


class _Plan:
    """The past while it is being planned: balances, remaining stock, and events by instant."""

    def __init__(
        self,
        chance: Random,
        members: Sequence[DemoMember],
        offers: Sequence[DemoOffer],
        locations: dict[str, list[str]],
        instants: list[datetime],
    ) -> None:
        self.chance, self.members, self.locations, self.instants = chance, members, locations, instants
        self.offers = [offer for offer in offers if offer.state == "live" and offer.popularity > 0]
        self.weights = [offer.popularity for offer in self.offers]
        # A few members cause most of the activity, as in reality.
        self.zeal = [chance.paretovariate(1.6) if number >= len(FEATURED) else 0.0 for number in range(len(members))]
        self.balance = [0] * len(members)
        self.left = {offer.sku: offer.stock for offer in self.offers}
        self.had: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.references = self.numbers = 0
        self.earned: defaultdict[datetime, list[Earned]] = defaultdict(list)
        self.wanted: defaultdict[int, list[PlannedRedemption]] = defaultdict(list)
        self.used: defaultdict[int, list[Used]] = defaultdict(list)
        self.cancelled: defaultdict[int, list[Cancelled]] = defaultdict(list)

    def earn(self, number: int, member: DemoMember, opened: datetime, now: datetime, fading: datetime) -> None:
        """Let the member earn from the day of joining on. What is earned at `fading` expires next month."""
        chance, more = self.chance, _MULTIPLIER[member.tier]
        if number < len(FEATURED):
            self._earn_featured(number, now, fading)
            return
        self._credit(number, member.joined_at, chance.choice((200, 500, 888)), "gift", opened)
        self._credit(
            number, member.joined_at, int(chance.uniform(4_000, 14_000) * more) // 100 * 100, "purchase", opened
        )
        at = member.joined_at + timedelta(days=chance.uniform(20, 200))
        while at < now - timedelta(hours=3):
            kind = chance.choices(("service", "activity", "referral"), (6, 5, 0.6))[0]
            low, high = {"service": (600, 2_400), "activity": (50, 300), "referral": (1_500, 2_500)}[kind]
            self._credit(number, at, int(chance.uniform(low, high) * more) // 10 * 10, kind, opened)
            at += timedelta(days=chance.expovariate(1 / 110))

    def _earn_featured(self, number: int, now: datetime, fading: datetime) -> None:
        one = FEATURED[number]
        days = one.member_days
        # The points that pay for the past are older than the rest and spent first; what is left of them expires next month.
        old = one.redemptions * _FEATURED_MEAN + one.points // 40
        if days > _OLD_DAYS:
            self._credit(number, now - timedelta(days=days), 888, "gift", now)
            self._credit(number, fading, old // 10 * 10, "purchase", now)
        for kind, share, age in _FEATURED_SHARES:
            points = max(int(one.points * share) // 10 * 10, 10)
            self._credit(number, now - timedelta(days=days * age, hours=5), points, kind, now)

    def _credit(self, number: int, at: datetime, points: int, kind: str, opened: datetime) -> None:
        self.references += 1
        reference = f"{kind[:2].upper()}-{at:%y%m}-{self.references:06d}"
        # Before the opening the car maker's systems reported once a week; since then each evening.
        when = at if at >= opened else opened - timedelta(days=7 * ((opened - at).days // 7))
        # The callers' kinds are some of Earned's; a text, since the reference begins with it.
        self.earned[when].append(Earned(number, reference, points, kind))  # type: ignore[arg-type]
        self.balance[number] += points

    def spread(self, count: int, calendar: Calendar) -> list[int]:
        """Return the indexes in `instants` at which redemptions happen, in order of time."""
        hours = dict(_HOURS)
        weights = []
        for place, at in enumerate(self.instants):
            local = at.astimezone(calendar.zone)
            weight = hours.get(local.hour + 1, 10) * (1 + 0.35 * place / len(self.instants))
            weight *= _WEEKEND if local.weekday() >= 5 else 1
            weights.append(weight * (_MEMBER_DAY if (local + timedelta(days=1)).day == 1 else 1))
        return sorted(self.chance.choices(range(len(self.instants)), weights, k=count)) if self.instants else []

    def redeem(self, place: int, member: int | None = None, left: float = 1 - _USED - _CANCELLED) -> None:
        """Let a member redeem at that index in `instants`, and decide what happens to the voucher."""
        chance, at = self.chance, self.instants[place]
        for _ in range(_TRIES):
            who = chance.choices(range(len(self.members)), self.zeal)[0] if member is None else member
            offer = chance.choices(self.offers, self.weights)[0]
            quantity = 2 if chance.random() < 0.07 else 1
            if member is not None and offer.points > _FEATURED_MOST:
                continue
            if self._possible(who, offer, quantity, at):
                break
        else:
            return
        self.balance[who] -= offer.points * quantity
        self.had[who, offer.sku] += quantity
        stock = self.left[offer.sku]
        if stock is not None:
            self.left[offer.sku] = stock - quantity
        self.numbers += 1
        self.wanted[place].append(PlannedRedemption(self.numbers, who, offer.sku, quantity))
        self._then(self.numbers, offer, place, left)

    def _possible(self, who: int, offer: DemoOffer, quantity: int, at: datetime) -> bool:
        member, stock = self.members[who], self.left[offer.sku]
        return (
            offer.points * quantity <= self.balance[who]
            and (not offer.tiers or member.tier in offer.tiers)
            and (offer.per_member is None or self.had[who, offer.sku] + quantity <= offer.per_member)
            and (stock is None or quantity <= stock)
            and offer.starts_at <= at
            and member.joined_at < at
        )

    def _then(self, number: int, offer: DemoOffer, place: int, left: float) -> None:
        chance, at = self.chance, self.instants[place]
        if chance.random() < left:
            return
        if chance.random() < _CANCELLED / (_USED + _CANCELLED):
            later = self._place_at(at + timedelta(hours=chance.uniform(0.5, 90)), place)
            if later is not None:
                self.cancelled[later].append(Cancelled(number, chance.choice(_REASONS)))
            return
        wait = timedelta(days=min(chance.expovariate(1 / _MEAN_DAYS_TO_USE), offer.voucher_days - 1), hours=1)
        later = self._place_at(at + wait, place)
        if later is not None:
            shop = chance.choice(self.locations[offer.partner])
            self.used[later].append(Used(number, shop, f"{shop}-{self.instants[later]:%m%d}-{number:05d}"))

    def _place_at(self, at: datetime, after: int) -> int | None:
        place = max(bisect_left(self.instants, at), after + 1)
        return place if place < len(self.instants) else None

    def moments(self, calendar: Calendar) -> list[Moment]:
        """Return everything in order of time; earnings of the current months come with the day's last instant."""
        early = [at for at in self.earned if not self.instants or at < self.instants[0]]
        found = [Moment(at, self.earned.pop(at), [], [], []) for at in early]
        last_of_day = {calendar.day_of(at): place for place, at in enumerate(self.instants)}
        evening: defaultdict[int, list[Earned]] = defaultdict(list)
        for at, earned in self.earned.items():
            evening[last_of_day.get(calendar.day_of(at), len(self.instants) - 1)] += earned
        for place, at in enumerate(self.instants):
            found.append(Moment(at, evening[place], self.wanted[place], self.used[place], self.cancelled[place]))
        return sorted(found, key=lambda moment: moment.at)
