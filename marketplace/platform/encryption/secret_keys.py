"""Checks that the secret key belongs to the database.

The database stores a fingerprint of each key under which something in it is encrypted. A program whose ring lacks one of them
does not start. A new key is added at the first start with it; the old ones are removed when nothing is encrypted under them any
more (docs/decisions/0027-key-ring.md).
"""

import re
from collections.abc import Sequence

import asyncpg
import msgspec

from marketplace.kernel.clock import WALL
from marketplace.kernel.keyring import InsideJson, KeyRing, Lasting, Purpose, fingerprint
from marketplace.platform.http import paging
from marketplace.platform.outbound import mail
from marketplace.platform.packages import package_classes
from marketplace.platform.postgres.database import Engine
from marketplace.platform.postgres.migrate import connected
from marketplace.settings import VARIABLES, Settings, SettingsError

LASTING = Purpose("lasting key", ("lasting_key.key_sealed",))
FORM_ANSWER = Purpose("answer to a form", ("form_answer.body_sealed",))

COMMAND = "marketplace rotate-secret-key"

_TOKEN = re.compile(rb"gAAAA[A-Za-z0-9_-]+={0,2}")
"""A Fernet token: its version and the highest bytes of a timestamp, in URL-safe Base64."""


class EncryptedColumn(msgspec.Struct, frozen=True):
    """A column with ciphertexts."""

    table: str
    column: str
    purpose: Purpose

    def __str__(self) -> str:
        """Return it as `table.column`."""
        return f"{self.table}.{self.column}"

    def ciphertexts(self, value: bytes) -> list[bytes]:
        """Return the ciphertexts in a value of the column."""
        return _TOKEN.findall(value) if isinstance(self.purpose, InsideJson) else [value]


def encrypted_columns(settings: Settings) -> list[EncryptedColumn]:
    """Return all columns with ciphertexts, the platform's and the packages'."""
    of_packages = [purpose for package in package_classes(settings.packages) for purpose in package.sealed]
    found = []
    for purpose in (LASTING, mail.PURPOSE, FORM_ANSWER, *of_packages):
        for column in purpose.columns:
            table, _, name = column.partition(".")
            found.append(EncryptedColumn(table, name, purpose))
    return found


def lasting_keys(settings: Settings) -> list[Lasting]:
    """Return the purposes whose keys outlive the secret keys."""
    return [paging.KEY, *(what for package in package_classes(settings.packages) for what in package.lasting)]


def complaint(ring: KeyRing, marks: Sequence[bytes]) -> SettingsError | None:
    """Return why the ring does not belong to a database with these fingerprints, or None."""
    missing = set(marks) - {fingerprint(key) for key in ring.all}
    old = VARIABLES["secret_keys_old"]
    if not missing:
        return None
    if fingerprint(ring.present) in marks:
        return SettingsError(old, f"lacks a key that this database still needs; put it back and run `{COMMAND}` first")
    return _not_the_key()


def _not_the_key() -> SettingsError:
    return SettingsError(
        VARIABLES["secret_key"],
        "is not the key of this database; set the one that it had, or,"
        f" to replace that one, name it in {VARIABLES['secret_keys_old']} as well",
    )


async def check(connection: asyncpg.Connection | Engine, ring: KeyRing) -> None:
    """Raise SettingsError if the database has fingerprints and the ring does not belong to it."""
    if await connection.fetchval("SELECT to_regclass('secret_key_mark')") is None:
        return
    rows = await connection.fetch("SELECT fingerprint FROM secret_key_mark")
    if (error := complaint(ring, [row["fingerprint"] for row in rows])) is not None:
        raise error


async def settle(dsn: str, settings: Settings) -> None:
    """Store the key's fingerprint and the lasting keys in a migrated database, unless they exist. `dsn` is the owner's.

    Raises SettingsError.
    """
    ring = settings.keys
    async with connected(dsn) as connection, connection.transaction():
        await connection.execute("LOCK TABLE secret_key_mark IN SHARE ROW EXCLUSIVE MODE")
        await check(connection, ring)
        await connection.execute(
            "INSERT INTO secret_key_mark (fingerprint, since) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            fingerprint(ring.present),
            WALL.now(),
        )
        await connection.executemany(
            "INSERT INTO lasting_key (name, key_sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            [(what.name, ring.encrypt(LASTING, what.of(ring.present))) for what in lasting_keys(settings)],
        )


async def load(connection: asyncpg.Connection | Engine, ring: KeyRing) -> None:
    """Load the database's lasting keys into the ring. Raises SettingsError if the ring does not belong to this database."""
    await check(connection, ring)
    rows = await connection.fetch("SELECT name, key_sealed FROM lasting_key")
    ring.keep({row["name"]: ring.decrypt(LASTING, row["key_sealed"]) for row in rows})
