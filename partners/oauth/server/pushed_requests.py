"""Authorization requests that lie with us until the browser comes (RFC 9126): kept by the hash of a random reference.

A reference is good for five minutes, for the client that it was given to, and for one decision. So is a consent page, pushed
request or not: its answer is kept here, too, for as long as the page could be sent again.
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
"""How long a person may look at a consent page."""


async def store(work: UnitOfWork, reference: str, client_id: str, parameters: Mapping[str, str], now: datetime) -> None:
    """Keep a checked request under its reference."""
    row = OauthPushedRequestRow(
        digest=digest(reference), client_id=client_id, parameters=dict(parameters), expires_at=now + LIFE
    )
    await work.run(OauthPushedRequestRow.insert(row))


async def load_pushed(work: UnitOfWork, parameters: Mapping[str, str], now: datetime) -> tuple[bytes, dict[str, str]]:
    """Return the pushed request that an authorization request names: nothing else of the latter counts.

    Raises InvalidRequestError, which leads nowhere: for one that is not there, is another client's, has ended or was decided.
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
    """Mark a pushed request as decided. Raises InvalidRequestError for one that was decided before."""
    if pushed is None:
        return
    row = OauthPushedRequestRow
    used = await work.run(
        row.update({row.used_at: now}).where(row.digest == pushed, row.used_at.is_null()).returning(row.digest)
    )
    if not used:
        raise InvalidRequestError("request_uri was used before.")


async def use_page(work: UnitOfWork, page: UUID, client_id: str, now: datetime) -> bool:
    """Return whether a consent page is answered for the first time, and see to it that it is not answered again."""
    # The guard is in the write: of answers that come together one inserts, the others wait for its commit and do not.
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
