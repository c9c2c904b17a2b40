"""The sender of webhooks at work: several at once, backlogs, claims, a sender that dies, and what is deleted in time."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB, fresh_context, unit_of_work
from partners.webhooks import send
from partners.webhooks.deliveries import delete_old_deliveries
from partners.webhooks.send import Sender
from tests.support.webhooks import ENDPOINTS, House


async def test_several_senders_send_a_message_once(house: House) -> None:
    await house.endpoint()
    for number in range(8):
        await house.location(f"SH-{number}")
    await catch_up(house.announcer)
    for _ in range(6):
        await asyncio.gather(*(house.sender.once() for _ in range(5)))
    assert len(house.receiver.got) == 8
    assert len({got.headers["webhook-id"] for got in house.receiver.got}) == 8


async def test_without_the_claim_messages_would_be_sent_twice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant of the guard above."""
    monkeypatch.setattr(send, "_TAKE", send._TAKE.replace("AND (claimed_until IS NULL OR claimed_until <= $1)", ""))
    without = send._PARTNERS.replace("AND (d.claimed_until IS NULL OR d.claimed_until <= $1)", "")
    monkeypatch.setattr(send, "_PARTNERS", without)
    monkeypatch.setattr(send, "OF_ONE_ENDPOINT", 1000)
    await house.endpoint()
    await house.location("SH-1")
    await catch_up(house.announcer)
    first, second = await house.sender.claim(5), await house.sender.claim(5)
    assert [row["id"] for row in first] == [row["id"] for row in second]


async def owners(rows: list[Any]) -> Counter[str]:
    """How many of the claimed deliveries are of which partner."""
    found = await DB.fetch("SELECT id, partner_id FROM webhook_endpoint")
    partner_of = {row["id"]: str(row["partner_id"]) for row in found}
    return Counter(partner_of[row["endpoint_id"]] for row in rows)


async def test_a_partner_with_a_long_backlog_holds_up_nobody(house: House) -> None:
    """Twenty endpoints that never answer, and messages for hours: who has one message, has it sent with the next claim."""
    for _ in range(20):
        await house.endpoint("partner.location_added")
    slow, headers = house.partner_id, house.headers
    for number in range(3):
        await house.location(f"SH-{number}")
    house.headers = await house.partner("91310000MA1FL0001X")
    await house.endpoint("partner.location_added")
    await house.location("HZ-1")
    await catch_up(house.announcer)
    first = await owners(await house.sender.claim(2))
    assert first == {slow: 1, house.partner_id: 1}, "in turn, the longest waiting first"
    rest = [*await house.sender.claim(32), *await house.sender.claim(32)]
    assert await owners(rest) == {slow: send.OF_ONE_PARTNER - 1}
    await house.location("HZ-2")
    await catch_up(house.announcer)
    assert await owners(await house.sender.claim(1)) == {house.partner_id: 1}
    assert max(Counter(row["endpoint_id"] for row in rest).values()) <= send.OF_ONE_ENDPOINT
    house.headers = headers


async def test_what_is_under_way_is_counted_by_one_sender_at_a_time(house: House) -> None:
    """Two senders that count at once would take twice as many. The partner's row is the lock; the other one moves on."""
    await house.endpoint("partner.location_added")
    busy = house.partner_id
    for number in range(12):
        await house.location(f"SH-{number}")
    house.headers = await house.partner("91310000MA1FL0001X")
    await house.endpoint("partner.location_added")
    await house.location("HZ-1")
    await catch_up(house.announcer)
    async with unit_of_work() as other:
        await other.execute("SELECT FROM partner WHERE id = $1 FOR NO KEY UPDATE", UUID(busy))
        elsewhere = asyncio.create_task(house.sender.claim(32), context=fresh_context())
        assert await owners(await elsewhere) == {house.partner_id: 1}
    taken = await asyncio.gather(*(house.sender.claim(32) for _ in range(6)))
    assert sum(map(len, taken)) == send.OF_ONE_ENDPOINT


async def test_a_sender_that_died_leaves_nothing_stuck(house: House) -> None:
    endpoint = await house.endpoint()
    await house.location("SH-1")
    await catch_up(house.announcer)
    (lost,) = await house.sender.claim(5)
    assert await house.sender.once() == 0
    house.clock.offset += timedelta(seconds=61)
    assert await house.sender.once() == 1
    await house.sender.deliver(lost)  # it was not dead after all: what it records too late is left out
    shown = await house.delivery(endpoint)
    assert (shown["attempts"], len(shown["history"])) == (1, 1)


async def test_claims_go_by_the_databases_clock(house: House) -> None:
    """Of several processes each has a clock of its own: by one that is ahead, others' claims would be over."""

    class Ahead(Clock):
        def now(self) -> datetime:
            return super().now() + timedelta(minutes=2)

    await house.endpoint()
    await house.location("SH-1")
    await catch_up(house.announcer)
    assert len(await house.sender.claim(5)) == 1
    assert await Sender(Outbound.of(house.settings), house.settings.keys, Ahead()).claim(5) == []


async def test_the_service_sends_by_itself_and_stops(house: House) -> None:
    await house.endpoint()
    stop = asyncio.Event()
    running = asyncio.create_task(house.sender.run(stop))
    await house.location("SH-1")
    await catch_up(house.announcer)
    async with asyncio.timeout(10):
        while not house.receiver.got:
            await asyncio.sleep(0.02)
    stop.set()
    await running


async def test_old_ones_are_forgotten(house: House) -> None:
    endpoint = await house.endpoint()
    await house.location("SH-1")
    await house.publish()
    await delete_old_deliveries(house.clock.now() + timedelta(days=29))
    assert (await house.delivery(endpoint))["status"] == "delivered"
    await delete_old_deliveries(house.clock.now() + timedelta(days=31))
    for table in ("webhook_delivery", "webhook_attempt", "partner_event"):
        assert await DB.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert (await house.get(f"{ENDPOINTS}/{endpoint['id']}"))["id"] == endpoint["id"]


async def test_a_partner_has_a_bounded_number_of_endpoints(house: House) -> None:
    for _ in range(20):
        await house.endpoint()
    refused = await house.post(ENDPOINTS, {"url": house.receiver.url, "event_types": ["*"]}, 409)
    assert refused["code"] == "too_many_endpoints"
    first = (await house.get(ENDPOINTS, limit=1))["data"][0]["id"]
    assert (await house.api.delete(f"{ENDPOINTS}/{first}", headers=house.headers)).status_code == 204
    await house.endpoint()
    assert UUID(first) not in [row["id"] for row in await DB.fetch("SELECT id FROM webhook_endpoint")]
