"""What the framework's own description of the API leaves out or gets wrong, put right in the finished schema.

It documents another error body than ours, does not know that unknown fields are refused, and cannot see the guard.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marketplace.kernel.calendar import END, FIRST
from marketplace.platform.description_shapes import describe_contents, describe_parameters
from marketplace.platform.identity import audience_of
from marketplace.platform.patches import MEDIA_TYPES, patch_schema

Schema = dict[str, Any]

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
            "description": "Every reason against a wish, such as a redemption.",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "wanted": {}, "found": {}, "message": {"type": "string"}},
            },
        },
    },
}

_RESPONSES = {
    "400": "The request is not valid; `errors` names the fields.",
    "401": "No access token, or one that is not good here.",
    "403": "The token is good, but not for this.",
    "404": "There is no such thing, or it is not yours.",
    "409": "The state of things stands against it; `code` says what.",
    "422": "The Idempotency-Key was used before with a different request.",
    "429": "Asked too often; again after Retry-After. Each answer says where the caller stands: RateLimit, RateLimit-Policy.",
    "503": "Not now; try again after Retry-After.",
}

_COUNTED = (
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


def finish(schema: Schema, scopes: Mapping[str, str], roles: Mapping[str, Sequence[str]]) -> Schema:
    """Return the schema with our problems, guards and refused unknown fields; `scopes` and `roles` are by operation id."""
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {f"Problem{status}": _response(text) for status, text in _RESPONSES.items()}
    closed: set[str] = set()
    for path, operation in operations(schema):
        _secure(path, operation, scopes)
        _name_roles(operation, roles.get(operation["operationId"], ()))
        describe_parameters(operation)
        describe_contents(operation, components["schemas"])
        _answer_problems(path, operation)
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
    """Give each operation with its path."""
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, item[method]


def _response(text: str) -> Schema:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": text, "content": content}


def _secure(path: str, operation: Schema, scopes: Mapping[str, str]) -> None:
    audience = audience_of(path)
    if audience is not None and "security" not in operation:
        scope = scopes.get(operation["operationId"])
        operation["security"] = [{_SECURITY[audience]: [scope] if scope else []}]
    if not any(operation.get("security", [])):
        operation["security"] = []  # said, so that nobody thinks it was forgotten


def _name_roles(operation: Schema, roles: Sequence[str]) -> None:
    if roles:
        listed = ", ".join(f"`{role}`" for role in roles)
        said = operation.get("description", "").rstrip()
        operation["description"] = f"{said}\n\nRoles: {listed}.".lstrip()


def _keep_used_scopes(schema: Schema) -> None:
    """Describe of each OAuth audience the scopes that its operations ask for."""
    asked: dict[str, set[str]] = {}
    for _, operation in operations(schema):
        for requirement in operation["security"]:
            for name, scopes in requirement.items():
                asked.setdefault(name, set()).update(scopes)
    for name, scheme in schema["components"]["securitySchemes"].items():
        for flow in scheme.get("flows", {}).values():
            flow["scopes"] = {scope: flow["scopes"][scope] for scope in sorted(asked.get(name, ()))}


def _answer_problems(path: str, operation: Schema) -> None:
    parameters = operation.get("parameters", [])
    wanted = ["503"] if path.startswith(("/v1/", "/oauth/")) else []
    wanted.append("400")  # a bad Host, whatever is asked
    schemes = {name for requirement in operation["security"] for name in requirement}
    guarded = not schemes.isdisjoint(_SECURITY.values())
    if path.startswith(_COUNTED) or guarded:  # bad tokens are counted at every door
        wanted.append("429")
    if schemes:
        wanted.append("401")
    if guarded:
        wanted.append("403")
    if "{" in path:
        wanted.append("404")
    if any(parameter["name"] == "Idempotency-Key" for parameter in parameters):
        wanted += ["409", "422"]
    responses = operation.setdefault("responses", {})
    for status in wanted:
        described = responses.get(status, {}).get("content", {})
        if "application/json" not in described or "Validation Exception" in str(described):
            responses[status] = {"$ref": f"#/components/responses/Problem{status}"}


def _close(schemas: Schema, name: str, closed: set[str]) -> None:
    if name in closed:
        return
    closed.add(name)
    if schemas[name].get("type") == "object" and "properties" in schemas[name]:
        schemas[name]["additionalProperties"] = False
    for other in _references(schemas[name]):
        _close(schemas, other, closed)


def _bound_moments(node: Any) -> None:
    """Say of the instants and days of a body from when to when they are taken."""
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
