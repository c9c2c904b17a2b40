"""The checklist: operations' data, the two gates, who answers, and an override that leaves its trace."""

from typing import Any
from uuid import UUID

import pytest

from marketplace.platform.eventlog.audit import first_break
from marketplace.platform.postgres.database import DB
from partners.onboarding import decide as deciding
from partners.onboarding.domain import Requirement, is_valid_credit_code
from tests.support.app import Api, fresh_key
from tests.support.flow import good
from tests.support.partners import APPLICATION, apply, bearer, staff_post

PATH = "/v1/admin/requirements"
TEXTS = {
    "title": {"zh-CN": "营业执照副本", "en": "Licence copy"},
    "help": {"zh-CN": "请提交副本。", "en": "Send a copy."},
}
SEEN: dict[str, Any] = {"code": "licence_copy", "kind": "verified", "gate": "approve", **TEXTS}
SAID: dict[str, Any] = {"code": "no_debts", "kind": "attested", "gate": "submit", **TEXTS, "sort": 5}


async def test_operations_configure_the_checklist(api: Api) -> None:
    listed = good(await api.get(PATH, headers=api.staff("auditor")))["data"]
    assert {one["code"] for one in listed} >= {"terms_accepted", "business_licence", "insurance_licence"}
    assert not any(one["active"] for one in listed), "operations switch on what they want"
    made = await staff_post(api, PATH, SEEN | {"partner_kinds": ["hotel_group"]})
    assert (made["version"], made["active"], made["partner_kinds"]) == (1, True, ["hotel_group"])
    twice = await api.post(PATH, json=SEEN, headers=api.staff("operations") | fresh_key())
    assert (twice.status_code, twice.json()["code"]) == (409, "requirement_exists")

    at = f"{PATH}/licence_copy"
    change = {"gate": "approve", **TEXTS, "partner_kinds": [], "sort": 1, "version": 1}
    changed = good(await api.patch(at, json=change, headers=api.staff("operations")))
    assert (changed["version"], changed["kind"], changed["partner_kinds"]) == (2, "verified", [])
    stale = await api.patch(at, json=change, headers=api.staff("operations"))
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    assert (await staff_post(api, f"{at}/retire", None))["active"] is False
    for missing in ("nothing", "a%00b"):
        gone = await api.post(f"{PATH}/{missing}/retire", headers=api.staff("operations") | fresh_key())
        assert gone.status_code == 404
    actions = [row["action"] for row in await DB.fetch("SELECT action FROM audit_entry ORDER BY seq")]
    assert actions == ["requirement.create", "requirement.change", "requirement.retire"]
    assert await first_break() is None
    for headers, status in [({}, 401), (api.staff("finance"), 403), (api.member("m"), 401)]:
        assert (await api.post(PATH, json=SAID, headers=headers | fresh_key())).status_code == status


