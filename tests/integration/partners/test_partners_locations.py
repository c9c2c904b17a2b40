"""Locations: opening states, and files as partners' offices make them, by thousands, with errors by row."""

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest
import xlsxwriter

from marketplace.platform.postgres.database import DB
from marketplace.platform.spreadsheets.table import XLS, XLSX
from partners.locations import import_file as importing
from tests.support.app import Api, fresh_key
from tests.support.flow import good
from tests.support.partners import active_partner, bearer, partner_client, staff_post, token

PATH = "/v1/partner/locations"
HEAD = "id,name_zh,name_en,region,city,address,latitude,longitude,state\n"
ONE = "SH-1,外滩店,The Bund,华东,上海,中山东一路1号,31.2304,121.4737,open\n"


async def opened(api: Api, **client: Any) -> tuple[str, dict[str, str]]:
    """Return an active partner's id and the headers of its system."""
    partner_id = await active_partner(api)
    return partner_id, bearer(await token(api, await partner_client(api, partner_id, **client)))


async def send(api: Api, access: dict[str, str], body: str | bytes, kind: str = "text/csv", **query: Any) -> Any:
    content = body.encode() if isinstance(body, str) else body
    headers = access | fresh_key() | {"Content-Type": kind, "Accept-Language": "en"}
    return await api.post(f"{PATH}/import", content=content, headers=headers, params=query)


def workbook(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def test_a_location_has_a_place_and_an_opening_state(api: Api) -> None:
    _, access = await opened(api)
    _, other = await opened(api)
    new = {"id": "A", "name": {"zh-CN": "甲", "en": "A"}, "city": "上海", "address": "路1号"}
    plain = good(await api.post(PATH, json=new, headers=access | fresh_key()), 201)
    assert (plain["region"], plain["coordinates"], plain["state"]) == (None, None, "open")
    place = {"region": "华东", "coordinates": {"lat": -90, "lng": 180}, "state": "temporarily_closed"}
    whole = good(await api.post(PATH, json=new | {"id": "B"} | place, headers=access | fresh_key()), 201)
    assert {name: whole[name] for name in place} == place
    changed = good(await api.patch(f"{PATH}/A", json={"state": "closed", "region": "华北"}, headers=access))
    assert (changed["state"], changed["region"], changed["city"]) == ("closed", "华北", "上海")
    assert changed["changed_at"] > changed["created_at"]
    for where, headers in [("A", other), ("C", access), ("a%00b", access)]:
        assert (await api.patch(f"{PATH}/{where}", json={"state": "open"}, headers=headers)).status_code == 404
    for bad, field in [({"lat": 91, "lng": 0}, "coordinates.lat"), ({"lat": 0, "lng": -181}, "coordinates.lng"),
                       ({"lat": 0}, "coordinates.lng"), ({"lat": "1", "lng": 2}, "coordinates.lat")]:  # fmt: skip
        answer = await api.patch(f"{PATH}/A", json={"coordinates": bad}, headers=access)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text
    assert (await api.patch(f"{PATH}/A", json={"state": "ajar"}, headers=access)).status_code == 400
    kinds = await DB.fetch("SELECT type FROM event WHERE type LIKE 'partner.location%' ORDER BY seq")
    assert [row["type"] for row in kinds] == ["partner.location_added"] * 2 + ["partner.location_changed"]


async def test_five_thousand_rows_in_one_call_twice(api: Api) -> None:
    partner_id, access = await opened(api)
    rows = [f"ID{n},店{n},Shop {n},华东,上海,路{n}号,31.{n:04},121.{n:04},营业\n" for n in range(5000)]
    tried = good(await send(api, access, HEAD + "".join(rows), dry_run="true"))
    assert (tried["applied"], tried["created"]) == (False, 5000)
    assert await DB.fetchval("SELECT count(*) FROM partner_location") == 0
    done = good(await send(api, access, HEAD + "".join(rows)))
    assert (done["applied"], done["rows"], done["created"], done["changed"]) == (True, 5000, 5000, 0)
    rows[7] = rows[7].replace("营业", "已关闭")
    again = good(await send(api, access, HEAD + "".join(rows)))
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 1, 4999)
    assert await DB.fetchval("SELECT state FROM partner_location WHERE id = 'ID7'") == "closed"
    assert await DB.fetchval("SELECT count(*) FROM partner_location WHERE partner_id = $1", UUID(partner_id)) == 5000
    assert await DB.fetchval("SELECT count(*) FROM event WHERE type = 'partner.location_added'") == 5000


