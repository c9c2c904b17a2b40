"""Clients that we did not write: a certified one from npm (`openid-client`), and oauthlib's.

Authlib's client is in test_oauth_server.py and test_oauth_code.py.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient  # type: ignore[import-untyped]
from oauthlib.oauth2.rfc6749.errors import OAuth2Error  # type: ignore[import-untyped]

from marketplace.settings import Settings
from tests.support import today
from tests.support.app import Api
from tests.support.authorizing import CALLBACK, answer, integrator, led_to
from tests.support.oauth import basic, jwks
from tests.support.partners import active_partner, bearer, partner_client
from tests.support.people import People
from tests.support.served import served_app

pytestmark = pytest.mark.dates

PROFILE = "/v1/partner/profile"
NODE = Path(__file__).parents[2] / "node"
_WAIT_S = 20


def _why_not() -> str | None:
    if shutil.which("node") is None:
        return "node is not there: the certified client from npm is LEFT OUT"
    if not (NODE / "node_modules" / "openid-client").is_dir():
        return "openid-client is not installed, its tests are LEFT OUT: npm ci --prefix tests/node"
    return None


needs_node = pytest.mark.skipif(_why_not() is not None, reason=str(_why_not()))


@pytest.fixture
async def served(partners_only: Settings, dsn: str) -> AsyncIterator[Api]:
    async with served_app(partners_only, dsn, connections=10) as api:
        yield api


class Foreign:
    """The program under node, and what it tells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def answer_of(self, step: str) -> Any:
        assert self.process.stdout
        assert self.process.stderr
        line = await asyncio.wait_for(self.process.stdout.readline(), _WAIT_S)
        assert line, (await self.process.stderr.read()).decode()
        answer = json.loads(line)
        assert answer["step"] == step, answer
        return answer["value"]

    def send_line(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())

    async def end(self) -> None:
        _, errors = await asyncio.wait_for(self.process.communicate(), _WAIT_S)
        assert self.process.returncode == 0, errors.decode()


Start = Callable[[dict[str, Any]], Awaitable[Foreign]]


@pytest.fixture
async def start(served: Api) -> AsyncIterator[Start]:
    """Start the program; it is gone before the server is asked to end."""
    started = []
    pipe = asyncio.subprocess.PIPE

    async def begin(job: dict[str, Any]) -> Foreign:
        moved = os.environ | {"CLOCK_SHIFT_S": str((today.now() - datetime.now(UTC)).total_seconds())}
        process = await asyncio.create_subprocess_exec(
            "node", "--require", "./clock.cjs", "client.mjs", json.dumps(job), cwd=NODE, env=moved, stdin=pipe, stdout=pipe,
            stderr=pipe,
        )  # fmt: skip
        started.append(process)
        return Foreign(process)

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


WAYS = [
    ("client_secret_basic", False, False),
    ("client_secret_post", True, False),
    ("private_key_jwt", True, True),
    ("none", False, True),
]


@needs_node
@pytest.mark.parametrize(("method", "push", "dpop"), WAYS)
async def test_a_certified_client_acts_for_a_person(
    served: Api, start: Start, dsn: str, method: str, push: bool, dpop: bool
) -> None:
    people = People(served, dsn)
    await people.join(partner_id := await active_partner(served))
    key = ECKey.generate_key("P-256", {"kid": "n1"}, private=True)
    more = {"jwks": jwks(key)} if method == "private_key_jwt" else {}
    client = await integrator(served, auth_method=method, dpop_bound=dpop, **more)
    program = await start(
        {
            "issuer": client["issuer"], "client_id": client["client_id"], "secret": client["client_secret"],
            "method": method, "key": key.as_dict(private=True), "push": push, "dpop": dpop, "flow": "code",
            "redirect_uri": CALLBACK, "scope": "offers:read statements:read",
        }
    )  # fmt: skip
    page = await served.get(await program.answer_of("authorize"))
    assert page.status_code == 200, page.text
    where, query = led_to(await answer(served, page))
    program.send_line(f"{where}?{httpx.QueryParams(query)}")
    kind = "dpop" if dpop else "bearer"
    assert await program.answer_of("tokens") == {
        "type": kind,
        "scope": "offers:read statements:read",
        "partner": partner_id,
    }
    assert await program.answer_of("refreshed") == {"changed": True, "partner": partner_id}
    if method != "none":
        assert await program.answer_of("introspected") is True
    assert await program.answer_of("after") == "invalid_grant"
    await program.end()


