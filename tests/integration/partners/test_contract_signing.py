"""From draft to both signatures: what each side sees and may do, and that nothing holds before both have signed."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from marketplace.kernel.ends import said_day
from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from partners.contracts.domain import content_hash
from partners.contracts.terms import contract_in_force, load_terms
from partners.settings import PartnersSettings
from tests.support import partner_fixtures
from tests.support.app import Api, fresh_key
from tests.support.partners import (
    ALL_SCOPES,
    APPLICATION,
    CONTRACT,
    active_partner,
    apply,
    approved_partner,
    bearer,
    partner_client,
    staff_post,
    token,
)
from tests.support.today import sql_now

WRONG = "0" * 64


class Paper:
    """One version under way, with both sides' calls."""

    def __init__(self, api: Api, partner_id: str, draft: Any) -> None:
        self.api, self.partner_id, self.draft = api, partner_id, draft  # type: ignore[method-assign]
        self.id, self.hash = draft["id"], draft["content_hash"]
        self.admin = f"/v1/admin/partners/{partner_id}/contracts/{self.id}"

    @classmethod
    async def draft(cls, api: Api, partner_id: str, **changes: Any) -> "Paper":
        path = f"/v1/admin/partners/{partner_id}/contracts"
        return cls(api, partner_id, await staff_post(api, path, CONTRACT | changes))

    async def step(self, name: str, body: Any = None, subject: str = "staff-1") -> Any:
        headers = self.api.staff("operations", subject=subject) | fresh_key()
        return await self.api.post(f"{self.admin}/{name}", json=body, headers=headers)

    async def oem_signs(self, seal: str | None = None, subject: str = "staff-1") -> Any:
        return await self.step("sign", {"content_hash": seal or self.hash}, subject)

    async def on_paper(self, subject: str = "staff-2", **changes: Any) -> Any:
        body = {
            "content_hash": self.hash, "signed_by": "李娜", "signed_on": "2026-01-01", "document_reference": "CT-7",
        }  # fmt: skip
        return await self.step("paper-signature", body | changes, subject)

    async def partner_signs(self, headers: dict[str, str], seal: str | None = None) -> Any:
        body = {"content_hash": seal or self.hash}
        return await self.api.post(f"/v1/partner/contracts/{self.id}/sign", json=body, headers=headers | fresh_key())


async def _partner(api: Api) -> tuple[str, dict[str, str]]:
    """An approved partner whose system may read and sign contracts."""
    partner_id = await approved_partner(api)
    client = await partner_client(api, partner_id, scopes=[*ALL_SCOPES, "contracts:sign"])
    return partner_id, bearer(await token(api, client))


async def _in_force(partner_id: str) -> int | None:
    found = contract_in_force((await load_terms([UUID(partner_id)]))[UUID(partner_id)], date(2026, 11, 1))
    return None if found is None else found.version


@pytest.mark.parametrize("oem_first", [True, False])
async def test_it_holds_with_the_second_signature(api: Api, oem_first: bool) -> None:
    partner_id, partner = await _partner(api)
    paper = await Paper.draft(api, partner_id)
    assert (paper.draft["status"], content_hash(paper.draft["content"])) == ("drafted", paper.hash)
    own = f"/v1/partner/contracts/{paper.id}"
    assert (await api.get(own, headers=partner)).status_code == 404, "a draft is not for the partner to see"
    assert (await paper.partner_signs(partner)).status_code == 409
    assert (await paper.step("offer")).json()["status"] == "offered"
    seen = (await api.get(own, headers=partner)).json()
    assert (seen["status"], content_hash(seen["content"])) == ("offered", paper.hash)
    for refused in (await paper.partner_signs(partner, WRONG), await paper.oem_signs(WRONG)):
        assert (refused.status_code, refused.json()["code"]) == (409, "content_differs")
    first, second = (
        (paper.oem_signs(), paper.partner_signs(partner))
        if oem_first
        else (paper.partner_signs(partner), paper.oem_signs())
    )
    answer = (await first).json()
    assert answer["status"] == ("signed_by_oem" if oem_first else "signed_by_partner")
    assert (answer["partner_status"], await _in_force(partner_id)) == ("approved", None)
    answer = (await second).json()
    assert (answer["status"], answer["partner_status"], await _in_force(partner_id)) == ("signed", "active", 1)
    assert {one["party"] for one in answer["signatures"]} == {"oem", "partner"}
    own_view = (await api.get(own, headers=partner)).json()["signatures"]
    assert {one["party"]: one["actor"] is None for one in own_view} == {"oem": True, "partner": False}
    for again in (
        await paper.partner_signs(partner),
        await paper.oem_signs(),
        await paper.step("withdraw", {"reason": "x"}),
    ):
        assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    types = await DB.fetch("SELECT type FROM event WHERE type LIKE 'contract.%' ORDER BY seq")
    assert [row["type"] for row in types] == ["contract.offered", "contract.signed"]


