"""Dynamic registration (RFC 7591) with an initial access token, and a client's own management of itself (RFC 7592)."""

import hmac
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec

from marketplace.kernel.ids import uuid7
from marketplace.kernel.refusals import InvalidField, InvalidFields, NotFound, Refusal, in_words
from marketplace.kernel.states import TransitionRefusedError
from marketplace.platform.eventlog import audit
from marketplace.platform.http.bodies import Body
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import UnitOfWork, unit_of_work
from marketplace.settings import Settings
from partners.fields import ShortLine
from partners.oauth.access.client_cache import SELECT, client_of
from partners.oauth.clients.client_metadata import Shape, shape_of
from partners.oauth.clients.clients import insert_client, new_client_id, revoke_client
from partners.oauth.clients.credentials import add_secret
from partners.oauth.clients.schemas import ClientUrl, RedirectUri, RegistrationToken, RegistrationTokenInput
from partners.oauth.clients.secrets import INITIAL, REGISTRATION, digest, new_secret, new_token
from partners.oauth.domain import ApplicationType, AuthMethod, ClientKind, ClientStatus, GrantType, check_scopes
from partners.oauth.server.responses import RegisteredClient
from partners.oauth.tables import OauthClientRow, OauthInitialTokenRow
from partners.registry.domain import PARTNER
from partners.registry.history import lock_partner

PATH = "/oauth/register"

_MAX_BODY = 32 * 1024


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """Client metadata (RFC 7591 §2). Unknown fields are ignored, as the RFC requires."""

    client_name: ShortLine
    redirect_uris: Annotated[list[RedirectUri], msgspec.Meta(max_length=10)] = []
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"  # noqa: S105 - a method's name
    grant_types: Annotated[list[GrantType], msgspec.Meta(min_length=1, max_length=3)] | None = None
    response_types: Annotated[list[str], msgspec.Meta(max_length=5)] | None = None
    scope: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    application_type: ApplicationType = "web"
    jwks: dict[str, Any] | None = None
    jwks_uri: ClientUrl | None = None
    dpop_bound_access_tokens: bool = False
    client_id: str | None = None


_METADATA = Body(Metadata)


class RegistrationRefused(Exception):  # noqa: N818 - an answer, as the RFC names it
    """Why a registration is refused (RFC 7591 §3.2.2)."""

    def __init__(self, status: int, error: str, description: str) -> None:
        """Set the status and the members of the error response."""
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = "".join(letter for letter in description if " " <= letter <= "~" and letter not in '"\\')


def read_metadata(content_type: str | None, body: bytes) -> Metadata:
    """Parse client metadata. Raises RegistrationRefused."""
    if (content_type or "").partition(";")[0].strip().lower() != "application/json" or len(body) > _MAX_BODY:
        raise RegistrationRefused(400, "invalid_client_metadata", "Send application/json.")
    try:
        found: Metadata = _METADATA.read(body)
    except InvalidFields as error:
        at_addresses = all(one.field.startswith("redirect_uris") for one in error.wrong)
        kind = "invalid_redirect_uri" if at_addresses else "invalid_client_metadata"
        raise RegistrationRefused(400, kind, in_words(error)) from error
    return found


async def make_initial_token(
    work: UnitOfWork, settings: Settings, new: RegistrationTokenInput, actor: str, now: datetime
) -> RegistrationToken:
    """Issue an initial access token, with which clients can register themselves. Raises InvalidField, NotFound."""
    scopes = check_scopes("partner", new.scopes)
    if (new.partner_id is None) != bool(new.publisher):
        raise InvalidField(
            "publisher",
            "第三方应用须写明提供方；合作方自有系统则不写。",
            "goes with applications that act for partners, and only with them.",
        )
    if new.partner_id is not None:
        PARTNER.after(await lock_partner(work, new.partner_id), "issue_client")
    identifier, token, ends = uuid7(), new_token(INITIAL), now + timedelta(days=new.days)
    row = OauthInitialTokenRow(
        id=identifier,
        digest=digest(token),
        partner_id=new.partner_id,
        publisher=new.publisher,
        scopes=scopes,
        livemode=new.livemode,
        uses_left=new.uses,
        created_at=now,
        created_by=actor,
        expires_at=ends,
    )
    await work.run(OauthInitialTokenRow.insert(row))
    details = {"partner_id": new.partner_id, "scopes": scopes, "uses": new.uses}
    await audit.record(work, actor, "initial_token.issue", f"initial_token:{identifier}", now, **details)
    return RegistrationToken(
        id=identifier,
        initial_access_token=token,
        registration_endpoint=f"{settings.base_url}{PATH}",
        scopes=scopes,
        uses=new.uses,
        expires_at=ends,
    )


