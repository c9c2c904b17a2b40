"""The API only grows: what a released description offers stays, unless the changelog names what went.

`released/` keeps the description of the latest release; a release replaces it.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.compatibility import incompatible

ROOT = Path(__file__).parents[2]
RELEASED = Path(__file__).parent / "released"


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)
    return found


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    return read(ROOT / "openapi.yaml")


def test_nothing_is_taken_away_without_a_word(now: dict[str, Any]) -> None:
    (kept,) = RELEASED.glob("*.yaml")
    named = (ROOT / "CHANGELOG.md").read_text()
    silent = [change for change in incompatible(read(kept), now) if f"`{change}`" not in named]
    assert not silent, "CHANGELOG.md names each, in backquotes: " + "; ".join(silent)


OPERATION = ("paths", "/v1/offers/{offer_id}/quote", "post")
QUOTE = ("components", "schemas", "QuoteInput")
VIEW = ("components", "schemas", "VoucherView")


def at(document: dict[str, Any], *path: str) -> Any:
    for part in path:
        document = document[part]
    return document


def without_operation(document: dict[str, Any]) -> None:
    del at(document, "paths", "/v1/offers/{offer_id}/quote")["post"]


def without_parameter(document: dict[str, Any]) -> None:
    at(document, "paths", "/v1/offers", "get")["parameters"] = []


def new_required_parameter(document: dict[str, Any]) -> None:
    more = {"in": "query", "name": "city", "required": True, "schema": {"type": "string"}}
    at(document, "paths", "/v1/offers", "get")["parameters"].append(more)


def without_status(document: dict[str, Any]) -> None:
    del at(document, *OPERATION)["responses"]["200"]


def without_field_of_a_body(document: dict[str, Any]) -> None:
    del at(document, *QUOTE)["properties"]["quantity"]


def new_required_field(document: dict[str, Any]) -> None:
    at(document, *QUOTE)["required"] = ["quantity"]


def other_type(document: dict[str, Any]) -> None:
    at(document, *QUOTE)["properties"]["quantity"]["type"] = "string"


def without_field_of_an_answer(document: dict[str, Any]) -> None:
    del at(document, *VIEW)["properties"]["title"]


def optional_field_of_an_answer(document: dict[str, Any]) -> None:
    at(document, *VIEW)["required"].remove("title")


def without_value(document: dict[str, Any]) -> None:
    at(document, "components", "schemas", "VoucherStatus")["enum"].remove("used")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_operation, "quote_redemption: operation POST /v1/offers/{offer_id}/quote was removed"),
        (without_parameter, "list_offers: parameter q was removed"),
        (new_required_parameter, "list_offers: parameter city is new and required"),
        (without_status, "quote_redemption: status 200 was removed"),
        (without_field_of_a_body, "request QuoteInput: property quantity was removed"),
        (new_required_field, "request QuoteInput: property quantity is required now"),
        (other_type, "request QuoteInput: property quantity: type integer is string now"),
        (without_field_of_an_answer, "answer VoucherView: property title was removed"),
        (optional_field_of_an_answer, "answer VoucherView: property title may be missing now"),
        (without_value, "request VoucherStatus: value used was removed"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_breaks_a_client_is_found(now: dict[str, Any], change: Any, said: str) -> None:
    broken = deepcopy(now)
    change(broken)
    assert said in incompatible(now, broken)


def test_what_breaks_nobody_is_let_through(now: dict[str, Any]) -> None:
    more = deepcopy(now)
    at(more, *VIEW)["properties"]["colour"] = {"type": "string"}
    at(more, *QUOTE)["properties"]["coupon"] = {"type": "string"}
    at(more, *OPERATION)["responses"]["418"] = {"description": "A teapot."}
    at(more, "paths", "/v1/offers", "get")["parameters"].append(
        {"in": "query", "name": "city", "required": False, "schema": {"type": "string"}}
    )
    assert incompatible(now, more) == []
    assert incompatible(now, now) == []
