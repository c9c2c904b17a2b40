"""Many writes in one statement: every type arrives as it was, and a row that is missed undoes the batch."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.postgres.rows import Columns, hexed
from marketplace.platform.postgres.writes import MissedRowsError, Write, Writes

NOW = datetime(2026, 11, 30, 12, 0, 0, 123456, UTC)

VALUES: dict[str, list[Any]] = {
    "smallint": [0, -32768, 32767, None],
    "int": [-(2**31), 2**31 - 1, None],
    "bigint": [2**62, -(2**63), None],
    "bool": [True, False, None],
    "uuid": [UUID(int=0), UUID("019e0000-0000-7000-8000-0000000003ff"), None],
    "date": [date(2026, 2, 28), date(1970, 1, 1), None],
    "timestamptz": [NOW, datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), None],
    "text": ["", "NULL", "null", 'a"b', "\\", "{1,2}", " ,; ", "酒店 🚗", "line\nbreak\ttab", "'; DROP TABLE x", None],
    "text[]": [["a", "", 'b"c', "d e", "{", "酒店"], [], None],
    "json": [{"a": 'b"c\\'}, [1, 2], "plain", None],
    "jsonb": [{"a": 'b"c\\'}, [1, 2], "plain", None],
}


async def arrived(kind: str, values: list[Any]) -> list[Any]:
    columns = Columns(f'bucket smallint, "window" {kind}')
    rows = await DB.fetch(f'SELECT "window" FROM {columns.table(1, "d")}', columns.json([(1, v) for v in values]))
    return [row["window"] for row in rows]


@pytest.mark.parametrize("kind", VALUES)
async def test_every_value_arrives_as_it_was(database: str, kind: str) -> None:
    assert await arrived(kind, VALUES[kind]) == VALUES[kind]


async def test_bytes_arrive_as_they_were(database: str) -> None:
    values = [b"", b'\x00\xff\\"']
    assert await arrived("bytea", [hexed(value) for value in values]) == values


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it only reads
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
async def test_any_text_arrives_as_it_was(database: str, texts: list[str]) -> None:
    assert await arrived("text", texts) == texts


async def test_a_row_that_is_not_there_undoes_the_others(database: str) -> None:
    tick = Write("ticks", "consumer text", "INSERT INTO consumer_position (consumer) SELECT * FROM {rows}")
    move = Write(
        "moves",
        "consumer text, tick bigint",
        "UPDATE consumer_position p SET tick = d.tick, moved_at = {now} FROM {rows}"
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


async def test_two_tables_are_written_of_the_same_rows(database: str) -> None:
    both = Write(
        "boths",
        "bucket smallint, name text",
        "INSERT INTO consumer_position (consumer) SELECT d.name FROM {rows}",
        "INSERT INTO event (bucket, type, aggregate, aggregate_id, payload, occurred_at)"
        " SELECT d.bucket, d.name, 'test', gen_random_uuid(), '{{}}', {now} FROM {rows}",
    )
    writes = Writes(NOW)
    writes.add(both, [(1, "one"), (2, "two")])
    async with unit_of_work() as work:
        await writes.run(work)
    consumers = await DB.fetch("SELECT consumer FROM consumer_position WHERE consumer IN ('one', 'two') ORDER BY 1")
    events = await DB.fetch("SELECT bucket, type, occurred_at FROM event ORDER BY bucket")
    assert [row["consumer"] for row in consumers] == ["one", "two"]
    assert [tuple(row) for row in events] == [(1, "one", NOW), (2, "two", NOW)]


def test_what_is_counted_stands_alone() -> None:
    """Counting would be of one of them only, and what the other missed would go unseen."""
    with pytest.raises(ValueError, match="boths: what is counted stands alone"):
        Write("boths", "tick bigint", "INSERT INTO a SELECT * FROM {rows}", "UPDATE b SET tick = 1 RETURNING 1")
