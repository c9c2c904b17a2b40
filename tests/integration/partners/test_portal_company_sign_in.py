"""The company's own provider in the portal: set, tried, removed, by owners alone."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.integration.partners.test_staff_provider import SECRET, provider
from tests.support.app import Api, running_app
from tests.support.portal import Portal, joined_owner, post_office
from tests.support.today import sql_now

AT = "/partner/company-sign-in"


@pytest.fixture
def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path, outbound_allow="127.0.0.0/8")


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


@pytest.fixture
async def owner(api: Api, here: Settings, clock: Clock) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock) as browser:
        await joined_owner(api, browser)
        yield browser


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[str]:
    async with provider(tmp_path / "company") as found:
        yield found


async def kept() -> list[tuple[str, str, int]]:
    rows = await DB.fetch("SELECT issuer, client_id, version FROM partner_identity_provider")
    return [tuple(row) for row in rows]


async def test_set_tried_and_removed(owner: Portal, issuer: str) -> None:
    assert "/partner/company-callback" in (await owner.get(AT)).text
    assert AT in (await owner.get("/partner/people")).text
    done = await owner.fill(AT, issuer=issuer, client_id="portal", client_secret=SECRET)
    assert "已保存" in done.text
    assert SECRET not in done.text
    tried = await owner.fill(AT, f"{AT}/try")
    assert (tried.status_code, "连接正常，取得" in tried.text) == (200, True), tried.text
    stale = await owner.get(AT)
    assert "已保存" in (await owner.fill(AT, issuer=issuer, client_id="portal", client_secret="")).text
    late = await owner.fill(stale, issuer=issuer, client_id="other", client_secret="x")
    assert (late.status_code, "已被他人修改" in late.text) == (400, True)
    assert await kept() == [(issuer, "portal", 2)]
    await owner.fill(AT, issuer="http://127.0.0.1:9/nobody", client_id="portal", client_secret="x")
    failed = await owner.fill(AT, f"{AT}/try")
    assert (failed.status_code, "无法从 http://127.0.0.1:9/nobody 取得" in failed.text) == (400, True)
    # People who signed in by it are invited again.
    await DB.fetch(
        "INSERT INTO partner_staff (id, partner_id, email, name, roles, status, version, provider_subject, created_at,"
        " created_by, changed_at) SELECT gen_random_uuid(), partner_id, 'zhao@example.com', '赵云', '{finance}', 'active',"
        f" 1, 'zhao', {sql_now()}, 'test', {sql_now()} FROM partner_staff"
    )
    assert "已移除" in (await owner.fill(AT, f"{AT}/remove")).text
    assert await kept() == []
    assert (await post_office(owner.settings, owner.clock))[-1]["To"] == "zhao@example.com"


async def test_what_is_wrong_is_said_beside_its_field(owner: Portal) -> None:
    for fields, name, message in (
        ({"issuer": ""}, "issuer", "请填写登录服务的 issuer"),
        ({"issuer": "https://x.example/"}, "issuer", "末尾不带斜杠"),
        ({"issuer": "https://10.0.0.1/x"}, "issuer", "必须是公网地址"),
        ({"client_id": ""}, "client_id", "请填写在登录服务登记的"),
        ({"client_secret": ""}, "client_secret", "首次设置或更换服务时必须填写"),
    ):
        said = {"issuer": "https://login.example.com/x", "client_id": "portal", "client_secret": "s"} | fields
        page = await owner.fill(AT, **said)
        found = re.search(rf'id="error-{name}">([^<]*)', page.text)
        assert page.status_code == 400, fields
        assert found, fields
        assert message in found[1]
    assert await kept() == []
    for action in ("try", "remove"):
        assert (await owner.fill(AT, f"{AT}/{action}")).status_code == 404, "there is none"


async def test_for_owners_alone_and_by_forms_of_ours(owner: Portal) -> None:
    said = {"issuer": "https://login.example.com/x", "client_id": "portal", "client_secret": "s"}
    await owner.fill(AT, **said)
    before, form = await kept(), await owner.get(AT)
    for path in (AT, f"{AT}/try", f"{AT}/remove"):
        for token in ({}, {"csrf_token": ""}, {"csrf_token": "x" * 43}):
            assert (await owner.post(path, data=said | {"version": "1"} | token)).status_code == 403, path
    await DB.fetch("UPDATE partner_staff SET roles = '{developer,marketer,finance,counter}'")
    assert (await owner.get(AT)).status_code == 403
    for path in (AT, f"{AT}/try", f"{AT}/remove"):
        assert (await owner.fill(form, path, **said)).status_code == 403
    assert await kept() == before


async def test_in_english(api: Api, here: Settings, clock: Clock, issuer: str) -> None:
    async with Portal.of(api.app, here, clock, "en") as browser:
        await joined_owner(api, browser)
        pages = [await browser.get(AT), await browser.fill(AT, issuer=""), await browser.fill(AT, issuer=issuer)]
        pages.append(await browser.fill(AT, issuer=issuer, client_id="portal", client_secret=SECRET))
        pages += [await browser.fill(AT, f"{AT}/try"), await browser.fill(AT, f"{AT}/remove")]
        for page in pages:
            text = re.sub(r"中文|李娜", "", re.sub(r"<[^>]+>", "", page.text))
            assert not re.search(r"[\u4e00-\u9fff]", text), re.search(r".{30}[\u4e00-\u9fff]+.{20}", text)
