"""A partner's statements in the portal: what the OEM owes it, period by period, with the lines as files."""

from typing import Any

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from marketplace.kernel.ends import said_zone
from marketplace.kernel.periods import Period
from marketplace.kernel.text import Text
from marketplace.platform.http.paging import Cursors
from marketplace.platform.http.problems import path_id
from marketplace.settings import Settings
from marketplace.web.forms import PageRequest, cursor_of
from marketplace.web.language import page_language
from marketplace.web.navigation import NavItem, leads_to
from marketplace.web.pages import PageTemplate
from partners.roles import SignedIn
from partners.web.authorize import acting
from partners.web.frame import portal_page, portal_router
from settlement.books.domain import MoneyPostingCode
from settlement.exports.files import csv_answer, xlsx_answer
from settlement.payouts.read import own_payout_page
from settlement.statements.domain import StatementStatus
from settlement.statements.pages import line_page, own_statement_page
from settlement.statements.schemas import PartnerStatementView, partner_view
from settlement.statements.statements import Filter, find_own, zone_of_days

_SCOPE = "statements:read"

STATEMENTS_ON_A_PAGE, LINES_ON_A_PAGE = 24, 50

PLACE = NavItem(
    path="/partner/statements",
    icon="finance",
    name=Text("账单", "Statements"),
    about=Text("每期账单、明细下载、付款", "Each period's statement, its lines as files, payouts"),
    rank=30,
    scope=_SCOPE,
)

STATUS: dict[StatementStatus, tuple[Text, str]] = {
    StatementStatus.CLOSED: (Text("待主机厂审批", "Awaiting approval"), "warn"),
    StatementStatus.APPROVED: (Text("待付款", "To be paid"), "accent"),
    StatementStatus.PAID: (Text("已付款", "Paid"), "good"),
    StatementStatus.SETTLED: (Text("已结清", "Settled"), "good"),
}
"""What a statement's state is called, and the tone of its badge."""

TABS: dict[str, StatementStatus] = {str(status): status for status in STATUS}

LINE_WORDS: dict[MoneyPostingCode, Text] = {
    MoneyPostingCode.BENEFIT_ON_ISSUE: Text("兑换", "Redeemed"),
    MoneyPostingCode.BENEFIT_ON_ISSUE_REVERSED: Text("兑换冲销", "Redemption reversed"),
    MoneyPostingCode.BENEFIT_ON_USE: Text("核销", "Used"),
    MoneyPostingCode.BENEFIT_ON_USE_REVERSED: Text("核销冲销", "Use reversed"),
    MoneyPostingCode.DEALER_SHARE: Text("经销商分摊", "The dealer's share"),
    MoneyPostingCode.DEALER_SHARE_REVERSED: Text("经销商分摊冲销", "The dealer's share reversed"),
    MoneyPostingCode.PARTNER_SHARE: Text("贵公司分摊", "Your share"),
    MoneyPostingCode.PARTNER_SHARE_REVERSED: Text("贵公司分摊冲销", "Your share reversed"),
    MoneyPostingCode.COMMISSION: Text("佣金", "Commission"),
    MoneyPostingCode.COMMISSION_REVERSED: Text("佣金冲销", "Commission reversed"),
    MoneyPostingCode.POINTS_GRANTED: Text("发放积分", "Points granted"),
}


def routes() -> list[Router]:
    """Return the pages, for signed-in people of partners."""
    return [portal_router(statements, statement, csv, xlsx)]


@get(PLACE.path, opt=leads_to(PLACE))
async def statements(
    request: PageRequest, me: NamedDependency[SignedIn], cursors: NamedDependency[Cursors]
) -> PageTemplate:
    """List the statements, the newest period first."""
    partner = await acting(me, _SCOPE)
    tab = request.query_params.get("status", "")
    wanted = Filter(None, None, TABS.get(tab))
    found = await own_statement_page(partner.partner_id, cursors, wanted, cursor_of(request), STATEMENTS_ON_A_PAGE)
    following = f"/partner/statements?status={wanted.status or ''}&cursor={found.next_cursor}"
    return await portal_page(
        request,
        "settlement/statements.html",
        statements=found.data,
        statuses=STATUS,
        tab=wanted.status or "",
        next_page=following if found.next_cursor else "",
        **_words(request),
    )


@get("/partner/statements/{statement_id:str}")
async def statement(
    statement_id: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    cursors: NamedDependency[Cursors],
    settings: NamedDependency[Settings],
) -> PageTemplate:
    """Show how a statement's total comes about, its lines, and what was paid."""
    partner = await acting(me, _SCOPE)
    shown = await find_own(partner.partner_id, path_id(statement_id))
    lines = await line_page(cursors, shown, cursor_of(request), LINES_ON_A_PAGE)
    payouts = await own_payout_page(partner.partner_id, cursors, statement_id=shown.id, cursor=None, limit=10)
    following = f"/partner/statements/{shown.id}?cursor={lines.next_cursor}#lines"
    return await portal_page(
        request,
        "settlement/statement.html",
        statement=partner_view(shown),
        zone=said_zone(await zone_of_days(shown, settings.calendar.zone), page_language(request)),
        badge=STATUS[shown.status],
        lines=lines.data,
        words=LINE_WORDS,
        payouts=payouts.data,
        next_page=following if lines.next_cursor else "",
        **_words(request),
    )


@get("/partner/statements/{statement_id:str}/lines.csv")
async def csv(
    statement_id: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    settings: NamedDependency[Settings],
) -> Stream:
    """All lines as CSV that Excel opens, headers in the page's language."""
    shown = await _own(me, statement_id)
    return csv_answer(shown, page_language(request), settings.calendar.zone)


@get("/partner/statements/{statement_id:str}/lines.xlsx")
async def xlsx(
    statement_id: FromPath[str],
    request: PageRequest,
    me: NamedDependency[SignedIn],
    settings: NamedDependency[Settings],
) -> Stream:
    """All lines as XLSX with a totals row and a summary sheet, headers in the page's language."""
    shown = await _own(me, statement_id)
    return await xlsx_answer(shown, page_language(request), settings.calendar.zone)


def _words(request: PageRequest) -> dict[str, Any]:
    language = page_language(request)

    def period(statement: PartnerStatementView) -> str:
        return Period(statement.cycle, statement.period).said(language)

    return {"period": period}


async def _own(me: SignedIn, statement_id: str) -> Any:
    partner = await acting(me, _SCOPE)
    return await find_own(partner.partner_id, path_id(statement_id))
