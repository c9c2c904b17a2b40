"""OAuth clients: issue, revoke, read."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from marketplace.kernel.refusals import InvalidField, NotFound
from marketplace.platform.eventlog import audit
from marketplace.platform.eventlog.events import publish
from marketplace.platform.http.paging import Cursors, Page
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB, UnitOfWork
from marketplace.settings import Settings
from partners.oauth.clients.client_metadata import Shape, shape_of
from partners.oauth.clients.credentials import add_secret
from partners.oauth.clients.schemas import ClientInput, ClientView, IntegratorClientInput, IssuedClient
from partners.oauth.clients.secrets import new_secret
from partners.oauth.domain import Audience, ClientKind, ClientStatus
from partners.oauth.events import CredentialRevoked
from partners.oauth.tables import OauthClientRow, OauthSecretRow
from partners.registry.domain import PARTNER
from partners.registry.history import lock_partner

_ID_BYTES = 12

_VIEW = (
    "client_id, name, publisher, kind, auth_method, scopes, grant_types, redirect_uris, audience, partner_id, dpop_bound,"
    " livemode, status, demo, created_at, revoked_at,"
    " ARRAY(SELECT location_id FROM oauth_client_location l WHERE l.client_id = oauth_client.client_id ORDER BY 1)"
    " AS locations"
)


async def register_client(
    work: UnitOfWork,
    settings: Settings,
    new: ClientInput,
    partner_id: UUID | None,
    actor: str,
    now: datetime,
    *,
    client_id: str | None = None,
    secret: str | None = None,
    demo: bool = False,
) -> IssuedClient:
    """Issue a client and return it with its secret.

    The client belongs to a partner, or to the OEM (`partner_id` None); an IntegratorClientInput makes an application that acts
    for partners. Id and secret are generated unless given; the demo gives them for clients that work in the demo only (`demo`).
    Raises NotFound, TransitionRefusedError for a partner that may not call, InvalidField.
    """
    kind: ClientKind = "integrator" if isinstance(new, IntegratorClientInput) else "own"
    audience: Audience = "points" if partner_id is None and kind == "own" else "partner"
    if partner_id is not None:
        PARTNER.after(await lock_partner(work, partner_id), "issue_client")
    shape = shape_of(
        kind=kind,
        audience=audience,
        auth_method=new.auth_method,
        scopes=new.scopes,
        grant_types=new.grant_types,
        redirect_uris=new.redirect_uris,
        application_type=new.application_type,
        jwks=new.jwks,
        jwks_uri=new.jwks_uri,
        dpop_bound=new.dpop_bound,
        livemode=new.livemode,
    )
    publisher = new.publisher if isinstance(new, IntegratorClientInput) else ""
    client_id = client_id or new_client_id(shape)
    await insert_client(work, settings, client_id, new.name, publisher, partner_id, shape, actor, now, demo=demo)
    await _place(work, client_id, partner_id, new.locations)
    if shape.has_secret:
        secret = secret or new_secret()
        ends = None if new.secret_days is None else now + timedelta(days=new.secret_days)
        await add_secret(work, client_id, secret, ends, actor, now)
    else:
        secret = None
    return IssuedClient(
        client_id=client_id,
        client_secret=secret,
        name=new.name,
        auth_method=shape.auth_method,
        scopes=shape.scopes,
        grant_types=shape.grant_types,
        redirect_uris=shape.redirect_uris,
        audience=settings.audience(audience),
        partner_id=partner_id,
        livemode=shape.livemode,
        token_endpoint=f"{settings.base_url}/oauth/token",
        issuer=settings.issuer,
    )


async def _place(work: UnitOfWork, client_id: str, partner_id: UUID | None, locations: Sequence[str]) -> None:
    """Bind a client to locations of its partner. Raises InvalidField for one that is not."""
    wanted = sorted(set(locations))
    known = await work.fetch(
        "INSERT INTO oauth_client_location (client_id, partner_id, location_id) SELECT $1, partner_id, id"
        " FROM partner_location WHERE partner_id = $2 AND id = ANY($3::text[]) RETURNING location_id",
        client_id,
        partner_id,
        wanted,
    )
    missing = set(wanted) - {row["location_id"] for row in known}
    if missing:
        index = next(index for index, location in enumerate(locations) if location in missing)
        raise InvalidField(f"locations[{index}]", "不是该合作方的门店。", "is not a location of the partner.")


def new_client_id(shape: Shape) -> str:
    """Return a new client id, prefixed by the sort of client."""
    return f"{'app' if shape.kind == 'integrator' else shape.audience}_{secrets.token_hex(_ID_BYTES)}"


async def insert_client(
    work: UnitOfWork,
    settings: Settings,
    client_id: str,
    name: str,
    publisher: str,
    partner_id: UUID | None,
    shape: Shape,
    actor: str,
    now: datetime,
    *,
    demo: bool = False,
    registration: bytes | None = None,
) -> None:
    """Insert a client without its secret, with an audit entry. Raises InvalidField for a bad `jwks_uri`."""
    if shape.jwks_uri is not None:
        Outbound.of(settings).check("jwks_uri", shape.jwks_uri)
    row = OauthClientRow(
        client_id=client_id,
        name=name,
        publisher=publisher,
        kind=shape.kind,
        audience=shape.audience,
        partner_id=partner_id,
        auth_method=shape.auth_method,
        jwks=shape.jwks,
        jwks_uri=shape.jwks_uri,
        scopes=shape.scopes,
        grant_types=shape.grant_types,
        redirect_uris=shape.redirect_uris,
        application_type=shape.application_type,
        dpop_bound=shape.dpop_bound,
        livemode=shape.livemode,
        registration_hash=registration,
        status=ClientStatus.ACTIVE,
        demo=demo,
        created_at=now,
        created_by=actor,
    )
    await work.run(OauthClientRow.insert(row))
    details = {"partner_id": partner_id, "scopes": shape.scopes, "grant_types": shape.grant_types, "demo": demo}
    await audit.record(work, actor, "client.issue", f"client:{client_id}", now, **details)


async def revoke_client(work: UnitOfWork, client_id: str, actor: str, reason: str, now: datetime) -> ClientView:
    """Revoke a client permanently and return it. A revoked client stays unchanged. Raises NotFound."""
    found = await work.fetchrow(
        "SELECT status, partner_id FROM oauth_client WHERE client_id = $1 FOR UPDATE", client_id
    )
    if found is None:
        raise NotFound
    if found["status"] == ClientStatus.ACTIVE:
        client, secret = OauthClientRow, OauthSecretRow
        await work.run(
            client.update({client.status: ClientStatus.REVOKED, client.revoked_at: now}).where(
                client.client_id == client_id
            )
        )
        await work.run(
            secret.update({secret.revoked_at: now}).where(secret.client_id == client_id, secret.revoked_at.is_null())
        )
        await audit.record(work, actor, "client.revoke", f"client:{client_id}", now, reason=reason)
        await publish(work, [CredentialRevoked(found["partner_id"], client_id, now)], now)
    row = await work.fetchrow(f"SELECT {_VIEW} FROM oauth_client WHERE client_id = $1", client_id)
    if row is None:
        raise NotFound
    return ClientView(**row)


async def client_of_partner(partner_id: UUID, client_id: str) -> ClientView:
    """Return the partner's client. Raises NotFound, also for another partner's."""
    row = None
    if client_id.isprintable():
        row = await DB.fetchrow(
            f"SELECT {_VIEW} FROM oauth_client WHERE partner_id = $1 AND client_id = $2", partner_id, client_id
        )
    if row is None:
        raise NotFound
    return ClientView(**row)


async def list_clients(
    partner_id: UUID | None, cursors: Cursors, cursor: str | None, limit: int, kind: ClientKind = "own"
) -> Page[ClientView]:
    """Return a page of a partner's clients, of the OEM's systems (`partner_id` None), or of the integrators', by id."""
    what = f"clients:{kind}:{partner_id}"
    after = cursors.read(what, cursor)[0] if cursor else ""
    rows = await DB.fetch(
        f"SELECT {_VIEW} FROM oauth_client WHERE partner_id IS NOT DISTINCT FROM $1::uuid AND kind = $4"
        " AND client_id > $2 ORDER BY client_id LIMIT $3",
        partner_id,
        after,
        limit + 1,
        kind,
    )
    data = [ClientView(**row) for row in rows[:limit]]
    return Page(data, cursors.make(what, [data[-1].client_id]) if len(rows) > limit else None)
