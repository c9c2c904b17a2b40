"""What WWW-Authenticate says, who may read the metrics, and what is kept of tokens that were not good."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from marketplace.platform.http import identity
from marketplace.platform.services import PlatformServices
from marketplace.platform.validation.foreign import verify_jwt
from marketplace.sandbox import middleware
from marketplace.settings import Settings, SettingsError, load
from tests.support.app import Api, running_app
from tests.support.dpop import Holder
from tests.support.flow import Partner
from tests.support.minutes import whole_minute
from tests.support.oauth import GRANT, ask, basic

BAD = 'Bearer realm="marketplace", error="invalid_token"'
NONE = 'Bearer realm="marketplace"'
TOKEN = "metrics-token-0123456789"


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as running:
        yield running


@pytest.mark.parametrize(
    "path", ["/v1/me", "/v1/admin/partners", "/v1/finance/payouts", "/v1/partner/profile", "/v1/partner/offers"]
)
async def test_a_bad_token_is_invalid_and_none_is_no_error(api: Api, path: str) -> None:
    for sent, said in {
        "": NONE,
        "Bearer": NONE,
        "Basic eDp5": NONE,
        "Bearer x": BAD,
        f"Bearer {'x' * 9000}": BAD,
        f"bearer {api.oneid.token('members', 'm', aud='other')}": BAD,
        "DPoP x": 'DPoP realm="marketplace", error="invalid_token", algs="ES256 RS256"',
    }.items():
        answer = await api.get(path, headers={"Authorization": sent} if sent else {})
        assert (answer.status_code, answer.headers.get_list("www-authenticate")) == (401, [said]), sent[:20]


async def test_too_few_rights_name_the_scope(api: Api) -> None:
    partner, holder = await Partner(api).open(), Holder()
    pair = basic(partner.client["client_id"], partner.client["client_secret"])
    narrow = (await ask(api, GRANT | {"scope": "offers:read"}, Authorization=pair)).json()["access_token"]
    answer = await api.get("/v1/partner/statements", headers={"Authorization": f"Bearer {narrow}"})
    assert answer.status_code == 403
    expected = 'Bearer realm="marketplace", error="insufficient_scope", scope="statements:read"'
    assert answer.headers["www-authenticate"] == expected
    # A role is no scope: it cannot be asked for.
    answer = await api.get("/v1/finance/payouts", headers=api.staff("operations"))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (403, f'{NONE}, error="insufficient_scope"')
    bound = (await ask(api, GRANT, Authorization=pair, DPoP=holder.proof())).json()["access_token"]
    answer = await api.get("/v1/partner/profile", headers={"Authorization": f"DPoP {bound}"})
    expected = 'DPoP realm="marketplace", error="invalid_dpop_proof", algs="ES256 RS256"'
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, expected)
    # Another refusal says nothing of tokens.
    assert "www-authenticate" not in (await api.get("/v1/partner/offers/x", headers=partner.headers)).headers


async def test_registration_says_the_same(api: Api) -> None:
    for sent, said in {"": NONE, "Bearer x": BAD}.items():
        headers = {"Authorization": sent} if sent else {}
        answer = await api.post("/oauth/register", json={"client_name": "x"}, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, said)


async def test_bad_tokens_are_counted_at_every_door(dsn: str, settings: Settings) -> None:
    few = msgspec.structs.replace(settings, rate_address=3)
    async with running_app(few, dsn) as api:
        known = api.member("m-1")
        assert (await api.get("/v1/offers", headers=known)).status_code == 200
        doors = ["/v1/me", "/v1/admin/partners", "/v1/finance/payouts", "/v1/offers", "/v1/partner/profile"]
        await whole_minute()
        answers = [await api.get(path, headers={"Authorization": f"Bearer {path}"}) for path in doors]
        assert [one.status_code for one in answers] == [401] * 3 + [429] * 2
        assert (await api.get("/v1/offers", headers=known)).status_code == 200
        assert (await api.get("/v1/offers", headers=api.member("m-2"))).status_code == 429


async def test_a_member_whose_token_expired_is_nobody_who_guesses(dsn: str, settings: Settings) -> None:
    few = msgspec.structs.replace(settings, rate_address=3)
    async with running_app(few, dsn) as api:
        for number in range(8):
            answer = await api.get("/v1/me", headers=api.member(f"m-{number}", exp=1))
            assert answer.status_code == 401
        assert (await api.get("/v1/offers", headers=api.member("m-9"))).status_code == 200


async def test_an_expired_token_that_is_sent_again_has_no_signature_verified(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not counted, so it must not cost more than a look."""
    verified: list[str] = []

    def count(token: str, keys: KeySet) -> jwt.Token:
        verified.append(token)
        return verify_jwt(token, keys)

    monkeypatch.setattr(identity, "verify_jwt", count)
    headers = api.member("m-1", exp=1)
    for _ in range(5):
        answer = await api.get("/v1/me", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, BAD)
    assert len(verified) == 1


