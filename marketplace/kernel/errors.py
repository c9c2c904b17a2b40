"""Errors that an operator can fix: a setting, a port, a folder, a database. The command line prints them as one line."""


class OperatorError(Exception):
    """The message says in one line what is wrong and what to do."""


class TryAgainError(RuntimeError):
    """Roll back and retry: the loaded data was stale."""
