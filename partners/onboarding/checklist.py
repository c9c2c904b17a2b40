"""A partner's checklist: the answers, and whether a gate is met."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import msgspec

from marketplace.kernel.refusals import Explanation, InvalidField, NotFound, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.postgres.database import DB, UnitOfWork
from partners.onboarding.domain import Applicant, Gate, Requirement, RequirementKind, is_met, missing
from partners.onboarding.requirement_schemas import Checklist, ChecklistItem, VerificationInput
from partners.onboarding.requirements import active_requirements
from partners.onboarding.schemas import Attestation
from partners.onboarding.tables import RequirementAnswerRow
from partners.registry.domain import PARTNER
from partners.registry.history import lock_partner

APPLICANT = "applicant"
"""The actor of an application: nobody has signed in."""


class RequirementsMissing(Refusal):
    """A gate is not met; `missing` lists the requirements and who must act."""

    code = "requirements_missing"
    zh = "还有 {count} 项要求未满足：{codes}。"
    en = "Requirements are not met: {codes} ({count})."
    explanation = Explanation(
        Text("仍有上线要求未满足。", "Requirements of the onboarding checklist are not met."),
        Text("请逐项完成 codes 中的要求。", "Meet each requirement in `codes`."),
    )

    def __init__(self, gate: Gate, requirements: Sequence[Requirement]) -> None:
        """Set each requirement with its title, help, and who must act."""
        found = [
            {"code": r.code, "kind": r.kind, "who": r.who, "title": msgspec.to_builtins(r.title)}
            | {"help": msgspec.to_builtins(r.help)}
            for r in requirements
        ]
        super().__init__(gate=gate, missing=found, count=len(found), codes=", ".join(r.code for r in requirements))


async def checklist(partner_id: UUID, *, staff: bool) -> Checklist:
    """Return the partner's requirements and answers. Only `staff` sees who of operations verified.

    Raises NotFound.
    """
    applicant = await _applicant(partner_id)
    asked = [r for r in await active_requirements() if r.concerns(applicant.kind)]
    rows = await RequirementAnswerRow.select().where(RequirementAnswerRow.partner_id == partner_id)
    answers = {row["code"]: row for row in rows}
    items = [_item(r, answers.get(r.code), met=is_met(r, applicant), staff=staff) for r in asked]
    gates: tuple[Gate, ...] = get_args(Gate)
    return Checklist(items=items, missing={g: [r.code for r in missing(asked, applicant, g)] for g in gates})


def _item(requirement: Requirement, answer: Mapping[str, Any] | None, *, met: bool, staff: bool) -> ChecklistItem:
    shown = answer if answer is not None and (staff or answer["actor"] == APPLICANT) else None
    return ChecklistItem(
        code=requirement.code,
        kind=requirement.kind,
        gate=requirement.gate,
        title=requirement.title,
        help=requirement.help,
        met=met,
        who=requirement.who,
        note=(shown["note"] or None) if shown else None,
        reference=(shown["reference"] or None) if shown else None,
        actor=shown["actor"] if shown else None,
        answered_at=answer["answered_at"] if answer else None,
    )


async def missing_at(partner_id: UUID, gate: Gate) -> list[Requirement]:
    """Return the unmet requirements of the gate. Call it under the partner's lock. Raises NotFound."""
    return missing(await active_requirements(), await _applicant(partner_id), gate)


async def require_gate(partner_id: UUID, gate: Gate) -> None:
    """Raise RequirementsMissing unless the partner meets the gate."""
    found = await missing_at(partner_id, gate)
    if found:
        raise RequirementsMissing(gate, found)


async def attest(
    work: UnitOfWork,
    partner_id: UUID,
    said: Sequence[Attestation],
    now: datetime,
    *,
    field: str = "attestations[{}].code",
) -> None:
    """Record the applicant's attestations, which replace earlier ones. `field` is the path of a code in the body.

    Raises NotFound, InvalidField, TransitionRefusedError.
    """
    if not said:
        return
    PARTNER.after(await lock_partner(work, partner_id), "attest")
    kinds = await _kinds()
    for place, attestation in enumerate(said):
        if kinds.get(attestation.code) != "attested":
            raise InvalidField(
                field.format(place),
                "不是由申请人声明的要求。",
                "is not a requirement that an applicant attests.",
            )
        await _answer(work, partner_id, attestation.code, attestation.reference, attestation.note, APPLICANT, now)


async def verify(
    work: UnitOfWork, partner_id: UUID, code: str, seen: VerificationInput, actor: str, now: datetime
) -> None:
    """Record a verification by operations. Raises NotFound, also for a requirement of another kind; TransitionRefusedError."""
    PARTNER.after(await lock_partner(work, partner_id), "verify")
    if (await _kinds()).get(code) != "verified":
        raise NotFound
    await _answer(work, partner_id, code, seen.reference, seen.note, actor, now)
    await audit.record(
        work, actor, "partner.verify", f"partner:{partner_id}", now,
        requirement=code, reference=seen.reference, note=seen.note,
    )  # fmt: skip


async def clear_verified(work: UnitOfWork, partner_id: UUID) -> None:
    """Delete verifications: the documents do not cover the company's new data."""
    await work.execute(
        "DELETE FROM requirement_answer a USING requirement r WHERE a.partner_id = $1 AND r.code = a.code"
        " AND r.kind = 'verified'",
        partner_id,
    )


async def _answer(
    work: UnitOfWork, partner_id: UUID, code: str, reference: str | None, note: str | None, actor: str, now: datetime
) -> None:
    await work.execute(
        "INSERT INTO requirement_answer (partner_id, code, reference, note, actor, answered_at) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (partner_id, code) DO UPDATE SET reference = $3, note = $4, actor = $5, answered_at = $6",
        partner_id,
        code,
        reference or "",
        note or "",
        actor,
        now,
    )


async def _kinds() -> dict[str, RequirementKind]:
    return {requirement.code: requirement.kind for requirement in await active_requirements()}


async def has_signed_contract(work: UnitOfWork, partner_id: UUID) -> bool:
    """Return whether both sides have signed a contract with the locked partner."""
    found = await work.fetchval(
        "SELECT EXISTS (SELECT FROM contract WHERE partner_id = $1 AND status = 'signed')", partner_id
    )
    return bool(found)


async def _applicant(partner_id: UUID) -> Applicant:
    row = await DB.fetchrow(
        "SELECT kind, registration_number, website,"
        " EXISTS (SELECT FROM contract c WHERE c.partner_id = p.id AND c.status = 'signed') AS contract_signed,"
        " EXISTS (SELECT FROM payout_account a WHERE a.partner_id = p.id) AS payout_account,"
        " ARRAY(SELECT code FROM requirement_answer a WHERE a.partner_id = p.id) AS answered"
        " FROM partner p WHERE id = $1",
        partner_id,
    )
    if row is None:
        raise NotFound
    return Applicant(**{**row, "answered": frozenset(row["answered"])})
