"""What this package plugs into the frame."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from marketplace.platform.events import Consumer
from marketplace.platform.package import Package, SeedContext
from settlement import announced
from settlement.books.consumer import Books
from settlement.commands import close, export
from settlement.invariants import INVARIANTS
from settlement.payouts.api import FinancePayouts, PartnerPayouts
from settlement.statements.api import FinanceStatements, PartnerStatements, Periods


class Settlement(Package):
    """Settlement: the money book follows redemptions; finance closes, approves, pays and exports."""

    name = "settlement"
    append_only = ("money_posting",)
    invariants = INVARIANTS
    announced = announced.ALL
    commands = (close, export)

    def routes(self) -> Sequence[ControllerRouterHandler]:
        """Return finance's and the partners' controllers."""
        return [Periods, FinanceStatements, FinancePayouts, PartnerStatements, PartnerPayouts]

    def consumers(self) -> Sequence[Consumer]:
        """Return the money book's consumer."""
        return [Books(self.settings.calendar)]

    async def seed(self, context: SeedContext) -> None:
        """Settle the older of the demo's two past months."""
        from settlement.seed import seed  # here: only a demo's first start needs it

        await seed(context)
