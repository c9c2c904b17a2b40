"""Forms of the portal's pages, made into what the API takes, and what is wrong with them, by field."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from marketplace.kernel.letters import Words
from marketplace.kernel.refusals import InvalidField, InvalidFields, Refusal, Wrong
from marketplace.kernel.states import TransitionRefusedError
from marketplace.platform.validation.fitting import fit
from partners.web.frame import PortalRequest, error_message

BodyT = TypeVar("BodyT")


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
        told: dict[str, Wrong] = {}
        for fault in refused.wrong:
            named = field_named(fault.field, words) or otherwise
            told.setdefault(named, Wrong(named, *((fault.zh, fault.en) if fault.letters else words[named])))
        raise InvalidFields(list(told.values())) from refused


def field_named(path: str, fields: Collection[str]) -> str:
    """Return the field of a form that a path such as `name.en` or `roles[0]` is about: the one that fits closest, or none."""
    path = path.partition("[")[0]
    while path not in fields and path:
        path = path.rpartition(".")[0]
    return path


def errors_of(
    request: PortalRequest, refused: Refusal | TransitionRefusedError, fields: Collection[str], general: str = ""
) -> dict[str, str]:
    """Return why a form was refused, in the page's language, by each wrong field; as `general` what is about none of them."""
    if not isinstance(refused, InvalidFields):
        named = field_named(str(refused.details.get("field", "")), fields) if isinstance(refused, Refusal) else ""
        return {named or general: error_message(request, refused)}
    errors: dict[str, str] = {}
    for fault in refused.wrong:
        named = field_named(fault.field, fields) or general
        errors.setdefault(named, error_message(request, InvalidField(fault.field, fault.zh, fault.en)))
    return errors
