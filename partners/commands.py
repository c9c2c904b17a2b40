"""`marketplace portal-code`, `invite-owner`, `reset-owner`, `rotate-member-references` and `member-of-reference`."""

import os
from base64 import b32decode
from pathlib import Path
from uuid import UUID

import rich_click as click

from marketplace.demo.manifest import read_demo
from marketplace.kernel.clock import WALL, Clock
from marketplace.kernel.refusals import InvalidFields, in_words
from marketplace.platform.http.problems import parse_id
from marketplace.platform.postgres.database import unit_of_work
from marketplace.platform.runtime.commands import data_option, open_database, run, settings_for
from marketplace.platform.validation.fitting import fit
from marketplace.settings import VARIABLES
from partners.roles import StaffStatus
from partners.staff.domain import normal_email
from partners.staff.invitations import Inviter
from partners.staff.people import OwnerPresent, invite_owner, reset_owner
from partners.staff.schemas import OwnerInput, OwnerReset
from partners.staff.second_factor import code_at
from partners.staff.tables import PartnerStaffRow
from partners.webhooks.reference_keys import member_of, rotate_reference_key


@click.command("portal-code")
@data_option
def portal_code(data: Path | None) -> None:
    """Print the demo partners' current authenticator code, which the partner portal asks for."""
    folder = data or Path(os.environ.get(VARIABLES["data"]) or "data")
    try:
        portal = read_demo(folder).portal
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from error
    if not portal:
        raise click.ClickException("this demo has nobody at the partner portal: make a new one")
    click.echo(code_at(b32decode(portal[0].second_factor), WALL.now()))


@click.command("invite-owner")
@click.option("--partner", required=True, metavar="ID", help="The partner's id.")
@click.option("--email", required=True, help="Whom to invite; somebody on the partner's list becomes an owner.")
@click.option("--name", required=True, help="What the person is called.")
@data_option
def invite_owner_command(partner: str, email: str, name: str, data: Path | None) -> None:
    """Invite an owner when none can sign in, and print the link: for a partner whose mail does not arrive."""
    partner_id = parse_id(partner)
    if partner_id is None:
        raise click.BadParameter("must be a partner's id", param_hint="--partner")
    try:
        owner = fit({"email": email, "name": name}, OwnerInput)
    except InvalidFields as error:
        raise click.ClickException(in_words(error)) from error
    click.echo(run(_invite(partner_id, owner, data)))


async def _invite(partner_id: UUID, owner: OwnerInput, data: Path | None) -> str:
    settings, clock = settings_for(data), Clock()
    async with open_database(settings), unit_of_work() as work:
        view = await invite_owner(work, partner_id, owner, "operator", clock.now())
        if view.status is StaffStatus.ACTIVE:
            return f"{view.email} is an owner now, and can sign in as before"
        link = await Inviter(settings, clock).invite(work, view.id)
    if link is None:
        raise OwnerPresent
    return link


@click.command("reset-owner")
@click.option("--partner", required=True, metavar="ID", help="The partner's id.")
@click.option("--email", required=True, help="The owner's address, as it is on the partner's list.")
@click.option("--reason", required=True, help="Why; it stands in the audit.")
@data_option
def reset_owner_command(partner: str, email: str, reason: str, data: Path | None) -> None:
    """Reset an owner who lost phone and recovery codes, or whose company's provider is gone, and print the invitation link."""
    partner_id = parse_id(partner)
    if partner_id is None:
        raise click.BadParameter("must be a partner's id", param_hint="--partner")
    try:
        checked = fit({"reason": reason}, OwnerReset).reason
    except InvalidFields as error:
        raise click.ClickException(in_words(error)) from error
    click.echo(run(_reset(partner_id, normal_email(email), checked, data)))


async def _reset(partner_id: UUID, email: str, reason: str, data: Path | None) -> str:
    settings, clock = settings_for(data), Clock()
    async with open_database(settings), unit_of_work() as work:
        row = PartnerStaffRow
        found = await work.run(row.select(row.id).where(row.partner_id == partner_id, row.email == email).first())
        if found is None:
            raise click.ClickException("the partner has nobody with that address")
        staff_id: UUID = found["id"]
        await reset_owner(work, partner_id, staff_id, reason, "operator", clock.now())
        link = await Inviter(settings, clock).invite(work, staff_id)
    if link is None:  # somebody disabled the owner at the same time
        raise click.ClickException("the owner is not invited any more; nothing was sent")
    return link


@click.command("rotate-member-references")
@data_option
def rotate_references_command(data: Path | None) -> None:
    """Use new member references towards all partners from now on. Earlier ones can still be resolved."""
    click.echo(f"references are m{run(_rotate_references(data))}_… from now on")


async def _rotate_references(data: Path | None) -> int:
    settings = settings_for(data)
    async with open_database(settings), unit_of_work() as work:
        return await rotate_reference_key(work, settings.keys, "operator", WALL.now())


@click.command("member-of-reference")
@click.option("--partner", required=True, metavar="ID", help="The partner that knows the member by the reference.")
@click.argument("reference")
@data_option
def member_of_reference_command(partner: str, reference: str, data: Path | None) -> None:
    """Print the id of the member behind a partner's reference, under any version of the key."""
    partner_id = parse_id(partner)
    if partner_id is None:
        raise click.BadParameter("must be a partner's id", param_hint="--partner")
    member_id = run(_member_of(partner_id, reference, data))
    if member_id is None:
        raise click.ClickException("the partner knows nobody by that reference")
    click.echo(str(member_id))


async def _member_of(partner_id: UUID, reference: str, data: Path | None) -> UUID | None:
    settings = settings_for(data)
    async with open_database(settings), unit_of_work() as work:
        return await member_of(work, settings.keys, partner_id, reference)


ALL = (portal_code, invite_owner_command, reset_owner_command, rotate_references_command, member_of_reference_command)
