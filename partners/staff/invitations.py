"""One-time links, to accept an invitation and to choose a new password. Only a link's hash is stored.

`Inviter` follows the event log: a person invited in a transaction, such as a new partner's first owner, gets exactly one message
after its commit.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
import structlog

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog.events import StoredEvent
from marketplace.platform.outbound.mail import post_mail, post_unsent
from marketplace.platform.outbound.mail_view import MAILBOX_LIMIT
from marketplace.platform.postgres.database import DB, UnitOfWork
from marketplace.settings import Settings
from partners.roles import StaffRole
from partners.staff.company_address import companies_at, company_of, sign_in_address
from partners.staff.domain import MAY_SIGN_IN
from partners.staff.events import StaffInvited
from partners.staff.tables import PartnerStaffInvitationRow
from partners.staff.throttle import count_link
from partners.staff.words import company_mail, invitation_mail, password_mail

logger = structlog.get_logger()

InvitationPurpose = Literal["join", "password"]

LIFETIME: dict[InvitationPurpose, timedelta] = {"join": timedelta(days=7), "password": timedelta(hours=1)}

_TOKEN_BYTES = 32
_MAX_TOKEN = 100


class LinkUsed(Refusal):
    """The link is unknown, used, replaced or expired; the message does not say which."""

    kind = Kind.NOT_FOUND
    code = "link_used"
    way_out = "partner_sign_in"
    zh = "链接无效、已使用或已过期。请让邀请您的人重新发送，或在登录页重新申请。"
    en = "This link is invalid, has been used, or has expired. Ask for a new one."
    explanation = Explanation(
        Text("链接无效、已使用或已过期。", "The link is not valid, was used or has expired."),
        Text(
            "请让邀请您的人重新发送，或在登录页重新申请。",
            "Ask for a new invitation, or request a new link on the sign-in page.",
        ),
    )


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """The holder of a link, and the partner."""

    staff_id: UUID
    partner_id: UUID
    partner_zh: str
    partner_en: str
    email: str
    name: str
    roles: list[StaffRole]
    has_provider: bool


async def make_link(
    work: UnitOfWork, staff_id: UUID, purpose: InvitationPurpose, now: datetime, mail_id: UUID | None = None
) -> str:
    """Create a link and return its token. The person's earlier links of the purpose become invalid.

    `mail_id` is the message that carries it.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row = PartnerStaffInvitationRow
    await work.run(row.delete().where(row.staff_id == staff_id, row.purpose == purpose))
    await work.run(
        row.insert(
            row(
                token_hash=_hash(token),
                staff_id=staff_id,
                purpose=purpose,
                created_at=now,
                expires_at=now + LIFETIME[purpose],
                mail_id=mail_id,
            )
        )
    )
    return token


async def holder(token: str, purpose: InvitationPurpose, now: datetime) -> Invited:
    """Return the link's holder without using it, since mail programs open links to scan them. Raises LinkUsed."""
    if not token or len(token) > _MAX_TOKEN:
        raise LinkUsed
    row = await DB.fetchrow(
        "SELECT f.id AS staff_id, f.partner_id, p.name_zh AS partner_zh, p.name_en AS partner_en, f.email, f.name, f.roles,"
        " EXISTS (SELECT FROM partner_identity_provider i WHERE i.partner_id = p.id) AS has_provider"
        " FROM partner_staff_invitation v JOIN partner_staff f ON f.id = v.staff_id JOIN partner p ON p.id = f.partner_id"
        " WHERE v.token_hash = $1 AND v.purpose = $2 AND v.used_at IS NULL AND v.expires_at > $3 AND p.status = ANY($4)"
        " AND f.status = CASE WHEN v.purpose = 'join' THEN 'invited' ELSE 'active' END",
        _hash(token),
        purpose,
        now,
        sorted(MAY_SIGN_IN),
    )
    if row is None:
        raise LinkUsed
    return Invited(**{**row, "roles": [StaffRole(role) for role in row["roles"]]})


