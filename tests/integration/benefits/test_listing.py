"""The catalogue as JSON: what the endpoint answers is what the catalogue says, at once after each change."""

import asyncio

import msgspec
import pytest

from benefits.offers.catalogue import on_sale
from benefits.offers.listing import Listing
from benefits.offers.register import take_step
from benefits.offers.schemas import OfferView
from benefits.offers.supply import set_stock
from marketplace.kernel.clock import Clock
from marketplace.kernel.keyring import KeyRing
from marketplace.platform.batching.single_flight import SingleFlight
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from tests.support.world import World

CURSORS = Cursors(KeyRing("x" * 32))


@pytest.fixture
async def world(database: str, settings: Settings, clock: Clock) -> World:
    return await World(settings, clock).open()


async def same(listing: Listing, world: World) -> Page[OfferView]:
    """Return the page, which must be the catalogue's, field by field."""
    page = await listing.page(scenario=None, query="", cursor=None, limit=20)
    expected = await on_sale(CURSORS, world.now, scenario=None, query="", cursor=None, limit=20)
    assert msgspec.json.decode(page) == msgspec.json.decode(msgspec.json.encode(expected))
    return expected


async def test_every_change_is_seen_at_once(world: World) -> None:
    listing = Listing(world.clock, CURSORS)
    sly = {"zh-CN": '"stock":null，{"x"}', "en": '"stock":null \\" %s'}
    first = await world.offer(stock=9, title=sly)
    await world.offer()
    page = await same(listing, world)
    assert [offer.stock and offer.stock.remaining for offer in page.data] == [None, 9]
    (member,) = await world.members(1, points=1000)
    await world.desk().submit(world.request(member, first, 2))
    assert [offer.stock and offer.stock.remaining for offer in (await same(listing, world)).data] == [None, 7]
    async with unit_of_work() as work:
        await set_stock(work, world.partner_id, first, 40, 1)
    await same(listing, world)
    async with unit_of_work() as work:
        await take_step(work, first, "pause", world.now)
    assert len((await same(listing, world)).data) == 1
    async with unit_of_work() as work:
        await work.execute("UPDATE partner SET name_zh = '新名字', version = version + 1")
    assert (await same(listing, world)).data[0].partner.name.zh == "新名字"


async def test_a_word_with_accents_is_found_without_them(world: World) -> None:
    offer = await world.offer(title={"zh-CN": "咖啡", "en": "Café de l’Été"})
    found = await on_sale(CURSORS, world.now, scenario=None, query="cafe ete", cursor=None, limit=20)
    assert [one.id for one in found.data] == [offer]


async def test_nothing_found_is_an_empty_page(world: World) -> None:
    listing = Listing(world.clock, CURSORS)
    assert (
        await listing.page(scenario="travel", query="酒店", cursor=None, limit=5) == b'{"data":[],"next_cursor":null}'
    )


async def test_a_search_for_blanks_is_no_search(world: World) -> None:
    await world.offer()
    for query in ("", " ", "\u3000"):
        found = await on_sale(CURSORS, world.now, scenario=None, query=query, cursor=None, limit=20)
        assert len(found.data) == 1, query


async def test_who_asks_while_a_read_is_under_way_gets_the_next_one() -> None:
    """The promise: what one gets was read after one had asked. And hundreds who ask together cost one read."""
    reads: SingleFlight[int] = SingleFlight()
    begun, gates = 0, [asyncio.Event() for _ in range(3)]

    async def read() -> int:
        nonlocal begun
        begun += 1
        number = begun
        await gates[number - 1].wait()
        return number

    first = asyncio.create_task(reads.get("page", read))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(reads.get("page", read)) for _ in range(300)]
    await asyncio.sleep(0)
    for gate in gates:
        gate.set()
    assert await first == 1
    assert set(await asyncio.gather(*later)) == {2}
    assert begun == 2


async def test_a_failing_read_is_told_to_all_and_the_next_one_is_tried() -> None:
    reads: SingleFlight[int] = SingleFlight()
    calls = 0

    async def read() -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("once")
        return calls

    asked = await asyncio.gather(reads.get(1, read), reads.get(1, read), return_exceptions=True)
    assert [str(one) for one in asked] == ["once", "once"]
    assert await reads.get(1, read) == 2
