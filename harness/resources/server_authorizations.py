"""ServerAuthorizations as frozen data: the older way to let clients in (§3.21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.resources.document import Node, ResourceInvalid
from harness.resources.identities import service_account_identity
from harness.resources.networks import NetworkMatch, parse_network_matches
from harness.resources.policy_heads import read_head
from harness.resources.selectors import LabelSelector, parse_label_selector
from harness.resources.servers import Server


@dataclass(frozen=True, slots=True)
class MeshTLSClients:
    """What `client.meshTLS` asks for.

    unauthenticated     any client that speaks mesh TLS, with or without an identity
    identities          patterns of `identities` and identities of `serviceAccounts`; any may fit
    """

    unauthenticated: bool = False
    identities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerAuthorization:
    """One ServerAuthorization.

    server              a name, or a selector for the labels of Servers
    unauthenticated     clients need no identity
    mesh_tls            None if not written
    networks            none means the cluster's networks, not all (§3.21)
    """

    namespace: str
    name: str
    server: str | LabelSelector
    unauthenticated: bool = False
    mesh_tls: MeshTLSClients | None = None
    networks: tuple[NetworkMatch, ...] = ()

    def is_about(self, server: Server) -> bool:
        """True if it authorizes clients of this Server."""
        if server.namespace != self.namespace:
            return False
        if isinstance(self.server, str):
            return server.name == self.server
        return self.server.matches(server.labels)


def parse_server_authorization(obj: Any) -> ServerAuthorization:
    """Read a ServerAuthorization of either version, stored or straight from a manifest.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    head = read_head(node, "ServerAuthorization")
    spec = node.child("spec")
    for key in ("server", "client"):
        if not spec.has(key):
            spec.report("is required", key)
    client = spec.child("client")
    authorization = ServerAuthorization(
        namespace=head.namespace,
        name=head.name,
        server=_parse_server(spec.child("server")),
        unauthenticated=_flag(client, "unauthenticated"),
        mesh_tls=_parse_mesh_tls(client.child("meshTLS"), head.namespace) if client.has("meshTLS") else None,
        networks=parse_network_matches(client.items("networks")),
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return authorization


def _parse_server(node: Node) -> str | LabelSelector:
    if node.has("name") and node.has("selector"):
        node.report("only one of name and selector can be there")
    if node.has("name"):
        return node.text("name")
    return parse_label_selector(node.child("selector"))


def _parse_mesh_tls(node: Node, namespace: str) -> MeshTLSClients:
    accounts = [
        service_account_identity(item.text("namespace", namespace), item.text("name", required=True))
        for item in node.items("serviceAccounts")
    ]
    return MeshTLSClients(_flag(node, "unauthenticatedTLS"), (*node.texts("identities"), *accounts))


def _flag(node: Node, key: str) -> bool:
    value = node.value.get(key)
    if value is not None and not isinstance(value, bool):
        node.report("is not a boolean", key)
    return value is True
