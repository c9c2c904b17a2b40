"""The counter in the portal: looked at, taken, undone; by whom the API would let, where it would let them."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from tests.support.app import fresh_key, running_app
from tests.support.flow import Partner, good
from tests.support.owner import by_owner
from tests.support.portal import Portal, link_in, post_office
from tests.support.shop import Shop
from tests.support.today import sql_now
from tests.support.web import hidden


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings, data=tmp_path)


@pytest.fixture
async def shop(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Shop]:
    async with running_app(here, dsn, clock=clock) as api, Portal.of(api.app, here, clock) as browser:
        yield await Shop(api, browser).open()


async def state(code: str) -> tuple[Any, ...]:
    row = await DB.fetchrow("SELECT status, location_id, reference FROM voucher WHERE code = $1", code)
    assert row is not None
    return tuple(row)


async def test_chosen_once_looked_at_taken_and_undone(shop: Shop) -> None:
    asked = await shop.browser.get("/partner/counter")
    assert str(asked.url).endswith("/partner/counter/place")
    assert "店 SH-2" in asked.text
    ready = await shop.stand("SH-1")
    assert str(ready.url).endswith("/partner/counter")
    assert "店 SH-1" in ready.text
    assert "camera=(self)" in ready.headers["permissions-policy"]
    code = await shop.voucher()
    looked = await shop.verify(code.lower().replace("-", ""))
    assert (looked.status_code, "可以核销" in looked.text, "汉庭酒店一晚" in looked.text) == (200, True, True)
    assert (await state(code))[0] == "issued", "looking changes nothing"
    taken = await shop.use(looked, reference="房 301")
    assert "已核销" in taken.text
    assert await state(code) == ("used", "SH-1", "房 301")
    assert "汉庭酒店一晚" in taken.text
    again = await shop.use(looked, reference="房 301")
    assert "已核销" in again.text, "the same form twice is the same answer"
    seen = await shop.verify(code)
    assert "不可用：已核销" in seen.text
    assert "房 301" in seen.text
    undone = await shop.undo(taken)
    assert "已撤销" in undone.text
    assert (await state(code))[0] == "issued"
    old = await shop.use(looked, reference="房 301")
    assert ("下面是它现在的状态" in old.text, "可以核销" in old.text) == (True, True), "an old page must not mislead"
    await shop.use(old, reference="房 302")
    old = await shop.undo(taken)
    assert ("下面是它现在的状态" in old.text, "不可用：已核销" in old.text) == (True, True)
    actor = await DB.fetchval("SELECT caller FROM idempotency WHERE caller LIKE 'staff:%' LIMIT 1")
    assert actor == f"staff:{await DB.fetchval('SELECT id FROM partner_staff')}"


async def test_what_is_refused_is_said(shop: Shop) -> None:
    await shop.stand("SH-1")
    for code, reason in (
        ("", "请输入券码"),
        ("x" * 41, "请输入券码"),
        ("0000-0000-0000", "没有该兑换券"),
        ("\x00", "请输入"),
    ):
        page = await shop.verify(code)
        assert (page.status_code, reason in page.text) == (400, True), page.text
    code = await shop.voucher()
    looked = await shop.verify(code)
    missing = await shop.use(looked, reference="")
    assert (missing.status_code, "可以核销" in missing.text) == (400, True)
    assert re.search(r'id="error-reference"[^>]*>请填写单号', missing.text), "beside its field"
    forged = await shop.use(looked, reference="R", use_token="x")
    assert (forged.status_code, "已失效，请重新核验" in forged.text) == (400, True)
    for key in ("", "a" * 300):
        assert (await shop.use(looked, reference="R", idempotency_key=key)).status_code == 400
    assert (await state(code))[0] == "issued"
    taken = await shop.use(looked, reference="R")
    late = await shop.use(looked, reference="R", idempotency_key="another-key-0001")
    assert (late.status_code, "已核销，不能再次使用" in late.text) == (400, True)
    shop.clock.offset += timedelta(minutes=15)
    over = await shop.undo(taken)
    assert (over.status_code, "撤销期限（核销后 15 分钟）" in over.text) == (400, True)
    assert "确认撤销" not in (await shop.verify(code)).text, "what would be refused is not offered"
    code, given_back = await shop.voucher(), await shop.voucher()
    redemption = await DB.fetchval("SELECT redemption_id FROM voucher WHERE code = $1", given_back)
    good(await shop.api.post(f"/v1/redemptions/{redemption}/cancel", json={}, headers=shop.member | fresh_key()))
    assert "会员已取消" in (await shop.verify(given_back)).text
    good(await shop.partner.use(code, "used-elsewhere-0001"))
    seen = await shop.verify(code)
    assert ("其他门店" in seen.text, "till-1" in seen.text) == (True, False), "another location's number is its own"


async def test_the_counter_says_the_last_day_that_the_member_sees(shop: Shop) -> None:
    """One voucher had two last days: the 28th for the member, and midnight of the 1st at the counter."""
    await shop.stand("SH-1")
    code = await shop.voucher()
    end = await DB.fetchval("SELECT expires_at FROM voucher WHERE code = $1", code)
    calendar = PlatformServices.of(shop.api.app).settings.calendar
    assert calendar.start_of(calendar.day_of(end)) == end, "on the wire it is the midnight after"
    last = calendar.day_of(end) - timedelta(days=1)
    said = f"{last.year}年{last.month}月{last.day}日（北京时间）"
    seen = await shop.verify(code)
    assert f"<dt>有效期至</dt><dd>{said}</dd>" in seen.text
    assert "00:00" not in seen.text
    undone = await shop.undo(await shop.use(seen, reference="R"))
    assert f"有效期至 {said}" in undone.text


async def test_a_code_is_found_as_any_keyboard_types_it(shop: Shop) -> None:
    await shop.stand("SH-1")
    code = await shop.voucher()
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in code)
    for typed in (code.replace("-", "－"), wide, code.replace("-", "—"), f"\u200b{code}", code.replace("-", "　")):
        page = await shop.verify(typed)
        assert (page.status_code, "可以核销" in page.text) == (200, True), typed
        body = {"code": typed, "location_id": "SH-1"}
        assert good(await shop.api.post("/v1/partner/vouchers/verify", json=body, headers=shop.partner.headers))


async def test_one_that_has_expired(shop: Shop) -> None:
    await shop.stand("SH-1")
    code = await shop.voucher()
    await by_owner(f"UPDATE voucher SET expires_at = {sql_now()} - interval '1 minute'")
    page = await shop.verify(code)
    assert "不可用：已过期" in page.text
    assert 'name="reference"' not in page.text


async def test_a_person_takes_vouchers_where_they_work(shop: Shop) -> None:
    await shop.stand("SH-1")
    code = await shop.voucher()
    looked = await shop.verify(code)
    await shop.person("counter", "SH-2")
    page = await shop.browser.get("/partner/counter")
    assert "店 SH-2" in page.text, "the only one there is need not be chosen"
    assert "店 SH-1" not in page.text
    taken = await shop.use(looked, reference="R")
    assert "已核销" in taken.text
    assert (await state(code))[1] == "SH-2", "never where the person does not work"
    refused = await shop.stand("SH-1")
    assert (refused.status_code, "请选择您所在的门店" in refused.text) == (400, True)
    await shop.person("counter", "SH-1", "SH-2")
    listed = await shop.browser.get("/partner/counter/place")
    assert "店 SH-1" in listed.text
    assert "不指定门店" not in listed.text
    assert (await shop.stand("-")).status_code == 400
    await shop.stand("SH-1")
    page = await shop.verify(code)
    assert "其他门店" in page.text
    assert "确认撤销" not in page.text
    assert "只能由核销该券的门店撤销" in (await shop.send(taken, "undo", "code", "idempotency_key", reason="x")).text


async def test_an_owner_sees_by_name_where_somebody_works(shop: Shop) -> None:
    me = await DB.fetchval("SELECT id FROM partner_staff")
    at = f"/partner/people/{me}"
    assert "已保存" in (await shop.browser.fill(at, name="王敏", roles=["owner"], locations="SH-1，SH-2")).text
    assert "目前：店 SH-1、店 SH-2" in (await shop.browser.get(at)).text
    refused = await shop.browser.fill(at, name="王敏", roles=["owner"], locations="XX-9")
    assert refused.status_code == 400


async def test_the_use_case_is_asked_whatever_the_page_thinks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's own choice is no guard: if it is wrong, `require_location` refuses, as over the API."""
    await shop.person("counter", "SH-2")
    code = await shop.voucher()
    looked = await shop.verify(code)
    real = PartnerCaller.require_location
    asked: list[str | None] = []

    def elsewhere(self: PartnerCaller, location_id: str | None) -> None:
        asked.append(location_id)
        real(self, "SH-1")

    monkeypatch.setattr(PartnerCaller, "require_location", elsewhere)
    for answer in (await shop.verify(code), await shop.use(looked, reference="R")):
        assert answer.status_code in {400, 403}
    assert set(asked) == {"SH-2"}
    assert (await state(code))[0] == "issued"


