"""An installation whose database was made with a secret key, and the settings of its next starts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import msgspec

from marketplace.platform.postgres.migrate import create_database
from marketplace.platform.runtime.database_server import prepare, with_database
from marketplace.settings import Settings
from tests.support.sandboxes import drop_sandboxes


@asynccontextmanager
async def installed(postgres: str, settings: Settings) -> AsyncIterator[Settings]:
    """Give the settings of an installation of its own, and drop its databases in the end."""
    name, admin = f"k{uuid4().hex[:10]}", await asyncpg.connect(postgres)
    await create_database(postgres, name)
    made = msgspec.structs.replace(settings, database_url=with_database(postgres, name), pool_size=4)
    await start(made)
    yield made
    await drop_sandboxes(postgres)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def with_keys(house: Settings, present: str, *old: str) -> Settings:
    """Return the settings with other secret keys."""
    return msgspec.structs.replace(house, secret_key=present, secret_keys_old=old)


async def start(settings: Settings) -> None:
    """Do what every start does before anything is served."""
    await prepare(settings, settings.database_url)
