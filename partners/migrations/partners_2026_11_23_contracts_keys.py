"""What was a row of columns becomes the content that is signed; checks, keys, and the signatures that stood before."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-23T04:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "contracts: content, states, signatures"


def _money(name: str) -> str:
    return (
        f"CASE WHEN {name}_minor IS NOT NULL THEN json_build_object('amount', {name}_minor, 'currency', currency) END"
    )


_CONTENT = f"""
UPDATE contract SET drafted_by = signed_by, drafted_at = signed_at, offered_at = signed_at, status = 'signed', content =
    json_build_object('commission_ppm', commission_ppm, 'currency', currency, 'cycle', cycle, 'ends_on', ends_on,
        'format', 1, 'max_settlement_price', {_money("max_settlement_price")}, 'partner_id', partner_id,
        'payment_terms_days', payment_terms_days, 'settlement_basis', settlement_basis,
        'settlement_price', {_money("settlement_price")}, 'starts_on', starts_on, 'tax_rate_ppm', tax_rate_ppm,
        'version', version)::text
"""

_HASH = "encode(sha256(convert_to(content, 'UTF8')), 'hex')"

# Both sides stood behind these contracts; all that is known of it is who recorded them.
_SIGNATURES = """
INSERT INTO contract_signature (contract_id, party, content_hash, method, actor, signed_at)
SELECT id, party, content_hash, 'carried_over', signed_by, signed_at FROM contract, (VALUES ('oem'), ('partner')) AS side (party)
"""

STATEMENTS = [
    _CONTENT,
    f"UPDATE contract SET content_hash = {_HASH}",
    "ALTER TABLE contract_signature DROP CONSTRAINT contract_signature_pkey, ADD PRIMARY KEY (contract_id, party)",
    "ALTER TABLE contract ADD CONSTRAINT contract_content UNIQUE (id, content_hash)",
    # A signature is under its contract's own content, and what is signed can no longer be written over.
    "ALTER TABLE contract_signature ADD CONSTRAINT contract_signature_content FOREIGN KEY (contract_id, content_hash)"
    " REFERENCES contract (id, content_hash)",
    "ALTER TABLE contract_signature ADD CONSTRAINT contract_signature_party CHECK (party IN ('oem', 'partner'))",
    "ALTER TABLE contract_signature ADD CONSTRAINT contract_signature_method CHECK (CASE method"
    " WHEN 'paper' THEN party = 'partner' AND num_nulls(signed_by, signed_on, document_reference) = 0"
    " WHEN 'api' THEN num_nonnulls(signed_by, signed_on, document_reference) = 0"
    " WHEN 'carried_over' THEN num_nonnulls(signed_by, signed_on, document_reference) = 0 ELSE false END)",
    _SIGNATURES,
    f"ALTER TABLE contract ADD CONSTRAINT contract_hash CHECK (content_hash = {_HASH})",
    "ALTER TABLE contract ADD CONSTRAINT contract_says CHECK ((content::json ->> 'partner_id')::uuid = partner_id"
    " AND (content::json ->> 'version')::int = version AND (content::json ->> 'format')::int = 1)",
    "ALTER TABLE contract ADD CONSTRAINT contract_status CHECK (status IN ('drafted', 'offered', 'signed_by_oem',"
    " 'signed_by_partner', 'signed', 'superseded', 'withdrawn'))",
    "ALTER TABLE contract ADD CONSTRAINT contract_steps CHECK ((offered_at IS NOT NULL OR status IN ('drafted', 'withdrawn'))"
    " AND (signed_at IS NOT NULL) = (status IN ('signed', 'superseded')) AND drafted_at IS NOT NULL AND edition > 0)",
    # Read from the content by the database itself, so that they cannot say anything else.
    "ALTER TABLE contract DROP COLUMN currency, DROP COLUMN cycle",
    "ALTER TABLE contract ADD COLUMN currency text GENERATED ALWAYS AS (content::json ->> 'currency') STORED,"
    " ADD COLUMN cycle text GENERATED ALWAYS AS (content::json ->> 'cycle') STORED",
    "ALTER TABLE contract ADD CONSTRAINT contract_currency CHECK (currency ~ '^[A-Z]{3}$')",
    "ALTER TABLE contract ADD CONSTRAINT contract_cycle CHECK (cycle IN ('monthly', 'ten_day', 'weekly'))",
]


async def forwards() -> MigrationManager:
    """Run after the columns were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
