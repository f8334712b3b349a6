"""Findings about routes on Services, and about what rules of any route ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from harness.lint.given import Given
from harness.lint.problem import Problem
from harness.lint.regexes import hidden_branches, is_everything, why_no_path_matches
from harness.oracle.attachment import outbound_routes
from harness.oracle.dialling import CLUSTER_DOMAIN
from harness.resources.filters import Filter, RequestRedirect, UnsupportedFilter
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.matches import Match, PathMatch, RpcMatch
from harness.resources.parents import is_server_parent, is_service_parent
from harness.resources.routes import HTTPRoute, ParentRef, Rule


def route_problems(given: Given) -> Iterator[Problem]:
    """Everything about routes."""
    for index, route in given.routes:
        for number, parent in enumerate(route.parent_refs):
            yield from _parent(given, index, route, parent, f"spec.parentRefs[{number}]")
        for number, rule in enumerate(route.rules):
            yield from _rule(given, index, rule, f"spec.rules[{number}]")
        yield from _shadowed(given, index, route)
        yield from _head(given, index, route)
    yield from _no_catch_all(given)


# -- parents -----------------------------------------------------------------------------------------------------------


def _parent(given: Given, index: int, route: HTTPRoute, parent: ParentRef, place: str) -> Iterator[Problem]:
    if parent.kind.lower() == "service" and not is_service_parent(parent):
        said = f"parent Service '{parent.name}' has group {parent.group}, so the route is attached to nothing"
        yield Problem(index, place, "parent-without-group", f"{said}; write {_service_group(given)}")
    elif is_service_parent(parent) and parent.group and not given.dialect.core_is_a_group:
        said = f"parent Service '{parent.name}' has group {parent.group}, which the API does not know"
        yield Problem(index, place, "parent-without-group", f"{said}; write {_service_group(given)}")
    elif is_service_parent(parent):
        yield from _service_parent(given, index, parent, place)
        yield from _behind_calls(given, index, route, parent, place)
    elif is_server_parent(parent):
        yield from _server_parent(given, index, route, parent, place)


def _service_group(given: Given) -> str:
    return "group: core" if given.dialect.core_is_a_group else 'group: ""'


def _service_parent(given: Given, index: int, parent: ParentRef, place: str) -> Iterator[Problem]:
    service = given.objects.services.get((parent.namespace, parent.name))
    if service is None:
        if given.knows("Service", parent.namespace):
            said = f"there is no Service {parent.namespace}/{parent.name}, so the route is not accepted"
            yield Problem(index, f"{place}.name", "parent-not-found", said)
    elif not service.can_be_parent:
        said = f"Service '{parent.name}' has no ClusterIP, so the route is not accepted"
        yield Problem(index, f"{place}.name", "parent-has-no-address", said)
    elif parent.port is not None and service.port(parent.port) is None:
        ports = ", ".join(str(port.port) for port in service.ports)
        said = f"Service '{parent.name}' has no port {parent.port} (it has {ports}): accepted, and never used"
        yield Problem(index, f"{place}.port", "parent-port-unknown", said)
    yield from _profiled(given, index, parent, place)


def _profiled(given: Given, index: int, parent: ParentRef, place: str) -> Iterator[Problem]:
    """§1.10: a profile of the Service's namespace is for all clients, others for those of their own."""
    about = f"{parent.name}.{parent.namespace}.svc.{CLUSTER_DOMAIN}"
    deciding = [
        namespace
        for (namespace, name), profile in given.objects.service_profiles.items()
        if name == about and profile.decides
    ]
    if deciding:
        whose = "all clients" if parent.namespace in deciding else f"clients of namespace {', '.join(deciding)}"
        said = f"for {whose} a ServiceProfile decides about Service '{parent.name}', and this route does not hold"
        yield Problem(index, f"{place}.name", "profile-hides-route", said)


def _behind_calls(given: Given, index: int, route: HTTPRoute, parent: ParentRef, place: str) -> Iterator[Problem]:
    """§1.60, as clients of the route's namespace meet it."""
    service = given.objects.services.get((parent.namespace, parent.name))
    if service is None or route.kind == GRPC_ROUTE:
        return
    for port in [parent.port] if parent.port is not None else [one.port for one in service.ports]:
        first = next(iter(outbound_routes(given.objects, service, port, route.namespace)), None)
        if first is not None and first.kind == GRPC_ROUTE:
            said = f"GRPCRoute {first.name} takes {service.name}:{port}, and there this route does not hold"
            yield Problem(index, f"{place}.name", "grpcroute-hides-route", said)


def _server_parent(given: Given, index: int, route: HTTPRoute, parent: ParentRef, place: str) -> Iterator[Problem]:
    wrong = [
        word
        for word, is_there in (
            ("namespace", parent.namespace != route.namespace),
            ("port", parent.port is not None),
            ("sectionName", parent.section_name is not None),
        )
        if is_there
    ]
    if wrong:
        said = f"a Server is referred to by its name alone: {' and '.join(wrong)} makes the whole route invalid"
        yield Problem(index, f"{place}.{wrong[0]}", "parent-by-port-or-section", said)
    elif given.knows("Server", parent.namespace) and not given.has("Server", (parent.namespace, parent.name)):
        said = f"there is no Server {parent.namespace}/{parent.name}, so the route is not accepted"
        yield Problem(index, f"{place}.name", "parent-not-found", said)


# -- rules -------------------------------------------------------------------------------------------------------------


