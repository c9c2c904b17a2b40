"""ARCHITECTURE.md's redemption: the files that it names are entered by a real one, in that order."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from settlement.books.consumer import Books
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.traced import PACKAGES, ROOT, traced

_STEPS = range(1, 9)
"""From the request to the money book; the steps that follow are other requests."""

_MOST = 42
"""Files that one redemption enters: what a newcomer has to open at most to follow it."""


def reported(text: str) -> list[str]:
    """Return the files that the steps name by their whole path, in the order in which they first do."""
    section = text.partition("## One redemption through the house")[2].partition("\n## ")[0]
    steps = re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |\Z)", section, re.MULTILINE | re.DOTALL)
    named = [
        path for number, step in steps if int(number) in _STEPS for path in re.findall(r"`([a-z_/0-9]+\.py)`", step)
    ]
    return list(dict.fromkeys(path for path in named if path.startswith(PACKAGES) and "/" in path))


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as api:
        yield api


async def entered(api: Api, settings: Settings) -> tuple[list[str], list[str]]:
    """Return the files that a member's second redemption enters, and those that its way to the money book enters."""
    partner, member = await Partner(api).open(), api.member("lin")
    offer = await partner.offer(points=1)
    member_id = good(await api.get("/v1/me", headers=member))["member"]["id"]
    now = PlatformServices.of(api.app).clock.now().isoformat()
    earning = {"reference": "v", "member_id": member_id, "points": 500, "kind": "service", "occurred_at": now}
    good(await api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=await oem(api)))
    body, books = {"offer_id": offer["id"], "quantity": 1}, Books(settings.calendar)
    good(await api.post("/v1/redemptions", json=body, headers=member | fresh_key()), 201)
    await catch_up(books)
    with traced() as redeeming:
        good(await api.post("/v1/redemptions", json=body, headers=member | fresh_key()), 201)
    with traced() as booking:
        await catch_up(books)
    return redeeming.files, booking.files


async def test_architecture_tells_the_way(api: Api, settings: Settings) -> None:
    redeeming, booking = await entered(api, settings)
    way = [*redeeming, *(file for file in booking if file not in redeeming)]
    named = reported((ROOT / "ARCHITECTURE.md").read_text())
    print(len(redeeming), *way, sep="\n")  # noqa: T201 - pytest shows it with a failure
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).is_file()] == []
    assert [path for path in named if path not in way] == [], "named, and not entered"
    assert [path for path in way if path in named] == named, "in another order"
    assert len(redeeming) <= _MOST


def test_only_whole_paths_of_these_steps_count() -> None:
    text = """
## One redemption through the house

1. `benefits/b.py` after `x.py`,
   then `partners/a.py`.
8. `benefits/b.py` and `docs/c.py`.
9. `partners/late.py`

## Another

1. `partners/other.py`
"""
    assert reported(text) == ["benefits/b.py", "partners/a.py"]
    assert Path(ROOT / "benefits").is_dir()
