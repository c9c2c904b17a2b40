"""Forms of pages: carried out once, answered with the address of a page, a secret shown once."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from litestar import Litestar, Request, post

from marketplace.app import create_app
from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.platform.runtime.housekeeping import delete_form_answers
from marketplace.settings import Settings
from marketplace.web import form_answers
from marketplace.web.form_answers import FormAnswers, is_current, new_form_key
from partners.web.frame import portal_router
from tests.support.app import Api, running_app
from tests.support.portal import Portal, joined_owner
from tests.support.web import form_fields, page_settings

AT = "/partner/credentials"
NEW = {"name": "POS", "livemode": "sandbox", "scopes": ["offers:read"]}


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings, data=tmp_path)


@post("/partner/tried", status_code=200)
async def tried(request: Request[Any, Any, Any]) -> dict[str, int]:
    """A form whose outcome a test decides."""
    form = await request.form()
    request.app.state.tried = request.app.state.get("tried", 0) + 1
    if form.get("fails") == "busy" and request.app.state.tried == 1:
        raise asyncpg.TooManyConnectionsError
    if form.get("fails") == "slow":
        await asyncio.sleep(0.5)
    return {"tried": request.app.state.tried}


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock, extra_routes=[portal_router(tried)]) as running:
        yield running


@pytest.fixture
async def owner(api: Api, here: Settings, clock: Clock) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock) as browser:
        await joined_owner(api, browser)
        yield browser


async def send(browser: Portal, path: str, data: dict[str, Any]) -> httpx.Response:
    """Send a form without following where it leads."""
    return await browser.post(path, data=data, follow_redirects=False)


def secret_on(page: httpx.Response) -> str:
    found = re.search(r'id="client-secret">([^<]+)<', page.text)
    assert found, page.text
    return found[1]


async def works(api: Api, client_id: str, secret: str) -> int:
    answer = await api.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=httpx.BasicAuth(client_id, secret)
    )
    return answer.status_code


async def test_a_reload_after_a_new_secret_changes_nothing(api: Api, owner: Portal) -> None:
    """The reload made a third secret, and the partner's live systems were cut off."""
    first = secret_on(await owner.fill(AT, **NEW))
    client_id = await DB.fetchval("SELECT client_id FROM oauth_client WHERE partner_id IS NOT NULL")
    form = form_fields((await owner.get(AT)).text)
    rotate = f"{AT}/{client_id}/rotate"
    sent = await send(owner, rotate, form)
    assert (sent.status_code, sent.headers["location"].startswith("/partner/answers/")) == (303, True)
    second = secret_on(await owner.get(sent.headers["location"]))
    again = [await send(owner, rotate, form) for _ in range(3)]
    assert {answer.headers["location"] for answer in again} == {sent.headers["location"]}
    assert await DB.fetchval("SELECT count(*) FROM oauth_secret") == 2
    assert [await works(api, client_id, secret) for secret in (first, second)] == [200, 200]
    # Somebody who did not keep the new one makes another. The running systems keep the day that they were promised.
    third = secret_on(await owner.fill(AT, rotate))
    assert [await works(api, client_id, secret) for secret in (first, second, third)] == [200, 200, 200]


async def test_a_secret_is_shown_once_at_its_own_address(owner: Portal) -> None:
    sent = await send(owner, AT, form_fields((await owner.get(AT)).text) | NEW)
    address = sent.headers["location"]
    sealed = await DB.fetchval("SELECT body_sealed FROM form_answer WHERE once AND shown_at IS NULL")
    secret = secret_on(await owner.get(address))
    assert secret.encode() not in bytes(sealed)
    once_more = await owner.get(address)
    assert (once_more.status_code, "内容已显示过" in once_more.text, secret in once_more.text) == (410, True, False)
    assert f'href="{AT}"' in once_more.text, "the way back"
    assert await DB.fetchval(
        "SELECT body_sealed IS NULL FROM form_answer WHERE answer = $1", address.rpartition("/")[2]
    )


async def test_of_many_who_ask_at_the_same_moment_one_is_shown_the_secret(owner: Portal) -> None:
    sent = await send(owner, AT, form_fields((await owner.get(AT)).text) | NEW)
    pages = await asyncio.gather(*[owner.get(sent.headers["location"]) for _ in range(8)])
    assert sorted(page.status_code for page in pages) == [200, *[410] * 7]


async def test_the_same_form_many_times_at_once_is_carried_out_once(owner: Portal) -> None:
    form = form_fields((await owner.get(AT)).text) | NEW
    answers = await asyncio.gather(*[send(owner, AT, form) for _ in range(10)])
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {
        (303, answers[0].headers["location"])
    }
    assert await DB.fetchval("SELECT count(*) FROM oauth_client WHERE partner_id IS NOT NULL") == 1
    await send(owner, AT, form | {"name": "another"})
    assert await DB.fetchval("SELECT count(*) FROM oauth_client WHERE partner_id IS NOT NULL") == 2, "other fields"


