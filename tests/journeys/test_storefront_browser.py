"""A member with a real browser: signs in, looks around, searches, redeems, shows the code, gives it back."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import uvicorn
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from benefits.members.resolve import upsert
from benefits.members.schemas import MemberInput
from marketplace.app import create_app
from marketplace.demo import oneid_pages
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.serving import server
from tests.support.browsing import ARGUMENTS, IN_REACH, SIZES, fits, person
from tests.support.chromium import chromium
from tests.support.web import PEOPLE, page_settings
from tests.support.world import World, breaches

CHROMIUM = chromium()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian package chromium): browser tests left out"),
]

PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 200"><rect width="320" height="200" fill="#17393a"/>'
    '<circle cx="240" cy="60" r="34" fill="#f0e6c8"/></svg>'
)


class Site:
    """The running server and the world behind it."""

    def __init__(self, address: str, world: World, hotel: UUID) -> None:
        self.address, self.world, self.hotel = address, world, hotel


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture
async def site(dsn: str, folder: Path, clock: Clock) -> AsyncIterator[Site]:
    """The real server on a free port, with a partner, a member with points, and offers."""
    listener = server.reserve("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = page_settings(folder, address)
    app = create_app(settings, dsn, clock=clock, extra_routes=oneid_pages.routes(settings, PEOPLE))
    running = uvicorn.Server(server.config(app))
    task = asyncio.create_task(running.serve(sockets=[listener]))
    while not running.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.02)
    world = await World(settings, clock).open()
    await _furnish(world)
    yield Site(address, world, await DB.fetchval("SELECT offer_id FROM stock"))
    running.should_exit = True
    await task
    listener.close()


async def _furnish(world: World) -> None:
    async with unit_of_work() as work:
        person = MemberInput(subject="member-subject-lin", name="林晓", tier="gold", vehicle="ET7")
        member_id = (await upsert(work, [person], world.now))[0].member_id
    await world.earn([(member_id, 20_000)])
    for number in range(13):
        await world.offer(
            scenario="dining",
            points=500 + number,
            title={"zh-CN": f"双人套餐 {number}", "en": f"Menu for two {number}"},
            image=PICTURE,
        )
    await world.offer(
        points=6800,
        stock=20,
        value={"amount": 42_900, "currency": "CNY"},
        title={"zh-CN": "全季酒店高级大床房一晚", "en": "A night at Ji Hotel"},
        image=PICTURE,
    )


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        await started.close()


async def _sign_in(page: Page, site: Site) -> None:
    await page.goto(site.address)
    await page.get_by_role("link", name="使用 ONE ID 登录").click()
    await expect(page.get_by_role("heading", name="以谁的身份登录？")).to_be_visible()
    await page.get_by_role("button", name="林晓").click()
    await page.wait_for_url(f"{site.address}/")


@pytest.mark.parametrize("size", SIZES)
async def test_a_member_redeems_and_shows_the_code(site: Site, browser: Browser, size: str) -> None:
    async with person(browser, site.address, size) as (page, complaints):
        await _sign_in(page, site)
        await expect(page.get_by_role("heading", level=1)).to_contain_text("林晓")
        await expect(page.locator(".balance b")).to_have_text("20,000")
        await fits(page)

        await page.get_by_role("link", name="餐饮").click()
        await expect(page.locator("a.offer")).to_have_count(12)
        await fits(page)
        await page.get_by_role("link", name="加载更多").click()
        await expect(page.locator("a.offer")).to_have_count(13)
        await expect(page.get_by_role("link", name="加载更多")).to_have_count(0)

        await page.get_by_role("link", name="全部", exact=True).click()
        await page.get_by_role("searchbox").fill("酒店")
        await page.get_by_role("searchbox").press("Enter")
        await page.get_by_role("link", name="全季酒店高级大床房一晚").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("全季酒店高级大床房一晚")
        assert await page.locator(".picture img").evaluate("(image) => image.complete && image.naturalWidth > 0")
        await fits(page)

        await page.get_by_text("2", exact=True).click()
        await page.get_by_role("button", name="立即兑换").click()
        sheet = page.get_by_role("dialog")
        await expect(sheet).to_contain_text("13,600")
        await expect(sheet).to_contain_text("6,400")
        await page.keyboard.press("Escape")
        await expect(sheet).to_have_count(0)
        await page.get_by_role("button", name="立即兑换").click()
        await sheet.get_by_role("button", name="确认兑换").dblclick()
        await page.wait_for_url("**/redemptions/*")
        await expect(page.get_by_role("heading", name="兑换成功")).to_be_visible()
        code = await DB.fetchval("SELECT code FROM voucher")
        await expect(page.locator(".code")).to_have_text(code)
        box = await page.locator(".qr svg").bounding_box()
        assert box is not None
        assert box["width"] >= 160
        assert await DB.fetchval("SELECT count(*) FROM redemption") == 1
        await fits(page)

        await page.get_by_role("link", name="查看券包").click()
        await page.locator("a.voucher").click()
        await expect(page.locator(".qr")).to_be_visible()
        await page.get_by_role("link", name="取消并退回积分").click()
        await expect(sheet).to_contain_text("13,600")
        await sheet.get_by_role("button", name="确认取消").click()
        await expect(sheet).to_contain_text("已取消")
        await sheet.get_by_role("link", name="好的").click()
        await expect(page.locator(".badge")).to_have_text("已取消")

        await page.goto(f"{site.address}/points")
        await expect(page.locator(".balance b")).to_have_text("20,000")
        await expect(page.locator(".movement")).to_have_count(3)
        await fits(page)
        await page.get_by_role("button", name="退出").click()
        await expect(page.get_by_role("link", name="使用 ONE ID 登录")).to_be_visible()
        await page.go_back()
        await expect(
            page.get_by_role("link", name="使用 ONE ID 登录").or_(page.get_by_text("以谁的身份登录"))
        ).to_be_visible()
        assert complaints == []
    assert not await breaches()


SMALL = {"iphone-se": {"width": 375, "height": 667}, "first-iphone-se": {"width": 320, "height": 568}}


async def until(page: Page, condition: str) -> None:
    """Wait until the condition holds; the pages' policy lets no test look at it from inside."""
    for _ in range(100):
        if await page.evaluate(condition):
            return
        await asyncio.sleep(0.05)
    pytest.fail(condition)


