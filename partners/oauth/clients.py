"""Operations issue and revoke OAuth clients."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.kernel.facts import InvalidField, NotFound
from marketplace.platform import audit
from marketplace.platform.database import DB, UnitOfWork
from marketplace.platform.paging import Cursors, Page
from marketplace.settings import Settings
from partners.oauth.domain import Audience, ClientStatus, check_scopes
from partners.oauth.jwks import check_jwks
from partners.oauth.schemas import ClientView, IssuedClient, NewClient
from partners.oauth.secrets import hash_secret, new_secret
from partners.onboarding.domain import PARTNER
from partners.onboarding.history import lock_partner

_ID_BYTES = 12

_VIEW = "client_id, name, auth_method, scopes, audience, partner_id, status, demo, created_at, revoked_at"


async def register_client(
    work: UnitOfWork,
    settings: Settings,
    new: NewClient,
    partner_id: UUID | None,
    actor: str,
    now: datetime,
    *,
    client_id: str | None = None,
    secret: str | None = None,
    demo: bool = False,
) -> IssuedClient:
    """Issue a client for a partner's system, or for one of the OEM's (`partner_id` None), and return it with its secret.

    Id and secret are made up unless they are given, as the demo does for clients that work in the demo only (`demo`).
    Raises NotFound, TransitionRefusedError for a partner that may not call, InvalidField.
    """
    audience: Audience = "points" if partner_id is None else "partner"
    if partner_id is not None:
        PARTNER.after(await lock_partner(work, partner_id), "issue_client")
    scopes = check_scopes(audience, new.scopes)
    jwks, secret, secret_hash = _credentials(new, secret)
    client_id = client_id or f"{audience}_{secrets.token_hex(_ID_BYTES)}"
    await work.execute(
        "INSERT INTO oauth_client (client_id, name, audience, partner_id, auth_method, secret_hash, jwks, scopes, status,"
        " demo, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        client_id,
        new.name,
        audience,
        partner_id,
        new.auth_method,
        secret_hash,
        jwks,
        scopes,
        ClientStatus.ACTIVE,
        demo,
        now,
        actor,
    )
    await audit.record(
        work, actor, "client.issue", f"client:{client_id}", now, partner_id=partner_id, scopes=scopes, demo=demo
    )
    return IssuedClient(
        client_id=client_id,
        client_secret=secret,
        name=new.name,
        auth_method=new.auth_method,
        scopes=scopes,
        audience=settings.audience(audience),
        partner_id=partner_id,
        token_endpoint=f"{settings.base_url}/oauth/token",
        issuer=settings.issuer,
    )


def _credentials(new: NewClient, secret: str | None) -> tuple[dict[str, Any] | None, str | None, bytes | None]:
    if new.auth_method == "private_key_jwt":
        if new.jwks is None:
            raise InvalidField("jwks", "private_key_jwt 需要公钥集。", "is required for private_key_jwt.")
        return check_jwks(new.jwks), None, None
    if new.jwks is not None:
        raise InvalidField("jwks", "仅用于 private_key_jwt。", "goes with private_key_jwt only.")
    secret = secret or new_secret()
    return None, secret, hash_secret(secret)


async def revoke_client(work: UnitOfWork, client_id: str, actor: str, reason: str, now: datetime) -> ClientView:
    """Revoke a client for good and return it; one that was revoked before stays as it was. Raises NotFound."""
    found = await work.fetchval("SELECT status FROM oauth_client WHERE client_id = $1 FOR UPDATE", client_id)
    if found is None:
        raise NotFound
    if found == ClientStatus.ACTIVE:
        await work.execute(
            "UPDATE oauth_client SET status = $2, revoked_at = $3 WHERE client_id = $1",
            client_id,
            ClientStatus.REVOKED,
            now,
        )
        await audit.record(work, actor, "client.revoke", f"client:{client_id}", now, reason=reason)
    row = await work.fetchrow(f"SELECT {_VIEW} FROM oauth_client WHERE client_id = $1", client_id)
    if row is None:
        raise NotFound
    return ClientView(**row)


async def list_clients(partner_id: UUID | None, cursors: Cursors, cursor: str | None, limit: int) -> Page[ClientView]:
    """Return a page of a partner's clients, or of the OEM's systems (`partner_id` None), by id."""
    kind = f"clients:{partner_id}"
    after = cursors.read(kind, cursor)[0] if cursor else ""
    rows = await DB.fetch(
        f"SELECT {_VIEW} FROM oauth_client WHERE partner_id IS NOT DISTINCT FROM $1::uuid AND client_id > $2"
        " ORDER BY client_id LIMIT $3",
        partner_id,
        after,
        limit + 1,
    )
    data = [ClientView(**row) for row in rows[:limit]]
    return Page(data, cursors.make(kind, [data[-1].client_id]) if len(rows) > limit else None)
