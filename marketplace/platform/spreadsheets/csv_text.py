"""CSV as offices save it: detects encoding and delimiter.

An encoding is never guessed silently. In this order: a byte order mark, the declared charset, strict UTF-8, GB18030. Almost any
bytes decode as GB18030, so the result is checked: characters that nobody writes, or more than a few rare ones, mean another
encoding, and the sender is asked which.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator

from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.spreadsheets.table import Cell, FileUnreadable, Row, Table, kept

ENCODINGS: dict[str, str] = {
    "utf-8": "utf-8-sig",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
}
"""Encodings that may be declared, and the codec that reads what programs mean by the name."""

_OTHER_NAMES = {
    "utf8": "utf-8",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "big5-hkscs": "big5",
    "cp950": "big5",
    "sjis": "shift_jis",
    "shift-jis": "shift_jis",
    "cp932": "shift_jis",
    "windows-31j": "shift_jis",
    "cp949": "euc-kr",
    "cp1252": "windows-1252",
    "iso-8859-1": "windows-1252",
    "latin1": "windows-1252",
    "utf-16le": "utf-16",
    "utf-16be": "utf-16",
}

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

_MOST_RARE = 0.02
"""Maximum share of Han characters outside GB 2312, which has all but 0.25 % of running text in simplified Chinese."""

_SAMPLE_ROWS = 4

_DELIMITER = re.compile("sep=([,;\t])(?:\r\n|\r|\n)", re.IGNORECASE)
"""The line that tells Excel the delimiter; Excel does not count it as a row."""

_QUOTED = re.compile('"[^"]*"')
_MOST_FIRST = 64 * 1024
"""Maximum length, in characters, of the first row."""


class EncodingUnclear(Refusal):
    """The bytes are not UTF-8, and as GB18030 they give characters that nobody would write."""

    kind = Kind.INVALID
    code = "encoding_unclear"
    zh = "{zh_reason}"
    en = "{en_reason}"
    explanation = Explanation(
        Text("无法确定文件的文字编码。", "The text encoding of the file cannot be determined."),
        Text(
            "请另存为 UTF-8 后重试，或在请求中说明编码。",
            "Save the file as UTF-8 and try again, or declare its charset.",
        ),
    )

    def __init__(self) -> None:
        """Name the encodings that can be declared."""
        names = ", ".join(ENCODINGS)
        super().__init__(
            field="body",
            zh_reason=f"无法确定文件的编码，请注明，例如 Content-Type: text/csv; charset=big5；可用：{names}。",
            en_reason=f"The encoding is not clear. Declare it, as in Content-Type: text/csv; charset=big5; one of {names}.",
            encodings=list(ENCODINGS),
        )


def read_csv(body: bytes, charset: str = "") -> Table:
    """Return the table. Raises FileUnreadable, EncodingUnclear."""
    text, encoding = decoded(body, charset)
    if "\0" in text:
        raise FileUnreadable("含有 NUL 字符。", "it has NUL characters.")
    return Table(format="csv", rows=kept(list(_rows(text))), encoding=encoding)


def decoded(body: bytes, charset: str = "") -> tuple[str, str]:
    """Return the text and the name of its encoding. Raises FileUnreadable, EncodingUnclear."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _as(body, name), name
    if charset:
        return _as(body, _named(charset)), _named(charset)
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        text = body.decode("gb18030")
    except UnicodeDecodeError as error:
        raise EncodingUnclear from error
    if not _is_written(text):
        raise EncodingUnclear
    return text, "gb18030"


def samples(body: bytes) -> dict[str, list[list[str]]]:
    """Return the first rows in each possible encoding, so that a person can choose."""
    found = {}
    for name in ENCODINGS:
        if name == "utf-16":  # without its mark any even number of bytes would decode
            continue
        try:
            table = read_csv(body, name)
        except FileUnreadable:
            continue
        if any(
            _is_unwritten(letter) for row in table.rows[:_SAMPLE_ROWS] for cell in row.cells for letter in cell.text
        ):
            continue
        found[name] = [[cell.text[:80] for cell in row.cells] for row in table.rows[:_SAMPLE_ROWS]]
    return found


def _named(charset: str) -> str:
    name = charset.strip().strip("\"'").lower().replace("_", "-")
    name = {"shift-jis": "shift_jis"}.get(name, name)
    name = _OTHER_NAMES.get(name, name)
    if name not in ENCODINGS:
        names = ", ".join(ENCODINGS)
        raise FileUnreadable(
            f"不支持编码 {charset[:40]}；可用：{names}。", f"charset {charset[:40]} is not one of {names}."
        )
    return name


def _as(body: bytes, name: str) -> str:
    try:
        return body.decode(ENCODINGS[name])
    except UnicodeDecodeError as error:
        raise FileUnreadable(f"不是 {name} 编码。", f"it is not {name}, as was said.") from error


def _is_written(text: str) -> bool:
    """Return whether a GB18030 decoding looks like what people write."""
    han = rare = 0
    for letter in text:
        if letter.isascii():
            continue
        if _is_unwritten(letter):
            return False
        if unicodedata.name(letter, "").startswith("CJK UNIFIED"):
            han += 1
            rare += not _in_gb2312(letter)
    return rare <= han * _MOST_RARE


def _is_unwritten(letter: str) -> bool:
    """Return whether the character is of private use or unassigned: nobody types it."""
    return unicodedata.category(letter) in {"Co", "Cn"}


def _in_gb2312(letter: str) -> bool:
    try:
        letter.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _rows(text: str) -> Iterator[Row]:
    # Excel writes what the machine's region uses: commas, semicolons, or tabs in "Unicode text".
    if said := _DELIMITER.match(text):
        delimiter, text = said[1], text[said.end() :]
    else:
        first = _QUOTED.sub("", text[:_MOST_FIRST]).partition("\n")[0]
        delimiter = max(",;\t", key=first.count)
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1):
            yield Row(number, [Cell(cell.strip()) for cell in cells])
    except csv.Error as error:
        raise FileUnreadable(
            "不是有效的 CSV（引号未闭合？）。", "it is not valid CSV: is a quote not closed?"
        ) from error
