"""A club of millions with years of history, written by the database itself in minutes, and consistent like any other."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from benefits.points.domain import expiry_day
from benefits.redemptions.events import SettlementTerms
from benefits.settings import BenefitsSettings
from marketplace.platform.postgres.migrate import migrate
from marketplace.platform.runtime.database_server import table_rights, with_database
from partners.contracts.terms import load_terms
from tests.bench.rounds import Sizes, terminal
from tests.bench.server import SETTINGS, Stage, check_durable
from tests.bench.worlds import PRICE, Client, Filled, make_clients, new_world, opened, write_offers
from tests.support import today

EARNED = 1_000
"""Points of each earning of the past."""

_MEMBER_SIDE = (
    "member",
    "member_subject",
    "wallet",
    "lot",
    "points_posting",
    "earning",
    "redemption",
    "voucher",
    "limit_used",
)
_WHILE_FILLING = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "'16GB'", "autovacuum": "off"}

_TAIL = "substr(md5(n::text), 30, 3)"
"""The last twelve bits of all that is a member's come from the member's number, so that all its ids lie in one bucket."""

_BUCKET = f"(('x' || {_TAIL})::bit(12)::int & 1023)::smallint"


def _id(ms: str | int, kind: str) -> str:
    """Return SQL for an id of member `n` as kernel/ids.py makes it: time, version and variant, the rest from a digest."""
    digest = f"md5('{kind}' || n)"
    time = f"lpad(to_hex(({ms})::bigint), 12, '0')"
    return f"({time} || '7' || left({digest}, 3) || '8' || substr({digest}, 4, 12) || {_TAIL})::uuid"


class Kept(msgspec.Struct):
    """What a kept club's database holds."""

    members: int
    postings_each: int
    partner_id: UUID
    offers: list[UUID]
    counter: Client
    oem: Client


async def big_world(stage: Stage, name: str, sizes: Sizes) -> Filled:
    """Return a club of that many members, each with `postings_each` postings: earnings, and one redemption.

    A kept one of the same sizes is used again, as it was left.
    """
    kept = msgspec.json.decode(stage.note(name).read_bytes(), type=Kept) if stage.keeps(name) else None
    if kept is not None and (kept.members, kept.postings_each) != (sizes.many_members, sizes.postings_each):
        stage.note(name).unlink()
        await stage.drop_database(name)
        kept = None
    dsn = with_database(stage.server_dsn, name)
    if kept is None:
        kept = await _fill(await stage.new_database(name), sizes)
        await check_durable(stage.server_dsn)
        stage.note(name).write_bytes(msgspec.json.encode(kept))
    else:
        await migrate(dsn, SETTINGS.database_role, table_rights(SETTINGS))
    chosen = random.sample(range(1, kept.members + 1), min(sizes.members, kept.members))
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT subject, member_id FROM member_subject WHERE subject = ANY($1)", [f"bench-{n}" for n in chosen]
        )
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    random.shuffle(rows)
    tokens = stage.tokens([row["subject"] for row in rows])
    return Filled(dsn, kept.partner_id, kept.offers, [row["member_id"] for row in rows], tokens, kept.counter, kept.oem)


async def _fill(dsn: str, sizes: Sizes) -> Kept:
    async with opened(dsn):
        world = await new_world()
        offers = await write_offers(world, sizes.offers)
        counter, oem = await make_clients(world)
        settlement = await _settlement(world.partner_id)
    connection = await asyncpg.connect(dsn)
    try:
        async with _hurried(connection), _without_indexes(connection):
            await _write(connection, sizes, world.partner_id, offers, settlement)
        with terminal.status("VACUUM ANALYZE"):
            await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return Kept(sizes.many_members, sizes.postings_each, world.partner_id, offers, counter, oem)


async def _settlement(partner_id: UUID) -> SettlementTerms:
    (contract,) = (await load_terms([partner_id]))[partner_id].contracts
    assert contract.settlement_price is not None
    return SettlementTerms(
        contract_id=contract.contract_id,
        contract_version=contract.version,
        basis=contract.settlement_basis,
        amount_minor=contract.settlement_price.amount,
        currency=contract.currency,
        tax_rate_ppm=contract.tax_rate_ppm,
    )


