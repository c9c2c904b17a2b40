"""Ids, codes, money, months, texts: the smallest values."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.calendar import Calendar, Month, NotAMonthError
from marketplace.kernel.codes import UnreadableCodeError, new_code, read_code
from marketplace.kernel.ids import bucket_of, uuid7
from marketplace.kernel.money import EXPONENTS, Money, format_amount, tax_included
from marketplace.kernel.search import query_terms, search_terms
from marketplace.kernel.text import preferred_language
from marketplace.kernel.typed_text import typed_address

pytestmark = pytest.mark.dates

SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"))
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@given(st.integers(0, 1023), st.integers(0, 2**48 - 1))
def test_an_id_carries_its_bucket_and_its_time(bucket: int, unix_ms: int) -> None:
    made = uuid7(bucket, unix_ms)
    assert (made.version, bucket_of(made), made.int >> 80) == (7, bucket, unix_ms)


@given(st.integers(0, 1023))
def test_a_code_is_read_however_it_is_typed(bucket: int) -> None:
    code = new_code(bucket)
    assert read_code(code) == (code, bucket)
    assert read_code(f" {code.lower().replace('-', ' ')} ") == (code, bucket)
    assert read_code(code.replace("0", "O").replace("1", "l")) == (code, bucket)


@given(st.integers(0, 1023), st.integers(0, 10), st.sampled_from(LETTERS))
def test_one_wrong_letter_is_found(bucket: int, place: int, letter: str) -> None:
    letters = list(new_code(bucket).replace("-", ""))
    before, letters[place] = letters[place], letter
    # The check is modulo 31 over 32 letters: the first and the last of them weigh the same.
    if LETTERS.index(before) % 31 != LETTERS.index(letter) % 31:
        with pytest.raises(UnreadableCodeError):
            read_code("".join(letters))


@pytest.mark.parametrize(
    ("gross", "rate_ppm", "tax"),
    [
        (10_600, 60_000, 600),  # 106.00 at 6 %: 100.00 net
        (11_300, 130_000, 1_300),
        (1, 60_000, 0),
        (9, 60_000, 1),  # 0.509… rounds up
        (8, 60_000, 0),  # 0.452… rounds down
        (53, 60_000, 3),
        (100, 0, 0),
        (0, 60_000, 0),
    ],
)
def test_tax_contained_in_a_price(gross: int, rate_ppm: int, tax: int) -> None:
    assert tax_included(gross, rate_ppm) == tax


@given(st.integers(0, 10**13), st.integers(0, 1_000_000))
def test_tax_is_the_nearest_fen(gross: int, rate_ppm: int) -> None:
    tax = tax_included(gross, rate_ppm)
    assert abs(tax * (1_000_000 + rate_ppm) - gross * rate_ppm) * 2 <= 1_000_000 + rate_ppm
    assert 0 <= tax <= gross


def test_amounts_are_printed_with_two_places() -> None:
    cny = [format_amount(n, "CNY") for n in (0, 5, 12_900, -1, -12_345)]
    assert cny == ["0.00", "0.05", "129.00", "-0.01", "-123.45"]


def test_a_month_begins_at_midnight_of_the_business_zone() -> None:
    start, end = SHANGHAI.bounds(Month(2026, 10))
    assert start == datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert end == datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert SHANGHAI.month_of(start) == Month(2026, 10)
    assert SHANGHAI.month_of(end) == Month(2026, 11)


def test_months_count_across_years() -> None:
    assert Month.parse("2026-11").plus(2) == Month(2027, 1)
    assert Month.parse("2026-01").plus(-1).first_day == date(2025, 12, 1)
    for wrong in ("2026-13", "2026-1", "26-01", "２０２６-01", "2026-00", "2026-10\n", "0000-01"):
        with pytest.raises(NotAMonthError):
            Month.parse(wrong)


@pytest.mark.parametrize(
    ("title", "query", "found"),
    [
        ("汉庭酒店一晚", "酒店", True),
        ("汉庭酒店一晚", "店酒", False),
        ("汉庭酒店一晚", "汉庭 一晚", True),
        ("汉庭酒店一晚", "店", True),
        ("One night at Hanting Hotel", "HOTEL hanting", True),
        ("One night at Hanting Hotel", "hostel", False),
        ("大疆 Mini 4K 无人机", "无人机 4k", True),
        ("ＭＩＮＩ 无人机", "mini", True),
        ("汉庭酒店", "！？", None),
    ],
)
def test_search_in_both_languages(title: str, query: str, found: bool | None) -> None:
    wanted = query_terms(query)
    assert (set(wanted) <= set(search_terms(title)) if wanted else None) is found


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("咖啡 Café crème", "cafe"),
        ("咖啡 Cafe creme", "crème"),
        ("Citroën", "citroen"),
        ("Ærø Smørrebrød", "aero smorrebrod"),
        ("Łódź", "lodz"),
        ("STRASSE", "straße"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("Kırmızı", "kirmizi"),
        ("ユニクロ商品券", "ユニクロ"),
        ("ユニクロ商品券", "ﾕﾆｸﾛ"),
        ("ユニクロ商品券", "ゆにくろ"),
        ("ラーメン", "らーめん"),
        ("ガス", "ガス"),
        ("서울 호텔 숙박권", "호텔"),
        ("서울 호텔", "서울"),
        ("Ресторан Йорк", "ресторан"),
        ("Ресторан Йорк", "йорк"),
        ("Ёлка", "елка"),
        ("Αθήνα", "αθηνα"),
        ("𠮷野家双人套餐", "𠮷野家"),
        ("喆堃酒店", "喆堃"),
        ("㐂寿司", "㐂"),
        ("各々の人々", "人々"),
        ("二〇二六", "二〇"),
        ("สปา กรุงเทพ", "กรุง"),
        ("ＫＦＣ 套餐", "kfc"),
        ("Vietnam Phở", "pho"),
        ("Müller", "mu\u0308ller"),
        ("123 Hotel", "１２３"),
        ("שָׁלוֹם", "שלום"),
        ("مَطْعَم", "مطعم"),
    ],
)
def test_every_script_is_found(title: str, query: str) -> None:
    wanted = query_terms(query)
    assert wanted
    assert set(wanted) <= set(search_terms(title))


@pytest.mark.parametrize(("title", "query"), [("カス", "ガス"), ("호텔", "호두"), ("酒店", "店酒"), ("Café", "caff")])
def test_what_is_another_word_is_not_found(title: str, query: str) -> None:
    assert not set(query_terms(query)) <= set(search_terms(title))


@pytest.mark.parametrize(
    "typed",
    [
        "{code}", " {code} ", "{lower}", "{bare}", "{wide}", "{code}\u200b", "\ufeff{code}",
        *(f"{{dash:{dash}}}" for dash in "－—–‐‑‒―−﹣ー"), "{dash: }", "{dash:　}", "{dash:\u00ad}", "{code}\ufe0f",
        *(f"{{dash:{unseen}}}" for unseen in "\u3164\u115f\u2800\u034f\u17b4\uffa0"), "{code}\u3164",
    ],
)  # fmt: skip
def test_a_code_is_read_as_any_keyboard_types_it(typed: str) -> None:
    code = new_code(7)
    kinds = {"code": code, "lower": code.lower(), "bare": code.replace("-", "")}
    kinds["wide"] = "".join(chr(ord(letter) + 0xFEE0) for letter in code)
    text = code.replace("-", typed[6:-1]) if typed.startswith("{dash:") else typed.format(**kinds)
    assert read_code(text) == (code, 7)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Zhou@Huazhu.example", "zhou@huazhu.example"), ("ｚｈｏｕ＠ｈｕａｚｈｕ．ｅｘａｍｐｌｅ", "zhou@huazhu.example"),
        (" zhou@huazhu。example ", "zhou@huazhu.example"), ("zhou\u200b@huazhu.example", "zhou@huazhu.example"),
        ("a－b@x.example", "a-b@x.example"),
    ],
)  # fmt: skip
def test_an_address_is_read_as_any_keyboard_types_it(typed: str, meant: str) -> None:
    assert typed_address(typed) == meant


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "zh-CN"), ("", "zh-CN"), ("en", "en"), ("en-GB,zh;q=0.9", "en"), ("fr,zh-TW;q=0.5,en;q=0.6", "en"),
        ("en;q=0.1,zh-CN", "zh-CN"), ("en;q=0", "zh-CN"), ("de,*", "zh-CN"), ("en;q=x", "en"),
    ],
)  # fmt: skip
def test_the_language_that_is_asked_for(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    ("currency", "shown"), [("JPY", "12900"), ("KWD", "12.900"), ("CLF", "1.2900"), ("ISK", "12900"), ("UGX", "12900")]
)
def test_amounts_have_the_decimals_of_iso_4217(currency: str, shown: str) -> None:
    assert format_amount(12_900, currency) == shown
    assert msgspec.convert({"amount": 1, "currency": currency}, Money).currency == currency


@pytest.mark.parametrize("code", ["ZZZ", "XAU", "XXX", "XTS", "cny", "CNY\n", "CN", "DEM", "人民币"])
def test_what_is_no_currency_is_refused(code: str) -> None:
    assert code not in EXPONENTS
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"amount": 1, "currency": code}, Money)
