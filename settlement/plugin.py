"""What this package plugs into the frame."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from litestar.types import ControllerRouterHandler

from marketplace.kernel.calendar import Month
from marketplace.platform.database import unit_of_work
from marketplace.platform.events import Consumer, catch_up
from marketplace.platform.package import Package, SeedContext
from partners.contracts.terms import contracted_between
from settlement import announced
from settlement.books.consumer import Books
from settlement.commands import close, export
from settlement.invariants import INVARIANTS
from settlement.payouts.api import FinancePayouts, PartnerPayouts
from settlement.rights import TABLES
from settlement.statements.api import FinanceStatements, PartnerStatements, Periods
from settlement.statements.close import close_month
from settlement.web import statements_page


class Settlement(Package):
    """Settlement: the money book follows redemptions; finance closes, approves, pays and exports."""

    name = "settlement"
    rights = TABLES
    invariants = INVARIANTS
    announced = announced.ALL
    commands = (close, export)

    def routes(self) -> Sequence[ControllerRouterHandler]:
        """Return finance's and the partners' controllers, and the statements in the partner portal."""
        api = [Periods, FinanceStatements, FinancePayouts, PartnerStatements, PartnerPayouts]
        return [*api, *statements_page.routes()]

    def templates(self) -> Path | None:
        """Return the templates of the statements in the partner portal."""
        return Path(__file__).parent / "web" / "templates"

    def consumers(self) -> Sequence[Consumer]:
        """Return the money book's consumer."""
        return [Books(self.settings.calendar)]

    async def time_passed(self, before: datetime, after: datetime) -> None:
        """Close the months that ended meanwhile, as finance would have; nothing of a sandbox is ever paid."""
        calendar = self.settings.calendar
        await catch_up(Books(calendar))
        month = Month.of(calendar.day_of(before))
        while calendar.start_of(month.plus(1).first_day) <= after:
            async with unit_of_work() as work:
                contracted = await contracted_between(month.first_day, month.plus(1).first_day)
                await close_month(work, month, contracted, "sandbox", after, calendar)
            month = month.plus(1)

    async def seed(self, context: SeedContext) -> None:
        """Settle the older of the demo's two past months."""
        from settlement.seed import seed  # here: only a demo's first start needs it

        await seed(context)
