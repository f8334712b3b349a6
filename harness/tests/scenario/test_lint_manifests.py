"""Lint of what a scenario leads to: manifests, recipes of apps, profiles of clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.lint import load_checked
from harness.tests.scenario.story import (
    APP,
    CLUSTERS,
    ROUTE,
    SCENARIO,
    SCENARIO_FILE,
    SHOP,
    spoiled,
    write_project,
)
from harness.tests.scenario.test_lint import findings_of

MANIFESTS = [
    (
        "route",
        ROUTE + "---\n[1",
        "14: not valid YAML: a list is opened with [ and never closed, or a comma is missing",
    ),
    ("route", ROUTE + "---\njust text\n", "14: the document is no Kubernetes object"),
    ("route", ROUTE + "---\nmetadata: {name: x}\n", "14: a Kubernetes object needs apiVersion and kind"),
    ("route", spoiled(ROUTE, ("  name: split\n", "")), "1: a Kubernetes object needs metadata.name"),
    (
        "route",
        spoiled(ROUTE, ("  name: split\n", "  name: split\n  name: x\n")),
        "5: 'name' is given twice, first on line 4",
    ),
    ("route", "# nothing\n", " the manifest is empty"),
    (
        "route",
        spoiled(ROUTE, ("namespace: shop", "namespace: shopp")),
        "5: HTTPRoute split goes into namespace 'shopp', which nothing has created when scenarios/split.yaml:23 "
        "applies it; did you mean 'shop'?",
    ),
    (
        "route",
        spoiled(ROUTE, ("    - backendRefs:", "    - matches: [{path: {value: relative}}]\n      backendRefs:")),
        "10: admission refuses HTTPRoute split: ",
    ),
    (
        "shop",
        spoiled(SHOP, ("namespace: shop}\nspec", "namespace: shpo}\nspec")),
        "7: Deployment authors goes into namespace 'shpo', which nothing has created when fixtures/apps/shop.yaml:6 "
        "applies it; did you mean 'shop'?",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "finding"), MANIFESTS)
def test_a_manifest_that_cannot_be_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, finding: str
) -> None:
    write_project(tmp_path, {f"manifests/{file}.yaml": text})
    monkeypatch.chdir(tmp_path)
    found = [line for line in findings_of(Path("scenarios/split.yaml")) if line.startswith("manifests/")]
    assert len(found) == 1
    assert found[0].startswith(f"manifests/{file}.yaml:{finding}")


def test_admission_follows_the_dialect_of_the_profile(tmp_path: Path) -> None:
    edits = [("    - backendRefs:", "    - timeouts: {request: 1s, backendRequest: 2s}\n      backendRefs:")]
    path = write_project(
        tmp_path,
        {
            "manifests/route.yaml": spoiled(ROUTE, *edits),
            SCENARIO_FILE: spoiled(SCENARIO, ("  cluster: mesh\n", "  cluster: box\n")),
        },
    )
    (finding,) = findings_of(path)
    assert "admission refuses HTTPRoute split: spec.rules[0].timeouts" in finding
    assert f"{tmp_path}/manifests/route.yaml:10: " in finding


def test_the_members_of_a_list_are_objects_of_their_own(tmp_path: Path) -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
        f"  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {{name: c, namespace: {namespace}}}\n"
        for namespace in ("shop", "nowhere")
    )
    path = write_project(tmp_path, {"manifests/route.yaml": listed})
    (finding,) = findings_of(path)
    assert finding.startswith(f"{tmp_path}/manifests/route.yaml:9: ConfigMap c goes into namespace 'nowhere'")


FIXTURES = [
    ("shop", spoiled(APP, ("name: shop", "name: store")), "3: name: 'store' is not the name of the file; write shop"),
    ("shop", spoiled(APP, ("ready:", "redy:")), "7: 'redy' is not a key of 'spec'; did you mean 'ready'?"),
    (
        "shop",
        spoiled(APP, ("shop/authors", "shop/autors")),
        "7: ready: no manifest of the app has the Deployment shop/autors; did you mean 'shop/authors'?",
    ),
    ("shop", spoiled(APP, ("[shop]\n", "[shop, store]\n")), "5: namespaces: no manifest of the app creates 'store'"),
    (
        "shop",
        spoiled(APP, ("manifests/shop.yaml", "manifests/shpo.yaml")),
        "6: manifests/shpo.yaml does not exist; did you mean 'manifests/shop.yaml'?",
    ),
]


@pytest.mark.parametrize(("file", "text", "finding"), FIXTURES)
def test_a_recipe_with_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, finding: str
) -> None:
    write_project(tmp_path)
    (tmp_path / f"fixtures/apps/{file}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert f"fixtures/apps/{file}.yaml:{finding}" in findings_of(Path("scenarios/split.yaml"))


@pytest.mark.parametrize(
    ("edit", "finding"),
    [
        (
            ("linkerd-2.14", "linkerd-2.15"),
            "5: no dialect is called 'linkerd-2.15'; did you mean 'linkerd-2.14'?",
        ),
        (
            ("linkerd-2.14", "gateway-api"),
            "5: no cluster that is made here speaks gateway-api (only linkerd-2.14, linkerd-edge); lint and explain do",
        ),
        (("embedded", "embeded"), "5: provider: 'embeded' is not known here; did you mean 'embedded'?"),
        (("default: box", "default: bx"), "3: no profile is called 'bx'; did you mean 'box'?"),
        (("provides: [mesh]", "provides: []"), "5: 'provides' is empty"),
        (("provides: [mesh]", "provides: [mesh], pace: {max-rate: 5}"), "5: max-rate: 5 has no unit; write 5/s"),
    ],
)
def test_a_profile_with_a_mistake(tmp_path: Path, edit: tuple[str, str], finding: str) -> None:
    path = write_project(tmp_path, {"fixtures/clusters.yaml": spoiled(CLUSTERS, edit)})
    assert findings_of(path) == [f"{tmp_path}/fixtures/clusters.yaml:{finding}"]


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    path = write_project(tmp_path)
    message = "no profile is called 'boxx'; did you mean 'box'?"
    assert findings_of(path, "boxx") == [f"{tmp_path}/fixtures/clusters.yaml: {message}"]


def test_a_manifest_may_create_the_namespace_of_the_next(tmp_path: Path) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n"
    path = write_project(
        tmp_path,
        {"manifests/route.yaml": namespace + "---\n" + spoiled(ROUTE, ("namespace: shop", "namespace: extra"))},
    )
    assert load_checked([path]).scenarios
