"""A partner's life on the database: every arrow, every pair that is none, the applicant's second try, a suspension."""

import itertools
from typing import Any, get_args
from uuid import UUID

import pytest

from marketplace.kernel.clock import Clock
from marketplace.kernel.states import TransitionRefusedError
from marketplace.platform.eventlog.audit import first_break
from marketplace.platform.postgres.database import DB, unit_of_work
from marketplace.settings import Settings
from partners.onboarding import apply as applying
from partners.onboarding.decide import decide
from partners.registry.domain import PARTNER, Decision, PartnerStatus, decisions
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.partners import APPLICATION, CONTRACT, apply, bearer, signed_contract, staff_post


async def test_every_arrow_and_every_pair_that_is_none(api: Api, clock: Clock) -> None:
    """Each decision in each state, by the table: the arrow is taken with its actor and reason, or nothing at all changes."""
    partner_id = UUID((await apply(api))["id"])
    for state, decision in itertools.product(PartnerStatus, get_args(Decision)):
        await DB.fetch("UPDATE partner SET status = $2 WHERE id = $1", partner_id, state)
        before = await _all_of(partner_id)
        if decision not in decisions(state):
            with pytest.raises(TransitionRefusedError):
                async with unit_of_work() as work:
                    await decide(work, partner_id, decision, "admin:x", "why", clock.now())
            assert await _all_of(partner_id) == before, (state, decision)
            continue
        async with unit_of_work() as work:
            after = await decide(work, partner_id, decision, "admin:x", "why", clock.now())
        step = await DB.fetchrow(
            "SELECT * FROM partner_history WHERE partner_id = $1 ORDER BY seq DESC LIMIT 1", partner_id
        )
        assert step is not None
        assert PARTNER.table[PartnerStatus(step["before"]), decision] == after == step["after"]
        assert (step["action"], step["actor"], step["reason"]) == (decision, "admin:x", "why")
        assert await DB.fetchval("SELECT status FROM partner WHERE id = $1", partner_id) == after
    assert await first_break() is None


async def _all_of(partner_id: UUID) -> list[Any]:
    counts = "SELECT (SELECT count(*) FROM partner_history), (SELECT count(*) FROM event), (SELECT count(*) FROM audit_entry)"
    return [await DB.fetchrow("SELECT * FROM partner WHERE id = $1", partner_id), await DB.fetchrow(counts)]


async def test_changes_are_asked_for_and_the_application_comes_again(api: Api) -> None:
    receipt = await apply(api)
    admin, path = f"/v1/admin/partners/{receipt['id']}", f"/v1/partner/applications/{receipt['id']}"
    applicant = bearer(receipt["application_token"])
    amended = APPLICATION | {"legal_name": "华住酒店管理有限公司", "reply": "已更正公司名称"}

    async def again(headers: dict[str, str] = applicant, body: Any = amended) -> Any:
        return await api.post(f"{path}/resubmit", json=body, headers=headers | fresh_key())

    assert (await again()).json()["code"] == "wrong_state"
    missing = await api.post(f"{admin}/request-changes", json={}, headers=api.staff("operations") | fresh_key())
    assert missing.status_code == 409
    assert (await staff_post(api, f"{admin}/review", {}))["status"] == "in_review"
    missing = await api.post(f"{admin}/request-changes", json={}, headers=api.staff("operations") | fresh_key())
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (400, "reason")
    asked = await staff_post(api, f"{admin}/request-changes", {"reason": "公司名称与执照不符"})
    assert (asked["status"], asked["actions"]) == ("changes_requested", ["reject"])
    seen = good(await api.get(path, headers=applicant))
    assert (seen["status"], seen["reason"]) == ("changes_requested", "公司名称与执照不符")

    for stranger, status in [
        ({}, 401),
        (bearer("mpa_wrong"), 404),
        (bearer((await apply(api))["application_token"]), 404),
    ]:
        assert (await again(stranger)).status_code == status
    bad = await again(body=amended | {"status": "approved"})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (400, "status")
    bad = await again(body=amended | {"scenarios": ["lodging", "lodging"]})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (400, "scenarios")
    assert good(await again())["status"] == "in_review"
    assert (await again()).status_code == 409

    detail = good(await api.get(admin, headers=api.staff("auditor")))
    assert detail["legal_name"] == "华住酒店管理有限公司"
    last = detail["history"][-1]
    assert (last["action"], last["actor"], last["reason"]) == ("resubmit", "applicant", "已更正公司名称")
    assert good(await api.get(path, headers=applicant))["reason"] is None, (
        "the applicant's own words are not operations'"
    )
    assert (await staff_post(api, f"{admin}/approve", {}))["status"] == "approved"


