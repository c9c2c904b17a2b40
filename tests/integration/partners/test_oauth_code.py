"""A person lets an application act: authorization code with PKCE, consent, refresh with rotation."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet

from marketplace.platform.postgres.database import DB
from partners.oauth.server import authlib_models, effects
from partners.oauth.server import token as token_module
from partners.services import PartnersServices
from tests.support.app import Api, fresh_key
from tests.support.authorizing import (
    CALLBACK,
    Pkce,
    answer,
    asking,
    code_for,
    credentials,
    exchange,
    integrator,
    led_to,
    open_authorization,
    refresh,
    tokens_for,
)
from tests.support.oauth import GRANT, ask
from tests.support.owner import by_owner
from tests.support.partners import CONTRACT, active_partner, bearer, partner_client, staff_post, token
from tests.support.people import People
from tests.support.today import sql_now

PROFILE = "/v1/partner/profile"
ACCOUNT = "/v1/partner/payout-account"


async def test_the_consent_page_names_application_company_and_scopes(api: Api, people: People) -> None:
    await people.join(await active_partner(api), "finance", "developer")
    client, pkce = await integrator(api), Pkce()
    page = await open_authorization(api, asking(client, pkce, scope="offers:read offers:write statements:read"))
    assert page.status_code == 200
    for words in (
        "收银通",
        "收银通科技",
        "华住集团",
        "王敏",
        "app.example.com",
        "查看结算单及其明细",
        "statements:read",
    ):
        assert words in page.text, words
    allowed, left_out = page.text.split("您的角色不能授予")
    assert "登记和修改" in left_out
    assert "登记和修改" not in allowed
    english = await api.get(
        f"/oauth/authorize?{httpx.QueryParams(asking(client, pkce))}", headers={"Accept-Language": "en"}
    )
    assert "Read the company&#39;s statements and their lines." in english.text
    assert "Huazhu Group" in english.text
    headers = page.headers
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "form-action 'self' https://app.example.com;" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


async def test_authlibs_client_gets_a_code_tokens_and_refreshes(api: Api, people: People) -> None:
    person = await people.join(partner_id := await active_partner(api))
    client = await integrator(api)
    base = client["issuer"]
    async with AsyncOAuth2Client(
        client["client_id"], client["client_secret"], transport=httpx.ASGITransport(api.app), redirect_uri=CALLBACK,
        scope="offers:read statements:read", code_challenge_method="S256",
    ) as session:  # fmt: skip
        verifier = Pkce().verifier
        url, state = session.create_authorization_url(f"{base}/oauth/authorize", code_verifier=verifier)
        page = await api.get(url)
        where, query = led_to(await answer(api, page))
        assert (where, query["state"], query["iss"]) == (CALLBACK, state, base)
        given = await session.fetch_token(
            client["token_endpoint"],
            authorization_response=f"{CALLBACK}?{httpx.QueryParams(query)}",
            code_verifier=verifier,
        )
        assert (given["scope"], given["token_type"], given["expires_in"]) == (
            "offers:read statements:read",
            "Bearer",
            600,
        )
        assert (await session.get(f"{base}{PROFILE}")).json()["id"] == partner_id
        renewed = await session.refresh_token(client["token_endpoint"], refresh_token=given["refresh_token"])
        assert renewed["refresh_token"] != given["refresh_token"]
        assert (await session.get(f"{base}{PROFILE}")).status_code == 200
    published = KeySet.import_key_set((await api.get("/oauth/jwks.json")).json())
    claims = jwt.decode(renewed["access_token"], published).claims
    assert claims["client_id"] == client["client_id"]
    assert claims["sub"].startswith("s1_")
    assert str(person.staff_id) not in claims.values()
    assert (claims["livemode"], claims["exp"] - claims["iat"]) == (True, 600)


async def test_what_the_application_does_bears_the_persons_name(api: Api, people: People) -> None:
    person = await people.join(await active_partner(api), "marketer")
    client = await integrator(api, scopes=["locations:write"])
    access = bearer((await tokens_for(api, client, scope="locations:write"))["access_token"])
    place = {"id": "SH-1", "name": {"zh-CN": "静安店", "en": "Jing'an"}, "city": "上海", "address": "南京西路 1 号"}
    made = await api.post("/v1/partner/locations", json=place, headers=access | fresh_key())
    assert made.status_code == 201, made.text
    callers = await DB.fetch("SELECT caller FROM idempotency")
    assert f"staff:{person.staff_id}@{client['client_id']}" in {row["caller"] for row in callers}


async def test_nobody_signed_in_is_sent_to_sign_in_and_back(api: Api, people: People) -> None:
    client, pkce = await integrator(api), Pkce()
    where, query = led_to(await open_authorization(api, asking(client, pkce)))
    assert where == "/partner/sign-in"
    assert query["return_to"].startswith("/oauth/authorize?response_type=code&")


async def test_a_long_request_waits_in_the_browser_while_somebody_signs_in(api: Api, people: People) -> None:
    """Anybody may come this far: nothing of it may be kept with us."""
    client, pkce = await integrator(api), Pkce()
    _, query = led_to(await open_authorization(api, asking(client, pkce, state="s" * 2000)))
    assert len(query["return_to"]) < 400
    assert await DB.fetchval("SELECT count(*) FROM oauth_pushed_request") == 0
    await people.join(await active_partner(api))
    _, answered = led_to(await answer(api, await api.get(query["return_to"])))
    assert answered["state"] == "s" * 2000
    people.sign_ins.person = None
    where, refused = led_to(await open_authorization(api, asking(client, pkce, state="s" * 4000)))
    assert (where, refused["error"], refused["state"]) == (CALLBACK, "invalid_request", "s" * 4000)
    api.cookies.clear()
    lost = await api.get(query["return_to"])
    assert (lost.status_code, "location" in lost.headers) == (400, False)


async def test_a_refusal_goes_back_and_gives_nothing(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce = await integrator(api), Pkce()
    where, query = led_to(await answer(api, await open_authorization(api, asking(client, pkce)), "deny"))
    assert (where, query["error"], query["state"], query["iss"]) == (CALLBACK, "access_denied", "s-1", client["issuer"])
    assert await DB.fetchval("SELECT count(*) FROM oauth_grant") == 0


async def test_scopes_are_never_more_than_application_role_and_company_allow(api: Api, people: People) -> None:
    partner_id = await active_partner(api)
    await people.join(partner_id, "finance")
    client, pkce = await integrator(api), Pkce()
    given = await tokens_for(api, client, scope="offers:write statements:read")
    assert given["scope"] == "statements:read"
    where, query = led_to(await open_authorization(api, asking(client, pkce, scope="contracts:read")))
    assert (where, query["error"]) == (CALLBACK, "invalid_scope")
    where, query = led_to(await open_authorization(api, asking(client, pkce, scope="offers:write")))
    assert (where, query["error"], query["state"]) == (CALLBACK, "access_denied", "s-1")
    assert (await api.get(ACCOUNT, headers=bearer(given["access_token"]))).status_code == 404  # let in: there is none
    assert (await api.get("/v1/partner/contracts", headers=bearer(given["access_token"]))).status_code == 403
    await staff_post(api, f"/v1/admin/partners/{partner_id}/suspend", {"reason": "投诉"})
    where, query = led_to(await open_authorization(api, asking(client, pkce)))
    assert query["error"] == "access_denied"
    stopped = await api.get(PROFILE, headers=bearer(given["access_token"]))
    assert (stopped.status_code, stopped.json()["code"]) == (403, "partner_stopped")
    refused = await refresh(api, client, given["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


async def test_contracts_bound_what_can_be_asked_for_and_granted(api: Api, people: People) -> None:
    grants_only = CONTRACT | {"role": "grants_points", "settlement_price": None, "max_settlement_price": None}
    partner_id = await active_partner(api, grants_only)
    await people.join(partner_id)
    own = await partner_client(api, partner_id, scopes=["offers:read", "vouchers:use"])
    refused = await ask(api, GRANT | {"scope": "vouchers:use"}, **credentials(own))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert (await ask(api, GRANT, **credentials(own))).json()["scope"] == "offers:read"
    app = await integrator(api)
    assert (await tokens_for(api, app, scope="offers:read vouchers:use"))["scope"] == "offers:read"
    # One that accepted points takes the vouchers of that time, whatever was signed since.
    both = await active_partner(api, registration_number="91310000MA1FL0001X")
    client = await partner_client(api, both, scopes=["vouchers:use"])
    assert (await ask(api, GRANT, **credentials(client))).json()["scope"] == "vouchers:use"


async def test_a_partners_own_application_is_for_its_own_people(api: Api, people: People) -> None:
    own, other = await active_partner(api), await active_partner(api, registration_number="91310000MA1FL0001X")
    client = await partner_client(
        api, own, grant_types=["authorization_code", "refresh_token"], redirect_uris=[CALLBACK], scopes=["offers:read"]
    )
    await people.join(other)
    where, query = led_to(await open_authorization(api, asking(client, Pkce(), scope="offers:read")))
    assert (where, query["error"]) == (CALLBACK, "access_denied")
    await people.join(own)
    assert (await tokens_for(api, client, scope="offers:read"))["scope"] == "offers:read"


async def test_an_ended_person_ends_what_they_granted(api: Api, people: People) -> None:
    partner_id = await active_partner(api)
    person = await people.join(partner_id, "owner")
    client = await integrator(api)
    given = await tokens_for(api, client)
    access = bearer(given["access_token"])
    assert (await api.get(PROFILE, headers=access)).status_code == 200
    await people.change(person, roles=["counter"])
    PartnersServices.of(
        api.app
    ).client_cache._read_at -= 16  # what another process changed is seen when the picture is renewed
    assert (await api.get(PROFILE, headers=access)).status_code == 200  # it asks for no scope
    refused = await refresh(api, client, given["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    await people.change(person, status="disabled")
    PartnersServices.of(api.app).client_cache._read_at -= 16
    assert (await api.get(PROFILE, headers=access)).status_code == 401
    refused = await refresh(api, client, given["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_a_person_who_is_ended_over_the_api_ends_what_they_granted_at_once(api: Api, people: People) -> None:
    partner_id = await active_partner(api)
    person = await people.join(partner_id, "finance")
    access = bearer((await tokens_for(api, await integrator(api), scope="statements:read"))["access_token"])
    manager = bearer(await token(api, await partner_client(api, partner_id, scopes=["staff:manage"])))
    assert (await api.get(ACCOUNT, headers=access)).status_code == 404  # let in: there is none
    at = f"/v1/partner/staff/{person.staff_id}"
    changed = await api.patch(at, json={"roles": ["counter"]}, headers=manager | {"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text
    assert (await api.get(ACCOUNT, headers=access)).status_code == 403
    assert (await api.get(PROFILE, headers=access)).status_code == 200
    assert (await api.post(f"{at}/disable", headers=manager | fresh_key())).status_code == 200
    assert (await api.get(PROFILE, headers=access)).status_code == 401


async def test_a_code_is_good_for_a_minute_and_once(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce = await integrator(api), Pkce()
    code = await code_for(api, client, pkce)
    await by_owner(f"UPDATE oauth_code SET expires_at = {sql_now()} - interval '1 second'")
    late = await exchange(api, client, code, pkce)
    assert (late.status_code, late.json()["error"]) == (400, "invalid_grant")
    code = await code_for(api, client, pkce)
    life = await DB.fetchval(
        "SELECT c.expires_at - g.created_at FROM oauth_code c JOIN oauth_grant g ON g.id = c.grant_id"
        " ORDER BY c.expires_at DESC LIMIT 1"
    )
    assert life == timedelta(minutes=1)
    given = (await exchange(api, client, code, pkce)).json()
    access = bearer(given["access_token"])
    assert (await api.get(PROFILE, headers=access)).status_code == 200
    again = await exchange(api, client, code, pkce)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (await api.get(PROFILE, headers=access)).status_code == 401
    assert (await refresh(api, client, given["refresh_token"])).json()["error"] == "invalid_grant"
    reasons = await DB.fetch("SELECT payload ->> 'reason' AS reason FROM event WHERE type = 'grant.revoked'")
    assert [row["reason"] for row in reasons] == ["code_reused"]


async def test_a_refresh_token_used_twice_ends_the_family(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    first = await tokens_for(api, client)
    second = (await refresh(api, client, first["refresh_token"])).json()
    third = (await refresh(api, client, second["refresh_token"])).json()
    assert (await api.get(PROFILE, headers=bearer(third["access_token"]))).status_code == 200
    stolen = await refresh(api, client, first["refresh_token"])  # soon, but its successor was used: this is no retry
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    for access in (first, second, third):
        assert (await api.get(PROFILE, headers=bearer(access["access_token"]))).status_code == 401
    assert (await refresh(api, client, third["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_retry_after_a_lost_answer_gets_the_same_answer(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    first = await tokens_for(api, client)
    lost = (await refresh(api, client, first["refresh_token"])).json()
    again = (await refresh(api, client, first["refresh_token"])).json()
    assert (again["refresh_token"], again["access_token"]) == (lost["refresh_token"], lost["access_token"])
    assert 590 <= again["expires_in"] <= 600
    sealed = await DB.fetchval("SELECT answer_sealed FROM oauth_refresh_token WHERE answer_sealed IS NOT NULL")
    assert again["refresh_token"].encode() not in sealed
    assert (await refresh(api, client, again["refresh_token"])).status_code == 200
    assert await DB.fetchval("SELECT count(*) FROM oauth_refresh_token WHERE answer_sealed IS NOT NULL") == 1


async def test_a_retry_that_is_too_late_or_another_request_is_none(
    api: Api, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    first = await tokens_for(api, client)
    assert (await refresh(api, client, first["refresh_token"])).status_code == 200
    other = await refresh(api, client, first["refresh_token"], scope="offers:read")
    assert (other.status_code, other.json()["error"]) == (400, "invalid_grant")
    first = await tokens_for(api, client)
    assert (await refresh(api, client, first["refresh_token"])).status_code == 200
    monkeypatch.setattr(authlib_models, "RETRY", timedelta(0))
    late = await refresh(api, client, first["refresh_token"])
    assert (late.status_code, late.json()["error"]) == (400, "invalid_grant")


async def test_fifty_exchanges_of_one_code_give_one_answer(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce = await integrator(api), Pkce()
    code = await code_for(api, client, pkce)
    answers = await asyncio.gather(*[exchange(api, client, code, pkce) for _ in range(50)])
    assert sorted(each.status_code for each in answers) == [200] + [400] * 49
    assert {each.json()["error"] for each in answers if each.status_code == 400} == {"invalid_grant"}
    (good,) = [each.json() for each in answers if each.status_code == 200]
    # The forty-nine were reuse: what the one got has ended, too.
    assert (await api.get(PROFILE, headers=bearer(good["access_token"]))).status_code == 401
    assert await DB.fetchval("SELECT count(*) FROM oauth_refresh_token") == 1


async def _fifty_refreshes(api: Api, people: People) -> list[Any]:
    await people.join(await active_partner(api))
    client = await integrator(api)
    first = await tokens_for(api, client)
    return await asyncio.gather(*[refresh(api, client, first["refresh_token"]) for _ in range(50)])


async def test_fifty_uses_of_one_refresh_token_give_one_successor(api: Api, people: People) -> None:
    answers = await _fifty_refreshes(api, people)
    assert {each.status_code for each in answers} == {200}
    assert len({each.json()["refresh_token"] for each in answers}) == 1
    assert len({each.json()["access_token"] for each in answers}) == 1
    assert await DB.fetchval("SELECT count(*) FROM oauth_refresh_token") == 2


async def test_without_the_grants_lock_a_second_line_would_be_refused_by_the_database(
    api: Api, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard's test can fail: unlocked, exchanges decide side by side, and only the write stops them."""
    look_up, seen, two = token_module.load_refresh, [], asyncio.Event()  # type: ignore[attr-defined]

    async def unlocked(work: Any, grant_id: Any) -> None:
        pass

    async def not_alone(work: Any, digest: bytes) -> Any:
        found = await look_up(work, digest)
        seen.append(digest)
        if len(seen) == 2:
            two.set()
        await two.wait()
        return found

    monkeypatch.setattr(effects, "_lock", unlocked)
    monkeypatch.setattr(token_module, "load_refresh", not_alone)
    answers = await _fifty_refreshes(api, people)
    assert {each.status_code for each in answers} != {200}
    assert await DB.fetchval("SELECT count(*) FROM oauth_refresh_token WHERE rotated_at IS NULL") == 1


