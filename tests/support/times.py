"""Only `Clock` tells the time: what asks the database for it, in the text of a statement.

Python's own calls are banned by ruff (`banned-api` in pyproject.toml).
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_WORDS = re.compile(
    r"\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)"
    r"|\bage\s*\((?:[^(),]|\([^()]*\))+\)|\b(?:current_date|current_time|current_timestamp|localtime|localtimestamp)\b"
    r"|'(?:now|today|tomorrow|yesterday)'",
    re.IGNORECASE,
)

ALLOWED = {
    "marketplace/platform/postgres/database_time.py": "the two statements that ask for the database's time",
    "tests/support/times.py": "the words themselves",
    "tests/unit/support/test_times.py": "the words themselves",
    "marketplace/platform/http/rate_limits.py": "counted minutes, never shown: one clock for all workers, in the one statement",
}
"""Where the database's clock may be named, and why."""


def complaints(path: Path, text: str) -> Iterator[str]:
    """Give a line for each text in the file, docstrings and migrations excepted, that asks the database for the time."""
    if path.as_posix() in ALLOWED or "migrations" in path.parts:
        return
    tree = ast.parse(text)
    spoken = {id(statement.value) for statement in ast.walk(tree) if isinstance(statement, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in spoken:
            for found in _WORDS.finditer(
                "" if node.value.isidentifier() else node.value
            ):  # one word alone is no statement
                yield f"{path}:{node.lineno}: {found[0]}; only Clock tells the time: give the statement a parameter"
