"""What the documents name must exist: paths, links, operations of the API, settings and names of the code.

`python -m tests.support.check_docs`. Names stand in backticks. Blocks of code are not read here: the journeys
run them.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import normpath

DOCUMENTS = re.compile(r"(README|CONTRIBUTING|ARCHITECTURE)\.md|docs/.*\.md")
MAP = "ARCHITECTURE.md"
PACKAGES = ("marketplace/", "partners/", "benefits/", "settlement/")
CODE = (".py", ".sql", ".html", ".js", ".toml")
NOT_READ = ("tests/node/", "tests/unit/support/test_check_docs.py", "tests/support/check_docs.py")
"""Not searched for names: code of others, and the examples of this check."""

MADE_WHEN_RUN = ("data/", "build/", "node_modules/", ".venv", "/")
"""Folders that no commit has: a run, a test or an operator makes them."""

OTHERS = {
    "json_to_recordset", "max_connections", "min_wal_size", "pg_ctl", "pg_basebackup", "pg_dump", "pg_snapshot_xmin",
    "full_page_writes", "dirty_background_bytes", "limit_concurrency", "FORWARDED_ALLOW_IPS", "RLIMIT_AS", "None", "Upgrade",
    "Allow", "RateLimit",
}  # fmt: skip
"""Names of other programs and of protocols."""

_FENCE = re.compile(r"^\s*(```|~~~).*?^\s*\1\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(
    r"[\w.{},*/-]*\w\.(?:py|md|sql|toml|json|yaml|yml|html|css|js|svg|png|txt)"
    r"|(?:marketplace|partners|benefits|settlement|tests|docs|kernel|platform)/[\w.{},*/-]*|(?:[\w.{},*-]+/)+"
)
_OPERATION = re.compile(r"(?:(GET|POST|PUT|PATCH|DELETE) )?(/v1/[\w/{}.-]*)(?:\?[\w=&]*)?")
_EXPRESSION = re.compile(r"@?[A-Za-z_][\w.]*(?:\(.*\)|\[.*\])?(?: = .*)?")
_WORD = re.compile(r"[A-Za-z_]\w*")
_CLASS = re.compile(r"[A-Z][a-z]\w*")


@dataclass(frozen=True)
class Tree:
    """What there is to be named."""

    paths: frozenset[str]
    """Files and folders, from the root."""
    names: frozenset[str]
    """Identifiers of the Python code: defined, imported or used."""
    words: frozenset[str] = field(default_factory=frozenset)
    """Words of its texts and of all other code: tables, columns, codes, events."""
    operations: frozenset[str] = field(default_factory=frozenset)
    """Operations of the API, such as `GET /v1/offers/{}`."""

    def has_path(self, path: str) -> bool:
        """Return whether a file or folder ends with this path: a document may leave out the folders that its text is about."""
        pattern = re.compile(r"(?:.*/)?" + re.escape(path.rstrip("/")).replace(r"\*", r"[^/]*"))
        return any(pattern.fullmatch(one) for one in self.paths)

    def has_name(self, name: str) -> bool:
        """Return whether the code has the name. A class has to be one; a setting is the field that it sets."""
        if name in OTHERS or name in self.names:
            return True
        if _CLASS.fullmatch(name):
            return False
        return name in self.words or name.removeprefix("MARKETPLACE_").lower() in self.names


def braces(path: str) -> Iterator[str]:
    """Yield what a path such as `a/{b,c}.py` stands for."""
    head, brace, rest = path.partition("{")
    if not brace:
        yield path
        return
    inner, _, tail = rest.partition("}")
    for one in inner.split(","):
        yield from braces(head + one + tail)


def anchor(heading: str) -> str:
    """Return the address of a heading, as the forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower().replace(" ", "-")


