"""The audit chain shows any change of what was recorded."""

from datetime import UTC, datetime

import asyncpg

from marketplace.platform.eventlog.audit import first_break, record
from marketplace.platform.postgres.database import unit_of_work

NOW = datetime(2026, 11, 1, 8, 30, 0, 123456, tzinfo=UTC)


async def test_a_changed_entry_breaks_the_chain(database: str) -> None:
    for number in range(4):
        async with unit_of_work() as work:
            await record(work, "admin:ops", "offer.approve", f"offer-{number}", NOW, reason="好", amount=number)
    assert await first_break() is None
    owner = await asyncpg.connect(database)
    await owner.execute(
        "UPDATE audit_entry SET details = jsonb_set(details, '{1}', '\"admin:eve\"') WHERE target = 'offer-2'"
    )
    await owner.close()
    assert await first_break() == 3


async def test_deeds_at_once_make_one_chain(database: str) -> None:
    import asyncio

    async def action(number: int) -> None:
        async with unit_of_work() as work:
            await record(work, "admin:ops", "offer.pause", f"offer-{number}", NOW)

    await asyncio.gather(*(action(number) for number in range(12)))
    assert await first_break() is None
