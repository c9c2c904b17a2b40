"""What `marketplace doctor` says of the running checks."""

import asyncpg
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.invariants.api import check_invariants
from marketplace.platform.packages import load_packages
from marketplace.platform.runtime.doctor import Finding, _database  # type: ignore[attr-defined]
from marketplace.settings import Settings
from tests.support.today import sql_now

STATES = [
    ("DELETE FROM invariant_slice", True, "none yet"),
    ("SELECT 1", True, "hold"),
    (
        f"UPDATE invariant_slice SET checked_at = {sql_now()} - interval '3 hours' WHERE name = 'audit chain'",
        False,
        "since",
    ),
    (
        f"UPDATE invariant_slice SET broken = 2, breaches = '[{{}}]', broken_since = {sql_now()} WHERE name = 'audit chain'",
        False,
        "1 of",
    ),
]


@pytest.mark.parametrize(("state", "good", "words"), STATES)
async def test_doctor_tells_of_breaches_and_of_checks_that_stand_still(
    database: str, settings: Settings, state: str, good: bool, words: str
) -> None:
    await check_invariants(load_packages(settings, Clock()))
    owner = await asyncpg.connect(database)
    await owner.execute(state)
    await owner.close()
    findings: list[Finding] = await _database(settings, database)
    (found,) = [finding for finding in findings if finding.what.startswith("running checks")]
    assert (found.good, bool(found.remedy)) == (good, not good)
    assert words in found.what
