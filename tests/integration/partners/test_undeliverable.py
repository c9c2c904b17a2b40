"""Addresses that can never be mailed are refused; invitations that were not delivered are shown where they were asked for."""

import smtplib
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.outbound import mail
from marketplace.platform.outbound.mail import MailSender
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from partners.staff.invitations import Inviter
from partners.staff.notices import Notifier
from tests.support.app import Api, fresh_key, running_app
from tests.support.partners import apply, approved_partner, bearer, staff_post
from tests.support.portal import Portal, joined_owner, link_in, post_office

NEVER = {
    "周@huazhu.example": "@ 之前",
    "zw\u200b1@huazhu.example": "不可见",
    "zw1@huazhu.invalid": "收不到邮件",
}
REFUSED = smtplib.SMTPRecipientsRefused({"wang@example.com": (550, b"5.1.1 mx7.internal: no such mailbox")})


@pytest.fixture
def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


@pytest.fixture
async def portal(api: Api, here: Settings, clock: Clock) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock) as browser:
        yield browser


async def sent_against(
    here: Settings, clock: Clock, failure: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write the messages of who was invited, and send what is due to a server that answers so."""

    def hand_over(_folder: Path, _message: EmailMessage) -> None:
        if failure is not None:
            raise failure

    monkeypatch.setattr(mail, "into_folder", hand_over)
    await catch_up(Inviter(here, clock))
    while await MailSender(here, clock).once():
        pass
    monkeypatch.undo()


@pytest.mark.parametrize("email", NEVER)
async def test_an_address_that_can_never_be_mailed_is_not_invited(api: Api, portal: Portal, email: str) -> None:
    partner_id = await joined_owner(api, portal)
    page = await portal.fill("/partner/people", name="某某", email=email, roles=["finance"])
    assert (page.status_code, NEVER[email] in page.text) == (400, True)
    assert "邀请已发出" not in page.text
    application = {"name": "李", "email": email, "phone": "138 0013 8000"}
    for path, body, field in [
        (f"/v1/admin/partners/{partner_id}/staff", {"email": email, "name": "某某"}, "email"),
        ("/v1/partner/applications", {"contact": application}, "contact.email"),
    ]:
        answer = await api.post(path, json=body, headers=api.staff("operations") | fresh_key())
        errors = {one["field"]: one["message"] for one in answer.json()["errors"]}
        assert answer.status_code == 400
        assert NEVER[email] in errors[field], errors
    assert await DB.fetchval("SELECT count(*) FROM partner_staff") == 1


async def test_a_partner_is_told_of_an_invitation_that_was_refused(
    api: Api, portal: Portal, here: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner_id = await joined_owner(api, portal)
    await portal.fill("/partner/people", name="王", email="wang@example.com", roles=["finance"])
    assert await mail_of(api, partner_id) is None, "not written yet"
    await sent_against(here, clock, REFUSED, monkeypatch)
    seen = await mail_of(api, partner_id)
    assert seen is not None
    assert (seen["status"], "550" in seen["reason"]["en"]) == ("failed", True)
    assert "internal" not in str(seen), "a server's own words are for operations"
    page = await portal.get("/partner/people")
    assert "王（wang@example.com）的邀请邮件未能送达" in page.text
    english = await portal.get("/partner/people", headers={"Accept-Language": "en"})
    assert "could not be delivered" in english.text
    staff_id = await DB.fetchval("SELECT id FROM partner_staff WHERE email = 'wang@example.com'")
    assert "未能送达" in (await portal.get(f"/partner/people/{staff_id}")).text
    again = await portal.fill("/partner/people", f"/partner/people/{staff_id}/invite")
    assert "新的邀请已发出" in again.text
    assert "未能送达" not in again.text
    link = link_in((await post_office(here, clock))[-1])
    sent = await mail_of(api, partner_id)
    assert sent is not None
    assert (sent["status"], sent["reason"]) == ("sent", None)
    async with Portal.of(api.app, here, clock) as colleague:
        await colleague.join(link)
    assert await mail_of(api, partner_id) is None, "who has joined waits for no message"


async def test_operations_see_that_an_owner_was_not_reached(
    api: Api, here: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner_id = await approved_partner(api)
    await sent_against(here, clock, ConnectionRefusedError("mail.internal is away"), monkeypatch)
    waits = await mail_of(api, partner_id)
    assert waits is not None
    assert (waits["status"], "will be retried" in waits["reason"]["en"]) == ("waiting", True)
    for _ in range(8):
        clock.offset += timedelta(days=1)
        await sent_against(here, clock, ConnectionRefusedError("mail.internal is away"), monkeypatch)
    failed = await mail_of(api, partner_id)
    assert failed is not None
    assert (failed["status"], "two days" in failed["reason"]["en"]) == ("failed", True)
    await staff_post(api, f"/v1/admin/partners/{partner_id}/staff", {"email": "li.na@example.com", "name": "李娜"})
    await post_office(here, clock)
    sent = await mail_of(api, partner_id)
    assert sent is not None
    assert sent["status"] == "sent"


async def test_a_notice_that_was_refused_is_shown_to_operations_and_to_the_applicant(
    api: Api, portal: Portal, here: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied = await apply(api)
    at = f"/v1/admin/partners/{applied['id']}"
    own = bearer(applied["application_token"])
    status = f"/v1/partner/applications/{applied['id']}"
    await staff_post(api, f"{at}/review", {})
    assert (await api.get(status, headers=own)).json()["mail"] is None, "nothing was sent yet"
    await staff_post(api, f"{at}/request-changes", {"reason": "请补充官网"})
    await catch_up(Notifier(here, clock))
    link = link_in((await post_office(here, clock))[-1])
    await staff_post(api, f"{at}/reject", {"reason": "不符合"})
    await catch_up(Notifier(here, clock))
    await sent_against(here, clock, REFUSED, monkeypatch)
    notices = (await api.get(at, headers=api.staff("operations"))).json()["notices"]
    assert [(one["email"], one["status"]) for one in notices] == [
        ("li.na@example.com", "failed"),
        ("li.na@example.com", "sent"),
    ]
    assert "(550)" in notices[0]["reason"]["en"]
    assert "invite" not in notices[0]["reason"]["en"]
    assert notices[1]["reason"] is None
    seen = (await api.get(status, headers=own)).json()["mail"]
    assert (seen["status"], "550" in seen["reason"]["zh-CN"]) == ("failed", True)
    assert "internal" not in str(notices) + str(seen), "a server's own words name our machines"
    page = await portal.get(link)
    assert "邮件服务器拒收此地址的邮件（550）" in page.text


async def mail_of(api: Api, partner_id: str) -> dict[str, object] | None:
    """Return what the list of operations says of the message to the partner's latest person."""
    answer = await api.get(f"/v1/admin/partners/{partner_id}/staff", headers=api.staff("operations"))
    found: dict[str, object] | None = answer.json()["data"][-1]["mail"]
    return found
