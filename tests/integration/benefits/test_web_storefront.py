"""The storefront's pages, as a browser asks for them, over the real use cases."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from benefits.members.resolve import upsert
from benefits.members.schemas import MemberInput
from benefits.settings import BenefitsSettings
from marketplace.kernel.calendar import Month
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from tests.support.web import FORM, Browser, hidden, page_settings, running_pages
from tests.support.world import World, breaches

pytestmark = pytest.mark.dates

PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 10"><rect width="16" height="10" fill="#0d5a50"/></svg>'
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storefront")


class Shop:
    """A browser, a world behind it, and the member 林晓 with points."""

    def __init__(self, browser: Browser, world: World, member_id: UUID) -> None:
        self.browser, self.world, self.member_id = browser, world, member_id

    async def sign_in(self, login: str = "lin") -> None:
        assert (await self.browser.sign_in(login)).status_code == 303

    async def get(self, path: str, status: int = 200, **headers: str) -> str:
        answer = await self.browser.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        return answer.text

    async def balance(self) -> int:
        return int(await DB.fetchval("SELECT balance FROM wallet WHERE member_id = $1", self.member_id))

    async def redeem(self, offer_id: UUID, quantity: int = 1) -> str:
        """Redeem by the pages' forms and return the address of the result."""
        form = await self.get(f"/offers/{offer_id}/redeem?quantity={quantity}")
        fields = {name: hidden(form, name) for name in (*FORM, "idempotency_key", "quantity")}
        answer = await self.browser.post(f"/offers/{offer_id}/redeem", data=fields)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])


@pytest.fixture
async def shop(dsn: str, folder: Path, clock: Clock) -> AsyncIterator[Shop]:
    async with open_shop(page_settings(folder), dsn, clock) as opened:
        yield opened


@asynccontextmanager
async def open_shop(settings: Settings, dsn: str, clock: Clock) -> AsyncIterator[Shop]:
    """Open the shop, with 1,000 points for the member."""
    async with running_pages(settings, dsn, clock=clock) as browser:
        world = await World(settings, clock).open()
        async with unit_of_work() as work:
            person = MemberInput(subject="member-subject-lin", name="林晓", tier="gold", vehicle="ET7")
            member_id = (await upsert(work, [person], clock.now()))[0].member_id
        await world.earn([(member_id, 1000)])
        yield Shop(browser, world, member_id)


async def test_strangers_see_a_welcome_and_are_sent_to_one_id_elsewhere(shop: Shop) -> None:
    assert "使用 ONE ID 登录" in await shop.get("/")
    for path in ("/offers?q=酒店", "/vouchers", "/points", f"/offers/{uuid4()}"):
        answer = await shop.browser.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/auth/sign-in?return_to=%2F")
    part = await shop.browser.get(
        "/points", headers={"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1:1/points?cursor=x"}
    )
    assert part.headers["hx-redirect"] == "/auth/sign-in?return_to=%2Fpoints%3Fcursor%3Dx"
    answer = await shop.browser.sign_in("lin", "/offers?q=%E9%85%92%E5%BA%97")
    assert answer.headers["location"] == "/offers?q=%E9%85%92%E5%BA%97"


@pytest.mark.parametrize(
    ("day", "chinese", "english_words"),
    [
        (datetime(2026, 11, 11, 2, tzinfo=UTC), "距会员日还有 19 天", "Member day in 19 days"),
        (datetime(2026, 11, 28, 16, tzinfo=UTC), "明天是会员日", "Member day is tomorrow"),
        (datetime(2026, 11, 29, 16, tzinfo=UTC), "今天是会员日", "Today is member day"),
    ],
)
async def test_home_greets_with_points_and_what_expires(
    shop: Shop, clock: Clock, day: datetime, chinese: str, english_words: str
) -> None:
    clock.offset = day - Clock().now()
    await shop.world.offer(title={"zh-CN": "海边木屋", "en": "Cabin by the sea"})
    await shop.sign_in()
    page = await shop.get("/")
    for words in ("林晓", "金卡会员 · ET7", "1,000", "1,000 积分将于", chinese, "海边木屋", "服饰", "旅游"):
        assert words in page
    await shop.browser.get("/language/en")
    english = await shop.get("/")
    for words in ("Gold · ET7", "Your points", "Cabin by the sea", english_words, "Stays"):
        assert words in english
    assert not re.search(r"[\u4e00-\u9fff]", english.replace("林晓", "").replace("中文", "")), "English is complete"


