"""What the role for serving may do with each table: what its work needs, and nothing besides."""

import asyncpg
import pytest

from marketplace.platform.postgres.database import DB
from marketplace.platform.postgres.migrate import migrate
from marketplace.platform.postgres.rights import differences, held, split
from marketplace.platform.runtime.database_server import table_rights
from marketplace.settings import Settings
from settlement.statements.domain import StatementStatus

ROLE = "marketplace_app"

NEVER_CHANGED = (
    "audit_entry", "contract_signature", "earning", "event", "member_reference_key", "member_subject", "money_posting",
    "offer_revision", "partner_history", "payout", "point_pack_entry", "points_posting", "webhook_attempt",
)  # fmt: skip
"""Books, facts and keys: added to, and nothing else."""

ONLY = {
    "statement": {"status", "approved_by", "approved_at", "due_on", "paid_at"},
    "settlement_period": {"open_from"},
    "oauth_signing_key": {"retired_at"},
    "redemption": {"status", "cancelled_at", "reason"},
    "voucher": {"status", "used_at", "location_id", "reference", "occasion"},
    "wallet": {"balance", "held"},
    "lot": {"points"},
    "stock": {"initial", "remaining", "held", "sold"},
    "audit_head": {"hash"},
}
"""What changes of a row, and is never deleted."""


@pytest.fixture
async def owner(database: str) -> asyncpg.Connection:
    return await asyncpg.connect(database)


async def test_each_table_has_a_row_and_the_role_has_just_that(owner: asyncpg.Connection, settings: Settings) -> None:
    try:
        may, rights = await held(owner, ROLE), table_rights(settings)
    finally:
        await owner.close()
    assert not sorted(set(may) - set(rights)), "say in rights.py what serving may do with these tables"
    assert not sorted(set(rights) - set(may)), "these tables are not there"
    assert not list(differences(may, rights))
    for table in NEVER_CHANGED:
        assert may[table] == split("SELECT, INSERT"), table
    for table, columns in ONLY.items():
        assert (set(may[table]["UPDATE"]), "DELETE" in may[table]) == (columns, False), table
    assert may["migration"] == split("SELECT")
    assert not [table for table, kinds in may.items() if {"TRUNCATE", "TRIGGER", "REFERENCES"} & set(kinds)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE statement SET total_minor = 0", "UPDATE statement SET content_hash = 'x'",
        "UPDATE statement SET period = '2026-01-01'",
        "DELETE FROM statement", "UPDATE payout SET amount_minor = 0", "UPDATE payout SET reference = 'x'", "DELETE FROM payout",
        "UPDATE settlement_period SET partner_id = partner_id", "UPDATE settlement_period SET currency = 'USD'",
        "DELETE FROM settlement_period", "UPDATE migration SET name = 'x'", "DELETE FROM migration",
        "INSERT INTO migration (name, app_name, ran_on) VALUES ('x', 'x', '2026-01-01')", "DELETE FROM oauth_signing_key",
        "UPDATE oauth_signing_key SET private_sealed = NULL", "UPDATE oauth_signing_key SET public_jwk = '{}'",
        "UPDATE member_reference_key SET key_sealed = NULL", "DELETE FROM member_reference_key",
        "UPDATE voucher SET code = 'x'", "DELETE FROM voucher", "UPDATE redemption SET points = 0", "DELETE FROM redemption",
        "DELETE FROM wallet", "DELETE FROM lot", "DELETE FROM contract", "DELETE FROM partner", "DELETE FROM offer",
        "TRUNCATE statement", "TRUNCATE event", "DROP TABLE statement", "ALTER TABLE statement ADD COLUMN x int",
        "CREATE TABLE mine (x int)", "ALTER TABLE event DISABLE TRIGGER ALL",
    ],
)  # fmt: skip
async def test_what_never_changes_cannot_be_changed(database: str, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await DB.fetch(statement)


async def test_what_its_transitions_need_can_be_changed(database: str) -> None:
    await DB.fetch("UPDATE statement SET status = $1, paid_at = $2 WHERE false", StatementStatus.PAID, None)
    await DB.fetch("UPDATE settlement_period SET open_from = open_from WHERE false")
    for table in ("statement", "settlement_period", "oauth_signing_key", "wallet", "stock", "event_ticker"):
        await DB.fetch(f"SELECT * FROM {table} WHERE false FOR UPDATE")


async def test_rights_that_were_given_by_hand_are_taken_back(dsn: str, settings: Settings) -> None:
    rights, owner = table_rights(settings), await asyncpg.connect(dsn)
    try:
        await owner.execute(
            f"GRANT UPDATE, DELETE, TRUNCATE ON statement TO {ROLE}; GRANT UPDATE (code) ON voucher TO {ROLE}"
        )
        await owner.execute("CREATE TABLE stranger (x int); GRANT ALL ON stranger TO PUBLIC")
        assert list(differences(await held(owner, ROLE), rights)) == ["statement", "stranger", "voucher"]
        await owner.execute("REVOKE ALL ON stranger FROM PUBLIC")
        await migrate(dsn, ROLE, rights)
        assert list(differences(await held(owner, ROLE), rights)) == []
    finally:
        await owner.close()
