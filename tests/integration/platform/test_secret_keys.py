"""The secret key: the database knows it, and it can be replaced without losing anything."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from click.testing import CliRunner

from marketplace.cli import main
from marketplace.kernel.keyring import KeyRing, Lasting, Purpose
from marketplace.platform.encryption.secret_keys import EncryptedColumn, encrypted_columns, lasting_keys
from marketplace.platform.runtime.database_server import with_database
from marketplace.platform.runtime.key_rotation import UnreadableSecretsError, rotate_everything
from marketplace.settings import Settings, SettingsError
from partners.oauth.server.keys import PURPOSE as SIGNING_KEY
from partners.pairwise import first_key, subject_reference
from tests.support.app import fresh_key, running_app
from tests.support.keyed import installed, start, with_keys
from tests.support.partners import ALL_SCOPES, active_partner, bearer, partner_client, token
from tests.support.sandboxes import sandboxed

T = TypeVar("T")

NEXT = "the-next-secret-of-the-tests-9876543210"
OTHER = "a-key-that-nobody-ever-used-5555abcdefgh"

NO_CIPHERTEXTS = {
    "audit_entry.hash", "audit_head.hash",
    "form_answer.id", "form_answer.owner", "idempotency.fingerprint", "oauth_client.registration_hash",
    "oauth_code.digest", "oauth_initial_token.digest", "oauth_pushed_request.digest", "oauth_refresh_token.asked",
    "oauth_refresh_token.digest", "oauth_refresh_token.successor", "oauth_revoked_token.digest", "oauth_secret.digest",
    "oauth_dpop_proof.digest", "partner.application_token_hash", "partner_staff_guess.key", "partner_staff_invitation.token_hash",
    "partner_staff_session.token_hash", "secret_key_mark.fingerprint", "web_session.token_hash",
}  # fmt: skip
"""Columns of bytes that hold hashes: nothing can be read from them, and a new key changes none."""


@pytest.fixture
async def house(postgres: str, settings: Settings) -> AsyncIterator[Settings]:
    """The settings of an installation whose database was made with its key."""
    async with installed(postgres, settings) as made:
        yield made


async def start_worker(settings: Settings) -> None:
    """Start what a process of `serve` starts. Raises what stopped it."""
    try:
        async with running_app(settings, settings.database_url):
            pass
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group


async def test_nothing_starts_with_a_key_that_is_not_the_databases(house: Settings) -> None:
    before = await columns(house)
    with pytest.raises(
        SettingsError, match=r"^MARKETPLACE_SECRET_KEY: is not the key of this database.*SECRET_KEYS_OLD"
    ):
        await start(with_keys(house, OTHER))
    with pytest.raises(SettingsError, match=r"^MARKETPLACE_SECRET_KEY: "):  # nor does one worker alone
        await start_worker(with_keys(house, OTHER))
    with pytest.raises(SettingsError, match=r"^MARKETPLACE_SECRET_KEY: "):
        await rotate_everything(with_keys(house, OTHER, NEXT))
    assert await columns(house) == before
    await start(house)


async def test_a_key_that_is_still_needed_cannot_be_left_out(house: Settings) -> None:
    await start(with_keys(house, NEXT, house.secret_key))
    with pytest.raises(SettingsError, match=r"^MARKETPLACE_SECRET_KEYS_OLD: lacks a key.*rotate-secret-key"):
        await start(with_keys(house, NEXT))
    with pytest.raises(SettingsError, match=r"^MARKETPLACE_SECRET_KEYS_OLD: lacks a key"):
        await start(house)  # back to the old key alone: the new one may have encrypted something
    await start(with_keys(house, house.secret_key, NEXT))


async def columns(house: Settings) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(house.database_url)
    found = await connection.fetch("SELECT fingerprint FROM secret_key_mark")
    await connection.close()
    return list(found)


async def fill(connection: asyncpg.Connection, settings: Settings, ring: KeyRing) -> dict[str, bytes]:
    """Put a row with a ciphertext into each of the places; return what is in each."""
    await connection.execute("SET session_replication_role = replica")  # no foreign keys: one row of each is enough
    put = {}
    for place in encrypted_columns(settings):
        if place.table == "lasting_key":
            continue
        await drop_checks(connection, place.table)
        put[str(place)] = plain = f"the secret of {place}".encode()
        sealed = ring.encrypt(place.purpose, plain)
        value = sealed if place.ciphertexts(sealed + b" ") != [sealed] else b'{"id":"x","secret":"%b"}' % sealed
        wanted = await connection.fetch(
            "SELECT column_name AS name, data_type AS type FROM information_schema.columns"
            " WHERE table_name = $1 AND is_nullable = 'NO' AND column_name <> $2",
            place.table,
            place.column,
        )
        names = ", ".join([f'"{row["name"]}"' for row in wanted] + [f'"{place.column}"'])
        values = ", ".join([VALUES.get(row["type"], "DEFAULT") for row in wanted] + ["$1"])
        await connection.execute(f'INSERT INTO "{place.table}" ({names}) VALUES ({values})', value)
    await connection.execute("SET session_replication_role = origin")
    return put


async def drop_checks(connection: asyncpg.Connection, table: str) -> None:
    """Let the table take a row of anything."""
    query = "SELECT conname FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype = 'c'"
    for row in await connection.fetch(query, table):
        await connection.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{row["conname"]}"')


VALUES = {
    "uuid": "gen_random_uuid()", "text": "'x'", "ARRAY": "'{}'", "jsonb": "'{}'", "json": "'{}'", "boolean": "false",
    "bytea": "gen_random_uuid()::text::bytea", "smallint": "2", "integer": "2", "bigint": "2", "character varying": "'x'",
    "timestamp with time zone": "'2026-11-30Z'", "date": "'2026-11-30'",
}  # fmt: skip


async def stored(connection: asyncpg.Connection, place: EncryptedColumn) -> list[bytes]:
    rows = await connection.fetch(
        f'SELECT "{place.column}" AS v FROM "{place.table}" WHERE "{place.column}" IS NOT NULL'
    )
    return [sealed for row in rows for sealed in place.ciphertexts(row["v"])]


async def test_the_command_reaches_every_column_and_then_the_old_key_may_go(
    house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(house.database_url)
    put = await fill(connection, house, house.keys)
    rotating = with_keys(house, NEXT, house.secret_key)
    await start(rotating)
    for place in encrypted_columns(house):  # nothing is lost before the command
        for sealed in await stored(connection, place):
            assert rotating.keys.decrypt(place.purpose, sealed)
    for name in ("MODE", "SECRET_KEY", "BASE_URL"):
        monkeypatch.setenv(f"MARKETPLACE_{name}", str(getattr(rotating, name.lower())))
    monkeypatch.setenv("MARKETPLACE_SECRET_KEYS_OLD", f"{house.secret_key}\n")
    monkeypatch.setenv("DATABASE_URL", house.database_url)
    said = await asyncio.to_thread(CliRunner().invoke, main, ["rotate-secret-key"])
    assert said.exit_code == 0, said.output
    assert "Encrypted values: " in said.stderr
    assert "remove MARKETPLACE_SECRET_KEYS_OLD" in " ".join(said.stdout.split())
    alone = with_keys(house, NEXT)
    for place in encrypted_columns(house):
        found = [alone.keys.decrypt(place.purpose, sealed) for sealed in await stored(connection, place)]
        if place.table != "lasting_key":
            assert put[str(place)] in found, place
    await start(alone)
    with pytest.raises(SettingsError, match=r"^MARKETPLACE_SECRET_KEY: is not the key"):
        await start(house)
    assert await connection.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'secret_key.rotate'") == 1
    assert ", 0 re-encrypted" in await rotate_everything(alone)
    await connection.close()


async def test_many_rows_in_batches_and_what_was_done_is_left_alone(house: Settings) -> None:
    rotating = with_keys(house, NEXT, house.secret_key)
    (mail,) = [place for place in encrypted_columns(house) if place.table == "outgoing_mail"]
    connection = await asyncpg.connect(house.database_url)
    await fill(connection, house, house.keys)
    (old,) = await stored(connection, mail)
    template = await connection.fetchrow("SELECT * FROM outgoing_mail")
    others = [name for name in template.keys() if name not in {"id", "text_sealed"}]  # noqa: SIM118 - a record's keys
    copy = f"INSERT INTO outgoing_mail (id, text_sealed, {', '.join(others)}) SELECT gen_random_uuid(), $1, {', '.join(others)}"
    done = rotating.keys.encrypt(mail.purpose, b"done before it was broken off")
    await connection.execute(f"{copy} FROM outgoing_mail, generate_series(1, 450)", old)
    await connection.execute(f"{copy} FROM outgoing_mail LIMIT 1", done)
    await rotate_everything(rotating)
    after = await stored(connection, mail)
    assert len(after) == 452
    assert done in after
    assert old not in after
    alone = with_keys(house, NEXT).keys
    plain = {alone.decrypt(mail.purpose, one) for one in after}
    assert plain == {b"the secret of outgoing_mail.text_sealed", b"done before it was broken off"}
    await connection.close()


async def test_what_no_key_opens_is_named_and_keeps_the_old_key_needed(house: Settings) -> None:
    connection = await asyncpg.connect(house.database_url)
    await fill(connection, house, KeyRing(OTHER))
    rotating = with_keys(house, NEXT, house.secret_key)
    with pytest.raises(UnreadableSecretsError, match=r"partner_staff\.totp_sealed \(1\).*rotate-secret-key"):
        await rotate_everything(rotating)
    assert await connection.fetchval("SELECT count(*) FROM secret_key_mark") == 2
    assert "encrypted" in await rotate_everything(with_keys(house, NEXT, house.secret_key, OTHER))
    await start(with_keys(house, NEXT))
    await connection.close()


def everywhere(kind: type[T]) -> list[T]:
    """Return the values of that type that stand in the program's modules."""
    ours = [
        module for name, module in list(sys.modules.items()) if name.startswith(("marketplace", "partners", "benefits"))
    ]
    return [value for module in ours for value in vars(module).values() if isinstance(value, kind)]