async def test_who_works_everywhere_may_name_no_location(shop: Shop) -> None:
    page = await shop.stand("-")
    assert "未指定门店" in page.text
    code = await shop.voucher()
    await shop.use(await shop.verify(code), reference="web-1")
    assert await state(code) == ("used", "", "web-1")
    found = await shop.browser.get("/partner/counter/place?q=sh-2")
    assert ("店 SH-2" in found.text, "店 SH-1" in found.text) == (True, False)
    assert "没有找到门店" in (await shop.browser.get("/partner/counter/place?q=%00%E5%8C%97")).text


@pytest.mark.parametrize("role", ["developer", "marketer", "finance"])
async def test_other_roles_take_nothing(shop: Shop, role: str) -> None:
    await shop.stand("SH-1")
    code = await shop.voucher()
    looked = await shop.verify(code)
    await shop.person(role)
    assert "/partner/counter" not in (await shop.browser.get("/partner")).text
    for answer in (
        await shop.browser.get("/partner/counter"),
        await shop.browser.get("/partner/counter/place"),
        await shop.send(looked, "use", "code", "idempotency_key", reference="R"),
        await shop.send(looked, "undo", "code", "idempotency_key", reason="R"),
        await shop.send(looked, "verify", "code"),
        await shop.send(looked, "place", location_id="SH-2"),
    ):
        assert answer.status_code == 403, answer.url
    assert (await state(code))[0] == "issued"


