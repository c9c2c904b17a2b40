"""The OAuth server, asked by a client that we did not write (Authlib's), and by some that no client would send."""

from typing import Any

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import KeySet
from litestar import get
from litestar.di import NamedDependency

from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from partners.oauth.access.callers import OemCaller
from partners.services import PartnersServices
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.oauth import EC_KEY, GRANT, SIGNING_KEY, ask, basic, jwks
from tests.support.partners import (
    active_partner,
    bearer,
    oem_client,
    partner_client,
    staff_post,
    token,
)
from tests.support.today import sql_now


def _authlib(api: Api, client: Any, secret: Any, method: str, **more: Any) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        client["client_id"], secret, token_endpoint_auth_method=method, transport=httpx.ASGITransport(api.app), **more
    )


async def _fetch(session: AsyncOAuth2Client, client: Any, **more: Any) -> Any:
    return await session.fetch_token(client["token_endpoint"], grant_type="client_credentials", **more)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_foreign_client_with_a_secret_gets_a_token_and_uses_it(api: Api, method: str) -> None:
    partner_id = await active_partner(api)
    client = await partner_client(api, partner_id, auth_method=method)
    async with _authlib(api, client, client["client_secret"], method, scope="offers:read locations:write") as session:
        granted = await _fetch(session, client)
        assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 600)
        assert granted["scope"] == "offers:read locations:write"
        profile = await session.get(f"{client['issuer']}/v1/partner/profile")
        assert profile.json()["id"] == partner_id


@pytest.mark.parametrize(("key", "alg"), [(SIGNING_KEY, "RS256"), (EC_KEY, "ES256")])
async def test_a_foreign_client_with_a_private_key_gets_a_token(api: Api, key: Any, alg: str) -> None:
    client = await partner_client(
        api, await active_partner(api), auth_method="private_key_jwt", jwks=jwks(SIGNING_KEY, EC_KEY)
    )
    assert client["client_secret"] is None
    claims = {"exp": int(today.now().timestamp()) + 60}
    async with _authlib(api, client, key, "private_key_jwt") as session:
        # Without `headers` Authlib names no kid; with two keys registered we could not know which one is meant.
        method = PrivateKeyJWT(client["issuer"], claims=claims, headers={"kid": key.kid}, alg=alg)
        session.register_client_auth_method(method)
        granted = await _fetch(session, client)
        assert (await session.get(f"{client['issuer']}/v1/partner/profile")).status_code == 200
    assert granted["expires_in"] == 600
    assert await DB.fetchval("SELECT count(*) FROM oauth_assertion") == 1


async def test_the_token_is_one_by_rfc_9068_and_the_published_keys_verify_it(api: Api) -> None:
    client = await partner_client(api, await active_partner(api))
    access = await token(api, client, scope="offers:read")
    metadata = (await api.get("/.well-known/oauth-authorization-server")).json()
    published = (await api.get(metadata["jwks_uri"])).json()
    assert [sorted(key) for key in published["keys"]] == [["alg", "crv", "kid", "kty", "use", "x", "y"]]
    decoded = jwt.decode(access, KeySet.import_key_set(published), algorithms=["ES256"])
    assert decoded.header == {"alg": "ES256", "typ": "at+jwt", "kid": published["keys"][0]["kid"]}
    claims = decoded.claims
    assert claims["iss"] == metadata["issuer"] == "http://127.0.0.1:1"
    assert claims["aud"] == "http://127.0.0.1:1/v1/partner"
    assert claims["sub"] == claims["client_id"] == client["client_id"]
    assert (claims["scope"], claims["exp"] - claims["iat"]) == ("offers:read", 600)
    assert abs(claims["iat"] - today.now().timestamp()) < 5
    other = jwt.decode(await token(api, client), KeySet.import_key_set(published), algorithms=["ES256"])
    assert other.claims["jti"] != claims["jti"]
    assert set(other.claims["scope"].split()) == set(client["scopes"])
    assert "client_credentials" in metadata["grant_types_supported"]
    assert "offers:write" in metadata["scopes_supported"]