@pytest.mark.parametrize(
    "body",
    [
        (HEAD + ONE).encode(),
        b"\xef\xbb\xbf" + (HEAD + ONE).encode(),
        (HEAD + ONE).encode("gbk"),
        (HEAD + ONE).replace(",", "\t").encode("utf-16"),
        (HEAD + ONE).replace(",", ";").encode(),
        (HEAD + ONE).replace("\n", "\r\n").encode(),
        (HEAD + "\n\n" + ONE + ",,,,,,,,\n\n").encode(),
        ("编号,名称,英文名称,地区,城市,地址,纬度,经度,状态\n" + ONE.replace("open", "营业")).encode("gb18030"),
        (HEAD + ONE.replace("外滩店", '"外滩店"')).encode(),
    ],
)
async def test_files_as_offices_make_them(api: Api, body: bytes) -> None:
    _, access = await opened(api)
    assert good(await send(api, access, body))["created"] == 1
    (found,) = good(await api.get(PATH, headers=access))["data"]
    assert (found["id"], found["name"]["zh-CN"], found["city"], found["state"]) == ("SH-1", "外滩店", "上海", "open")
    assert (found["region"], found["coordinates"]) == ("华东", {"lat": 31.2304, "lng": 121.4737})


async def test_xlsx_of_two_makers(api: Api) -> None:
    _, access = await opened(api)
    head = HEAD.strip().split(",")
    rows = [
        head,
        [1001, "外滩店", None, "华东", "上海", "路1号", 31.2304, 121.4737, "open"],
        [],
        ["B-2", "乙", "B", "", "北京", "路"],
    ]
    assert good(await send(api, access, workbook(rows), XLSX))["created"] == 2
    first, second = good(await api.get(PATH, headers=access))["data"]
    assert (first["id"], first["name"]["en"], first["coordinates"]["lat"]) == ("1001", "外滩店", 31.2304)
    assert (second["id"], second["coordinates"], second["region"]) == ("B-2", None, None)
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("门店")
        sheet.write_row(0, 0, ["编号", "名称", "城市", "地址"])
        sheet.write_row(1, 0, ["C-3", "丙", "广州", "路3号"])
        sheet.write_string(2, 0, "D-4")
        sheet.write_formula(2, 1, '="丁"')
        sheet.write_row(2, 2, ["广州", "路4号"])
    report = good(await send(api, access, out.getvalue(), XLSX, partial="true"))
    assert (report["created"], report["errors"]) == (
        1,
        [{"row": 3, "field": "name_zh", "message": "must not be a formula."}],
    )


BAD_ROWS = [
    ("SH-1,,x,,上海,a,,,", "name_zh"),
    ("SH 1,甲,x,,上海,a,,,", "id"),
    (",甲,x,,上海,a,,,", "id"),
    ('"=HYPERLINK(""http://x"")",甲,x,,上海,a,,,', "id"),
    ("SH-1,=1+1,x,,上海,a,,,", "name_zh"),
    ("SH-1,甲,@x,,上海,a,,,", "name_en"),
    ("SH-1,甲,x,,上海,a,91,0,", "latitude"),
    ("SH-1,甲,x,,上海,a,0,180.1,", "longitude"),
    ("SH-1,甲,x,,上海,a,１,2,", "latitude"),
    ("SH-1,甲,x,,上海,a,1e1,2,", "latitude"),
    ("SH-1,甲,x,,上海,a,NaN,2,", "latitude"),
    ("SH-1,甲,x,,上海,a,1,,", "longitude"),
    ("SH-1,甲,x,,上海,a,,,ajar", "state"),
    ("SH-1,甲,x,,上海," + "a" * 201 + ",,,", "address"),
    ("SH-1,甲,x,,上海", "address"),
    ('SH-1,"甲\n乙",x,,上海,a,,,', "name_zh"),
]


