"""A person signs in at the product's own page, lets an application act, and loses their access: the application with them."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.authorizing import (
    CALLBACK,
    Pkce,
    asking,
    exchange,
    follow_refusal,
    integrator,
    led_to,
    refresh,
    sealed,
)
from tests.support.partners import approved_partner, bearer
from tests.support.portal import Portal, link_in, post_office

PROFILE = "/v1/partner/profile"


@pytest.fixture
def here(partners_only: Settings, tmp_path: Path) -> Settings:
    """The settings with a mail folder of this test."""
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


async def test_sign_in_consent_use_and_the_end_of_the_person(api: Api, here: Settings, clock: Clock) -> None:
    partner_id = await approved_partner(api)
    client, pkce = await integrator(api), Pkce()
    async with Portal.of(api.app, here, clock) as owner, Portal.of(api.app, here, clock) as developer:
        await owner.join(link_in((await post_office(here, clock))[-1]))
        await owner.fill("/partner/people", email="dev@example.com", name="陈工", roles=["developer"])
        await developer.join(link_in((await post_office(here, clock))[-1]))
        await developer.fill("/partner", "/partner/sign-out")

        query = str(httpx.QueryParams(asking(client, pkce, scope="offers:read offers:write")))
        asked = await developer.get(f"/oauth/authorize?{query}")
        assert asked.url.path == "/partner/sign-in"
        assert asked.url.params["return_to"] == f"/oauth/authorize?{query}"
        page = await developer.sign_in("dev@example.com", return_to=quote(f"/oauth/authorize?{query}", safe=""))
        assert page.url.path == "/oauth/authorize", page.text
        assert "陈工" in page.text
        form = {"request": sealed(page), "decision": "allow"}
        # Another of the company's people cannot send this page.
        foreign = await owner.post("/oauth/authorize", data=form, follow_redirects=False)
        assert (await follow_refusal(owner, foreign)).status_code == 400
        where, found = led_to(await developer.post("/oauth/authorize", data=form, follow_redirects=False))
        assert where == CALLBACK
        given = (await exchange(api, client, found["code"], pkce)).json()
        assert given["scope"] == "offers:read"
        access = bearer(given["access_token"])
        assert (await api.get(PROFILE, headers=access)).json()["id"] == partner_id

        identifier = await DB.fetchval("SELECT id FROM partner_staff WHERE email = 'dev@example.com'")
        ended = await owner.fill(f"/partner/people/{identifier}", f"/partner/people/{identifier}/disable")
        assert ended.status_code == 200, ended.text
        assert (await api.get(PROFILE, headers=access)).status_code == 401
        assert (await refresh(api, client, given["refresh_token"])).json()["error"] == "invalid_grant"
