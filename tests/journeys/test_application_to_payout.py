"""The whole chain over HTTP only: a partner applies, a member redeems and uses, finance closes, approves and pays."""

import csv
import io
from datetime import timedelta
from typing import Any

import httpx
import openpyxl

from marketplace.kernel.clock import Clock
from marketplace.kernel.money import tax_included
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, bearer, good, oem

UNIT_MINOR = 12_000
TAX_PPM = 60_000


async def test_from_application_to_paid_statement(dsn: str, settings: Settings, clock: Clock) -> None:
    async with running_app(settings, dsn, clock) as api:
        await whole_chain(api, settings, clock)


async def whole_chain(api: Api, settings: Settings, clock: Clock) -> None:
    """Go the whole way, to the payment; the clock is in another month afterwards."""
    month = str(settings.calendar.month_of(clock.now()))
    partner = await Partner(api).open()
    offer = await partner.offer(points=300, stock=10, per_member=5)
    member = await _member_with_points(api, 2000)
    found = good(await api.get("/v1/offers", params={"scenario": "lodging", "q": "酒店"}, headers=member))
    assert [one["id"] for one in found["data"]] == [offer["id"]]
    assert good(await api.get("/v1/offers", params={"q": "hanting"}, headers=member))["data"][0]["stock"] == {
        "remaining": 10
    }

    kept = await _redeem(api, member, offer["id"], 2)
    given_back = await _redeem(api, member, offer["id"], 1)
    await _cancel(api, member, given_back["id"])
    await _use(partner, kept["voucher"]["code"])
    me = good(await api.get("/v1/me", headers=member))
    assert me["points"]["balance"] == 2000 - 600
    codes = [one["code"] for one in good(await api.get("/v1/me/points/movements", headers=member))["data"]]
    assert sorted(codes) == ["cancellation", "earning", "redemption", "redemption"]

    clock.offset += timedelta(days=40)
    statement = await _close(api, partner, month)
    await _approve_by_another(api, statement["id"])
    await _check(api)
    await _pay(api, statement)
    await _what_the_partner_sees(api, partner, statement)
    await _check(api)


async def _member_with_points(api: Api, points: int) -> dict[str, str]:
    system = await oem(api)
    body = {"members": [{"subject": "one-1", "name": "林晓", "tier": "gold", "vehicle": "晨曦 E7"}]}
    created = good(await api.post("/v1/points/members", json=body, headers=system | fresh_key()))
    now = PlatformServices.of(api.app).clock.now().isoformat()
    earning = {
        "reference": "visit-1",
        "member_id": created["results"][0]["member_id"],
        "points": points,
        "kind": "service",
        "occurred_at": now,
    }
    credited = good(await api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=system))
    assert credited["results"] == [
        {"reference": "visit-1", "status": "credited", "code": None, "balance": points, "message": None}
    ]
    headers = api.member("one-1")
    me = good(await api.get("/v1/me", headers=headers))
    assert (me["member"]["tier"], me["points"]["balance"]) == ("gold", points)
    return headers


async def _redeem(api: Api, member: dict[str, str], offer_id: str, quantity: int) -> dict[str, Any]:
    quote = good(await api.post(f"/v1/offers/{offer_id}/quote", json={"quantity": quantity}, headers=member))
    assert (quote["eligible"], quote["reasons"]) == (True, [])
    body = {"offer_id": offer_id, "quantity": quantity}
    redeemed: dict[str, Any] = good(await api.post("/v1/redemptions", json=body, headers=member | fresh_key()), 201)
    assert (redeemed["status"], redeemed["points"]) == ("issued", quote["price"]["points"] * quantity)
    picture = await api.get(f"/v1/vouchers/{redeemed['voucher']['id']}/qr.svg", headers=member)
    assert picture.text.startswith("<svg")
    return redeemed


async def _cancel(api: Api, member: dict[str, str], redemption_id: str) -> None:
    answer = await api.post(
        f"/v1/redemptions/{redemption_id}/cancel", json={"reason": "改变行程"}, headers=member | fresh_key()
    )
    cancelled = good(answer)
    assert (cancelled["status"], cancelled["points_returned"], cancelled["points_forfeited"]) == ("cancelled", 300, 0)
    assert [lot["rule"] for lot in cancelled["returned_lots"]] == ["original"]


