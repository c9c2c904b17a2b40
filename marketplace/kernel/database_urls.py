"""Which addresses of databases the program takes."""

from urllib.parse import parse_qsl, urlsplit

TAKEN = frozenset(
    [
        "host",
        "port",
        "user",
        "password",
        "passfile",
        "dbname",
        "database",
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
"""What may stand behind the question mark: how the server is reached (asyncpg's connection parameters)."""


def complaint(url: str) -> str | None:
    """Return what is wrong with a database's address, as a sentence without its subject, or None.

    Whatever asyncpg does not know as a connection parameter becomes a setting of each session. The program has its own, and some
    break it without a word: with a `search_path`, jobs and migrations make their tables elsewhere than the program looks.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        return "must begin with postgresql://"
    try:
        query = urlsplit(url).query
    except ValueError:
        return "is no address such as postgresql://user:password@host:5432/database"
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if name not in TAKEN:
            return f"must not set {name!r}: the program sets its sessions up itself; remove it behind the question mark"
    return None
