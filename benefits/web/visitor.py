"""Who looks at the storefront: the signed-in person as a member."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request
from litestar.di import NamedDependency

from benefits.members.domain import TIER_NAMES
from benefits.members.resolve import Member, load_member
from benefits.services import BenefitsServices
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Language, Text
from marketplace.web.forms import cursor_of
from marketplace.web.language import page_language
from marketplace.web.oidc import OneIdPerson


class NotAMember(Refusal):
    """Somebody of the OEM's staff looks at the members' pages: they have no wallet."""

    kind = Kind.FORBIDDEN
    code = "not_a_member"
    way_out = "sign_out"
    zh = "当前登录的是员工账号，不是车主会员。请退出后用会员账号登录。"
    en = "You are signed in as staff, not as a member. Sign out, and sign in as a member."
    explanation = Explanation(
        Text("当前登录的账号不是会员。", "The account that is signed in is not a member."),
        Text("请退出后以会员账号登录。", "Sign out and sign in as a member."),
    )


class Visitor(msgspec.Struct, frozen=True):
    """The member, and the language of the page."""

    member: Member
    language: Language

    @property
    def id(self) -> UUID:
        """The member's id."""
        return self.member.id

    @property
    def actor(self) -> str:
        """The name under which idempotency knows the member: the same as over the API."""
        return f"member:{self.member.id}"

    @property
    def tier(self) -> str:
        """The tier's name in the page's language."""
        chinese, english = TIER_NAMES[self.member.tier]
        return english if self.language == "en" else chinese


async def visitor_of(request: Request[Any, Any, Any], person: OneIdPerson) -> Visitor:
    """Return the member that the person is; a member's first sign-in makes them known. Raises NotAMember."""
    if person.roles:
        raise NotAMember
    member_id = await BenefitsServices.of(request).members.member_id(person.subject, person.name)
    return Visitor(await load_member(member_id), page_language(request))


async def visitor(request: Request[Any, Any, Any], person: NamedDependency[OneIdPerson]) -> Visitor:
    """Litestar dependency: the signed-in member. Raises SignInNeeded or NotAMember."""
    return await visitor_of(request, person)


MOST_PAGES = 20
"""Pages of a list that one answer shows. A list that somebody loaded further begins with these again."""


class ListWindow(msgspec.Struct, frozen=True):
    """The part of a list that is asked for, and how many pages of it the browser shows with it."""

    cursor: str | None
    limit: int
    pages: int


def window_of(request: Request[Any, Any, Any], on_a_page: int) -> ListWindow:
    """Return the part of a list that the address asks for: one page behind a cursor, or the first `pages` at once."""
    cursor, text = cursor_of(request), request.query_params.get("pages", "")
    pages = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1
    pages = min(max(pages, 1), MOST_PAGES)
    return ListWindow(cursor, on_a_page if cursor else on_a_page * pages, pages)
