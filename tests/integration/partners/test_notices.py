"""What a partner's people are sent by e-mail, and what they are not."""

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.ends import said_day
from marketplace.platform.eventlog.events import catch_up, publish
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from partners.contracts.events import PointPackLow
from partners.staff.notices import Notifier
from partners.webhooks.events import WebhookEndpointDisabled
from tests.support.app import Api, running_app
from tests.support.owner import by_owner
from tests.support.partners import CONTRACT, apply, approved_partner, signed_contract, staff_post
from tests.support.portal import Portal, link_in, post_office
from tests.support.today import sql_now

OWNER = "li.na@example.com"


class Post:
    """The mail folder, and what came into it since it was last read."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.notifier = Notifier(settings, clock)
        self.seen: set[str] = set()

    async def fresh(self) -> list[Any]:
        await catch_up(self.notifier)
        found = [each for each in await post_office(self.settings, self.clock) if each["Message-ID"] not in self.seen]
        self.seen |= {each["Message-ID"] for each in found}
        return [each for each in found if "/partner/join" not in each.get_content()]

    async def only(self, to: str, chinese: str, english: str) -> str:
        (message,) = await self.fresh()
        assert (message["To"], chinese in message["Subject"], english in message["Subject"]) == (to, True, True)
        return str(message.get_content())


@pytest.fixture
def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


@pytest.fixture
def post(here: Settings, clock: Clock) -> Post:
    return Post(here, clock)


async def publish_to_notifier(event: Any, clock: Clock) -> None:
    async with unit_of_work() as work:
        await publish(work, [event], clock.now())


async def test_an_applicant_is_told_what_was_decided_and_why_and_opens_the_application_again(
    api: Api, post: Post, here: Settings, clock: Clock
) -> None:
    applied = await apply(api)
    identifier = applied["id"]
    at = f"/v1/admin/partners/{identifier}"
    await staff_post(api, f"{at}/review", {})
    assert await post.fresh() == [], "nothing that anybody has to do"
    await staff_post(api, f"{at}/request-changes", {"reason": "公司名称 {name} 与执照不符"})
    text = await post.only(OWNER, "需要补正", "needs changes")
    assert text.count("公司名称 {name} 与执照不符") == 2, "in both languages, as it was written"
    (page,) = set(re.findall(r"https?://\S+", text))
    assert "/partner/application?token=" in page, "a page, and not the portal, which opens with the approval"
    async with Portal.of(api.app, here, clock) as browser:
        shown = await browser.get(page)
        for words in ("公司名称 {name} 与执照不符", "需要补正", identifier):
            assert words in shown.text
        made = await browser.fill(shown, "/partner/application/token")
        found = re.search(r'id="application-token">([^<]+)<', made.text)
        assert found, made.text
        status = f"/v1/partner/applications/{identifier}"
        assert (await api.get(status, headers={"Authorization": f"Bearer {found[1]}"})).json()["id"] == identifier
        assert (
            await api.get(status, headers={"Authorization": f"Bearer {applied['application_token']}"})
        ).status_code == 404
        assert (await browser.get(str(made.url))).status_code == 410, "the token is shown once"
        late = await browser.get(page)
        await staff_post(api, f"{at}/reject", {"reason": "资料不全"})
        declined = await post.only(OWNER, "未通过", "declined")
        assert "资料不全" in declined
        (page,) = set(re.findall(r"https?://\S+", declined))
        last = await browser.get(page)
        assert ("资料不全" in last.text, "未通过" in last.text, "生成新的申请令牌" in last.text) == (True, True, False)
        assert (await browser.fill(late, "/partner/application/token")).status_code == 409
        for wrong in ("", "x", page.partition("token=")[2][:-4]):
            assert (await browser.get(f"/partner/application?token={wrong}")).status_code == 404
        clock.offset += timedelta(days=31)
        assert (await browser.get(page)).status_code == 404


async def test_owners_are_told_what_stops_them_and_what_waits(
    api: Api, post: Post, here: Settings, clock: Clock
) -> None:
    partner_id = await approved_partner(api)
    assert "邀请链接另行发送" in await post.only(OWNER, "已通过", "was approved")
    (invitation,) = [each for each in await post_office(here, clock) if "/partner/join" in each.get_content()]
    async with Portal.of(api.app, here, clock) as portal:
        await portal.join(link_in(invitation))
    await DB.fetch(
        "INSERT INTO partner_staff (id, partner_id, email, name, roles, status, version, provider_subject, created_at,"
        " created_by, changed_at) SELECT gen_random_uuid(), $1, role || '@example.com', role, ARRAY[role], 'active', 1, role,"
        f" {sql_now()}, 'test', {sql_now()} FROM unnest(ARRAY['developer', 'finance']) AS role",
        UUID(partner_id),
    )
    assert (await signed_contract(api, partner_id)).status_code == 200
    first, offered = (
        date.fromisoformat(CONTRACT["starts_on"]),
        await post.only(OWNER, "等待签署", "is waiting for your signature"),
    )
    assert f"自 {said_day(first, 'zh-CN')} 起" in offered
    assert f"from {said_day(first, 'en')}, is waiting" in offered
    for step, reason, chinese, english in (
        ("suspend", "三次投诉", "已暂停", "suspended"),
        ("resume", None, "已恢复", "resumed"),
        ("terminate", "合同到期", "已终止", "has ended"),
    ):
        await staff_post(api, f"/v1/admin/partners/{partner_id}/{step}", {"reason": reason} if reason else {})
        assert (reason or "") in await post.only(OWNER, chinese, english)
    await publish_to_notifier(PointPackLow(UUID(partner_id), 240, 300, clock.now()), clock)
    assert "240" in await post.only(OWNER, "余额不足", "running low")
    endpoint = UUID("01990000-0000-7000-8000-000000000009")
    await publish_to_notifier(
        WebhookEndpointDisabled(UUID(partner_id), endpoint, "failing", clock.now(), clock.now()), clock
    )
    sent = await post.fresh()
    assert sorted(each["To"] for each in sent) == ["developer@example.com", OWNER]
    assert all("五天" in each.get_content() and "five days" in each.get_content() for each in sent)


async def test_news_is_told_once_and_history_not_at_all(api: Api, post: Post, clock: Clock) -> None:
    await approved_partner(api)
    assert len(await post.fresh()) == 1
    await DB.fetch("UPDATE consumer_position SET tick = 0, seq = 0 WHERE consumer = $1", post.notifier.name)
    assert await post.fresh() == [], "the same event, seen twice"
    await DB.fetch("DELETE FROM outgoing_mail")
    await by_owner("DELETE FROM consumer_position WHERE consumer = $1", post.notifier.name)
    clock.offset += timedelta(days=2)
    assert await post.fresh() == [], "a release that begins to write does not write of last year"
