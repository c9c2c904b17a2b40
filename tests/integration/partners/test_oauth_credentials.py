"""Client secrets over their life, keys that clients publish, and the events that tell of credentials."""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from marketplace.kernel.addresses import networks
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from partners.oauth.access.client_cache import FRESH_S
from partners.oauth.clients import remote_keys
from partners.oauth.clients.credentials import delete_ended_secrets, warn_of_ends
from partners.services import PartnersServices
from tests.support.app import Api, fresh_key
from tests.support.authorizing import integrator, refresh, tokens_for
from tests.support.oauth import EC_KEY, GRANT, SIGNING_KEY, ask, basic, jwks
from tests.support.partners import ALL_SCOPES, active_partner, bearer, oem_client, partner_client, staff_post, token
from tests.support.people import People
from tests.support.today import sql_now


async def events(kind: str) -> list[Any]:
    rows = await DB.fetch("SELECT payload FROM event WHERE type = $1 ORDER BY seq", kind)
    return [row["payload"] for row in rows]


async def _try(api: Api, client: Any, secret: str) -> int:
    return (await ask(api, GRANT, Authorization=basic(client["client_id"], secret))).status_code


async def test_both_secrets_work_until_the_grace_time_ends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await partner_client(api, await active_partner(api))
    path = f"/v1/admin/clients/{client['client_id']}/rotate-secret"
    key = fresh_key()
    first = await api.post(path, json={"grace_hours": 24}, headers=api.staff("operations") | key)
    again = await api.post(path, json={"grace_hours": 24}, headers=api.staff("operations") | key)
    assert first.json() == again.json()
    new = first.json()["client_secret"]
    assert [await _try(api, client, secret) for secret in (client["client_secret"], new)] == [200, 200]
    (recorded,) = await events("credential.rotated")
    assert recorded["client_id"] == client["client_id"]
    clock = PlatformServices.of(api.app).clock
    later = clock.now() + timedelta(hours=24, seconds=1)
    monkeypatch.setattr(type(clock), "now", lambda _self: later)
    assert [await _try(api, client, secret) for secret in (client["client_secret"], new)] == [401, 200]
    dump = await DB.fetchval("SELECT string_agg(s::text, '') FROM oauth_secret s")
    assert new not in dump
    assert await _try(api, client, client["client_secret"]) == 401  # recorded once per interval
    (reused,) = await events("credential.reused")
    assert reused["client_id"] == client["client_id"]


async def test_a_second_rotation_never_shortens_what_the_first_promised(api: Api) -> None:
    client = await partner_client(api, await active_partner(api))
    path = f"/v1/admin/clients/{client['client_id']}/rotate-secret"
    rotated = [await staff_post(api, path, {"grace_hours": hours}) for hours in (24, 1, 24)]
    secrets = [one["client_secret"] for one in (client, *rotated)]
    assert [await _try(api, client, secret) for secret in secrets] == [200, 200, 200, 200]
    ends = await DB.fetch("SELECT expires_at FROM oauth_secret WHERE successor IS NOT NULL ORDER BY id")
    assert [row["expires_at"].isoformat() for row in ends] == [
        datetime.fromisoformat(one["old_until"]).isoformat() for one in rotated
    ]
    full = await api.post(path, json={"grace_hours": 24}, headers=api.staff("operations") | fresh_key())
    assert (full.status_code, full.json()["code"]) == (409, "too_many_secrets")
    assert [await _try(api, client, secret) for secret in secrets] == [200, 200, 200, 200]
    last = await staff_post(api, path, {"grace_hours": 0})
    assert [await _try(api, client, secret) for secret in (*secrets, last["client_secret"])] == [401] * 4 + [200]


