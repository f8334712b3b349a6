"""The manifests of booksapp: what people and scenarios rely on (§7.0.2, §7.0.3, §7.1.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.embedded.apps.booksapp import PROGRAMS
from harness.embedded.apps.nginx.configure import load_site
from harness.embedded.apps.nginx.files import ContainerFiles
from harness.embedded.apps.traffic import Options, parse_options

MANIFESTS = Path(__file__).parents[3] / "manifests" / "booksapp"


def objects(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    documents = yaml.safe_load_all((MANIFESTS / name).read_text())
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def test_namespace_is_meshed() -> None:
    ((_, namespace),) = objects("namespace.yaml").items()
    assert namespace["metadata"]["name"] == "booksapp"
    assert namespace["metadata"]["annotations"] == {"linkerd.io/inject": "enabled"}


@pytest.mark.parametrize("name", ["booksapp.yaml", "error-injector.yaml", "error-split-httproute.yaml"])
def test_everything_names_its_namespace(name: str) -> None:
    assert {item["metadata"]["namespace"] for item in objects(name).values()} == {"booksapp"}


@pytest.mark.parametrize(
    ("name", "replicas", "port"), [("webapp", 3, 7000), ("authors", 1, 7001), ("books", 1, 7002), ("traffic", 1, None)]
)
def test_workload(name: str, replicas: int, port: int | None) -> None:
    found = objects("booksapp.yaml")
    deployment = found["Deployment", name]
    labels = {"app": name, "project": "booksapp"}
    assert ("ServiceAccount", name) in found
    assert deployment["spec"]["replicas"] == replicas
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert deployment["spec"]["template"]["metadata"]["labels"] == labels
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == name
    if port is None:
        assert ("Service", name) not in found
        return
    assert found["Service", name]["spec"] == {"selector": labels, "ports": [{"name": "service", "port": port}]}
    assert container(deployment)["image"] == "ghcr.io/buoyantio/booksapp:v0.0.5"
    assert container(deployment)["args"] == [f"prod:{name}"]
    assert PROGRAMS[f"prod:{name}"].port == port
    assert container(deployment)["ports"] == [{"name": "service", "containerPort": port}]
    assert container(deployment)["readinessProbe"] == {"httpGet": {"path": "/ping", "port": port}}


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("webapp", ["DATABASE_URL", "AUTHORS_SITE", "BOOKS_SITE"]),
        ("authors", ["DATABASE_URL", "BOOKS_SITE", "FAILURE_RATE"]),
        ("books", ["DATABASE_URL", "AUTHORS_SITE"]),
    ],
)
def test_environment_keeps_its_order(name: str, variables: list[str]) -> None:
    """§7.0.3: the tutorial's patch removes the third variable of authors by its position."""
    environment = container(objects("booksapp.yaml")["Deployment", name])["env"]
    assert [variable["name"] for variable in environment] == variables
    values = {variable["name"]: variable["value"] for variable in environment}
    expected = {
        "DATABASE_URL": "sqlite3:db/db.sqlite3",
        "AUTHORS_SITE": "http://authors:7001",
        "BOOKS_SITE": "http://books:7002",
        "FAILURE_RATE": "0.5",
    }
    assert values == {variable: expected[variable] for variable in variables}


def test_traffic_is_one_visitor_at_a_time() -> None:
    deployment = objects("booksapp.yaml")["Deployment", "traffic"]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert container(deployment)["image"] == "ghcr.io/buoyantio/booksapp-traffic:v0.0.3"
    assert parse_options(container(deployment)["args"]) == Options("webapp:7000", sleep=0.0, initial_delay=1.0)


def test_error_injector_answers_500_to_everything(tmp_path: Path) -> None:
    found = objects("error-injector.yaml")
    deployment = found["Deployment", "error-injector"]
    (mount,) = container(deployment)["volumeMounts"]
    (volume,) = deployment["spec"]["template"]["spec"]["volumes"]
    assert volume == {"name": mount["name"], "configMap": {"name": "error-injector"}}
    real = tmp_path / mount["mountPath"].lstrip("/")
    real.parent.mkdir(parents=True)
    real.write_text(found["ConfigMap", "error-injector"]["data"][mount["subPath"]])
    site = load_site("/etc/nginx/nginx.conf", ContainerFiles(tmp_path))
    assert list(site.ports) == [8080]
    for path in ("/", "/books.json", "/ping"):
        returned = site.ports[8080][0].locate(path).returned
        assert returned is not None
        assert (returned.status, returned.text) == (500, None)


def test_error_injector_workload() -> None:
    found = objects("error-injector.yaml")
    deployment, service = found["Deployment", "error-injector"], found["Service", "error-injector"]
    assert service["spec"]["ports"] == [{"name": "service", "port": 8080}]
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert container(deployment)["image"] == "nginx:alpine"
    assert container(deployment)["ports"] == [{"name": "service", "containerPort": 8080}]
    assert "serviceAccountName" not in deployment["spec"]["template"]["spec"]
    assert "readinessProbe" not in container(deployment)


def test_route_sends_one_in_ten_to_error_injector() -> None:
    ((_, route),) = objects("error-split-httproute.yaml").items()
    assert route["apiVersion"] == "policy.linkerd.io/v1beta3"
    # Without `group: core` the parent would not be a Service at all (§1.2).
    assert route["spec"]["parentRefs"] == [{"group": "core", "kind": "Service", "name": "books", "port": 7002}]
    assert route["spec"]["rules"] == [
        {
            "backendRefs": [
                {"name": "books", "port": 7002, "weight": 90},
                {"name": "error-injector", "port": 8080, "weight": 10},
            ]
        }
    ]


def test_ingress_leads_to_webapp() -> None:
    ((_, ingress),) = objects("ingress.yaml").items()
    assert ingress["spec"]["ingressClassName"] == "traefik"
    for rule, host in zip(ingress["spec"]["rules"], ("booksapp.local", "booksapp.localhost"), strict=True):
        (path,) = rule["http"]["paths"]
        assert (rule["host"], path["path"], path["pathType"]) == (host, "/", "Prefix")
        assert path["backend"] == {"service": {"name": "webapp", "port": {"number": 7000}}}


def test_the_visitor_at_leisure_is_the_same_visitor_with_the_tutorials_pause() -> None:
    ((_, calm),) = objects("traffic-at-the-tutorials-pace.yaml").items()
    busy = objects("booksapp.yaml")["Deployment", "traffic"]
    args = ["-initial-delay=1s", "-sleep=100ms", "webapp:7000"]
    assert container(calm)["args"] == args
    container(busy)["args"] = args
    assert calm == busy
