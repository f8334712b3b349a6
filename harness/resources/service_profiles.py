"""ServiceProfiles of linkerd.io as frozen data: routes by condition, and other destinations by weight (§1.10).

Read from linkerd2 b24cd4059 (controller/api/destination/profile_translator.go) and linkerd2-proxy 29637b64f
(service-profiles/src/proto.rs).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, Literal, TypeAlias

from harness.resources.document import Node, ResourceInvalid
from harness.resources.durations import DurationInvalid, parse_policy_duration

PROFILE_GROUP: Final = "linkerd.io"
_QUANTITY: Final = re.compile(r"\+?([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(m|k|M|)")
_FACTORS: Final = {"m": Fraction(1, 1000), "": Fraction(1), "k": Fraction(1000), "M": Fraction(1_000_000)}
_FIELDS: Final = ("all", "any", "method", "not", "pathRegex")
_DEEP: Final = 20
"""Conditions within conditions; people write two or three."""

Op: TypeAlias = Literal["all", "any", "not", "method", "path"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a route asks of a request.

    value  the method, or the regular expression of the path
    parts  of `all`, `any` and `not`
    """

    op: Op
    value: str = ""
    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileRoute:
    """One route; the first whose condition fits is taken.

    timeout  until response headers, retries included; None for no limit
    """

    name: str
    condition: Condition
    is_retryable: bool = False
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Another destination: `host:port`, and its part of the sum of all weights."""

    authority: str
    weight: Fraction


@dataclass(frozen=True, slots=True)
class ServiceProfile:
    """One profile; its name is the full DNS name of the Service that it is about."""

    namespace: str
    name: str
    routes: tuple[ProfileRoute, ...] = ()
    overrides: tuple[Override, ...] = ()

    @property
    def decides(self) -> bool:
        """True if it takes the place of HTTPRoutes: an empty profile does not (§1.10)."""
        return bool(self.routes or self.overrides)


def parse_service_profile(obj: Any) -> ServiceProfile:
    """Read a ServiceProfile.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    metadata, spec = node.child("metadata"), node.child("spec")
    profile = ServiceProfile(
        namespace=metadata.text("namespace") or "default",
        name=metadata.text("name", required=True),
        routes=tuple(_route(item) for item in spec.items("routes")),
        overrides=tuple(one for item in spec.items("dstOverrides") if (one := _override(item)).weight),
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return profile


def _route(node: Node) -> ProfileRoute:
    if not node.has("condition"):
        node.report("is required", "condition")
    retryable = node.value.get("isRetryable")
    if retryable is not None and not isinstance(retryable, bool):
        node.report("is not a boolean", "isRetryable")
    return ProfileRoute(
        name=node.text("name", required=True),
        condition=_condition(node.child("condition")) if node.has("condition") else Condition("all"),
        is_retryable=retryable is True,
        timeout=_timeout(node),
    )


def _timeout(node: Node) -> timedelta | None:
    written = node.text("timeout")
    try:
        length = parse_policy_duration(written) if written else timedelta(0)
        return length if length > timedelta(0) else None  # the proxy drops a negative one
    except DurationInvalid as invalid:
        node.report(str(invalid), "timeout")
        return None


def _condition(node: Node, depth: int = 0) -> Condition:
    """Several fields of one condition must all fit."""
    if depth > _DEEP:
        node.report(f"is more than {_DEEP} conditions deep")
        return Condition("all")
    parts = tuple(_parts(node, depth))
    if not parts and node.path.endswith("condition") and not any(map(node.has, _FIELDS)):
        node.report(f"needs one of {', '.join(_FIELDS)}")
    return parts[0] if len(parts) == 1 else Condition("all", parts=parts)


def _parts(node: Node, depth: int) -> Iterator[Condition]:
    if node.has("all"):
        yield Condition("all", parts=tuple(_condition(item, depth + 1) for item in node.items("all")))
    if node.has("any"):
        yield Condition("any", parts=tuple(_condition(item, depth + 1) for item in node.items("any")))
    if method := node.text("method"):
        yield Condition("method", method.upper())
    if node.has("not"):
        yield Condition("not", parts=(_condition(node.child("not"), depth + 1),))
    if pattern := node.text("pathRegex"):
        yield Condition("path", _anchored(pattern.strip()))


def _anchored(pattern: str) -> str:
    """Anchors are written around the whole text, so that of `/a|/b` each branch has one."""
    return f"{'' if pattern.startswith('^') else '^'}{pattern}{'' if pattern.endswith('$') else '$'}"


def _override(node: Node) -> Override:
    written = node.value.get("weight")
    found = _QUANTITY.fullmatch(str(written)) if not isinstance(written, bool) else None
    if found is None:
        node.report(f"'{written}' is no quantity", "weight")
        return Override(node.text("authority", required=True), Fraction(0))
    return Override(node.text("authority", required=True), Fraction(found[1]) * _FACTORS[found[2]])
