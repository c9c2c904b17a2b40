"""A partner manages its staff: invitations, roles, locations, disabling.

Each change holds the lock of the partner's row: the check for another owner is only valid while no other owner can leave.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import ChangedMeanwhile, Explanation, InvalidField, NotFound, Refusal
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.http.etags import Editions
from marketplace.platform.http.merge_patch import Patch, patched
from marketplace.platform.postgres.database import UnitOfWork
from partners.registry.history import lock_partner
from partners.registry.tables import PartnerRow
from partners.roles import StaffRole, StaffStatus
from partners.staff.domain import MAY_SIGN_IN, STAFF, check_roles, normal_email
from partners.staff.events import StaffChanged, StaffDisabled, StaffInvited
from partners.staff.read import get_staff
from partners.staff.schemas import OwnerInput, StaffContent, StaffInput, StaffView
from partners.staff.sign_in import end_sessions
from partners.staff.tables import PartnerStaffInvitationRow, PartnerStaffLocationRow, PartnerStaffRow
from partners.staff.throttle import check_links

MOST_STAFF = 500
"""The maximum number of people of one partner, disabled ones included."""


class StaffExists(Refusal):
    """The partner already has a person with the address."""

    code = "staff_exists"
    zh = "{email} 已在人员名单中；停用的人员可以重新邀请。"
    en = "{email} already belongs to one of your people. You can invite a disabled person again."
    explanation = Explanation(
        Text("该邮箱已在人员名单中。", "The address already belongs to one of the partner's staff."),
        Text(
            "请修改已有人员；停用的可以重新邀请。",
            "Update the existing person; a disabled one can be invited again.",
        ),
    )


class TooManyStaff(Refusal):
    """The partner has the maximum number of people."""

    code = "too_many_staff"
    zh = "最多可有 {most} 名人员。"
    en = "You can have at most {most} people."
    explanation = Explanation(
        Text("人员数量已达上限。", "The number of staff has reached its limit."),
        Text("请先停用不再需要的人员。", "Disable people who no longer need access."),
    )


class LastOwner(Refusal):
    """Nobody would be left who can invite people and give roles."""

    code = "last_owner"
    zh = "这是最后一位可登录的负责人：请先让另一位人员成为负责人。"
    en = "This is the last owner who can sign in: make somebody else an owner first."
    explanation = Explanation(
        Text("这是最后一位可以登录的负责人。", "This is the last owner who can sign in."),
        Text("请先让另一位人员成为负责人。", "Make another person an owner first."),
    )


class OwnerPresent(Refusal):
    """An owner of the partner can sign in, and invites people."""

    code = "owner_present"
    zh = "该合作方已有可登录的负责人，请由其邀请人员。"
    en = "An owner of this partner can sign in and invite people."
    explanation = Explanation(
        Text("该合作方已有可以登录的负责人。", "The partner has an owner who can sign in."),
        Text("请由负责人邀请人员。", "Have the owner invite people."),
    )


class NotAnOwner(Refusal):
    """Operations reset owners only; an owner resets everybody else."""

    code = "not_an_owner"
    zh = "该人员不是负责人：请由合作方负责人停用后重新邀请。"
    en = "This person is not an owner. An owner of the partner can disable them and invite them again."
    explanation = Explanation(
        Text("该人员不是负责人。", "The person is not an owner."),
        Text("请由合作方负责人处理。", "Have an owner of the partner handle it."),
    )


async def invite(work: UnitOfWork, partner_id: UUID, new: StaffInput, actor: str, now: datetime) -> StaffView:
    """Add a person, who is then sent a message, and return the person.

    Raises InvalidField, StaffExists, TooManyStaff, TransitionRefusedError for a partner whose people cannot sign in.
    """
    await _lock(work, partner_id)
    await check_links(work, normal_email(new.email), now)
    if await work.run(PartnerStaffRow.count().where(PartnerStaffRow.partner_id == partner_id)) >= MOST_STAFF:
        raise TooManyStaff(most=MOST_STAFF)
    staff_id = await _insert(work, partner_id, new.email, new.name, check_roles(new.roles), actor, now)
    if staff_id is None:
        raise StaffExists(email=normal_email(new.email))
    await _place(work, partner_id, staff_id, new.locations)
    return await get_staff(partner_id, staff_id, now)


async def invite_first_owner(work: UnitOfWork, partner_id: UUID, actor: str, now: datetime) -> None:
    """Invite the contact of an approved application as the owner, in the transaction of the approval."""
    partner = await work.run(PartnerRow.select(PartnerRow.contact).where(PartnerRow.id == partner_id).first())
    assert partner is not None  # noqa: S101 - it is locked
    contact = partner["contact"]
    await _insert(work, partner_id, contact["email"], contact["name"], [StaffRole.OWNER], actor, now)


async def invite_owner(work: UnitOfWork, partner_id: UUID, owner: OwnerInput, actor: str, now: datetime) -> StaffView:
    """Invite an owner for operations, if none can sign in; an existing person becomes one. Raises OwnerPresent."""
    await _lock(work, partner_id)
    if await _owners(work, partner_id):
        raise OwnerPresent
    email, roles = normal_email(owner.email), [StaffRole.OWNER]
    await check_links(work, email, now)
    row = await work.fetchrow(
        "SELECT id, status FROM partner_staff WHERE partner_id = $1 AND email = $2 FOR UPDATE", partner_id, email
    )
    if row is None:
        staff_id = await _insert(work, partner_id, owner.email, owner.name, roles, actor, now)
        assert staff_id is not None  # noqa: S101 - we hold the partner's lock
        return await get_staff(partner_id, staff_id, now)
    identifier: UUID = row["id"]
    await work.execute(
        "UPDATE partner_staff SET roles = ARRAY(SELECT DISTINCT unnest(roles || ARRAY['owner'])), version = version + 1,"
        " changed_at = $2 WHERE id = $1",
        identifier,
        now,
    )
    if row["status"] != StaffStatus.ACTIVE:
        await invite_again(work, partner_id, identifier, actor, now)
    await audit.record(work, actor, "staff.make_owner", f"staff:{identifier}", now)
    return await get_staff(partner_id, identifier, now)


async def reset_owner(
    work: UnitOfWork, partner_id: UUID, staff_id: UUID, reason: str, actor: str, now: datetime
) -> StaffView:
    """Invite an owner again for operations: phone and recovery codes are lost, or the provider is gone.

    Sessions end; password, second factor and the link to the provider are deleted. The message goes to the stored address, so an
    impostor gains nothing by asking for this.

    Raises NotFound, NotAnOwner, TransitionRefusedError.
    """
    await _lock(work, partner_id)
    before = await _locked(work, partner_id, staff_id)
    if StaffRole.OWNER not in before["roles"]:
        raise NotAnOwner
    after = STAFF.after(StaffStatus(before["status"]), "reset")
    await check_links(work, before["email"], now)
    await _delete_credentials(work, staff_id, after, now)
    await publish(work, [StaffInvited(partner_id, staff_id, list(before["roles"]), now)], now)
    await audit.record(work, actor, "staff.reset", f"staff:{staff_id}", now, reason=reason)
    return await get_staff(partner_id, staff_id, now)


async def change(
    work: UnitOfWork, partner_id: UUID, staff_id: UUID, patch: Patch, editions: Editions, actor: str, now: datetime
) -> StaffView:
    """Change name, roles or locations, and return the person. Raises NotFound, ChangedMeanwhile, LastOwner, InvalidField."""
    before = await _locked(work, partner_id, staff_id)
    if before["version"] not in editions:
        raise ChangedMeanwhile
    stood = [StaffRole(role) for role in before["roles"]]
    wanted = patched(StaffContent(before["name"], stood, before["locations"]), patch)
    roles = check_roles(wanted.roles) if "roles" in patch else stood
    if StaffRole.OWNER not in roles:
        await _keep_an_owner(work, partner_id, staff_id)
    row = PartnerStaffRow
    await work.run(
        row.update({row.name: wanted.name, row.roles: roles, row.version: row.version + 1, row.changed_at: now}).where(
            row.id == staff_id
        )
    )
    if "locations" in patch:
        await _place(work, partner_id, staff_id, wanted.locations)
    await publish(work, [StaffChanged(partner_id, staff_id, list(roles), now)], now)
    await audit.record(
        work, actor, "staff.change", f"staff:{staff_id}", now, before=list(before["roles"]), after=list(roles)
    )
    return await get_staff(partner_id, staff_id, now)


async def disable(work: UnitOfWork, partner_id: UUID, staff_id: UUID, actor: str, now: datetime) -> StaffView:
    """Disable a person and end all sessions and links in this transaction. Raises NotFound, LastOwner, WrongState.

    Password and second factor are deleted, so a returning person needs a new invitation.
    """
    before = await _locked(work, partner_id, staff_id)
    after = STAFF.after(StaffStatus(before["status"]), "disable")
    await _keep_an_owner(work, partner_id, staff_id)
    await _delete_credentials(work, staff_id, after, now)
    await publish(work, [StaffDisabled(partner_id, staff_id, now)], now)
    await audit.record(work, actor, "staff.disable", f"staff:{staff_id}", now)
    return await get_staff(partner_id, staff_id, now)


async def invite_again(work: UnitOfWork, partner_id: UUID, staff_id: UUID, actor: str, now: datetime) -> StaffView:
    """Send an invited or disabled person a new link; the previous one becomes invalid. Raises NotFound, WrongState."""
    before = await _locked(work, partner_id, staff_id)
    after = STAFF.after(StaffStatus(before["status"]), "invite")
    await check_links(work, before["email"], now)
    await _delete_credentials(work, staff_id, after, now)
    await publish(work, [StaffInvited(partner_id, staff_id, list(before["roles"]), now)], now)
    await audit.record(work, actor, "staff.invite", f"staff:{staff_id}", now)
    return await get_staff(partner_id, staff_id, now)


async def sign_out_everywhere(work: UnitOfWork, partner_id: UUID, staff_id: UUID, actor: str, now: datetime) -> int:
    """End all sessions of a person and return their number. Raises NotFound."""
    await _locked(work, partner_id, staff_id)
    ended = await end_sessions(work, staff_id, now)
    await audit.record(work, actor, "staff.end_sessions", f"staff:{staff_id}", now, ended=ended)
    return ended


async def _lock(work: UnitOfWork, partner_id: UUID) -> None:
    status = await lock_partner(work, partner_id)
    if status not in MAY_SIGN_IN:
        raise TransitionRefusedError("invite_staff", status, sorted(MAY_SIGN_IN))


async def _locked(work: UnitOfWork, partner_id: UUID, staff_id: UUID) -> Any:
    """Lock the partner and then the person, and return the person. Raises NotFound for another partner's."""
    await lock_partner(work, partner_id)
    row = await work.fetchrow(
        "SELECT status, name, roles, version, email, ARRAY(SELECT location_id FROM partner_staff_location l"
        " WHERE l.staff_id = s.id ORDER BY location_id) AS locations FROM partner_staff s"
        " WHERE id = $1 AND partner_id = $2 FOR UPDATE",
        staff_id,
        partner_id,
    )
    if row is None:
        raise NotFound
    return row


