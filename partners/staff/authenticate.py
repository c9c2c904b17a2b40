"""Authentication by e-mail address, password and second factor. Each guess is counted before it is checked."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.kernel.refusals import Explanation, Kind, Refusal
from marketplace.kernel.text import Text
from marketplace.platform.postgres.database import DB, UnitOfWork
from marketplace.settings import Settings
from partners.staff.domain import MAY_SIGN_IN, normal_email
from partners.staff.passwords import password_matches
from partners.staff.second_factor import matching_step, open_secret, recovery_hash
from partners.staff.tables import PartnerStaffRow
from partners.staff.throttle import (
    BY_ADDRESS,
    BY_DEVICE,
    BY_EMAIL,
    BY_PERSON,
    BY_PERSON_AND_DEVICE,
    GuessLimit,
    Throttle,
)

_MOST_PARTNERS = 3
"""The maximum number of partners at which one address is tried. People at more sign in by the companies' providers."""


class SignInRefused(Refusal):
    """One message for an unknown address, a wrong password, a disabled person and a terminated partner."""

    kind = Kind.UNAUTHENTICATED
    code = "sign_in_refused"
    zh = "邮箱或密码不正确，或该账号目前不能登录。"
    en = "The e-mail address or the password is wrong, or the account cannot sign in at present."
    explanation = Explanation(
        Text(
            "邮箱或密码不正确，或账号不能登录。",
            "The e-mail address or the password is wrong, or the account cannot sign in.",
        ),
        Text("请核对后重试，或重设密码。", "Check both and try again, or reset the password."),
    )


class CodeRefused(Refusal):
    """The code is wrong, expired or already used."""

    kind = Kind.UNAUTHENTICATED
    code = "code_refused"
    zh = "验证码不正确、已过期或已用过；请等待下一个验证码。"
    en = "The code is wrong, too old, or was used before; wait for the next one."
    explanation = Explanation(
        Text("验证码不正确、已过期或已用过。", "The code is wrong, expired or already used."),
        Text("请等待验证器显示下一个验证码。", "Wait for the authenticator's next code."),
    )


class TooManyGuesses(Refusal):
    """Too many guesses in a short time. Not even a right one is checked."""

    kind = Kind.UNAVAILABLE
    code = "too_many_guesses"
    zh = "尝试次数过多，请 15 分钟后再试。"
    en = "Too many tries; please wait a quarter of an hour."
    explanation = Explanation(
        Text("尝试次数过多，暂时锁定。", "Too many attempts. Signing in is blocked for a while."),
        Text("请 15 分钟后再试。", "Wait a quarter of an hour and try again."),
    )


class Candidate(msgspec.Struct, frozen=True):
    """A person whose password was right. `mark` becomes invalid when the password changes."""

    staff_id: UUID
    mark: str


async def check_password(
    settings: Settings,
    throttle: Throttle,
    email: str,
    password: str,
    address: str,
    now: datetime,
    device: str | None = None,
) -> list[Candidate]:
    """Return the people with this address and password: one for each partner at which the person works.

    `device` is the counter of a browser in which the person signed in before (devices.py).

    Raises SignInRefused, TooManyGuesses. Neither shows whether the address exists.
    """
    email = normal_email(email)
    counted = await _count_password(throttle, email, address, device, now)
    rows = await DB.fetch(
        "SELECT f.id, f.password_hash FROM partner_staff f JOIN partner p ON p.id = f.partner_id"
        " WHERE f.email = $1 AND f.status = 'active' AND f.password_hash IS NOT NULL AND p.status = ANY($2)"
        " AND (NOT f.demo OR $3) ORDER BY f.id LIMIT $4",
        email,
        sorted(MAY_SIGN_IN),
        settings.mode in {"demo", "test"},
        _MOST_PARTNERS,
    )
    found = [
        Candidate(row["id"], _mark(row["password_hash"]))
        for row in rows
        if await password_matches(password, row["password_hash"])
    ]
    if not rows:
        await password_matches(password, None)  # an unknown address takes as long as a wrong password
    if not found:
        raise SignInRefused
    await throttle.forgive(*counted)
    return found