async def test_a_first_sign_in_makes_a_member_and_staff_are_none(shop: Shop) -> None:
    await shop.sign_in("wang")
    page = await shop.get("/")
    assert "王芳" in page
    assert "普通会员" in page
    await shop.sign_in("olivia")
    assert "不是车主会员" in await shop.get("/", 403)
    assert "不是车主会员" in await shop.get("/points", 403)


async def test_search_in_chinese_scenarios_and_paging(shop: Shop) -> None:
    for number in range(14):
        await shop.world.offer(title={"zh-CN": f"湖畔酒店 {number} 号", "en": f"Lake hotel {number}"})
    await shop.world.offer(scenario="dining", title={"zh-CN": "双人火锅", "en": "Hotpot"}, points=5000)
    await shop.sign_in()
    found = await shop.get("/offers?q=酒店&scenario=lodging")
    assert found.count('class="offer"') == 12
    assert "双人火锅" not in found
    following = re.search(r'hx-get="([^"]+)"', found)
    assert following
    part = await shop.get(following[1].replace("&amp;", "&"), **{"HX-Request": "true"})
    assert part.count('class="offer"') == 2
    assert "<html" not in part
    assert "加载更多" not in part
    whole = await shop.get(following[1].replace("&amp;", "&"))
    assert whole.count('class="offer"') == 2
    assert "<html" in whole, "without JavaScript the next page is a page"

    assert "双人火锅" in await shop.get("/offers?scenario=dining")
    assert "双人火锅" not in await shop.get("/offers?affordable=1"), "5,000 points are more than there are"
    assert "没有找到合适的权益" in await shop.get("/offers?q=潜水艇")
    assert "全部权益" in await shop.get("/offers?scenario=castle")
    assert "cursor" in await shop.get("/offers?cursor=made-up", 400)


async def test_an_offer_says_what_it_is_and_why_not(shop: Shop) -> None:
    offer_id = await shop.world.offer(
        points=300, stock=7, per_member=2, value={"amount": 12_900, "currency": "CNY"}, image=PICTURE, tiers=["gold"]
    )
    dear = await shop.world.offer(points=4000)
    others = await shop.world.offer(tiers=["platinum"])
    gone = await shop.world.offer(stock=0)
    draft = await shop.world.offer(live=False)
    await shop.sign_in()
    page = await shop.get(f"/offers/{offer_id}")
    for words in (
        "汉庭酒店一晚",
        "华夏酒店",
        "300",
        "¥129",
        "标准间。",
        "提前一天预订。",
        "7 份",
        "2 份",
        "立即兑换",
        "兑换后 30 天",
    ):
        assert words in page
    image = re.search(r'<img src="(/offers/[^"]+)"', page)
    assert image
    picture = await shop.browser.get(image[1])
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in picture.headers["content-security-policy"]
    assert PICTURE not in page, "a partner's picture never stands inside our page"
    assert "还差 3,000 积分" in await shop.get(f"/offers/{dear}")
    assert "仅限白金会员，您当前是金卡会员" in await shop.get(f"/offers/{others}")
    assert "已兑完" in await shop.get(f"/offers/{gone}")
    for missing in (draft, uuid4(), "not-an-id", "..%2f.."):
        assert "没有找到" in await shop.get(f"/offers/{missing}", 404)


async def test_texts_of_others_are_escaped(shop: Shop) -> None:
    nasty = "<script>alert(1)</script>"
    async with unit_of_work() as work:
        await upsert(work, [MemberInput(subject="member-subject-lin", name=nasty, vehicle=nasty)], shop.world.now)
    offer_id = await shop.world.offer(
        title={"zh-CN": nasty, "en": nasty},
        description={"zh-CN": nasty, "en": nasty},
        terms={"zh-CN": nasty, "en": nasty},
    )
    await shop.sign_in()
    address = await shop.redeem(offer_id)
    query = f"/offers?q={nasty}"
    for path in ("/", query, f"/offers/{offer_id}", f"/offers/{offer_id}/redeem", address, "/vouchers", "/points"):
        page = await shop.get(path)
        assert nasty not in page
        assert "&lt;script&gt;" in page


