"""`marketplace demo` as a newcomer starts it: a process of its own, stopped by Ctrl-C, started again on the same folder."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

pytestmark = pytest.mark.xdist_group("demo")

COMMAND = [sys.executable, "-c", "from marketplace.cli import main; main()"]
FIRST_S, AGAIN_S, STOP_S = 60, 10, 10


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("MARKETPLACE_", "DATABASE_URL"))}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=_environment(), capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def _demo(folder: Path, port: int, within_s: float) -> Iterator[httpx.Client]:
    """Give a client of the running demo; leaving sends Ctrl-C to its process group, as a terminal does."""
    started = time.monotonic()
    with (folder.parent / "demo.log").open("a+") as log:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--port", str(port), "--data", str(folder)],
            env=_environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
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


def _token(folder: Path, login: str) -> dict[str, str]:
    printed = _run("token", "--as", login, "--data", str(folder))
    assert printed.returncode == 0, printed.stderr
    return {"Authorization": f"Bearer {printed.stdout.strip()}"}


@pytest.mark.timeout(150)
def test_start_use_stop_start_again(tmp_path: Path) -> None:
    """Ready within a minute with everything adding up; a redemption is still there after a restart within ten seconds."""
    folder, port = tmp_path / "data", _free_port()
    with _demo(folder, port, FIRST_S) as client:
        _check_manifest(folder, port)
        member = _token(folder, "lin")
        before = client.get("/v1/me", headers=member).json()["points"]["balance"]
        found = client.get("/v1/offers", params={"q": "酒店", "limit": 20}, headers=member).json()["data"]
        offer = min(found, key=lambda offer: offer["price"]["points"])
        wish = {"offer_id": offer["id"], "quantity": 1}
        redeemed = client.post("/v1/redemptions", json=wish, headers=member | {"Idempotency-Key": uuid4().hex})
        assert redeemed.status_code == 201, redeemed.text
        assert client.get(f"/offers/{offer['id']}/image.svg").text.startswith("<svg")
        holds = client.get("/v1/admin/invariants", headers=_token(folder, "ops")).json()
        assert holds["holds"], holds
        _check_refusals(folder, port)
        simulated = _run("simulate", "--data", str(folder), "--redemptions", "100", "--connections", "8")
        assert simulated.returncode == 0, simulated.stderr
        assert "100 answers" in simulated.stdout
        assert "201 issued" in simulated.stdout
    silent = _run("simulate", "--data", str(folder), "--redemptions", "1")
    assert silent.returncode == 1
    assert "does not answer" in silent.stderr
    with _demo(folder, port, AGAIN_S) as client:
        me = client.get("/v1/me", headers=member).json()
        assert me["points"]["balance"] == before - redeemed.json()["points"]


def _check_manifest(folder: Path, port: int) -> None:
    """demo.json has the agreed shape, and only its owner can read it."""
    path = folder / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = json.loads(path.read_text())
    assert told["base_url"] == f"http://127.0.0.1:{port}"
    assert len(told["partners"]) >= 34
    assert all(client.keys() == {"name", "client_id", "client_secret"} for client in told["partners"])
    assert told["oem_system"].keys() == {"name", "client_id", "client_secret"}
    assert all(person.keys() == {"login", "name", "kind", "roles"} for person in told["people"])
    token = httpx.post(
        f"{told['base_url']}/oauth/token",
        auth=(told["partners"][0]["client_id"], told["partners"][0]["client_secret"]),
        data={"grant_type": "client_credentials"},
        trust_env=False,
    )
    assert token.status_code == 200, token.text


def _check_refusals(folder: Path, port: int) -> None:
    """A taken port, a folder in use, nobody of that name: one line each."""
    taken = _run("demo", "--port", str(port), "--data", str(folder.parent / "other"))
    assert taken.returncode == 1
    assert f"port {port}" in taken.stderr
    busy = _run("demo", "--port", str(_free_port()), "--data", str(folder))
    assert busy.returncode == 1
    assert "already runs" in busy.stderr
    nobody = _run("token", "--as", "nobody", "--data", str(folder))
    assert nobody.returncode == 1
    assert all("Traceback" not in one.stderr for one in (taken, busy, nobody))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_while_it_starts_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    """Half way through the seed: it stops cleanly with its PostgreSQL, and no demo.json claims that it was finished."""
    folder, log = tmp_path / "data", tmp_path / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--port", str(_free_port()), "--data", str(folder)],
            env=_environment(), stdout=written, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while "25/100" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        os.killpg(process.pid, number)
        assert process.wait(STOP_S) == 0
    assert "Traceback" not in log.read_text()
    assert not (folder / "demo.json").exists()
    assert not (folder / "postgres" / "postmaster.pid").exists()
