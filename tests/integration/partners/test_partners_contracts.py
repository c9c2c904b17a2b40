"""Contracts are effective-dated, never overlap, and load in one statement."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from marketplace.kernel.money import Money
from marketplace.platform.postgres.database import unit_of_work
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from partners.contracts import sign
from partners.contracts.terms import contract_in_force, contracted_between, load_terms
from partners.registry.domain import PartnerStatus
from tests.support.app import Api, fresh_key
from tests.support.partners import (
    CONTRACT,
    active_partner,
    approved_partner,
    bearer,
    partner_client,
    signed_contract,
    staff_post,
    token,
)


async def _post(api: Api, partner_id: str, **changes: Any) -> Any:
    return await signed_contract(api, partner_id, **changes)


async def test_versions_follow_each_other(api: Api) -> None:
    partner_id = await approved_partner(api)
    first = await _post(api, partner_id, starts_on="2026-01-01", ends_on="2026-07-01")
    second = await _post(api, partner_id, starts_on="2026-07-01", settlement_price={"amount": 32000, "currency": "CNY"})
    earlier = await _post(api, partner_id, starts_on="2025-01-01", ends_on="2026-01-01", settlement_price=None)
    assert [answer.status_code for answer in (first, second, earlier)] == [200, 200, 200], earlier.text
    assert [answer.json()["version"] for answer in (first, second, earlier)] == [1, 2, 3]
    identifier = UUID(partner_id)
    terms = (await load_terms([identifier, uuid4()]))[identifier]
    assert (terms.status, terms.version, terms.name.en) == ("active", 6, "Huazhu Group")
    for day, version in [
        (date(2024, 12, 31), None),
        (date(2025, 1, 1), 3),
        (date(2025, 12, 31), 3),
        (date(2026, 6, 30), 1),
        (date(2026, 7, 1), 2),
        (date(2099, 1, 1), 2),
    ]:
        found = contract_in_force(terms, day)
        assert (found and found.version) == version, day
    current = contract_in_force(terms, date(2026, 8, 1))
    assert current is not None
    assert (current.settlement_price, current.max_settlement_price) == (Money(32000), Money(50000))
    assert (current.commission_ppm, current.tax_rate_ppm, current.payment_terms_days) == (50000, 60000, 15)
    assert await contracted_between(date(2025, 6, 1), date(2025, 7, 1)) == {(identifier, "CNY")}
    assert await contracted_between(date(2024, 6, 1), date(2025, 1, 1)) == set()
    client = await partner_client(api, partner_id)
    own = (await api.get("/v1/partner/contracts", headers=bearer(await token(api, client)))).json()
    listed = (await api.get(f"/v1/admin/partners/{partner_id}/contracts", headers=api.staff("finance"))).json()
    for contract in listed["data"]:
        for signature in contract["signatures"]:
            signature["actor"] = None  # who of the OEM's people signed is not for the partner
    assert own == listed
    assert [contract["version"] for contract in own["data"]] == [3, 1, 2]


@pytest.mark.parametrize(
    ("starts_on", "ends_on"),
    [
        ("2026-01-01", None),
        ("2026-06-30", None),
        ("2025-01-01", "2026-01-02"),
        ("2025-01-01", None),
        ("2026-02-01", "2026-03-01"),
    ],
)
async def test_overlaps_are_refused(api: Api, starts_on: str, ends_on: str | None) -> None:
    partner_id = await active_partner(api, CONTRACT | {"starts_on": "2026-01-01", "ends_on": "2026-07-01"})
    answer = await _post(api, partner_id, starts_on=starts_on, ends_on=ends_on)
    assert (answer.status_code, answer.json()["code"]) == (409, "contract_overlaps"), answer.text
    assert answer.json()["starts_on"] == "2026-01-01"
    assert len((await load_terms([UUID(partner_id)]))[UUID(partner_id)].contracts) == 1


async def _ten_at_once(api: Api, partner_id: str) -> list[int]:
    """Each begins a day later and is open-ended: any two of them overlap."""
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(10)]
    answers = await asyncio.gather(*[_post(api, partner_id, starts_on=str(day)) for day in days])
    return sorted(answer.status_code for answer in answers)


async def test_of_ten_overlapping_contracts_posted_at_once_one_stands(api: Api) -> None:
    partner_id = await approved_partner(api)
    assert await _ten_at_once(api, partner_id) == [200] + [409] * 9
    terms = (await load_terms([UUID(partner_id)]))[UUID(partner_id)]
    assert (len(terms.contracts), terms.version, terms.status) == (1, 4, "active")


async def test_without_the_partners_lock_more_than_one_would_stand(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard's test can fail: look and sign without the lock, a pause between, and several contracts overlap."""
    partner_id = await approved_partner(api)
    papers = [await _signed_by_us(api, partner_id, date(2026, 1, 1) + timedelta(days=number)) for number in range(5)]

    async def unlocked(work: Any, identifier: UUID) -> PartnerStatus:
        return PartnerStatus(await work.fetchval("SELECT status FROM partner WHERE id = $1", identifier))

    async def slowly(*given: Any) -> None:
        await asyncio.sleep(1)
        await give(*given)

    async def still(*_: Any) -> int:
        return 1

    give = sign._give
    monkeypatch.setattr(sign, "lock_partner", unlocked)
    monkeypatch.setattr(sign, "_give", slowly)
    monkeypatch.setattr(sign, "move", still)  # it writes the partner's row, by which the others would wait
    answers = await asyncio.gather(*[_signed_on_paper(api, *paper) for paper in papers])
    assert [answer.status_code for answer in answers].count(200) > 1


