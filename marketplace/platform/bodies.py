"""JSON bodies: looked at before they are decoded, decoded strictly into their type, and refused with every fault in words."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from marketplace.kernel.facts import InvalidField, InvalidFields, Wrong
from marketplace.platform.fitting import fitting
from marketplace.platform.misfits import BODY, below

MAX_DEPTH = 32
"""Levels of arrays and objects in a body; ours have six at the most."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")
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
