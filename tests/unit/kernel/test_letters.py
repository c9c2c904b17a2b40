"""Which letters a text from outside may have."""

import pytest

from marketplace.kernel.text import line_or, refusal, settled

SEEN = [
    *(
        "酒店",
        "a b",
        "上海外滩大酒店（豪华间）",
        "张\u3000三",
        "𠮷野家",
        "\U00031350的店",
        "葛\U000e0100城",
        "。",
        "——……！！！！！！",
    ),
    *(
        "Café de l'Ours",
        "e\u0301t\u00e9",
        "Việt Nam",
        "a\u00a0b",
        "$5",
        "①",
        "עברית",
        "می\u200cخواهم",
        "क्\u200dष",
        "ᠮᠣᠩᠭᠣᠯ",
    ),
    *("བསྒྲུབས", "ประเทศ"),
    *("👨‍👩‍👧‍👦", "👩🏽‍💻 来了", "❤️‍🔥", "🏳️‍🌈", "🇨🇳", "1️⃣", "☎️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🫨"),
]

UNSEEN = [
    *(
        "\u200b",
        "a\u200b",
        "a\u2060b",
        "\ufeffa",
        "a\u00adb",
        "\u3164",
        "\uffa0",
        "\u2800",
        "\u115f",
        "\u034f",
        "\u180e",
    ),
    *("\u206a", "\ufff9", "\U0001d173"),
    *("\u202eabc", "a\u202c", "a\u2066b", "\u200fa", "\u061ca"),
    *("\x1b[31m", "a\x07", "a\x7f", "a\x85b", "a\u2028b", "a\tb", "a\nb", "a\r\nb"),
    *("\ue000", "\u0378", "\ufdd0", "\U0010ffff", "\U0002ffff", "\ud800", "\ufffd"),
    *("a\ufe0f", "1\ufe0f", "a\U000e0100"),
    *("a\U000e0041", "\U0001f3f4\U000e0041\U000e007f", "葛\U000e0100\U000e0101"),
    *("a\u200db", "a\u200cb", "👨\u200d", "\u200d👨"),
    *("\u0301", "a" + "\u0301" * 6, "   ", "\u3000", " a", "a ", "\u00a0a"),
]


@pytest.mark.parametrize("text", SEEN, ids=ascii)
def test_what_people_write_passes(text: str) -> None:
    assert refusal(text, "line") is None
    assert refusal(f"{text}\n\t{text}", "paragraphs") is None


@pytest.mark.parametrize("text", UNSEEN, ids=ascii)
def test_what_hides_turns_or_breaks_is_refused_in_words(text: str) -> None:
    said = refusal(text, "line")
    assert said is not None
    chinese, english = said
    assert chinese.endswith("。")
    assert english.endswith(".")


@pytest.mark.parametrize("text", ["\u200b", "a\u202eb", "\x1b", "a\x0b", "\ud800", "\u2029", " \n "], ids=ascii)
def test_paragraphs_are_refused_for_the_same(text: str) -> None:
    assert refusal(text, "paragraphs") is not None


def test_line_ends_become_line_feeds_in_paragraphs_only() -> None:
    assert settled("第一段\r\n第二段\r第三段\u2029", "paragraphs") == "第一段\n第二段\n第三段\n"
    assert settled("a\x85b", "paragraphs") == "a\nb"  # NEL ends a line, too (UAX #14)
    assert settled("a\r\nb", "line") == "a\r\nb"


def test_a_name_that_another_program_says_is_shown_only_if_it_can_be() -> None:
    assert line_or(" 林晓 ", "lin", 100) == "林晓"
    for said in (None, 5, "", "  ", "\u200b", "\u202eabc", "a\nb"):
        assert line_or(said, "lin", 100) == "lin"
    assert line_or("x" * 150, "lin", 100) == "x" * 100


def test_the_letter_is_named_with_its_place() -> None:
    assert refusal("a\u202eb", "line") == (
        "第 2 个字符 U+202E 会改变文字方向，不能使用。",
        "must not change the direction of the text: character 2 is U+202E.",
    )
    assert refusal("a\nb", "line") == ("须为一行文字，不能换行。", "must be one line, without line breaks.")
