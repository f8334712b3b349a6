"""Networks that clients come from (§3.20)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, TypeAlias

from harness.resources.document import Node

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network

# Narrower than `ipaddress`, which also reads netmasks and IPv6 zones.
_NETWORK: Final = re.compile(r"[0-9a-fA-F.:]+(/[0-9]{1,3})?")


def parse_network(text: str) -> IPNetwork:
    """The network of a CIDR, whose host bits may be set, or of a single address.

    raises  ValueError
    """
    if not _NETWORK.fullmatch(text):
        raise ValueError(f"'{text}' is neither a CIDR nor an IP address")
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"'{text}' is neither a CIDR nor an IP address") from None


def lies_within(inner: IPNetwork, outer: IPNetwork) -> bool:
    """True if no address of `inner` is outside of `outer`; the two IP versions have none in common."""
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


@dataclass(frozen=True, slots=True)
class NetworkMatch:
    """A network without some parts of it."""

    network: IPNetwork
    exceptions: tuple[IPNetwork, ...] = ()

    def contains(self, address: IPAddress) -> bool:
        """True if a client with this source address is meant."""
        return address in self.network and not any(address in exception for exception in self.exceptions)


def whole_networks(texts: Iterable[str]) -> tuple[NetworkMatch, ...]:
    """Networks without exceptions."""
    return tuple(NetworkMatch(parse_network(text)) for text in texts)


ALL_NETWORKS: Final = whole_networks(("0.0.0.0/0", "::/0"))


def parse_network_matches(nodes: Iterable[Node]) -> tuple[NetworkMatch, ...]:
    """The entries of a `networks` list; what is no network is reported and left out."""
    found = []
    for node in nodes:
        networks = _read(node, "cidr", (node.text("cidr", required=True),))
        exceptions = _read(node, "except", node.texts("except"))
        found += [NetworkMatch(network, exceptions) for network in networks]
    return tuple(found)


def _read(node: Node, key: str, texts: Iterable[str]) -> tuple[IPNetwork, ...]:
    networks = []
    for text in filter(None, texts):
        try:
            networks.append(parse_network(text))
        except ValueError as invalid:
            node.report(str(invalid), key)
    return tuple(networks)
