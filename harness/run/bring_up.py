"""From a profile to a cluster that scenarios can run on: made by its provider, furnished with what it lacks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from harness.cluster.images import DASHBOARD, SENDER, STAND_INS, Recipe, ensure
from harness.cluster.linkerd_health import linkerd_checks
from harness.cluster.preflight import require
from harness.cluster.provider import INGRESS_PORT, Cluster, Progress, Provider, Request
from harness.cluster.providers import provider
from harness.dialect import DIALECTS
from harness.errors import Finding, InputError
from harness.kube.client import Kube
from harness.mesh.linkerd import Release, install
from harness.scenario.clusters import Profile

STAND_IN_APPS = "SIGNALBOX_STAND_INS"
"""Set to have our stand-ins built and loaded in place of the apps' public images."""


def bring_up(profile: Profile, name: str, *, progress: Progress, keep: bool = False, bare: bool = False) -> Cluster:
    """A cluster of this profile, ready for apps.

    bare  without a mesh, where it is not built in: whoever asks installs it by hand
    raises  InputError, EnvironmentFailed; nothing is left then
    """
    chosen = provider(profile.provider)
    # Only who looks at a cluster that stays asks for a dashboard.
    recipes = (SENDER, *((DASHBOARD,) if keep else ()), *(STAND_INS if os.environ.get(STAND_IN_APPS) else ()))
    furnish = partial(_furnish, chosen, profile, recipes, bare, progress)
    return chosen.create(request(profile, name, keep=keep), progress=progress, furnish=furnish)


def request(profile: Profile, name: str, *, keep: bool = False) -> Request:
    """What a profile asks of its provider.

    raises  InputError if its dialect is none that a mesh speaks
    """
    if profile.dialect not in DIALECTS:
        known = ", ".join(DIALECTS)
        message = f"nothing runs by dialect {profile.dialect}: meshes speak {known}; it is for lint and explain"
        raise InputError([Finding("fixtures/clusters.yaml", 0, message)])
    return Request(
        name,
        profile.rules,
        keep=keep,
        node_image=profile.node_image or "",
        ingress_port=profile.ingress_port or INGRESS_PORT,
        linkerd=profile.linkerd.version if profile.linkerd else "",
    )


def _furnish(
    chosen: Provider, profile: Profile, recipes: Sequence[Recipe], bare: bool, progress: Progress, cluster: Cluster
) -> None:
    """Images and mesh for a bare cluster."""
    release = release_of(profile)
    for recipe in recipes:
        if ensure(recipe):
            progress(f"built image {recipe.image}")
    chosen.load_images(cluster, [recipe.image for recipe in recipes])
    if bare:
        return
    with Kube(cluster.kubeconfig) as kube:
        install(kube, release, cluster.kubeconfig.parent, viz=profile.install_viz, progress=progress)
        require("Linkerd", linkerd_checks(kube, cluster.dialect))


def release_of(profile: Profile) -> Release:
    """The Linkerd that a profile wants; raises InputError if it names none."""
    given = profile.linkerd
    if given is None:
        message = f"no release of Linkerd is written for dialect {profile.dialect}, in the profile or under 'meshes'"
        raise InputError([Finding("fixtures/clusters.yaml", 0, message)])
    return Release(
        version=given.version,
        repository=given.charts,
        crds=given.crds,
        control_plane=given.control_plane,
        viz=given.viz,
        gateway_api=given.gateway_api or "",
    )
