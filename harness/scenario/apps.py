"""Recipes of apps: what is applied, in which order, and what must be ready before a scenario starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictStr

from harness.scenario.actions import Text
from harness.scenario.part import Part, Problem
from harness.scenario.units import Duration
from harness.scenario.words import KubernetesName, ManifestPaths, Named, Slug


class AppMetadata(Part):
    """What the app is called."""

    said: ClassVar[str] = "'metadata'"
    name: Slug
    labels: Mapping[Text, StrictStr] = {}


class Chart(Part):
    """A helm chart that gives the same objects as some of the manifests.

    Who installs the app by hand gets it as a release, as the tutorial has it, where helm and the repository can be
    had. Scenarios always take the manifests: what they expect was worked out from these.
    """

    said: ClassVar[str] = "a chart"
    name: Text
    repository: Text
    """URL of the repository that the chart is in."""
    version: Text
    release: Named
    """Namespace and name of the release."""
    values: Mapping[Text, Any] = {}
    """What differs from the chart's own values.yaml."""
    replaces: ManifestPaths
    """Those of the app's manifests that the chart stands for."""


class AppSpec(Part):
    """How the app is installed."""

    said: ClassVar[str] = "'spec'"
    description: Text | None = None
    namespaces: tuple[KubernetesName, ...] = ()
    """The namespaces that the app owns; they go when it goes."""
    manifests: ManifestPaths
    """Applied in this order."""
    chart: Chart | None = None
    """The same app by its chart, for those who install it by hand."""
    ready: Annotated[tuple[Named, ...], Field(min_length=1)]
    """Deployments whose rollout must be complete, as namespace/name."""
    within: Duration = timedelta(minutes=3)
    """How long that may take in all."""

    def value_problems(self) -> Iterable[Problem]:
        for path in self.chart.replaces if self.chart else ():
            if path not in self.manifests:
                yield ("chart", "replaces"), f"{path} is none of the app's manifests"


class App(Part):
    """A file of fixtures/apps/."""

    said: ClassVar[str] = "an app"
    api_version: Literal["signalbox/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["App"]
    metadata: AppMetadata
    spec: AppSpec

    @property
    def name(self) -> str:
        """The name in the metadata, which is the name of the file too."""
        return self.metadata.name
