"""Whether an error says that the database is gone for now."""

import traceback

import asyncpg

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # the driver is told of its end in the middle of a message, and loses count
)
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What ending a transaction raises when its connection is gone."""

_GONE = ("is closed", "is closing", "released back to the pool")


def is_connection_lost(error: BaseException) -> bool:
    """Tell whether the error says that the database, or the connection to it, is gone and may come back by itself."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_connection_lost(part) for part in error.exceptions)
    if isinstance(error, asyncpg.InterfaceError):  # the library's word for misuse, too
        return any(words in str(error) for words in _GONE)
    # A socket that is not there looks like any missing file: only who raised it tells them apart.
    return isinstance(error, _AWAY) or (isinstance(error, OSError) and _raised_by_driver(error))


def _raised_by_driver(error: BaseException) -> bool:
    frames = traceback.walk_tb(error.__traceback__)
    return any(str(frame.f_globals.get("__name__", "")).startswith("asyncpg.") for frame, _ in frames)
