"""The partners' commands on a data folder: references of a member who redeemed, and an owner who lost everything."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner, Result

from marketplace.kernel.clock import Clock
from marketplace.kernel.ids import uuid7
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.postgres.embedded import EmbeddedServer
from marketplace.platform.runtime.commands import DEMO_FILE, open_database, run, settings_for
from partners.commands import member_of_reference_command, reset_owner_command, rotate_references_command
from partners.onboarding.decide import admit
from partners.onboarding.schemas import ApplicationInput
from partners.pairwise import first_key, member_reference
from partners.webhooks.reference_keys import current_key
from tests.support.partner_fixtures import application_json
from tests.support.settlement import Sale, record

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
        await record(Sale(PARTNER).used(datetime(2026, 10, 15, tzinfo=UTC)))
        return UUID(await DB.fetchval("SELECT payload ->> 'member_id' FROM event"))


async def _reference(folder: Path, member_id: UUID) -> str:
    settings = settings_for(folder)
    async with open_database(settings), unit_of_work() as work:
        return member_reference(await current_key(work, settings.keys), PARTNER, member_id)


def test_a_rotation_and_who_was_meant(folder: Path) -> None:
    member_id = run(_fill(folder))
    old = run(_reference(folder, member_id))
    assert old == member_reference(first_key(settings_for(folder).keys), PARTNER, member_id)
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


async def _owner(folder: Path) -> UUID:
    async with open_database(settings_for(folder)), unit_of_work() as work:
        application = msgspec.convert(application_json(), ApplicationInput)
        partner_id = await admit(work, application, "admin:ops", Clock().now())
        await work.execute("UPDATE partner_staff SET status = 'active', provider_subject = 'gone'")
        return partner_id


def test_an_owner_whose_provider_is_gone_gets_a_link(folder: Path) -> None:
    partner_id = run(_owner(folder))
    wanted = (
        "--data",
        folder,
        "--partner",
        partner_id,
        "--email",
        " Wang@example.com ",
        "--reason",
        "provider is gone",
    )
    found = invoke(reset_owner_command, *wanted)
    assert found.exit_code == 0, found.output
    assert "/partner/join?token=" in found.output
    again = invoke(reset_owner_command, *wanted)
    assert again.exit_code != 0
    assert "/partner/join" not in again.output
    refused = invoke(reset_owner_command, *wanted[:5], "nobody@example.com", *wanted[6:])
    assert (refused.exit_code, "nobody with that address" in refused.output) == (1, True)
