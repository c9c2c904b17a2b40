"""The webhook events of a partner's statements."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text
from marketplace.platform.eventlog.webhook_events import SAMPLE_AT, SAMPLE_ID, WebhookEventType
from settlement.payouts.events import StatementPaid
from settlement.statements.events import StatementApproved, StatementClosed, StatementSettled


class StatementClosedData(msgspec.Struct, frozen=True):
    """A month was closed."""

    statement_id: UUID
    currency: str
    period: date
    lines: int
    total_minor: int
    tax_minor: int
    content_hash: str
    closed_at: datetime


class StatementApprovedData(msgspec.Struct, frozen=True):
    """A statement may be paid."""

    statement_id: UUID
    currency: str
    period: date
    total_minor: int
    approved_at: datetime


class StatementSettledData(msgspec.Struct, frozen=True):
    """An approved statement comes to zero; there is nothing to pay."""

    statement_id: UUID
    currency: str
    period: date
    settled_at: datetime


class StatementPaidData(msgspec.Struct, frozen=True):
    """A statement was paid; `reference` is the bank's."""

    statement_id: UUID
    payout_id: UUID
    currency: str
    amount_minor: int
    reference: str
    paid_on: date


_MONTH = date(2026, 11, 1)

ALL = (
    WebhookEventType(
        StatementClosed,
        Text("对账单已生成", "A statement was closed"),
        StatementClosedData(SAMPLE_ID, "CNY", _MONTH, 12, 360_000, 20_377, "0" * 64, SAMPLE_AT),
    ),
    WebhookEventType(
        StatementApproved,
        Text("对账单已批准", "A statement was approved"),
        StatementApprovedData(SAMPLE_ID, "CNY", _MONTH, 360_000, SAMPLE_AT),
    ),
    WebhookEventType(
        StatementSettled,
        Text("对账单金额为零，已结清", "A statement of zero was settled"),
        StatementSettledData(SAMPLE_ID, "CNY", _MONTH, SAMPLE_AT),
    ),
    WebhookEventType(
        StatementPaid,
        Text("对账单已付款", "A statement was paid"),
        StatementPaidData(SAMPLE_ID, SAMPLE_ID, "CNY", 360_000, "BANK-2026-1", date(2026, 12, 15)),
    ),
)