async def test_no_rotation_promises_more_than_the_old_secret_has(api: Api) -> None:
    """A secret may end by itself within the grace time, or have ended before."""
    client = await partner_client(api, await active_partner(api))
    path = f"/v1/admin/clients/{client['client_id']}/rotate-secret"
    soon = datetime.fromisoformat((await staff_post(api, path, {"secret_days": 1}))["expires_at"]) - timedelta(hours=1)
    current = "client_id = $1 AND successor IS NULL"
    await DB.fetch(f"UPDATE oauth_secret SET expires_at = $2 WHERE {current}", client["client_id"], soon)
    rotated = await staff_post(api, path, {"grace_hours": 24, "secret_days": 1})
    assert datetime.fromisoformat(rotated["old_until"]) == soon
    (_, recorded) = await events("credential.rotated")
    assert datetime.fromisoformat(recorded["old_until"]) == soon
    await DB.fetch(f"UPDATE oauth_secret SET expires_at = {sql_now()} WHERE {current}", client["client_id"])
    late = await staff_post(api, path, {"grace_hours": 24})
    assert datetime.fromisoformat(late["old_until"]) <= PlatformServices.of(api.app).clock.now()


async def test_without_grace_the_old_secret_ends_at_once_and_its_use_is_told(api: Api) -> None:
    client = await partner_client(api, await active_partner(api))
    access = bearer(await token(api, client))
    rotated = await api.post("/v1/partner/client/rotate-secret", json={"grace_hours": 0}, headers=access | fresh_key())
    assert rotated.status_code == 200, rotated.text
    assert await _try(api, client, client["client_secret"]) == 401
    assert await _try(api, client, rotated.json()["client_secret"]) == 200
    assert len(await events("credential.reused")) == 1
    assert (await api.get("/v1/partner/profile", headers=access)).status_code == 200
    assert await _try(api, client, "wrong-" * 8) == 401
    assert len(await events("credential.reused")) == 1


@pytest.mark.parametrize("kept", ["offers:read", " ".join(ALL_SCOPES[1:])])
async def test_a_narrowed_token_cannot_be_turned_into_the_secret(api: Api, kept: str) -> None:
    """A secret gives every scope of the client, so a leaked token with fewer scopes must not lead to it."""
    client = await partner_client(api, await active_partner(api))
    narrowed = bearer(await token(api, client, scope=kept))
    refused = await api.post("/v1/partner/client/rotate-secret", json={}, headers=narrowed | fresh_key())
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope"), refused.text
    assert await _try(api, client, client["client_secret"]) == 200


async def test_what_another_process_ended_counts_here_within_fifteen_seconds(api: Api) -> None:
    """The plainest request is decided over the picture of clients; what is not in order by it is looked up at once."""
    client = await partner_client(api, await active_partner(api))
    assert await _try(api, client, client["client_secret"]) == 200
    await DB.fetch(f"UPDATE oauth_secret SET expires_at = {sql_now()} - interval '1 second'")
    assert await _try(api, client, client["client_secret"]) == 200
    PartnersServices.of(api.app).client_cache._read_at -= FRESH_S + 1
    assert await _try(api, client, client["client_secret"]) == 401
    await DB.fetch("UPDATE oauth_secret SET expires_at = NULL")
    assert await _try(api, client, client["client_secret"]) == 200  # and what another process allowed, at once


@pytest.mark.parametrize("hours", [-1, 25, 1.5, "1", True])
async def test_the_grace_time_has_bounds(api: Api, hours: Any) -> None:
    client = await partner_client(api, await active_partner(api))
    path = f"/v1/admin/clients/{client['client_id']}/rotate-secret"
    refused = await api.post(path, json={"grace_hours": hours}, headers=api.staff("operations") | fresh_key())
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "grace_hours")


async def test_what_cannot_be_rotated(api: Api, people: People) -> None:
    partner_id = await active_partner(api)
    keyed = await partner_client(api, partner_id, auth_method="private_key_jwt", jwks=jwks(EC_KEY))
    gone = await partner_client(api, partner_id)
    await staff_post(api, f"/v1/admin/clients/{gone['client_id']}/revoke", {"reason": "x"})
    for client_id, status, code in (
        (keyed["client_id"], 409, "no_secret"), (gone["client_id"], 409, "client_revoked"), ("nobody", 404, "not_found"),
    ):  # fmt: skip
        path = f"/v1/admin/clients/{client_id}/rotate-secret"
        refused = await api.post(path, json={}, headers=api.staff("operations") | fresh_key())
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (
        await api.post(
            f"/v1/admin/clients/{client_id}/rotate-secret", json={}, headers=api.staff("auditor") | fresh_key()
        )
    ).status_code == 403
    await people.join(partner_id)
    acting = bearer((await tokens_for(api, await integrator(api)))["access_token"])
    refused = await api.post("/v1/partner/client/rotate-secret", json={}, headers=acting | fresh_key())
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_client")


