"""A partner's own OpenID Connect provider, and sign-in by it.

The partner chose the provider's address, so it is only reached through the outbound guard. It is trusted for this partner's
people only: a person is looked up among them, by the provider's subject, or the first time by an e-mail address that the
provider has verified.
"""

import time
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from marketplace.kernel.keyring import Purpose
from marketplace.kernel.mail_addresses import address_refusal
from marketplace.kernel.refusals import ChangedMeanwhile, Explanation, InvalidField, Kind, NotFound, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.eventlog import audit
from marketplace.platform.http.etags import Editions
from marketplace.platform.http.identity import IdentityUnavailable
from marketplace.platform.http.issuer_keys import RemoteKeys
from marketplace.platform.outbound.client import OutboundTransport
from marketplace.platform.outbound.guard import Outbound
from marketplace.platform.postgres.database import DB, UnitOfWork
from marketplace.settings import Settings
from marketplace.web.oidc import RelyingParty, new_flow
from partners.registry.history import lock_partner
from partners.roles import StaffStatus
from partners.staff.company_address import Company, sign_in_address
from partners.staff.domain import MAY_SIGN_IN, normal_email
from partners.staff.join import record_joined
from partners.staff.people import invite_again
from partners.staff.schemas import IdentityProviderInput, IdentityProviderView
from partners.staff.sign_in import end_sessions
from partners.staff.tables import PartnerIdentityProviderRow, PartnerStaffInvitationRow, PartnerStaffRow

CALLBACK = "/partner/company-callback"

KEPT_S = 300.0
"""How long a provider's metadata is cached."""

_MOST_KEPT = 1000
_SCOPE = "openid profile email"
PURPOSE = Purpose("secret at a partner's identity provider", ("partner_identity_provider.secret_sealed",))
_TIMEOUT_S = 10
_MAX_SUBJECT = 255  # OpenID Connect Core 1.0 §2


class NotInvited(Refusal):
    """The provider knows the person, but none of the partner's people has the verified address."""

    kind = Kind.FORBIDDEN
    code = "not_invited"
    way_out = "partner_sign_in"
    zh = "公司账号登录成功，但没有找到对应的邀请；请让负责人邀请您已验证的公司邮箱。"
    en = (
        "Your company signed you in, but your verified e-mail address has not been invited. Ask an owner to invite you."
    )
    explanation = Explanation(
        Text(
            "公司账号登录成功，但没有对应的邀请。",
            "The company's sign-in worked, but no invitation exists for the address.",
        ),
        Text("请让负责人邀请您已验证的公司邮箱。", "Ask an owner to invite your verified e-mail address."),
    )


class ProviderUnreachable(Refusal):
    """The provider does not answer by OpenID Connect Discovery, or the outbound guard refuses its address."""

    code = "provider_unreachable"
    zh = "无法从 {issuer} 取得登录服务的说明或公钥：请确认地址可从公网访问，且其 issuer 与此处完全一致。"
    en = "{issuer} returns no metadata or no keys. It must be public, and its `issuer` must be exactly this one."
    explanation = Explanation(
        Text("无法取得身份提供方的说明或公钥。", "The identity provider's metadata or keys cannot be fetched."),
        Text(
            "请确认地址可从公网访问，且 issuer 完全一致。",
            "Check that the address is reachable from the Internet and that its issuer matches exactly.",
        ),
    )


async def get_provider(settings: Settings, partner_id: UUID) -> IdentityProviderView:
    """Return the partner's provider, without its secret. Raises NotFound."""
    row = await DB.fetchrow(
        "SELECT i.issuer, i.client_id, i.changed_at, i.version, p.name_zh, p.name_en FROM partner_identity_provider i"
        " JOIN partner p ON p.id = i.partner_id WHERE p.id = $1",
        partner_id,
    )
    if row is None:
        raise NotFound
    kept = {name: row[name] for name in ("issuer", "client_id", "changed_at", "version")}
    begin = sign_in_address(settings, Company(partner_id, Text(row["name_zh"], row["name_en"])))
    return IdentityProviderView(**kept, redirect_uri=f"{settings.base_url}{CALLBACK}", sign_in=begin)


