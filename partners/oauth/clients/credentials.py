"""The life of client secrets: creation, rotation with an overlap, warning before expiry, use after expiry."""

from datetime import datetime, timedelta
from uuid import UUID

from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import Explanation, NotFound, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.postgres.database import DB, UnitOfWork, unit_of_work
from marketplace.settings import Settings
from partners.oauth.clients.client_metadata import SECRET_METHODS
from partners.oauth.clients.schemas import RotatedSecret
from partners.oauth.clients.secrets import hash_secret, new_secret, secret_matches
from partners.oauth.domain import Client, ClientStatus, Secret
from partners.oauth.events import CredentialExpiring, CredentialReused, CredentialRotated
from partners.oauth.tables import OauthSecretRow
from partners.one_time_secrets import MOST_OLD_SECRETS, TooManySecrets, seal

WARN = timedelta(days=14)
"""How long before its expiry the partner is warned."""

_TOLD_AGAIN = timedelta(hours=1)
"""The minimum time between two events for repeated use of one expired secret."""

_KEEP_DEAD = timedelta(days=90)
"""How long an expired secret is kept, so that its use is detected."""


class NoSecret(Refusal):
    """The client does not authenticate with a secret."""

    code = "no_secret"
    zh = "该客户端使用 {auth_method} 认证，没有密钥可更换。"
    en = "The client authenticates by {auth_method} and has no secret to rotate."
    explanation = Explanation(
        Text("该客户端不使用密钥认证。", "The client does not authenticate with a secret."),
        Text("请更换其公钥（JWKS）。", "Replace its public keys (JWKS) instead."),
    )


class ClientRevoked(Refusal):
    """The client was revoked permanently."""

    code = "client_revoked"
    zh = "该客户端已被撤销；请签发新的客户端。"
    en = "The client was revoked; issue a new one."
    explanation = Explanation(
        Text("该 OAuth 客户端已被撤销。", "The OAuth client has been revoked."),
        Text("请签发新的客户端。", "Create a new client."),
    )


async def add_secret(
    work: UnitOfWork, client_id: str, secret: str, expires_at: datetime | None, actor: str, now: datetime
) -> UUID:
    """Store the hash of a client's secret and return the secret's id. Raises InvalidField if it is too short."""
    identifier = uuid7()
    row = OauthSecretRow(
        id=identifier,
        client_id=client_id,
        digest=hash_secret(secret),
        created_at=now,
        created_by=actor,
        expires_at=expires_at,
    )
    await work.run(OauthSecretRow.insert(row))
    return identifier


async def rotate_secret(
    work: UnitOfWork,
    settings: Settings,
    client_id: str,
    actor: str,
    now: datetime,
    *,
    grace_hours: int,
    secret_days: int | None,
) -> RotatedSecret:
    """Give a client a new secret and return it, sealed. The previous secret expires after the grace period, or at its own expiry.

    `old_until` is when the replaced secret expires: now, if it had expired already. Secrets replaced earlier keep their promised
    expiry. A grace period of 0 ends all of them at once; it is meant for a leaked secret.

    Raises NotFound, ClientRevoked, NoSecret, TooManySecrets.
    """
    row = await work.fetchrow(
        "SELECT partner_id, auth_method, status FROM oauth_client WHERE client_id = $1 FOR UPDATE", client_id
    )
    if row is None:
        raise NotFound
    if row["status"] != ClientStatus.ACTIVE:
        raise ClientRevoked
    if row["auth_method"] not in SECRET_METHODS:
        raise NoSecret(auth_method=row["auth_method"])
    secret, promised = new_secret(), now + timedelta(hours=grace_hours)
    ends = None if secret_days is None else now + timedelta(days=secret_days)
    identifier = await add_secret(work, client_id, secret, ends, actor, now)
    replaced = await work.fetch(
        "UPDATE oauth_secret SET successor = coalesce(successor, $2), expires_at = least(coalesce(expires_at, $3), $3)"
        " WHERE client_id = $1 AND id <> $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4)"
        " AND (successor IS NULL OR $5) RETURNING expires_at",
        client_id,
        identifier,
        promised,
        now,
        grace_hours == 0,
    )
    old_until = max((row["expires_at"] for row in replaced), default=now)
    old = OauthSecretRow.count().where(
        OauthSecretRow.client_id == client_id,
        OauthSecretRow.successor.is_not_null(),
        OauthSecretRow.revoked_at.is_null(),
        OauthSecretRow.expires_at > now,
    )
    if await work.run(old) > MOST_OLD_SECRETS:
        raise TooManySecrets
    details = {"secret": identifier, "grace_hours": grace_hours}
    await audit.record(work, actor, "client.rotate_secret", f"client:{client_id}", now, **details)
    await publish(work, [CredentialRotated(row["partner_id"], client_id, identifier, old_until, now)], now)
    sealed = seal(settings.keys, secret)
    return RotatedSecret(client_id=client_id, client_secret=sealed, expires_at=ends, old_until=old_until)


def dead_secret(client: Client, secret: str, now: datetime) -> Secret | None:
    """Return the client's expired or revoked secret that matches, or None."""
    revoked = client.status != ClientStatus.ACTIVE
    return next(
        (
            known
            for known in client.secrets
            if (revoked or not known.works(now)) and secret_matches(secret, known.digest)
        ),
        None,
    )


async def note_reuse(work: UnitOfWork, client: Client, secret: Secret, now: datetime) -> None:
    """Record the use of an expired or revoked secret; repeated use is recorded once per interval."""
    recorded = await work.fetchval(
        "UPDATE oauth_secret SET reused_at = $2 WHERE id = $1 AND (reused_at IS NULL OR reused_at < $3) RETURNING 1",
        secret.id,
        now,
        now - _TOLD_AGAIN,
    )
    if recorded is not None:
        await publish(work, [CredentialReused(client.partner_id, client.client_id, secret.id, now)], now)


async def warn_of_ends(now: datetime) -> int:
    """Publish a warning, once, for each secret that expires within WARN and has no successor; return their number."""
    async with unit_of_work() as work:
        rows = await work.fetch(
            "UPDATE oauth_secret s SET warned_at = $1 FROM oauth_client c WHERE c.client_id = s.client_id"
            " AND c.status = 'active' AND s.warned_at IS NULL AND s.revoked_at IS NULL AND s.successor IS NULL"
            " AND s.expires_at > $1 AND s.expires_at <= $2"
            " RETURNING s.id, s.client_id, s.expires_at, c.partner_id",
            now,
            now + WARN,
        )
        events = [CredentialExpiring(row["partner_id"], row["client_id"], row["id"], row["expires_at"]) for row in rows]
        await publish(work, events, now)
    return len(rows)


async def delete_ended_secrets(now: datetime) -> None:
    """Delete secrets that expired long ago."""
    await DB.fetch(
        "DELETE FROM oauth_secret WHERE coalesce(revoked_at, expires_at) < $1"
        " AND (revoked_at IS NOT NULL OR successor IS NOT NULL)",
        now - _KEEP_DEAD,
    )
