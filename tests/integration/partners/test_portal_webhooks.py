"""Webhooks in the portal: from an endpoint to a message that arrived, was looked at, and was sent again."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from partners.webhooks.send import Sender
from tests.support.app import Api, running_app
from tests.support.portal import Portal, joined_owner
from tests.support.receiver import Receiver, receiving

AT = "/partner/webhooks"


@pytest.fixture
async def here(partners_only: Settings, tmp_path: Path) -> Settings:
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
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


def secret_on(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    found = re.search(r'id="webhook-secret">([^<]+)<', page.text)
    assert found, page.text
    return unescape(found[1])


async def added(owner: Portal, url: str) -> str:
    """Add an endpoint for everything and return its page's address."""
    secret_on(await owner.fill(AT, url=url, description="", all_types="yes"))
    return f"{AT}/{await DB.fetchval('SELECT id FROM webhook_endpoint')}"


async def sent(owner: Portal) -> int:
    settings = owner.settings
    return await Sender(Outbound.of(settings), settings.keys, owner.clock, luck=lambda: 0.0).once()


async def test_added_tried_looked_at_and_sent_again(owner: Portal, receiver: Receiver) -> None:
    assert "还没有端点" in (await owner.get(AT)).text
    made = await owner.fill(AT, url=receiver.url, description="订单系统", event_types=["partner.location_added"])
    secret = secret_on(made)
    assert made.headers["cache-control"] == "no-store"
    listed = await owner.get(AT)
    assert "订单系统 · 1 种事件" in listed.text
    at = re.search(rf'href="({AT}/[^"]+)"', listed.text)
    assert at
    shown = await owner.get(at[1])
    assert secret not in shown.text
    waiting = await owner.fill(shown, f"{at[1]}/sample", event_type="partner.location_added")
    assert "等待投递" in waiting.text
    assert "还没有尝试" in waiting.text
    assert await sent(owner) == 1
    (arrived,) = receiver.got
    assert arrived.is_signed(secret)
    page = await owner.get(str(waiting.url))
    for words in ("已送达", "HTTP 204", "SH-0001", arrived.headers["webhook-id"]):
        assert words in page.text, words
    again = await owner.fill(page, f"{str(page.url).partition('?')[0]}/resend")
    assert "已重新排入投递" in again.text
    assert await sent(owner) == 1
    assert [one.headers["webhook-id"] for one in receiver.got] == [arrived.headers["webhook-id"]] * 2
    tabs = [(await owner.get(f"{at[1]}?status={status}")).text for status in ("delivered", "failed", "nonsense")]
    assert [f"/partner/webhook-deliveries/{str(page.url).rpartition('/')[2]}" in text for text in tabs] == [
        True,
        False,
        True,
    ]


async def test_changed_stopped_given_a_new_secret_and_removed(owner: Portal, receiver: Receiver) -> None:
    at = await added(owner, receiver.url)
    stale = await owner.get(at)
    fields = {
        "url": receiver.url + "/new",
        "description": "x",
        "event_types": ["voucher.used", "partner.location_added"],
    }
    refused = await owner.fill(stale, **fields)
    assert (refused.status_code, "只能是" in refused.text) == (400, True), "an event of a package that is not here"
    assert "/new" in refused.text, "what was filled in is still there"
    fields["event_types"] = ["partner.location_added"]
    assert "已保存" in (await owner.fill(stale, **fields)).text
    assert "已保存" in (await owner.fill(stale, **fields)).text, "the same form again leads to the same answer"
    assert await DB.fetchval("SELECT version FROM webhook_endpoint") == 2
    late = await owner.fill(stale, **fields | {"description": "y"})
    assert (late.status_code, "修改" in late.text) == (400, True)
    stopped = await owner.fill(at, f"{at}/disable")
    assert "已停用" in stopped.text
    assert "发送示例" not in stopped.text
    no = await owner.fill(stopped, f"{at}/sample", event_type="partner.location_added")
    assert (no.status_code, "端点已停用，请先启用。" in no.text) == (400, True)
    assert "已启用" in (await owner.fill(at, f"{at}/enable")).text
    before = secret_on(await owner.fill(at, f"{at}/rotate"))
    after = secret_on(await owner.fill(at, f"{at}/rotate"))
    assert before != after
    assert "旧密钥同时签名至" in (await owner.get(at)).text
    assert "已删除" in (await owner.fill(at, f"{at}/remove")).text
    assert (await owner.get(at)).status_code == 404
    assert (
        await DB.fetchval("SELECT count(*) FROM audit_entry WHERE action LIKE 'webhook.%' AND actor LIKE 'staff:%'")
        == 7
    )


