"""A new cluster becoming usable: its API answers, its nodes are ready, its ingress controller runs.

A tool that says so is not enough: `kind create cluster --wait` runs out of time and still ends with 0.
"""

from __future__ import annotations

import time

from harness.errors import ClusterLost, EnvironmentFailed
from harness.kube.client import Kube
from harness.kube.objects import JsonObject, ObjectRef
from harness.kube.waits import pod_condition, wait_for, wait_rollout, wait_there

POLL_SECONDS = 0.25


def wait_api(kube: Kube, *, within: float) -> None:
    """Return when the API server is ready.

    raises  EnvironmentFailed with its last answer
    """
    deadline, last = time.monotonic() + within, ""
    while time.monotonic() < deadline:
        try:
            answer = kube.raw("/readyz", timeout_seconds=5)
            if answer.status == 200:
                return
            last = f"HTTP {answer.status} {answer.body.decode(errors='replace')[:200]}"
        except ClusterLost as error:
            last = error.message
        time.sleep(POLL_SECONDS)
    raise EnvironmentFailed(
        f"the new cluster's API was not ready within {within:g} s: {last}", "docker ps; docker logs"
    )


def wait_nodes(kube: Kube, *, within: float) -> None:
    """Return when there is a node and every node is Ready.

    raises  EnvironmentFailed naming the one that is not
    """
    deadline = time.monotonic() + within
    while not (nodes := kube.objects("v1", "Node")):
        if time.monotonic() > deadline:
            raise EnvironmentFailed(
                f"no node has joined the new cluster within {within:g} s", "docker logs of its nodes"
            )
        time.sleep(POLL_SECONDS)
    for node in nodes:
        wait_for(
            kube,
            ObjectRef("v1", "Node", None, node["metadata"]["name"]),
            lambda node: pod_condition(node, "Ready"),
            within=within,
            describe=_why_not_ready,
        )


def wait_deployment(kube: Kube, ref: ObjectRef, *, within: float) -> None:
    """Return when a Deployment that somebody is about to create has rolled out."""
    waited = wait_there(kube, ref, within=within)
    wait_rollout(kube, ref, within=max(1.0, within - waited))


def _why_not_ready(node: JsonObject) -> str:
    conditions = (node.get("status") or {}).get("conditions") or []
    return "; ".join(str(c.get("message", "")) for c in conditions if c["type"] == "Ready") or "no condition yet"
