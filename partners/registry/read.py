"""Reads of partners, for operations and for the partners themselves."""

from typing import Any
from uuid import UUID

from marketplace.kernel.refusals import NotFound
from marketplace.kernel.text import Text
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.http.problems import parse_id
from marketplace.platform.outbound.mail import mails_about
from marketplace.platform.outbound.mail_view import NOTICE, mail_view
from partners.registry.domain import PartnerStatus, decisions
from partners.registry.schemas import HistoryEntry, NoticeView, PartnerDetail, PartnerView, Profile
from partners.registry.tables import PartnerHistoryRow, PartnerRow

_MOST_NOTICES = 20

_SHOWN = PartnerRow.all_columns(exclude=[PartnerRow.application_token_hash])
_HISTORY = PartnerHistoryRow.all_columns(exclude=[PartnerHistoryRow.seq, PartnerHistoryRow.partner_id])


async def list_partners(
    status: PartnerStatus | None, cursors: Cursors, cursor: str | None, limit: int
) -> Page[PartnerView]:
    """Return a page of partners, the newest application first. Raises InvalidField for a cursor of another list."""
    kind = f"partners:{status or ''}"
    before = parse_id(str(cursors.read(kind, cursor)[0])) if cursor else None
    query = PartnerRow.select(*_SHOWN).order_by(PartnerRow.id, ascending=False).limit(limit + 1)
    if status is not None:
        query = query.where(PartnerRow.status == status)
    if before is not None:
        query = query.where(PartnerRow.id < before)
    rows = await query
    data = [PartnerView(**_fields(row)) for row in rows[:limit]]
    return Page(data, cursors.make(kind, [str(data[-1].id)]) if len(rows) > limit else None)


async def partner_detail(partner_id: UUID) -> PartnerDetail:
    """Return a partner with its history. Raises NotFound."""
    row = await _row(partner_id)
    entries = (
        await PartnerHistoryRow.select(*_HISTORY)
        .where(PartnerHistoryRow.partner_id == partner_id)
        .order_by(PartnerHistoryRow.seq)
    )
    notices = [_notice(mail) for mail in await mails_about(partner_id, _MOST_NOTICES)]
    return PartnerDetail(**_fields(row), history=[HistoryEntry(**entry) for entry in entries], notices=notices)


async def profile(partner_id: UUID, client_id: str, scopes: frozenset[str]) -> Profile:
    """Return a partner's own profile, with the scopes of its token. Raises NotFound."""
    fields = _fields(await _row(partner_id))
    own = {name: fields[name] for name in Profile.__struct_fields__ if name in fields}
    return Profile(**own, client_id=client_id, scopes=sorted(scopes))


async def require_partner(partner_id: UUID) -> None:
    """Raise NotFound unless the partner exists."""
    if not await PartnerRow.exists().where(PartnerRow.id == partner_id):
        raise NotFound


def _notice(mail: Any) -> NoticeView:
    view = mail_view(mail["status"], mail["at"], mail["error"], NOTICE)
    return NoticeView(view.status, view.at, view.reason, mail["recipient"], mail["subject"])


async def _row(partner_id: UUID) -> dict[str, Any]:
    row = await PartnerRow.select(*_SHOWN).where(PartnerRow.id == partner_id).first()
    if row is None:
        raise NotFound
    return row


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    fields = dict(row)
    fields["name"] = Text(fields.pop("name_zh"), fields.pop("name_en"))
    fields["actions"] = decisions(PartnerStatus(row["status"]))
    return fields
