"""Strict parsing of the OAuth server's forms: requests are forged where two parsers read them differently."""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import msgspec
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

from marketplace.platform.http.problems import HttpRequest
from partners.oauth.server.assertions import claimed_client
from partners.oauth.server.dpop import HEADER

FORM = "application/x-www-form-urlencoded"
MAX_FORM = 16 * 1024

_MAX_FIELDS = 30
# RFC 6749 appendix A: visible ASCII and blanks; and no quote or backslash, which an error_description may not repeat.
_VALUE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")


class FormRequest(msgspec.Struct, frozen=True):
    """A request to an endpoint of the OAuth server, as bytes and headers."""

    content_type: str | None
    body: bytes
    authorization: str | None
    proofs: tuple[str, ...] = ()


async def sent(request: HttpRequest) -> FormRequest:
    """Return the request with its raw body, so that a repeated parameter is detected."""
    headers = request.headers
    body = await request.body()
    return FormRequest(
        headers.get("content-type"), body, headers.get("authorization"), tuple(headers.getall(HEADER, []))
    )


def read_form(content_type: str | None, body: bytes) -> dict[str, str]:
    """Return the form's parameters. Each may occur once (RFC 6749 §3.2).

    Raises InvalidRequestError. A parameter without a value counts as omitted, as the RFC requires.
    """
    if (content_type or "").partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"Send {FORM}.")
    return read_parameters(body)


def read_parameters(text: bytes) -> dict[str, str]:
    """Return the parameters of a form or a query, each at most once. Raises InvalidRequestError."""
    if len(text) > MAX_FORM:
        raise InvalidRequestError("The request is too long.")
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(text),
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError as error:
        raise InvalidRequestError("The form cannot be read.") from error
    form: dict[str, str] = {}
    for name, value in pairs:
        if not _VALUE.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidRequestError("A parameter has characters that it cannot have.")
        if name in form:
            raise InvalidRequestError(f"{name} stands there more than once.")
        form[name] = value
    return {name: value for name, value in form.items() if value}


def parse_form(content_type: str | None, body: bytes) -> dict[str, str]:
    """Return the form of a token request. Raises InvalidRequestError, also for one without `grant_type`."""
    form = read_form(content_type, body)
    if "grant_type" not in form:
        raise InvalidRequestError("grant_type is missing.")
    return form


def named_clients(form: Mapping[str, str], authorization: str | None) -> set[str]:
    """Return the ids of the clients that a request names.

    Raises InvalidRequestError when it authenticates in more than one way (RFC 6749 §2.3), and InvalidClientError for a
    header or an assertion that cannot be parsed.
    """
    basic = _basic_client(authorization)
    ways = [authorization is not None, "client_secret" in form, "client_assertion" in form]
    if sum(ways) > 1:
        raise InvalidRequestError("Authenticate in one way only.")
    names = {basic, form.get("client_id")}
    if "client_assertion" in form:
        names.add(claimed_client(form["client_assertion"]))
    return {name for name in names if name is not None and _VALUE.fullmatch(name)}


def _basic_client(authorization: str | None) -> str | None:
    if authorization is None:
        return None
    unreadable = InvalidClientError(status_code=401, description="The Authorization header cannot be read.")
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic" or not credentials.strip():
        raise unreadable
    try:
        user, _, _ = base64.b64decode(credentials).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise unreadable from error
    return unquote(user)
