"""Errors as RFC 9457 problem documents. The only module that maps a refusal to an HTTP status."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
import msgspec.inspect
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import PathParameter
from litestar.types import ExceptionHandlersMap

from marketplace.kernel.refusals import InvalidFields, Kind, NotFound, Refusal, ServiceUnavailable, Wrong, WrongState
from marketplace.kernel.states import TransitionRefusedError
from marketplace.kernel.text import preferred_language
from marketplace.platform.http.challenge import BEARER, refused_token
from marketplace.platform.http.refusals import OF_THE_FRAMEWORK, BadRequest, HttpRefusal, InternalFault
from marketplace.platform.http.responses import RawResponse
from marketplace.platform.postgres.connection_errors import is_connection_lost
from marketplace.platform.validation.expectations import expected

MEDIA_TYPE = "application/problem+json"

STATUS: dict[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.UNPROCESSABLE: 422,
    Kind.PRECONDITION: 412,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}

MOST_ERRORS = 100
"""Maximum number of faults in one response; `errors_total` gives the full number if it is larger."""

logger = structlog.get_logger()


HttpRequest = Request[Any, Any, Any]
"""A request with any user and state."""


def problem_body(refusal: Refusal, language: str, request_id: str = "") -> dict[str, Any]:
    """Return the problem document of a refusal as JSON values; the refusal's details are additional members."""
    message = refusal.message(language)
    details = {name: value for name, value in refusal.details.items() if not name.startswith(("zh_", "en_"))}
    body: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "code": refusal.code,
        "title": message,
        "status": status_of(refusal),
    }
    if isinstance(refusal, InvalidFields):
        body |= _errors(refusal.wrong, language)
        del details["field"]
    elif refusal.kind is Kind.INVALID and "field" in details:
        reason = refusal.details.get("en_reason" if language == "en" else "zh_reason", message)
        body["errors"] = [{"field": details.pop("field"), "message": reason}]
    if request_id:
        body["request_id"] = request_id
    return {**details, **body}


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status of a refusal."""
    return refusal.status if isinstance(refusal, HttpRefusal) else STATUS[refusal.kind]


def _errors(wrong: Sequence[Wrong], language: str) -> dict[str, Any]:
    listed = wrong[:MOST_ERRORS]
    errors = [{"field": one.field, "message": one.en if language == "en" else one.zh} for one in listed]
    return {"errors": errors} if len(wrong) == len(listed) else {"errors": errors, "errors_total": len(wrong)}


def respond(
    request: HttpRequest, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> Response[bytes]:
    """Return the response with a problem document."""
    request_id = _request_id(request)
    if request_id:
        body.setdefault("request_id", request_id)
    answer_headers = dict(headers or {})
    if status == 401:
        answer_headers.setdefault("WWW-Authenticate", BEARER)
    if status == 503:
        answer_headers.setdefault("Retry-After", "1")
    return RawResponse(msgspec.json.encode(body), status, MEDIA_TYPE, answer_headers)


def _request_id(request: HttpRequest) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))


def language_of(request: HttpRequest) -> str:
    """Return the language that the caller prefers."""
    return preferred_language(request.headers.get("accept-language"))


def handle_refusal(request: HttpRequest, refusal: Refusal) -> Response[bytes]:
    """Respond to a refusal; headers say how long to wait (`retry_after`), or what is wrong with a token (`oauth_error`)."""
    headers = {}
    if "retry_after" in refusal.details:
        headers["Retry-After"] = str(refusal.details["retry_after"])
    if error := getattr(refusal, "oauth_error", ""):
        sent = request.headers.get("authorization", "")
        headers["WWW-Authenticate"] = refused_token(error, sent, getattr(refusal, "scope", ""))
    return respond(request, status_of(refusal), problem_body(refusal, language_of(request)), headers)


def handle_transition(request: HttpRequest, refusal: TransitionRefusedError) -> Response[bytes]:
    """Respond to an action that the transition table does not allow."""
    return handle_refusal(request, WrongState(refusal.action, refusal.state, refusal.allowed))


def handle_validation(request: HttpRequest, error: ValidationException) -> Response[bytes]:
    """Respond to a request that does not fit its handler where the framework checks it: path, headers, a missing body."""
    found = error.extra if isinstance(error.extra, list) else []
    wrong = [_fault_of(request, str(item.get("key") or "")) for item in found]
    return handle_refusal(
        request, InvalidFields(wrong or [Wrong("request", "格式不正确。", "is not in the expected form.")])
    )


def _fault_of(request: HttpRequest, key: str) -> Wrong:
    if key == "data":
        return Wrong("body", "请求体为空，请发送 JSON 对象。", "is empty: send a JSON object.")
    if key in request.path_params:
        taken = request.route_handler.parsed_fn_signature.parameters[key].annotation
        return Wrong(key, *expected(msgspec.inspect.type_info(taken)))
    return Wrong(key or "request", "格式不正确。", "is not in the expected form.")


def handle_http(request: HttpRequest, error: HTTPException) -> Response[bytes]:
    """Respond to what the framework refuses: no route, wrong method, unreadable body."""
    status = error.status_code
    if status >= 500:
        return handle_unexpected(request, error)
    body = problem_body(OF_THE_FRAMEWORK.get(status, BadRequest)(), language_of(request)) | {"status": status}
    if status == 400:
        body |= _errors([Wrong("body", "无法解读。", "cannot be read.")], language_of(request))
    return respond(request, status, body, dict(error.headers or {}))


def handle_lock_timeout(request: HttpRequest, error: asyncpg.PostgresError) -> Response[bytes]:
    """Respond to a lock timeout: nothing was done, and a retry may succeed in a moment."""
    logger.warning("lock_timeout", error=str(error), path=request.url.path, request_id=_request_id(request))
    return handle_refusal(request, ServiceUnavailable())


def handle_unavailable(request: HttpRequest, error: Exception) -> Response[bytes]:
    """Respond to a lost database connection: it comes back, and a retry with the same key returns the outcome."""
    if not is_connection_lost(error):
        return handle_unexpected(request, error)
    logger.warning("database_unavailable", error=repr(error), path=request.url.path, request_id=_request_id(request))
    return handle_refusal(request, ServiceUnavailable())


def handle_unexpected(request: HttpRequest, error: Exception) -> Response[bytes]:
    """Respond to an internal error: logged in full, reported without details."""
    logger.error("unexpected", path=request.url.path, exc_info=error, request_id=_request_id(request))
    return handle_refusal(request, InternalFault())


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    Refusal: handle_refusal,
    TransitionRefusedError: handle_transition,
    ValidationException: handle_validation,
    HTTPException: handle_http,
    asyncpg.LockNotAvailableError: handle_lock_timeout,
    asyncpg.DeadlockDetectedError: handle_lock_timeout,
    asyncpg.QueryCanceledError: handle_lock_timeout,
    asyncpg.PostgresConnectionError: handle_unavailable,
    asyncpg.OperatorInterventionError: handle_unavailable,
    asyncpg.TooManyConnectionsError: handle_unavailable,
    asyncpg.InterfaceError: handle_unavailable,
    asyncpg.InternalClientError: handle_unavailable,
    OSError: handle_unavailable,
    Exception: handle_unexpected,
}


PathId = Annotated[str, PathParameter(schema_extra={"format": "uuid"})]
"""An id in a path, documented as a UUID. It is read as a text: an invalid UUID gives "not found", not "malformed"."""


def parse_id(text: str) -> UUID | None:
    """Return the UUID that the text spells, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None


def path_id(text: str) -> UUID:
    """Return the id in a path. Raises NotFound, also for an invalid UUID."""
    found = parse_id(text)
    if found is None:
        raise NotFound
    return found
