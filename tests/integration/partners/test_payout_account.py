"""A partner's payout account: kept by finance, sealed, masked everywhere, and a requirement that can stand at the gate."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from marketplace.platform.postgres.database import DB
from tests.support.app import Api
from tests.support.partners import active_partner, apply, approved_partner, bearer, partner_client, staff_post, token

NUMBER = "6222021001112223334"
ACCOUNT: dict[str, Any] = {
    "holder": "华住酒店集团有限公司", "bank": "中国工商银行上海分行", "number": NUMBER, "document_reference": "BANK-7",
}  # fmt: skip


async def _keep(api: Api, partner_id: str, etag: str | None = None, role: str = "finance", **changes: Any) -> Any:
    headers = api.staff(role) | ({"If-Match": etag} if etag else {})
    path = f"/v1/admin/partners/{partner_id}/payout-account"
    return await api.put(path, json=ACCOUNT | changes, headers=headers)


async def test_it_is_kept_sealed_and_shown_masked(api: Api) -> None:
    partner_id = await active_partner(api)
    path = f"/v1/admin/partners/{partner_id}/payout-account"
    assert (await api.get(path, headers=api.staff("finance"))).status_code == 404
    kept = await _keep(api, partner_id)
    assert (kept.status_code, kept.json()["number"]) == (200, "**** 3334"), kept.text
    own = bearer(await token(api, await partner_client(api, partner_id)))
    seen = await api.get("/v1/partner/payout-account", headers=own)
    assert seen.json() == (await api.get(path, headers=api.staff("auditor"))).json() == kept.json()
    stranger = bearer(await token(api, await partner_client(api, await approved_partner(api))))
    assert (await api.get("/v1/partner/payout-account", headers=stranger)).status_code == 404
    everything = await DB.fetch(
        "SELECT to_jsonb(a)::text AS row FROM payout_account a UNION ALL SELECT to_jsonb(e)::text FROM event e"
        " UNION ALL SELECT to_jsonb(e)::text FROM audit_entry e"
    )
    assert not [row["row"] for row in everything if NUMBER in row["row"]]
    published = await DB.fetchval("SELECT payload ->> 'last_four' FROM event WHERE type = 'payout_account.changed'")
    assert published == "3334"


async def test_only_finance_and_only_what_was_read(api: Api) -> None:
    partner_id = await approved_partner(api)
    assert (await _keep(api, partner_id, role="operations")).status_code == 403
    assert (await _keep(api, str(uuid4()))).status_code == 404
    assert (await _keep(api, partner_id, etag='"1"')).status_code == 412, "there is none yet"
    first = await _keep(api, partner_id)
    assert (await _keep(api, partner_id)).json()["code"] == "changed_meanwhile"
    tag = first.headers["etag"]
    answers = await asyncio.gather(*[_keep(api, partner_id, tag, number=f"{place}" * 12) for place in range(5)])
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 4
    assert await DB.fetchval("SELECT version FROM payout_account") == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [({"number": "6222 0210"}, "number"), ({"number": "1234567"}, "number"), ({"number": "1" * 35}, "number"),
     ({"holder": ""}, "holder"), ({"document_reference": "a b"}, "document_reference"), ({"version": 7}, "version")],
)  # fmt: skip
async def test_bad_accounts(api: Api, change: dict[str, Any], field: str) -> None:
    answer = await _keep(api, await approved_partner(api), **change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text


async def test_it_can_stand_at_the_gate(api: Api) -> None:
    """The requirement comes switched off; once it is on, nobody is approved without an account."""
    receipt = await apply(api)
    await DB.fetch("UPDATE requirement SET active = true WHERE code = 'payout_account'")
    admin = f"/v1/admin/partners/{receipt['id']}"
    refused = await api.post(
        f"{admin}/approve", json={}, headers=api.staff("operations") | {"Idempotency-Key": uuid4().hex}
    )
    assert [one["code"] for one in refused.json()["missing"]] == ["payout_account"]
    await _keep(api, receipt["id"])
    assert (await staff_post(api, f"{admin}/approve", {}))["status"] == "approved"
    assert UUID(receipt["id"])
