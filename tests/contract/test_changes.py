"""PATCH, If-Match and HEAD over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, bearer, good
from tests.support.world import offer_json

pytestmark = pytest.mark.xdist_group("changes")

ENGLISH = {"Accept-Language": "en"}
AT = "/v1/partner/locations/SH-1"


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as api:
        yield api


async def with_location(api: Api) -> Partner:
    partner = await Partner(api).open()
    location = {
        "id": "SH-1", "name": {"zh-CN": "外滩店", "en": "Bund"}, "region": "华东", "city": "上海", "address": "中山东一路 1 号",
        "coordinates": {"lat": 31.2304, "lng": 121.4737},
    }  # fmt: skip
    good(await api.post("/v1/partner/locations", json=location, headers=partner.headers | fresh_key()), 201)
    return partner


def errors_of(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    return {one["field"]: one["message"] for one in answer.json()["errors"]}


async def test_a_location_is_patched(api: Api) -> None:
    headers = (await with_location(api)).headers
    moved = good(await api.patch(AT, json={"coordinates": {"lat": 31.5}, "name": {"en": "The Bund"}}, headers=headers))
    assert moved["coordinates"] == {"lat": 31.5, "lng": 121.4737}
    assert moved["name"] == {"zh-CN": "外滩店", "en": "The Bund"}
    cleared = good(await api.patch(AT, json={"coordinates": None, "region": None}, headers=headers))
    assert (cleared["coordinates"], cleared["region"], cleared["city"]) == (None, None, "上海")
    halved = await api.patch(AT, json={"coordinates": {"lat": 31.5}, "city": None}, headers=headers | ENGLISH)
    assert list(errors_of(halved)) == ["city", "coordinates.lng"]
    assert good(await api.patch(AT, json={}, headers=headers))["coordinates"] is None
    not_an_object = await api.patch(AT, json=["city"], headers=headers)
    assert errors_of(not_an_object).keys() == {"body"}


async def test_a_patch_may_be_called_json_or_merge_patch(api: Api) -> None:
    headers = (await with_location(api)).headers
    for media_type, status in [
        ("application/merge-patch+json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/json-patch+json", 415),
        ("text/plain", 415),
    ]:
        answer = await api.patch(AT, content=b'{"city": "x"}', headers=headers | {"Content-Type": media_type})
        assert answer.status_code == status, (media_type, answer.text)
        if status == 415:
            assert "application/merge-patch+json" in answer.headers["accept-patch"]


async def test_an_offer_and_an_endpoint_are_patched(api: Api) -> None:
    partner = await Partner(api).open()
    body = offer_json(per_member=2) | {"stock": 7}
    made = good(await api.post("/v1/partner/offers", json=body, headers=partner.headers | fresh_key()), 201)
    at, read = f"/v1/partner/offers/{made['id']}", partner.headers | {"If-Match": '"1"'}
    changed = await api.patch(at, json={"title": {"en": "Another"}, "per_member": None}, headers=read)
    assert (changed.status_code, changed.json()["title"]["en"]) == (200, "Another"), changed.text
    assert changed.json()["title"]["zh-CN"] == made["title"]["zh-CN"]
    assert (changed.json()["per_member"], changed.json()["stock"]) == (None, {"remaining": 7})
    wrong = {"voucher_days": None, "sku": "other", "price": {"points": None}}
    assert list(errors_of(await api.patch(at, json=wrong, headers=partner.headers | {"If-Match": '"2"'}))) == [
        "voucher_days",
        "price.points",
    ]
    hooks = {"name": "erp", "auth_method": "client_secret_basic", "scopes": ["webhooks:manage"]}
    at = f"/v1/admin/partners/{partner.id}/clients"
    client = good(await api.post(at, json=hooks, headers=partner.operations | fresh_key()), 201)
    erp = await bearer(api, client["client_id"], client["client_secret"])
    endpoint = {"url": "https://example.com/hooks", "event_types": ["*"], "description": "ERP"}
    made = good(await api.post("/v1/partner/webhook-endpoints", json=endpoint, headers=erp | fresh_key()), 201)
    at = f"/v1/partner/webhook-endpoints/{made['id']}"
    cleared = good(await api.patch(at, json={"description": None}, headers=erp | {"If-Match": '"1"'}))
    assert (cleared["description"], cleared["url"], cleared["event_types"]) == ("", made["url"], ["*"])
    refused = await api.patch(at, json={"url": None, "status": None}, headers=erp | {"If-Match": '"2"'})
    assert list(errors_of(refused)) == ["url", "status"]


async def test_if_match(api: Api) -> None:
    partner = await Partner(api).open()
    made = good(await api.post("/v1/partner/offers", json=offer_json(), headers=partner.headers | fresh_key()), 201)
    at = f"/v1/partner/offers/{made['id']}"
    for tags, status, code in [
        ('W/"1"', 400, "if_match_weak"),
        ('"8", "9"', 412, "changed_meanwhile"),
        ('"9", "1"', 200, None),
        ("*", 200, None),
        ('W/"3", "3"', 200, None),
        ('"3"', 412, "changed_meanwhile"),
    ]:
        answer = await api.patch(at, json={"voucher_days": 30}, headers=partner.headers | {"If-Match": tags})
        assert (answer.status_code, answer.json().get("code")) == (status, code), (tags, answer.text)


async def test_if_match_in_several_lines_is_one_list(api: Api) -> None:
    partner = await Partner(api).open()
    made = good(await api.post("/v1/partner/offers", json=offer_json(), headers=partner.headers | fresh_key()), 201)
    at = f"/v1/partner/offers/{made['id']}"
    for tags, status in [(('"8"', '"1"'), 200), (('W/"2"', '"2"'), 200), (('"8"', '"9"'), 412), (("", '"3"'), 200)]:
        headers = [*partner.headers.items(), *(("If-Match", tag) for tag in tags)]
        answer = await api.patch(at, json={"voucher_days": 30}, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == status, (tags, answer.text)


async def test_languages_in_several_lines_are_one_list(api: Api) -> None:
    answer = await api.get("/v1/me", headers=[("Accept-Language", "fr"), ("Accept-Language", "en")])  # type: ignore[arg-type]
    assert "token" in answer.json()["title"], answer.text


async def test_head_is_named_where_get_is(api: Api) -> None:
    member = api.member("m-1")
    for answer, methods in [
        (await api.post("/v1/offers", json={}, headers=member), {"GET", "HEAD", "OPTIONS"}),
        (await api.request("OPTIONS", "/v1/offers", headers=member), {"GET", "HEAD", "OPTIONS"}),
        (await api.get("/v1/redemptions/x/cancel", headers=member), {"OPTIONS", "POST"}),
    ]:
        assert {name.strip() for name in answer.headers["allow"].split(",")} == methods, answer.status_code


async def test_a_head_is_a_get_without_its_body(api: Api) -> None:
    partner = await with_location(api)
    offer = await partner.offer(points=100, stock=10)
    member = api.member("m-1")
    pages = {"Accept": "text/html"}
    asked: list[tuple[str, dict[str, str]]] = [
        ("/health/live", {}), ("/health/ready", {}), ("/docs", {}), ("/static/web/site.css", {}), ("/", pages),
        ("/partner/sign-in", pages), ("/.well-known/oauth-authorization-server", {}), ("/oauth/jwks.json", {}),
        ("/v1/me", member), ("/v1/offers", member), ("/v1/offers?limit=0", member), (f"/v1/offers/{offer['id']}", member),
        ("/v1/me", {}), ("/v1/partner/locations", partner.headers), (f"/v1/partner/offers/{offer['id']}", partner.headers),
        ("/v1/nothing", member), ("/nothing", pages),
    ]  # fmt: skip
    of_each = {"x-request-id", "set-cookie", "ratelimit", "date"}
    for path, headers in asked:
        got, headed = await api.get(path, headers=headers), await api.head(path, headers=headers)
        assert headed.status_code == got.status_code, path
        assert headed.content == b"", path
        kept = {name: value for name, value in got.headers.items() if name not in of_each}
        assert {name: value for name, value in headed.headers.items() if name not in of_each} == kept, path
    for path in ("/v1/redemptions/x/cancel", "/oauth/token"):
        assert (await api.head(path, headers=member)).status_code == (await api.get(path, headers=member)).status_code


@pytest.mark.parametrize(
    "path", ["/auth/callback?code=x&state=y", "/oauth/authorize?client_id=x", "/partner/company-callback?code=x"]
)
async def test_a_head_of_what_spends_something_spends_nothing(api: Api, path: str) -> None:
    answer = await api.head(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, b"", "no-store")
    assert "set-cookie" not in answer.headers
    assert await DB.fetchval("SELECT count(*) FROM oauth_grant") == 0