async def test_a_partner_sees_and_ends_what_its_people_granted(api: Api, people: People) -> None:
    partner_id = await active_partner(api)
    await people.join(partner_id)
    client = await integrator(api)
    access = bearer((await tokens_for(api, client))["access_token"])
    manager = bearer(await token(api, await partner_client(api, partner_id, scopes=["staff:manage"])))
    (grant,) = (await api.get("/v1/partner/grants", headers=manager)).json()["data"]
    assert (grant["application"], grant["scopes"]) == ("收银通", ["offers:read", "statements:read"])
    other = await active_partner(api, registration_number="91310000MA1FL0001X")
    stranger = bearer(await token(api, await partner_client(api, other, scopes=["staff:manage"])))
    path = f"/v1/partner/grants/{grant['id']}/revoke"
    missing = await api.post(path, json={"reason": "x"}, headers=stranger | fresh_key())
    assert missing.status_code == 404
    assert (await api.get("/v1/partner/grants", headers=stranger)).json()["data"] == []
    assert (await api.get(PROFILE, headers=access)).status_code == 200
    ended = await api.post(path, json={"reason": "不再使用"}, headers=manager | fresh_key())
    assert (ended.status_code, ended.json()["revoked_for"]) == (200, "withdrawn")
    assert (await api.get(PROFILE, headers=access)).status_code == 401
