"""Names of an installation's databases: each sandbox has one of its own, beside the live one."""

import re
from uuid import UUID

_MOST_OF_NAME = 26
"""PostgreSQL's names have 63 letters at the most."""


def database_name(live: str, partner_id: UUID) -> str:
    """Return the name of the database of a partner's sandbox, next to the live one of that name."""
    return f"{live[:_MOST_OF_NAME]}_sbx_{partner_id.hex}"


def database_pattern(live: str) -> str:
    """Return the regular expression that the names of all its sandboxes' databases match."""
    return f"^{re.escape(live[:_MOST_OF_NAME])}_sbx_[0-9a-f]{{32}}$"
