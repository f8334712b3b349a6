"""Our definitions and the published ones accept and store the same; runs where the originals are.

SIGNALBOX_REFERENCE_CRDS names a folder with `policy.linkerd.io_httproute.yaml` (linkerd2, charts/linkerd-crds, without
template lines) and `gateway.networking.k8s.io_httproutes.yaml` (gateway-api, config/crd/standard).
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.embedded.apiserver.schema import ANYTHING, Node, compile_node, shape
from harness.embedded.apiserver.validation import Validator, to_json_schema
from harness.tests.resources import crd_cases
from harness.tests.resources.documents import Obj, route
from harness.tests.resources.test_crds import VERSIONS, submit

FOLDER = os.environ.get("SIGNALBOX_REFERENCE_CRDS", "")
FILES = {
    "policy.linkerd.io": "policy.linkerd.io_httproute.yaml",
    "gateway.networking.k8s.io": "gateway.networking.k8s.io_httproutes.yaml",
}
GO_DURATION = r"^[-+]?(0|([0-9]*\.?[0-9]*(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$"

if not FOLDER:
    pytest.skip("SIGNALBOX_REFERENCE_CRDS names no folder", allow_module_level=True)


@cache
def original(group: str) -> dict[str, tuple[Node, Validator]]:
    definition = yaml.load((Path(FOLDER) / FILES[group]).read_text(), yaml.CSafeLoader)
    schemas = {found["name"]: found["schema"]["openAPIV3Schema"] for found in definition["spec"]["versions"]}
    engines = {
        name: (compile_node(schema), Validator(_with_go_durations(to_json_schema(schema))))
        for name, schema in schemas.items()
    }
    for node, _ in engines.values():
        node.properties["metadata"] = ANYTHING
    return engines


def _with_go_durations(schema: Any) -> Any:
    """«duration» means Go's to Kubernetes and ISO 8601 to JSON Schema."""
    if isinstance(schema, list):
        return [_with_go_durations(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "duration":
        return {"type": "string", "pattern": GO_DURATION}
    return {key: _with_go_durations(value) for key, value in schema.items()}


def submit_to_original(spec: Obj, api_version: str) -> tuple[Obj, list[str]]:
    group, _, version = api_version.rpartition("/")
    node, validator = original(group)[version]
    document: Obj = json.loads(json.dumps(route(api_version=api_version) | {"spec": spec}))
    shaped = shape(node, document)
    return document, [str(cause) for cause in [*shaped.causes, *validator.findings(document)]]


def assert_same(spec: Obj, version: str) -> None:
    ours, our_problems = submit(spec, version)
    theirs, their_problems = submit_to_original(spec, version)
    assert bool(our_problems) is bool(their_problems), (our_problems, their_problems)
    assert ours == theirs


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", crd_cases.ALL)
def test_the_same_is_accepted_and_stored(case: str, version: str) -> None:
    assert_same(crd_cases.ALL[case], version)


def _twisted(draw: st.DrawFn, value: Any) -> Any:
    if draw(st.integers(0, 11)) == 0:
        return draw(st.sampled_from([None, "", "x", "A b", 0, -1, 1.5, True, [], {}, "/", "GET", "*"]))
    if isinstance(value, dict):
        return {key: _twisted(draw, item) for key, item in value.items()}
    return [_twisted(draw, item) for item in value] if isinstance(value, list) else value


@st.composite
def twisted_specs(draw: st.DrawFn) -> Obj:
    """A valid spec with about one value in twelve replaced."""
    spec = crd_cases.VALID[draw(st.sampled_from(sorted(crd_cases.VALID)))]
    return {key: _twisted(draw, value) for key, value in spec.items()}


@given(twisted_specs(), st.sampled_from(VERSIONS))
def test_twisted_specs_are_judged_alike(spec: Obj, version: str) -> None:
    assert_same(spec, version)