async def set_provider(
    work: UnitOfWork,
    settings: Settings,
    outbound: Outbound,
    partner_id: UUID,
    said: IdentityProviderInput,
    editions: Editions | None,
    actor: str,
    now: datetime,
) -> IdentityProviderView:
    """Set or replace the partner's provider and return it. `editions` has the replaced version; None if there is none.

    Subjects of another issuer are different people, so those who signed in by the previous one are invited again.
    Raises InvalidField, ChangedMeanwhile.
    """
    outbound.check("issuer", said.issuer)
    await lock_partner(work, partner_id)
    row = PartnerIdentityProviderRow
    before = await work.run(
        row.select(row.issuer, row.client_id, row.secret_sealed, row.version)
        .where(row.partner_id == partner_id)
        .first()
    )
    if (before is None) != (editions is None) or (before and editions and before["version"] not in editions):
        raise ChangedMeanwhile
    same = before is not None and (before["issuer"], before["client_id"]) == (said.issuer, said.client_id)
    if said.client_secret is None and not same:  # a stored secret must not be sent to another address
        raise InvalidField("client_secret", "首次设置或更换服务时必须填写。", "is needed for a new issuer or client.")
    sealed = (
        before["secret_sealed"]
        if said.client_secret is None and before is not None
        else settings.keys.encrypt(PURPOSE, str(said.client_secret).encode())
    )
    await work.execute(
        "INSERT INTO partner_identity_provider AS i (partner_id, issuer, client_id, secret_sealed, version, changed_at,"
        " changed_by) VALUES ($1, $2, $3, $4, 1, $5, $6) ON CONFLICT (partner_id) DO UPDATE SET issuer = $2, client_id = $3,"
        " secret_sealed = $4, version = i.version + 1, changed_at = $5, changed_by = $6",
        partner_id,
        said.issuer,
        said.client_id,
        sealed,
        now,
        actor,
    )
    if before is not None and before["issuer"] != said.issuer:
        await _invite_all_again(work, partner_id, actor, now)
    await audit.record(work, actor, "staff.set_provider", f"partner:{partner_id}", now, issuer=said.issuer)
    return await get_provider(settings, partner_id)


async def delete_provider(work: UnitOfWork, partner_id: UUID, actor: str, now: datetime) -> None:
    """Delete the partner's provider. People who signed in by it are invited again. Raises NotFound."""
    await lock_partner(work, partner_id)
    row = PartnerIdentityProviderRow
    gone = await work.run(row.delete().where(row.partner_id == partner_id).returning(row.partner_id))
    if not gone:
        raise NotFound
    await _invite_all_again(work, partner_id, actor, now)
    await audit.record(work, actor, "staff.delete_provider", f"partner:{partner_id}", now)


class Providers:
    """The relying parties for partners' providers, cached for KEPT_S seconds: not every start of a sign-in may cause a call."""

    def __init__(self, settings: Settings, outbound: Outbound) -> None:
        """Start with an empty cache."""
        self._settings = settings
        self._outbound = outbound
        self._kept: dict[UUID, _Kept] = {}

    def of(self, partner_id: UUID, row: Any) -> RelyingParty:
        """Return the relying party for a provider's row, behind the outbound guard; a new one if the row changed."""
        said, now = tuple(row.values()), time.monotonic()
        kept = self._kept.get(partner_id)
        if kept is None or kept.said != said or now - kept.made_at > KEPT_S:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            kept = self._kept[partner_id] = _Kept(said, _our_side(self._settings, self._outbound, row)[0], now)
        return kept.party


class _Kept(NamedTuple):
    said: tuple[Any, ...]
    party: RelyingParty
    made_at: float


