"""What a field is expected to be, as a sentence in both languages: its type, its bounds, its possible values."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import inspect

from marketplace.kernel.calendar import END, FIRST
from marketplace.kernel.letters import Words


def expected(info: inspect.Type, extra: Mapping[str, Any] | None = None) -> Words:
    """Return what a value of the type must be: `须为 1 至 10 的整数。`, `must be a whole number from 1 to 10.`"""
    said = dict(extra or {})
    while isinstance(info, inspect.Metadata):
        said |= info.extra or {}
        info = info.type
    if isinstance(info, inspect.UnionType):
        return _any_of(info)
    if "words" in said:
        chinese, english = said["words"]
        return f"须为{chinese}。", f"must be {english}."
    chinese, english = _sort(info, said)
    return f"须为{chinese}。", f"must be {english}."


def _any_of(info: inspect.UnionType) -> Words:
    members = [member for member in info.types if not isinstance(member, inspect.NoneType)]
    said = [expected(member) for member in members]
    chinese = "或".join(one[0][2:-1] for one in said)
    english = " or ".join(one[1][len("must be ") : -1] for one in said)
    return (f"须为{chinese}，或为 null。", f"must be {english}, or null.") if info.includes_none else (
        f"须为{chinese}。", f"must be {english}."
    )  # fmt: skip


def _sort(info: inspect.Type, extra: Mapping[str, Any]) -> Words:
    if isinstance(info, inspect.StrType):
        return _text(info, extra)
    say = _SORTS.get(type(info))
    return (" JSON 对象", "a JSON object") if say is None else say(info)


def _integer(info: inspect.IntType) -> Words:
    return _number("整数", "a whole number", info.ge, info.le)


def _float(info: inspect.FloatType) -> Words:
    return _number("数字", "a number", info.ge, info.le)


def _literal(info: inspect.LiteralType) -> Words:
    return _one_of([str(value) for value in info.values])


def _enum(info: inspect.EnumType) -> Words:
    return _one_of([str(member.value) for member in info.cls])


def _object(info: inspect.StructType) -> Words:
    names = [field.encode_name for field in info.fields]
    return f"对象，字段有 {'、'.join(names)}", f"an object with the fields {', '.join(names)}"


def _number(chinese: str, english: str, least: float | None, most: float | None) -> Words:
    if least is not None and most is not None:
        return f" {least} 至 {most} 的{chinese}", f"{english} from {least} to {most}"
    if least is not None:
        return f"不小于 {least} 的{chinese}", f"{english} of {least} or more"
    return (chinese, english) if most is None else (f"不大于 {most} 的{chinese}", f"{english} of {most} or less")


def _one_of(values: list[str]) -> Words:
    if len(values) == 1:
        return f" {values[0]}", values[0]
    return f"以下之一：{'、'.join(values)}", f"one of {', '.join(values)}"


def _text(info: inspect.StrType, extra: Mapping[str, Any]) -> Words:
    chinese, english = ("文字", "text") if extra.get("text", "line") != "line" else ("一行文字", "one line of text")
    least, most = info.min_length or 0, info.max_length
    if most is None:
        return chinese, english
    if least:
        return f" {least} 至 {most} 个字符的{chinese}", f"{english} of {least} to {most} characters"
    return f"至多 {most} 个字符的{chinese}", f"{english} of at most {most} characters"


def _items(info: Any) -> Words:
    least, most = info.min_length, info.max_length
    if most is None:
        return "列表", "a list"
    if least:
        return f" {least} 至 {most} 项的列表", f"a list of {least} to {most} items"
    return f"至多 {most} 项的列表", f"a list of at most {most} items"


_YEARS = (f" {FIRST.year} 年至 {END.year - 1} 年的", f"of the years {FIRST.year} to {END.year - 1}")
_UUID = "0198c0de-0000-7000-8000-000000000001"
_INSTANT = "2026-10-31T20:00:00+08:00"

_SORTS: dict[type[inspect.Type], Callable[[Any], Words]] = {
    inspect.IntType: _integer,
    inspect.FloatType: _float,
    inspect.BoolType: lambda _: (" true 或 false", "true or false"),
    inspect.LiteralType: _literal,
    inspect.EnumType: _enum,
    inspect.DateTimeType: lambda _: (
        f"{_YEARS[0]}带时区的时刻，如 {_INSTANT}",
        f"an instant {_YEARS[1]} with its offset, such as {_INSTANT}",
    ),
    inspect.DateType: lambda _: (f"{_YEARS[0]}日期，如 2026-10-31", f"a date {_YEARS[1]}, such as 2026-10-31"),
    inspect.UUIDType: lambda _: (f" UUID，如 {_UUID}", f"a UUID such as {_UUID}"),
    inspect.ListType: _items,
    inspect.VarTupleType: _items,
    inspect.SetType: _items,
    inspect.FrozenSetType: _items,
    inspect.StructType: _object,
    inspect.NoneType: lambda _: (" null", "null"),
}
