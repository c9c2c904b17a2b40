"""Mail addresses and telephone numbers from outside: what is taken, in which form it is kept, and what is said of the rest."""

from typing import Any

import pytest

from benefits.members.schemas import MemberInput
from marketplace.kernel.mail_addresses import address_key
from marketplace.kernel.refusals import InvalidFields
from marketplace.platform.validation.fitting import fit
from partners.registry.schemas import Contact
from partners.staff.schemas import OwnerInput, StaffInput

PHONE = "+86 21 5555 0100"

TAKEN = [
    ("li.na@example.com", "li.na@example.com"),
    ("li@huazhu.example", "li@huazhu.example"),
    ("o'neil+work_1@mail.example.co.uk", "o'neil+work_1@mail.example.co.uk"),
    ("li@EXAMPLE.com", "li@example.com"),
    ("ｌｉ．ｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "li.na@example.com"),
    ("li@example。com", "li@example.com"),
    ("li@例子.cn", "li@xn--fsqu00a.cn"),
    ("li@münchen.de", "li@xn--mnchen-3ya.de"),
]

REFUSED = [
    ("周@huazhu.example", "@ 之前"),
    ("jösé@example.com", "@ 之前"),
    ("a..b@example.com", "@ 之前"),
    ('"a b"@example.com', "须为邮箱地址"),
    (f"{'a' * 65}@example.com", "@ 之前"),
    ("zw\u200b1@huazhu.example", "不可见"),
    ("zw1@huazhu.example\u202e", "方向"),
    (" li@example.com", "空白"),
    ("li na@example.com", "须为邮箱地址"),
    ("nobody", "须为邮箱地址"),
    ("@example.com", "须为邮箱地址"),
    ("a@b@example.com", "@ 之前"),
    ("a@localhost", "收不到邮件"),
    ("a@mail.invalid", "收不到邮件"),
    ("a@mail.local", "收不到邮件"),
    ("a@mail.test", "收不到邮件"),
    ("a@[127.0.0.1]", "有效的域名"),
    ("a@-b.example", "有效的域名"),
    ("a@b_c.example", "有效的域名"),
    ("a@b..example", "有效的域名"),
    ("a@10.0.0.1", "有效的域名"),
    (f"a@{'b' * 64}.example", "有效的域名"),
]


def said(kind: Any, raw: dict[str, Any]) -> tuple[str, str, str]:
    with pytest.raises(InvalidFields) as refused:
        fit(raw, kind)
    (wrong,) = refused.value.wrong
    return wrong.field, wrong.zh, wrong.en


@pytest.mark.parametrize(("typed", "kept"), TAKEN)
def test_an_address_is_kept_as_messages_are_sent_to_it(typed: str, kept: str) -> None:
    assert fit({"email": typed, "name": "李"}, OwnerInput).email == kept
    assert fit({"email": typed, "name": "李", "roles": ["owner"]}, StaffInput).email == kept
    assert fit({"email": typed, "name": "李", "phone": PHONE}, Contact).email == kept
    assert address_key(typed) == address_key(kept.upper()) == kept


@pytest.mark.parametrize(("typed", "reason"), REFUSED)
def test_an_address_that_can_never_be_mailed_is_refused_in_words(typed: str, reason: str) -> None:
    cases: list[tuple[type, dict[str, object]]] = [
        (OwnerInput, {}),
        (StaffInput, {"roles": ["owner"]}),
        (Contact, {"phone": PHONE}),
    ]
    for kind, raw in cases:
        field, chinese, english = said(kind, {"email": typed, "name": "李", **raw})
        assert (field, reason in chinese) == ("email", True), chinese
        assert english.isascii(), english


NUMBERS = [
    ("+86 21 5555 0101", "+86 21 5555 0101"),
    ("138 0013 8000", "+86 138 0013 8000"),
    ("(021) 5555-0101", "+86 21 5555 0101"),
    ("（０２１）５５５５－０１０１", "+86 21 5555 0101"),
    ("１３８００１３８０００", "+86 138 0013 8000"),
    ("+86-138-0013-8000", "+86 138 0013 8000"),
    ("0086 138 0013 8000", "+86 138 0013 8000"),
    ("\u202d138 0013 8000\u202c", "+86 138 0013 8000"),  # as telephone books copy it
    ("138\u00a00013\u30008000", "+86 138 0013 8000"),
    ("021-55550101 转 123", "+86 21 5555 0101 ext. 123"),
    ("021-55550101 ext. 123", "+86 21 5555 0101 ext. 123"),
    ("400-820-8820", "+86 400 820 8820"),
    ("95588", "+86 95588"),
    ("+852 2123 4567", "+852 2123 4567"),
    ("+1 (650) 253-0000", "+1 650-253-0000"),
    ("+86 199 0000 0001", "+86 199 0000 0001"),
]


@pytest.mark.parametrize(("typed", "kept"), NUMBERS)
def test_a_telephone_number_is_taken_as_people_write_it(typed: str, kept: str) -> None:
    assert fit({"name": "李", "email": "li@example.com", "phone": typed}, Contact).phone == kept
    assert fit({"subject": "one", "name": "李", "phone": typed}, MemberInput).phone == kept
    assert fit({"subject": "one", "name": "李", "phone": kept}, MemberInput).phone == kept


@pytest.mark.parametrize(
    "typed",
    [
        "138 0013 800",
        "5555 0101",
        "call me",
        "1-800-FLOWERS",
        "+999 12345678",
        "++86 138",
        "138 0013 8000 李",
        "0000000",
    ],
)
def test_a_number_that_cannot_be_is_refused_in_words(typed: str) -> None:
    contact = {"name": "李", "email": "li@example.com", "phone": typed}
    for kind, raw in [(Contact, contact), (MemberInput, {"subject": "one", "name": "李", "phone": typed})]:
        field, chinese, english = said(kind, raw)
        assert (field, "电话号码" in chinese, "telephone number" in english) == ("phone", True, True)


def test_a_member_needs_no_telephone() -> None:
    assert fit({"subject": "one", "name": "李", "phone": ""}, MemberInput).phone == ""