async def test_another_company_inherits_neither_contract_nor_account(api: Api) -> None:
    """Signed during the application by a company that is then replaced: the new one signs and names its account again."""
    receipt = await apply(api)
    admin, path = f"/v1/admin/partners/{receipt['id']}", f"/v1/partner/applications/{receipt['id']}"
    applicant = bearer(receipt["application_token"])
    await staff_post(api, f"{admin}/review", {})
    assert (await signed_contract(api, receipt["id"])).status_code == 200
    await staff_post(api, f"{admin}/contracts", CONTRACT | {"starts_on": "2090-01-01"})
    account = {"holder": "华住", "bank": "工行", "number": "6222021001112223334", "document_reference": "PA-1"}
    finance = api.staff("finance") | {"If-Match": '"0"'}
    good(await api.put(f"{admin}/payout-account", json=account, headers=finance))

    async def come_again(**changes: str) -> list[str]:
        await staff_post(api, f"{admin}/request-changes", {"reason": "请更正"})
        good(await api.post(f"{path}/resubmit", json=APPLICATION | changes, headers=applicant | fresh_key()))
        listed = good(await api.get(f"{admin}/contracts", headers=api.staff("auditor")))["data"]
        return [each["status"] for each in listed]

    assert await come_again(website="https://other.example.com") == ["signed", "drafted"], "the same company"
    assert await come_again(legal_name="另一家公司", registration_number="91310000MA1FL0009X") == ["withdrawn"] * 2
    assert (await api.get(f"{admin}/payout-account", headers=api.staff("auditor"))).status_code == 404
    history = good(await api.get(admin, headers=api.staff("auditor")))["history"]
    assert [
        ("合同第 1 版" in each["reason"], "3334" in each["reason"]) for each in history if each["action"] == "void"
    ] == [(True, True)]
    assert await DB.fetchval("SELECT count(*) FROM contract_signature") == 2, "who signed what stays"
    assert await DB.fetchval("SELECT count(*) FROM event WHERE type = 'contract.withdrawn'") == 1
    assert (await staff_post(api, f"{admin}/approve", {}))["status"] == "approved", "and not active"
    assert (await signed_contract(api, receipt["id"])).json()["partner_status"] == "active"
    assert await first_break() is None


async def test_what_is_noted_meanwhile_does_not_hide_what_was_asked_for(api: Api) -> None:
    receipt = await apply(api)
    admin, path = f"/v1/admin/partners/{receipt['id']}", f"/v1/partner/applications/{receipt['id']}"
    await staff_post(api, f"{admin}/review", {})
    await staff_post(api, f"{admin}/request-changes", {"reason": "公司名称与执照不符"})
    assert (await signed_contract(api, receipt["id"])).status_code == 200
    seen = good(await api.get(path, headers=bearer(receipt["application_token"])))
    assert (seen["status"], seen["reason"]) == ("changes_requested", "公司名称与执照不符")


async def test_a_resubmission_that_is_sent_twice_counts_once(api: Api) -> None:
    receipt = await apply(api)
    admin, path = f"/v1/admin/partners/{receipt['id']}", f"/v1/partner/applications/{receipt['id']}"
    await staff_post(api, f"{admin}/review", {})
    await staff_post(api, f"{admin}/request-changes", {"reason": "x"})
    headers = bearer(receipt["application_token"]) | fresh_key()
    first, second = [await api.post(f"{path}/resubmit", json=APPLICATION, headers=headers) for _ in range(2)]
    assert (first.status_code, second.headers["Idempotency-Replayed"]) == (200, "true")
    assert first.json() == second.json()
    assert await DB.fetchval("SELECT count(*) FROM partner_history WHERE action = 'resubmit'") == 1


