"""Tokens that only the holder of a key can use (RFC 9449), at the token endpoint and at the resource."""

import asyncio
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from marketplace.platform.postgres.database import DB
from tests.support import today
from tests.support.app import Api
from tests.support.authorizing import Pkce, code_for, exchange, integrator, refresh, tokens_for
from tests.support.dpop import BASE, Holder
from tests.support.oauth import GRANT, ask, basic
from tests.support.partners import active_partner, bearer, partner_client, token
from tests.support.people import People

PROFILE = "/v1/partner/profile"
URL = f"{BASE}{PROFILE}"


async def _bound(api: Api, client: Any, holder: Holder, **form: str) -> httpx.Response:
    authorization = basic(client["client_id"], client["client_secret"])
    return await ask(api, GRANT | form, Authorization=authorization, DPoP=holder.proof())


@pytest.mark.parametrize("key", [ECKey.generate_key("P-256"), RSAKey.generate_key(2048)], ids=["ES256", "RS256"])
async def test_a_bound_token_works_with_a_proof_of_its_key_alone(api: Api, key: Any) -> None:
    client, holder = await partner_client(api, await active_partner(api)), Holder(key)
    given = (await _bound(api, client, holder)).json()
    assert given["token_type"] == "DPoP"
    access = given["access_token"]
    good = await api.get(PROFILE, headers=holder.headers(access, "GET", URL))
    assert good.status_code == 200, good.text
    thief = Holder()
    plain = await token(api, client)
    table: dict[str, dict[str, str]] = {
        "as bearer": bearer(access),
        "no proof": {"Authorization": f"DPoP {access}"},
        "another key": thief.headers(access, "GET", URL),
        "another method": holder.headers(access, "POST", URL),
        "another address": holder.headers(access, "GET", f"{BASE}/v1/partner/offers"),
        "another host": holder.headers(access, "GET", f"http://127.0.0.1:2{PROFILE}"),
        "another token": {"Authorization": f"DPoP {access}", "DPoP": holder.proof("GET", URL, plain)},
        "no ath": holder.headers(access, "GET", URL, ath=None),
        "old": holder.headers(access, "GET", URL, iat=int(today.now().timestamp()) - 90),
        "from tomorrow": holder.headers(access, "GET", URL, iat=int(today.now().timestamp()) + 60),
        "unbound as DPoP": holder.headers(plain, "GET", URL),
    }
    for name, headers in table.items():
        refused = await api.get(PROFILE, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_dpop_proof"), (name, refused.text)
        assert refused.headers["WWW-Authenticate"].startswith("DPoP "), name
    two = await api.get(
        PROFILE, headers=[("Authorization", f"DPoP {access}"), *[("DPoP", holder.proof("GET", URL, access))] * 2]
    )
    assert two.status_code == 401
    places = "/v1/partner/locations"
    with_query = await api.get(f"{places}?limit=1", headers=holder.headers(access, "GET", f"{BASE}{places}?y=2#z"))
    assert with_query.status_code == 200, with_query.text  # query and fragment do not count (§4.3)
    assert (await api.get(PROFILE, headers=bearer(plain))).status_code == 200


async def test_a_proof_works_once_also_when_twenty_copies_come_at_a_time(api: Api) -> None:
    client, holder = await partner_client(api, await active_partner(api)), Holder()
    access = (await _bound(api, client, holder)).json()["access_token"]
    headers = holder.headers(access, "GET", URL)
    answers = await asyncio.gather(*[api.get(PROFILE, headers=headers) for _ in range(20)])
    assert sorted(each.status_code for each in answers) == [200] + [401] * 19


async def test_without_remembering_every_copy_of_a_proof_would_work(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard's test can fail."""
    client, holder = await partner_client(api, await active_partner(api)), Holder()
    access = (await _bound(api, client, holder)).json()["access_token"]

    async def forgetful(proof: Any) -> bool:
        return True

    monkeypatch.setattr("partners.oauth.access.callers.remember", forgetful)
    headers = holder.headers(access, "GET", URL)
    answers = await asyncio.gather(*[api.get(PROFILE, headers=headers) for _ in range(3)])
    assert [each.status_code for each in answers] == [200] * 3


async def test_proofs_that_are_not_good_at_the_token_endpoint(api: Api) -> None:
    client, holder = await partner_client(api, await active_partner(api)), Holder()
    authorization = basic(client["client_id"], client["client_secret"])
    now, secret = int(today.now().timestamp()), OctKey.generate_key(256)
    used = holder.proof()
    table = {
        "used": used,
        "garbage": "abc",
        "dots": "a.b.c",
        "private key": holder.proof(header={"jwk": holder.key.as_dict(private=True)}),
        "symmetric": holder.proof(header={"alg": "HS256", "jwk": secret.as_dict()}, key=secret),
        "no key": holder.proof(header={"jwk": None}),
        "somebody else's key": holder.proof(header={"jwk": Holder().key.as_dict(private=False)}),
        "weak curve": holder.proof(header={"jwk": ECKey.generate_key("P-384").as_dict(private=False)}),
        "no typ": holder.proof(header={"typ": None}),
        "typ of a token": holder.proof(header={"typ": "at+jwt"}),
        "another method": holder.proof("GET"),
        "another address": holder.proof(url=f"{BASE}/oauth/par"),
        "address in a list": holder.proof(htu=[f"{BASE}/oauth/token"]),
        "no htu": holder.proof(htu=None),
        "no jti": holder.proof(jti=None),
        "long jti": holder.proof(jti="x" * 200),
        "no iat": holder.proof(iat=None),
        "iat is text": holder.proof(iat="now"),
        "iat is true": holder.proof(iat=True),
        "old": holder.proof(iat=now - 120),
        "long": "a" * 9000,
    }
    assert (await ask(api, GRANT, Authorization=authorization, DPoP=used)).status_code == 200
    for name, proof in table.items():
        refused = await ask(api, GRANT, Authorization=authorization, DPoP=proof)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof"), (name, refused.text)


async def test_a_client_that_must_prove_gets_nothing_without(api: Api) -> None:
    client = await partner_client(api, await active_partner(api), dpop_bound=True)
    refused = await ask(api, GRANT, Authorization=basic(client["client_id"], client["client_secret"]))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    assert (await _bound(api, client, Holder())).status_code == 200


async def test_code_and_family_of_a_public_client_are_bound_to_its_key(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce = await integrator(api, auth_method="none"), Pkce()
    assert client["client_secret"] is None
    mine, thief = Holder(), Holder()
    named = {"client_id": client["client_id"]}
    code = await code_for(api, client, pkce, dpop_jkt=mine.jkt)
    for headers in ({}, {"DPoP": thief.proof()}):
        refused = await exchange(api, client, code, pkce, headers, **named)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    given = (await exchange(api, client, code, pkce, {"DPoP": mine.proof()}, **named)).json()
    assert given["token_type"] == "DPoP"
    for headers in ({}, {"DPoP": thief.proof()}):
        refused = await refresh(api, client, given["refresh_token"], headers, **named)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    renewed = await refresh(api, client, given["refresh_token"], {"DPoP": mine.proof()}, **named)
    assert renewed.status_code == 200, renewed.text
    access = renewed.json()["access_token"]
    assert (await api.get(PROFILE, headers=mine.headers(access, "GET", URL))).status_code == 200


async def test_a_retry_needs_the_key_too_and_a_fresh_proof(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, holder = await integrator(api), Holder()
    first = await tokens_for(api, client)
    authorization = {"Authorization": basic(client["client_id"], client["client_secret"])}
    lost = await refresh(api, client, first["refresh_token"], authorization | {"DPoP": holder.proof()})
    again = await refresh(api, client, first["refresh_token"], authorization | {"DPoP": holder.proof()})
    assert lost.json()["access_token"] == again.json()["access_token"]
    assert await DB.fetchval("SELECT count(*) FROM oauth_dpop_proof") == 2
