"""A partner's owner with a real browser: every page of the portal on a phone and on a desk, in both languages; the counter."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from marketplace.app import create_app
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.serving import server
from marketplace.settings import Settings
from partners.staff.application_link import application_link
from tests.support.app import Api, fresh_key
from tests.support.browsing import ARGUMENTS, IN_REACH, SIZES, fits, person
from tests.support.chromium import chromium
from tests.support.flow import good
from tests.support.partner_fixtures import application_json
from tests.support.portal import Portal
from tests.support.shop import Shop
from tests.support.tokens import Issuer

CHROMIUM = chromium()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian package chromium): browser tests left out"),
]

LANGUAGES = ("zh-CN", "en")

# The camera of the browser shows a test picture; what a phone would read in it, this stands for.
SCANNER = """
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["qr_code"]; }
  async detect(video) { return video.videoWidth > 0 ? [{ rawValue: " %s\\n" }] : []; }
};
"""


@pytest.fixture
async def shop(settings: Settings, dsn: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Shop]:
    """The real server on a free port, with a partner whose owner has joined."""
    listener = server.reserve("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    here = msgspec.structs.replace(settings, base_url=address, data=tmp_path)
    oneid = Issuer(here)
    app = create_app(here, dsn, clock=clock, transport=oneid.transport)
    running = uvicorn.Server(server.config(app))
    task = asyncio.create_task(running.serve(sockets=[listener]))
    while not running.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.02)
    transport = httpx.ASGITransport(app)
    async with Api(transport=transport, base_url=address) as api, Portal.of(app, here, clock) as browser:
        api.app, api.oneid = app, oneid
        yield await Shop(api, browser).open()
    running.should_exit = True
    await task
    listener.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *fake])
        yield started
        await started.close()


async def signed_in(page: Page, shop: Shop) -> None:
    """Give the page's browser the owner's session."""
    address = shop.browser.settings.base_url
    cookies: Any = [{"name": name, "value": value, "url": address} for name, value in shop.browser.cookies.items()]
    await page.context.add_cookies(cookies)


async def inspect(page: Page, name: str, size: str, language: str) -> None:
    """Fail when the page does not fit; keep a picture of it where PORTAL_PICTURES says."""
    await fits(page)
    if folder := os.environ.get("PORTAL_PICTURES"):
        await page.screenshot(path=f"{folder}/{name}-{size}-{language}.png", full_page=True)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
async def test_every_page_fits(shop: Shop, browser: Browser, size: str, language: str) -> None:
    contract = await DB.fetchval("SELECT id FROM contract WHERE partner_id = $1", shop.partner.id)
    address = shop.browser.settings.base_url
    pages = {
        "home": "", "contracts": "/contracts", "contract": f"/contracts/{contract}", "counter-place": "/counter/place",
        "statements": "/statements", "locations": "/locations", "location": "/locations/at/SH-1",
        "location-new": "/locations/new", "import": "/locations/import", "webhooks": "/webhooks",
        "credentials": "/credentials", "people": "/people", "company": "/company-sign-in", "account": "/account",
    }  # fmt: skip
    async with person(browser, address, size, locale=language) as (page, complaints):
        await signed_in(page, shop)
        for name, path in pages.items():
            answer = await page.goto(f"{address}/partner{path}")
            assert answer is not None
            assert answer.status == 200, path
            await inspect(page, name, size, language)
        assert complaints == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
async def test_a_voucher_is_taken_and_given_back(shop: Shop, browser: Browser, size: str, language: str) -> None:
    address, code = shop.browser.settings.base_url, await shop.voucher()
    english = language == "en"
    async with person(browser, address, size, locale=language) as (page, complaints):
        await signed_in(page, shop)
        await page.goto(f"{address}/partner/counter")
        await page.locator(".pick", has_text="SH-1").click()
        field = page.locator("#field-code")
        await expect(field).to_be_focused()
        await expect(page.locator("[data-scan]")).to_be_hidden()
        await inspect(page, "counter", size, language)
        await page.keyboard.type(code)  # as a scanner does, which ends with Enter
        await page.keyboard.press("Enter")
        await expect(page.locator(".sign")).to_have_text("Good" if english else "可以核销")
        await expect(page.locator("#field-reference")).to_be_focused()
        await inspect(page, "counter-good", size, language)
        await page.keyboard.type("R-301")
        await page.keyboard.press("Enter")
        await expect(page.locator(".sign")).to_have_text("Taken" if english else "已核销")
        await page.locator(".undo summary").click()
        await inspect(page, "counter-taken", size, language)
        await page.locator(".undo form button").click()
        await expect(page.locator(".sign")).to_have_text("Undone" if english else "已撤销")
        await inspect(page, "counter-undone", size, language)
        assert complaints == []
    assert await DB.fetchval("SELECT status FROM voucher WHERE code = $1", code) == "issued"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
async def test_an_application_is_opened_from_its_message(
    shop: Shop, browser: Browser, clock: Clock, size: str, language: str
) -> None:
    address = shop.browser.settings.base_url
    applied = good(await shop.api.post("/v1/partner/applications", json=application_json(), headers=fresh_key()), 201)
    at = f"/v1/admin/partners/{applied['id']}"
    for step, body in (("review", {}), ("request-changes", {"reason": "营业执照已过期，请补交。"})):
        good(await shop.api.post(f"{at}/{step}", json=body, headers=shop.partner.operations | fresh_key()))
    link = application_link(shop.browser.settings, UUID(applied["id"]), clock.now())
    async with person(browser, address, size, locale=language) as (page, complaints):
        await page.goto(link)
        await expect(page.locator(".prose-lines")).to_contain_text("营业执照已过期")
        await inspect(page, "application", size, language)
        await page.get_by_role("button").last.click()
        await expect(page.locator("#application-token")).to_contain_text("mpa_")
        await inspect(page, "application-token", size, language)
        assert complaints == []


async def test_back_and_reload_send_nothing_again(shop: Shop, browser: Browser) -> None:
    """The Back button ended in the browser's own error page, and a reload asked to send the form again."""
    address, code = shop.browser.settings.base_url, await shop.voucher()
    await shop.stand("SH-1")
    async with person(browser, address, "phone") as (page, _):
        posts: list[str] = []
        page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
        await signed_in(page, shop)
        await page.goto(f"{address}/partner/counter")
        await page.locator("#field-code").fill(code)
        await page.keyboard.press("Enter")
        await page.locator("#field-reference").fill("R-1")
        await page.keyboard.press("Enter")
        await expect(page.locator(".sign")).to_have_text("已核销")
        await page.reload()
        await expect(page.locator(".sign")).to_have_text("已核销")
        await page.go_back()
        await expect(page.locator("#field-reference")).to_be_visible()
        await page.go_back()
        await expect(page.locator("#field-code")).to_be_visible()
        await page.goto(f"{address}/partner/credentials")
        await page.locator("#field-name").fill("POS")
        await page.locator("input[name=scopes]").first.check()
        await page.get_by_role("button", name="创建", exact=True).click()
        await expect(page.locator("#client-secret")).to_be_visible()
        await inspect(page, "secret", "phone", "zh-CN")
        await page.reload()
        await expect(page.locator("h1")).to_have_text("内容已显示过")
        await inspect(page, "shown-before", "phone", "zh-CN")
        await page.go_back()
        await expect(page.locator("#field-name")).to_be_visible()
        assert len(posts) == 3, "one for each form that was sent"
    assert await DB.fetchval("SELECT count(*) FROM oauth_client WHERE name = 'POS'") == 1


