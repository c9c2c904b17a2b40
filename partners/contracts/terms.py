"""Partners' terms, for whoever prices a redemption: loaded in one statement, decided upon by pure functions."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.kernel.money import Money
from marketplace.kernel.text import Text
from partners.contracts.domain import ContractTerms, PartnerTerms, contract_in_force
from partners.reading import reader

__all__ = ["ContractTerms", "PartnerTerms", "contract_in_force", "contracted_between", "load_terms"]

# One statement, one snapshot: status, version and contracts always belong together.
_SQL = """
SELECT p.id AS partner_id, p.name_zh, p.name_en, p.status, p.version AS partner_version, c.id AS contract_id, c.version,
       c.starts_on, c.ends_on, c.settlement_basis, c.settlement_price_minor, c.max_settlement_price_minor,
       c.commission_ppm, c.tax_rate_ppm, c.currency, c.cycle, c.payment_terms_days
FROM partner p LEFT JOIN contract c ON c.partner_id = p.id
WHERE p.id = ANY($1::uuid[])
ORDER BY p.id, c.starts_on, c.version
"""

_PLAIN = (
    "contract_id",
    "version",
    "starts_on",
    "ends_on",
    "settlement_basis",
    "commission_ppm",
    "tax_rate_ppm",
    "currency",
    "cycle",
    "payment_terms_days",
)


async def load_terms(partner_ids: Sequence[UUID]) -> dict[UUID, PartnerTerms]:
    """Return the terms of those of the partners that exist, inside the unit of work if this task has one open."""
    rows = await reader().fetch(_SQL, list(partner_ids))
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
        contracts=tuple(contract_of(row) for row in rows if row["contract_id"] is not None),
    )


def contract_of(row: asyncpg.Record) -> ContractTerms:
    """Return a row with a contract's columns as its terms."""
    fields: dict[str, Any] = {name: row[name] for name in _PLAIN}
    for name in ("settlement_price", "max_settlement_price"):
        amount = row[f"{name}_minor"]
        fields[name] = None if amount is None else Money(amount, row["currency"])
    return ContractTerms(**fields)


async def contracted_between(start: date, end: date) -> set[tuple[UUID, str]]:
    """Return (partner, currency) of each contract in force on some business day of `[start, end)`.

    Settlement closes a month for them even when nothing was owed. Inside the unit of work if this task has one open.
    """
    rows = await reader().fetch(
        "SELECT DISTINCT partner_id, currency FROM contract WHERE starts_on < $2 AND (ends_on IS NULL OR ends_on > $1)",
        start,
        end,
    )
    return {(row["partner_id"], row["currency"]) for row in rows}
