from __future__ import annotations

import json
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14
from harness.embedded.admission import pod_injector
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.store import Store
from harness.embedded.dataplane.injection import inject, joins_mesh

Obj = dict[str, Any]


def pod(annotation: str | None = None, *, labels: Obj | None = None, owner: Obj | None = None, **spec: Any) -> Obj:
    metadata: Obj = {"name": "books-1", "namespace": "booksapp"}
    if annotation is not None:
        metadata["annotations"] = {"linkerd.io/inject": annotation}
    if labels:
        metadata["labels"] = labels
    if owner:
        metadata["ownerReferences"] = [{"controller": False, "kind": "Job", "name": "other"}, owner]
    return {"kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "app"}], **spec}}


def namespace(annotation: str | None = None, **annotations: str) -> Obj:
    written = {} if annotation is None else {"linkerd.io/inject": annotation}
    return {"kind": "Namespace", "metadata": {"name": "booksapp", "annotations": written | annotations}}


def owned_by(kind: str, name: str) -> Obj:
    return {"controller": True, "kind": kind, "name": name}


@pytest.mark.parametrize(
    ("on_namespace", "on_pod", "joins"),
    [
        ("enabled", "enabled", True),
        ("enabled", None, True),
        ("enabled", "disabled", False),
        ("disabled", "enabled", True),
        (None, "enabled", True),
        ("disabled", "disabled", False),
        (None, "disabled", False),
        ("disabled", None, False),
        (None, None, False),
        ("ingress", None, True),
        (None, "ingress", True),
        ("enabled", "true", False),
        ("true", "enabled", False),
        ("enabled", "", True),
        (None, "Enabled", False),
    ],
)
def test_who_joins_4_7(on_namespace: str | None, on_pod: str | None, joins: bool) -> None:
    assert joins_mesh(pod(on_pod), namespace(on_namespace)) is joins


@pytest.mark.parametrize(
    "spec",
    [
        {"hostNetwork": True},
        {"automountServiceAccountToken": False},
        {"containers": [{"name": "linkerd-proxy"}]},
        {"initContainers": [{"name": "linkerd-init"}]},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_who_is_skipped_all_the_same_4_7(spec: Obj) -> None:
    skipped = pod("enabled", **spec)
    assert inject(skipped, namespace("enabled"), LINKERD_2_14) is skipped


def test_what_a_meshed_pod_gets() -> None:
    books = pod(labels={"app": "books", "pod-template-hash": "5d"}, owner=owned_by("ReplicaSet", "books-5d"))
    before = json.dumps(books)
    stored = inject(books, namespace("enabled"), LINKERD_2_14)
    assert json.dumps(books) == before
    assert stored["metadata"]["labels"] == {
        "app": "books",
        "pod-template-hash": "5d",
        "linkerd.io/control-plane-ns": "linkerd",
        "linkerd.io/workload-ns": "booksapp",
        "linkerd.io/proxy-deployment": "books",
    }
    assert stored["metadata"]["annotations"] == {
        "linkerd.io/inject": "enabled",
        "linkerd.io/created-by": "linkerd/proxy-injector stable-2.14.10",
        "linkerd.io/proxy-version": "signalbox-envoy",
        "linkerd.io/status": "injected",
    }
    assert [container["name"] for container in stored["spec"]["containers"]] == ["app", "linkerd-proxy"]
    proxy = stored["spec"]["containers"][1]
    assert proxy["image"] == "cr.l5d.io/linkerd/proxy:embedded"
    assert [(port["name"], port["containerPort"]) for port in proxy["ports"]] == [
        ("linkerd-proxy", 4143),
        ("linkerd-admin", 4191),
    ]


@pytest.mark.parametrize(
    ("owner", "labels", "label"),
    [
        (owned_by("ReplicaSet", "books-5d"), {"pod-template-hash": "77"}, ("replicaset", "books-5d")),
        (owned_by("ReplicaSet", "bare"), {}, ("replicaset", "bare")),
        (owned_by("Job", "load"), {}, ("job", "load")),
        (owned_by("StatefulSet", "db"), {}, ("statefulset", "db")),
    ],
)
def test_the_workload_label_names_the_owner(owner: Obj, labels: Obj, label: tuple[str, str]) -> None:
    stored = inject(pod("enabled", labels=labels, owner=owner), namespace(), LINKERD_2_14)
    kind, name = label
    assert stored["metadata"]["labels"][f"linkerd.io/proxy-{kind}"] == name


@pytest.mark.parametrize("owner", [None, owned_by("Widget", "w")])
def test_without_a_known_owner_there_is_no_workload_label(owner: Obj | None) -> None:
    labels = inject(pod("enabled", owner=owner), namespace(), LINKERD_2_14)["metadata"]["labels"]
    assert not [key for key in labels if key.startswith("linkerd.io/proxy-")]


def test_proxy_configuration_is_copied_from_the_namespace_unless_the_pod_has_its_own_3_2() -> None:
    on_namespace = {
        "config.linkerd.io/default-inbound-policy": "deny",
        "config.linkerd.io/skip-inbound-ports": "4199",
        "config.alpha.linkerd.io/x": "y",
        "example.com/owner": "me",
    }
    own = pod("enabled")
    own["metadata"]["annotations"]["config.linkerd.io/skip-inbound-ports"] = "25"
    annotations = inject(own, namespace(None, **on_namespace), LINKERD_2_14)["metadata"]["annotations"]
    assert annotations["config.linkerd.io/default-inbound-policy"] == "deny"
    assert annotations["config.linkerd.io/skip-inbound-ports"] == "25"
    assert annotations["config.alpha.linkerd.io/x"] == "y"
    assert "example.com/owner" not in annotations


def stored_namespace(annotation: str) -> Store:
    store = Store()
    store.put(Kind("", "v1", "namespaces", "Namespace", namespaced=False), namespace(annotation))
    return store


def test_pods_are_injected_once_when_they_are_created_4_7() -> None:
    mutate = pod_injector(stored_namespace("enabled"), LINKERD_2_14)
    injected = mutate(pod(), None)
    assert len(injected["spec"]["containers"]) == 2
    old = pod()
    assert mutate(old, old) is old
    service = {"kind": "Service", "metadata": {"namespace": "booksapp"}}
    assert mutate(service, None) is service
