"""What `marketplace doctor` says of what the program stands on; each check beside a broken variant."""

from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from marketplace.platform.encryption.secret_keys import settle
from marketplace.platform.postgres.database_time import PRESENT
from marketplace.platform.runtime import doctor_checks
from marketplace.platform.runtime.database_server import with_database
from marketplace.platform.runtime.doctor import _database
from marketplace.platform.runtime.doctor_checks import Finding
from marketplace.settings import Settings
from tests.support.processes import free_port
from tests.support.tokens import Issuer


async def finding(settings: Settings, dsn: str, begins: str, workers: int = 1) -> Finding:
    (found,) = [one for one in await _database(settings, dsn, workers) if one.what.startswith(begins)]
    return found


async def test_the_secret_key(dsn: str, settings: Settings) -> None:
    assert (await finding(settings, dsn, "secret key")).what == "secret key: none used yet"
    await settle(dsn, settings)
    assert (await finding(settings, dsn, "secret key")).good
    other = msgspec.structs.replace(settings, secret_key="another-key-of-nobody-0123456789abcdef")
    found = await finding(other, dsn, "secret key")
    assert not found.good
    assert found.remedy.startswith("MARKETPLACE_SECRET_KEY: is not the key of this database")
    rotating = msgspec.structs.replace(other, secret_keys_old=(settings.secret_key,))
    await settle(dsn, rotating)
    found = await finding(rotating, dsn, "secret key")
    assert found.good
    assert "rotate-secret-key" in found.remedy


async def test_the_owner_may_create_databases(dsn: str, settings: Settings) -> None:
    assert (await finding(settings, dsn, "sandboxes")).good
    name = f"weak_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(dsn)
    await admin.execute(f"CREATE ROLE {name} NOCREATEDB; ALTER TABLE event OWNER TO {name}")
    found = await finding(settings, dsn, "sandboxes")
    assert (found.good, f"ALTER ROLE {name} CREATEDB" in found.remedy) == (False, True)
    await admin.execute(f"ALTER TABLE event OWNER TO postgres; DROP ROLE {name}")
    await admin.close()


async def test_the_encoding(postgres: str, dsn: str, settings: Settings) -> None:
    assert (await finding(settings, dsn, "encoding")).good
    name = f"latin_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc")
    connection = await asyncpg.connect(with_database(postgres, name))
    found = await doctor_checks.encoding(connection, settings)
    await connection.close()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.close()
    assert (found.good, found.what) == (False, "encoding LATIN1")
    assert "UTF8" in found.remedy


async def test_the_clock(dsn: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await finding(settings, dsn, "clocks")).good
    for way in ("+", "-"):
        monkeypatch.setattr(doctor_checks, "PRESENT", f"{PRESENT} {way} interval '1 minute'")
        found = await finding(settings, dsn, "clocks")
        assert (found.good, bool(found.remedy)) == (False, True)


async def test_the_connections(dsn: str, settings: Settings) -> None:
    small = msgspec.structs.replace(settings, pool_size=10)
    found = await finding(small, dsn, "connections")
    assert found.good, found
    assert (
        "for 46, which are 1 of `serve` (pool 10, desks 4, jobs 1, sandboxes 16) and one of `work` (15)" in found.what
    )
    found = await finding(small, dsn, "connections", workers=64)
    assert (found.good, "raise max_connections by " in found.remedy) == (False, True)


async def test_mail(settings: Settings) -> None:
    assert (await doctor_checks.mail_server(settings)).good
    nobody = msgspec.structs.replace(
        settings, smtp_url=f"smtp+plain://127.0.0.1:{free_port()}", mail_from="a@b.example"
    )
    found = await doctor_checks.mail_server(nobody)
    assert (found.good, found.remedy.startswith("MARKETPLACE_SMTP_URL: ")) == (False, True)


async def test_one_id(settings: Settings) -> None:
    assert (await doctor_checks.one_id(settings)).what == "ONE ID: the demo's own"
    issuer = "https://id.example"
    real = msgspec.structs.replace(settings, oneid_issuer=issuer)
    assert (await doctor_checks.one_id(real, Issuer(real).transport)).good

    def answering(says: str, keys: object) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("openid-configuration"):
                return httpx.Response(200, json={"issuer": says, "jwks_uri": f"{issuer}/keys"})
            return httpx.Response(200, json=keys) if keys is not None else httpx.Response(503)

        return httpx.MockTransport(answer)

    for says, keys, reason in (
        ("https://id.example/", {"keys": []}, "it calls itself 'https://id.example/'"),
        (issuer, None, "503"),
        (issuer, {"keys": []}, "the key set cannot be read"),
        (issuer, ["nothing"], "the key set cannot be read"),
    ):
        found = await doctor_checks.one_id(real, answering(says, keys))
        assert not found.good, keys
        assert found.remedy.startswith("MARKETPLACE_ONEID_ISSUER: ")
        assert reason in found.remedy
