"""What cancelling a redemption would return: the same decision as the cancellation's, thrown away."""

from uuid import UUID

from benefits.offers.stock import OfferStock, StockSlice
from benefits.points.ledger import read_members
from benefits.redemptions.cancel import decide_cancel
from benefits.redemptions.commands import cancelled_view, redemptions_to_cancel
from benefits.redemptions.domain import State
from benefits.redemptions.schemas import CancelledView
from benefits.rules import PointsRules
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.kernel.refusals import NotFound
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.database_time import database_time


async def preview(
    work: UnitOfWork, member_id: UUID, redemption_id: UUID, rules: PointsRules, clock: Clock
) -> CancelledView:
    """Return what cancelling now would give back.

    Locks nothing: use a snapshot (REPEATABLE READ). Raises NotFound, VoucherNotCancellable, CancelWindowOver.
    """
    members = await read_members(work, [member_id])
    found = (await redemptions_to_cancel(work, [(member_id, redemption_id)], lock=False)).get(redemption_id)
    if found is None or member_id not in members:
        raise NotFound
    stock = (
        {}
        if found.slice is None
        else {found.offer_id: OfferStock({found.slice: StockSlice(0)}, found.slice, whole=False)}
    )
    used = {(member_id, found.offer_id, window): found.quantity for window in found.windows}
    now = await database_time(work, clock)
    bucket = bucket_of(member_id)
    state = State(members, {}, stock, used, {})
    return cancelled_view(decide_cancel(found, state, "", (uuid7(bucket), uuid7(bucket)), rules, now))
