"""JSON Merge Patch (RFC 7396), and the tags that a change may be based on."""

from typing import Any

import msgspec
import pytest

from marketplace.kernel.refusals import InvalidFields
from marketplace.platform.http.etags import ANY, IfMatchMissing, IfMatchWeak, editions_of
from marketplace.platform.http.merge_patch import merged, patched
from partners.fields import Name
from partners.locations.schemas import Coordinates, LocationContent


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


PLACE = LocationContent(
    name=Name("外滩店", "Bund"), region="华东", city="上海", address="中山东一路", coordinates=Coordinates(31.2, 121.4)
)


def test_what_is_named_changes_nested_and_null_clears() -> None:
    moved = patched(PLACE, {"coordinates": {"lat": 31.5}, "name": {"en": "The Bund"}, "region": None})
    assert (moved.coordinates, moved.name, moved.region) == (Coordinates(31.5, 121.4), Name("外滩店", "The Bund"), None)
    assert patched(PLACE, {"coordinates": None}).coordinates is None
    assert patched(PLACE, {}) == PLACE


def test_what_cannot_be_cleared_or_is_unknown_is_named_all_at_once() -> None:
    with pytest.raises(InvalidFields) as refused:
        patched(
            PLACE, {"city": None, "name": {"en": None}, "coordinates": {"lng": None}, "adress": None, "state": "shut"}
        )
    assert [one.field for one in refused.value.wrong] == ["city", "name.en", "coordinates.lng", "adress", "state"]
    said = {one.field: one.en for one in refused.value.wrong}
    assert said["city"].startswith("cannot be cleared: it must be one line of text")
    assert "did you mean address?" in said["adress"]


def test_what_was_kept_before_todays_rules_does_not_stand_in_the_way() -> None:
    old = msgspec.structs.replace(PLACE, address="a\u200bb")
    assert patched(old, {"state": "closed"}).state == "closed"
    with pytest.raises(InvalidFields):
        patched(old, {"address": "a\u200bc"})


@pytest.mark.parametrize(
    ("header", "based_on", "not_on"),
    [
        ('"3"', [3], [2, 33]),
        ('"1" , "3", "abc"', [1, 3], [2]),
        ('W/"2", "3"', [3], [2]),
        ("*", [0, 1, 10**9], []),
        ('"abc"', [], [0, 1]),
        ("3", [], [3]),
        ('"3', [], [3]),
        ('"3" "4"', [], [3, 4]),
    ],
)
def test_if_match_takes_lists_and_a_star(header: str, based_on: list[int], not_on: list[int]) -> None:
    editions = editions_of(header)
    assert all(edition in editions for edition in based_on)
    assert not any(edition in editions for edition in not_on)


def test_a_weak_tag_has_a_message_of_its_own() -> None:
    for header in ('W/"3"', 'W/"1", W/"2"'):
        with pytest.raises(IfMatchWeak, match="weak"):
            editions_of(header)
    for nothing in (None, "", "  "):
        with pytest.raises(IfMatchMissing):
            editions_of(nothing)
    assert None not in ANY, "what is not there has no edition"
