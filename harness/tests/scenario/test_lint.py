"""What the files alone show to be impossible: the exact place and sentence for each, and all of them at once."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.scenario.lint import load_checked
from harness.scenario.yaml_source import Location
from harness.tests.scenario.story import (
    ROUTE,
    SCENARIO,
    SCENARIO_FILE,
    SHOP,
    spoiled,
    walk,
    write_project,
)

WEB = "{namespace: shop, serviceAccount: web}"
WITH_OUTSIDE = (
    "    stranger: {namespace: outside, meshed: false}\n"
    "  steps:\n"
    "    - name: before\n"
    "      given:\n"
    "        - unset-env: {deployment: shop/authors, variable: FAILURE_RATE}\n"
    "        - wait: {rollout: shop/authors, within: 2m}\n"
    "      then:\n"
)
WITH_OUTSIDE_INSTEAD = (
    "    outside: {via: ingress, host: shop.local}\n"
    "  steps:\n"
    "    - name: before\n"
    "      given: [{wait: {rollout: shop/authors}}]\n"
    "      then:\n"
)
"""A sender outside the cluster; the expectations of the first step begin on line 16 instead of 18."""
SCENARIO_LINES = [
    # -- manifests
    (
        "missing manifest",
        ("manifests/route.yaml", "manifests/rout.yaml"),
        "23: manifests/rout.yaml does not exist; did you mean 'manifests/route.yaml'?",
    ),
    (
        "missing folder",
        ("manifests/route.yaml", "manifest/route.yaml"),
        "23: manifest/route.yaml does not exist; did you mean 'manifests/route.yaml'?",
    ),
    (
        "deleting what is not there",
        ("- apply: manifests/route.yaml", "- delete: [manifests/route.yaml, manifests/zzz.yaml]"),
        "23: manifests/zzz.yaml does not exist",
    ),
    (
        "a finding that nothing finds",
        ("- apply: manifests/route.yaml", "- apply: manifests/route.yaml\n          lint: {expect: [no-catch-alls]}"),
        "24: lint: no finding that can be expected is called 'no-catch-alls'; did you mean 'no-catch-all'?",
    ),
    # -- names from the fixtures
    (
        "unknown cluster",
        ("cluster: mesh", "cluster: mash"),
        "7: cluster: fixtures/clusters.yaml has no profile that is or provides 'mash'; did you mean 'mesh'?",
    ),
    (
        "a cluster that the profile does not provide",
        ("cluster: mesh", "cluster: nothing"),
        "7: cluster: profile 'box' is not and does not provide 'nothing'; it provides mesh",
    ),
    # -- senders
    (
        "unknown sender",
        ("send: {from: web,", "send: {from: wep,"),
        "19: from: no sender is called 'wep'; did you mean 'web'?",
    ),
    (
        "a ServiceAccount that nobody makes",
        ("serviceAccount: web", "serviceAccount: wep"),
        "10: serviceAccount: no app has the ServiceAccount shop/wep; did you mean 'shop/web'?",
    ),
    (
        "who answered, asked by a stranger",
        ("send: {from: web, request: GET http://books:7002/books.json, timeout: 2s}\n"
         "          share: {of: {status: 500}",
         "send: {from: stranger, request: GET http://books:7002/books.json, timeout: 2s}\n"
         "          share: {of: {status: 500, by: app}"),
        "28: by: sender 'stranger' is not meshed, and proxies sign their answers to the mesh only",
    ),
    (
        "who answered, asked from outside",
        (WITH_OUTSIDE, WITH_OUTSIDE_INSTEAD
         + "        - expect: x\n"
           "          send: {from: outside, request: GET http://shop.local/}\n"
           "          every: {answered-by: authors}\n"),
        "18: answered-by: sender 'outside' asks through the ingress, and proxies sign their answers to the mesh only",
    ),
    (
        "who answered, asked of somebody else's responses",
        (WITH_OUTSIDE, WITH_OUTSIDE_INSTEAD
         + "        - expect: x\n"
           "          each: {from: outside, rows: [{request: GET http://shop.local/, status: 200}]}\n"
           "        - expect: y\n"
           "          about: x\n"
           "          every: {by: app}\n"),
        "20: by: sender 'outside' asks through the ingress, and proxies sign their answers to the mesh only",
    ),
    (
        "a status of HTTP, asked of a call",
        ("GET http://books:7002/books.json, timeout: 2s}\n"
         "          share: {of: {status: 500}",
         "POST http://books:7002/s.B/Get, protocol: grpc}\n"
         "          share: {of: {grpc-status: 5}"),
        "31: status: a call of gRPC is told by its 'grpc-status'; its status of HTTP is 200 whatever became of it",
    ),
    (
        "a status of gRPC, asked of somebody else's responses",
        ("{status: [200, 500]}", "{grpc-status: OK}"),
        "31: grpc-status: only calls of gRPC have one; write protocol: grpc in the 'send'",
    ),
    (
        "a status of gRPC that selects no responses",
        ("every: {status: [200, 500]}", "latency: {of: {grpc-status: 0}, p50: ..1s}"),
        "31: grpc-status: only calls of gRPC have one; write protocol: grpc in the 'send'",
    ),
    (
        "a status of gRPC all the time",
        ("  steps:",
         "  always:\n"
         "    - expect: up\n"
         "      send: {from: web, request: GET http://books:7002/}\n"
         "      share: {of: {grpc-status: 0}, at-least: 99%, resolution: 1pp}\n"
         "  steps:"),
        "15: grpc-status: only calls of gRPC have one; write protocol: grpc in the 'send'",
    ),
    (
        "a row that a stranger cannot tell",
        ("        - expect: never-fails\n",
         "        - expect: x\n"
         "          each:\n"
         "            request: GET http://books:7002/\n"
         "            rows:\n"
         "              - {from: web, status: 200, by: app}\n"
         "              - {from: stranger, status: 200, by: app}\n"
         "        - expect: never-fails\n"),
        "23: by: sender 'stranger' is not meshed, and proxies sign their answers to the mesh only",
    ),
    (
        "an ingress asked for somebody else",
        (WITH_OUTSIDE, WITH_OUTSIDE_INSTEAD
         + "        - expect: x\n"
           "          each:\n"
           "            to: http://shop.local\n"
           "            from: outside\n"
           "            rows:\n"
           "              - {request: GET /, status: 200}\n"
           "              - {request: GET http://books:7002/, status: 200}\n"),
        "22: request: sender 'outside' asks the ingress for shop.local, not for books",
    ),
    (
        "an unknown sender of a row",
        ("        - expect: never-fails\n",
         "        - expect: x\n"
         "          each:\n"
         "            request: GET http://books:7002/\n"
         "            rows:\n"
         "              - {from: wep, status: 200}\n"
         "        - expect: never-fails\n"),
        "22: from: no sender is called 'wep'; did you mean 'web'?",
    ),
    # -- values
    (
        "a value that nobody saves",
        ("rate: 100/s}", "rate: 100/s, headers: {x-run: \"${run.di}\"}}"),
        "19: nothing has saved a value 'run.di' by then; did you mean 'run.id'?",
    ),
    (
        "a value that is saved later",
        ("        - expect: never-fails\n",
         "        - expect: x\n"
         "          each:\n"
         "            from: web\n"
         "            times: 1\n"
         "            rows:\n"
         "              - {request: \"GET http://a/${author}\", status: 200, save: {author: json.id}}\n"
         "              - {request: \"GET http://a/${author}\", status: 200}\n"
         "              - {request: POST http://a/, json: {a: [\"${run.id} ${author}\"]}, status: 200}\n"
         "        - expect: never-fails\n"),
        "23: nothing has saved a value 'author' by then; known are run.id",
    ),
    (
        "a saved value all the time",
        ("  steps:\n",
         "  always:\n"
         "    - expect: x\n"
         "      send: {from: web, request: \"GET http://a/${run.id}/${author}\"}\n"
         "      every: {status: 200}\n"
         "  steps:\n"),
        "14: nothing has saved a value 'author' by then; known are run.id",
    ),
    # -- steps and expectations
    (
        "two steps of one name",
        ("name: after", "name: before"),
        "21: name: a step is called 'before' already, on line 13",
    ),
    (
        "duplicate expectation",
        ("expect: nothing-else", "expect: never-fails"),
        "29: expect: an expectation is called 'never-fails' already, on line 18",
    ),
    (
        "a name that is watched already",
        ("  steps:\n",
         "  always:\n"
         "    - expect: never-fails\n"
         "      send: {from: web, request: GET http://a/}\n"
         "      every: {status: 200}\n"
         "  steps:\n"),
        "22: expect: an expectation is called 'never-fails' already, on line 13",
    ),
    (
        "about nobody",
        ("about: one-in-ten", "about: one-in-tne"),
        "30: about: no expectation is called 'one-in-tne'; did you mean 'one-in-ten'?",
    ),
    (
        "about itself",
        ("about: one-in-ten", "about: nothing-else"),
        "30: about: 'nothing-else' is this one; only an earlier expectation can be named",
    ),
    (
        "about a later one",
        ("about: one-in-ten", "about: never-fails-again"),
        "30: about: 'never-fails-again' comes later, on line 32; only an earlier expectation can be named",
    ),
    (
        "about responses of before the change",
        ("about: one-in-ten", "about: never-fails"),
        "30: about: 'never-fails' got its responses in step 'before'; to ask anew, write send or again",
    ),
    (
        "again a later one",
        ("again: never-fails", "again: never-fails-again"),
        "33: again: 'never-fails-again' is this one; only an earlier expectation can be named",
    ),
    # -- what exists when
    (
        "a Deployment that nobody makes",
        ("deployment: shop/authors", "deployment: shop/author"),
        "15: deployment: nothing so far has made the Deployment shop/author; did you mean 'shop/authors'?",
    ),
    (
        "a Deployment of another namespace",
        ("rollout: shop/authors", "rollout: default/authors"),
        "16: rollout: nothing so far has made the Deployment default/authors; known are shop/authors",
    ),
    (
        "a Deployment that is gone",
        ("- apply: manifests/route.yaml", "- delete: manifests/shop.yaml\n"
         "        - scale: {deployment: shop/authors, replicas: 2}"),
        "24: deployment: nothing so far has made the Deployment shop/authors",
    ),
    (
        "a proxy that nobody runs",
        ("about: one-in-ten\n          every: {status: [200, 500]}",
         "metrics: {proxy: shop/author, direction: inbound, during: 5s}\n"
         "          share: {of: {class: failure}, at-most: 1%, resolution: 1pp}"),
        "30: proxy: nothing so far has made the workload shop/author; did you mean 'shop/authors'?",
    ),
    (
        "an answer of nobody",
        ("{status: [200, 500]}", "{answered-by: author}"),
        "31: answered-by: nothing so far has made a workload 'author'; did you mean 'authors'?",
    ),
    (
        "authorizations of nobody",
        ("  steps:\n", "  diagnose: [{authorizations: {workload: shop/author}}]\n  steps:\n"),
        "12: workload: nothing so far has made the workload shop/author; did you mean 'shop/authors'?",
    ),
]  # fmt: skip


def findings_of(path: Path, profile: str | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_checked([path], profile)
    return str(caught.value).splitlines()


def test_a_good_scenario_has_no_finding(tmp_path: Path) -> None:
    path = write_project(tmp_path)
    checked = load_checked([path])
    assert (checked.profile_name, checked.profile.dialect) == ("box", "linkerd-2.14")
    assert [loaded.path for loaded in checked.scenarios] == [str(path)]


@pytest.mark.parametrize(("edit", "finding"), [case[1:] for case in SCENARIO_LINES], ids=[c[0] for c in SCENARIO_LINES])
def test_a_name_that_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: tuple[str, str], finding: str
) -> None:
    write_project(tmp_path, {SCENARIO_FILE: spoiled(SCENARIO, edit)})
    monkeypatch.chdir(tmp_path)
    assert findings_of(Path("scenarios/split.yaml")) == [f"scenarios/split.yaml:{finding}"]


def test_an_unknown_app_takes_all_it_would_bring_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, {SCENARIO_FILE: spoiled(SCENARIO, ("apps: [shop]", "apps: [shopp]"))})
    monkeypatch.chdir(tmp_path)
    assert findings_of(Path("scenarios/split.yaml")) == [
        "scenarios/split.yaml:8: apps: no recipe fixtures/apps/shopp.yaml exists; did you mean 'shop'?"
    ]


def test_a_scenario_without_a_project_is_checked_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(spoiled(SCENARIO, ("rate: 100/s", "rate: 100")))
    assert findings_of(Path("x.yaml")) == [
        "fixtures/clusters.yaml: does not exist, neither here nor in a folder above the scenario, "
        "so there is no cluster to run on",
        "x.yaml:19: rate: 100 has no unit; write 100/s",
    ]


def test_mistakes_of_every_sort_come_in_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, units, names, files and admission at once, and nothing that only follows from another mistake."""
    text = spoiled(
        SCENARIO,
        ("rate: 100/s", "rate: 100"),
        ("- apply: manifests/route.yaml", "- apply: [manifests/route.yaml, manifests/missing.yaml]"),
        ("settle: {within: 60s}", "setle: {within: 60s}"),
        ("expect: nothing-else", "expect: never-fails"),
        ("again: never-fails", "again: never-failed"),
    )
    write_project(
        tmp_path, {SCENARIO_FILE: text, "manifests/route.yaml": spoiled(ROUTE, ("namespace: shop", "namespace: shopp"))}
    )
    monkeypatch.chdir(tmp_path)
    assert [line.split(" ")[0] for line in findings_of(Path("scenarios"))] == [
        "manifests/route.yaml:5:",
        "scenarios/split.yaml:19:",
        "scenarios/split.yaml:23:",
        "scenarios/split.yaml:24:",
        "scenarios/split.yaml:29:",
        "scenarios/split.yaml:33:",
    ]


