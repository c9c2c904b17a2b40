"""openapi.yaml and the code say the same; every operation says who may call it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from marketplace.app import create_app
from marketplace.platform.openapi.document import export
from marketplace.settings import Settings

FILE = Path(__file__).parents[2] / "openapi.yaml"
METHODS = {"get", "post", "put", "patch", "delete"}

# What anyone may call, and why.
PUBLIC = {
    "/v1/partner/applications": "an applicant has no credentials yet",
    "/v1/partner/applications/{application_id}": "the applicant's own token is in a header of its own",
    "/v1/partner/applications/{application_id}/resubmit": "likewise",
    "/v1/partner/applications/{application_id}/checklist": "likewise",
    "/v1/partner/applications/{application_id}/attestations": "likewise",
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return create_app(Settings(mode="test", secret_key="x" * 32), "").openapi_schema.to_schema()


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_the_file_is_what_the_code_exports(schema: dict[str, Any]) -> None:
    assert FILE.read_text() == export(schema), "openapi.yaml is not what the code says: make openapi"


def test_an_export_is_the_same_every_time(schema: dict[str, Any]) -> None:
    again = create_app(Settings(mode="test", secret_key="y" * 32), "").openapi_schema.to_schema()
    assert export(again) == export(schema)
    assert yaml.safe_load(export(schema))["openapi"].startswith("3.")


def test_every_operation_has_an_id_a_summary_and_a_tag(schema: dict[str, Any]) -> None:
    seen = set()
    for path, method, operation in operations(schema):
        where = f"{method} {path}"
        assert operation.get("summary"), where
        assert operation.get("tags"), where
        assert operation["operationId"] not in seen, where
        seen.add(operation["operationId"])


def test_every_operation_that_moves_something_takes_a_key(schema: dict[str, Any]) -> None:
    # What the RFCs of OAuth say is asked for again, not replayed; a dry run, a look at the counter and a check change nothing; an
    # earning's own reference is its key.
    without = {
        "/oauth/token", "/oauth/par", "/oauth/introspect", "/oauth/revoke", "/oauth/register",
        "/v1/offers/{offer_id}/quote", "/v1/partner/vouchers/verify", "/v1/points/earnings",
        "/v1/admin/invariants/check", "/v1/partner/sandbox/member-tokens",
    }  # fmt: skip
    for path, method, operation in operations(schema):
        if method == "post" and path not in without:
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert "Idempotency-Key" in names, path


def test_every_route_under_v1_names_its_guard() -> None:
    """A route without a dependency that says who asks is open to all: only the listed ones may be."""
    app = create_app(Settings(mode="test", secret_key="x" * 32), "")
    guards = {"member", "partner", "oem", "staff"}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            if not route.path_format.startswith("/v1/") or "OPTIONS" in handler.http_methods:
                continue
            asked = set(handler.parsed_fn_signature.parameters)
            assert asked & guards or route.path_format in PUBLIC, f"{route.path_format} {handler.http_methods}"
            if "staff" in asked:
                assert handler.opt.get("roles"), route.path_format


def codes_of(schema: dict[str, Any], response: dict[str, Any]) -> set[str]:
    """Return the problem codes that a response declares, by itself or by the shared one that it refers to."""
    name = response.get("$ref", "").rpartition("/")[2]
    return set((schema["components"]["responses"][name] if name else response)["x-problem-codes"])


def test_errors_are_described_as_they_are(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        if not path.startswith("/v1/"):
            continue
        responses = operation["responses"]
        assert "service_unavailable" in codes_of(schema, responses["503"]), (path, method)
        if operation["security"] != [{}]:
            assert "unauthenticated" in codes_of(schema, responses["401"]), (path, method)
    assert "Validation Exception" not in export(schema)


def test_bodies_are_closed_and_scopes_are_said(schema: dict[str, Any]) -> None:
    schemas = schema["components"]["schemas"]
    for name in (
        "OfferInput",
        "RedemptionInput",
        "EarningInput",
        "ApplicationInput",
        "PayoutInput",
        "PeriodCloseInput",
    ):
        assert schemas[name]["additionalProperties"] is False, name
    register = schema["paths"]["/v1/partner/offers"]["post"]
    assert register["security"] == [{"partner": ["offers:write"]}]
