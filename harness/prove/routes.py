"""Mutations of routes: parents, matches, filters, timeouts, backends and their weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from harness.prove.changes import Change, Data, each_object, gone, inner, put
from harness.prove.edits import Edit
from harness.resources.durations import DurationInvalid, format_duration, parse_policy_duration
from harness.scenario.yaml_source import Location

OTHER_METHOD = {"GET": "POST"}
TIMES = 10


def of_route(route: Data) -> Iterator[Change]:
    """Everything that can be made wrong in a route, one thing at a time."""
    for at, parent in each_object(route, "spec", "parentRefs"):
        yield from _of_parent(at, parent)
    rules = list(each_object(route, "spec", "rules"))
    for number, (at, rule) in enumerate(rules, start=1):
        name = f"rule {number}"
        if len(rules) > 1:
            yield gone(name, f"no expectation sends a request that only {name} takes and asks what becomes of it", at)
        yield from _of_rule(at, rule, name)
    yield from _swapped_backends(rules)


def _of_parent(at: Location, parent: Data) -> Iterator[Change]:
    if isinstance(port := parent.get("port"), int):
        hole = f"no expectation needs the route to be in force for port {port} of {parent.get('name')}"
        yield put(f"port {port} → {port + 1} of parent {parent.get('name')}", hole, (*at, "port"), port + 1)


def _of_rule(at: Location, rule: Data, name: str) -> Iterator[Change]:
    matches = list(_inner(at, rule, "matches"))
    for place, match in matches:
        said = name if len(matches) == 1 else f"{name}, match {place[-1] + 1}"  # type: ignore[operator]
        if len(matches) > 1:
            yield gone(said, f"no expectation sends a request that only {said} takes", place)
        yield from _of_match(place, match, said)
    for place, filter_ in _inner(at, rule, "filters"):
        kind = filter_.get("type", "a filter")
        yield gone(f"filter {kind} of {name}", f"no expectation looks at what {kind} of {name} does", place)
    yield from _of_timeouts(at, rule, name)
    yield from _of_backends(at, rule, name)


def _of_match(at: Location, match: Data, name: str) -> Iterator[Change]:
    method = match.get("method")
    if isinstance(method, str):
        other = OTHER_METHOD.get(method, "GET")
        hole = f"no expectation sends {method}, or {other}, to where the method of {name} decides"
        yield put(f"method {method} → {other} in {name}", hole, (*at, "method"), other)
        yield gone(
            f"method {method} in {name}", f"no expectation sends another method than {method} there", (*at, "method")
        )
    yield from _of_path(at, match.get("path"), name)
    for place, header in _inner(at, match, "headers"):
        yield from _of_pair(place, header, f"header {header.get('name')}", name)
    for place, parameter in _inner(at, match, "queryParams"):
        yield from _of_pair(place, parameter, f"query parameter {parameter.get('name')}", name)


def _of_path(at: Location, path: Any, name: str) -> Iterator[Change]:
    if not isinstance(path, dict) or not isinstance(value := path.get("value"), str):
        return
    place: Location = (*at, "path", "value")
    hole = f"no expectation asks for a path that {value} takes"
    kind = path.get("type", "PathPrefix")
    if kind == "RegularExpression":
        other = value[:-1] if value.endswith('"') else value + '"'
        said = "loses its last quote" if value.endswith('"') else "gets a stray quote"
        yield put(f"path {value} of {name} {said}", hole, place, other)
        yield put(
            f"path {value} of {name} takes everything",
            f"no expectation asks for a path that {value} refuses",
            place,
            ".*",
        )
        return
    other = value.rstrip("/") + "-other"
    yield put(f"path {value} → {other} in {name}", hole, place, other)
    swapped = "Exact" if kind == "PathPrefix" else "PathPrefix"
    hole = f"no expectation tells {kind} {value} from {swapped}: none asks for that very path and for one below it"
    yield put(f"path {value} of {name} is {swapped}, not {kind}", hole, (*at, "path", "type"), swapped)


def _of_pair(at: Location, pair: Data, what: str, name: str) -> Iterator[Change]:
    value, key = str(pair.get("value")), str(pair.get("name"))
    hole = f"no expectation sends {key}: {value} and asks who answers"
    yield put(f"{what} {value} → {value}-other in {name}", hole, (*at, "value"), f"{value}-other")
    yield put(f"{what} is called {key}-other in {name}", hole, (*at, "name"), f"{key}-other")
    yield gone(f"{what} in {name}", f"no expectation asks without {key}: {value} and sees another answer", at)


def _of_timeouts(at: Location, rule: Data, name: str) -> Iterator[Change]:
    timeouts = inner(rule, "timeouts")
    for key, written in timeouts.items():
        hole = f"no expectation meets a backend that is slower than timeouts.{key}: {written} of {name}"
        place: Location = (*at, "timeouts", key)
        yield gone(f"timeouts.{key}: {written} of {name}", hole, place)
        longer = _longer(str(written))
        if key != "request" and "request" in timeouts:
            longer = str(timeouts["request"])  # admission refuses a longer one (§2.4)
        if longer not in ("", written):
            yield put(f"timeouts.{key} {written} → {longer} of {name}", hole, place, longer)


def _longer(written: str) -> str:
    """Ten times as long; "" for what is no duration or no limit."""
    try:
        length = parse_policy_duration(written)
    except DurationInvalid:
        return ""
    return format_duration(length * TIMES) if length else ""


def _of_backends(at: Location, rule: Data, name: str) -> Iterator[Change]:
    backends = list(_inner(at, rule, "backendRefs"))
    for place, backend in backends:
        who, weight = backend.get("name"), backend.get("weight", 1)
        if len(backends) > 1:
            hole = f"no expectation counts what {who} gets of {name}"
            yield gone(f"backend {who} of {name}", hole, place)
            other = 0 if weight else 100
            yield put(f"weight {weight} → {other} of {who} in {name}", hole, (*place, "weight"), other)
        if isinstance(port := backend.get("port"), int):
            hole = f"no expectation asks whether {who} answers in {name}"
            yield put(f"port {port} → {port + 1} of backend {who} in {name}", hole, (*place, "port"), port + 1)
    yield from _swapped_weights(backends, name)


def _swapped_weights(backends: list[tuple[Location, Any]], name: str) -> Iterator[Change]:
    for (at, one), (other_at, other) in pairwise(backends):
        left, right = one.get("weight", 1), other.get("weight", 1)
        if left != right:
            said = f"weights of {one.get('name')} and {other.get('name')} in {name} change places"
            hole = f"no expectation tells {left}:{right} from {right}:{left} in {name}"
            yield Change(said, hole, (Edit((*at, "weight"), right), Edit((*other_at, "weight"), left)))


def _swapped_backends(rules: list[tuple[Location, Any]]) -> Iterator[Change]:
    """The only backends of neighbouring rules change places."""
    written = [(at, rule["backendRefs"]) for at, rule in rules if list(_inner(at, rule, "backendRefs"))]
    single = [(at, refs) for at, refs in written if len(refs) == 1]
    for (at, one), (other_at, other) in pairwise(single):
        if one != other:
            names = one[0].get("name"), other[0].get("name")
            said = f"backends {names[0]} and {names[1]} change places between rules {at[-1] + 1} and {other_at[-1] + 1}"  # type: ignore[operator]
            hole = f"no expectation says which of {names[0]} and {names[1]} answers"
            yield Change(said, hole, (Edit((*at, "backendRefs"), other), Edit((*other_at, "backendRefs"), one)))


def _inner(at: Location, data: Data, key: str) -> Iterator[tuple[Location, Any]]:
    for place, item in each_object(data, key):
        yield (*at, *place), item
