"""The checklist as data of operations: create, change and retire requirements, with an audit entry for each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import asyncpg

from marketplace.kernel.refusals import ChangedMeanwhile, Explanation, InvalidField, NotFound, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.http.merge_patch import Patch, patched
from marketplace.platform.postgres.database import UnitOfWork
from partners.fields import Name
from partners.onboarding.domain import Requirement, check_requirement
from partners.onboarding.requirement_schemas import (
    Help,
    RequirementContent,
    RequirementInput,
    RequirementList,
    RequirementView,
)
from partners.onboarding.tables import RequirementRow
from partners.registry.schemas import PartnerKind

_COLUMNS = "code, version, kind, gate, title_zh, title_en, help_zh, help_en, partner_kinds, active, sort, changed_at"


class RequirementExists(Refusal):
    """A requirement with the code exists; a retired one can be reactivated."""

    code = "requirement_exists"
    zh = "要求 {requirement} 已存在；停用的可以重新启用。"
    en = "Requirement {requirement} already exists. You can reactivate a retired one."
    explanation = Explanation(
        Text("该要求已经存在。", "A requirement with this code already exists."),
        Text("请修改或重新启用已有的要求。", "Update or reactivate the existing one."),
    )


async def list_requirements() -> RequirementList:
    """Return all requirements, retired ones included, in the order of the checklist. There are a few dozen at most."""
    rows = await RequirementRow.select().order_by(RequirementRow.sort, RequirementRow.code)
    return RequirementList([_view(row) for row in rows])


async def active_requirements() -> Sequence[Requirement]:
    """Return the active requirements, in the order of the checklist."""
    asked = RequirementRow.select().where(RequirementRow.active.eq(True))
    rows = await asked.order_by(RequirementRow.sort, RequirementRow.code)
    return [
        Requirement(
            code=row["code"],
            kind=row["kind"],
            gate=row["gate"],
            title=Text(row["title_zh"], row["title_en"]),
            help=Text(row["help_zh"], row["help_en"]),
            partner_kinds=tuple(row["partner_kinds"]),
        )
        for row in rows
    ]


async def create_requirement(work: UnitOfWork, new: RequirementInput, actor: str, now: datetime) -> RequirementView:
    """Add a requirement and return it. Raises InvalidField, RequirementExists."""
    check_requirement(new.code, new.kind, new.gate)
    _check_kinds(new.partner_kinds)
    row = await work.fetchrow(
        f"INSERT INTO requirement ({_COLUMNS}) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
        new.code,
        new.kind,
        new.gate,
        new.title.zh,
        new.title.en,
        new.help.zh,
        new.help.en,
        new.partner_kinds,
        new.active,
        new.sort,
        now,
    )
    if row is None:
        raise RequirementExists(requirement=new.code)
    view = _view(row)
    await audit.record(work, actor, "requirement.create", f"requirement:{new.code}", now, after=_audited(view))
    return view


async def change_requirement(work: UnitOfWork, code: str, patch: Patch, actor: str, now: datetime) -> RequirementView:
    """Change a requirement and return it. Code and kind are fixed, since answers refer to them.

    Raises NotFound, ChangedMeanwhile if the patch's `version` is not the current one, InvalidField.
    """
    before = await _locked(work, code)
    if "version" not in patch:
        raise InvalidField("version", "必填：读取时的 version。", "is required: the version that was read.")
    change = patched(_content(before), patch)
    check_requirement(code, before.kind, change.gate)
    _check_kinds(change.partner_kinds)
    row = await work.fetchrow(
        "UPDATE requirement SET version = version + 1, gate = $3, title_zh = $4, title_en = $5, help_zh = $6, help_en = $7,"
        f" partner_kinds = $8, active = $9, sort = $10, changed_at = $11 WHERE code = $1 AND version = $2 RETURNING {_COLUMNS}",
        code,
        change.version,
        change.gate,
        change.title.zh,
        change.title.en,
        change.help.zh,
        change.help.en,
        change.partner_kinds,
        change.active,
        change.sort,
        now,
    )
    if row is None:
        raise ChangedMeanwhile
    view = _view(row)
    await audit.record(
        work, actor, "requirement.change", f"requirement:{code}", now, before=_audited(before), after=_audited(view)
    )
    return view


async def retire_requirement(work: UnitOfWork, code: str, actor: str, now: datetime) -> RequirementView:
    """Deactivate a requirement and return it; its answers are kept. Raises NotFound."""
    before = await _locked(work, code)
    if not before.active:
        return before
    row = await work.fetchrow(
        f"UPDATE requirement SET version = version + 1, active = false, changed_at = $2 WHERE code = $1 RETURNING {_COLUMNS}",
        code,
        now,
    )
    if row is None:
        raise NotFound
    await audit.record(work, actor, "requirement.retire", f"requirement:{code}", now)
    return _view(row)


async def _locked(work: UnitOfWork, code: str) -> RequirementView:
    if not code.isprintable():  # PostgreSQL refuses a text with a NUL
        raise NotFound
    row = await work.fetchrow(f"SELECT {_COLUMNS} FROM requirement WHERE code = $1 FOR UPDATE", code)
    if row is None:
        raise NotFound
    return _view(row)


def _check_kinds(kinds: list[Any]) -> None:
    if len(set(kinds)) != len(kinds):
        raise InvalidField("partner_kinds", "不能重复。", "names a kind twice.")


def _audited(view: RequirementView) -> dict[str, Any]:
    texts = {"title": [view.title.zh, view.title.en], "help": [view.help.zh, view.help.en]}
    return texts | {
        name: getattr(view, name) for name in ("kind", "gate", "partner_kinds", "active", "sort", "version")
    }


def _content(view: RequirementView) -> RequirementContent:
    return RequirementContent(
        gate=view.gate,
        title=Name(view.title.zh, view.title.en),
        help=Help(view.help.zh, view.help.en),
        partner_kinds=cast("list[PartnerKind]", view.partner_kinds),
        active=view.active,
        sort=view.sort,
        version=view.version,
    )


def _view(row: asyncpg.Record) -> RequirementView:
    return RequirementView(
        code=row["code"],
        version=row["version"],
        kind=row["kind"],
        gate=row["gate"],
        title=Text(row["title_zh"], row["title_en"]),
        help=Text(row["help_zh"], row["help_en"]),
        partner_kinds=list(row["partner_kinds"]),
        active=row["active"],
        sort=row["sort"],
        changed_at=row["changed_at"],
    )
