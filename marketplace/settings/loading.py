"""Loads settings from the environment. A wrong value stops the program with the variable's name and what to do."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from marketplace.kernel.clock import shift_process
from marketplace.settings.checks import check, check_packages, user_of
from marketplace.settings.fields import PackageSettings, SettingsError, settings_of, values_of
from marketplace.settings.structure import DEFAULT_PACKAGES, VARIABLES, Settings


def load(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Return the settings of the environment, with the command line's overrides.

    Raises SettingsError, naming the variable, for an unknown MARKETPLACE_ variable, a value out of bounds, or a combination that
    is not safe in production.
    """
    variables = dict(os.environ if environment is None else environment)
    names = overrides.get("packages") or package_names(variables)
    kinds = package_settings(names)
    _refuse_unknown(variables, kinds)
    values = values_of(Settings, variables) | {"packages": names}
    if "base_url" in values:
        values["base_url"] = values["base_url"].rstrip("/")
    values.update(overrides)
    if values.get("owner_url") and "database_role" not in values:
        values["database_role"] = user_of(values.get("database_url", ""))
    settings = Settings(**values, of_packages=tuple(kind(**values_of(kind, variables)) for kind in kinds))
    check(settings)
    if settings.mode == "production" and "base_url" not in values:
        raise SettingsError(
            VARIABLES["base_url"], "must be set: the address at which people and systems reach this server"
        )
    return settings


def load_process(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Return the settings as `load` does, and move the time of this process accordingly."""
    settings = load(environment, **overrides)
    shift_process(settings.clock)
    return settings


def package_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the dotted names of the packages, for commands that need no other setting. Raises SettingsError."""
    text = environment.get(VARIABLES["packages"]) or DEFAULT_PACKAGES
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    check_packages(names)
    return names


def package_settings(names: Sequence[str]) -> list[type[PackageSettings]]:
    """Return the packages' settings classes: `SETTINGS` of the `settings.py` beside `plugin.py`, if there is one.

    Found by that name, and not through the plugin, which would import every package for a command that only needs its settings.
    Raises SettingsError for a missing package, and for a variable that two packages use.
    """
    kinds = []
    owners = dict.fromkeys(VARIABLES.values(), "marketplace")
    for dotted in names:
        package = dotted.partition(":")[0].rpartition(".")[0]
        kind = _settings_of(package, dotted)
        if kind is None:
            continue
        for one in settings_of(kind):
            if one.variable in owners:
                raise SettingsError(one.variable, f"is a setting of both {owners[one.variable]} and {package}")
            owners[one.variable] = package
        kinds.append(kind)
    return kinds


def _settings_of(package: str, dotted: str) -> type[PackageSettings] | None:
    try:
        if find_spec(f"{package}.settings") is None:
            return None
    except ImportError as error:
        raise SettingsError(VARIABLES["packages"], f"{dotted!r} cannot be loaded: {error}") from error
    kind: type[PackageSettings] = import_module(f"{package}.settings").SETTINGS
    return kind


def _refuse_unknown(variables: Mapping[str, str], kinds: Sequence[type[PackageSettings]]) -> None:
    known = {*VARIABLES.values(), *(one.variable for kind in kinds for one in settings_of(kind))}
    for variable in sorted(variables):
        if variable.startswith("MARKETPLACE_") and variable not in known:
            raise SettingsError(variable, f"is not a setting; the settings are {', '.join(sorted(known))}")
