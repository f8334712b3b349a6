"""kr8s and lightkube on the same server: whatever they are made for works as they do it.

The official client is everywhere else.
"""

from __future__ import annotations

import gc
import socket
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import kr8s
import pytest
from kr8s._async_utils import as_sync_func
from kr8s.objects import ConfigMap, Deployment, Pod, Service, new_class
from lightkube import ApiError, Client, KubeConfig
from lightkube.generic_resource import create_namespaced_resource, load_in_cluster_generic_resources
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment as LightDeployment
from lightkube.resources.core_v1 import ConfigMap as LightConfigMap
from lightkube.resources.core_v1 import Pod as LightPod
from lightkube.types import PatchType

from harness.tests.apiserver.support import WIDGET_CRD, Box, configmap, deployment, pod


@pytest.fixture
def api(box: Box, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # it leaves the keys of the kubeconfig there
    made: Any = kr8s.api(kubeconfig=str(box.kubeconfig), namespace=namespace)
    yield made
    as_sync_func(made._session.aclose)()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its watches and WebSockets leave theirs to the collector
        gc.collect()


@pytest.fixture
def light(box: Box, namespace: str) -> Iterator[Any]:
    config = KubeConfig.from_file(str(box.kubeconfig))
    client: Any = Client(config=config, namespace=namespace, field_manager="lightkube", trust_env=False)
    yield client
    client.close()


def test_kr8s_creates_patches_and_deletes(api: Any, namespace: str) -> None:
    one = ConfigMap(configmap("one", a="1"), api=api)
    one.create()
    one.patch({"data": {"b": "2"}})
    assert dict(ConfigMap.get("one", api=api).data) == {"a": "1", "b": "2"}
    one.label({"color": "red"})
    assert [found.name for found in api.get("configmaps", label_selector={"color": "red"})] == ["one"]
    one.delete()
    assert not one.exists()
    with pytest.raises(kr8s.NotFoundError):
        ConfigMap.get("one", api=api)


def test_kr8s_scales_and_waits(api: Any) -> None:
    web = Deployment(deployment("web", replicas=1), api=api)
    web.create()
    web.wait("condition=Available", timeout=20)
    web.scale(2)
    web.wait("jsonpath='{.status.readyReplicas}'=2", timeout=20)
    assert len(list(api.get("pods", label_selector={"app": "web"}))) == 2


def test_kr8s_watches(api: Any) -> None:
    ConfigMap(configmap("one"), api=api).create()
    ConfigMap(configmap("two"), api=api).create()
    seen = [(event, found.name) for event, found in islice(api.watch("configmaps"), 3)]
    assert sorted(seen) == [("ADDED", "kube-root-ca.crt"), ("ADDED", "one"), ("ADDED", "two")]


def test_kr8s_talks_to_a_pod(api: Any) -> None:
    one = Pod(pod(), api=api)
    one.create()
    one.wait("jsonpath='{.status.phase}'=Running", timeout=20)
    assert list(one.logs()) == ["first", "second"]
    done = one.exec(["sh", "-c", "echo out; echo err >&2; exit 3"], check=False)
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)


def test_kr8s_forwards_ports(api: Any, echo: int) -> None:
    one = Pod(pod(), api=api)
    one.create()
    one.wait("jsonpath='{.status.phase}'=Running", timeout=20)
    with (
        one.portforward(echo, local_port="auto") as local,
        socket.create_connection(("127.0.0.1", local), timeout=20) as connection,
    ):
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"


def test_kr8s_knows_custom_kinds(api: Any, widgets: Any) -> None:
    kind = new_class("Widget", "example.com/v1", namespaced=True, plural="widgets")
    kind({"metadata": {"name": "one"}, "spec": {"color": "red"}}, api=api).create()
    [found] = api.get("widgets.example.com")
    assert found.spec.size == 1


def test_kr8s_finds_no_service_that_is_not_there(api: Any) -> None:
    assert not Service({"metadata": {"name": "none"}}, api=api).exists()


def test_lightkube_creates_patches_and_deletes(light: Any, namespace: str) -> None:
    one = LightConfigMap(metadata=ObjectMeta(name="one", namespace=namespace), data={"a": "1"})
    light.create(one)
    light.patch(LightConfigMap, "one", {"data": {"b": "2"}}, patch_type=PatchType.MERGE)
    assert light.get(LightConfigMap, "one").data == {"a": "1", "b": "2"}
    light.delete(LightConfigMap, "one")
    with pytest.raises(ApiError) as refused:
        light.get(LightConfigMap, "one")
    assert refused.value.status.code == 404


def test_lightkube_applies_on_the_server_and_meets_conflicts(light: Any, namespace: str) -> None:
    def wanted(value: str) -> Any:
        return LightConfigMap(
            apiVersion="v1", kind="ConfigMap", metadata=ObjectMeta(name="one", namespace=namespace), data={"a": value}
        )

    assert light.apply(wanted("1")).data == {"a": "1"}
    with pytest.raises(ApiError) as refused:
        light.apply(wanted("2"), field_manager="other")
    assert refused.value.status.code == 409
    assert light.apply(wanted("2"), field_manager="other", force=True).data == {"a": "2"}


def test_lightkube_lists_watches_and_scales(light: Any, namespace: str) -> None:
    template: Any = LightDeployment.from_dict(deployment("web", replicas=1))
    template.metadata.namespace = namespace
    light.create(template)
    light.wait(LightDeployment, "web", for_conditions=["Available"])
    scale = LightDeployment.Scale(metadata=ObjectMeta(name="web", namespace=namespace), spec=ScaleSpec(replicas=2))
    light.replace(scale, "web")
    for event, found in light.watch(LightDeployment, server_timeout=20):
        if (found.status.readyReplicas or 0) == 2:
            assert event in ("ADDED", "MODIFIED")
            break
    assert len(list(light.list(LightPod, labels={"app": "web"}))) == 2


def test_lightkube_reads_logs(light: Any, namespace: str) -> None:
    one: Any = LightPod.from_dict(pod())
    one.metadata.namespace = namespace
    light.create(one)
    light.wait(LightPod, "one", for_conditions=["Ready"])
    assert list(light.log("one")) == ["first\n", "second\n"]


def test_lightkube_executes(light: Any, namespace: str) -> None:
    one: Any = LightPod.from_dict(pod())
    one.metadata.namespace = namespace
    light.create(one)
    light.wait(LightPod, "one", for_conditions=["Ready"])
    command = ["sh", "-c", "cat; echo err >&2; exit 3"]
    done = light.exec("one", command=command, stdin="in and out", stdout=True, stderr=True, timeout=20)
    assert (done.stdout, done.stderr, done.exit_code) == ("in and out", "err\n", 3)
    with pytest.raises(ApiError, match="exit status 3"):
        light.exec("one", command=["sh", "-c", "exit 3"], stdout=True, raise_on_error=True, timeout=20)


def test_lightkube_knows_custom_kinds(light: Any, widgets: Any) -> None:
    load_in_cluster_generic_resources(light)
    names = WIDGET_CRD["spec"]["names"]
    kind: Any = create_namespaced_resource("example.com", "v1", names["kind"], names["plural"])
    light.create(kind(metadata={"name": "one"}, spec={"color": "red"}))
    assert light.get(kind, "one").spec["size"] == 1
