"""Locations in the portal: found, added, changed, and imported by a file that was looked at first."""

import re
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from openpyxl import Workbook

from marketplace.kernel.clock import Clock
from marketplace.platform.postgres.database import DB
from marketplace.settings import Settings
from tests.support.app import Api, running_app
from tests.support.portal import Portal, joined_owner
from tests.support.web import form_fields, hidden

AT = "/partner/locations"
CASES = Path(__file__).parents[2] / "cases"
IMPORT = f"{AT}/import"
ONE = {"id": "SH-1", "name_zh": "外滩店", "name_en": "The Bund", "city": "上海", "address": "中山东一路 1 号"}
HEADER = "id,name_zh,name_en,region,city,address,latitude,longitude,state\n"


@pytest.fixture
async def here(partners_only: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(partners_only, data=tmp_path)


@pytest.fixture
async def api(here: Settings, dsn: str, clock: Clock) -> AsyncIterator[Api]:
    async with running_app(here, dsn, clock=clock) as running:
        yield running


@pytest.fixture
async def owner(api: Api, here: Settings, clock: Clock) -> AsyncIterator[Portal]:
    async with Portal.of(api.app, here, clock) as browser:
        await joined_owner(api, browser)
        yield browser


async def upload(
    browser: Portal, body: bytes, name: str = "门店.csv", form: dict[str, str] | None = None
) -> httpx.Response:
    form = form or form_fields((await browser.get(IMPORT)).text)
    files = {"file": (name, body, "application/octet-stream")}
    return await browser.post(IMPORT, data=form, files=files)


async def confirm(browser: Portal, page: httpx.Response, **fields: str) -> httpx.Response:
    kept = form_fields(page.text) | {"packed": hidden(page.text, "packed")}
    return await browser.post(f"{IMPORT}/confirm", data=kept | fields)


async def rows() -> list[tuple[Any, ...]]:
    found = await DB.fetch("SELECT id, name_zh, name_en, region, latitude, state FROM partner_location ORDER BY id")
    return [tuple(row) for row in found]


def text_of(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


async def test_added_found_and_changed(owner: Portal) -> None:
    assert "还没有门店" in (await owner.get(AT)).text
    place = {"region": "华东", "latitude": "31.24", "longitude": "121.49"}
    assert "门店已添加" in (await owner.fill(f"{AT}/new", **ONE, **place, state="open")).text
    other = ONE | {"id": "BJ.1", "name_zh": "国贸店", "name_en": "", "city": "北京"}
    await owner.fill(f"{AT}/new", **other, state="closed")
    assert await rows() == [
        ("BJ.1", "国贸店", "国贸店", None, None, "closed"),
        ("SH-1", "外滩店", "The Bund", "华东", 31.24, "open"),
    ]
    for query, found in (("q=bund", "外滩店"), ("q=%E5%8C%97%E4%BA%AC", "国贸店"), ("state=closed", "国贸店")):
        page = (await owner.get(f"{AT}?{query}")).text
        assert [name in page for name in ("外滩店", "国贸店")] == [found == name for name in ("外滩店", "国贸店")], (
            query
        )
    assert "没有找到门店" in (await owner.get(f"{AT}?q=%25&state=open")).text, (
        "a sign of patterns is a sign like others"
    )
    shown = await owner.get(f"{AT}/at/SH-1")
    assert 'value="31.24"' in shown.text
    assert "已保存" in (await owner.fill(AT, f"{AT}/at/SH-1", state="temporarily_closed")).text
    assert (await rows())[1] == ("SH-1", "外滩店", "The Bund", "华东", 31.24, "temporarily_closed")
    changed = ONE | {"id": "XX-9", "name_zh": "外滩旗舰店", "state": "open"}
    await owner.fill(shown, **changed)
    assert (await rows())[1][:2] == ("SH-1", "外滩旗舰店"), "its number stays"


async def test_what_is_wrong_is_said_beside_its_field(owner: Portal) -> None:
    for fields, name, message in (
        ({"id": ""}, "id", "须为 1 至 64 个字母"),
        ({"id": "a b"}, "id", "须为 1 至 64 个字母"),
        ({"name_zh": "", "name_en": ""}, "name_zh", "请填写中文名称"),
        ({"city": "x" * 81}, "city", "请填写城市"),
        ({"address": ""}, "address", "请填写地址"),
        ({"latitude": "91", "longitude": "1"}, "latitude", "请同时填写纬度"),
        ({"latitude": "31.2"}, "latitude", "请同时填写纬度"),
        ({"latitude": "nan", "longitude": "1"}, "latitude", "请同时填写纬度"),
    ):
        page = await owner.fill(f"{AT}/new", **ONE | fields, state="open")
        found = re.search(rf'id="error-{name}">([^<]*)', page.text)
        assert page.status_code == 400, fields
        assert found, fields
        assert message in found[1]
    assert await rows() == []
    await owner.fill(f"{AT}/new", **ONE)
    twice = await owner.fill(f"{AT}/new", **ONE)
    assert (twice.status_code, "已存在" in twice.text, "外滩店" in twice.text) == (400, True, True)


async def test_a_file_is_looked_at_and_then_imported_as_it_was(owner: Portal) -> None:
    await owner.fill(f"{AT}/new", **ONE)
    body = HEADER + "SH-1,外滩店,The Bund,,上海,中山东一路 1 号,,,open\nSH-2,静安店,,,上海,南京西路 1 号,31.2,121.4,\n"
    looked = await upload(owner, body.encode("gb18030"))
    assert "2 行 1 新增 0 变更 1 不变 0 处错误" in text_of(looked)
    assert "尚未导入" in looked.text
    assert len(await rows()) == 1
    done = await confirm(owner, looked)
    assert "导入完成：新增 1，变更 0。" in done.text
    assert (await rows())[1] == ("SH-2", "静安店", "静安店", None, 31.2, "open")
    same = await upload(owner, body.encode())
    assert "无需导入" in same.text
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["编号", "名称", "城市", "地址"])
    sheet.append(["HZ-1", "西湖店", "杭州", "北山街 1 号"])
    file = BytesIO()
    book.save(file)
    await confirm(owner, await upload(owner, file.getvalue(), "门店.xlsx"))
    assert [row[0] for row in await rows()] == ["HZ-1", "SH-1", "SH-2"]


async def test_wrong_rows_are_named_and_stay_out_only_when_told_to(owner: Portal) -> None:
    body = HEADER + "SH-1,外滩店,,,上海,路 1,,,open\na b,,,,上海,路 1,99,1,shut\n\nSH-1,静安店,,,上海,路 2,,,open\n"
    looked = await upload(owner, body.encode())
    said = text_of(looked)
    for words in (
        "第 3 行 编号 id 须为 1 至 64",
        "第 3 行 中文名称 name_zh 不能为空",
        "第 3 行 纬度 latitude 须为",
        "第 3 行 状态 state 须为",
        "第 5 行 编号 id 与第 2 行重复",
        "只导入正确的 1 行",
    ):
        assert words in said, words
    refused = await confirm(owner, looked)
    assert (refused.status_code, "未导入任何门店" in refused.text) == (400, True)
    assert await rows() == []
    await confirm(owner, looked, partial="yes")
    assert [row[:2] for row in await rows()] == [("SH-1", "外滩店")]
    many = HEADER + "".join(f"x {n},店,,,上海,路,,,open\n" for n in range(300))
    page = await upload(owner, many.encode())
    assert "另有 100 处错误未显示" in page.text
    assert "只导入正确的" not in page.text


async def test_what_is_no_file_is_said(owner: Portal) -> None:
    for body, message in (
        (b"", "请选择文件"),
        (b"PK\x03\x04nothing", "不是有效的 XLSX"),
        (b"id,name_zh\n" + b"a,b\n" * 10_001, "最多 10000 行"),
        (b"x" * (2 * 2**20 + 1), "不能超过 2 MiB"),
    ):
        page = await upload(owner, body)
        assert (page.status_code, message in page.text) == (400, True), message
    assert "无法确定文件的编码" in (await upload(owner, b"\xff" * 10)).text
    form = form_fields((await owner.get(IMPORT)).text)
    assert (await owner.post(IMPORT, data=form)).status_code == 400, "no file at all"
    assert (await owner.post(IMPORT, data=form | {"file": "x"})).status_code == 400
    for packed in ("", "!", "eJw=", "é"):
        page = await owner.post(f"{IMPORT}/confirm", data=form | {"packed": packed})
        assert (page.status_code, "请重新选择文件" in page.text or "请选择文件" in page.text) == (400, True), packed
    assert (await upload(owner, b"x" * (5 * 2**20), form=form)).status_code == 413


async def test_the_encoding_is_chosen_by_looking(owner: Portal) -> None:
    asked = await upload(owner, (CASES / "d1-big5.csv").read_bytes())
    assert ("雲棲酒店" in asked.text, "繁体中文（Big5）" in asked.text) == (True, True)
    assert await rows() == []
    kept = form_fields(asked.text) | {name: hidden(asked.text, name) for name in ("packed", "name")}
    looked = await owner.post(IMPORT, data=kept | {"encoding": "big5"})
    assert (looked.status_code, "繁体中文（Big5）" in looked.text, "中山北路一號" in looked.text) == (200, True, True)
    done = await confirm(owner, looked, encoding=hidden(looked.text, "encoding"))
    assert "新增 1" in done.text
    assert [row[:2] for row in await rows()] == [("BIG5-1", "雲棲酒店")]


async def test_the_first_rows_and_what_was_passed_over_stand_before_the_yes(owner: Portal) -> None:
    looked = await upload(owner, (CASES / "b8-hidden-first-sheet.xlsx").read_bytes(), "店.xlsx")
    for shown in ("SHOWN-1", "看得见的店", "已读取工作表", "门店", "已跳过隐藏的工作表：old"):
        assert shown in looked.text, shown
    numbers = await upload(owner, (CASES / "b3-number-format-0000.xlsx").read_bytes(), "店.xlsx")
    assert "前导零" in numbers.text
    old = await upload(owner, (CASES / "old-workbook.xls").read_bytes(), "店.xls")
    assert "出错的单元格读作空白" in old.text


async def test_ten_thousand_go_through(owner: Portal) -> None:
    body = HEADER + "".join(f"S-{n},第 {n} 店,Shop {n},华东,上海,路 {n} 号,31.2,121.4,open\n" for n in range(10_000))
    looked = await upload(owner, body.encode())
    assert "10000 行 10000 新增" in text_of(looked)
    assert "新增 10000" in (await confirm(owner, looked)).text
    assert await DB.fetchval("SELECT count(*) FROM partner_location") == 10_000
    page = await owner.get(AT)
    following = re.search(rf'href="({AT}\?q=[^"]*cursor=[^"]+)"', page.text)
    assert following
    assert "第 10 店" not in (await owner.get(following[1].replace("&amp;", "&"))).text


async def found(owner: Portal, query: str) -> list[str]:
    page = await owner.get(AT, params={"q": query})
    return re.findall(rf'href="{AT}/at/([^"]+)"', page.text)


async def test_locations_are_found_in_any_script(owner: Portal) -> None:
    await owner.fill(f"{AT}/new", **ONE | {"id": "A-1", "name_en": "Café de l’Été", "city": "Łódź"})
    await owner.fill(f"{AT}/new", **ONE | {"id": "A-2", "name_zh": "ｶﾌｪ東京", "name_en": "Йогурт"})
    for query, wanted in (
        ("cafe", ["A-1"]), ("CAFÉ DE", ["A-1"]), ("lodz", ["A-1"]), ("かふぇ", ["A-2"]), ("йогурт", ["A-2"]),
        ("Ａ－２", ["A-2"]), ("外滩", ["A-1"]), ("nowhere", []),
    ):  # fmt: skip
        assert await found(owner, query) == wanted, query
    await owner.fill(f"{AT}/at/A-1", f"{AT}/at/A-1", name_zh="外滩店", name_en="Señor", city="上海", address="路")
    assert (await found(owner, "senor"), await found(owner, "cafe")) == (["A-1"], [])
    looked = await upload(owner, (HEADER + "A-2,Größe,,,上海,路,,,\n").encode())
    await confirm(owner, looked)
    assert (await found(owner, "grosse"), await found(owner, "йогурт")) == (["A-2"], ["A-2"]), "the English name stays"


async def test_other_roles_and_other_companies(api: Api, owner: Portal) -> None:
    await owner.fill(f"{AT}/new", **ONE)
    before = await rows()
    async with Portal.of(api.app, owner.settings, owner.clock) as stranger:
        contact = {"name": "赵一", "email": "zhao@example.com", "phone": "+86 21 5555 0101"}
        await joined_owner(api, stranger, registration_number="91310000MA1FL0001X", contact=contact)
        plain = set()
        for known in ("SH-1", "XX-1", "%00", "%F0%9F%98%80"):
            looks = [
                await stranger.get(f"{AT}/at/{known}"),
                await stranger.fill(AT, f"{AT}/at/{known}", state="closed"),
            ]
            assert [answer.status_code for answer in looks] == [404, 404], known
            plain |= {re.sub(r"return_to=[^\"]*", "", answer.text) for answer in looks}
        assert len(plain) == 1
        assert "外滩店" not in (await stranger.get(f"{AT}?q=%E5%A4%96%E6%BB%A9")).text
    form = await owner.get(f"{AT}/new")
    await DB.fetch("UPDATE partner_staff SET roles = '{finance,counter}'")
    assert AT not in (await owner.get("/partner")).text
    for path in (AT, f"{AT}/new", f"{AT}/at/SH-1", IMPORT):
        assert (await owner.get(path)).status_code == 403
    for path in (f"{AT}/new", f"{AT}/at/SH-1", f"{IMPORT}/confirm"):
        assert (await owner.fill(form, path, **ONE | {"id": "N-1"}, state="closed")).status_code == 403
    assert (await upload(owner, b"x", form=form_fields(form.text))).status_code == 403
    assert await rows() == before
    await DB.fetch("UPDATE partner_staff SET roles = '{marketer}'")
    assert "已保存" in (await owner.fill(AT, f"{AT}/at/SH-1", state="closed")).text


async def test_a_form_from_elsewhere_does_nothing(owner: Portal) -> None:
    looked = await upload(owner, (HEADER + "SH-1,店,,,上海,路 1,,,open\n").encode())
    data = ONE | {"state": "closed", "packed": hidden(looked.text, "packed")}
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "x" * 43}):
        for path in (f"{AT}/new", f"{AT}/at/SH-1", f"{IMPORT}/confirm"):
            assert (await owner.post(path, data=data | token)).status_code == 403, path
        files = {"file": ("x.csv", b"x", "text/csv")}
        assert (await owner.post(IMPORT, data=token, files=files)).status_code == 403
    assert await rows() == []