async def _count_password(
    throttle: Throttle, email: str, address: str, device: str | None, now: datetime
) -> tuple[GuessLimit, str]:
    """Count a guess and return its counter, which a right guess resets. Raises TooManyGuesses.

    A right guess from a known browser resets that browser's counter only, so it gives strangers no new guesses.
    """
    if device is not None and await throttle.allows(BY_DEVICE, device, now):
        return BY_DEVICE, device
    # In this order: an internet address above its limit must not use up the e-mail address's guesses as well.
    if not (await throttle.allows(BY_ADDRESS, address, now) and await throttle.allows(BY_EMAIL, email, now)):
        raise TooManyGuesses
    return BY_EMAIL, email


async def count_code(
    throttle: Throttle, candidates: Sequence[Candidate], now: datetime, device: str | None = None
) -> list[tuple[GuessLimit, str]]:
    """Count a guess of the second factor before it is checked; return its counters. Raises TooManyGuesses."""
    counted = []
    for candidate in candidates:
        person, here = str(candidate.staff_id), f"{candidate.staff_id} {device}"
        if device is not None and await throttle.allows(BY_PERSON_AND_DEVICE, here, now):
            counted.append((BY_PERSON_AND_DEVICE, here))
        elif await throttle.allows(BY_PERSON, person, now):
            counted.append((BY_PERSON, person))
        else:
            raise TooManyGuesses
    return counted


async def count_fresh_code(
    throttle: Throttle, staff_id: UUID, now: datetime, device: str | None = None
) -> tuple[GuessLimit, str]:
    """Count a code of a signed-in person who must give a fresh one; return its counter. Raises TooManyGuesses.

    A known browser has a counter of its own, so a thief of the password elsewhere cannot keep the person from changing it.
    """
    person, here = str(staff_id), f"{staff_id} {device}"
    counted = (BY_PERSON, person) if device is None else (BY_PERSON_AND_DEVICE, here)
    if not await throttle.allows(*counted, now):
        raise TooManyGuesses
    return counted


async def check_code(
    work: UnitOfWork, settings: Settings, candidates: Sequence[Candidate], code: str, now: datetime
) -> UUID:
    """Spend a code and return its person. A time step and a recovery code are valid once. Raises CodeRefused.

    A person with one password at several partners is distinguished by the second factor.
    """
    for candidate in sorted(candidates, key=lambda each: each.staff_id):
        row = await work.fetchrow(
            "SELECT f.password_hash, f.totp_sealed FROM partner_staff f JOIN partner p ON p.id = f.partner_id"
            " WHERE f.id = $1 AND f.status = 'active' AND f.totp_sealed IS NOT NULL AND p.status = ANY($2) FOR UPDATE OF f",
            candidate.staff_id,
            sorted(MAY_SIGN_IN),
        )
        if row is None or _mark(row["password_hash"]) != candidate.mark:
            continue
        if await _spend(work, candidate.staff_id, open_secret(settings.keys, row["totp_sealed"]), code, now):
            return candidate.staff_id
    raise CodeRefused


async def spend_code(work: UnitOfWork, settings: Settings, staff_id: UUID, code: str, now: datetime) -> None:
    """Spend a code of a signed-in person, before an action that needs re-authentication. Raises CodeRefused."""
    sealed = await work.fetchval("SELECT totp_sealed FROM partner_staff WHERE id = $1 FOR UPDATE", staff_id)
    if sealed is None or not await _spend(work, staff_id, open_secret(settings.keys, sealed), code, now):
        raise CodeRefused


async def _spend(work: UnitOfWork, staff_id: UUID, secret: bytes, code: str, now: datetime) -> bool:
    step = matching_step(secret, code, now)
    if step is not None:
        row = PartnerStaffRow
        of_app = row.update({row.totp_step: step}).where(row.id == staff_id, row.totp_step < step).returning(row.id)
        return bool(await work.run(of_app))
    spent = await work.fetchval(
        "UPDATE partner_staff SET recovery_hashes = array_remove(recovery_hashes, $2)"
        " WHERE id = $1 AND $2 = ANY(recovery_hashes) RETURNING 1",
        staff_id,
        recovery_hash(code),
    )
    return spent is not None


def _mark(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]
