"""After the rounds: do the numbers add up, and is what was answered what was done?"""

import asyncpg

from benefits.invariants import ALL
from tests.bench.plan import Measured
from tests.bench.server import HarnessError


async def audit(dsn: str) -> None:
    """Hold the books against every invariant. Raises HarnessError naming the breaches."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET work_mem = '512MB'")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for invariant in ALL:
                looked = await invariant.inspect(connection.fetch, invariant.cut.everything)
                if looked.broken:
                    raise HarnessError(f"the books are wrong: {invariant.name}: {looked.broken}: {looked.breaches}")
    finally:
        await connection.close()


async def count(dsn: str, sql: str) -> int:
    """Return the number that a statement gives."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()


async def settle(dsn: str, redeemed_before: int, measured: list[Measured]) -> None:
    """Hold the books against the answers: as many redemptions as answered 201s. Raises HarnessError."""
    answered = sum(one.statuses.get("201", 0) for one in measured)
    found = await count(dsn, REDEEMED) - redeemed_before
    if found != answered:
        raise HarnessError(f"{answered} redemptions were answered, {found} are in the books")


REDEEMED = "SELECT count(*) FROM redemption"


def only(measured: Measured, *statuses: str, log: str = "") -> Measured:
    """Return what was measured if nothing else was answered. Raises HarnessError."""
    others = {status: number for status, number in measured.statuses.items() if status not in statuses}
    if others or not measured.requests:
        raise HarnessError(f"unexpected answers: {measured.statuses}\n{log}")
    return measured