async def _owners(work: UnitOfWork, partner_id: UUID, but: UUID | None = None) -> list[UUID]:
    rows = await work.fetch(
        "SELECT id FROM partner_staff WHERE partner_id = $1 AND status = 'active' AND 'owner' = ANY(roles)"
        " AND ($2::uuid IS NULL OR id <> $2) LIMIT 1",
        partner_id,
        but,
    )
    return [row["id"] for row in rows]


async def _keep_an_owner(work: UnitOfWork, partner_id: UUID, staff_id: UUID) -> None:
    """Raise LastOwner if the person is the only owner who can sign in. The partner must be locked."""
    row = PartnerStaffRow
    is_owner = row.exists().where(
        row.id == staff_id, row.status == StaffStatus.ACTIVE, row.roles.any(StaffRole.OWNER.value)
    )
    if await work.run(is_owner) and not await _owners(work, partner_id, but=staff_id):
        raise LastOwner


async def _delete_credentials(work: UnitOfWork, staff_id: UUID, status: StaffStatus, now: datetime) -> None:
    row = PartnerStaffRow
    await work.run(
        row.update(
            {
                row.status: status,
                row.password_hash: None,
                row.totp_sealed: None,
                row.recovery_hashes: [],
                row.provider_subject: None,
                row.version: row.version + 1,
                row.changed_at: now,
            }
        ).where(row.id == staff_id)
    )
    await work.run(PartnerStaffInvitationRow.delete().where(PartnerStaffInvitationRow.staff_id == staff_id))
    await end_sessions(work, staff_id, now)


