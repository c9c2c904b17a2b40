"""A form of the portal shows every field that is wrong beside that field, and keeps what was typed."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.partners import approved_partner
from tests.support.portal import Portal, link_in, post_office

SEEN = re.compile(r'id="error-([a-z_]+)"[^>]*>([^<]+)<')
BACKWARDS = "Hua\u202ezhu"


@pytest.fixture
async def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


@pytest.fixture
async def invitation(api: Api, here: Settings, clock: Clock) -> str:
    await approved_partner(api)
    (message,) = await post_office(here, clock)
    return link_in(message)


@pytest.fixture
async def owner(api: Api, here: Settings, clock: Clock, invitation: str) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock, "en") as browser:
        await browser.join(invitation)
        yield browser


def errors(page: httpx.Response) -> dict[str, str]:
    """Return what the page says beside its fields; each error is of a field that points to it."""
    assert page.status_code == 400, page.text
    found = {name: unescape(text) for name, text in SEEN.findall(page.text)}
    assert all(f'aria-describedby="error-{name}"' in page.text for name in found)
    return found


async def test_an_invitation_shows_all_wrong_fields(owner: Portal) -> None:
    page = await owner.fill("/partner/people", name="", email="nobody")
    assert errors(page) == {
        "name": "Please give a name.",
        "email": "Must be an e-mail address such as li.na@example.com.",
        "roles": "Please choose at least one role.",
    }
    assert 'value="nobody"' in page.text


async def test_a_person_shows_all_wrong_fields_and_what_was_typed(owner: Portal) -> None:
    staff_id = await DB.fetchval("SELECT id FROM partner_staff")
    address = f"/partner/people/{staff_id}"
    page = await owner.fill(address, name=BACKWARDS, locations="s-1, s 2!")
    found = errors(page)
    assert list(found) == ["name", "roles", "locations"]
    assert "direction" in found["name"]
    assert "s-1, s, 2!" in page.text
    elsewhere = await owner.get(address)
    await DB.fetch("UPDATE partner_staff SET name = '别人改的', version = version + 1")
    late = await owner.fill(elsewhere, name="Mine", roles=["owner"])
    assert late.status_code == 400
    assert 'value="别人改的"' in late.text


async def test_credentials_show_all_wrong_fields(owner: Portal) -> None:
    page = await owner.fill("/partner/credentials", name="", livemode="sandbox")
    assert errors(page) == {
        "name": "Please give it a name of at most 80 characters, such as the system's.",
        "scopes": "Please choose at least one permission.",
    }


async def test_an_endpoint_shows_all_wrong_fields(owner: Portal) -> None:
    page = await owner.fill("/partner/webhooks", url="shop", description=BACKWARDS)
    assert list(errors(page)) == ["url", "description", "types"]


async def test_a_location_shows_all_wrong_fields_each_at_its_own_input(owner: Portal) -> None:
    page = await owner.fill(
        "/partner/locations/new", id="a b", name_zh="外滩店", name_en=BACKWARDS, address="路", latitude="31.2",
        longitude="east", state="resting",
    )  # fmt: skip
    assert list(errors(page)) == ["id", "name_en", "city", "latitude", "state"]


async def test_a_company_sign_in_shows_all_wrong_fields(owner: Portal) -> None:
    page = await owner.fill("/partner/company-sign-in", issuer="login", client_id="", client_secret="s")
    assert list(errors(page)) == ["issuer", "client_id"]


async def test_an_invited_person_sees_what_is_wrong_with_password_and_code(
    api: Api, here: Settings, clock: Clock, invitation: str
) -> None:
    async with Portal.of(api.app, here, clock, "en") as browser:
        page = await browser.fill(invitation, "/partner/join", password="short", code="12")
        assert list(errors(page)) == ["password", "code"]


async def test_an_account_shows_an_error_at_its_field(owner: Portal) -> None:
    short = await owner.fill("/partner/account", "/partner/account/password", password="short", code="12")
    assert list(errors(short)) == ["password"]  # a code is tried only when the password is right: each try is a guess
    wrong = await owner.fill(
        "/partner/account", "/partner/account/password", password="five staples in a box", code="12"
    )
    assert list(errors(wrong)) == ["code"]
    old = await owner.fill("/partner/account/second-factor", old_code="12", code="12")
    assert list(errors(old)) == ["old_code"]
    new = await owner.fill("/partner/account/second-factor", old_code=owner.code(), code="12")
    assert list(errors(new)) == ["code"]


async def test_location_ids_are_read_as_a_chinese_keyboard_types_them(owner: Portal) -> None:
    for name in ("SH-1", "SH-2", "SH-3"):
        await owner.fill("/partner/locations/new", id=name, name_zh="店", city="上海", address="路", state="open")
    staff_id = await DB.fetchval("SELECT id FROM partner_staff")
    await owner.fill(f"/partner/people/{staff_id}", name="周", roles=["owner"], locations="ＳＨ－１、SH-2；SH—3")
    shown = await owner.get(f"/partner/people/{staff_id}")
    assert 'value="SH-1, SH-2, SH-3"' in shown.text
