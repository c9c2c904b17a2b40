"""What an operator can put right: a setting, a port, a folder, a database. The command line shows it as one line."""


class OperatorError(Exception):
    """The message says in one line what is wrong and what to do."""


class TryAgainError(RuntimeError):
    """What was loaded is not enough to decide with, and another load will be: the batch is undone and taken again."""
