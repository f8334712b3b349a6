"""Tables and metadata-only objects: what `kubectl get` and metadata clients ask for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from harness.embedded.apiserver.columns import columns_of, human_age, json_path
from harness.embedded.apiserver.kinds import Kinds
from harness.tests.apiserver.support import WIDGET_CRD, Box, configmap, deployment, is_rolled_out, official, pod
from harness.tests.apiserver.test_deleting import until

TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


def table(box: Box, path: str) -> Any:
    answer = box.request("GET", path, Accept=TABLE)
    assert answer.status == 200
    assert answer.json["kind"] == "Table"
    return answer.json


def shown(found: Any, *, wide: bool = False) -> list[dict[str, Any]]:
    columns = [column if wide or not column["priority"] else None for column in found["columnDefinitions"]]
    return [
        {column["name"]: cell for column, cell in zip(columns, row["cells"], strict=True) if column}
        for row in found["rows"]
    ]


def test_pods_show_what_people_look_for(box: Box, core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod())
    until(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Running", "running")
    [row] = shown(table(box, f"/api/v1/namespaces/{namespace}/pods"), wide=True)
    assert list(row) == [
        *("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"),
    ]
    assert (row["Name"], row["Status"], row["Restarts"], row["Node"]) == ("one", "Running", "0", "signalbox")


@pytest.mark.parametrize(
    ("status", "cell"),
    [
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}, "CrashLoopBackOff"),
        ({"containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}, "ExitCode:3"),
        ({"initContainerStatuses": [{"state": {"running": {}}}]}, "Init:0/1"),
        ({"initContainerStatuses": [{"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}, "Init:Error"),
    ],
)
def test_the_status_of_a_pod_says_why_it_does_not_run(
    box: Box, core: Any, namespace: str, status: dict[str, Any], cell: str
) -> None:
    core.create_namespaced_pod(namespace, pod(annotations={"test/never-ready": "true"}))
    for field in ("containerStatuses", "initContainerStatuses"):
        for entry in status.get(field, ()):
            entry.update({"name": "app", "image": "x", "imageID": "", "restartCount": 0, "ready": False})
    core.patch_namespaced_pod_status("one", namespace, {"status": status})
    [row] = shown(table(box, f"/api/v1/namespaces/{namespace}/pods"))
    assert row["Status"] == cell


def test_a_deployment_counts_its_pods(box: Box, apps: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=2))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    until(lambda: is_rolled_out(box.request("GET", path).json), "rolled out")
    [row] = shown(table(box, path), wide=True)
    assert (row["Ready"], row["Up-to-date"], row["Available"]) == ("2/2", 2, 2)
    assert (row["Images"], row["Selector"]) == ("app:1", "app=web")


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:07Z"}, "7s"),
        ({}, ""),
    ],
)
def test_a_job_that_is_complete_took_as_long_as_it_ran(status: dict[str, str], shown: str) -> None:
    kind = Kinds()["jobs.batch"]
    [duration] = [column for column in columns_of(kind) if column.name == "Duration"]
    assert duration.cell({"metadata": {"name": "one"}, "status": status}) == shown


def test_rows_carry_metadata_or_the_object_or_nothing(box: Box, core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one", a="1"))
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    kinds = {
        include: table(box, f"{path}?includeObject={include}")["rows"][0].get("object", {}).get("kind")
        for include in ("", "None", "Metadata", "Object")
    }
    partial = "PartialObjectMetadata"
    assert kinds == {"": partial, "None": None, "Metadata": partial, "Object": "ConfigMap"}
    assert box.request("GET", f"{path}?includeObject=All", Accept=TABLE).status == 400


def test_a_watch_tells_its_columns_once(box: Box, core: Any, namespace: str) -> None:
    for name in ("one", "two"):
        core.create_namespaced_config_map(namespace, configmap(name))
    path = f"/api/v1/namespaces/{namespace}/configmaps?watch=1&timeoutSeconds=1"
    lines = box.request("GET", path, Accept=TABLE).content.splitlines()
    tables = [orjson.loads(line)["object"] for line in lines]
    assert [bool(one["columnDefinitions"]) for one in tables] == [True, *[False] * (len(tables) - 1)]
    assert {one["rows"][0]["cells"][0] for one in tables} >= {"one", "two"}


def test_metadata_clients_get_no_spec(box: Box, core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one", a="1"))
    answer = box.request("GET", f"/api/v1/namespaces/{namespace}/configmaps", Accept=PARTIAL).json
    assert answer["kind"] == "PartialObjectMetadataList"
    [item] = [item for item in answer["items"] if item["metadata"]["name"] == "one"]
    assert set(item) == {"kind", "apiVersion", "metadata"}


def test_custom_kinds_show_their_printer_columns(box: Box, api_client: Any, namespace: str) -> None:
    columns = [
        {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Parts", "type": "string", "jsonPath": ".spec.parts[*].name", "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    lamps = {**WIDGET_CRD, "metadata": {"name": "lamps.example.net"}}
    versions = [{**version, "additionalPrinterColumns": columns} for version in WIDGET_CRD["spec"]["versions"]]
    names = {"plural": "lamps", "kind": "Lamp"}
    lamps["spec"] = {**WIDGET_CRD["spec"], "group": "example.net", "names": names, "versions": versions}
    official.ApiextensionsV1Api(api_client).create_custom_resource_definition(lamps)
    custom = official.CustomObjectsApi(api_client)
    body = {"metadata": {"name": "a"}, "spec": {"color": "red", "parts": [{"name": "bulb"}]}}
    body |= {"apiVersion": "example.net/v1", "kind": "Lamp"}
    custom.create_namespaced_custom_object("example.net", "v1", namespace, "lamps", body)
    ready = {"status": {"conditions": [{"type": "Other", "status": "No"}, {"type": "Ready", "status": "True"}]}}
    custom.patch_namespaced_custom_object_status("example.net", "v1", namespace, "lamps", "a", ready)
    [row] = shown(table(box, f"/apis/example.net/v1/namespaces/{namespace}/lamps"), wide=True)
    age = row.pop("Age")
    assert row == {"Name": "a", "Color": "red", "Ready": "True", "Parts": "bulb"}
    assert age.endswith("s")


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        ("2026-01-10T00:00:00Z", "0s"),
        ("2026-01-09T23:58:01Z", "119s"),
        ("2026-01-09T23:56:40Z", "3m20s"),
        ("2026-01-09T22:00:00Z", "120m"),
        ("2026-01-09T19:55:00Z", "4h5m"),
        ("2026-01-08T23:00:00Z", "25h"),
        ("2026-01-05T22:00:00Z", "4d2h"),
        ("2025-01-10T00:00:00Z", "365d"),
        ("2023-01-10T00:00:00Z", "3y1d"),
        ("2016-01-10T00:00:00Z", "10y"),
        ("2030-01-01T00:00:00Z", "0s"),
        (None, "<unknown>"),
    ],
)
def test_ages_are_as_short_as_kubernetes_writes_them(ago: str | None, text: str) -> None:
    assert human_age(ago, datetime(2026, 1, 10, tzinfo=UTC)) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]),
        (".list[1].x", [2]),
        (".list[*].x", [1, 2]),
        ('.list[?(@.x=="2")].x', [2]),
        (".a['b']", [1]),
        (r".a.dotted\.key", ["d"]),
        (".nope", []),
        (".list[7]", []),
        ("a b c", []),
        (".list[?(@.x>1)]", []),
    ],
)
def test_paths_of_printer_columns(path: str, found: list[Any]) -> None:
    assert json_path({"a": {"b": 1, "dotted.key": "d"}, "list": [{"x": 1}, {"x": 2}]}, path) == found
