"""Nobody is locked out by strangers, no mailbox is flooded, and a network is one address."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from marketplace.web.sessions import cookie_name
from partners.staff.throttle import (
    BY_ADDRESS,
    BY_DEVICE,
    BY_EMAIL,
    BY_MAILBOX,
    BY_PERSON,
    LINKS_A_DAY,
    LINKS_A_DAY_OF_DEVICE,
    count_link,
    delete_guesses,
)
from tests.support.app import Api, fresh_key, running_app
from tests.support.partners import approved_partner
from tests.support.portal import PASSWORD, Portal, joined_owner, link_in, post_office

OWNER = "li.na@example.com"
WRONG = "not the password at all"


@pytest.fixture
def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


def browser(api: Api, here: Settings, clock: Clock, host: str = "192.0.2.7") -> Portal:
    made = Portal.of(api.app, here, clock)
    made._transport = httpx.ASGITransport(api.app, client=(host, 1))
    return made


async def guess(portal: Portal, password: str = WRONG, email: str = OWNER) -> int:
    return (await portal.fill("/partner/sign-in", email=email, password=password)).status_code


async def test_strangers_who_guess_lock_nobody_out(api: Api, here: Settings, clock: Clock) -> None:
    async with (
        browser(api, here, clock) as mine,
        browser(api, here, clock) as stranger,
        browser(api, here, clock) as new,
    ):
        await joined_owner(api, mine)
        await mine.fill("/partner/account", "/partner/sign-out")
        assert [await guess(stranger) for _ in range(BY_EMAIL.most + 2)] == [401] * BY_EMAIL.most + [429] * 2
        # Who has the password and no second factor uses up no one's codes either.
        assert (await guess(new, PASSWORD)) == 429
        page = await mine.sign_in(OWNER)
        assert page.url.path == "/partner", page.text
        # A person's own success gives strangers no new guesses.
        assert await guess(stranger) == 429


async def test_whoever_has_the_password_alone_uses_up_no_codes_of_a_known_browser(
    api: Api, here: Settings, clock: Clock
) -> None:
    async with browser(api, here, clock) as mine, browser(api, here, clock) as thief:
        await joined_owner(api, mine)
        await mine.fill("/partner/account", "/partner/sign-out")
        page = await thief.fill("/partner/sign-in", email=OWNER, password=PASSWORD)
        statuses = []
        for _ in range(BY_PERSON.most + 1):
            page = await thief.fill("/partner/sign-in/code", code="000000")
            statuses.append(page.status_code)
        assert statuses == [401] * BY_PERSON.most + [429]
        assert (await mine.sign_in(OWNER)).url.path == "/partner"


async def test_whoever_has_the_password_alone_cannot_keep_its_person_from_changing_it(
    api: Api, here: Settings, clock: Clock
) -> None:
    async with browser(api, here, clock) as mine, browser(api, here, clock) as thief:
        await joined_owner(api, mine)
        await thief.fill("/partner/sign-in", email=OWNER, password=PASSWORD)
        statuses = [
            (await thief.fill("/partner/sign-in/code", code="000000")).status_code for _ in range(BY_PERSON.most + 1)
        ]
        assert statuses == [401] * BY_PERSON.most + [429]
        clock.offset += timedelta(minutes=1)
        chosen = {"password": "quite another password 7", "code": mine.code()}
        page = await mine.fill("/partner/account", "/partner/account/password", **chosen)
        assert page.url.query == b"done=password", page.text


async def test_codes_of_somebody_who_is_signed_in_have_a_limit_of_their_own(
    api: Api, here: Settings, clock: Clock
) -> None:
    async with browser(api, here, clock) as mine:
        await joined_owner(api, mine)
        for at in ("/partner/account/password", "/partner/account/second-factor"):
            clock.offset += timedelta(minutes=16)
            form = "/partner/account" if at.endswith("password") else at
            fields = {"password": "quite another password 7", "code": "000000", "old_code": "000000"}
            said = ["尝试次数过多" in (await mine.fill(form, at, **fields)).text for _ in range(BY_PERSON.most + 2)]
            assert said == [False] * BY_PERSON.most + [True] * 2, at


async def test_an_address_that_guesses_too_much_uses_up_nobodys_guesses(api: Api, here: Settings, clock: Clock) -> None:
    async with (
        browser(api, here, clock) as mine,
        browser(api, here, clock, "198.51.100.1") as stranger,
        browser(api, here, clock, "203.0.113.5") as new,
    ):
        await joined_owner(api, mine)
        for number in range(BY_ADDRESS.most):
            await guess(stranger, email=f"nobody-{number}@example.com")
        assert [await guess(stranger) for _ in range(BY_EMAIL.most)] == [429] * BY_EMAIL.most
        for _ in range(BY_MAILBOX.most):
            await stranger.fill("/partner/forgotten", email=OWNER)
        assert (await guess(new, PASSWORD)) == 200
        await new.fill("/partner/forgotten", email=OWNER)
        assert len([message for message in await post_office(here, clock) if message["To"] == OWNER]) == 2


async def test_strangers_who_ask_for_new_passwords_keep_nobody_from_asking(
    api: Api, here: Settings, clock: Clock
) -> None:
    """They use up what the mailbox gets in a day; a browser in which the person signed in before has a few of its own."""

    async def received() -> int:
        return len([message for message in await post_office(here, clock) if message["To"] == OWNER])

    async with browser(api, here, clock) as mine, browser(api, here, clock) as stranger:
        await joined_owner(api, mine)
        for _ in range(LINKS_A_DAY.most + 1):
            clock.offset += timedelta(minutes=16)
            await stranger.fill("/partner/forgotten", email=OWNER)
        assert await received() == LINKS_A_DAY.most
        for _ in range(LINKS_A_DAY_OF_DEVICE.most + 1):
            await mine.fill("/partner/forgotten", email=OWNER)
        assert await received() == LINKS_A_DAY.most + LINKS_A_DAY_OF_DEVICE.most


async def test_a_known_browser_has_its_own_guesses_and_no_more(api: Api, here: Settings, clock: Clock) -> None:
    async with browser(api, here, clock) as mine:
        await joined_owner(api, mine)
        await mine.fill("/partner/account", "/partner/sign-out")
        found = [await guess(mine) for _ in range(BY_DEVICE.most + BY_EMAIL.most + 1)]
        assert found == [401] * (BY_DEVICE.most + BY_EMAIL.most) + [429]


async def test_the_mark_is_of_one_account_sealed_and_ends(api: Api, here: Settings, clock: Clock) -> None:
    name = cookie_name(here, "partner-device")
    async with browser(api, here, clock) as mine, browser(api, here, clock) as other:
        await joined_owner(api, mine)
        (raw,) = [line for line in (await sign_in_headers(mine)) if line.startswith(name)]
        assert "HttpOnly" in raw
        assert "SameSite=lax" in raw
        mark = mine.cookies[name]
        assert OWNER not in mark
        # Another account, a mark that was tampered with, and one that is too old count for nothing.
        other.cookies[name] = mark
        assert [await guess(other, email="wang@example.com") for _ in range(BY_EMAIL.most + 1)][-1] == 429
        for _ in range(BY_EMAIL.most):
            other.cookies[name] = mark[:-4] + "AAAA"
            await guess(other)
        assert await guess(other) == 429
        other.cookies[name] = mark
        assert await guess(other) == 401
        clock.offset += timedelta(days=181)
        assert [await guess(other) for _ in range(BY_EMAIL.most + 1)][-1] == 429


async def sign_in_headers(portal: Portal) -> list[str]:
    await portal.fill("/partner/account", "/partner/sign-out")
    page = await portal.sign_in(OWNER)
    assert page.url.path == "/partner"
    return [line for answer in page.history for line in answer.headers.get_list("set-cookie")]


async def test_an_ipv6_network_is_one_address_at_the_sign_in(api: Api, here: Settings, clock: Clock) -> None:
    statuses = []
    for number in range(BY_ADDRESS.most + 2):
        async with browser(api, here, clock, f"2001:db8:1:2::{number:x}") as portal:
            statuses.append(await guess(portal, email=f"nobody-{number}@example.com"))
    assert statuses == [401] * BY_ADDRESS.most + [429] * 2
    async with browser(api, here, clock, "2001:db8:1:3::1") as portal:
        assert await guess(portal, email="somebody@example.com") == 401


async def test_a_mailbox_gets_so_many_links_a_day_whoever_sends_them(api: Api, here: Settings, clock: Clock) -> None:
    async with browser(api, here, clock) as portal:
        partner_id = await joined_owner(api, portal)  # the first message of the owner's mailbox
        first = await approved_partner(
            api, registration_number="91310000MA1FL0001X"
        )  # and the second, of another partner
        assert first != partner_id
    sent = [str(message["To"]) for message in await post_office(here, clock)]
    assert sent.count(OWNER) == 2
    async with unit_of_work() as work:
        left = [await count_link(work, OWNER, clock.now()) for _ in range(5)]
    assert left == [True] * (LINKS_A_DAY.most - 2) + [False] * 2
    # A new password is a link, too; nobody is told that none was sent.
    async with browser(api, here, clock) as stranger:
        assert (await stranger.fill("/partner/forgotten", email=OWNER)).status_code == 200
    assert [str(message["To"]) for message in await post_office(here, clock)].count(OWNER) == 2
    # The owner's invitation of one more partner is not sent, and operations read why when they repeat it.
    third = await approved_partner(api, registration_number="91310000MA1FL0002X")
    assert [str(message["To"]) for message in await post_office(here, clock)].count(OWNER) == 2
    (listed,) = (await api.get(f"/v1/admin/partners/{third}/staff", headers=api.staff("operations"))).json()["data"]
    assert listed["mail"]["status"] == "failed"
    assert "已达上限" in listed["mail"]["reason"]["zh-CN"]
    owner = {"email": OWNER, "name": "李娜"}
    refused = await api.post(
        f"/v1/admin/partners/{third}/staff", json=owner, headers=api.staff("operations") | fresh_key()
    )
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_messages"), refused.text
    clock.offset += timedelta(days=1, minutes=1)
    await delete_guesses(clock.now())
    again = await api.post(
        f"/v1/admin/partners/{third}/staff", json=owner, headers=api.staff("operations") | fresh_key()
    )
    assert again.status_code < 300, again.text
    messages: Any = [message for message in await post_office(here, clock) if message["To"] == OWNER]
    assert len(messages) == 3
    assert "token=" in link_in(messages[-1])
    (listed,) = (await api.get(f"/v1/admin/partners/{third}/staff", headers=api.staff("operations"))).json()["data"]
    assert listed["mail"]["reason"] is None


async def test_guesses_of_a_day_are_forgotten(database: str, clock: Clock) -> None:
    async with unit_of_work() as work:
        assert await count_link(work, OWNER, clock.now())
    await delete_guesses(clock.now() + timedelta(hours=23))
    assert await DB.fetchval("SELECT count(*) FROM partner_staff_guess") == 1
    await delete_guesses(clock.now() + timedelta(hours=25))
    assert await DB.fetchval("SELECT count(*) FROM partner_staff_guess") == 0