async def test_a_double_tap_redeems_once(shop: Shop) -> None:
    offer_id = await shop.world.offer(points=300, stock=5)
    await shop.sign_in()
    form = await shop.get(f"/offers/{offer_id}/redeem?quantity=2")
    assert "600" in form
    assert "400" in form, "what is left afterwards"
    fields = {name: hidden(form, name) for name in (*FORM, "idempotency_key", "quantity")}
    address = f"/offers/{offer_id}/redeem"

    without = {name: value for name, value in fields.items() if name != "csrf_token"}
    assert (await shop.browser.post(address, data=without)).status_code == 403
    assert (await shop.browser.post(address, data=fields | {"csrf_token": "x"})).status_code == 403
    bad = await shop.browser.follow(await shop.browser.post(address, data=fields | {"idempotency_key": ""}))
    assert bad.status_code == 400
    assert await shop.balance() == 1000

    first = await shop.browser.post(address, data=fields)
    second = await shop.browser.post(address, data=fields)
    htmx = await shop.browser.post(address, data=fields, headers={"HX-Request": "true"})
    assert (first.status_code, second.status_code, htmx.status_code) == (303, 303, 200)
    assert first.headers["location"] == second.headers["location"] == htmx.headers["hx-redirect"]
    assert await shop.balance() == 400
    assert await DB.fetchval("SELECT count(*) FROM redemption") == 1

    changed = await shop.browser.follow(await shop.browser.post(address, data=fields | {"quantity": "1"}))
    assert changed.status_code == 422
    assert "text/html" in changed.headers["content-type"]

    page = await shop.get(first.headers["location"])
    code = await DB.fetchval("SELECT code FROM voucher")
    assert "兑换成功" in page
    assert code in page
    assert "<svg" in page
    assert not await breaches()


async def test_a_refusal_is_said_in_words(shop: Shop) -> None:
    offer_id = await shop.world.offer(points=300, stock=5)
    await shop.sign_in()
    form = await shop.get(f"/offers/{offer_id}/redeem", **{"HX-Request": "true"})
    assert "<html" not in form
    assert 'role="dialog"' in form
    fields = {name: hidden(form, name) for name in (*FORM, "idempotency_key", "quantity")}
    await DB.fetch("UPDATE stock SET remaining = 0, sold = 5 WHERE offer_id = $1", offer_id)
    answer = await shop.browser.follow(await shop.browser.post(f"/offers/{offer_id}/redeem", data=fields))
    assert answer.status_code == 409
    assert "库存不足" in answer.text
    assert "已兑完" in await shop.get(f"/offers/{offer_id}/redeem")
    assert await shop.balance() == 1000


async def test_a_voucher_is_shown_to_its_member_only_and_given_back(shop: Shop) -> None:
    offer_id = await shop.world.offer(points=300)
    await shop.sign_in()
    result = await shop.redeem(offer_id)
    voucher_id = await DB.fetchval("SELECT id FROM voucher")
    listed = await shop.get("/vouchers")
    assert f"/vouchers/{voucher_id}" in listed
    assert "这里是空的" in await shop.get("/vouchers?tab=used")
    assert f"/vouchers/{voucher_id}" in await shop.get("/vouchers?tab=castle")
    shown = await shop.get(f"/vouchers/{voucher_id}")
    last = await _last_day_of_voucher()
    assert f"有效期至 {last}" in listed
    assert f"<dt>有效期至</dt><dd>{last}（北京时间）</dd>" in shown
    assert f"有效期至 {last}（北京时间）" in await shop.get(result)
    assert 'class="qr"' in shown
    assert "取消并退回积分" in shown

    await shop.sign_in("wang")
    for path in (result, f"/vouchers/{voucher_id}", f"/vouchers/{voucher_id}/cancel"):
        assert "没有找到" in await shop.get(path, 404)
    assert "还没有可用的券" in await shop.get("/vouchers")

    await shop.sign_in("lin")
    form = await shop.get(f"/vouchers/{voucher_id}/cancel")
    assert "退回积分" in form
    assert "300" in form
    assert await shop.balance() == 700, "asking changes nothing"
    fields = {name: hidden(form, name) for name in (*FORM, "idempotency_key")}
    for _ in range(2):
        sent = await shop.browser.post(f"/vouchers/{voucher_id}/cancel", data=fields)
        assert sent.status_code == 303, "a reload of the answer sends nothing"
        done = await shop.browser.follow(sent)
        assert done.status_code == 200
        assert "已取消" in done.text
        assert await shop.balance() == 1000
    fresh = fields | {"idempotency_key": uuid4().hex}
    again = await shop.browser.follow(await shop.browser.post(f"/vouchers/{voucher_id}/cancel", data=fresh))
    assert again.status_code == 409
    assert await shop.balance() == 1000
    after = await shop.get(f"/vouchers/{voucher_id}")
    assert "已取消" in after
    assert 'class="qr"' not in after
    assert (await shop.browser.get(f"/vouchers/{voucher_id}/cancel")).status_code == 409
    assert f"/vouchers/{voucher_id}" in await shop.get("/vouchers?tab=cancelled")
    assert not await breaches()