async def test_every_column_with_ciphertexts_is_one_that_the_command_reaches(house: Settings) -> None:
    reached = {str(place) for place in encrypted_columns(house)}
    connection = await asyncpg.connect(house.database_url)
    rows = await connection.fetch(
        "SELECT table_name || '.' || column_name AS name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'bytea' AND table_name NOT LIKE 'pgqueuer%'"
    )
    await connection.close()
    there = {row["name"] for row in rows}
    unknown = there - reached - NO_CIPHERTEXTS
    assert not unknown, "say in the package's `sealed` what is encrypted there, or here that it is a hash"
    assert reached <= there
    assert not reached & NO_CIPHERTEXTS
    of_program = everywhere(Purpose)
    assert {column for one in of_program for column in one.columns} == reached
    assert {one.name for one in everywhere(Lasting)} == {one.name for one in lasting_keys(house)}


async def test_partners_notice_nothing_of_a_rotation(house: Settings, postgres: str) -> None:
    """Their secrets, their webhooks' keys, tokens, answers, references, cursors and sandboxes are what they were."""
    key = fresh_key()
    async with running_app(house, house.database_url) as api:
        partner_id = await active_partner(api)
        client = await partner_client(api, partner_id, scopes=[*ALL_SCOPES, "events:read"])
        engineer = await sandboxed(api, partner_id)
        await engineer.get("/v1/partner/sandbox")
        mine = bearer(await token(api, client))
        body = {"name": "next", "scopes": ALL_SCOPES}
        path = f"/v1/admin/partners/{partner_id}/clients"
        first = await api.post(path, json=body, headers=api.staff("operations") | key)
        cursor = (await api.get("/v1/partner/events", headers=mine)).json()["resume_cursor"]
        reference, subject = first_key(house.keys), subject_reference(house.keys, "c", UUID(partner_id))
    rotating, alone = with_keys(house, NEXT, house.secret_key), with_keys(house, NEXT)

    async def inspect(settings: Settings) -> dict[str, Any]:
        await start(settings)
        async with running_app(settings, house.database_url) as api:
            again = await api.post(path, json=body, headers=api.staff("operations") | key)
            assert again.json() == first.json()
            assert (await api.get("/v1/partner/events", headers=mine)).status_code == 200  # the signing key is the same
            bearer(await token(api, client))
            assert first_key(settings.keys) == reference
            assert subject_reference(settings.keys, "c", UUID(partner_id)) == subject
            if cursor:
                assert (await api.get("/v1/partner/events", params={"cursor": cursor}, headers=mine)).status_code == 200
            return (await (await sandboxed(api, partner_id)).get("/v1/partner/sandbox"))["members"]

    members = await inspect(rotating)
    await rotate_everything(rotating)
    admin = await asyncpg.connect(postgres)
    (sandbox,) = await admin.fetch("SELECT datname FROM pg_database WHERE datname LIKE '%_sbx_%'")
    await admin.close()
    inside = await asyncpg.connect(with_database(postgres, sandbox["datname"]))
    assert alone.keys.decrypt(SIGNING_KEY, await inside.fetchval("SELECT private_sealed FROM oauth_signing_key"))
    await inside.close()
    assert await inspect(alone) == members
    with pytest.raises(SettingsError, match="is not the key"):
        await start(house)
