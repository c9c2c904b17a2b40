"""The attacks of RFC 9700, under the names of the OpenID conformance suite's modules where it has one.

Each: the right error, nothing issued, no redirect to an address that is not registered, no call to anywhere outside.
"""

import asyncio
import base64
import hmac
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from marketplace.platform.database import DB
from marketplace.platform.outbound import Outbound
from tests.support.app import Api
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
    look,
    refresh,
    sealed,
    tokens_for,
)
from tests.support.dpop import BASE, Registry
from tests.support.oauth import GRANT, SIGNING_KEY, ask, basic, jwks
from tests.support.partners import active_partner, bearer, partner_client, token
from tests.support.people import People

PROFILE = "/v1/partner/profile"


@pytest.fixture(autouse=True)
async def _nothing_goes_out(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Fail a test in which the server called anywhere."""
    calls = []

    async def send(self: Outbound, method: str, url: str, **more: Any) -> Any:
        calls.append(url)
        raise AssertionError(f"a call to {url}")

    monkeypatch.setattr(Outbound, "send", send)
    yield
    assert calls == []


async def issued() -> int:
    """Return how many codes and refresh tokens there are."""
    return int(
        await DB.fetchval("SELECT (SELECT count(*) FROM oauth_code) + (SELECT count(*) FROM oauth_refresh_token)")
    )


def told_here(response: httpx.Response) -> None:
    """The error is told on a page of ours, and the browser goes nowhere."""
    assert response.status_code == 400, response.text
    assert "location" not in response.headers
    assert 'name="request"' not in response.text
    assert "evil" not in re.sub(r"<[^>]*>", "", response.text)  # nor is what a stranger wrote shown under our name


def refused(response: httpx.Response, error: str = "invalid_grant", status: int = 400) -> None:
    """The token endpoint's error, and nothing beside it."""
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert "access_token" not in response.text
    assert "location" not in response.headers


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
        told_here(await look(api, asking(client, Pkce(), redirect_uri=uri, **more)))
    assert await issued() == 0


async def test_ensure_redirect_uri_in_authorization_request(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    told_here(await look(api, asking(client, Pkce(), redirect_uri=None)))
    told_here(await look(api, asking({"client_id": "nobody"}, Pkce())))
    told_here(await look(api, asking(client, Pkce(), client_id=None)))
    twice = f"{httpx.QueryParams(asking(client, Pkce()))}&redirect_uri=https%3A%2F%2Fevil.example%2F"
    told_here(await look(api, twice))


async def test_a_prefix_matcher_would_be_caught(api: Api, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of redirect addresses can fail: with a comparison by prefix, a suffix leads a browser astray."""

    def by_prefix(uri: str, registered: Any, application: str) -> bool:
        return any(uri.startswith(known) for known in registered)

    monkeypatch.setattr("partners.oauth.loaded.is_registered", by_prefix)
    await people.join(await active_partner(api))
    page = await look(api, asking(await integrator(api), Pkce(), redirect_uri=f"{CALLBACK}.evil.example"))
    assert page.status_code == 200


async def test_a_native_application_may_choose_its_port_and_nothing_else(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    own = "http://127.0.0.1/callback"
    client = await integrator(
        api, application_type="native", auth_method="none", redirect_uris=[own, "com.example.app:/cb"]
    )
    for good in (own, "http://127.0.0.1:49152/callback", "com.example.app:/cb"):
        assert (await look(api, asking(client, Pkce(), redirect_uri=good))).status_code == 200, good
    for bad in (
        "http://127.0.0.1:49152/other", "http://127.0.0.2:49152/callback", "http://localhost:49152/callback",
        "http://127.0.0.1:x/callback", "http://127.0.0.1:49152@evil.example/callback", "https://127.0.0.1/callback",
        "http://[::1]:49152/callback", "com.example.app:/other", "com.example.app://cb", "http://127.0.0.1:49152/callback#x",
    ):  # fmt: skip
        told_here(await look(api, asking(client, Pkce(), redirect_uri=bad)))


# --- what is asked for


async def test_ensure_response_type_token_fails(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    for wanted in ("token", "code id_token", "code token", "none", "id_token"):
        where, query = led_to(await look(api, asking(client, Pkce(), response_type=wanted)))
        assert (where, query["error"], query["iss"]) == (CALLBACK, "unsupported_response_type", client["issuer"])
    where, query = led_to(await look(api, asking(client, Pkce(), response_type=None)))
    assert query["error"] in {"unsupported_response_type", "invalid_request"}
    where, query = led_to(await look(api, asking(client, Pkce(), response_mode="fragment")))
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
            where, query = led_to(await look(api, asking(client, pkce, **downgrade)))
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
    told_here(await look(api, asking(client, Pkce(), request_uri="https://evil.example/request.jwt")))
    where, query = led_to(await look(api, asking(client, Pkce(), request="eyJhbGciOiJub25lIn0.e30.")))
    assert (where, query["error"]) == (CALLBACK, "request_not_supported")
    unknown = await look(api, asking(client, Pkce(), unknown="is passed over"))
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
    page = await look(api, asking(client, Pkce()))
    answers = [await answer(api, page), await answer(api, await look(api, asking(client, Pkce())), "deny")]
    answers.append(await look(api, asking(client, Pkce(), scope="nothing:such")))
    assert [led_to(each)[1]["iss"] for each in answers] == [client["issuer"]] * 3
    assert all(each.status_code == 303 for each in answers)


# --- the consent page


async def test_a_consent_cannot_be_forged_or_sent_twice(api: Api, people: People) -> None:
    mine = await people.join(await active_partner(api))
    client = await integrator(api)
    page = await look(api, asking(client, Pkce()))
    victim = await people.join(await active_partner(api, registration_number="91310000MA1FL0001X"))
    told_here(await answer(api, page))  # a page of another session: what a forged form would be
    people.sign_ins.person = None
    told_here(await answer(api, page))
    people.sign_ins.person = mine
    for form in (
        {"decision": "allow"}, {"request": "x", "decision": "allow"}, {"request": sealed(page)},
        {"request": sealed(page), "decision": "yes"}, asking(client, Pkce()) | {"decision": "allow"},
    ):  # fmt: skip
        told_here(await api.post("/oauth/authorize", data=form))
    told_here(await api.post("/oauth/authorize", json={"request": sealed(page), "decision": "allow"}))
    assert await issued() == 0
    assert led_to(await answer(api, page))[0] == CALLBACK
    told_here(await answer(api, page))
    assert await issued() == 1
    assert await DB.fetchval("SELECT count(*) FROM oauth_grant WHERE staff_id = $1", victim.staff_id) == 0


async def test_a_consent_is_checked_again_when_it_is_given(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client = await integrator(api)
    page = await look(api, asking(client, Pkce()))
    await DB.fetch("UPDATE oauth_client SET redirect_uris = ARRAY['https://app.example.com/new']")
    told_here(await answer(api, page))
    await DB.fetch("UPDATE oauth_client SET status = 'revoked', revoked_at = now()")
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


# --- client assertions


def _by_hand(header: Any, claims: Any, how: Any = b"") -> str:
    """Return a token that no library would make: signed by an RSA key, by a text as if it were a secret, or by nothing."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = how
    if isinstance(how, RSAKey):
        signature = how.private_key.sign(b".".join(parts), PKCS1v15(), SHA256())
    elif how:
        signature = hmac.digest(how, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def test_ensure_invalid_client_assertions_fail(api: Api) -> None:
    client = await partner_client(api, await active_partner(api), auth_method="private_key_jwt", jwks=jwks(SIGNING_KEY))
    now, own = int(time.time()), RSAKey.generate_key(2048, {"kid": "k1"})
    good = {
        "iss": client["client_id"], "sub": client["client_id"], "aud": client["issuer"], "jti": uuid4().hex, "exp": now + 60,
    }  # fmt: skip
    registry = Registry(algorithms=["RS256"], strict_check_header=False)

    def signed(key: Any = SIGNING_KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
        body = good | {"jti": uuid4().hex} | claims
        return jwt.encode({"alg": "RS256", "kid": "k1"} | (header or {}), body, key, registry=registry)

    general = jws.serialize_json(
        [{"protected": {"alg": "RS256"}, "header": {"kid": "k1"}}], json.dumps(good), KeySet([SIGNING_KEY])
    )
    table = {
        "alg none": _by_hand({"alg": "none"}, good),
        "alg None": _by_hand({"alg": "None"}, good, b"x"),
        "no alg": _by_hand({"kid": "k1"}, good, b"x"),
        "empty signature list": json.dumps(dict(general) | {"signatures": []}),
        "json serialization": json.dumps(general),
        "jwk in the header": signed(own, {"jwk": own.as_dict(private=False)}),
        "jwk in a good header": signed(header={"jwk": own.as_dict(private=False)}),
        "jku": signed(own, {"jku": "https://evil.example/jwks.json"}),
        "jku in a good header": signed(header={"jku": "https://evil.example/jwks.json"}),
        "x5u": signed(own, {"x5u": "https://evil.example/cert.pem"}),
        "x5u in a good header": signed(header={"x5u": "https://evil.example/cert.pem"}),
        "kid is a path": signed(own, {"kid": "../../../../dev/null"}),
        "kid is SQL": signed(own, {"kid": "' OR 1=1 --"}),
        "kid is an address": signed(own, {"kid": "https://evil.example/k1"}),
        "crit": _by_hand({"alg": "RS256", "kid": "k1", "crit": ["exp"], "exp": 1}, good, SIGNING_KEY),
        "iss in a list": signed(iss=[client["client_id"]]),
        "sub in a list": signed(sub=[client["client_id"]]),
        "aud in a list": signed(aud=[client["issuer"]]),
        "aud in a list with another": signed(aud=[client["issuer"], "https://evil.example"]),
        "aud of another server": signed(aud="https://evil.example"),
        "aud is the token endpoint": signed(aud=client["token_endpoint"]),
        "long life": signed(exp=now + 3600),
        "five minutes past": signed(exp=now - 300),
    }
    for name, assertion in table.items():
        form = GRANT | {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        answered = await ask(api, form)
        assert answered.status_code in {400, 401}, (name, answered.text)
        assert answered.json()["error"] in {"invalid_client", "invalid_request"}, (name, answered.text)
        assert "access_token" not in answered.text
    replayed = GRANT | {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": signed(),
    }  # fmt: skip
    answers = await asyncio.gather(*[ask(api, replayed) for _ in range(10)])
    assert sorted(each.status_code for each in answers) == [200] + [401] * 9


# --- access tokens


async def test_tokens_that_are_not_access_tokens_of_ours(api: Api, people: People) -> None:
    await people.join(partner_id := await active_partner(api))
    client = await partner_client(api, partner_id)
    good = await token(api, client)
    signing = await api.app.state.oauth.signing.current(api.app.state.clock.now())
    (ours,) = signing.key.keys
    claims = jwt.decode(good, signing.key).claims
    own = ECKey.generate_key("P-256", {"kid": ours.kid})
    public = ours.as_dict(private=False)
    registry = Registry(algorithms=["ES256", "HS256", "RS256"], strict_check_header=False)

    def signed(key: Any = ours, header: dict[str, Any] | None = None, **changes: Any) -> str:
        head = {"alg": "ES256", "typ": "at+jwt", "kid": ours.kid} | (header or {})
        body = {name: value for name, value in (claims | changes).items() if value is not None}
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, body, key, registry=registry, default_type=None)

    general = jws.serialize_json([{"protected": {"alg": "ES256", "typ": "at+jwt"}}], json.dumps(claims), ours)
    table = {
        "alg none": _by_hand({"alg": "none", "typ": "at+jwt"}, claims),
        "key confusion": _by_hand(
            {"alg": "HS256", "typ": "at+jwt", "kid": ours.kid}, claims, ours.as_pem(private=False)
        ),
        "another key": signed(own),
        "jwk": signed(own, {"jwk": own.as_dict(private=False)}),
        "jwk and our kid": signed(own, {"jwk": public}),
        "jku": signed(own, {"jku": "https://evil.example/jwks.json"}),
        "x5u": signed(own, {"x5u": "https://evil.example/x"}),
        "kid is a path": signed(own, {"kid": "../../etc/passwd"}),
        "unknown kid": signed(own, {"kid": "x"}),
        "empty signature list": json.dumps(dict(general) | {"signatures": []}).replace(" ", ""),
        "no typ": signed(header={"typ": None}),
        "ID token": signed(header={"typ": "JWT"}),
        "logout token": signed(header={"typ": "logout+jwt"}),
        "DPoP proof": signed(header={"typ": "dpop+jwt"}),
        "iss in a list": signed(iss=[claims["iss"]]),
        "another iss": signed(iss="https://evil.example"),
        "no iss": signed(iss=None),
        "aud in a list": signed(aud=[claims["aud"]]),
        "aud with another": signed(aud=[claims["aud"], "https://evil.example"]),
        "another audience": signed(aud=f"{BASE}/v1/points"),
        "aud is the issuer": signed(aud=claims["iss"]),
        "no aud": signed(aud=None),
        "expired": signed(exp=int(time.time()) - 1),
        "no exp": signed(exp=None),
        "not yet": signed(nbf=int(time.time()) + 3600),
        "sub in a list": signed(sub=[claims["sub"]]),
        "no sub": signed(sub=None),
        "cut": good[:-5],
        "changed": good[: good.rindex(".")] + "." + "A" * 86,
        "twice": f"{good}.{good}",
        "unknown grant": signed(grant=str(uuid4())),
        "grant is no id": signed(grant="x"),
    }
    assert (await api.get(PROFILE, headers=bearer(signed()))).status_code == 200
    for name, access in table.items():
        answered = await api.get(PROFILE, headers=bearer(access))
        assert answered.status_code == 401, (name, answered.status_code, answered.text)
        assert answered.headers["WWW-Authenticate"].startswith("Bearer"), name
        told = await api.post(
            "/oauth/introspect",
            data={"token": access},
            headers={"Authorization": basic(client["client_id"], client["client_secret"])},
        )
        # A token that begins later than now is for a resource to refuse: we issue none.
        assert told.json().get("active", False) is (name == "not yet"), (name, told.text)


async def test_a_refresh_token_or_code_is_no_access_token(api: Api, people: People) -> None:
    await people.join(await active_partner(api))
    client, pkce = await integrator(api), Pkce()
    code = await code_for(api, client, pkce)
    given = (await exchange(api, client, code, pkce)).json()
    for credential in (code, given["refresh_token"], client["client_secret"]):
        assert (await api.get(PROFILE, headers=bearer(credential))).status_code == 401
    for path in ("/v1/points/earnings", "/v1/admin/partners", "/v1/me"):
        answered = await api.get(path, headers=bearer(given["access_token"]))
        assert answered.status_code in {401, 404, 405}, path
    leaked = await api.get(f"{PROFILE}?access_token={given['access_token']}")
    assert leaked.status_code == 401  # tokens in addresses end up in logs (RFC 9700 §4.3.2)