async def _insert(
    work: UnitOfWork, partner_id: UUID, email: str, name: str, roles: list[StaffRole], actor: str, now: datetime
) -> UUID | None:
    """Insert an invited person and return the id, or None if the partner already has the address."""
    staff_id: UUID | None = await work.fetchval(
        "INSERT INTO partner_staff (id, partner_id, email, name, roles, status, version, totp_step, recovery_hashes, demo,"
        " created_at, created_by, changed_at) VALUES ($1, $2, $3, $4, $5, 'invited', 1, 0, '{}', false, $6, $7, $6)"
        " ON CONFLICT (partner_id, email) DO NOTHING RETURNING id",
        uuid7(),
        partner_id,
        normal_email(email),
        name,
        roles,
        now,
        actor,
    )
    if staff_id is not None:
        await publish(work, [StaffInvited(partner_id, staff_id, list(roles), now)], now)
        await audit.record(work, actor, "staff.invite", f"staff:{staff_id}", now, roles=list(roles))
    return staff_id


async def _place(work: UnitOfWork, partner_id: UUID, staff_id: UUID, locations: Sequence[str]) -> None:
    await work.run(PartnerStaffLocationRow.delete().where(PartnerStaffLocationRow.staff_id == staff_id))
    for place, location_id in enumerate(locations):
        try:
            async with work.nested():
                await work.execute(
                    "INSERT INTO partner_staff_location (staff_id, partner_id, location_id) VALUES ($1, $2, $3)"
                    " ON CONFLICT DO NOTHING",
                    staff_id,
                    partner_id,
                    location_id,
                )
        except asyncpg.ForeignKeyViolationError as error:
            raise InvalidField(f"locations[{place}]", "没有这个门店。", "is no location of yours.") from error
