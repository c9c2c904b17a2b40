"""The link with which an application's contact reopens it. It is sealed, so no state is stored."""

from datetime import datetime
from urllib.parse import quote
from uuid import UUID

import msgspec

from marketplace.kernel.keyring import Purpose
from marketplace.settings import Settings

LINK_PURPOSE = Purpose("application link")
_DAYS = 30


class ApplicationLink(msgspec.Struct, frozen=True):
    """The application, when the message was sent, and how many days the link is valid."""

    partner_id: UUID
    sent_at: datetime
    days: int = _DAYS


def application_link(settings: Settings, partner_id: UUID, now: datetime) -> str:
    """Return the page's address with a sealed link, for a message."""
    plain = msgspec.json.encode(ApplicationLink(partner_id, now))
    sealed = settings.keys.encrypt(LINK_PURPOSE, plain).decode()
    return f"{settings.base_url}/partner/application?token={quote(sealed, safe='')}"
