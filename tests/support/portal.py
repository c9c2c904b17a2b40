"""The partner portal in tests: a browser that fills its forms, the mail folder, an authenticator app."""

import re
from base64 import b32decode
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from html import unescape
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.outbound.mail import FOLDER, MailSender
from marketplace.settings import Settings
from partners.staff.invitations import Inviter
from partners.staff.second_factor import code_at
from tests.support.app import Api
from tests.support.partners import approved_partner
from tests.support.web import FORM, hidden

PASSWORD = "correct horse battery staple"


class Portal(httpx.AsyncClient):
    """A browser at the portal. It follows redirects, since its own pages are all that they lead to."""

    settings: Settings
    clock: Clock
    secret = b""

    @classmethod
    def of(cls, app: Litestar, settings: Settings, clock: Clock, language: str = "zh-CN") -> "Portal":
        """Return a fresh browser of the application."""
        headers = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": language}
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 1))
        made = cls(transport=transport, base_url=settings.base_url, headers=headers, follow_redirects=True)
        made.settings, made.clock = settings, clock
        return made

    async def fill(self, page: str | httpx.Response, path: str = "", **fields: Any) -> httpx.Response:
        """Send the form of the page (an address, or one that was fetched), with its hidden fields, to the path."""
        found = await self.get(page) if isinstance(page, str) else page
        kept = {name: hidden(found.text, name) for name in FORM}
        for name in ("token", "setup", "version", "return_to"):
            if f'name="{name}" value=' in found.text:
                kept[name] = hidden(found.text, name)
        return await self.post(path or kept["form_page"].partition("?")[0], data=kept | fields)

    def code(self) -> str:
        """Return the code that the app shows, of a step that was not used before."""
        self.clock.offset += timedelta(seconds=60)
        return code_at(self.secret, self.clock.now())

    async def join(self, link: str, password: str = PASSWORD) -> httpx.Response:
        """Take the invitation and return the page with the recovery codes."""
        page = await self.get(link)
        assert page.status_code == 200, page.text
        found = re.search(r'class="key">([A-Z2-7 ]+)<', page.text)
        assert found
        text = found[1].replace(" ", "")
        self.secret = b32decode(text + "=" * (-len(text) % 8))
        return await self.fill(page, password=password, code=self.code())

    async def sign_in(self, email: str, password: str = PASSWORD, return_to: str = "/partner") -> httpx.Response:
        """Sign in with both factors."""
        page = await self.fill(f"/partner/sign-in?return_to={return_to}", email=email, password=password)
        return page if "/sign-in/code" not in str(page.url) else await self.fill(page, code=self.code())


async def post_office(settings: Settings, clock: Clock) -> list[Any]:
    """Have everybody invited and every message sent; return all messages of the folder, the newest last."""
    await catch_up(Inviter(settings, clock))
    while await MailSender(settings, clock).once():
        pass
    return mails(settings.data)


def mails(data: Path) -> list[Any]:
    """Return the messages of the folder."""
    parser = BytesParser(policy=policy.default)
    return [parser.parsebytes(path.read_bytes()) for path in sorted((data / FOLDER).glob("*.eml"))]


def link_in(message: Any) -> str:
    """Return the one link of a message; beside an invitation's may stand where the company's people sign in."""
    links = set(re.findall(r"https?://\S+", unescape(message.get_content())))
    once = {link for link in links if "/sign-in/company/" not in link} or links
    assert len(once) == 1, links
    return str(once.pop())


async def joined_owner(api: Api, browser: Portal, **changes: Any) -> str:
    """Approve an application, let its contact join in the browser, and return the partner's id."""
    partner_id = await approved_partner(api, **changes)
    page = await browser.join(link_in((await post_office(browser.settings, browser.clock))[-1]))
    assert page.status_code == 200, page.text
    return partner_id