@pytest.mark.parametrize(("row", "field"), BAD_ROWS)
async def test_a_bad_row_is_named_and_nothing_is_imported(api: Api, row: str, field: str) -> None:
    _, access = await opened(api)
    body = HEAD + ONE.replace("SH-1", "OK-1") + "\n" + row + "\n"
    refused = await send(api, access, body)
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["errors_total"]) == (400, "rows_refused", 1), refused.text
    assert [(one["row"], one["field"]) for one in problem["errors"]] == [(4, field)]
    assert await DB.fetchval("SELECT count(*) FROM partner_location") == 0
    tried = good(await send(api, access, body, dry_run="true"))
    assert (tried["errors"], tried["created"]) == (problem["errors"], 1)
    part = good(await send(api, access, body, partial="true"))
    assert (part["created"], part["errors_total"]) == (1, 1)
    assert await DB.fetchval("SELECT string_agg(id, ' ') FROM partner_location") == "OK-1"


async def test_an_id_that_comes_twice_and_columns_that_are_no_columns(api: Api) -> None:
    _, access = await opened(api)
    twice = (await send(api, access, HEAD + ONE + ONE)).json()
    assert twice["errors"] == [{"row": 3, "field": "id", "message": "is the same as in row 2."}]
    for head, field in [
        ("id,name_zh,city", "address"),
        ("id,name_zh,city,address,owner", "owner"),
        ("id,id,name_zh,city,address", "id"),
    ]:
        answer = (await send(api, access, head + "\na,b,c,d,e\n", partial="true")).json()
        assert [(one["row"], one["field"]) for one in answer["errors"]] == [(1, field)]
        assert answer["created"] == 0
    assert (await send(api, access, HEAD)).json()["code"] == "rows_refused"
    assert (await send(api, access, "")).json()["code"] == "rows_refused"


async def test_columns_that_a_file_leaves_out_stay_as_they_are(api: Api) -> None:
    _, access = await opened(api)
    good(await send(api, access, HEAD + ONE.replace("open", "closed")))
    done = good(await send(api, access, "id,name_zh,name_en,city,address\nSH-1,外滩新店,The Bund,上海,路2号\n"))
    assert done["changed"] == 1
    (found,) = good(await api.get(PATH, headers=access))["data"]
    assert (found["name"]["zh-CN"], found["region"], found["state"]) == ("外滩新店", "华东", "closed")
    assert found["coordinates"] == {"lat": 31.2304, "lng": 121.4737}


async def test_what_a_file_leaves_blank_neither_renames_nor_reopens(api: Api) -> None:
    _, access = await opened(api)
    good(await send(api, access, HEAD + ONE.replace("open", "closed")))
    for file in (
        "id,name_zh,city,address\nSH-1,外滩店,上海,路2号\n",
        "id,name_zh,name_en,city,address,state\nSH-1,外滩店,,上海,路3号,\nSH-2,新店,,上海,路4号,\n",
    ):
        done = good(await send(api, access, file))
        assert done["changed"] == 1
        found = {each["id"]: each for each in good(await api.get(PATH, headers=access))["data"]}
        assert (found["SH-1"]["name"]["en"], found["SH-1"]["state"]) == ("The Bund", "closed"), file
    assert (found["SH-2"]["name"]["en"], found["SH-2"]["state"]) == ("新店", "open"), (
        "of a new one nothing else is known"
    )
    opened_again = "id,name_zh,city,address,state\nSH-1,外滩店,上海,路3号,营业\n"
    assert good(await send(api, access, opened_again))["changed"] == 1
    assert good(await send(api, access, opened_again))["unchanged"] == 1


def bomb() -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["id"]]))) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            data = b" " * 60_000_000 if name == "xl/worksheets/sheet1.xml" else source.read(name)
            target.writestr(name, data)
    return out.getvalue()


