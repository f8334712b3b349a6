"""Servers as frozen data: which ports of which pods have a policy of their own (§3.6 to §3.9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from harness.resources.document import Node, ResourceInvalid
from harness.resources.pods import PodFacts
from harness.resources.policy_heads import read_head
from harness.resources.selectors import LabelSelector, parse_label_selector

ProxyProtocol: TypeAlias = Literal["unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"]
"""How connections are read (§3.7); `unknown` is detected."""

_WITH_EXTERNAL_WORKLOADS: Final = ("v1beta2", "v1beta3")
_WITH_ACCESS_POLICY: Final = ("v1beta3",)


@dataclass(frozen=True, slots=True)
class Server:
    """One Server.

    port            a number, or the name of container ports
    pod_selector    None if it selects external workloads, of which an embedded cluster has none
    access_policy   name of a default policy that is added to the authorizations; `deny` and "" add none (§3.9)
    """

    namespace: str
    name: str
    port: int | str
    pod_selector: LabelSelector | None
    proxy_protocol: ProxyProtocol = "unknown"
    access_policy: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    creation_timestamp: str = ""

    def selects(self, pod: PodFacts, port: int) -> bool:
        """True if it would be in force on that port, were there no older Server (§3.6)."""
        if pod.namespace != self.namespace or self.pod_selector is None:
            return False
        return port in pod.selected_ports(self.port) and self.pod_selector.matches(pod.labels)


def parse_server(obj: Any) -> Server:
    """Read a Server of any served version, stored or straight from a manifest.

    What the written version's schema does not know is dropped, as the API server would (§1.69).
    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    head = read_head(node, "Server")
    spec = node.child("spec")
    server = Server(
        namespace=head.namespace,
        name=head.name,
        port=_parse_port(spec),
        pod_selector=_parse_selector(spec, head.version),
        proxy_protocol=cast(ProxyProtocol, spec.choice("proxyProtocol", get_args(ProxyProtocol), "unknown")),
        access_policy=spec.text("accessPolicy", "deny") if head.version in _WITH_ACCESS_POLICY else "",
        labels=node.child("metadata").child("labels").text_map(),
        creation_timestamp=head.creation_timestamp,
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return server


def _parse_port(spec: Node) -> int | str:
    if isinstance(spec.value.get("port"), str):
        return spec.text("port")
    return spec.integer("port", low=1, high=65535, required=True) or 0


def _parse_selector(spec: Node, version: str) -> LabelSelector | None:
    pods, external = spec.has("podSelector"), spec.has("externalWorkloadSelector")
    if version in _WITH_EXTERNAL_WORKLOADS and external:
        if pods:
            spec.report("only one of podSelector and externalWorkloadSelector can be there")
        return None
    if not pods:
        spec.report("is required", "podSelector")
    return parse_label_selector(spec.child("podSelector"))
