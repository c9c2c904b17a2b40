"""The schemas of bodies and answers, made from the types that encode and decode them, by the library that does it.

The framework's own are replaced: they pass docstrings over, give whole numbers' bounds as floats, and describe a tuple of any
length by two schemas of which one accepts everything.
"""

import enum
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from marketplace.platform.validation.json_schemas import Schema, schemas_of


class Types:
    """The types of an application's operations, and their schemas."""

    def __init__(self, handlers: Mapping[str, HTTPRouteHandler]) -> None:
        """Look the handlers through, by operation id."""
        self._bodies = {name: found for name, handler in handlers.items() if (found := body_of(handler)) is not None}
        self._answers = {name: dict(answers_of(handler)) for name, handler in handlers.items()}
        self._enums = [kind for handler in handlers.values() for kind in _enums(handler)]

    def describe(self, schema: Schema, operations: Mapping[str, Schema]) -> None:
        """Put the schemas of bodies and answers into the description."""
        kinds = [*self._bodies.values(), *(kind for found in self._answers.values() for kind in found.values())]
        references, components = schemas_of([*kinds, *self._enums])
        found = iter(references)
        for name in self._bodies:
            body, reference = operations[name]["requestBody"], next(found)
            members = [member for member in reference.get("anyOf", []) if member != {"type": "null"}]
            body["required"] = not members
            body["content"] = {kind: {"schema": members[0] if members else reference} for kind in body["content"]}
        for name, answers in self._answers.items():
            for status in answers:
                answer, reference = operations[name]["responses"][str(status)], next(found)
                answer["content"] = {kind: {"schema": reference} for kind in answer["content"]}
        schema["components"]["schemas"] = components


def body_of(handler: HTTPRouteHandler) -> Any:
    """Return the type of the body, if the handler takes one that is decoded for it."""
    data = handler.parsed_fn_signature.parameters.get("data")
    return None if data is None else data.annotation


def answers_of(handler: HTTPRouteHandler) -> Iterator[tuple[int, Any]]:
    said = handler.responses or {}
    for status, answer in said.items():
        if answer.data_container is not None:
            yield status, answer.data_container
    returned = handler.parsed_return_field.annotation
    if isinstance(getattr(returned, "__origin__", None), type) and issubclass(returned.__origin__, Response):
        (returned,) = returned.__args__
    if handler.status_code not in said and _is_described(returned):
        yield handler.status_code, returned


def _is_described(kind: Any) -> bool:
    origin = getattr(kind, "__origin__", kind)
    return isinstance(origin, type) and issubclass(origin, msgspec.Struct)


def _enums(handler: HTTPRouteHandler) -> Iterator[type[enum.Enum]]:
    for parameter in handler.parsed_fn_signature.parameters.values():
        for kind in (parameter.annotation, *(inner.annotation for inner in parameter.inner_types)):
            if isinstance(kind, type) and issubclass(kind, enum.Enum):
                yield kind
