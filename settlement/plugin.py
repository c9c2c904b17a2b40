"""What this package plugs into the frame."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from pathlib import Path

from litestar import Litestar
from litestar.types import ControllerRouterHandler

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import Consumer
from marketplace.platform.packages import Package, SeedContext
from marketplace.settings import Settings
from settlement import webhook_events
from settlement.books.consumer import Books
from settlement.commands import close as close_command
from settlement.commands import export
from settlement.invariants import INVARIANTS
from settlement.payouts.api import FinancePayouts, PartnerPayouts
from settlement.rights import TABLES
from settlement.services import SettlementServices
from settlement.statements import close
from settlement.statements.api import FinanceStatements, PartnerStatements, Periods
from settlement.web import statements_page


class Settlement(Package):
    """Settlement: the money book follows redemptions; finance closes, approves, pays and exports."""

    name = "settlement"
    rights = TABLES
    invariants = INVARIANTS
    announced = webhook_events.ALL
    commands = (close_command, export)

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Set up the money book's consumer."""
        super().__init__(settings, clock)
        self.books = Books(settings.calendar)

    def lifespan(self, app: Litestar) -> AbstractAsyncContextManager[None]:
        """Give the application what its requests need."""
        SettlementServices(books=self.books).provide(app)
        return nullcontext()

    def routes(self) -> Sequence[ControllerRouterHandler]:
        """Return finance's and the partners' controllers, and the statements in the partner portal."""
        api = [Periods, FinanceStatements, FinancePayouts, PartnerStatements, PartnerPayouts]
        return [*api, *statements_page.routes()]

    def templates(self) -> Path | None:
        """Return the templates of the statements in the partner portal."""
        return Path(__file__).parent / "web" / "templates"

    def consumers(self) -> Sequence[Consumer]:
        """Return the money book's consumer."""
        return [self.books]

    async def time_passed(self, before: datetime, after: datetime) -> None:
        """Close the periods that ended meanwhile, as finance would have; nothing of a sandbox is ever paid."""
        await close.run_due(self.books, before, "sandbox", after)

    async def seed(self, context: SeedContext) -> None:
        """Settle the older of the demo's two past months."""
        from settlement.seed import seed  # here: only a demo's first start needs it

        await seed(context)