async def register(settings: Settings, token: str | None, metadata: Metadata, now: datetime) -> RegisteredClient:
    """Register a client by an initial access token; return it with its secret, shown only here. Raises RegistrationRefused."""
    async with unit_of_work() as work:
        row = await _spend(work, token, now)
        partner_id: UUID | None = row["partner_id"]
        kind: ClientKind = "integrator" if partner_id is None else "own"
        try:
            if partner_id is not None:
                PARTNER.after(await lock_partner(work, partner_id), "issue_client")
            shape = _shape(metadata, kind, frozenset(row["scopes"]), livemode=row["livemode"])
            client_id, registration, actor = new_client_id(shape), new_token(REGISTRATION), f"initial_token:{row['id']}"
            # Only operations set the publisher: the consent page shows it to people.
            await insert_client(
                work, settings, client_id, metadata.client_name, row["publisher"], partner_id, shape, actor, now,
                registration=digest(registration),
            )  # fmt: skip
        except (InvalidField, TransitionRefusedError, NotFound) as error:
            raise _refusal(error) from error
        secret = new_secret() if shape.has_secret else None
        if secret is not None:
            await add_secret(work, client_id, secret, None, actor, now)
        return _view(settings, client_id, metadata.client_name, shape, now, secret, registration)


async def _spend(work: UnitOfWork, token: str | None, now: datetime) -> Any:
    # The guard is in the write: concurrent requests cannot register more clients than the token has uses.
    row = token and await work.fetchrow(
        "UPDATE oauth_initial_token SET uses_left = uses_left - 1 WHERE digest = $1 AND uses_left > 0 AND expires_at > $2"
        " RETURNING id, partner_id, publisher, scopes, livemode",
        digest(token),
        now,
    )
    if not row:
        raise RegistrationRefused(401, "invalid_token", "An initial access token that is good is needed.")
    return row


def _shape(metadata: Metadata, kind: ClientKind, most: frozenset[str], *, livemode: bool) -> Shape:
    types = metadata.response_types
    by_person = "authorization_code" in (
        metadata.grant_types or (("authorization_code",) if kind == "integrator" else ())
    )
    if types is not None and types != (["code"] if by_person else []):
        raise InvalidField(
            "response_types", "与 grant_types 不符。", "must be code with authorization_code, and else empty."
        )
    wanted = (metadata.scope or "").split() or sorted(most)
    beyond = [scope for scope in wanted if scope not in most]
    if beyond:
        raise InvalidField(
            "scope", f"不得超出 {' '.join(sorted(most))}。", f"must lie within {' '.join(sorted(most))}."
        )
    return shape_of(
        kind=kind,
        audience="partner",
        auth_method=metadata.token_endpoint_auth_method,
        scopes=wanted,
        grant_types=metadata.grant_types,
        redirect_uris=metadata.redirect_uris,
        application_type=metadata.application_type,
        jwks=metadata.jwks,
        jwks_uri=metadata.jwks_uri,
        dpop_bound=metadata.dpop_bound_access_tokens,
        livemode=livemode,
    )


def _refusal(error: Exception) -> RegistrationRefused:
    if isinstance(error, InvalidField):
        kind = (
            "invalid_redirect_uri" if error.details["field"].startswith("redirect_uris") else "invalid_client_metadata"
        )
        return RegistrationRefused(400, kind, error.message("en"))
    if isinstance(error, Refusal):
        return RegistrationRefused(400, "invalid_client_metadata", error.message("en"))
    return RegistrationRefused(403, "access_denied", "The partner may not have clients at present.")


async def see(settings: Settings, client_id: str, token: str | None) -> RegisteredClient:
    """Return a client's own registration. Raises RegistrationRefused."""
    async with unit_of_work() as work:
        row = await _own(work, client_id, token)
        return _seen(settings, row)


