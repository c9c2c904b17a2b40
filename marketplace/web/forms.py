"""Forms of pages: their fields, as use cases take them, and what is wrong with them, by field. The same for every face."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from marketplace.kernel.letters import Words, complaint
from marketplace.kernel.refusals import InvalidField, InvalidFields, Refusal, Wrong
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.typed_text import typed_plain
from marketplace.platform.validation.fitting import fit
from marketplace.web.language import page_language

PageRequest = Request[Any, Any, Any]

STATE_NAMES: dict[str, tuple[str, str]] = {
    "approved": ("已批准", "approved"),
    "active": ("合作中", "active"),
    "suspended": ("已暂停", "suspended"),
    "terminated": ("已终止", "terminated"),
    "invited": ("已邀请", "invited"),
    "disabled": ("已停用", "disabled"),
    "revoked": ("已吊销", "revoked"),
}
"""States that the reader of a page meets, by their code."""

BodyT = TypeVar("BodyT")
_MOST_CURSOR = 1000


class NotInThisState(Refusal):
    """The action is not possible in the thing's present state: `wrong_state`, for the reader of a page."""

    code = "wrong_state"
    zh = "当前状态为“{zh_state}”，不能进行此操作。"
    en = "This is not possible while the state is “{en_state}”."

    def __init__(self, refused: TransitionRefusedError) -> None:
        """Name the state as people call it."""
        chinese, english = STATE_NAMES.get(str(refused.state), (str(refused.state),) * 2)
        super().__init__(zh_state=chinese, en_state=english)


def redirect_to(path: str, *cookies: Cookie, fragment: bool = False) -> Response[Any]:
    """Return the redirect to a page after a form (303); to HTMX, which asked for a fragment, as a header."""
    if fragment:
        return Response(b"", headers={"HX-Redirect": path}, cookies=list(cookies))
    return Redirect(path, status_code=303, cookies=list(cookies))


def field(form: Mapping[str, Any], name: str, most: int) -> str:
    """Return a one-line field of a form; what cannot be seen, or too much of it, is nothing."""
    text = str(form.get(name, "")).strip()
    return text if len(text) <= most and complaint(text) is None else ""


def typed_field(form: Mapping[str, Any], name: str, most: int) -> str:
    """Return a code or an address of a form in the letters that were meant, whatever keyboard typed them."""
    text = typed_plain(str(form.get(name, "")))
    return text if text.isprintable() and len(text) <= most else ""


def cursor_of(request: PageRequest) -> str | None:
    """Return the cursor of a list page's address; too long a one is none that we gave, and reads as a wrong one."""
    return (request.query_params.get("cursor") or "")[:_MOST_CURSOR] or None


def refusal_message(request: PageRequest, refusal: Refusal) -> str:
    """Return why something was refused, in the page's language."""
    language = page_language(request)
    if refusal.details.get("field") == "password":  # a field of the API's name means little on a page
        reason = refusal.details["en_reason" if language == "en" else "zh_reason"]
        return f"The password {reason}" if language == "en" else f"密码{reason}"
    if "zh_reason" in refusal.details:
        reason = str(refusal.details["en_reason" if language == "en" else "zh_reason"])
        return reason[:1].upper() + reason[1:]
    return refusal.message(language)


def error_message(request: PageRequest, refused: Refusal | TransitionRefusedError) -> str:
    """Return why a use case refused, in the page's language."""
    return refusal_message(request, NotInThisState(refused) if isinstance(refused, TransitionRefusedError) else refused)


def typed(form: Mapping[str, Any], name: str, most: int) -> str:
    """Return a field as it was typed, without the blanks around it; of too much text so much that it is refused as too long."""
    return str(form.get(name, "")).strip()[: most + 1]


def wire(body: type[BodyT], said: Mapping[str, Any], words: Mapping[str, Words], otherwise: str) -> BodyT:
    """Return a form as the API takes it. Raises InvalidFields with words for the person who filled it in.

    `words` has what to do by field, `otherwise` the field to name for what has none. Of a text that has letters which nobody can
    see, that is said: to its writer it looks right.
    """
    with said_to_people(words, otherwise):
        return fit(dict(said), body)


@contextmanager
def said_to_people(words: Mapping[str, Words], otherwise: str) -> Iterator[None]:
    """Raise InvalidFields, as `wire` does, for fields that a use case finds wrong: each field of the form once."""
    try:
        yield
    except InvalidFields as refused:
        by_field: dict[str, Wrong] = {}
        for fault in refused.wrong:
            named = field_named(fault.field, words) or otherwise
            by_field.setdefault(named, Wrong(named, *((fault.zh, fault.en) if fault.letters else words[named])))
        raise InvalidFields(list(by_field.values())) from refused


def field_named(path: str, fields: Collection[str]) -> str:
    """Return the field of a form that a path such as `name.en` or `roles[0]` is about: the one that fits closest, or none."""
    path = path.partition("[")[0]
    while path not in fields and path:
        path = path.rpartition(".")[0]
    return path


def errors_of(
    request: PageRequest, refused: Refusal | TransitionRefusedError, fields: Collection[str], general: str = ""
) -> dict[str, str]:
    """Return why a form was refused, in the page's language, by each wrong field; under `general` what concerns none of them."""
    if not isinstance(refused, InvalidFields):
        named = field_named(str(refused.details.get("field", "")), fields) if isinstance(refused, Refusal) else ""
        return {named or general: error_message(request, refused)}
    errors: dict[str, str] = {}
    for fault in refused.wrong:
        named = field_named(fault.field, fields) or general
        errors.setdefault(named, error_message(request, InvalidField(fault.field, fault.zh, fault.en)))
    return errors
