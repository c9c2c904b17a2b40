"""The demo's partners: admitted, under contract, with locations and OAuth clients; and some applicants."""

from base64 import b32encode
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from marketplace.demo.manifest import DemoClient, PortalPerson
from marketplace.demo.world_things import Agreement, DemoPartner, World
from marketplace.platform.packages import SeedContext
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from partners.contracts.agree import agree
from partners.contracts.domain import Proposal
from partners.locations.locations import add_location
from partners.locations.schemas import LocationInput
from partners.oauth.clients.clients import register_client
from partners.oauth.clients.schemas import ClientInput
from partners.oauth.domain import SCOPES
from partners.onboarding.apply import apply
from partners.onboarding.checklist import verify
from partners.onboarding.decide import admit, decide
from partners.onboarding.requirement_schemas import VerificationInput
from partners.onboarding.requirements import change_requirement, list_requirements
from partners.onboarding.schemas import ApplicationInput
from partners.roles import StaffRole
from partners.settings import PartnersSettings
from partners.staff.passwords import hash_password
from partners.staff.people import invite
from partners.staff.schemas import StaffInput
from partners.staff.second_factor import seal_secret

ACTOR = "admin:staff-ops"
"""The audit name of the demo's person in operations."""

RECORDER = "admin:staff-ops-2"
"""The person who records the partners' signatures from paper; somebody else signs for the OEM."""

_LICENCE = "insurance_licence"

PORTAL_PASSWORD = "demo partner portal"  # noqa: S105 - documented, and good in demo and test settings only
PORTAL_SECRET = b"demo partner portal!"
"""The secret of the demo people's authenticator app: twenty public bytes."""

_GIVEN = {
    StaffRole.DEVELOPER: "工",
    StaffRole.MARKETER: "颖",
    StaffRole.FINANCE: "会",
    StaffRole.COUNTER: "店",
}


async def seed(context: SeedContext) -> None:
    """Create the demo world's partners. `made` gets `partner:<key>` ids, and the clients for `demo.json`."""
    world: World = context.world
    await _ask_insurers_for_their_licence(world)
    clients: list[DemoClient] = []
    portal: list[PortalPerson] = []
    password_hash = await hash_password(PORTAL_PASSWORD)  # one password for all: a demo has no secrets
    for done, partner in enumerate(world.partners, start=1):
        async with unit_of_work() as work:
            if partner.agreement is None:
                await _wait(work, partner)
            else:
                partner_id = await _admit(work, context, partner, partner.agreement)
                context.made[f"partner:{partner.key}"] = partner_id
                clients.append(await _client(work, context, partner, partner_id))
                portal += await _people(work, context, partner, partner_id, password_hash, first=not portal)
        context.progress("partners", done, len(world.partners))
    context.made["clients"], context.made["portal"] = clients, portal
    context.made["oem_client"] = await _oem_client(context)


async def _people(
    work: UnitOfWork, context: SeedContext, partner: DemoPartner, partner_id: UUID, password_hash: str, *, first: bool
) -> list[PortalPerson]:
    """Activate the partner's owner, and at the first partner one person of each role; production refuses demo people."""
    joined_at = partner.applied_at + timedelta(days=4)
    for role in (role for role in StaffRole if first and role is not StaffRole.OWNER):
        email = f"{role}@{partner.email.rpartition('@')[2]}"
        new = _of(StaffInput, email=email, name=f"{partner.contact[:1]}{_GIVEN[role]}", roles=[role])
        await invite(work, partner_id, new, ACTOR, joined_at)
    rows = await work.fetch(
        "UPDATE partner_staff SET status = 'active', password_hash = $2, totp_sealed = $3, demo = true, changed_at = $4"
        " WHERE partner_id = $1 RETURNING email, roles",
        partner_id,
        password_hash,
        seal_secret(context.settings.keys, PORTAL_SECRET),
        joined_at,
    )
    secret = b32encode(PORTAL_SECRET).decode()
    return [
        PortalPerson(partner.name.zh, row["email"], list(row["roles"]), PORTAL_PASSWORD, secret)
        for row in sorted(rows, key=lambda row: [StaffRole(role) for role in row["roles"]] != [StaffRole.OWNER])
    ]


