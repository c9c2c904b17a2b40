"""A company applies, operations decide, a contract makes it active; all of it over HTTP."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from marketplace.platform.eventlog.audit import first_break
from marketplace.platform.postgres.database import DB
from partners.locations.locations import known_locations
from tests.support.agreements import agree
from tests.support.app import Api, fresh_key
from tests.support.partners import (
    APPLICATION,
    active_partner,
    apply,
    approved_partner,
    bearer,
    partner_client,
    staff_post,
    token,
)


async def test_from_application_to_active(api: Api) -> None:
    receipt = await apply(api)
    assert receipt["status"] == "applied"
    path = f"/v1/partner/applications/{receipt['id']}"
    seen = (await api.get(path, headers=bearer(receipt["application_token"]))).json()
    assert (seen["status"], seen["name"]["zh-CN"]) == ("applied", "华住集团")
    for headers in ({}, bearer("mpa_wrong"), {"Authorization": "Basic eDp5"}, api.staff("operations")):
        assert (await api.get(path, headers=headers)).status_code in {401, 404}
    other = await apply(api)
    assert (await api.get(path, headers=bearer(other["application_token"]))).status_code == 404

    admin = f"/v1/admin/partners/{receipt['id']}"
    approved = await staff_post(api, f"{admin}/approve", {"reason": "资质齐全"})
    assert (approved["status"], approved["version"]) == ("approved", 3)
    contract = (await agree(api, receipt["id"], {"starts_on": "2026-01-01", "settlement_basis": "on_use"})).json()
    assert (contract["version"], contract["partner_status"]) == (1, "active")
    detail = (await api.get(admin, headers=api.staff("auditor"))).json()
    assert detail["actions"] == ["suspend", "terminate"]
    assert [(step["action"], step["before"], step["after"]) for step in detail["history"]] == [
        ("apply", None, "applied"),
        ("review", "applied", "in_review"),
        ("approve", "in_review", "approved"),
        ("sign_contract", "approved", "active"),
    ]
    assert detail["history"][2]["reason"] == "资质齐全"
    assert {step["actor"] for step in detail["history"][1:]} == {"admin:staff-1", "admin:recorder-1"}
    events = await DB.fetch("SELECT type, payload FROM event WHERE aggregate_id = $1 ORDER BY seq", UUID(receipt["id"]))
    assert [row["type"] for row in events] == [
        "partner.applied", *["partner.status_changed"] * 2, "contract.offered", "partner.status_changed", "contract.signed"
    ]  # fmt: skip
    assert await first_break() is None


async def test_a_replayed_application_gets_the_same_answer_and_no_secret_lies_in_the_clear(api: Api) -> None:
    key = fresh_key()
    first = await api.post("/v1/partner/applications", json=APPLICATION, headers=key)
    again = await api.post("/v1/partner/applications", json=APPLICATION, headers=key)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Cache-Control"] == "no-store"
    changed = APPLICATION | {"legal_name": "另一家公司"}
    other = await api.post("/v1/partner/applications", json=changed, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await api.post("/v1/partner/applications", json=APPLICATION)).json()["code"] == "idempotency_key_missing"
    stored = await DB.fetchval("SELECT string_agg(convert_from(body, 'UTF8'), '') FROM idempotency")
    assert first.json()["application_token"] not in stored
    assert await DB.fetchval("SELECT count(*) FROM partner") == 1


BAD = [
    ({"name": {"zh-CN": "甲"}}, "name.en"),
    ({"name": {"zh-CN": "", "en": "A"}}, "name.zh-CN"),
    ({"name": {"zh-CN": "甲", "en": "A" * 81}}, "name.en"),
    ({"name": "Huazhu"}, "name"),
    ({"legal_name": "   "}, "legal_name"),
    ({"legal_name": "a\u0000b"}, "legal_name"),
    ({"legal_name": 7}, "legal_name"),
    ({"registration_number": "9" * 81}, "registration_number"),
    ({"kind": "casino"}, "kind"),
    ({"contact": {"name": "x", "email": "nobody", "phone": "12345"}}, "contact.email"),
    ({"contact": {"name": "x", "email": "a@b.cn\n", "phone": "12345"}}, "contact.email"),
    ({"contact": {"name": "x", "email": "a@b.cn", "phone": "call me"}}, "contact.phone"),
    ({"contact": {"name": "x", "email": "a@b.cn", "phone": "12345", "fax": "1"}}, "contact.fax"),
    ({"website": "javascript:alert(1)"}, "website"),
    ({"scenarios": []}, "scenarios"),
    ({"scenarios": ["lodging", "lodging"]}, "scenarios"),
    ({"scenarios": ["gambling"]}, "scenarios"),
    ({"description": "x" * 4001}, "description"),
    ({"description": "a\u0000b"}, "description"),
    ({"status": "approved"}, "status"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
async def test_a_bad_application_is_refused_by_the_fields_name(api: Api, change: dict[str, Any], field: str) -> None:
    answer = await api.post("/v1/partner/applications", json=APPLICATION | change, headers=fresh_key())
    body = answer.json()
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert [error["field"].split("[")[0] for error in body["errors"]] == [field], body
    assert await DB.fetchval("SELECT count(*) FROM partner") == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"name": 1e400}'])
async def test_what_is_no_application_at_all(api: Api, body: bytes) -> None:
    headers = fresh_key() | {"Content-Type": "application/json"}
    answer = await api.post("/v1/partner/applications", content=body, headers=headers)
    assert answer.status_code == 400, answer.text


async def test_decisions_follow_the_table_and_need_their_reason(api: Api) -> None:
    partner_id = (await apply(api))["id"]
    path = f"/v1/admin/partners/{partner_id}"

    async def decide(decision: str, body: Any) -> Any:
        answer = await api.post(f"{path}/{decision}", json=body, headers=api.staff("operations") | fresh_key())
        return answer.status_code, answer.json()

    assert (await decide("suspend", {"reason": "x"}))[1]["code"] == "wrong_state"
    status, problem = await decide("reject", {})
    assert (status, problem["errors"][0]["field"]) == (400, "reason")
    assert (await decide("approve", {"because": "x"}))[1]["errors"][0]["field"] == "because"
    no_body = await api.post(f"{path}/approve", headers=api.staff("operations") | fresh_key())
    assert no_body.json()["status"] == "approved", no_body.text
    assert (await decide("approve", {}))[0] == 409
    assert (await decide("terminate", {"reason": "不再合作"}))[1]["status"] == "terminated"
    status, problem = await decide("resume", {})
    assert (status, problem["code"], problem["allowed"]) == (409, "wrong_state", "suspended")
    rejected = (await apply(api))["id"]
    answer = await staff_post(api, f"/v1/admin/partners/{rejected}/reject", {"reason": "材料不全"})
    assert answer["status"] == "rejected"
    for missing in (uuid4(), "nothing", "%00"):
        answer = await api.post(f"/v1/admin/partners/{missing}/approve", headers=api.staff("operations") | fresh_key())
        assert answer.status_code == 404, answer.text


async def test_one_of_twenty_parallel_decisions_counts(api: Api) -> None:
    partner_id = (await apply(api))["id"]

    async def approve() -> int:
        headers = api.staff("operations") | fresh_key()
        return (await api.post(f"/v1/admin/partners/{partner_id}/approve", json={}, headers=headers)).status_code

    results = await asyncio.gather(*[approve() for _ in range(20)])
    assert sorted(results) == [200] + [409] * 19
    assert await DB.fetchval("SELECT count(*) FROM partner_history WHERE action = 'approve'") == 1


async def test_who_may_decide(api: Api) -> None:
    partner_id = (await apply(api))["id"]
    path = f"/v1/admin/partners/{partner_id}"
    for headers, status in [({}, 401), (api.staff("finance"), 403), (api.staff(), 403), (api.member("m"), 401)]:
        assert (await api.post(f"{path}/approve", json={}, headers=headers | fresh_key())).status_code == status
    assert (await api.get(path, headers=api.staff("finance"))).status_code == 200
    assert (await api.get("/v1/admin/partners", headers=api.member("m"))).status_code == 401


async def test_the_list_pages_and_filters(api: Api) -> None:
    ids = [(await apply(api))["id"] for _ in range(5)]
    await staff_post(api, f"/v1/admin/partners/{ids[0]}/approve", {})
    headers = api.staff("operations")
    seen: list[str] = []
    following: dict[str, str] | None = {}
    while following is not None:
        asked = {"status": "applied", "limit": "3"} | following
        page = (await api.get("/v1/admin/partners", params=asked, headers=headers)).json()
        seen += [partner["id"] for partner in page["data"]]
        following = page["next_cursor"] and {"cursor": page["next_cursor"]}
    assert seen == ids[:0:-1]
    for query, field in [
        ("status=nice", "status"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("cursor=abc", "cursor"),
    ]:
        answer = await api.get(f"/v1/admin/partners?{query}", headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text


async def test_history_cannot_be_rewritten(api: Api) -> None:
    await apply(api)
    import asyncpg

    for statement in ("UPDATE partner_history SET actor = 'x'", "DELETE FROM partner_history"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await DB.fetch(statement)


LOCATION = {"id": "SH-0001", "name": {"zh-CN": "外滩店", "en": "The Bund"}, "city": "上海", "address": "中山东一路1号"}


async def test_locations_are_the_partners_own(api: Api) -> None:
    partner_id, other_id = await active_partner(api), await approved_partner(api)
    access = bearer(await token(api, await partner_client(api, partner_id)))
    foreign = bearer(await token(api, await partner_client(api, other_id, scopes=["offers:read"])))
    added = await api.post("/v1/partner/locations", json=LOCATION, headers=access | fresh_key())
    assert added.status_code == 201, added.text
    again = await api.post("/v1/partner/locations", json=LOCATION, headers=access | fresh_key())
    assert (again.status_code, again.json()["code"]) == (409, "location_exists")
    refused = await api.post("/v1/partner/locations", json=LOCATION, headers=foreign | fresh_key())
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert [found["id"] for found in (await api.get("/v1/partner/locations", headers=access)).json()["data"]] == [
        "SH-0001"
    ]
    assert (await api.get("/v1/partner/locations", headers=foreign)).json() == {"data": [], "next_cursor": None}
    mine = (UUID(partner_id), "SH-0001")
    asked = [mine, (UUID(other_id), "SH-0001"), (UUID(partner_id), "SH-0002"), (UUID(partner_id), "a\0b")]
    assert await known_locations(asked) == {mine}
    for change, field in [({"id": "a b"}, "id"), ({"id": ""}, "id"), ({"city": None}, "city"), ({"x": 1}, "x")]:
        answer = await api.post("/v1/partner/locations", json=LOCATION | change, headers=access | fresh_key())
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text


async def test_the_profile_is_the_callers(api: Api) -> None:
    partner_id = await active_partner(api)
    client = await partner_client(api, partner_id, scopes=["offers:read"])
    answer = (await api.get("/v1/partner/profile", headers=bearer(await token(api, client)))).json()
    assert (answer["id"], answer["status"], answer["scopes"]) == (partner_id, "active", ["offers:read"])
    assert "version" not in answer
