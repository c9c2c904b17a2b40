"""The package's tables and migrations, as Piccolo finds them."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, table_finder

APP_CONFIG = AppConfig(
    app_name="benefits",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=table_finder(
        [
            "benefits.members.tables",
            "benefits.points.tables",
            "benefits.offers.tables",
            "benefits.redemptions.tables",
            "benefits.holds.tables",
        ]
    ),
)