def laughing() -> bytes:
    out = io.BytesIO()
    entities = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("xl/workbook.xml", entities)
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"a\0b", "text/csv"),
        (b'id,"name', "text/csv"),
        (b"PK\x03\x04rest", XLSX),
        (b"", XLSX),
        (workbook([["id"]])[:-40], XLSX),
        (bomb(), XLSX),
        (laughing(), XLSX),
        (b"{}", "application/json"),
        (b"\n" * 10_001 + b"x", "text/csv"),
        (b"," * 200 + b"x", "text/csv"),
    ],
)
async def test_what_is_no_file_of_ours(api: Api, body: bytes, kind: str) -> None:
    _, access = await opened(api)
    answer = await send(api, access, body, kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "file_unreadable"), answer.text


CASES = Path(__file__).parents[2] / "cases"


async def case(api: Api, access: dict[str, str], name: str, **query: Any) -> Any:
    return good(
        await send(api, access, (CASES / name).read_bytes(), XLSX if name.endswith("x") else "text/csv", **query)
    )


async def test_what_a_cell_is_decides_whether_it_is_a_text(api: Api) -> None:
    """Error cells became names, true and false digits, days serial numbers."""
    _, access = await opened(api)
    errors = await case(api, access, "b1-error-cells.xlsx", partial="true")
    assert {one["field"] for one in errors["errors"]} == {"name_zh", "name_en", "city", "address"}
    assert all("is a cell with an error" in one["message"] for one in errors["errors"])
    head = ["id", "name_zh", "city", "address", "latitude", "longitude"]
    rows = [
        head,
        [True, "甲", "上海", "路", 1, 2],
        ["D-1", dt.date(2026, 11, 30), "上海", "路", 1, 2],
        [1.5, "丙", "上海", "路", 1, 2],
        ["N-1", "丁", "上海", "路", True, 2],
        ["N-2", "戊", "上海", "路", 1.25, dt.date(2026, 11, 30)],
        [12, "己", "上海", 7, 1.25, 2],
        ["F-1", "庚", "上海", "路", "1.25", "2"],
    ]
    report = good(await send(api, access, workbook(rows), XLSX, partial="true"))
    wrong = [(one["row"], one["field"]) for one in report["errors"]]
    assert wrong == [(2, "id"), (3, "name_zh"), (4, "id"), (5, "latitude"), (6, "longitude")]
    assert [("format the column as text" in one["message"]) for one in report["errors"][:3]] == [True] * 3
    assert [(one["row"], one["field"]) for one in report["warnings"]] == [(7, "id"), (7, "address")]
    assert "leading zeros" in report["warnings"][0]["message"]
    found = await DB.fetch("SELECT id, address FROM partner_location ORDER BY id")
    assert [tuple(row) for row in found] == [("12", "7"), ("F-1", "路")]


async def test_the_report_says_what_was_read(api: Api) -> None:
    _, access = await opened(api)
    hidden = await case(api, access, "b8-hidden-first-sheet.xlsx", dry_run="true")
    assert (hidden["file"]["sheet"], hidden["file"]["hidden_sheets"], hidden["created"]) == ("门店", ["old"], 1)
    assert hidden["sample"][1][0] == "SHOWN-1"
    numbers = await case(api, access, "b3-number-format-0000.xlsx", dry_run="true")
    assert (numbers["created"], numbers["warnings_total"], numbers["warnings"][0]["row"]) == (1, 1, 2)
    for name in ("c1-shared-strings-capital.xlsx", "c4-strict-ooxml.xlsx", "c5-blank-formatted-row-1048576.xlsx"):
        assert (await case(api, access, name, dry_run="true"))["errors"] == []
    old = good(await send(api, access, (CASES / "old-workbook.xls").read_bytes(), XLS, dry_run="true"))
    assert (old["file"]["format"], old["file"]["errors_read_as_empty"]) == ("xls", True)
    assert [(one["row"], one["field"]) for one in old["errors"]] == [(4, "name_zh"), (4, "city")]
    csv = good(await send(api, access, (HEAD + ONE).encode("gbk"), dry_run="true"))
    assert (csv["file"]["encoding"], csv["sample"][1][1]) == ("gb18030", "外滩店")


