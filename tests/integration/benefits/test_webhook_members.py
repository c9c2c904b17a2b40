"""What members do reaches partners without the members: from a redemption to the message."""

import json
from uuid import UUID, uuid4

import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from partners.pairwise import first_key, member_reference
from partners.webhooks import consumer
from partners.webhooks.catalogue import catalogue_of
from partners.webhooks.consumer import WebhookPublisher
from partners.webhooks.reference_keys import member_of, rotate_reference_key
from tests.support.world import World


async def test_a_redemption_names_its_member_by_reference_only(database: str, settings: Settings, clock: Clock) -> None:
    world = await World(settings, clock).open()
    offer = await world.offer()
    desk = world.desk()
    members = await world.members(3, points=1000)
    for member in (*members, members[0]):
        await desk.submit(world.request(member, offer))
    announcer = WebhookPublisher(catalogue_of(settings.packages), settings.keys)
    await catch_up(announcer)
    rows = await DB.fetch("SELECT partner_id, body FROM partner_event WHERE type = 'redemption.issued' ORDER BY seq")
    reported = [json.loads(row["body"])["data"] for row in rows]
    assert {row["partner_id"] for row in rows} == {world.partner_id}
    key = first_key(settings.keys)
    wanted = [member_reference(key, world.partner_id, member) for member in (*members, members[0])]
    assert sorted(each["member_reference"] for each in reported) == sorted(wanted)
    everything = " ".join(row["body"] for row in await DB.fetch("SELECT body FROM partner_event"))
    for row in await DB.fetch("SELECT member_id::text AS id, subject FROM member_subject"):
        assert row["id"] not in everything
        assert row["subject"] not in everything
    codes = [row["code"] for row in await DB.fetch("SELECT code FROM voucher")]
    assert codes
    assert not any(code in everything for code in codes), "a code is shown at the counter, by the member alone"


class Two:
    """Two partners, and members who redeem with both."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock

    async def open(self) -> "Two":
        self.worlds = [await World(self.settings, self.clock).open() for _ in range(2)]
        self.offers = [await world.offer() for world in self.worlds]
        self.members = await self.worlds[0].members(2, points=5000)
        self.announcer = WebhookPublisher(catalogue_of(self.settings.packages), self.settings.keys)
        return self

    async def references(self) -> list[list[str]]:
        """Let each member redeem with each partner; for each partner, the references by which it hears of them."""
        last = await DB.fetchval("SELECT coalesce(max(seq), 0) FROM partner_event")
        for world, offer in zip(self.worlds, self.offers, strict=True):
            for member in self.members:
                await world.desk().submit(world.request(member, offer))
        await catch_up(self.announcer)
        query = "SELECT body FROM partner_event WHERE type = 'redemption.issued' AND partner_id = $1 AND seq > $2 ORDER BY seq"
        heard = [await DB.fetch(query, world.partner_id, last) for world in self.worlds]
        return [[json.loads(row["body"])["data"]["member_reference"] for row in rows] for rows in heard]

    async def rotate(self) -> int:
        async with unit_of_work() as work:
            return await rotate_reference_key(work, self.settings.keys, "operator", self.clock.now())

    async def member_of(self, partner_id: UUID, reference: str) -> UUID | None:
        async with unit_of_work() as work:
            return await member_of(work, self.settings.keys, partner_id, reference)


@pytest.fixture
async def two(database: str, settings: Settings, clock: Clock) -> Two:
    return await Two(settings, clock).open()


async def test_partners_know_one_member_by_different_names_and_nothing_links_them(two: Two) -> None:
    here, there = await two.references()
    assert len({*here, *there}) == 4
    assert all(each.startswith("m1_") for each in (*here, *there))
    values: list[set[str]] = []
    for world in two.worlds:
        rows = await DB.fetch("SELECT body FROM partner_event WHERE partner_id = $1", world.partner_id)
        reported = [json.loads(row["body"])["data"] for row in rows]
        # Instants apart: each redemption has its own. What is short is a number, or a word of ours.
        values.append({str(each[name]) for each in reported for name in each if not name.endswith("_at")})
    assert not {value for value in values[0] & values[1] if len(value) > 12}


async def test_a_rotation_names_everybody_anew_and_the_old_names_are_recognised(two: Two) -> None:
    (before, _), version = await two.references(), await two.rotate()
    after, there = await two.references()
    assert version == 2
    assert all(each.startswith("m2_") for each in (*after, *there))
    assert not {each.partition("_")[2] for each in before} & {each.partition("_")[2] for each in after}
    assert await two.rotate() == 3
    (latest, _), partner_id = await two.references(), two.worlds[0].partner_id
    for heard in (before, after, latest):
        assert [await two.member_of(partner_id, each) for each in heard] == two.members
    other = two.worlds[1].partner_id
    for partner, reference in (
        (other, before[0]),
        (uuid4(), before[0]),
        (partner_id, "m9_" + "A" * 16),
        (partner_id, "x"),
    ):
        assert await two.member_of(partner, reference) is None
    rows = await DB.fetch("SELECT key_sealed FROM member_reference_key")
    assert len({row["key_sealed"] for row in rows}) == 2
    assert await DB.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'reference_key.rotate'") == 2


async def test_one_key_for_everybody_would_be_seen(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant: the partner is not in the reference."""
    monkeypatch.setattr(
        consumer, "member_reference", lambda key, _, member_id: member_reference(key, UUID(int=0), member_id)
    )
    here, there = await two.references()
    assert {*here} & {*there}
