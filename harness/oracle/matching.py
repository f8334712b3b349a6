"""Which rule of which route is for a request (sections 1D and 1E), and of every other one why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from harness.oracle.asking import Request
from harness.resources.matches import HeaderMatch, Match, PathMatch, QueryParamMatch, RpcMatch

Score: TypeAlias = tuple[int, int, int, int]
"""Length of the matched path, number of headers, number of query parameters, whether a method is asked for (§1.48).

Of a GRPCRoute: characters of the service, characters of the method, number of headers.
"""

HostScore: TypeAlias = tuple[int, int]
"""No hostname (0), a suffix (1) or the host itself (2), then the length of the pattern (§1.48)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How values are compared.

    whole         a regular expression must fit all of a value (E30: each mesh has its own dialect; this is ours)
    first_of_many a query parameter that comes again counts by its first occurrence (E28), and of several header matches
                  of one name the first alone (E27)
    """

    whole: bool = False
    first_of_many: bool = False


LINKERD: Final = Reading()
GATEWAY_API: Final = Reading(whole=True, first_of_many=True)


class HasMatches(Protocol):
    """A rule of whatever kind of route."""

    @property
    def matches(self) -> tuple[Match, ...]:
        """Alternatives."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The winner: number of the route in the order given, of its rule and of the rule's best match."""

    route: int
    rule: int
    match: int


def choose(routes: Sequence[tuple[tuple[str, ...], Iterable[HasMatches]]], request: Request) -> Choice | None:
    """The rule that a request falls to, or None.

    routes  hostnames and rules of each, in the order that decides ties: the first of equals wins
    """
    best: tuple[tuple[HostScore, Score], Choice] | None = None
    for number, (hostnames, rules) in enumerate(routes):
        host = host_score(hostnames, request.named_authority)
        own = _best_rule(rules, request)
        if host is None or own is None:
            continue
        score, rule, match = own
        if best is None or (host, score) > best[0]:
            best = ((host, score), Choice(number, rule, match))
    return None if best is None else best[1]


def _best_rule(rules: Iterable[HasMatches], request: Request) -> tuple[Score, int, int] | None:
    """§1.46: the best match of a rule stands for the rule; §1.48: the best rule stands for the route."""
    best: tuple[Score, int, int] | None = None
    for rule_number, rule in enumerate(rules):
        for match_number, match in enumerate(rule.matches):
            score = score_of(match, request)
            if score is not None and (best is None or score > best[0]):
                best = (score, rule_number, match_number)
    return best


def score_of(match: Match, request: Request) -> Score | None:
    """How well a match fits, or None if it does not."""
    if misfit(match, request):
        return None
    if match.rpc is not None:  # never compared with routes that go by the path (§1.60)
        return (len(match.rpc.service), len(match.rpc.method), len(match.headers), 0)
    length = matched_length(match.path, request.path)
    return (length or 0, len(match.headers), len(match.query_params), int(match.method is not None))


def misfit(match: Match, request: Request, reading: Reading = LINKERD) -> str:
    """The first thing a match asks for that the request has not; "" if it fits."""
    if match.rpc is not None and (why := _no_such_call(match.rpc, match.method, request)):
        return why
    if matched_length(match.path, request.path, reading) is None:
        return f"path {request.path} is not {_pattern(match.path)}"
    if match.method is not None and match.method != request.method:
        return f"method is {request.method}, not {match.method}"  # §1.45: HEAD is not GET
    for header in headers_asked(match, reading):
        if not any(_value_fits(header, value, reading) for value in request.values(header.name)):
            return f"header {header.name} is not {_pattern(header)}"
    for param in match.query_params:
        values = [value for name, value in request.query if name == param.name]
        if not any(_value_fits(param, value, reading) for value in values[: 1 if reading.first_of_many else None]):
            return f"query parameter {param.name} is not {_pattern(param)}"
    return ""


