"""Payouts over HTTP, what stops them, and what a partner sees."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.finance import NOVEMBER_10, STATEMENTS, approve, check_now, closed, invariants_hold, pay
from tests.support.partners import active_partner, bearer, partner_client, token
from tests.support.settlement import Sale, record_and_post


@pytest.fixture
async def api(settings: Settings, dsn: str) -> AsyncIterator[Api]:
    """The application on the tenth of November 2026."""
    clock = Clock()
    clock.offset = NOVEMBER_10 - today.now()
    async with running_app(settings, dsn, clock) as running:
        yield running


BAD_PAYOUTS: list[dict[str, Any]] = [
    {"statement_id": "x"}, {"statement_id": None}, {"rail": "wire"}, {"reference": ""}, {"reference": "a\nb"},
    {"reference": " x"}, {"reference": "x" * 65}, {"paid_on": "2026-02-30"}, {"paid_on": 5}, {"paid_on": "2026-11-05T00:00:00Z"},
    {"amount": 5}, {"paid_on": "2026-11-11"}, {"paid_on": "2026-10-31"},
]  # fmt: skip


async def test_bad_payouts(api: Api, settings: Settings) -> None:
    await record_and_post(settings, [Sale().used()])
    [statement] = await closed(api)
    await approve(api, statement["id"])
    for change in BAD_PAYOUTS:
        answer = await pay(api, statement["id"], **change)
        assert answer.status_code == 400, (change, answer.text)
        assert answer.json()["errors"]
    assert await DB.fetchval("SELECT count(*) FROM payout") == 0


async def test_only_an_approved_statement_is_paid_and_once(api: Api, settings: Settings) -> None:
    await record_and_post(settings, [Sale().used()])
    [statement] = await closed(api)
    assert (await pay(api, statement["id"])).json()["code"] == "wrong_state"
    await approve(api, statement["id"])
    answers = await asyncio.gather(*(pay(api, statement["id"]) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"wrong_state"}
    key = fresh_key()
    assert await DB.fetchval("SELECT count(*) FROM money_posting WHERE code = 'payout'") == 1
    missing = await pay(api, str(uuid7()), key=key)
    assert missing.status_code == 404
    await invariants_hold(api)


async def test_one_payout_for_many_copies_of_one_request(api: Api, settings: Settings) -> None:
    await record_and_post(settings, [Sale().used()])
    [statement] = await closed(api)
    await approve(api, statement["id"])
    key = fresh_key()
    answers = await asyncio.gather(*(pay(api, statement["id"], key=key) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await DB.fetchval("SELECT count(*) FROM payout") == 1


async def test_nil_and_negative_statements_are_not_paid(api: Api, settings: Settings) -> None:
    partner = uuid7()
    sale = Sale(partner, basis="on_issue", amount_minor=800)
    await record_and_post(settings, [sale.issued(datetime(2026, 9, 15, tzinfo=UTC))])
    await closed(api, "2026-09")
    await record_and_post(settings, [sale.cancelled()])
    await active_partner(api)
    statements = await closed(api)
    assert sorted(statement["total_minor"] for statement in statements) == [-800, 0]
    for statement in statements:
        assert (await approve(api, statement["id"])).status_code == 200
        refused = await pay(api, statement["id"])
        assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_pay")
    await invariants_hold(api)


async def test_nothing_is_due_of_a_statement_below_zero(api: Api, settings: Settings) -> None:
    sale = Sale(UUID(await active_partner(api)), basis="on_issue", amount_minor=800)
    await record_and_post(settings, [sale.issued(datetime(2026, 9, 15, tzinfo=UTC))])
    await closed(api, "2026-09")
    await record_and_post(settings, [sale.cancelled()])
    (statement,) = await closed(api)
    approved = (await approve(api, statement["id"])).json()
    assert (approved["total_minor"], approved["status"], approved["due_on"]) == (-800, "approved", None)


@pytest.mark.parametrize("with_lines", [False, True])
async def test_the_approval_of_a_statement_of_zero_settles_it(api: Api, settings: Settings, with_lines: bool) -> None:
    partner = UUID(await active_partner(api))
    if with_lines:
        sale = Sale(partner, basis="on_issue", amount_minor=800)
        await record_and_post(settings, [sale.issued(), sale.cancelled()])
    (statement,) = await closed(api)
    assert (statement["total_minor"], statement["lines"] > 0) == (0, with_lines)
    approved = (await approve(api, statement["id"])).json()
    assert (approved["status"], approved["due_on"], approved["paid_at"]) == ("settled", None, None)
    assert approved["approved_by"] == "admin:wang"
    found = await api.get(f"{STATEMENTS}?status=settled", headers=api.staff("finance"))
    assert [one["id"] for one in found.json()["data"]] == [statement["id"]]
    again = await approve(api, statement["id"])
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    reported = await DB.fetch("SELECT type FROM event WHERE aggregate = 'statement' ORDER BY seq")
    assert [row["type"] for row in reported] == ["statement.closed", "statement.approved", "statement.settled"]
    await invariants_hold(api)


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        ("UPDATE money_posting SET amount_minor = amount_minor + 1, tax_minor = 0", "statement_changed"),
        ("UPDATE money_posting SET reference = 'forged'", "statement_changed"),
        ("DELETE FROM money_posting WHERE ctid IN (SELECT ctid FROM money_posting LIMIT 1)", "statement_changed"),
    ],
)
async def test_a_changed_book_stops_approval_and_payout(
    api: Api, settings: Settings, dsn: str, change: str, breach: str
) -> None:
    partner = uuid7()
    await record_and_post(settings, [Sale(partner).used(), Sale(partner).used()])
    [statement] = await closed(api)
    await _as_owner(dsn, change)
    refused = await approve(api, statement["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, breach)
    assert not (await check_now(api))["holds"]


async def test_any_breach_in_the_book_stops_all_payouts_until_it_is_put_right(
    api: Api, settings: Settings, dsn: str
) -> None:
    sound, broken = Sale(), Sale()
    await record_and_post(settings, [sound.used(), broken.used()])
    statements = {statement["partner_id"]: statement for statement in await closed(api)}
    statement = statements[str(sound.partner_id)]
    await approve(api, statement["id"])
    await _as_owner(dsn, f"UPDATE money_posting SET amount_minor = 12901 WHERE partner_id = '{broken.partner_id}'")
    await check_now(api)
    key = fresh_key()
    stopped = await pay(api, statement["id"], key=key)
    assert (stopped.status_code, stopped.json()["code"]) == (503, "payouts_stopped")
    assert stopped.json()["invariant"] in {
        "statement = its postings",
        "payable = unpaid statements + open postings",
    }
    assert stopped.json()["since"] in stopped.json()["title"]
    assert await DB.fetchval("SELECT count(*) FROM payout") == 0
    # Redemptions go on, and the book with them; only money does not leave.
    await record_and_post(settings, [Sale().used()])
    await _as_owner(dsn, f"UPDATE money_posting SET amount_minor = 12900 WHERE partner_id = '{broken.partner_id}'")
    await check_now(api)
    assert (await pay(api, statement["id"], key=key)).status_code == 201


async def _as_owner(dsn: str, change: str) -> None:
    owner = await asyncpg.connect(dsn)
    try:
        await owner.execute(change)
    finally:
        await owner.close()


async def test_a_partner_sees_its_own_and_nothing_else(api: Api, settings: Settings) -> None:
    own = await active_partner(api)
    headers = bearer(await token(api, await partner_client(api, own)))
    await record_and_post(settings, [Sale(UUID(own), amount_minor=4_200).used(), Sale(amount_minor=99).used()])
    statements = {statement["partner_id"]: statement for statement in await closed(api)}
    mine = statements.pop(own)
    [other] = statements.values()
    for statement in (mine, other):
        await approve(api, statement["id"])
        await pay(api, statement["id"])
    listed = (await api.get("/v1/partner/statements", headers=headers)).json()["data"]
    assert [(item["id"], item["total_minor"], item["status"]) for item in listed] == [(mine["id"], 4_200, "paid")]
    assert not {"closed_by", "approved_by"} & listed[0].keys()
    payouts = (await api.get("/v1/partner/payouts", headers=headers)).json()["data"]
    assert [(item["statement_id"], "recorded_by" in item) for item in payouts] == [(mine["id"], False)]
    foreign_payouts = await api.get("/v1/partner/payouts", params={"statement_id": other["id"]}, headers=headers)
    assert foreign_payouts.json()["data"] == []
    for ending in ("", "/lines", "/lines.csv", "/lines.xlsx"):
        assert (await api.get(f"/v1/partner/statements/{mine['id']}{ending}", headers=headers)).status_code == 200
        foreign = await api.get(f"/v1/partner/statements/{other['id']}{ending}", headers=headers)
        absent = await api.get(f"/v1/partner/statements/{uuid7()}{ending}", headers=headers)
        assert foreign.status_code == absent.status_code == 404
        assert _plain(foreign.json()) == _plain(absent.json())


def _plain(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name != "request_id"}


async def test_a_partner_needs_the_scope_and_its_own_token(api: Api) -> None:
    own = await active_partner(api)
    client = await partner_client(api, own, scopes=["offers:read"])
    without = bearer(await token(api, client))
    for path in ("/v1/partner/statements", f"/v1/partner/statements/{uuid7()}/lines.csv", "/v1/partner/payouts"):
        assert (await api.get(path, headers=without)).status_code == 403, path
        assert (await api.get(path, headers=api.staff("finance"))).status_code == 401, path
        assert (await api.get(path)).status_code == 401, path
    assert (await api.get(STATEMENTS, headers=without)).status_code == 401
