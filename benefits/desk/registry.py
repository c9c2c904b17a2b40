"""The kinds of commands that the desk takes, and the order in which a batch of them locks what it changes.

Every transaction that locks several of these locks them in this order, so that no two wait for each other in a circle: wallets
by id, vouchers by bucket and id, stock by offer and slice, codes. The counter locks vouchers only. A grant locks the
partner's point pack after the wallets (`benefits/points/grant.py`).
"""

from typing import Any

from benefits.desk.context import PointsKind
from benefits.holds.commands import END_HOLD, PLACE_HOLD
from benefits.points.commands import CREDIT, EXPIRE_POINTS, GIFT
from benefits.redemptions.commands import CANCEL, REDEEM
from marketplace.platform.batching.commands import Registry

LOCK_ORDER = ("wallet", "voucher", "stock", "code")

COMMANDS: Registry[PointsKind[Any]] = Registry(
    LOCK_ORDER,
    REDEEM,
    CANCEL,
    CREDIT,
    GIFT,
    EXPIRE_POINTS,
    PLACE_HOLD,
    END_HOLD,
)
