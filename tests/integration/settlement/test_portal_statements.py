"""Statements in the portal: how each total comes about, its lines as files, and nobody else's."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from openpyxl import load_workbook

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from settlement.books.domain import MoneyPostingCode
from settlement.web.statements_page import LINE_WORDS
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.finance import NOVEMBER_10, approve, closed, pay
from tests.support.partners import APPLICATION, CONTRACT, active_partner
from tests.support.portal import Portal, link_in, post_office
from tests.support.settlement import OCTOBER, Sale, record

AT = "/partner/statements"


@pytest.fixture
def clock() -> Clock:
    """The tenth of November 2026."""
    clock = Clock()
    clock.offset = NOVEMBER_10 - today.now()
    return clock


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


async def joined(api: Api, browser: Portal, **changes: Any) -> UUID:
    """Let a partner's owner join, and return the partner's id."""
    partner_id = await active_partner(api, **changes)
    await browser.join(link_in((await post_office(browser.settings, browser.clock))[-1]))
    return UUID(partner_id)


@pytest.fixture
async def owner(api: Api, here: Settings, clock: Clock) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock) as browser:
        await joined(api, browser)
        yield browser


async def settled(api: Api, partner_id: UUID) -> dict[str, Any]:
    """Let something happen in October, close it, and return the partner's statement."""
    undone = Sale(partner_id, basis="on_issue", amount_minor=5_000)
    await record(
        Sale(partner_id, amount_minor=1_234_500).used(reference="房 301"), undone.issued(),
        undone.cancelled(OCTOBER + timedelta(minutes=1)),
    )  # fmt: skip
    (found,) = [one for one in await closed(api) if one["partner_id"] == str(partner_id) and one["lines"]]
    return found


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_every_kind_of_line_has_words() -> None:
    assert set(LINE_WORDS) == set(MoneyPostingCode) - {MoneyPostingCode.PAYOUT}


