"""Accepting an invitation, and changing password and second factor."""

from datetime import datetime
from uuid import UUID

from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.roles import StaffStatus
from partners.staff.authenticate import CodeRefused
from partners.staff.events import StaffJoined
from partners.staff.invitations import Invited, LinkUsed, use_link
from partners.staff.second_factor import matching_step, new_recovery_codes, recovery_hash, seal_secret
from partners.staff.sign_in import end_sessions
from partners.staff.tables import PartnerStaffInvitationRow, PartnerStaffRow


async def join(
    work: UnitOfWork, settings: Settings, token: str, password_hash: str, secret: bytes, code: str, now: datetime
) -> tuple[Invited, list[str]]:
    """Activate the invited person and return it with its recovery codes, which are shown once.

    The code proves that the app has the secret, and is spent. Raises LinkUsed, CodeRefused.
    """
    found = await use_link(work, token, "join", now)
    step = matching_step(secret, code, now)
    if step is None:
        raise CodeRefused
    codes = new_recovery_codes()
    row = PartnerStaffRow
    joined = await work.run(
        row.update(
            {
                row.status: StaffStatus.ACTIVE,
                row.password_hash: password_hash,
                row.totp_sealed: seal_secret(settings.keys, secret),
                row.totp_step: step,
                row.recovery_hashes: [recovery_hash(code) for code in codes],
                row.version: row.version + 1,
                row.changed_at: now,
            }
        )
        .where(row.id == found.staff_id, row.status == StaffStatus.INVITED)
        .returning(row.id)
    )
    if not joined:
        raise LinkUsed
    await record_joined(work, found.partner_id, found.staff_id, [str(role) for role in found.roles], now)
    return found, codes


async def record_joined(work: UnitOfWork, partner_id: UUID, staff_id: UUID, roles: list[str], now: datetime) -> None:
    """Publish that a person became active, and add it to the audit."""
    await publish(work, [StaffJoined(partner_id, staff_id, roles, now)], now)
    await audit.record(work, f"staff:{staff_id}", "staff.join", f"staff:{staff_id}", now)


async def choose_password(work: UnitOfWork, token: str, password_hash: str, now: datetime) -> Invited:
    """Set the password of the link's holder, and end all their sessions. The second factor stays. Raises LinkUsed."""
    found = await use_link(work, token, "password", now)
    await _set_password(work, found.staff_id, password_hash, now)
    await end_sessions(work, found.staff_id, now)
    return found


async def change_password(
    work: UnitOfWork, staff_id: UUID, password_hash: str, session_id: UUID, now: datetime
) -> None:
    """Set the password of a signed-in person, and end their other sessions."""
    await _set_password(work, staff_id, password_hash, now)
    await end_sessions(work, staff_id, now, but=session_id)


async def change_second_factor(
    work: UnitOfWork, settings: Settings, staff_id: UUID, secret: bytes, code: str, session_id: UUID, now: datetime
) -> list[str]:
    """Set the second factor of a signed-in person, end their other sessions, and return new recovery codes.

    Raises CodeRefused.
    """
    step = matching_step(secret, code, now)
    if step is None:
        raise CodeRefused
    codes = new_recovery_codes()
    row = PartnerStaffRow
    await work.run(
        row.update(
            {
                row.totp_sealed: seal_secret(settings.keys, secret),
                row.totp_step: step,
                row.recovery_hashes: [recovery_hash(code) for code in codes],
                row.version: row.version + 1,
                row.changed_at: now,
            }
        ).where(row.id == staff_id, row.status == StaffStatus.ACTIVE, row.password_hash.is_not_null())
    )
    await end_sessions(work, staff_id, now, but=session_id)
    await audit.record(work, f"staff:{staff_id}", "staff.second_factor", f"staff:{staff_id}", now)
    return codes


async def _set_password(work: UnitOfWork, staff_id: UUID, password_hash: str, now: datetime) -> None:
    row, link = PartnerStaffRow, PartnerStaffInvitationRow
    changed = await work.run(
        row.update({row.password_hash: password_hash, row.version: row.version + 1, row.changed_at: now})
        .where(row.id == staff_id, row.status == StaffStatus.ACTIVE, row.password_hash.is_not_null())
        .returning(row.id)
    )
    if not changed:
        raise LinkUsed
    await work.run(link.delete().where(link.staff_id == staff_id, link.purpose == "password"))
    await audit.record(work, f"staff:{staff_id}", "staff.password", f"staff:{staff_id}", now)
