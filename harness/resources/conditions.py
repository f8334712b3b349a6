"""What a route's status says about its parents (§1.5, §1.62 to §1.65)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.resources.document import Node

LINKERD_CONTROLLER: Final = "linkerd.io/policy-controller"
ACCEPTED: Final = "Accepted"
RESOLVED_REFS: Final = "ResolvedRefs"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of one parent.

    status                  "True", "False" or "Unknown"
    observed_generation     None if the controller does not say, as Linkerd's never does
    """

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None
    last_transition_time: str = ""


@dataclass(frozen=True, slots=True)
class ParentStatus:
    """What one controller says about one parent; absent fields of the parentRef are "" or None."""

    controller: str
    group: str
    kind: str
    namespace: str
    name: str
    port: int | None
    section_name: str
    conditions: tuple[Condition, ...]

    def condition(self, kind: str, *, generation: int = 0) -> Condition | None:
        """The condition of that type, unless it was written for an older generation than asked for.

        A condition without observedGeneration counts for every generation: nothing more can be known.
        """
        for condition in self.conditions:
            if condition.type == kind:
                seen = condition.observed_generation
                return condition if seen is None or seen >= generation else None
        return None

    def is_true(self, kind: str, *, generation: int = 0) -> bool:
        """True if that condition is there, is "True", and is not older than the generation."""
        condition = self.condition(kind, generation=generation)
        return condition is not None and condition.status == "True"


def parse_parent_statuses(status: Mapping[str, Any]) -> tuple[ParentStatus, ...]:
    """The parents of a route's raw status in their order; what is malformed is left out or empty, never an error."""
    return tuple(_parse_parent_status(item) for item in Node(dict(status)).items("parents"))


def _parse_parent_status(node: Node) -> ParentStatus:
    parent = node.child("parentRef")
    return ParentStatus(
        controller=node.text("controllerName"),
        group=parent.text("group"),
        kind=parent.text("kind"),
        namespace=parent.text("namespace"),
        name=parent.text("name"),
        port=parent.integer("port", low=1, high=65535),
        section_name=parent.text("sectionName"),
        conditions=tuple(_parse_condition(item) for item in node.items("conditions")),
    )


def _parse_condition(node: Node) -> Condition:
    return Condition(
        type=node.text("type"),
        status=node.text("status", "Unknown"),
        reason=node.text("reason"),
        message=node.text("message"),
        observed_generation=node.integer("observedGeneration", low=0, high=2**63 - 1),
        last_transition_time=node.text("lastTransitionTime"),
    )
