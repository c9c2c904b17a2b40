"""The demo's partners and offers, in Chinese and English: one TOML file per life scenario."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from marketplace.demo.world_things import DemoLocation, DemoTier, OfferState
from marketplace.kernel.text import Text

_FOLDER = Path(__file__).parent

SCENARIO_FILES = (
    "lodging", "dining", "clothing", "mobility", "entertainment", "learning", "shopping", "wellness", "finance", "travel",
)  # fmt: skip
"""The order in which the world uses them: the history is drawn in this order."""


class ContentError(Exception):
    """A file of the demo's content is missing or malformed; the message names the file and the field."""


class Brand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A partner. `rules` end the terms of all its offers; `tax` and `commission` in parts per million."""

    key: str
    name: Text
    legal: str
    kind: str
    scenarios: tuple[str, ...]
    about: str
    contact: str
    rules: Text
    locations: tuple[DemoLocation, ...]
    basis: Literal["on_use", "on_issue"] = "on_use"
    tax: int = 60_000
    commission: int = 0
    days: int = 30


class DemoApplicant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A company that applied; `rejection` says why it was declined."""

    key: str
    name: Text
    legal: str
    kind: str
    scenarios: tuple[str, ...]
    about: str
    contact: str
    rejection: str = ""


class Sheet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An offer; `value` is its retail price and `pays` what the car maker pays for it, both in whole yuan.

    `opens` is the day, counted from today, on which its sale begins (negative: in the past), `closes` the day on which it ends.
    A dealers' service has no brand: each dealer that offers it is one.
    """

    sku: str
    scenario: str
    art: str
    title: Text
    text: Text
    terms: Text
    points: int
    value: int
    pays: int
    brand: str = ""
    days: int = 60
    each: int | Literal["unlimited"] = 5
    tiers: tuple[DemoTier, ...] = ()
    stock: int | None = None
    opens: int = -400
    closes: int | None = None
    state: OfferState = "live"
    likes: float = 1.0


class DemoScenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The partners and offers of one life scenario."""

    brands: tuple[Brand, ...]
    offers: tuple[Sheet, ...]


class Dealer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dealer of the car maker, with the SKUs of its services."""

    code: str
    city: Text
    district: Text
    address: str
    contact: str
    services: tuple[str, ...]


class Dealers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The car maker, its models, and its dealers with their services."""

    maker: Text
    models: tuple[str, ...]
    rules: Text
    dealers: tuple[Dealer, ...]
    services: tuple[Sheet, ...]


class Pending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Companies and offers that are not on sale yet."""

    applicants: tuple[DemoApplicant, ...]
    offers: tuple[Sheet, ...]


DemoContent = TypeVar("DemoContent")


def read_toml(path: Path, kind: type[DemoContent]) -> DemoContent:
    """Return the file as `kind`. Raises ContentError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), kind)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ContentError(f"{path.name}: {error}") from error


@cache
def scenarios() -> tuple[DemoScenario, ...]:
    """Return the content of all scenarios. Raises ContentError."""
    return tuple(read_toml(_FOLDER / f"{name}.toml", DemoScenario) for name in SCENARIO_FILES)


@cache
def dealers() -> Dealers:
    """Return the car maker and its dealers. Raises ContentError."""
    return read_toml(_FOLDER / "dealers.toml", Dealers)


@cache
def pending() -> Pending:
    """Return the companies and offers that are not on sale yet. Raises ContentError."""
    return read_toml(_FOLDER / "pending.toml", Pending)
