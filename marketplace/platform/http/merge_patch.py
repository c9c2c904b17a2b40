"""JSON Merge Patch (RFC 7396): how a PATCH changes a resource.

The patch is merged into the resource, nested objects included, and the result must fit the resource's type as a whole. A null
clears a field that may be empty: one whose type has null, or whose default is an empty text or list. Elsewhere it is refused.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from marketplace.kernel.refusals import InvalidFields, Wrong
from marketplace.platform.validation.expectations import expected
from marketplace.platform.validation.fitting import fitting
from marketplace.platform.validation.json_schemas import schemas_of
from marketplace.platform.validation.misfits import below, nearest, shown, unwrapped

Whole = TypeVar("Whole", bound=msgspec.Struct)

Patch = dict[str, Any]
"""A patch as received: the names that it has are what is to change."""

MEDIA_TYPES = ("application/json", "application/merge-patch+json")
"""The accepted media types of a PATCH body."""


def merged(target: Any, patch: Any) -> Any:
    """Return the target with the patch merged into it (RFC 7396 §2)."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def patched(whole: Whole, patch: Patch) -> Whole:
    """Return the patched resource. Raises InvalidFields with everything that is wrong."""
    kind = type(whole)
    info = inspect.type_info(kind)
    cannot = list(_nulls_that_stay(info, patch, ""))
    raw = merged(msgspec.to_builtins(whole), patch)
    try:
        value: Whole = fitting(kind).fit(raw)
    except InvalidFields as refused:
        known = {one.field for one in cannot}
        wrong = [*cannot, *(one for one in refused.wrong if one.field not in known and _is_named(one.field, patch))]
        if wrong:
            raise InvalidFields(wrong) from refused
        return _kept(raw, kind, refused)
    if cannot:
        raise InvalidFields(cannot)
    return value


def _is_named(field: str, patch: Patch) -> bool:
    return re.split(r"[.\[]", field, maxsplit=1)[0] in patch


def _kept(raw: Any, kind: type[Whole], refused: InvalidFields) -> Whole:
    """Return the resource with fields stored before today's rules: nobody must correct them to change another field."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise refused from error


def _nulls_that_stay(info: inspect.Type, patch: Mapping[str, Any], path: str) -> Iterator[Wrong]:
    """Yield the nulls of a patch that clear nothing: of unknown names, and of fields that must not be empty."""
    fields = {field.encode_name: field for field in _struct(info).fields}
    for name, value in patch.items():
        field, here = fields.get(name), below(path, shown(name))
        if field is None:
            if value is None:
                yield Wrong(here, *nearest(name, list(fields)))
        elif value is None and not _may_be_empty(field):
            chinese, english = expected(field.type)
            yield Wrong(here, f"不能清空，{chinese}", f"cannot be cleared: it {english}")
        elif isinstance(value, dict) and (inner := _inner(field.type)) is not None:
            yield from _nulls_that_stay(inner, value, here)


def _struct(info: inspect.Type) -> inspect.StructType:
    found = _inner(info)
    if found is None:
        raise TypeError(f"no struct: {info}")
    return found


def _inner(info: inspect.Type) -> inspect.StructType | None:
    """Return the struct type, also of a union with null; None for other types."""
    plain, _ = unwrapped(info)
    members = plain.types if isinstance(plain, inspect.UnionType) else (plain,)
    return next((one for member in members if isinstance(one := unwrapped(member)[0], inspect.StructType)), None)


def _may_be_empty(field: inspect.Field) -> bool:
    plain, _ = unwrapped(field.type)
    if isinstance(plain, inspect.UnionType) and plain.includes_none:
        return True
    default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return isinstance(default, str | list | tuple) and not default


def patch_schema(kind: type) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the JSON Schema of a patch of the type, and the schemas of its parts: the same with nothing required."""
    (top,), parts = schemas_of([kind], "{name}Patch")
    return (
        {"$ref": top["$ref"]},
        {f"{name}Patch": _loosened(schema) | {"title": f"{name}Patch"} for name, schema in parts.items()},
    )


def _loosened(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") != "object":
        return schema
    properties = {name: _clearable(field) for name, field in schema["properties"].items()}
    loose = {name: value for name, value in schema.items() if name not in {"required", "properties"}}
    return loose | {"properties": properties, "description": "What is left out stays; null clears."}


def _clearable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a field's schema, with null allowed if the field is empty by default."""
    if schema.get("default") in ("", []):
        kept = {name: value for name, value in schema.items() if name != "default"}
        return {"anyOf": [kept, {"type": "null"}]}
    return {name: value for name, value in schema.items() if name != "default"}
