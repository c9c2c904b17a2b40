"""The table classes, and the tables that PostgreSQL makes of what they say."""

from collections.abc import Iterator

import asyncpg
from piccolo.table import Table

from marketplace.piccolo_conf import APP_REGISTRY
from marketplace.platform.postgres.columns import References

Shape = dict[str, list[str]]
"""For each table what its columns and constraints are, a line each."""

NOT_OURS = ("migration", "pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics")
"""Piccolo's bookkeeping and the queue's tables."""

_SHAPE = """
SELECT c.relname AS name, format('%s %s', k.conname, pg_get_constraintdef(k.oid)) AS line, 1000 AS place
FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u', 'c', 'f')
WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r'
UNION ALL
SELECT c.relname, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
    'COLLATE ' || nullif(l.collname, 'default'), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
    'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), 'IDENTITY ' || nullif(a.attidentity::text, ''),
    'GENERATED ' || nullif(a.attgenerated::text, '')), a.attnum
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum) LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r'
ORDER BY 1, 3, 2
"""


def classes() -> list[type[Table]]:
    """Return every table class of the platform and the packages, in the order of their files."""
    return [one for app in APP_REGISTRY.app_configs.values() for one in app.table_classes]


def key_of(table: type[Table]) -> list[str]:
    """Return the columns of the table's key."""
    return [column._meta.db_column_name for column in table._meta.columns if column._meta.primary_key]


def references_of(table: type[Table]) -> list[References]:
    """Return the table's foreign keys."""
    return [one for one in table._meta.constraints if isinstance(one, References)]


def statements(tables: list[type[Table]]) -> Iterator[str]:
    """Give what makes the tables of the classes, in the first schema of the search path; foreign keys when all are there."""
    for table in tables:
        lines = [column.ddl.replace(" PRIMARY KEY", "") for column in table._meta.columns]
        lines.append(f"PRIMARY KEY ({', '.join(chr(34) + name + chr(34) for name in key_of(table))})")
        own = [one for one in table._meta.constraints if not isinstance(one, References)]
        lines += [f"CONSTRAINT {constraint._meta.name} {constraint.ddl}" for constraint in own]
        yield f'CREATE TABLE "{table._meta.tablename}" ({", ".join(lines)})'
    for table in tables:
        for reference in references_of(table):
            yield f'ALTER TABLE "{table._meta.tablename}" ADD CONSTRAINT {reference._meta.name} {reference.ddl}'


async def shape_of_classes(connection: asyncpg.Connection, tables: list[type[Table]]) -> Shape:
    """Make the tables of the classes in a schema of their own and return what PostgreSQL says of them."""
    await connection.execute("CREATE SCHEMA of_classes; SET search_path = of_classes")
    for statement in statements(tables):
        await connection.execute(statement)
    found = await _shape(connection, "of_classes")
    await connection.execute("DROP SCHEMA of_classes CASCADE; SET search_path = public")
    return found


async def shape_of_database(connection: asyncpg.Connection) -> Shape:
    """Return what PostgreSQL says of the tables that the schema files made."""
    found = await _shape(connection, "public")
    return {name: lines for name, lines in found.items() if name not in NOT_OURS}


async def _shape(connection: asyncpg.Connection, schema: str) -> Shape:
    found: Shape = {}
    for row in await connection.fetch(_SHAPE, schema):
        found.setdefault(row["name"], []).append(row["line"])
    return found


def differences(of_classes: Shape, of_database: Shape) -> list[str]:
    """Return a line for each column or constraint that only one side has."""
    found = []
    for name in sorted({*of_classes, *of_database}):
        ours, theirs = of_classes.get(name, []), of_database.get(name, [])
        found += [f"{name}: only in the class: {line}" for line in ours if line not in theirs]
        found += [f"{name}: only in the database: {line}" for line in theirs if line not in ours]
        if ours != theirs and sorted(ours) == sorted(theirs):
            found.append(f"{name}: other order of columns: {ours} and {theirs}")
    return found
