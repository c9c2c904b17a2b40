"""The product's own calls, as its users make them: for tests that go over HTTP only."""

from typing import Any
from uuid import uuid4

import httpx

from tests.support.agreements import agree
from tests.support.app import Api, fresh_key
from tests.support.partner_fixtures import application_json, contract_json
from tests.support.world import offer_json

PARTNER_SCOPES = [
    "offers:read",
    "offers:write",
    "codes:write",
    "vouchers:verify",
    "vouchers:use",
    "redemptions:read",
    "statements:read",
    "locations:write",
    "contracts:read",
]


def good(answer: httpx.Response, status: int = 200) -> Any:
    """Return the answer's JSON; fail with the whole problem if the status is another."""
    assert answer.status_code == status, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    return answer.json()


async def bearer(api: Api, client_id: str, client_secret: str, **form: str) -> dict[str, str]:
    """Return the headers of a client that authenticates with its secret."""
    answer = await api.post(
        "/oauth/token", data={"grant_type": "client_credentials"} | form, auth=httpx.BasicAuth(client_id, client_secret)
    )
    return {"Authorization": f"Bearer {good(answer)['access_token']}"}


class Partner:
    """A partner with its token, from application to client, over HTTP."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.operations = api.staff("operations", subject="ops-1")
        self.id = ""
        self.client: dict[str, Any] = {}
        self.headers: dict[str, str] = {}

    async def open(self, application: dict[str, Any] | None = None, **contract: Any) -> "Partner":
        """Apply, be approved, sign, get a client and its token."""
        api = self.api
        body = application or application_json()
        self.id = good(await api.post("/v1/partner/applications", json=body, headers=fresh_key()), 201)["id"]
        at = f"/v1/admin/partners/{self.id}"
        good(await api.post(f"{at}/approve", json={}, headers=self.operations | fresh_key()))
        good(await agree(api, self.id, contract_json(**contract), subject="ops-1"))
        client = {"name": "till", "auth_method": "client_secret_basic", "scopes": PARTNER_SCOPES}
        self.client = good(await api.post(f"{at}/clients", json=client, headers=self.operations | fresh_key()), 201)
        self.headers = await bearer(api, self.client["client_id"], self.client["client_secret"])
        return self

    async def offer(self, **fields: Any) -> dict[str, Any]:
        """Register an offer, submit it, and have it approved."""
        api, headers = self.api, self.headers
        draft = good(
            await api.post("/v1/partner/offers", json=offer_json(**fields), headers=headers | fresh_key()), 201
        )
        good(await api.post(f"/v1/partner/offers/{draft['id']}/submit", headers=headers | fresh_key()))
        at = f"/v1/admin/offers/{draft['id']}/approve"
        offer: dict[str, Any] = good(await api.post(at, headers=self.operations | fresh_key()))
        return offer

    async def use(self, code: str, key: str | None = None) -> httpx.Response:
        """Take a voucher at the counter."""
        return await self.api.post(
            "/v1/partner/vouchers/use",
            json={"code": code, "reference": "till-1"},
            headers=self.headers | {"Idempotency-Key": key or uuid4().hex},
        )


async def oem(api: Api) -> dict[str, str]:
    """Return the headers of a system of the OEM that may credit points and keep members."""
    body = {"name": "dms", "auth_method": "client_secret_basic", "scopes": ["points:write", "members:write"]}
    operations = api.staff("operations", subject="ops-1")
    client = good(await api.post("/v1/admin/oem-clients", json=body, headers=operations | fresh_key()), 201)
    return await bearer(api, client["client_id"], client["client_secret"])