async def test_what_is_announced_comes_back_even_when_the_lot_has_expired(shop: Shop, clock: Clock) -> None:
    settings = page_settings(Path())
    calendar = settings.calendar
    this_month = calendar.month_of(clock.now()).plus(1)
    middle = calendar.start_of(this_month.first_day) + timedelta(days=14)
    clock.offset = middle - clock.now()
    lifetime = settings.of(BenefitsSettings).points_lifetime_months
    earned_at = calendar.start_of(this_month.plus(-lifetime).first_day) + timedelta(days=3)
    offer_id = await shop.world.offer(points=300, voucher_days=1000)
    await shop.world.earn([(shop.member_id, 200)], occurred_at=earned_at)
    await shop.sign_in()
    await shop.redeem(offer_id)
    voucher_id = await DB.fetchval("SELECT id FROM voucher")
    clock.offset += timedelta(days=20)
    await shop.sign_in()
    announced = await shop.get(f"/vouchers/{voucher_id}/cancel")
    assert "原积分已到期" in announced
    fields = {name: hidden(announced, name) for name in (*FORM, "idempotency_key")}
    done = await shop.browser.follow(await shop.browser.post(f"/vouchers/{voucher_id}/cancel", data=fields))
    amounts = re.findall(r'<span class="num">([\d,]+)</span>', announced)
    assert amounts == ["200", "100"]
    assert amounts == re.findall(r'<span class="num">([\d,]+)</span>', done.text)
    assert not await breaches()


async def _on_the_last_day(shop: Shop, clock: Clock, settings: Settings, minutes: int) -> tuple[date, str]:
    """Spend 200 points of a lot in its last month, and ask to cancel so many minutes after its end; give its end and the page."""
    calendar = settings.calendar
    month = calendar.month_of(clock.now()).plus(1)
    clock.offset += calendar.start_of(month.first_day) + timedelta(days=14) - clock.now()
    lifetime = settings.of(BenefitsSettings).points_lifetime_months
    earned = calendar.start_of(month.plus(-lifetime).first_day) + timedelta(days=3)
    offer_id = await shop.world.offer(points=200, voucher_days=1000)
    await shop.world.earn([(shop.member_id, 200)], occurred_at=earned)
    await shop.sign_in()
    await shop.redeem(offer_id)
    end = month.plus(1).first_day
    clock.offset += calendar.start_of(end) + timedelta(minutes=minutes) - clock.now()
    await shop.sign_in()
    return end, await shop.get(f"/vouchers/{await DB.fetchval('SELECT id FROM voucher')}/cancel")


async def _last_day_of_voucher() -> str:
    """Return the last day on which the voucher is good, by what the wire says: the instant of its end excluded."""
    end: datetime = await DB.fetchval("SELECT expires_at FROM voucher")
    return _period_fields(page_settings(Path()).calendar.day_of(end) - timedelta(days=1))


