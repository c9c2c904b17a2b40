"""The worlds that are measured: a partner, offers and members, written in bulk, and consistent like any other."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import msgspec

from benefits.offers.domain import OfferContent, Price
from benefits.points.domain import expiry_day
from benefits.settings import BenefitsSettings
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import DB, columns, unit_of_work
from partners.contracts.terms import load_terms
from partners.fields import SCENARIOS
from partners.oauth.clients.clients import register_client
from partners.oauth.clients.schemas import ClientInput
from tests.bench.server import SETTINGS, Stage
from tests.support import today
from tests.support.world import World

PRICE = 10
"""Points of every offer that is redeemed: small, so that no member runs out in a million redemptions."""

POINTS = 1_000_000
UNITS = 10_000_000
PER_MEMBER = 1000

_AT_ONCE = 2_000

_PLACES = ("上海", "北京", "广州", "深圳", "杭州", "成都", "西安", "南京", "苏州", "青岛", "厦门", "三亚")
_THINGS = {
    "clothing": ("羊绒围巾", "Cashmere scarf"),
    "dining": ("双人套餐", "Dinner for two"),
    "mobility": ("机场接送", "Airport transfer"),
    "entertainment": ("电影票", "Cinema ticket"),
    "learning": ("滑雪课程", "Skiing lesson"),
    "shopping": ("购物卡", "Shopping card"),
    "wellness": ("体检套餐", "Health check"),
    "finance": ("意外保险", "Accident insurance"),
    "travel": ("古镇一日游", "Old town day trip"),
}
_LODGINGS = (("酒店一晚", "Hotel night"), ("民宿两晚", "Two nights at a guest house"), ("度假村套房", "Resort suite"))


class Client(msgspec.Struct):
    """An OAuth client and its secret."""

    client_id: str
    secret: str


class Filled(msgspec.Struct):
    """A world that was written: its database, offers, and those of its members who have tokens."""

    dsn: str
    partner_id: UUID
    offers: list[UUID]
    members: list[UUID]
    tokens: list[str]
    counter: Client
    oem: Client

    def split(self, count: int) -> tuple["Filled", "Filled"]:
        """Return the same world twice: with so many of its members' tokens, and with those of the others."""
        return (
            msgspec.structs.replace(self, tokens=self.tokens[:count]),
            msgspec.structs.replace(self, tokens=self.tokens[count:]),
        )


async def fill(stage: Stage, name: str, *, members: int, offers: int, slices: int = 1) -> Filled:
    """Make a database with a partner, offers and members with points, and return what is needed to ask it."""
    dsn = await stage.new_database(name)
    async with opened(dsn):
        world = await new_world(slices)
        offer_ids = await write_offers(world, offers)
        counter, oem = await make_clients(world)
    connection = await asyncpg.connect(dsn)
    try:
        ids, subjects = await _write_members(connection, members)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return Filled(dsn, world.partner_id, offer_ids, ids, stage.tokens(subjects), counter, oem)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[None]:
    """Open this process's pool on the database while a world is written through the use cases."""
    await DB.open(dsn, SETTINGS.database_role, 4)
    try:
        yield
    finally:
        await DB.close()


async def new_world(slices: int = 1) -> World:
    """Make the partner, whose name is not in any search that is measured. Its offers' stock comes in `slices`."""
    world = await World(SETTINGS.having(BenefitsSettings(stock_slices=slices)), Clock()).open()
    async with unit_of_work() as work:
        await work.execute(
            "UPDATE partner SET name_zh = '华夏会员优选', name_en = 'Huaxia Select', version = version + 1 WHERE id = $1",
            world.partner_id,
        )
    return world


async def make_clients(world: World) -> tuple[Client, Client]:
    """Register a client of the partner's counter and one of the OEM's own systems."""
    made = []
    for partner_id, scopes in ((world.partner_id, ["vouchers:verify", "vouchers:use"]), (None, ["points:write"])):
        async with unit_of_work() as work:
            issued = await register_client(
                work, SETTINGS, ClientInput(name="bench", scopes=scopes), partner_id, "admin:bench", world.now
            )
        made.append(Client(issued.client_id, issued.client_secret or ""))
    return made[0], made[1]


