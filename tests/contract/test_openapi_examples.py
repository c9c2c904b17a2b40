"""Every operation has an example of its body and of its answer, and each is what it is an example of."""

from typing import Any

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from marketplace.app import create_app
from marketplace.platform.openapi.schemas import answers_of, body_of
from marketplace.platform.validation.fitting import fitting
from marketplace.settings import Settings

APP = create_app(Settings(mode="test", secret_key="x" * 32), "")
HANDLERS: dict[str, HTTPRouteHandler] = {
    str(handler.operation_id): handler
    for route in APP.routes
    for handler in getattr(route, "route_handlers", ())
    if handler.include_in_schema and handler.operation_id
}
SCHEMA = APP.openapi_schema.to_schema()
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation
    for item in SCHEMA["paths"].values()
    for operation in item.values()
}  # fmt: skip

VALUES = ("application/json", "application/merge-patch+json", "application/x-www-form-urlencoded", "text/csv")


def contents(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [content for kind, content in node.get("content", {}).items() if kind in VALUES]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_has_an_example_that_the_server_takes(operation: str) -> None:
    found = contents(OPERATIONS[operation].get("requestBody", {}))
    for content in found:
        assert "example" in content, "no example"
        kind = body_of(HANDLERS[operation])
        if kind is not None and "patch" not in HANDLERS[operation].opt:
            fitting(kind).fit(content["example"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_answer_has_an_example_of_its_type(operation: str) -> None:
    types = dict(answers_of(HANDLERS[operation]))
    for status, answer in OPERATIONS[operation]["responses"].items():
        if not status.startswith("2"):
            continue
        for content in contents(answer):
            assert "example" in content, "no example"
            if int(status) in types and not isinstance(content["example"], str):
                msgspec.convert(content["example"], types[int(status)])
