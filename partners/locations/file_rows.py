"""Parses the rows of a partner's file into locations, with problems by row and field. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from marketplace.kernel.letters import Words
from marketplace.kernel.refusals import InvalidFields
from marketplace.platform.spreadsheets.table import Cell, Row, Table
from marketplace.platform.spreadsheets.typed import letters_of, number_complaint, text_complaint, text_warning
from marketplace.platform.validation.fitting import fit
from partners.fields import OneLine, Reference, ShortLine
from partners.locations.schemas import Coordinates, FileRead, LocationState, RowProblem

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("编号", "门店编号"),
    "name_zh": ("中文名称", "名称", "门店名称"),
    "name_en": ("英文名称",),
    "region": ("地区", "大区", "区域"),
    "city": ("城市",),
    "address": ("地址",),
    "latitude": ("纬度",),
    "longitude": ("经度",),
    "state": ("状态", "营业状态"),
}
"""The columns: field names, and their usual Chinese titles."""

REQUIRED = ("id", "name_zh", "city", "address")

_STATES: dict[str, LocationState] = {
    "open": "open",
    "营业": "open",
    "temporarily_closed": "temporarily_closed",
    "暂停营业": "temporarily_closed",
    "closed": "closed",
    "已关闭": "closed",
}

_DEGREES = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,17})?", re.ASCII)
_FORMULA_SIGNS = ("=", "+", "-", "@")

_WORDS: dict[str, Words] = {
    "unknown": ("没有这一列。", "is not a known column."),
    "twice": ("该列出现两次。", "appears twice."),
    "missing": ("缺少此列。", "is a missing column."),
    "required": ("不能为空。", "must not be empty."),
    "formula": ("不能是公式。", "must not be a formula."),
    "state": ("须为 open、temporarily_closed 或 closed。", "must be open, temporarily_closed or closed."),
    "latitude": ("须为 -90 至 90 的十进制度数。", "must be decimal degrees from -90 to 90."),
    "longitude": ("须为 -180 至 180 的十进制度数。", "must be decimal degrees from -180 to 180."),
    "pair": ("经纬度须同时填写。", "must be given together with the other coordinate."),
    "duplicate": ("与第 {} 行重复。", "is the same as in row {}."),
    "nothing": ("文件没有数据。", "contains no locations."),
    "untitled": ("此单元格所在的列没有列名。", "is in a column without a title in the first row."),
}

_TYPES: dict[str, Any] = {
    "id": Reference,
    "name_zh": ShortLine,
    "name_en": ShortLine,
    "region": ShortLine,
    "city": ShortLine,
    "address": OneLine,
}


class LocationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A location from a row of a file. `name_en` and `state` are None if the cell is blank: the stored values stay."""

    id: str
    name_zh: str
    name_en: str | None
    region: str | None
    city: str
    address: str
    coordinates: Coordinates | None
    state: LocationState | None


SAMPLE_ROWS = 5
"""The number of rows that are shown as they were read, the header included."""

