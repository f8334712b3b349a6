"""A small project with one good scenario, for tests that spoil it in one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.scenario.loading import load
from harness.scenario.yaml_source import Location

SCENARIO = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata:
  name: split
spec:
  description: One call in ten fails.
  cluster: mesh
  apps: [shop]
  senders:
    web: {namespace: shop, serviceAccount: web}
    stranger: {namespace: outside, meshed: false}
  steps:
    - name: before
      given:
        - unset-env: {deployment: shop/authors, variable: FAILURE_RATE}
        - wait: {rollout: shop/authors, within: 2m}
      then:
        - expect: never-fails
          send: {from: web, request: GET http://books:7002/books.json, rate: 100/s}
          share: {of: {status: 5xx}, at-most: 0%, resolution: 1pp}
    - name: after
      when:
        - apply: manifests/route.yaml
      settle: {within: 60s}
      then:
        - expect: one-in-ten
          send: {from: web, request: GET http://books:7002/books.json, timeout: 2s}
          share: {of: {status: 500}, is: 10%, resolution: 5pp}
        - expect: nothing-else
          about: one-in-ten
          every: {status: [200, 500]}
        - expect: never-fails-again
          again: never-fails
"""
"""Line 1 is the apiVersion; tests count on the numbers."""

CLUSTERS = """\
apiVersion: signalbox/v1alpha1
kind: Clusters
default: box
profiles:
  box: {provider: embedded, dialect: linkerd-2.14, provides: [mesh]}
  bare: {provider: embedded, dialect: linkerd-edge, provides: [nothing]}
"""

APP = """\
apiVersion: signalbox/v1alpha1
kind: App
metadata: {name: shop}
spec:
  namespaces: [shop]
  manifests: [manifests/namespace.yaml, manifests/shop.yaml]
  ready: [shop/authors]
"""

NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"""

SHOP = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: authors, namespace: shop}
spec: {replicas: 1}
"""

ROUTE = """\
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata:
  name: split
  namespace: shop
spec:
  parentRefs:
    - {name: books, kind: Service, group: core, port: 7002}
  rules:
    - backendRefs:
        - {name: books, port: 7002, weight: 90}
        - {name: injector, port: 8080, weight: 10}
"""

SCENARIO_FILE = "scenarios/split.yaml"
FILES = {
    "fixtures/clusters.yaml": CLUSTERS,
    "fixtures/apps/shop.yaml": APP,
    "manifests/namespace.yaml": NAMESPACE,
    "manifests/shop.yaml": SHOP,
    "manifests/route.yaml": ROUTE,
    SCENARIO_FILE: SCENARIO,
}


def write_project(root: Path, changed: Mapping[str, str] | None = None) -> Path:
    """A project below `root` with some files replaced; the path of its scenario."""
    for path, text in (FILES | dict(changed or {})).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root / SCENARIO_FILE


def spoiled(text: str, *edits: tuple[str, str]) -> str:
    """The text with each first part replaced, which must occur in it."""
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def walk(data: Any, at: Location = ()) -> Iterator[tuple[Location, Any]]:
    """Every value of the data with its location, outermost first."""
    yield at, data
    members = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in members:
        yield from walk(value, (*at, key))


def refused(*edits: tuple[str, str]) -> list[str]:
    """The findings about the good scenario with these texts exchanged, written to x.yaml, without the file's name."""
    Path("x.yaml").write_text(spoiled(SCENARIO, *edits))
    with pytest.raises(InputError) as caught:
        load("x.yaml")
    return [line.removeprefix("x.yaml:") for line in str(caught.value).splitlines()]