async def use_link(work: UnitOfWork, token: str, purpose: InvitationPurpose, now: datetime) -> Invited:
    """Use the link and return its holder. Of two concurrent uses one raises LinkUsed: the guard is in the write."""
    found = await holder(token, purpose, now)
    row = PartnerStaffInvitationRow
    used = await work.run(
        row.update({row.used_at: now})
        .where(row.token_hash == _hash(token), row.used_at.is_null(), row.expires_at > now)
        .returning(row.staff_id)
    )
    if not used:
        raise LinkUsed
    return found


class Inviter:
    """Sends invited people the message with the link."""

    name = "partners.staff.inviter"

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Follow `partner.staff_invited`."""
        self.types = frozenset({"partner.staff_invited"})
        self._settings = settings
        self._clock = clock

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        """Invite people without a link since the event. A later link, by hand or for the same event, stays valid."""
        for event in events:
            invited = event.decode(StaffInvited)
            row = PartnerStaffInvitationRow
            made_since = row.exists().where(
                row.staff_id == invited.staff_id, row.purpose == "join", row.created_at >= invited.invited_at
            )
            if not await work.run(made_since):
                await self.invite(work, invited.staff_id)

    async def invite(self, work: UnitOfWork, staff_id: UUID) -> str | None:
        """Queue the message and return its link; None if the person is not invited, or the mailbox is at its daily limit."""
        row, now = await _waiting(work, staff_id, "invited"), self._clock.now()
        if row is None:
            return None
        if not await count_link(work, row["email"], now):
            await self._record_unsent(work, staff_id, row, now)
            return None
        mail_id = uuid7()
        link = f"{self._settings.base_url}/partner/join?token={await make_link(work, staff_id, 'join', now, mail_id)}"
        company = await company_of(str(row["partner_id"]))
        address = sign_in_address(self._settings, company) if company else ""
        subject, text = invitation_mail(row["name"], row["partner_zh"], row["partner_en"], link, address)
        await post_mail(work, self._settings.keys, row["email"], subject, text, now, mail_id)
        return link

    async def _record_unsent(self, work: UnitOfWork, staff_id: UUID, row: Any, now: datetime) -> None:
        """Record why no message was sent, beside a link that nobody receives: the list of people reads it there."""
        logger.warning("invitation_not_sent", staff_id=str(staff_id), reason="its mailbox was sent enough today")
        subject, _ = invitation_mail(row["name"], row["partner_zh"], row["partner_en"], "", "")
        unsent = await post_unsent(work, row["email"], subject, MAILBOX_LIMIT, now)
        await make_link(work, staff_id, "join", now, unsent)


async def send_new_password(
    work: UnitOfWork, settings: Settings, email: str, now: datetime, device: str | None
) -> None:
    """Queue a message with a link for each person of that address who has a password. The caller does not learn of any.

    `device` is the counter of a known browser.
    """
    rows = await work.fetch(
        "SELECT id FROM partner_staff WHERE email = $1 AND password_hash IS NOT NULL ORDER BY id LIMIT 10", email
    )
    for row in rows:
        found = await _waiting(work, row["id"], "active")
        if found is not None and await count_link(work, email, now, device):
            token = await make_link(work, row["id"], "password", now)
            link = f"{settings.base_url}/partner/new-password?token={token}"
            subject, text = password_mail(found["name"], found["partner_zh"], found["partner_en"], link)
            await post_mail(work, settings.keys, email, subject, text, now)


async def send_company_address(
    work: UnitOfWork, settings: Settings, email: str, now: datetime, device: str | None
) -> None:
    """Queue a message with the sign-in address for each person of that address whose company has a provider."""
    for name, company in await companies_at(work, email):
        if not await count_link(work, email, now, device):
            return
        address = sign_in_address(settings, company)
        subject, text = company_mail(name, company.name.zh, company.name.en, address)
        await post_mail(work, settings.keys, email, subject, text, now)


async def _waiting(work: UnitOfWork, staff_id: UUID, status: str) -> Any:
    return await work.fetchrow(
        "SELECT f.email, f.name, f.partner_id, p.name_zh AS partner_zh, p.name_en AS partner_en FROM partner_staff f"
        " JOIN partner p ON p.id = f.partner_id WHERE f.id = $1 AND f.status = $2 AND p.status = ANY($3) FOR UPDATE OF f",
        staff_id,
        status,
        sorted(MAY_SIGN_IN),
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
