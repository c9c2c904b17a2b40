"""A member's wish, and a redemption given back, become errands at the desk."""

from uuid import UUID

from benefits.desk.errands import Cancel, PointsErrand, Redeem, new_cancel, new_wish
from benefits.redemptions.schemas import CancellationInput, RedemptionInput
from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import bucket_of
from marketplace.platform.batching.executor import BatchExecutor
from marketplace.platform.http.idempotency import Outcome, key_for

OPERATION = "POST /v1/redemptions"


def new_redeem(member_id: UUID, body: RedemptionInput, key: str | None, language: str, unix_ms: int) -> Redeem:
    """Return the errand for the desk. Raises MissingKey or InvalidField for the key."""
    whole_key = key_for(f"member:{member_id}", key, OPERATION, body, bucket_of(member_id))
    return Redeem(new_wish(member_id, body.offer_id, body.quantity, unix_ms), whole_key, language)


async def redeem(
    desk: BatchExecutor[PointsErrand],
    member_id: UUID,
    body: RedemptionInput,
    key: str | None,
    language: str,
    clock: Clock,
) -> Outcome:
    """Redeem at the desk and return the answer: 201 issued, or the refusal as a problem; both are kept for the key."""
    return await desk.submit(new_redeem(member_id, body, key, language, clock.unix_ms()))


def cancel_errand(
    member_id: UUID, redemption_id: UUID, body: CancellationInput, key: str | None, language: str, unix_ms: int
) -> Cancel:
    """Return the errand of giving a redemption back. A key means the same here, on a page and over the API."""
    operation = f"{OPERATION}/{redemption_id}/cancel"
    whole_key = key_for(f"member:{member_id}", key, operation, body, bucket_of(member_id))
    return new_cancel(member_id, redemption_id, body.reason, whole_key, language, unix_ms)


async def cancel(
    desk: BatchExecutor[PointsErrand],
    member_id: UUID,
    redemption_id: UUID,
    body: CancellationInput,
    key: str | None,
    language: str,
    clock: Clock,
) -> Outcome:
    """Give the redemption back at the desk: 200 cancelled and what came back, or the refusal; both kept for the key."""
    return await desk.submit(cancel_errand(member_id, redemption_id, body, key, language, clock.unix_ms()))
