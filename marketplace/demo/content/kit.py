"""How content is written down: short, with what the world needs to make real partners and offers of it."""

from typing import Literal

import msgspec

from marketplace.demo.world_things import Tier

Both = tuple[str, str]
"""A text in Chinese and in English."""


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """A partner. `rules` close the terms of all its offers; `places` are (id, name, city, address)."""

    key: str
    name: Both
    legal: str
    kind: str
    scenarios: tuple[str, ...]
    about: str
    contact: str
    rules: Both
    places: tuple[tuple[str, Both, str, str], ...]
    basis: Literal["on_use", "on_issue"] = "on_use"
    tax: int = 60_000
    commission: int = 0
    days: int = 30


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """An offer; `value` is what it costs in a shop and `pays` what the car maker pays for it, both in whole yuan.

    `opens` is the day from today on which its sale begins (negative: that long ago), `closes` the day on which it ends.
    """

    brand: str
    sku: str
    scenario: str
    art: str
    title: Both
    text: Both
    terms: Both
    points: int
    value: int
    pays: int
    days: int = 60
    each: int | None = 5
    tiers: tuple[Tier, ...] = ()
    stock: int | None = None
    opens: int = -400
    closes: int | None = None
    state: Literal["live", "draft", "in_review", "rejected", "paused"] = "live"
    likes: float = 1.0


SILVER_UP: tuple[Tier, ...] = ("silver", "gold", "platinum")
GOLD_UP: tuple[Tier, ...] = ("gold", "platinum")
