"""Draws docs/database.md from the table classes: `python -m tests.support.diagram`.

A solid line is a foreign key; a dashed line is a reference that the database does not hold, told by the column's name.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from piccolo.columns import Array
from piccolo.table import Table

from tests.support.table_classes import classes, key_of, references_of

PATH = Path("docs/database.md")

FAMILIES: dict[str, tuple[str, list[str]]] = {
    "Member-side: members and points": (
        "Keys begin with `bucket`, the last ten bits of the member's id. No foreign key leads in or out.",
        ["member", "member_subject", "wallet", "lot", "points_posting", "earning"],
    ),
    "Member-side: redemptions": (
        "Keys begin with `bucket` here, too. A voucher's code carries it.",
        ["redemption", "voucher", "limit_used", "hold"],
    ),
    "Member-side: events and outcomes": (
        "The event log lies by bucket; consumers read it in the order of commits.",
        ["event", "event_tick", "event_ticker", "consumer_position", "idempotency"],
    ),
    "Stock": (
        "Apart from the offers, since every redemption writes it.",
        ["stock", "offer_sold", "offer_code"],
    ),
    "Read everywhere: offers": ("Small, without counters.", ["offer", "offer_revision"]),
    "Read everywhere: partners": (
        "A partner from its application on.",
        ["partner", "partner_history", "partner_location", "requirement", "requirement_answer"],
    ),
    "Read everywhere: contracts": (
        "Contracts in versions, payout accounts, prepaid packs.",
        ["contract", "contract_signature", "payout_account", "point_pack", "point_pack_entry"],
    ),
    "Read everywhere: OAuth": (
        "Secrets, codes and tokens are kept as hashes.",
        [
            "oauth_client", "oauth_client_location", "oauth_secret", "oauth_grant", "oauth_code", "oauth_refresh_token",
            "oauth_pushed_request", "oauth_assertion", "oauth_dpop_proof", "oauth_revoked_token", "oauth_initial_token",
            "oauth_signing_key",
        ],
    ),
    "Read everywhere: staff": (
        "The people of partners and how they sign in.",
        [
            "partner_staff", "partner_staff_location", "partner_staff_invitation", "partner_staff_session",
            "partner_staff_guess", "partner_identity_provider",
        ],
    ),
    "Read everywhere: webhooks": (
        "Endpoints, deliveries, and the events that a partner can read.",
        [
            "webhook_endpoint", "webhook_old_keys", "webhook_delivery", "webhook_attempt", "partner_event",
            "partner_event_number", "member_reference_key",
        ],
    ),
    "Settlement": (
        "Keyed by partner. `money_posting` is append only.",
        ["money_posting", "settlement_period", "statement", "payout"],
    ),
    "Operations": (
        "Sessions, forms, limits, audit, running checks, mail and secret keys of the platform.",
        [
            "web_session", "form_answer", "rate_window", "audit_entry", "audit_head", "invariant_slice", "invariant_watch",
            "outgoing_mail", "secret_key_mark", "lasting_key", "sandbox_state",
        ],
    ),
}  # fmt: skip

_NAMED = {"staff": "partner_staff", "location": "partner_location", "client": "oauth_client", "grant": "oauth_grant"}
"""Tables that a column names by less than their whole name; `member_id` and others name theirs in full."""

_TYPES = {"BIGINT": "bigint", "DOUBLE PRECISION": "float8"}

_HEAD = """# The database

Made from the table classes by `python -m tests.support.diagram`; a test holds it to them, and another holds them to PostgreSQL
(docs/decisions/0031-schema-files.md). Every column, CHECK and index, with its reason: `schema.sql` of the platform, of benefits
and of settlement, and `partners/schema/`.

PK is a column of the key, in its order; UK is unique, alone or with others; FK has a foreign key. A dashed line is a reference
that the database does not hold: no foreign key crosses the families of ARCHITECTURE.md.
"""


def draw() -> str:
    """Return the whole page."""
    known = {table._meta.tablename: table for table in classes()}
    return _HEAD + "".join(_family(title, said, names, known) for title, (said, names) in FAMILIES.items())


def _family(title: str, said: str, names: list[str], known: dict[str, type[Table]]) -> str:
    tables = [known[name] for name in names]
    lines = [f"\n## {title}\n\n{said}\n", "```mermaid", "erDiagram"]
    for table in tables:
        lines += [f"    {table._meta.tablename} {{", *_columns(table), "    }"]
    lines += sorted({line for table in tables for line in _lines(table, names)})
    lines += ["```", "", "| table | a row is |", "|---|---|"]
    return (
        "\n".join([*lines, *(f"| `{table._meta.tablename}` | {_first_sentence(table)} |" for table in tables)]) + "\n"
    )


def _columns(table: type[Table]) -> Iterator[str]:
    key = key_of(table)
    foreign = {name for one in references_of(table) for name in one.column_names()}
    unique = {
        name for one in table._meta.constraints if hasattr(one, "get_column_names") for name in one.get_column_names()
    }
    for column in table._meta.columns:
        name = column._meta.db_column_name
        marks = [mark for mark, has in (("PK", key), ("FK", foreign), ("UK", unique)) if name in has]
        yield f"        {_type(column.ddl, isinstance(column, Array))} {name} {', '.join(marks)}".rstrip()


def _type(ddl: str, is_array: bool) -> str:
    found = re.match(r'"\w+" (DOUBLE PRECISION|\w+)', ddl)
    if found is None:
        raise ValueError(ddl)
    return _TYPES.get(found[1], found[1].lower()) + ("[]" if is_array else "")


def _lines(table: type[Table], names: list[str]) -> Iterator[str]:
    """Give the table's lines to tables of the same diagram."""
    here, held = table._meta.tablename, set()
    for one in references_of(table):
        held |= {*one.column_names()}
        if one.table in names:
            yield f'    {one.table} ||--o{{ {here} : "{", ".join(one.column_names())}"'
    for column in table._meta.columns:
        name = column._meta.db_column_name
        said = name.removesuffix("_id")
        to = _NAMED.get(said, said)
        if name.endswith("_id") and to in names and to != here and name not in held:
            yield f'    {to} ||..o{{ {here} : "{name}"'


def _first_sentence(table: type[Table]) -> str:
    said = " ".join((inspect.getdoc(table) or "").split())
    return said.split(". ")[0].rstrip(".") + "."


if __name__ == "__main__":
    PATH.write_text(draw())