def test_a_sender_may_live_where_nobody_else_does(tmp_path: Path) -> None:
    path = write_project(tmp_path, {SCENARIO_FILE: spoiled(SCENARIO, ("namespace: outside", "namespace: faraway"))})
    assert load_checked([path]).scenarios


_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=300)
_TREES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
_GOOD = yaml.safe_load(SCENARIO)
_PLACES = [at for at, _ in walk(_GOOD) if at]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(_PLACES), _TREES)
def test_any_value_in_any_place_gives_findings_and_no_crash(
    tmp_path_factory: pytest.TempPathFactory, place: Location, tree: Any
) -> None:
    spoiled_data = deepcopy(_GOOD)
    inner = spoiled_data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = tree
    root = tmp_path_factory.getbasetemp() / "any"
    path = write_project(root, {SCENARIO_FILE: yaml.safe_dump(spoiled_data, allow_unicode=True)})
    with suppress(InputError):
        load_checked([path])


def test_what_cannot_be_read_is_not_said_to_be_missing(tmp_path: Path) -> None:
    """A Deployment that a broken manifest, an unknown verb or a misspelt file would have made is no second mistake."""
    text = spoiled(
        SCENARIO, ("apply: manifests/route.yaml", "aply: manifests/more.yaml\n        - wait: {rollout: shop/x}")
    )
    path = write_project(tmp_path, {SCENARIO_FILE: text})
    assert findings_of(path) == [f"{path}:23: 'aply' is not a key of an action; did you mean 'apply'?"]
    path = write_project(tmp_path, {"manifests/shop.yaml": SHOP + "---\n[1"})
    assert [line.split(": ")[1] for line in findings_of(path)] == ["not valid YAML"]
