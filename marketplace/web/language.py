"""The language of pages: the person's choice in a cookie, else the browser's, else Chinese."""

from typing import Any

from litestar import Request
from litestar.datastructures import Cookie

from marketplace.kernel.text import LANGUAGES, Language, preferred_language
from marketplace.settings import Settings

COOKIE = "language"
COOKIE_AGE_S = 365 * 86400


def page_language(request: Request[Any, Any, Any]) -> Language:
    """Return the language of the page."""
    chosen = request.cookies.get(COOKIE)
    for language in LANGUAGES:
        if chosen == language:
            return language
    return preferred_language(request.headers.get("accept-language"))


def language_cookie(settings: Settings, language: str) -> Cookie:
    """Return the cookie that stores a choice; an unknown language counts as Chinese."""
    return Cookie(
        key=COOKIE,
        value=language if language in LANGUAGES else LANGUAGES[0],
        max_age=COOKIE_AGE_S,
        path="/",
        httponly=True,
        secure=settings.base_url.startswith("https://"),
        samesite="lax",
    )
