"""Payouts over HTTP: finance records them; a partner sees its own."""

from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody

from marketplace.kernel.clock import Clock
from marketplace.kernel.refusals import NotFound, WrongState
from marketplace.platform.http.idempotency import IdempotencyKey, once, request_key
from marketplace.platform.http.identity import Caller
from marketplace.platform.http.paging import DEFAULT_LIMIT, Cursors, CursorText, Limit, Page
from marketplace.platform.http.problems import HttpRequest, language_of
from marketplace.platform.openapi.problems import refusals
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from settlement.payouts.domain import BelowMinimum, ChecksTooOld, NothingToPay, PayoutsStopped
from settlement.payouts.pay import pay
from settlement.payouts.read import own_payout_page, payout_page
from settlement.payouts.schemas import PartnerPayoutView, PayoutInput, PayoutView
from settlement.statements.domain import StatementChanged


class FinancePayouts(Controller):
    """Payouts as finance sees them."""

    path = "/v1/finance/payouts"
    tags = ["finance"]

    @post(
        operation_id="record_payout",
        summary="Record a payout",
        opt={"roles": ["finance"]}
        | refusals(BelowMinimum, NothingToPay, WrongState, ChecksTooOld, PayoutsStopped, StatementChanged, NotFound),
        responses={201: ResponseSpec(PayoutView, description="The payout", generate_examples=False)},
    )
    async def record(
        self,
        data: JSONBody[PayoutInput],
        key: IdempotencyKey,
        request: HttpRequest,
        staff: NamedDependency[Caller],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
    ) -> Response[bytes]:
        """Record that an approved statement's total was paid, once.

        409 `wrong_state`, `nothing_to_pay`, `below_minimum_payout`, `statement_changed`; 503 `payouts_stopped` while
        something does not add up, `checks_too_old` while nobody knows.
        """
        now = clock.now()

        async def record(work: UnitOfWork) -> PayoutView:
            return await pay(work, data, staff.actor, now, settings.calendar)

        whole = request_key(request, staff.actor, key, data)
        return (await once(whole, language_of(request), record, status=201, now=now)).response()

    @get(operation_id="list_payouts", summary="List payouts", opt={"roles": ["finance", "finance_approver", "auditor"]})
    async def list_all(
        self,
        staff: NamedDependency[Caller],  # noqa: ARG002 - the guard
        cursors: NamedDependency[Cursors],
        partner_id: FromQuery[UUID | None] = None,
        statement_id: FromQuery[UUID | None] = None,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[PayoutView]:
        """Payouts, the newest first."""
        return await payout_page(
            cursors, PayoutView, partner_id=partner_id, statement_id=statement_id, cursor=cursor, limit=limit
        )


class PartnerPayouts(Controller):
    """A partner's own payouts."""

    path = "/v1/partner/payouts"
    tags = ["partner"]

    @get(operation_id="list_own_payouts", summary="List the partner's own payouts", opt={"scope": "statements:read"})
    async def list_own(
        self,
        partner: NamedDependency[PartnerCaller],
        cursors: NamedDependency[Cursors],
        statement_id: FromQuery[UUID | None] = None,
        cursor: FromQuery[CursorText] = None,
        limit: FromQuery[Limit] = DEFAULT_LIMIT,
    ) -> Page[PartnerPayoutView]:
        """What was paid to the partner, the newest first."""
        return await own_payout_page(partner.partner_id, cursors, statement_id=statement_id, cursor=cursor, limit=limit)
