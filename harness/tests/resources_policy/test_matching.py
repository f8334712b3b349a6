"""Label selectors, networks and identities as predicates."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.resources.document import Node
from harness.resources.inbound import Authorization, Client, default_ref
from harness.resources.networks import ALL_NETWORKS, lies_within, parse_network, parse_network_matches
from harness.resources.selectors import LabelSelector, parse_label_selector
from harness.tests.resources_policy.documents import identity

LABELS = {"app": "authors", "tier": "back"}


def selector(**written: Any) -> LabelSelector:
    return parse_label_selector(Node(written))


def asks(key: str, operator: str, *values: str) -> LabelSelector:
    written = {"values": list(values)} if values else {}
    return selector(matchExpressions=[{"key": key, "operator": operator, **written}])


SELECTED = {
    "empty selects all 3.6": selector(),
    "one label": selector(matchLabels={"app": "authors"}),
    "In": asks("app", "In", "books", "authors"),
    "NotIn": asks("app", "NotIn", "books"),
    "NotIn without the label": asks("zone", "NotIn", "a"),
    "Exists": asks("tier", "Exists"),
    "DoesNotExist": asks("zone", "DoesNotExist"),
}
NOT_SELECTED = {
    "one label of two": selector(matchLabels={"app": "authors", "zone": "a"}),
    "In": asks("app", "In", "books"),
    "In without the label": asks("zone", "In", "a"),
    "NotIn": asks("app", "NotIn", "authors"),
    "Exists": asks("zone", "Exists"),
    "DoesNotExist": asks("app", "DoesNotExist"),
    "labels and not the expression 3.6": selector(
        matchLabels={"app": "authors"}, matchExpressions=[{"key": "tier", "operator": "DoesNotExist"}]
    ),
    "In without values": asks("app", "In"),
    "NotIn without values": asks("zone", "NotIn"),
    "Exists with values": asks("app", "Exists", "authors"),
    "DoesNotExist with values": asks("zone", "DoesNotExist", "a"),
}


@pytest.mark.parametrize("case", SELECTED)
def test_selected(case: str) -> None:
    assert SELECTED[case].matches(LABELS)


@pytest.mark.parametrize("case", NOT_SELECTED)
def test_not_selected(case: str) -> None:
    assert not NOT_SELECTED[case].matches(LABELS)


def test_only_an_empty_selector_selects_all() -> None:
    assert selector().selects_all
    assert selector(matchLabels={}, matchExpressions=[]).selects_all
    assert not selector(matchLabels={"a": "b"}).selects_all
    assert not asks("a", "Exists").selects_all


NETWORKS = [
    ("inside 3.20", "10.0.0.0/8", [], "10.1.2.3", True),
    ("outside", "10.0.0.0/8", [], "11.0.0.1", False),
    ("excepted", "10.0.0.0/8", ["10.1.0.0/16"], "10.1.2.3", False),
    ("beside the exception", "10.0.0.0/8", ["10.1.0.0/16"], "10.2.2.3", True),
    ("one address excepted", "10.0.0.0/8", ["10.1.2.3"], "10.1.2.3", False),
    ("one address", "10.1.2.3", [], "10.1.2.3", True),
    ("host bits", "10.1.2.3/8", [], "10.9.9.9", True),
    ("other IP version", "0.0.0.0/0", [], "::1", False),
    ("IPv6", "fd00::/8", [], "fd00::1", True),
]


@pytest.mark.parametrize(
    ("cidr", "excluded", "address", "inside"), [c[1:] for c in NETWORKS], ids=[c[0] for c in NETWORKS]
)
def test_networks(cidr: str, excluded: list[str], address: str, inside: bool) -> None:
    (found,) = parse_network_matches([Node({"cidr": cidr, "except": excluded})])
    assert found.contains(ip_address(address)) is inside


@pytest.mark.parametrize(
    "text", ["", "10.0.0", "10.0.0.0/", "10.0.0.0/0.0.0.255", "fe80::1%eth0", "::1/129", "1/8", "*"]
)
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match="is neither a CIDR nor an IP address"):
        parse_network(text)


@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4), st.integers(0, 32))
def test_a_network_lies_within_another_if_its_ends_do(a: Any, a_bits: int, b: Any, b_bits: int) -> None:
    inner, outer = ip_network((a, a_bits), strict=False), ip_network((b, b_bits), strict=False)
    assert lies_within(inner, outer) is (inner[0] in outer and inner[-1] in outer)
    assert not lies_within(inner, ip_network("::/0"))


WEBAPP = identity("webapp")
IDENTITIES = [
    ("exact 3.19", WEBAPP, WEBAPP, True),
    ("another", identity("books"), WEBAPP, False),
    ("any", "*", WEBAPP, True),
    ("suffix", "*.booksapp.serviceaccount.identity.linkerd.cluster.local", WEBAPP, True),
    ("suffix at any depth", "*.local", WEBAPP, True),
    ("suffix of another namespace", identity("*", "shop"), WEBAPP, False),
    ("suffix needs the dot", "*app.serviceaccount", "x.app.serviceaccount", False),
    ("wildcard elsewhere is literal", "webapp.*.local", "webapp.x.local", False),
    ("SPIFFE exact", "spiffe://a/b", "spiffe://a/b", True),
    ("SPIFFE is not any", "*", "spiffe://a/b", False),
    ("unmeshed 3.23", "*", None, False),
]


@pytest.mark.parametrize(("pattern", "name", "fits"), [c[1:] for c in IDENTITIES], ids=[c[0] for c in IDENTITIES])
def test_identities(pattern: str, name: str | None, fits: bool) -> None:
    authorization = Authorization(default_ref("x"), ALL_NETWORKS, ("nobody", pattern))
    assert authorization.permits(Client(ip_address("10.0.0.1"), name, mesh_tls=name is not None)) is fits


@pytest.mark.parametrize(("client", "fits"), [
    (Client(ip_address("10.0.0.1")), False),
    (Client(ip_address("10.0.0.1"), mesh_tls=True), True),
    (Client(ip_address("10.0.0.1"), WEBAPP, mesh_tls=True), True),
], ids=["plain 3.21", "TLS without identity", "TLS with identity"])  # fmt: skip
def test_mesh_tls_alone(client: Client, fits: bool) -> None:
    assert Authorization(default_ref("x"), ALL_NETWORKS, mesh_tls=True).permits(client) is fits
