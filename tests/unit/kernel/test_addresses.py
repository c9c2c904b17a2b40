"""Which addresses are public: the list against samples of each kind, and against the neighbours of each network."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.addresses import REFUSED, lies_in, networks, why_not

KINDS = [
    ("0.0.0.1", "this network"),
    ("10.1.2.3", "private"),
    ("100.64.0.1", "shared by carriers"),
    ("100.100.100.200", "shared by carriers"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "a cloud's own service"),
    ("169.254.169.254", "link-local"),
    ("172.31.255.255", "private"),
    ("192.168.0.1", "private"),
    ("192.88.99.1", "6to4 relays"),
    ("198.19.255.255", "benchmarking"),
    ("203.0.113.9", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("::ffff:93.184.216.34", "IPv4-mapped"),
    ("::ffff:0:127.0.0.1", "IPv4-translated"),
    ("64:ff9b::7f00:1", "NAT64"),
    ("64:ff9b::5db8:d822", "NAT64"),
    ("64:ff9b:1::a00:1", "local NAT64"),
    ("2002:7f00:1::", "6to4"),
    ("2002:5db8:d822::1", "6to4"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
    ("2001:db8::1", "documentation"),
    ("3fff::1", "documentation"),
    ("fd00::1", "unique local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "scoped"),
    ("::1%lo", "scoped"),
    ("2606:2800::1%1", "scoped"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("4000::1", "unassigned"),
    ("e000::1", "unassigned"),
]

PUBLIC = [
    "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.32.0.1", "223.255.255.255",
    "2606:2800::1", "2400:da00::1",
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), KINDS)
def test_what_is_not_public_is_named(text: str, kind: str) -> None:
    assert why_not(ipaddress.ip_address(text)) == kind


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_passes(text: str) -> None:
    assert why_not(ipaddress.ip_address(text)) is None


@pytest.mark.parametrize("text", REFUSED)
def test_both_ends_of_each_network_are_refused(text: str) -> None:
    network = ipaddress.ip_network(text)
    assert why_not(network[0])
    assert why_not(network[-1])


@given(st.ip_addresses())
def test_whatever_python_calls_private_is_refused(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Ours is the stricter list: nothing passes that the standard library would refuse."""
    if why_not(address) is None:
        assert address.is_global
        assert not address.is_multicast


def test_a_scope_is_in_no_network() -> None:
    loopback = networks(["::1/128", "127.0.0.0/8"])
    assert lies_in(ipaddress.ip_address("::1"), loopback)
    assert not lies_in(ipaddress.ip_address("::1%lo"), loopback)
