"""Services of an application: found by class, whatever asks, and as they were provided."""

from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import pytest
from litestar import Litestar
from litestar.connection import ASGIConnection

from marketplace.platform.services import Services


@dataclass(frozen=True, kw_only=True, slots=True)
class Lounge(Services):
    seats: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Parking(Services):
    seats: int


def test_each_class_has_its_own_in_each_application() -> None:
    first, second = Litestar(logging_config=None), Litestar(logging_config=None)
    Lounge(seats=4).provide(first)
    Parking(seats=5).provide(first)
    Lounge(seats=6).provide(second)
    request: ASGIConnection[Any, Any, Any, Any] = ASGIConnection({"type": "http", "litestar_app": first, "state": {}})
    assert (Lounge.of(request).seats, Parking.of(request).seats, Lounge.of(second).seats) == (4, 5, 6)
    with pytest.raises(KeyError):
        Parking.of(second)


def test_they_are_replaced_and_never_changed() -> None:
    app = Litestar(logging_config=None)
    provided = Lounge(seats=4)
    provided.provide(app)
    replace(provided, seats=5).provide(app)
    assert (Lounge.of(app).seats, provided.seats) == (5, 4)
    with pytest.raises(FrozenInstanceError):
        provided.seats = 6  # type: ignore[misc]
