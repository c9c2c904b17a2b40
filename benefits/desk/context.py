"""What a command at the desk is decided with, and what it can have written."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from benefits.offers.stock_rows import CODE_CHANGES, STOCK_CHANGES, changed_slices
from benefits.points import ledger
from benefits.points.domain import Posting
from benefits.redemptions.domain import PoolCode, RedemptionRequest, State
from benefits.redemptions.limits import LIMIT_CHANGES
from benefits.rules import PointsRules
from marketplace.kernel.ids import bucket_of
from marketplace.platform.batching.commands import (
    BatchContext,
    Command,
    CommandKind,
    CommandRead,
    Found,
    Registry,
    Source,
)
from marketplace.platform.http.idempotency import Outcome
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.writes import Write, Writes


class PointsCommand(Command, Protocol):
    """A command that moves points."""

    @property
    def members(self) -> tuple[UUID, ...]:
        """Whose wallets it moves: they are locked, and loaded with their lots."""


CommandT = TypeVar("CommandT", bound=PointsCommand)


class EarlierSale(NamedTuple):
    """Units that were sold or held before and that a command may give back: their slice and limits are loaded, too."""

    member_id: UUID
    offer_id: UUID
    slice: int | None
    windows: Iterable[str]


class EarlierRead(Source[Found], Generic[CommandT, Found]):
    """What a kind of command reads before the batch's one statement, under the locks of the wallets.

    For commands that undo something: what else is to be locked depends on it.
    """

    def __init__(
        self,
        load: Callable[[UnitOfWork, Sequence[CommandT]], Awaitable[Found]],
        sales: Callable[[Found], Iterable[EarlierSale]],
    ) -> None:
        self.load = load
        self.sales = sales


class PointsKind(CommandKind[CommandT, "PointsContext"]):
    """A kind of command that moves points.

    `request` returns the request of a command that wants units of an offer: offer, stock, limits and codes are loaded for it.
    `earlier` is read under the wallets' locks, and whatever it locks are vouchers.
    """

    def __init__(
        self,
        command: type[CommandT],
        handle: Callable[[CommandT, "PointsContext"], Outcome],
        *,
        request: Callable[[CommandT], RedemptionRequest] | None = None,
        earlier: EarlierRead[CommandT, Any] | None = None,
        reads: Sequence[CommandRead[CommandT, Any]] = (),
        writes: Sequence[Write] = (),
    ) -> None:
        super().__init__(command, handle, reads=reads, writes=writes)
        self.request = request
        self.earlier = earlier


class PointsContext(BatchContext):
    """A batch at the desk. `state` is what is shared: members, offers, stock, limits, codes; decisions move it on."""

    def __init__(
        self,
        registry: Registry[PointsKind[Any]],
        state: State,
        rules: PointsRules,
        now: datetime,
        found: Mapping[Source[Any], Any],
    ) -> None:
        super().__init__(registry, now, found)
        self.state = state
        self.rules = rules
        self._postings: list[Posting] = []
        self._limits: set[tuple[UUID, UUID, str]] = set()
        self._codes: dict[tuple[UUID, int], tuple[str, UUID | None, int | None, UUID | None]] = {}

    def post(self, postings: Sequence[Posting]) -> None:
        """Have the postings written, with the wallets and lots that they change."""
        self._postings += postings

    def count(self, member_id: UUID, offer_id: UUID, windows: Iterable[str]) -> None:
        """Have the member's counters of the offer's limits written as the state has them in the end."""
        for window in windows:
            self._limits.add((member_id, offer_id, window))

    def issue_codes(self, offer_id: UUID, codes: Iterable[PoolCode], voucher_id: UUID) -> None:
        """Have the codes given to the voucher."""
        for code in codes:
            self._codes[offer_id, code.seq] = ("issued", None, bucket_of(voucher_id), voucher_id)

    def hold_codes(self, offer_id: UUID, codes: Iterable[PoolCode], hold_id: UUID) -> None:
        """Have the codes set aside for the hold."""
        for code in codes:
            self._codes[offer_id, code.seq] = ("held", hold_id, None, None)

    def free_codes(self, offer_id: UUID, codes: Iterable[PoolCode]) -> None:
        """Have the codes returned to the offer's pool."""
        for code in codes:
            self._codes[offer_id, code.seq] = ("free", None, None, None)

    async def write(self, work: UnitOfWork) -> None:
        """Write everything in one statement. A row that is not as it was loaded undoes the batch."""
        writes = Writes(self.now)
        ledger.post(writes, self._postings, self.state.members)
        writes.add(STOCK_CHANGES, changed_slices(self.state.stock))
        writes.add(LIMIT_CHANGES, [(bucket_of(key[0]), *key, self.state.used[key]) for key in self._limits])
        writes.add(CODE_CHANGES, [(*code, *change) for code, change in sorted(self._codes.items())])
        self.add_to(writes)
        await writes.run(work)
