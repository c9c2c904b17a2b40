"""The neighbours of the token endpoint: pushed requests, introspection, revocation, metadata, registration, keys."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from authlib.oauth2 import rfc8414, rfc9207
from joserfc import jwt
from joserfc.jwk import KeySet

from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.services import PlatformServices
from partners.oauth.cleanup import delete_expired
from partners.oauth.server import keys
from partners.oauth.server.keys import LEAD, MOST_AGE, rotate_if_old
from tests.support.app import Api, fresh_key
from tests.support.authorizing import (
    CALLBACK,
    Pkce,
    answer,
    asking,
    credentials,
    exchange,
    integrator,
    led_to,
    open_authorization,
    refresh,
    tokens_for,
)
from tests.support.dpop import BASE, Holder
from tests.support.oauth import GRANT, ask, basic
from tests.support.owner import by_owner
from tests.support.partners import active_partner, bearer, partner_client, staff_post, token
from tests.support.people import People
from tests.support.today import sql_now

PROFILE = "/v1/partner/profile"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def post(api: Api, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
    return await api.post(path, content=str(httpx.QueryParams(form)), headers=FORM | headers)


async def push(api: Api, client: Any, parameters: dict[str, str], **headers: str) -> httpx.Response:
    return await post(api, "/oauth/par", parameters, **(credentials(client) | headers))


async def about(api: Api, path: str, client: Any, of: str, **more: str) -> httpx.Response:
    return await post(api, path, {"token": of} | more, **credentials(client))


# --- pushed requests (RFC 9126)


async def test_a_pushed_request_is_what_counts(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce = await integrator(api), Pkce()
    pushed = await push(api, client, asking(client, pkce, scope="offers:read"))
    assert (pushed.status_code, pushed.json()["expires_in"]) == (201, 300), pushed.text
    uri = pushed.json()["request_uri"]
    changed = {
        "client_id": client["client_id"],
        "request_uri": uri,
        "scope": "vouchers:use",
        "redirect_uri": "https://evil.example/",
    }
    page = await open_authorization(api, changed)
    assert "vouchers:use" not in page.text
    where, query = led_to(await answer(api, page))
    assert (where, query["state"], query["iss"]) == (CALLBACK, "s-1", client["issuer"])
    given = await exchange(api, client, query["code"], pkce)
    assert given.json()["scope"] == "offers:read"
    again = await open_authorization(api, changed)
    assert (again.status_code, "location" in again.headers) == (400, False)


async def test_pushed_requests_that_are_refused(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, other, pkce = await integrator(api), await integrator(api), Pkce()
    table: list[tuple[dict[str, str], dict[str, str], int, str]] = [
        (asking(client, pkce, redirect_uri="https://evil.example/"), credentials(client), 400, "invalid_request"),
        (asking(client, pkce, code_challenge=None), credentials(client), 400, "invalid_request"),
        (asking(client, pkce, response_type="token"), credentials(client), 400, "unsupported_response_type"),
        (asking(client, pkce, scope="staff:manage"), credentials(client), 400, "invalid_scope"),
        (asking(client, pkce, resource=f"{BASE}/v1/points"), credentials(client), 400, "invalid_target"),
        (asking(client, pkce) | {"request_uri": "urn:x"}, credentials(client), 400, "invalid_request"),
        (asking(client, pkce) | {"request": "e30.e30."}, credentials(client), 400, "request_not_supported"),
        (asking(client, pkce), credentials(other), 401, "invalid_client"),
        (asking(client, pkce), {}, 401, "invalid_client"),
        (asking(client, pkce), {"Authorization": basic(client["client_id"], "wrong")}, 401, "invalid_client"),
    ]
    for parameters, headers, status, error in table:
        refused = await post(api, "/oauth/par", parameters, **headers)
        assert (refused.status_code, refused.json()["error"]) == (status, error), (parameters, refused.text)
        assert "location" not in refused.headers
    assert await DB.fetchval("SELECT count(*) FROM oauth_pushed_request") == 0


async def test_a_request_uri_is_for_its_client_once_and_five_minutes(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, other, pkce = await integrator(api), await integrator(api), Pkce()
    uri = (await push(api, client, asking(client, pkce))).json()["request_uri"]
    for parameters in (
        {"client_id": other["client_id"], "request_uri": uri},
        {"client_id": client["client_id"], "request_uri": uri + "x"},
        {"client_id": client["client_id"], "request_uri": "https://evil.example/request.jwt"},
        {"request_uri": uri},
    ):
        refused = await open_authorization(api, parameters)
        assert (refused.status_code, "location" in refused.headers) == (400, False), parameters
    named = {"client_id": client["client_id"], "request_uri": uri}
    first, second = await open_authorization(api, named), await open_authorization(api, named)
    assert led_to(await answer(api, first))[0] == CALLBACK
    twice = await answer(api, second)
    assert (twice.status_code, "location" in twice.headers) == (400, False)
    assert await DB.fetchval("SELECT count(*) FROM oauth_grant") == 1
    uri = (await push(api, client, asking(client, pkce))).json()["request_uri"]
    await by_owner(
        f"UPDATE oauth_pushed_request SET expires_at = {sql_now()} - interval '1 second' WHERE used_at IS NULL"
    )
    late = await open_authorization(api, named | {"request_uri": uri})
    assert (late.status_code, "location" in late.headers) == (400, False)


async def test_a_proof_at_the_push_binds_the_code(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce, holder = await integrator(api), Pkce(), Holder()
    pushed = await push(api, client, asking(client, pkce), DPoP=holder.proof(url=f"{BASE}/oauth/par"))
    uri = pushed.json()["request_uri"]
    page = await open_authorization(api, {"client_id": client["client_id"], "request_uri": uri})
    code = led_to(await answer(api, page))[1]["code"]
    assert (await exchange(api, client, code, pkce)).json()["error"] == "invalid_grant"
    good = await exchange(api, client, code, pkce, credentials(client) | {"DPoP": holder.proof()})
    assert good.status_code == 200, good.text
    mismatch = asking(client, pkce, dpop_jkt=Holder().jkt)
    refused = await push(api, client, mismatch, DPoP=holder.proof(url=f"{BASE}/oauth/par"))
    assert refused.json()["error"] == "invalid_dpop_proof"


# --- introspection (RFC 7662) and revocation (RFC 7009)


async def test_a_client_learns_of_its_own_tokens_only(api: Api, people: People) -> None:
    partner_id = await active_partner(api)
    await people.join(partner_id)
    client, other = await integrator(api), await partner_client(api, partner_id)
    given = await tokens_for(api, client)
    claims = (await about(api, "/oauth/introspect", client, given["access_token"])).json()
    assert (claims["active"], claims["scope"], claims["token_type"]) == (True, "offers:read statements:read", "Bearer")
    assert (claims["client_id"], claims["iss"], claims["aud"]) == (client["client_id"], BASE, f"{BASE}/v1/partner")
    assert claims["exp"] - claims["iat"] == 600
    family = (await about(api, "/oauth/introspect", client, given["refresh_token"])).json()
    assert (family["active"], family["token_type"]) == (True, "refresh_token")
    nothing = {"active": False}
    for of in (given["access_token"], given["refresh_token"]):
        assert (await about(api, "/oauth/introspect", other, of)).json() == nothing
    for of in ("x", "a.b.c", given["access_token"][:-4] + "AAAA", "mpr_" + "x" * 43):
        assert (await about(api, "/oauth/introspect", client, of)).json() == nothing
    assert (await post(api, "/oauth/introspect", {"token": given["access_token"]})).status_code == 401
    assert (await post(api, "/oauth/introspect", {}, **credentials(client))).json()["error"] == "invalid_request"
    public = await integrator(api, auth_method="none")
    unproven = {"token": given["access_token"], "client_id": public["client_id"]}
    assert (await post(api, "/oauth/introspect", unproven)).status_code == 401
    await refresh(api, client, given["refresh_token"])
    assert (await about(api, "/oauth/introspect", client, given["refresh_token"])).json() == nothing
    await staff_post(api, f"/v1/admin/partners/{partner_id}/suspend", {"reason": "投诉"})
    assert (await about(api, "/oauth/introspect", client, given["access_token"])).json() == nothing


async def test_revoking_a_refresh_token_ends_the_family(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, other = await integrator(api), await integrator(api)
    given = await tokens_for(api, client)
    foreign = await about(api, "/oauth/revoke", other, given["refresh_token"])
    assert (foreign.status_code, foreign.json()["error"]) == (400, "invalid_grant")
    assert (await api.get(PROFILE, headers=bearer(given["access_token"]))).status_code == 200
    ended = await about(api, "/oauth/revoke", client, given["refresh_token"], token_type_hint="access_token")
    assert ended.status_code == 200
    assert (await api.get(PROFILE, headers=bearer(given["access_token"]))).status_code == 401
    assert (await refresh(api, client, given["refresh_token"])).json()["error"] == "invalid_grant"
    for of in (given["refresh_token"], "unknown", "a.b.c"):
        assert (await about(api, "/oauth/revoke", client, of)).status_code == 200


async def test_revoking_an_access_token_ends_it_alone(api: Api) -> None:
    client = await partner_client(api, await active_partner(api))
    first, second = await token(api, client), await token(api, client)
    assert (await api.get(PROFILE, headers=bearer(first))).status_code == 200
    assert (await about(api, "/oauth/revoke", client, first)).status_code == 200
    assert (await api.get(PROFILE, headers=bearer(first))).status_code == 401
    assert (await api.get(PROFILE, headers=bearer(second))).status_code == 200
    assert (await about(api, "/oauth/introspect", client, first)).json() == {"active": False}


# --- metadata (RFC 8414)


async def test_the_metadata_says_what_works(api: Api) -> None:
    found = (await api.get("/.well-known/oauth-authorization-server")).json()
    rfc8414.AuthorizationServerMetadata(found).validate(metadata_classes=[rfc9207.AuthorizationServerMetadata])
    for name, address in found.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            path = address.removeprefix(found["issuer"])
            assert (await api.get(path)).status_code != 404, name
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True


# --- dynamic registration (RFC 7591, 7592)

METADATA = {
    "client_name": "门店助手", "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"], "scope": "offers:read vouchers:use", "software_id": "unknown fields are passed over",
}  # fmt: skip


async def _initial(api: Api, **changes: Any) -> str:
    body = {"publisher": "门店科技", "scopes": ["offers:read", "vouchers:use"]} | changes
    return str((await staff_post(api, "/v1/admin/registration-tokens", body))["initial_access_token"])


async def test_a_client_registers_itself_is_used_changed_and_deleted(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    initial = bearer(await _initial(api))
    made = await api.post("/oauth/register", json=METADATA, headers=initial)
    assert made.status_code == 201, made.text
    client = made.json()
    assert client["client_secret_expires_at"] == 0
    given = await tokens_for(api, client, scope="offers:read")
    assert given["scope"] == "offers:read"
    again = await api.post("/oauth/register", json=METADATA, headers=initial)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_token")
    own = bearer(client["registration_access_token"])
    path = client["registration_client_uri"].removeprefix(BASE)
    seen = (await api.get(path, headers=own)).json()
    assert (seen["client_name"], seen["redirect_uris"]) == ("门店助手", [CALLBACK])
    assert "client_secret" not in seen
    change = METADATA | {"client_id": client["client_id"], "scope": "offers:read", "redirect_uris": [f"{CALLBACK}/2"]}
    changed = await api.put(path, json=change, headers=own)
    assert (changed.status_code, changed.json()["scope"]) == (200, "offers:read"), changed.text
    refused = await api.put(path, json=change | {"scope": "offers:read vouchers:use"}, headers=own)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
    old = await open_authorization(api, asking(client, Pkce(), scope="offers:read"))
    assert (old.status_code, "location" in old.headers) == (400, False)
    assert (await api.delete(path, headers=own)).status_code == 204
    assert (await api.get(path, headers=own)).status_code == 401
    assert (await api.get(PROFILE, headers=bearer(given["access_token"]))).status_code == 401


async def test_registrations_that_are_refused(api: Api) -> None:
    initial = bearer(await _initial(api))
    table: list[tuple[dict[str, Any], str]] = [
        ({"client_name": None}, "invalid_client_metadata"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://app.example.com/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example.com/cb#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": 7}, "invalid_redirect_uri"),
        ({"scope": "staff:manage"}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://127.0.0.1/x"},
            "invalid_client_metadata",
        ),
        ({"client_name": "a\u0000b"}, "invalid_client_metadata"),
    ]
    for change, error in table:
        refused = await api.post("/oauth/register", json=METADATA | change, headers=initial)
        assert (refused.status_code, refused.json()["error"]) == (400, error), (change, refused.text)
    for headers in ({}, bearer("mpi_wrong"), {"Authorization": "Basic x"}):
        refused = await api.post("/oauth/register", json=METADATA, headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert await DB.fetchval("SELECT count(*) FROM oauth_client") == 0
    assert (await api.post("/oauth/register", json=METADATA, headers=initial)).status_code == 201  # it was not spent


async def test_an_initial_token_registers_as_often_as_it_says(api: Api) -> None:
    initial = bearer(await _initial(api, uses=3))
    answers = await asyncio.gather(*[api.post("/oauth/register", json=METADATA, headers=initial) for _ in range(10)])
    assert sorted(each.status_code for each in answers) == [201] * 3 + [401] * 7


async def test_registration_tokens_are_for_operations(api: Api) -> None:
    body = {"publisher": "x", "scopes": ["offers:read"]}
    refused = await api.post("/v1/admin/registration-tokens", json=body, headers=api.staff("finance") | fresh_key())
    assert refused.status_code == 403
    partner_id = await active_partner(api)
    initial = bearer(await _initial(api, publisher="", partner_id=partner_id))
    own = {"client_name": "POS", "scope": "offers:read"}
    made = (await api.post("/oauth/register", json=own, headers=initial)).json()
    assert made["grant_types"] == ["client_credentials"]
    assert (await api.get(PROFILE, headers=bearer(await token(api, made)))).json()["id"] == partner_id


# --- signing keys


async def test_signing_keys_rotate_with_overlap(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await partner_client(api, await active_partner(api))
    before = await token(api, client)
    made = await staff_post(api, "/v1/admin/signing-keys/rotate", None)
    published = (await api.get("/oauth/jwks.json")).json()
    assert [key["kid"] for key in published["keys"]][-1] == made["kid"]
    known = KeySet.import_key_set(published)
    soon = jwt.decode(await token(api, client), known)
    assert soon.header["kid"] == jwt.decode(before, known).header["kid"] != made["kid"]
    twice = await api.post("/v1/admin/signing-keys/rotate", headers=api.staff("operations") | fresh_key())
    assert (twice.status_code, twice.json()["code"]) == (409, "rotation_under_way")
    clock = PlatformServices.of(api.app).clock
    monkeypatch.setattr(clock, "offset", LEAD + timedelta(seconds=1))
    after = await token(api, client)
    assert jwt.decode(after, known).header["kid"] == made["kid"]
    for access in (before, after):
        assert (await api.get(PROFILE, headers=bearer(access))).status_code == 200
    await DB.fetch(
        f"UPDATE oauth_signing_key SET retired_at = {sql_now()} - interval '2 hours' WHERE kid <> $1", made["kid"]
    )
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 61)
    assert [(await api.get(PROFILE, headers=bearer(access))).status_code for access in (before, after)] == [401, 200]
    assert [key["kid"] for key in (await api.get("/oauth/jwks.json")).json()["keys"]] == [made["kid"]]
    sealed = await DB.fetch("SELECT private_sealed FROM oauth_signing_key")
    assert not any(b'"d"' in row["private_sealed"] for row in sealed)


async def test_strangers_who_ask_for_our_keys_cause_no_look_at_the_database(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await api.get("/oauth/jwks.json")
    assert first.headers["cache-control"] == "public, max-age=300"

    async def refused_load() -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(keys, "public_jwks", refused_load)
    assert (await api.get("/oauth/jwks.json")).json() == first.json()


async def test_of_rotations_that_come_together_one_is_first(api: Api) -> None:
    path, staff = "/v1/admin/signing-keys/rotate", api.staff("operations")
    answers = await asyncio.gather(*(api.post(path, headers=staff | fresh_key()) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 4
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"rotation_under_way"}
    assert await DB.fetchval("SELECT count(*) FROM oauth_signing_key") == 2


async def test_an_old_signing_key_is_followed_by_itself(api: Api, partners_only: Any) -> None:
    now = PlatformServices.of(api.app).clock.now()
    await rotate_if_old(partners_only.keys, now)
    assert await DB.fetchval("SELECT count(*) FROM oauth_signing_key") == 1
    await rotate_if_old(partners_only.keys, now + MOST_AGE + timedelta(days=1))
    assert await DB.fetchval("SELECT count(*) FROM oauth_signing_key") == 2
    await rotate_if_old(partners_only.keys, now + MOST_AGE + timedelta(days=1))
    assert await DB.fetchval("SELECT count(*) FROM oauth_signing_key") == 2


# --- clean-up


async def test_what_nobody_can_use_is_swept(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, holder = await integrator(api), Holder()
    given = await tokens_for(api, client)
    await refresh(api, client, given["refresh_token"], credentials(client) | {"DPoP": holder.proof()})
    await push(api, client, asking(client, Pkce()))
    await about(api, "/oauth/revoke", client, given["access_token"])
    await ask(api, GRANT, Authorization=basic(client["client_id"], "wrong"))
    tables = (
        "oauth_dpop_proof", "oauth_revoked_token", "oauth_pushed_request", "oauth_code", "oauth_refresh_token", "oauth_grant",
    )  # fmt: skip
    for table in tables:
        assert await DB.fetchval(f"SELECT count(*) FROM {table}") > 0, table
    now = PlatformServices.of(api.app).clock.now()
    await delete_expired(now + timedelta(minutes=10))
    assert await DB.fetchval("SELECT count(*) FROM oauth_refresh_token WHERE answer_sealed IS NOT NULL") == 0
    assert await DB.fetchval("SELECT count(*) FROM oauth_refresh_token") == 2
    await delete_expired(now + timedelta(days=700))
    for table in tables:
        assert await DB.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    async with unit_of_work() as work:
        assert await work.fetchval("SELECT count(*) FROM oauth_client") == 1
