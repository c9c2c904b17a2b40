"""Examples of bodies and responses in the API description: each package has those of its operations in `examples.json`.

They were recorded by tests, with ids, instants and secrets replaced; a test checks each against its type.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from marketplace.platform.packages import Package
from marketplace.platform.validation.json_schemas import Schema

FILE = "examples.json"

_VALUES = ("application/json", "application/merge-patch+json", "application/x-www-form-urlencoded")
_TEXTS = ("text/csv",)


def examples_of(packages: Iterable[Package]) -> dict[str, dict[str, Any]]:
    """Return the examples by operation id: `request` if there is a body, and `answer` if there is a response."""
    modules = ["marketplace", *(type(package).__module__.partition(".")[0] for package in packages)]
    found: dict[str, dict[str, Any]] = {}
    for name in modules:
        path = Path(str(sys.modules[name].__file__)).parent / FILE
        if path.exists():
            found |= msgspec.json.decode(path.read_bytes())
    return found


def add_examples(operations: Mapping[str, Schema], examples: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the examples to the operations: the response's under the success status."""
    for name, example in examples.items():
        operation = operations.get(name)
        if operation is None:
            continue
        if "request" in example:
            _put(operation["requestBody"], example["request"])
        for status, answer in operation["responses"].items():
            if status.startswith("2") and "answer" in example:
                _put(answer, example["answer"])


def _put(node: Schema, example: Any) -> None:
    """Add an example to the contents that it can belong to: a text to a file's, everything else to JSON."""
    kinds = _TEXTS if isinstance(example, str) else _VALUES
    for kind, content in node.get("content", {}).items():
        if kind in kinds:
            content["example"] = example
