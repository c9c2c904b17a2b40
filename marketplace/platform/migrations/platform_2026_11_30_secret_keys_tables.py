from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import Bytea, Text, Timestamptz
from piccolo.columns.indexes import IndexMethod

ID = "2026-11-30T22:30:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "fingerprints of the secret keys, and keys that outlive them"


def _params(primary_key):
    return {
        "default": None,
        "null": False,
        "primary_key": primary_key,
        "unique": False,
        "index": False,
        "index_method": IndexMethod.btree,
        "choices": None,
        "db_column_name": None,
        "secret": False,
    }


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    tables = {
        ("SecretKeyMark", "secret_key_mark"): [
            ("fingerprint", Bytea, True),
            ("since", Timestamptz, False),
        ],
        ("LastingKey", "lasting_key"): [
            ("name", Text, True),
            ("key_sealed", Bytea, False),
        ],
    }
    for (class_name, tablename), columns in tables.items():
        manager.add_table(class_name=class_name, tablename=tablename, schema=None, columns=None)
        for name, column_class, primary_key in columns:
            manager.add_column(
                table_class_name=class_name,
                tablename=tablename,
                column_name=name,
                db_column_name=name,
                column_class_name=column_class.__name__,
                column_class=column_class,
                params=_params(primary_key),
                schema=None,
            )
    return manager
