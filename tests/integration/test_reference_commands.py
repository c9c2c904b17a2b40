"""`marketplace rotate-member-references` and `member-of-reference`, on a data folder with a member's redemption in it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from marketplace.kernel.ids import uuid7
from marketplace.platform.commands import DEMO_FILE, open_database, run, settings_for
from marketplace.platform.database import DB, unit_of_work
from marketplace.platform.embedded import EmbeddedServer
from partners.commands import member_of_reference_command, rotate_references_command
from partners.pairwise import first_key, member_reference
from partners.webhooks.reference_keys import current_key
from tests.support.settlement import Sale, tell

PARTNER = uuid7()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose server runs."""
    folder = tmp_path_factory.mktemp("references")
    (folder / DEMO_FILE).write_text("{}")
    server = EmbeddedServer(folder)
    server.start()
    yield folder
    server.stop()


def invoke(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


async def _fill(folder: Path) -> UUID:
    async with open_database(settings_for(folder)):
        await tell(Sale(PARTNER).used(datetime(2026, 10, 15, tzinfo=UTC)))
        return UUID(await DB.fetchval("SELECT payload ->> 'member_id' FROM event"))


async def _reference(folder: Path, member_id: UUID) -> str:
    settings = settings_for(folder)
    async with open_database(settings), unit_of_work() as work:
        return member_reference(await current_key(work, settings.secret_key), PARTNER, member_id)


def test_a_rotation_and_who_was_meant(folder: Path) -> None:
    member_id = run(_fill(folder))
    old = run(_reference(folder, member_id))
    assert old == member_reference(first_key(settings_for(folder).secret_key), PARTNER, member_id)
    rotated = invoke(rotate_references_command, "--data", folder)
    assert (rotated.exit_code, rotated.output) == (0, "references are m2_… from now on\n")
    new = run(_reference(folder, member_id))
    assert new.startswith("m2_")
    for reference in (old, new):
        found = invoke(member_of_reference_command, "--data", folder, "--partner", PARTNER, reference)
        assert (found.exit_code, found.output.strip()) == (0, str(member_id))
    for partner, reference in ((uuid7(), new), (PARTNER, "m2_" + "A" * 16), (PARTNER, "nonsense")):
        refused = invoke(member_of_reference_command, "--data", folder, "--partner", partner, reference)
        assert refused.exit_code == 1
        assert "knows nobody by that reference" in refused.output
    assert invoke(member_of_reference_command, "--data", folder, "--partner", "x", new).exit_code == 2
