"""Sandboxes in tests: a partner's engineer, and the end of the databases that they leave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.partners import ALL_SCOPES, bearer, partner_client, token
from tests.support.world import offer_json

SCOPES = [*ALL_SCOPES, "events:read"]


class InSandbox:
    """A partner's engineer with sandbox credentials."""

    def __init__(self, api: Api, headers: dict[str, str]) -> None:
        self.api = api
        self.headers = headers

    async def get(self, path: str) -> Any:
        answer = await self.api.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        answer = await self.api.post(path, json=body, headers=(headers or self.headers) | fresh_key())
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def member(self, place: int = 0) -> dict[str, str]:
        members = (await self.get("/v1/partner/sandbox"))["members"]
        issued = await self.post("/v1/partner/sandbox/member-tokens", {"member_id": members[place]["id"]})
        return bearer(issued["access_token"])

    async def offer(self, **fields: Any) -> str:
        offer = await self.post("/v1/partner/offers", offer_json(**fields))
        live = await self.post(f"/v1/partner/offers/{offer['id']}/submit")
        assert live["status"] == "live"
        return str(offer["id"])


@asynccontextmanager
async def app_with_sandboxes(settings: Settings, dsn: str, postgres: str) -> AsyncIterator[Api]:
    """Give a client of the application, and drop its sandboxes afterwards."""
    try:
        async with running_app(settings, dsn) as running:
            yield running
    finally:
        await drop_sandboxes(postgres)


async def drop_sandboxes(postgres: str) -> int:
    """Drop all sandboxes' databases of the server, even ones in use, and return how many there were."""
    admin = await asyncpg.connect(postgres)
    try:
        rows = await admin.fetch("SELECT datname FROM pg_database WHERE datname LIKE '%_sbx_%'")
        for row in rows:
            await admin.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
        return len(rows)
    finally:
        await admin.close()


async def sandboxed(api: Api, partner_id: str) -> InSandbox:
    client = await partner_client(api, partner_id, scopes=SCOPES, livemode=False)
    return InSandbox(api, bearer(await token(api, client)))
