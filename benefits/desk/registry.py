"""The kinds of commands that the desk takes, and the order in which a batch of them locks what it changes.

This order holds everywhere, so that no two transactions wait for each other in a circle: wallets by id, then vouchers, stock by
offer and slice, codes. The counter locks vouchers only.
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
