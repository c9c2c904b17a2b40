"""Piccolo's configuration: the engine and the apps, the platform's and each configured package's."""

import os

from piccolo.conf.apps import AppRegistry

from marketplace.platform.postgres.database import DB
from marketplace.settings import VARIABLES, SettingsError, package_names

__all__ = ["APP_REGISTRY", "DB"]

try:
    APP_REGISTRY = AppRegistry(
        apps=["marketplace.platform.piccolo_app"]
        + [f"{dotted.partition('.')[0]}.piccolo_app" for dotted in package_names(os.environ)]
    )
except ModuleNotFoundError as error:
    raise SettingsError(VARIABLES["packages"], f"cannot be loaded: {error}") from error
