"""All faults of values from outside, by field, in plain words. Only runs when there is one."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect

from marketplace.kernel.calendar import is_taken
from marketplace.kernel.letters import Words
from marketplace.kernel.refusals import InvalidField, Wrong
from marketplace.kernel.text import refusal, settled
from marketplace.platform.validation.expectations import expected

BODY = "body"
"""The field name of a fault in the whole body."""

_PATH = re.compile(r" - at `\$\.?([^`]*)`$")


def unwrapped(info: inspect.Type) -> tuple[inspect.Type, Mapping[str, Any]]:
    """Return a type without its metadata, and the metadata's `extra`."""
    extra: dict[str, Any] = {}
    while isinstance(info, inspect.Metadata):
        extra |= info.extra or {}
        info = info.type
    return info, extra


def nearest(name: str, names: Sequence[str], chinese: str = "字段", english: str = "field") -> Words:
    """Return the message for an unknown name, with the nearest known one."""
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"没有这个{chinese}，是否要写 {close[0]}？", f"is an unknown {english}; did you mean {close[0]}?"
    if not names:
        return f"没有这个{chinese}；此处没有任何{chinese}。", f"is an unknown {english}; none are known here."
    listed = sorted(names)
    return (
        f"没有这个{chinese}；可用：{'、'.join(listed)}。",
        f"is an unknown {english}; known: {', '.join(listed)}.",
    )


class Misfits:
    """Compares plain values with a type, and finds every fault."""

    def __init__(self, *, strict: bool = True) -> None:
        """Accept texts for numbers, as in a query, unless `strict`."""
        self._strict = strict

    def of(self, info: inspect.Type, raw: Any, error: Exception | None = None) -> list[Wrong]:
        """Return the faults in the order of the type; at least the decoder's, if there is an `error`."""
        found = list(self._faults(info, raw, ""))
        if found or error is None:
            return found
        if isinstance(error, InvalidField):
            return [_nested_fault(error, "")]
        at = _PATH.search(str(error))
        return [Wrong(at[1] if at and at[1] else BODY, "格式不正确。", "is not in the expected form.")]

    def _faults(self, info: inspect.Type, raw: Any, path: str) -> Iterator[Wrong]:
        plain, extra = unwrapped(info)
        if isinstance(plain, inspect.UnionType):
            yield from self._union(plain, raw, path)
        elif isinstance(plain, inspect.StructType) and isinstance(raw, dict):
            yield from self._struct(plain, raw, path)
        elif isinstance(plain, inspect.DictType) and isinstance(raw, dict):
            for name, value in raw.items():
                yield from self._faults(plain.key_type, name, below(path, str(name)))
                yield from self._faults(plain.value_type, value, below(path, str(name)))
        elif isinstance(plain, inspect.AnyType):
            yield from _refused_anywhere(raw, path)
        elif _is_list(plain) and isinstance(raw, list | tuple):
            yield from self._items(plain, extra, raw, path)
        elif isinstance(plain, inspect.StrType) and isinstance(raw, str):
            yield from _text(plain, extra, raw, path)
        elif extra.get("moment") == "any" and _converts(plain, raw, anyhow=True):
            return  # its use case checks it, item by item
        elif not self._is_one(plain, raw):
            yield Wrong(path or BODY, *expected(info))

    def _union(self, info: inspect.UnionType, raw: Any, path: str) -> Iterator[Wrong]:
        if raw is None and info.includes_none:
            return
        members = [member for member in info.types if not isinstance(member, inspect.NoneType)]
        fitting = [member for member in members if _is_alike(unwrapped(member)[0], raw)]
        if len(members) == 1:
            yield from self._faults(members[0], raw, path)
        elif not fitting:
            yield Wrong(path or BODY, *expected(info))
        else:
            tries = [list(self._faults(member, raw, path)) for member in fitting]
            yield from min(tries, key=len)

    def _struct(self, info: inspect.StructType, raw: dict[str, Any], path: str) -> Iterator[Wrong]:
        if info.tag_field is not None and raw.get(info.tag_field, info.tag) != info.tag:
            yield Wrong(below(path, info.tag_field), f"须为 {info.tag}。", f"must be {info.tag}.")
        names = [field.encode_name for field in info.fields]
        found = False
        if info.forbid_unknown_fields:
            for name in raw:
                if name not in names and name != info.tag_field:
                    found = True
                    yield Wrong(below(path, shown(name)), *nearest(name, names))
        for field in info.fields:
            here = below(path, field.encode_name)
            if field.encode_name in raw:
                faults = self._faults(field.type, raw[field.encode_name], here)
            elif field.required:
                chinese, english = expected(field.type)
                faults = iter([Wrong(here, f"必填：{chinese}", f"is required: it {english}")])
            else:
                continue
            for fault in faults:
                found = True
                yield fault
        if not found:
            yield from self._whole(info, raw, path)

    def _whole(self, info: inspect.StructType, raw: dict[str, Any], path: str) -> Iterator[Wrong]:
        """Run the type's own check of fields against each other, if each field is valid by itself."""
        if hasattr(info.cls, "__post_init__"):
            try:
                msgspec.convert(raw, info.cls, strict=self._strict)
            except InvalidField as error:
                yield _nested_fault(error, path)

    def _items(self, info: Any, extra: Mapping[str, Any], raw: Sequence[Any], path: str) -> Iterator[Wrong]:
        least, most = info.min_length or 0, info.max_length
        if len(raw) < least or (most is not None and len(raw) > most):
            chinese, english = expected(info, extra)
            yield Wrong(path or BODY, f"{chinese[:-1]}，现为 {len(raw)} 项。", f"{english[:-1]}; it has {len(raw)}.")
            return
        for place, item in enumerate(raw):
            yield from self._faults(info.item_type, item, f"{path}[{place}]")

    def _is_one(self, info: inspect.Type, raw: Any) -> bool:
        if not self._strict and isinstance(raw, str):
            raw = _as_typed(info, raw)
        check = _CHECKS.get(type(info))
        return check is not None and check(info, raw)  # otherwise its shape differs from the type's


