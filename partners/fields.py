"""Bounded texts that this package's wire Structs share.

The patterns refuse the common cases at conversion; `kernel/letters.py` decides which characters a text may have.
"""

from typing import Annotated

import msgspec

from marketplace.kernel.scenarios import Scenario
from marketplace.kernel.text import Text, marked

LINE = r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$(?!\n)"
"""One line without control characters or surrounding blanks."""

LINE_WORDS = ("一行文字，可为空", "one line of text, or empty")

PARAGRAPHS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""Text with line breaks and tabs, without other control characters."""

REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)"
"""An id chosen by the partner, safe in an address and in a file name."""

OneLine = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=LINE)]
ShortLine = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=LINE)]
Paragraphs = Annotated[str, msgspec.Meta(max_length=4000, pattern=PARAGRAPHS, extra=marked("paragraphs"))]
Reference = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern=REFERENCE,
        examples=["SH-0001"],
        extra=marked(
            words=(
                " 1 至 64 个字母、数字、点、下划线或连字符，以字母或数字开头",
                "1 to 64 letters, digits, dots, underscores or hyphens, a letter or digit first",
            )
        ),
    ),
]
Ppm = Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="Parts per million: 60000 is 6 %.")]

SCENARIOS: dict[Scenario, tuple[str, str]] = {
    "clothing": ("衣", "Clothing"),
    "dining": ("食", "Dining"),
    "lodging": ("住", "Lodging"),
    "mobility": ("行", "Mobility"),
    "entertainment": ("娱", "Entertainment"),
    "learning": ("学", "Learning"),
    "shopping": ("购", "Shopping"),
    "wellness": ("健", "Wellness"),
    "finance": ("财", "Finance"),
    "travel": ("游", "Travel"),
}
"""The ten life scenarios 衣食住行娱学购健财游, by code, with their Chinese character and English name."""


class Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A short name in both languages."""

    zh: ShortLine = msgspec.field(name="zh-CN")
    en: ShortLine

    def text(self) -> Text:
        return Text(self.zh, self.en)