async def test_a_token_without_an_end_is_no_expired_one(dsn: str, settings: Settings) -> None:
    few = msgspec.structs.replace(settings, rate_address=3)
    async with running_app(few, dsn) as api:
        await whole_minute()
        answers = [await api.get("/v1/me", headers=api.member(f"m-{number}", exp="never")) for number in range(5)]
        assert [one.status_code for one in answers] == [401] * 3 + [429] * 2


async def test_nothing_is_kept_of_a_token_that_was_not_good(api: Api) -> None:
    partner = await Partner(api).open()
    kept = PlatformServices.of(api.app).identity._verified
    assert (await api.get("/v1/partner/profile", headers=partner.headers)).status_code == 200
    before = len(kept)
    for number in range(50):
        for path in ("/v1/me", "/v1/partner/profile", "/v1/admin/partners"):
            bad = f"Bearer {number}.{'x' * 7000}.{path}"
            assert (await api.get(path, headers={"Authorization": bad})).status_code == 401
    assert len(kept) == before
    for module in (identity, middleware):
        own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
        caches = [value for value in own if hasattr(value, "cache_info")]
        assert caches == [], f"{module.__name__} remembers what strangers send"


class From(httpx.AsyncBaseTransport):
    """Asks from an address."""

    def __init__(self, app: Any, host: str) -> None:
        self._inner = httpx.ASGITransport(app, client=(host, 1))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(request)


async def metrics(api: Api, host: str, **headers: str) -> tuple[int, str | None]:
    async with httpx.AsyncClient(transport=From(api.app, host), base_url=str(api.base_url)) as client:
        answer = await client.get(
            "/metrics", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
    return answer.status_code, answer.headers.get("www-authenticate")


async def test_metrics_are_for_this_machine_while_no_token_is_set(api: Api) -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1"):
        assert (await metrics(api, host))[0] == 200
    for host in ("203.0.113.9", "10.0.0.1", "2001:db8::1", "", "here"):
        assert (await metrics(api, host))[0] == 403, host
    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via"):
        assert (await metrics(api, "127.0.0.1", **{name: "127.0.0.1"}))[0] == 403, name
    # What passes connections on (stunnel, a TCP proxy) adds no field, and leaves the name that was asked for.
    for name in ("benefits.example.com", "10.0.0.1:8000", "localhost.example.com"):
        assert (await metrics(api, "127.0.0.1", Host=name))[0] == 403, name
    for name in ("localhost", "LOCALHOST:9", "[::1]:8000", "127.0.0.1:80"):
        assert (await metrics(api, "127.0.0.1", Host=name))[0] == 200, name


async def test_metrics_want_their_token(dsn: str, settings: Settings) -> None:
    closed = msgspec.structs.replace(settings, metrics_token=TOKEN, rate_address=3)
    async with running_app(closed, dsn) as api:
        await whole_minute()
        assert await metrics(api, "127.0.0.1") == (401, NONE)
        assert await metrics(api, "203.0.113.9", Authorization=f"Bearer {TOKEN}") == (200, None)
        for wrong in (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer %C3%A9"):
            assert await metrics(api, "203.0.113.9", Authorization=wrong) == (401, BAD)
        assert (await metrics(api, "203.0.113.9", Authorization="Bearer again"))[0] == 429


@pytest.mark.parametrize("token", ["short", "x" * 15, "with blanks in the middle", "é" * 20])
def test_a_metrics_token_is_one_that_a_header_can_carry(token: str) -> None:
    with pytest.raises(SettingsError, match="MARKETPLACE_METRICS_TOKEN"):
        load({"MARKETPLACE_MODE": "test", "MARKETPLACE_METRICS_TOKEN": token})