async def test_refusals_by_rfc_6749(api: Api) -> None:
    client = await partner_client(api, await active_partner(api), scopes=["offers:read"])
    good = basic(client["client_id"], client["client_secret"])
    resource = f"{client['issuer']}/v1"
    table: list[tuple[Any, str | None, int, str]] = [
        (GRANT, good, 200, ""),
        (GRANT | {"resource": f"{resource}/partner"}, good, 200, ""),
        (GRANT | {"client_id": client["client_id"]}, good, 200, ""),
        (GRANT | {"unknown": "is ignored"}, good, 200, ""),
        (GRANT | {"scope": ""}, good, 200, ""),
        (GRANT | {"resource": f"{resource}/points"}, good, 400, "invalid_target"),
        (GRANT | {"resource": "https://elsewhere.example"}, good, 400, "invalid_target"),
        (GRANT | {"scope": "offers:read points:write"}, good, 400, "invalid_scope"),
        (GRANT | {"scope": "everything"}, good, 400, "invalid_scope"),
        (GRANT, basic(client["client_id"], "wrong"), 401, "invalid_client"),
        (GRANT, basic("nobody", "wrong"), 401, "invalid_client"),
        (GRANT, basic("no\0body", "wrong"), 401, "invalid_client"),
        (GRANT, "Basic !!!", 401, "invalid_client"),
        (GRANT, "Basic /////w==", 401, "invalid_client"),
        (GRANT, "Basic", 401, "invalid_client"),
        (GRANT, "Bearer abc", 401, "invalid_client"),
        (GRANT, None, 401, "invalid_client"),
        (GRANT | {"client_id": client["client_id"]}, None, 401, "invalid_client"),
        # The right secret by a method for which the client was not registered.
        (
            GRANT | {"client_id": client["client_id"], "client_secret": client["client_secret"]},
            None,
            401,
            "invalid_client",
        ),
        (GRANT | {"client_id": "another"}, good, 401, "invalid_client"),
        (GRANT | {"client_id": client["client_id"], "client_secret": "x"}, good, 400, "invalid_request"),
        ({"grant_type": "password", "username": "u", "password": "p"}, good, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, good, 400, "unauthorized_client"),
        ({"grant_type": "客户端"}, good, 400, "invalid_request"),
        ({"grant_type": 'a"b'}, good, 400, "invalid_request"),
        ({}, good, 400, "invalid_request"),
        (b"grant_type=client_credentials&grant_type=client_credentials", good, 400, "invalid_request"),
        (b"grant_type=client_credentials&scope=offers:read&scope=offers:read", good, 400, "invalid_request"),
        (b"grant_type", good, 400, "invalid_request"),
        (b"\xff\xfe", good, 400, "invalid_request"),
        (b"grant_type=client_credentials&x=%ff", good, 400, "invalid_request"),
        (b"grant_type=client_credentials&x=" + b"a" * 20_000, good, 400, "invalid_request"),
        (b"&".join(b"a%d=1" % number for number in range(50)), good, 400, "invalid_request"),
    ]
    for body, authorization, status, error in table:
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = await ask(api, body, **headers)
        assert (answer.status_code, answer.json().get("error", "")) == (status, error), (
            body,
            authorization,
            answer.text,
        )
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"].startswith("application/json")
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        assert answer.json().get("error_description", "").isascii()
    as_json = await api.post("/oauth/token", json=GRANT, headers={"Authorization": good})
    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
    assert (await api.get("/oauth/token")).status_code == 405


async def test_an_unknown_client_and_a_wrong_secret_look_alike(api: Api) -> None:
    client = await partner_client(api, await active_partner(api))
    wrong = await ask(api, GRANT, Authorization=basic(client["client_id"], "wrong"))
    unknown = await ask(api, GRANT, Authorization=basic("partner_nobody", "wrong"))
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())


@get("/v1/points/whoami", opt={"scope": "points:write"})
async def whoami(oem: NamedDependency[OemCaller]) -> str:
    return oem.client_id