async def test_the_signed_text_names_both_parties(api: Api, settings: Settings) -> None:
    partner_id, _ = await _partner(api)
    paper = await Paper.draft(api, partner_id)
    wanted = {
        "oem": settings.of(PartnersSettings).oem_name,
        "partner": APPLICATION["legal_name"],
        "registration_number": APPLICATION["registration_number"],
    }
    said = json.loads(paper.draft["content"])
    assert (said["format"], said["parties"], paper.draft["parties"]) == (1, wanted, wanted)
    await paper.step("offer")
    await paper.oem_signs()
    signed = (await paper.on_paper()).json()
    assert (signed["status"], signed["content"], content_hash(signed["content"])) == (
        "signed", paper.draft["content"], signed["content_hash"],
    )  # fmt: skip


async def test_the_database_refuses_a_content_of_another_format_or_without_parties(api: Api) -> None:
    paper = await Paper.draft(api, (await _partner(api))[0])
    for broken in ({"format": 2}, {"parties": None}):
        text = json.dumps(json.loads(paper.draft["content"]) | broken, ensure_ascii=False, sort_keys=True)
        with pytest.raises(asyncpg.CheckViolationError, match="contract_says"):
            await DB.fetch(
                "UPDATE contract SET content = $2, content_hash = $3 WHERE id = $1",
                UUID(paper.id),
                text,
                content_hash(text),
            )


