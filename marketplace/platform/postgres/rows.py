"""Rows for set-based statements: one JSON document for each set, which PostgreSQL turns into typed columns.

One array for each column is the usual way (`unnest($1::uuid[], …)`), and was ours. A batch of redemptions had 66 columns then:
writing and reading the arrays took a fifth of the desk's Python and a sixth of PostgreSQL's time. JSON is written by one call for
all rows, and read in a third to two thirds of the time. PostgreSQL looks up each name in each row: so names are of one letter in
it, and what is NULL is left out (docs/performance.md).
https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSON-PROCESSING-TABLE
"""

from collections.abc import Sequence
from itertools import starmap
from string import ascii_lowercase
from typing import Any

import msgspec


class Columns:
    """The columns of a set of rows, as PostgreSQL defines them: `bucket smallint, member_id uuid`."""

    def __init__(self, definition: str) -> None:
        """Take the definition; a name that is a word of SQL is quoted in it."""
        columns = [column.split(maxsplit=1) for column in definition.split(", ")]
        letters = ascii_lowercase[: len(columns)]
        self._row = msgspec.defstruct("Row", [(letter, Any, None) for letter in letters], gc=False, omit_defaults=True)
        self._typed = ", ".join(f"{letter} {kind}" for letter, (_, kind) in zip(letters, columns, strict=True))
        self._named = ", ".join(f"{letter} AS {name}" for letter, (name, _) in zip(letters, columns, strict=True))

    def json(self, rows: Sequence[Sequence[Any]]) -> str:
        """Return the rows as the value of the statement's parameter.

        `bytea` is to be given by `hexed`; what a `json` or `jsonb` column shall have, as any value that JSON has.
        """
        return msgspec.json.encode(list(starmap(self._row, rows))).decode()

    def table(self, place: int, alias: str) -> str:
        """Return what stands in a FROM for the rows that the parameter in this place has."""
        return f"(SELECT {self._named} FROM json_to_recordset(${place}::text::json) AS r({self._typed})) AS {alias}"


def hexed(value: bytes) -> str:
    """Return the text from which PostgreSQL makes these bytes."""
    return f"\\x{value.hex()}"
