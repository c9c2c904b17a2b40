"""The facts that statements publish."""

from datetime import date, datetime
from uuid import UUID

from marketplace.kernel.event import Event


class StatementClosed(Event, frozen=True, tag="statement.closed"):
    """A partner's month was closed; the statement never changes again."""

    aggregate = "statement"

    statement_id: UUID
    partner_id: UUID
    currency: str
    period: date
    lines: int
    total_minor: int
    tax_minor: int
    content_hash: str
    closed_at: datetime

    def subject(self) -> UUID:
        """The statement."""
        return self.statement_id


class StatementApproved(Event, frozen=True, tag="statement.approved"):
    """A second person found the statement right; it may be paid, unless it comes to zero: then `StatementSettled` follows."""

    aggregate = "statement"

    statement_id: UUID
    partner_id: UUID
    currency: str
    period: date
    total_minor: int
    approved_at: datetime

    def subject(self) -> UUID:
        """The statement."""
        return self.statement_id


class StatementSettled(Event, frozen=True, tag="statement.settled"):
    """An approved statement comes to zero; there is nothing to pay."""

    aggregate = "statement"

    statement_id: UUID
    partner_id: UUID
    currency: str
    period: date
    settled_at: datetime

    def subject(self) -> UUID:
        """The statement."""
        return self.statement_id
