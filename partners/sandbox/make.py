"""The partner's part of a new sandbox: the partner itself, active, with a contract that allows every offer."""

from datetime import timedelta

import msgspec

from marketplace.kernel.money import Money
from marketplace.platform.packages import SandboxContext
from marketplace.platform.postgres.database import DB, LIVE, unit_of_work, using_database
from partners.contracts.agree import agree
from partners.contracts.agreement import Proposal
from partners.locations.locations import add_location
from partners.locations.schemas import LocationInput
from partners.registry.domain import PartnerStatus
from partners.settings import PartnersSettings

ACTOR = "sandbox"
LOCATION = "SANDBOX-1"

_PRICE_MINOR = 10_000
"""The settlement price of a unit of an offer without a price of its own."""


async def make(context: SandboxContext) -> None:
    """Create the partner with a contract and one location, unless they exist."""
    with using_database(LIVE):
        partner = await DB.fetchval("SELECT to_jsonb(p) FROM partner p WHERE id = $1", context.partner_id)
    now = context.clock.now()
    async with unit_of_work() as work:
        made = await work.fetchval(
            "INSERT INTO partner SELECT * FROM jsonb_populate_record(null::partner, $1) ON CONFLICT DO NOTHING RETURNING 1",
            partner | {"status": PartnerStatus.APPROVED},
        )
        if made is None:
            return
        today = context.settings.calendar.day_of(now)
        proposal = Proposal(
            starts_on=today - timedelta(days=1),
            ends_on=None,
            settlement_basis="on_use",
            settlement_price=Money(_PRICE_MINOR, context.settings.currency),
            max_settlement_price=None,
            commission_ppm=50_000,
            tax_rate_ppm=60_000,
            currency=context.settings.currency,
            cycle="monthly",
            payment_terms_days=30,
        )
        people = (ACTOR, f"{ACTOR}-2")
        house = context.settings.currency, context.settings.of(PartnersSettings).oem_name
        await agree(
            work, context.partner_id, proposal, *house, people, "SANDBOX", context.settings.calendar.day_of(now), now
        )
        name = {"zh-CN": "沙箱门店", "en": "Sandbox store"}
        place = {"id": LOCATION, "name": name, "city": "上海", "address": "沙箱路 1 号"}
        await add_location(work, context.partner_id, msgspec.convert(place, LocationInput), now)
