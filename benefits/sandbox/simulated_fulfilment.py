"""Offers of a sandbox whose fulfilment is slow, or fails, whenever they are redeemed."""

import asyncio
from uuid import UUID

from marketplace.kernel.refusals import Explanation, Refusal
from marketplace.kernel.text import Text
from marketplace.sandbox.context import state

SLOW = "slow_fulfilment"
FAILED = "fulfilment_failed"

SLOW_S = 5.0


class FulfilmentFailed(Refusal):
    """The partner's system did not fulfil the redemption; nothing was taken."""

    code = FAILED
    zh = "沙箱：合作方履约失败，未扣减积分。"
    en = "Sandbox: the partner's fulfilment failed; nothing was taken."
    explanation = Explanation(
        Text(
            "沙箱按约定模拟了合作方履约失败，未扣减积分。",
            "The sandbox simulated a failed fulfilment, as its offer says. Nothing was taken.",
        ),
        Text(
            "用于测试失败流程；需要成功时请换用其他沙箱优惠。",
            "This tests your failure handling. Use another sandbox offer to succeed.",
        ),
    )


async def before_redemption(offer_id: UUID) -> None:
    """Let a redemption of a sandbox's magic offer wait or fail; only a sandbox has this. Raises FulfilmentFailed."""
    offers = (await state()).made.get("offers", [])
    answers = next((offer["answers"] for offer in offers if offer["id"] == str(offer_id)), None)
    if answers == SLOW:
        await asyncio.sleep(SLOW_S)
    elif answers == FAILED:
        raise FulfilmentFailed
