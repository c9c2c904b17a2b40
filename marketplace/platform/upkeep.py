"""How PostgreSQL keeps house in tables that grow by every request: small samples, and no VACUUM each minute."""

from collections.abc import Sequence

from marketplace.platform.database import DB

_FEW = 10
"""Statistics targets multiply by 300 rows: 3,000 instead of PostgreSQL's 30,000.
https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-DEFAULT-STATISTICS-TARGET
"""

_TARGETS = """
DO $$
DECLARE kept record;
BEGIN
    FOR kept IN SELECT attrelid::regclass AS owner, attname FROM pg_attribute
                WHERE attrelid = ANY (string_to_array('{tables}', ' ')::regclass[]) AND attnum > 0 AND NOT attisdropped
                  AND attstattarget IS DISTINCT FROM 0
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I SET STATISTICS {few}', kept.owner, kept.attname);
    END LOOP;
END $$
"""


async def sample_less(tables: Sequence[str], few: int = _FEW) -> None:
    """Let ANALYZE look at few rows of these tables, 300 times `few`; columns that it leaves alone stay so.

    They grow by every request and are read by their keys, for which the best plan is always the same one. Every minute of a
    member day ANALYZE sorted 30,000 rows of each by each of their columns: a core for a second and a half, for which those
    who redeemed meanwhile waited 50 to 200 ms (docs/performance.md).
    """
    await DB.run_ddl(_TARGETS.format(tables=" ".join(tables), few=few))


_MANY_ROWS = 1_000_000


async def vacuum_late(tables: Sequence[str]) -> None:
    """Let VACUUM come to rows that were only added when there are a million of them, and a fifth of the table as before.

    They die of nothing and are found by their keys; all that VACUUM has to do is to freeze them, which may be done for many at
    once. With PostgreSQL's threshold of a thousand it came every minute while a table was small, and those who redeemed
    meanwhile waited twice as long (docs/performance.md). Rows that are dead are cleared away as ever.
    https://www.postgresql.org/docs/current/runtime-config-vacuum.html#GUC-AUTOVACUUM-VACUUM-INSERT-THRESHOLD
    """
    for table in tables:
        await DB.run_ddl(f"ALTER TABLE {table} SET (autovacuum_vacuum_insert_threshold = {_MANY_ROWS})")


async def analyze_late(tables: Sequence[str]) -> None:
    """Let ANALYZE come when as many rows were added or changed as the table has, and not when they are a tenth of it.

    The younger half of such a table is like the older one, and PostgreSQL knows by itself how much a table has grown since. With
    a tenth, each minute of a member day saw all of them analyzed one after the other, half a second of a processor, while they
    were smaller than what ten minutes add (docs/performance.md).
    https://www.postgresql.org/docs/current/runtime-config-vacuum.html#GUC-AUTOVACUUM-ANALYZE-SCALE-FACTOR
    """
    for table in tables:
        await DB.run_ddl(f"ALTER TABLE {table} SET (autovacuum_analyze_scale_factor = 1)")
