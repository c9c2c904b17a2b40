"""Rows for set-based statements: one JSON document for each set, which PostgreSQL turns into typed columns.

One array for each column is the usual way (`unnest($1::uuid[], …)`), and was ours. A batch of redemptions has 66 columns: writing
and reading the arrays took a fifth of the desk's Python and a sixth of PostgreSQL's time. JSON is written by one call for all
rows, and read in a third to two thirds of the time (docs/performance.md).
https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSON-PROCESSING-TABLE
"""

from collections.abc import Sequence
from itertools import starmap
from typing import Any

import msgspec


class Columns:
    """The columns of a set of rows, as PostgreSQL defines them: `bucket smallint, member_id uuid`."""

    def __init__(self, definition: str) -> None:
        """Take the definition; a name that is a word of SQL is quoted in it."""
        self._definition = definition
        names = [column.split()[0].strip('"') for column in definition.split(", ")]
        # What is NULL is left out: it would be written, read and looked up for nothing.
        self._row = msgspec.defstruct("Row", [(name, Any, None) for name in names], gc=False, omit_defaults=True)

    def json(self, rows: Sequence[Sequence[Any]]) -> str:
        """Return the rows as the value of the statement's parameter.

        `bytea` is to be given by `hexed`; what a `json` or `jsonb` column shall have, as any value that JSON has.
        """
        return msgspec.json.encode(list(starmap(self._row, rows))).decode()

    def table(self, place: int, alias: str) -> str:
        """Return what stands in a FROM for the rows that the parameter in this place has."""
        return f"json_to_recordset(${place}::text::json) AS {alias} ({self._definition})"


def hexed(value: bytes) -> str:
    """Return the text from which PostgreSQL makes these bytes."""
    return f"\\x{value.hex()}"
