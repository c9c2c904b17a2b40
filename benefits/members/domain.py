"""What a member is: a tier and a state."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

TIERS = ("standard", "silver", "gold", "platinum")
Tier = Literal["standard", "silver", "gold", "platinum"]

TIER_NAMES: dict[str, tuple[str, str]] = {
    "standard": ("普通会员", "Standard"),
    "silver": ("银卡会员", "Silver"),
    "gold": ("金卡会员", "Gold"),
    "platinum": ("白金会员", "Platinum"),
}
"""Tier -> its name in Chinese and in English."""


class MemberStatus(StrEnum):
    """Whether a member may redeem."""

    ACTIVE = "active"  # may earn and redeem
    BLOCKED = "blocked"  # may look, but not redeem (the OEM says so)


OneIdSubject = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