_SAMPLE_LETTERS = 80


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed file: its columns, its valid rows, the problems of the others, and how it was read.

    `warnings` concern rows that are imported all the same. `sample` are the file's first rows, cell by cell.
    """

    file: FileRead
    sample: list[list[str]]
    columns: frozenset[str]
    good: list[LocationRow]
    problems: list[RowProblem]
    warnings: list[RowProblem]
    rows: int


def parse(table: Table, language: str) -> Parsed:
    """Parse a file whose first row has the column titles. Of a duplicate id the first row counts."""
    rows = table.rows
    columns, problems = _header(rows, language)
    good: list[LocationRow] = []
    warnings: list[RowProblem] = []
    seen: dict[str, int] = {}
    for row in [] if problems else rows[1:]:
        cells = {name: row.cells[at] if at < len(row.cells) else Cell("") for name, at in columns.items()}
        fields = {name: cell.text for name, cell in cells.items()}
        found = [RowProblem(row.number, field, words[language == "en"]) for field, words in _faults(cells)]
        found += _beyond(row, frozenset(columns.values()), language)
        identifier = fields["id"]
        if not found and identifier in seen:
            found = [RowProblem(row.number, "id", _word("duplicate", language).format(seen[identifier]))]
        seen.setdefault(identifier, row.number)
        problems += found
        if not found:
            good.append(_location(fields))
            warnings += _warnings(row.number, cells, language)
    return Parsed(
        file=_how_read(table),
        sample=[[_shown(cell) for cell in row.cells] for row in rows[:SAMPLE_ROWS]],
        columns=frozenset(columns),
        good=good,
        problems=problems,
        warnings=warnings,
        rows=max(len(rows) - 1, 0),
    )


def _shown(cell: Cell) -> str:
    return {"error": "#!", "formula": "=…"}.get(cell.kind, cell.text[:_SAMPLE_LETTERS])


def _how_read(table: Table) -> FileRead:
    return FileRead(
        format=table.format,
        encoding=table.encoding,
        sheet=table.sheet,
        hidden_sheets=table.hidden_sheets,
        other_sheets=table.other_sheets,
        errors_read_as_empty=table.errors_read_as_empty,
    )


def _warnings(number: int, cells: Mapping[str, Cell], language: str) -> list[RowProblem]:
    found = [(name, text_warning(cell)) for name, cell in cells.items() if name in _TYPES]
    return [RowProblem(number, name, words[language == "en"]) for name, words in found if words is not None]


def _beyond(row: Row, named: frozenset[int], language: str) -> list[RowProblem]:
    """Return a problem for each cell in a column without a title: no data is dropped silently."""
    return [
        RowProblem(row.number, letters_of(at), _word("untitled", language))
        for at, cell in enumerate(row.cells)
        if at not in named and (cell.text or cell.kind != "text")
    ]


def _word(what: str, language: str) -> str:
    return _WORDS[what][1 if language == "en" else 0]


def _header(rows: Sequence[Row], language: str) -> tuple[dict[str, int], list[RowProblem]]:
    if len(rows) < 2:
        return {}, [RowProblem(1, "body", _word("nothing", language))]
    names = {word: name for name, words in COLUMNS.items() for word in (name, *words)}
    columns: dict[str, int] = {}
    problems = []
    for place, cell in enumerate(rows[0].cells):
        title = cell.text
        name = names.get(title.lower())
        if name is None and title:
            problems.append(RowProblem(rows[0].number, title[:80], _word("unknown", language)))
        elif name in columns:
            problems.append(RowProblem(rows[0].number, name, _word("twice", language)))
        elif name is not None:
            columns[name] = place
    absent = [name for name in REQUIRED if name not in columns]
    problems += [RowProblem(rows[0].number, name, _word("missing", language)) for name in absent]
    return columns, problems


def _faults(cells: Mapping[str, Cell]) -> list[tuple[str, Words]]:
    """Return (field, problem) for each invalid field of a row."""
    looked = [(name, _complaint(name, cell)) for name, cell in cells.items()]
    found = [(name, what) for name, what in looked if what is not None]
    latitude, longitude = (cells.get(name, Cell("")).text for name in ("latitude", "longitude"))
    if bool(latitude) != bool(longitude):
        found.append(("longitude" if latitude else "latitude", _WORDS["pair"]))
    return found


def _complaint(name: str, cell: Cell) -> Words | None:
    number, text = name in {"latitude", "longitude"}, cell.text
    if misfit := number_complaint(cell) if number else text_complaint(cell):
        return misfit
    if name in _TYPES and text.startswith(_FORMULA_SIGNS):
        return _WORDS["formula"]
    if not text:
        return _WORDS["required"] if name in REQUIRED else None
    if name in _TYPES:
        return _misfit(name, text)
    if name == "state":
        return None if text.lower() in _STATES else _WORDS["state"]
    most = 90 if name == "latitude" else 180
    return None if _DEGREES.fullmatch(text) and abs(float(text)) <= most else _WORDS[name]


def _misfit(name: str, text: str) -> Words | None:
    try:
        fit(text, _TYPES[name])
    except InvalidFields as refused:
        return refused.wrong[0].zh, refused.wrong[0].en
    return None


def _location(fields: dict[str, str]) -> LocationRow:
    latitude, longitude = fields.get("latitude"), fields.get("longitude")
    place = Coordinates(round(float(latitude), 6), round(float(longitude), 6)) if latitude and longitude else None
    return LocationRow(
        id=fields["id"],
        name_zh=fields["name_zh"],
        name_en=fields.get("name_en") or None,
        region=fields.get("region") or None,
        city=fields["city"],
        address=fields["address"],
        coordinates=place,
        state=_STATES.get(fields.get("state", "").lower()),
    )
