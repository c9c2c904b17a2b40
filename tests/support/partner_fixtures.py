"""An active partner, made through the use cases."""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from marketplace.kernel.money import Money
from marketplace.platform.postgres.database import unit_of_work
from marketplace.settings import Settings
from partners.contracts.agree import agree
from partners.contracts.domain import Proposal
from partners.onboarding.decide import admit
from partners.onboarding.schemas import ApplicationInput
from partners.settings import PartnersSettings


def application_json(**fields: Any) -> dict[str, Any]:
    """A good application, as JSON values."""
    return {
        "name": {"zh-CN": "华夏酒店", "en": "Huaxia Hotels"},
        "legal_name": "华夏酒店管理有限公司",
        "registration_number": "91310000" + uuid4().hex[:10].upper(),
        "kind": "hotel_group",
        "contact": {"name": "王敏", "email": "wang@example.com", "phone": "+86 21 5555 0100"},
        "scenarios": ["lodging", "travel"],
    } | fields


def contract_json(**fields: Any) -> dict[str, Any]:
    """Good terms of a contract, as JSON values."""
    return {
        "starts_on": "2025-01-01",
        "ends_on": None,
        "settlement_basis": "on_use",
        "settlement_price": {"amount": 12_000, "currency": "CNY"},
        "max_settlement_price": None,
        "commission_ppm": 50_000,
        "tax_rate_ppm": 60_000,
        "currency": "CNY",
        "cycle": "monthly",
        "payment_terms_days": 30,
    } | fields


async def active_partner(settings: Settings, now: datetime, **contract: Any) -> UUID:
    """Make a partner with a signed contract and return its id; fields of the contract may be given."""
    proposal = Proposal(
        starts_on=date(2025, 1, 1),
        ends_on=None,
        settlement_basis="on_use",
        settlement_price=Money(12_000),
        max_settlement_price=None,
        commission_ppm=50_000,
        tax_rate_ppm=60_000,
        currency="CNY",
        cycle="monthly",
        payment_terms_days=30,
    )
    application = msgspec.convert(application_json(), ApplicationInput)
    async with unit_of_work() as work:
        partner_id = await admit(work, application, "admin:test", now)
        proposal = msgspec.structs.replace(proposal, **contract)
        await agree(
            work,
            partner_id,
            proposal,
            settings.currency,
            settings.of(PartnersSettings).oem_name,
            ("admin:test", "admin:test-2"),
            "CT-1",
            settings.calendar.day_of(now),
            now,
        )
    return partner_id
