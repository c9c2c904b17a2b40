"""Stored pushed authorization requests (RFC 9126), by the hash of a random reference.

A reference is valid for five minutes, for its client, and for one decision. A consent page can also be decided once, with or
without a pushed request: its decision is stored here, too, for as long as the page could be submitted again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from authlib.oauth2.rfc6749 import InvalidRequestError

from marketplace.platform.postgres.database import UnitOfWork
from partners.oauth.clients.secrets import digest
from partners.oauth.tables import OauthPushedRequestRow

URN = "urn:ietf:params:oauth:request_uri:"
LIFE = timedelta(minutes=5)

PAGE_LIFE = timedelta(minutes=15)
"""How long a consent page can be submitted."""


async def store(work: UnitOfWork, reference: str, client_id: str, parameters: Mapping[str, str], now: datetime) -> None:
    """Store a checked request under its reference."""
    row = OauthPushedRequestRow(
        digest=digest(reference), client_id=client_id, parameters=dict(parameters), expires_at=now + LIFE
    )
    await work.run(OauthPushedRequestRow.insert(row))


async def load_pushed(work: UnitOfWork, parameters: Mapping[str, str], now: datetime) -> tuple[bytes, dict[str, str]]:
    """Return the pushed request that an authorization request names. Its other parameters are ignored.

    Raises InvalidRequestError, without a redirect, for one that is unknown, another client's, expired or decided.
    """
    named = parameters["request_uri"]
    row: Any = None
    pushed = OauthPushedRequestRow
    if named.startswith(URN):
        row = await work.run(
            pushed.select(pushed.digest, pushed.client_id, pushed.parameters)
            .where(pushed.digest == digest(named.removeprefix(URN)), pushed.expires_at > now, pushed.used_at.is_null())
            .first()
        )
    if row is None or row["client_id"] != parameters.get("client_id"):
        raise InvalidRequestError("request_uri is not good here: push the request again.")
    return row["digest"], row["parameters"]


async def use_pushed(work: UnitOfWork, pushed: bytes | None, now: datetime) -> None:
    """Mark a pushed request as decided. Raises InvalidRequestError if it was decided before."""
    if pushed is None:
        return
    row = OauthPushedRequestRow
    used = await work.run(
        row.update({row.used_at: now}).where(row.digest == pushed, row.used_at.is_null()).returning(row.digest)
    )
    if not used:
        raise InvalidRequestError("request_uri was used before.")


async def use_page(work: UnitOfWork, page: UUID, client_id: str, now: datetime) -> bool:
    """Record the decision of a consent page; return False if the page was decided before."""
    # The guard is in the write: of concurrent decisions one inserts; the others wait for its commit and do not.
    used = await work.fetchval(
        "INSERT INTO oauth_pushed_request (digest, client_id, parameters, expires_at, used_at) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING RETURNING 1",
        digest(f"page {page}"),
        client_id,
        {},
        now + PAGE_LIFE,
        now,
    )
    return used is not None