async def test_from_closed_to_paid(api: Api, owner: Portal) -> None:
    assert "没有账单" in (await owner.get(AT)).text
    statement = await settled(api, await DB.fetchval("SELECT id FROM partner"))
    listed = text_of(await owner.get(AT))
    assert "2026年10月 3 行 ¥12,345.00 待主机厂审批" in listed
    at = f"{AT}/{statement['id']}"
    shown = text_of(await owner.get(at))
    for words in ("权益金额 ¥12,395.00", "减：冲销 − ¥50.00", "应付合计 ¥12,345.00", "审批 待审批", "核销", "房 301 · L-1",
                  "兑换冲销", "−¥50.00", statement["content_hash"]):  # fmt: skip
        assert words in shown, words
    await approve(api, statement["id"])
    assert "应付日 2026年11月" in text_of(await owner.get(AT))
    assert (await pay(api, statement["id"])).status_code == 201
    shown = text_of(await owner.get(at))
    assert "已付款" in shown
    assert "付款 ¥12,345.00 2026年11月5日 · ICBC-42" in shown
    tabs = ["2026年10月" in (await owner.get(f"{AT}?status={tab}")).text for tab in ("paid", "closed", "nonsense")]
    assert tabs == [True, False, True]
    csv = await owner.get(f"{at}/lines.csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert "attachment" in csv.headers["content-disposition"]
    assert "房 301" in csv.content.decode("utf-8-sig")
    book = load_workbook(BytesIO((await owner.get(f"{at}/lines.xlsx")).content))
    assert "房 301" in [cell.value for row in book.worksheets[0].iter_rows() for cell in row]


async def test_ten_days_are_told_with_the_zone_that_counts_them(api: Api, here: Settings, clock: Clock) -> None:
    zones = {"北京时间": ("91310000MA1FL0001X", None), "Pacific/Honolulu": ("91310000MA1FL0002Y", "Pacific/Honolulu")}
    for place, (named, (number, zone)) in enumerate(zones.items()):
        async with Portal.of(api.app, here, clock) as browser:
            contact = APPLICATION["contact"] | {"email": f"owner-{place}@example.com"}
            partner_id = await active_partner(
                api, CONTRACT | {"cycle": "ten_day", "time_zone": zone}, registration_number=number, contact=contact
            )
            await browser.join(link_in((await post_office(here, clock))[-1]))
            body = {"cycle": "ten_day", "starts_on": "2026-10-11"}
            answer = await api.post("/v1/finance/periods/close", json=body, headers=api.staff("finance") | fresh_key())
            (made,) = [one for one in answer.json()["statements"] if one["partner_id"] == partner_id]
            at = f"{AT}/{made['id']}"
            assert f"2026年10月11日 至 2026年10月20日 待主机厂审批 按{named}的日期计算" in text_of(
                await browser.get(at)
            )
            assert "2026年10月11日 至 2026年10月20日" in text_of(await browser.get(AT))
            book = load_workbook(BytesIO((await browser.get(f"{at}/lines.xlsx")).content))
            summary = {row[0].value: row[1].value for row in book["汇总"].iter_rows()}
            assert summary["账期"] == "2026年10月11日 至 2026年10月20日"
            assert summary["账期时区"] == (zone or "Asia/Shanghai")
            assert "关账时间（Asia/Shanghai）" in summary


async def test_a_statement_of_zero_has_nothing_to_pay(api: Api, owner: Portal) -> None:
    (statement,) = await closed(api)
    at = f"{AT}/{statement['id']}"
    assert "应付日 审批后确定 付款 未付款" in text_of(await owner.get(at))
    await approve(api, statement["id"])
    shown = text_of(await owner.get(at))
    assert "已结清" in shown
    assert "应付日 无需付款 付款 无需付款" in shown
    assert "2026年10月" in (await owner.get(f"{AT}?status=settled")).text


async def test_many_lines_come_by_pages(api: Api, owner: Portal) -> None:
    partner_id = await DB.fetchval("SELECT id FROM partner")
    await record(*[Sale(partner_id).used(OCTOBER + timedelta(minutes=n), reference=f"N{n:03}") for n in range(60)])
    (statement,) = await closed(api)
    first = await owner.get(f"{AT}/{statement['id']}")
    assert ("N049" in first.text, "N050" in first.text) == (True, False)
    following = re.search(r'href="(/partner/statements/[^"#]*cursor=[^"#]+)', first.text)
    assert following
    second = await owner.get(following[1])
    assert ("N050" in second.text, "N059" in second.text, "N049" in second.text) == (True, True, False)
    assert (await owner.get(f"{AT}?cursor=nonsense")).status_code == 400


async def test_other_roles_and_other_companies(api: Api, owner: Portal, here: Settings, clock: Clock) -> None:
    statement = await settled(api, await DB.fetchval("SELECT id FROM partner"))
    at = f"{AT}/{statement['id']}"
    async with Portal.of(api.app, here, clock) as stranger:
        contact = APPLICATION["contact"] | {"email": "zhao@example.com"}
        await joined(api, stranger, registration_number="91310000MA1FL0001X", contact=contact)
        assert "没有账单" in (await stranger.get(AT)).text
        for path in ("", "/lines.csv", "/lines.xlsx"):
            plain = set()
            for known in (statement["id"], "0190c3e0-0000-7000-8000-000000000000", "nothing", "%00"):
                answer = await stranger.get(f"{AT}/{known}{path}")
                plain.add((answer.status_code, re.sub(r"return_to=[^\"]*", "", answer.text)))
            assert {status for status, _ in plain} == {404}
            assert len(plain) == 1
    await DB.fetch("UPDATE partner_staff SET roles = '{developer,marketer,counter}'")
    assert AT not in (await owner.get("/partner")).text
    for path in (AT, at, f"{at}/lines.csv", f"{at}/lines.xlsx"):
        assert (await owner.get(path)).status_code == 403
    await DB.fetch("UPDATE partner_staff SET roles = '{finance}'")
    assert (await owner.get(at)).status_code == 200


async def test_in_english(api: Api, here: Settings, clock: Clock) -> None:
    async with Portal.of(api.app, here, clock, "en") as browser:
        partner_id = await joined(api, browser)
        empty = await browser.get(AT)
        statement = await settled(api, partner_id)
        at = f"{AT}/{statement['id']}"
        for page in (empty, await browser.get(AT), await browser.get(at)):
            text = re.sub(r"中文|李娜|房 301", "", re.sub(r"<[^>]+>", "", page.text))
            assert not re.search(r"[\u4e00-\u9fff]", text), re.search(r".{30}[\u4e00-\u9fff]+.{20}", text)
        assert "Occurred at" in (await browser.get(f"{at}/lines.csv")).content.decode("utf-8-sig")
