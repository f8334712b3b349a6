"""Every way to write a scenario wrongly, with the exact line and sentence that a person gets for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.scenario.loading import load
from harness.tests.scenario.story import SCENARIO, spoiled

SHARE_10 = "share: {of: {status: 500}, is: 10%, resolution: 5pp}"
SEND_NEVER = "send: {from: web, request: GET http://books:7002/books.json, rate: 100/s}"
NO_CLAIM = "an expectation needs exactly one claim: every, share, split, latency, each or resource"
WHY_RESOLUTION = "say what must be told apart, like resolution: 5pp"

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
    # -- expectations
    ("no name", [("expect: one-in-ten", "why: because")], ["26: an expectation needs 'expect'"]),
    ("a misspelt claim", [("every:", "evry:")], ["31: 'evry' is not a key of an expectation; did you mean 'every'?"]),
    (
        "a claim of a later version",
        [("every: {status: [200, 500]}", "quorum: {a: 10%}")],
        [
            "31: 'quorum' is not a key of an expectation; claims are every, share, split, latency, each, resource, "
            "and responses come from send, about, metrics, again"
        ],
    ),
    ("no claim", [("          every: {status: [200, 500]}\n", "")], [f"29: {NO_CLAIM}"]),
    (
        "two claims",
        [(SHARE_10, SHARE_10 + "\n          every: {status: 200}")],
        ["29: an expectation has exactly one claim, not 2: share and every"],
    ),
    (
        "no source",
        [("          about: one-in-ten\n", "")],
        ["29: an expectation needs exactly one source of responses: send, about or metrics"],
    ),
    (
        "two sources",
        [("about: one-in-ten", "about: one-in-ten\n          " + SEND_NEVER)],
        ["31: an expectation has exactly one source of responses, not 2: about and send"],
    ),
    (
        "a claim beside again",
        [("again: never-fails", "again: never-fails\n          every: {status: 200}")],
        ["34: 'every' is repeated by 'again' and not written once more"],
    ),
    (
        "responses beside resource",
        [("every: {status: [200, 500]}", "resource: {pods: shop/app=authors, condition: Ready, within: 5s}")],
        ["30: 'about' is of no use to 'resource', which asks the cluster"],
    ),
    (
        "a resource without a time",
        [
            ("about: one-in-ten\n", "\n"),
            ("every: {status: [200, 500]}", "resource: {pods: shop/app=a, condition: Ready}"),
        ],
        ["31: 'resource' needs exactly one time: for or within"],
    ),
    # -- shares
    ("a share without resolution", [(", resolution: 5pp", "")], [f"28: 'share' needs 'resolution'; {WHY_RESOLUTION}"]),
    ("a share as a bare number", [("is: 10%", "is: 0.1")], ["28: is: 0.1 has no unit; write 10%"]),
    (
        "a relative resolution",
        [("resolution: 5pp", "resolution: 5%")],
        ["28: resolution: '5%' could be read as relative; write 5pp (percentage points)"],
    ),
    (
        "a share of two bounds",
        [("is: 10%", "is: 10%, at-most: 20%")],
        ["28: 'share' has exactly one bound, not 2: is and at-most"],
    ),
    ("a share of no bound", [("is: 10%, ", "")], ["28: 'share' needs exactly one bound: is, at-most or at-least"]),
    (
        "a resolution below nothing",
        [("is: 10%", "is: 3%")],
        ["28: 5pp around 3% lead out of 0%..100%; the largest resolution here is 3pp"],
    ),
    (
        "a resolution beyond everything",
        [("is: 10%", "at-most: 97%")],
        ["28: 5pp around 97% lead out of 0%..100%; the largest resolution here is 3pp"],
    ),
    ("exactly nothing", [("is: 10%", "is: 0%")], ["28: no share lies beyond 0%; write at-most: 0%"]),
    (
        "at most everything",
        [("is: 10%", "at-most: 100%")],
        ["28: every share is within 100%; nothing is claimed"],
    ),
    (
        "a share of nothing",
        [("{status: 500}", "{}")],
        [
            "28: 'of' names no property of a response; "
            "known are status, grpc-status, by, answered-by, header, faster-than, body-has, body-lacks, class"
        ],
    ),
    (
        "a class of responses",
        [("{status: 500}", "{class: failure}")],
        ["28: 'class' is what proxies count; of responses write status: 5xx"],
    ),
    (
        "who answered which responses",
        [("{status: 500}", "{status: 500, answered-by: books}")],
        ["28: a proxy tells how many each workload answered, not which; write 'answered-by' alone"],
    ),
    # -- latency
    (
        "a latency of no quantile",
        [("every: {status: [200, 500]}", "latency: {of: {status: 500}}")],
        ["31: 'latency' names no quantile; known are p50, p75, p90, p95, p99"],
    ),
    (
        "a latency without a unit",
        [("every: {status: [200, 500]}", "latency: {p50: 600..700}")],
        ["31: p50: '600' is not a duration; write one like 600ms, 30s or 2m"],
    ),
    (
        "a latency that cannot be",
        [("every: {status: [200, 500]}", "latency: {p50: 2s.., p90: ..1s}")],
        ["31: p90 is never below p50, so 2s.. and ..1s cannot both be true"],
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
    # -- requests
    (
        "a timeout without a unit",
        [("timeout: 2s", "timeout: 2")],
        ["27: timeout: 2 has no unit; write 2s, or use ms, m or h"],
    ),
    ("a rate without a unit", [("rate: 100/s", "rate: 100")], ["19: rate: 100 has no unit; write 100/s"]),
    (
        "a request without a method",
        [("request: GET http", "request: http")],
        [
            "19: request: 'http://books:7002/books.json' is not a request; "
            "write METHOD url, like GET http://books:7002/books.json"
        ],
    ),
    ("two bodies", [("timeout: 2s", "body: x, json: {a: 1}")], ["27: a request has one body: 'body' or 'json'"]),
    (
        "times beside about",
        [("[200, 500]}", "[200, 500], times: 5}")],
        ["31: 'times' is of no use beside 'about', which takes all responses there are"],
    ),
    (
        "another protocol",
        [("rate: 100/s", "rate: 100/s, http2: true")],
        ["19: 'http2' is not a key of 'send'; write protocol: h2c or protocol: grpc"],
    ),
    (
        "a call that is none",
        [("rate: 100/s", "rate: 100/s, protocol: grpc"), ("{status: [200, 500]}", "{grpc-status: OK}")],
        ["19: a call of gRPC is POST http://host:port/package.Service/Method, not GET http://books:7002/books.json"],
    ),
    (
        "a message without a call",
        [("rate: 100/s", "rate: 100/s, message: CAE=")],
        ["19: 'message' is of no use without protocol: grpc"],
    ),
    (
        "a message in clear",
        [("rate: 100/s", "rate: 100/s, protocol: grpc, message: hi!")],
        ["19: message: 'hi!' is not base64, as which the bytes of a message are written"],
    ),
    (
        "an unknown status of gRPC",
        [("{status: [200, 500]}", "{grpc-status: NOT_FUND}")],
        ["31: grpc-status: 'NOT_FUND' is no status of gRPC; did you mean 'NOT_FOUND'?"],
    ),
    (
        "a ramp that goes nowhere",
        [("rate: 100/s", "rate: 100/s, ramp: {from: 100/s, over: 1m}")],
        ["19: a ramp from a rate to the same rate is none"],
    ),
    (
        "a ramp without end",
        [("rate: 100/s", "rate: 100/s, ramp: {from: 1/s, over: 6h}")],
        ["19: a ramp takes 1h at most"],
    ),
    (
        "a ramp of too many requests",
        [("rate: 100/s", "rate: 1000/s, ramp: {from: 1/s, over: 1h}")],
        ["19: the ramp has 1801800 requests; 1000000 are the most"],
    ),
    (
        "a rate that no sender has",
        [("rate: 100/s", "rate: 20000/s")],
        ["19: rate: '20000/s' is out of range; a rate is more than 0/s and at most 10000/s"],
    ),
    (
        "a timeout that nobody waits for",
        [("timeout: 2s", "timeout: 2h")],
        ["27: nobody waits longer than 1h for a response"],
    ),
    (
        "a header of the connection",
        [("timeout: 2s", "headers: {te: trailers}")],
        ["27: header te belongs to the connection, the sender sets it"],
    ),
    (
        "a header whose name has a blank",
        [("timeout: 2s", "headers: {x user: amy}")],
        ["27: 'x user' is not the name of a header"],
    ),
    (
        "a header of two lines",
        [("timeout: 2s", 'headers: {x-user: "amy\\nx-admin: yes"}')],
        ["27: header x-user contains a line break or another control character"],
    ),
    (
        "a response header whose name has a blank",
        [("{status: [200, 500]}", "{header: {x served by: v2}}")],
        ["31: 'x served by' is not the name of a header"],
    ),
    (
        "a split by a header whose name has a blank",
        [(SHARE_10, "split: {header: {x by: {v1: 90%, v2: 10%}}, resolution: 5pp}")],
        ["28: 'x by' is not the name of a header"],
    ),
    (
        "a URL with a fragment",
        [("GET http://books:7002/books.json, rate", "GET http://books:7002/#top, rate")],
        ["19: request: 'http://books:7002/#top' has a part after '#', which no client sends"],
    ),
    (
        "a URL with a user",
        [("GET http://books:7002/books.json, rate", "GET http://amy@books:7002/, rate")],
        [
            "19: request: 'http://amy@books:7002/' names a user, which no client sends so; "
            "write the header Authorization"
        ],
    ),
    (
        "a ramp that goes on all the time",
        [
            (
                "  steps:",
                "  always:\n    - expect: up\n      send: {from: web, request: GET http://books:7002/, "
                "ramp: {from: 1/s, over: 1m}}\n      every: {status: 200}\n  steps:",
            )
        ],
        ["14: a ramp has an end, and 'always' goes on for as long as the story does"],
    ),
    (
        "a misspelt property",
        [("{status: [200, 500]}", "{sttus: 200}")],
        ["31: 'sttus' is not a key of 'every'; did you mean 'status'?"],
    ),
    # -- senders
    (
        "an unknown key of a sender",
        [("{namespace: outside, meshed: false}", "{namespace: outside, mesh: false}")],
        ["11: 'mesh' is not a key of a sender; did you mean 'meshed'?"],
    ),
    (
        "meshed: no, which YAML 1.2 reads as text",
        [("meshed: false", "meshed: no")],
        ["11: meshed: 'no' is neither true nor false"],
    ),
    (
        "a sender from nowhere",
        [("{namespace: outside, meshed: false}", "{via: ingres, host: a.local}")],
        ["11: via: 'ingres' is not known here; did you mean 'ingress'?"],
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
    Path("x.yaml").write_text(spoiled(SCENARIO, *edits))
    with pytest.raises(InputError) as caught:
        load("x.yaml")
    assert str(caught.value).splitlines() == [f"x.yaml:{finding}" for finding in findings]


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