_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def _as_typed(info: inspect.Type, text: str) -> Any:
    """Return the number or boolean that a text of a query stands for."""
    if isinstance(info, inspect.IntType) and _INTEGER.fullmatch(text):
        return int(text)
    return _TRUTHS.get(text.lower(), text) if isinstance(info, inspect.BoolType) else text


def _is_integer(info: inspect.IntType, raw: Any) -> bool:
    return isinstance(raw, int) and not isinstance(raw, bool) and _is_within(info, raw)


def _is_number(info: inspect.FloatType, raw: Any) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool) and _is_within(info, raw)


def _is_value(info: inspect.LiteralType, raw: Any) -> bool:
    return isinstance(raw, str | int | None) and raw in info.values


def _is_member(info: inspect.EnumType, raw: Any) -> bool:
    return isinstance(raw, str | int) and any(raw == member.value for member in info.cls)


def _is_within(info: inspect.IntType | inspect.FloatType, number: float) -> bool:
    return (
        (info.ge is None or number >= info.ge)
        and (info.gt is None or number > info.gt)
        and (info.le is None or number <= info.le)
        and (info.lt is None or number < info.lt)
    )


def _converts(info: inspect.Type, raw: Any, *, anyhow: bool = False) -> bool:
    try:
        if isinstance(info, inspect.DateTimeType):
            moment = msgspec.convert(raw, datetime)
            return info.tz in {None, moment.tzinfo is not None} and (anyhow or is_taken(moment))
        if isinstance(info, inspect.DateType):
            return anyhow or is_taken(msgspec.convert(raw, date))
        msgspec.convert(raw, UUID)
    except msgspec.ValidationError:
        return False
    return True


_CHECKS: dict[type[inspect.Type], Callable[[Any, Any], bool]] = {
    inspect.IntType: _is_integer,
    inspect.FloatType: _is_number,
    inspect.BoolType: lambda _, raw: isinstance(raw, bool),
    inspect.LiteralType: _is_value,
    inspect.EnumType: _is_member,
    inspect.DateTimeType: _converts,
    inspect.DateType: _converts,
    inspect.UUIDType: _converts,
    inspect.NoneType: lambda _, raw: raw is None,
}


def _text(info: inspect.StrType, extra: Mapping[str, Any], raw: str, path: str) -> Iterator[Wrong]:
    kind = extra.get("text", "line")
    text = settled(raw, kind)
    least, most = info.min_length or 0, info.max_length
    if len(text) < least or (most is not None and len(raw) > most):
        chinese, english = expected(info, extra)
        yield Wrong(path or BODY, f"{chinese[:-1]}，现为 {len(raw)} 个字符。", f"{english[:-1]}; it has {len(raw)}.")
    elif (words := refusal(text, kind)) is not None:
        yield Wrong(path or BODY, *words, letters=True)
    elif info.pattern is not None and re.search(info.pattern, text) is None:
        yield Wrong(path or BODY, *expected(info, extra))


def _refused_anywhere(raw: Any, path: str) -> Iterator[Wrong]:
    if isinstance(raw, str) and (words := refusal(raw, "raw")) is not None:
        yield Wrong(path or BODY, *words)
    if isinstance(raw, dict):
        for name, part in raw.items():
            yield from _refused_anywhere(name, below(path, shown(name)))
            yield from _refused_anywhere(part, below(path, shown(name)))
    if isinstance(raw, list):
        for place, part in enumerate(raw):
            yield from _refused_anywhere(part, f"{path}[{place}]")


def _is_list(info: inspect.Type) -> bool:
    return isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType)


def _is_alike(info: inspect.Type, raw: Any) -> bool:
    """Return whether a value has the shape of the type, whatever its content."""
    match info:
        case inspect.StructType() | inspect.DictType():
            tag = None if isinstance(info, inspect.DictType) else info.tag_field
            return isinstance(raw, dict) and (tag is None or raw.get(tag, info.tag) == info.tag)  # type: ignore[union-attr]
        case inspect.BoolType():
            return isinstance(raw, bool)
        case inspect.IntType() | inspect.FloatType():
            return isinstance(raw, int | float) and not isinstance(raw, bool)
        case inspect.AnyType():
            return True
        case _:
            return isinstance(raw, list | tuple) if _is_list(info) else isinstance(raw, str)


def _nested_fault(error: InvalidField, path: str) -> Wrong:
    details = error.details
    return Wrong(below(path, str(details["field"])), str(details["zh_reason"]), str(details["en_reason"]))


def below(path: str, name: str) -> str:
    """Return the path of a field of the object at the path."""
    return f"{path}.{name}" if path else name


def shown(name: str) -> str:
    """Return a caller's own field name in a form that is safe to show: one line, and not too long."""
    seen = "".join(letter if letter.isprintable() else "�" for letter in name[:80])
    return seen or '""'
