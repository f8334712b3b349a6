"""Our definitions and the published ones accept, store and print the same; runs where the originals are.

SIGNALBOX_REFERENCE_CRDS names a folder with `policy.linkerd.io_*.yaml` (linkerd2, charts/linkerd-crds, without template
lines).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.tests.resources_policy.crd_cases import ALL, VALID, VERSIONS
from harness.tests.resources_policy.documents import Obj
from harness.tests.resources_policy.engines import Engine, compiled, definition, engine, submit

FOLDER = os.environ.get("SIGNALBOX_REFERENCE_CRDS", "")
FILES = {
    "Server": "server",
    "ServerAuthorization": "server-authorization",
    "AuthorizationPolicy": "authorization-policy",
    "MeshTLSAuthentication": "meshtls-authentication",
    "NetworkAuthentication": "network-authentication",
    "HTTPLocalRateLimitPolicy": "http-local-ratelimit-policy",
}

if not FOLDER:
    pytest.skip("SIGNALBOX_REFERENCE_CRDS names no folder", allow_module_level=True)


@cache
def original(kind: str) -> Any:
    path = Path(FOLDER) / f"policy.linkerd.io_{FILES[kind]}.yaml"
    return yaml.load(path.read_text(), yaml.CSafeLoader)


@cache
def original_engine(kind: str, version: str) -> Engine:
    (served,) = (one for one in original(kind)["spec"]["versions"] if one["name"] == version)
    schema = served["schema"]["openAPIV3Schema"]
    typed = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return compiled(schema | {"properties": typed | schema["properties"]})


def columns(version: Any) -> list[tuple[str, str, str]]:
    found = version.get("additionalPrinterColumns") or []
    return [(column["name"], column["type"], column["jsonPath"]) for column in found]


def assert_same(kind: str, version: str, spec: Any) -> None:
    ours, our_problems = submit(engine(kind, version), kind, version, spec)
    theirs, their_problems = submit(original_engine(kind, version), kind, version, spec)
    assert bool(our_problems) is bool(their_problems), (our_problems, their_problems)
    assert ours == theirs


@pytest.mark.parametrize("kind", FILES)
def test_names_and_versions_are_the_same_1_69(kind: str) -> None:
    ours, theirs = definition(kind, "linkerd-edge")["spec"], original(kind)["spec"]
    assert ours["names"] == theirs["names"] | {"listKind": f"{kind}List"}
    found = {version["name"]: version for version in ours["versions"]}
    expected = {version["name"]: version for version in theirs["versions"]}
    assert set(found) == set(expected)
    for name, version in found.items():
        assert columns(version) == columns(expected[name])
        for word in ("served", "storage", "deprecated", "deprecationWarning", "subresources"):
            assert version.get(word) == expected[name].get(word), word


@pytest.mark.parametrize(("kind", "version"), VERSIONS)
def test_the_same_is_accepted_and_stored(kind: str, version: str) -> None:
    for known, _, spec in ALL:
        if known == kind:
            assert_same(kind, version, spec)


def _twisted(draw: st.DrawFn, value: Any) -> Any:
    if draw(st.integers(0, 9)) == 0:
        odd: list[Any] = [None, "", "x", "A b", 0, -1, 1.5, True, [], {}, "*", "spiffe://a", ["x"], 2**63]
        return draw(st.sampled_from(odd))
    if isinstance(value, dict):
        return {key: _twisted(draw, item) for key, item in value.items()}
    return [_twisted(draw, item) for item in value] if isinstance(value, list) else value


@st.composite
def twisted(draw: st.DrawFn) -> tuple[str, str, Obj]:
    """A valid spec with about one value in ten replaced."""
    kind, version = draw(st.sampled_from(VERSIONS))
    spec = VALID[kind][draw(st.sampled_from(sorted(VALID[kind])))]
    return kind, version, {key: _twisted(draw, value) for key, value in spec.items()}


@given(twisted())
def test_twisted_specs_are_judged_alike(case: tuple[str, str, Obj]) -> None:
    kind, version, spec = case
    assert_same(kind, version, spec)
