"""`demo.json`: the demo's address, and the people to sign in as."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from marketplace.demo.oneid import DemoPerson
from marketplace.platform.runtime.commands import DEMO_FILE
from marketplace.settings import Settings, load_process

SECRET_FILE = "secret.key"  # noqa: S105 - a file's name

MEMBERS_FILE = "members.json"
"""The members' ONE ID subjects, nothing else of them."""


class DemoClient(msgspec.Struct, frozen=True):
    """An OAuth client of the demo, with its secret in the clear: it works with the demo only."""

    name: str
    client_id: str
    client_secret: str


class PersonLine(msgspec.Struct, frozen=True):
    """A person to sign in as."""

    login: str
    name: str
    kind: str
    roles: list[str]


class PortalPerson(msgspec.Struct, frozen=True):
    """A person of a demo partner, for the partner portal; password and second factor work with the demo only."""

    partner: str
    email: str
    roles: list[str]
    password: str
    second_factor: str
    """The secret of the authenticator app in Base32; `marketplace portal-code` shows its present code."""


class Demo(msgspec.Struct, frozen=True):
    """The content of `demo.json`."""

    base_url: str
    partners: list[DemoClient]
    oem_system: DemoClient
    people: list[PersonLine]
    portal: list[PortalPerson] = []


def read_demo(folder: Path) -> Demo:
    """Return the content of the folder's `demo.json`. Raises FileNotFoundError with what to do."""
    path = folder / DEMO_FILE
    if not path.exists():
        raise FileNotFoundError(f"there is no demo in {folder.resolve()}; run `marketplace demo --data {folder}` first")
    return msgspec.json.decode(path.read_bytes(), type=Demo)


def write_demo(folder: Path, demo: Demo) -> None:
    """Write `demo.json`, readable by its owner only, atomically."""
    _write(folder / DEMO_FILE, msgspec.json.format(msgspec.json.encode(demo), indent=2))


def read_members(folder: Path) -> list[str]:
    """Return the ONE ID subjects of all the demo's members. Raises FileNotFoundError."""
    return msgspec.json.decode((folder / MEMBERS_FILE).read_bytes(), type=list[str])


def write_members(folder: Path, subjects: Sequence[str]) -> None:
    """Write the members' subjects, for programs that act as many of them at once (`marketplace simulate`)."""
    _write(folder / MEMBERS_FILE, msgspec.json.encode(subjects))


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)


def people_lines(people: Sequence[DemoPerson]) -> list[PersonLine]:
    """Return the people as `demo.json` lists them."""
    return [PersonLine(person.login, person.name, person.kind, list(person.roles)) for person in people]


def demo_settings(folder: Path, base_url: str) -> Settings:
    """Return the settings of the demo in the folder; its secret is generated the first time. Raises SettingsError."""
    environment: dict[str, str] = {name: value for name, value in os.environ.items() if name != "MARKETPLACE_MODE"}
    overrides: dict[str, Any] = {"mode": "demo", "data": folder, "base_url": base_url, "oneid_issuer": ""}
    if not environment.get("MARKETPLACE_SECRET_KEY"):
        overrides["secret_key"] = _secret(folder)
    if not environment.get("MARKETPLACE_OUTBOUND_ALLOW"):
        # Webhooks are tried out on the same machine. No other mode allows it by default.
        overrides["outbound_allow"] = "127.0.0.0/8,::1/128"
    if not environment.get("MARKETPLACE_LOG_LEVEL"):
        overrides["log_level"] = "warning"
    if not environment.get("MARKETPLACE_LOG_FORMAT"):
        overrides["log_format"] = "console"
    return load_process(environment, **overrides)


def _secret(folder: Path) -> str:
    path = folder / SECRET_FILE
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    return path.read_text().strip()