async def _wait(work: UnitOfWork, partner: DemoPartner) -> None:
    receipt = await apply(work, _application(partner), partner.applied_at)
    if partner.rejection:
        await decide(work, receipt.id, "reject", ACTOR, partner.rejection, partner.applied_at + timedelta(hours=20))


async def _admit(work: UnitOfWork, context: SeedContext, partner: DemoPartner, agreement: Agreement) -> UUID:
    partner_id = await _approve(work, partner)
    signed_at = partner.applied_at + timedelta(days=5)
    proposal = Proposal(
        starts_on=agreement.starts_on,
        ends_on=agreement.ends_on,
        settlement_basis=agreement.basis,
        settlement_price=None,  # each offer names its own
        max_settlement_price=None,
        commission_ppm=agreement.commission_ppm,
        tax_rate_ppm=agreement.tax_rate_ppm,
        currency=context.settings.currency,
        cycle="monthly",
        payment_terms_days=agreement.payment_terms_days,
    )
    paper = f"CT-{partner.key.upper()}-01"
    house = context.settings.currency, context.settings.of(PartnersSettings).oem_name
    await agree(
        work,
        partner_id,
        proposal,
        *house,
        (ACTOR, RECORDER),
        paper,
        context.settings.calendar.day_of(signed_at),
        signed_at,
    )
    for place in partner.locations:
        location = _of(LocationInput, id=place.id, name=place.name, city=place.city, address=place.address)
        await add_location(work, partner_id, location, signed_at + timedelta(days=1))
    return partner_id


async def _ask_insurers_for_their_licence(world: World) -> None:
    """Activate one simple requirement. Operations activate the others of the first checklist."""
    (found,) = [one for one in (await list_requirements()).data if one.code == _LICENCE]
    change = {"version": found.version, "active": True}
    first = min(partner.applied_at for partner in world.partners)
    async with unit_of_work() as work:
        await change_requirement(work, _LICENCE, change, ACTOR, first - timedelta(days=1))


async def _approve(work: UnitOfWork, partner: DemoPartner) -> UUID:
    if partner.kind != "insurer":
        return await admit(work, _application(partner), ACTOR, partner.applied_at)
    receipt = await apply(work, _application(partner), partner.applied_at)
    seen = VerificationInput(reference=f"DOC-{partner.key.upper()}-01")
    await verify(work, receipt.id, _LICENCE, seen, ACTOR, partner.applied_at + timedelta(hours=2))
    await decide(work, receipt.id, "approve", ACTOR, None, partner.applied_at + timedelta(hours=3))
    return receipt.id


def _application(partner: DemoPartner) -> ApplicationInput:
    application: ApplicationInput = _of(
        ApplicationInput,
        name=partner.name,
        legal_name=partner.legal_name,
        registration_number=partner.registration_number,
        kind=partner.kind,
        contact={"name": partner.contact, "email": partner.email, "phone": partner.phone},
        website=partner.website,
        scenarios=partner.scenarios,
        description=partner.description,
    )
    return application


async def _client(work: UnitOfWork, context: SeedContext, partner: DemoPartner, partner_id: UUID) -> DemoClient:
    new = _of(ClientInput, name=partner.name.en, scopes=sorted(SCOPES["partner"]))
    issued = await register_client(
        work, context.settings, new, partner_id, ACTOR, partner.applied_at + timedelta(days=6),
        client_id=f"demo-{partner.key}", demo=True,
    )  # fmt: skip
    return DemoClient(partner.name.zh, issued.client_id, issued.client_secret or "")


async def _oem_client(context: SeedContext) -> DemoClient:
    new = _of(ClientInput, name="Lanchi member platform", scopes=sorted(SCOPES["points"]))
    async with unit_of_work() as work:
        issued = await register_client(
            work, context.settings, new, None, ACTOR, context.clock.now(), client_id="demo-oem", demo=True
        )
    return DemoClient(issued.name, issued.client_id, issued.client_secret or "")


def _of(struct: Any, /, **fields: Any) -> Any:
    """Return the wire Struct, validated like a request."""
    return msgspec.convert(msgspec.to_builtins(fields), struct)
