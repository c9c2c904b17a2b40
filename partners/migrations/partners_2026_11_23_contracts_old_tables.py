from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-23T04:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "the columns that the content replaces"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    manager.drop_column(
        table_class_name="Contract",
        tablename="contract",
        column_name="settlement_basis",
        db_column_name="settlement_basis",
        schema=None,
    )

    manager.drop_column(
        table_class_name="Contract",
        tablename="contract",
        column_name="settlement_price_minor",
        db_column_name="settlement_price_minor",
        schema=None,
    )

    manager.drop_column(
        table_class_name="Contract",
        tablename="contract",
        column_name="max_settlement_price_minor",
        db_column_name="max_settlement_price_minor",
        schema=None,
    )

    manager.drop_column(
        table_class_name="Contract",
        tablename="contract",
        column_name="commission_ppm",
        db_column_name="commission_ppm",
        schema=None,
    )

    manager.drop_column(
        table_class_name="Contract",
        tablename="contract",
        column_name="tax_rate_ppm",
        db_column_name="tax_rate_ppm",
        schema=None,
    )

    manager.drop_column(
        table_class_name="Contract",
        tablename="contract",
        column_name="payment_terms_days",
        db_column_name="payment_terms_days",
        schema=None,
    )

    manager.drop_column(
        table_class_name="Contract",
        tablename="contract",
        column_name="signed_by",
        db_column_name="signed_by",
        schema=None,
    )

    return manager