async def test_what_is_wrong_is_said_beside_its_field(owner: Portal) -> None:
    for fields, message, name in (
        ({"url": "", "all_types": "yes"}, "请填写 https 地址", "url"),
        ({"url": "https://a@hooks.example.com/x", "all_types": "yes"}, "须为普通网址", "url"),
        ({"url": "https://10.0.0.1/x", "all_types": "yes"}, "必须是公网地址", "url"),
        ({"url": "https://hooks.example.com/x"}, "请至少选择一种事件", "types"),
        ({"url": "https://hooks.example.com/x", "event_types": ["nothing.there"]}, "只能是", "types"),
    ):
        page = await owner.fill(AT, **fields)
        assert page.status_code == 400, fields
        found = re.search(rf'<p class="error" id="error-{name}">([^<]*)', page.text)
        assert found, fields
        assert message in found[1]
    assert await DB.fetchval("SELECT count(*) FROM webhook_endpoint") == 0


async def test_other_roles_and_other_companies(api: Api, owner: Portal, receiver: Receiver) -> None:
    at = await added(owner, receiver.url)
    page = await owner.fill(at, f"{at}/sample", event_type="partner.location_added")
    delivery = str(page.url)
    async with Portal.of(api.app, owner.settings, owner.clock) as stranger:
        await joined_owner(
            api, stranger, registration_number="91310000MA1FL0001X",
            contact={"name": "赵一", "email": "zhao@example.com", "phone": "+86 21 5555 0101"},
        )  # fmt: skip
        there, sample = (delivery.rpartition("/")[2], at.rpartition("/")[2]), "partner.location_added"
        for ids in (there, ("0190c3e0-0000-7000-8000-000000000000",) * 2, ("nothing", "%00")):
            one, other = f"/partner/webhook-deliveries/{ids[0]}", f"{AT}/{ids[1]}"
            looks = [await stranger.get(one), await stranger.fill(AT, f"{one}/resend"), await stranger.get(other)]
            looks.append(await stranger.fill(AT, other, url=receiver.url, version="1"))
            looks += [
                await stranger.fill(AT, f"{other}/{action}", event_type=sample)
                for action in ("disable", "enable", "rotate", "remove", "sample")
            ]
            assert {answer.status_code for answer in looks} == {404}
            plain = [re.sub(r"return_to=[^\"]*", "", answer.text) for answer in looks]
            assert len(set(plain)) == 1, "what is another's is as absent as what is not there"
    assert (await owner.fill(at, f"{at}/steal")).status_code == 404
    form = await owner.get(at)
    await DB.fetch("UPDATE partner_staff SET roles = '{marketer,finance,counter}'")
    for path in (AT, at, delivery):
        assert (await owner.get(path)).status_code == 403
    for path in (AT, at, f"{at}/remove", f"{at}/sample", f"{delivery}/resend"):
        assert (await owner.fill(form, path, url=receiver.url, all_types="yes")).status_code == 403
    assert AT not in (await owner.get("/partner")).text
    assert await DB.fetchval("SELECT version FROM webhook_endpoint") == 1


async def test_a_form_from_elsewhere_does_nothing(owner: Portal, receiver: Receiver) -> None:
    at = await added(owner, receiver.url)
    page = await owner.fill(at, f"{at}/sample", event_type="partner.location_added")
    paths = [AT, at, f"{page.url}/resend", *(f"{at}/{action}" for action in ("disable", "rotate", "remove", "sample"))]
    for path in paths:
        for token in ({}, {"csrf_token": ""}, {"csrf_token": "x" * 43}):
            data = {
                "url": receiver.url,
                "all_types": "yes",
                "version": "1",
                "event_type": "partner.location_added",
            } | token
            assert (await owner.post(path, data=data)).status_code == 403, path
    rows = await DB.fetch("SELECT version, status, (SELECT count(*) FROM webhook_delivery) FROM webhook_endpoint")
    assert [tuple(row) for row in rows] == [(1, "enabled", 1)]


async def test_in_english(api: Api, here: Settings, clock: Clock, receiver: Receiver) -> None:
    async with Portal.of(api.app, here, clock, "en") as browser:
        await joined_owner(api, browser)
        pages = [await browser.get(AT), await browser.fill(AT, url="http://x.example"), await browser.fill(AT, url="")]
        pages.append(await browser.fill(AT, url=receiver.url, all_types="yes"))
        at = f"{AT}/{await DB.fetchval('SELECT id FROM webhook_endpoint')}"
        waiting = await browser.fill(at, f"{at}/sample", event_type="partner.location_added")
        await sent(browser)
        pages += [waiting, await browser.get(str(waiting.url)), await browser.get(at)]
        pages.append(await browser.fill(at, f"{at}/disable"))
        for page in pages:
            text = re.sub(r"中文|李娜", "", re.sub(r"<[^>]+>", "", page.text))
            assert not re.search(r"[\u4e00-\u9fff]", text), re.search(r".{30}[\u4e00-\u9fff]+.{20}", text)
