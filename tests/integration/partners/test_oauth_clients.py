"""OAuth clients are issued by operations, and no secret lies in the clear."""

import asyncio
from typing import Any

import msgspec
import pytest

from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from partners.oauth.clients.clients import register_client
from partners.oauth.clients.schemas import ClientInput
from tests.support.app import Api, fresh_key, running_app
from tests.support.oauth import EC_KEY, GRANT, ask, basic, jwks
from tests.support.partners import (
    active_partner,
    approved_partner,
)

BAD_CLIENTS = [
    ({"scopes": []}, "scopes"),
    ({"scopes": ["offers:read", "points:write"]}, "scopes[1]"),
    ({"scopes": ["Offers"]}, "scopes[0]"),
    ({"name": ""}, "name"),
    ({"auth_method": "none"}, "auth_method"),
    ({"auth_method": "private_key_jwt"}, "jwks"),
    ({"jwks": jwks(EC_KEY)}, "jwks"),
    ({"auth_method": "private_key_jwt", "jwks": {}}, "jwks.keys"),
    ({"auth_method": "private_key_jwt", "jwks": {"keys": [7]}}, "jwks.keys[0]"),
    ({"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}, "jwks.keys[0]"),
    ({"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}}, "jwks.keys[0]"),
    ({"auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}}, "jwks.keys[0]"),
    ({"auth_method": "private_key_jwt", "jwks": {"keys": [EC_KEY.as_dict(private=True)]}}, "jwks.keys[0]"),
    ({"auth_method": "private_key_jwt", "jwks": {"keys": jwks(EC_KEY)["keys"] * 2}}, "jwks.keys"),
    ({"demo": True}, "demo"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field"), BAD_CLIENTS)
async def test_a_bad_client_is_refused_by_the_fields_name(api: Api, change: dict[str, Any], field: str) -> None:
    path = f"/v1/admin/partners/{await approved_partner(api)}/clients"
    body = {"name": "POS", "scopes": ["offers:read"]} | change
    answer = await api.post(path, json=body, headers=api.staff("operations") | fresh_key())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text
    assert await DB.fetchval("SELECT count(*) FROM oauth_client") == 0


async def test_issuing_is_for_operations_and_keeps_no_secret_in_the_clear(api: Api) -> None:
    partner_id = await active_partner(api)
    path, body = f"/v1/admin/partners/{partner_id}/clients", {"name": "POS", "scopes": ["offers:read"]}
    for headers in (api.staff("finance"), api.staff("auditor")):
        assert (await api.post(path, json=body, headers=headers | fresh_key())).status_code == 403
    key = fresh_key()
    first = await api.post(path, json=body, headers=api.staff("operations") | key)
    again = await api.post(path, json=body, headers=api.staff("operations") | key)
    assert first.json() == again.json()
    secret = first.json()["client_secret"]
    dump = await DB.fetchval(
        "SELECT concat((SELECT string_agg(convert_from(body, 'UTF8'), '') FROM idempotency),"
        " (SELECT string_agg(c::text, '') FROM oauth_client c), (SELECT string_agg(a::text, '') FROM audit_entry a))"
    )
    assert secret not in dump
    sealed = await DB.fetchval("SELECT private_sealed FROM oauth_signing_key")
    assert b'"d"' not in sealed
    listed = (await api.get(path, headers=api.staff("auditor"))).json()
    assert [client["client_id"] for client in listed["data"]] == [first.json()["client_id"]]
    assert "client_secret" not in listed["data"][0]


async def test_two_processes_that_start_together_agree_on_one_key(partners_only: Settings, database: str) -> None:
    from marketplace.kernel.clock import Clock
    from partners.oauth.server.keys import ensure_signing_key

    await asyncio.gather(*[ensure_signing_key(partners_only.keys, Clock().now()) for _ in range(5)])
    assert await DB.fetchval("SELECT count(*) FROM oauth_signing_key") == 1


async def test_demo_clients_are_unknown_in_production(partners_only: Settings, dsn: str) -> None:
    secret = "demo-secret-of-a-partner-0123456789"
    new = ClientInput(name="demo", scopes=["points:write"])
    async with running_app(partners_only, dsn) as api:
        now = PlatformServices.of(api.app).clock.now()
        async with unit_of_work() as work:
            issued = await register_client(
                work, partners_only, new, None, "seed", now, client_id="demo-oem", secret=secret, demo=True
            )
        answer = await ask(api, GRANT, Authorization=basic("demo-oem", secret))
        assert answer.status_code == 200, answer.text
        assert issued.client_secret == secret
    production = msgspec.structs.replace(partners_only, mode="production")
    async with running_app(production, dsn) as api:
        answer = await ask(api, GRANT, Authorization=basic("demo-oem", secret))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
