"""The tutorial's three podinfo releases by helm from podinfo's own chart, held against our manifests of them.

The chart is not ours and not kept here: SIGNALBOX_PODINFO_CHART names its folder, charts/podinfo of podinfo's
repository.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config

from harness.tests.apiserver.clients.matrix import ROOT, Client

CHART = os.environ.get("SIGNALBOX_PODINFO_CHART", "")
_MANIFESTS = ROOT / "manifests" / "podinfo"
_NAMESPACE = "test"
_RELEASES = {
    "backend-a": "--set ui.message='A backend'",
    "backend-b": "--set ui.message='B backend'",
    "frontend": "--set backend=http://backend-a-podinfo:9898/env",
}
Obj = dict[str, Any]


def claims(folder: Path, kubeconfig: Path, home: Path) -> dict[str, str]:
    """What is promised of the releases, and what is wrong about it ("" if nothing); one after the other."""
    programs = {}
    for name in ("kubectl", "helm"):
        (home / name).mkdir()
        programs[name] = Client(folder / name, kubeconfig, home / name)
    kubectl, helm = programs["kubectl"], programs["helm"]

    def said(client: Client, line: str) -> str:
        ended = client.run(line)
        return "" if ended.code == 0 else f"{line}: exit code {ended.code}: {ended.output[-300:]}"

    def installed() -> str:
        lines = [
            f"install {name} {shlex.quote(CHART)} -n {_NAMESPACE} {sets} --wait" for name, sets in _RELEASES.items()
        ]
        return said(kubectl, f"apply -f {_MANIFESTS / 'namespace.yaml'}") or _first(said(helm, line) for line in lines)

    def the_same(of: Callable[[Obj], Any], kind: str) -> str:
        ours = {obj["metadata"]["name"]: of(obj) for obj in _ours() if obj["kind"] == kind}
        theirs = {obj["metadata"]["name"]: of(obj) for obj in _listed(kubectl, kind)}
        return "" if ours == theirs else f"{ours} is not {theirs}"

    def routed() -> str:
        lines = [f"apply -f {_MANIFESTS / 'backend-router-httproute.yaml'}"]
        lines += [f"rollout status deploy/{name}-podinfo -n {_NAMESPACE} --timeout=60s" for name in _RELEASES]
        wrong = _first(said(kubectl, line) for line in lines)
        seen = "" if wrong else [_answered(kubeconfig, value) for value in ("", "alternative")]
        return wrong or ("" if seen == ["A backend", "B backend"] else f"answered by {seen}")

    def gone() -> str:
        return _first(said(helm, f"uninstall {name} -n {_NAMESPACE} --wait") for name in _RELEASES)

    upgrade = f"upgrade backend-a {shlex.quote(CHART)} -n {_NAMESPACE} --set replicaCount=2 --wait"
    return {
        "three releases are installed with `--wait`": installed(),
        "their Services have the names, ports and selectors of our manifests": the_same(_service, "Service"),
        "their pods have the labels and ports of our manifests": the_same(_pods, "Deployment"),
        "a request reaches backend A, and with `x-request-id: alternative` backend B": routed(),
        "a release is upgraded to two replicas": said(helm, upgrade),
        "and rolled back": said(helm, f"rollback backend-a 1 -n {_NAMESPACE} --wait"),
        "all are uninstalled": gone(),
    }


def _first(found: Any) -> str:
    return next(filter(None, found), "")


def _ours() -> list[Obj]:
    texts = (_MANIFESTS / f"{name}.yaml" for name in _RELEASES)
    return [obj for text in texts for obj in yaml.safe_load_all(text.read_text(encoding="utf-8")) if obj]


def _listed(kubectl: Client, kind: str) -> list[Obj]:
    found: list[Obj] = json.loads(kubectl.run(f"get {kind} -n {_NAMESPACE} -o json").output)["items"]
    return found


def _service(service: Obj) -> Any:
    ports = [(port["name"], port["port"], port["targetPort"]) for port in service["spec"]["ports"]]
    return ports, service["spec"]["selector"]


def _pods(deployment: Obj) -> Any:
    template = deployment["spec"]["template"]
    ports = [(port["name"], port["containerPort"]) for port in template["spec"]["containers"][0]["ports"]]
    return ports, template["metadata"]["labels"]


def _answered(kubeconfig: Path, request_id: str) -> str:
    """The message of the backend that a request to the frontend reaches through the mesh."""
    client: Any = config.new_client_from_config(config_file=str(kubeconfig))  # type: ignore[no-untyped-call]
    path = f"/api/v1/namespaces/{_NAMESPACE}/services/frontend-podinfo:9898/proxy/echo"
    headers = {"x-request-id": request_id} if request_id else {}
    try:
        answer = client.rest_client.pool_manager.request(
            "POST", client.configuration.host + path, body=b"test", headers=headers
        )
        found = re.search(r"PODINFO_UI_MESSAGE=(\w+ \w+)", answer.data.decode())
        return found[1] if found else answer.data.decode()[:200]
    finally:
        client.close()
