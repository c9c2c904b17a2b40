"""Which characters a text of people may contain: visible ones, and none that hide, reorder or break what is seen.

A text is refused for control characters, for invisible characters (Unicode's Default_Ignorable_Code_Point) or ones that change
the direction (UAX #9), for code points that are no characters (private, unassigned, surrogates), for piles of combining marks,
and when nothing in it is visible. Invisible characters pass where a script or an emoji cannot be written without them:

- the joiner within an emoji family, variation selectors after what has two looks, the three tag sequences of flags (UTS #51);
- a variation selector after a Han character (ideographic variation sequences, UTS #37) or a Mongolian one;
- joiner and non-joiner after a virama, the non-joiner between Arabic letters (RFC 5892, appendix A.1 and A.2).

Planes 2 and 3 are Han by the standard, and the pictographs' blocks are reserved for emoji, so that characters newer than this
Python's tables pass there. No-break and ideographic spaces are spaces: they pass within a text.
"""

import re
import unicodedata

Words = tuple[str, str]
"""A sentence in Chinese and in English."""

MOST_MARKS = 5
"""Combining marks on one letter: Tibetan, pointed Hebrew and phonetic writing need up to four."""

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Default-ignorable characters and marks that Python considers printable, and the Braille blank, which looks like a space.
_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\ufffd"
    "\U00016fe4\U000e0100-\U000e01ef]"
)
_MAYBE_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{MOST_MARKS + 1},}}")

_PICTOGRAPH = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
)
_DRESS = "\ufe0f\U0001f3fb-\U0001f3ff"  # the selector of the emoji look, and tones of skin
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fffd\U00030000-\U0003fffd"
_MONGOLIAN = "\u1820-\u1878\u1880-\u18aa"
_ARABIC = "\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f\u08a0-\u08c9"
_VIRAMA = (  # canonical combining class 9
    "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1734"
    "\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953\ua9c0\uaaf6\uabed"
)
_RESERVED = re.compile("[\U00020000-\U0002fffd\U00030000-\U0003fffd\U0001f000-\U0001faff\U0001fc00-\U0001fffd]")
_FLAGS = [
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
]

# Where invisible characters, or ones that Python's tables lack, are needed, with their context.
_NEEDED = re.compile(
    "|".join(
        [
            *_FLAGS,
            f"[{_PICTOGRAPH}][{_DRESS}]*(?:\u200d[{_PICTOGRAPH}][{_DRESS}]*)+",
            "[0-9#*]\ufe0f\u20e3",
            f"[{_PICTOGRAPH}\U0001f1e6-\U0001f1ff][\ufe0e\ufe0f]",
            f"[{_HAN}][\ufe00-\ufe02\U000e0100-\U000e01ef]",
            f"[{_MONGOLIAN}][\u180b-\u180d\u180f]",
            f"(?<=[{_MONGOLIAN}])\u180e(?=[{_MONGOLIAN}])",
            f"(?<=[{_VIRAMA}])[\u200c\u200d]",
            f"(?<=[{_ARABIC}])\u200c(?=[{_ARABIC}])",
            "[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]",
            _RESERVED.pattern,
        ]
    )
)

_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")  # UAX #14, without those that only move the paper


def with_plain_line_ends(text: str) -> str:
    """Return the text with a line feed for each CR LF, CR, NEL, and line or paragraph separator."""
    return _LINE_ENDS.sub("\n", text)


def complaint(text: str, *, lines: bool = False) -> Words | None:
    """Return why the text is refused, in both languages, or None. With `lines`, line feeds and tabs pass."""
    plain = text.replace("\n", " ").replace("\t", " ") if lines else text
    if not plain.isprintable() or _HIDDEN.search(plain):
        rest = _NEEDED.sub(_hold_the_place, plain)
        for place, letter in enumerate(rest):
            if not letter.isprintable() or _HIDDEN.match(letter):
                return _letter_fault(letter, place + 1)
    if _has_piles(plain):
        return "一个字符上的组合符号过多。", f"has more than {MOST_MARKS} combining marks on one character."
    if plain and not any(map(_is_seen, plain)):
        return "须含有可见的文字。", "must have at least one visible character."
    return None


def is_hidden(letter: str) -> bool:
    """Return whether the character is invisible, though neither a format character nor a space."""
    return _HIDDEN.match(letter) is not None


def _hold_the_place(found: re.Match[str]) -> str:
    return "x" * len(found[0])


def _letter_fault(letter: str, at: int) -> Words:
    """Return why the character at the text's position `at` is refused."""
    point, category = f"U+{ord(letter):04X}", unicodedata.category(letter)
    if letter in "\n\r\u2028\u2029\x85":
        return "须为一行文字，不能换行。", "must be one line, without line breaks."
    if letter in _DIRECTION:
        chinese, english = "会改变文字方向", "must not change the direction of the text"
    elif category == "Cc":
        chinese, english = "是控制字符", "must not have control characters"
    elif letter == "\ufffd":
        chinese, english = (
            "表示无法识别的文字，请检查编码",
            "must not have replacement characters (check the encoding)",
        )
    elif category in {"Cs", "Co", "Cn"}:
        chinese, english = "不是通用字符", "must not have code points that are not characters"
    else:
        chinese, english = "不可见", "must not have invisible characters"
    return f"第 {at} 个字符 {point} {chinese}，不能使用。", f"{english}: character {at} is {point}."


def _has_piles(text: str) -> bool:
    """Return whether more than MOST_MARKS marks follow each other, or the text begins with one, which has no base character."""
    if text and unicodedata.category(text[0])[0] == "M":
        return True
    for found in _MAYBE_MARKS.finditer(text):
        pile = 0
        for letter in found[0]:
            pile = pile + 1 if unicodedata.category(letter) in {"Mn", "Me"} else 0
            if pile > MOST_MARKS:
                return True
    return False


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LNPS" or _RESERVED.match(letter) is not None
