"""Result pages of the members' forms, each at an address of its own."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from marketplace.platform.http.authentication import ONCE
from marketplace.web.form_answers import ShownBefore, open_answer
from marketplace.web.pages import ANSWERS, PageTemplate, page
from marketplace.web.sessions import session_of


@get(f"{ANSWERS}/{{answer_id:str}}", opt={ONCE: True})
async def answer(request: Request[Any, Any, Any], answer_id: FromPath[str]) -> PageTemplate | Response[Any]:
    """Show the result of a form of this session."""
    session = await session_of(request)
    found = await open_answer(request, answer_id, [session.csrf] if session else [])
    if isinstance(found, ShownBefore):
        return page(request, "shown_before.html", status=410, base="layout.html", back=found.page)
    return found
