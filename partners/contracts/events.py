"""The facts about contracts."""

from datetime import date, datetime
from uuid import UUID

from marketplace.kernel.event import Event


class ContractOffered(Event, frozen=True, tag="contract.offered"):
    """A version lies before both sides to be signed; what it says does not change any more."""

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
    """Both sides have signed a version: it holds from its first day."""

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
    """A version that was offered is not to be signed any more."""

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
    """A contract ends earlier than it said: somebody ended it, or a later version takes its place from that day."""

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
    """Payouts go to another account from now on; of its number only the last four are told."""

    aggregate = "partner"

    partner_id: UUID
    last_four: str
    changed_at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id


class PointPackLow(Event, frozen=True, tag="point_pack.low"):
    """A partner's prepaid points have fallen below what its contract wants it to be warned of."""

    aggregate = "partner"

    partner_id: UUID
    balance: int
    low_balance_points: int
    at: datetime

    def subject(self) -> UUID:
        """The partner."""
        return self.partner_id
