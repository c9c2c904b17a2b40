"""What the desk knows of offers, partners and contracts: kept in memory, checked by version in each batch."""

from collections.abc import Collection, Iterable
from uuid import UUID

import msgspec

from benefits.offers.domain import OfferContent, OfferTerms
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.platform.postgres.reads import Read, read_all
from partners.contracts.terms import load_terms

VERSIONS = Read(
    "id uuid",
    """SELECT ROW(o.id, o.version, p.version) FROM {wanted}
    JOIN offer o USING (id) JOIN partner p ON p.id = o.partner_id""",
)
"""The versions of offers and of their partners, by which a remembered offer is known to be fresh."""

_OFFERS = """
SELECT o.id, o.partner_id, o.status, o.revision, o.version, r.content,
       (SELECT count(*) FROM stock s WHERE s.offer_id = o.id) AS slices
FROM offer o JOIN offer_revision r ON r.offer_id = o.id AND r.revision = o.revision WHERE o.id = ANY($1::uuid[])
"""

_MOST = 50_000
"""How many offers are kept, a few KB each; beyond it the cache starts again."""


class OfferCache:
    """Offers by id. A stale entry is never used: each batch asks for the versions first."""

    def __init__(self) -> None:
        """Begin empty."""
        self._known: dict[UUID, OfferTerms] = {}

    async def terms(self, work: UnitOfWork, offer_ids: Iterable[UUID]) -> dict[UUID, OfferTerms]:
        """Return the offers as they stand in this transaction; ids that are not among the results do not exist."""
        wanted = set(offer_ids)
        (rows,) = await read_all(work, [(VERSIONS, [(offer_id,) for offer_id in wanted])])
        await self.refresh(work, rows)
        return {offer_id: self._known[offer_id] for offer_id, _, _ in rows}

    async def remembered(self, work: UnitOfWork, offer_ids: Collection[UUID]) -> dict[UUID, OfferTerms]:
        """Return the offers as they were when they were last read, never seen ones read now.

        To load by, never to decide by: what `VERSIONS` finds in the same transaction goes to `refresh` first.
        """
        unknown = [offer_id for offer_id in offer_ids if offer_id not in self._known]
        if unknown:
            await self._load(work, unknown)
        return {offer_id: self._known[offer_id] for offer_id in offer_ids if offer_id in self._known}

    async def refresh(self, work: UnitOfWork, versions: Iterable[tuple[UUID, int, int]]) -> bool:
        """Read the offers again whose version is another than the remembered one, and return whether there were any."""
        stale = [offer_id for offer_id, *version in versions if not self._fresh(offer_id, *version)]
        if stale:
            await self._load(work, stale)
        return bool(stale)

    def _fresh(self, offer_id: UUID, version: int, partner_version: int) -> bool:
        known = self._known.get(offer_id)
        return known is not None and (known.version, known.partner.version) == (version, partner_version)

    async def _load(self, work: UnitOfWork, offer_ids: list[UUID]) -> None:
        if len(self._known) > _MOST:
            self._known.clear()
        rows = await work.fetch(_OFFERS, offer_ids)
        partners = await load_terms(list({row["partner_id"] for row in rows}))
        for row in rows:
            self._known[row["id"]] = OfferTerms(
                offer_id=row["id"],
                partner_id=row["partner_id"],
                status=row["status"],
                revision=row["revision"],
                version=row["version"],
                content=msgspec.convert(row["content"], OfferContent),
                partner=partners[row["partner_id"]],
                slices=row["slices"],
            )
