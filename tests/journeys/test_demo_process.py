"""`marketplace demo` as a newcomer starts it: a process of its own, stopped by Ctrl-C, started again on the same folder."""

import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from marketplace.demo.manifest import demo_settings
from marketplace.demo.oneid import OneId
from tests.support.processes import COMMAND, environment, free_port, postmaster

pytestmark = pytest.mark.xdist_group("demo")

FIRST_S, AGAIN_S, STOP_S = 120, 30, 15
"""Twice and more what a machine needs that has nothing else to do (20, 5 and 1 s): the suite keeps both cores busy."""


def _run(*commands: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """Run the commands side by side and return status, output and errors of each."""
    running = [
        subprocess.Popen(
            [*COMMAND, *command], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    reported = [process.communicate(timeout=60) for process in running]
    return [(process.returncode, *texts) for process, texts in zip(running, reported, strict=True)]


@contextmanager
def _demo(folder: Path, port: int, within_s: float) -> Iterator[httpx.Client]:
    """Give a client of the running demo; leaving sends Ctrl-C to its process group, as a terminal does."""
    started = time.monotonic()
    with (folder.parent / "demo.log").open("a+") as log:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--port", str(port), "--data", str(folder)],
            env=environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
                while not _ready(client):
                    assert process.poll() is None, (folder.parent / "demo.log").read_text()
                    assert time.monotonic() - started < within_s, "not ready in time"
                    time.sleep(0.1)
                yield client
        finally:
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(STOP_S) == 0
    assert not (folder / "postgres" / "postmaster.pid").exists(), "its PostgreSQL has stopped with it"


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.strip()}"}


@pytest.mark.timeout(240)
def test_start_use_stop_start_again(tmp_path: Path) -> None:
    """Ready with everything adding up, and a redemption is still there after a restart."""
    folder, port = tmp_path / "data", free_port()
    with _demo(folder, port, FIRST_S) as client:
        _check_manifest(folder, port)
        ((status, printed, _),) = _run(("token", "--as", "lin", "--data", str(folder)))
        assert status == 0
        member = _bearer(printed)
        before = client.get("/v1/me", headers=member).json()["points"]["balance"]
        found = client.get("/v1/offers", params={"q": "酒店", "limit": 20}, headers=member).json()["data"]
        offer = min(found, key=lambda offer: offer["price"]["points"])
        wanted = {"offer_id": offer["id"], "quantity": 1}
        redeemed = client.post("/v1/redemptions", json=wanted, headers=member | {"Idempotency-Key": uuid4().hex})
        assert redeemed.status_code == 201, redeemed.text
        assert client.get(f"/offers/{offer['id']}/image.svg").text.startswith("<svg")
        oneid = OneId(demo_settings(folder, f"http://127.0.0.1:{port}"))
        holds = client.post("/v1/admin/invariants/check", headers=_bearer(oneid.mint("ops"))).json()
        assert holds["holds"], holds
        assert all(one["last_true"] for one in holds["invariants"]), holds
        _check_commands(folder, port)
        _kill_postgres(folder, client)
        assert client.get("/v1/me", headers=member).status_code == 200
    ((status, _, reported),) = _run(("simulate", "--data", str(folder), "--redemptions", "1"))
    assert status == 1
    assert "does not respond" in reported
    with _demo(folder, port, AGAIN_S) as client:
        me = client.get("/v1/me", headers=member).json()
        assert me["points"]["balance"] == before - redeemed.json()["points"]


def _check_manifest(folder: Path, port: int) -> None:
    """demo.json has the agreed shape, and only its owner can read it."""
    path = folder / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    reported = json.loads(path.read_text())
    assert reported["base_url"] == f"http://127.0.0.1:{port}"
    assert len(reported["partners"]) >= 34
    assert all(client.keys() == {"name", "client_id", "client_secret"} for client in reported["partners"])
    assert reported["oem_system"].keys() == {"name", "client_id", "client_secret"}
    assert all(person.keys() == {"login", "name", "kind", "roles"} for person in reported["people"])
    token = httpx.post(
        f"{reported['base_url']}/oauth/token",
        auth=(reported["partners"][0]["client_id"], reported["partners"][0]["client_secret"]),
        data={"grant_type": "client_credentials"},
        trust_env=False,
    )
    assert token.status_code == 200, token.text


def _check_commands(folder: Path, port: int) -> None:
    """Many members at once; and a taken port, a folder in use, nobody of that name: one line each."""
    data = ("--data", str(folder))
    simulated, taken, busy, nobody = _run(
        ("simulate", *data, "--redemptions", "100", "--connections", "8"),
        ("demo", "--port", str(port), "--data", str(folder.parent / "other")),
        ("demo", "--port", str(free_port()), *data),
        ("token", "--as", "nobody", *data),
    )
    assert simulated[0] == 0, simulated[2]
    assert "100 responses" in simulated[1]
    assert "201 issued" in simulated[1]
    for (status, _, reported), words in (
        (taken, f"port {port}"),
        (busy, "already runs"),
        (nobody, "nobody has the login"),
    ):
        assert status == 1
        assert words in reported
        assert "Traceback" not in reported


def _kill_postgres(folder: Path, client: httpx.Client) -> None:
    """It is not ready, and within ten seconds ready again, by itself."""
    os.kill(postmaster(folder), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _ready(client):
        assert time.monotonic() < deadline, "it does not notice"
    while not _ready(client):
        assert time.monotonic() < deadline, "not back in time"
        time.sleep(0.02)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_while_it_starts_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    """Half way through the seed: it stops cleanly with its PostgreSQL, and no demo.json claims that it was finished."""
    folder, log = tmp_path / "data", tmp_path / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--port", str(free_port()), "--data", str(folder)],
            env=environment(), stdout=written, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while "25/100" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        os.killpg(process.pid, number)
        assert process.wait(STOP_S) == 0, log.read_text()
    assert "Traceback" not in log.read_text()
    assert not (folder / "demo.json").exists()
    assert not (folder / "postgres" / "postmaster.pid").exists()
