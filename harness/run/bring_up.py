"""From a profile to a cluster that scenarios can run on: made by its provider, furnished with what it lacks."""

from __future__ import annotations

from harness.cluster.provider import INGRESS_PORT, Cluster, Progress, Request
from harness.cluster.providers import provider
from harness.scenario.clusters import Profile


def bring_up(profile: Profile, name: str, *, progress: Progress, keep: bool = False) -> Cluster:
    """A cluster of this profile, ready for apps.

    raises  InputError, EnvironmentFailed; nothing is left then
    """
    return provider(profile.provider).create(request(profile, name, keep=keep), progress=progress, furnish=_nothing)


def request(profile: Profile, name: str, *, keep: bool = False) -> Request:
    """What a profile asks of its provider."""
    return Request(
        name,
        profile.rules,
        keep=keep,
        node_image=profile.node_image or "",
        ingress_port=profile.ingress_port or INGRESS_PORT,
    )


def _nothing(cluster: Cluster) -> None:
    pass
