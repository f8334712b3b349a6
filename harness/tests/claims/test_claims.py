"""Every kind of claim on a real mesh, each true once and false once; the false ones must all be broken."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.run.events import Event, ExpectationResult, ScenarioReport
from harness.run.session import Session, open_session
from harness.scenario.loading import load
from harness.scenario.project import Project
from harness.verdict.judgement import Verdict

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240), pytest.mark.xdist_group("claims")]

ROUTE = """\
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: claims, namespace: test}
spec:
  parentRefs: [{name: backend-a-podinfo, kind: Service, group: core, port: 9898}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /old}}]
      filters:
        - type: RequestRedirect
          requestRedirect: {statusCode: 302, path: {type: ReplaceFullPath, replaceFullPath: /new}}
    - matches: [{path: {type: PathPrefix, value: /api/info}}]
      backendRefs:
        - {name: backend-a-podinfo, port: 9898, weight: 50}
        - {name: backend-b-podinfo, port: 9898, weight: 50}
"""
HEAD = """\
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {{name: {name}}}
spec:
  description: All claims.
  cluster: linkerd
  apps: [podinfo-a, podinfo-b]
  senders:
    frontend: {{namespace: test}}
    watcher: {{namespace: test}}
  always:
    - expect: somebody-is-always-there
      send: {{from: watcher, request: GET http://backend-a-podinfo:9898/api/info, rate: 40/s}}
      every: {{status: {always}}}
  steps:
    - name: all of it
      when:
        - apply: manifests/claims.yaml
      settle: {{within: 60s}}
      then:
"""
INFO = "send: {from: frontend, request: GET http://backend-a-podinfo:9898/api/info, rate: 400/s}"
REDIRECTED = "send: {from: frontend, request: GET http://backend-a-podinfo:9898/old/x}"
UNROUTED = "send: {from: frontend, request: GET http://backend-a-podinfo:9898/version}"
COUNTED = "metrics: {proxy: test/backend-a-podinfo, direction: inbound, during: 10s, without: probes}"
TABLE = "each: {from: frontend, to: http://backend-a-podinfo.test:9898, times: 5, rows: "

# name: source, a claim that is true of the route, and one that is not
CLAIMS = {
    "every-class": (INFO, "every: {status: 2xx, by: app}", "every: {status: 4xx}"),
    "every-header": (
        INFO,
        "every: {header: {Content-Type: application/json; charset=utf-8}}",
        "every: {header: {content-type: text/html}}",
    ),
    "every-body": (INFO, "every: {body-has: backend, body-lacks: C backend}", "every: {body-lacks: backend}"),
    "every-soon": (INFO, "every: {faster-than: 8s}", "every: {faster-than: 1ms, times: 100}"),
    "redirected": (
        REDIRECTED,
        "every: {status: 302, header: {location: 'http://backend-a-podinfo:9898/new'}}",
        "every: {header: {location: 'http://backend-a-podinfo:9898/old'}}",
    ),
    "by-proxy": (UNROUTED, "every: {status: 404, by: proxy}", "every: {by: app}"),
    "share-of-body": (
        INFO,
        "share: {of: {body-has: B backend}, is: 50%, resolution: 10pp}",
        "share: {of: {body-has: B backend}, is: 10%, resolution: 5pp}",
    ),
    "share-by-workload": (
        INFO,
        "share: {of: {answered-by: backend-b-podinfo}, is: 50%, resolution: 10pp}",
        "share: {of: {answered-by: backend-b-podinfo}, is: 10%, resolution: 5pp}",
    ),
    "no-share": (
        INFO,
        "share: {of: {status: 5xx}, at-most: 0%, resolution: 3pp}",
        "share: {of: {status: 200}, at-most: 0%, resolution: 3pp}",
    ),
    "split-by-body": (
        INFO,
        "split: {body-has: {A backend: 50%, B backend: 50%}, resolution: 10pp}",
        "split: {body-has: {A backend: 80%, B backend: 20%}, resolution: 10pp}",
    ),
    "split-by-workload": (
        INFO,
        "split: {answered-by: {backend-a-podinfo: 50%, backend-b-podinfo: 50%}, resolution: 10pp}",
        "split: {answered-by: {backend-a-podinfo: 90%, backend-b-podinfo: 10%}, resolution: 5pp}",
    ),
    "soon-enough": (INFO, "latency: {p50: ..5s}", "latency: {p50: 3s..}"),
    "answered-by-whom": (
        TABLE,
        "[{request: GET /version, status: 404, by: proxy}, {request: GET /api/info, status: 200}]}",
        "[{request: GET /api/info, answered-by: backend-b-podinfo, times: 40}]}",
    ),
    "available": (
        "",
        "resource: {deployment: test/backend-a-podinfo, condition: Available, within: 20s}",
        "resource: {pods: test/app.kubernetes.io/name=backend-a-podinfo, condition: not Ready, within: 1s}",
    ),
    "counted": (
        COUNTED,
        "share: {of: {class: failure}, at-most: 0%, resolution: 10pp}",
        "share: {of: {class: success}, at-most: 50%, resolution: 10pp}",
    ),
}
SECOND = {
    "nothing-but-200": ("about: share-of-body", "every: {status: 200}", "every: {status: 404}"),
    "a-then-b": (
        "about: share-of-body",
        "split: {body-has: {A backend: 50%, B backend: 50%}, resolution: 10pp}",
        "split: {body-has: {A back: 60%, C backend: 40%}, resolution: 30pp}",
    ),
    "nobody-else": ("about: redirected", "every: {status: 3xx}", "every: {answered-by: backend-b-podinfo}"),
    "once-more": ("again: every-class", "", ""),
}


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    events: list[Event] = []
    _, profile = Project(ROOT).profile("embedded")
    with open_session(profile, events.append) as opened:
        yield opened


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("fixtures", "manifests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "manifests/claims.yaml").write_text(ROUTE, encoding="utf-8")
    return tmp_path


def run(session: Session, project: Path, name: str, *, true: bool) -> ScenarioReport:
    """One step that expects everything at once: all claims as they are, or all as they are not."""
    text = HEAD.format(name=name, always="200" if true else "404")
    for expect, (source, right, wrong) in (CLAIMS | SECOND).items():
        claim = right if true else wrong
        lines = [source + claim] if source == TABLE else [line for line in (source, claim) if line]
        text += f"        - expect: {expect}\n" + "".join(f"          {line}\n" for line in lines)
    path = project / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return session.run(load(path))


def told(results: tuple[ExpectationResult, ...], verdict: Verdict) -> list[str]:
    return [f"{r.name}: {r.judgement} ({r.answered})" for r in results if r.verdict is not verdict]


def test_every_true_claim_holds(session: Session, project: Path) -> None:
    report = run(session, project, "all-true", true=True)
    assert told(report.results, Verdict.HOLDS) == []
    assert {result.name for result in report.results} == {*CLAIMS, *SECOND, "somebody-is-always-there"}


def test_every_false_claim_is_broken_and_says_what_was_seen(session: Session, project: Path) -> None:
    report = run(session, project, "all-false", true=False)
    assert told(report.results, Verdict.BROKEN) == []
    by_name = {result.name: result.judgement for result in report.results}
    assert {*by_name} == {*CLAIMS, *SECOND, "somebody-is-always-there"}
    assert "http://backend-a-podinfo:9898/old" in by_name["redirected"].promised
    assert "backend-b-podinfo" in by_name["split-by-workload"].seen
    assert "no part" in by_name["a-then-b"].seen
