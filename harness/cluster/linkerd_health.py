"""Whether a cluster carries a healthy Linkerd whose rules are those of a dialect, seen through the API alone."""

from __future__ import annotations

import re

import yaml

from harness.cluster.preflight import Check
from harness.dialect import Dialect
from harness.kube.client import Kube
from harness.kube.objects import JsonObject, ObjectRef, workload
from harness.kube.waits import describe_rollout, rollout_complete

NAMESPACE = "linkerd"
CONFIG = ObjectRef("v1", "ConfigMap", NAMESPACE, "linkerd-config")
CONTROL_PLANE = ("linkerd-destination", "linkerd-identity", "linkerd-proxy-injector")
"""The Deployments of the control plane, in every version since 2.12."""
ELSEWHERE = "signalbox.dev/control-plane"
"""Annotation of the ConfigMap on a cluster whose control plane is not a set of Deployments."""
DEFINITIONS = (
    "httproutes.policy.linkerd.io",
    "httproutes.gateway.networking.k8s.io",
    "servers.policy.linkerd.io",
    "authorizationpolicies.policy.linkerd.io",
    "meshtlsauthentications.policy.linkerd.io",
    "networkauthentications.policy.linkerd.io",
)


def linkerd_checks(kube: Kube, dialect: Dialect) -> list[Check]:
    """Version, control plane and custom resource definitions.

    raises  KubeError if the user may not look, ClusterLost
    """
    config = kube.get(CONFIG)
    if config is None:
        seen = f"{CONFIG} does not exist"
        return [Check("Linkerd is installed", False, seen, "linkerd install, or use --cluster k3d, kind or embedded")]
    return [_version(config, dialect), _control_plane(kube, config), _definitions(kube)]


def installed_version(config: JsonObject) -> str:
    """The version that an installation states of itself; "" if it states none."""
    try:
        values = yaml.safe_load((config.get("data") or {}).get("values") or "")
    except yaml.YAMLError:
        return ""
    return str(values.get("linkerdVersion") or "") if isinstance(values, dict) else ""


def follows(version: str, dialect: Dialect) -> bool:
    """Whether a Linkerd of this version keeps a dialect's rules, by the minor release or the channel.

    No version keeps those of the Gateway API's own text.
    """
    if dialect.family != "linkerd":
        return False
    stable = re.match(r"(?:stable-|enterprise-|v)?2\.(\d+)", version)
    ours = re.match(r"stable-2\.(\d+)", dialect.version)
    if ours:
        return stable is not None and stable.group(1) == ours.group(1)
    return version.startswith("edge-") or (stable is not None and int(stable.group(1)) >= 17)


def _version(config: JsonObject, dialect: Dialect) -> Check:
    version = installed_version(config)
    remedy = f"choose a profile whose dialect fits; this one wants {dialect.version} or a release with the same rules"
    return Check(f"Linkerd keeps the rules of {dialect.name}", follows(version, dialect), version or "unknown", remedy)


def _control_plane(kube: Kube, config: JsonObject) -> Check:
    what = "Linkerd's control plane is ready"
    if where := (config["metadata"].get("annotations") or {}).get(ELSEWHERE):
        return Check(what, True, f"{where}, without Deployments of its own", "")
    found = {name: kube.get(workload("Deployment", f"{NAMESPACE}/{name}")) for name in CONTROL_PLANE}
    bad = [f"{name} does not exist" for name, deployment in found.items() if deployment is None]
    bad += [f"{n}: {describe_rollout(d)}" for n, d in found.items() if d is not None and not rollout_complete(d)]
    return Check(what, not bad, "; ".join(bad) or "every Deployment is available", "linkerd check")


def _definitions(kube: Kube) -> Check:
    there = {d["metadata"]["name"] for d in kube.objects("apiextensions.k8s.io/v1", "CustomResourceDefinition")}
    missing = [name for name in DEFINITIONS if name not in there]
    remedy = "linkerd install --crds; from 2.19 on install the Gateway API's definitions first"
    seen = f"missing: {', '.join(missing)}" if missing else "all served"
    return Check("custom resource definitions", not missing, seen, remedy)