def _no_such_call(rpc: RpcMatch, method: str | None, request: Request) -> str:
    """The parts of the path between its slashes are looked at, the first two of them."""
    if method is None:  # what stands for the matches of a rule that has none
        return ""
    start, *parts = request.path.split("/")
    if start or len(parts) < 2:
        return f"path {request.path} is none of a call"
    for asked, part, what in ((rpc.service, parts[0], "service"), (rpc.method, parts[1], "method")):
        if asked and asked != part:
            return f"{what} is {part}, not {asked}"
    return ""


def headers_asked(match: Match, reading: Reading) -> tuple[HeaderMatch, ...]:
    """The header matches that count."""
    if not reading.first_of_many:
        return match.headers
    return tuple({header.name.lower(): header for header in reversed(match.headers)}.values())


def host_score(hostnames: Iterable[str], authority: str) -> HostScore | None:
    """How well the best of a route's hostnames fits, or None if the route is skipped (§1.47)."""
    hostnames = tuple(hostnames)
    if not hostnames:
        return (0, 0)
    name, colon, port = authority.rpartition(":")
    host = (name if colon and port.isdigit() else authority).lower()
    scores = [score for score in (_hostname_score(pattern.lower(), host) for pattern in hostnames) if score]
    return max(scores, default=None)


def _hostname_score(pattern: str, host: str) -> HostScore | None:
    if not pattern.endswith("."):
        host = host.removesuffix(".")
    if pattern.startswith("*."):
        suffix = pattern[1:]
        return (1, len(suffix)) if host.endswith(suffix) and len(host) > len(suffix) else None
    return (2, len(pattern)) if host == pattern else None


def matched_length(pattern: PathMatch, path: str, reading: Reading = LINKERD) -> int | None:
    """How much of a path a pattern takes; None if it does not fit."""
    if pattern.type == "Exact":  # §1.38
        return len(path) if path == pattern.value else None
    if pattern.type == "RegularExpression":  # §1.40
        return len(path) if spans(pattern.value, path, reading) else None
    if pattern.value == "/":  # §1.39
        return 1
    prefix, rest = pattern.value.rstrip("/"), path.rstrip("/")
    if not rest.startswith(prefix):
        return None
    remainder = rest[len(prefix) :]
    return len(prefix) if remainder == "" or remainder.startswith("/") else None


def _value_fits(wanted: HeaderMatch | QueryParamMatch, value: str, reading: Reading) -> bool:
    return spans(wanted.value, value, reading) if wanted.type == "RegularExpression" else value == wanted.value


def spans(pattern: str, text: str, reading: Reading = LINKERD) -> bool:
    """§0.3: what is found first, from the left, must be the whole text.

    A pattern that the mesh can compile and this program cannot fits nothing: `unknown_syntax` says which those are.
    """
    try:
        found = (re.fullmatch if reading.whole else re.search)(_spelled(pattern), text)
    except re.error:
        return False
    return found is not None and found.span() == (0, len(text))


def is_found(pattern: str, text: str) -> bool:
    """Whether a pattern fits some part of the text; one that this program cannot try fits none."""
    try:
        return re.search(_spelled(pattern), text) is not None
    except re.error:
        return False


def unknown_syntax(pattern: str) -> str:
    """Why this program cannot try a pattern, "" if it can."""
    try:
        re.compile(_spelled(pattern))
    except re.error as error:
        return str(error)
    return ""


def _spelled(pattern: str) -> str:
    """Rust spells some things in its own way: names of groups, and the end of the text."""
    return re.sub(r"\(\?<(?![=!])", "(?P<", pattern).replace(r"\z", r"\Z")


def _pattern(wanted: PathMatch | HeaderMatch | QueryParamMatch) -> str:
    match wanted.type:
        case "PathPrefix":
            return f"under {wanted.value}"
        case "RegularExpression":
            return f"matched by {wanted.value}"
        case _:
            return f"exactly {wanted.value}"
