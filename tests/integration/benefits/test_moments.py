"""Instants near the calendar's ends: refused where they come in, each item answered, and no page fails on what is kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from benefits.members.resolve import upsert
from benefits.members.schemas import MemberInput
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.web import page_settings, running_pages
from tests.support.world import World, offer_json

pytestmark = pytest.mark.xdist_group("moments")

ENGLISH = {"Accept-Language": "en"}
ENDS = ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999-12:00", "0001-01-01T00:00:00+08:00", "0001-01-01T00:00:00Z")


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as api:
        yield api


def fields(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.text
    return [one["field"] for one in answer.json()["errors"]]


async def test_an_offers_sale_stays_within_the_calendar(api: Api) -> None:
    partner = await Partner(api).open()
    for moment in ENDS:
        sale = {"starts_at": moment, "ends_at": moment}
        body = offer_json() | {"sale": sale}
        answer = await api.post("/v1/partner/offers", json=body, headers=partner.headers | fresh_key() | ENGLISH)
        assert fields(answer) == ["sale.starts_at", "sale.ends_at"]
        assert "of the years 1970 to 9000" in answer.json()["errors"][0]["message"]
    assert await DB.fetchval("SELECT count(*) FROM offer") == 0


async def test_a_bad_instant_among_earnings_fails_itself_alone(api: Api) -> None:
    headers = await oem(api)
    member = good(await api.get("/v1/me", headers=api.member("m-1")))["member"]["id"]
    base = {"member_id": member, "points": 1, "kind": "activity"}
    moments = ["2026-11-29T10:00:00+08:00", *ENDS]
    earnings = [base | {"reference": f"r{place}", "occurred_at": moment} for place, moment in enumerate(moments)]
    answer = good(await api.post("/v1/points/earnings", json={"earnings": earnings}, headers=headers))
    assert [(one["status"], one["code"]) for one in answer["results"]] == [
        ("credited", None),
        ("refused", "occurred_in_future"),
        ("refused", "occurred_in_future"),
        ("refused", "already_expired"),
        ("refused", "already_expired"),
    ]
    assert good(await api.get("/v1/me", headers=api.member("m-1")))["points"]["balance"] == 1


async def test_other_operations_name_the_field(api: Api) -> None:
    finance = api.staff("finance")
    for body in ({"cycle": "weekly", "starts_on": "9999-12-27"}, {"cycle": "ten_day", "starts_on": "0001-01-01"}):
        answer = await api.post("/v1/finance/periods/close", json=body, headers=finance | fresh_key())
        assert fields(answer) == ["starts_on"]
    for month in ("9999-12", "0001-01", "9001-01"):
        answer = await api.post("/v1/finance/periods/close", json={"month": month}, headers=finance | fresh_key())
        assert fields(answer) == ["month"], month
        assert (await api.get(f"/v1/finance/statements?month={month}", headers=finance)).status_code == 400
    partner = await Partner(api).open()
    for day in ("9999-12-31", "0001-01-01"):
        payout = {"statement_id": partner.id, "rail": "manual", "reference": "x", "paid_on": day}
        answer = await api.post("/v1/finance/payouts", json=payout, headers=finance | fresh_key())
        assert "paid_on" in fields(answer)
        ends = {"ends_on": day, "reason": "x"}
        at = f"/v1/admin/partners/{partner.id}/contracts/{partner.id}/end"
        assert fields(await api.post(at, json=ends, headers=partner.operations | fresh_key())) == ["ends_on"]


async def test_pages_show_what_was_kept_before_the_bounds(
    dsn: str, tmp_path_factory: pytest.TempPathFactory, clock: Clock
) -> None:
    folder: Path = tmp_path_factory.mktemp("moments")
    settings = page_settings(folder)
    async with running_pages(settings, dsn, clock=clock) as browser:
        world = await World(settings, clock).open()
        async with unit_of_work() as work:
            person = MemberInput(subject="member-subject-lin", name="林晓", tier="gold")
            member_id: UUID = (await upsert(work, [person], clock.now()))[0].member_id
        await world.earn([(member_id, 1000)])
        offer_id = await world.offer(points=100, stock=10)
        await browser.sign_in("lin")
        owner = await asyncpg.connect(dsn)  # the application's role may not change revisions
        for moment in ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"):
            for starts in ("0001-01-01T00:00:00+08:00", "2026-01-01T00:00:00Z"):
                await owner.execute(
                    "UPDATE offer_revision SET content = content || jsonb_build_object('sale',"
                    " jsonb_build_object('starts_at', $2::text, 'ends_at', $3::text)) WHERE offer_id = $1",
                    offer_id, starts, moment,
                )  # fmt: skip
                for language in ("zh-CN", "en"):
                    for path in (f"/offers/{offer_id}", "/offers", "/", f"/offers/{offer_id}/redeem?quantity=1"):
                        answer = await browser.get(path, headers={"Accept-Language": language})
                        assert answer.status_code == 200, (path, moment, answer.text[-500:])
        await owner.execute("UPDATE lot SET expires_on = '9999-12-31' WHERE member_id = $1", member_id)
        for path in ("/points", "/"):
            assert (await browser.get(path)).status_code == 200, path
        await owner.close()
