"""The portal's result pages of forms, each at its own address."""

from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from marketplace.platform.http.authentication import ONCE
from marketplace.web.form_answers import AnswerGone, ShownBefore, open_answer
from marketplace.web.forms import PageRequest
from marketplace.web.pages import PageTemplate
from partners.web.frame import ANSWERS, portal_page, sign_in_of, strangers_tokens


class PortalAnswerGone(AnswerGone):
    """The result is gone; the portal's page links to the portal."""

    way_out = "partner"


@get(f"{ANSWERS}/{{answer_id:str}}", opt={ONCE: True})
async def answer(request: PageRequest, answer_id: FromPath[str]) -> PageTemplate | Response[Any]:
    """Show the result of a form of this browser, with or without a session."""
    browser = await sign_in_of(request).browser(request)
    owners = [browser.csrf if browser else "", *strangers_tokens(request)]
    found = await open_answer(request, answer_id, owners, gone=PortalAnswerGone)
    if isinstance(found, ShownBefore):
        return await portal_page(request, "shown_before.html", status=410, base="partner/base.html", back=found.page)
    return found
