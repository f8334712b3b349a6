"""What the policy webhook says about policy objects other than routes (§1.74).

Linkerd stops at its first objection; here all of them are listed, in its words and with their places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.dialect import Dialect
from harness.resources.authorizations import (
    AuthorizationPolicy,
    parse_authorization_policy,
    parse_mesh_tls_authentication,
    parse_network_authentication,
)
from harness.resources.default_policies import default_policy
from harness.resources.document import Node, Problem, ResourceInvalid
from harness.resources.identity_names import identity_problem
from harness.resources.networks import lies_within, parse_network
from harness.resources.rate_limits import HTTPLocalRateLimitPolicy, parse_rate_limit_policy
from harness.resources.references import Reference, parse_reference
from harness.resources.review import Review, as_sentences
from harness.resources.server_authorizations import parse_server_authorization
from harness.resources.servers import Server, parse_server


def review_server(obj: Any, dialect: Dialect) -> Review:
    """All objections to a Server on its own; see `overlap_denials` for those that concern other Servers."""
    try:
        server = parse_server(obj)
    except ResourceInvalid as invalid:
        return _unreadable(invalid)
    return _review(_server_objections(server, dialect))


def review_authorization_policy(obj: Any, dialect: Dialect) -> Review:
    """All objections to an AuthorizationPolicy."""
    try:
        policy = parse_authorization_policy(obj)
    except ResourceInvalid as invalid:
        return _unreadable(invalid)
    return _review([*_target_objections(policy, dialect), *_requirement_objections(policy)])


def review_mesh_tls_authentication(obj: Any, dialect: Dialect) -> Review:
    """All objections to a MeshTLSAuthentication."""
    try:
        parse_mesh_tls_authentication(obj)
    except ResourceInvalid as invalid:
        return _unreadable(invalid)
    return _review(_identity_objections(Node(obj).child("spec"), dialect))


def review_network_authentication(obj: Any, dialect: Dialect) -> Review:
    """All objections to a NetworkAuthentication; the dialect plays no part."""
    try:
        parsed = parse_network_authentication(obj)
    except ResourceInvalid as invalid:
        return _unreadable(invalid)
    if not parsed.networks:
        return _review([Problem("spec.networks", "at least one network must be specified")])
    return _review(_network_objections(Node(obj).child("spec")))


def review_server_authorization(obj: Any, dialect: Dialect) -> Review:
    """All objections to a ServerAuthorization; the dialect plays no part."""
    try:
        parse_server_authorization(obj)
    except ResourceInvalid as invalid:
        return _unreadable(invalid)
    client = Node(obj).child("spec").child("client")
    return _review([*_mesh_tls_objections(client), *_network_objections(client)])


def review_rate_limit_policy(obj: Any, dialect: Dialect) -> Review:
    """All objections to an HTTPLocalRateLimitPolicy, if the mesh has the kind at all."""
    if not dialect.rate_limits:
        return Review()
    try:
        policy = parse_rate_limit_policy(obj)
    except ResourceInvalid as invalid:
        return _unreadable(invalid)
    return _review(_rate_objections(policy))


def overlap_denials(obj: Any, others: Iterable[Any]) -> tuple[str, ...]:
    """What 2.14 says about a Server when others of its namespace claim the same port of the same pods (§1.74).

    It finds no overlap of a name with the number it stands for, nor of selectors that merely have pods in common.

    others  Servers of any namespace, the same one included; what cannot be read is skipped
    """
    server = _readable(obj)
    rivals = [rival for rival in map(_readable, others) if rival is not None]
    if server is None:
        return ()
    return as_sentences(
        Problem(
            "spec",
            f"Server spec '{rival.namespace}/{rival.name}' already defines a policy for port {rival.port}, and "
            "selects pods that would be selected by this Server",
        )
        for rival in sorted(rivals, key=lambda rival: rival.name)
        if _overlap(server, rival)
    )


def _unreadable(invalid: ResourceInvalid) -> Review:
    return Review(denials=as_sentences(invalid.problems))


def _review(objections: Iterable[Problem]) -> Review:
    return Review(denials=as_sentences(objections))


def _readable(obj: Any) -> Server | None:
    try:
        return parse_server(obj)
    except ResourceInvalid:
        return None


def _overlap(server: Server, rival: Server) -> bool:
    mine, other = server.pod_selector, rival.pod_selector
    if rival.namespace != server.namespace or rival.name == server.name or rival.port != server.port:
        return False
    if mine is None or other is None:
        return False
    return mine.selects_all or other.selects_all or mine == other


def _server_objections(server: Server, dialect: Dialect) -> Iterator[Problem]:
    written = server.access_policy
    if dialect.server_access_policies and written and default_policy(written, dialect) is None:
        yield Problem("spec.accessPolicy", f"Invalid 'accessPolicy' field: invalid mode: \"{written}\"")


def _target_objections(policy: AuthorizationPolicy, dialect: Dialect) -> Iterator[Problem]:
    target = policy.target
    is_gateway_route = target.is_gateway_route and dialect.policies_target_gateway_routes
    if target.is_namespace:
        if policy.namespace not in ("", target.name):  # "": a manifest that leaves it to whoever applies it
            yield Problem("spec.targetRef.name", f"cannot target another namespace: {target.name}")
    elif not (target.is_server or target.is_policy_route or is_gateway_route):
        yield Problem("spec.targetRef", f"{dialect.unsupported_target_message}: {target.canonical_kind}")


def _requirement_objections(policy: AuthorizationPolicy) -> Iterator[Problem]:
    place = "spec.requiredAuthenticationRefs"
    mesh_tls, accounts, networks, others = _sorted_by_kind(policy.authentications)
    if len(mesh_tls) > 1:
        yield Problem(place, "only a single MeshTLSAuthentication may be set")
    if len(accounts) > 1:
        yield Problem(place, "only a single ServiceAccount may be set")
    if mesh_tls and accounts:
        yield Problem(place, "a MeshTLSAuthentication and ServiceAccount may not be set together")
    if len(networks) > 1:
        yield Problem(place, "only a single NetworkAuthentication may be set")
    if others:
        kinds = ", ".join(reference.canonical_kind for reference in others)
        yield Problem(place, f"unsupported authentication kind(s): {kinds}")


def _sorted_by_kind(references: Iterable[Reference]) -> tuple[list[Reference], ...]:
    found: tuple[list[Reference], ...] = ([], [], [], [])
    for reference in references:
        kinds = (reference.is_mesh_tls, reference.is_service_account, reference.is_network, True)
        found[kinds.index(True)].append(reference)
    return found


def _identity_objections(spec: Node, dialect: Dialect) -> Iterator[Problem]:
    for index, text in enumerate(spec.texts("identities")):
        problem = identity_problem(text)
        if problem is None and text.startswith("spiffe://") and not dialect.spiffe_identities:
            problem = "this version of the mesh knows no SPIFFE ids"
        if problem:
            yield Problem(f"spec.identities[{index}]", f"id {text} is invalid: {problem}")
    for item in spec.items("identityRefs"):
        reference = parse_reference(item)
        if reference.is_namespace:
            if reference.namespace is not None:
                said = "Namespace identity_ref is cluster-scoped and cannot have a namespace"
                yield Problem(f"{item.path}.namespace", said)
        elif not reference.is_service_account:
            yield Problem(item.path, f"invalid identity target kind: {reference.canonical_kind}")


def _network_objections(owner: Node) -> Iterator[Problem]:
    for item in owner.items("networks"):
        cidr = item.text("cidr")
        for index, text in enumerate(item.texts("except")):
            place, network, exception = f"{item.path}.except[{index}]", parse_network(cidr), parse_network(text)
            if lies_within(network, exception):
                yield Problem(place, f"cidr '{cidr}' is completely negated by exception '{text}'")
            elif not lies_within(exception, network):
                yield Problem(place, f"cidr '{cidr}' does not include exception '{text}'")


def _mesh_tls_objections(client: Node) -> Iterator[Problem]:
    if not client.has("meshTLS"):
        return
    tls = client.child("meshTLS")
    if client.value.get("unauthenticated"):
        yield Problem(f"{client.path}.unauthenticated", "`unauthenticated` must be false if `mesh_tls` is specified")
    if tls.value.get("unauthenticatedTLS") and (tls.texts("identities") or tls.items("serviceAccounts")):
        said = "`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified"
        yield Problem(f"{tls.path}.unauthenticatedTLS", said)


def _rate_objections(policy: HTTPLocalRateLimitPolicy) -> Iterator[Problem]:
    if not policy.target.is_server:
        yield Problem("spec.targetRef", f"invalid targetRef kind: {policy.target.canonical_kind}")
    limits = {"total": policy.total, "identity": policy.identity}
    limits |= {f"overrides[{index}]": one.requests_per_second for index, one in enumerate(policy.overrides)}
    for place, limit in limits.items():
        name = "override" if place.startswith("overrides") else place
        path, said = f"spec.{place}.requestsPerSecond", f"{name}.requestsPerSecond must be"
        if limit == 0:
            yield Problem(path, f"{said} greater than 0")
        if policy.total is not None and limit is not None and limit > policy.total:
            yield Problem(path, f"{said} less than or equal to total.requestsPerSecond")
    for index, override in enumerate(policy.overrides):
        if not all(reference.is_service_account for reference in override.clients):
            place = f"spec.overrides[{index}].clientRefs"
            yield Problem(place, "overrides.clientRefs must target a ServiceAccount")
