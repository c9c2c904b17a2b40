"""Periods are closed in order, with lines or without: none is skipped for good."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.finance import CLOSE, NOVEMBER_10
from tests.support.partners import CONTRACT, active_partner
from tests.support.settlement import OCTOBER, Sale, record_and_post


@pytest.fixture
async def api(settings: Settings, dsn: str) -> AsyncIterator[Api]:
    """The application on the tenth of November 2026."""
    clock = Clock()
    clock.offset = today.at(NOVEMBER_10)
    async with running_app(settings, dsn, clock) as running:
        yield running


async def _close(api: Api, cycle: str, starts_on: str) -> Any:
    body = {"month": starts_on[:7]} if cycle == "monthly" else {"cycle": cycle, "starts_on": starts_on}
    return await api.post(CLOSE, json=body, headers=api.staff("finance", subject="li") | fresh_key())


def _period_fields(start: str, end: str) -> str:
    """Return a period as people read it: 2026年10月, or its first and its last day."""
    if not end:
        year, month = start.split("-")
        return f"{year}年{int(month)}月"
    first, last = date.fromisoformat(start), date.fromisoformat(end) - timedelta(days=1)
    return " 至 ".join(f"{day.year}年{day.month}月{day.day}日" for day in (first, last))


async def _refused(api: Api, cycle: str, starts_on: str, first: str) -> None:
    answer = await _close(api, cycle, starts_on)
    assert (answer.status_code, answer.json()["code"]) == (409, "earlier_period_open"), answer.text
    assert answer.json()["open_month"] == first
    start, _, end = first.partition("/")
    assert f"须先关闭较早的账期 {_period_fields(start, end)}，" in answer.json()["title"], (
        "people are told the last day"
    )


@pytest.mark.parametrize(
    ("cycle", "periods", "names"),
    [
        (
            "weekly",
            ["2026-10-12", "2026-10-19", "2026-10-26", "2026-11-02"],
            ["2026-10-19/2026-10-26", "2026-10-26/2026-11-02"],
        ),
        (
            "ten_day",
            ["2026-10-01", "2026-10-11", "2026-10-21"],
            ["2026-10-11/2026-10-21"],
        ),
        ("monthly", ["2026-07-01", "2026-08-01", "2026-09-01", "2026-10-01"], ["2026-08", "2026-09"]),
    ],
)
async def test_a_period_without_a_line_is_not_skipped(
    api: Api, cycle: str, periods: list[str], names: list[str]
) -> None:
    """The first close begins the cycle; from there on each period follows the one before, for partners without a line too."""
    await active_partner(api, CONTRACT | {"cycle": cycle})
    assert len((await _close(api, cycle, periods[0])).json()["statements"]) == 1
    for closing, name in zip(periods[1:-1], names, strict=True):
        await _refused(api, cycle, periods[-1], name)
        assert (await _close(api, cycle, closing)).status_code == 200
    assert len((await _close(api, cycle, periods[-1])).json()["statements"]) == 1
    assert await DB.fetchval("SELECT count(*) FROM statement") == len(periods), "each period has its statement"


async def test_the_refusal_names_the_first_of_all_partners_and_lines_do_not_matter(
    api: Api, settings: Settings
) -> None:
    first = UUID(await active_partner(api, CONTRACT | {"cycle": "weekly"}))
    await active_partner(api, CONTRACT | {"cycle": "weekly"})
    await record_and_post(settings, [Sale(first, cycle="weekly").used(OCTOBER)])  # the 15th: the week of the 12th
    await _refused(api, "weekly", "2026-10-26", "2026-10-12/2026-10-19")
    assert len((await _close(api, "weekly", "2026-10-12")).json()["statements"]) == 2
    await record_and_post(settings, [Sale(first, cycle="weekly").used(OCTOBER.replace(day=28))])
    await _refused(api, "weekly", "2026-10-26", "2026-10-19/2026-10-26")
    assert await DB.fetchval("SELECT count(*) FROM statement") == 2, "a refused close leaves nothing behind"


async def test_a_partner_that_joins_later_begins_with_the_next_close(api: Api) -> None:
    await active_partner(api, CONTRACT | {"cycle": "weekly"})
    for week in ("2026-10-12", "2026-10-19"):
        assert (await _close(api, "weekly", week)).status_code == 200
    await active_partner(api, CONTRACT | {"cycle": "weekly", "starts_on": "2026-10-21"})
    assert len((await _close(api, "weekly", "2026-10-26")).json()["statements"]) == 2
