"""Reads that work inside a unit of work and outside of one."""

from typing import cast

from marketplace.platform.postgres.database import DB, Engine, UnitOfWork


def reader() -> UnitOfWork | Engine:
    """Return the unit of work that this task has open, so that what it wrote is seen, or else the pool."""
    current = DB.current_transaction.get()
    return DB if current is None else cast("UnitOfWork", current)