async def write_offers(world: World, count: int) -> list[UUID]:
    """Put offers on sale, one through the use cases and the others as copies of its rows with other titles."""
    first = await world.offer(points=PRICE, stock=UNITS, per_member=PER_MEMBER)
    content = msgspec.convert(
        await DB.fetchval("SELECT content FROM offer_revision WHERE offer_id = $1", first), OfferContent
    )
    name = (await load_terms([world.partner_id]))[world.partner_id].name
    ids, rows = [first], []
    dice = random.Random(count)
    for number in range(1, count):
        varied = _varied(content, number, dice)
        ids.append(uuid7())
        rows.append(
            (ids[-1], f"SKU-{number}", varied.scenario, " ".join(varied.search_terms(name)),
             msgspec.json.encode(varied).decode())
        )  # fmt: skip
    for start in range(0, len(rows), _AT_ONCE):
        async with unit_of_work() as work:
            await work.execute(_OFFERS, *columns(rows[start : start + _AT_ONCE], 5), first, start)
    return ids


_OFFERS = """
WITH new AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
        AS n (id, sku, scenario, terms, content, place)
), offers AS (
    INSERT INTO offer (id, partner_id, sku, status, revision, version, scenario, price_points, starts_at, ends_at, terms,
                       created_at, published_at, reason)
    SELECT new.id, o.partner_id, new.sku, o.status, o.revision, o.version, new.scenario, o.price_points, o.starts_at,
           o.ends_at, string_to_array(new.terms, ' '), o.created_at,
           o.published_at - (new.place + $7::int) * interval '1 second', ''
    FROM new, offer o WHERE o.id = $6
), revisions AS (
    INSERT INTO offer_revision (offer_id, revision, content, created_at, created_by)
    SELECT new.id, r.revision, new.content::jsonb, r.created_at, r.created_by
    FROM new, offer_revision r WHERE r.offer_id = $6 AND r.revision = (SELECT revision FROM offer WHERE id = $6)
)
INSERT INTO stock (offer_id, slice, initial, remaining, held, sold)
SELECT new.id, s.slice, s.initial, s.remaining, s.held, s.sold FROM new, stock s WHERE s.offer_id = $6
"""


def _varied(content: OfferContent, number: int, dice: random.Random) -> OfferContent:
    scenario = list(SCENARIOS)[number % len(SCENARIOS)]
    chinese, english = dice.choice(_LODGINGS) if scenario == "lodging" else _THINGS[scenario]
    place = dice.choice(_PLACES)
    return msgspec.structs.replace(
        content,
        scenario=scenario,
        title=Text(f"{place}{chinese}{number}号", f"{english} no. {number}"),
        price=Price(PRICE),
    )


async def _write_members(connection: asyncpg.Connection, count: int) -> tuple[list[UUID], list[str]]:
    """Write members who earned POINTS each this month; return their ids and ONE ID's subjects."""
    now = today.now()
    expires_on = expiry_day(now, SETTINGS.calendar, SETTINGS.of(BenefitsSettings).points_lifetime_months)
    ids = [uuid7() for _ in range(count)]
    subjects = [f"bench-{number}" for number in range(count)]
    transactions = [uuid7(bucket_of(member_id)) for member_id in ids]
    tables: dict[str, tuple[list[str], list[tuple[object, ...]]]] = {
        "member": (
            ["bucket", "id", "tier", "status", "name", "phone", "vehicle", "joined_at"],
            [(bucket_of(i), i, "gold", "active", f"会员{n}", "", "", now) for n, i in enumerate(ids)],
        ),
        "member_subject": (["subject", "member_id"], list(zip(subjects, ids, strict=True))),
        "wallet": (["bucket", "member_id", "balance", "held"], [(bucket_of(i), i, POINTS, 0) for i in ids]),
        "lot": (["bucket", "member_id", "expires_on", "points"], [(bucket_of(i), i, expires_on, POINTS) for i in ids]),
        "points_posting": (
            ["bucket", "transaction_id", "line", "member_id", "code", "source", "destination", "expires_on", "points",
             "occurred_at"],
            [
                (bucket_of(i), transaction, 1, i, "earning", "programme", "wallet", expires_on, POINTS, now)
                for i, transaction in zip(ids, transactions, strict=True)
            ],
        ),
        "earning": (
            ["bucket", "member_id", "reference", "transaction_id", "points", "kind", "occurred_at", "credited_at",
             "credited_by"],
            [
                (bucket_of(i), i, f"bench-{transaction}", transaction, POINTS, "service", now, now, "oem:bench")
                for i, transaction in zip(ids, transactions, strict=True)
            ],
        ),
    }  # fmt: skip
    async with connection.transaction():
        for table, (names, rows) in tables.items():
            await connection.copy_records_to_table(table, records=rows, columns=names)
    return ids, subjects
