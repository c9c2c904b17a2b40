"""JSON Schemas of our types, made by the library that encodes and decodes them."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

Schema = dict[str, Any]

COMPONENTS = "#/components/schemas/"
"""How a reference to a schema of the description begins."""


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


def _nodes(node: Any) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for part in node.values():
            yield from _nodes(part)
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _nodes(part)