async def test_an_encoding_that_is_not_clear_is_asked_for_and_can_be_declared(api: Api) -> None:
    _, access = await opened(api)
    body = (CASES / "d1-big5.csv").read_bytes()
    asked = await send(api, access, body)
    assert (asked.status_code, asked.json()["code"]) == (400, "encoding_unclear"), asked.text
    assert "big5" in asked.json()["encodings"]
    assert (await send(api, access, b"\xff\xff\xff")).json()["code"] == "encoding_unclear"
    done = good(await send(api, access, body, "text/csv; charset=Big5"))
    assert (done["created"], done["file"]["encoding"]) == (1, "big5")
    assert await DB.fetchval("SELECT name_zh || city FROM partner_location") == "雲棲酒店臺北"
    wrong = await send(api, access, body, "text/csv; charset=utf-8")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "file_unreadable")


async def test_no_cell_is_dropped_without_a_word(api: Api) -> None:
    _, access = await opened(api)
    more = await case(api, access, "d4-more-cells-than-columns.csv", partial="true")
    assert [(one["row"], one["field"]) for one in more["errors"]] == [(2, "E")]
    assert await DB.fetchval("SELECT count(*) FROM partner_location") == 0
    untitled = (
        await send(api, access, "id,name_zh,,city,address\nA-1,店,二楼,上海,路\nA-2,店,,上海,路\n", partial="true")
    ).json()
    assert ([(one["row"], one["field"]) for one in untitled["errors"]], untitled["created"]) == ([(2, "C")], 1)


async def test_invisible_names_are_refused_in_files_too(api: Api) -> None:
    _, access = await opened(api)
    report = await case(api, access, "e1-invisible-names.csv", partial="true")
    assert ({one["field"] for one in report["errors"]}, report["created"]) == ({"name_zh", "city", "address"}, 0)


async def test_a_partner_touches_its_own_only(api: Api) -> None:
    _, ours = await opened(api)
    _, theirs = await opened(api)
    _, reader = await opened(api, scopes=["offers:read"])
    good(await send(api, ours, HEAD + ONE))
    good(await send(api, theirs, HEAD + ONE.replace("外滩店", "别家")))
    (found,) = good(await api.get(PATH, headers=ours))["data"]
    assert found["name"]["zh-CN"] == "外滩店"
    assert (await send(api, reader, HEAD + ONE)).status_code == 403
    assert (await send(api, {}, HEAD + ONE)).status_code == 401


async def test_an_import_is_done_once_for_its_key(api: Api) -> None:
    partner_id, access = await opened(api)
    headers = access | fresh_key() | {"Content-Type": "text/csv"}
    first, second = [await api.post(f"{PATH}/import", content=(HEAD + ONE).encode(), headers=headers) for _ in range(2)]
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    other = await api.post(f"{PATH}/import", content=HEAD.encode(), headers=headers)
    assert other.status_code == 422
    await staff_post(api, f"/v1/admin/partners/{partner_id}/suspend", {"reason": "x"})
    assert (await send(api, access, HEAD + ONE)).status_code == 403


async def test_without_the_partner_in_the_key_of_the_write_another_ones_location_would_change(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard is in the write: broken so that a partner's id is not the caller's, the other's row is what changes."""
    other_id, theirs = await opened(api)
    _, ours = await opened(api)
    good(await send(api, theirs, HEAD + ONE))
    good(await send(api, ours, HEAD + ONE.replace("外滩店", "我家")))
    name = "SELECT name_zh FROM partner_location WHERE partner_id = $1"
    assert await DB.fetchval(name, UUID(other_id)) == "外滩店"
    broken = importing._UPSERT.replace("SELECT $1, w.id", f"SELECT coalesce('{other_id}'::uuid, $1), w.id")
    monkeypatch.setattr(importing, "_UPSERT", broken)
    good(await send(api, ours, HEAD + ONE.replace("外滩店", "我家")))
    assert await DB.fetchval(name, UUID(other_id)) == "我家"
