"""A client asks for a token: load its rows, decide in memory with Authlib, post the effects, in one transaction."""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Error
from joserfc.jwk import RSAKey

from marketplace.platform.database import UnitOfWork, unit_of_work
from marketplace.settings import Settings
from partners.oauth.assertions import UsedAssertion, claimed_client
from partners.oauth.domain import Client
from partners.oauth.gate import SELECT, client_of
from partners.oauth.server import TokenAnswer, TokenServer, refusal

FORM = "application/x-www-form-urlencoded"
MAX_FORM = 16 * 1024

_MAX_FIELDS = 20
# RFC 6749 appendix A: visible ASCII and blanks; and no quote or backslash, which an error_description may not repeat.
_VALUE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")


def parse_form(content_type: str | None, body: bytes) -> dict[str, str]:
    """Return the form's parameters, each of which may stand there once (RFC 6749 §3.2).

    Raises InvalidRequestError. A parameter without a value counts as left out, as the RFC has it.
    """
    if (content_type or "").partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"Send {FORM}.")
    if len(body) > MAX_FORM:
        raise InvalidRequestError("The request is too long.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
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
    form = {name: value for name, value in form.items() if value}
    if "grant_type" not in form:
        raise InvalidRequestError("grant_type is missing.")
    return form


def named_clients(form: Mapping[str, str], authorization: str | None) -> set[str]:
    """Return the ids of the clients that a request speaks of.

    Raises InvalidRequestError when it authenticates in more than one way (RFC 6749 §2.3), and InvalidClientError for a
    header or an assertion that cannot be read.
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


async def issue_token(
    settings: Settings, key: RSAKey, content_type: str | None, body: bytes, authorization: str | None
) -> TokenAnswer:
    """Return the answer to a token request, whatever it is.

    An assertion is believed once, however many copies of it come at a time.
    """
    try:
        form = parse_form(content_type, body)
        names = named_clients(form, authorization)
    except OAuth2Error as error:
        return refusal(error)
    async with unit_of_work() as work:
        loaded = await _load(work, names)
        answer = TokenServer(settings, key, loaded).answer(form, authorization)
        if answer.used is not None and not await _remember(work, answer.used):
            return refusal(InvalidClientError(status_code=401, description="The assertion was used before."))
        return answer


async def _load(work: UnitOfWork, names: set[str]) -> dict[str, Client]:
    rows = await work.fetch(f"{SELECT} WHERE c.client_id = ANY($1::text[])", sorted(names))
    return {row["client_id"]: client_of(row) for row in rows}


async def _remember(work: UnitOfWork, used: UsedAssertion) -> bool:
    # The guard is in the write: of copies that come together one inserts, the others wait for its commit and do not.
    inserted = await work.fetchval(
        "INSERT INTO oauth_assertion (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1",
        used.client_id,
        used.jti,
        used.expires_at,
    )
    return inserted is not None


async def forget_assertions() -> None:
    """Delete used assertions that have expired: they would be refused for that alone."""
    async with unit_of_work() as work:
        await work.execute("DELETE FROM oauth_assertion WHERE expires_at < now() - interval '1 minute'")
