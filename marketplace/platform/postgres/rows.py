"""Rows for set-based statements: one JSON document for each set, which PostgreSQL turns into typed columns.

One array for each column is the usual way (`unnest($1::uuid[], …)`), and was ours. A batch of redemptions had 66 columns then:
writing and reading the arrays took a fifth of the desk's Python and a sixth of PostgreSQL's time. JSON is written by one call for
all rows, and read in a third to two thirds of the time. PostgreSQL looks up each name in each row: so names are one letter long,
and NULLs are omitted (docs/performance.md).
https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSON-PROCESSING-TABLE
"""

from collections.abc import Sequence
from itertools import starmap
from string import ascii_lowercase
from typing import Any

import msgspec


class Columns:
    """The columns of a set of rows, in PostgreSQL's syntax: `bucket smallint, member_id uuid`."""

    def __init__(self, definition: str) -> None:
        """Take the definition; a name that is a keyword of SQL must be quoted in it."""
        columns = [column.split(maxsplit=1) for column in definition.split(", ")]
        letters = ascii_lowercase[: len(columns)]
        self._row = msgspec.defstruct("Row", [(letter, Any, None) for letter in letters], gc=False, omit_defaults=True)
        self._typed = ", ".join(f"{letter} {kind}" for letter, (_, kind) in zip(letters, columns, strict=True))
        self._named = ", ".join(f"{letter} AS {name}" for letter, (name, _) in zip(letters, columns, strict=True))

    def json(self, rows: Sequence[Sequence[Any]]) -> str:
        """Return the rows as the value of the statement's parameter.

        Pass `bytea` through `hexed`, and a `json` or `jsonb` column as any value that JSON has.
        """
        return msgspec.json.encode(list(starmap(self._row, rows))).decode()

    def table(self, place: int, alias: str) -> str:
        """Return the FROM item of the rows in the parameter at this position."""
        return f"(SELECT {self._named} FROM json_to_recordset(${place}::text::json) AS r({self._typed})) AS {alias}"


def hexed(value: bytes) -> str:
    """Return the text form of a `bytea` value."""
    return f"\\x{value.hex()}"
