"""The privileges of the serving role on each table, and no others.

A privilege is written as in PostgreSQL's GRANT, such as `SELECT, INSERT, UPDATE (status, paid_at)`. A table that is not listed
may not even be read: a new table is listed here, or in its package, with what serving needs. A column that is not listed never
changes once it is written. Locking a row (`FOR UPDATE`, `FOR SHARE`) takes the privilege to update one of its columns.
"""

from collections.abc import Iterable, Mapping

import asyncpg

READ = "SELECT"
ADD = "SELECT, INSERT"
"""Append only."""
EXPIRING = "SELECT, INSERT, DELETE"
"""Written once, and deleted when expired."""
EDIT = "SELECT, INSERT, UPDATE"
"""People change it, and its history is stored elsewhere; it is never deleted."""
ALL = "SELECT, INSERT, UPDATE, DELETE"
"""No history is needed."""

PLATFORM: Mapping[str, str] = {
    "audit_entry": ADD,
    "audit_head": f"{READ}, UPDATE (hash)",
    "consumer_position": EDIT,
    "event": ADD,
    "event_tick": EXPIRING,
    "event_ticker": f"{READ}, UPDATE (only_row)",
    "form_answer": ALL,
    "idempotency": f"{EXPIRING}, UPDATE (status, body)",
    "invariant_slice": ALL,
    "invariant_watch": f"{READ}, UPDATE (noticed_at, snapshot)",
    "lasting_key": READ,
    "migration": READ,
    "outgoing_mail": ALL,
    "pgqueuer": ALL,
    "pgqueuer_log": ALL,
    "pgqueuer_schedules": ALL,
    "pgqueuer_statistics": ALL,
    "rate_window": ALL,
    "sandbox_state": f"{ADD}, UPDATE (ahead)",
    "secret_key_mark": READ,
    "web_session": f"{EXPIRING}, UPDATE (expires_at)",
}

_KINDS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_NEVER = ("TRUNCATE", "REFERENCES", "TRIGGER")


def split(right: str) -> dict[str, frozenset[str]]:
    """Return the kinds of a privilege and the columns that each is restricted to; no columns: the whole table."""
    found: dict[str, frozenset[str]] = {}
    for part in right.replace(")", "").split(", "):
        kind, _, column = part.partition(" (")
        if kind in _KINDS:
            last = kind
            found[kind] = frozenset({column} if column else ())
        else:
            found[last] |= {kind}
    return found


async def grant(connection: asyncpg.Connection, role: str, rights: Mapping[str, str]) -> None:
    """Grant the role exactly these privileges on the tables, and use of the sequences behind them."""
    statements = [
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}",
        *(f'GRANT {right} ON "{table}" TO {role}' for table, right in sorted(rights.items())),
    ]
    await connection.execute(";".join(statements))


_TABLES = (
    "SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
)

_HELD = f"""
SELECT t.relname AS table_name,
    ARRAY(SELECT kind FROM unnest($2::text[]) kind WHERE has_table_privilege($1, t.oid, kind)) AS kinds,
    ARRAY(SELECT kind || ' ' || a.attname FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) kind, pg_attribute a
        WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND NOT has_table_privilege($1, t.oid, kind) AND has_column_privilege($1, t.oid, a.attnum, kind)) AS columns
FROM ({_TABLES}) t ORDER BY 1
"""


async def held(connection: asyncpg.Connection, role: str) -> dict[str, dict[str, frozenset[str]]]:
    """Return the role's privileges on each table of the database, in the form of `split`."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for row in await connection.fetch(_HELD, role, [*_KINDS, *_NEVER]):
        may = found[row["table_name"]] = {kind: frozenset() for kind in row["kinds"]}
        for text in row["columns"]:
            kind, _, column = text.partition(" ")
            may[kind] = may.get(kind, frozenset()) | {column}
    return found


def differences(held_now: Mapping[str, dict[str, frozenset[str]]], rights: Mapping[str, str]) -> Iterable[str]:
    """Return the tables on which a role has other privileges than listed."""
    return (table for table, may in held_now.items() if may != (split(rights[table]) if table in rights else {}))
