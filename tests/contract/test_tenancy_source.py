"""Each operation of a partner says from whose things it starts: read off the source, since no request can show a missing one."""

import ast
import inspect
import textwrap
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from marketplace.app import create_app
from marketplace.settings import Settings
from partners.oauth.access.callers import PartnerCaller

WITHOUT = {
    "list_event_types": "what there is, for everybody",
    "rotate_own_secret": "starts from the client that asks, which is narrower",
    "get_sandbox": "the whole database is the partner's (decision 0017)",
    "move_sandbox_clock": "likewise",
}
"""Operations that do not start from the partner, and why."""


def handlers() -> dict[str, Any]:
    """Return the functions behind the operations that a partner's token may call."""
    app = create_app(Settings(mode="test", secret_key="x" * 32), "")
    found = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            hints = handler.parsed_fn_signature.parameters
            if any(each.annotation is PartnerCaller for each in hints.values()):
                found[str(handler.operation_id)] = inspect.unwrap(handler.fn)
    return found


def own_calls(function: Any) -> list[tuple[str, Any]]:
    """Return the callees that are given `partner.partner_id`: as they are called, and where the id goes."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            places = [*enumerate(node.args), *((each.arg, each.value) for each in node.keywords)]
            found += [
                (ast.unparse(node.func), place) for place, value in places if ast.unparse(value) == "partner.partner_id"
            ]
    return found


HANDLERS = handlers()


def test_there_are_operations_to_look_at() -> None:
    assert len(HANDLERS) > 50
    assert set(WITHOUT) <= set(HANDLERS)


@pytest.mark.parametrize("name", sorted(HANDLERS))
def test_it_starts_from_its_partner(name: str) -> None:
    calls = own_calls(HANDLERS[name])
    assert bool(calls) != (name in WITHOUT), f"{name}: nothing that it calls is told whose things are meant"
    for callee, place in calls:
        assert is_needed(HANDLERS[name], callee, place), f"{name}: {callee} takes no partner for any partner"


def is_needed(function: Any, callee: str, place: int | str) -> bool:
    """Return whether the callee's parameter cannot be left out or be None, which would mean everybody's."""
    target: Any = inspect.getclosurevars(function).nonlocals.get(callee.partition(".")[0]) or function.__globals__
    if isinstance(target, dict):
        target = target.get(callee.partition(".")[0])
    for part in callee.split(".")[1:]:
        target = getattr(target, part, None)
    if target is None:  # a method of something made in the handler: its type is mypy's to know
        return True
    signature = inspect.signature(target)
    parameters = list(signature.parameters.values())
    parameter = parameters[place] if isinstance(place, int) else signature.parameters[place]
    source = target.__init__ if inspect.isclass(target) and not hasattr(target, "__struct_fields__") else target
    kind = get_type_hints(source).get(parameter.name)
    optional = get_origin(kind) in {Union, UnionType} and type(None) in get_args(kind)
    return parameter.default is inspect.Parameter.empty and not optional


def test_a_look_up_that_knows_no_partner_would_be_seen() -> None:
    """The broken variants: a handler that names no partner, and a callee for which no partner means anybody's."""

    async def anybodys(thing: int, partner_id: int | None = None) -> None: ...

    async def forgets(partner: PartnerCaller) -> None:
        await anybodys(1)

    async def passes(partner: PartnerCaller) -> None:
        await anybodys(1, partner.partner_id)  # type: ignore[arg-type]

    assert own_calls(forgets) == []
    assert own_calls(passes) == [("anybodys", 1)]
    assert not is_needed(passes, "anybodys", 1)
