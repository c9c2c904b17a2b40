"""Every text of every body: held to the rule of its kind, refused in words, all wrong fields at once."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from benefits.redemptions.schemas import RedemptionInput
from marketplace.app import create_app
from marketplace.kernel.refusals import InvalidField, InvalidFields, Wrong
from marketplace.platform.http.bodies import Body
from marketplace.platform.validation.fitting import Fitting, fit
from marketplace.platform.validation.misfits import unwrapped
from marketplace.settings import Settings
from partners.oauth.clients.registration import Metadata
from partners.onboarding.schemas import ApplicationInput
from tests.support.partner_fixtures import application_json
from tests.support.world import offer_json

HIDDEN = "\u202eab"


def bodies() -> dict[str, Any]:
    """The types of all bodies, by the operation."""
    app = create_app(Settings(mode="test", secret_key="x" * 32), "")
    found = {"register_client": Metadata}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            data = handler.parsed_fn_signature.parameters.get("data")
            if data is not None:
                found[str(handler.operation_id)] = data.annotation
    return found


BODIES = bodies()

Place = tuple[str, Any, dict[str, Any]]


def texts(info: inspect.Type, path: str = "") -> Iterator[Place]:
    """Every text in a type: its path, the type, and its mark."""
    plain, extra = unwrapped(info)
    if isinstance(plain, inspect.StrType):
        yield path, plain, dict(extra)
    elif isinstance(plain, inspect.StructType):
        for field in plain.fields:
            yield from texts(field.type, f"{path}.{field.encode_name}")
    elif isinstance(plain, inspect.UnionType):
        for member in plain.types:
            yield from texts(member, path)
    elif isinstance(plain, inspect.ListType | inspect.VarTupleType):
        yield from texts(plain.item_type, f"{path}[]")


def whole(info: inspect.Type, wanted: str, text: str, path: str = "") -> Any:
    """A value of the type with everything in it that leads to the wanted text, which is `text`."""
    plain, _ = unwrapped(info)
    if isinstance(plain, inspect.UnionType):
        plain = next(member for member in plain.types if not isinstance(member, inspect.NoneType))
        return whole(plain, wanted, text, path)
    if isinstance(plain, inspect.StructType):
        return {
            field.encode_name: whole(field.type, wanted, text, f"{path}.{field.encode_name}")
            for field in plain.fields
            if wanted.startswith(f"{path}.{field.encode_name}")
        }
    if isinstance(plain, inspect.ListType | inspect.VarTupleType):
        return [whole(plain.item_type, wanted, text, f"{path}[]")] * max(plain.min_length or 1, 1)
    return text if path == wanted else None


@pytest.mark.parametrize("operation", BODIES)
def test_no_text_of_a_body_takes_letters_that_nobody_sees(operation: str) -> None:
    kind = BODIES[operation]
    info = inspect.type_info(kind)
    for path, plain, extra in texts(info):
        if extra.get("text") in {"raw", "typed"}:
            continue
        value = HIDDEN * max(1, (plain.min_length or 0) // 2)
        with pytest.raises(InvalidFields) as refused:
            fit(whole(info, path, value), kind)
        field = path.removeprefix(".").replace("[]", "[0]") or "body"
        said = {one.field: one for one in refused.value.wrong}
        assert field in said, (operation, path, said)


@pytest.mark.parametrize("operation", BODIES)
def test_what_has_a_pattern_says_in_words_what_is_expected(operation: str) -> None:
    for path, plain, extra in texts(inspect.type_info(BODIES[operation])):
        plainly_said = "words" in extra or extra.get("text") == "paragraphs" or plain.pattern is None
        one_line = plain.pattern is not None and plain.pattern.startswith(r"^[^\s")
        assert plainly_said or one_line, (operation, path, plain.pattern)


def faults(kind: Any, raw: Any) -> list[Wrong]:
    with pytest.raises(InvalidFields) as refused:
        fit(raw, kind)
    return refused.value.wrong


def test_all_wrong_fields_are_told_at_once() -> None:
    application = application_json() | {
        "name": {"zh-CN": "\u200b", "en": ""},
        "kind": "hotel",
        "contact": {"name": "a\nb", "email": "x", "fone": "1"},
        "scenarios": ["lodging", "gambling"],
        "webside": "https://example.com",
    }
    said = {one.field: one.en for one in faults(ApplicationInput, application)}
    assert list(said) == [
        "webside", "name.zh-CN", "name.en", "kind", "contact.fone", "contact.name", "contact.email", "contact.phone",
        "scenarios[1]",
    ]  # fmt: skip
    assert said["webside"] == "is an unknown field; did you mean website?"
    assert said["name.en"] == "must be one line of text of 1 to 80 characters; it has 0."
    assert said["kind"].startswith("must be one of bank, dealer,") or "hotel_group" in said["kind"]
    assert said["contact.phone"].startswith("is required: it must be a telephone number")
    assert "gambling" not in said["scenarios[1]"]
    assert "lodging" in said["scenarios[1]"]


def test_a_redemption_names_all_its_bad_fields() -> None:
    with pytest.raises(InvalidFields) as refused:
        Body(RedemptionInput).read(b'{"offer_id": 5, "quantity": 10000000000000000000000000, "quantty": 1}')
    assert [(one.field, one.zh) for one in refused.value.wrong] == [
        ("quantty", "没有这个字段，是否要写 quantity？"),
        ("offer_id", "须为 UUID，如 0198c0de-0000-7000-8000-000000000001。"),
        ("quantity", "须为 1 至 20 的整数。"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"  \n", "body"),
        (b"{", "body"),
        (b'{"offer_id": "\\ud800"}', "body"),
        (b"\xff\xfe", "body"),
        (b'{"quantity": 1e999}', "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'{"quantity": 1, "quantity": 2}', "quantity"),
        (b'{"quantity": 1, "\\u0071uantity": 2}', "quantity"),
        (b'{"x": [{"a": 1, "b": {"c": 1, "\\u0063": 2}}]}', "x[0].b.c"),
    ],
)
def test_what_cannot_be_read_says_so_in_words(body: bytes, field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        Body(RedemptionInput).read(body)
    assert [one.field for one in refused.value.wrong] == [field]
    for said in (refused.value.wrong[0].zh, refused.value.wrong[0].en):
        assert not any(sign in said for sign in ("regex", "`", "Expected", "pattern", "^", "Unicode"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(kind=st.sampled_from(sorted(BODIES)), field=st.data(), value=JSON)
def test_whatever_a_decoder_refuses_has_words(kind: str, field: st.DataObject, value: Any) -> None:
    """The walk that tells faults and the decoder agree: what one refuses, the other does."""
    info = inspect.type_info(BODIES[kind])
    raw: Any = offer_json()
    if isinstance(info, inspect.StructType):
        names = [one.encode_name for one in info.fields]
        raw = dict.fromkeys(field.draw(st.sets(st.sampled_from(names), max_size=3)), value)
    try:
        msgspec.convert(raw, BODIES[kind])
    except (msgspec.ValidationError, InvalidField):
        with pytest.raises(InvalidFields) as refused:
            Fitting(BODIES[kind]).fit(raw)
        assert refused.value.wrong
        for one in refused.value.wrong:
            assert one.zh
            assert not one.en.startswith("is not in the expected form"), (one, raw)
