"""An application's page for its contact, behind a link in a message: its status, and a token to resubmit it.

The link needs no account, since an applicant has none. The page shows the status and the reason given by operations. While the
application can be resubmitted, it creates a new application token, which is shown once.
"""

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from marketplace.kernel.clock import Clock
from marketplace.kernel.keyring import WrongSecretError
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from marketplace.web.form_answers import show_once
from marketplace.web.forms import PageRequest
from marketplace.web.pages import PageTemplate
from partners.onboarding.apply import AMENDABLE, application_status, new_token
from partners.onboarding.schemas import ApplicationStatus
from partners.staff.application_link import LINK_PURPOSE, ApplicationLink
from partners.web.frame import strangers_page

_MOST_LINK = 600

STATES: dict[str, tuple[str, str]] = {
    "applied": ("已提交，等待审核", "Submitted, waiting for review"),
    "in_review": ("审核中", "In review"),
    "changes_requested": ("需要补正", "Changes requested"),
    "approved": ("已通过", "Approved"),
    "active": ("合作中", "Active"),
    "suspended": ("已暂停", "Suspended"),
    "terminated": ("已终止", "Ended"),
    "rejected": ("未通过", "Declined"),
}


class LinkGone(Refusal):
    """The link is invalid or expired."""

    kind = Kind.NOT_FOUND
    code = "link_gone"
    way_out = "partner"
    zh = "链接已失效，请使用最近一封邮件中的链接。"
    en = "This link is no longer good; use the one in the latest message."
    explanation = Explanation(
        Text("链接已被更新的邮件取代。", "The link was replaced by a later message."),
        Text("请使用最近一封邮件中的链接。", "Use the link in the latest message."),
    )


@get("/partner/application")
async def application(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate:
    """Show the application's status."""
    text = request.query_params.get("token", "")
    return await _page(request, await _found(settings, clock, text), text)


@post("/partner/application/token", status_code=200)
async def token(
    request: PageRequest, settings: NamedDependency[Settings], clock: NamedDependency[Clock]
) -> PageTemplate | Response[Any]:
    """Replace the application's token, and show the new one once."""
    text = str((await request.form()).get("token", ""))
    found = await _found(settings, clock, text)
    async with unit_of_work() as work:
        made = await new_token(work, found.id, clock.now())
    show_once(request)
    return await _page(request, found, text, made=made)


async def _found(settings: Settings, clock: Clock, text: str) -> ApplicationStatus:
    """Return the application of a link. Raises LinkGone."""
    try:
        plain = settings.keys.decrypt(LINK_PURPOSE, text[:_MOST_LINK].encode())
    except WrongSecretError as error:
        raise LinkGone from error
    link = msgspec.json.decode(plain, type=ApplicationLink)
    if clock.now() > link.sent_at + timedelta(days=link.days):
        raise LinkGone
    return await application_status(link.partner_id)


async def _page(request: PageRequest, found: ApplicationStatus, text: str, *, made: str = "") -> PageTemplate:
    return await strangers_page(
        request,
        "partner/application.html",
        application=found,
        states=STATES,
        amendable=found.status in AMENDABLE,
        token=text,
        made=made,
    )
