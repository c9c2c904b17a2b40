"""The package's tables and migrations, as Piccolo finds them."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, table_finder

APP_CONFIG = AppConfig(
    app_name="partners",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=table_finder(
        [
            "partners.registry.tables",
            "partners.locations.tables",
            "partners.onboarding.tables",
            "partners.contracts.tables",
            "partners.oauth.tables",
            "partners.staff.tables",
            "partners.webhooks.tables",
        ]
    ),
)
