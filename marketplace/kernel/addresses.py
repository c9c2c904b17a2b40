"""IP networks that are not public. An explicit list: Python's `is_global` lets NAT64, 6to4 and multicast through.

From the special-purpose registries of IANA (RFC 6890, read in November 2026), plus two cloud services whose addresses look
public.
"""

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REFUSED: dict[str, str] = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by carriers",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's own service",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "multicast tunnels",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "broadcast",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::/96": "IPv4-compatible",
    "::ffff:0:0/96": "IPv4-mapped",
    "::ffff:0:0:0/96": "IPv4-translated",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "local NAT64",
    "100::/64": "discard",
    "100:0:0:1::/64": "dummy",
    "2001::/32": "Teredo",
    "2001:2::/48": "benchmarking",
    "2001::/23": "protocol assignments",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "unique local",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
"""Network -> its kind. A range that embeds IPv4 addresses is refused whole, whichever address is embedded."""

_REFUSED: list[tuple[Network, str]] = [(ipaddress.ip_network(text), what) for text, what in REFUSED.items()]
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def why_not(address: Address) -> str | None:
    """Return the kind of network that the address is in, or None for a public address."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return "scoped"
    for network, what in _REFUSED:
        if address.version == network.version and address in network:
            return what
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return "unassigned"
    return None


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parse networks such as 127.0.0.0/8. Raises ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def lies_in(address: Address, allowed: Iterable[Network]) -> bool:
    """Return whether the address is in one of the networks. A scoped address never is: `in` ignores the scope."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    return any(address.version == network.version and address in network for network in allowed)
