"""Words that are not used: private language, and names with a better one in the field.

docs/glossary.md gives the product's own nouns. Each word that is refused stands with what to write instead.
Run by `python -m tests.support.check_words`.
"""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

WORDS = {
    r"errands?": "command",
    r"deeds?": "action, command, or what it is: redemption, use, grant",
    r"whoever(?:'s)?": "the one who; anyone who; or name the person",
    r"anew": "again",
    r"told of": "notified of; named",
    r"sweeps?|swept": "expire; clean up",
    r"glance": "peek",
    r"goes on": "continues",
    r"desk_full": "overloaded",
    r"database_away": "service_unavailable",
    r"take[_ -]up": "review",
    r"wish(?:es)?": "request",
    r"half made": "partly provisioned",
    r"of one's own": "its own; your own",
    r"state of things": "current state",
}
"""A word or phrase, as a regular expression between word boundaries -> what to write."""

DEFINITIONS = {
    "tell", "told", "_tell", "_told", "some", "look", "_look", "go", "why", "deed", "need", "_said", "_wrong", "_wire",
}  # fmt: skip
"""Names that say nothing about what a function does or a variable holds."""
PREFIXES = ("see_", "need_")

PACKAGES = ("marketplace", "partners", "benefits", "settlement")
TEXTS = (".py", ".md", ".html", ".sql", ".toml", ".js", ".css")
ALLOWED = {"tests/support/check_words.py", "tests/unit/support/test_check_words.py", "CHANGELOG.md"}
_PATTERN = re.compile(r"(?<![\w/])(?:" + "|".join(f"({word})" for word in WORDS) + r")(?!\w)", re.IGNORECASE)


def wrong_words(path: str, text: str) -> Iterator[str]:
    """Give a line for each word of WORDS in the text."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in _PATTERN.finditer(line):
            instead = list(WORDS.values())[(found.lastindex or 1) - 1]
            yield f"{path}:{number}: {found[0]!r}: write {instead}"


def wrong_names(path: str, text: str) -> Iterator[str]:
    """Give a line for each function, class or variable of a Python file whose name says nothing."""
    for node in ast.walk(ast.parse(text)):
        name, line = "", getattr(node, "lineno", 0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        if name in DEFINITIONS or (
            name.startswith(PREFIXES) and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ):
            yield f"{path}:{line}: the name {name!r} says nothing: get, require, redirect, check, publish, recorded …"


def classes_twice(files: dict[str, str]) -> Iterator[str]:
    """Give a line for each public class or alias of types that two modules of the product define."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, text in files.items():
        for node in ast.parse(text).body:
            name = ""
            if isinstance(node, ast.ClassDef):
                name = node.name
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
            # A type variable belongs to its module: CommandT, ValueT.
            if name[:1].isupper() and not name.isupper() and "_" not in name and not name.endswith("T"):
                places[name].append(path)
    for name, paths in places.items():
        if len(paths) > 1:
            yield f"{name} stands twice: {', '.join(paths)}"


def tracked() -> list[str]:
    """Return the files under version control that hold texts of ours."""
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [path for path in listed if path.endswith(TEXTS) and "/static/vendor/" not in path]
    return [path for path in ours if path not in ALLOWED and not path.startswith("tests/node/")]


def main() -> int:
    """Print every complaint and return how many there are."""
    files = {path: Path(path).read_text() for path in tracked()}
    python = {path: text for path, text in files.items() if path.endswith(".py")}
    found = [line for path, text in files.items() for line in wrong_words(path, text)]
    found += [line for path, text in python.items() for line in wrong_names(path, text)]
    found += classes_twice({path: text for path, text in python.items() if path.startswith(PACKAGES)})
    sys.stdout.write("".join(f"{line}\n" for line in found) or "the words are the field's, and no class stands twice\n")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
