"""The check of the documents finds paths, links, operations and names that do not exist."""

import re
from pathlib import Path

import pytest

from tests.support.check_docs import Tree, complaints, main, names_of, unnamed_rooms

TREE = Tree(
    paths=frozenset(
        {".", "README.md", "docs", "docs/a.md", "docs/b.md", "benefits", "benefits/desk", "benefits/desk/batch.py"}
    ),
    names=frozenset({"PointsBatch", "submit", "points_desk", "oem_name"}),
    words=frozenset({"offer_code", "Gone"}),
    operations=frozenset({"GET /v1/offers/{}", "POST /v1/redemptions"}),
)
HEADINGS = {"docs/b.md": {"how-it-works"}}


def found(text: str) -> list[str]:
    return [line.partition(": ")[2] for line in complaints("docs/a.md", text, TREE, HEADINGS)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("`benefits/desk/deeds.py`", "no file or folder benefits/desk/deeds.py"),
        ("`benefits/desk/{batch,orders}.py`", "no file or folder benefits/desk/orders.py"),
        ("`orders.py` beside it", "no file or folder orders.py"),
        ("`benefits/counter/`", "no file or folder benefits/counter/"),
        ("[why](c.md)", "no file or folder c.md"),
        ("[why](b.md#why)", "no heading b.md#why"),
        ("`LiberalProtocol`", "no name LiberalProtocol"),
        ("`Gone`, a word of a text", "no name Gone"),
        ("`PointsBatch.sell_all`", "no name sell_all"),
        ("`vanish()`", "no name vanish"),
        ("`await_nothing`", "no name await_nothing"),
        ("`MARKETPLACE_GONE`", "no name MARKETPLACE_GONE"),
        ("`POST /v1/offers/{offer_id}`", "no operation POST /v1/offers/{offer_id}"),
        ("`/v1/orders`", "no operation /v1/orders"),
    ],
)
def test_what_does_not_exist_is_named(text: str, complaint: str) -> None:
    assert found(text) == [complaint]


@pytest.mark.parametrize(
    "text",
    [
        "`benefits/desk/batch.py`, `desk/batch.py`, `batch.py`, `benefits/desk/`, `desk/*.py`",
        "[how](b.md#how-it-works), [the start](../README.md), [elsewhere](https://example.com/x.md)",
        "`PointsBatch`, `points_desk(request).submit()`, `offer_code`, `MARKETPLACE_OEM_NAME`",
        "`GET /v1/offers/{id}`, `/v1/offers`, `POST /v1/redemptions`",
        "`json_to_recordset` is PostgreSQL's, `data/demo.json` is made by a run, `application/json` is no path",
        "plain words: `live`, `a + b`, `make check`",
        "```python\nGoneClass().vanish()\n```",
    ],
)
def test_what_exists_passes(text: str) -> None:
    assert found(text) == []


def test_the_line_is_told() -> None:
    (line,) = complaints("docs/a.md", "one\n```sh\n`x.py`\n```\n`x.py`\n", TREE, HEADINGS)
    assert line == "docs/a.md:5: no file or folder x.py"


def test_a_room_that_the_map_leaves_out_is_named() -> None:
    assert list(unnamed_rooms("| `benefits/desk/` | the desk |", TREE)) == []
    assert list(unnamed_rooms("`benefits/desk`", TREE)) == [
        "ARCHITECTURE.md: the room benefits/desk/ is not in the map"
    ]


def test_docstrings_and_comments_prove_nothing() -> None:
    names, words = names_of(
        '"""GoneClass."""\n# OtherGone\ndef kept(x):\n    """gone_name"""\n    return x.attr, "a_code"\n'
    )
    assert names >= {"kept", "x", "attr"}
    assert words == {"a_code"}


def test_what_our_documents_name_exists(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out


def test_the_glossary_is_whole_and_in_order() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", Path("docs/glossary.md").read_text(), re.MULTILINE)[1:]
    words = [english for english, _, _ in rows]
    assert words == sorted(words, key=str.lower)
    assert len(words) == len(set(words)) > 50
    assert [english for english, _, meaning in rows if not meaning.endswith(".") or ". " in meaning] == []
