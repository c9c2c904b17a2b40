"""Finance's actions over HTTP, as settlement's tests need them."""

from datetime import UTC, datetime
from typing import Any

from tests.support.app import Api, fresh_key

NOVEMBER_10 = datetime(2026, 11, 10, 4, tzinfo=UTC)
CLOSE = "/v1/finance/periods/close"
STATEMENTS = "/v1/finance/statements"
PAYOUTS = "/v1/finance/payouts"


async def close(api: Api, month: str = "2026-10", key: dict[str, str] | None = None, subject: str = "li") -> Any:
    headers = api.staff("finance", subject=subject) | (key or fresh_key())
    return await api.post(CLOSE, json={"month": month}, headers=headers)


async def closed(api: Api, month: str = "2026-10") -> list[dict[str, Any]]:
    answer = await close(api, month)
    assert answer.status_code == 200, answer.text
    statements: list[dict[str, Any]] = answer.json()["statements"]
    await check_now(api)  # payouts want to know that the book was looked at
    return statements


async def approve(api: Api, statement_id: str, subject: str = "wang", key: dict[str, str] | None = None) -> Any:
    headers = api.staff("finance_approver", subject=subject) | (key or fresh_key())
    return await api.post(f"{STATEMENTS}/{statement_id}/approve", headers=headers)


async def pay(api: Api, statement_id: str, /, key: dict[str, str] | None = None, **changes: Any) -> Any:
    body = {"statement_id": statement_id, "rail": "manual", "reference": "ICBC-42", "paid_on": "2026-11-05"} | changes
    return await api.post(PAYOUTS, json=body, headers=api.staff("finance") | (key or fresh_key()))


async def invariants_hold(api: Api) -> None:
    assert (await check_now(api))["holds"]


async def check_now(api: Api) -> dict[str, Any]:
    """Let the running checks go through everything and return what they say."""
    answer = await api.post("/v1/admin/invariants/check", headers=api.staff("auditor"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
