"""What an installation decides about points: read once from the settings, handed to every decision."""

from typing import Literal

import msgspec

from benefits.settings import BenefitsSettings
from marketplace.kernel.calendar import Calendar
from marketplace.settings import Settings


class PointsRules(msgspec.Struct, frozen=True):
    """The calendar of business days, how long points live, when and how a redemption can be undone, what may be given."""

    calendar: Calendar
    lifetime_months: int
    cancel_window_days: int
    expired_rule: Literal["restore", "forfeit"]
    gift_most: int

    @classmethod
    def of(cls, settings: Settings) -> "PointsRules":
        """Return the rules of the settings."""
        own = settings.of(BenefitsSettings)
        return cls(
            calendar=settings.calendar,
            lifetime_months=own.points_lifetime_months,
            cancel_window_days=own.cancel_window_days,
            expired_rule=own.cancel_expired_rule,
            gift_most=own.gift_most,
        )
