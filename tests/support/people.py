"""People of partners for tests: rows of `partner_staff`, and a sign-in that believes what the test says.

The product's own sign-in is tested where it lives; here it is enough that somebody is there, or nobody.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.kernel.ids import uuid7
from partners.roles import SignedIn, StaffRole
from partners.services import PartnersServices
from tests.support import today
from tests.support.app import Api
from tests.support.today import sql_now

_INSERT = f"""
INSERT INTO partner_staff (id, partner_id, email, name, roles, status, version, provider_subject, created_at, created_by,
    changed_at)
VALUES ($1, $2, $3, $4, $5, 'active', 1, $3, {sql_now()}, 'test', {sql_now()})
"""


class SignIns:
    """Stands where the product's sign-in stands: `person` is who is signed in."""

    person: SignedIn | None = None

    async def current(self, request: Any) -> SignedIn | None:
        """Return who is signed in."""
        return self.person


class People:
    """The people of a test."""

    def __init__(self, api: Api, dsn: str) -> None:
        """Take the sign-in's place in the application."""
        self.sign_ins = SignIns()
        self._dsn = dsn
        replace(PartnersServices.of(api.app), sign_in=self.sign_ins).provide(api.app)

    async def join(self, partner_id: str, *roles: str, name: str = "王敏") -> SignedIn:
        """Return a person of the partner, signed in from here on."""
        identifier = uuid7()
        connection = await asyncpg.connect(self._dsn)
        try:
            email = f"{identifier.hex[-12:]}@example.com"
            await connection.execute(_INSERT, identifier, UUID(partner_id), email, name, list(roles or ("owner",)))
        finally:
            await connection.close()
        self.sign_ins.person = SignedIn(
            staff_id=identifier,
            partner_id=UUID(partner_id),
            name=name,
            roles=frozenset(StaffRole(role) for role in roles or ("owner",)),
            session_id=uuid7(),
            signed_in_at=today.now(),
        )
        return self.sign_ins.person

    async def change(self, person: SignedIn, **columns: Any) -> None:
        """Change columns of the person's row, as another process would."""
        connection = await asyncpg.connect(self._dsn)
        try:
            for column, value in columns.items():
                # Who is not active proves nothing to anybody: a check of the table says so.
                more = ", provider_subject = NULL" if column == "status" else ""
                await connection.execute(
                    f"UPDATE partner_staff SET {column} = $2{more} WHERE id = $1", person.staff_id, value
                )
        finally:
            await connection.close()
