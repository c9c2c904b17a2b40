"""The facts about contracts."""

from datetime import date, datetime
from uuid import UUID

from marketplace.kernel.event import Event


class ContractSigned(Event, frozen=True, tag="contract.signed"):
    """A partner has a new version of its contract."""

    aggregate = "partner"

    partner_id: UUID
    contract_id: UUID
    version: int
    starts_on: date
    ends_on: date | None
    signed_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id


class ContractEnded(Event, frozen=True, tag="contract.ended"):
    """A contract ends earlier than it said."""

    aggregate = "partner"

    partner_id: UUID
    contract_id: UUID
    version: int
    ends_on: date
    ended_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id
