"""The attacks of RFC 9700, under the names of the OpenID conformance suite's modules where it has one.

Each: the right error, nothing issued, no redirect to an address that is not registered, no call to anywhere outside.
"""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from marketplace.platform.postgres.database import DB
from tests.support.app import Api
from tests.support.attacks import issued, refused, told_here
from tests.support.authorizing import (
    CALLBACK,
    Pkce,
    answer,
    asking,
    code_for,
    credentials,
    exchange,
    follow_refusal,
    integrator,
    led_to,
    open_authorization,
    refresh,
    sealed,
    tokens_for,
)
from tests.support.dpop import BASE
from tests.support.oauth import GRANT, ask
from tests.support.partners import active_partner, bearer
from tests.support.people import People
from tests.support.today import sql_now

pytestmark = pytest.mark.usefixtures("nothing_out")

PROFILE = "/v1/partner/profile"


# --- the redirect address (RFC 9700 §4.1)

HOST = "https://app.example.com"
TRICKS = [
    "https://evil.example/callback",
    f"{CALLBACK}.evil.example",
    f"{CALLBACK}/..",
    f"{CALLBACK}/../callback",
    f"{CALLBACK}/",
    f"{CALLBACK}?x=1",
    f"{CALLBACK}#x",
    f"{CALLBACK}%00",
    f"{CALLBACK}%0d%0aSet-Cookie:x",
    f"{HOST}/callback%2f..%2fother",
    f"{HOST}/%63allback",
    f"{HOST}/Callback",
    f"{HOST}//callback",
    f"{HOST}\\@evil.example/callback",
    f"{HOST}@evil.example/callback",
    "https://app.example.com:pass@evil.example/callback",
    "https://evil.example@app.example.com/callback",
    "https://app.example.com:8443/callback",
    "https://app.example.com:443/callback",
    "https://APP.example.com/callback",
    "HTTPS://app.example.com/callback",
    "https://app.example.com./callback",
    "https://app.example.com.evil.example/callback",
    "https://evil-app.example.com/callback",
    "https://sub.app.example.com/callback",
    "http://app.example.com/callback",
    "//app.example.com/callback",
    "/callback",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://127.0.0.1/callback",
    "http://127.0.0.1:8080/callback",
    "https://app.exаmple.com/callback",
    " https://app.example.com/callback",
    "https://app.example.com/callback ",
    "*",
]


@pytest.mark.parametrize("uri", TRICKS)
async def test_ensure_registered_redirect_uri(api: Api, people: People, uri: str) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    for more in ({}, {"scope": "everything"}, {"response_type": "token"}, {"code_challenge": None}):
        told_here(await open_authorization(api, asking(client, Pkce(), redirect_uri=uri, **more)))
    assert await issued() == 0


