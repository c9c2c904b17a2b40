"""Credentials made in the portal: shown once, no stronger than who makes them, and nobody else's business."""

import base64
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.ends import said_end
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.partners import approved_partner, bearer, partner_client, signed_contract, staff_post
from tests.support.portal import Portal, link_in, post_office
from tests.support.today import ZONE


@pytest.fixture
async def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


@pytest.fixture
async def owner(api: Api, here: Settings, clock: Clock) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock) as browser:
        await approved_partner(api)
        (message,) = await post_office(here, clock)
        await browser.join(link_in(message))
        yield browser


def shown(page: httpx.Response) -> tuple[str, str]:
    """Return the id and the secret on the page."""
    assert page.status_code == 200, page.text
    found = [re.search(rf'id="client-{name}">([^<]+)<', page.text) for name in ("id", "secret")]
    assert all(found), page.text
    return unescape(found[0][1]), unescape(found[1][1])  # type: ignore[index]


async def ask(api: Api, client_id: str, secret: str) -> httpx.Response:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    form = {"grant_type": "client_credentials"}
    return await api.post("/oauth/token", data=form, headers={"Authorization": f"Basic {pair}"})


def claims(answer: httpx.Response) -> Any:
    body = answer.json()["access_token"].split(".")[1]
    return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


async def role(*roles: str) -> None:
    await DB.fetch("UPDATE partner_staff SET roles = $1", list(roles))


async def test_made_changed_and_revoked(api: Api, owner: Portal) -> None:
    assert "还没有凭证" in (await owner.get("/partner/credentials")).text
    made = await owner.fill(
        "/partner/credentials", name="联调", livemode="sandbox", scopes=["offers:read", "contracts:read"]
    )
    assert made.headers["cache-control"] == "no-store"
    client_id, secret = shown(made)
    first = await ask(api, client_id, secret)
    assert claims(first)["livemode"] is False
    assert set(claims(first)["scope"].split()) == {"offers:read", "contracts:read"}
    listed = await owner.get("/partner/credentials")
    assert client_id in listed.text
    assert secret not in listed.text
    page = await owner.fill(listed, f"/partner/credentials/{client_id}/rotate")
    _, following = shown(page)
    assert following != secret
    ends = await DB.fetchval("SELECT expires_at FROM oauth_secret WHERE successor IS NOT NULL")
    assert f"旧密钥在 {said_end(ends, 'zh-CN', ZONE, named=True)} 前仍可使用。" in page.text
    assert [(await ask(api, client_id, one)).status_code for one in (secret, following)] == [200, 200]
    done = await owner.fill("/partner/credentials", f"/partner/credentials/{client_id}/revoke")
    assert "凭证已吊销" in done.text
    assert [(await ask(api, client_id, one)).status_code for one in (secret, following)] == [401, 401]
    live = bearer(first.json()["access_token"])
    assert (await api.get("/v1/partner/profile", headers=live)).status_code == 401


async def test_live_ones_are_no_stronger_than_who_makes_them(api: Api, owner: Portal) -> None:
    client_id, secret = shown(
        await owner.fill("/partner/credentials", name="POS", livemode="live", scopes=["contracts:sign"])
    )
    assert claims(await ask(api, client_id, secret))["livemode"] is True
    await role("developer")
    page = await owner.fill("/partner/credentials", name="POS", livemode="live", scopes=["contracts:sign"])
    assert (page.status_code, "不能超出您的角色" in page.text) == (400, True)
    assert "签署本公司的合同。" in page.text.partition("不能超出您的角色")[2][:100], "in words, and not by its code"
    assert 'value="contracts:sign" checked' in page.text, "what was filled in is still there"
    page = await owner.fill("/partner/credentials", f"/partner/credentials/{client_id}/rotate")
    assert (page.status_code, "不能超出您的角色" in page.text) == (400, True)
    shown(await owner.fill("/partner/credentials", name="POS", livemode="sandbox", scopes=["contracts:sign"]))
    shown(await owner.fill("/partner/credentials", name="POS", livemode="live", scopes=["offers:read"]))
    await role("marketer", "finance")
    assert (await owner.get("/partner/credentials")).status_code == 403
    assert "/partner/credentials" not in (await owner.get("/partner")).text


async def test_what_is_wrong_is_said_in_words(owner: Portal) -> None:
    for fields, message in (
        ({"name": "", "scopes": ["offers:read"]}, "请填写名称"),
        ({"name": "POS"}, "请至少选择一项权限"),
        ({"name": "POS", "scopes": ["points:write"]}, "只能是"),
    ):
        page = await owner.fill("/partner/credentials", livemode="sandbox", **fields)
        assert (page.status_code, message in page.text) == (400, True), page.text


async def test_another_companys_are_not_there(api: Api, owner: Portal) -> None:
    other = await partner_client(api, await approved_partner(api, registration_number="91310000MA1FL0001X"))
    for action in ("rotate", "revoke"):
        page = await owner.fill("/partner/credentials", f"/partner/credentials/{other['client_id']}/{action}")
        assert page.status_code == 404
    assert (await ask(api, other["client_id"], other["client_secret"])).status_code == 200


async def test_a_form_from_elsewhere_does_nothing(owner: Portal) -> None:
    answer = await owner.post("/partner/credentials", data={"name": "x", "scopes": ["offers:read"]})
    assert answer.status_code == 403
    assert await DB.fetchval("SELECT count(*) FROM oauth_client") == 0


async def test_in_english(api: Api, here: Settings, clock: Clock) -> None:
    async with Portal.of(api.app, here, clock, "en") as browser:
        await approved_partner(api)
        (message,) = await post_office(here, clock)
        await browser.join(link_in(message))
        made = await browser.fill("/partner/credentials", name="POS", livemode="sandbox", scopes=["offers:read"])
        for page in (made, await browser.get("/partner/credentials")):
            text = re.sub(r"中文|李娜", "", re.sub(r"<[^>]+>", "", page.text))
            assert not re.search(r"[\u4e00-\u9fff]", text)


@pytest.mark.parametrize("client_id", ["%00", "a%00b", "nobody", "%F0%9F%98%80", "x" * 3000])
async def test_what_is_no_client_is_not_there(owner: Portal, client_id: str) -> None:
    await owner.fill("/partner/credentials", name="POS", livemode="sandbox", scopes=["offers:read"])
    listed = await owner.get("/partner/credentials")
    for action in ("rotate", "revoke", "steal"):
        page = await owner.fill(listed, f"/partner/credentials/{client_id}/{action}")
        assert page.status_code == 404, page.text


async def test_a_suspended_companys_people_are_told_so_in_words(api: Api, owner: Portal) -> None:
    partner_id = str(await DB.fetchval("SELECT id FROM partner"))
    assert (await signed_contract(api, partner_id)).status_code == 200
    await staff_post(api, f"/v1/admin/partners/{partner_id}/suspend", {"reason": "投诉"})
    page = await owner.fill("/partner/credentials", name="POS", livemode="live", scopes=["offers:read"])
    assert (page.status_code, "当前状态为“已暂停”，不能进行此操作。" in page.text) == (400, True)
    assert "issue_client" not in page.text
