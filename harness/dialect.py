"""Which mesh's rules are in force.

Meshes differ, and Linkerd differs from itself between versions. Every difference that an observer can see is a
named field here with its rule number in the semantics document; no code asks for a version. `gateway-api` is no mesh:
it is what the Gateway API's own text asks of one, numbered E1 to E88 as in the paper on conformance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The observable rules of one mesh version."""

    name: str
    """The word used in profiles and `known-gap` marks."""
    version: str
    """The release these rules were read from."""
    family: Literal["linkerd", "gateway-api"] = "linkerd"
    single_zero_weight_is_served: bool
    """§0.6, §1.33: one backendRef with weight 0 receives everything (new proxies) or answers 503 (old ones)."""
    all_weights_zero: Literal["500", "503", "closed"]
    """§1.34: two or more backendRefs that all have weight 0. E55 asks for an error status; here it is 500."""
    missing_backend_heals_live: bool
    """§1.24: creating a missing backend Service mends the route at once, or only when the route is applied again."""
    unknown_port_is_refused: bool
    """§1.8: a ClusterIP dialled on a port that the Service lacks is refused."""
    backend_request_timeout: bool
    """§0.10, §2.5: `timeouts.backendRequest` is honoured, or validated and ignored."""
    timeout_closes_connection: bool
    """§2.2: a 504 by timeout carries `connection: close`."""
    timeouts_cut_waiting: bool
    """§2.12: a timeout also cuts a request off that waits for an endpoint; newer proxies let it wait for fail-fast."""
    route_status_metrics: bool
    """§5.10: `outbound_http_route_request_statuses_total` and its kin are exported."""
    default_backend_is_service: bool
    """§5.9: metadata of the default backend names the Service, or {kind default, name service}."""
    egress_networks: bool
    """§1.29: EgressNetwork is a kind of parent and backend; before 2.17 it is an unknown one."""
    route_annotations: bool
    """§2.7: `timeout.linkerd.io/*` and `retry.linkerd.io/*` are read, and wrong ones on a route refused."""
    gateway_routes_are_reviewed: bool
    """§1.71: the webhook looks at HTTPRoutes of the gateway group too; 2.14 at its own group's alone."""
    gateway_route_timeouts: bool
    """§2.4: `timeouts` of gateway-group HTTPRoutes are honoured; 2.14 reads those of its own group alone."""
    all_backends_must_resolve: bool
    """§1.65: ResolvedRefs is True if every backend is found; in 2.14 if at least one is, so never without any."""
    headless_parent_message: str
    """§1.64: message of Accepted=False for a headless or ExternalName parent."""
    status_observes_generation: bool
    """§1.62: route conditions carry observedGeneration. No Linkerd up to edge-26.8 writes it."""
    server_access_policies: bool
    """§1.69, §3.9: Server has versions v1beta2 and v1beta3, the latter with `accessPolicy`."""
    overlapping_servers_are_refused: bool
    """§1.74: a second Server for the same port of the same pods is refused; elsewhere the oldest wins."""
    audit_policy: bool
    """§3.1: `audit` is one of the default inbound policies."""
    rate_limits: bool
    """§3.27: HTTPLocalRateLimitPolicy is a kind, from 2.17 on."""
    grpc_routes: bool
    """§1.60: GRPCRoute is a kind of route, and hides the HTTPRoutes of its Service port; 2.14 reads none."""
    grpc_servers_take_http_routes: bool
    """§3.12: proxyProtocol gRPC means no more than HTTP/2; later such Servers have GRPCRoutes and no probe route."""
    policies_target_gateway_routes: bool
    """§3.17: the webhook admits AuthorizationPolicies for routes of the gateway group."""
    unsupported_target_message: str
    """§1.74: what the webhook says about an AuthorizationPolicy for anything else."""
    init_containers_have_ports: bool
    """§3.3, §3.6: ports and probes of init containers, sidecars among them, count like those of containers."""
    app_protocols: bool
    """§1.59: a Service port's `appProtocol` says how connections are read, from 2.18 on."""
    spiffe_identities: bool
    """§1.74: MeshTLSAuthentication admits `spiffe://` identities; in 2.14 its schema knows DNS-like names alone."""
    policy_resources: bool = True
    """Linkerd's own kinds are read: Servers, policies, routes of its group, annotations."""
    core_is_a_group: bool = True
    """§1.1, E1: `group: core` means the group of Services, too; the API's own word for it is ""."""
    parent_sections: bool = False
    """E6: `sectionName` of a Service parent is the name of one of its ports; Linkerd does not look at it."""
    consumer_routes_replace: bool = False
    """§1.11, E10: routes of a client's namespace take the place of the Service's own, or add to them."""
    matching: Literal["linkerd", "gateway-api"] = "linkerd"
    """§1.48 or E33 to E39: which of several matches wins, and how they read queries and regular expressions.

    The Gateway API's own text also ignores `hostnames` of a route on a Service (E18), which Linkerd looks at (§1.47).
    """
    redirects: Literal["linkerd", "gateway-api"] = "linkerd"
    """§1.57 or E44 to E47: where a RequestRedirect leads."""
    omitted_backends: Literal["parent", "500"] = "parent"
    """§1.20, E63: a rule without backendRefs."""
    backends_beside: Literal["parent", "route"] = "parent"
    """§1.12, E64: whose namespace a backendRef without one means."""
    backend_ports_are_declared: bool = False
    """§1.26, E61: a backendRef's port is one of its Service, or a number on its pods as well."""
    unready_backends_keep_their_share: bool = False
    """§1.31, E60: a backend without a ready endpoint answers 503 for its share, or the others take it."""
    optional_filters: frozenset[str] = frozenset()
    """§1.54, E49 to E51: filters beyond header modifiers and redirects that are followed."""


