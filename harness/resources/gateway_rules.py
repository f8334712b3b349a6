"""What the Gateway API asks of an HTTPRoute or a GRPCRoute across fields, beyond the schema of each field.

On a real cluster these rules are CEL expressions in the CustomResourceDefinition (bundle v1.1 experimental, with the
later ones on paths and on CORS); the API server checks them after the defaults are filled in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from harness.resources.document import Node, Problem
from harness.resources.durations import DurationInvalid, parse_policy_duration
from harness.resources.grpc_routes import KIND as GRPC_ROUTE

_MOST_MATCHES: Final = 128
_PATH_CHARACTERS: Final = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")
_PATH_TABOOS: Final = ("//", "/./", "/../", "%2f", "%2F")
_SERVICE: Final = re.compile(r"(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*")
_METHOD: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_REPEATABLE: Final = ("RequestMirror", "ExtensionRef")
_MEMBERS: Final = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "CORS": "cors",
    "ExtensionRef": "extensionRef",
}


def gateway_rule_problems(obj: Any) -> tuple[Problem, ...]:
    """Every cross-field rule that this gateway-group route breaks; wrong types are the schema's business."""
    spec = Node(obj).child("spec")
    rules = spec.items("rules")
    of_rule = _call_rule if Node(obj).text("kind") == GRPC_ROUTE else _rule
    found = [*_parents(spec), *chain.from_iterable(of_rule(rule) for rule in rules)]
    matches = sum(len(rule.items("matches")) for rule in rules)
    if matches > _MOST_MATCHES:
        found.append(Problem("spec.rules", f"{matches} matches in all rules together; at most {_MOST_MATCHES} may be"))
    return tuple(found)


def _call_rule(rule: Node) -> Iterator[Problem]:
    for match in rule.items("matches"):
        if match.has("method"):
            yield from _method(match.child("method"))
    for owner in (rule, *rule.items("backendRefs")):
        yield from _filters(owner)
    for backend in rule.items("backendRefs"):
        yield from _service_port(backend)


def _method(method: Node) -> Iterator[Problem]:
    service, name = method.text("service"), method.text("method")
    if not service and not name:
        yield Problem(method.path, "one or both of 'service' or 'method' must be specified")
    if method.text("type", "Exact") != "Exact":
        return
    if service and not _SERVICE.fullmatch(service):
        yield Problem(f"{method.path}.service", f"'{service}' is no full name of a service, such as shop.Books")
    if name and not _METHOD.fullmatch(name):
        yield Problem(f"{method.path}.method", f"'{name}' is no name of a method")


def _parents(spec: Node) -> Iterator[Problem]:
    seen: dict[tuple[str, ...], list[tuple[str, int | None]]] = {}
    for node in spec.items("parentRefs"):
        parent = tuple(node.text(key) for key in ("group", "kind", "namespace", "name"))
        place = (node.text("sectionName"), node.value.get("port"))
        others = seen.setdefault(parent, [])
        if place in others:
            yield Problem(node.path, f"{node.text('kind')} '{node.text('name')}' is referenced twice; say which part")
        elif others and _parts_named(place) != _parts_named(others[0]):
            yield Problem(node.path, "references to one parent must all, or none, name a sectionName, and so a port")
        others.append(place)


def _parts_named(place: tuple[str, int | None]) -> tuple[bool, bool]:
    return bool(place[0]), bool(place[1])


def _rule(rule: Node) -> Iterator[Problem]:
    backends = rule.items("backendRefs")
    own_filters = rule.items("filters")
    for match in rule.items("matches"):
        yield from _path(match.child("path"))
    for owner in (rule, *backends):
        yield from _filters(owner)
    for backend in backends:
        yield from _service_port(backend)
    if backends and any(filter_.has("requestRedirect") for filter_ in own_filters):
        yield Problem(f"{rule.path}.filters", "RequestRedirect cannot be used together with backendRefs")
    filters = chain(own_filters, *(backend.items("filters") for backend in backends))
    if any(_replaces_prefix(filter_) for filter_ in filters) and not _is_one_prefix(rule):
        yield Problem(f"{rule.path}.matches", "replacePrefixMatch needs exactly one match, of type PathPrefix")
    yield from _timeouts(rule.child("timeouts"))