async def _signed_by_us(api: Api, partner_id: str, starts_on: date) -> tuple[str, str]:
    """Return the address and hash of a version that only the partner's signature lacks."""
    path = f"/v1/admin/partners/{partner_id}/contracts"
    draft = await staff_post(api, path, CONTRACT | {"starts_on": str(starts_on)})
    at = f"{path}/{draft['id']}"
    await staff_post(api, f"{at}/offer", None)
    await staff_post(api, f"{at}/sign", {"content_hash": draft["content_hash"]})
    return at, draft["content_hash"]


async def _signed_on_paper(api: Api, at: str, seal: str) -> Any:
    body = {"content_hash": seal, "signed_by": "李娜", "signed_on": "2026-01-01", "document_reference": "CT-1"}
    headers = api.staff("operations", subject="staff-2") | fresh_key()
    return await api.post(f"{at}/paper-signature", json=body, headers=headers)


BAD = [
    ({"starts_on": "2026-13-01"}, "starts_on"),
    ({"starts_on": None}, "starts_on"),
    ({"starts_on": "0026-01-01"}, "starts_on"),
    ({"ends_on": "2026-01-01"}, "ends_on"),
    ({"ends_on": "2025-01-01"}, "ends_on"),
    ({"settlement_basis": "on_hope"}, "settlement_basis"),
    ({"settlement_price": {"amount": 1.5, "currency": "CNY"}}, "settlement_price.amount"),
    ({"settlement_price": {"amount": True, "currency": "CNY"}}, "settlement_price.amount"),
    ({"settlement_price": {"amount": -1, "currency": "CNY"}}, "settlement_price.amount"),
    ({"settlement_price": {"amount": 10**26, "currency": "CNY"}}, "settlement_price.amount"),
    ({"settlement_price": {"amount": 1, "currency": "USD"}}, "settlement_price.currency"),
    ({"settlement_price": {"amount": 1, "currency": "yuan"}}, "settlement_price.currency"),
    ({"settlement_price": 100}, "settlement_price"),
    ({"settlement_price": {"amount": 50001, "currency": "CNY"}}, "max_settlement_price"),
    ({"commission_ppm": 1_000_001}, "commission_ppm"),
    ({"commission_ppm": "5%"}, "commission_ppm"),
    ({"tax_rate_ppm": -1}, "tax_rate_ppm"),
    ({"currency": "USD"}, "currency"),
    ({"currency": "cny"}, "currency"),
    ({"cycle": "daily"}, "cycle"),
    ({"time_zone": "Asia/Nowhere"}, "time_zone"),
    ({"role": "gives"}, "role"),
    ({"grant_per_point_micros": 800_000}, "grant_per_point_micros"),
    (
        {
            "role": "both",
            "grant_per_point_micros": 800_000,
            "packs": {"points": 1, "price": {"amount": 1, "currency": "CNY"}},
        },
        "grant_per_point_micros",
    ),
    ({"packs": {"points": 1, "price": {"amount": 1, "currency": "CNY"}}}, "packs"),
    ({"role": "both", "packs": {"points": 0, "price": {"amount": 1, "currency": "CNY"}}}, "packs.points"),
    ({"role": "both", "packs": {"points": 1, "price": {"amount": 1, "currency": "USD"}}}, "packs.price.currency"),
    ({"funding": {"oem_ppm": 500_000}}, "funding"),
    ({"funding": {"oem_ppm": 900_000, "dealer_ppm": 100_000}}, "funding.dealer"),
    ({"prices": [{"scenarios": ["dining"]}]}, "prices[0]"),
    ({"prices": [{"scenarios": ["fishing"], "per_point_micros": 1}]}, "prices[0].scenarios[0]"),
    ({"prices": [{"price": {"amount": 50001, "currency": "CNY"}}]}, "max_settlement_price"),
    ({"per_point_micros": 5}, "per_point_micros"),
    ({"commission": [{"on": "points", "floor_minor": 5, "cap_minor": 4}]}, "commission[0].cap_minor"),
    ({"commission": [{"on": "gold"}]}, "commission[0].on"),
    ({"minimum_payout": {"amount": 1, "currency": "USD"}}, "minimum_payout.currency"),
    ({"payment_terms_days": 366}, "payment_terms_days"),
    ({"version": 7}, "version"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
async def test_a_bad_contract_is_refused_by_the_fields_name(api: Api, change: dict[str, Any], field: str) -> None:
    partner_id = await approved_partner(api)
    answer = await _post(api, partner_id, **change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text
    assert (await load_terms([UUID(partner_id)]))[UUID(partner_id)].status == "approved"


async def test_who_may_sign_and_when(api: Api) -> None:
    partner_id = await active_partner(api)
    await staff_post(api, f"/v1/admin/partners/{partner_id}/suspend", {"reason": "投诉"})
    again = await _post(api, partner_id, starts_on="2025-01-01", ends_on="2026-01-01")
    assert (again.status_code, again.json()["partner_status"]) == (200, "suspended")
    await staff_post(api, f"/v1/admin/partners/{partner_id}/terminate", {"reason": "结束"})
    refused = await _post(api, partner_id, starts_on="2024-01-01", ends_on="2025-01-01")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert (await _post(api, str(uuid4()))).status_code == 404
    path = f"/v1/admin/partners/{partner_id}/contracts"
    finance = await api.post(path, json=CONTRACT, headers=api.staff("finance") | fresh_key())
    assert finance.status_code == 403


async def test_a_contract_ends_early_but_never_in_the_past(api: Api, settings: Settings) -> None:
    partner_id = await active_partner(api)
    contract_id = (await load_terms([UUID(partner_id)]))[UUID(partner_id)].contracts[0].contract_id
    today = settings.calendar.day_of(PlatformServices.of(api.app).clock.now())
    path = f"/v1/admin/partners/{partner_id}/contracts/{contract_id}/end"

    async def end(day: date, contract_path: str = path) -> Any:
        body = {"ends_on": str(day), "reason": "新协议"}
        return await api.post(contract_path, json=body, headers=api.staff("operations") | fresh_key())

    for day in (date(2026, 1, 1), today - timedelta(days=1), today):
        answer = await end(day)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "ends_on"), answer.text
    until = today + timedelta(days=30)
    assert (await end(until)).json()["ends_on"] == str(until)
    assert (await end(until)).status_code == 400
    assert (await end(until, path.replace(str(contract_id), str(uuid4())))).status_code == 404
    assert (await _post(api, partner_id, starts_on=str(until))).json()["version"] == 2


async def test_terms_are_seen_inside_the_unit_of_work_that_changes_them(api: Api) -> None:
    partner_id = UUID(await active_partner(api))
    async with unit_of_work() as work:
        await work.execute("UPDATE partner SET version = version + 10 WHERE id = $1", partner_id)
        assert (await load_terms([partner_id]))[partner_id].version == 14
    assert await load_terms([]) == {}
