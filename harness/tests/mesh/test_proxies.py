"""Every pod that should have a proxy is shown to have one: a container of its own or a native sidecar, and ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from harness.errors import EnvironmentFailed, Exit
from harness.kube.client import Kube
from harness.kube.objects import ObjectRef, workload
from harness.mesh.proxies import check_proxies

HELLO = workload("Deployment", "test/hello")
JsonObject = dict[str, Any]
CRASHING: JsonObject = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}


@dataclass
class Site:
    """A cluster that holds one Deployment."""

    namespace: JsonObject
    deployment: JsonObject
    pods: list[JsonObject]

    def get(self, ref: ObjectRef) -> JsonObject:
        return self.namespace if ref.kind == "Namespace" else self.deployment

    def objects(self, api_version: str, kind: str, namespace: str | None = None, labels: str = "") -> list[JsonObject]:
        assert (kind, namespace, labels) == ("Pod", "test", "app=hello")
        return self.pods


def pod(name: str, *, proxy: str = "containers", ready: bool = True, **more: Any) -> JsonObject:
    """A running pod; proxy says in which list its proxy is, if it has one."""
    spec: JsonObject = {"containers": [{"name": "hello"}], "initContainers": [{"name": "linkerd-init"}]}
    status: JsonObject = {"phase": "Running", "containerStatuses": [{"name": "hello", "ready": True}]}
    if proxy:
        spec[proxy].append({"name": "linkerd-proxy"})
        statuses = "containerStatuses" if proxy == "containers" else "initContainerStatuses"
        status.setdefault(statuses, []).append(
            {"name": "linkerd-proxy", "ready": ready, "state": {"running": {}} if ready else CRASHING}
        )
    metadata = {"name": name, "namespace": "test", **more.pop("metadata", {})}
    return {"metadata": metadata, "spec": spec, "status": {**status, **more}}


def site(*pods: JsonObject, word: str = "enabled", own: str = "") -> Site:
    template = {"metadata": {"annotations": {"linkerd.io/inject": own} if own else {}}, "spec": {"containers": []}}
    selector = {"matchLabels": {"app": "hello"}}
    deployment = {"kind": "Deployment", "metadata": {"name": "hello"}, "spec": {"selector": selector}}
    deployment["spec"]["template"] = template  # type: ignore[index]
    annotations = {"linkerd.io/inject": word} if word else None
    return Site({"metadata": {"annotations": annotations}}, deployment, list(pods))


def check(one: Site) -> None:
    check_proxies(cast(Kube, one), HELLO)


@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_pods_with_a_ready_proxy(where: str) -> None:
    check(site(pod("a", proxy=where), pod("b", proxy=where)))


@pytest.mark.parametrize(
    "one",
    [
        site(pod("a", proxy=""), word=""),
        site(pod("a", proxy=""), own="disabled"),
        site(pod("a"), pod("b", proxy="", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})),
        site(pod("a"), pod("b", proxy="", phase="Failed")),
    ],
    ids=["namespace-says-nothing", "template-says-no", "going", "evicted"],
)
def test_pods_that_need_none(one: Site) -> None:
    check(one)


@pytest.mark.parametrize("one", [site(pod("a"), pod("b", proxy="")), site(pod("b", proxy=""), word="", own="ingress")])
def test_a_pod_that_started_without_the_injector_is_named_with_the_remedy(one: Site) -> None:
    with pytest.raises(EnvironmentFailed) as caught:
        check(one)
    assert caught.value.message.splitlines()[1:] == ["  pod test/b: no container linkerd-proxy"]
    assert caught.value.remedy.endswith("then kubectl -n test rollout restart deploy/hello")
    assert caught.value.exit_code == Exit.ENVIRONMENT


@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_a_proxy_that_is_not_ready_says_why(where: str) -> None:
    with pytest.raises(EnvironmentFailed, match="pod test/a: container linkerd-proxy is not ready: CrashLoopBackOff"):
        check(site(pod("a", proxy=where, ready=False)))
