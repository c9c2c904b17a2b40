"""Partners' terms, for pricing redemptions: loaded in one statement, evaluated by pure functions."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import asyncpg

from marketplace.kernel.periods import Cycle
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import DB
from partners.contracts.domain import ContractTerms, PartnerTerms, contract_in_force
from partners.contracts.rows import terms_of

__all__ = ["ContractTerms", "PartnerTerms", "contract_in_force", "contracted_between", "load_terms"]

# One statement, one snapshot: status, version and contracts are consistent. Only versions signed by both count as terms.
_SQL = """
SELECT p.id AS partner_id, p.name_zh, p.name_en, p.status, p.version AS partner_version, c.id, c.ends_on, c.content
FROM partner p LEFT JOIN contract c ON c.partner_id = p.id AND c.status = 'signed'
WHERE p.id = ANY($1::uuid[])
ORDER BY p.id, c.starts_on, c.version
"""


async def load_terms(partner_ids: Sequence[UUID]) -> dict[UUID, PartnerTerms]:
    """Return the terms of the existing partners, inside the unit of work if this task has one open."""
    rows = await DB.fetch(_SQL, list(partner_ids))
    grouped: dict[UUID, list[asyncpg.Record]] = {}
    for row in rows:
        grouped.setdefault(row["partner_id"], []).append(row)
    return {partner_id: _partner(group) for partner_id, group in grouped.items()}


def _partner(rows: list[asyncpg.Record]) -> PartnerTerms:
    first = rows[0]
    return PartnerTerms(
        partner_id=first["partner_id"],
        name=Text(first["name_zh"], first["name_en"]),
        status=first["status"],
        version=first["partner_version"],
        contracts=tuple(terms_of(row) for row in rows if row["id"] is not None),
    )


async def contracted_between(start: date, end: date, cycle: Cycle = "monthly") -> set[tuple[UUID, str]]:
    """Return (partner, currency) of each contract of the cycle in force on some business day of `[start, end)`.

    Settlement closes a period for them even if nothing was owed.
    """
    rows = await DB.fetch(
        "SELECT DISTINCT partner_id, currency FROM contract WHERE status = 'signed' AND cycle = $3"
        " AND starts_on < $2 AND (ends_on IS NULL OR ends_on > $1)",
        start,
        end,
        cycle,
    )
    return {(row["partner_id"], row["currency"]) for row in rows}


async def zone_between(partner_id: UUID, cycle: Cycle, start: date, end: date) -> str | None:
    """Return the time zone of the partner's last contract in force in `[start, end)`; None means the business zone."""
    zone: str | None = await DB.fetchval(
        "SELECT content::json ->> 'time_zone' FROM contract WHERE partner_id = $1 AND cycle = $2 AND signed_at IS NOT NULL"
        " AND starts_on < $4 AND (ends_on IS NULL OR ends_on > $3) ORDER BY starts_on DESC, version DESC LIMIT 1",
        partner_id,
        cycle,
        start,
        end,
    )
    return zone


async def zones_of(cycle: Cycle) -> list[str]:
    """Return the time zones of contracts of the cycle, apart from the business zone."""
    rows = await DB.fetch(
        "SELECT DISTINCT content::json ->> 'time_zone' AS zone FROM contract WHERE signed_at IS NOT NULL AND cycle = $1"
        " AND content::json ->> 'time_zone' IS NOT NULL",
        cycle,
    )
    return [row["zone"] for row in rows]
