"""podinfo's manifests, slow-responder, and the recipes: what people and scenarios rely on (§7.3, §8.4.8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.embedded.apps.echo import Fortio, parse_fortio
from harness.embedded.apps.podinfo.options import parse_options
from harness.scenario.project import Project

ROOT = Path(__file__).parents[3]
RELEASES = ["backend-a", "backend-b", "frontend"]


def objects(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    documents = yaml.safe_load_all((ROOT / "manifests" / name).read_text())
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def deployment(release: str) -> dict[str, Any]:
    return objects(f"podinfo/{release}.yaml")["Deployment", f"{release}-podinfo"]


def test_namespace_is_meshed() -> None:
    ((_, namespace),) = objects("podinfo/namespace.yaml").items()
    assert namespace["metadata"]["name"] == "test"
    assert namespace["metadata"]["annotations"] == {"linkerd.io/inject": "enabled"}


@pytest.mark.parametrize("release", RELEASES)
def test_names_labels_and_ports(release: str) -> None:
    found = objects(f"podinfo/{release}.yaml")
    labels = {"app.kubernetes.io/name": f"{release}-podinfo"}
    service, pods = found["Service", f"{release}-podinfo"], deployment(release)
    assert {item["metadata"]["namespace"] for item in found.values()} == {"test"}
    assert service["spec"]["selector"] == pods["spec"]["selector"]["matchLabels"] == labels
    assert pods["spec"]["template"]["metadata"]["labels"] == labels
    assert pods["spec"]["replicas"] == 1
    assert "serviceAccountName" not in pods["spec"]["template"]["spec"]
    ports = {port["name"]: (port["port"], port["targetPort"]) for port in service["spec"]["ports"]}
    assert ports == {"http": (9898, "http"), "grpc": (9999, "grpc")}
    open_ports = {port["name"]: port["containerPort"] for port in container(pods)["ports"]}
    assert open_ports == {"http": 9898, "http-metrics": 9797, "grpc": 9999}


@pytest.mark.parametrize("release", RELEASES)
def test_probes_run_inside_the_pod(release: str) -> None:
    pod = container(deployment(release))
    for kind, path in (("livenessProbe", "healthz"), ("readinessProbe", "readyz")):
        assert pod[kind]["exec"] == {"command": ["podcli", "check", "http", f"localhost:9898/{path}"]}
        assert (pod[kind]["initialDelaySeconds"], pod[kind]["timeoutSeconds"], pod[kind]["periodSeconds"]) == (1, 5, 10)
    assert "startupProbe" not in pod


@pytest.mark.parametrize(
    ("release", "message", "backends"),
    [
        ("backend-a", "A backend", ()),
        ("backend-b", "B backend", ()),
        ("frontend", "greetings from podinfo v6.9.3", ("http://backend-a-podinfo:9898/env",)),
    ],
)
def test_what_podinfo_makes_of_its_settings(release: str, message: str, backends: tuple[str, ...]) -> None:
    pod = container(deployment(release))
    assert pod["image"] == "ghcr.io/stefanprodan/podinfo:6.9.3"
    assert pod["command"][0] == "./podinfo"
    options = parse_options(pod["command"][1:], {variable["name"]: variable["value"] for variable in pod["env"]})
    assert (options.port, options.port_metrics) == (9898, 9797)
    assert (options.ui_message, options.backend_url) == (message, backends)
    assert (options.random_delay, options.random_error) == (False, False)


def test_ingress_leads_to_the_frontend() -> None:
    ingress = objects("podinfo/frontend.yaml")["Ingress", "frontend-podinfo"]
    assert ingress["spec"]["ingressClassName"] == "traefik"
    rules = ingress["spec"]["rules"]
    assert [rule["host"] for rule in rules] == ["podinfo.local", "podinfo.localhost"]
    for rule in rules:
        (path,) = rule["http"]["paths"]
        assert path["path"] == "/"
        assert path["backend"] == {"service": {"name": "frontend-podinfo", "port": {"number": 9898}}}


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("podinfo/backend-router-httproute.yaml", "policy.linkerd.io/v1beta3"),
        ("podinfo/gateway/backend-router-httproute.yaml", "gateway.networking.k8s.io/v1"),
    ],
)
def test_route(name: str, version: str) -> None:
    """§7.3.3: the second rule catches everything else, which would be 404 without it."""
    ((_, route),) = objects(name).items()
    assert (route["apiVersion"], route["metadata"]["namespace"]) == (version, "test")
    assert route["spec"]["parentRefs"] == [
        {"group": "core", "kind": "Service", "name": "backend-a-podinfo", "port": 9898}
    ]
    assert route["spec"]["rules"] == [
        {
            "matches": [{"headers": [{"name": "x-request-id", "value": "alternative"}]}],
            "backendRefs": [{"name": "backend-b-podinfo", "port": 9898}],
        },
        {"backendRefs": [{"name": "backend-a-podinfo", "port": 9898}]},
    ]


def test_slow_responder_is_a_second_late_on_every_path_but_its_probe() -> None:
    found = objects("booksapp/slow-responder.yaml")
    pods, service = found["Deployment", "slow-responder"], found["Service", "slow-responder"]
    assert {item["metadata"]["namespace"] for item in found.values()} == {"booksapp"}
    assert service["spec"]["selector"] == pods["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["ports"] == [{"name": "service", "port": 8080}]
    pod = container(pods)
    assert pod["image"].startswith("fortio/fortio:")
    assert parse_fortio(pod["args"]) == Fortio(8080, {"delay": "1s"}, 1.5)
    assert "?" in pod["readinessProbe"]["httpGet"]["path"]


@pytest.mark.parametrize("name", ["podinfo-a", "podinfo-b", "podinfo-frontend", "slow-responder"])
def test_recipe_can_be_installed_alone(name: str) -> None:
    project = Project(ROOT)
    recipe = project.app(name)
    made = {key for path in recipe.spec.manifests for key in objects(path.removeprefix("manifests/"))}
    namespaces = {name for kind, name in made if kind == "Namespace"}
    assert set(recipe.spec.namespaces) <= namespaces
    for ready in recipe.spec.ready:
        namespace, _, deployment_name = str(ready).partition("/")
        assert namespace in namespaces
        assert ("Deployment", deployment_name) in made
