"""Sizes to hold: files of about 400 lines, functions of 70, controller methods of 15; and calls that are not made.

`python -m tests.support.check_sizes`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support import times

MOST_FILE, MOST_FUNCTION, MOST_CONTROLLER = 400, 70, 15
SERVICES = Path("marketplace/platform/services.py")
PACKAGES = ("marketplace", "partners", "benefits", "settlement")

_ROW_OBJECTS = {"objects", "get_or_create"}
"""What Piccolo makes objects of rows with: saving one writes every column, by one column of its key."""


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function's body: its signature, with a parameter a line, and its docstring do not count."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or node.lineno) - body[0].lineno + 1 if body else 0


def is_controller(node: ast.ClassDef) -> bool:
    """Return whether the class is a Litestar controller, by its base's name."""
    return any(isinstance(base, ast.Name) and base.id == "Controller" for base in node.bases)


def complaints(path: Path, text: str) -> Iterator[str]:
    """Yield a line for whatever is too long, and for each `asyncio.timeout` (pauses.py tells why) and `app.state`."""
    count = text.count("\n")
    if count > MOST_FILE:
        yield f"{path}: {count} lines; {MOST_FILE} are the most: it is two modules"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and is_controller(node):
            for method in node.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of(method) > MOST_CONTROLLER:
                    at = f"{path}:{method.lineno}: {method.name}"
                    yield f"{at} has {lines_of(method)} lines; a controller method has {MOST_CONTROLLER}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ROW_OBJECTS:
            yield f"{path}:{node.lineno}: {node.func.attr}() makes objects that know one column as their key; take select()"
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "asyncio.timeout":
            yield f"{path}:{node.lineno}: asyncio.timeout; take platform.pauses.pause, or asyncio.wait_for"
        if isinstance(node, ast.Attribute) and ast.unparse(node).endswith("app.state") and path != SERVICES:
            yield f"{path}:{node.lineno}: app.state has no types; put it into the package's Services ({SERVICES})"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of(node) > MOST_FUNCTION:
            yield f"{path}:{node.lineno}: {node.name} has {lines_of(node)} lines; {MOST_FUNCTION} are the most"


def main() -> int:
    """Print every complaint and return how many there are."""
    found = []
    for package in (*PACKAGES, "tests"):
        for path in sorted(Path(package).rglob("*.py")):
            if "node_modules" in path.parts:
                continue
            text = path.read_text()
            found += list(times.complaints(path, text))
            if package != "tests":
                found += list(complaints(path, text))
        for path in sorted(Path(package).rglob("*.sql")):
            count = path.read_text().count("\n")
            if count > MOST_FILE:
                found.append(f"{path}: {count} lines; {MOST_FILE} are the most: split the schema by family")
    sys.stdout.write("".join(f"{line}\n" for line in found) or "sizes hold, and only Clock tells the time\n")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
