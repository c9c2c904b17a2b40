"""The current titles of offers, for callers that keep only ids."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import DB

_MOST = 50_000
"""How many titles are kept, some hundred bytes each; beyond it the cache starts again."""


async def titles(offer_ids: Iterable[UUID]) -> dict[UUID, Text]:
    """Return the title of each offer's current revision; ids that are no offers are not among the results."""
    rows = await DB.fetch(
        "SELECT o.id, r.content -> 'title' AS title FROM offer o"
        " JOIN offer_revision r ON r.offer_id = o.id AND r.revision = o.revision WHERE o.id = ANY($1::uuid[])",
        list(set(offer_ids)),
    )
    return {row["id"]: msgspec.convert(row["title"], Text) for row in rows}


async def revision_titles(keys: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], Text]:
    """Return the titles that offers had in the given revisions."""
    rows = await DB.fetch(
        "SELECT r.offer_id, r.revision, r.content -> 'title' AS title FROM offer_revision r"
        " JOIN unnest($1::uuid[], $2::int[]) AS wanted (offer_id, revision) USING (offer_id, revision)",
        [key[0] for key in keys], [key[1] for key in keys],
    )  # fmt: skip
    return {(row["offer_id"], row["revision"]): msgspec.convert(row["title"], Text) for row in rows}


class Titles:
    """The titles that offers had in their revisions, remembered: a revision never changes, so none is ever stale."""

    def __init__(self) -> None:
        """Begin empty."""
        self._known: dict[tuple[UUID, int], Text] = {}

    async def of(self, keys: Collection[tuple[UUID, int]]) -> Mapping[tuple[UUID, int], Text]:
        """Return titles by offer and revision, those asked for among them."""
        missing = [key for key in keys if key not in self._known]
        if missing:
            if len(self._known) > _MOST:
                self._known = {key: self._known[key] for key in keys if key in self._known}
            self._known |= await revision_titles(missing)
        return self._known