async def test_a_token_for_one_audience_is_refused_by_the_others(partners_only: Settings, dsn: str) -> None:
    async with running_app(partners_only, dsn, extra_routes=[whoami]) as api:
        partner = bearer(await token(api, await partner_client(api, await active_partner(api))))
        issued = await oem_client(api)
        oem = bearer(await token(api, issued))
        assert (await api.get("/v1/points/whoami", headers=oem)).text == issued["client_id"]
        assert (await api.get("/v1/partner/profile", headers=partner)).status_code == 200
        refused = [
            await api.get("/v1/points/whoami", headers=partner),
            await api.get("/v1/partner/profile", headers=oem),
            await api.get("/v1/admin/partners", headers=partner),
            await api.get("/v1/partner/profile", headers=api.staff("operations")),
            await api.get("/v1/partner/profile", headers=api.member("m-1")),
            await api.get("/v1/partner/profile", headers=bearer("x" * 9000)),
            await api.get("/v1/partner/profile", headers=bearer(f"{'W1tb' * 1300}.e30.x")),
            await api.get("/v1/partner/profile"),
        ]
        assert [answer.status_code for answer in refused] == [401] * 8
        narrow = bearer(await token(api, await oem_client(api, scopes=["members:write"])))
        answer = await api.get("/v1/points/whoami", headers=narrow)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_a_revoked_client_stops_at_once_and_elsewhere_soon(api: Api) -> None:
    partner_id = await active_partner(api)
    first, second = await partner_client(api, partner_id), await partner_client(api, partner_id)
    access, other = bearer(await token(api, first)), bearer(await token(api, second))
    assert (await api.get("/v1/partner/profile", headers=access)).status_code == 200
    revoked = await staff_post(api, f"/v1/admin/clients/{first['client_id']}/revoke", {"reason": "泄露"})
    assert revoked["status"] == "revoked"
    assert (await api.get("/v1/partner/profile", headers=access)).status_code == 401
    answer = await ask(api, GRANT, Authorization=basic(first["client_id"], first["client_secret"]))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    # Another process revokes: this one sees it when its picture is renewed.
    await DB.fetch(
        f"UPDATE oauth_client SET status = 'revoked', revoked_at = {sql_now()} WHERE client_id = $1",
        second["client_id"],
    )
    assert (await api.get("/v1/partner/profile", headers=other)).status_code == 200
    PartnersServices.of(api.app).client_cache._read_at -= 16
    assert (await api.get("/v1/partner/profile", headers=other)).status_code == 401
    missing = await api.post(
        "/v1/admin/clients/a%00b/revoke", json={"reason": "x"}, headers=api.staff("operations") | fresh_key()
    )
    assert missing.status_code == 404


async def test_a_suspended_partner_stops_and_may_go_on_when_resumed(api: Api) -> None:
    partner_id = await active_partner(api)
    client = await partner_client(api, partner_id)
    office = await partner_client(api, partner_id, scopes=["offers:read", "statements:read"])
    access = bearer(await token(api, client))
    path = f"/v1/admin/partners/{partner_id}"
    await staff_post(api, f"{path}/suspend", {"reason": "投诉"})
    stopped = await api.get("/v1/partner/profile", headers=access)
    assert (stopped.status_code, stopped.json()["code"]) == (403, "partner_stopped")
    who = basic(client["client_id"], client["client_secret"])
    for form in (GRANT, GRANT | {"scope": "offers:read vouchers:use vouchers:verify"}):
        given = (await ask(api, form, Authorization=who)).json()
        assert sorted(given["scope"].split()) == ["vouchers:use", "vouchers:verify"], "what members hold, and no more"
        stopped = await api.get("/v1/partner/profile", headers=bearer(given["access_token"]))
        assert (stopped.status_code, stopped.json()["code"]) == (403, "partner_stopped")
    for scope in ("offers:read", "vouchers:use webhooks:manage"):
        answer = await ask(api, GRANT | {"scope": scope}, Authorization=who)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    answer = await ask(api, GRANT, Authorization=basic(office["client_id"], office["client_secret"]))
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client"), "it never took vouchers"
    refused = await api.post(
        f"{path}/clients", json={"name": "x", "scopes": ["offers:read"]}, headers=api.staff("operations") | fresh_key()
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    await staff_post(api, f"{path}/resume", {})
    assert (await api.get("/v1/partner/profile", headers=access)).status_code == 200
    await staff_post(api, f"{path}/terminate", {"reason": "x"})
    answer = await ask(api, GRANT, Authorization=who)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


async def test_a_request_costs_no_query_for_its_client(api: Api) -> None:
    access = bearer(await token(api, await partner_client(api, await active_partner(api))))
    await api.get("/v1/partner/profile", headers=access)
    cache = PartnersServices.of(api.app).client_cache
    read_at = cache._read_at
    for _ in range(20):
        await api.get("/v1/partner/profile", headers=access)
    assert cache._read_at == read_at
