"""Recipes of apps: what is applied, in which order, and what must be ready before a scenario starts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictStr

from harness.scenario.actions import Text
from harness.scenario.part import Part
from harness.scenario.units import Duration
from harness.scenario.words import KubernetesName, ManifestPaths, Named, Slug


class AppMetadata(Part):
    """What the app is called."""

    said: ClassVar[str] = "'metadata'"
    name: Slug
    labels: Mapping[Text, StrictStr] = {}


class AppSpec(Part):
    """How the app is installed."""

    said: ClassVar[str] = "'spec'"
    description: Text | None = None
    namespaces: tuple[KubernetesName, ...] = ()
    """The namespaces that the app owns; they go when it goes."""
    manifests: ManifestPaths
    """Applied in this order."""
    ready: Annotated[tuple[Named, ...], Field(min_length=1)]
    """Deployments whose rollout must be complete, as namespace/name."""
    within: Duration = timedelta(minutes=3)
    """How long that may take in all."""


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