LINKERD_2_14 = Dialect(
    name="linkerd-2.14",
    version="stable-2.14.10",
    single_zero_weight_is_served=False,
    all_weights_zero="503",
    missing_backend_heals_live=False,
    unknown_port_is_refused=False,
    backend_request_timeout=True,
    timeout_closes_connection=True,
    timeouts_cut_waiting=True,
    route_status_metrics=False,
    default_backend_is_service=False,
    egress_networks=False,
    route_annotations=False,
    gateway_routes_are_reviewed=False,
    gateway_route_timeouts=False,
    all_backends_must_resolve=False,
    headless_parent_message="",
    status_observes_generation=False,
    server_access_policies=False,
    overlapping_servers_are_refused=True,
    audit_policy=False,
    rate_limits=False,
    grpc_routes=False,
    grpc_servers_take_http_routes=True,
    policies_target_gateway_routes=False,
    unsupported_target_message="invalid targetRef kind",
    init_containers_have_ports=False,
    app_protocols=False,
    spiffe_identities=False,
)

LINKERD_EDGE = Dialect(
    name="linkerd-edge",
    version="edge-26.8.3",
    single_zero_weight_is_served=True,
    all_weights_zero="closed",
    missing_backend_heals_live=True,
    unknown_port_is_refused=True,
    backend_request_timeout=False,
    timeout_closes_connection=False,
    timeouts_cut_waiting=False,
    route_status_metrics=True,
    default_backend_is_service=True,
    egress_networks=True,
    route_annotations=True,
    gateway_routes_are_reviewed=True,
    gateway_route_timeouts=True,
    all_backends_must_resolve=True,
    headless_parent_message="parent service must have a ClusterIP",
    status_observes_generation=False,
    server_access_policies=True,
    overlapping_servers_are_refused=False,
    audit_policy=True,
    rate_limits=True,
    grpc_routes=True,
    grpc_servers_take_http_routes=False,
    policies_target_gateway_routes=True,
    unsupported_target_message="unsupported authorization target type",
    init_containers_have_ports=True,
    app_protocols=True,
    spiffe_identities=True,
)

GATEWAY_API = Dialect(
    name="gateway-api",
    version="v1.6",
    family="gateway-api",
    single_zero_weight_is_served=False,
    all_weights_zero="500",
    missing_backend_heals_live=True,
    unknown_port_is_refused=True,
    backend_request_timeout=True,
    timeout_closes_connection=False,
    timeouts_cut_waiting=False,
    route_status_metrics=False,
    default_backend_is_service=False,
    egress_networks=False,
    route_annotations=False,
    gateway_routes_are_reviewed=False,
    gateway_route_timeouts=True,
    all_backends_must_resolve=True,
    headless_parent_message="",
    status_observes_generation=True,
    server_access_policies=False,
    overlapping_servers_are_refused=False,
    audit_policy=False,
    rate_limits=False,
    grpc_routes=False,
    grpc_servers_take_http_routes=False,
    policies_target_gateway_routes=False,
    unsupported_target_message="",
    init_containers_have_ports=True,
    app_protocols=False,
    spiffe_identities=False,
    policy_resources=False,
    core_is_a_group=False,
    parent_sections=True,
    consumer_routes_replace=True,
    matching="gateway-api",
    redirects="gateway-api",
    omitted_backends="500",
    backends_beside="route",
    backend_ports_are_declared=True,
    unready_backends_keep_their_share=True,
    optional_filters=frozenset({"URLRewrite", "RequestMirror", "CORS"}),
)

DIALECTS: Mapping[str, Dialect] = MappingProxyType({d.name: d for d in (LINKERD_2_14, LINKERD_EDGE)})
"""What meshes speak, the embedded one among them."""

RULES: Mapping[str, Dialect] = MappingProxyType({**DIALECTS, GATEWAY_API.name: GATEWAY_API})
"""Everything that manifests and scenarios can be held against."""
