"""The problems of an operation: by status, with the codes. Shared ones are under `components`."""

from collections.abc import Iterable, Mapping
from typing import Any

from marketplace.kernel.refusals import Refusal
from marketplace.platform.http.problems import STATUS
from marketplace.platform.http.refusals import HttpRefusal
from marketplace.platform.validation.json_schemas import Schema

REFUSALS = "refusals"
"""In a handler's `opt`: the refusal classes of the operation itself."""

CODES = "x-problem-codes"
"""In a documented response: its possible codes."""

_TEXTS = {
    "400": "The request is not valid; `errors` names the fields.",
    "401": "There is no access token, or it is not valid here.",
    "403": "The token is valid, but not for this.",
    "404": "The resource does not exist, or it is not the caller's.",
    "409": "Conflict with the current state.",
    "412": "The resource was changed since it was read.",
    "413": "The body is larger than the operation takes.",
    "415": "The body's media type is not supported.",
    "422": "The Idempotency-Key was used before with a different request.",
    "429": "Too many requests; try again after Retry-After. RateLimit and RateLimit-Policy tell what is left.",
    "503": "Unavailable for now; try again after Retry-After.",
    "default": "Any other problem: a wrong Host, or a fault of ours.",
}

_SHARED = {
    "400": ("bad_host", "invalid_request", "repeated_header"),
    "401": ("unauthenticated",),
    "403": ("insufficient_scope",),
    "404": ("not_found",),
    "409": ("request_in_progress",),
    "412": ("changed_meanwhile",),
    "413": ("body_too_large",),
    "415": ("unsupported_media_type",),
    "422": ("idempotency_key_reused",),
    "429": ("rate_limited",),
    "503": ("service_unavailable",),
    "default": ("internal", "misdirected"),
}


def refusals(*kinds: type[Refusal]) -> dict[str, Any]:
    """Return the part of a handler's `opt` that names the operation's own refusals, for the API description."""
    return {REFUSALS: kinds}


def shared_answers() -> dict[str, Schema]:
    """Return the responses that many operations share, for `components.responses`."""
    return {_name(status): _answer(status, codes) for status, codes in _SHARED.items()}


def add_problems(operation: Schema, wanted: Mapping[str, Iterable[str]], own: Iterable[type[Refusal]]) -> None:
    """Document the problems of an operation: the `wanted` codes by status, and its own refusals."""
    codes = {status: set(found) for status, found in wanted.items()}
    for kind in own:
        status = str(kind.status if issubclass(kind, HttpRefusal) else STATUS[kind.kind])
        codes.setdefault(status, set()).update(kind.explanations or {kind.code})
    responses = operation.setdefault("responses", {})
    for status, found in codes.items():
        if (
            status in responses
            and "application/problem+json" not in str(responses[status])
            and _is_ours(responses[status])
        ):
            continue
        shared = found <= set(_SHARED[status])
        responses[status] = {"$ref": f"#/components/responses/{_name(status)}"} if shared else _answer(status, found)


def _is_ours(answer: Schema) -> bool:
    """Return whether a handler described the response itself, as those of OAuth do, whose errors have another form (RFC 6749)."""
    return "content" in answer and "Validation Exception" not in str(answer)


def _name(status: str) -> str:
    return f"Problem{status.title()}"


def _answer(status: str, codes: Iterable[str]) -> Schema:
    listed = sorted(set(codes) | set(_SHARED[status]))
    return {
        "description": f"{_TEXTS[status]} Codes: {', '.join(f'`{code}`' for code in listed)}.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        CODES: listed,
    }
