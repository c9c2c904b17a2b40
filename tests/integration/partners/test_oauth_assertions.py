"""Client assertions that are not believed, and good ones that are believed once."""

import asyncio
import base64
import hmac
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.platform.services import PlatformServices
from partners.oauth.cleanup import delete_expired
from partners.oauth.server import effects
from tests.support import today
from tests.support.app import Api
from tests.support.authorizing import CALLBACK
from tests.support.oauth import GRANT, SIGNING_KEY, ask, jwks
from tests.support.partners import (
    active_partner,
    partner_client,
)
from tests.support.today import sql_now


def _assertion(client: Any, key: Any = SIGNING_KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(today.now().timestamp())
    body = {
        "iss": client["client_id"], "sub": client["client_id"], "aud": client["issuer"], "jti": uuid4().hex,
        "iat": now, "exp": now + 60,
    } | claims  # fmt: skip
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(header or {"alg": "RS256", "kid": "k1"}, body, key)


async def _ask_with(api: Api, assertion: str, **form: str) -> httpx.Response:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return await ask(api, GRANT | {"client_assertion_type": kind, "client_assertion": assertion} | form)


@pytest.fixture
async def key_client(api: Api) -> Any:
    return await partner_client(api, await active_partner(api), auth_method="private_key_jwt", jwks=jwks(SIGNING_KEY))


def _by_hand(client: Any, header: dict[str, Any], secret: bytes) -> str:
    """Return an assertion that no library would make: unsigned, or signed with the public key as if it were a secret."""
    claims = jwt.decode(_assertion(client), SIGNING_KEY).claims
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(secret, b".".join(parts), "sha256") if secret else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def test_assertions_that_are_not_believed(api: Api, key_client: Any) -> None:
    now = int(today.now().timestamp())
    stranger = RSAKey.generate_key(2048, {"kid": "k1"})
    nested = base64.urlsafe_b64encode(b"[" * 4000).rstrip(b"=").decode()
    table = {
        "foreign key": _assertion(key_client, stranger),
        "alg none": _by_hand(key_client, {"alg": "none"}, b""),
        "public key as a secret": _by_hand(
            key_client, {"alg": "HS256", "kid": "k1"}, SIGNING_KEY.as_pem(private=False)
        ),
        "token endpoint as audience": _assertion(key_client, aud=key_client["token_endpoint"]),
        "foreign audience": _assertion(key_client, aud="https://elsewhere.example"),
        "audience in a list": _assertion(key_client, aud=[key_client["issuer"]]),
        "no audience": _assertion(key_client, aud=None),
        "long-lived": _assertion(key_client, exp=now + 3600),
        "expired": _assertion(key_client, exp=now - 1),
        "no exp": _assertion(key_client, exp=None),
        "exp is true": _assertion(key_client, exp=True),
        "exp is text": _assertion(key_client, exp="soon"),
        "exp is huge": _assertion(key_client, exp=10**26),
        "issued tomorrow": _assertion(key_client, iat=now + 86400),
        "not before tomorrow": _assertion(key_client, nbf=now + 86400),
        "no jti": _assertion(key_client, jti=None),
        "jti is long": _assertion(key_client, jti="x" * 129),
        "jti has a NUL": _assertion(key_client, jti="a\0b"),
        "another iss": _assertion(key_client, iss="somebody"),
        "another sub": _assertion(key_client, sub="somebody"),
        "sub is a number": _assertion(key_client, sub=7),
        "no sub": _assertion(key_client, sub=None),
        "unknown kid": _assertion(key_client, header={"alg": "RS256", "kid": "k9"}),
        "garbage": "abc",
        "dots": "a.b.c",
        "nested header": f"{nested}.e30.x",
        "nested claims": f"{base64.urlsafe_b64encode(b'{}').decode()}.{nested}.x",
        "too long": "a" * 9000,
    }
    for name, assertion in table.items():
        answer = await _ask_with(api, assertion)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), (name, answer.text)
    wrong_type = await ask(api, GRANT | {"client_assertion_type": "x", "client_assertion": _assertion(key_client)})
    assert (wrong_type.status_code, wrong_type.json()["error"]) == (401, "invalid_client")
    two_ways = await _ask_with(api, _assertion(key_client), client_secret="x")
    assert (two_ways.status_code, two_ways.json()["error"]) == (400, "invalid_request")
    assert (await _ask_with(api, _assertion(key_client), client_id=key_client["client_id"])).status_code == 200


async def _twenty_copies(api: Api, key_client: Any) -> list[int]:
    assertion = _assertion(key_client)
    answers = await asyncio.gather(*[_ask_with(api, assertion) for _ in range(20)])
    return sorted(answer.status_code for answer in answers)


async def test_an_assertion_works_once_also_when_twenty_copies_come_at_a_time(api: Api, key_client: Any) -> None:
    assert await _twenty_copies(api, key_client) == [200] + [401] * 19


async def test_without_remembering_every_copy_would_work(
    api: Api, key_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard's test can fail: with a look instead of the guarded insert, copies get through together."""

    async def look_only(work: Any, used: Any) -> bool:
        return await work.fetchval("SELECT 1 FROM oauth_assertion WHERE jti = $1", used.jti) is None

    monkeypatch.setattr(effects, "remember_assertion", look_only)
    assert (await _twenty_copies(api, key_client)).count(200) > 1


_PUSHED = {
    "response_type": "code", "redirect_uri": CALLBACK, "code_challenge": "a" * 43, "code_challenge_method": "S256",
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "bad", "good"),
    [
        ("/oauth/token", GRANT | {"scope": "nonsense"}, GRANT),
        ("/oauth/par", _PUSHED | {"redirect_uri": "https://evil.example/"}, _PUSHED),
        ("/oauth/introspect", {}, {"token": "x"}),
        ("/oauth/revoke", {}, {"token": "x"}),
    ],
)
async def test_an_assertion_is_used_up_by_a_request_that_is_refused(
    api: Api, path: str, bad: dict[str, str], good: dict[str, str]
) -> None:
    client = await partner_client(
        api, await active_partner(api), auth_method="private_key_jwt", jwks=jwks(SIGNING_KEY), redirect_uris=[CALLBACK],
        grant_types=["authorization_code", "client_credentials"],
    )  # fmt: skip

    async def send(form: dict[str, str], assertion: str) -> httpx.Response:
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return await api.post(path, data=form | {"client_assertion_type": kind, "client_assertion": assertion})

    assertion = _assertion(client)
    assert (await send(bad, assertion)).status_code == 400
    replayed = await send(good, assertion)
    assert (replayed.status_code, replayed.json()["error"]) == (401, "invalid_client")
    assert (await send(good, _assertion(client))).status_code in {200, 201}


async def test_expired_assertions_are_swept(api: Api, key_client: Any) -> None:
    await _ask_with(api, _assertion(key_client))
    async with unit_of_work() as work:
        await work.execute(
            f"INSERT INTO oauth_assertion (client_id, jti, expires_at) VALUES ('c', 'old', {sql_now()} - interval '1 hour')"
        )
    await delete_expired(PlatformServices.of(api.app).clock.now())
    assert await DB.fetchval("SELECT count(*) FROM oauth_assertion") == 1
