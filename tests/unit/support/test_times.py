"""The check that only `Clock` tells the time finds what it is for."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.times import complaints

ROOT = Path(__file__).parents[3]

ASKING = [
    'X = "DELETE FROM a WHERE at < now()"',
    'X = f"DELETE FROM {table} WHERE at < NOW( )"',
    'X = "SELECT clock_timestamp()"',
    'X = "SELECT * FROM a WHERE day = CURRENT_DATE"',
    'X = "SELECT localtimestamp"',
    "X = \"SELECT 'now'::timestamptz\"",
    "X = \"SELECT timestamptz 'today'\"",
    'X = "SELECT age(t.born)"',
    'X = "SELECT age(coalesce(t.born, $1))"',
    "X = \"SELECT cast('today' AS date)\"",
    "X = \"SELECT timestamptz('now')\"",
    "X = \"INSERT INTO a VALUES ('now', $1)\"",
]

CALLING = [
    "import time\nX = time.time()",
    "from time import time\nX = time()",
    "import time\nX = time.time_ns()",
    "from datetime import UTC, datetime\nX = datetime.now(UTC)",
    "import datetime as d\nX = d.datetime.now(d.UTC)",
    "from datetime import date\nX = date.today()",
    "import time\nX = time.clock_gettime(time.CLOCK_REALTIME)",
    "import time\nX = time.asctime()",
    "from uuid import uuid1\nX = uuid1()",
    "from piccolo.columns.defaults.date import DateNow\nX = DateNow()",
    "from piccolo.columns.defaults.timestamptz import TimestamptzOffset\nX = TimestamptzOffset(days=1)",
]


@pytest.mark.parametrize("text", ASKING)
def test_a_statement_that_asks_for_the_time_is_found(text: str) -> None:
    assert len(list(complaints(Path("partners/a.py"), text))) == 1


def test_parameters_words_and_the_named_places_pass() -> None:
    calls = "known(a, b) AND age(b, coalesce(c, d)) > e AND word = 'nowhere'"
    text = f'"""Says now() in words."""\nX = "DELETE FROM a WHERE at < $1 AND {calls}"'
    assert list(complaints(Path("partners/a.py"), text)) == []
    assert list(complaints(Path("marketplace/a.py"), 'X = {"Factory", "localtime"}')) == [], "a zone's name"
    assert list(complaints(Path("marketplace/platform/postgres/database_time.py"), ASKING[2])) == []
    assert list(complaints(Path("partners/migrations/a.py"), ASKING[0])) == []


@pytest.mark.parametrize("text", CALLING)
def test_a_call_that_asks_the_machine_is_banned(text: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", "partners/a.py", "-"]
    found = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 1, found.stderr
    assert "only Clock tells the time" in found.stdout
