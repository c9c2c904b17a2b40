"""A real browser in tests: its settings, a fresh person in it, and what a page must fit into."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever is not on this machine does not exist: the pages must live from our own server.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]

# Whether a press in the middle of the element would meet it, and nothing that lies over it.
IN_REACH = """(element) => {
    const box = element.getBoundingClientRect();
    const met = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return box.top >= 0 && box.bottom <= innerHeight && element.contains(met);
}"""

SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 800}}


@contextlib.asynccontextmanager
async def person(browser: Browser, address: str, size: str, **options: Any) -> AsyncIterator[tuple[Page, list[str]]]:
    """Give a page of a fresh person, and what its browser complained about or asked of others than the address."""
    context: BrowserContext = await browser.new_context(**({"viewport": SIZES[size], "locale": "zh-CN"} | options))
    context.set_default_timeout(15_000)
    complaints: list[str] = []
    page = await context.new_page()
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: complaints.append(request.url) if not request.url.startswith((address, "data:")) else None,
    )
    yield page, complaints
    await context.close()


async def fits(page: Page) -> None:
    """Fail when the page is wider than the screen, or something to touch is smaller than 44 pixels."""
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page.url
    small = await page.evaluate(
        """[...document.querySelectorAll("a, button, select, summary, input:not([type=hidden])")]
            .filter((e) => !e.matches(".skip, .link, .visually-hidden, .choice input"))
            .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && box.height < 44).map(([html]) => html)"""
    )
    assert small == [], page.url
