"""Which errors say that the database connection is lost for now."""

import traceback

import asyncpg

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # the driver loses its state when the connection ends in the middle of a message
)
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What ending a transaction raises if its connection is lost."""

_GONE = ("is closed", "is closing", "released back to the pool")


def is_connection_lost(error: BaseException) -> bool:
    """Return whether the database, or the connection to it, is lost and may come back by itself."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_connection_lost(part) for part in error.exceptions)
    if isinstance(error, asyncpg.InterfaceError):  # the library also raises it for misuse
        return any(words in str(error) for words in _GONE)
    # A missing socket looks like any missing file: only the place that raised it tells them apart.
    return isinstance(error, _AWAY) or (isinstance(error, OSError) and _raised_by_driver(error))


def _raised_by_driver(error: BaseException) -> bool:
    frames = traceback.walk_tb(error.__traceback__)
    return any(str(frame.f_globals.get("__name__", "")).startswith("asyncpg.") for frame, _ in frames)