def _rule(given: Given, index: int, rule: Rule, place: str) -> Iterator[Problem]:
    for number, match in enumerate(rule.matches):
        yield from _path(given, index, match.path, f"{place}.matches[{number}].path.value")
    for number, item in enumerate(rule.filters):
        spot = f"{place}.filters[{number}]"
        if isinstance(item, UnsupportedFilter) and item.kind in given.dialect.optional_filters:
            continue
        if isinstance(item, UnsupportedFilter):
            said = f"the mesh has no filter {item.kind}: the whole route is as if it were not there"
            yield Problem(index, f"{spot}.type", "filter-unmakes-route", said)
        elif _replaces_prefix(item) and any(match.path.type != "PathPrefix" for match in rule.matches):
            said = "the rule also matches paths in other ways than by prefix; such requests are answered 500"
            yield Problem(index, spot, "prefix-not-matched", said)


def _replaces_prefix(item: Filter) -> bool:
    return isinstance(item, RequestRedirect) and item.path is not None and item.path.type == "ReplacePrefixMatch"


def _path(given: Given, index: int, path: PathMatch, place: str) -> Iterator[Problem]:
    if path.type != "RegularExpression":
        return
    if why := why_no_path_matches(path.value):
        yield Problem(index, place, "regex-matches-nothing", f"no path can match {path.value}: {why}")
    if given.dialect.matching != "linkerd":
        return
    for earlier, later in hidden_branches(path.value):
        said = f"'{later}' is never matched: '{earlier}' is found first, and what is found must be the whole path"
        yield Problem(index, place, "regex-first-branch-wins", said)


def _shadowed(given: Given, index: int, route: HTTPRoute) -> Iterator[Problem]:
    earlier: list[tuple[int, Match]] = []
    for number, rule in enumerate(route.rules):
        for at, match in enumerate(rule.matches):
            taker = next((one for one, known in earlier if _takes(given, known, match)), None)
            if taker is not None:
                place = f"spec.rules[{number}].matches[{at}]"
                yield Problem(index, place, "shadowed-rule", f"rule {taker} takes everything that this matches")
        earlier += [(number, match) for match in rule.matches]


def _takes(given: Given, earlier: Match, later: Match) -> bool:
    """True if the earlier match fits whatever the later one fits, and never worse (§1.48, E33)."""
    same = (earlier.method, earlier.rpc, set(_headers(earlier)), set(earlier.query_params))
    if same != (later.method, later.rpc, set(_headers(later)), set(later.query_params)):
        return False
    if earlier.path.type == "RegularExpression" and is_everything(earlier.path.value):
        return given.dialect.matching == "linkerd" or later.path.type != "Exact"
    return _normal(earlier.path) == _normal(later.path)


def _headers(match: Match) -> Iterator[tuple[str, str, str]]:
    return ((one.name.lower(), one.type, one.value) for one in match.headers)


def _normal(path: PathMatch) -> tuple[str, str]:
    """§1.39: slashes at the end of a prefix mean nothing."""
    return (path.type, path.value.rstrip("/") if path.type == "PathPrefix" else path.value)


def _head(given: Given, index: int, route: HTTPRoute) -> Iterator[Problem]:
    """§1.45: only where the route is in force somewhere."""
    if not any(is_service_parent(parent) or is_server_parent(parent) for parent in route.parent_refs):
        return
    others = [
        match
        for _, other in given.routes
        if set(_parent_names(other)) & set(_parent_names(route))
        for rule in other.rules
        for match in rule.matches
    ]
    for number, rule in enumerate(route.rules):
        for at, match in enumerate(rule.matches):
            if match.method == "GET" and not any(_takes_head(other, match) for other in others):
                said = f"GET is matched here and HEAD of the same paths nowhere: HEAD {match.path.value} gets 404"
                yield Problem(index, f"spec.rules[{number}].matches[{at}].method", "head-not-covered", said)


def _takes_head(other: Match, get: Match) -> bool:
    if other.method not in (None, "HEAD"):
        return False
    whole = _normal(other.path) == ("PathPrefix", "") or is_everything(other.path.value)
    return whole or _normal(other.path) == _normal(get.path)


def _parent_names(route: HTTPRoute) -> Iterator[tuple[str, str, str]]:
    return ((parent.kind.lower(), parent.namespace, parent.name) for parent in route.parent_refs)


def _no_catch_all(given: Given) -> Iterator[Problem]:
    """§1.19: a whole Service port becomes an allow-list; told at the first route that does it."""
    attached: defaultdict[tuple[str, str], list[tuple[int, int, int | None, HTTPRoute]]] = defaultdict(list)
    for index, route in given.routes:
        for number, parent in enumerate(route.parent_refs):
            if is_service_parent(parent):
                attached[parent.namespace, parent.name].append((index, number, parent.port, route))
    for (_, name), found in attached.items():
        for port in {one[2] for one in found}:
            here = [one for one in found if one[2] in (None, port)]
            if not any(_catches_all(rule) for *_, route in here for rule in route.rules):
                index, number, *_ = here[0]
                where = name if port is None else f"{name}:{port}"
                said = f"no rule matches everything, so {where} answers 404 to all other requests"
                yield Problem(index, f"spec.parentRefs[{number}]", "no-catch-all", said)


def _catches_all(rule: Rule) -> bool:
    return any(
        match.method is None
        and match.rpc in (None, RpcMatch())
        and not match.headers
        and not match.query_params
        and (_normal(match.path) == ("PathPrefix", "") or is_everything(match.path.value))
        for match in rule.matches
    )
