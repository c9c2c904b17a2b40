"""A partner, its receiver, and the worker's parts in the hands of webhooks' tests."""

from typing import Any

from marketplace.kernel.clock import Clock
from marketplace.platform.eventlog.events import catch_up
from marketplace.platform.outbound.guard import Outbound
from marketplace.settings import Settings
from partners.webhooks.catalogue import catalogue_of
from partners.webhooks.consumer import WebhookPublisher
from partners.webhooks.send import Sender
from tests.support.app import Api, fresh_key
from tests.support.partners import ALL_SCOPES, active_partner, bearer, partner_client, token
from tests.support.receiver import Receiver

ENDPOINTS = "/v1/partner/webhook-endpoints"
DELIVERIES = "/v1/partner/webhook-deliveries"
SCOPES = [*ALL_SCOPES, "webhooks:manage", "events:read"]


class House:
    """The application with one partner, its receiver, and the worker's parts in the test's hands."""

    def __init__(self, api: Api, settings: Settings, clock: Clock, receiver: Receiver) -> None:
        self.api, self.clock, self.receiver, self.settings = api, clock, receiver, settings
        self.announcer = WebhookPublisher(catalogue_of(settings.packages), settings.keys)
        self.sender = Sender(Outbound.of(settings), settings.keys, clock, luck=lambda: 0.0)
        self.headers: dict[str, str] = {}
        self.partner_id = ""

    async def partner(self, name: str) -> dict[str, str]:
        self.partner_id = await active_partner(self.api, registration_number=name)
        client = await partner_client(self.api, self.partner_id, scopes=SCOPES)
        return bearer(await token(self.api, client))

    async def post(self, path: str, body: Any = None, status: int = 201, headers: dict[str, str] | None = None) -> Any:
        answer = await self.api.post(path, json=body, headers=(headers or self.headers) | fresh_key())
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.api.get(path, headers=self.headers, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def endpoint(self, *types: str, url: str | None = None) -> Any:
        return await self.post(ENDPOINTS, {"url": url or self.receiver.url, "event_types": types or ["*"]})

    async def location(self, identifier: str) -> None:
        """Let something happen: a location is added."""
        body = {"id": identifier, "name": {"zh-CN": "店", "en": "Shop"}, "city": "上海", "address": "路 1"}
        await self.post("/v1/partner/locations", body)

    async def publish(self) -> int:
        """Let the consumer and the sender do their work once; how many messages were sent."""
        await catch_up(self.announcer)
        return await self.sender.once()

    async def delivery(self, endpoint: Any) -> Any:
        """The newest delivery of the endpoint, with every try."""
        listed = await self.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries", limit=1)
        return await self.get(f"{DELIVERIES}/{listed['data'][0]['id']}")
