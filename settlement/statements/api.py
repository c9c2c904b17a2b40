"""Statements over HTTP: finance closes, approves and reads; a partner reads its own."""

from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import WrongState
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, PathId, language_of, path_id
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from settlement.exports.files import CSV_TYPE, XLSX_TYPE, csv_answer, xlsx_answer
from settlement.services import SettlementServices
from settlement.statements import close
from settlement.statements.approve import approve
from settlement.statements.domain import EarlierPeriodOpen, PeriodNotOver, SamePerson, StatementChanged, StatementStatus
from settlement.statements.pages import line_page, own_statement_page, statement_page
from settlement.statements.schemas import (
    ClosedPeriod,
    LineView,
    MonthText,
    PartnerStatementView,
    PeriodCloseInput,
    StatementView,
    month_of,
    partner_view,
    statement_view,
)
from settlement.statements.statements import Filter, find, find_own

READERS = {"roles": ["finance", "finance_approver", "auditor"]}
SCOPE = {"scope": "statements:read"}

_CSV = {
    200: ResponseSpec(bytes, description="UTF-8 with a byte order mark", generate_examples=False, media_type=CSV_TYPE)
}
_XLSX = {200: ResponseSpec(bytes, description="The workbook", generate_examples=False, media_type=XLSX_TYPE)}


class Periods(Controller):
    """Periods that are closed."""

    path = "/v1/finance/periods"
    tags = ["finance"]

    @post(
        "/close",
        operation_id="close_period",
        summary="Close a period",
        status_code=200,
        opt={"roles": ["finance"]} | refusals(EarlierPeriodOpen, PeriodNotOver),
        responses={200: ResponseSpec(ClosedPeriod, description="The period's statements", generate_examples=False)},
    )
    async def close(
        self,
        data: JSONBody[PeriodCloseInput],
        key: IdempotencyKey,
        request: HttpRequest,
        staff: NamedDependency[Caller],
        clock: NamedDependency[Clock],
    ) -> Response[bytes]:
        """Make one statement for each partner that had a contract of the cycle in force in the period, or postings in it.

        Closing a closed period again changes nothing and answers with its statements. Refused with 409
        `period_not_over`, and with `earlier_period_open`, which names the first open period, while one before it is not
        closed for a partner, with lines or without.
        """
        now = clock.now()
        whole = request_key(request, staff.actor, key, data)
        books = SettlementServices.of(request).books
        closing = await close.prepare(books, data.period(), staff.actor, now)

        async def closed(work: UnitOfWork) -> ClosedPeriod:
            return ClosedPeriod([statement_view(statement) for statement in await closing(work)])

        return (await once(whole, language_of(request), closed, now=now)).response()


