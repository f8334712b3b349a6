"""What can be promised of responses together: `every` one of them, a `share`; and the state of a `resource`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StrictInt, StrictStr

from harness.scenario.actions import Text, condition_problems
from harness.scenario.grpc_status import GrpcCode
from harness.scenario.part import Part, Problem
from harness.scenario.sendable import is_token
from harness.scenario.spelled import shown
from harness.scenario.units import Duration, Percent, Points, format_percent, format_points
from harness.scenario.words import KubernetesName, Named, Pods, StatusSet, Wanted

DEFAULT_TIMES: Final = 20
"""Requests behind `every`, and behind each row of a table, when the author names no number."""

_ROUNDING: Final = 1e-9


class Criteria(Part):
    """Properties of one response; those given must all hold.

    other_keys  keys of a subclass that say nothing of a response
    """

    said: ClassVar[str] = "'of'"
    other_keys: ClassVar[tuple[str, ...]] = ()
    status: StatusSet | None = None
    """A code such as 500, a class such as 5xx, or a list of them."""
    grpc_status: GrpcCode | None = None
    """Of calls of gRPC: a name such as PERMISSION_DENIED, or its number."""
    by: Literal["proxy", "app"] | None = None
    """Who made the response: the sender's own proxy, or whoever is behind it. Only a meshed sender can tell."""
    answered_by: KubernetesName | None = None
    """The Deployment whose pod answered, as the sender's proxy counts. Only a meshed sender can tell."""
    header: Mapping[Text, StrictStr] | None = None
    """Response headers with exactly these values; names in any case."""
    faster_than: Duration | None = None
    """Longest time from the scheduled sending to the end of the response."""
    body_has: Text | None = None
    """Text that the body contains."""
    body_lacks: Text | None = None
    """Text that the body does not contain."""

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        if not set(present) & set(cls.criteria()):
            yield "", f"{cls.said} names no property of a response; known are {', '.join(cls.criteria())}"

    def value_problems(self) -> Iterable[Problem]:
        for name in self.header or ():
            if not is_token(name):
                yield ("header", name), f"{shown(name)} is not the name of a header"

    @classmethod
    def criteria(cls) -> tuple[str, ...]:
        """The keys that say something of a response."""
        return tuple(key for key in cls.key_names() if key not in cls.other_keys)

    def given(self) -> tuple[str, ...]:
        """The criteria in use, as YAML spells them."""
        values = {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}
        return tuple(key for key in self.criteria() if values[key] is not None)


class Every(Criteria):
    """Each response has these properties; one that has not breaks the claim."""

    said: ClassVar[str] = "'every'"
    other_keys: ClassVar[tuple[str, ...]] = ("times",)
    times: Annotated[StrictInt, Field(ge=1, le=100_000)] | None = None
    """How many requests to send, 20 if not given; not beside `about`, which takes all there are."""


class Kind(Criteria):
    """The responses whose share is claimed."""

    said: ClassVar[str] = "'of'"
    class_: Literal["success", "failure"] | None = Field(default=None, alias="class")
    """What proxies count: failure is a 5xx or a failed call. Only of `metrics`."""


class Share(Part):
    """A proportion of the responses, with what it must be told apart from."""

    said: ClassVar[str] = "'share'"
    reasons: ClassVar[Mapping[str, str]] = {"resolution": "say what must be told apart, like resolution: 5pp"}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"exactly one bound": ("is", "at-most", "at-least")}
    of: Kind
    is_: Percent | None = None
    """The share; both sides are tested."""
    at_most: Percent | None = None
    """An upper bound; one side is tested."""
    at_least: Percent | None = None
    """A lower bound; one side is tested."""
    resolution: Points
    """Shares this far from the claimed one must be told apart from it."""

    @property
    def claimed(self) -> float:
        """The share written behind `is`, `at-most` or `at-least`, as a fraction of 1."""
        return next(bound for bound in (self.is_, self.at_most, self.at_least) if bound is not None)

    def value_problems(self) -> Iterable[Problem]:
        low, high = self.claimed - self.resolution, self.claimed + self.resolution
        if self.is_ in (0.0, 1.0):
            bound = "at-most" if self.is_ == 0 else "at-least"
            limit = format_percent(self.claimed)
            yield "is", f"no share lies beyond {limit}; write {bound}: {limit}"
        elif self.at_most is None and low < -_ROUNDING:
            yield "resolution", self._leaves(self.claimed)
        elif self.at_least is None and high > 1 + _ROUNDING:
            yield "resolution", self._leaves(1 - self.claimed)

    def _leaves(self, room: float) -> str:
        if room <= 0:
            return f"every share is within {format_percent(self.claimed)}; nothing is claimed"
        reach = f"{format_points(self.resolution)} around {format_percent(self.claimed)} lead out of 0%..100%"
        return f"{reach}; the largest resolution here is {format_points(room)}"


class ResourceState(Part):
    """A condition of pods or a Deployment: for a while without a break, or soon."""

    said: ClassVar[str] = "'resource'"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "exactly one object": ("pods", "deployment"),
        "exactly one time": ("for", "within"),
    }
    pods: Pods | None = None
    """Pods by label, as namespace/label=value; all of them, and at least one."""
    deployment: Named | None = None
    """A Deployment, as namespace/name."""
    condition: Wanted
    """Such as Ready, or not Ready."""
    for_: Duration | None = None
    """Holds all this time."""
    within: Duration | None = None
    """Is met before this time has passed."""

    def value_problems(self) -> Iterable[Problem]:
        return condition_problems(self.condition, on_pods=self.pods is not None)
