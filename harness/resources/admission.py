"""What the policy webhook says about an object before it is stored (§1.71). What it does not look at: §1.72."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from harness.dialect import Dialect
from harness.resources.document import Node
from harness.resources.review import Review
from harness.resources.route_admission import review_gateway_route, review_policy_route
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP

_REVIEWERS: Final[Mapping[tuple[str, str], Callable[[Any, Dialect], Review]]] = {
    (POLICY_GROUP, "HTTPRoute"): review_policy_route,
    (GATEWAY_GROUP, "HTTPRoute"): review_gateway_route,
}


def review(obj: Any, dialect: Dialect) -> Review:
    """All objections to an object as the API server would store it; kinds that the webhook does not know have none."""
    node = Node(obj)
    group = node.text("apiVersion").rpartition("/")[0]
    reviewer = _REVIEWERS.get((group, node.text("kind")))
    return reviewer(obj, dialect) if reviewer else Review()