async def test_another_companys_voucher_and_place_are_not_there(shop: Shop) -> None:
    code = await shop.voucher()
    async with Portal.of(shop.api.app, shop.browser.settings, shop.clock) as browser:
        other = Shop(shop.api, browser)
        await Partner(shop.api).open()
        await browser.join(link_in((await post_office(browser.settings, shop.clock))[-1]))
        assert (await other.stand("SH-1")).status_code == 400
        unknown, foreign = await other.verify("0000-0000-0000"), await other.verify(code)
        assert foreign.status_code == 400

        def plain(page: httpx.Response) -> str:
            text = unescape(page.text).replace(code, "").replace("0000-0000-0000", "")
            return re.sub(r'value="[^"]*"', "", text)

        assert plain(foreign) == plain(unknown)
    assert (await state(code))[0] == "issued"


async def test_a_form_from_elsewhere_does_nothing(shop: Shop) -> None:
    await shop.stand("SH-1")
    code = await shop.voucher()
    looked = await shop.verify(code)
    fields = {name: hidden(looked.text, name) for name in ("code", "use_token", "idempotency_key")}
    for action in ("verify", "use", "undo", "place"):
        for token in ({}, {"csrf_token": ""}, {"csrf_token": "x" * 43}):
            data = fields | {"reference": "R", "reason": "R", "location_id": "SH-2"} | token
            answer = await shop.browser.post(f"/partner/counter/{action}", data=data)
            assert (answer.status_code, "页面已过期" in answer.text) == (403, True), action
    assert (await state(code))[0] == "issued"
    assert "店 SH-1" in (await shop.browser.get("/partner/counter")).text


async def test_a_suspended_company_still_takes_what_members_hold(shop: Shop) -> None:
    await shop.stand("SH-1")
    code = await shop.voucher()
    looked = await shop.verify(code)
    suspend = f"/v1/admin/partners/{shop.partner.id}/suspend"
    good(await shop.api.post(suspend, json={"reason": "调查"}, headers=shop.partner.operations | fresh_key()))
    taken = await shop.use(looked, reference="R")
    assert taken.status_code == 200, taken.text
    assert (await state(code))[0] == "used"
    assert (await shop.browser.get("/partner/webhooks")).status_code == 403, "and nothing else"


async def test_in_english(here: Settings, dsn: str, clock: Clock) -> None:
    async with running_app(here, dsn, clock=clock) as api, Portal.of(api.app, here, clock, "en") as browser:
        shop = await Shop(api, browser).open()
        pages = [await browser.get("/partner/counter"), await shop.stand("SH-1"), await shop.verify("nothing")]
        looked = await shop.verify(await shop.voucher())
        taken = await shop.use(looked, reference="R")
        pages += [looked, taken, await shop.use(looked, reference=""), await shop.undo(taken)]
        for page in pages:
            text = re.sub(r"中文|王敏|上海|路 1 号", "", re.sub(r"<[^>]+>", "", page.text))
            assert not re.search(r"[\u4e00-\u9fff]", text), re.search(r".{30}[\u4e00-\u9fff]+.{20}", text)
