"""Applications: submit, resubmit, status."""

import hashlib
import hmac
import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import Explanation, InvalidField, NotFound, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.outbound.mail import mails_about
from marketplace.platform.outbound.mail_view import APPLICATION, mail_view
from marketplace.platform.postgres.database import UnitOfWork
from partners.contracts.void import void_agreements
from partners.onboarding.checklist import APPLICANT, attest, clear_verified, require_gate
from partners.onboarding.schemas import ApplicationInput, ApplicationReceipt, ApplicationStatus, Resubmission
from partners.registry.domain import PARTNER, PartnerStatus
from partners.registry.events import PartnerApplied
from partners.registry.history import lock_partner, move, note, reason_of
from partners.registry.tables import PartnerRow

_TOKEN_PREFIX = "mpa_"  # noqa: S105 - a mark by which scanners find leaked tokens, not a token
_TOKEN_BYTES = 32


async def apply(work: UnitOfWork, application: ApplicationInput, now: datetime) -> ApplicationReceipt:
    """Record an application and return its receipt with the application token, of which only a hash is stored.

    Raises InvalidField for a duplicate scenario, RequirementsMissing if the gate `submit` is not met.
    """
    _check(application)
    partner_id = uuid7(unix_ms=int(now.timestamp() * 1000))
    token = _TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    await work.execute(
        "INSERT INTO partner (id, status, version, name_zh, name_en, legal_name, registration_number, kind, contact,"
        " website, scenarios, description, application_token_hash, applied_at, changed_at)"
        " VALUES ($1, $11, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $12, $13, $13)",
        partner_id,
        *_content_of(application),
        PartnerStatus.APPLIED,
        _hash(token),
        now,
    )
    await note(work, partner_id, APPLICANT, "apply", None, PartnerStatus.APPLIED, None, now)
    await attest(work, partner_id, application.attestations, now)
    await require_gate(partner_id, "submit")
    await publish(work, [PartnerApplied(partner_id, application.kind, list(application.scenarios), now)], now)
    return ApplicationReceipt(partner_id, PartnerStatus.APPLIED, now, token)


async def resubmit(work: UnitOfWork, partner_id: UUID, amended: Resubmission, now: datetime) -> ApplicationStatus:
    """Replace the application, resubmit it, and return its status.

    The whole application is sent again; `reply` is recorded in the history. Raises NotFound,
    TransitionRefusedError, InvalidField, or RequirementsMissing.
    """
    before = await lock_partner(work, partner_id)
    after = PARTNER.after(before, "resubmit")
    _check(amended)
    if await _names_another_company(work, partner_id, amended):
        await clear_verified(work, partner_id)
        fallen = await void_agreements(work, partner_id, APPLICANT, now)
        if fallen:
            await note(work, partner_id, APPLICANT, "void", before, before, "；".join(fallen), now)
    await work.execute(
        "UPDATE partner SET name_zh = $2, name_en = $3, legal_name = $4, registration_number = $5, kind = $6, contact = $7,"
        " website = $8, scenarios = $9, description = $10 WHERE id = $1",
        partner_id,
        *_content_of(amended),
    )
    await attest(work, partner_id, amended.attestations, now)
    await require_gate(partner_id, "submit")
    await move(work, partner_id, APPLICANT, "resubmit", before, after, amended.reply, now)
    return await application_status(partner_id)


AMENDABLE = frozenset({PartnerStatus.APPLIED, PartnerStatus.IN_REVIEW, PartnerStatus.CHANGES_REQUESTED})
"""The statuses in which an application can be changed with its token."""


class NotAmendable(Refusal):
    """The application was decided: a token would be useless."""

    code = "application_decided"
    zh = "申请已有结果，不再需要申请令牌。"
    en = "The application was decided; a token would open nothing."
    explanation = Explanation(
        Text(
            "该申请已有结果，不能再修改，也不再需要申请令牌。",
            "The application has been decided. It can no longer be changed, and its token opens nothing.",
        ),
        Text("请以合作方账号登录，或联系运营。", "Sign in as the partner, or contact operations."),
    )


async def new_token(work: UnitOfWork, partner_id: UUID, now: datetime) -> str:
    """Replace an application's token and return the new one. Raises NotFound, NotAmendable."""
    if await lock_partner(work, partner_id) not in AMENDABLE:
        raise NotAmendable
    token = _TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    await work.execute("UPDATE partner SET application_token_hash = $2 WHERE id = $1", partner_id, _hash(token))
    await audit.record(work, APPLICANT, "application.new_token", f"partner:{partner_id}", now)
    return token


async def proven_status(partner_id: UUID, token: str) -> ApplicationStatus:
    """Check the token and return the application's status. Raises NotFound for an unknown application and for a wrong token."""
    await prove(partner_id, token)
    return await application_status(partner_id)


async def prove(partner_id: UUID, token: str) -> None:
    """Raise NotFound for an unknown application and for a wrong token."""
    row = await PartnerRow.select(PartnerRow.application_token_hash).where(PartnerRow.id == partner_id).first()
    if row is None or not hmac.compare_digest(row["application_token_hash"], _hash(token)):
        raise NotFound


async def application_status(partner_id: UUID) -> ApplicationStatus:
    """Return an application's status. Raises NotFound."""
    row = (
        await PartnerRow.select(
            PartnerRow.id,
            PartnerRow.status,
            PartnerRow.name_zh,
            PartnerRow.name_en,
            PartnerRow.applied_at,
            PartnerRow.changed_at,
        )
        .where(PartnerRow.id == partner_id)
        .first()
    )
    if row is None:
        raise NotFound
    name = Text(row["name_zh"], row["name_en"])
    reason = await reason_of(partner_id)
    mails = await mails_about(partner_id, 1)
    mail = mail_view(mails[0]["status"], mails[0]["at"], mails[0]["error"], APPLICATION) if mails else None
    return ApplicationStatus(row["id"], row["status"], name, row["applied_at"], row["changed_at"], reason, mail)


def _check(application: ApplicationInput) -> None:
    if len(set(application.scenarios)) != len(application.scenarios):
        raise InvalidField("scenarios", "不能重复。", "names a scenario twice.")


async def _names_another_company(work: UnitOfWork, partner_id: UUID, amended: ApplicationInput) -> bool:
    found = await work.fetchval(
        "SELECT (legal_name, registration_number, kind) IS DISTINCT FROM ROW($2::text, $3::text, $4::text)"
        " FROM partner WHERE id = $1",
        partner_id,
        amended.legal_name,
        amended.registration_number,
        amended.kind,
    )
    return bool(found)


def _content_of(application: ApplicationInput) -> list[object]:
    """Return the applicant's values, in the order of the columns in both statements above."""
    return [
        application.name.zh,
        application.name.en,
        application.legal_name,
        application.registration_number,
        application.kind,
        msgspec.to_builtins(application.contact),
        application.website,
        application.scenarios,
        application.description,
    ]


def _hash(token: str) -> bytes:
    # A token of 256 random bits needs no slow hash; see oauth/clients/secrets.py.
    return hashlib.sha256(token.encode()).digest()