async def test_the_camera_reads_a_code_where_the_browser_can(shop: Shop, browser: Browser) -> None:
    address, code = shop.browser.settings.base_url, await shop.voucher()
    await shop.stand("SH-1")
    async with person(browser, address, "phone") as (page, complaints):
        await page.add_init_script(SCANNER % code)
        await signed_in(page, shop)
        await page.goto(f"{address}/partner/counter")
        await page.locator("[data-scan]").click()
        await expect(page.locator(".sign")).to_have_text("可以核销")
        await expect(page.locator(".verdict")).to_contain_text(code)
        assert complaints == []


async def test_a_camera_that_is_refused_is_said(shop: Shop, browser: Browser) -> None:
    address = shop.browser.settings.base_url
    await shop.stand("SH-1")
    async with person(browser, address, "phone") as (page, complaints):
        refuse = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };"
        await page.add_init_script(SCANNER % "x" + refuse)
        await signed_in(page, shop)
        await page.goto(f"{address}/partner/counter")
        await page.locator("[data-scan]").click()
        await expect(page.locator("[data-scan-refused]")).to_be_visible()
        await fits(page)
        assert complaints == []


@pytest.mark.parametrize("path", ["/people", "/locations/new", "/credentials", "/counter/place"])
async def test_what_has_the_focus_lies_behind_nothing_on_a_small_phone(shop: Shop, browser: Browser, path: str) -> None:
    address = shop.browser.settings.base_url
    async with person(browser, address, "phone", viewport={"width": 375, "height": 667}) as (page, _complaints):
        await signed_in(page, shop)
        await page.goto(f"{address}/partner{path}")
        seen = 0
        fields = page.locator("main").locator("a, button, summary, input:not([type=hidden])").locator("visible=true")
        for place in range(await fields.count()):
            await fields.nth(place).focus()
            assert await fields.nth(place).evaluate(f"(field) => ({IN_REACH})(field.closest('label') || field)"), place
            seen += 1
        assert seen > 2


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_is_shown_before_it_is_taken(shop: Shop, browser: Browser, size: str) -> None:
    address = shop.browser.settings.base_url
    async with person(browser, address, size) as (page, complaints):
        await signed_in(page, shop)
        for name in ("d1-big5.csv", "b3-number-format-0000.xlsx", "b1-error-cells.xlsx"):
            await page.goto(f"{address}/partner/locations/import")
            await page.locator("input[type=file]").set_input_files(Path(__file__).parents[1] / "cases" / name)
            await page.get_by_role("button", name="检查文件").click()
            await expect(page.locator(".sample").first).to_be_visible()
            await inspect(page, f"import-{name}", size, "zh-CN")
            if name.endswith("csv"):
                await page.get_by_role("button", name="繁体中文（Big5）").click()
                await expect(page.locator(".sample")).to_contain_text("中山北路一號")
                await inspect(page, "import-chosen", size, "zh-CN")
        assert complaints == []


