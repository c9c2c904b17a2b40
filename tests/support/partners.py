"""A partner through the API, as a journey needs it before its own first step."""

import base64
from typing import Any

from tests.support.agreements import agree
from tests.support.app import Api, fresh_key

APPLICATION: dict[str, Any] = {
    "name": {"zh-CN": "华住集团", "en": "Huazhu Group"},
    "legal_name": "华住酒店集团有限公司",
    "registration_number": "91310000MA1FL0000X",
    "kind": "hotel_group",
    "contact": {"name": "李娜", "email": "li.na@example.com", "phone": "+86 21 5555 0100"},
    "website": "https://example.com",
    "scenarios": ["lodging", "travel"],
    "description": "酒店住宿",
}

CONTRACT: dict[str, Any] = {
    "starts_on": "2026-01-01",
    "settlement_basis": "on_use",
    "settlement_price": {"amount": 30000, "currency": "CNY"},
    "max_settlement_price": {"amount": 50000, "currency": "CNY"},
    "commission_ppm": 50000,
    "tax_rate_ppm": 60000,
    "currency": "CNY",
    "payment_terms_days": 15,
}

ALL_SCOPES = [
    "offers:read", "offers:write", "codes:write", "vouchers:verify", "vouchers:use", "redemptions:read", "statements:read",
    "locations:write", "contracts:read",
]  # fmt: skip


async def staff_post(api: Api, path: str, body: Any, *roles: str) -> Any:
    """Post as operations (or with the roles given) under a fresh key and return the answer's JSON; it must succeed."""
    headers = api.staff(*(roles or ("operations",))) | fresh_key()
    answer = await api.post(path, json=body, headers=headers)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def apply(api: Api, **changes: Any) -> Any:
    """Apply, and return the receipt."""
    answer = await api.post("/v1/partner/applications", json=APPLICATION | changes, headers=fresh_key())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def approved_partner(api: Api, **changes: Any) -> str:
    """Return the id of a partner that applied and was approved."""
    receipt = await apply(api, **changes)
    await staff_post(api, f"/v1/admin/partners/{receipt['id']}/approve", {"reason": "欢迎"})
    return str(receipt["id"])


async def signed_contract(api: Api, partner_id: str, **changes: Any) -> Any:
    """Draft a contract, offer it, and have both sides sign it; return the first refusal, or the signed contract's answer."""
    return await agree(api, partner_id, CONTRACT | changes)


async def active_partner(api: Api, contract: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return the id of a partner with a contract in force since the beginning of 2026."""
    partner_id = await approved_partner(api, **changes)
    answer = await agree(api, partner_id, contract or CONTRACT)
    assert answer.status_code == 200, answer.text
    return partner_id


async def partner_client(api: Api, partner_id: str, **changes: Any) -> Any:
    """Return a client issued to the partner, with its secret."""
    body = {"name": "POS", "scopes": ALL_SCOPES} | changes
    return await staff_post(api, f"/v1/admin/partners/{partner_id}/clients", body)


async def oem_client(api: Api, **changes: Any) -> Any:
    """Return a client issued to one of the OEM's systems."""
    body = {"name": "DMS", "scopes": ["points:write", "members:write"]} | changes
    return await staff_post(api, "/v1/admin/oem-clients", body)


async def token(api: Api, client: Any, **form: str) -> str:
    """Return an access token for a client with a secret."""
    pair = f"{client['client_id']}:{client['client_secret']}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    answer = await api.post("/oauth/token", data={"grant_type": "client_credentials"} | form, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def bearer(access_token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {access_token}"}