BAD = [
    ({"code": "Bad Code"}, "code"),
    ({"code": "a" * 65}, "code"),
    ({"kind": "computed"}, "code"),
    ({"kind": "guessed"}, "kind"),
    ({"gate": "submit"}, "gate"),
    ({"gate": "later"}, "gate"),
    ({"title": {"zh-CN": "x"}}, "title.en"),
    ({"partner_kinds": ["casino"]}, "partner_kinds"),
    ({"partner_kinds": ["bank", "bank"]}, "partner_kinds"),
    ({"sort": -1}, "sort"),
    ({"sort": 10**30}, "sort"),
    ({"version": 4}, "version"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
async def test_a_bad_requirement_is_refused_by_the_fields_name(api: Api, change: dict[str, Any], field: str) -> None:
    answer = await api.post(PATH, json=SEEN | change, headers=api.staff("operations") | fresh_key())
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"].split("[")[0] == field, answer.text
    assert await DB.fetchval("SELECT count(*) FROM requirement WHERE code = 'licence_copy'") == 0


async def test_the_gate_to_apply(api: Api) -> None:
    await staff_post(api, PATH, SAID)
    refused = await api.post("/v1/partner/applications", json=APPLICATION, headers=fresh_key())
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["gate"]) == (409, "requirements_missing", "submit")
    assert [(one["code"], one["who"], one["title"]["en"]) for one in problem["missing"]] == [
        ("no_debts", "applicant", "Licence copy")
    ]
    assert await DB.fetchval("SELECT count(*) FROM partner") == 0
    for code in ("licence_copy", "nothing"):
        wrong = await api.post(
            "/v1/partner/applications", json=APPLICATION | {"attestations": [{"code": code}]}, headers=fresh_key()
        )
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "attestations[0].code")
    receipt = await apply(api, attestations=[{"code": "no_debts", "note": "无欠款"}])
    path, applicant = f"/v1/partner/applications/{receipt['id']}", bearer(receipt["application_token"])
    seen = good(await api.get(f"{path}/checklist", headers=applicant))
    assert seen["missing"] == {"submit": [], "approve": []}
    assert [(one["code"], one["met"], one["note"]) for one in seen["items"]] == [("no_debts", True, "无欠款")]
    for stranger, status in [({}, 401), (bearer("mpa_wrong"), 404), (api.staff("operations"), 404)]:
        assert (await api.get(f"{path}/checklist", headers=stranger)).status_code == status
        said = await api.post(f"{path}/attestations", json={"code": "no_debts"}, headers=stranger | fresh_key())
        assert said.status_code == status

    # What was asked for since then is needed to hand in again, and may be said before or with it.
    admin = f"/v1/admin/partners/{receipt['id']}"
    await staff_post(api, f"{admin}/review", {})
    await staff_post(api, f"{admin}/request-changes", {"reason": "x"})
    await staff_post(api, PATH, SAID | {"code": "no_lawsuits"})
    again = await api.post(f"{path}/resubmit", json=APPLICATION, headers=applicant | fresh_key())
    assert (again.status_code, [one["code"] for one in again.json()["missing"]]) == (409, ["no_lawsuits"])
    said = await api.post(f"{path}/attestations", json={"code": "no_lawsuits"}, headers=applicant | fresh_key())
    assert good(said)["missing"] == {"submit": [], "approve": []}
    assert (
        good(await api.post(f"{path}/resubmit", json=APPLICATION, headers=applicant | fresh_key()))["status"]
        == "in_review"
    )


async def test_the_gate_to_be_approved(api: Api) -> None:
    await staff_post(api, PATH, SEEN)
    await staff_post(api, PATH, SEEN | {"code": "fire_licence", "partner_kinds": ["restaurant"]})
    receipt = await apply(api)
    admin, applicant = f"/v1/admin/partners/{receipt['id']}", bearer(receipt["application_token"])
    path = f"/v1/partner/applications/{receipt['id']}"
    refused = await api.post(f"{admin}/approve", json={}, headers=api.staff("operations") | fresh_key())
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["gate"]) == (409, "requirements_missing", "approve")
    assert [(one["code"], one["who"]) for one in problem["missing"]] == [("licence_copy", "operations")]
    assert good(await api.get(admin, headers=api.staff("operations")))["status"] == "applied", "not half taken up"
    said = await api.post(f"{path}/attestations", json={"code": "licence_copy"}, headers=applicant | fresh_key())
    assert said.status_code == 400, "an applicant does not verify"

    verify = f"{admin}/checklist/licence_copy/verify"
    nothing = await api.post(verify, json={"note": "x"}, headers=api.staff("operations") | fresh_key())
    assert (nothing.status_code, nothing.json()["errors"][0]["field"]) == (400, "reference")
    seen = await staff_post(api, verify, {"reference": "DOC-7"})
    (item,) = seen["items"]
    assert (item["met"], item["reference"], item["actor"]) == (True, "DOC-7", "admin:staff-1")
    (item,) = good(await api.get(f"{path}/checklist", headers=applicant))["items"]
    assert (item["met"], item["actor"], item["reference"]) == (True, None, None), "staff are not named to applicants"

    # Another company's papers: what was verified must be verified again.
    await staff_post(api, f"{admin}/review", {})
    await staff_post(api, f"{admin}/request-changes", {"reason": "名称"})
    amended = APPLICATION | {"legal_name": "另一家公司"}
    good(await api.post(f"{path}/resubmit", json=amended, headers=applicant | fresh_key()))
    assert good(await api.get(f"{admin}/checklist", headers=api.staff("auditor")))["missing"]["approve"] == [
        "licence_copy"
    ]
    await staff_post(api, verify, {"reference": "DOC-8"})
    assert (await staff_post(api, f"{admin}/approve", {}))["status"] == "approved"


async def test_an_override_is_said_and_kept(api: Api) -> None:
    await staff_post(api, PATH, SEEN)
    partner_id = (await apply(api))["id"]
    admin = f"/v1/admin/partners/{partner_id}"
    wrong = await api.post(
        f"{admin}/reject",
        json={"reason": "x", "override": {"reason": "y"}},
        headers=api.staff("operations") | fresh_key(),
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "override")
    for bad, field in [({}, "override.reason"), ({"reason": ""}, "override.reason"), (True, "override")]:
        answer = await api.post(
            f"{admin}/approve", json={"override": bad}, headers=api.staff("operations") | fresh_key()
        )
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text
    done = await staff_post(api, f"{admin}/approve", {"reason": "欢迎", "override": {"reason": "原件下周到"}})
    steps = [(step["action"], step["before"], step["after"]) for step in done["history"]]
    assert steps[1:] == [
        ("review", "applied", "in_review"), ("override", "in_review", "in_review"), ("approve", "in_review", "approved")
    ]  # fmt: skip
    assert done["history"][2]["reason"] == "原件下周到（licence_copy）"
    audited = await DB.fetchval("SELECT details FROM audit_entry WHERE action = 'partner.override'")
    assert audited[4] == {"gate": "approve", "missing": ["licence_copy"], "reason": "原件下周到"}


