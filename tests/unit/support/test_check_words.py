"""The check of words finds what it is for: private language, names that say nothing, classes that stand twice."""

import pytest

from tests.support.check_words import classes_twice, wrong_names, wrong_words


@pytest.mark.parametrize(
    "text",
    [
        "An errand waits.",
        "Whoever's it is.",
        "It is made anew.",
        "code = 'desk_full'",
        "-- swept by a job",
        "Take up first.",
    ],
)
def test_private_language_is_found(text: str) -> None:
    (found,) = wrong_words("a.py", text)
    assert found.startswith("a.py:1: ")


@pytest.mark.parametrize("text", ["A command waits.", "He is a good swimmer.", "indeed", "newanew", "a/deeds"])
def test_plain_words_pass(text: str) -> None:
    assert list(wrong_words("a.py", text)) == []


@pytest.mark.parametrize(
    "text", ["def see_partner(): ...", "async def need_scope(): ...", "told = 1", "def f(why): ...", "class some: ..."]
)
def test_names_that_say_nothing_are_found(text: str) -> None:
    assert len(list(wrong_names("a.py", text))) == 1


def test_a_class_or_alias_that_stands_twice_is_found() -> None:
    files = {"a.py": "class Place: ...", "b.py": "Place = tuple[int, int]", "c.py": "class Other: ...\nValueT = int"}
    assert list(classes_twice(files)) == ["Place stands twice: a.py, b.py"]
    assert list(classes_twice({"a.py": "ValueT = 1", "b.py": "ValueT = 1"})) == []
