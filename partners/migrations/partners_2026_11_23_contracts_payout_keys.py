"""Payout accounts: whose, and what they look like."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T04:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "payout accounts: reference, checks, a requirement that is switched off"

STATEMENTS = [
    "ALTER TABLE payout_account ADD CONSTRAINT payout_account_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE payout_account ADD CONSTRAINT payout_account_says CHECK (version > 0 AND last_four ~ '^[0-9A-Z]{4}$')",
    # Switched off like the first checklist: operations switch on what they want.
    "INSERT INTO requirement (code, version, kind, gate, title_zh, title_en, help_zh, help_en, partner_kinds, active, sort,"
    " changed_at) VALUES"
    " ('contract_signed', 1, 'computed', 'approve', '合同已由双方签署', 'A contract is signed by both sides',"
    " '审核期间可签署合同；合作方的纸质签名由运营登记。', 'It can be signed during the review; the partner signs on paper.',"
    " ARRAY[]::text[], false, 80, now()),"
    " ('payout_account', 1, 'computed', 'approve', '已登记付款账户', 'A payout account is there',"
    " '由财务根据开户证明登记。', 'Finance keep it, from the bank''s paper.', ARRAY[]::text[], false, 90, now())"
    " ON CONFLICT (code) DO NOTHING",
]


async def forwards() -> MigrationManager:
    """Run after the table was made: Piccolo runs raw SQL of the same migration before it."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
