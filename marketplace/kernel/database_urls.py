"""Which database URLs the program accepts."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

TAKEN = frozenset(
    [
        "host",
        "port",
        "user",
        "password",
        "passfile",
        "sslmode",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslrootcert",
        "sslcrl",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "target_session_attrs",
        "krbsrvname",
        "gsslib",
    ]
)
"""The query parameters that are accepted: how the server is reached (asyncpg's connection parameters)."""


_NONE = "is not a URL such as postgresql://user:password@host:5432/database"
_HOST = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"/[^/]+")
"""The path names the database: sandboxes' databases are named after it."""


def complaint(url: str) -> str | None:
    """Return what is wrong with a database URL, as a sentence without its subject, or None.

    asyncpg turns any parameter that it does not know into a setting of each session. The program has its own settings, and some
    parameters break it silently: with a `search_path`, jobs and migrations create their tables where the program does not look.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        return "must begin with postgresql://"
    try:
        parts = urlsplit(url)
        query = parts.query
    except ValueError:
        return _NONE
    hosts = parts.netloc.rpartition("@")[2].split(",")  # several hosts, of which one is the primary
    if not all(map(_is_host, hosts)) or not _NAME.fullmatch(parts.path):
        return _NONE
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if name not in TAKEN:
            return f"must not set {name!r}: the program configures its sessions itself; remove it from the query"
    return None


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(unquote(text))
    return found is not None and 0 < int(found["port"] or 5432) < 2**16
