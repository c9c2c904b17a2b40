"""What an operator may set for points, offers and redemptions."""

from typing import Annotated, Literal

from msgspec import Meta

from marketplace.settings import PackageSettings


class BenefitsSettings(PackageSettings, frozen=True, kw_only=True):
    """How long points live, when a redemption can be undone, how much is decided at once."""

    points_lifetime_months: Annotated[
        int,
        Meta(ge=1, le=48, description="whole months for which points live after the month of their earning"),
    ] = 24
    cancel_expired_rule: Annotated[
        Literal["restore", "forfeit"],
        Meta(
            description=(
                "points that come back from a cancelled redemption: `restore` lets them last until the end of next month "
                "at least; under `forfeit` a lot keeps its day, and what has expired is gone"
            )
        ),
    ] = "restore"
    cancel_window_days: Annotated[
        int,
        Meta(ge=0, le=366, description="days in which a redemption can be cancelled"),
    ] = 30
    gift_most: Annotated[
        int,
        Meta(ge=0, le=10_000_000, description="points that a member may give to another at once; 0: no gifts"),
    ] = 10_000
    stock_slices: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description=(
                "rows into which a new stock of at least 8 units each is cut: as many as there are workers, so that none "
                "waits for another's commit on a hot offer"
            ),
        ),
    ] = 1
    desk_queue: Annotated[
        int,
        Meta(ge=1, le=100_000, description="requests that may wait at the desk; more are answered with 503"),
    ] = 4096
    desk_batch: Annotated[
        int,
        Meta(ge=1, le=256, description="requests that are decided together"),
    ] = 128


SETTINGS = BenefitsSettings
