"""What this package has for the requests of one application."""

from dataclasses import dataclass

from marketplace.platform.services import Services
from settlement.books.consumer import Books


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementServices(Services):
    """Provided by `Settlement` while the application opens."""

    books: Books
