"""Addresses that lead nowhere but to a page of ours."""

import re

_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_MAX_PATH = 2000


def local_path(path: str | None) -> str:
    r"""Return the path if it leads nowhere but to a page of ours, else `/`.

    `//host`, `/\host`, schemes, control characters and spaces are what open redirects are made of.
    """
    if path is None or len(path) > _MAX_PATH or not _LOCAL_PATH.fullmatch(path) or path.startswith("/auth/"):
        return "/"
    return path