async def test_a_revoked_clients_secret_is_noticed(api: Api) -> None:
    client = await partner_client(api, await active_partner(api))
    await staff_post(api, f"/v1/admin/clients/{client['client_id']}/revoke", {"reason": "泄露"})
    assert len(await events("credential.revoked")) == 1
    answers = await asyncio.gather(*[_try(api, client, client["client_secret"]) for _ in range(5)])
    assert answers == [401] * 5
    (recorded,) = await events("credential.reused")
    assert recorded["partner_id"] == client["partner_id"]


async def test_secrets_that_end_are_told_of_once_and_forgotten_long_after(api: Api) -> None:
    partner_id = await active_partner(api)
    client = await partner_client(api, partner_id, secret_days=20)
    await partner_client(api, partner_id)
    now = PlatformServices.of(api.app).clock.now()
    assert await warn_of_ends(now) == 0
    assert await warn_of_ends(now + timedelta(days=7)) == 1
    assert await warn_of_ends(now + timedelta(days=8)) == 0
    (recorded,) = await events("credential.expiring")
    assert recorded["client_id"] == client["client_id"]
    await staff_post(api, f"/v1/admin/clients/{client['client_id']}/rotate-secret", {"grace_hours": 1})
    await delete_ended_secrets(now + timedelta(days=30))
    assert await DB.fetchval("SELECT count(*) FROM oauth_secret") == 3
    await delete_ended_secrets(now + timedelta(days=100))
    assert await DB.fetchval("SELECT count(*) FROM oauth_secret") == 2


async def test_partners_are_told_and_the_oems_own_credentials_stay_in_the_log(api: Api, people: People) -> None:
    partner_id = await active_partner(api)
    await people.join(partner_id)
    client = await partner_client(api, partner_id, scopes=["events:read"])
    dms = await oem_client(api)
    await staff_post(api, f"/v1/admin/clients/{dms['client_id']}/rotate-secret", {"grace_hours": 0})
    await staff_post(api, f"/v1/admin/clients/{client['client_id']}/rotate-secret", {"grace_hours": 24})
    app = await integrator(api)
    given = await tokens_for(api, app)
    renewed = (await refresh(api, app, given["refresh_token"])).json()
    await refresh(api, app, renewed["refresh_token"])
    await refresh(api, app, given["refresh_token"])
    (package,) = PlatformServices.of(api.app).packages
    (announcer,) = [each for each in package.consumers() if each.name == "partners.webhooks"]
    await catch_up(announcer)
    read = await api.get("/v1/partner/events", headers=bearer(await token(api, client)))
    recorded = {message["type"]: message["data"] for message in read.json()["data"]}
    assert recorded["credential.rotated"]["client_id"] == client["client_id"]
    assert recorded["grant.given"]["scopes"] == ["offers:read", "statements:read"]
    assert recorded["grant.revoked"]["reason"] == "refresh_token_reused"
    assert len(await events("credential.rotated")) == 2


# --- keys that a client publishes