@needs_node
@pytest.mark.parametrize("method", ["client_secret_basic", "private_key_jwt"])
async def test_a_certified_client_speaks_for_a_partners_system(served: Api, start: Start, method: str) -> None:
    partner_id = await active_partner(served)
    key = ECKey.generate_key("P-256", {"kid": "n1"}, private=True)
    more = {"jwks": jwks(key), "dpop_bound": True} if method == "private_key_jwt" else {}
    client = await partner_client(served, partner_id, auth_method=method, **more)
    program = await start(
        {
            "issuer": client["issuer"], "client_id": client["client_id"], "secret": client["client_secret"],
            "method": method, "key": key.as_dict(private=True), "dpop": bool(more), "flow": "client_credentials",
            "scope": "offers:read",
        }
    )  # fmt: skip
    tokens = await program.answer_of("tokens")
    assert (tokens["scope"], tokens["partner"]) == ("offers:read", partner_id)
    await program.end()


# --- oauthlib, which makes requests and reads answers, and leaves the sending to us


async def _send(api: Api, prepared: tuple[str, dict[str, str], str], **headers: str) -> httpx.Response:
    url, own, body = prepared
    return await api.post(url, content=body, headers=own | headers)


async def test_oauthlib_gets_a_code_and_tokens_refreshes_and_revokes(api: Api, people: People) -> None:
    await people.join(partner_id := await active_partner(api))
    issued = await integrator(api)
    base = issued["issuer"]
    client = WebApplicationClient(issued["client_id"])
    verifier = client.create_code_verifier(64)
    client.create_code_challenge(verifier, "S256")
    url, _, _ = client.prepare_authorization_request(
        f"{base}/oauth/authorize".replace("http:", "https:"), state="xyz", redirect_url=CALLBACK, scope="offers:read",
        code_challenge=client.code_challenge, code_challenge_method="S256",
    )  # fmt: skip
    page = await api.get(url.replace("https:", "http:", 1))
    where, query = led_to(await answer(api, page))
    found = client.parse_request_uri_response(f"{where}?{httpx.QueryParams(query)}", state="xyz")
    body = client.prepare_request_body(code=found["code"], redirect_uri=CALLBACK, code_verifier=verifier)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    secret = basic(issued["client_id"], issued["client_secret"])
    given = await api.post("/oauth/token", content=body, headers=form | {"Authorization": secret})
    tokens = client.parse_request_body_response(given.text)
    assert tokens["scope"] == ["offers:read"]
    profile = await api.get(PROFILE, headers=bearer(tokens["access_token"]))
    assert profile.json()["id"] == partner_id
    body = client.prepare_refresh_body(refresh_token=tokens["refresh_token"])
    given = await api.post("/oauth/token", content=body, headers=form | {"Authorization": secret})
    renewed = client.parse_request_body_response(given.text)
    assert renewed["refresh_token"] != tokens["refresh_token"]
    revocation = client.prepare_token_revocation_request(
        f"{base}/oauth/revoke".replace("http:", "https:"), renewed["refresh_token"], "refresh_token"
    )
    url, headers, body = revocation
    ended = await api.post("/oauth/revoke", content=body, headers=headers | {"Authorization": secret})
    assert (url.endswith("/oauth/revoke"), ended.status_code) == (True, 200)
    body = client.prepare_refresh_body(refresh_token=renewed["refresh_token"])
    given = await api.post("/oauth/token", content=body, headers=form | {"Authorization": secret})
    with pytest.raises(OAuth2Error, match="invalid_grant"):
        client.parse_request_body_response(given.text)


async def test_oauthlib_speaks_for_a_partners_system(api: Api) -> None:
    partner_id = await active_partner(api)
    issued = await partner_client(api, partner_id, auth_method="client_secret_post")
    client = BackendApplicationClient(issued["client_id"])
    body = client.prepare_request_body(
        scope=["offers:read"], include_client_id=True, client_secret=issued["client_secret"]
    )
    given = await api.post("/oauth/token", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    tokens = client.parse_request_body_response(given.text, scope=["offers:read"])
    assert (await api.get(PROFILE, headers=bearer(tokens["access_token"]))).json()["id"] == partner_id