async def test_ensure_redirect_uri_in_authorization_request(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    told_here(await open_authorization(api, asking(client, Pkce(), redirect_uri=None)))
    told_here(await open_authorization(api, asking({"client_id": "nobody"}, Pkce())))
    told_here(await open_authorization(api, asking(client, Pkce(), client_id=None)))
    twice = f"{httpx.QueryParams(asking(client, Pkce()))}&redirect_uri=https%3A%2F%2Fevil.example%2F"
    told_here(await open_authorization(api, twice))


async def test_a_prefix_matcher_would_be_caught(api: Api, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of redirect addresses can fail: with a comparison by prefix, a suffix leads a browser astray."""

    def by_prefix(uri: str, registered: Any, application: str) -> bool:
        return any(uri.startswith(known) for known in registered)

    monkeypatch.setattr("partners.oauth.server.authlib_models.is_registered", by_prefix)
    await people.join(await active_partner(api))
    page = await open_authorization(api, asking(await integrator(api), Pkce(), redirect_uri=f"{CALLBACK}.evil.example"))
    assert page.status_code == 200


async def test_a_native_application_may_choose_its_port_and_nothing_else(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    own = "http://127.0.0.1/callback"
    client = await integrator(
        api, application_type="native", auth_method="none", redirect_uris=[own, "com.example.app:/cb"]
    )
    for good in (own, "http://127.0.0.1:49152/callback", "com.example.app:/cb"):
        assert (await open_authorization(api, asking(client, Pkce(), redirect_uri=good))).status_code == 200, good
    for bad in (
        "http://127.0.0.1:49152/other", "http://127.0.0.2:49152/callback", "http://localhost:49152/callback",
        "http://127.0.0.1:x/callback", "http://127.0.0.1:49152@evil.example/callback", "https://127.0.0.1/callback",
        "http://[::1]:49152/callback", "com.example.app:/other", "com.example.app://cb", "http://127.0.0.1:49152/callback#x",
    ):  # fmt: skip
        told_here(await open_authorization(api, asking(client, Pkce(), redirect_uri=bad)))


# --- what is asked for


async def test_ensure_response_type_token_fails(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    for wanted in ("token", "code id_token", "code token", "none", "id_token"):
        where, query = led_to(await open_authorization(api, asking(client, Pkce(), response_type=wanted)))
        assert (where, query["error"], query["iss"]) == (CALLBACK, "unsupported_response_type", client["issuer"])
    where, query = led_to(await open_authorization(api, asking(client, Pkce(), response_type=None)))
    assert query["error"] in {"unsupported_response_type", "invalid_request"}
    where, query = led_to(await open_authorization(api, asking(client, Pkce(), response_mode="fragment")))
    assert (where, query["error"]) == (CALLBACK, "invalid_request")
    assert await issued() == 0


async def test_plain_pkce_rejected_and_pkce_required(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    for client in (await integrator(api), await integrator(api, auth_method="none")):
        pkce = Pkce()
        downgrades: list[dict[str, Any]] = [
            {"code_challenge": None, "code_challenge_method": None},
            {"code_challenge": None},
            {"code_challenge_method": None},
            {"code_challenge_method": "plain"},
            {"code_challenge_method": "plain", "code_challenge": pkce.verifier},
            {"code_challenge_method": "s256"},
            {"code_challenge_method": "S512"},
            {"code_challenge": "short"},
            {"code_challenge": pkce.challenge + "="},
        ]
        for downgrade in downgrades:
            where, query = led_to(await open_authorization(api, asking(client, pkce, **downgrade)))
            assert (where, query["error"]) == (CALLBACK, "invalid_request"), downgrade
            assert "code" not in query
    assert await issued() == 0


async def test_incorrect_pkce_code_verifier_rejected(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce = await integrator(api), Pkce()
    code = await code_for(api, client, pkce)
    refused(await exchange(api, client, code, pkce, code_verifier=None), "invalid_request")
    refused(await exchange(api, client, code, pkce, code_verifier=Pkce().verifier))
    refused(await exchange(api, client, code, pkce, code_verifier=pkce.challenge))
    refused(await exchange(api, client, code, pkce, code_verifier="short"), "invalid_request")
    for other in (f"{CALLBACK}/", "https://evil.example/", None):
        refused(await exchange(api, client, code, pkce, redirect_uri=other))
    assert (await exchange(api, client, code, pkce)).status_code == 200


async def test_request_objects_and_addresses_of_them_are_not_read(api: Api, people: People) -> None:
    """oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported, and its neighbour."""
    await people.join(await active_partner(api))
    client = await integrator(api)
    told_here(await open_authorization(api, asking(client, Pkce(), request_uri="https://evil.example/request.jwt")))
    where, query = led_to(await open_authorization(api, asking(client, Pkce(), request="eyJhbGciOiJub25lIn0.e30.")))
    assert (where, query["error"]) == (CALLBACK, "request_not_supported")
    unknown = await open_authorization(api, asking(client, Pkce(), unknown="is passed over"))
    assert unknown.status_code == 200


# --- codes


async def test_ensure_authorization_code_is_bound_to_client(api: Api, people: People) -> None:
    """A mix-up: another client, confidential or not, can do nothing with a code, nor spoil it for its own."""
    await people.join(await active_partner(api))
    client, other, public, pkce = (
        await integrator(api),
        await integrator(api),
        await integrator(api, auth_method="none"),
        Pkce(),
    )
    code = await code_for(api, client, pkce)
    refused(await exchange(api, other, code, pkce))
    refused(await exchange(api, public, code, pkce, {}, client_id=public["client_id"]))
    refused(await exchange(api, client, code, pkce, {}, client_id=client["client_id"]), "invalid_client", 401)
    refused(
        await exchange(api, client, code, pkce, credentials(other), client_id=client["client_id"]),
        "invalid_client",
        401,
    )
    refused(await exchange(api, client, code + "x", pkce))
    refused(await exchange(api, client, "", pkce), "invalid_request")
    assert (await exchange(api, client, code, pkce)).status_code == 200


async def test_attempt_reuse_authorization_code(api: Api, people: People) -> None:
    """Also by somebody else, and with a wrong verifier: what the code gave has ended for the client itself only."""
    await people.join(await active_partner(api))
    client, other, pkce = await integrator(api), await integrator(api), Pkce()
    code = await code_for(api, client, pkce)
    given = (await exchange(api, client, code, pkce)).json()
    refused(await exchange(api, other, code, pkce))
    assert (await api.get(PROFILE, headers=bearer(given["access_token"]))).status_code == 200
    refused(await exchange(api, client, code, pkce, code_verifier=Pkce().verifier))
    assert (await api.get(PROFILE, headers=bearer(given["access_token"]))).status_code == 401
    refused(await refresh(api, client, given["refresh_token"]))


async def test_the_answer_says_who_gave_it(api: Api, people: People) -> None:
    """Mix-up of servers (RFC 9700 §4.4): every answer, errors too, names the issuer (RFC 9207)."""
    await people.join(await active_partner(api))
    client = await integrator(api)
    page = await open_authorization(api, asking(client, Pkce()))
    answers = [
        await answer(api, page),
        await answer(api, await open_authorization(api, asking(client, Pkce())), "deny"),
    ]
    answers.append(await open_authorization(api, asking(client, Pkce(), scope="nothing:such")))
    assert [led_to(each)[1]["iss"] for each in answers] == [client["issuer"]] * 3
    assert all(each.status_code == 303 for each in answers)


# --- the consent page


async def test_a_consent_cannot_be_forged_or_sent_twice(api: Api, people: People) -> None:
    mine = await people.join(await active_partner(api))
    client = await integrator(api)
    page = await open_authorization(api, asking(client, Pkce()))
    victim = await people.join(await active_partner(api, registration_number="91310000MA1FL0001X"))
    told_here(await answer(api, page))  # a page of another session: what a forged form would be
    people.sign_ins.person = None
    told_here(await answer(api, page))
    people.sign_ins.person = mine
    for form in (
        {"decision": "allow"}, {"request": "x", "decision": "allow"}, {"request": sealed(page)},
        {"request": sealed(page), "decision": "yes"}, asking(client, Pkce()) | {"decision": "allow"},
    ):  # fmt: skip
        told_here(await follow_refusal(api, await api.post("/oauth/authorize", data=form)))
    sent = await api.post("/oauth/authorize", json={"request": sealed(page), "decision": "allow"})
    told_here(await follow_refusal(api, sent))
    for forged in ("", "x", "gAAAAA"):
        assert (await api.get(f"/oauth/authorize/refused?refusal={forged}")).status_code == 404, "our page, our words"
    assert await issued() == 0
    assert led_to(await answer(api, page))[0] == CALLBACK
    told_here(await answer(api, page))
    assert await issued() == 1
    assert await DB.fetchval("SELECT count(*) FROM oauth_grant WHERE staff_id = $1", victim.staff_id) == 0


@pytest.mark.parametrize("pushed", [True, False])
async def test_a_consent_that_was_denied_cannot_be_given_with_the_same_page(
    api: Api, people: People, pushed: bool
) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    request = asking(client, Pkce())
    if pushed:
        left = await api.post("/oauth/par", data=request, headers=credentials(client))
        request = {"client_id": client["client_id"], "request_uri": left.json()["request_uri"]}
    page = await open_authorization(api, request)
    assert led_to(await answer(api, page, "deny"))[1]["error"] == "access_denied"
    for decision in ("allow", "deny"):
        told_here(await answer(api, page, decision))
    assert await issued() == 0


async def test_a_consent_is_checked_again_when_it_is_given(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    page = await open_authorization(api, asking(client, Pkce()))
    await DB.fetch("UPDATE oauth_client SET redirect_uris = ARRAY['https://app.example.com/new']")
    told_here(await answer(api, page))
    await DB.fetch(f"UPDATE oauth_client SET status = 'revoked', revoked_at = {sql_now()}")
    told_here(await answer(api, page))
    assert await issued() == 0


# --- refresh


async def test_scope_cannot_grow_on_refresh(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, other = await integrator(api), await integrator(api)
    given = await tokens_for(api, client, scope="offers:read")
    refused(await refresh(api, client, given["refresh_token"], scope="offers:read offers:write"), "invalid_scope")
    refused(await refresh(api, client, given["refresh_token"], scope="staff:manage"), "invalid_scope")
    refused(await refresh(api, client, given["refresh_token"], resource=f"{BASE}/v1/admin"), "invalid_target")
    refused(await refresh(api, other, given["refresh_token"]))
    refused(
        await refresh(api, client, given["refresh_token"], {}, client_id=client["client_id"]), "invalid_client", 401
    )
    refused(await refresh(api, client, given["access_token"]))
    assert (await refresh(api, client, given["refresh_token"])).json()["scope"] == "offers:read"


async def test_an_integrator_has_no_rights_of_its_own(api: Api) -> None:
    client = await integrator(api)
    refused(await ask(api, GRANT, **credentials(client)), "unauthorized_client")


# --- what holds all of them


async def test_a_call_to_anywhere_would_fail_the_test(nothing_out: list[str]) -> None:
    """The guard can fail: by the loop, by the standard library, by name or by address."""
    loop = asyncio.get_running_loop()

    def plain() -> None:
        with socket.socket() as other:
            other.connect(("127.0.0.1", 9))

    for call in (
        lambda: asyncio.open_connection("127.0.0.1", 9),
        lambda: loop.getaddrinfo("app.example.com", 443),
        lambda: asyncio.to_thread(plain),
    ):
        with pytest.raises(AssertionError, match="a call"):
            await call()
    assert len(nothing_out) == 3
    nothing_out.clear()
