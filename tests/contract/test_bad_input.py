"""Bad input: a clear problem that names the field, never a 500, and nothing half-done."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey

from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support import today
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good, oem
from tests.support.world import offer_json

pytestmark = pytest.mark.xdist_group("bad_input")

TABLES = (
    "points_posting",
    "redemption",
    "voucher",
    "offer",
    "offer_revision",
    "earning",
    "money_posting",
    "partner",
    "contract",
)


class Scene:
    """One member with points, one live offer, and everybody's headers."""

    api: Api
    partner: Partner
    other: Partner
    oem: dict[str, str]
    member: dict[str, str]
    member_id: str
    offer: dict[str, Any]


@pytest.fixture
async def scene(dsn: str, settings: Settings) -> AsyncIterator[Scene]:
    scene = Scene()
    async with running_app(settings, dsn) as scene.api:
        scene.partner = await Partner(scene.api).open()
        scene.other = await Partner(scene.api).open()
        scene.oem = await oem(scene.api)
        scene.member = scene.api.member("m-1", name="林")
        scene.member_id = good(await scene.api.get("/v1/me", headers=scene.member))["member"]["id"]
        scene.offer = await scene.partner.offer(points=100, stock=10)
        earning = {
            "reference": "r",
            "member_id": scene.member_id,
            "points": 1000,
            "kind": "service",
            "occurred_at": "2026-11-01T00:00:00Z",
        }
        good(await scene.api.post("/v1/points/earnings", json={"earnings": [earning]}, headers=scene.oem))
        yield scene