async def test_what_was_refused_is_a_page_with_an_address_too(owner: Portal) -> None:
    form = form_fields((await owner.get(AT)).text)
    sent = await send(owner, AT, form | {"name": ""})
    assert sent.status_code == 303
    pages = [await owner.get(sent.headers["location"]) for _ in range(2)]
    assert [(page.status_code, "请填写名称" in page.text) for page in pages] == [(400, True)] * 2
    keys = [form_fields(page.text)["form_key"] for page in pages]
    assert len({form["form_key"], *keys}) == 3, "each time it is shown its forms have a key of their own"
    assert form_fields(pages[0].text)["form_page"] == AT, "the language link and the next answer lead to the page"


async def test_an_answer_is_for_the_browser_that_sent_the_form(api: Api, owner: Portal, clock: Clock) -> None:
    sent = await send(owner, AT, form_fields((await owner.get(AT)).text) | NEW)
    async with Portal.of(api.app, owner.settings, clock) as stranger:
        assert (await stranger.get(sent.headers["location"])).status_code == 404
    for nothing in ("x", "%00", "0190c3e0-0000-7000-8000-000000000000"):
        assert (await owner.get(f"/partner/answers/{nothing}")).status_code == 404
    secret_on(await owner.get(sent.headers["location"]))


async def test_a_form_without_a_current_key_does_nothing(owner: Portal, clock: Clock) -> None:
    form = form_fields((await owner.get(AT)).text) | NEW
    old = new_form_key(clock.now() - timedelta(hours=24))
    ahead = new_form_key(clock.now() + timedelta(hours=1))
    for key in ("", "x", "1-" + "a" * 22, "f" * 9 + "-" + "a" * 22, old, ahead, form["form_key"] + "x"):
        assert (await send(owner, AT, form | {"form_key": key})).status_code == 403, key
    del form["form_key"]
    assert (await send(owner, AT, form)).status_code == 403
    assert await DB.fetchval("SELECT count(*) FROM oauth_client WHERE partner_id IS NOT NULL") == 0
    assert is_current(new_form_key(clock.now() - timedelta(hours=23)), clock.now())


async def test_answers_outlive_the_keys_and_then_go(owner: Portal, clock: Clock) -> None:
    await owner.fill(AT, **NEW)
    made = await DB.fetchval("SELECT count(*) FROM form_answer")
    await delete_form_answers(clock.now() + timedelta(hours=24))
    assert await DB.fetchval("SELECT count(*) FROM form_answer") == made
    await delete_form_answers(clock.now() + timedelta(hours=25))
    assert await DB.fetchval("SELECT count(*) FROM form_answer") == 0


async def test_a_form_that_met_a_busy_database_may_come_again(api: Api, owner: Portal) -> None:
    form = form_fields((await owner.get(AT)).text) | {"fails": "busy"}
    busy = await send(owner, "/partner/tried", form)
    assert busy.status_code == 503
    sent = await send(owner, "/partner/tried", form)
    assert (sent.status_code, (await owner.get(sent.headers["location"])).json()) == (303, {"tried": 2})
    assert (await send(owner, "/partner/tried", form)).headers["location"] == sent.headers["location"]
    assert api.app.state.tried == 2


async def test_a_second_press_waits_for_the_first(api: Api, owner: Portal) -> None:
    form = form_fields((await owner.get(AT)).text) | {"fails": "slow"}
    first, second = await asyncio.gather(send(owner, "/partner/tried", form), send(owner, "/partner/tried", form))
    assert first.headers["location"] == second.headers["location"]
    assert api.app.state.tried == 1


async def test_a_form_whose_worker_died_is_not_carried_out_again(
    api: Api, owner: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_answers, "_WAIT_S", 0.4)
    form = form_fields((await owner.get(AT)).text)
    await send(owner, "/partner/tried", form)
    await DB.fetch(
        "UPDATE form_answer SET answered_at = NULL, status = NULL, body_sealed = NULL"
    )  # as a crash leaves it
    unknown = await send(owner, "/partner/tried", form)
    assert (unknown.status_code, "尚无结果" in unknown.text, api.app.state.tried) == (409, True, 1)


def lacking(app: Litestar) -> list[str]:
    """Return the pages' forms that are answered with a page and not with its address."""
    handlers = {handler for route in app.routes for handler in getattr(route, "route_handlers", ())}
    forms = [handler for handler in handlers if handler.opt.get("page") and "POST" in handler.http_methods]
    assert len(forms) > 25
    return sorted(
        str(next(iter(handler.paths))) for handler in forms if FormAnswers not in list(handler.resolve_middleware())
    )


async def test_every_form_of_every_page_is_answered_with_an_address(dsn: str, tmp_path: Path) -> None:
    """With a broken variant: a page that goes its own way is noticed."""

    @post("/own-way", opt={"page": True})
    async def own_way() -> None: ...

    settings = page_settings(tmp_path)
    assert lacking(create_app(settings, dsn)) == []
    assert lacking(create_app(settings, dsn, extra_routes=[own_way])) == ["/own-way"]
