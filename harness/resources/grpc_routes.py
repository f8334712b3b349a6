"""GRPCRoutes of gateway.networking.k8s.io, and routes of any kind.

Rules are those of HTTPRoutes, with matches that name a method of gRPC in place of a path (linkerd2 b24cd4059,
policy-controller/k8s/index/src/routes/grpc.rs; linkerd2-proxy 29637b64f, linkerd/http/route/src/grpc/match.rs).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast, get_args

from harness.resources.document import Node, ResourceInvalid
from harness.resources.filters import ResponseHeaderModifier, parse_filters
from harness.resources.matches import Match, RpcMatch, ValueType, parse_headers
from harness.resources.routes import GATEWAY_GROUP, HTTPRoute, Rule, parse_backend, parse_http_route, parse_parent

KIND: Final = "GRPCRoute"
VERSIONS: Final = ("v1",)
_CALLS: Final = "POST"


def parse_route(obj: object) -> HTTPRoute:
    """Read a route of the kind that the object names; raises ResourceInvalid."""
    return (parse_grpc_route if Node(obj).text("kind") == KIND else parse_http_route)(obj)


def parse_grpc_route(obj: object) -> HTTPRoute:
    """Read a GRPCRoute, stored or straight from a manifest; raises ResourceInvalid with every problem."""
    node = Node(obj)
    metadata, spec = node.child("metadata"), node.child("spec")
    _check_version(node)
    namespace = metadata.text("namespace")
    route = HTTPRoute(
        group=GATEWAY_GROUP,
        namespace=namespace,
        name=metadata.text("name", required=True),
        parent_refs=tuple(parse_parent(item, GATEWAY_GROUP, namespace) for item in spec.items("parentRefs")),
        hostnames=spec.texts("hostnames"),
        rules=tuple(_parse_rule(item) for item in spec.items("rules")),
        creation_timestamp=metadata.text("creationTimestamp"),
        generation=metadata.integer("generation", low=0, high=2**63 - 1) or 0,
        annotations=metadata.child("annotations").text_map(),
        status=node.child("status").value,
        kind=KIND,
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return route


def unforeseen(route: HTTPRoute) -> str:
    """What in a GRPCRoute makes the proxies of the release refuse all that they are told of the Service; "" if nothing.

    Nothing is foretold of such a route, and the embedded mesh does not take it.
    """
    return next(_unforeseen(route), "")


def _unforeseen(route: HTTPRoute) -> Iterator[str]:
    if route.kind != KIND:
        return
    for number, rule in enumerate(route.rules):
        place = f"spec.rules[{number}]"
        for index, match in enumerate(rule.matches):
            if match.rpc == RpcMatch() and match.method is not None:  # linkerd2 issue 14047
                said = "a match without a method makes proxies refuse every route of the Service"
                yield f"{place}.matches[{index}]: {said}, and what then becomes of calls is not foretold"
        filters = (*rule.filters, *(item for ref in rule.backend_refs for item in ref.filters))
        if any(isinstance(item, ResponseHeaderModifier) for item in filters):
            said = "a ResponseHeaderModifier in a GRPCRoute makes proxies refuse every route of the Service"
            yield f"{place}: {said}, and what then becomes of calls is not foretold"


def _check_version(node: Node) -> None:
    if not isinstance(node.value, dict):
        node.report(f"a {KIND} is an object")
        return
    node.choice("kind", (KIND,), KIND, required=True)
    api_version = node.text("apiVersion", required=True)
    known = [f"{GATEWAY_GROUP}/{version}" for version in VERSIONS]
    if api_version and api_version not in known:
        node.report(f"'{api_version}' has no {KIND}; known are {', '.join(known)}", "apiVersion")


def _parse_rule(node: Node) -> Rule:
    """Without a match a rule takes every request, even one that is no call."""
    return Rule(
        matches=tuple(_parse_match(item) for item in node.items("matches")) or (Match(rpc=RpcMatch()),),
        filters=parse_filters(node),
        backend_refs=tuple(parse_backend(item, GATEWAY_GROUP, "v1") for item in node.items("backendRefs")),
    )


def _parse_match(node: Node) -> Match:
    method = node.child("method")
    kind = cast(ValueType, method.choice("type", get_args(ValueType), "Exact"))
    rpc = RpcMatch(method.text("service"), method.text("method"), kind)
    return Match(headers=parse_headers(node), method=_CALLS, rpc=rpc)
