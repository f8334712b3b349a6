"""References of policies to other objects: `targetRef`, `requiredAuthenticationRefs`, `identityRefs`, `clientRefs`."""

from __future__ import annotations

from dataclasses import dataclass

from harness.resources.document import Node
from harness.resources.parents import CORE_GROUP
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP


@dataclass(frozen=True, slots=True)
class Reference:
    """Group, kind and name as written.

    namespace   None if not written: the referring object's own
    """

    group: str
    kind: str
    name: str
    namespace: str | None = None

    def is_a(self, group: str, kind: str) -> bool:
        """True if it means objects of that group and kind, in any case; "" and "core" are one group."""
        groups = ((self.group or CORE_GROUP).lower(), (group or CORE_GROUP).lower())
        return groups[0] == groups[1] and self.kind.lower() == kind.lower()

    @property
    def is_server(self) -> bool:
        return self.is_a(POLICY_GROUP, "Server")

    @property
    def is_namespace(self) -> bool:
        return self.is_a(CORE_GROUP, "Namespace")

    @property
    def is_service_account(self) -> bool:
        return self.is_a(CORE_GROUP, "ServiceAccount")

    @property
    def is_mesh_tls(self) -> bool:
        return self.is_a(POLICY_GROUP, "MeshTLSAuthentication")

    @property
    def is_network(self) -> bool:
        return self.is_a(POLICY_GROUP, "NetworkAuthentication")

    @property
    def is_policy_route(self) -> bool:
        return self.is_a(POLICY_GROUP, "HTTPRoute")

    @property
    def is_gateway_route(self) -> bool:
        return self.is_a(GATEWAY_GROUP, "HTTPRoute") or self.is_a(GATEWAY_GROUP, "GRPCRoute")

    @property
    def canonical_kind(self) -> str:
        """The kind as messages of the webhook name it: `Pod`, `Server.policy.linkerd.io`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


def parse_reference(node: Node) -> Reference:
    """The reference that this object is; kind and name must be there."""
    return Reference(
        group=node.text("group"),
        kind=node.text("kind", required=True),
        name=node.text("name", required=True),
        namespace=node.text("namespace") if node.has("namespace") else None,
    )
