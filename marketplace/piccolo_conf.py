"""Where Piccolo looks for the engine and the apps: the platform's and each configured package's."""

import os

from piccolo.conf.apps import AppRegistry

from marketplace.platform.database import DB
from marketplace.settings import DEFAULT_PACKAGES

__all__ = ["APP_REGISTRY", "DB"]

_packages = os.environ.get("MARKETPLACE_PACKAGES") or DEFAULT_PACKAGES

APP_REGISTRY = AppRegistry(
    apps=["marketplace.platform.piccolo_app"]
    + [f"{dotted.partition('.')[0]}.piccolo_app" for dotted in _packages.split(",")]
)