async def change(
    settings: Settings, client_id: str, token: str | None, metadata: Metadata, now: datetime
) -> RegisteredClient:
    """Replace a client's metadata; scopes can only be removed. Raises RegistrationRefused."""
    async with unit_of_work() as work:
        row = await _own(work, client_id, token)
        try:
            shape = _shape(metadata, row["kind"], frozenset(row["scopes"]), livemode=row["livemode"])
            _check_same(metadata, client_id, row["auth_method"])
            if shape.jwks_uri is not None:
                Outbound.of(settings).check("jwks_uri", shape.jwks_uri)
        except InvalidField as error:
            raise _refusal(error) from error
        client = OauthClientRow
        await work.run(
            client.update(
                {
                    client.name: metadata.client_name,
                    client.jwks: shape.jwks,
                    client.jwks_uri: shape.jwks_uri,
                    client.scopes: shape.scopes,
                    client.grant_types: shape.grant_types,
                    client.redirect_uris: shape.redirect_uris,
                    client.application_type: shape.application_type,
                    client.dpop_bound: shape.dpop_bound,
                }
            ).where(client.client_id == client_id)
        )
        await audit.record(
            work, f"client:{client_id}", "client.change", f"client:{client_id}", now, scopes=shape.scopes
        )
        return _seen(settings, await _own(work, client_id, token))


def _check_same(metadata: Metadata, client_id: str, auth_method: str) -> None:
    if metadata.client_id != client_id:
        raise InvalidField("client_id", "须与地址中的一致。", "must be the one in the address.")
    if metadata.token_endpoint_auth_method != auth_method:
        raise InvalidField("token_endpoint_auth_method", "不能更改。", "cannot be changed: register another client.")


async def remove(client_id: str, token: str | None, now: datetime) -> None:
    """Revoke a client at its own request. Raises RegistrationRefused."""
    async with unit_of_work() as work:
        await _own(work, client_id, token)
        await revoke_client(work, client_id, f"client:{client_id}", "deleted by itself", now)


async def _own(work: UnitOfWork, client_id: str, token: str | None) -> Any:
    """Lock and return the client's row. An unknown client and a foreign token get the same answer (RFC 7592 §2.1)."""
    row = None
    if token and client_id.isprintable():
        row = await work.fetchrow(
            "SELECT registration_hash, auth_method, kind, scopes, livemode, name, created_at, client_id FROM oauth_client"
            " WHERE client_id = $1 AND status = $2 FOR UPDATE",
            client_id,
            ClientStatus.ACTIVE,
        )
    stored = None if row is None else row["registration_hash"]
    if row is None or stored is None or not hmac.compare_digest(stored, digest(token or "")):
        raise RegistrationRefused(401, "invalid_token", "The registration access token is not good for this client.")
    client = client_of(await work.fetchrow(f"{SELECT} WHERE c.client_id = $1", client_id))
    return {**row, "client": client}


def _seen(settings: Settings, row: Any) -> RegisteredClient:
    client = row["client"]
    shape = Shape(
        kind=client.kind,
        audience=client.audience,
        auth_method=client.auth_method,
        scopes=sorted(client.scopes),
        grant_types=sorted(client.grant_types),
        redirect_uris=list(client.redirect_uris),
        application_type=client.application_type,
        jwks=client.jwks,
        jwks_uri=client.jwks_uri,
        dpop_bound=client.dpop_bound,
        livemode=client.livemode,
    )
    return _view(settings, client.client_id, client.name, shape, row["created_at"], None, None)


def _view(
    settings: Settings,
    client_id: str,
    name: str,
    shape: Shape,
    created_at: datetime,
    secret: str | None,
    registration: str | None,
) -> RegisteredClient:
    return RegisteredClient(
        client_id=client_id,
        client_id_issued_at=int(created_at.timestamp()),
        client_name=name,
        token_endpoint_auth_method=shape.auth_method,
        grant_types=shape.grant_types,
        response_types=["code"] if "authorization_code" in shape.grant_types else [],
        redirect_uris=shape.redirect_uris,
        scope=" ".join(shape.scopes),
        application_type=shape.application_type,
        dpop_bound_access_tokens=shape.dpop_bound,
        registration_client_uri=f"{settings.base_url}{PATH}/{client_id}",
        jwks=shape.jwks,
        jwks_uri=shape.jwks_uri,
        client_secret=secret,
        client_secret_expires_at=None if secret is None else 0,
        registration_access_token=registration,
    )
