"""Columns and constraints of our tables that Piccolo cannot express.

A table whose key has several columns says `primary_key=True` on each of them, in the order of the key. Piccolo itself treats the
last one as the key, so what it does by a row's key alone (`save`, `remove`, `refresh` of an object) is not used anywhere
(docs/decisions/0031-schema-files.md).
"""

from collections.abc import Sequence
from typing import Any

from piccolo.columns import BigInt, Boolean, Column, Text
from piccolo.constraints import Constraint
from piccolo.querystring import QueryString


class _MadeByDatabase(Column):
    """A column whose value the database generates: an INSERT of a row says DEFAULT."""

    def get_default_value(self) -> Any:
        """Return the value in an INSERT."""
        return QueryString("DEFAULT")


class IdentityNumber(_MadeByDatabase, BigInt):
    """An identity column; an INSERT cannot set it."""

    @property
    def ddl(self) -> str:
        """The column's definition."""
        return f'"{self._meta.db_column_name}" bigint NOT NULL GENERATED ALWAYS AS IDENTITY'


class TransactionId(_MadeByDatabase, BigInt):
    """The transaction that wrote the row, by its 64-bit id."""

    @property
    def ddl(self) -> str:
        """The column's definition."""
        return f'"{self._meta.db_column_name}" xid8 NOT NULL DEFAULT pg_current_xact_id()'


class Snapshot(Text):
    """A snapshot: which transactions were in progress. With `current=True` it defaults to the snapshot of the INSERT."""

    def __init__(self, *, current: bool = False) -> None:
        """`current` says whether an INSERT may omit it."""
        self.current = current
        super().__init__(null=False, default=None)

    @property
    def ddl(self) -> str:
        """The column's definition."""
        default = " DEFAULT pg_current_snapshot()" if self.current else ""
        return f'"{self._meta.db_column_name}" pg_snapshot NOT NULL{default}'


class ByteText(Text):
    """A text that sorts by its bytes, whatever the database's collation."""

    @property
    def column_type(self) -> str:
        """The type, with its collation."""
        return 'text COLLATE "C"'


class _Generated(_MadeByDatabase):
    expression: str
    generated_type: str

    @property
    def ddl(self) -> str:
        """The column's definition."""
        return f'"{self._meta.db_column_name}" {self.generated_type} GENERATED ALWAYS AS ({self.expression}) STORED'


class GeneratedText(_Generated, Text):
    """A text that the database generates from other columns of the row."""

    generated_type = "text"

    def __init__(self, expression: str) -> None:
        """Take the SQL expression."""
        self.expression = expression
        super().__init__(null=True, default=None)


class GeneratedBoolean(_Generated, Boolean):
    """A boolean that the database generates from other columns of the row."""

    generated_type = "boolean"

    def __init__(self, expression: str) -> None:
        """Take the SQL expression."""
        self.expression = expression
        super().__init__(null=True, default=None)


class References(Constraint):
    """A foreign key of one column or several. `table` is the name of the table, in this package or one below."""

    def __init__(self, columns: Sequence[Column], table: str, to: Sequence[str], *, cascade: bool = False) -> None:
        """Take the columns here, the table and its columns; `cascade` deletes these rows with the one they refer to."""
        self.columns = columns
        self.table = table
        self.to = to
        self.cascade = cascade
        super().__init__(columns=columns, table=table, to=to, cascade=cascade)

    def column_names(self) -> list[str]:
        """Return the names of the columns here."""
        return [column._meta.db_column_name for column in self.columns]  # noqa: SLF001 - Piccolo keeps a column's name there

    @property
    def ddl(self) -> str:
        """The constraint's definition."""
        here, there = ", ".join(self.column_names()), ", ".join(self.to)
        return f"FOREIGN KEY ({here}) REFERENCES {self.table} ({there})" + (
            " ON DELETE CASCADE" if self.cascade else ""
        )

    def serialise_self(self) -> None:
        """Do nothing: Piccolo needs this for generated migrations, and there are none."""

    def _table_str(self) -> str:
        raise NotImplementedError
