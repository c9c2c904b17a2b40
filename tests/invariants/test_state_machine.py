"""The real service, over HTTP on a real PostgreSQL, against the small pure model: any calls, in any order, replayed.

After every step book sums are zero, wallet = lots = postings, stock is conserved, and the balances are the model's; a
replayed call gives the same answer and changes nothing.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
import uvloop
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from benefits.offers.expire import end_offers
from benefits.points.domain import Posting, Wallet, give_back
from benefits.points.expire import expire_points
from benefits.redemptions.expire import expire_vouchers
from benefits.services import BenefitsServices
from benefits.settings import BenefitsSettings
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.platform.runtime.database_server import with_database
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.flow import Partner, good, oem
from tests.support.model import Model
from tests.support.world import breaches

START = datetime(2027, 1, 20, 4, 0, tzinfo=UTC)  # noon in Shanghai
PRICES, STOCKS, LIMITS = [70, 100, 250], [None, 6, 4], [None, 3, 2]
MEMBERS = 3


class StillClock(Clock):
    """A clock that stands until a test moves it, so that no midnight comes in between."""

    def now(self) -> datetime:
        return START + self.offset

    def shifted(self, database_time: datetime) -> datetime:
        return START + self.offset


class Service:
    """One running application for the whole test; each run of the machine has its own members and offers in it."""

    def __init__(self, dsn: str, base: Settings, rule: str) -> None:
        own = {"points_lifetime_months": 1, "cancel_window_days": 20, "cancel_expired_rule": rule}
        self.settings = base.having(msgspec.convert(own, BenefitsSettings))
        self.dsn = dsn
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.ready, self.stop = asyncio.Event(), asyncio.Event()
        self.clock = StillClock()
        self.api: Api
        self.partner: Partner
        self.oem: dict[str, str]

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    async def open(self) -> None:
        self.task = asyncio.create_task(self._serve())
        ready = asyncio.create_task(self.ready.wait())
        await asyncio.wait([self.task, ready], return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()
        self.oem = await oem(self.api)
        self.partner = await Partner(self.api).open()

    async def _serve(self) -> None:
        # One task from beginning to end: the application's lifespan must be left by the task that entered it.
        async with running_app(self.settings, self.dsn, self.clock) as self.api:
            self.ready.set()
            await self.stop.wait()

    async def close(self) -> None:
        self.stop.set()
        await self.task


def machine_for(service: Service) -> type[RuleBasedStateMachine]:
    """Give the machine on the service."""

    class Machine(RuleBasedStateMachine):
        redemptions = Bundle("redemptions")

        def __init__(self) -> None:
            super().__init__()
            service.clock.offset = timedelta()
            self.calls: list[tuple[str, Any, dict[str, str], httpx.Response]] = []
            self.codes: list[tuple[str, str]] = []
            service.run(self._begin())

        async def _begin(self) -> None:
            api = service.api
            subjects = [f"m-{uuid4().hex}" for _ in range(MEMBERS)]
            self.headers = [api.member(subject) for subject in subjects]
            self.members = [good(await api.get("/v1/me", headers=headers))["member"]["id"] for headers in self.headers]
            self.offers = [
                (await service.partner.offer(points=price, stock=stock, per_member=limit, voucher_days=15))["id"]
                for price, stock, limit in zip(PRICES, STOCKS, LIMITS, strict=True)
            ]
            today = service.settings.calendar.day_of(service.clock.now()).toordinal()
            restores = service.settings.of(BenefitsSettings).cancel_expired_rule == "restore"
            self.model = Model(today, 1, 15, 20, restores, PRICES, list(STOCKS), list(LIMITS))

        def post(self, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
            answer: httpx.Response = service.run(service.api.post(path, json=body, headers=headers))
            self.calls.append((path, body, headers, answer))
            return answer

        @initialize(points=st.lists(st.integers(100, 600), min_size=MEMBERS, max_size=MEMBERS))
        def some_points(self, points: list[int]) -> None:
            for member, amount in enumerate(points):
                self.earn(member, f"first-{member}", amount)

        @rule(member=st.integers(0, MEMBERS - 1), reference=st.sampled_from("abcdef"), points=st.integers(1, 300))
        def earn(self, member: int, reference: str, points: int) -> None:
            # The month is part of the reference: the same one may come again with the same day only.
            reference = f"{reference}-{self.model.today}"
            occurred_at = service.clock.now().isoformat()
            earning = {
                "reference": reference, "member_id": self.members[member], "points": points, "kind": "service",
                "occurred_at": occurred_at,
            }  # fmt: skip
            body = {"earnings": [earning]}
            result = good(self.post("/v1/points/earnings", body, service.oem))["results"][0]
            expected = self.model.earn(member, reference, points)
            assert expected == (result["code"] or result["status"])
            assert result["balance"] == self.model.balance(member)

        @rule(
            target=redemptions, member=st.integers(0, MEMBERS - 1), offer=st.integers(0, 2), quantity=st.integers(1, 3)
        )
        def redeem(self, member: int, offer: int, quantity: int) -> Any:
            body = {"offer_id": self.offers[offer], "quantity": quantity}
            path = f"/v1/offers/{self.offers[offer]}/quote"
            quoted = good(
                service.run(service.api.post(path, json={"quantity": quantity}, headers=self.headers[member]))
            )
            answer = self.post("/v1/redemptions", body, self.headers[member] | {"Idempotency-Key": uuid4().hex})
            found = answer.json()
            expected = self.model.redeem(member, offer, quantity)
            assert expected == (found.get("code") or found["status"])
            assert quoted["eligible"] == (expected == "issued"), "the quote and the redemption must not differ"
            assert [reason["code"] for reason in quoted["reasons"]][:1] == ([] if expected == "issued" else [expected])
            if expected != "issued":
                return multiple()
            assert found["points"] == PRICES[offer] * quantity
            self.codes.append((found["id"], found["voucher"]["code"]))
            return len(self.model.redeemed) - 1

        @rule(redemption=redemptions)
        def cancel(self, redemption: int) -> None:
            member = self.model.redeemed[redemption].member
            path = f"/v1/redemptions/{self.codes[redemption][0]}/cancel"
            found = self.post(
                path, {"reason": "changed my mind"}, self.headers[member] | {"Idempotency-Key": uuid4().hex}
            ).json()
            expected, returned, forfeited = self.model.cancel(redemption)
            assert expected == (found.get("code") or found["status"])
            assert (found.get("points_returned", 0), found.get("points_forfeited", 0)) == (returned, forfeited)

        @rule(redemption=redemptions)
        def use(self, redemption: int) -> None:
            body = {"code": self.codes[redemption][1], "reference": "till"}
            headers = service.partner.headers | {"Idempotency-Key": uuid4().hex}
            found = self.post("/v1/partner/vouchers/use", body, headers).json()
            assert self.model.use(redemption) == (found.get("code") or found["status"])

        @rule(days=st.sampled_from([1, 3, 10, 17, 30]), jobs=st.booleans())
        def time_goes_on(self, days: int, jobs: bool) -> None:
            service.clock.offset += timedelta(days=days)
            self.model.today += days
            if jobs:
                now = service.clock.now()
                service.run(expire_vouchers(now))
                service.run(
                    expire_points(
                        BenefitsServices.of(service.api.app).points_desk, service.settings.calendar, service.clock
                    )
                )
                service.run(end_offers(now))

        @rule(data=st.data())
        def replay_any_earlier_call(self, data: st.DataObject) -> None:
            if not self.calls:
                return
            path, body, headers, before = self.calls[data.draw(st.integers(0, len(self.calls) - 1))]
            books = service.run(_books())
            again: httpx.Response = service.run(service.api.post(path, json=body, headers=headers))
            assert again.status_code == before.status_code
            if "Idempotency-Key" in headers:
                # The same answer, but for the number of the request that a refusal is told with.
                reported = [{k: v for k, v in one.json().items() if k != "request_id"} for one in (again, before)]
                assert reported[0] == reported[1]
                assert again.headers["Idempotency-Replayed"] == "true"
            else:
                statuses = [(r["status"], r["code"]) for r in again.json()["results"]]
                assert statuses in ([("replayed", None)], [("refused", "reference_reused")])
            assert service.run(_books()) == books

        @invariant()
        def numbers_add_up(self) -> None:
            assert service.run(breaches()) == {}
            for member, headers in enumerate(self.headers):
                found = good(service.run(service.api.get("/v1/me", headers=headers)))["points"]
                assert found["balance"] == self.model.balance(member)
                assert sum(lot["points"] for lot in found["expiring"]) == found["balance"]

        @invariant()
        def stock_is_the_models(self) -> None:
            rows = service.run(DB.fetch("SELECT offer_id::text, remaining FROM stock"))
            remaining = {row["offer_id"]: row["remaining"] for row in rows}
            assert [remaining.get(offer) for offer in self.offers] == self.model.stock

    return Machine


async def _books() -> tuple[Any, ...]:
    """A finger on everything that a replay must not move."""
    counts = await DB.fetchrow(
        "SELECT (SELECT count(*) FROM points_posting), (SELECT count(*) FROM redemption), (SELECT count(*) FROM event),"
        " (SELECT count(*) FROM voucher WHERE status = 'used'), (SELECT sum(balance) FROM wallet),"
        " (SELECT sum(remaining) FROM stock), (SELECT count(*) FROM idempotency)"
    )
    return tuple(counts or ())


def run_machine(
    server: str, template: str, base: Settings, rule: str, name: str, examples: int, phases: tuple[Phase, ...]
) -> None:
    """Run the machine on a database of its own."""
    asyncio.run(_clone(server, template, name))
    service = Service(with_database(server, name), base, rule)
    service.run(service.open())
    try:
        run_state_machine_as_test(
            machine_for(service),
            settings=hypothesis_settings(
                max_examples=examples,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
                phases=phases,
            ),
        )
    finally:
        service.run(service.close())
        service.runner.close()


async def _clone(server: str, template: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    await connection.close()


@pytest.mark.parametrize("expired_rule", ["restore", "forfeit"])
def test_the_service_is_the_model(postgres: str, template: str, settings: Settings, expired_rule: str) -> None:
    run_machine(postgres, template, settings, expired_rule, f"machine_{expired_rule}", 20, tuple(Phase))


def test_the_machine_finds_a_wrong_cancellation(
    postgres: str, template: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken variant: a cancellation gives a point too few back.

    The running checks find it too, and go on finding it: what Hypothesis repeats fails earlier then, which it calls flaky.
    """

    def one_too_few(wallet: Wallet, taken: list[Posting], *rest: Any, **rule: Any) -> list[Posting]:
        return give_back(wallet, [msgspec.structs.replace(one, points=one.points - 1) for one in taken], *rest, **rule)

    monkeypatch.setattr("benefits.redemptions.cancel.give_back", one_too_few)
    with pytest.raises((AssertionError, ExceptionGroup, Flaky)):
        run_machine(postgres, template, settings, "restore", "machine_broken", 60, (Phase.generate,))
