"""The sign-in address of a company with its own provider: readable, and stable enough to bookmark.

It ends in the last twelve digits of the partner's id. Only these are matched, since a company may change its name.
"""

import re
from typing import Any
from uuid import UUID

import msgspec

from marketplace.kernel.text import Text
from marketplace.platform.http.problems import parse_id
from marketplace.platform.postgres.database import DB, UnitOfWork
from marketplace.settings import Settings
from partners.staff.domain import MAY_SIGN_IN

_BEGIN = "/partner/sign-in/company/"
_TAIL = re.compile(r"[0-9a-f]{12}", re.ASCII)
_MOST_NAME = 40
_FROM = (
    "partner_identity_provider i JOIN partner p ON p.id = i.partner_id AND p.status = ANY($2)"
    " WHERE right(p.id::text, 12) = $1"
)


class Company(msgspec.Struct, frozen=True):
    """A partner whose people sign in by its own provider."""

    partner_id: UUID
    name: Text

    @property
    def path(self) -> str:
        """The path of the company's sign-in page."""
        return f"{_BEGIN}{self.word}"

    @property
    def word(self) -> str:
        """The company's segment of the address, such as `yunqi-hotels-0a1b2c3d4e5f`."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.name.en.lower())[:_MOST_NAME].strip("-")
        return f"{plain or 'company'}-{self.partner_id.hex[-12:]}"


async def company_of(word: str) -> Company | None:
    """Return the company that a segment names, or None. The full id is accepted, too, for old links."""
    identifier = parse_id(word)
    tail = word.rpartition("-")[2] if identifier is None else identifier.hex[-12:]
    if not _TAIL.fullmatch(tail):
        return None
    rows = await DB.fetch(f"SELECT p.id, p.name_zh, p.name_en FROM {_FROM} LIMIT 2", tail, sorted(MAY_SIGN_IN))
    return _company(rows[0]) if len(rows) == 1 else None


async def companies_at(work: UnitOfWork, email: str) -> list[tuple[str, Company]]:
    """Return (name, company) for the people with that address whose company has a provider."""
    rows = await work.fetch(
        "SELECT f.name, p.id, p.name_zh, p.name_en FROM partner_staff f JOIN partner p ON p.id = f.partner_id"
        " JOIN partner_identity_provider i ON i.partner_id = p.id"
        " WHERE f.email = $1 AND f.status <> 'disabled' AND p.status = ANY($2) ORDER BY f.id LIMIT 10",
        email,
        sorted(MAY_SIGN_IN),
    )
    return [(row["name"], _company(row)) for row in rows]


def sign_in_address(settings: Settings, company: Company) -> str:
    """Return the absolute address."""
    return f"{settings.base_url}{company.path}"


def _company(row: Any) -> Company:
    return Company(row["id"], Text(row["name_zh"], row["name_en"]))
