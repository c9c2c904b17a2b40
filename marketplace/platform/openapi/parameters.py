"""Parameters, bodies and responses of the API description: what the framework omits, or describes in its own words.

Each function changes the operation in place.
"""

from collections.abc import Iterator
from typing import Any

from marketplace.platform.http.query_parameters import REQUIRED
from marketplace.platform.validation.json_schemas import Schema

EXAMPLE_ID = "01990000-0000-7000-8000-000000000001"


def describe_parameters(operation: Schema) -> None:
    """Describe each parameter of an operation, and mark the required ones.

    No parameter can be null: an optional one is omitted. Authorization is not a parameter (OpenAPI 3.1 §4.8.12): a security
    scheme describes it.
    """
    operation["parameters"] = [one for one in operation.get("parameters", []) if one["name"] != "Authorization"]
    if not operation["parameters"]:
        del operation["parameters"]
    for parameter in operation.get("parameters", []):
        shape = parameter.setdefault("schema", {})
        if parameter["in"] != "path":
            shape = parameter["schema"] = _without_null(shape)
        shape.pop("description", None)
        said = parameter.get("description") or _default_description(
            parameter["name"], in_path=parameter["in"] == "path"
        )
        parameter["required"] = parameter["required"] or said.startswith(REQUIRED)
        parameter["description"] = _sentence(said.removeprefix(REQUIRED))
        if shape.get("format") == "uuid":
            parameter.setdefault("example", EXAMPLE_ID)


def describe_contents(operation: Schema, schemas: Schema) -> None:
    """Describe the body and the responses of an operation by the first line of their schema, if they have no description."""
    body = operation.get("requestBody")
    if body is not None and not body.get("description"):
        body["description"] = _of_content(body, schemas) or "The body."
    for status, answer in operation.get("responses", {}).items():
        for kind, content in answer.get("content", {}).items():
            if "contentEncoding" in content.get("schema", {}):  # the framework's default for any bytes
                text = kind.startswith("text/") or kind.endswith("+xml")
                content["schema"] = {"type": "string"} if text else {"type": "string", "format": "binary"}
        if answer.get("description") in _FRAMEWORKS_WORDS:
            answer["description"] = _of_content(answer, schemas) or ("Done." if status == "204" else "The answer.")


_FRAMEWORKS_WORDS = {
    "Request fulfilled, document follows",
    "Document created, URL follows",
    "Request fulfilled, nothing follows",
}


def _of_content(content: Schema, schemas: Schema) -> str:
    for media in content.get("content", {}).values():
        references = [node["$ref"] for node in _nodes(media.get("schema", {})) if "$ref" in node]
        for reference in references:
            said: str = schemas[reference.rsplit("/", 1)[1]].get("description", "")
            if said:
                return said.split("\n\n", 1)[0].strip()
    return ""


def _default_description(name: str, *, in_path: bool) -> str:
    thing = name.removesuffix("_id").replace("_", " ")
    if in_path:
        return f"The {thing}'s id." if name.endswith("_id") else f"The {thing}."
    return f"Only those of this {thing}." if name.endswith("_id") else f"Only those with this {thing}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _without_null(shape: Schema) -> Schema:
    members = [member for member in shape.get("oneOf", []) if member != {"type": "null"}]
    if len(members) != 1:
        return shape
    beside = {name: value for name, value in shape.items() if name not in {"oneOf", "default"}}
    return {**members[0], **beside}


def _nodes(node: Any) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for part in list(node.values()):
            yield from _nodes(part)
    elif isinstance(node, list):
        for part in node:
            yield from _nodes(part)
