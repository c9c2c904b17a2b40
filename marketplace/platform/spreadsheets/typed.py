"""Column types: when a cell is accepted as a text or as a number. Pure."""

from marketplace.kernel.letters import Words
from marketplace.platform.spreadsheets.table import Cell

_AS_TEXT: Words = ("请将该列的格式设为“文本”后重新填写。", "format the column as text and enter it again.")

_NO_TEXT: dict[str, Words] = {
    "formula": ("不能是公式。", "must not be a formula."),
    "error": ("单元格有错误（如 #N/A），请修正。", "is a cell with an error such as #N/A: correct it."),
    "boolean": (f"是逻辑值而不是文字；{_AS_TEXT[0]}", f"is true or false, not text: {_AS_TEXT[1]}"),
    "date": (f"是日期而不是文字；{_AS_TEXT[0]}", f"is a date, not text: {_AS_TEXT[1]}"),
    "number": (f"是小数而不是文字；{_AS_TEXT[0]}", f"is a number with decimals, not text: {_AS_TEXT[1]}"),
}

_MOST_DIGITS = 15
"""Significant digits of a number that office programs store: beyond them a longer code has zeros that nobody typed."""

_LONG: Words = (
    f"是超过 {_MOST_DIGITS} 位的数字，其后各位已丢失；{_AS_TEXT[0]}",
    f"is a number of more than {_MOST_DIGITS} digits, of which the last ones are lost: {_AS_TEXT[1]}",
)

LEADING_ZEROS: Words = (
    "是数字，前导零（如 0012）已丢失；如有前导零，请将该列设为“文本”。",
    "is a number: leading zeros such as in 0012 are lost. If it had any, format the column as text.",
)


def text_complaint(cell: Cell) -> Words | None:
    """Return why the cell is not accepted as a text, or None. A whole number is accepted as its digits."""
    if cell.kind == "number" and (digits := cell.text.lstrip("-")).isdigit():
        return _LONG if len(digits) > _MOST_DIGITS else None
    return _NO_TEXT.get(cell.kind)


def text_warning(cell: Cell) -> Words | None:
    """Return what may have been lost of a text that the office program stores as a number, or None."""
    return LEADING_ZEROS if cell.kind == "number" and text_complaint(cell) is None else None


def number_complaint(cell: Cell) -> Words | None:
    """Return why the cell is not accepted as a number, or None; whether a text spells a number is not checked."""
    return None if cell.kind in {"text", "number"} else _NO_NUMBER[cell.kind]


_NO_NUMBER: dict[str, Words] = {
    "formula": _NO_TEXT["formula"],
    "error": _NO_TEXT["error"],
    "boolean": ("是逻辑值而不是数字。", "is true or false, not a number."),
    "date": (
        "是日期而不是数字；请将该列的格式设为“数字”。",
        "is a date, not a number: format the column as numbers.",
    ),
}


def letters_of(column: int) -> str:
    """Return the letters of a column, counted from 0: A, B, … Z, AA."""
    found = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(ord("A") + rest) + found
    return found
