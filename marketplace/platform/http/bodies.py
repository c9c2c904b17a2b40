"""JSON bodies: checked for form, decoded strictly into their type, and refused with a message for every fault."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from marketplace.kernel.refusals import InvalidField, InvalidFields, Wrong
from marketplace.kernel.text import Text
from marketplace.platform.validation.fitting import fitting
from marketplace.platform.validation.misfits import BODY, below

MAX_DEPTH = 32
"""Levels of arrays and objects in a body; ours have at most six."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")
_ITEM = re.compile(r"(\w+)\[([0-9]+)\](?:\.(.*))?", re.ASCII | re.DOTALL)

ITEM = "item"
"""The field name of a fault in the item as a whole."""

_BYTE = re.compile(r"\(byte ([0-9]+)\)")


class Body:
    """Reads the bodies of one type."""

    def __init__(self, kind: Any) -> None:
        """Build the decoder of the type, or of any value for `Any`."""
        self._decoder = msgspec.json.Decoder(kind)
        self._fitting = fitting(kind)

    def read(self, body: bytes) -> Any:
        """Return the body as the type. Raises InvalidFields for an unreadable body, or with every wrong field."""
        check_form(body)
        try:
            value = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidField) as error:
            raise self._fitting.faults(plain(body), error) from error
        return self._fitting.decoded(value, lambda: msgspec.json.decode(body))

    def read_each(self, body: bytes, name: str) -> tuple[Any, list["UnfitItem"]]:
        """Return the body with the valid items of its field `name`, and the invalid ones apart, in their order.

        Raises InvalidFields if something besides the items is wrong, or if no item is valid.
        """
        check_form(body)
        try:
            return self.read(body), []
        except InvalidFields as refused:
            faults = _by_item(refused, name)
            raw = plain(body)
            fit = [item for index, item in enumerate(raw[name]) if index not in faults]
            if not fit:
                raise
            unfit = [UnfitItem(index, raw[name][index], wrong) for index, wrong in sorted(faults.items())]
            return self._fitting.fit({**raw, name: fit}), unfit


class UnfitItem(msgspec.Struct, frozen=True):
    """An item of a call that does not fit its type: its index in the call, its raw value, and its faults by its own fields."""

    index: int
    raw: Any
    wrong: list[Wrong]

    def text(self, name: str) -> str | None:
        """Return the text in a field of the item, by which its sender identifies it; None if that field is itself wrong."""
        if not isinstance(self.raw, dict) or any(one.field == name for one in self.wrong):
            return None
        found = self.raw.get(name)
        return found if isinstance(found, str) else None

    @property
    def message(self) -> Text:
        """What is wrong with the item, in both languages."""
        chinese = "；".join(f"{one.field}：{one.zh.rstrip('。')}" for one in self.wrong)
        return Text(f"{chinese}。", " ".join(f"{one.field}: {one.en}" for one in self.wrong))


def _by_item(refused: InvalidFields, name: str) -> dict[int, list[Wrong]]:
    """Group the faults by the index of their item. Raises the refusal if a fault belongs to no item."""
    found: dict[int, list[Wrong]] = {}
    for one in refused.wrong:
        at = _ITEM.fullmatch(one.field)
        if at is None or at[1] != name:
            raise refused
        found.setdefault(int(at[2]), []).append(msgspec.structs.replace(one, field=at[3] or ITEM))
    return found


def check_form(body: bytes) -> None:
    """Raise InvalidFields for a body that is empty, nested too deep, or has a name twice in one object.

    Some parsers take the first value of a duplicate name, others the last: such a request has no defined meaning.
    """
    if not body.strip():
        raise _refused("请求体为空，请发送 JSON 对象。", "is empty: send a JSON object.")
    if is_too_deep(body):
        raise _refused(f"嵌套不得超过 {MAX_DEPTH} 层。", f"must not be nested deeper than {MAX_DEPTH} levels.")
    if has_name_twice(body):
        faults = [
            Wrong(path, "在同一对象中出现了不止一次。", "occurs more than once in one object.") for path in _twice(body)
        ]
        raise InvalidFields(faults)


def plain(body: bytes) -> Any:
    """Return a body's plain values. Raises InvalidFields if it is not JSON."""
    try:
        return msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise _refused("不是 UTF-8 编码的 JSON。", "is not JSON in UTF-8.") from error
    except msgspec.DecodeError as error:
        at = _BYTE.search(str(error))
        if "out of range" in str(error):
            raise _refused("含有过大的数字。", "has a number that is too large.") from error
        if at is None:
            raise _refused("不是完整的 JSON。", "is not valid JSON: it ends too early.") from error
        raise _refused(
            f"第 {at[1]} 字节处不是有效的 JSON。", f"is no JSON: byte {at[1]} cannot stand there."
        ) from error


def _refused(chinese: str, english: str) -> InvalidFields:
    return InvalidFields([Wrong(BODY, chinese, english)])


def is_too_deep(body: bytes) -> bool:
    """Return whether a JSON body is nested deeper than MAX_DEPTH. What is not JSON is left to the decoder."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _STRINGS.sub(b"", body).translate(None, _ALL_BUT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > MAX_DEPTH:
            return True
    return False


class _TwiceError(ValueError):
    """An object has the same name twice."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _TwiceError


# The values do not matter. `len` replaces `int` and `float`: Python refuses to read thousands of digits, and is slow at it.
_scan = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len, strict=False).raw_decode
_pairs = json.JSONDecoder(object_pairs_hook=tuple, parse_int=len, parse_float=len, strict=False).raw_decode


def has_name_twice(body: bytes) -> bool:
    """Return whether an object in a JSON body has a name twice, however escaped. What is not JSON is left to the decoder."""
    try:
        _scan(body.decode().lstrip(), 0)
    except _TwiceError:
        return True
    except (ValueError, StopIteration):
        return False
    return False


def _twice(body: bytes) -> list[str]:
    return list(dict.fromkeys(_names_twice(_pairs(body.decode().lstrip(), 0)[0], "")))


def _names_twice(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, tuple):  # an object's pairs
        seen: set[str] = set()
        for name, part in value:
            if name in seen:
                yield below(path, name)
            seen.add(name)
            yield from _names_twice(part, below(path, name))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _names_twice(part, f"{path}[{place}]")
