"""What this package has for the requests of one application."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketplace.platform.services import Services

if TYPE_CHECKING:  # these modules ask for the services themselves
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from benefits.desk.batch import PointsBatch
    from benefits.desk.context import PointsCommand
    from benefits.members.directory import Directory
    from benefits.offers.listing import Listing
    from benefits.redemptions.counter_commands import CounterCommand
    from marketplace.platform.batching.executor import BatchExecutor


@dataclass(frozen=True, kw_only=True, slots=True)
class BenefitsServices(Services):
    """Provided by `Benefits` while the application opens."""

    members: "Directory"
    listing: "Listing"
    points_batch: "PointsBatch"
    points_desk: "BatchExecutor[PointsCommand]"
    counter_desk: "BatchExecutor[CounterCommand]"
    before_redemption: "Callable[[UUID], Awaitable[None]] | None"
    """What a sandbox's application simulates; None in the live one."""
