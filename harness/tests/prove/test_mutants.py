"""Mutants differ from their scenario in one thing, say what, and touch no file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from harness.prove.mutants import of_changes, of_manifests, of_requests
from harness.prove.policies import OPERATORS
from harness.scenario.yaml_source import ManifestLoader, parse_documents
from harness.tests.prove.tales import ROOT, TUTORIAL, tale


def said(text: str) -> list[str]:
    (document,) = parse_documents(text, ManifestLoader)
    obj: dict[str, Any] = document.data
    return [change.said for change in OPERATORS[obj["kind"]](obj)]


ROUTE = """\
kind: HTTPRoute
spec:
  parentRefs: [{name: books, kind: Service, group: core, port: 7002}]
  rules:
    - matches:
        - {path: {type: RegularExpression, value: '/b/[^/]*'}, method: GET}
        - {path: {value: /books.json}, headers: [{name: x-id, value: "1"}], queryParams: [{name: q, value: a}]}
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {}}]
      timeouts: {request: 600ms, backendRequest: 300ms}
      backendRefs: [{name: books, port: 7002, weight: 90}, {name: injector, port: 8080, weight: 10}]
    - backendRefs: [{name: books, port: 7002}]
"""


def test_everything_of_a_route_is_made_wrong() -> None:
    assert said(ROUTE) == [
        "port 7002 → 7003 of parent books",
        "rule 1 is gone",
        "rule 1, match 1 is gone",
        "method GET → POST in rule 1, match 1",
        "method GET in rule 1, match 1 is gone",
        "path /b/[^/]* of rule 1, match 1 gets a stray quote",
        "path /b/[^/]* of rule 1, match 1 takes everything",
        "rule 1, match 2 is gone",
        "path /books.json → /books.json-other in rule 1, match 2",
        "path /books.json of rule 1, match 2 is Exact, not PathPrefix",
        "header x-id 1 → 1-other in rule 1, match 2",
        "header x-id is called x-id-other in rule 1, match 2",
        "header x-id in rule 1, match 2 is gone",
        "query parameter q a → a-other in rule 1, match 2",
        "query parameter q is called q-other in rule 1, match 2",
        "query parameter q in rule 1, match 2 is gone",
        "filter RequestHeaderModifier of rule 1 is gone",
        "timeouts.request: 600ms of rule 1 is gone",
        "timeouts.request 600ms → 6s of rule 1",
        "timeouts.backendRequest: 300ms of rule 1 is gone",
        "timeouts.backendRequest 300ms → 600ms of rule 1",
        "backend books of rule 1 is gone",
        "weight 90 → 0 of books in rule 1",
        "port 7002 → 7003 of backend books in rule 1",
        "backend injector of rule 1 is gone",
        "weight 10 → 0 of injector in rule 1",
        "port 8080 → 8081 of backend injector in rule 1",
        "weights of books and injector in rule 1 change places",
        "rule 2 is gone",
        "port 7002 → 7003 of backend books in rule 2",
    ]


def test_backends_of_neighbouring_rules_change_places() -> None:
    text = "kind: HTTPRoute\nspec: {rules: [{backendRefs: [{name: a}]}, {backendRefs: [{name: b}]}]}"
    assert "backends a and b change places between rules 1 and 2" in said(text)


def test_everything_of_policies_is_made_wrong() -> None:
    assert said("kind: Server\nspec: {port: 80, podSelector: {matchLabels: {app: a}}, accessPolicy: deny}") == [
        "port 80 → 81",
        "podSelector app=a → a-other",
        "accessPolicy deny → all-unauthenticated",
    ]
    references = "[{kind: MeshTLSAuthentication, name: a}, {kind: NetworkAuthentication, name: b}]"
    assert said(f"kind: AuthorizationPolicy\nspec: {{requiredAuthenticationRefs: {references}}}") == [
        "required MeshTLSAuthentication a is gone",
        "required MeshTLSAuthentication a does not exist",
        "required NetworkAuthentication b is gone",
        "required NetworkAuthentication b does not exist",
    ]
    names = "[a.ns.serviceaccount.identity.linkerd.cluster.local, '*']"
    assert said(f"kind: MeshTLSAuthentication\nspec: {{identities: {names}}}") == [
        "identity a.ns is gone",
        "identity a.ns → everybody of the mesh",
        "identity * is gone",
    ]
    assert said("kind: NetworkAuthentication\nspec: {networks: [{cidr: 0.0.0.0/0}, {cidr: '::/0'}]}") == [
        "networks 0.0.0.0/0, ::/0 → one where nobody is"
    ]


@pytest.mark.parametrize("kind", sorted(OPERATORS))
@pytest.mark.parametrize("spec", ["", "spec:", "spec: {}", "spec: {rules: [{}], parentRefs: [{}], identities: []}"])
def test_odd_objects_yield_no_crash(kind: str, spec: str) -> None:
    assert isinstance(said(f"kind: {kind}\n{spec}"), list)


@pytest.mark.parametrize(
    "path", [path for path in TUTORIAL if path.parent.name != "gateway"], ids=lambda path: path.stem
)
def test_each_mutant_of_the_tutorial_differs_and_no_file_does(path: Path) -> None:
    story, before = tale(path), digest()
    everything = [*of_manifests(story), *of_changes(story), *of_requests(story)]
    assert len(everything) > 10
    assert len({(mutant.said, mutant.place) for mutant in everything}) == len(everything)
    names = story.manifests()
    for mutant in everything:
        mutated = mutant.of(story)
        same = [mutated.project.manifests(name) == story.project.manifests(name) for name in names]
        assert mutated.scenario != story.scenario or not all(same), mutant.said
        assert mutant.place.rpartition(":")[2] != "0", mutant.said
    assert digest() == before


def digest() -> str:
    files = sorted((ROOT / "manifests").rglob("*.yaml"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
