"""The demo's identity provider, in place of the OEM's ONE ID: a small, real OpenID Connect provider.

It has no passwords, so it cannot be created with production settings. Its responses are genuine (code + PKCE, ID token, RFC 9068
access tokens), so that our side of the sign-in is the same as with the OEM's own.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from marketplace.kernel.clock import WALL
from marketplace.platform.http.identity import AdminRole
from marketplace.platform.validation.foreign import UnreadableError, verify_jwt
from marketplace.settings import Settings

PEOPLE_FILE = "oneid-people.json"
KEY_FILE = "oneid-key.json"

TOKEN_LIFETIME_S = 3600
_KEY_BITS = 2048
_ALGORITHM = "RS256"


class DemoInProductionError(RuntimeError):
    """The demo's ONE ID must not run in production."""


class UnknownPersonError(LookupError):
    """The demo has no person with that login."""


class DemoPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person as whom anyone may sign in. `subject` is the tokens' `sub`; `note` a line for the sign-in page."""

    login: str
    name: str
    kind: Literal["member", "staff"]
    subject: str
    roles: tuple[AdminRole, ...] = ()
    tier: str = ""
    note: str = ""
    email: str = ""

    def get_user_id(self) -> str:
        """Return the subject, for Authlib."""
        return self.subject


def write_people(data: Path, people: Sequence[DemoPerson]) -> Path:
    """Write the people into the data folder and return the file."""
    path = data / PEOPLE_FILE
    path.write_bytes(msgspec.json.format(msgspec.json.encode(list(people)), indent=2))
    return path


def read_people(data: Path) -> list[DemoPerson]:
    """Return the people of the data folder. Raises UnknownPersonError when the seed has written none yet."""
    path = data / PEOPLE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[DemoPerson])
    except FileNotFoundError as error:
        raise UnknownPersonError(f"{path} is not there: run `marketplace demo` once, it creates the people") from error


class OneId:
    """The provider: its people, its key, and the tokens that it signs. The HTTP side is `oneid_server.py`."""

    def __init__(self, settings: Settings, people: Sequence[DemoPerson] | None = None) -> None:
        """Read the people of the data folder, unless given, and the signing key, generated the first time.

        Raises DemoInProductionError outside demo and test settings.
        """
        if settings.mode not in {"demo", "test"}:
            raise DemoInProductionError("the demo's ONE ID signs anyone in; it does not exist in production settings")
        self.settings = settings
        self.issuer = settings.oneid
        found = read_people(settings.data) if people is None else people
        self.people = {person.login: person for person in found}
        self._by_subject = {person.subject: person for person in found}
        self.key = _signing_key(settings.data)

    def person(self, login: str) -> DemoPerson:
        """Return the person of that login. Raises UnknownPersonError."""
        try:
            return self.people[login]
        except KeyError:
            logins = ", ".join(list(self.people)[:20])
            raise UnknownPersonError(f"nobody has the login {login!r}; there are {logins}") from None

    def mint(self, login: str, lifetime_s: int = TOKEN_LIFETIME_S) -> str:
        """Return an access token of that person, valid for `lifetime_s` seconds. Raises UnknownPersonError."""
        return self.access_token(self.person(login), lifetime_s)

    def access_token(self, person: DemoPerson, lifetime_s: int = TOKEN_LIFETIME_S) -> str:
        """Return an access token (RFC 9068): members get the members' audience, staff the admin one and their roles."""
        audience = self.settings.audience("members" if person.kind == "member" else "admin")
        now = int(WALL.unix_s())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": person.subject,
            "aud": audience,
            "client_id": self.settings.oneid_client_id,
            "iat": now,
            "exp": now + lifetime_s,
            "jti": secrets.token_urlsafe(16),
            "scope": "openid profile",
        }
        if person.kind == "staff":
            claims["roles"] = list(person.roles)
        return jwt.encode({"alg": _ALGORITHM, "kid": self.key.kid, "typ": "at+jwt"}, claims, self.key)

    def userinfo(self, access_token: str) -> dict[str, Any] | None:
        """Return the claims about the token's person, or None for an invalid token."""
        try:
            token = verify_jwt(access_token, self.key, algorithms=[_ALGORITHM])
        except UnreadableError:
            return None
        person = self._by_subject.get(str(token.claims.get("sub")))
        expired = token.claims.get("exp", 0) <= WALL.unix_s()
        return None if person is None or expired or token.header.get("typ") != "at+jwt" else profile(person)

    def keys(self) -> dict[str, Any]:
        """Return the public keys as a JWK set."""
        return dict(KeySet([self.key]).as_dict(private=False))


def profile(person: DemoPerson) -> dict[str, Any]:
    """Return the claims about a person in the ID token and userinfo."""
    claims: dict[str, Any] = {"sub": person.subject, "name": person.name, "preferred_username": person.login}
    if person.kind == "staff":
        claims["roles"] = list(person.roles)
    if person.email:
        claims |= {"email": person.email, "email_verified": True}
    if person.tier:
        claims["tier"] = person.tier
    return claims


def _signing_key(data: Path) -> RSAKey:
    """Return the key of the data folder: stored, so that tokens survive a restart, and readable by its owner only."""
    path = data / KEY_FILE
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        key = RSAKey.generate_key(_KEY_BITS, {"use": "sig", "alg": _ALGORITHM}, private=True, auto_kid=True)
        draft = data / f".{KEY_FILE}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(key.as_dict(private=True)))
        try:
            os.link(draft, path)  # unlike a rename it never replaces the key that another process has just created
        except FileExistsError:
            pass  # use that process's key: it is read below
        finally:
            draft.unlink()
    return RSAKey.import_key(msgspec.json.decode(path.read_bytes()))
