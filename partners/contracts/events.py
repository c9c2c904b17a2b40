"""Events about contracts."""

from datetime import date, datetime
from uuid import UUID

from marketplace.kernel.event import Event


class ContractOffered(Event, frozen=True, tag="contract.offered"):
    """A version was offered for signature; its content is fixed."""

    aggregate = "partner"

    partner_id: UUID
    contract_id: UUID
    version: int
    starts_on: date
    ends_on: date | None
    content_hash: str
    offered_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id


class ContractSigned(Event, frozen=True, tag="contract.signed"):
    """Both sides have signed a version: it takes effect on its start date."""

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


class ContractWithdrawn(Event, frozen=True, tag="contract.withdrawn"):
    """An offered version was withdrawn."""

    aggregate = "partner"

    partner_id: UUID
    contract_id: UUID
    version: int
    reason: str
    withdrawn_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id


class ContractEnded(Event, frozen=True, tag="contract.ended"):
    """A contract ends before its end date: it was ended, or a later version replaces it from that day."""

    aggregate = "partner"

    partner_id: UUID
    contract_id: UUID
    version: int
    ends_on: date
    ended_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id


class PayoutAccountChanged(Event, frozen=True, tag="payout_account.changed"):
    """The payout account changed; only the last four digits of its number are given."""

    aggregate = "partner"

    partner_id: UUID
    last_four: str
    changed_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id


class PointPackLow(Event, frozen=True, tag="point_pack.low"):
    """A partner's prepaid points have fallen below its contract's warning level."""

    aggregate = "partner"

    partner_id: UUID
    balance: int
    low_balance_points: int
    at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id
