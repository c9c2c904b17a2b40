"""Every problem that a test sees is one that openapi.yaml declares for its operation: status and code."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import yaml

_FILE = Path(__file__).parents[2] / "openapi.yaml"
_METHODS = ("get", "post", "put", "patch", "delete")


class UndeclaredProblemError(AssertionError):
    """An operation answered a problem that its description does not have."""


def check(request: httpx.Request, answer: httpx.Response) -> None:
    """Raise UndeclaredProblemError for a problem document that the operation's description does not have."""
    if answer.status_code < 400 or answer.headers.get("content-type") != "application/problem+json":
        return
    declared = _declared_of("GET" if request.method == "HEAD" else request.method, request.url.path)
    if declared is None or not answer.content:
        return
    code, status = answer.json()["code"], str(answer.status_code)
    if code not in declared.get(status, set()) | declared.get("default", set()):
        raise UndeclaredProblemError(f"{request.method} {request.url.path}: {status} {code} is not in openapi.yaml")


@lru_cache(maxsize=4096)
def _declared_of(method: str, path: str) -> dict[str, set[str]] | None:
    for asked, pattern, declared in _operations():
        if asked == method and pattern.fullmatch(path):
            return declared
    return None


@lru_cache(maxsize=1)
def _operations() -> list[tuple[str, re.Pattern[str], dict[str, set[str]]]]:
    document = yaml.load(_FILE.read_text(), yaml.CSafeLoader)
    found = []
    # The address without a variable goes before one that has it in the same place.
    for path in sorted(document["paths"], key=lambda each: each.count("{")):
        pattern = re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path)))
        for method in _METHODS:
            if method in document["paths"][path]:
                answers = document["paths"][path][method]["responses"]
                codes = {status: _codes(answer, document) for status, answer in answers.items()}
                found.append((method.upper(), pattern, codes))
    return found


def _codes(answer: dict[str, Any], document: dict[str, Any]) -> set[str]:
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
    return set(answer.get("x-problem-codes", ()))
