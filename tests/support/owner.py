"""Changes that serving may not make (rights.py), made by the owner of the tables: time that has passed, rows that are gone."""

from typing import Any

import asyncpg

from marketplace.platform.postgres.database import DB


async def by_owner(statement: str, *values: Any) -> list[asyncpg.Record]:
    """Run the statement as the owner of the database on which the test works."""
    connection = await asyncpg.connect(DB.config["dsn"])
    try:
        return await connection.fetch(statement, *values)
    finally:
        await connection.close()