class Published:
    """Stands where the network is: what lies at an address, and how often it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys: Any = jwks(SIGNING_KEY)
        self.asked: list[str] = []
        self.open_transactions: list[bool] = []

        async def send(_outbound: Outbound, method: str, url: str, **more: Any) -> Any:
            from marketplace.platform.outbound.guard import OutboundError, OutboundResponse, Reason

            self.asked.append(url)
            self.open_transactions.append(DB.current() is not None)
            if self.keys is None:
                raise OutboundError(Reason.UNREACHABLE)
            return OutboundResponse(200, {}, httpx.Response(200, json=self.keys).content, True, 1)

        monkeypatch.setattr(Outbound, "send", send)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    return Published(monkeypatch)


async def _assert(api: Api, client: Any, key: Any, kid: str | None = "k1") -> httpx.Response:
    now = int(PlatformServices.of(api.app).clock.now().timestamp())
    claims = {
        "iss": client["client_id"], "sub": client["client_id"], "aud": client["issuer"], "jti": uuid4().hex, "exp": now + 60,
    }  # fmt: skip
    header = {"alg": "ES256" if isinstance(key, ECKey) else "RS256"} | ({"kid": kid} if kid else {})
    form = GRANT | {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(header, claims, key),
    }
    return await ask(api, form)


async def _published_client(api: Api) -> Any:
    uri = "https://keys.example.com/jwks.json"
    return await partner_client(api, await active_partner(api), auth_method="private_key_jwt", jwks_uri=uri)


async def test_published_keys_are_fetched_kept_and_looked_for_again(
    api: Api, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await _published_client(api)
    assert (await _assert(api, client, SIGNING_KEY)).status_code == 200
    assert (await _assert(api, client, SIGNING_KEY)).status_code == 200
    assert published.asked == ["https://keys.example.com/jwks.json"]
    published.keys = jwks(EC_KEY)  # the client has another key from here on
    assert (await _assert(api, client, EC_KEY, "k2")).status_code == 401  # asked for a moment ago: not again so soon
    assert len(published.asked) == 1
    monkeypatch.setattr(remote_keys, "AGAIN_S", 0.0)
    assert (await _assert(api, client, EC_KEY, "k2")).status_code == 200
    assert (await _assert(api, client, SIGNING_KEY)).status_code == 401
    assert published.open_transactions == [False] * len(published.asked)


async def test_published_keys_outlast_an_address_that_does_not_answer(
    api: Api, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await _published_client(api)
    assert (await _assert(api, client, SIGNING_KEY)).status_code == 200
    real, gone = time.monotonic, [31.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + gone[0])
    published.keys = None
    for _ in range(2):
        assert (await _assert(api, client, EC_KEY, "k2")).status_code == 401  # a look for a key that is not there
        assert (await _assert(api, client, SIGNING_KEY)).status_code == 200
    assert len(published.asked) == 2  # a look that failed is followed by the same pause
    gone[0] += remote_keys.KEPT_S
    assert (await _assert(api, client, SIGNING_KEY)).status_code == 401
    gone[0] += remote_keys.AGAIN_S
    published.keys = jwks(SIGNING_KEY)
    assert (await _assert(api, client, SIGNING_KEY)).status_code == 200


async def test_keys_that_are_published_no_more_end(
    api: Api, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that names no good key is the client's own word, not an address that does not answer."""
    client = await _published_client(api)
    assert (await _assert(api, client, SIGNING_KEY)).status_code == 200
    monkeypatch.setattr(remote_keys, "AGAIN_S", 0.0)
    published.keys = {"keys": []}
    assert (await _assert(api, client, EC_KEY, "k2")).status_code == 401
    assert (await _assert(api, client, SIGNING_KEY)).status_code == 401


async def test_published_keys_that_cannot_be_had_or_are_not_good(
    api: Api, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await _published_client(api)
    monkeypatch.setattr(remote_keys, "AGAIN_S", 0.0)
    for keys in (
        None,
        [],
        {"keys": []},
        {"keys": [SIGNING_KEY.as_dict(private=True)]},
        {"keys": [{"kty": "oct", "k": "eA"}]},
    ):
        published.keys = keys
        refused = await _assert(api, client, SIGNING_KEY)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), keys
    nobody = {"client_id": "partner_nobody", "issuer": client["issuer"]}
    before = len(published.asked)
    assert (await _assert(api, nobody, SIGNING_KEY)).status_code == 401
    assert len(published.asked) == before  # a stranger's word makes us call nobody


