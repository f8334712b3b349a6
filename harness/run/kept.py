"""Clusters that outlive the command that started them, for kubectl and a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.cluster.provider import Cluster
from harness.cluster.providers import all_providers
from harness.errors import Finding, InputError, nearest
from harness.run.bring_up import bring_up
from harness.scenario.project import Project


def keep_up(name: str, profile_name: str | None, *, progress: Callable[[str], None]) -> Cluster:
    """A cluster of this name that stays: the one that is there, or a new one.

    raises  InputError, EnvironmentFailed
    """
    for cluster in kept_clusters():
        if cluster.name == name:
            progress(f"{name} runs already")
            return cluster
    _, profile = Project.around(Path("scenarios")).profile(profile_name)
    return bring_up(profile, name, keep=True, progress=progress)


def kept_clusters() -> list[Cluster]:
    """All clusters that stay, of every provider."""
    return [cluster for one in all_providers() for cluster in one.kept()]


def take_down(names: Sequence[str]) -> list[str]:
    """Delete the kept clusters of these names, or all; returns their names.

    raises  InputError if a name is not among them, before anything is deleted
    """
    by_name = {cluster.name: (one, cluster) for one in all_providers() for cluster in one.kept()}
    unknown = [
        Finding("", 0, f"no cluster called '{name}' is kept{nearest(name, list(by_name))}")
        for name in names
        if name not in by_name
    ]
    if unknown:
        raise InputError(unknown)
    chosen = list(names) or list(by_name)
    for name in chosen:
        one, cluster = by_name[name]
        one.delete(cluster)
    return chosen
