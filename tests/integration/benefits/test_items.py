"""A call with items answers each: one that is not of its type is refused by itself, and its good neighbours are not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, fresh_key, running_app
from tests.support.flow import good, oem

pytestmark = pytest.mark.xdist_group("items")

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
async def api(dsn: str, settings: Settings) -> AsyncIterator[Api]:
    async with running_app(settings, dsn) as api:
        yield api


BAD_EARNINGS: list[tuple[Any, str | None, str]] = [
    ({"occurred_at": "2026-02-30T10:00:00Z"}, "r1", "occurred_at"),
    ({"occurred_at": "2016-12-31T23:59:60Z"}, "r1", "occurred_at"),
    ({"occurred_at": "2026-11-29T10:00:00"}, "r1", "occurred_at"),
    ({"points": 0}, "r1", "points"),
    ({"points": "1"}, "r1", "points"),
    ({"member_id": "nobody"}, "r1", "member_id"),
    ({"colour": "red"}, "r1", "colour"),
    ({"reference": "two words"}, None, "reference"),
    ({"reference": 7}, None, "reference"),
]


@pytest.mark.parametrize(("change", "reference", "field"), BAD_EARNINGS)
async def test_an_earning_that_is_none_fails_itself_alone(
    api: Api, change: dict[str, Any], reference: str | None, field: str
) -> None:
    headers = await oem(api)
    member = good(await api.get("/v1/me", headers=api.member("m-1")))["member"]["id"]
    fine = {"member_id": member, "points": 1, "kind": "activity", "occurred_at": "2026-11-29T10:00:00+08:00"}
    earnings = [fine | {"reference": "r0"}, fine | {"reference": "r1"} | change, fine | {"reference": "r2"}]
    answer = good(await api.post("/v1/points/earnings", json={"earnings": earnings}, headers=headers))
    first, bad, last = answer["results"]
    assert [first["status"], last["status"]] == ["credited", "credited"]
    assert (bad["status"], bad["code"], bad["reference"]) == ("refused", "invalid_request", reference)
    assert bad["message"]["en"].startswith(f"{field}: ")
    assert bad["message"]["zh-CN"].startswith(f"{field}：")
    assert good(await api.get("/v1/me", headers=api.member("m-1")))["points"]["balance"] == 2


async def test_items_that_are_no_objects_are_answered_in_their_place(api: Api) -> None:
    headers = await oem(api)
    member = good(await api.get("/v1/me", headers=api.member("m-1")))["member"]["id"]
    fine = {"member_id": member, "points": 1, "kind": "activity", "occurred_at": "2026-11-29T10:00:00+08:00"}
    earnings = [None, fine | {"reference": "r1"}, "r2", [], fine | {"reference": "r4"}, {}]
    answer = good(await api.post("/v1/points/earnings", json={"earnings": earnings}, headers=headers))
    assert [one["status"] for one in answer["results"]] == [
        "refused", "credited", "refused", "refused", "credited", "refused",
    ]  # fmt: skip
    assert [one["reference"] for one in answer["results"]] == [None, "r1", None, None, "r4", None]


async def test_a_call_in_which_nothing_fits_is_refused_whole(api: Api) -> None:
    headers = await oem(api) | ENGLISH
    answer = await api.post("/v1/points/earnings", json={"earnings": [{"reference": "r0"}, 7]}, headers=headers)
    assert answer.status_code == 400
    assert {one["field"] for one in answer.json()["errors"]} == {
        "earnings[0].member_id", "earnings[0].points", "earnings[0].kind", "earnings[0].occurred_at", "earnings[1]",
    }  # fmt: skip
    more = [{"reference": f"r{place}"} for place in range(1001)]
    answer = await api.post("/v1/points/earnings", json={"earnings": more}, headers=headers)
    assert [one["field"] for one in answer.json()["errors"]] == ["earnings"]


async def test_what_is_wrong_beside_the_items_refuses_the_call(api: Api) -> None:
    headers = await oem(api) | ENGLISH
    member = good(await api.get("/v1/me", headers=api.member("m-1")))["member"]["id"]
    fine = {"member_id": member, "points": 1, "kind": "activity", "occurred_at": "2026-11-29T10:00:00+08:00"}
    body = {"earnings": [fine | {"reference": "r0"}, 7], "dry_run": True}
    answer = await api.post("/v1/points/earnings", json=body, headers=headers)
    assert [one["field"] for one in answer.json()["errors"]] == ["dry_run", "earnings[1]"]
    assert good(await api.get("/v1/me", headers=api.member("m-1")))["points"]["balance"] == 0


async def test_a_member_that_cannot_be_one_fails_itself_alone(api: Api) -> None:
    headers = await oem(api) | fresh_key()
    members = [
        {"subject": "s-1", "name": "陈一"},
        {"subject": "s-2", "name": "陈二", "phone": "12"},
        {"subject": "s-3", "name": ""},
        {"name": "陈四"},
        {"subject": "s-5", "name": "陈五"},
    ]
    answer = await api.post("/v1/points/members", json={"members": members}, headers=headers)
    results = good(answer)["results"]
    assert [one["status"] for one in results] == ["created", "refused", "refused", "refused", "created"]
    assert [one["subject"] for one in results] == ["s-1", "s-2", "s-3", None, "s-5"]
    assert [one["member_id"] is None for one in results] == [False, True, True, True, False]
    assert [one["message"]["en"].split(":")[0] for one in results if one["status"] == "refused"] == [
        "phone", "name", "subject",
    ]  # fmt: skip
    assert await DB.fetchval("SELECT count(*) FROM member") == 2
    again = await api.post("/v1/points/members", json={"members": members}, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == answer.json()
    members[1]["phone"] = "13"
    other = await api.post("/v1/points/members", json={"members": members}, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"
