"""Profiles of clusters: which provider makes them, whose rules they follow, and how fast they may be driven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness import dialect as dialects
from harness.errors import nearest
from harness.scenario.actions import Text
from harness.scenario.part import Part, Problem
from harness.scenario.spelled import shown
from harness.scenario.units import Duration, Rate
from harness.scenario.words import Slug


class Pace(Part):
    """What the machine behind a profile can take."""

    said: ClassVar[str] = "'pace'"
    max_rate: Rate | None = None
    """No sender asks faster, whatever its scenario says."""
    metrics_window: Duration | None = None
    """No metrics window is longer, whatever its scenario says."""

    def rate(self, wanted: float) -> float:
        """The rate in force, in requests per second."""
        return wanted if self.max_rate is None else min(wanted, self.max_rate)

    def window(self, wanted: timedelta) -> timedelta:
        """The metrics window in force."""
        return wanted if self.metrics_window is None else min(wanted, self.metrics_window)


class LinkerdRelease(Part):
    """A version of Linkerd and where it comes from, for clusters that are born without a mesh."""

    said: ClassVar[str] = "a release of Linkerd"
    version: Text
    """The release's own name, which the `linkerd` command says of itself."""
    charts: Text
    """URL of the repository of its helm charts."""
    crds: Text
    """Version of the chart linkerd-crds."""
    control_plane: Text
    """Version of the chart linkerd-control-plane."""
    viz: Text
    """Version of the chart linkerd-viz."""
    gateway_api: Text | None = None
    """URL or path of the Gateway API's definitions, where the release does not bring them (§1.68)."""


class Profile(Part):
    """One way to get a cluster."""

    said: ClassVar[str] = "a profile"
    description: Text | None = None
    provider: Literal["embedded", "k3d", "kind", "existing"]
    """Who makes the cluster."""
    dialect: Text
    """Whose rules the mesh follows; a name from the table of dialects."""
    provides: Annotated[tuple[Slug, ...], Field(min_length=1)]
    """What scenarios may ask for under `cluster`."""
    differs: tuple[Slug, ...] = ()
    """Where its mesh is known not to do what the dialect says; words of `signalbox explain`, see docs/explain.md."""
    pace: Pace = Pace()
    node_image: Text | None = None
    """What the nodes run, for k3d and kind; the version of Kubernetes with it."""
    ingress_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Where the ingress listens on 127.0.0.1; the tutorial's 54321 if left out."""
    linkerd: LinkerdRelease | None = None
    """What is installed on a cluster that is born without a mesh; left out, that of the dialect under `meshes`."""
    install_viz: bool = False
    """Whether linkerd-viz is installed too; our own tables do without."""

    def value_problems(self) -> Iterable[Problem]:
        if self.dialect not in dialects.RULES:
            hint = nearest(self.dialect, list(dialects.RULES))
            yield "dialect", f"no dialect is called {shown(self.dialect)}{hint}"
        elif self.dialect not in dialects.DIALECTS and self.provider != "existing":
            known = ", ".join(dialects.DIALECTS)
            said = f"no cluster that is made here speaks {self.dialect} (only {known}); lint and explain do"
            yield "dialect", said

    @property
    def rules(self) -> dialects.Dialect:
        """The dialect itself."""
        return dialects.RULES[self.dialect]


class Clusters(Part):
    """The file fixtures/clusters.yaml."""

    said: ClassVar[str] = "the file of clusters"
    api_version: Literal["signalbox/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["Clusters"]
    default: Slug
    """The profile in use when none is named."""
    profiles: Annotated[Mapping[Slug, Profile], Field(min_length=1)]
    meshes: Mapping[Text, LinkerdRelease] = {}
    """The release that stands for each dialect."""

    def value_problems(self) -> Iterable[Problem]:
        if self.default not in self.profiles:
            yield "default", f"no profile is called '{self.default}'{nearest(self.default, list(self.profiles))}"
        for name in self.meshes:
            if name not in dialects.RULES:
                hint = nearest(name, list(dialects.RULES))
                yield ("meshes", name), f"no dialect is called {shown(name)}{hint}"

    def profile(self, name: str) -> Profile:
        """A profile with the release of its dialect filled in."""
        profile = self.profiles[name]
        return profile if profile.linkerd else profile.model_copy(update={"linkerd": self.meshes.get(profile.dialect)})

    def words(self) -> list[str]:
        """Everything that a scenario may write under `cluster`."""
        provided = {word for profile in self.profiles.values() for word in profile.provides}
        return sorted({*self.profiles, *provided})
