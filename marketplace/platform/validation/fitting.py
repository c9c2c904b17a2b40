"""Values from outside, converted to a type: decoded strictly, with every text and day checked by the rules of its kind.

Bodies, forms, rows of files, registrations and arguments of commands all come through here. A valid value is walked once, by a
plan that is built from its type at first use; for an invalid one, `misfits.py` reports every fault.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from marketplace.kernel.calendar import is_taken
from marketplace.kernel.refusals import InvalidField, InvalidFields
from marketplace.kernel.text import TextKind, refusal, settled
from marketplace.platform.validation.misfits import Misfits, unwrapped

ValueT = TypeVar("ValueT")

Plan = Callable[[Any], Any]
"""Returns the value in its stored form; raises _Unfit."""


class _Unfit(Exception):  # noqa: N818 - leaves the walk, not an error
    """A text is not of its kind."""


class Fitting:
    """Converts values to one type."""

    def __init__(self, kind: Any) -> None:
        """Inspect the type."""
        self._kind = kind
        self._told = inspect.type_info(kind)
        self._plan = _plan_of(self._told, {})

    def decoded(self, value: Any, raw: Callable[[], Any]) -> Any:
        """Return a decoded value in its stored form. Raises InvalidFields; `raw` gives the plain values, to report the faults."""
        if self._plan is None:
            return value
        try:
            return self._plan(value)
        except _Unfit as error:
            raise self.faults(raw()) from error

    def fit(self, raw: Any, *, strict: bool = True) -> Any:
        """Return plain values as the type. Raises InvalidFields. If not `strict`, texts may stand for numbers, as in a query."""
        try:
            value = msgspec.convert(raw, self._kind, strict=strict)
        except (msgspec.ValidationError, InvalidField) as error:
            raise self.faults(raw, error, strict=strict) from error
        return self.decoded(value, lambda: raw)

    def faults(self, raw: Any, error: Exception | None = None, *, strict: bool = True) -> InvalidFields:
        """Return all faults of plain values; `error` is the decoder's."""
        return InvalidFields(Misfits(strict=strict).of(self._told, raw, error))


_fittings: dict[int, tuple[Any, Fitting]] = {}


def fitting(kind: Any) -> Fitting:
    """Return the fitting of a type, built at its first use. (Cached by identity: not every annotation is hashable.)"""
    found = _fittings.get(id(kind))
    if found is None or found[0] is not kind:
        found = _fittings[id(kind)] = (kind, Fitting(kind))
    return found[1]


def fit(raw: Any, kind: type[ValueT], *, strict: bool = True) -> ValueT:
    """Return plain values as the type, with its texts in their stored form. Raises InvalidFields with all faults."""
    value: ValueT = fitting(kind).fit(raw, strict=strict)
    return value


def _plan_of(info: inspect.Type, known: dict[type, Plan | None]) -> Plan | None:
    """Return the plan that walks a value of the type, or None if nothing in it needs a check."""
    plain, extra = unwrapped(info)
    plan: Plan | None = None
    if isinstance(plain, inspect.StrType):
        plan = _text_plan(extra.get("text", "line"))
    elif isinstance(plain, inspect.DateTimeType | inspect.DateType):
        plan = None if extra.get("moment") == "any" else _moment_plan
    elif isinstance(plain, inspect.AnyType):
        plan = _any_plan
    elif isinstance(plain, inspect.StructType):
        plan = _struct_plan(plain, known)
    elif isinstance(plain, inspect.UnionType):
        plan = _union_plan(plain, known)
    elif isinstance(plain, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        plan = _items_plan(_plan_of(plain.item_type, known))
    elif isinstance(plain, inspect.DictType):
        plan = _dict_plan(_plan_of(plain.key_type, known), _plan_of(plain.value_type, known))
    return plan


def _text_plan(kind: TextKind) -> Plan:
    def check(text: str) -> str:
        kept = settled(text, kind)
        if refusal(kept, kind) is not None:
            raise _Unfit
        return kept

    return check


def _moment_plan(moment: date) -> date:
    if not is_taken(moment):
        raise _Unfit
    return moment


def _any_plan(value: Any) -> Any:
    if isinstance(value, str) and refusal(value, "raw") is not None:
        raise _Unfit
    if isinstance(value, dict):
        return {_any_plan(name): _any_plan(part) for name, part in value.items()}
    return [_any_plan(part) for part in value] if isinstance(value, list) else value


def _struct_plan(info: inspect.StructType, known: dict[type, Plan | None]) -> Plan | None:
    if info.cls in known:
        return known[info.cls]
    known[info.cls] = None  # a recursive type: ours are none
    parts = [(field.name, plan) for field in info.fields if (plan := _plan_of(field.type, known)) is not None]

    def check(value: Any) -> Any:
        for name, plan in parts:
            part = getattr(value, name)
            kept = plan(part)
            if kept is not part:
                msgspec.structs.force_setattr(value, name, kept)  # just decoded: nobody else has it yet
        return value

    known[info.cls] = check if parts else None
    return known[info.cls]


def _union_plan(info: inspect.UnionType, known: dict[type, Plan | None]) -> Plan | None:
    text: Plan | None = None
    others: dict[type, Plan] = {}
    moments = {inspect.DateTimeType: datetime, inspect.DateType: date}
    for member in info.types:
        plan, plain = _plan_of(member, known), unwrapped(member)[0]
        if isinstance(plain, inspect.StructType) and plan is not None:
            others[plain.cls] = plan
        elif plan is not None and isinstance(plain, inspect.StrType):
            text = plan
        elif plan is not None and type(plain) in moments:
            others[moments[type(plain)]] = plan
        elif plan is not None:
            others[dict if isinstance(plain, inspect.DictType) else list] = plan
    if text is None and not others:
        return None

    def check(value: Any) -> Any:
        plan = text if isinstance(value, str) else others.get(type(value))
        return value if plan is None else plan(value)

    return check


def _items_plan(item: Plan | None) -> Plan | None:
    if item is None:
        return None

    def check(values: Any) -> Any:
        kept = [item(value) for value in values]
        same = all(new is old for new, old in zip(kept, values, strict=True))
        return values if same else type(values)(kept)

    return check


def _dict_plan(key: Plan | None, part: Plan | None) -> Plan | None:
    if key is None and part is None:
        return None

    def check(values: dict[Any, Any]) -> dict[Any, Any]:
        return {
            (name if key is None else key(name)): (value if part is None else part(value))
            for name, value in values.items()
        }

    return check