def _period_fields(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


@pytest.mark.parametrize("minutes", [-1, 2])
async def test_who_cancels_on_a_lots_last_day_loses_no_more_than_after_it(
    shop: Shop, clock: Clock, minutes: int
) -> None:
    """A minute before the lot ends, and two after: the points last until the end of the month that comes next then."""
    settings = page_settings(Path())
    end, announced = await _on_the_last_day(shop, clock, settings, minutes)
    target = Month.of(end).plus(1 if minutes < 0 else 2).first_day
    assert f"有效期至 {_period_fields(target - timedelta(days=1))}" in announced
    assert "延长有效" in announced
    assert 'class="notice warn"' not in announced
    fields = {name: hidden(announced, name) for name in (*FORM, "idempotency_key")}
    voucher_id = await DB.fetchval("SELECT id FROM voucher")
    done = await shop.browser.follow(await shop.browser.post(f"/vouchers/{voucher_id}/cancel", data=fields))
    assert f"有效期至 {_period_fields(target - timedelta(days=1))}" in done.text
    rows = await DB.fetch("SELECT expires_on, points FROM lot WHERE member_id = $1 AND points > 0", shop.member_id)
    assert (target, 200) in {(row["expires_on"], row["points"]) for row in rows}
    assert not await breaches()


@pytest.mark.parametrize(
    ("minutes", "chinese", "english"),
    [
        (-1, "退回的 200 积分将于 {}（北京时间）到期", "200 of the points that come back expire after"),
        (2, "200 积分已于 {}（北京时间）到期，不会退回", "200 points expired after"),
    ],
)
async def test_where_points_are_forfeited_the_page_warns_before(
    dsn: str, folder: Path, clock: Clock, minutes: int, chinese: str, english: str
) -> None:
    settings = page_settings(folder).having(BenefitsSettings(cancel_expired_rule="forfeit"))
    async with open_shop(settings, dsn, clock) as shop:
        end, announced = await _on_the_last_day(shop, clock, settings, minutes)
        assert 'class="notice warn"' in announced
        assert chinese.format(_period_fields(end - timedelta(days=1))) in announced
        await shop.browser.get("/language/en")
        voucher_id = await DB.fetchval("SELECT id FROM voucher")
        assert english in await shop.get(f"/vouchers/{voucher_id}/cancel")
        assert await DB.fetchval("SELECT status FROM voucher") == "issued", "asking changes nothing"


async def test_an_offers_sale_is_said_to_end_with_its_last_day(shop: Shop, clock: Clock) -> None:
    calendar = page_settings(Path()).calendar
    day = calendar.day_of(clock.now()) + timedelta(days=5)
    sale = {"starts_at": (clock.now() - timedelta(days=1)).isoformat(), "ends_at": calendar.start_of(day).isoformat()}
    offer_id = await shop.world.offer(sale=sale)
    await shop.sign_in()
    shown = await shop.get(f"/offers/{offer_id}")
    assert f"<dd>{_period_fields(day - timedelta(days=1))}（北京时间）</dd>" in shown


async def test_an_old_voucher_offers_no_way_back(shop: Shop, clock: Clock) -> None:
    offer_id = await shop.world.offer(points=300, voucher_days=60)
    await shop.sign_in()
    await shop.redeem(offer_id)
    voucher_id = await DB.fetchval("SELECT id FROM voucher")
    clock.offset = timedelta(days=31)
    await shop.sign_in()
    assert "取消并退回积分" not in await shop.get(f"/vouchers/{voucher_id}")
    assert "已超过取消期限" in await shop.get(f"/vouchers/{voucher_id}/cancel", 409)
    clock.offset = timedelta(days=62)
    await shop.sign_in()
    assert "已过期" in await shop.get(f"/vouchers/{voucher_id}")
    assert f"/vouchers/{voucher_id}" in await shop.get("/vouchers?tab=expired")


async def test_points_show_every_movement(shop: Shop) -> None:
    offer_id = await shop.world.offer(points=300, title={"zh-CN": "湖畔酒店", "en": "Lake hotel"})
    for number in range(16):
        await shop.world.earn([(shop.member_id, 1)], reference=f"SERVICE-{number}")
    await shop.sign_in()
    await shop.redeem(offer_id)
    page = await shop.get("/points")
    assert "716" in page
    assert "-300" in page
    assert "湖畔酒店" in page
    assert "SERVICE-15" in page
    assert 'class="bar"' in page
    following = re.search(r'hx-get="([^"]+)"', page)
    assert following
    rest = await shop.get(following[1].replace("&amp;", "&"), **{"HX-Request": "true"})
    assert "+1,000" in rest
    assert "<html" not in rest
    assert "没有积分记录" not in rest


async def test_a_fault_of_ours_is_a_page_without_its_inside(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_values: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("benefits.web.points.movements", broken)
    await shop.sign_in()
    page = await shop.get("/points", 500, **{"X-Request-Id": "known-request-1"})
    assert "系统出了点问题" in page
    assert "known-request-1" in page
    assert "secret inside" not in page
    answer = await shop.browser.get("/points", headers={"HX-Request": "true"})
    assert answer.headers["hx-retarget"] == "#sheet"
    assert "<html" not in answer.text


async def test_signing_out_closes_the_pages(shop: Shop) -> None:
    await shop.sign_in()
    home = await shop.browser.get("/")
    assert home.headers["cache-control"] == "no-store"
    assert (await shop.browser.send_form("/auth/sign-out", hidden(home.text, "csrf_token"))).status_code == 303
    assert "使用 ONE ID 登录" in await shop.get("/")
    assert (await shop.browser.get("/points")).status_code == 303
