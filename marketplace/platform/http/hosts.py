"""Which Host a request must name: exactly one, and ours (RFC 9110 §7.2, RFC 9112 §3.2).

Responses are cached, linked and trusted by their host. Two servers that read two Host fields differently, or a name that leads to
us without our knowledge (DNS rebinding), must not matter.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from marketplace.settings import Settings

_HOST = re.compile(rb"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_FOR_MACHINES = ("/health/", "/metrics")
"""Requested by load balancers and scrapers by the machine's address; nothing there depends on a host."""

_PORTS = {"https": b"443", "http": b"80"}

HostVerdict = Literal["good", "malformed", "elsewhere"]


class Hosts:
    """The accepted hosts."""

    def __init__(self, settings: Settings) -> None:
        """Accept the base URL's host. If that is this machine, accept all of the machine's local names, at any port.

        A demo that listens on all addresses (0.0.0.0) has no name of its own and accepts any.
        """
        parts = urlsplit(settings.base_url)
        name = (parts.hostname or "").encode()
        default = _PORTS.get(parts.scheme, b"")
        port = default if parts.port is None else b"%d" % parts.port
        written = b"[%b]" % name if b":" in name else name
        self._here = _is_loopback(written)
        self._any = settings.mode != "production" and name in {b"0.0.0.0", b"::"}
        self._good = {written + b":" + port} | ({written} if port == default else set())

    def judge(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> HostVerdict:
        """Return whether a request has exactly one Host, and whether it is ours."""
        sent = [value for name, value in headers if name == b"host"]
        if len(sent) != 1:
            return "malformed"
        (host,) = sent
        if host in self._good:
            return "good"
        found = _HOST.fullmatch(host)
        if found is None:
            return "malformed"
        if path.startswith(_FOR_MACHINES) or self._any or host.lower() in self._good:
            return "good"
        return "good" if self._here and _is_loopback(found["name"].lower()) else "elsewhere"


def is_this_machine(host: bytes) -> bool:
    """Return whether a Host means the machine itself on every machine, such as localhost."""
    found = _HOST.fullmatch(host)
    return found is not None and _is_loopback(found["name"].lower())


def _is_loopback(name: bytes) -> bool:
    if name == b"localhost":
        return True
    try:
        return ipaddress.ip_address(name.decode().strip("[]")).is_loopback
    except ValueError:
        return False
