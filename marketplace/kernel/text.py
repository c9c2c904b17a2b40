"""Texts in the product's two languages, and what a text from outside may contain.

Every text from outside is one of these kinds, by the `text` mark of its type (`line` without one):

- `line`: one line of visible characters (`letters.py`), without a space at either end;
- `paragraphs`: the same with line feeds and tabs; CR LF and CR become LF;
- `mail`: a mail address that can receive a message (`mail_addresses.py`), stored in the form that messages are sent to;
- `phone`: a telephone number as people write it (`phones.py`), stored in its international form;
- `typed`: what a person types from paper, such as a code, normalized before it is compared;
- `raw`: no words, such as a picture; only U+0000 is refused, which the database cannot store.

`platform/validation/fitting.py` checks bodies, forms, files and arguments against these.
"""

import re
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec

from marketplace.kernel.letters import Words, complaint, with_plain_line_ends
from marketplace.kernel.mail_addresses import address_refusal, mail_address
from marketplace.kernel.phones import phone_number, phone_refusal

Language = Literal["zh-CN", "en"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")

TextKind = Literal["line", "paragraphs", "mail", "phone", "typed", "raw"]


def marked(kind: TextKind = "line", words: Words | None = None) -> dict[str, Any]:
    """Return the `extra` of a text type's `msgspec.Meta`: its kind, and for a pattern, what is expected, in both languages."""
    return {"text": kind} | ({} if words is None else {"words": words})


def settled(text: str, kind: TextKind) -> str:
    """Return a text from outside in its stored form."""
    if kind == "paragraphs":
        return with_plain_line_ends(text)
    if kind == "phone":
        return phone_number(text) or text
    # An address with invisible characters stays unchanged, and is refused for them.
    return mail_address(text) or text if kind == "mail" and address_refusal(text) is None else text


def refusal(text: str, kind: TextKind) -> Words | None:
    """Return why a normalized text is not of the kind, in both languages, or None."""
    if kind in {"typed", "raw"}:
        return ("不能含有字符 U+0000。", "must not have the character U+0000.") if "\0" in text else None
    if kind == "mail":
        return address_refusal(text)
    if kind == "phone":
        return phone_refusal(text)
    if kind == "line" and text != text.strip() and not text.isspace():
        return "开头和结尾不能有空白。", "must not begin or end with a space."
    return complaint(text, lines=kind == "paragraphs")


def line_or(said: object, otherwise: str, most: int) -> str:
    """Return a text from another program, such as a token's `name`, as a line; or `otherwise` if it cannot be one."""
    text = said.strip()[:most].strip() if isinstance(said, str) else ""
    return text if text and refusal(text, "line") is None else otherwise[:most]


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in Chinese and English: `{"zh-CN": "…", "en": "…"}`."""

    zh: Annotated[str, msgspec.Meta(min_length=1, max_length=4000, extra=marked("paragraphs"))] = msgspec.field(
        name="zh-CN"
    )
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=4000, extra=marked("paragraphs"))]

    def in_language(self, language: str) -> str:
        """Return the text in the language: English if asked for, else Chinese."""
        return self.en if language == "en" else self.zh


class Title(Text, frozen=True, forbid_unknown_fields=True):
    """A text of one line in Chinese and English."""

    zh: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)] = msgspec.field(name="zh-CN")
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


@lru_cache(maxsize=1024)
def preferred_language(accept_language: str | None) -> Language:
    """Return the first of our languages that an Accept-Language header names; Chinese without one (RFC 9110 §12.5.4)."""
    ranked: list[tuple[float, int, Language]] = []
    for place, part in enumerate((accept_language or "").split(",")):
        tag, _, parameters = part.strip().partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameters)
        weight = float(quality[1]) if quality else 1.0
        name = tag.strip().lower()
        if weight > 0 and name.startswith("en"):
            ranked.append((-weight, place, "en"))
        elif weight > 0 and name.startswith("zh"):
            ranked.append((-weight, place, "zh-CN"))
    return min(ranked)[2] if ranked else "zh-CN"
