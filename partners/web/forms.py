"""Forms of the portal's pages, made into what the API takes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from marketplace.kernel.facts import InvalidField, InvalidFields
from marketplace.kernel.letters import Words
from marketplace.platform.fitting import fit

Body = TypeVar("Body")


def typed(form: Mapping[str, Any], name: str, most: int) -> str:
    """Return a field as it was typed, without the blanks around it; of too much text so much that it is refused as too long."""
    return str(form.get(name, "")).strip()[: most + 1]


def wire(body: type[Body], said: Mapping[str, Any], words: Mapping[str, Words], otherwise: str) -> Body:
    """Return a form as the API takes it. Raises InvalidField with words for the person who filled it in.

    `words` has what to do by field, `otherwise` the field to name for what has none. Of a text that has letters which nobody can
    see, that is said: to its writer it looks right.
    """
    with said_to_people(words, otherwise):
        return fit(dict(said), body)


@contextmanager
def said_to_people(words: Mapping[str, Words], otherwise: str) -> Iterator[None]:
    """Raise InvalidField, as `wire` does, for fields that a use case finds wrong."""
    try:
        yield
    except InvalidFields as refused:
        fault = refused.wrong[0]
        named = fault.field.partition(".")[0].partition("[")[0]
        named = named if named in words else otherwise
        raise InvalidField(named, *((fault.zh, fault.en) if fault.letters else words[named])) from refused
