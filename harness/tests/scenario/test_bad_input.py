"""Every way to write a scenario wrongly, with the exact line and sentence that a person gets for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.scenario.loading import load
from harness.tests.scenario.story import SCENARIO, refused, spoiled

SEND_NEVER = "send: {from: web, request: GET http://books:7002/books.json, rate: 100/s}"

BAD = [
    # -- the file as a whole
    ("unknown key at the top", [("spec:", "specs:")], ["5: 'specs' is not a key of a scenario; did you mean 'spec'?"]),
    ("wrong kind", [("Scenario", "Scenarios")], ["2: kind: 'Scenarios' is not known here; did you mean 'Scenario'?"]),
    (
        "wrong version",
        [("v1alpha1", "v1")],
        ["1: apiVersion: 'signalbox/v1' is not known here; did you mean 'signalbox/v1alpha1'?"],
    ),
    ("no metadata", [("metadata:\n  name: split\n", "")], ["1: a scenario needs 'metadata'"]),
    ("no name", [("  name: split\n", "  labels: {a: b}\n")], ["3: 'metadata' needs 'name'"]),
    (
        "name of two words",
        [("name: split", "name: split it")],
        ["4: name: 'split it' is not a name; join letters and digits with dashes, like books-recovers"],
    ),
    ("a key without a value", [("One call in ten fails.", "")], ["6: 'description' has no value"]),
    ("a mapping where text belongs", [("One call in ten fails.", "{a: b}")], ["6: description: a mapping is not text"]),
    (
        "text where a mapping belongs",
        [("metadata:\n  name: split", "metadata: split")],
        ["3: 'metadata' is keys with values, not 'split'"],
    ),
    ("text where a list belongs", [("apps: [shop]", "apps: shop")], ["8: apps: 'shop' is not a list"]),
    (
        "a number where text belongs",
        [("name: split", "name: split\n  labels: {level: 2}")],
        ['5: level: 2 must be text; write "2" in quotes'],
    ),
    # -- steps
    ("misspelt then", [("      then:", "      Then:")], ["17: 'Then' is not a key of a step; did you mean 'then'?"]),
    (
        "a step without then",
        [
            ("      then:\n        - expect: never-fails\n", "      note: x\n"),
            (f"          {SEND_NEVER}\n", ""),
            ("          share: {of: {status: 5xx}, at-most: 0%, resolution: 1pp}\n", ""),
        ],
        ["13: a step needs 'then'; a step that expects nothing proves nothing"],
    ),
    (
        "settle without a unit",
        [("within: 60s", "within: 60")],
        ["24: within: 60 has no unit; write 60s, or use ms, m or h"],
    ),
    (
        "settle with a bare time",
        [("settle: {within: 60s}", "settle: 60s")],
        ["24: 'settle' is keys with values, not '60s'"],
    ),
    # -- actions
    ("unknown verb", [("- apply: ", "- aply: ")], ["23: 'aply' is not a key of an action; did you mean 'apply'?"]),
    (
        "a verb in snake case",
        [("unset-env", "unset_env")],
        ["15: 'unset_env' is not a key of an action; did you mean 'unset-env'?"],
    ),
    (
        "two verbs",
        [("- apply: manifests/route.yaml", "- apply: manifests/route.yaml\n          delete: manifests/route.yaml")],
        ["24: an action has exactly one verb, not 2: apply and delete"],
    ),
    (
        "lint beside another verb",
        [("- apply: manifests/route.yaml", "- delete: manifests/route.yaml\n          lint: {expect: [x]}")],
        ["24: 'lint' belongs beside 'apply'"],
    ),
    (
        "an action of nothing",
        [("- apply: manifests/route.yaml", "- {}")],
        ["23: an action needs exactly one verb: apply, delete, patch, set-env, unset-env, scale or wait"],
    ),
    (
        "a Deployment without its namespace",
        [("deployment: shop/authors", "deployment: authors")],
        ["15: deployment: 'authors' does not say which namespace; write namespace/name, like booksapp/authors"],
    ),
    (
        "an environment value that is no text",
        [
            (
                "unset-env: {deployment: shop/authors, variable: FAILURE_RATE}",
                "set-env: {deployment: shop/authors, variable: FAILURE_RATE, value: 0.5}",
            )
        ],
        ['15: value: 0.5 must be text; write "0.5" in quotes'],
    ),
    (
        "replicas that are no number",
        [
            (
                "unset-env: {deployment: shop/authors, variable: FAILURE_RATE}",
                "scale: {deployment: shop/authors, replicas: 010}",
            )
        ],
        ["15: replicas: '010' is not a whole number"],
    ),
    (
        "fewer than no replicas",
        [
            (
                "unset-env: {deployment: shop/authors, variable: FAILURE_RATE}",
                "scale: {deployment: shop/authors, replicas: -1}",
            )
        ],
        ["15: replicas: -1 is less than 0"],
    ),
    (
        "a wait for two things",
        [("rollout: shop/authors", "rollout: shop/authors, pods: shop/app=authors")],
        ["16: 'wait' has exactly one object, not 2: rollout and pods"],
    ),
    (
        "a wait for no condition",
        [("rollout: shop/authors", "pods: shop/app=authors")],
        ["16: 'wait' needs 'condition', such as Ready"],
    ),
    (
        "a condition of the other kind",
        [("rollout: shop/authors", "deployment: shop/authors, condition: Ready")],
        ["16: Deployments have no condition Ready"],
    ),
    (
        "a JSON patch that is a mapping",
        [
            (
                "unset-env: {deployment: shop/authors, variable: FAILURE_RATE}",
                "patch: {deployment: shop/authors, type: json, patch: {spec: {}}}",
            )
        ],
        ["15: a patch of type json is a list of operations, not a mapping"],
    ),
    (
        "a strategic patch of a custom resource",
        [
            (
                "unset-env: {deployment: shop/authors, variable: FAILURE_RATE}",
                "patch: {resource: {apiVersion: "
                "policy.linkerd.io/v1beta3, kind: HTTPRoute, name: split}, type: strategic, patch: {}}",
            )
        ],
        ["15: custom resources such as HTTPRoute take no strategic patch; use merge or json"],
    ),
    # -- always
    (
        "a number of requests without an end",
        [
            (
                "  steps:",
                f"  always:\n    - expect: x\n      {SEND_NEVER}\n      every: {{status: 200, times: 5}}\n  steps:",
            )
        ],
        ["15: 'times' is of no use in 'always', which goes on for as long as the story does"],
    ),
    (
        "a table all the time",
        [("  steps:", f"  always:\n    - expect: x\n      {SEND_NEVER}\n      each: {{}}\n  steps:")],
        [
            "15: 'each' is not a key of a line of 'always'; known are every, expect, features, known-gap, send, share, "
            "verdict, why"
        ],
    ),
    (
        "nothing sent all the time",
        [("  steps:", "  always:\n    - {expect: x, every: {status: 200}}\n  steps:")],
        ["13: a line of 'always' needs 'send'; say what is sent all the time"],
    ),
    (
        "who answered all the time",
        [("  steps:", f"  always:\n    - expect: x\n      {SEND_NEVER}\n      every: {{answered-by: a}}\n  steps:")],
        ["15: 'answered-by' is told after a burst of requests, not all the time"],
    ),
    # -- meshes
    (
        "a gap of an unknown mesh",
        [("about: one-in-ten", "about: one-in-ten\n          known-gap: linkrd >= edge-24.7.5")],
        ["31: known-gap: no mesh is called 'linkrd'; did you mean 'linkerd'?"],
    ),
    (
        "a mesh of an unknown version",
        [("  cluster: mesh", "  requires: {mesh: linkerd >= 2.16}\n  cluster: mesh")],
        ["7: mesh: '2.16' is no release; write one like edge-24.7.5 or stable-2.14.10"],
    ),
    # -- counters
    (
        "counters of response times",
        [
            ("about: one-in-ten", "metrics: {proxy: shop/authors, direction: inbound, during: 5s}"),
            ("every: {status: [200, 500]}", "latency: {p50: ..1s}"),
        ],
        ["31: counters tell shares, not how long each response took; write a share"],
    ),
    (
        "counters of every response",
        [("about: one-in-ten", "metrics: {proxy: shop/authors, direction: inbound, during: 5s}")],
        ["31: counters tell shares, not every response; write a share"],
    ),
    (
        "counters of bodies",
        [
            ("about: one-in-ten", "metrics: {proxy: shop/authors, direction: inbound, during: 5s}"),
            ("every: {status: [200, 500]}", "share: {of: {body-has: x}, at-most: 1%, resolution: 1pp}"),
        ],
        ["31: counters know no 'body-has'; use class or status"],
    ),
    (
        "a misspelt direction",
        [
            ("about: one-in-ten", "metrics: {proxy: shop/authors, direction: inbond, during: 5s}"),
            ("every: {status: [200, 500]}", "share: {of: {class: failure}, at-most: 1%, resolution: 1pp}"),
        ],
        ["30: direction: 'inbond' is not known here; did you mean 'inbound'?"],
    ),
    # -- YAML
    (
        "a key given twice",
        [("  apps: [shop]\n", "  apps: [shop]\n  cluster: other\n")],
        ["9: 'cluster' is given twice, first on line 7"],
    ),
    ("a tab", [("  cluster: mesh", "\tcluster: mesh")], ["7: not valid YAML: a tab cannot indent YAML; use spaces"]),
    (
        "an open list",
        [("apps: [shop]", "apps: [shop")],
        ["9: not valid YAML: a list is opened with [ and never closed, or a comma is missing"],
    ),
    (
        "a colon in text",
        [("One call in ten fails.", "Note: one call fails.")],
        ["6: not valid YAML: a colon is out of place; check the indentation, or quote the text"],
    ),
    (
        "a wrong indentation",
        [("  apps: [shop]", " apps: [shop]")],
        ["8: not valid YAML: the indentation fits nothing above it; keys of one mapping align"],
    ),
    (
        "an alias",
        [("name: before", "name: &a before"), ("name: after", "name: *a")],
        ["21: anchors and aliases are not part of the language; write it out"],
    ),
    ("a tag", [("name: before", "name: !x before")], ["13: the tag !x is not understood here"]),
    ("two documents", [("spec:\n", "---\nspec:\n")], ["6: a file holds one document; this is the second"]),
    ("a list instead of keys", [(SCENARIO, "- a\n- b\n")], ["1: a scenario is keys with values, not a list"]),
    ("nothing at all", [(SCENARIO, "# empty\n")], [" the file is empty"]),
]


@pytest.mark.parametrize(("edits", "findings"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_one_mistake_gives_one_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: list[tuple[str, str]], findings: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(*edits) == findings


def test_the_good_scenario_has_no_finding(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SCENARIO)
    assert load(tmp_path / "x.yaml").scenario.name == "split"


def test_all_mistakes_are_reported_together_in_the_order_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        spoiled(
            SCENARIO,
            ("kind: Scenario", "kind: Story"),
            ("rate: 100/s", "rate: 100"),
            ("share: {of: {status: 500}, is: 10%, resolution: 5pp}", "share: {of: {status: 500}, is: 0.1}"),
            ("every: {status: [200, 500]}", "evry: {status: 200}"),
            ("again: never-fails", "again: never-fails\n          again: never-fails"),
        )
    )
    with pytest.raises(InputError) as caught:
        load(path)
    assert [(finding.line, finding.message.split(";")[0]) for finding in caught.value.findings] == [
        (2, "kind: 'Story' is not known here"),
        (19, "rate: 100 has no unit"),
        (28, "'share' needs 'resolution'"),
        (28, "is: 0.1 has no unit"),
        (31, "'evry' is not a key of an expectation"),
        (34, "'again' is given twice, first on line 33"),
    ]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "the file cannot be read: no such file or directory"),
        (lambda path: path.mkdir(), "is a folder, not a file"),
        (lambda path: path.write_bytes(b"a: b\nc: \xff\n"), "the file is not text in UTF-8"),
        (lambda path: path.write_bytes(b"a: \x07"), "the character U+0007 may not stand in YAML"),
        (lambda path: path.write_text("[" * 5000), "the YAML is nested more than 100 levels deep"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, make: object, sentence: str) -> None:
    path = tmp_path / "x.yaml"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError) as caught:
        load(path)
    assert [finding.message for finding in caught.value.findings] == [sentence]