@pytest.mark.parametrize(
    "uri",
    [
        "http://keys.example.com/x",
        "https://127.0.0.1/x",
        "https://keys.example.com:22/x",
        "https://u@keys.example.com/",
    ],
)
async def test_an_address_that_leads_nowhere_good_is_not_registered(api: Api, uri: str) -> None:
    path = f"/v1/admin/partners/{await active_partner(api)}/clients"
    body = {"name": "POS", "scopes": ["offers:read"], "auth_method": "private_key_jwt", "jwks_uri": uri}
    refused = await api.post(path, json=body, headers=api.staff("operations") | fresh_key())
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "jwks_uri")


async def test_the_guard_stands_before_a_key_set_that_lies_in_our_own_house(api: Api) -> None:
    """The real way out: nothing reaches a listener on this machine, unless its network is allowed (then the test can fail)."""
    came = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(1)
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    client = await _published_client(api)
    await DB.fetch("UPDATE oauth_client SET jwks_uri = $1", f"https://127.0.0.1:{port}/jwks.json")
    PartnersServices.of(api.app).client_cache.invalidate()
    keys = PartnersServices.of(api.app).oauth.remote_keys
    for allowed, reached in (((), []), (networks(["127.0.0.0/8"]), [1])):
        keys._outbound, keys._kept = Outbound(ports=[port], allowed=allowed), {}
        refused = await _assert(api, client, SIGNING_KEY)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert came == reached
    listener.close()
    await listener.wait_closed()


# --- what a client can be

SHAPES = [
    ({"auth_method": "none"}, "auth_method"),
    ({"grant_types": ["refresh_token"]}, "grant_types"),
    ({"grant_types": ["authorization_code"]}, "redirect_uris"),
    ({"redirect_uris": ["https://app.example.com/cb"]}, "redirect_uris"),
    ({"grant_types": ["password"]}, "grant_types[0]"),
    ({"auth_method": "private_key_jwt", "jwks": jwks(EC_KEY), "jwks_uri": "https://keys.example.com/x"}, "jwks_uri"),
    ({"jwks_uri": "https://keys.example.com/x"}, "jwks_uri"),
    ({"secret_days": 0}, "secret_days"),
    ({"application_type": "desktop"}, "application_type"),
]


@pytest.mark.parametrize(("change", "field"), SHAPES)
async def test_clients_that_cannot_be(api: Api, change: dict[str, Any], field: str) -> None:
    path = f"/v1/admin/partners/{await active_partner(api)}/clients"
    body = {"name": "POS", "scopes": ["offers:read"]} | change
    refused = await api.post(path, json=body, headers=api.staff("operations") | fresh_key())
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field), refused.text


BAD_ADDRESSES = [
    "http://app.example.com/cb", "https://app.example.com", "https://app.example.com/cb#", "https://u@app.example.com/cb",
    "https://*.example.com/cb", "https://app.example.com/*", "https://app.example.com/a/../cb", "https://app.example.com/a%2fcb",
    "https://app.example.com/%2e%2e/cb", "https://app..example.com/cb", "https://APP.example.com/cb", "javascript:alert(1)",
    "https://app.example.com/cb\\x", "https://app.example.com/c b", "http://localhost/cb", "http://127.0.0.1/cb", "app:/cb",
    "com.example.app:/cb", "https://例子.example/cb",
]  # fmt: skip


@pytest.mark.parametrize("uri", BAD_ADDRESSES)
async def test_addresses_that_cannot_be_registered(api: Api, uri: str) -> None:
    body = {"name": "x", "publisher": "y", "scopes": ["offers:read"], "redirect_uris": [uri]}
    refused = await api.post("/v1/admin/integrator-clients", json=body, headers=api.staff("operations") | fresh_key())
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "redirect_uris[0]"), refused.text


async def test_integrators_are_listed_apart(api: Api) -> None:
    client = await integrator(api)
    listed = (await api.get("/v1/admin/integrator-clients", headers=api.staff("auditor"))).json()["data"]
    assert [(each["client_id"], each["kind"], each["publisher"]) for each in listed] == [
        (client["client_id"], "integrator", "收银通科技")
    ]
    assert (await api.get("/v1/admin/oem-clients", headers=api.staff("auditor"))).json()["data"] == []
