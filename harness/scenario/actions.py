"""What a step does to the cluster: one verb per line of `given` and `when`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, StrictInt, StrictStr

from harness.scenario.part import Part, Problem, useless
from harness.scenario.spelled import shown
from harness.scenario.units import Duration
from harness.scenario.words import KubernetesName, ManifestPaths, Named, Pods, Slug, Wanted

_DEFAULT_WAIT: Final = timedelta(minutes=2)
_BUILT_IN_GROUPS: Final = ("v1", "apps/", "batch/", "autoscaling/", "policy/v", "networking.k8s.io/", "rbac.")

Text = Annotated[StrictStr, Field(min_length=1)]


def plain(value: Any) -> Any:
    """The value as ordinary dictionaries and lists, whatever kept its lines."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


FreeForm = Annotated[Any, BeforeValidator(plain)]


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply every object of the manifests, in order.

    expected_findings  codes of lint findings that the author knows of
    """

    manifests: tuple[str, ...]
    expected_findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete every object of the manifests, last one first."""

    manifests: tuple[str, ...]


class ObjectReference(Part):
    """Any object of the cluster."""

    said: ClassVar[str] = "a resource"
    api_version: StrictStr = Field(alias="apiVersion")
    kind: Text
    namespace: KubernetesName | None = None
    """Left out for objects without a namespace."""
    name: KubernetesName


class Patch(Part):
    """Change part of an object, as `kubectl patch` does."""

    said: ClassVar[str] = "'patch'"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"exactly one object": ("deployment", "resource")}
    deployment: Named | None = None
    """The Deployment to change, as namespace/name."""
    resource: ObjectReference | None = None
    """Any other object to change."""
    type: Literal["strategic", "merge", "json"]
    """How the patch is read; custom resources know merge and json."""
    patch: FreeForm
    """A mapping, or a list of operations for type json."""

    def value_problems(self) -> Iterable[Problem]:
        wanted = list if self.type == "json" else dict
        if not isinstance(self.patch, wanted):
            shape = "a list of operations" if wanted is list else "keys with values"
            yield "patch", f"a patch of type {self.type} is {shape}, not {shown(self.patch)}"
        if self.type == "strategic" and self.resource is not None and not _is_built_in(self.resource.api_version):
            yield "type", f"custom resources such as {self.resource.kind} take no strategic patch; use merge or json"


def _is_built_in(api_version: str) -> bool:
    return api_version.startswith(_BUILT_IN_GROUPS)


class SetEnv(Part):
    """Give a container an environment variable; the Deployment rolls out if that changes it."""

    said: ClassVar[str] = "'set-env'"
    deployment: Named
    """The Deployment, as namespace/name."""
    variable: Text
    value: StrictStr
    """Always text, as in every container's environment."""
    container: KubernetesName | None = None
    """The container; left out, every container of the pod template."""


class UnsetEnv(Part):
    """Take an environment variable away by its name; fine if it is not there."""

    said: ClassVar[str] = "'unset-env'"
    deployment: Named
    """The Deployment, as namespace/name."""
    variable: Text
    container: KubernetesName | None = None
    """The container; left out, every container of the pod template."""


class Scale(Part):
    """Set the number of replicas."""

    said: ClassVar[str] = "'scale'"
    deployment: Named
    """The Deployment, as namespace/name."""
    replicas: Annotated[StrictInt, Field(ge=0, le=100)]


class Wait(Part):
    """Go on when a rollout is complete or a condition is met; fail when `within` has passed."""

    said: ClassVar[str] = "'wait'"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"exactly one object": ("rollout", "deployment", "pods")}
    rollout: Named | None = None
    """A Deployment whose newest revision must be complete, as namespace/name."""
    deployment: Named | None = None
    """A Deployment whose condition is waited for, as namespace/name."""
    pods: Pods | None = None
    """Pods whose condition is waited for, as namespace/label=value."""
    condition: Wanted | None = None
    """Such as Ready, or not Ready."""
    within: Duration = _DEFAULT_WAIT

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        yield from super().key_problems(present)
        if "rollout" in present:
            yield from useless(present, ("condition",), "is of no use to a rollout")
        elif "condition" not in present:
            yield "", "'wait' needs 'condition', such as Ready"

    def value_problems(self) -> Iterable[Problem]:
        return condition_problems(self.condition, on_pods=self.pods is not None)


def condition_problems(condition: Any, *, on_pods: bool) -> Iterable[Problem]:
    """A problem if the condition belongs to the other kind of object."""
    if condition is not None and condition.of_pods is not on_pods:
        kind = "pods" if on_pods else "Deployments"
        yield "condition", f"{kind} have no condition {condition.name}"


class ExpectedFindings(Part):
    """Lint findings that the author knows of and wants in this place."""

    said: ClassVar[str] = "'lint'"
    expect: Annotated[tuple[Slug, ...], Field(min_length=1)]


Work = Apply | Delete | Patch | SetEnv | UnsetEnv | Scale | Wait

VERBS: Final = ("apply", "delete", "patch", "set-env", "unset-env", "scale", "wait")


class Action(Part):
    """One line of `given` or `when`: exactly one verb."""

    said: ClassVar[str] = "an action"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"exactly one verb": VERBS}
    apply: ManifestPaths | None = None
    """Manifests to apply, one path or a list; undone at the end."""
    delete: ManifestPaths | None = None
    """Manifests whose objects are deleted."""
    patch: Patch | None = None
    set_env: SetEnv | None = None
    unset_env: UnsetEnv | None = None
    scale: Scale | None = None
    wait: Wait | None = None
    lint: ExpectedFindings | None = None
    """Beside `apply`: findings that the author knows of."""

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        yield from super().key_problems(present)
        if "apply" not in present:
            yield from useless(present, ("lint",), "belongs beside 'apply'")

    @property
    def work(self) -> Work:
        """What is to be done."""
        if self.apply is not None:
            return Apply(self.apply, self.lint.expect if self.lint else ())
        if self.delete is not None:
            return Delete(self.delete)
        work = self.patch or self.set_env or self.unset_env or self.scale or self.wait
        assert work is not None, "key_problems lets no action without a verb through"
        return work

    @property
    def verb(self) -> str:
        """The verb as YAML spells it."""
        return next(verb for verb in VERBS if getattr(self, verb.replace("-", "_")) is not None)