async def _use(partner: Partner, code: str) -> None:
    api, headers = partner.api, partner.headers
    typed = code.lower().replace("-", " ")
    seen = good(await api.post("/v1/partner/vouchers/verify", json={"code": typed}, headers=headers))
    assert (seen["status"], seen["quantity"]) == ("issued", 2)
    body = {"code": typed, "reference": "stay-1", "use_token": seen["use_token"]}
    key = fresh_key()
    first = await api.post("/v1/partner/vouchers/use", json=body, headers=headers | key)
    again = await api.post("/v1/partner/vouchers/use", json=body, headers=headers | key)
    assert good(first)["status"] == "used"
    assert good(again) == first.json()
    refused = await partner.use(code)
    assert (refused.status_code, refused.json()["code"]) == (409, "already_used")


async def _close(api: Api, partner: Partner, month: str) -> dict[str, Any]:
    finance = api.staff("finance", subject="fin-1")
    answer = await api.post("/v1/finance/periods/close", json={"month": month}, headers=finance | fresh_key())
    (statement,) = [one for one in good(answer)["statements"] if one["partner_id"] == partner.id]
    assert (statement["lines"], statement["total_minor"], statement["currency"]) == (1, 2 * UNIT_MINOR, "CNY")
    assert statement["status"] == "closed"
    return dict(statement)


async def _approve_by_another(api: Api, statement_id: str) -> None:
    path = f"/v1/finance/statements/{statement_id}/approve"
    same = api.staff("finance", "finance_approver", subject="fin-1")
    refused = await api.post(path, headers=same | fresh_key())
    assert refused.status_code in {403, 409}, "who closed does not approve"
    other = api.staff("finance_approver", subject="cfo-1")
    assert good(await api.post(path, headers=other | fresh_key()))["status"] == "approved"


async def _pay(api: Api, statement: dict[str, Any]) -> None:
    finance = api.staff("finance", subject="fin-1")
    body = {"statement_id": statement["id"], "rail": "manual", "reference": "BANK-0001", "paid_on": "2026-12-20"}
    body["paid_on"] = str(
        PlatformServices.of(api.app).settings.calendar.day_of(PlatformServices.of(api.app).clock.now())
    )
    key = fresh_key()
    first = await api.post("/v1/finance/payouts", json=body, headers=finance | key)
    assert first.status_code in {200, 201}, first.text
    assert first.json()["amount"] == {"amount": statement["total_minor"], "currency": "CNY"}
    assert (await api.post("/v1/finance/payouts", json=body, headers=finance | key)).json() == first.json()
    twice = await api.post("/v1/finance/payouts", json=body, headers=finance | fresh_key())
    assert twice.status_code == 409
    paid = good(await api.get(f"/v1/finance/statements/{statement['id']}", headers=finance))
    assert paid["status"] == "paid"


async def _check(api: Api) -> None:
    auditor = api.staff("auditor", subject="auditor-1")
    report = good(await api.post("/v1/admin/invariants/check", headers=auditor))
    assert report["holds"], report
    assert good(await api.get("/v1/admin/invariants", headers=auditor)) == report


async def _what_the_partner_sees(api: Api, partner: Partner, statement: dict[str, Any]) -> None:
    headers = await bearer(api, partner.client["client_id"], partner.client["client_secret"])
    listed = good(await api.get("/v1/partner/statements", headers=headers))["data"]
    assert [(one["id"], one["status"]) for one in listed] == [(statement["id"], "paid")]
    at = f"/v1/partner/statements/{statement['id']}"
    (line,) = good(await api.get(f"{at}/lines", headers=headers))["data"]
    assert (line["amount_minor"], line["tax_minor"], line["quantity"]) == (24_000, tax_included(24_000, TAX_PPM), 2)
    sheet = await api.get(f"{at}/lines.csv", headers=headers)
    rows = list(csv.reader(io.StringIO(sheet.content.decode("utf-8-sig"))))
    assert any("240.00" in cell for cell in rows[1])
    book = await _xlsx(await api.get(f"{at}/lines.xlsx", headers=headers))
    assert 240 in {cell for row in book for cell in row}
    text = sheet.text + str(line) + str(listed)
    assert "林晓" not in text
    assert "one-1" not in text


async def _xlsx(answer: httpx.Response) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200, answer.text
    workbook = openpyxl.load_workbook(io.BytesIO(answer.content), data_only=True)
    return [row for sheet in workbook.worksheets for row in sheet.iter_rows(values_only=True)]
