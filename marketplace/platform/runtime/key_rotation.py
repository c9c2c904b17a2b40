"""Re-encrypts everything stored, here and in the sandboxes, under the present secret key (docs/decisions/0027-key-ring.md)."""

from collections.abc import Callable
from urllib.parse import urlsplit

import asyncpg
import msgspec

from marketplace.kernel.clock import WALL
from marketplace.kernel.errors import OperatorError
from marketplace.kernel.keyring import InsideJson, KeyRing, fingerprint
from marketplace.platform.encryption.secret_keys import COMMAND, EncryptedColumn, encrypted_columns
from marketplace.platform.eventlog import audit
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.postgres.database_names import database_pattern
from marketplace.platform.postgres.migrate import connected
from marketplace.platform.runtime.commands import progress
from marketplace.platform.runtime.database_server import database_server, prepare, with_database
from marketplace.settings import VARIABLES, Settings

_BATCH = 200


class UnreadableSecretsError(OperatorError):
    """A ciphertext is encrypted under a key that is not in the ring; the message says where."""


class KeyRotation(msgspec.Struct):
    """The result of a run."""

    seen: int = 0
    changed: int = 0
    unreadable: dict[str, int] = {}


async def rotate_everything(settings: Settings) -> str:
    """Re-encrypt the database and its sandboxes under the present key, and return the report.

    The old fingerprints are removed when all is done. Raises SettingsError and UnreadableSecretsError.
    """
    with database_server(settings) as server_dsn:
        (_, owner), _ = await prepare(settings, server_dsn)
        databases = [*await _sandboxes(owner), owner]
        done = KeyRotation()
        total = sum([await _count(dsn, settings) for dsn in databases])
        with progress("Encrypted values", total) as report:
            for dsn in databases:
                async with connected(dsn) as connection:
                    await rotate(connection, settings, done, lambda: report(min(done.seen, total), total))
        if done.unreadable:
            where = ", ".join(f"{column} ({count})" for column, count in sorted(done.unreadable.items()))
            raise UnreadableSecretsError(
                f"{VARIABLES['secret_keys_old']}: lacks the key of some values, which were left unchanged: {where};"
                f" add it and run `{COMMAND}` again"
            )
        # The live database last: as long as it has an old fingerprint, nothing starts without that key.
        for dsn in databases:
            await _forget_old(dsn, settings.keys, live=dsn == owner, changed=done.changed)
    return (
        f"{done.seen} values, {done.changed} re-encrypted. All use the present key now: when no process runs with"
        f" another {VARIABLES['secret_key']}, remove {VARIABLES['secret_keys_old']}."
    )


async def _sandboxes(owner: str) -> list[str]:
    async with connected(owner) as connection:
        rows = await connection.fetch(
            "SELECT datname FROM pg_database WHERE datname ~ $1 ORDER BY 1",
            database_pattern(urlsplit(owner).path.lstrip("/")),
        )
    return [with_database(owner, row["datname"]) for row in rows]


async def _count(dsn: str, settings: Settings) -> int:
    async with connected(dsn) as connection:
        here = await _there(connection, settings)
        counts = [await connection.fetchval(f'SELECT count(*) FROM "{one.table}" WHERE {_wanted(one)}') for one in here]
    return sum(counts)


async def _forget_old(dsn: str, ring: KeyRing, *, live: bool, changed: int) -> None:
    """Remove the fingerprints of all keys but the present one, under which everything is encrypted now."""
    async with connected(dsn) as connection:
        if await connection.fetchval("SELECT to_regclass('secret_key_mark')") is None:
            return
        rows = await connection.fetch(
            "DELETE FROM secret_key_mark WHERE fingerprint <> $1 RETURNING 1", fingerprint(ring.present)
        )
    if live and rows:
        await DB.open(dsn, pool_size=2)
        try:
            async with unit_of_work() as work:
                await audit.record(work, "operator", "secret_key.rotate", "secret_key", WALL.now(), changed=changed)
        finally:
            await DB.close()


async def rotate(
    connection: asyncpg.Connection, settings: Settings, done: KeyRotation, report: Callable[[], None]
) -> None:
    """Re-encrypt everything in the database under the present key, in batches; a second run continues where the first stopped.

    A value is replaced only if it has not changed since it was read. `report` is called after each batch.
    """
    for place in await _there(connection, settings):
        await _rotate_column(connection, settings.keys, place, done, report)


async def _there(connection: asyncpg.Connection, settings: Settings) -> list[EncryptedColumn]:
    """Return the columns that the database has: a sandbox that was not opened since an upgrade lacks the newest."""
    rows = await connection.fetch(
        "SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    known = {row["name"] for row in rows}
    return [place for place in encrypted_columns(settings) if str(place) in known]


async def _rotate_column(
    connection: asyncpg.Connection, ring: KeyRing, place: EncryptedColumn, done: KeyRotation, report: Callable[[], None]
) -> None:
    keys = [row["attname"] for row in await connection.fetch(_PRIMARY_KEY, f'public."{place.table}"')]
    key, column = ", ".join(f'"{name}"' for name in keys), f'"{place.column}"'
    marks = ", ".join(f"${n}" for n in range(1, len(keys) + 1))
    select = f'SELECT {key}, {column} AS sealed_value FROM "{place.table}" WHERE {_wanted(place)}'
    order = f" ORDER BY {key} LIMIT {_BATCH}"
    update = (
        f'UPDATE "{place.table}" SET {column} = ${len(keys) + 1}'
        f" WHERE ({key}) = ({marks}) AND {column} = ${len(keys) + 2}"
    )
    after: list[object] = []
    while True:
        beyond = f" AND ({key}) > ({marks})" if after else ""
        rows = await connection.fetch(select + beyond + order, *after)
        fresh = [
            (*(row[name] for name in keys), new, row["sealed_value"])
            for row in rows
            if (new := _resealed(ring, place, row["sealed_value"], done)) != row["sealed_value"]
        ]
        async with connection.transaction():
            await connection.executemany(update, fresh)
        done.seen += len(rows)
        done.changed += len(fresh)
        report()
        if len(rows) < _BATCH:
            return
        after = [rows[-1][name] for name in keys]


def _wanted(place: EncryptedColumn) -> str:
    inside = f" AND position('gAAAA'::bytea IN \"{place.column}\") > 0" if isinstance(place.purpose, InsideJson) else ""
    return f'"{place.column}" IS NOT NULL{inside}'


_PRIMARY_KEY = (
    "SELECT a.attname FROM pg_index i, unnest(i.indkey::int[]) WITH ORDINALITY k (attnum, place), pg_attribute a"
    " WHERE i.indrelid = $1::text::regclass AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.attnum"
    " ORDER BY k.place"
)


def _resealed(ring: KeyRing, place: EncryptedColumn, value: bytes, done: KeyRotation) -> bytes:
    for sealed in place.ciphertexts(value):
        opener = ring.opener(place.purpose, sealed)
        if opener is None and not isinstance(place.purpose, InsideJson):  # in JSON, any text may look like one
            done.unreadable[str(place)] = done.unreadable.get(str(place), 0) + 1
        elif opener is not None and opener != ring.present:
            value = value.replace(sealed, ring.encrypt(place.purpose, ring.decrypt(place.purpose, sealed)))
    return value