def _our_side(settings: Settings, outbound: Outbound, row: Any) -> tuple[RelyingParty, RemoteKeys]:
    transport = OutboundTransport(outbound, str(row["partner_id"]))
    client = httpx.AsyncClient(transport=transport, timeout=_TIMEOUT_S, trust_env=False)
    secret = settings.keys.decrypt(PURPOSE, row["secret_sealed"]).decode()
    redirect_uri, keys = f"{settings.base_url}{CALLBACK}", RemoteKeys(row["issuer"], client)
    return RelyingParty(row["issuer"], row["client_id"], secret, redirect_uri, _SCOPE, keys, client, transport), keys


async def try_provider(settings: Settings, outbound: Outbound, partner_id: UUID) -> int:
    """Fetch the provider's metadata and keys, as a sign-in does, and return the number of keys.

    Only a sign-in shows whether it accepts our secret. Raises NotFound, ProviderUnreachable.
    """
    row = await find_provider(partner_id)
    try:
        party, published = _our_side(settings, outbound, row)
        await party.authorization_url(new_flow("/partner"))
        keys = await published(fresh=True)
    except IdentityUnavailable as error:
        raise ProviderUnreachable(issuer=row["issuer"]) from error
    return len(keys.keys)


async def find_provider(partner_id: UUID) -> Any:
    """Return the row of a provider whose partner's people may sign in. Raises NotFound for every reason."""
    row = await DB.fetchrow(
        "SELECT i.partner_id, i.issuer, i.client_id, i.secret_sealed, i.version FROM partner_identity_provider i"
        " JOIN partner p ON p.id = i.partner_id WHERE i.partner_id = $1 AND p.status = ANY($2)",
        partner_id,
        sorted(MAY_SIGN_IN),
    )
    if row is None:
        raise NotFound
    return row


async def admit(work: UnitOfWork, partner_id: UUID, issuer: str, claims: dict[str, Any], now: datetime) -> UUID:
    """Return the person of the provider's verified claims. The first sign-in links the person to the subject.

    A linked person has no password any more: the company alone decides who can sign in. Raises NotInvited.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or "\0" in subject:
        raise NotInvited
    # The provider may have been replaced while the browser was there. Its lock delays the next replacement.
    still = await work.fetchval(
        "SELECT 1 FROM partner_identity_provider WHERE partner_id = $1 AND issuer = $2 FOR SHARE", partner_id, issuer
    )
    if still is None:
        raise NotInvited
    known: UUID | None = await work.fetchval(
        "SELECT id FROM partner_staff WHERE partner_id = $1 AND provider_subject = $2 AND status = 'active' FOR UPDATE",
        partner_id,
        subject,
    )
    if known is not None:
        return known
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str) or address_refusal(email):
        raise NotInvited
    row = await work.fetchrow(
        "SELECT id, status, roles FROM partner_staff WHERE partner_id = $1 AND email = $2"
        " AND status IN ('invited', 'active') AND provider_subject IS NULL AND NOT demo FOR UPDATE",
        partner_id,
        normal_email(email),
    )
    if row is None:
        raise NotInvited
    person = PartnerStaffRow
    await work.run(
        person.update(
            {
                person.status: StaffStatus.ACTIVE,
                person.provider_subject: subject,
                person.password_hash: None,
                person.totp_sealed: None,
                person.recovery_hashes: [],
                person.version: person.version + 1,
                person.changed_at: now,
            }
        ).where(person.id == row["id"])
    )
    await work.run(PartnerStaffInvitationRow.delete().where(PartnerStaffInvitationRow.staff_id == row["id"]))
    await end_sessions(work, row["id"], now)
    if row["status"] == StaffStatus.INVITED:
        await record_joined(work, partner_id, row["id"], list(row["roles"]), now)
    identifier: UUID = row["id"]
    return identifier


async def _invite_all_again(work: UnitOfWork, partner_id: UUID, actor: str, now: datetime) -> None:
    rows = await work.fetch(
        "UPDATE partner_staff SET status = 'disabled', provider_subject = NULL WHERE partner_id = $1"
        " AND provider_subject IS NOT NULL RETURNING id",
        partner_id,
    )
    for row in rows:
        await invite_again(work, partner_id, row["id"], actor, now)