async def test_without_its_gate_an_approval_goes_through(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the look at what is missing broken, the partner is approved unseen: it is what holds the gate."""

    async def blind(partner_id: UUID, gate: str) -> list[Requirement]:
        del partner_id, gate
        return []

    await staff_post(api, PATH, SEEN)
    admin = f"/v1/admin/partners/{(await apply(api))['id']}"
    assert (
        await api.post(f"{admin}/approve", json={}, headers=api.staff("operations") | fresh_key())
    ).status_code == 409
    monkeypatch.setattr(deciding, "missing_at", blind)
    assert (await staff_post(api, f"{admin}/approve", {}))["status"] == "approved"


async def test_what_the_program_finds_out_by_itself(api: Api) -> None:
    for code in ("registration_number_valid", "website_given"):
        (found,) = [
            one for one in good(await api.get(PATH, headers=api.staff("operations")))["data"] if one["code"] == code
        ]
        change = {name: found[name] for name in ("gate", "title", "help", "partner_kinds", "sort", "version")}
        change["active"] = True
        good(await api.patch(f"{PATH}/{code}", json=change, headers=api.staff("operations")))
    refused = await api.post("/v1/partner/applications", json=APPLICATION, headers=fresh_key())
    assert [one["code"] for one in refused.json()["missing"]] == ["registration_number_valid"]
    without = APPLICATION | {"registration_number": SOUND, "website": None}
    receipt = good(await api.post("/v1/partner/applications", json=without, headers=fresh_key()), 201)
    checklist = good(await api.get(f"/v1/admin/partners/{receipt['id']}/checklist", headers=api.staff("operations")))
    assert checklist["missing"] == {"submit": [], "approve": ["website_given"]}


async def test_nobody_is_asked_before_applying_for_what_comes_later(api: Api) -> None:
    """A contract and an account are made with a company that has applied: at `submit`, nobody could apply any more."""
    listed = good(await api.get(PATH, headers=api.staff("operations")))["data"]
    for code, who in (("contract_signed", "operations"), ("payout_account", "finance")):
        (found,) = [one for one in listed if one["code"] == code]
        change = {name: found[name] for name in ("title", "help", "partner_kinds", "sort", "version")} | {
            "active": True
        }
        refused = await api.patch(f"{PATH}/{code}", json=change | {"gate": "submit"}, headers=api.staff("operations"))
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "gate"), refused.text
        good(await api.patch(f"{PATH}/{code}", json=change | {"gate": "approve"}, headers=api.staff("operations")))
        receipt = await apply(api)
        at = f"/v1/admin/partners/{receipt['id']}"
        items = good(await api.get(f"{at}/checklist", headers=api.staff("operations")))["items"]
        assert [one["who"] for one in items if one["code"] == code] == [who]
    refused = await api.post(f"{at}/approve", json={}, headers=api.staff("operations") | fresh_key())
    assert {one["code"]: one["who"] for one in refused.json()["missing"]} == {
        "contract_signed": "operations",
        "payout_account": "finance",
    }


async def test_an_attestation_alone_is_refused_by_its_own_fields_name(api: Api) -> None:
    receipt = await apply(api)
    headers = bearer(receipt["application_token"]) | fresh_key()
    at = f"/v1/partner/applications/{receipt['id']}/attestations"
    refused = await api.post(at, json={"code": "nothing"}, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "code")
    within = APPLICATION | {"attestations": [{"code": "nothing"}]}
    refused = await api.post("/v1/partner/applications", json=within, headers=fresh_key())
    assert refused.json()["errors"][0]["field"] == "attestations[0].code"


SOUND = "91350100M000100Y43"
"""The example of GB 32100-2015 itself."""


def test_a_credit_code_and_every_slip_of_one_sign() -> None:
    assert is_valid_credit_code(SOUND)
    for place in range(18):
        for sign in "0123456789ABCDEFGHJKLMNPQRTUWXYIOSVZa９":
            if sign != SOUND[place]:
                assert not is_valid_credit_code(SOUND[:place] + sign + SOUND[place + 1 :])
    assert not is_valid_credit_code(SOUND[:-1])
    assert not is_valid_credit_code("")
