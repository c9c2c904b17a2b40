"""A till, or a person at the counter, belongs to locations, and takes vouchers there and nowhere else."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from marketplace.platform.postgres.database import DB
from marketplace.platform.services import PlatformServices
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller
from tests.support.app import Api, fresh_key, running_app
from tests.support.authorizing import integrator, tokens_for
from tests.support.flow import Partner, bearer, good
from tests.support.people import People


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as running:
        yield running


async def seller(api: Api) -> tuple[Partner, Any]:
    """Return a partner with two locations and an offer that costs nothing to speak of."""
    partner = await Partner(api).open()
    for name in ("SH-1", "SH-2"):
        place = {"id": name, "name": {"zh-CN": name, "en": name}, "city": "上海", "address": "路 1 号"}
        good(await api.post("/v1/partner/locations", json=place, headers=partner.headers | fresh_key()), 201)
    return partner, await partner.offer(points=1, stock=None, per_member=None)


async def till(api: Api, partner: Partner, *locations: str) -> httpx.Response:
    body = {"name": "till", "scopes": ["vouchers:verify", "vouchers:use"], "locations": list(locations)}
    there = f"/v1/admin/partners/{partner.id}/clients"
    return await api.post(there, json=body, headers=partner.operations | fresh_key())


async def voucher(api: Api, offer: Any) -> str:
    headers = api.member(f"s-{uuid4().hex}")
    member_id = good(await api.get("/v1/me", headers=headers))["member"]["id"]
    oem = good(
        await api.post(
            "/v1/admin/oem-clients",
            json={"name": "DMS", "scopes": ["points:write"]},
            headers=api.staff("operations") | fresh_key(),
        ),
        201,
    )
    earning = {
        "reference": "r", "member_id": member_id, "points": 10, "kind": "service",
        "occurred_at": PlatformServices.of(api.app).clock.now().isoformat(),
    }  # fmt: skip
    system = await bearer(api, oem["client_id"], oem["client_secret"])
    good(await api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=system))
    wanted = {"offer_id": offer["id"], "quantity": 1}
    return str(
        good(await api.post("/v1/redemptions", json=wanted, headers=headers | fresh_key()), 201)["voucher"]["code"]
    )


async def take(api: Api, headers: dict[str, str], action: str, code: str, location: str | None) -> httpx.Response:
    body = {"code": code, "location_id": location} | ({"reference": "R"} if action == "use" else {})
    return await api.post(f"/v1/partner/vouchers/{action}", json=body, headers=headers | fresh_key())


async def test_a_till_takes_vouchers_where_it_stands(api: Api) -> None:
    partner, offer = await seller(api)
    issued = good(await till(api, partner, "SH-1"), 201)
    headers = await bearer(api, issued["client_id"], issued["client_secret"])
    code = await voucher(api, offer)
    for action in ("verify", "use"):
        for place in ("SH-2", None):
            refused = await take(api, headers, action, code, place)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_your_location")
            assert refused.json()["allowed"] == ["SH-1"]
    assert good(await take(api, headers, "verify", code, "SH-1"))["status"] == "issued"
    assert good(await take(api, headers, "use", code, "SH-1"))["status"] == "used"
    assert good(await take(api, partner.headers, "use", await voucher(api, offer), "SH-2"))["status"] == "used"
    listed = good(await api.get(f"/v1/admin/partners/{partner.id}/clients", headers=partner.operations))["data"]
    assert [one["locations"] for one in listed if one["client_id"] == issued["client_id"]] == [["SH-1"]]


async def test_without_the_check_any_till_would_do(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    partner, offer = await seller(api)
    issued = good(await till(api, partner, "SH-1"), 201)
    headers = await bearer(api, issued["client_id"], issued["client_secret"])
    monkeypatch.setattr(PartnerCaller, "require_location", lambda *_: None)
    assert good(await take(api, headers, "use", await voucher(api, offer), "SH-2"))["status"] == "used"


async def test_a_client_can_only_be_put_where_its_partner_is(api: Api) -> None:
    partner, _ = await seller(api)
    refused = await till(api, partner, "SH-1", "BJ-1")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "locations[1]")
    before = await DB.fetchval("SELECT count(*) FROM oauth_client")
    await till(api, partner, "BJ-1")
    assert await DB.fetchval("SELECT count(*) FROM oauth_client") == before


async def test_a_person_takes_vouchers_where_they_work(api: Api, dsn: str) -> None:
    """What an application may do in a person's name ends at the person's own stores."""
    partner, offer = await seller(api)
    person = await People(api, dsn).join(partner.id, "counter")
    await DB.fetch(
        "INSERT INTO partner_staff_location (staff_id, partner_id, location_id) VALUES ($1, $2, 'SH-2')",
        person.staff_id,
        person.partner_id,
    )
    app = await integrator(api, scopes=["vouchers:use"])
    access = (await tokens_for(api, app, scope="vouchers:use"))["access_token"]
    headers = {"Authorization": f"Bearer {access}"}
    code = await voucher(api, offer)
    refused = await take(api, headers, "use", code, "SH-1")
    assert (refused.status_code, refused.json()["allowed"]) == (403, ["SH-2"])
    assert good(await take(api, headers, "use", code, "SH-2"))["status"] == "used"
