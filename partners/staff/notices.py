"""Notices to a partner's people by e-mail, apart from invitations: what stops them, and what is waiting for them.

Webhooks inform systems. When an endpoint fails or the company is suspended, no person sees them.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import StoredEvent
from marketplace.platform.outbound.mail import post_mail
from marketplace.platform.postgres.database import UnitOfWork, is_live
from marketplace.settings import Settings
from partners.registry.domain import PartnerStatus
from partners.roles import StaffRole
from partners.staff.application_link import application_link
from partners.staff.notice_words import NoticeKind, notice_mail

_NEWS = timedelta(days=1)
"""Older events are skipped, so that a release with a new notice does not send it for the whole history."""

_OF_APPLICATION: dict[str, NoticeKind] = {
    PartnerStatus.CHANGES_REQUESTED: "changes_requested",
    PartnerStatus.APPROVED: "approved",
    PartnerStatus.REJECTED: "rejected",
}
_OF_PARTNER: dict[tuple[str, str], NoticeKind] = {
    (PartnerStatus.ACTIVE, PartnerStatus.SUSPENDED): "suspended",
    (PartnerStatus.SUSPENDED, PartnerStatus.ACTIVE): "resumed",
    **{(before, PartnerStatus.TERMINATED): "terminated" for before in PartnerStatus},
}
_OTHERS: dict[str, tuple[NoticeKind, tuple[StaffRole, ...]]] = {
    "contract.offered": ("contract_offered", (StaffRole.OWNER,)),
    "point_pack.low": ("pack_low", (StaffRole.OWNER,)),
    "webhook.endpoint_disabled": ("endpoint_disabled", (StaffRole.OWNER, StaffRole.DEVELOPER)),
}


class Addressee(msgspec.Struct, frozen=True):
    """The recipient of a message, and the partner."""

    email: str
    name: str
    partner_zh: str
    partner_en: str


class Notifier:
    """Follows the event log and queues messages."""

    name = "partners.staff.notices"

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Follow changes of status, and the events of `_OTHERS`."""
        self.types = frozenset({"partner.status_changed", *_OTHERS})
        self._settings = settings
        self._clock = clock

    async def handle(self, work: UnitOfWork, events: Sequence[StoredEvent]) -> None:
        """Queue a message for each recipient, once for each event. A sandbox sends none."""
        since = self._clock.now() - _NEWS
        for event in events if is_live() else ():
            found = _notice(event)
            if found is None or event.occurred_at < since:
                continue
            kind, roles = found
            partner_id, now = UUID(event.payload["partner_id"]), self._clock.now()
            # An applicant has no portal yet, only the page of the application.
            address = (
                f"{self._settings.base_url}/partner" if roles else application_link(self._settings, partner_id, now)
            )
            for one in await _addressees(work, partner_id, roles):
                subject, text = notice_mail(kind, one.name, one.partner_zh, one.partner_en, address, event.payload)
                await post_mail(
                    work, self._settings.keys, one.email, subject, text, now, _id(event, one.email), partner_id
                )


def _notice(event: StoredEvent) -> tuple[NoticeKind, tuple[StaffRole, ...]] | None:
    """Return the notice for an event and the roles that receive it; no roles mean the application's contact."""
    if event.type != "partner.status_changed":
        return _OTHERS[event.type]
    after = event.payload["after"]
    if after in _OF_APPLICATION:
        return _OF_APPLICATION[after], ()
    kind = _OF_PARTNER.get((event.payload["before"], after))
    return None if kind is None else (kind, (StaffRole.OWNER,))


async def _addressees(work: UnitOfWork, partner_id: UUID, roles: Sequence[StaffRole]) -> list[Addressee]:
    """Return the active people with one of the roles; the application's contact if there are none, or without roles."""
    rows: list[Any] = await work.fetch(
        "SELECT f.email, f.name, p.name_zh AS partner_zh, p.name_en AS partner_en FROM partner_staff f"
        " JOIN partner p ON p.id = f.partner_id WHERE p.id = $1 AND f.status = 'active' AND f.roles && $2::text[] ORDER BY f.id",
        partner_id,
        list(roles),
    )
    if not rows:
        rows = await work.fetch(
            "SELECT contact ->> 'email' AS email, contact ->> 'name' AS name, name_zh AS partner_zh, name_en AS partner_en"
            " FROM partner WHERE id = $1",
            partner_id,
        )
    return [Addressee(**row) for row in rows]


def _id(event: StoredEvent, email: str) -> UUID:
    """Return the message's id: the same for one event and address, and ordered by time like all ids."""
    tail = hashlib.sha256(f"{event.position[1]}\n{email}".encode()).digest()[:10]
    return UUID(int=int(event.occurred_at.timestamp() * 1000) << 80 | int.from_bytes(tail, "big"))