async def counts() -> dict[str, int]:
    return {table: await DB.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


def check(answer: Any, status: int, field: str | None, code: str | None = None) -> None:
    """The problem is one, has a stable code, and names the field."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["title"]
    if code:
        assert problem["code"] == code
    if field:
        assert field in [error["field"] for error in problem.get("errors", [])], problem


BAD_OFFERS: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "colour"),
    ({"price": {"points": 1.5, "cash": None}}, "price.points"),
    ({"price": {"points": True, "cash": None}}, "price.points"),
    ({"price": {"points": "100", "cash": None}}, "price.points"),
    ({"price": {"points": 10**26, "cash": None}}, "price.points"),
    ({"price": {"points": -1, "cash": None}}, "price.points"),
    ({"price": {"points": 0, "cash": None}}, "price.points"),
    ({"price": {"points": 100, "cash": {"amount": 100, "currency": "CNY"}}}, "price.cash"),
    ({"price": {"points": 100, "cash": {"amount": 1.5, "currency": "CNY"}}}, "price.cash.amount"),
    ({"settlement_price": {"amount": 100, "currency": "USD"}}, "settlement_price.currency"),
    ({"settlement_price": {"amount": 100, "currency": "yuan"}}, "settlement_price.currency"),
    ({"settlement_price": {"amount": -100, "currency": "CNY"}}, "settlement_price.amount"),
    ({"settlement_price": {"amount": 10**26, "currency": "CNY"}}, "settlement_price.amount"),
    ({"stock": -5}, "stock"),
    ({"stock": 2.0}, "stock"),
    ({"per_member": 0}, "per_member"),
    ({"voucher_days": 0}, "voucher_days"),
    ({"scenario": "gambling"}, "scenario"),
    ({"tiers": ["diamond"]}, "tiers[0]"),
    ({"tiers": ["gold", "gold"]}, "tiers"),
    ({"sku": "a b"}, "sku"),
    ({"sku": "ab\n"}, "sku"),
    ({"sku": "a\u0000"}, "sku"),
    ({"description": {"zh-CN": "a\u0000", "en": "x"}}, "description.zh-CN"),
    ({"title": {"zh-CN": "只有中文"}}, "title.en"),
    ({"title": {"zh-CN": "", "en": "x"}}, "title.zh-CN"),
    ({"sale": {"starts_at": "2026-11-01", "ends_at": None}}, "sale.starts_at"),
    ({"sale": {"starts_at": "2026-11-02T00:00:00Z", "ends_at": "2026-11-01T00:00:00Z"}}, "sale.ends_at"),
    ({"image": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"}, "image"),
    ({"image": "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>"}, "image"),
]


async def test_bad_offers_name_their_field(scene: Scene) -> None:
    before = await counts()
    for fields, field in BAD_OFFERS:
        body = offer_json() | fields
        answer = await scene.api.post("/v1/partner/offers", json=body, headers=scene.partner.headers | fresh_key())
        check(answer, 400, field)
    assert await counts() == before


async def test_bad_earnings_name_their_field(scene: Scene) -> None:
    earning = {
        "reference": "x",
        "member_id": scene.member_id,
        "points": 5,
        "kind": "service",
        "occurred_at": "2026-11-01T00:00:00Z",
    }
    cases: list[tuple[dict[str, Any], str]] = [
        ({"points": 1.0}, "earnings[0].points"),
        ({"points": True}, "earnings[0].points"),
        ({"points": 0}, "earnings[0].points"),
        ({"points": 10**26}, "earnings[0].points"),
        ({"member_id": "nobody"}, "earnings[0].member_id"),
        ({"kind": "theft"}, "earnings[0].kind"),
        ({"occurred_at": "yesterday"}, "earnings[0].occurred_at"),
        ({"occurred_at": "2026-11-01T00:00:00"}, "earnings[0].occurred_at"),
        ({"reference": ""}, "earnings[0].reference"),
        ({"extra": 1}, "earnings[0].extra"),
    ]
    before = await counts()
    for fields, field in cases:
        answer = await scene.api.post("/v1/points/earnings", json={"earnings": [earning | fields]}, headers=scene.oem)
        check(answer, 400, field)
    for many in ([], [earning] * 1001):
        check(await scene.api.post("/v1/points/earnings", json={"earnings": many}, headers=scene.oem), 400, "earnings")
    assert await counts() == before


async def test_each_earning_is_answered_by_itself(scene: Scene) -> None:
    """One call, every fate: the good ones are credited, the others say why, and nothing else is touched."""
    base = {"member_id": scene.member_id, "points": 5, "kind": "service", "occurred_at": "2026-11-01T00:00:00Z"}
    wanted = [
        base | {"reference": "good"},
        base | {"reference": "stranger", "member_id": str(uuid4())},
        base | {"reference": "tomorrow", "occurred_at": "2099-01-01T00:00:00Z"},
        base | {"reference": "old", "occurred_at": "2020-01-01T00:00:00Z"},
        base | {"reference": "r", "points": 999},
        base | {"reference": "good"},
        base | {"reference": "good", "points": 6},
    ]
    answer = good(await scene.api.post("/v1/points/earnings", json={"earnings": wanted}, headers=scene.oem))
    assert [(r["status"], r["code"]) for r in answer["results"]] == [
        ("credited", None),
        ("refused", "unknown_member"),
        ("refused", "occurred_in_future"),
        ("refused", "already_expired"),
        ("refused", "reference_reused"),
        ("replayed", None),
        ("refused", "reference_reused"),
    ]
    assert answer["results"][1]["message"] == {"zh-CN": "没有该会员。", "en": "There is no such member."}
    assert [r["message"] is None for r in answer["results"]] == [r["status"] != "refused" for r in answer["results"]]
    assert good(await scene.api.get("/v1/me", headers=scene.member))["points"]["balance"] == 1005


async def test_bad_redemptions(scene: Scene) -> None:
    request = {"offer_id": scene.offer["id"], "quantity": 1}
    before = await counts()
    for fields, field in [
        ({"quantity": 0}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 10**26}, "quantity"),
        ({"offer_id": "x"}, "offer_id"),
        ({"member_id": str(uuid4())}, "member_id"),
        ({"points": 1}, "points"),
    ]:
        check(
            await scene.api.post("/v1/redemptions", json=request | fields, headers=scene.member | fresh_key()),
            400,
            field,
        )
    check(
        await scene.api.post("/v1/redemptions", json=request, headers=scene.member),
        400,
        None,
        "idempotency_key_missing",
    )
    for key in ("x" * 256, "键".encode(), "a\tb"):
        headers = {**scene.member, "Idempotency-Key": key}
        check(await scene.api.post("/v1/redemptions", json=request, headers=headers), 400, "Idempotency-Key")  # type: ignore[arg-type]
    unknown = request | {"offer_id": str(uuid4())}
    check(
        await scene.api.post("/v1/redemptions", json=unknown, headers=scene.member | fresh_key()),
        404,
        None,
        "not_found",
    )
    for body in (b"", b"{", b"[]", b"null", b'{"offer_id": 5}', b"\xff\xfe"):
        answer = await scene.api.post(
            "/v1/redemptions", content=body, headers=scene.member | fresh_key() | {"Content-Type": "application/json"}
        )
        assert answer.status_code == 400, (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert await counts() == before


async def test_a_key_has_one_meaning(scene: Scene) -> None:
    request, key = {"offer_id": scene.offer["id"], "quantity": 1}, fresh_key()
    first = await scene.api.post("/v1/redemptions", json=request, headers=scene.member | key)
    again = await scene.api.post("/v1/redemptions", json=request, headers=scene.member | key)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = await scene.api.post("/v1/redemptions", json=request | {"quantity": 2}, headers=scene.member | key)
    check(other, 422, None, "idempotency_key_reused")
    # Another caller's same key is another key.
    stranger = scene.api.member("m-2")
    check(
        await scene.api.post("/v1/redemptions", json=request, headers=stranger | key), 409, None, "insufficient_points"
    )


async def test_foreign_ids_are_not_there(scene: Scene) -> None:
    request = {"offer_id": scene.offer["id"], "quantity": 1}
    redeemed = good(await scene.api.post("/v1/redemptions", json=request, headers=scene.member | fresh_key()), 201)
    stranger, elsewhere = scene.api.member("m-2"), scene.other.headers
    offer, redemption, voucher = scene.offer["id"], redeemed["id"], redeemed["voucher"]["id"]
    before = await counts()
    tries = [
        ("GET", f"/v1/redemptions/{redemption}", None, stranger),
        ("POST", f"/v1/redemptions/{redemption}/cancel", {"reason": ""}, stranger),
        ("GET", f"/v1/vouchers/{voucher}", None, stranger),
        ("GET", f"/v1/vouchers/{voucher}/qr.svg", None, stranger),
        ("GET", f"/v1/partner/offers/{offer}", None, elsewhere),
        ("POST", f"/v1/partner/offers/{offer}/pause", None, elsewhere),
        ("PUT", f"/v1/partner/offers/{offer}/stock", {"stock": 1}, elsewhere),
        ("PATCH", f"/v1/partner/offers/{offer}", offer_json(), elsewhere | {"If-Match": '"1"'}),
        ("POST", "/v1/partner/vouchers/verify", {"code": redeemed["voucher"]["code"]}, elsewhere),
        ("POST", "/v1/partner/vouchers/use", {"code": redeemed["voucher"]["code"], "reference": "x"}, elsewhere),
    ]
    for method, path, body, headers in tries:
        absent = path.replace(offer, str(uuid4())).replace(redemption, str(uuid4())).replace(voucher, str(uuid4()))
        absent_body = body | {"code": "0000-0000-0000"} if body and "code" in body else body
        answers = [
            await scene.api.request(method, path, json=body, headers=headers | fresh_key()),
            await scene.api.request(method, absent, json=absent_body, headers=headers | fresh_key()),
        ]
        for answer in answers:
            assert answer.status_code == 404, (method, path, answer.text)
        bodies = [{k: v for k, v in answer.json().items() if k != "request_id"} for answer in answers]
        assert bodies[0] == bodies[1], "not yours and not there must look the same"
    for path in ("/v1/redemptions/x", "/v1/vouchers/%00", "/v1/offers/1", "/v1/nothing"):
        assert (await scene.api.get(path, headers=scene.member)).status_code == 404
    assert await counts() == before


async def test_tokens_that_are_not_good_here(scene: Scene) -> None:
    issuer, now = scene.api.oneid, int(today.now().timestamp())
    stolen = ECKey.generate_key("P-256", parameters={"kid": "oneid-test"}, private=True)
    wrong: dict[str, str] = {
        "missing": "",
        "another scheme": "Basic abc",
        "malformed": "Bearer abc",
        "three empty parts": "Bearer ..",
        "staff's": scene.api.staff("operations")["Authorization"],
        "partner's": scene.partner.headers["Authorization"],
        "oem's": scene.oem["Authorization"],
        "expired": f"Bearer {issuer.token('members', 'm-1', exp=now - 1)}",
        "not yet": f"Bearer {issuer.token('members', 'm-1', nbf=now + 600)}",
        "no exp": f"Bearer {issuer.token('members', 'm-1', exp=None)}",
        "no sub": f"Bearer {issuer.token('members', 'm-1', sub=None)}",
        "list aud": f"Bearer {issuer.token('members', 'm-1', aud=[scene.api.oneid.settings.audience('members'), 'x'])}",
        "other issuer": f"Bearer {issuer.token('members', 'm-1', iss='https://evil.example')}",
        "other key": f"Bearer {issuer.token('members', 'm-1', key=stolen)}",
        "id token": f"Bearer {issuer.token('members', 'm-1', header={'typ': 'JWT'})}",
        "no typ": f"Bearer {issuer.token('members', 'm-1', header={'typ': 'x'})}",
    }
    for name, header in wrong.items():
        answer = await scene.api.get("/v1/me", headers={"Authorization": header} if header else {})
        check(answer, 401, None, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer"), name
    for path, headers in [
        ("/v1/partner/offers", scene.member),
        ("/v1/partner/offers", scene.oem),
        ("/v1/partner/offers", scene.api.staff("operations")),
        ("/v1/admin/offers", scene.partner.headers),
        ("/v1/admin/offers", scene.member),
        ("/v1/finance/statements", scene.partner.headers),
    ]:
        check(await scene.api.get(path, headers=headers), 401, None)
    check(await scene.api.get("/v1/admin/offers", headers=scene.api.staff("finance")), 403, None, "insufficient_scope")
    check(
        await scene.api.post("/v1/points/earnings", json={"earnings": [{}]}, headers=scene.partner.headers), 401, None
    )


async def test_lists_refuse_bad_pages(scene: Scene) -> None:
    for query, field in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=abc", "cursor"),
        ("scenario=x", "scenario"),
        ("q=" + "a" * 101, "q"),
        ("cursor=" + "a" * 1001, "cursor"),
    ]:
        check(await scene.api.get(f"/v1/offers?{query}", headers=scene.member), 400, field)
    page = good(await scene.api.get("/v1/offers?limit=1&q=酒店", headers=scene.member))
    assert len(page["data"]) == 1
    assert good(await scene.api.get("/v1/offers?q=%20%2C", headers=scene.member))["data"] == []


async def test_an_edit_needs_the_version_that_it_is_based_on(scene: Scene) -> None:
    path, headers = f"/v1/partner/offers/{scene.offer['id']}", scene.partner.headers
    good(await scene.api.post(f"{path}/pause", headers=headers | fresh_key()))
    read = await scene.api.get(path, headers=headers)
    body = offer_json(sku=scene.offer["sku"], points=120, stock=10)
    check(await scene.api.patch(path, json=body, headers=headers), 400, None, "if_match_missing")
    first = await scene.api.patch(path, json=body, headers=headers | {"If-Match": read.headers["etag"]})
    assert (first.status_code, first.json()["revision"], first.json()["status"]) == (200, 2, "draft")
    check(
        await scene.api.patch(path, json=body, headers=headers | {"If-Match": read.headers["etag"]}),
        412,
        None,
        "changed_meanwhile",
    )


async def test_problems_speak_the_callers_language(scene: Scene) -> None:
    request = {"offer_id": scene.offer["id"], "quantity": 11}
    chinese = await scene.api.post("/v1/redemptions", json=request, headers=scene.member | fresh_key())
    english = await scene.api.post(
        "/v1/redemptions",
        json=request,
        headers=scene.member | fresh_key() | {"Accept-Language": "en-GB,en;q=0.9,zh;q=0.1"},
    )
    assert [reason["code"] for reason in chinese.json()["reasons"]] == ["sold_out", "insufficient_points"]
    assert "库存不足" in chinese.json()["title"]
    assert english.json()["title"].startswith("Sold out")