async def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where STOREFRONT_PICTURES says."""
    if folder := os.environ.get("STOREFRONT_PICTURES"):
        await page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.parametrize("size", SMALL)
async def test_on_a_small_phone_nothing_lies_behind_the_tabs(site: Site, browser: Browser, size: str) -> None:
    async with person(browser, site.address, "phone", viewport=SMALL[size]) as (page, complaints):
        await _sign_in(page, site)
        await page.goto(f"{site.address}/offers?q=酒店")
        await page.get_by_role("link", name="全季酒店").click()
        redeem = page.get_by_role("button", name="立即兑换")
        assert await redeem.evaluate(IN_REACH), "without scrolling"
        await fits(page)
        await picture(page, f"offer-{size}")
        await redeem.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await page.get_by_role("button", name="确认兑换").evaluate(IN_REACH)
        await picture(page, f"sheet-{size}")
        await page.get_by_role("button", name="确认兑换").click()
        await page.wait_for_url("**/redemptions/*")
        voucher = await DB.fetchval("SELECT id FROM voucher")
        paths = ("/", "/offers", f"/offers/{site.hotel}", "/vouchers", f"/vouchers/{voucher}", "/points")
        for path in paths:
            await page.goto(f"{site.address}{path}")
            await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            last = page.locator("main *:not(svg, svg *):visible").last
            bottom = await last.evaluate("(element) => element.getBoundingClientRect().bottom")
            tabs = await page.locator(".tabs").evaluate("(element) => element.getBoundingClientRect().top")
            assert bottom <= tabs, path
        assert complaints == []


async def test_a_press_that_was_taken_is_seen(site: Site, browser: Browser) -> None:
    async with person(browser, site.address, "phone") as (page, _complaints):
        await _sign_in(page, site)
        await page.goto(f"{site.address}/offers?q=酒店")
        await page.get_by_role("link", name="全季酒店").click()
        held = asyncio.Event()

        async def hold(route: Route) -> None:
            await held.wait()
            await route.continue_()

        await page.route("**/redeem*", hold)
        for name in ("立即兑换", "确认兑换"):
            button = page.get_by_role("button", name=name)
            held.clear()
            await button.click()
            await expect(button).to_have_css("opacity", "0.6")
            turning = "(element) => getComputedStyle(element, '::after').animationName"
            assert await button.evaluate(turning) == "turn"
            await picture(page, f"pressed-{name}")
            held.set()
        await page.wait_for_url("**/redemptions/*")


async def test_back_closes_the_sheet_and_stays_on_the_offer(site: Site, browser: Browser) -> None:
    async with person(browser, site.address, "phone") as (page, complaints):
        await _sign_in(page, site)
        await page.goto(f"{site.address}/offers?q=酒店")
        await page.get_by_role("link", name="全季酒店").click()
        sheet, heading = page.get_by_role("dialog"), page.get_by_role("heading", name="全季酒店高级大床房一晚")
        redeem = page.get_by_role("button", name="立即兑换")
        await redeem.click()
        await expect(sheet).to_be_visible()
        await page.go_back()
        await expect(sheet).to_have_count(0)
        await expect(heading).to_be_visible()
        for close in ("Escape", "再想想"):  # what closes it otherwise leaves no entry behind
            await redeem.click()
            await expect(sheet).to_be_visible()
            if close == "Escape":
                await page.keyboard.press(close)
            else:
                await sheet.get_by_text(close).click()
            await expect(sheet).to_have_count(0)
        await page.go_back()
        await expect(page.get_by_role("searchbox")).to_have_value("酒店")
        await page.get_by_role("link", name="全季酒店").click()
        await redeem.click()
        await sheet.get_by_role("button", name="确认兑换").click()
        await page.wait_for_url("**/redemptions/*")
        await page.go_back()
        await expect(heading).to_be_visible()
        await expect(sheet).to_have_count(0)
        await until(page, "!history.state?.sheet")
        await page.go_back()
        await expect(page.get_by_role("searchbox")).to_have_value("酒店")
        assert complaints == []


async def test_back_finds_the_pages_that_were_loaded(site: Site, browser: Browser) -> None:
    for number in range(13, 40):
        await site.world.offer(scenario="dining", points=500 + number, title={"zh-CN": f"套餐 {number}", "en": "Menu"})
    async with person(browser, site.address, "phone") as (page, complaints):
        await _sign_in(page, site)
        await page.goto(f"{site.address}/offers?scenario=dining")
        for loaded in (24, 36):
            await page.get_by_role("link", name="加载更多").click()
            await expect(page.locator("a.offer")).to_have_count(loaded)
            assert await page.locator("ul.offers > li > a.offer").count() == loaded, "in the list, and in nothing in it"
        there = await page.locator("a.offer").nth(30).get_attribute("href")
        await page.locator("a.offer").nth(30).scroll_into_view_if_needed()
        before = await page.evaluate("scrollY")
        assert before > 1000
        await page.locator("a.offer").nth(30).click()
        await page.wait_for_url(f"**{there}")
        await page.go_back()
        await expect(page.locator("a.offer")).to_have_count(36)
        await until(page, f"Math.abs(scrollY - {before}) < 300")
        await page.get_by_role("link", name="加载更多").click()
        await expect(page.locator("a.offer")).to_have_count(40)
        await page.reload()
        await expect(page.locator("a.offer")).to_have_count(40)
        for pages in ("0", "-1", "x", "999999", "²", "21"):
            answer = await page.goto(f"{site.address}/offers?scenario=dining&pages={pages}")
            assert answer is not None
            assert answer.status == 200
        assert complaints == []


async def test_everything_works_without_javascript(site: Site, browser: Browser) -> None:
    async with person(browser, site.address, "phone", java_script_enabled=False) as (page, complaints):
        await _sign_in(page, site)
        await page.get_by_role("link", name="餐饮").first.click()
        await page.get_by_role("link", name="加载更多").click()
        await page.locator("a.offer").click()
        await page.get_by_role("button", name="立即兑换").click()
        await page.get_by_role("button", name="确认兑换").click()
        await expect(page.locator(".qr")).to_be_visible()
        await page.get_by_role("link", name="查看券包").click()
        await page.locator("a.voucher").click()
        await page.get_by_role("link", name="取消并退回积分").click()
        await page.get_by_role("button", name="确认取消").click()
        await expect(page.get_by_role("heading", name="已取消")).to_be_visible()
        assert complaints == []


async def test_a_session_that_ended_leads_back_through_one_id(site: Site, browser: Browser) -> None:
    async with person(browser, site.address, "phone") as (page, _complaints):
        await _sign_in(page, site)
        await page.goto(f"{site.address}/offers?q=酒店")
        await page.get_by_role("link", name="全季酒店").click()
        await expect(page.get_by_role("button", name="立即兑换")).to_be_visible()
        await DB.fetch("DELETE FROM web_session")
        await page.get_by_role("button", name="立即兑换").click()
        await page.get_by_role("button", name="林晓").click()
        await expect(page.get_by_role("heading", name="全季酒店高级大床房一晚")).to_be_visible()


async def test_a_lost_network_is_said_and_trying_again_redeems_once(site: Site, browser: Browser) -> None:
    async with person(browser, site.address, "phone") as (page, _complaints):
        await _sign_in(page, site)
        await page.goto(f"{site.address}/offers?q=酒店")
        await page.get_by_role("link", name="全季酒店").click()
        await page.get_by_role("button", name="立即兑换").click()
        confirm = page.get_by_role("button", name="确认兑换")
        await expect(confirm).to_be_visible()
        # The request arrives, but its answer is lost on the way back: nobody in the browser knows that it is done.
        await page.route("**/redeem", _answer_lost)
        await confirm.click()
        await expect(page.locator(".toast")).to_have_text("网络不太顺畅，请重试。")
        assert await DB.fetchval("SELECT count(*) FROM redemption") == 1
        await page.unroute("**/redeem")
        await confirm.click()
        await expect(page.get_by_role("heading", name="兑换成功")).to_be_visible()
        assert await DB.fetchval("SELECT count(*) FROM redemption") == 1


async def _answer_lost(route: Route) -> None:
    await route.fetch(max_redirects=0)
    await route.abort()


async def test_english_dark_and_the_api_description_come_from_our_server_alone(site: Site, browser: Browser) -> None:
    async with person(browser, site.address, "desktop", locale="en-GB", color_scheme="dark") as (page, complaints):
        await page.goto(site.address)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Your points, well spent")
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(13, 17, 18)"
        await page.get_by_role("link", name="中文").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("积分，换一种生活")
        await page.goto(f"{site.address}/docs")
        await expect(page.locator(".opblock").first).to_be_visible(timeout=60_000)
        await page.locator("#operations-members-quote_redemption").click()
        await expect(page.locator("#operations-members-quote_redemption .opblock-body")).to_be_visible()
        assert complaints == []
