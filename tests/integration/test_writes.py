"""Many writes in one statement: every type arrives as it was, and a row that is missed undoes the batch."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.platform.arrays import array
from marketplace.platform.database import DB, unit_of_work
from marketplace.platform.writes import MissedRowsError, Write, Writes

NOW = datetime(2026, 11, 30, 12, 0, 0, 123456, UTC)

VALUES: dict[str, list[Any]] = {
    "smallint": [0, -32768, 32767, None],
    "bigint": [2**62, -1, None],
    "bool": [True, False, None],
    "uuid": [UUID(int=0), UUID("019e0000-0000-7000-8000-0000000003ff"), None],
    "date": [date(2026, 2, 28), date(1970, 1, 1), None],
    "timestamptz": [NOW, datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), None],
    "text": ["", "NULL", "null", 'a"b', "\\", "{1,2}", " ,; ", "酒店 🚗", "line\nbreak\ttab", "'; DROP TABLE x", None],
    "jsonb": ['{"a":"b\\"c\\\\"}', "[1, 2]", None],
    "bytea": [b"", b'\x00\xff\\"', None],
}


@pytest.mark.parametrize("kind", VALUES)
async def test_every_value_arrives_as_it_was(database: str, kind: str) -> None:
    rows = await DB.fetch(f"SELECT v FROM unnest($1::text::{kind}[]) AS v", array(kind, VALUES[kind]))
    found = [row["v"] for row in rows]
    if kind == "jsonb":
        assert found == [{"a": 'b"c\\'}, [1, 2], None]
    else:
        assert found == VALUES[kind]


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_any_text_stays_one_element(texts: list[str]) -> None:
    written = array("text", texts)
    unescaped = written.replace("\\\\", "").replace('\\"', "")
    assert unescaped.count('"') == 2 * len(texts)


async def test_a_row_that_is_not_there_undoes_the_others(database: str) -> None:
    tick = Write("ticks", ("text",), "INSERT INTO consumer_position (consumer) SELECT * FROM {rows} RETURNING 1")
    move = Write(
        "moves",
        ("text", "bigint"),
        "UPDATE consumer_position p SET tick = d.tick, moved_at = {now} FROM {rows} AS d (consumer, tick)"
        " WHERE p.consumer = d.consumer RETURNING 1",
    )
    writes = Writes(NOW)
    writes.add(tick, [("a",), ("b",)])
    async with unit_of_work() as work:
        await writes.run(work)
    wrong = Writes(NOW)
    wrong.add(move, [("a", 5), ("nobody", 6)])
    with pytest.raises(MissedRowsError, match="moves: 2 rows were to be written, 1 were"):
        async with unit_of_work() as work:
            await wrong.run(work)
    rows = await DB.fetch("SELECT consumer, tick FROM consumer_position WHERE consumer IN ('a', 'b') ORDER BY 1")
    assert [tuple(row) for row in rows] == [("a", 0), ("b", 0)]
