"""The frame of all pages: templates, static files, sign-in."""

from collections.abc import Sequence
from pathlib import Path

import httpx
from litestar.config.app import AppConfig
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from marketplace.platform.package import Package
from marketplace.settings import Settings

HERE = Path(__file__).parent


def install(config: AppConfig, settings: Settings, packages: Sequence[Package], client: httpx.AsyncClient) -> None:
    """Add templates and static files of the frame and of each package to the application."""
    folders = [HERE / "templates", *(folder for package in packages if (folder := package.templates()))]
    config.template_config = TemplateConfig(directory=folders, engine=JinjaTemplateEngine)
    statics = {"web": HERE / "static"} | {package.name: folder for package in packages if (folder := package.static())}
    for name, folder in statics.items():
        config.route_handlers.append(
            create_static_files_router(path=f"/static/{name}", directories=[folder], include_in_schema=False, name=f"static-{name}")
        )
