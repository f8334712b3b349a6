"""The environment of a container, rule by rule."""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest

from harness.embedded.node.addresses import PodAddresses
from harness.embedded.node.environment import ConfigError, Place, container_environment, expand, quantity

Obj = dict[str, Any]
PLACE = Place(
    addresses=PodAddresses("127.20.64.1", "127.20.160.1"),
    meshed=True,
    skip_ports="25,4567",
    node_name="signalbox",
    node_ip="127.20.0.1",
    run_dir="/run/x",
)
OBJECTS = {
    ("configmaps", "settings"): {"data": {"a": "1"}, "binaryData": {"b": base64.b64encode(b"2").decode()}},
    ("secrets", "keys"): {"data": {"c": base64.b64encode(b"3").decode()}},
}


def environment(*env: Obj, place: Place = PLACE, **container: Any) -> dict[str, str]:
    pod = {
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "x"}, "annotations": {"k/l": "y"}},
        "spec": {"serviceAccountName": "sa"},
    }
    full = {"name": "c", "env": list(env), **container}
    return container_environment(pod, full, find=lambda kind, name: OBJECTS.get((kind, name)), place=place, root="/r")


def source(**value_from: Any) -> Obj:
    return {"name": "V", "valueFrom": value_from}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "n"),
        ("metadata.uid", "u"),
        ("metadata.labels['app']", "x"),
        ("metadata.annotations['k/l']", "y"),
        ("metadata.labels['none']", ""),
        ("spec.nodeName", "signalbox"),
        ("spec.serviceAccountName", "sa"),
        ("status.podIP", "127.20.64.1"),
        ("status.hostIP", "127.20.0.1"),
    ],
)
def test_fields_of_the_pod(path: str, value: str) -> None:
    assert environment(source(fieldRef={"fieldPath": path}))["V"] == value


@pytest.mark.parametrize(
    ("value_from", "value"),
    [
        ({"configMapKeyRef": {"name": "settings", "key": "a"}}, "1"),
        ({"configMapKeyRef": {"name": "settings", "key": "b"}}, "2"),
        ({"secretKeyRef": {"name": "keys", "key": "c"}}, "3"),
        ({"secretKeyRef": {"name": "none", "key": "c", "optional": True}}, None),
        ({"configMapKeyRef": {"name": "settings", "key": "none", "optional": True}}, None),
        ({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}, "64"),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "1"),
        ({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}, "250"),
        ({"resourceFieldRef": {"resource": "requests.cpu"}}, "0"),
    ],
)
def test_values_from_elsewhere(value_from: Obj, value: str | None) -> None:
    resources = {"limits": {"memory": "64Mi", "cpu": "250m"}}
    assert environment(source(**value_from), resources=resources).get("V") == value


@pytest.mark.parametrize(
    ("value_from", "problem"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "a"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "none", "key": "a"}}, 'secret "none" not found'),
        ({"secretKeyRef": {"name": "keys", "key": "a"}}, "couldn't find key a in Secret n/keys"),
        ({"fieldRef": {"fieldPath": "spec.color"}}, "unsupported fieldPath: spec.color"),
        ({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "much"}}, "'much' is not a quantity"),
    ],
)
def test_what_is_missing_is_named(value_from: Obj, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        environment(source(**value_from))
    assert str(raised.value) == problem


def test_all_keys_of_an_object_and_env_wins_over_them() -> None:
    from_all = [
        {"configMapRef": {"name": "settings"}},
        {"prefix": "S_", "secretRef": {"name": "keys"}},
        {"configMapRef": {"name": "none", "optional": True}},
    ]
    found = environment({"name": "a", "value": "mine"}, envFrom=from_all)
    assert (found["a"], found["b"], found["S_c"]) == ("mine", "2", "3")
    with pytest.raises(ConfigError, match='secret "none" not found'):
        environment(envFrom=[{"secretRef": {"name": "none"}}])


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $(A", "$A ${A} $(A"),
        ("100$", "100$"),
    ],
)
def test_references_are_expanded(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


def test_a_variable_sees_those_before_it_only() -> None:
    first, second = {"name": "X", "value": "$(Y)"}, {"name": "Y", "value": "$(HOSTNAME)"}
    found = environment(first, second)
    assert (found["X"], found["Y"]) == ("$(Y)", "p")


def test_what_signalbox_tells_a_meshed_pod() -> None:
    found = environment()
    assert found["SIGNALBOX_BIND"] == "127.20.160.1"
    assert found["SIGNALBOX_SKIP_BIND"] == found["POD_IP"] == "127.20.64.1"
    assert found["SIGNALBOX_SKIP_PORTS"] == "25,4567"
    assert found["http_proxy"] == "http://127.20.64.1:4140"
    assert found["no_proxy"] == found["NO_PROXY"] == "localhost,127.0.0.1,127.20.160.1"


def test_the_manifest_wins_but_not_over_signalbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    found = environment({"name": "http_proxy", "value": "x"}, {"name": "SIGNALBOX_BIND", "value": "0.0.0.0"})
    assert found["http_proxy"] == "x"
    assert found["SIGNALBOX_BIND"] == "127.20.160.1"
    assert found["PATH"] == os.environ["PATH"]
    assert "KUBECONFIG" not in found  # nothing of the supervisor's own environment leaks


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), ("1Gi", 2**30), ("1e3", 1000), ("2k", 2000), ("0.5", 0.5), ("64Mi", 2**26)]
)
def test_quantities(text: str, value: float) -> None:
    assert quantity(text) == value