@asynccontextmanager
async def _hurried(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Let the server write without care while the past is made up, and with all care again afterwards."""
    for name, value in _WHILE_FILLING.items():
        await connection.execute(f"ALTER SYSTEM SET {name} = {value}")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.execute("SET maintenance_work_mem = '1GB'; SET synchronous_commit = off")
    try:
        yield
    finally:
        for name in _WHILE_FILLING:
            await connection.execute(f"ALTER SYSTEM RESET {name}")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute("RESET maintenance_work_mem; RESET synchronous_commit")


@asynccontextmanager
async def _without_indexes(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Drop the indexes of the member-side tables and rebuild them, which is far faster than keeping them."""
    constraints = await connection.fetch(
        "SELECT conrelid::regclass::text AS name, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint"
        " WHERE contype IN ('p', 'u') AND conrelid::regclass::text = ANY($1)",
        list(_MEMBER_SIDE),
    )
    indexes = await connection.fetch(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index i"
        " WHERE indrelid::regclass::text = ANY($1)"
        " AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        list(_MEMBER_SIDE),
    )
    for row in constraints:
        await connection.execute(f"ALTER TABLE {row['name']} DROP CONSTRAINT {row['conname']}")
    for row in indexes:
        await connection.execute(f"DROP INDEX {row['name']}")
    yield
    for row in constraints:
        with terminal.status(f"key of {row['name']}"):
            await connection.execute(f"ALTER TABLE {row['name']} ADD CONSTRAINT {row['conname']} {row['definition']}")
    for row in indexes:
        with terminal.status(f"index {row['name']}"):
            await connection.execute(row["definition"])


async def _write(
    connection: asyncpg.Connection, sizes: Sizes, partner_id: UUID, offers: list[UUID], settlement: SettlementTerms
) -> None:
    now = today.now()
    count, earnings = sizes.many_members, sizes.postings_each - 1
    begun = now - timedelta(days=365)
    member_id = _id(f"{_ms(begun)} + n", "member")
    with terminal.status(f"{count:,} members"):
        await connection.execute(
            f"CREATE UNLOGGED TABLE bench_people AS SELECT n, {member_id} AS id, {_BUCKET} AS bucket"
            f" FROM generate_series(1, {count}) AS n"
        )
        for statement in (
            "INSERT INTO member (bucket, id, tier, status, name, phone, vehicle, joined_at)"
            " SELECT bucket, id, 'gold', 'active', '会员' || n, '', '', $1 FROM bench_people",
            "INSERT INTO member_subject (subject, member_id)"
            " SELECT 'bench-' || n, id FROM bench_people WHERE $1::timestamptz IS NOT NULL",
        ):
            await connection.execute(statement, begun)
    lots: dict[date, int] = {}
    for number in range(earnings):
        occurred_at = now - timedelta(days=60 * (1 + (earnings - number) // 3))
        expires_on = expiry_day(occurred_at, SETTINGS.calendar, SETTINGS.of(BenefitsSettings).points_lifetime_months)
        lots[expires_on] = lots.get(expires_on, 0) + EARNED
        with terminal.status(f"earnings, {number + 1} of {earnings} for each member"):
            await _write_earnings(connection, number, occurred_at, expires_on)
    first = min(lots)
    with terminal.status("a redemption of each member"):
        await _write_redemptions(connection, now - timedelta(days=20), first, partner_id, offers, settlement)
    lots[first] -= PRICE
    with terminal.status("wallets and lots"):
        for expires_on, points in sorted(lots.items()):
            await connection.execute(
                "INSERT INTO lot (bucket, member_id, expires_on, points)"
                " SELECT bucket, id, $1::date, $2::bigint FROM bench_people",
                expires_on, points,
            )  # fmt: skip
        await connection.execute(
            "INSERT INTO wallet (bucket, member_id, balance, held) SELECT bucket, id, $1::bigint, 0 FROM bench_people",
            sum(lots.values()),
        )
    await connection.execute("DROP TABLE bench_people")


async def _write_earnings(connection: asyncpg.Connection, number: int, occurred_at: datetime, expires_on: date) -> None:
    # In the order of their time, all members' first earnings before all second ones, as they would have come.
    transaction = _id(_ms(occurred_at), f"earning-{number}-")
    await connection.execute(
        "INSERT INTO points_posting (bucket, transaction_id, line, member_id, code, source, destination, expires_on,"
        f" points, occurred_at) SELECT bucket, {transaction}, 1, id, 'earning', 'programme', 'wallet', $1::date, $2::bigint,"
        " $3::timestamptz FROM bench_people",
        expires_on, EARNED, occurred_at,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO earning (bucket, member_id, reference, transaction_id, points, kind, occurred_at, credited_at,"
        f" credited_by) SELECT bucket, id, 'service-{number}-' || n, {transaction}, $1::bigint, 'service', $2::timestamptz,"
        " $2::timestamptz, 'oem:bench' FROM bench_people",
        EARNED, occurred_at,
    )  # fmt: skip


async def _write_redemptions(
    connection: asyncpg.Connection,
    redeemed_at: datetime,
    expires_on: date,
    partner_id: UUID,
    offers: list[UUID],
    settlement: SettlementTerms,
) -> None:
    transaction, voucher = _id(_ms(redeemed_at), "redemption"), _id(_ms(redeemed_at), "voucher")
    offer, code = "($1::uuid[])[1 + n % array_length($1, 1)]", "upper(md5('code' || n))"
    await connection.execute(
        "INSERT INTO points_posting (bucket, transaction_id, line, member_id, code, source, destination, counterparty,"
        f" expires_on, points, occurred_at) SELECT bucket, {transaction}, 1, id, 'redemption', 'wallet', 'partner', $1::uuid,"
        " $2::date, $3::bigint, $4::timestamptz FROM bench_people",
        partner_id, expires_on, PRICE, redeemed_at,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO redemption (bucket, id, member_id, offer_id, revision, partner_id, quantity, points, slice, windows,"
        f" settlement, status, redeemed_at, reason, voucher_id) SELECT bucket, {transaction}, id, {offer}, 1, $2::uuid, 1,"
        f" $3::bigint, 0, ARRAY['ever'], $4::json, 'issued', $5::timestamptz, '', {voucher} FROM bench_people",
        offers, partner_id, PRICE, msgspec.json.encode(settlement).decode(), redeemed_at,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO voucher (bucket, id, code, redemption_id, member_id, partner_id, offer_id, revision, quantity,"
        f" status, expires_at, used_at, location_id, reference) SELECT bucket, {voucher}, left({code}, 4) || '-' ||"
        f" substr({code}, 5, 4) || '-' || substr({code}, 9, 4), {transaction}, id, $2::uuid, {offer}, 1, 1, 'used',"
        " $3::timestamptz + interval '30 days', $3::timestamptz, '', 'bench' FROM bench_people",
        offers, partner_id, redeemed_at,
    )  # fmt: skip
    await connection.execute(
        'INSERT INTO limit_used (bucket, member_id, offer_id, "window", used)'
        f" SELECT bucket, id, {offer}, 'ever', 1 FROM bench_people",
        offers,
    )
    await connection.execute(
        "INSERT INTO event (bucket, type, aggregate, aggregate_id, payload, occurred_at)"
        f" SELECT bucket, 'redemption.issued', 'redemption', {transaction}, json_build_object('redemption_id', {transaction},"
        f" 'voucher_id', {voucher}, 'member_id', id, 'partner_id', $2::uuid, 'offer_id', {offer}, 'revision', 1,"
        " 'quantity', 1, 'points', $3::bigint, 'settlement', $4::json, 'issued_at', $5::timestamptz), $5::timestamptz"
        " FROM bench_people",
        offers, partner_id, PRICE, msgspec.json.encode(settlement).decode(), redeemed_at,
    )  # fmt: skip
    await connection.execute(
        "UPDATE stock s SET sold = s.sold + r.units, remaining = s.remaining - r.units FROM"
        " (SELECT offer_id, count(*) AS units FROM redemption GROUP BY offer_id) r WHERE r.offer_id = s.offer_id"
    )


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
