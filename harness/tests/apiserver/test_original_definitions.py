"""The published Gateway API and Linkerd definitions apply as they are; runs where they are.

SIGNALBOX_REFERENCE_CRDS names a folder with their YAML files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.tests.apiserver.support import Box

FOLDER = os.environ.get("SIGNALBOX_REFERENCE_CRDS", "")
FILES = sorted(Path(FOLDER).glob("*.yaml")) if FOLDER else []

if not FILES:
    pytest.skip("SIGNALBOX_REFERENCE_CRDS names no folder", allow_module_level=True)


@pytest.fixture
def applied(box: Box) -> Any:
    """Applies a definition, and takes it away again."""
    paths = []

    def apply(file: Path) -> Any:
        definition = yaml.load(file.read_text(), yaml.CSafeLoader)
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
        query = "fieldManager=test&force=true&fieldValidation=Strict"
        answer = box.request("PATCH", f"{path}?{query}", definition, Content_Type="application/apply-patch+yaml")
        paths.append(path)
        return answer

    yield apply
    for path in paths:
        box.request("DELETE", path)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_published_definition_is_served(box: Box, applied: Any, file: Path) -> None:
    made = applied(file)
    assert made.status == 201, made.content
    spec = made.json["spec"]
    for version in spec["versions"]:
        if version["served"]:
            path = f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
            assert box.request("GET", path).json["kind"] == spec["names"]["kind"] + "List"


def test_a_published_rule_holds(box: Box, applied: Any, namespace: str) -> None:
    """Filters may appear once; their list is not a map, so only a rule says so."""
    applied(Path(FOLDER) / "gateway.networking.k8s.io_httproutes.yaml")
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes"
    head = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
    change = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}
    for name, filters, status in (("good", [change], 201), ("bad", [change, change], 422)):
        body = {**head, "metadata": {"name": name}, "spec": {"rules": [{"filters": filters}]}}
        answer = box.request("POST", path, body)
        assert answer.status == status, answer.content
    assert "cannot be repeated" in answer.json["message"]