async def test_a_draft_changes_and_an_offer_does_not(api: Api) -> None:
    partner_id, partner = await _partner(api)
    paper = await Paper.draft(api, partner_id)
    operations = api.staff("operations")
    read = await api.get(paper.admin, headers=operations)
    changed = CONTRACT | {"payment_terms_days": 20}
    assert (await api.put(paper.admin, json=changed, headers=operations)).json()["code"] == "if_match_missing"
    tag = {"If-Match": read.headers["etag"]}
    edited = await api.put(paper.admin, json=changed, headers=operations | tag)
    assert (edited.status_code, edited.json()["payment_terms_days"]) == (200, 20), edited.text
    assert edited.json()["content_hash"] != paper.hash
    stale = await api.put(paper.admin, json=changed, headers=operations | tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    await paper.step("offer")
    tag = {"If-Match": (await api.get(paper.admin, headers=operations)).headers["etag"]}
    late = await api.put(paper.admin, json=CONTRACT, headers=operations | tag)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
    # Who read the draft before it was changed cannot sign what it became.
    assert (await paper.partner_signs(partner)).json()["code"] == "content_differs"


async def test_withdrawn_is_over(api: Api) -> None:
    partner_id, partner = await _partner(api)
    paper = await Paper.draft(api, partner_id)
    await paper.step("offer")
    await paper.oem_signs()
    gone = await paper.step("withdraw", {"reason": "改用新条款"})
    assert gone.json()["status"] == "withdrawn"
    assert (await paper.partner_signs(partner)).json()["code"] == "wrong_state"
    assert await _in_force(partner_id) is None
    silent = await Paper.draft(api, partner_id)
    await silent.step("withdraw", {"reason": "写错了"})
    types = await DB.fetch("SELECT type FROM event WHERE type LIKE 'contract.%' ORDER BY seq")
    assert [row["type"] for row in types] == ["contract.offered", "contract.withdrawn"], "the draft was not announced"
    listed = (await api.get("/v1/partner/contracts", headers=partner)).json()["data"]
    assert [(one["version"], one["status"]) for one in listed] == [(1, "withdrawn")]


async def test_paper_needs_another_person(api: Api) -> None:
    paper = await Paper.draft(api, await approved_partner(api))
    await paper.step("offer")
    await paper.oem_signs()
    own = await paper.on_paper(subject="staff-1")
    assert (own.status_code, own.json()["code"]) == (409, "same_person")
    future = await paper.on_paper(signed_on="2199-01-01")
    assert (future.status_code, future.json()["errors"][0]["field"]) == (400, "signed_on")
    signed = (await paper.on_paper()).json()
    assert signed["status"] == "signed"
    (theirs,) = [one for one in signed["signatures"] if one["party"] == "partner"]
    assert (theirs["method"], theirs["signed_by"], theirs["document_reference"]) == ("paper", "李娜", "CT-7")
    other = await Paper.draft(api, paper.partner_id, starts_on="2091-01-01")
    await other.step("offer")
    await other.on_paper()
    mine = await other.oem_signs(subject="staff-2")
    assert mine.json()["code"] == "same_person"


async def test_scopes_and_other_partners(api: Api) -> None:
    partner_id, partner = await _partner(api)
    reader = bearer(await token(api, await partner_client(api, partner_id)))
    _, stranger = await _partner(api)
    paper = await Paper.draft(api, partner_id)
    await paper.step("offer")
    assert (await paper.partner_signs(reader)).json()["code"] == "insufficient_scope"
    absent = {"content_hash": paper.hash}
    foreign = await paper.partner_signs(stranger)
    nowhere = await api.post(f"/v1/partner/contracts/{uuid4()}/sign", json=absent, headers=stranger | fresh_key())
    assert foreign.status_code == nowhere.status_code == 404
    assert {**foreign.json(), "request_id": ""} == {**nowhere.json(), "request_id": ""}
    for path in (f"/v1/partner/contracts/{paper.id}", f"/v1/partner/contracts/{paper.id}/difference"):
        assert (await api.get(path, headers=stranger)).status_code == 404
    finance = await api.post(f"{paper.admin}/sign", json=absent, headers=api.staff("finance") | fresh_key())
    assert finance.status_code == 403
    assert (await paper.partner_signs(partner)).json()["status"] == "signed_by_partner"


async def test_a_later_version_takes_the_place_of_the_one_before(api: Api, settings: Settings) -> None:
    partner_id = await active_partner(api)
    tomorrow = settings.calendar.day_of(PlatformServices.of(api.app).clock.now()) + timedelta(days=1)
    far = await Paper.draft(api, partner_id, starts_on=str(tomorrow + timedelta(days=300)))
    for step in (far.step("offer"), far.oem_signs(), far.on_paper()):
        assert (await step).status_code == 200
    changes = {"starts_on": str(tomorrow), "settlement_price": None, "per_point_micros": 2_000_000}
    paper = await Paper.draft(api, partner_id, **changes)
    shown = (await api.get(f"{paper.admin}/difference", headers=api.staff("auditor"))).json()
    assert shown["before_version"] == 2
    assert [one["field"] for one in shown["changes"]] == ["starts_on", "settlement_price", "per_point_micros"]
    assert shown["changes"][1]["title"] == {"zh-CN": "默认结算价", "en": "Price of a unit"}
    for step in (paper.step("offer"), paper.oem_signs(), paper.on_paper()):
        assert (await step).status_code == 200
    listed = (await api.get(f"/v1/admin/partners/{partner_id}/contracts", headers=api.staff("auditor"))).json()["data"]
    assert {one["version"]: (one["status"], one["ends_on"]) for one in listed} == {
        1: ("signed", str(tomorrow)), 3: ("signed", None), 2: ("superseded", None),
    }  # fmt: skip
    assert '"ends_on":null' in listed[0]["content"], "what was signed stays what it was"
    today = await Paper.draft(api, partner_id, starts_on=str(tomorrow - timedelta(days=1)))
    refused = await today.step("offer")
    assert (refused.status_code, refused.json()["code"]) == (409, "contract_overlaps")
    last = said_day(tomorrow - timedelta(days=1), "zh-CN")
    assert f"至 {last}）重叠" in refused.json()["title"], "the last good day"


async def test_signed_in_review_an_application_is_active_with_its_approval(api: Api) -> None:
    receipt = await apply(api)
    admin = f"/v1/admin/partners/{receipt['id']}"
    await DB.fetch("UPDATE requirement SET active = true WHERE code = 'contract_signed'")
    early = await api.post(f"{admin}/contracts", json=CONTRACT, headers=api.staff("operations") | fresh_key())
    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    await staff_post(api, f"{admin}/review", {})
    unsigned = await api.post(f"{admin}/approve", json={}, headers=api.staff("operations") | fresh_key())
    assert (unsigned.status_code, unsigned.json()["code"]) == (409, "requirements_missing")
    paper = await Paper.draft(api, receipt["id"])
    await paper.step("offer")
    await paper.oem_signs()
    signed = (await paper.on_paper()).json()
    assert (signed["status"], signed["partner_status"]) == ("signed", "in_review")
    assert (await staff_post(api, f"{admin}/approve", {}))["status"] == "active"
    detail = (await api.get(admin, headers=api.staff("auditor"))).json()
    assert [step["action"] for step in detail["history"]][-3:] == ["sign_contract", "approve", "activate"]


async def test_ten_signatures_at_once_are_one(api: Api) -> None:
    partner_id, partner = await _partner(api)
    paper = await Paper.draft(api, partner_id)
    await paper.step("offer")
    answers = await asyncio.gather(*[paper.partner_signs(partner) for _ in range(10)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9


async def test_the_database_holds_signature_and_content_together(api: Api, dsn: str) -> None:
    """What the program cannot do by mistake either: another hash, another content, a changed or missing signature."""
    paper = await Paper.draft(api, await approved_partner(api))
    await paper.step("offer")
    await paper.oem_signs()
    identifier = UUID(paper.id)
    owner = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await owner.execute(
                "INSERT INTO contract_signature (contract_id, party, content_hash, method, actor, signed_at)"
                f" VALUES ($1, 'partner', $2, 'api', 'x', {sql_now()})", identifier, WRONG,
            )  # fmt: skip
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute("UPDATE contract SET content = content || ' ' WHERE id = $1", identifier)
        forged = "content = replace(content, '60000', '1')"
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await owner.execute(
                f"UPDATE contract SET {forged}, content_hash = encode(sha256(convert_to(replace(content, '60000', '1'),"
                " 'UTF8')), 'hex') WHERE id = $1", identifier,
            )  # fmt: skip
    finally:
        await owner.close()
    for statement in ("UPDATE contract_signature SET actor = 'x'", "DELETE FROM contract_signature"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await DB.fetch(statement)


async def test_paper_is_signed_on_the_business_day(database: str, settings: Settings) -> None:
    """At one in the morning in Shanghai it is yesterday in UTC."""
    await partner_fixtures.active_partner(settings, datetime(2026, 11, 22, 17, tzinfo=UTC), starts_on=date(2026, 12, 1))
    assert await DB.fetchval("SELECT signed_on FROM contract_signature WHERE method = 'paper'") == date(2026, 11, 23)
