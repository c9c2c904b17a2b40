"""A company applies."""

import hashlib
import hmac
import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.kernel.facts import InvalidField, NotFound
from marketplace.kernel.ids import uuid7
from marketplace.kernel.text import Text
from marketplace.platform.database import DB, UnitOfWork
from marketplace.platform.events import publish
from partners.onboarding.domain import PartnerStatus
from partners.onboarding.events import PartnerApplied
from partners.onboarding.history import note
from partners.onboarding.schemas import ApplicationReceipt, ApplicationStatus, NewApplication

APPLICANT = "applicant"
"""The actor of an application: nobody has signed in."""

_TOKEN_PREFIX = "mpa_"  # noqa: S105 - a mark by which scanners find leaked tokens, not a token
_TOKEN_BYTES = 32


async def apply(work: UnitOfWork, application: NewApplication, now: datetime) -> ApplicationReceipt:
    """Record an application and return its receipt with the application token, of which only a hash is kept.

    Raises InvalidField for a scenario named twice.
    """
    if len(set(application.scenarios)) != len(application.scenarios):
        raise InvalidField("scenarios", "不能重复。", "names a scenario twice.")
    partner_id = uuid7(unix_ms=int(now.timestamp() * 1000))
    token = _TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    await work.execute(
        "INSERT INTO partner (id, status, version, name_zh, name_en, legal_name, registration_number, kind, contact,"
        " website, scenarios, description, application_token_hash, applied_at, changed_at)"
        " VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)",
        partner_id,
        PartnerStatus.APPLIED,
        application.name.zh,
        application.name.en,
        application.legal_name,
        application.registration_number,
        application.kind,
        msgspec.to_builtins(application.contact),
        application.website,
        application.scenarios,
        application.description,
        _hash(token),
        now,
    )
    await note(work, partner_id, APPLICANT, "apply", None, PartnerStatus.APPLIED, None, now)
    await publish(work, [PartnerApplied(partner_id, application.kind, list(application.scenarios), now)], now)
    return ApplicationReceipt(partner_id, PartnerStatus.APPLIED, now, token)


async def look(partner_id: UUID, token: str) -> ApplicationStatus:
    """Return how far an application is. Raises NotFound alike for an unknown application and for a wrong token."""
    row = await DB.fetchrow(
        "SELECT id, status, name_zh, name_en, applied_at, changed_at, application_token_hash,"
        " (SELECT reason FROM partner_history WHERE partner_id = partner.id ORDER BY seq DESC LIMIT 1) AS reason"
        " FROM partner WHERE id = $1",
        partner_id,
    )
    if row is None or not hmac.compare_digest(row["application_token_hash"], _hash(token)):
        raise NotFound
    name = Text(row["name_zh"], row["name_en"])
    return ApplicationStatus(row["id"], row["status"], name, row["applied_at"], row["changed_at"], row["reason"])


def _hash(token: str) -> bytes:
    # 256 random bits cannot be guessed from their hash, so the plain one is enough; see oauth/secrets.py.
    return hashlib.sha256(token.encode()).digest()
