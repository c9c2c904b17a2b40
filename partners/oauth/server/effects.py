"""Load and write: what every endpoint of the OAuth server does before and after Authlib's decision."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import InvalidClientError, OAuth2Error

from marketplace.kernel.keyring import Purpose
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import UnitOfWork
from marketplace.settings import Settings
from partners.oauth.access.client_cache import GRANT_COLUMNS, GRANT_FROM, SELECT, client_of, grant_of
from partners.oauth.clients.credentials import note_reuse
from partners.oauth.domain import Client, Grant
from partners.oauth.events import GrantRevoked
from partners.oauth.server.adapters import TokenAnswer, refusal
from partners.oauth.server.assertions import UsedAssertion
from partners.oauth.server.authlib_models import (
    AuthorizationCode,
    CodeUsed,
    GrantEnded,
    RefreshIssued,
    RefreshToken,
    Rotated,
    SecretTried,
    TokenEnded,
)
from partners.oauth.server.dpop import InvalidProofError, Proof, remember

IDLE = timedelta(days=30)
"""The lifetime of an unused refresh token."""

ANSWER_PURPOSE = Purpose("answer to a refresh", ("oauth_refresh_token.answer_sealed",))

_CODE = (
    "SELECT c.digest, c.client_id AS code_client_id, c.redirect_uri, c.challenge, c.jkt AS code_jkt,"
    f" c.expires_at AS code_expires_at, c.used_at, {GRANT_COLUMNS}"
    f" FROM oauth_code c JOIN {GRANT_FROM} ON g.id = c.grant_id WHERE c.digest = $1"
)
_REFRESH = (
    "SELECT t.digest, t.expires_at AS token_expires_at, t.created_at AS token_created_at, t.rotated_at, t.asked,"
    " t.answer_sealed, coalesce((SELECT n.rotated_at IS NOT NULL FROM oauth_refresh_token n WHERE n.digest = t.successor),"
    f" false) AS successor_used, {GRANT_COLUMNS}"
    f" FROM oauth_refresh_token t JOIN {GRANT_FROM} ON g.id = t.grant_id WHERE t.digest = $1"
)


async def load_clients(work: UnitOfWork, names: set[str]) -> dict[str, Client]:
    """Return the current clients that a request names."""
    rows = await work.fetch(f"{SELECT} WHERE c.client_id = ANY($1::text[])", sorted(names))
    return {row["client_id"]: client_of(row) for row in rows}


async def load_code(work: UnitOfWork, digest: bytes) -> AuthorizationCode | None:
    """Return a code with its grant, and lock the grant: concurrent exchanges run one after the other."""
    grant_id = await work.fetchval("SELECT grant_id FROM oauth_code WHERE digest = $1", digest)
    if grant_id is None:
        return None
    await _lock(work, grant_id)
    row = await work.fetchrow(_CODE, digest)
    return None if row is None else AuthorizationCode(row, grant_of(row))


async def load_refresh(work: UnitOfWork, digest: bytes) -> RefreshToken | None:
    """Return a refresh token with its grant, and lock the grant: changes of a family run one after the other."""
    grant_id = await work.fetchval("SELECT grant_id FROM oauth_refresh_token WHERE digest = $1", digest)
    if grant_id is None:
        return None
    await _lock(work, grant_id)
    row = await work.fetchrow(_REFRESH, digest)
    return None if row is None else RefreshToken(row, grant_of(row))


async def _lock(work: UnitOfWork, grant_id: Any) -> None:
    # The next statement starts after the lock is granted, and so sees what the previous holder wrote.
    await work.execute("SELECT 1 FROM oauth_grant WHERE id = $1 FOR UPDATE", grant_id)


async def post(work: UnitOfWork, settings: Settings, answer: TokenAnswer, now: datetime) -> TokenAnswer:
    """Write the response's effects and return it, or a refusal if its assertion or proof was used before.

    Effects that record misuse are written even then: the replay of a stolen request must not hide it.
    """
    replayed = await _remember(work, answer)
    for effect in answer.effects:
        match effect:
            case GrantEnded(grant, reason):
                await end_grant(work, grant, reason, now)
            case SecretTried(client, secret):
                await note_reuse(work, client, secret, now)
            case UsedAssertion() | Proof():
                pass
            case _ if replayed is None:
                await _write(work, settings, effect, now)
    return answer if replayed is None else refusal(replayed)


async def _remember(work: UnitOfWork, answer: TokenAnswer) -> OAuth2Error | None:
    for effect in answer.effects:
        if isinstance(effect, UsedAssertion) and not await remember_assertion(work, effect):
            return InvalidClientError(status_code=401, description="The assertion was used before.")
        if isinstance(effect, Proof) and not await remember(effect, work):
            return InvalidProofError("The proof was used before.")
    return None


async def remember_assertion(work: UnitOfWork, used: UsedAssertion) -> bool:
    """Store the assertion; return whether it was new. A used assertion is not accepted again."""
    # The guard is in the write: of concurrent copies one inserts; the others wait for its commit and do not.
    inserted = await work.fetchval(
        "INSERT INTO oauth_assertion (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1",
        used.client_id,
        used.jti,
        used.expires_at,
    )
    return inserted is not None


async def _write(work: UnitOfWork, settings: Settings, effect: Any, now: datetime) -> None:
    match effect:
        case CodeUsed(digest, grant_id, jkt):
            await _guarded(
                work, "UPDATE oauth_code SET used_at = $2 WHERE digest = $1 AND used_at IS NULL", digest, now
            )
            await work.execute("UPDATE oauth_grant SET used_at = $2, jkt = $3 WHERE id = $1", grant_id, now, jkt)
        case RefreshIssued(digest, grant_id):
            await work.execute(
                "INSERT INTO oauth_refresh_token (digest, grant_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
                digest,
                grant_id,
                now,
                now + IDLE,
            )
        case Rotated(digest, successor, asked, given):
            sealed = settings.keys.encrypt(ANSWER_PURPOSE, msgspec.json.encode(given))
            await _guarded(
                work,
                "UPDATE oauth_refresh_token SET rotated_at = $2, successor = $3, asked = $4, answer_sealed = $5"
                " WHERE digest = $1 AND rotated_at IS NULL",
                digest,
                now,
                successor,
                asked,
                sealed,
            )
            # The client that uses this token received it: the stored response to its predecessor is no longer needed.
            await work.execute("UPDATE oauth_refresh_token SET answer_sealed = NULL WHERE successor = $1", digest)
        case TokenEnded(jti, expires_at):
            await work.execute(
                "INSERT INTO oauth_revoked_token (jti, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                jti,
                expires_at,
            )


class UsedMeanwhileError(RuntimeError):
    """A code or refresh token was used although its grant was locked. The transaction must not commit."""


async def _guarded(work: UnitOfWork, sql: str, *values: Any) -> None:
    if await work.execute(sql, *values) != "UPDATE 1":
        raise UsedMeanwhileError


async def end_grant(work: UnitOfWork, grant: Grant, reason: str, now: datetime) -> bool:
    """Revoke a grant and publish the event; return False if it was revoked before."""
    ended = await work.fetchval(
        "UPDATE oauth_grant SET revoked_at = $2, revoked_for = $3 WHERE id = $1 AND revoked_at IS NULL RETURNING 1",
        grant.id,
        now,
        reason,
    )
    if ended is None:
        return False
    await publish(work, [GrantRevoked(grant.partner_id, grant.id, grant.client_id, reason, now)], now)
    return True


def changes_snapshot(effects: Sequence[Any] | Mapping[Any, Any]) -> bool:
    """Return whether the effects revoke something that tokens depend on, so that the client cache must be invalidated."""
    return any(isinstance(effect, GrantEnded | TokenEnded) for effect in effects)
