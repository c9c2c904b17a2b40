"""Units of an offer in its slices, in memory, under the locks of their rows. Pure; no I/O.

Stock is one row, a slice, unless an installation cuts it into several: then each desk sells from a slice of its own and
does not wait for the others' commits. Scarce stock is sold from wherever it lies, under the locks of all slices.
"""

import msgspec

from marketplace.kernel.errors import TryAgainError

SCARCE = 8
"""Units for each slice below which stock is not spread: sharing out so few costs more than one row does."""


class SliceEmptiedError(TryAgainError):
    """The slice that this desk sells from was emptied while its lock was waited for."""


class StockSlice(msgspec.Struct):
    """One row of the stock: what is left in it, and by how much this batch changed it."""

    remaining: int
    initial_change: int = 0
    held_change: int = 0
    sold_change: int = 0

    @property
    def changed(self) -> bool:
        """Whether the row has to be written."""
        return bool(self.initial_change or self.held_change or self.sold_change)

    @property
    def remaining_change(self) -> int:
        """By how much `remaining` differs from what was loaded: initial = remaining + held + sold, always."""
        return self.initial_change - self.held_change - self.sold_change


class OfferStock(msgspec.Struct):
    """An offer's slices that are locked here, and the one that this desk sells from.

    `whole` says that all slices are locked, so that units may be moved between them.
    """

    slices: dict[int, StockSlice]
    source: int
    whole: bool

    @property
    def remaining(self) -> int:
        """Units that can be taken."""
        if not self.whole:
            return self.slices[self.source].remaining
        return sum(part.remaining for part in self.slices.values())

    def hold(self, units: int) -> int:
        """Set units aside and return the slice that they were taken from; there must be enough."""
        part = self._prepare(units)
        part.remaining -= units
        part.held_change += units
        return self.source

    def sell(self, units: int) -> int:
        """Sell units and return the slice that they were taken from; there must be enough."""
        part = self._prepare(units)
        part.remaining -= units
        part.sold_change += units
        return self.source

    def sell_held(self, number: int, units: int) -> None:
        """Sell units that were held in the slice."""
        self.slices[number].held_change -= units
        self.slices[number].sold_change += units

    def release(self, number: int, units: int) -> None:
        """Give held units of the slice back."""
        part = self.slices[number]
        part.held_change -= units
        part.remaining += units

    def take_back(self, number: int, units: int) -> None:
        """Give sold units of the slice back."""
        part = self.slices[number]
        part.sold_change -= units
        part.remaining += units

    def prepare(self, demand: int) -> None:
        """Make ready to sell up to `demand` units: with all slices locked, spread what is left if there is enough for it.

        Raises SliceEmptiedError if only one is locked and it holds less: then all have to be.
        """
        if not self.whole and self.remaining < demand:
            raise SliceEmptiedError
        numbers = sorted(self.slices)
        total = self.remaining
        if self.whole and total >= SCARCE * len(numbers) > SCARCE:
            for place, number in enumerate(numbers):
                self._move(number, share(total, len(numbers), place) - self.slices[number].remaining)

    def _prepare(self, units: int) -> StockSlice:
        part = self.slices[self.source]
        for number in sorted(self.slices):
            missing = units - part.remaining
            if missing <= 0:
                break
            if number != self.source:
                moved = min(missing, self.slices[number].remaining)
                self._move(number, -moved)
                self._move(self.source, moved)
        return part

    def _move(self, number: int, units: int) -> None:
        self.slices[number].initial_change += units
        self.slices[number].remaining += units


def share(total: int, parts: int, place: int) -> int:
    """Return how many of `total` units the part at `place` gets when they are spread evenly."""
    return total // parts + (place < total % parts)


def slices_for(total: int, wanted: int) -> int:
    """Return into how many slices a stock is cut: as many as wanted, but one where units would be scarce."""
    return wanted if total >= SCARCE * wanted else 1
