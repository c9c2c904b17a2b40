"""The table of all environment variables in docs/operating.md."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from marketplace.settings.fields import Setting, settings_of
from marketplace.settings.loading import package_settings
from marketplace.settings.structure import Settings

BEGIN, END = "<!-- settings: begin (marketplace settings) -->", "<!-- settings: end -->"
"""The lines of a file around the table."""


def markdown(names: Sequence[str]) -> str:
    """Return the variables of the platform and of these packages as Markdown, one table each. Raises SettingsError."""
    parts: list[tuple[str, type[msgspec.Struct]]] = [
        ("The frame", Settings),
        *((f"`{kind.__module__}`", kind) for kind in package_settings(names)),
    ]
    return "\n".join(_table(title, kind) for title, kind in parts)


def written_into(text: str, table: str) -> str:
    """Return the text with the table between its marks. Raises ValueError if they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there are no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def _table(title: str, struct: type[msgspec.Struct]) -> str:
    rows = "".join(_row(one) for one in settings_of(struct))
    return f"### {title}\n\n| variable | default | meaning |\n|---|---|---|\n{rows}"


def _row(one: Setting) -> str:
    meaning = one.meaning
    if one.bounds:
        low, high = one.bounds
        meaning += f"; {low:,} to {high:,}"
    if one.choices:
        meaning += f"; one of {', '.join(f'`{choice}`' for choice in one.choices)}"
    return f"| `{one.variable}` | {_default(one.default)} | {meaning} |\n"


def _default(value: object) -> str:
    if isinstance(value, tuple):
        value = ",".join(value)
    return "–" if value in ("", timedelta()) else f"`{value}`"
