"""JSON bodies: looked at before they are decoded, decoded strictly into their type, and refused with every fault in words."""

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
"""Levels of arrays and objects in a body; ours have six at the most."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")
_ITEM = re.compile(r"(\w+)\[([0-9]+)\](?:\.(.*))?", re.ASCII | re.DOTALL)

ITEM = "item"
"""The name of an item as a whole, where it is the whole that is wrong."""

_BYTE = re.compile(r"\(byte ([0-9]+)\)")


class Body:
    """Reads the bodies of one type."""

    def __init__(self, kind: Any) -> None:
        """Make the decoder of the type, or of anything for `Any`."""
        self._decoder = msgspec.json.Decoder(kind)
        self._fitting = fitting(kind)

    def read(self, body: bytes) -> Any:
        """Return the body as the type. Raises InvalidFields: a body that cannot be read, or every field that is wrong."""
        check_form(body)
        try:
            value = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidField) as error:
            raise self._fitting.faults(plain(body), error) from error
        return self._fitting.decoded(value, lambda: msgspec.json.decode(body))

    def read_each(self, body: bytes, name: str) -> tuple[Any, list["UnfitItem"]]:
        """Return the body with those of the items in its field `name` that fit, and the others apart, in their order.

        Raises InvalidFields where something beside the items is wrong, or where no item fits.
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
    """An item of a call that does not fit its type: its index in the call, as it came, and its faults by its own fields."""

    index: int
    raw: Any
    wrong: list[Wrong]

    def text(self, name: str) -> str | None:
        """Return the text in a field of the item, by which its sender knows it; None where the field is itself at fault."""
        if not isinstance(self.raw, dict) or any(one.field == name for one in self.wrong):
            return None
        found = self.raw.get(name)
        return found if isinstance(found, str) else None

    @property
    def message(self) -> Text:
        """What is wrong with the item, in words."""
        chinese = "；".join(f"{one.field}：{one.zh.rstrip('。')}" for one in self.wrong)
        return Text(f"{chinese}。", " ".join(f"{one.field}: {one.en}" for one in self.wrong))


def _by_item(refused: InvalidFields, name: str) -> dict[int, list[Wrong]]:
    """Return the faults by the index of their item. Raises the refusal where one is not of an item."""
    found: dict[int, list[Wrong]] = {}
    for one in refused.wrong:
        at = _ITEM.fullmatch(one.field)
        if at is None or at[1] != name:
            raise refused
        found.setdefault(int(at[2]), []).append(msgspec.structs.replace(one, field=at[3] or ITEM))
    return found


def check_form(body: bytes) -> None:
    """Raise InvalidFields for a body that is empty, nested too deep, or has a name twice in one object.

    Of a name that comes twice, readers take the first or the last: a request that two read differently is nobody's intent.
    """
    if not body.strip():
        raise _refused("请求体为空，请发送 JSON 对象。", "is empty: send a JSON object.")
    if is_too_deep(body):
        raise _refused(f"嵌套不得超过 {MAX_DEPTH} 层。", f"must not be nested deeper than {MAX_DEPTH} levels.")
    if has_name_twice(body):
        faults = [
            Wrong(path, "在同一对象中出现了不止一次。", "stands more than once in one object.") for path in _twice(body)
        ]
        raise InvalidFields(faults)


def plain(body: bytes) -> Any:
    """Return a body's plain values. Raises InvalidFields for what is no JSON."""
    try:
        return msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise _refused("不是 UTF-8 编码的 JSON。", "is no JSON in UTF-8.") from error
    except msgspec.DecodeError as error:
        at = _BYTE.search(str(error))
        if "out of range" in str(error):
            raise _refused("含有过大的数字。", "has a number that is too large.") from error
        if at is None:
            raise _refused("不是完整的 JSON。", "is no JSON: it ends too early.") from error
        raise _refused(
            f"第 {at[1]} 字节处不是有效的 JSON。", f"is no JSON: byte {at[1]} cannot stand there."
        ) from error


def _refused(chinese: str, english: str) -> InvalidFields:
    return InvalidFields([Wrong(BODY, chinese, english)])


def is_too_deep(body: bytes) -> bool:
    """Return whether a JSON body is nested deeper than MAX_DEPTH; of what is no JSON, the decoder says so."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _STRINGS.sub(b"", body).translate(None, _ALL_BUT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > MAX_DEPTH:
            return True
    return False


class _TwiceError(ValueError):
    """A name stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _TwiceError


# The values do not matter. `len` stands for `int` and `float`: Python refuses to read thousands of digits, and is slow at it.
_scan = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len, strict=False).raw_decode
_pairs = json.JSONDecoder(object_pairs_hook=tuple, parse_int=len, parse_float=len, strict=False).raw_decode


def has_name_twice(body: bytes) -> bool:
    """Return whether an object in a JSON body has a name twice, however it is spelt; of what is no JSON, the decoder says so."""
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
