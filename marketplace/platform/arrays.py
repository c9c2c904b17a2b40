"""Arrays as PostgreSQL writes them, for statements that say `$1::text::uuid[]`.

The driver encodes an array element by element and asks of each whether it is an array itself, which took half of the
desk's time (docs/performance.md); the server reads the text form in a fraction of that.
https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any


def array(kind: str, values: Iterable[Any]) -> str:
    """Return the values as an array of PostgreSQL's type `kind`, one of those named in this module; None is NULL."""
    write = _WRITERS[kind]
    return "{" + ",".join(["NULL" if value is None else write(value) for value in values]) + "}"


def arrays(kinds: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return rows turned into one array for each of their columns; no rows give empty arrays."""
    if not rows:
        return ["{}"] * len(kinds)
    return [array(kind, column) for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)]


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


@lru_cache(maxsize=4096)
def _instant(value: datetime) -> str:
    return f'"{value.isoformat()}"'  # mostly the batch's own instant, again and again


_WRITERS: dict[str, Callable[[Any], str]] = {
    "smallint": int.__repr__,
    "int": int.__repr__,
    "bigint": int.__repr__,
    "bool": lambda value: "t" if value else "f",
    "uuid": lambda value: f"{value.int:032x}",
    "date": lambda value: value.isoformat(),
    "timestamptz": _instant,
    "text": _quoted,
    "jsonb": _quoted,  # JSON that is text already
    "bytea": lambda value: f'"\\\\x{value.hex()}"',
}
