"""Corrections of the framework's API description, in the finished schema.

The framework documents another error body than ours, does not know that unknown fields are refused, and cannot see the guard.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from marketplace.kernel.calendar import END, FIRST
from marketplace.kernel.refusals import Refusal
from marketplace.platform.http.identity import audience_of
from marketplace.platform.http.merge_patch import MEDIA_TYPES, patch_schema
from marketplace.platform.openapi.parameters import describe_contents, describe_parameters
from marketplace.platform.openapi.problems import add_problems, shared_answers
from marketplace.platform.validation.json_schemas import Schema

METHODS = ("get", "post", "put", "patch", "delete")

PROBLEM: Schema = {
    "type": "object",
    "description": "An RFC 9457 problem. `type` and `code` are stable; more members may stand beside these.",
    "required": ["type", "code", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "`/problems/` and the code."},
        "code": {"type": "string"},
        "title": {"type": "string", "description": "In the language of Accept-Language, Chinese by default."},
        "status": {"type": "integer"},
        "request_id": {"type": "string", "description": "Also in the X-Request-Id header, and in our logs."},
        "errors": {
            "type": "array",
            "description": "The fields that are wrong.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "reasons": {
            "type": "array",
            "description": "Every reason for refusing a request, such as a redemption.",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "wanted": {}, "found": {}, "message": {"type": "string"}},
            },
        },
    },
}

_COUNTED = (
    "/metrics",
    "/v1/partner/",
    "/v1/points/",
    "/oauth/token",
    "/oauth/par",
    "/oauth/introspect",
    "/oauth/revoke",
    "/oauth/register",
)

_SECURITY = {"members": "member", "admin": "staff", "partner": "partner", "points": "oem"}
"""The security scheme of each audience."""


class Asked(msgspec.Struct, frozen=True):
    """The handlers' `opt` by operation id: the guard's scope and roles, and the operation's own refusals."""

    scopes: Mapping[str, str]
    roles: Mapping[str, Sequence[str]]
    refusals: Mapping[str, Sequence[type[Refusal]]]


def finish(schema: Schema, asked: Asked) -> Schema:
    """Return the schema with our problems, guards and refused unknown fields."""
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = shared_answers()
    closed: set[str] = set()
    for path, operation in operations(schema):
        _secure(path, operation, asked.scopes)
        _name_roles(operation, asked.roles.get(operation["operationId"], ()))
        describe_parameters(operation)
        describe_contents(operation, components["schemas"])
        add_problems(operation, _problems(path, operation), asked.refusals.get(operation["operationId"], ()))
        for name in _references(operation.get("requestBody", {})):
            _close(components["schemas"], name, closed)
    _keep_used_scopes(schema)
    for name in closed:
        _bound_moments(components["schemas"][name])
    return schema


def describe_patches(schema: Schema, patches: Mapping[str, type]) -> None:
    """Describe the body of each PATCH, by operation id, as a JSON Merge Patch of the type that it changes."""
    for _, operation in operations(schema):
        kind = patches.get(operation["operationId"])
        if kind is None:
            continue
        reference, parts = patch_schema(kind)
        schema["components"]["schemas"] |= parts
        content = {media_type: {"schema": reference} for media_type in MEDIA_TYPES}
        operation["requestBody"] = {
            "required": True,
            "description": "A JSON Merge Patch (RFC 7396).",
            "content": content,
        }


def operations(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield each operation with its path."""
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, item[method]


def _secure(path: str, operation: Schema, scopes: Mapping[str, str]) -> None:
    audience = audience_of(path)
    if audience is not None and "security" not in operation:
        scope = scopes.get(operation["operationId"])
        operation["security"] = [{_SECURITY[audience]: [scope] if scope else []}]
    if not any(operation.get("security", [])):
        operation["security"] = []  # explicit, so that it does not look forgotten


def _name_roles(operation: Schema, roles: Sequence[str]) -> None:
    if roles:
        listed = ", ".join(f"`{role}`" for role in roles)
        said = operation.get("description", "").rstrip()
        operation["description"] = f"{said}\n\nRoles: {listed}.".lstrip()


def _keep_used_scopes(schema: Schema) -> None:
    """Keep only the scopes that some operation of the OAuth audience requires."""
    asked: dict[str, set[str]] = {}
    for _, operation in operations(schema):
        for requirement in operation["security"]:
            for name, scopes in requirement.items():
                asked.setdefault(name, set()).update(scopes)
    for name, scheme in schema["components"]["securitySchemes"].items():
        for flow in scheme.get("flows", {}).values():
            flow["scopes"] = {scope: flow["scopes"][scope] for scope in sorted(asked.get(name, ()))}


def _problems(path: str, operation: Schema) -> dict[str, set[str]]:
    """Return the codes, by status, that follow from the operation's parts: a token, a key, a body, an edition."""
    found: dict[str, set[str]] = {"400": {"bad_host"}, "default": {"internal", "misdirected"}}
    for more in (_token_problems(path, operation), _request_problems(path, operation)):
        for status, codes in more.items():
            found.setdefault(status, set()).update(codes)
    return found


def _token_problems(path: str, operation: Schema) -> dict[str, set[str]]:
    schemes = {name for requirement in operation["security"] for name in requirement}
    guarded = not schemes.isdisjoint(_SECURITY.values())
    found: dict[str, set[str]] = {"401": {"unauthenticated"}} if schemes else {}
    if path.startswith(_COUNTED) or guarded:  # bad tokens are counted for every audience
        found["429"] = {"rate_limited"}
    if guarded:
        found |= {"403": {"insufficient_scope"}, "503": {"identity_unavailable"}}
    if "member" in schemes:  # a sandbox's members are suspended with their partner
        found["403"].add("partner_stopped")
    if "partner" in schemes:
        found["401"].add("invalid_dpop_proof")
        found["403"] |= {"partner_stopped"} | ({"sandbox_only"} if "/sandbox" in path else set())
        found["503"].add("sandbox_unavailable")
    return found


def _request_problems(path: str, operation: Schema) -> dict[str, set[str]]:
    parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
    found: dict[str, set[str]] = {}
    if path.startswith(("/v1/", "/oauth/")):
        found |= {"400": {"invalid_request", "repeated_header"}, "503": {"service_unavailable"}}
    if "{" in path:
        found["404"] = {"not_found"}
    if "requestBody" in operation:
        found |= {"413": {"body_too_large"}, "415": {"unsupported_media_type"}}
    if "Idempotency-Key" in parameters:
        found |= {"409": {"request_in_progress"}, "422": {"idempotency_key_reused"}}
        found["400"].add("idempotency_key_missing")
    if "If-Match" in parameters:
        found["412"] = {"changed_meanwhile"}
        found["400"] |= {"if_match_missing", "if_match_weak"}
    return found


def _close(schemas: Schema, name: str, closed: set[str]) -> None:
    if name in closed:
        return
    closed.add(name)
    if schemas[name].get("type") == "object" and "properties" in schemas[name]:
        schemas[name]["additionalProperties"] = False
    for other in _references(schemas[name]):
        _close(schemas, other, closed)


def _bound_moments(node: Any) -> None:
    """Document between which instants and days those of a body are accepted."""
    if isinstance(node, dict):
        if node.get("format") in {"date-time", "date"} and node.get("type") == "string":
            node.setdefault("description", f"Of the years {FIRST.year} to {END.year - 1}.")
        for part in node.values():
            _bound_moments(part)
    elif isinstance(node, list):
        for part in node:
            _bound_moments(part)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[1]
        for part in node.values():
            yield from _references(part)
    elif isinstance(node, list):
        for part in node:
            yield from _references(part)
