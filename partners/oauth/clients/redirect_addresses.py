"""Redirect URIs: which may be registered, and when a request's URI matches a registered one. Pure.

URIs are compared byte for byte (RFC 9700 §4.1.3): two parsers could normalise differently. The one exception is the port of a
native application on the loopback interface, which it only knows at run time (RFC 8252 §7.3).
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from marketplace.kernel.refusals import InvalidField
from partners.oauth.domain import ApplicationType

MAX_URIS = 10
MAX_URI = 500

# Visible ASCII without what browsers and parsers read differently: quotes, angle brackets, backslash, caret, backtick, braces.
_LETTERS = re.compile(r"[!#$%&()*+,\-./0-9:;=?@A-Z\[\]_a-z~']+")
_HTTPS = re.compile(r"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?/[^#*]*")
_LOOPBACK = re.compile(r"(?P<host>http://(?:127\.0\.0\.1|\[::1\]))(?P<port>:[1-9][0-9]{0,4})?(?P<path>/[^#*]*)")
# A private-use scheme is a reversed domain name that the application's owner controls (RFC 8252 §7.1).
_PRIVATE = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:/[^/#*][^#*]*")
_DOTS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)
_ENCODED = re.compile(r"%(?:2f|5c|00|0a|0d|23|40)", re.IGNORECASE)


def is_good(uri: str, application: ApplicationType) -> bool:
    """Return whether the address may be registered."""
    if len(uri) > MAX_URI or not _LETTERS.fullmatch(uri):
        return False
    path = urlsplit(uri).path
    if _DOTS.search(path) or _ENCODED.search(path):
        return False
    if _HTTPS.fullmatch(uri):
        host = uri[len("https://") :].partition("/")[0]
        return "@" not in host and ".." not in host
    return application == "native" and bool(_LOOPBACK.fullmatch(uri) or _PRIVATE.fullmatch(uri))


def check_redirect_uris(uris: Iterable[str], application: ApplicationType) -> list[str]:
    """Return the addresses unchanged. Raises InvalidField for one that cannot be registered, or a duplicate."""
    found = list(uris)
    for place, uri in enumerate(found):
        if not is_good(uri, application):
            raise InvalidField(
                f"redirect_uris[{place}]",
                "须为完整的 https:// 地址（不含用户名、片段、通配符、点段）；原生应用亦可用 http://127.0.0.1 或反向域名协议。",
                "must be a whole https:// address without user, fragment, wildcard or dot segments; a native application may"
                " use http://127.0.0.1 or a scheme that is a reversed domain name.",
            )
    if len(set(found)) != len(found):
        raise InvalidField("redirect_uris", "不能重复。", "must not name one twice.")
    return found


def is_registered(uri: str, registered: Iterable[str], application: ApplicationType) -> bool:
    """Return whether a request's address is one of the client's own."""
    known = list(registered)
    if uri in known:
        return True
    if application != "native":
        return False
    asked = _LOOPBACK.fullmatch(uri) if len(uri) <= MAX_URI else None
    return asked is not None and any(
        own is not None and (own["host"], own["path"]) == (asked["host"], asked["path"])
        for own in map(_LOOPBACK.fullmatch, known)
    )


def form_action(uri: str) -> str:
    """Return the `form-action` source that the page's policy needs, so that browsers follow the redirect to the application."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