async def test_who_may_resubmit_is_found_out_by_the_token_alone(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the look at the token broken, a stranger gets through: it is what keeps strangers out."""

    async def careless(partner_id: UUID, token: str) -> None:
        del partner_id, token

    receipt = await apply(api)
    admin, path = f"/v1/admin/partners/{receipt['id']}", f"/v1/partner/applications/{receipt['id']}"
    await staff_post(api, f"{admin}/review", {})
    await staff_post(api, f"{admin}/request-changes", {"reason": "x"})
    stranger = bearer("mpa_wrong")
    assert (await api.post(f"{path}/resubmit", json=APPLICATION, headers=stranger | fresh_key())).status_code == 404
    monkeypatch.setattr("partners.onboarding.api.prove", careless)
    assert (await api.post(f"{path}/resubmit", json=APPLICATION, headers=stranger | fresh_key())).status_code == 200
    assert applying.prove is not careless


async def test_a_suspension_stops_everything_but_vouchers_that_members_have(dsn: str, settings: Settings) -> None:
    """Off the catalogue at once, and refused everything else; the counter takes what members paid for. Terminated, nothing."""
    async with running_app(settings, dsn) as api:
        partner = await Partner(api).open(counter_cancel_minutes=60)
        shop = {"id": "SH-1", "name": {"zh-CN": "店", "en": "Shop"}, "city": "上海", "address": "路 1"}
        good(await api.post("/v1/partner/locations", json=shop, headers=partner.headers | fresh_key()), 201)
        offer = await partner.offer(points=100, stock=10)
        member = api.member("m-1", name="林")
        member_id = good(await api.get("/v1/me", headers=member))["member"]["id"]
        earning = {
            "reference": "r",
            "member_id": member_id,
            "points": 1000,
            "kind": "service",
            "occurred_at": "2026-11-01T00:00:00Z",
        }
        good(await api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=await oem(api)))
        order = {"offer_id": offer["id"], "quantity": 1}
        bought = [
            good(await api.post("/v1/redemptions", json=order, headers=member | fresh_key()), 201) for _ in range(2)
        ]
        code, second = (each["voucher"]["code"] for each in bought)

        await staff_post(api, f"/v1/admin/partners/{partner.id}/suspend", {"reason": "投诉"})
        assert good(await api.get("/v1/offers", headers=member))["data"] == []
        refused = await api.post("/v1/redemptions", json=order, headers=member | fresh_key())
        assert (refused.status_code, refused.json()["code"]) == (409, "not_on_sale")
        there = {"code": code, "location_id": "SH-1"}
        for step, more, status in (
            ("verify", {}, "issued"),
            ("use", {"reference": "1"}, "used"),
            ("undo-use", {"reason": "slip"}, "issued"),
            ("use", {"reference": "2"}, "used"),
        ):
            headers = partner.headers | fresh_key()
            done = good(await api.post(f"/v1/partner/vouchers/{step}", json=there | more, headers=headers))
            assert done["status"] == status, step
        for path in ("/v1/partner/profile", "/v1/partner/redemptions", "/v1/partner/offers"):
            stopped = await api.get(path, headers=partner.headers)
            assert (stopped.status_code, stopped.json()["code"]) == (403, "partner_stopped")
            assert "只能查验和核销" in stopped.json()["title"]

        await staff_post(api, f"/v1/admin/partners/{partner.id}/resume", {})
        assert [found["id"] for found in good(await api.get("/v1/offers", headers=member))["data"]] == [offer["id"]]
        await staff_post(api, f"/v1/admin/partners/{partner.id}/terminate", {"reason": "x"})
        gone = await partner.use(second)
        assert (gone.status_code, gone.json()["code"]) == (403, "partner_stopped")