class FinanceStatements(Controller):
    """Statements as finance sees them."""

    path = "/v1/finance/statements"
    tags = ["finance"]

    @post(
        "/{statement_id:str}/approve",
        operation_id="approve_statement",
        summary="Approve a statement",
        status_code=200,
        opt={"roles": ["finance_approver"]} | refusals(SamePerson, StatementChanged, WrongState),
        responses={200: ResponseSpec(StatementView, description="The statement", generate_examples=False)},
    )
    async def approve(
        self,
        statement_id: FromPath[PathId],
        key: IdempotencyKey,
        request: HttpRequest,
        staff: NamedDependency[Caller],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Approve a closed statement; the approver is never the one who closed. 409 `same_person`, `wrong_state`."""
        identifier, now = path_id(statement_id), clock.now()

        async def decide(work: UnitOfWork) -> StatementView:
            return statement_view(await approve(work, identifier, staff.actor, now, settings.calendar))

        whole = request_key(request, staff.actor, key, None)
        return (await once(whole, language_of(request), decide, now=now)).response()

    @get(operation_id="list_statements", summary="List statements", opt=READERS)
    async def list_all(
        self,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        month: FromQuery[MonthText | None] = None,
        partner_id: FromQuery[UUID | None] = None,
        status: FromQuery[StatementStatus | None] = None,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[StatementView]:
        """Statements, the newest month first."""
        wanted = Filter(month_of(month) if month else None, partner_id, status)
        return await statement_page(cursors, wanted, cursor, limit, statement_view)

    @get("/{statement_id:str}", operation_id="get_statement", summary="Get a statement", opt=READERS)
    async def one(
        self,
        statement_id: FromPath[PathId],
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
    ) -> StatementView:
        """The statement."""
        return statement_view(await find(path_id(statement_id)))

    @get(
        "/{statement_id:str}/lines",
        operation_id="list_statement_lines",
        summary="List a statement's lines",
        opt=READERS,
    )
    async def lines(
        self,
        statement_id: FromPath[PathId],
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[LineView]:
        """The lines, in the order in which they occurred."""
        return await line_page(cursors, await find(path_id(statement_id)), cursor, limit)

    @get(
        "/{statement_id:str}/lines.csv",
        operation_id="export_statement_csv",
        summary="Export a statement's lines as CSV",
        opt=READERS,
        responses=_CSV,
    )
    async def csv(
        self,
        statement_id: FromPath[PathId],
        request: HttpRequest,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        settings: NamedDependency[Settings],
    ) -> Stream:
        """All lines as CSV that Excel opens, headers in the language asked for."""
        return csv_answer(await find(path_id(statement_id)), language_of(request), settings.calendar.zone)

    @get(
        "/{statement_id:str}/lines.xlsx",
        operation_id="export_statement_xlsx",
        summary="Export a statement's lines as XLSX",
        opt=READERS,
        responses=_XLSX,
    )
    async def xlsx(
        self,
        statement_id: FromPath[PathId],
        request: HttpRequest,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        settings: NamedDependency[Settings],
    ) -> Stream:
        """All lines as XLSX with a totals row and a summary sheet, headers in the language asked for."""
        return await xlsx_answer(await find(path_id(statement_id)), language_of(request), settings.calendar.zone)


class PartnerStatements(Controller):
    """A partner's own statements; another's are as absent as those that never were."""

    path = "/v1/partner/statements"
    tags = ["partner"]
    opt = SCOPE

    @get(operation_id="list_own_statements", summary="List the partner's own statements")
    async def list_own(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        month: FromQuery[MonthText | None] = None,
        status: FromQuery[StatementStatus | None] = None,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[PartnerStatementView]:
        """What the OEM owes the partner, the newest month first."""
        wanted = Filter(month_of(month) if month else None, None, status)
        return await own_statement_page(partner.partner_id, cursors, wanted, cursor, limit)

    @get("/{statement_id:str}", operation_id="get_own_statement", summary="Get one of the partner's own statements")
    async def one(
        self, statement_id: FromPath[PathId], partner: NamedDependency[PartnerCaller]
    ) -> PartnerStatementView:
        """The statement."""
        return partner_view(await find_own(partner.partner_id, path_id(statement_id)))

    @get(
        "/{statement_id:str}/lines",
        operation_id="list_own_statement_lines",
        summary="List the lines of the partner's own statement",
    )
    async def lines(
        self,
        statement_id: FromPath[PathId],
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[LineView]:
        """The lines, in the order in which they occurred."""
        return await line_page(cursors, await find_own(partner.partner_id, path_id(statement_id)), cursor, limit)

    @get(
        "/{statement_id:str}/lines.csv",
        operation_id="export_own_statement_csv",
        summary="Export the lines of the partner's own statement as CSV",
        responses=_CSV,
    )
    async def csv(
        self,
        statement_id: FromPath[PathId],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        settings: NamedDependency[Settings],
    ) -> Stream:
        """All lines as CSV that Excel opens, headers in the language asked for."""
        statement = await find_own(partner.partner_id, path_id(statement_id))
        return csv_answer(statement, language_of(request), settings.calendar.zone)

    @get(
        "/{statement_id:str}/lines.xlsx",
        operation_id="export_own_statement_xlsx",
        summary="Export the lines of the partner's own statement as XLSX",
        responses=_XLSX,
    )
    async def xlsx(
        self,
        statement_id: FromPath[PathId],
        request: HttpRequest,
        partner: NamedDependency[PartnerCaller],
        settings: NamedDependency[Settings],
    ) -> Stream:
        """All lines as XLSX with a totals row and a summary sheet, headers in the language asked for."""
        statement = await find_own(partner.partner_id, path_id(statement_id))
        return await xlsx_answer(statement, language_of(request), settings.calendar.zone)