def _path(path: Node) -> Iterator[Problem]:
    value, place = path.text("value", "/"), f"{path.path}.value"
    if path.text("type", "PathPrefix") == "RegularExpression":
        return
    if not value.startswith("/"):
        yield Problem(place, f"'{value}' is not an absolute path; it must begin with '/'")
    for taboo in _PATH_TABOOS:
        if taboo in value:
            yield Problem(place, f"'{value}' must not contain '{taboo}'")
    if value.endswith(("/.", "/..")):
        yield Problem(place, f"'{value}' must not end with a dot segment")
    if not _PATH_CHARACTERS.fullmatch(value):
        yield Problem(place, f"'{value}' contains a character that a path cannot")


def _filters(owner: Node) -> Iterator[Problem]:
    filters = owner.items("filters")
    kinds = Counter(filter_.text("type") for filter_ in filters)
    for filter_ in filters:
        yield from _filter(filter_)
    for kind, count in kinds.items():
        if count > 1 and kind not in _REPEATABLE:
            yield Problem(f"{owner.path}.filters", f"{kind} is there {count} times; it cannot be repeated")
    if kinds["RequestRedirect"] and kinds["URLRewrite"]:
        yield Problem(f"{owner.path}.filters", "RequestRedirect and URLRewrite cannot be used together")


def _filter(filter_: Node) -> Iterator[Problem]:
    kind = filter_.text("type")
    for other, member in _MEMBERS.items():
        if filter_.has(member) and other != kind:
            yield Problem(f"{filter_.path}.{member}", f"cannot be set when the type is {kind}")
    if kind in _MEMBERS and not filter_.has(_MEMBERS[kind]):
        yield Problem(f"{filter_.path}.{_MEMBERS[kind]}", f"is required by type {kind}")
    for member in ("requestRedirect", "urlRewrite"):
        yield from _rewrite(filter_.child(member).child("path"))
    if filter_.has("requestMirror"):
        yield from _mirror(filter_.child("requestMirror"))
    yield from _cors(filter_.child("cors"))


def _rewrite(path: Node) -> Iterator[Problem]:
    for kind, member in (("ReplaceFullPath", "replaceFullPath"), ("ReplacePrefixMatch", "replacePrefixMatch")):
        if (path.text("type") == kind) != path.has(member):
            yield Problem(f"{path.path}.{member}", f"goes with type {kind}, and the other way round")


def _mirror(mirror: Node) -> Iterator[Problem]:
    yield from _service_port(mirror.child("backendRef"))
    if mirror.has("percent") and mirror.has("fraction"):
        yield Problem(mirror.path, "percent and fraction cannot both be set")
    fraction = mirror.child("fraction")
    numerator = fraction.integer("numerator", low=0, high=2**31 - 1) or 0
    if numerator > (fraction.integer("denominator", low=1, high=2**31 - 1) or 100):
        yield Problem(fraction.path, "the numerator is greater than the denominator")


def _cors(cors: Node) -> Iterator[Problem]:
    for member in ("allowOrigins", "allowMethods", "allowHeaders"):
        words = cors.texts(member)
        if "*" in words and len(words) > 1:
            yield Problem(f"{cors.path}.{member}", "'*' must stand alone")


def _service_port(backend: Node) -> Iterator[Problem]:
    is_service = backend.text("group") == "" and backend.text("kind", "Service") == "Service"
    if is_service and not backend.has("port"):
        yield Problem(f"{backend.path}.port", f"is required to reference Service '{backend.text('name')}'")


def _replaces_prefix(filter_: Node) -> bool:
    paths = (filter_.child(member).child("path") for member in ("requestRedirect", "urlRewrite"))
    return any(path.text("type") == "ReplacePrefixMatch" and path.has("replacePrefixMatch") for path in paths)


def _is_one_prefix(rule: Node) -> bool:
    matches = rule.items("matches")
    return len(matches) == 1 and matches[0].child("path").text("type", "PathPrefix") == "PathPrefix"


def _timeouts(timeouts: Node) -> Iterator[Problem]:
    try:
        request = parse_policy_duration(timeouts.text("request", "0s"))
        backend_request = parse_policy_duration(timeouts.text("backendRequest", "0s"))
    except DurationInvalid:
        return  # the schema's pattern says so
    if request and backend_request > request:
        written = f"({timeouts.text('backendRequest')}) cannot be longer than request timeout"
        yield Problem(timeouts.path, f"backendRequest timeout {written} ({timeouts.text('request')})")
