"""Closing, approving, paying and reading over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.platform.eventlog.audit import first_break
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from settlement.books.statement_scope import StatementScope
from settlement.statements.statements import build
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.finance import CLOSE, NOVEMBER_10, PAYOUTS, STATEMENTS, approve, close, closed, invariants_hold, pay
from tests.support.partners import active_partner
from tests.support.settlement import OCTOBER, Sale, record, record_and_post
from tests.support.today import sql_now


@pytest.fixture
async def api(settings: Settings, dsn: str) -> AsyncIterator[Api]:
    """The application on the tenth of November 2026."""
    clock = Clock()
    clock.offset = NOVEMBER_10 - today.now()
    async with running_app(settings, dsn, clock) as running:
        yield running


async def test_the_whole_way_of_a_statement(api: Api, settings: Settings) -> None:
    partner = uuid7()
    undone = Sale(partner, basis="on_issue", amount_minor=5_000)
    # Published only: the close itself brings the consumer up to date.
    await record(
        Sale(partner, amount_minor=10_600).used(), undone.issued(), undone.cancelled(OCTOBER + timedelta(minutes=1)),
        Sale(partner, amount_minor=12_900).used(OCTOBER + timedelta(hours=1)), Sale(partner).expired(),
    )  # fmt: skip
    [statement] = await closed(api)
    assert statement | {"id": "", "content_hash": "", "closed_at": ""} == {
        "id": "", "partner_id": str(partner), "month": "2026-10", "currency": "CNY", "lines": 4, "gross_minor": 28_500,
        "cycle": "monthly", "period": "2026-10-01", "period_end": "2026-11-01", "partner_share_minor": 0,
        "dealer_share_minor": 0, "commission_minor": 0, "granted_minor": 0,
        "reversed_minor": 5_000, "total_minor": 23_500, "tax_minor": 1_330, "status": "closed", "content_hash": "",
        "closed_by": "admin:li", "closed_at": "", "approved_by": None, "approved_at": None, "due_on": None, "paid_at": None,
    }  # fmt: skip
    await invariants_hold(api)

    approved = (await approve(api, statement["id"])).json()
    assert (approved["status"], approved["approved_by"]) == ("approved", "admin:wang")
    answer = await pay(api, statement["id"])
    assert answer.status_code == 201, answer.text
    payout = answer.json()
    assert payout["amount"] == {"amount": 23_500, "currency": "CNY"}
    assert (payout["rail"], payout["reference"], payout["paid_on"]) == ("manual", "ICBC-42", "2026-11-05")
    finance = api.staff("auditor")
    paid = (await api.get(f"{STATEMENTS}/{statement['id']}", headers=finance)).json()
    assert paid["status"] == "paid"
    assert paid["content_hash"] == statement["content_hash"]
    assert (await api.get(PAYOUTS, headers=finance)).json()["data"] == [payout]
    await invariants_hold(api)
    balance = await DB.fetchval(
        "SELECT sum(CASE WHEN destination = 'partner:payable' THEN amount_minor ELSE -amount_minor END) FROM money_posting"
    )
    assert balance == 0
    audit = [row["action"] for row in await DB.fetch("SELECT action FROM audit_entry ORDER BY seq")]
    assert audit[-3:] == ["period.close", "statement.approve", "payout.record"]
    assert await first_break() is None
    reported = [
        row["type"] for row in await DB.fetch("SELECT type FROM event WHERE aggregate = 'statement' ORDER BY seq")
    ]
    assert reported == ["statement.closed", "statement.approved", "statement.paid"]


async def test_one_statement_for_each_partner_with_a_contract_or_lines(api: Api, settings: Settings) -> None:
    contracted = await active_partner(api)
    await active_partner(api, _contract("2026-11-01", None), registration_number="91310000MA1FL0001X")
    ended = await active_partner(api, _contract("2026-01-01", "2026-10-01"), registration_number="91310000MA1FL0002X")
    last_day = await active_partner(api, _contract("2026-10-31", None), registration_number="91310000MA1FL0003X")
    served_late = uuid7()
    await record_and_post(settings, [Sale(served_late, amount_minor=700).used(), Sale(UUID(contracted)).used()])
    statements = await closed(api)
    found = {statement["partner_id"]: (statement["lines"], statement["total_minor"]) for statement in statements}
    assert found == {contracted: (1, 12_900), last_day: (0, 0), str(served_late): (1, 700)}
    assert ended not in found
    await invariants_hold(api)


def _contract(starts_on: str, ends_on: str | None) -> dict[str, Any]:
    from tests.support.partners import CONTRACT

    return CONTRACT | {"starts_on": starts_on, "ends_on": ends_on}


async def test_closing_again_changes_nothing(api: Api, settings: Settings) -> None:
    await record_and_post(settings, [Sale().used(), Sale().used()])
    key = fresh_key()
    first = await close(api, key=key)
    replay = await close(api, key=key)
    again = await close(api, subject="zhao")
    assert first.json() == replay.json() == again.json()
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in again.headers
    assert (await close(api, "2026-09", key=key)).status_code == 422
    assert await DB.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'period.close'") == 1


async def test_a_close_by_many_at_once_is_one_close(api: Api, settings: Settings) -> None:
    await record_and_post(settings, [Sale().used() for _ in range(20)])
    answers = await asyncio.gather(*(close(api, subject=f"s{number}") for number in range(6)))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert await DB.fetchval("SELECT count(*) FROM statement") == 20


async def test_months_are_closed_when_they_are_over_and_in_order(api: Api, settings: Settings) -> None:
    partner = uuid7()
    september = datetime(2026, 9, 30, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    await record_and_post(settings, [Sale(partner, amount_minor=9).used(september), Sale(partner).used()])
    refused = await close(api, "2026-11")
    assert (refused.status_code, refused.json()["code"]) == (409, "period_not_over")
    refused = await close(api)
    assert (refused.status_code, refused.json()["code"]) == (409, "earlier_period_open")
    assert refused.json()["open_month"] == "2026-09"
    assert await DB.fetchval("SELECT count(*) FROM statement") == 0
    assert [statement["total_minor"] for statement in await closed(api, "2026-09")] == [9]
    assert [statement["total_minor"] for statement in await closed(api)] == [12_900]
    # A month before the first posting has nothing to close, and it stays so.
    assert await closed(api, "2026-03") == []


async def test_the_last_instant_of_a_month_is_the_business_zones(settings: Settings, dsn: str) -> None:
    clock = Clock()
    clock.offset = datetime(2026, 10, 31, 15, 59, 50, tzinfo=UTC) - today.now()
    async with running_app(settings, dsn, clock) as api:
        assert (await close(api)).status_code == 409
        clock.offset += timedelta(seconds=10)
        assert (await close(api)).status_code == 200


BAD_MONTHS: list[Any] = [
    {}, {"month": "2026-13"}, {"month": "2026-1"}, {"month": 202610}, {"month": "２０２６-10"}, {"month": "2026-10", "x": 1},
    {"month": None}, [], {"month": "9999-10"}, {"month": "0000-10"},
]  # fmt: skip


async def test_bad_months(api: Api) -> None:
    for body in BAD_MONTHS:
        answer = await api.post(CLOSE, json=body, headers=api.staff("finance") | fresh_key())
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json()["errors"]


async def test_keys_are_needed(api: Api) -> None:
    headers = api.staff("finance", "finance_approver")
    posts = [
        (CLOSE, {"month": "2026-10"}),
        (f"{STATEMENTS}/{uuid7()}/approve", None),
        (PAYOUTS, {"statement_id": str(uuid7()), "rail": "manual", "reference": "x", "paid_on": "2026-11-05"}),
    ]
    for path, body in posts:
        answer = await api.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing"), path


async def test_the_approver_is_never_the_closer(api: Api, settings: Settings, dsn: str) -> None:
    await record_and_post(settings, [Sale().used()])
    [statement] = await closed(api)
    refused = await approve(api, statement["id"], subject="li")
    assert (refused.status_code, refused.json()["code"]) == (409, "same_person")
    owner = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute(
                f"UPDATE statement SET status = 'approved', approved_by = closed_by, approved_at = {sql_now()}"
            )
    finally:
        await owner.close()
    key = fresh_key()
    assert (await approve(api, statement["id"], key=key)).status_code == 200
    assert (await approve(api, statement["id"], key=key)).headers["Idempotency-Replayed"] == "true"
    again = await approve(api, statement["id"], subject="zhao")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


async def test_two_approvers_at_once_are_one_approval(api: Api, settings: Settings) -> None:
    await record_and_post(settings, [Sale().used()])
    [statement] = await closed(api)
    answers = await asyncio.gather(*(approve(api, statement["id"], subject=f"a{n}") for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]


async def test_a_reversal_of_a_closed_month_is_a_negative_line_of_the_next(api: Api, settings: Settings) -> None:
    partner = uuid7()
    sale, other = Sale(partner, basis="on_issue", amount_minor=800), Sale(partner, amount_minor=1_000)
    await record_and_post(settings, [sale.issued(datetime(2026, 9, 15, tzinfo=UTC))])
    [september] = await closed(api, "2026-09")
    await record_and_post(settings, [sale.cancelled(), other.used()])
    [october] = await closed(api)
    assert (september["total_minor"], october["total_minor"]) == (800, 200)
    lines = (await api.get(f"{STATEMENTS}/{october['id']}/lines", headers=api.staff("finance"))).json()["data"]
    assert sorted(line["amount_minor"] for line in lines) == [-800, 1_000]
    [negative] = [line for line in lines if line["amount_minor"] < 0]
    [original] = (await api.get(f"{STATEMENTS}/{september['id']}/lines", headers=api.staff("finance"))).json()["data"]
    assert negative["reverses"] == original["id"]
    assert (await api.get(f"{STATEMENTS}/{september['id']}", headers=api.staff("finance"))).json() == september


async def test_a_statement_is_reproducible(api: Api, settings: Settings) -> None:
    partner = uuid7()
    await record_and_post(settings, [Sale(partner, amount_minor=n + 1).used(reference=f"单据 |{n}") for n in range(30)])
    [statement] = await closed(api)
    draft = await build(DB.fetch, StatementScope(partner, "CNY", OCTOBER.date().replace(day=1)))
    assert draft.content_hash == statement["content_hash"]
    assert (draft.lines, draft.total_minor) == (30, 465)
    await invariants_hold(api)  # the same hash once more, computed by the database


GETS = [STATEMENTS, f"{STATEMENTS}/{{id}}", f"{STATEMENTS}/{{id}}/lines", f"{STATEMENTS}/{{id}}/lines.csv",
        f"{STATEMENTS}/{{id}}/lines.xlsx", PAYOUTS]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "may_read", "may_close", "may_approve", "may_pay"),
    [
        ("finance", True, True, False, True),
        ("finance_approver", True, False, True, False),
        ("auditor", True, False, False, False),
        ("operations", False, False, False, False),
    ],
)
async def test_roles(
    api: Api, settings: Settings, role: str, may_read: bool, may_close: bool, may_approve: bool, may_pay: bool
) -> None:
    await record_and_post(settings, [Sale().used()])
    [statement] = await closed(api)
    headers = api.staff(role, subject="other")
    for path in GETS:
        answer = await api.get(path.format(id=statement["id"]), headers=headers)
        assert answer.status_code == (200 if may_read else 403), path
    posts = [
        (CLOSE, {"month": "2026-10"}, may_close),
        (f"{STATEMENTS}/{statement['id']}/approve", None, may_approve),
        (
            PAYOUTS,
            {"statement_id": statement["id"], "rail": "manual", "reference": "x", "paid_on": "2026-11-05"},
            may_pay,
        ),
    ]
    for path, body, allowed in posts:
        answer = await api.post(path, json=body, headers=headers | fresh_key())
        assert (answer.status_code != 403) == allowed, (path, answer.text)


async def test_lists_page_and_filter(api: Api, settings: Settings) -> None:
    partner = uuid7()
    september = datetime(2026, 9, 15, tzinfo=UTC)
    await record_and_post(
        settings, [Sale(partner).used(september), *(Sale().used() for _ in range(4)), Sale(partner).used()]
    )
    await closed(api, "2026-09")
    statements = await closed(api)
    headers = api.staff("auditor")
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(STATEMENTS, params=query, headers=headers)).json()
        seen += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    # Closing September looked at every partner known then, so those of October alone have no statement for it.
    assert len(seen) == len({statement["id"] for statement in seen}) == 6
    assert [statement["month"] for statement in seen] == ["2026-10"] * 5 + ["2026-09"]
    for query, count in [
        ({"month": "2026-10"}, 5), ({"month": "2026-08"}, 0), ({"partner_id": str(partner)}, 2), ({"status": "closed"}, 6),
        ({"status": "paid"}, 0), ({"month": "2026-09", "partner_id": str(partner), "status": "closed"}, 1),
    ]:  # fmt: skip
        answer = await api.get(STATEMENTS, params=query, headers=headers)
        assert len(answer.json()["data"]) == count, query
    for query in [
        {"month": "October"}, {"partner_id": "x"}, {"status": "lost"}, {"limit": "0"}, {"limit": "101"}, {"cursor": "made-up"},
        {"limit": "1e3"},
    ]:  # fmt: skip
        assert (await api.get(STATEMENTS, params=query, headers=headers)).status_code == 400, query
    lines = f"{STATEMENTS}/{statements[0]['id']}/lines"
    foreign = (await api.get(STATEMENTS, params={"limit": "1"}, headers=headers)).json()["next_cursor"]
    assert (await api.get(lines, params={"cursor": foreign}, headers=headers)).status_code == 400


async def test_lines_page_in_order(api: Api, settings: Settings) -> None:
    partner = uuid7()
    same_instant = [Sale(partner, amount_minor=n + 1).used() for n in range(7)]
    await record_and_post(settings, same_instant)
    [statement] = await closed(api)
    path, headers = f"{STATEMENTS}/{statement['id']}/lines", api.staff("finance")
    seen, cursor = [], None
    for _ in range(4):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(path, params=query, headers=headers)).json()
        seen += [line["id"] for line in page["data"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert len(set(seen)) == 7
    assert seen == sorted(seen)


async def test_no_such_statement(api: Api) -> None:
    headers = api.staff("finance", "finance_approver")
    for identifier in ["x", "0", "00000000-0000-0000-0000-000000000000", "%00", "..%2f"]:
        for ending in ("", "/lines", "/lines.csv", "/lines.xlsx"):
            assert (await api.get(f"{STATEMENTS}/{identifier}{ending}", headers=headers)).status_code == 404
        refused = await api.post(f"{STATEMENTS}/{identifier}/approve", headers=headers | fresh_key())
        assert refused.status_code == 404
