"""The application with the partners' package alone: nothing above it may be needed."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.attacks import nothing_goes_out
from tests.support.people import People
from tests.support.receiver import receiving
from tests.support.webhooks import House


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


@pytest.fixture
async def house(settings: Settings, dsn: str, clock: Clock) -> AsyncIterator[House]:
    own = msgspec.structs.replace(settings, packages=("partners.plugin:Partners",), outbound_allow="127.0.0.0/8")
    async with running_app(own, dsn, clock) as api, receiving() as receiver:
        house = House(api, own, clock, receiver)
        house.headers = await house.partner("91310000MA1FL0000X")
        await catch_up(house.announcer)  # what happened before there was an endpoint is not sent
        yield house