async def test_everything_works_without_javascript(shop: Shop, browser: Browser, tmp_path: Path) -> None:
    address, code = shop.browser.settings.base_url, await shop.voucher()
    file = tmp_path / "locations.csv"
    file.write_text("id,name_zh,city,address\nSH-3,静安店,上海,南京西路 1 号\na b,店,上海,路\n")
    async with person(browser, address, "phone", java_script_enabled=False) as (page, complaints):
        await signed_in(page, shop)
        await page.goto(f"{address}/partner")
        await page.get_by_role("link", name="门店资料与营业状态").click()
        await page.get_by_role("link", name="批量导入").click()
        await page.locator("input[type=file]").set_input_files(file)
        await page.get_by_role("button", name="检查文件").click()
        await expect(page.locator(".sheet-table tbody tr")).to_have_count(1)
        await inspect(page, "import-report", "phone", "zh-CN")
        await page.get_by_role("button", name="只导入正确的 1 行").click()
        await expect(page.locator(".notice")).to_contain_text("新增 1")
        await page.locator("li", has_text="静安店").locator("summary").click()
        await fits(page)
        await page.locator("li", has_text="静安店").get_by_role("button", name="暂停营业").click()
        await expect(page.locator("li", has_text="静安店").locator("summary")).to_have_text("暂停营业")
        await page.goto(f"{address}/partner/counter")
        await page.locator(".pick", has_text="SH-1").click()
        await page.locator("#field-code").fill(code)
        await page.get_by_role("button", name="查询").click()
        await page.locator("#field-reference").fill("R-1")
        await page.get_by_role("button", name="核销", exact=True).click()
        await expect(page.locator(".sign")).to_have_text("已核销")
        assert complaints == []
