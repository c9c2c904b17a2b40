"""A setting: a field of a frozen Struct, the variable that sets it, its bounds, and its meaning."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from marketplace.kernel.errors import OperatorError

_MOST_SHIFT = timedelta(days=36_525)


class SettingsError(OperatorError):
    """A variable is missing or wrong; the message names it and says what would be right."""

    def __init__(self, variable: str, what: str) -> None:
        """Name the variable first: the operator searches for it."""
        super().__init__(f"{variable}: {what}")
        self.variable = variable


class PackageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of a package's own settings: every field has a default, and a type with bounds and a `description`."""

    def check(self) -> None:
        """Raise SettingsError for a value that its type does not refuse."""


class Setting(msgspec.Struct, frozen=True):
    """One setting, as its Struct describes it."""

    field: str
    variable: str
    kind: inspect.Type
    default: Any
    meaning: str

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The minimum and the maximum of a number."""
        if isinstance(self.kind, inspect.IntType) and self.kind.ge is not None and self.kind.le is not None:
            return self.kind.ge, self.kind.le
        return None

    @property
    def choices(self) -> tuple[str, ...]:
        """The permitted values; empty if any value is."""
        return tuple(str(value) for value in self.kind.values) if isinstance(self.kind, inspect.LiteralType) else ()

    def parse(self, text: str) -> Any:
        """Parse the text. Raises SettingsError."""
        if self.bounds:
            low, high = self.bounds
            if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
                raise SettingsError(self.variable, f"must be a whole number from {low} to {high}, not {text!r}")
            return int(text)
        match self.kind:
            case inspect.VarTupleType():
                # With line breaks, one value per line: a secret key may contain a comma.
                return tuple(part.strip() for part in text.split("\n" if "\n" in text else ",") if part.strip())
            case inspect.TimeDeltaType():
                return self._shift(text)
            case inspect.CustomType(cls) if cls is Path:
                return Path(text).expanduser()
        return text

    def check(self, value: Any) -> None:
        """Raise SettingsError unless the value is a permitted one, if the values are limited."""
        if self.choices and value not in self.choices:
            raise SettingsError(self.variable, f"must be one of {', '.join(self.choices)}, not {value!r}")

    def _shift(self, text: str) -> timedelta:
        try:
            by = msgspec.convert(text, timedelta)
        except msgspec.ValidationError as error:
            raise SettingsError(
                self.variable, f"must be a duration by ISO 8601 such as P30DT6H or -PT90M, not {text!r}"
            ) from error
        if abs(by) > _MOST_SHIFT:
            raise SettingsError(self.variable, f"must be {_MOST_SHIFT.days} days at most, not {text!r}")
        return by


def variable_of(field: str) -> str:
    """Return the variable that sets a field. DATABASE_URL has the name that every database host uses."""
    return "DATABASE_URL" if field == "database_url" else f"MARKETPLACE_{field.upper()}"


def settings_of(struct: type[msgspec.Struct]) -> Iterator[Setting]:
    """Yield the settings of a Struct, in its order; a field without a description is not a setting."""
    described = inspect.type_info(struct)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{struct} is no Struct")
    for field in described.fields:
        if isinstance(field.type, inspect.Metadata):
            meaning = str((field.type.extra_json_schema or {}).get("description", ""))
            yield Setting(field.name, variable_of(field.name), field.type.type, field.default, meaning)


def values_of(struct: type[msgspec.Struct], variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that the variables give to the Struct's fields. Raises SettingsError."""
    return {one.field: one.parse(variables[one.variable]) for one in settings_of(struct) if variables.get(one.variable)}


def check_choices(settings: msgspec.Struct) -> None:
    """Raise SettingsError for a field whose value is not permitted."""
    for one in settings_of(type(settings)):
        one.check(getattr(settings, one.field))
