"""The table classes and the schema files say the same, in PostgreSQL's own words."""

from collections import Counter

import asyncpg
import pytest
from piccolo.columns import Column, Integer, Text
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from tests.support import diagram
from tests.support.table_classes import classes, differences, shape_of_classes, shape_of_database


@pytest.fixture
async def owner(dsn: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def test_every_table_has_its_class_and_every_class_its_table(owner: asyncpg.Connection) -> None:
    """Columns in order, types, collations, nullability, defaults, keys, unique, check and foreign key constraints."""
    assert differences(await shape_of_classes(owner, classes()), await shape_of_database(owner)) == []


def test_classes_are_named_for_their_tables() -> None:
    for table in classes():
        parts = table._meta.tablename.split("_")
        assert table.__name__ == "".join(part.capitalize() for part in parts) + "Row"
    assert [name for name, count in Counter(table.__name__ for table in classes()).items() if count > 1] == []


class LikeStatement(Table, tablename="like_statement"):
    id = Integer(primary_key=True, null=False, default=None)
    number = Integer(null=False, default=1)
    name = Text(null=True, default=None)
    like_statement_number = Unique([number])
    like_statement_name = Check("length(name) > 1")


def _other(table_name: str = "like_statement", **changes: Column | Check | Unique) -> type[Table]:
    """Return the class with other columns or constraints."""
    said = {
        "id": Integer(primary_key=True, null=False, default=None),
        "number": Integer(null=False, default=1),
        "name": Text(null=True, default=None),
        "like_statement_number": Unique(["number"]),
        "like_statement_name": Check("length(name) > 1"),
    }
    return type("LikeStatement", (Table,), said | changes, tablename=table_name)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"number": Integer(null=True, default=1)}, "number integer DEFAULT 1"),
        ({"number": Integer(null=False, default=2)}, "number integer NOT NULL DEFAULT 2"),
        ({"number": Text(null=False, default="1")}, "number text NOT NULL DEFAULT '1'::text"),
        ({"more": Integer(null=False, default=None)}, "more integer NOT NULL"),
        ({"like_statement_number": Unique(["name"])}, "like_statement_number UNIQUE (name)"),
        ({"like_statement_name": Check("length(name) > 2")}, "like_statement_name CHECK ((length(name) > 2))"),
        ({"number": Integer(primary_key=True, null=False, default=1)}, "like_statement_pkey PRIMARY KEY (id, number)"),
    ],
)
async def test_each_kind_of_difference_is_seen(
    owner: asyncpg.Connection, changed: dict[str, Column | Check | Unique], said: str
) -> None:
    right = await shape_of_classes(owner, [LikeStatement])
    assert differences(await shape_of_classes(owner, [_other()]), right) == []
    found = differences(await shape_of_classes(owner, [_other(**changed)]), right)
    assert f"like_statement: only in the class: {said}" in found
    assert differences({}, right) != []


def test_the_diagram_is_the_classes() -> None:
    """`python -m tests.support.diagram` draws it again."""
    drawn = [name for _, names in diagram.FAMILIES.values() for name in names]
    assert sorted(drawn) == sorted(table._meta.tablename for table in classes())
    assert diagram.PATH.read_text() == diagram.draw()
