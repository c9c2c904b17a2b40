"""The facts that payouts publish."""

from datetime import date, datetime
from uuid import UUID

from marketplace.kernel.event import Event


class StatementPaid(Event, frozen=True, tag="statement.paid"):
    """A statement's total was paid to the partner."""

    aggregate = "statement"

    statement_id: UUID
    payout_id: UUID
    partner_id: UUID
    currency: str
    period: date
    amount_minor: int
    rail: str
    reference: str
    paid_on: date
    recorded_at: datetime

    def subject(self) -> UUID:
        """The statement."""
        return self.statement_id
