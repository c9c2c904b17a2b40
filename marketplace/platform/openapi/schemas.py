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
from msgspec import inspect

Schema = dict[str, Any]

COMPONENTS = "#/components/schemas/"
"""How a reference to a schema of the description begins."""


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


def schemas_of(kinds: list[Any], name: str = "{name}") -> tuple[tuple[Schema, ...], dict[str, Schema]]:
    """Return references to the types' JSON Schemas, and the schemas by the types' names.

    References are to `name`. A page is named after its items: `OfferPage`.
    """
    references, components = msgspec.json.schema_components(kinds, ref_template=COMPONENTS + name)
    for told in inspect.multi_type_info(kinds):
        _add_instants(told, components, set())
    names = {name: _page_name(name) for name in components if name.startswith("Page_")}
    for node in _nodes([references, components]):
        if "enum" in node and all(isinstance(value, str) for value in node["enum"]):
            node.setdefault("type", "string")
        reference = str(node.get("$ref", ""))
        found = reference.rsplit("/", 1)[-1]
        if found in names:
            node["$ref"] = reference.removesuffix(found) + names[found]
    return references, {names.get(each, each): schema for each, schema in components.items()}


def _page_name(name: str) -> str:
    return name.removeprefix("Page_").removesuffix("_").removesuffix("View") + "Page"


def _add_instants(told: inspect.Type, components: dict[str, Schema], seen: set[Any]) -> None:
    """Say of each instant that it is one: the library does so only where the type asks for a zone, and ours all have one."""
    if isinstance(told, inspect.StructType):
        if told.cls in seen:
            return
        seen.add(told.cls)
        properties = _component(told, components).get("properties", {})
        for field in told.fields:
            if _is_instant(field.type):
                _mark_instant(properties[field.encode_name])
    for part in _parts(told):
        _add_instants(part, components, seen)


def _component(told: inspect.StructType, components: dict[str, Schema]) -> Schema:
    (reference,), _ = msgspec.json.schema_components([told.cls], ref_template="{name}")
    return components.get(reference.get("$ref", ""), {})


def _is_instant(told: inspect.Type) -> bool:
    plain = _plain(told)
    if isinstance(plain, inspect.UnionType):
        return any(_is_instant(member) for member in plain.types)
    return isinstance(plain, inspect.DateTimeType)


def _mark_instant(shape: Schema) -> None:
    for member in shape.get("anyOf", [shape]):
        if member.get("type") == "string":
            member["format"] = "date-time"


def _plain(told: inspect.Type) -> inspect.Type:
    while isinstance(told, inspect.Metadata):
        told = told.type
    return told


def _parts(told: inspect.Type) -> Iterator[inspect.Type]:
    plain = _plain(told)
    if isinstance(plain, inspect.StructType):
        yield from (field.type for field in plain.fields)
    elif isinstance(plain, inspect.UnionType):
        yield from plain.types
    elif isinstance(plain, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        yield plain.item_type
    elif isinstance(plain, inspect.DictType):
        yield plain.value_type
    if plain is not told:
        yield plain


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


def _nodes(node: Any) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for part in node.values():
            yield from _nodes(part)
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _nodes(part)
