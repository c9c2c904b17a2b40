"""Which web addresses an operator may configure."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")
_MOST_NAME = 253


def is_origin(text: str) -> bool:
    """Return whether the text is scheme, host and port in lower case, and nothing else (RFC 6454 §6.2)."""
    parts = _parts(text)
    return parts is not None and text == f"{parts.scheme}://{parts.netloc}"


def is_issuer(text: str) -> bool:
    """Return whether the text is an address without query and fragment (OpenID Connect Discovery 1.0 §3)."""
    parts = _parts(text)
    plain = parts is not None and text == f"{parts.scheme}://{parts.netloc}{parts.path}"
    return plain and parts is not None and _PATH.fullmatch(parts.path) is not None


def _parts(text: str) -> SplitResult | None:
    """Return the parts of an http or https address with a valid host, or None; also None if urlsplit would drop a part."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    written = f"[{host}]" if ":" in host else host
    if parts.scheme not in {"http", "https"} or port == 0 or not _is_host(host):
        return None
    return parts if parts.netloc == (written if port is None else f"{written}:{port}") else None


def _is_host(host: str) -> bool:
    """Return whether it is an IP address or a name that a certificate can be issued for."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # A name that ends with a number is read as an IPv4 address by some and as a name by others (WHATWG URL §3.5).
        labels = host.split(".")
        return len(host) <= _MOST_NAME and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
    return "%" not in host
