"""The load generator at a given rate: requests are due at even intervals, independent of the responses.

It wakes when a request is due and then reads what was answered meanwhile, instead of waking for each answer, too: that halves
what it takes from two processors that the server and PostgreSQL need. A time may come out longer by an interval, never shorter.
"""

import math
import selectors
import socket
import time
from array import array
from collections import Counter, deque

import psutil

from tests.bench.plan import WINDOW_S, Measured, Plan, Requests, measured, quiet_windows, whole_answer

_LONGEST_S = 0.002  # of sleep: what was answered is looked for at least as often
_LOOK_S = 0.1
_PATIENCE_S = 30.0
_MOST = 1 << 18


class _Connection:
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("due", "got", "requests", "socket")

    def __init__(self, port: int, requests: Requests) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.requests = requests
        self.due = 0.0
        self.got = b""

    def ask(self, due: float) -> None:
        """Send the next request, whose time counts from when it was due."""
        self.due = due
        request = next(self.requests)
        if self.socket.send(request) != len(request):
            raise RuntimeError("a request does not fit into the socket's buffer")

    def read(self) -> bytes | None:
        """Return the status of an answer that has come whole, or None. Raises ConnectionError if the server hung up."""
        data = self.socket.recv(_MOST)
        if not data:
            raise ConnectionError
        self.got += data
        answer = whole_answer(self.got)
        if answer is None:
            return None
        self.got = b""
        return answer[0]


class _Run:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        makers = plan.script.connections()
        self.selector = selectors.DefaultSelector()
        self.free: deque[_Connection] = deque()
        for _ in range(plan.connections):
            made = _Connection(plan.port, next(makers))
            self.selector.register(made.socket, selectors.EVENT_READ, made)
            self.free.append(made)
        self.plan = plan
        self.step = 1 / plan.rate
        self.late: deque[float] = deque()
        self.statuses: Counter[bytes] = Counter()
        self.times, self.dues = array("d"), array("d")
        self.lost = self.under_way = 0
        self.due = time.perf_counter()
        self.begin = self.due + plan.warmup
        self.end = self.begin + plan.seconds
        self.marks = [(self.due, _stolen())]

    def run(self) -> Measured:
        """Ask as planned, wait for what is under way, and return what was measured."""
        used = None
        while (now := time.perf_counter()) < self.end or (self.under_way and now < self.end + _PATIENCE_S):
            if used is None and now >= self.begin:
                used = time.process_time()
            if now - self.marks[-1][0] >= _LOOK_S:
                self.marks.append((now, _stolen()))
            for key, _ in self.selector.select(0):
                self._read(key.data)
            self._ask()
            rest = self.due - time.perf_counter() if self.due < self.end else _LONGEST_S
            time.sleep(max(0.0, min(rest, _LONGEST_S)))
        cpu = (time.process_time() - (used or 0.0)) / self.plan.seconds
        self.marks.append((time.perf_counter(), _stolen()))
        for key in self.selector.get_map().values():
            key.data.socket.close()
        self.selector.close()
        return self._measured(cpu)

    def _read(self, connection: _Connection) -> None:
        try:
            status = connection.read()
        except ConnectionError:
            self._gone(connection)
            return
        if status is None:
            return
        self.statuses[status] += 1
        if connection.due >= self.begin:
            self.times.append(time.perf_counter() - connection.due)
            self.dues.append(connection.due)
        if self.late:
            connection.ask(self.late.popleft())
        else:
            self.under_way -= 1
            self.free.append(connection)

    def _gone(self, connection: _Connection) -> None:
        """Do without a connection that was lost."""
        self.selector.unregister(connection.socket)
        connection.socket.close()
        if connection in self.free:
            self.free.remove(connection)
        else:
            self.under_way -= 1
            self.lost += 1

    def _ask(self) -> None:
        """Send what is due by now."""
        now = min(time.perf_counter(), self.end)
        while self.due < now:
            if self.free:
                self.under_way += 1
                self.free.popleft().ask(self.due)  # all take turns: the server cuts off who never asks
            else:
                self.late.append(self.due)
            self.due += self.step

    def _measured(self, cpu: float) -> Measured:
        seconds = self.plan.seconds
        lost = self.lost + self.under_way + len(self.late)
        found = measured(self.times, self.statuses, seconds=seconds, lost=lost, cpu=cpu)
        quiet = quiet_windows(self.marks, self.begin, math.ceil(seconds / WINDOW_S))
        found.windows, found.quiet = len(quiet), sum(quiet)
        found.undisturbed = [
            took * 1000
            for due, took in zip(self.dues, self.times, strict=True)
            if quiet[int((due - self.begin) / WINDOW_S)]
        ]
        return found


def paced(plan: Plan) -> Measured:
    """Ask at the plan's rate and return what was measured."""
    return _Run(plan).run()


def _stolen() -> float:
    """Return how many seconds of the processors' time were not given to this machine; 0 where the system does not say so."""
    return float(getattr(psutil.cpu_times(), "steal", 0.0))
