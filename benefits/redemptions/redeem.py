"""Redeem: a member's wish becomes a request at the desk."""

from uuid import UUID

from benefits.redemptions.batch import Request
from benefits.redemptions.desk import Desk
from benefits.redemptions.domain import Wish
from benefits.redemptions.schemas import RedemptionIn
from marketplace.kernel.clock import Clock
from marketplace.kernel.codes import new_code
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.platform.idempotency import Outcome, key_for

OPERATION = "POST /v1/redemptions"


def new_wish(member_id: UUID, offer_id: UUID, quantity: int, unix_ms: int) -> Wish:
    """Return a wish with the ids and the code that it will have if it is fulfilled; all carry the member's bucket."""
    bucket = bucket_of(member_id)
    return Wish(
        member_id=member_id,
        offer_id=offer_id,
        quantity=quantity,
        redemption_id=uuid7(bucket, unix_ms),
        voucher_id=uuid7(bucket, unix_ms),
        sweep_id=uuid7(bucket, unix_ms),
        code=new_code(bucket),
    )


def new_request(member_id: UUID, body: RedemptionIn, key: str | None, language: str, unix_ms: int) -> Request:
    """Return the request for the desk. Raises MissingKey or InvalidField for the key."""
    whole_key = key_for(f"member:{member_id}", key, OPERATION, body, bucket_of(member_id))
    return Request(new_wish(member_id, body.offer_id, body.quantity, unix_ms), whole_key, language)


async def redeem(
    desk: Desk, member_id: UUID, body: RedemptionIn, key: str | None, language: str, clock: Clock
) -> Outcome:
    """Redeem at the desk and return the answer: 201 issued, or the refusal as a problem; both are kept for the key."""
    return await desk.ask(new_request(member_id, body, key, language, int(clock.now().timestamp() * 1000)))
