"""Which policy objects are in force: the last version of each that can be read (§1.15)."""

from __future__ import annotations

from typing import Any

from harness.embedded.dataplane.routebook import Report
from harness.resources.document import ResourceInvalid
from harness.resources.policy_objects import PolicyObject, parse_policy_object

Obj = dict[str, Any]


class PolicyBook:
    """Servers, authorizations, authentications and rate limits of the cluster."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._policies: dict[tuple[str, str, str], PolicyObject] = {}

    def put(self, obj: Obj) -> None:
        """Read an object that was added or changed; what cannot be read is reported and leaves the last version."""
        try:
            self._policies[_place(obj)] = parse_policy_object(obj)
        except ResourceInvalid as invalid:
            kept = "; its previous version stays in force" if _place(obj) in self._policies else ""
            self._report(obj, "PolicyNotUsable", f"{invalid}{kept}")

    def remove(self, obj: Obj) -> None:
        """Forget an object."""
        self._policies.pop(_place(obj), None)

    def in_force(self) -> tuple[PolicyObject, ...]:
        """All objects, in a fixed order."""
        return tuple(policy for _, policy in sorted(self._policies.items(), key=lambda item: item[0]))


def _place(obj: Obj) -> tuple[str, str, str]:
    return (obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