async def test_strangers_forms_take_no_files(api: Api, here: Settings, clock: Clock) -> None:
    async with Portal.of(api.app, here, clock) as stranger:
        data = form_fields((await stranger.get("/partner/forgotten")).text) | {"email": "x@example.com"}
        assert (await stranger.post("/partner/forgotten", data=data)).status_code == 200
        assert (await stranger.post("/partner/forgotten", data=data, files={"x": b"x"})).status_code == 403


async def test_in_english(api: Api, here: Settings, clock: Clock) -> None:
    async with Portal.of(api.app, here, clock, "en") as browser:
        await joined_owner(api, browser)
        body = HEADER + "SH-1,店,Shop,,Shanghai,Road 1,,,open\na b,,,,x,y,99,1,shut\n"
        pages = [await browser.get(path) for path in (AT, f"{AT}/new", IMPORT, f"{AT}?q=x")]
        pages += [await browser.fill(f"{AT}/new", id="a b"), await upload(browser, body.encode(), "x.csv")]
        pages += [await upload(browser, b"", "x.csv"), await confirm(browser, pages[5], partial="yes")]
        pages.append(await browser.get(f"{AT}/at/SH-1"))
        for page in pages:
            ours = re.sub(r'<div class="sample".*?</div>', "", page.text, flags=re.DOTALL)
            text = re.sub(r"中文|李娜", "", re.sub(r"<[^>]+>", "", ours))
            assert not re.search(r"[\u4e00-\u9fff]", text), re.search(r".{30}[\u4e00-\u9fff]+.{20}", text)
