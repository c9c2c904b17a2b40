"""A new version changes nothing that was redeemed before it.

Two partners sell the same under the same first version; one of them signs others afterwards. Whatever those say, postings,
statements and quotes of what was redeemed before are the same for both.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from benefits.offers.cache import OfferCache
from benefits.redemptions.counter_batch import CounterBatch
from benefits.redemptions.counter_commands import Use
from benefits.redemptions.schemas import RedemptionView, VoucherUseInput
from marketplace.kernel.clock import Clock
from marketplace.kernel.keyring import KeyRing
from marketplace.kernel.money import PPM, Money
from marketplace.kernel.periods import Period
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.http.paging import Cursors
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from partners.contracts.agree import agree
from partners.contracts.agreement import CommissionRule, Funding, PriceRule, Proposal, Terms
from partners.contracts.domain import contract_in_force
from partners.contracts.pricing import settle
from partners.contracts.terms import load_terms
from settlement.books import consumer
from settlement.books.consumer import Books
from settlement.books.domain import BookedEvent, MoneyPosting, postings_for
from settlement.books.statement_scope import StatementScope
from settlement.invariants import INVARIANTS
from settlement.statements import close
from settlement.statements.domain import StatementDraft
from tests.support.world import World, breaches

PEOPLE = ("admin:drafter", "admin:recorder")
CYCLES = ("monthly", "ten_day", "weekly")


@st.composite
def terms(draw: Any) -> dict[str, Any]:
    """Any terms under which the offer can be sold."""
    one, other = sorted((draw(st.integers(0, PPM)), draw(st.integers(0, PPM))))
    dealer = PPM - other
    rate = CommissionRule(
        on="points",
        rate_ppm=draw(st.integers(0, PPM)),
        fixed_minor=draw(st.integers(0, 500)),
        floor_minor=draw(st.integers(0, 500)),
        cap_minor=draw(st.none() | st.integers(500, 5000)),
    )
    return {
        "settlement_basis": draw(st.sampled_from(["on_use", "on_issue"])),
        "settlement_price": Money(draw(st.integers(0, 10**6))),
        "prices": draw(st.sampled_from([(), (PriceRule(scenarios=("lodging",), per_point_micros=37_123_456),)])),
        "funding": Funding(oem_ppm=one, partner_ppm=other - one, dealer_ppm=dealer, dealer="D-1" if dealer else None),
        "commission": draw(st.sampled_from([(), (rate,)])),
        "tax_rate_ppm": draw(st.sampled_from([0, 60_000, 130_000])),
        "tax": draw(st.sampled_from(["contained", "added"])),
        "cycle": draw(st.sampled_from(CYCLES)),
        "time_zone": draw(st.sampled_from([None, "UTC", "Pacific/Auckland"])),
        "counter_cancel_minutes": draw(st.integers(0, 60)),
    }


class Shop:
    """A partner with one offer and one member, whose past happens at given instants."""

    def __init__(self, world: World, offer_id: UUID, member_id: UUID) -> None:
        self.world, self.offer_id, self.member_id = world, offer_id, member_id
        self.codes: list[str] = []

    @classmethod
    async def open(cls, settings: Settings, clock: Clock, first: dict[str, Any]) -> "Shop":
        world = await World(settings, clock).open(**first)
        (member,) = await world.members(1, points=5_000)
        return cls(world, await world.offer(points=100), member)

    async def sign(self, starts_on: date, said: dict[str, Any], at: datetime) -> None:
        async with unit_of_work() as work:
            proposal = Proposal(starts_on=starts_on, **said)
            await agree(
                work, self.world.partner_id, proposal, "CNY", "OEM", PEOPLE, "CT-2", self.world.calendar.day_of(at), at
            )

    async def redeem(self, at: datetime, quantity: int) -> None:
        async with unit_of_work() as work:
            redeem = self.world.request(self.member_id, self.offer_id, quantity)
            (outcome,) = await self.world.batch().run_at(work, [redeem], at)
        assert isinstance(outcome, Outcome)
        assert outcome.status == 201, outcome.body
        self.codes.append(msgspec.json.decode(outcome.body, type=RedemptionView).voucher.code)

    async def use_all(self, at: datetime) -> None:
        counter = CounterBatch(self.world.clock, Cursors(KeyRing("x" * 32)))
        uses = [
            Use(self.world.partner_id, VoucherUseInput(code=code, reference="R-1"), None, "en") for code in self.codes
        ]
        async with unit_of_work() as work:
            outcomes = await counter.run_at(work, uses, at)
        assert [isinstance(one, Outcome) and one.status for one in outcomes] == [200] * len(uses), outcomes

    async def quote(self, at: datetime) -> Any:
        """What the dry run would freeze at the instant: the contract in force, and what it comes to."""
        async with unit_of_work() as work:
            offers = await OfferCache().terms(work, [self.offer_id])
        (offer,) = offers.values()
        contract = contract_in_force(offer.partner, self.world.calendar.day_of(at))
        assert contract is not None
        return contract.version, settle(contract, offer.unit, 3)

    async def book(self) -> list[tuple[Any, ...]]:
        rows = await DB.fetch(
            "SELECT code, source, destination, amount_minor, tax_minor, period, cycle, zone, contract_version, quantity"
            " FROM money_posting WHERE partner_id = $1 ORDER BY 1, 4, 5",
            self.world.partner_id,
        )
        return [tuple(row) for row in rows]

    async def statements(self) -> list[tuple[Any, ...]]:
        rows = await DB.fetch(
            "SELECT cycle, period, lines, gross_minor, reversed_minor, partner_share_minor, dealer_share_minor,"
            " commission_minor, total_minor, tax_minor FROM statement WHERE partner_id = $1 AND lines > 0 ORDER BY 1, 2",
            self.world.partner_id,
        )
        return [tuple(row) for row in rows]


async def _live(settings: Settings, clock: Clock, first: dict[str, Any], later: list[dict[str, Any]]) -> None:
    """Let both partners live through the same weeks, and compare them."""
    start = clock.now() + timedelta(days=1)
    shops = [await Shop.open(settings, clock, first) for _ in range(2)]
    changed, plain = shops
    today = settings.calendar.day_of(start)
    for shop in shops:
        await shop.redeem(start, 1)
        await shop.redeem(start + timedelta(hours=1), 3)
    before = [await shop.quote(start) for shop in shops]
    for place, said in enumerate(later):
        await changed.sign(today + timedelta(days=3 + 2 * place), said, start + timedelta(hours=2))
    after = [await shop.quote(start + timedelta(days=1)) for shop in shops]
    assert before == after == [before[1]] * 2, "a day of the first version is quoted by the first version"
    for shop in shops:
        await shop.use_all(start + timedelta(days=10))
    await catch_up(Books(settings.calendar))
    assert await changed.book() == await plain.book()
    far = start + timedelta(days=70)
    for cycle in CYCLES:
        await _close_all(settings, cycle, today, far)
    statements = await plain.statements()
    assert await changed.statements() == statements, "statements"
    assert bool(statements) == bool(await plain.book()), "nothing to compare proves nothing"
    assert not await breaches(INVARIANTS)


async def _close_all(settings: Settings, cycle: Any, day: date, far: datetime) -> None:
    """Close the periods for the partners of this example; those of earlier ones, on the same days, keep what they have."""
    period = Period.of(cycle, day)
    while period.first_day <= day + timedelta(days=31):
        await close.run(Books(settings.calendar), period, "admin:closer", far)
        period = period.following


@hypothesis_settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=terms(), later=st.lists(terms(), min_size=1, max_size=3))
async def test_a_new_version_changes_nothing_that_was_redeemed_before(
    database: str, settings: Settings, clock: Clock, first: dict[str, Any], later: list[dict[str, Any]]
) -> None:
    await _live(settings, clock, first, later)


FIRST: dict[str, Any] = {"settlement_basis": "on_use", "settlement_price": Money(10_000), "tax_rate_ppm": 60_000}
DEARER = FIRST | {"settlement_price": Money(20_000)}
SHARED = FIRST | {"funding": Funding(oem_ppm=600_000, partner_ppm=400_000)}


@pytest.mark.parametrize("second", [DEARER, SHARED])
async def test_a_book_that_looked_contracts_up_would_be_found_out(
    database: str, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch, second: dict[str, Any]
) -> None:
    """The property can fail: price a use by the contract in force when it is used, and the two partners differ."""
    versions: dict[UUID, Terms] = {}

    def repriced(event: BookedEvent) -> list[MoneyPosting]:
        settled = settle(versions[event.partner_id], offers[event.partner_id], getattr(event, "quantity", 1))
        assert settled is not None
        amounts = {name: getattr(settled, name) for name in settled.__struct_fields__}
        assert event.settlement is not None
        frozen = msgspec.structs.replace(event.settlement, **amounts)
        return postings_for(msgspec.structs.replace(event, settlement=frozen))

    offers: dict[UUID, Any] = {}

    class Looking(Books):
        async def handle(self, work: Any, events: Any) -> None:
            day = settings.calendar.day_of(clock.now()) + timedelta(days=11)
            partners = {UUID(event.payload["partner_id"]) for event in events}
            for partner_id, found in (await load_terms(list(partners))).items():
                versions[partner_id] = contract_in_force(found, day)  # type: ignore[assignment]
            ids = {UUID(event.payload["offer_id"]) for event in events}
            for offer in (await OfferCache().terms(work, ids)).values():
                offers[offer.partner_id] = offer.unit
            await super().handle(work, events)

    monkeypatch.setattr(consumer, "postings_for", repriced)
    monkeypatch.setitem(globals(), "Books", Looking)
    with pytest.raises(AssertionError):
        await _live(settings, clock, FIRST, [second])


async def test_a_statement_that_looked_contracts_up_would_be_found_out(
    database: str, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other half can fail: sum a slice by the newest contract, and the books agree while the statements differ."""
    whole = close.build  # type: ignore[attr-defined]

    async def repriced(fetch: Any, scope: StatementScope) -> StatementDraft:
        draft = await whole(fetch, scope)
        newest = (await load_terms([scope.partner_id]))[scope.partner_id].contracts[-1].settlement_price
        assert newest is not None
        return msgspec.structs.replace(draft, gross_minor=draft.lines * newest.amount)

    monkeypatch.setattr(close, "build", repriced)
    with pytest.raises(AssertionError, match="statements"):
        await _live(settings, clock, FIRST, [DEARER])
