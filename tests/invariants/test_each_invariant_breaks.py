"""Every invariant turns red when what it says is not so, it alone, and it names the row that was changed.

The rows are changed behind the program's back, by the database's owner.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.invariants.checker import check_now, declared
from marketplace.platform.invariants.checks import Check
from marketplace.platform.invariants.report import Invariants
from marketplace.platform.packages import load_packages
from marketplace.platform.postgres.database import DB
from marketplace.platform.runtime.database_server import with_database
from marketplace.settings import Settings
from tests.support.busy_month_scenario import let_it_happen
from tests.support.today import sql_now

WALLET = "wallet = lots = postings, held = open holds"
BOOK = "each bucket's book of points: sum zero, programme = earnings, partners = redemptions"
PRICE = "points spent or held = price of the redemption or hold"
GIFT = "each gift left one member and reached the other"
LIMIT = "limit used = units redeemed and held, in each window"
VOUCHER = "a cancelled redemption has a cancelled voucher, and none else"
TOLD = "each redemption was told once"
CONSERVED = "stock: initial = remaining + held + sold"
SOLD = "stock sold = units redeemed under it"
HELD = "stock held = units of the open holds"
CODES = "a partner's code is with the one voucher or hold that has it"
PAYABLE = "payable = unpaid statements + open postings"
STATEMENT = "statement = its postings"
HASH = "unpaid statement's content hash is reproduced"
CLOSED = "closed months have statements, open months none"
PAYOUT = "payout = statement = posting"
REVERSAL = "a reversal mirrors its original"
OWED = "what the events owe is posted once"
OWED_BY_PARTNER = "what partners owe for granted points is posted once"
SIGNED = "a signed contract has both signatures"
ONE_CONTRACT = "at most one contract holds on each day"
BOUGHT = "prepaid points bought = their entries"
CONSUMED = "events consumed"
AUDIT = "audit chain"


def one(table: str, change: str, names: str, where: str = "true") -> str:
    """The statement that changes one row, or deletes it, and returns the column by which a breach must name it."""
    action = f"DELETE FROM {table}" if change == "DELETE" else f"UPDATE {table} SET {change}"
    return f"{action} WHERE ctid = (SELECT ctid FROM {table} WHERE {where} LIMIT 1) RETURNING {names}"


OWED_AT_ONCE = "type = 'redemption.issued' AND payload #>> '{settlement,basis}' = 'on_issue'"
OPEN_MONTH = "period = (SELECT max(period) FROM money_posting)"

# The invariant, and the statements that break it, of which the last one returns what the breach must name.
BREAKS: list[tuple[str, str]] = [
    (WALLET, one("wallet", "balance = balance + 1", "member_id")),
    (WALLET, one("wallet", "held = held - 1", "member_id", "held > 0")),
    (WALLET, one("wallet", "DELETE", "member_id", "balance > 0")),
    (WALLET, one("lot", "expires_on = expires_on + 1", "member_id", "points > 0")),
    (BOOK, one("earning", "points = points + 1", "bucket")),
    (BOOK, one("points_posting", "source = 'expired'", "bucket", "code = 'cancellation'")),
    (
        BOOK,
        "ALTER TABLE points_posting DROP CONSTRAINT points_posting_accounts; "
        + one("points_posting", "destination = 'nobody'", "bucket", "code = 'redemption' AND source = 'wallet'"),
    ),
    (PRICE, one("redemption", "points = points + 1", "id", "status = 'cancelled'")),
    (PRICE, one("hold", "points = points + 1", "id", "status = 'voided'")),
    (GIFT, one("points_posting", "counterparty = member_id", "member_id", "source = 'gift'")),
    (LIMIT, one("limit_used", "used = used + 1", "member_id")),
    (LIMIT, one("redemption", "windows = '{day:1999-12-31}'", "member_id", "status = 'issued'")),
    (VOUCHER, one("voucher", "status = 'issued'", "redemption_id", "status = 'cancelled'")),
    (VOUCHER, one("voucher", "DELETE", "redemption_id", "status = 'used'")),
    (VOUCHER, one("redemption", "voucher_id = gen_random_uuid()", "id")),
    (
        VOUCHER,
        "INSERT INTO voucher (bucket, id, code, redemption_id, member_id, partner_id, offer_id, revision, quantity, expires_at,"
        " partner_codes, status, location_id, reference) SELECT bucket, gen_random_uuid(), 'SECOND', redemption_id, member_id,"
        " partner_id, offer_id, revision, quantity, expires_at, partner_codes, status, location_id, reference FROM voucher"
        " WHERE status = 'issued' LIMIT 1 RETURNING id",
    ),
    (
        TOLD,
        one(
            "event",
            "payload = jsonb_set(payload::jsonb, '{quantity}', '77')",
            "aggregate_id",
            "type = 'redemption.issued'",
        ),
    ),
    (
        CONSERVED,
        "ALTER TABLE stock DROP CONSTRAINT stock_conserved; " + one("stock", "initial = initial + 1", "offer_id"),
    ),
    (SOLD, one("stock", "sold = sold - 1, remaining = remaining + 1", "offer_id", "sold > 0")),
    (SOLD, one("offer_sold", "units = units + 1", "offer_id")),
    (HELD, one("stock", "held = held - 1, remaining = remaining + 1", "offer_id", "held > 0")),
    (CODES, one("voucher", "partner_codes = '{}'", "offer_id", "cardinality(partner_codes) > 0")),
    (CODES, one("offer_code", "hold_id = (SELECT id FROM hold WHERE status = 'voided')", "offer_id", "state = 'held'")),
    (
        PAYABLE,
        "ALTER TABLE statement DROP CONSTRAINT statement_totals; "
        + one("statement", "total_minor = total_minor + 1", "partner_id", "status = 'closed'"),
    ),
    (STATEMENT, one("statement", "tax_minor = tax_minor + 1", "id", "status = 'closed'")),
    (
        HASH,
        "UPDATE money_posting p SET reference = 'forged' FROM statement s WHERE s.status = 'closed'"
        " AND (p.partner_id, p.period) = (s.partner_id, s.period) RETURNING s.id",
    ),
    (CLOSED, one("settlement_period", "open_from = NULL", "partner_id")),
    (PAYOUT, one("payout", "amount_minor = amount_minor + 1", "statement_id")),
    (PAYOUT, one("payout", "DELETE", "statement_id")),
    (
        PAYOUT,
        "ALTER TABLE statement DROP CONSTRAINT statement_settled; "
        + one(
            "statement",
            "status = 'settled', approved_by = 'x', approved_at = closed_at",
            "id AS statement_id",
            "status = 'closed'",
        ),
    ),
    (
        REVERSAL,
        one("money_posting", "contract_version = contract_version + 1", "id", f"reverses IS NOT NULL AND {OPEN_MONTH}"),
    ),
    (
        OWED,
        one(
            "event",
            "payload = jsonb_set(payload::jsonb, '{settlement,amount_minor}', '1')",
            "aggregate_id",
            OWED_AT_ONCE,
        ),
    ),
    (
        OWED,
        "INSERT INTO money_posting SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(),"
        f" 'redemption_id', gen_random_uuid()))).* FROM money_posting m WHERE code = 'benefit_on_issue' AND {OPEN_MONTH}"
        " LIMIT 1 RETURNING redemption_id",
    ),
    (
        OWED_BY_PARTNER,
        one(
            "event",
            "payload = jsonb_set(payload::jsonb, '{settlement,amount_minor}', '1')",
            "aggregate_id",
            "type = 'points.granted' AND payload ->> 'settlement' IS NOT NULL",
        ),
    ),
    (SIGNED, one("contract_signature", "DELETE", "contract_id", "party = 'oem'")),
    (
        ONE_CONTRACT,
        "ALTER TABLE contract DROP CONSTRAINT contract_says; ALTER TABLE contract DROP CONSTRAINT contract_version; "
        "UPDATE contract SET partner_id = (SELECT partner_id FROM contract ORDER BY id LIMIT 1) RETURNING partner_id",
    ),
    (BOUGHT, one("point_pack", "bought = bought + 1, balance = balance + 1", "partner_id")),
    (BOUGHT, one("point_pack_entry", "DELETE", "partner_id")),
    (CONSUMED, one("consumer_position", "error = 'boom'", "consumer")),
    (
        CONSUMED,
        f"INSERT INTO event_tick (snapshot, at) VALUES (pg_current_snapshot(), {sql_now()} - interval '2 minutes')"
        " RETURNING 'settlement.books'",
    ),
    (AUDIT, one("audit_entry", "actor = 'admin:eve'", "seq", "seq = 3")),
    (AUDIT, one("audit_entry", "details = jsonb_set(details, '{2}', '\"offer.pause\"')", "seq", "seq = 2")),
    (AUDIT, one("audit_entry", "DELETE", "seq", "seq = (SELECT max(seq) FROM audit_entry)")),
]


@pytest.fixture(scope="module")
async def busy(postgres: str, template: str, settings: Settings) -> AsyncIterator[str]:
    """The name of a database in which everything has happened."""
    name = f"busy{uuid4().hex[:12]}"
    owner = await asyncpg.connect(postgres)
    await owner.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    await let_it_happen(settings, with_database(postgres, name))
    yield name
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


@pytest.fixture
async def copy(postgres: str, busy: str, settings: Settings) -> AsyncIterator[str]:
    """The address of a copy of it, with the pool open on it."""
    name = f"c{uuid4().hex[:12]}"
    owner = await asyncpg.connect(postgres)
    await owner.execute(f"CREATE DATABASE {name} TEMPLATE {busy} STRATEGY FILE_COPY")
    dsn = with_database(postgres, name)
    await DB.open(dsn, settings.database_role, 4)
    yield dsn
    await DB.close()
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


@pytest.fixture
def checks(settings: Settings) -> list[Check]:
    return declared(load_packages(settings, Clock()))


async def _run_statements(dsn: str, action: str) -> list[str]:
    owner = await asyncpg.connect(dsn)
    try:
        *before, last = action.split("; ")
        for statement in before:
            await owner.execute(statement)
        return [str(row[0]) for row in await owner.fetch(last)]
    finally:
        await owner.close()


def _broken(found: Invariants) -> dict[str, list[dict[str, Any]]]:
    return {one.name: one.breaches for one in found.invariants if not one.holds}


async def test_everything_holds_and_everything_is_looked_at(copy: str, checks: list[Check]) -> None:
    found = await check_now(checks)
    assert found.holds, _broken(found)
    assert all(one.last_true and one.slices == 1 and not one.error for one in found.invariants)
    nothing = {one.name for one in found.invariants if not one.rows}
    assert not nothing, "an invariant that has no rows in this world is not tried by it"


def test_each_invariant_has_its_break(checks: list[Check]) -> None:
    assert {check.name for check in checks} == {name for name, _ in BREAKS}


@pytest.mark.parametrize(("name", "action"), BREAKS)
async def test_it_alone_turns_red(copy: str, checks: list[Check], name: str, action: str) -> None:
    changed = await _run_statements(copy, action)
    assert changed, "the statements changed nothing"
    found = await check_now(checks)
    assert _broken(found).keys() == {name}, _broken(found)
    breaches = _broken(found)[name]
    assert 0 < len(breaches) <= 5
    named = [str(value) for breach in breaches for value in breach.values()]
    assert all(row in named for row in changed), (changed, breaches)
    assert not found.holds
