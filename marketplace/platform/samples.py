"""How large a sample ANALYZE takes of a table."""

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


async def sample_less(tables: Sequence[str]) -> None:
    """Let ANALYZE look at few rows of these tables; columns that it leaves alone stay so.

    They grow by every request and are read by their keys, for which the best plan is always the same one. Every minute of a
    member day ANALYZE sorted 30,000 rows of each by each of their columns: a core for a second and a half, for which those
    who redeemed meanwhile waited 50 to 200 ms (docs/performance.md).
    """
    await DB.run_ddl(_TARGETS.format(tables=" ".join(tables), few=_FEW))
