"""Where the portal's navigation leads: to what the person's roles open, whichever package brings it."""

import re
from pathlib import Path

import httpx
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import running_app
from tests.support.portal import Portal, joined_owner

OPEN_TO = {
    "owner": ["counter", "contracts", "statements", "locations", "webhooks", "credentials", "people"],
    "developer": ["locations", "webhooks", "credentials"],
    "marketer": ["locations"],
    "finance": ["contracts", "statements"],
    "counter": ["counter"],
}


def led_to(page: httpx.Response, part: str) -> list[str]:
    """Return the places in the part of the page, in order, without home and account."""
    assert page.status_code == 200, page.text
    found = re.search(part, page.text, re.DOTALL)
    assert found, part
    return [name for name in re.findall(r'href="/partner/([a-z-]+)"', found[0]) if name != "account"]


@pytest.mark.parametrize("role", OPEN_TO)
async def test_each_role_is_led_to_what_it_opens(
    settings: Settings, dsn: str, clock: Clock, tmp_path: Path, role: str
) -> None:
    here = msgspec.structs.replace(settings, data=tmp_path)
    async with running_app(here, dsn, clock=clock) as api, Portal.of(api.app, here, clock) as browser:
        await joined_owner(api, browser)
        await DB.fetch("UPDATE partner_staff SET roles = $1", [role])
        home = await browser.get("/partner")
        wanted = OPEN_TO[role]
        assert led_to(home, r"<nav aria-label=.*?</nav>") == wanted
        assert led_to(home, r'<nav class="tabs".*?</nav>') == wanted[:3], "a phone has room for three"
        assert led_to(home, r'<ul class="doors">.*?</ul>') == wanted
        for name in OPEN_TO["owner"]:
            answer = await browser.get(f"/partner/{name}")
            assert answer.status_code == (200 if name in wanted else 403), name


async def test_a_package_that_is_left_out_takes_its_places_with_it(
    settings: Settings, dsn: str, clock: Clock, tmp_path: Path
) -> None:
    here = msgspec.structs.replace(settings, data=tmp_path, packages=("partners.plugin:Partners",))
    async with running_app(here, dsn, clock=clock) as api, Portal.of(api.app, here, clock) as browser:
        await joined_owner(api, browser)
        home = await browser.get("/partner")
        assert led_to(home, r"<nav aria-label=.*?</nav>") == [
            "contracts",
            "locations",
            "webhooks",
            "credentials",
            "people",
        ]
        assert (await browser.get("/partner/counter")).status_code == 404
