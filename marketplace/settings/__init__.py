"""From the environment to one frozen Struct, with a frozen Struct of each package that has settings of its own."""

from marketplace.settings.fields import PackageSettings, SettingsError
from marketplace.settings.loading import load, load_process, package_names
from marketplace.settings.structure import VARIABLES, Settings

__all__ = ["VARIABLES", "PackageSettings", "Settings", "SettingsError", "load", "load_process", "package_names"]