def _wrong_span(span: str, tree: Tree) -> Iterator[str]:
    if operation := _OPERATION.fullmatch(span):
        method, path = operation[1], re.sub(r"\{\w*\}", "{}", operation[2].rstrip("/"))
        known = {one.partition(" ")[2] for one in tree.operations}
        within = any(one.startswith(path + "/") for one in known)
        if f"{method} {path}" not in tree.operations if method else path not in known and not within:
            yield f"no operation {span}"
    elif _PATH.fullmatch(span):
        if not span.startswith(MADE_WHEN_RUN):
            yield from (
                f"no file or folder {path}" for path in braces(span.removeprefix("./")) if not tree.has_path(path)
            )
    elif _EXPRESSION.fullmatch(span):
        for name in _WORD.findall(span.partition(" = ")[0]):
            ours = _CLASS.fullmatch(name) or "_" in name.strip("_") or f"{name}(" in span
            if ours and not tree.has_name(name):
                yield f"no name {name}"


def complaints(document: str, text: str, tree: Tree, headings: dict[str, set[str]]) -> Iterator[str]:
    """Yield a line for each path, link, operation and name of a document that does not exist.

    `headings` are the anchors of each document.
    """
    bare = _FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)
    for number, line in enumerate(bare.splitlines(), 1):
        found: list[str] = []
        for span in _SPAN.findall(line):
            found += _wrong_span(span, tree)
        for link in _LINK.findall(_SPAN.sub("", line)):
            target, _, part = link.partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            path = normpath(f"{document.rpartition('/')[0] or '.'}/{target}") if target else document
            if path not in tree.paths:
                found.append(f"no file or folder {target}")
            elif part and part not in headings.get(path, {part}):
                found.append(f"no heading {link}")
        yield from (f"{document}:{number}: {one}" for one in found)


def unnamed_rooms(text: str, tree: Tree) -> Iterator[str]:
    """Yield each folder of modules that the map does not name."""
    rooms = {path.rpartition("/")[0] for path in tree.paths if path.startswith(PACKAGES) and path.endswith(".py")}
    for room in sorted(rooms):
        if "/" in room and not room.endswith("/migrations") and f"`{room}/`" not in text:
            yield f"{MAP}: the room {room}/ is not in the map"


def names_of(text: str) -> tuple[set[str], set[str]]:
    """Return the identifiers of a Python file, and the words of its texts; comments and docstrings do not count."""
    names: set[str] = set()
    words: set[str] = set()
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.update([*node.name.split("."), node.asname or ""])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            words.update(_WORD.findall(node.value))
    return names, words


def tree_of(paths: Iterable[str]) -> Tree:
    """Read what there is to be named from the files under version control."""
    files = set(paths)
    folders = {str(parent) for path in files for parent in Path(path).parents}
    names: set[str] = set()
    words: set[str] = set()
    for path in files:
        if path.startswith(NOT_READ) or "/vendor/" in path or not path.endswith(CODE):
            continue
        if path.endswith(".py"):
            found, said = names_of(Path(path).read_text())
            names |= found
            words |= said
        else:
            words.update(_WORD.findall(Path(path).read_text()))
    operations, address = set(), ""
    for line in Path("openapi.yaml").read_text().splitlines():
        if found_path := re.fullmatch(r"  (/\S+):", line):
            address = re.sub(r"\{\w*\}", "{}", found_path[1])
        elif method := re.fullmatch(r"    (get|post|put|patch|delete):", line):
            operations.add(f"{method[1].upper()} {address}")
    return Tree(frozenset(files | folders), frozenset(names), frozenset(words), frozenset(operations))


def main() -> int:
    """Print every complaint and return how many there are."""
    paths = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    tree = tree_of(path for path in paths if Path(path).is_file())
    texts = {path: Path(path).read_text() for path in sorted(tree.paths) if DOCUMENTS.fullmatch(path)}
    headings = {path: {anchor(one) for one in _HEADING.findall(text)} for path, text in texts.items()}
    found = [line for path, text in texts.items() for line in complaints(path, text, tree, headings)]
    found += unnamed_rooms(texts[MAP], tree)
    sys.stdout.write("".join(f"{line}\n" for line in found) or "all that the documents name exists\n")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
