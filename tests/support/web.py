"""Pages in tests: the application with its demo ONE ID in this process, and a browser that keeps cookies."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from litestar import Litestar

from marketplace.app import create_app
from marketplace.demo import oneid_pages
from marketplace.demo.oneid import DemoPerson
from marketplace.kernel.clock import Clock
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from marketplace.web.form_answers import new_form_key
from tests.conftest import SECRET

PEOPLE = [
    DemoPerson("lin", "林晓", "member", "member-subject-lin", tier="gold", note="上海 · ET7"),
    DemoPerson("wang", "王芳", "member", "member-subject-wang"),
    DemoPerson("olivia", "Olivia", "staff", "staff-olivia", roles=("operations",)),
]


def page_settings(data: Path, base_url: str = "http://127.0.0.1:1") -> Settings:
    """Return the settings of a test with pages; the data folder takes ONE ID's key."""
    # The members' pages stand on these two packages alone, which shows that a package above can be left out.
    packages = ("partners.plugin:Partners", "benefits.plugin:Benefits")
    return Settings(
        mode="test",
        secret_key=SECRET,
        base_url=base_url,
        pool_size=10,
        data=data,
        packages=packages,
        rate_client=100_000_000,
        rate_address=100_000_000,
    )


class ToItself(httpx.AsyncBaseTransport):
    """Lets the application reach its own ONE ID without a socket."""

    def __init__(self) -> None:
        self.app: Litestar | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert self.app is not None
        return await httpx.ASGITransport(self.app).handle_async_request(request)


class Browser(httpx.AsyncClient):
    """Keeps cookies, asks for HTML, and does not follow redirects by itself."""

    app: Litestar

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Follow redirects to the page."""
        while answer.status_code in {302, 303}:
            answer = await self.get(answer.headers["location"])
        return answer

    async def begin(self, return_to: str = "/") -> dict[str, str]:
        """Start a sign-in and return the parameters of the authorization request."""
        answer = await self.get("/auth/sign-in", params={"return_to": return_to})
        assert answer.status_code == 303, answer.text
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    async def grant(self, parameters: dict[str, str], login: str = "lin") -> httpx.Response:
        """Pick a person at ONE ID; the answer leads to the callback."""
        return await self.post("/oneid/authorize", data={**parameters, "login": login})

    async def sign_in(self, login: str = "lin", return_to: str = "/") -> httpx.Response:
        """Go the whole way and return the callback's answer."""
        granted = await self.grant(await self.begin(return_to), login)
        assert granted.status_code == 303, granted.text
        return await self.get(granted.headers["location"])

    async def send_form(self, path: str, token: str, **fields: Any) -> httpx.Response:
        """Post a form with the session's token."""
        key = {"form_key": new_form_key(PlatformServices.of(self.app).clock.now())}
        return await self.post(path, data={"csrf_token": token, **key, **fields})


FORM = ("csrf_token", "form_key", "form_page")
"""The hidden fields of every form."""


def hidden(html: str, name: str) -> str:
    """Return the value of a hidden field of the page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no field {name} in {html[:2000]}"
    return unescape(found[1])


def form_fields(html: str) -> dict[str, str]:
    """Return what every form of the page carries."""
    return {name: hidden(html, name) for name in FORM}


def without_keys(html: str) -> str:
    """Return the page without the keys of its forms, which no two pages have alike."""
    return re.sub(r'name="form_key" value="[^"]*"', "", html)


@asynccontextmanager
async def running_pages(
    settings: Settings, dsn: str, *, people: Sequence[DemoPerson] = PEOPLE, clock: Clock | None = None
) -> AsyncIterator[Browser]:
    """Give a browser of the running application; `browser.app` is the application."""
    transport = ToItself()
    app = create_app(settings, dsn, clock=clock, transport=transport, extra_routes=oneid_pages.routes(settings, people))
    transport.app = app
    headers = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "zh-CN"}
    async with (
        app.lifespan(),
        Browser(transport=httpx.ASGITransport(app), base_url=settings.base_url, headers=headers) as browser,
    ):
        browser.app = app
        yield browser
