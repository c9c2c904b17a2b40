"""The order inside a package, by pattern: rules, then use cases, then the API, pages and commands that call them.

import-linter holds floors, rooms and the purity of `domain.py` and `events.py`; it cannot say "no use case imports an api".
Run by `python -m tests.support.check_layers`.
"""

import sys
from collections.abc import Iterable, Iterator

import grimp

PACKAGES = ("partners", "benefits", "settlement")
_ENTRANCES = {"plugin", "seed", "piccolo_app"}
"""Modules of a package's root that put everything together."""


def is_face(module: str) -> bool:
    """Return whether a module is an entrance for callers: the API, a page, a package's commands of the command line."""
    package, *inside, last = module.split(".")
    if package not in PACKAGES:
        return False
    return "web" in inside or last == "api" or last.endswith("_api") or (not inside and last == "commands")


def complaints(imports: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Give a line for each import (importer, imported) of a face by something that is no face and no entrance."""
    for importer, imported in imports:
        package, *inside, last = importer.split(".")
        entrance = not inside and last in _ENTRANCES
        if package in PACKAGES and is_face(imported) and not is_face(importer) and not entrance:
            yield f"{importer} imports {imported}: a use case does not know who calls it"


def main() -> int:
    """Print every complaint and return how many there are."""
    graph = grimp.build_graph("marketplace", *PACKAGES)
    imports = [
        (importer, imported)
        for importer in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(importer))
    ]
    found = list(complaints(imports))
    sys.stdout.write("".join(f"{line}\n" for line in found) or "no use case knows its callers\n")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
