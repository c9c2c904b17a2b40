"""A partner's sandbox: a second application on a database of its own, with a clock that can be moved."""
