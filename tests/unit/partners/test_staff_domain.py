"""Second factors against RFC 6238, passwords, roles, words: what is pure about a partner's people."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.refusals import InvalidField
from marketplace.kernel.states import TransitionRefusedError
from partners.oauth.domain import PARTNER_SCOPES
from partners.roles import SCOPES_OF, StaffRole, StaffStatus, scopes_of
from partners.staff.domain import STAFF, check_password, check_roles, normal_email
from partners.staff.second_factor import (
    STEP_S,
    code_at,
    matching_step,
    new_recovery_codes,
    new_secret,
    recovery_hash,
    setup_address,
    setup_qr_code,
)
from partners.web.account import device

RFC_SECRET = b"12345678901234567890"
INSTANTS = st.integers(1_500_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@pytest.mark.parametrize(
    ("seconds", "code"),
    # RFC 6238, appendix B, SHA-1: the last six of its eight digits.
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert code_at(RFC_SECRET, at) == code
    assert matching_step(RFC_SECRET, code, at) == seconds // STEP_S


@given(INSTANTS, st.binary(min_size=20, max_size=20), st.integers(-600, 600))
def test_a_code_is_good_for_its_step_and_its_neighbours(at: datetime, secret: bytes, off_s: int) -> None:
    shown = at + timedelta(seconds=off_s)
    steps = int(shown.timestamp()) // STEP_S - int(at.timestamp()) // STEP_S
    found = matching_step(secret, code_at(secret, shown), at)
    if abs(steps) <= 1:
        assert found is not None
    elif found is not None:  # one in some 300,000: two steps with the same six digits
        assert code_at(secret, datetime.fromtimestamp(found * STEP_S, UTC)) == code_at(secret, shown)


@given(st.text(max_size=12))
def test_what_is_no_code_is_none(text: str) -> None:
    digits = text.strip().replace(" ", "")
    if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        assert matching_step(RFC_SECRET, text, datetime(2026, 11, 22, tzinfo=UTC)) is None


def test_recovery_codes_are_many_different_and_long() -> None:
    codes = new_recovery_codes()
    assert len({recovery_hash(code) for code in codes}) == 8
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    assert recovery_hash(codes[0].lower().replace("-", " ")) == recovery_hash(codes[0])


def test_the_picture_scales_whole() -> None:
    picture = setup_qr_code(setup_address(RFC_SECRET, "li.na@example.com", "Benefits Marketplace"))
    assert "viewBox=" in picture
    assert " width=" not in picture.partition(">")[0], "a size of its own would cut it off"
    assert "script" not in picture


@pytest.mark.parametrize("bad", ["", "short", "x" * 129, "aaaaaaaaaaaaaaaa", "abababababab", "my Li.Na password"])
def test_bad_passwords_are_refused(bad: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_password(bad, "li.na@example.com")
    assert refused.value.details["field"] == "password"


def test_good_passwords_need_no_signs() -> None:
    for good in ("correct horse battery", "我的密码是一句很长的话呀", "x7" + "abcdefghij"):
        check_password(good, "li.na@example.com")
    check_password("a password with bo in it", "bo@example.com")


@given(st.sets(st.sampled_from(StaffRole), min_size=1))
def test_more_roles_never_may_less(roles: set[StaffRole]) -> None:
    together = scopes_of(frozenset(roles))
    assert all(SCOPES_OF[role] <= together for role in roles)
    assert together <= PARTNER_SCOPES.keys()
    assert ("staff:manage" in together) == (StaffRole.OWNER in roles)
    assert check_roles(list(roles)) == [role for role in StaffRole if role in roles]


@given(st.lists(st.sampled_from(["accept", "disable", "invite"]), max_size=8))
def test_nobody_becomes_active_but_by_accepting(steps: list[str]) -> None:
    status = StaffStatus.INVITED
    for step in steps:
        before = status
        try:
            status = STAFF.after(status, step)
        except TransitionRefusedError:
            continue
        if status is StaffStatus.ACTIVE:
            assert (before, step) == (StaffStatus.INVITED, "accept")


def test_roles_are_named_once() -> None:
    for bad in ([], [StaffRole.OWNER, StaffRole.OWNER]):
        with pytest.raises(InvalidField):
            check_roles(bad)
    assert normal_email(" Li.Na@Example.com ") == "li.na@example.com"


def test_devices_are_called_what_people_call_them() -> None:
    chrome = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
    )
    assert device(chrome) == "Chrome · Windows"
    assert device(chrome + " Edg/140.0") == "Edge · Windows"
    assert (
        device("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1")
        == "Safari · iPhone"
    )
    assert not device("<script>")


def test_second_factors_and_recovery_codes_are_read_as_any_keyboard_types_them() -> None:
    secret, now = new_secret(), datetime(2026, 11, 30, 12, tzinfo=UTC)
    code = code_at(secret, now)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    for typed in (
        code,
        wide,
        f"{code[:3]} {code[3:]}",
        f"{wide[:3]}　{wide[3:]}",
        f"{code[:3]}－{code[3:]}",
        f"\u200b{code}",
    ):
        assert matching_step(secret, typed, now) is not None, typed
    (recovery,) = new_recovery_codes()[:1]
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in recovery)
    for typed in (recovery.lower(), wide, recovery.replace("-", "—"), recovery.replace("-", "　"), recovery + "\u2060"):
        assert recovery_hash(typed) == recovery_hash(recovery), typed
