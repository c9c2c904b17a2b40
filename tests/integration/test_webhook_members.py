"""What members do reaches partners without the members: from a redemption to the message."""

import json

from marketplace.kernel.clock import Clock
from marketplace.platform.database import DB
from marketplace.platform.events import catch_up
from marketplace.settings import Settings
from partners.pairwise import member_reference
from partners.webhooks.catalogue import catalogue_of
from partners.webhooks.consumer import Announcer
from tests.support.world import World


async def test_a_redemption_names_its_member_by_reference_only(database: str, settings: Settings, clock: Clock) -> None:
    world = await World(settings, clock).open()
    offer = await world.offer()
    desk = world.desk()
    members = await world.members(3, points=1000)
    for member in (*members, members[0]):
        await desk.ask(world.request(member, offer))
    announcer = Announcer(catalogue_of(settings.packages), settings.secret_key, clock)
    await catch_up(announcer)
    rows = await DB.fetch("SELECT partner_id, body FROM partner_event WHERE type = 'redemption.issued' ORDER BY seq")
    told = [json.loads(row["body"])["data"] for row in rows]
    assert {row["partner_id"] for row in rows} == {world.partner_id}
    wanted = [member_reference(settings.secret_key, world.partner_id, member) for member in (*members, members[0])]
    assert sorted(each["member_reference"] for each in told) == sorted(wanted)
    everything = " ".join(row["body"] for row in await DB.fetch("SELECT body FROM partner_event"))
    for row in await DB.fetch("SELECT member_id::text AS id, subject FROM member_subject"):
        assert row["id"] not in everything
        assert row["subject"] not in everything
    codes = [row["code"] for row in await DB.fetch("SELECT code FROM voucher")]
    assert codes
    assert not any(code in everything for code in codes), "a code is shown at the counter, by the member alone"
