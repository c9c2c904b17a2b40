"""The application with the partners' package alone: nothing above it may be needed."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.attacks import nothing_goes_out
from tests.support.people import People


@pytest.fixture(scope="session")
def partners_only(settings: Settings) -> Settings:
    """The settings of an installation that has no package above this one."""
    return msgspec.structs.replace(settings, packages=("partners.plugin:Partners",))


@pytest.fixture
async def api(partners_only: Settings, dsn: str) -> AsyncIterator[Api]:
    """A client of the running application."""
    async with running_app(partners_only, dsn) as running:
        yield running


@pytest.fixture
def people(api: Api, dsn: str) -> People:
    """People of partners, and who of them is signed in."""
    return People(api, dsn)


@pytest.fixture
async def nothing_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Fail a test in which the server called any address, whether or not it reported it."""
    with nothing_goes_out(monkeypatch) as calls:
        yield calls
    assert calls == []
