"""Database names of an installation: each sandbox has its own database, beside the live one."""

import re
from uuid import UUID

_MOST_OF_NAME = 26
"""PostgreSQL's names have at most 63 characters."""


def database_name(live: str, partner_id: UUID) -> str:
    """Return the database name of a partner's sandbox, derived from the live one's."""
    return f"{live[:_MOST_OF_NAME]}_sbx_{partner_id.hex}"


def database_pattern(live: str) -> str:
    """Return the regular expression that the names of all its sandboxes' databases match."""
    return f"^{re.escape(live[:_MOST_OF_NAME])}_sbx_[0-9a-f]{{32}}$"
