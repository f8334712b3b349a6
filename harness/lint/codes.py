"""The codes of findings, each with one line of what it means; docs/lint has a page for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    level   an error cannot be meant; a warning may be
    rule    number in the semantics document
    """

    name: str
    level: Level
    rule: str
    title: str

    @property
    def page(self) -> str:
        """Path of its page in the repository."""
        return f"docs/lint/{self.name}.md"


_ALL: Final = (
    Code(
        "invalid-object", "error", "§1.71", "An object that the API server or the webhook refuses, or nobody can read"
    ),
    Code("not-looked-at", "warning", "§1.60", "An object of a kind that decides about traffic and is not looked at"),
    Code("regex-matches-nothing", "error", "§7.2.1", "A regular expression that no path can match"),
    Code(
        "regex-first-branch-wins", "error", "§0.3", "An alternative of a regular expression that an earlier one hides"
    ),
    Code("shadowed-rule", "warning", "§1.48", "A match that an earlier rule of the route always takes"),
    Code("profile-hides-route", "error", "§1.10", "A route on a Service that a ServiceProfile decides about"),
    Code("grpcroute-hides-route", "error", "§1.60", "An HTTPRoute on a Service port that a GRPCRoute takes"),
    Code("no-catch-all", "warning", "§1.19", "A route that makes a Service port answer 404 to all other requests"),
    Code(
        "parent-without-group",
        "error",
        "§1.2",
        "A Service as parent without group: core: the route is attached to nothing",
    ),
    Code("parent-not-found", "error", "§1.64", "A parent that does not exist"),
    Code("parent-has-no-address", "error", "§1.7", "A headless or ExternalName Service as parent"),
    Code("parent-port-unknown", "error", "§1.4", "A parentRef whose port the Service lacks"),
    Code("parent-by-port-or-section", "error", "§3.11", "A Server as parent with a port, section or other namespace"),
    Code("backend-not-found", "error", "§1.23", "A backend that does not exist: its share is answered 500"),
    Code("backend-without-port", "error", "§1.25", "A backend without a port: its share is answered 500"),
    Code("backend-port-unknown", "warning", "§1.26", "A backend port that its Service does not declare"),
    Code("backend-kind-unknown", "error", "§1.27", "A backend that is no Service: its share is answered 500"),
    Code(
        "consumer-backend-namespace", "warning", "§1.12", "A backend without namespace in a route of another namespace"
    ),
    Code("backends-omitted", "error", "E63", "A rule without backends where a Service is none by itself"),
    Code("weights-all-zero", "error", "§1.34", "A rule whose backends all have weight 0"),
    Code("filter-unmakes-route", "error", "§1.54", "A filter that the mesh lacks: the whole route does not exist"),
    Code(
        "filter-fails-backend", "error", "§1.54", "A filter of a backend that the mesh lacks: its share is answered 500"
    ),
    Code("prefix-not-matched", "error", "§1.57", "replacePrefixMatch where no prefix is matched: answered 500"),
    Code("head-not-covered", "warning", "§7.4.7", "GET is matched and HEAD is not"),
    Code("backend-request-not-read", "warning", "§0.10", "timeouts.backendRequest, which this mesh ignores"),
    Code("timeouts-not-read", "warning", "§1.67", "timeouts that the API version, or this mesh, drops"),
    Code("field-dropped-by-version", "warning", "§1.67", "A field that the written API version does not have"),
    Code("kind-unknown-to-mesh", "error", "§1.69", "A kind or version that this mesh does not serve"),
    Code("version-not-shipped", "warning", "§1.68", "A version of the Gateway API that this mesh does not bring along"),
    Code("bad-annotation", "warning", "§2.7", "An annotation with a value that the mesh does not understand"),
    Code("annotation-not-read", "warning", "§2.7", "An annotation that this mesh does not know"),
    Code("server-selects-nothing", "error", "§3.6", "A Server that no port of any pod falls under"),
    Code("target-not-found", "error", "§3.17", "A policy for something that does not exist: it is inert"),
    Code(
        "authentication-not-found",
        "error",
        "§3.18",
        "A policy that asks for a missing authentication: it lets nobody in",
    ),
    Code("route-lets-nobody-in", "warning", "§3.14", "A route of a Server that no policy opens: always 403"),
    Code("probe-locked-out", "error", "§3.13", "A Server whose routes or policies keep the kubelet's probe out"),
    Code("contradicts-rules", "error", "", "An expectation that cannot come true by the rules of the mesh"),
    Code(
        "share-unlike-weights",
        "warning",
        "§1.30",
        "A share of answers that no sum of the route's weights makes",
    ),
    Code("invalid-scenario", "error", "", "A scenario that cannot be run"),
    Code("allowed-without-reason", "error", "", "A finding that is allowed in place without a reason"),
    Code("allowed-for-nothing", "warning", "", "A finding that is allowed in place and is not there"),
)

CODES: Final[Mapping[str, Code]] = MappingProxyType({code.name: code for code in _ALL})
