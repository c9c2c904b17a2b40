"""What a cluster's files grew by is handed to the disk once."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest
import structlog.testing

from marketplace.platform.writeback import Writeback

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the call")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    database = tmp_path / "base" / "5"
    database.mkdir(parents=True)
    (database / "16384").write_bytes(bytes(8192))
    return database / "16384"


def _grow(file: Path) -> None:
    before = file.stat().st_mtime_ns
    with file.open("ab") as end:
        end.write(bytes(8192))
    os.utime(file, ns=(before + 1, before + 1))  # where clocks are coarse, too


def test_only_what_was_written_since_the_last_time_is_handed_over(tmp_path: Path, table: Path) -> None:
    writeback = Writeback(tmp_path)
    assert writeback.hand_over() == 0  # it was there before
    _grow(table)
    (table.parent / "16385").write_bytes(bytes(8192))
    assert writeback.hand_over() == 2
    assert writeback.hand_over() == 0


def test_tables_and_databases_come_and_go(tmp_path: Path, table: Path) -> None:
    writeback = Writeback(tmp_path)
    other = tmp_path / "base" / "6"
    other.mkdir()
    (other / "16384").write_bytes(b"x")
    assert writeback.hand_over() == 1
    (other / "16384").unlink()
    other.rmdir()
    assert writeback.hand_over() == 0
    assert writeback._seen.keys() == {str(table)}
    assert Writeback(tmp_path / "nowhere").hand_over() == 0


def test_a_file_that_goes_between_the_look_and_the_call_is_no_error(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writeback = Writeback(tmp_path)
    _grow(table)
    look = Writeback._is_changed

    def vanishing(self: Writeback, path: str) -> bool:
        found = look(self, path)
        table.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Writeback, "_is_changed", vanishing)
    assert writeback.hand_over() == 0


def test_of_many_files_each_has_its_turn_and_what_is_written_to_has_it_each_time(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.platform.writeback._BESIDE", 4)
    for number in range(20):
        (table.parent / f"2{number:04}").write_bytes(b"x")
    writeback = Writeback(tmp_path)
    _grow(table)
    _grow(table.parent / "20007")
    assert sum(writeback.hand_over() for _ in range(6)) == 2
    for _ in range(3):
        _grow(table)
        assert writeback.hand_over() == 1


def test_a_kernel_that_refuses_is_told_once_and_asked_no_more(tmp_path: Path, table: Path) -> None:
    writeback = Writeback(tmp_path)
    asked = []
    write = writeback._write
    assert write is not None

    def refused(_: int, *rest: int) -> int:
        asked.append(rest)
        return write(-1, *rest)  # the kernel's own refusal

    writeback._write = refused
    for said in ["writeback_given_up"], []:
        _grow(table)
        with structlog.testing.capture_logs() as told:
            assert writeback.hand_over() == 0
        assert [line["event"] for line in told] == said
    assert len(asked) == 1


def test_it_goes_on_behind_everybody_else_while_the_cluster_is_ours(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.platform.writeback.EVERY_S", 0.01)
    done, ours, looks, before = threading.Event(), threading.Event(), [], os.getpriority(os.PRIO_PROCESS, 0)
    writeback = Writeback(tmp_path)

    def hand_over(self: Writeback) -> int:
        looks.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        if len(looks) == 1:
            raise RuntimeError("the first look fails")
        return 0

    monkeypatch.setattr(Writeback, "hand_over", hand_over)
    thread = threading.Thread(target=writeback.keep_handing_over, args=(done, ours.is_set))
    thread.start()
    time.sleep(0.1)
    assert not looks, "another process keeps the cluster"
    ours.set()
    while len(looks) < 3 and thread.is_alive():
        time.sleep(0.01)
    done.set()
    thread.join()
    assert set(looks) == {19}
    assert os.getpriority(os.PRIO_PROCESS, 0) == before, "the others stay where they were"
