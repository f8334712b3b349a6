"""What the policy webhook says about HTTPRoutes of both groups, and about GRPCRoutes (§1.71)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Any, Final

from harness.dialect import Dialect
from harness.resources.annotations import parse_grpc_retry, parse_http_retry, parse_timeout_annotations
from harness.resources.document import Node, Problem, ResourceInvalid
from harness.resources.durations import DurationInvalid, parse_gateway_duration, parse_policy_duration
from harness.resources.filters import Filter, Header, RequestRedirect, UnsupportedFilter
from harness.resources.grpc_routes import KIND as GRPC_ROUTE
from harness.resources.grpc_routes import parse_grpc_route
from harness.resources.matches import HeaderMatch, Match
from harness.resources.parents import is_egress_network_parent, is_service_backend, is_service_parent
from harness.resources.regexes import regex_problem
from harness.resources.review import Review, as_sentences
from harness.resources.routes import HTTPRoute, ParentRef, Rule, has_timeouts, parse_http_route

_NONE: Final = timedelta(0)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


def review_policy_route(obj: Any, dialect: Dialect) -> Review:
    """All objections to an HTTPRoute of policy.linkerd.io; what cannot be read is refused too."""
    try:
        route = parse_http_route(obj)
    except ResourceInvalid as invalid:
        return Review(denials=as_sentences(invalid.problems))
    objections = list(_objections(route, dialect))
    if has_timeouts(route.group, obj["apiVersion"].rpartition("/")[2]):
        objections += chain.from_iterable(_timeout_objections(rule) for rule in _written_rules(obj))
    return Review(denials=as_sentences(objections))


def review_gateway_route(obj: Any, dialect: Dialect) -> Review:
    """All objections to an HTTPRoute of the gateway group, if the dialect looks at them at all.

    What cannot be read is admitted with a warning, because other controllers may know better.
    """
    if not dialect.gateway_routes_are_reviewed:
        return Review()
    try:
        route = parse_http_route(obj)
    except ResourceInvalid as invalid:
        return Review(warnings=as_sentences(invalid.problems))
    backends = chain.from_iterable(_portless_backends(rule, index) for index, rule in enumerate(route.rules))
    ignored = chain.from_iterable(_ignored_timeouts(rule) for rule in _written_rules(obj))
    return Review(as_sentences([*_objections(route, dialect), *backends]), as_sentences(ignored))


def review_grpc_route(obj: Any, dialect: Dialect) -> Review:
    """All objections to a GRPCRoute; what cannot be read is admitted with a warning."""
    try:
        route = parse_grpc_route(obj)
    except ResourceInvalid as invalid:
        return Review(warnings=as_sentences(invalid.problems))
    backends = chain.from_iterable(_portless_backends(rule, index) for index, rule in enumerate(route.rules))
    return Review(as_sentences([*_objections(route, dialect), *backends]))


def _written_rules(obj: Any) -> list[Node]:
    return Node(obj).child("spec").items("rules")


def _objections(route: HTTPRoute, dialect: Dialect) -> Iterator[Problem]:
    for index, parent in enumerate(route.parent_refs):
        yield from _parent_objections(parent, f"spec.parentRefs[{index}]", dialect)
    if dialect.route_annotations and any(_reads_annotations(parent) for parent in route.parent_refs):
        yield from (parse_grpc_retry if route.kind == GRPC_ROUTE else parse_http_retry)(route.annotations)[1]
        yield from parse_timeout_annotations(route.annotations)[1]
    for index, rule in enumerate(route.rules):
        yield from _rule_objections(rule, f"spec.rules[{index}]")


def _reads_annotations(parent: ParentRef) -> bool:
    return is_service_parent(parent) or is_egress_network_parent(parent)


def _parent_objections(parent: ParentRef, path: str, dialect: Dialect) -> Iterator[Problem]:
    if dialect.egress_networks and is_egress_network_parent(parent) and parent.port is None:
        yield Problem(f"{path}.port", f"cannot target EgressNetwork '{parent.name}' without specifying a port")


def _rule_objections(rule: Rule, path: str) -> Iterator[Problem]:
    for index, match in enumerate(rule.matches):
        yield from _match_objections(match, f"{path}.matches[{index}]")
    for index, filter_ in enumerate(rule.filters):
        yield from _filter_objections(filter_, f"{path}.filters[{index}]")


def _match_objections(match: Match, path: str) -> Iterator[Problem]:
    if match.rpc is not None and match.rpc.type != "Exact":
        yield Problem(f"{path}.method.type", f"unsupported GRPCRoute method match type: {match.rpc.type}")
    value = match.path.value
    if match.path.type == "RegularExpression":
        yield from _regex_objections(value, f"{path}.path.value")
    elif not value.startswith("/"):  # §1.42
        yield Problem(f"{path}.path.value", f"'{value}' is not an absolute path; it must begin with '/'")
    for index, header in enumerate(match.headers):
        yield from _header_match_objections(header, f"{path}.headers[{index}]")
    for index, param in enumerate(match.query_params):
        if param.type == "RegularExpression":
            yield from _regex_objections(param.value, f"{path}.queryParams[{index}].value")


def _header_match_objections(header: HeaderMatch, path: str) -> Iterator[Problem]:
    yield from _header_name_objections(header.name, f"{path}.name")
    if header.type == "RegularExpression":
        yield from _regex_objections(header.value, f"{path}.value")
    else:
        yield from _header_value_objections(header.value, f"{path}.value")


def _regex_objections(pattern: str, path: str) -> Iterator[Problem]:
    if problem := regex_problem(pattern):
        yield Problem(path, f"'{pattern}' is not a regular expression that the proxy can compile: {problem}")


def _header_name_objections(name: str, path: str) -> Iterator[Problem]:
    if not _HEADER_NAME.fullmatch(name):
        yield Problem(path, f"'{name}' is not a header name")


def _header_value_objections(value: str, path: str) -> Iterator[Problem]:
    if not _HEADER_VALUE.fullmatch(value):
        yield Problem(path, f"{value!r} is not a header value: only visible ASCII, space and tab are allowed")


def _filter_objections(filter_: Filter, path: str) -> Iterator[Problem]:
    match filter_:
        case RequestRedirect():
            yield from _redirect_objections(filter_, f"{path}.requestRedirect")
        case UnsupportedFilter():
            return  # §1.54: admitted, and the route is then unusable
        case _:
            name = type(filter_).__name__
            place = f"{path}.{name[0].lower()}{name[1:]}"
            yield from _header_objections(filter_.add, f"{place}.add")
            yield from _header_objections(filter_.set, f"{place}.set")
            for index, header in enumerate(filter_.remove):
                yield from _header_name_objections(header, f"{place}.remove[{index}]")


def _header_objections(headers: tuple[Header, ...], path: str) -> Iterator[Problem]:
    for index, header in enumerate(headers):
        yield from _header_name_objections(header.name, f"{path}[{index}].name")
        yield from _header_value_objections(header.value, f"{path}[{index}].value")


def _redirect_objections(redirect: RequestRedirect, path: str) -> Iterator[Problem]:
    if redirect.path is not None and not redirect.path.value.startswith("/"):
        value = redirect.path.value
        yield Problem(f"{path}.path", f"'{value}' is not an absolute path; it must begin with '/'")


def _portless_backends(rule: Rule, rule_index: int) -> Iterator[Problem]:
    for index, backend in enumerate(rule.backend_refs):  # §1.25: the policy group's are admitted
        if is_service_backend(backend) and backend.port is None:
            path = f"spec.rules[{rule_index}].backendRefs[{index}].port"
            yield Problem(path, f"cannot reference Service '{backend.name}' without a port")


def _timeout_objections(rule: Node) -> Iterator[Problem]:
    timeouts = rule.child("timeouts")
    written = {key: timeouts.text(key) for key in ("request", "backendRequest") if timeouts.has(key)}
    lengths = {key: parse_policy_duration(text) for key, text in written.items()}
    for key, text in written.items():
        if text.startswith("-"):
            yield Problem(f"{timeouts.path}.{key}", f"'{text}' is negative")
    if abs(lengths.get("backendRequest", _NONE)) > abs(lengths.get("request", timedelta.max)):
        yield Problem(
            timeouts.path,
            f"backendRequest timeout ({written['backendRequest']}) must not be greater than "
            f"request timeout ({written['request']})",
        )


def _ignored_timeouts(rule: Node) -> Iterator[Problem]:
    timeouts = rule.child("timeouts")
    for key in ("request", "backendRequest"):
        try:
            parse_gateway_duration(timeouts.text(key, "0"))
        except DurationInvalid as invalid:  # §2.4
            yield Problem(f"{timeouts.path}.{key}", f"{invalid}, so the proxy ignores it")
