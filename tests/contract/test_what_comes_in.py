"""Texts and queries over HTTP: refused in the caller's language, every fault at once, and nothing half-done."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import Partner, good
from tests.support.partner_fixtures import application_json
from tests.support.world import offer_json

pytestmark = pytest.mark.xdist_group("what_comes_in")

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as api:
        yield api


def errors_of(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    return {one["field"]: one["message"] for one in answer.json()["errors"]}


async def test_an_offer_whose_title_turns_and_rings(api: Api) -> None:
    partner = await Partner(api).open()
    turned = offer_json() | {"title": {"zh-CN": "\u202e价特店酒", "en": "\u001b[31mx\u0007"}, "voucher_days": 0}
    chinese = await api.post("/v1/partner/offers", json=turned, headers=partner.headers | fresh_key())
    assert errors_of(chinese) == {
        "title.zh-CN": "第 1 个字符 U+202E 会改变文字方向，不能使用。",
        "title.en": "第 1 个字符 U+001B 是控制字符，不能使用。",
        "voucher_days": "须为 1 至 1095 的整数。",
    }
    english = await api.post("/v1/partner/offers", json=turned, headers=partner.headers | fresh_key() | ENGLISH)
    assert errors_of(english)["title.zh-CN"] == "must not change the direction of the text: character 1 is U+202E."
    assert await DB.fetchval("SELECT count(*) FROM offer") == 0
    family = offer_json() | {"title": {"zh-CN": "亲子房 👨‍👩‍👧‍👦", "en": "Family room"}}
    made = await api.post("/v1/partner/offers", json=family, headers=partner.headers | fresh_key())
    assert good(made, 201)["title"]["zh-CN"] == "亲子房 👨‍👩‍👧‍👦"


async def test_line_ends_of_an_application_become_line_feeds(api: Api) -> None:
    application = application_json() | {"description": "第一段\r\n第二段"}
    made = good(await api.post("/v1/partner/applications", json=application, headers=fresh_key()), 201)
    kept = await DB.fetchval("SELECT description FROM partner WHERE id = $1::uuid", made["id"])
    assert kept == "第一段\n第二段"
    unseen = application_json() | {"legal_name": "\u3164", "name": {"zh-CN": "a\nb", "en": "x"}}
    refused = await api.post("/v1/partner/applications", json=unseen, headers=fresh_key() | ENGLISH)
    assert errors_of(refused) == {
        "name.zh-CN": "must be one line, without line breaks.",
        "legal_name": "must not have invisible characters: character 1 is U+3164.",
    }


async def test_rows_of_a_file_are_held_to_the_same_rule(api: Api) -> None:
    partner = await Partner(api).open()
    rows = "id,name_zh,city,address\nIV-2,\u200b,\u200b,\u2060\n"
    answer = await api.post(
        "/v1/partner/locations/import",
        content=rows.encode(),
        headers=partner.headers | fresh_key() | ENGLISH | {"Content-Type": "text/csv"},
    )
    assert [(one["row"], one["field"]) for one in answer.json()["errors"]] == [
        (2, "name_zh"),
        (2, "city"),
        (2, "address"),
    ]
    assert "U+200B" in answer.json()["errors"][0]["message"]
    assert await DB.fetchval("SELECT count(*) FROM partner_location") == 0


async def test_a_query_says_only_what_the_operation_knows_each_once(api: Api) -> None:
    partner = await Partner(api).open()
    rows = "id,name_zh,city,address\nSH-1,外滩店,上海,中山东一路 1 号\n"
    answer = await api.post(
        "/v1/partner/locations/import?dryrun=true&partial=maybe&partial=1",
        content=rows.encode(),
        headers=partner.headers | fresh_key() | ENGLISH | {"Content-Type": "text/csv"},
    )
    assert errors_of(answer) == {
        "dryrun": "is an unknown query parameter; did you mean dry_run?",
        "partial": "may be given only once.",
    }
    assert await DB.fetchval("SELECT count(*) FROM partner_location") == 0
    finance = api.staff("finance")
    for query, field, english in [
        (
            "cycle=weekly",
            "cycle",
            "is an unknown query parameter; known: cursor, limit, month, partner_id, status.",
        ),
        ("limit=0", "limit", "must be a whole number from 1 to 100."),
        ("limit=1&limit=1", "limit", "may be given only once."),
        ("status=paid_out", "status", "must be one of "),
        ("partner_id=1", "partner_id", "must be a UUID"),
        ("month=%FF", "query", "cannot be read"),
        ("Limit=1", "Limit", "is an unknown query parameter; did you mean limit?"),
    ]:
        refused = await api.get(f"/v1/finance/statements?{query}", headers=finance | ENGLISH)
        assert errors_of(refused)[field].startswith(english), (query, refused.text)
    assert (await api.get("/v1/me?x=1", headers=api.member("m-1"))).status_code == 400
    assert (await api.get("/v1/me?x=1")).status_code == 401, "who asks comes first"
    searched = await api.get("/v1/offers?q=%E2%80%AE", headers=api.member("m-1") | ENGLISH)
    assert "direction" in errors_of(searched)["q"]


async def test_no_list_begins_again_with_an_empty_cursor(api: Api) -> None:
    partner = await Partner(api).open()
    callers = {
        "/v1/admin/": partner.operations, "/v1/finance/": api.staff("finance"), "/v1/partner/": partner.headers,
        "/v1/": api.member("m-1"),
    }  # fmt: skip
    named = {"partner_id": partner.id}
    found = (await api.get("/docs/openapi.json")).json()["paths"]
    lists = [
        path for path, methods in found.items()
        if any(one["name"] == "cursor" for one in methods.get("get", {}).get("parameters", ()))
    ]  # fmt: skip
    asked = 0
    for path in lists:
        headers = next(headers for prefix, headers in callers.items() if path.startswith(prefix))
        at = re.sub(r"{(\w+)}", lambda name: named.get(name[1], "01a22ed8-1ffe-786f-839a-bb2e660be211"), path)
        answer = await api.get(f"{at}?cursor=", headers=headers)
        assert answer.status_code in {400, 403}, (path, answer.status_code)  # 403: the partner's client lacks the scope
        asked += answer.status_code == 400
    assert asked >= 15


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/.well-known/oauth-authorization-server", "/docs"])
async def test_what_other_programs_link_to_passes_over_what_it_does_not_know(api: Api, path: str) -> None:
    assert (await api.get(f"{path}?utm_source=mail")).status_code == 200


async def test_a_name_twice_moves_nothing(api: Api) -> None:
    partner = await Partner(api).open()
    offer = await partner.offer(points=100, stock=10)
    for second in (b'"quantity"', b'"\\u0071uantity"'):
        body = b'{"offer_id": "%s", "quantity": 1, %s: 2}' % (offer["id"].encode(), second)
        headers = api.member("m-1") | fresh_key() | ENGLISH | {"Content-Type": "application/json"}
        answer = await api.post("/v1/redemptions", content=body, headers=headers)
        assert errors_of(answer) == {"quantity": "occurs more than once in one object."}
    empty = await api.post("/v1/redemptions", headers=api.member("m-1") | fresh_key() | ENGLISH)
    assert errors_of(empty) == {"body": "is empty: send a JSON object."}
    assert await DB.fetchval("SELECT count(*) FROM redemption") == 0


@pytest.mark.parametrize("name", ["Idempotency-Key", "Authorization", "Content-Type"])
async def test_a_header_twice_moves_nothing(api: Api, name: str) -> None:
    """Of two keys, or two tokens, one was taken without a word."""
    partner = await Partner(api).open()
    offer = await partner.offer(points=100, stock=10)
    headers = api.member("m-1") | fresh_key() | {"Content-Type": "application/json"}
    for second in (headers[name], "x"):
        twice: Any = [*headers.items(), (name, second)]
        body = b'{"offer_id": "%s", "quantity": 1}' % offer["id"].encode()
        answer = await api.post("/v1/redemptions", content=body, headers=twice)
        assert (answer.status_code, answer.json()["code"]) == (400, "repeated_header"), answer.text
    assert await DB.fetchval("SELECT count(*) FROM redemption") == 0


async def test_a_body_where_none_is_taken_is_not_passed_over(api: Api) -> None:
    """As `?dryrun=true`: who sends `{"dry_run": true}` wants to try, and not to do."""
    partner = await Partner(api).open()
    made = good(await api.post("/v1/partner/offers", json=offer_json(), headers=partner.headers | fresh_key()), 201)
    at = f"/v1/partner/offers/{made['id']}"
    for body in (b'{"dry_run": true}', b"[1]", b"false", b"{", b"x=1"):
        headers = partner.headers | fresh_key() | ENGLISH | {"Content-Type": "application/json"}
        refused = await api.post(f"{at}/submit", content=body, headers=headers)
        assert errors_of(refused) == {"body": "is not allowed here: send no body, or an empty object."}, body
    assert good(await api.get(at, headers=partner.headers))["status"] == "draft"
    for body in (b" {} ", b"null", b""):
        headers = partner.headers | fresh_key() | {"Content-Type": "application/json"}
        tried = await api.post(f"{at}/submit", content=body, headers=headers)
        assert tried.status_code in {200, 409}, tried.text
    assert good(await api.get(at, headers=partner.headers))["status"] == "in_review"
    stranger = await api.post(f"{at}/submit", content=b"{}", headers=fresh_key())
    assert stranger.status_code == 401


async def test_a_value_in_the_address_is_told_what_it_may_be(api: Api) -> None:
    partner = await Partner(api).open()
    made = good(await api.post("/v1/partner/offers", json=offer_json(), headers=partner.headers | fresh_key()), 201)
    headers = partner.headers | fresh_key() | ENGLISH
    refused = await api.post(f"/v1/partner/offers/{made['id']}/archive", headers=headers)
    assert errors_of(refused) == {"action": "must be one of end, pause, resume, submit, withdraw."}


async def test_a_month_is_looked_at_with_the_other_fields(api: Api) -> None:
    headers = api.staff("finance") | fresh_key() | ENGLISH
    refused = await api.post("/v1/finance/periods/close", json={"month": "2026-13", "x": 1}, headers=headers)
    assert errors_of(refused) == {"x": errors_of(refused)["x"], "month": "must be a month such as 2026-10."}
