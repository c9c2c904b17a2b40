"""How an invariant's rows are divided into ranges: without gap, without overlap, in parts of the same size."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.platform.invariants.checks import BY_BUCKET, WHOLE, CheckRange, Cut, gapless

BY_ID = Cut("partner_id", "SELECT …")


def _fetch(keys: Sequence[UUID]) -> Any:
    async def fetch(statement: str, low: UUID, high: UUID) -> list[tuple[UUID]]:
        return [(key,) for key in sorted(set(keys)) if low <= key <= high]

    return fetch


async def _divided(cut: Cut, part: CheckRange, parts: int, keys: Sequence[UUID] = ()) -> list[CheckRange]:
    return await cut.divide(_fetch(keys), part, parts)


@given(parts=st.lists(st.integers(1, 40), min_size=1, max_size=4))
async def test_buckets_are_divided_evenly_again_and_again(parts: list[int]) -> None:
    ranges = [BY_BUCKET.everything]
    for count in parts:
        ranges = [smaller for part in ranges for smaller in await _divided(BY_BUCKET, part, count)]
    assert gapless(ranges, BY_BUCKET)
    sizes = [1 + high - low for low, high in map(BY_BUCKET.bounds, ranges)]  # type: ignore[operator]
    assert sum(sizes) == 1024
    if len(parts) == 1:
        assert max(sizes) - min(sizes) <= 1


@given(keys=st.lists(st.uuids(), max_size=30), parts=st.lists(st.integers(1, 9), min_size=1, max_size=3))
async def test_ids_are_divided_where_there_are_some(keys: list[UUID], parts: list[int]) -> None:
    ranges = [BY_ID.everything]
    for count in parts:
        ranges = [smaller for part in ranges for smaller in await _divided(BY_ID, part, count, keys)]
    assert gapless(ranges, BY_ID)
    for key in keys:
        assert sum(part.low <= str(key) <= part.high for part in ranges) == 1, "texts sort as the ids do"


@pytest.mark.parametrize("cut", [BY_BUCKET, BY_ID, WHOLE])
async def test_what_cannot_be_divided_stays_whole(cut: Cut) -> None:
    one = {"bucket": CheckRange("0007", "0007"), "partner_id": BY_ID.only(UUID(int=7)), "": CheckRange()}[cut.key]
    assert await _divided(cut, one, 8, [UUID(int=7)]) == [one]
    assert gapless([cut.everything], cut)


def test_a_gap_and_an_overlap_are_seen() -> None:
    """The broken variants of the check above."""
    whole = BY_BUCKET.everything
    assert not gapless([], BY_BUCKET)
    assert not gapless([CheckRange("0000", "0500"), CheckRange("0502", "1023")], BY_BUCKET)
    assert not gapless([CheckRange("0000", "0500"), CheckRange("0500", "1023")], BY_BUCKET)
    assert not gapless([whole, whole], BY_BUCKET)
    assert not gapless([CheckRange("0000", "1022")], BY_BUCKET)
