"""Sender pods: one per identity of a scenario, meshed or not, the same program on every cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from harness.cluster.provider import SENDER_IMAGE, Cluster
from harness.errors import EnvironmentFailed
from harness.kube.apply import RUN_LABEL, Applier, Ledger
from harness.kube.client import Kube
from harness.kube.objects import JsonObject, ObjectRef
from harness.kube.waits import wait_job_ready, wait_pod_ready
from harness.mesh.metrics import MeshedPod, is_meshed
from harness.scenario.model import IngressSender, PodSender
from harness.traffic.client import SenderClient
from harness.traffic.local import local_sender, towards
from harness.traffic.merged import merged_sender
from harness.traffic.sender import PORT

READY_SECONDS = 60.0
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
STREAM_SILENCE_SECONDS = 30.0
"""The sender flushes every 50 ms even when nothing comes back; a silence this long means that it is gone."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A running sender.

    pod     as metrics know it (no Deployment owns it), the first of several copies; None for one that asks from outside
    copies  the other pods that share its requests
    """

    name: str
    pod: MeshedPod | None
    meshed: bool
    client: SenderClient
    copies: tuple[MeshedPod, ...] = ()

    @property
    def pods(self) -> tuple[MeshedPod, ...]:
        """All pods that send for it."""
        return () if self.pod is None else (self.pod, *self.copies)


def start_senders(
    kube: Kube,
    cluster: Cluster,
    applier: Applier,
    ledger: Ledger,
    specs: Mapping[str, PodSender | IngressSender],
    run_id: str,
) -> dict[str, Sender]:
    """Running senders by name; they are in the ledger, so undo takes them away.

    raises  EnvironmentFailed if a pod does not become ready or is not meshed although it should be, or if somebody
            asks through the ingress of a cluster that has none
    """
    pods = {name: spec for name, spec in specs.items() if isinstance(spec, PodSender)}
    outside = {name: spec for name, spec in specs.items() if isinstance(spec, IngressSender)}
    return {name: _outside(name, spec, cluster) for name, spec in outside.items()} | _start_pods(
        kube, applier, ledger, pods, run_id
    )


def _outside(name: str, spec: IngressSender, cluster: Cluster) -> Sender:
    if cluster.ingress is None:
        raise EnvironmentFailed(
            f"sender '{name}' asks through the ingress, and cluster {cluster.name} has none",
            "use a profile whose cluster has an ingress",
        )
    return Sender(name, None, meshed=False, client=local_sender(towards(cluster.ingress, spec.host)))


def _start_pods(
    kube: Kube, applier: Applier, ledger: Ledger, specs: Mapping[str, PodSender], run_id: str
) -> dict[str, Sender]:
    names = {name: f"sender-{name}-{run_id}" for name in specs}
    for name, spec in specs.items():
        _ensure_home(kube, applier, ledger, spec)
        manifest = _manifest(name, names[name], spec, run_id)
        applier.apply(manifest if spec.copies == 1 else job_of(manifest, spec.copies), ledger)
    return {name: _await(kube, name, names[name], spec) for name, spec in specs.items()}


def _ensure_home(kube: Kube, applier: Applier, ledger: Ledger, spec: PodSender) -> None:
    """The namespace and the ServiceAccount of a sender, where nobody made them yet."""
    namespace: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": spec.namespace}}
    account: JsonObject = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": spec.service_account, "namespace": spec.namespace},
    }
    if not any(n["metadata"]["name"] == spec.namespace for n in kube.objects("v1", "Namespace")):
        applier.apply(namespace, ledger)
    accounts = {a["metadata"]["name"] for a in kube.objects("v1", "ServiceAccount", spec.namespace)}
    if spec.service_account not in accounts:
        applier.apply(account, ledger)


def _manifest(sender: str, pod: str, spec: PodSender, run_id: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod,
            "namespace": spec.namespace,
            "labels": {"app": "signalbox-sender", "signalbox.dev/sender": sender, RUN_LABEL: run_id},
            "annotations": {
                "linkerd.io/inject": "enabled" if spec.meshed else "disabled",
                # Orders reach the sender whatever policy is under test.
                "config.linkerd.io/skip-inbound-ports": str(PORT),
                # So do our looks at its proxy's counters, whatever the namespace's default is.
                "config.linkerd.io/default-inbound-policy": "all-unauthenticated",
            },
        },
        "spec": {
            "serviceAccountName": spec.service_account,
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "sender",
                    "image": SENDER_IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "ports": [{"name": "orders", "containerPort": PORT}],
                    "readinessProbe": {"httpGet": {"path": "/healthz", "port": PORT}},
                }
            ],
        },
    }


def job_of(pod: JsonObject, copies: int) -> JsonObject:
    """An Indexed Job that runs a sender pod so many times at once; it ends by being deleted, like the pod."""
    metadata = pod["metadata"]
    place = {"name": metadata["name"], "namespace": metadata["namespace"], "labels": metadata["labels"]}
    template = {
        "metadata": {"labels": metadata["labels"], "annotations": metadata["annotations"]},
        "spec": {**pod["spec"], "restartPolicy": "Never"},
    }
    spec = {"completionMode": "Indexed", "completions": copies, "parallelism": copies, "backoffLimit": 0}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": place, "spec": {**spec, "template": template}}


def _await(kube: Kube, name: str, pod_name: str, spec: PodSender) -> Sender:
    if spec.copies == 1:
        return _await_pod(kube, name, pod_name, spec)
    wait_job_ready(kube, ObjectRef("batch/v1", "Job", spec.namespace, pod_name), spec.copies, within=READY_SECONDS)
    pods = kube.objects("v1", "Pod", spec.namespace, f"batch.kubernetes.io/job-name={pod_name}")
    by_index = sorted((int(pod["metadata"]["annotations"][COMPLETION_INDEX]), pod["metadata"]["name"]) for pod in pods)
    first, *others = [_await_pod(kube, name, pod, spec) for _, pod in by_index]
    return replace(
        first,
        client=merged_sender([one.client for one in (first, *others)]),
        copies=tuple(one.pod for one in others if one.pod is not None),
    )


def _await_pod(kube: Kube, name: str, pod_name: str, spec: PodSender) -> Sender:
    pod = wait_pod_ready(kube, spec.namespace, pod_name, within=READY_SECONDS).obj
    if is_meshed(pod) != spec.meshed:
        wanted = "meshed" if spec.meshed else "unmeshed"
        raise EnvironmentFailed(
            f"sender '{name}' ({spec.namespace}/{pod_name}) should be {wanted} and is not",
            "look at the proxy injector: kubectl -n linkerd logs deploy/linkerd-proxy-injector",
        )
    where = MeshedPod(spec.namespace, pod_name, pod["metadata"]["uid"], "")

    @contextmanager
    def open_stream(body: bytes) -> Iterator[Iterator[bytes]]:
        headers = {"content-type": "application/json"}
        with kube.pod_stream(
            spec.namespace,
            pod_name,
            PORT,
            "send",
            method="POST",
            body=body,
            headers=headers,
            timeout_seconds=STREAM_SILENCE_SECONDS,
        ) as response:
            if response.status != 200:
                text = response.read().decode(errors="replace")
                raise EnvironmentFailed(f"sender '{name}' refused its orders: HTTP {response.status} {text}")
            yield response.stream(65536)

    return Sender(name, where, spec.meshed, SenderClient(open_stream))
