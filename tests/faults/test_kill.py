"""kill -9 of workers and of PostgreSQL under load: what was answered is in the books, once, and the service comes back."""

import asyncio
import random
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.platform.eventlog.events import tick
from marketplace.platform.postgres.database import DB
from settlement.invariants import INVARIANTS
from tests.support.installation import Installation, installation
from tests.support.load_members import Shoppers, against_the_books
from tests.support.world import breaches

pytestmark = pytest.mark.xdist_group("demo")  # whole installations: one at a time

SHOPPERS = 8


async def _settled(redemptions: int) -> None:
    """Wait until the consumers, which live in `marketplace work`, have posted every redemption. Raises TimeoutError."""
    target = await tick()
    async with asyncio.timeout(60):
        while await DB.fetchval("SELECT min(tick) FROM consumer_position") < target:
            await asyncio.sleep(0.05)
    assert await DB.fetchval("SELECT count(DISTINCT redemption_id) FROM money_posting") == redemptions
    assert await breaches(INVARIANTS) == {}


async def test_what_was_answered_is_in_the_books_whoever_is_killed(dice: random.Random, soak: bool) -> None:
    deaths = ["worker"] * (20 if soak else 3) + ["postgres"] * (10 if soak else 2) + ["everything"] * (2 if soak else 0)
    dice.shuffle(deaths)
    back_s: dict[str, list[float]] = {death: [] for death in deaths}
    async with installation() as here:
        shoppers, stop = Shoppers(here.settings.base_url, here.tokens, here.offers, dice), asyncio.Event()
        shopping = asyncio.create_task(shoppers.run(SHOPPERS, stop))
        for death in deaths:
            await asyncio.sleep(dice.uniform(0.2, 1.0))
            assert not shopping.done(), await shopping  # type: ignore[func-returns-value]
            back_s[death].append(round(await here.survive(death, dice), 1))
        stop.set()
        await shopping
        print(f"{len(shoppers.confirmed)} redeemed; met on the way: {dict(shoppers.met)}; back after {back_s} s")  # noqa: T201
        assert shoppers.confirmed
        assert await against_the_books(shoppers.confirmed) == []
        assert await breaches() == {}
        await _settled(len(shoppers.confirmed))
        await _the_comparison_turns_red(here, shoppers)


async def _the_comparison_turns_red(here: Installation, shoppers: Shoppers) -> None:
    """The broken variants: a client that asks again with a new key, and books that have lost a redemption."""
    member_id = next(iter(here.tokens))
    careless = Shoppers(here.settings.base_url, here.tokens, here.offers, random.Random(1))
    await careless.insist(member_id, here.offers[0], uuid4().hex)  # its answer is taken for lost
    await careless.redeem(member_id, here.offers[0], uuid4().hex)
    await careless._client.aclose()
    found = await against_the_books(shoppers.confirmed | careless.confirmed)
    assert [what.split(":")[0] for what in found] == ["in the books, not confirmed"]
    owner = await asyncpg.connect(DB.config["dsn"])
    await owner.execute("DELETE FROM redemption WHERE id = $1", UUID(next(iter(shoppers.confirmed))))
    await owner.close()
    found = await against_the_books(shoppers.confirmed | careless.confirmed)
    assert "confirmed, not in the books" in [what.split(":")[0] for what in found]
