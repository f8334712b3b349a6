"""What the runner reads from a scenario: typed work, claims by way of `again`, sources by way of `about`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from harness.scenario.actions import Action, Apply, Delete, Patch, Scale, SetEnv, UnsetEnv, Wait
from harness.scenario.claims import Every, ResourceState, Share
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Expectation, Metrics, Send
from harness.scenario.latency import Latency
from harness.scenario.loading import load
from harness.scenario.model import IngressSender, PodSender, Scenario
from harness.scenario.tables import Each
from harness.scenario.values import Unfillable
from harness.tests.scenario.story import SCENARIO, spoiled


def _action(text: str) -> Action:
    return Action.model_validate(yaml.safe_load(text))


def _scenario(*expectations: str, senders: str = "{}") -> Scenario:
    data = yaml.safe_load(SCENARIO)
    data["spec"]["senders"] = yaml.safe_load(senders)
    data["spec"]["steps"] = [{"name": "only", "then": [yaml.safe_load(text) for text in expectations]}]
    return Scenario.model_validate(data)


@pytest.mark.parametrize(
    ("text", "kind", "verb"),
    [
        ("apply: a.yaml", Apply, "apply"),
        ("delete: [a.yaml, b.yaml]", Delete, "delete"),
        ("patch: {deployment: a/b, type: merge, patch: {spec: {}}}", Patch, "patch"),
        ("set-env: {deployment: a/b, variable: X, value: '1'}", SetEnv, "set-env"),
        ("unset-env: {deployment: a/b, variable: X, container: c}", UnsetEnv, "unset-env"),
        ("scale: {deployment: a/b, replicas: 0}", Scale, "scale"),
        ("wait: {pods: a/b=c, condition: not Ready, within: 5s}", Wait, "wait"),
    ],
)
def test_an_action_is_its_work(text: str, kind: type, verb: str) -> None:
    action = _action(text)
    assert isinstance(action.work, kind)
    assert action.verb == verb


def test_paths_are_always_several() -> None:
    assert _action("apply: a.yaml").work == Apply(("a.yaml",))
    assert _action("apply: [a.yaml, b.yaml]\nlint: {expect: [x-y]}").work == Apply(("a.yaml", "b.yaml"), ("x-y",))


def test_a_wait_has_two_minutes_unless_it_says_otherwise() -> None:
    work = _action("wait: {rollout: a/b}").work
    assert isinstance(work, Wait)
    assert work.within == timedelta(minutes=2)


def test_a_patch_holds_plain_data() -> None:
    work = _action("patch: {deployment: a/b, type: json, patch: [{op: remove, path: /spec/x}]}").work
    assert isinstance(work, Patch)
    assert work.patch == [{"op": "remove", "path": "/spec/x"}]


def test_senders_are_pods_or_come_through_the_ingress() -> None:
    senders = _scenario(
        "{expect: a, resource: {pods: a/b=c, condition: Ready, for: 1s}}",
        senders="{pod: {namespace: shop}, outside: {via: ingress, host: a.local}}",
    ).spec.senders
    assert senders["pod"] == PodSender.model_validate({"namespace": "shop"})
    assert isinstance(senders["pod"], PodSender)
    assert (senders["pod"].service_account, senders["pod"].meshed) == ("default", True)
    assert isinstance(senders["outside"], IngressSender)


def test_again_and_about_lead_to_claims_and_sources() -> None:
    scenario = _scenario(
        "{expect: a, send: {from: x, request: GET http://b/}, "
        "share: {of: {status: 5xx}, at-most: 0%, resolution: 1pp}}",
        "{expect: b, about: a, every: {status: 200}}",
        "{expect: c, again: b}",
        "{expect: d, resource: {deployment: a/b, condition: Available, within: 5s}}",
        "{expect: e, metrics: {proxy: a/b, direction: inbound, during: 2m}, "
        "share: {of: {class: success}, at-least: 99%, resolution: 1pp}}",
        "{expect: f, again: d}",
    )
    a, b, c, d, e, f = (expectation for _, expectation in scenario.expectations())
    assert isinstance(scenario.claim_of(a), Share)
    assert isinstance(scenario.claim_of(c), Every)
    assert isinstance(scenario.claim_of(f), ResourceState)
    assert scenario.source_of(a) == scenario.source_of(b) == scenario.source_of(c)
    assert isinstance(scenario.source_of(c), Send)
    assert isinstance(scenario.source_of(e), Metrics)
    assert scenario.source_of(d) is scenario.source_of(f) is None
    with pytest.raises(KeyError):
        scenario.expectation("z")


def test_a_table_asks_for_itself_and_can_be_asked_about() -> None:
    scenario = _scenario(
        "{expect: a, each: {from: x, request: GET http://b/, rows: [{status: 200}]}}",
        "{expect: b, about: a, latency: {p50: ..1s}}",
        "{expect: c, again: b}",
    )
    a, b, c = (expectation for _, expectation in scenario.expectations())
    assert isinstance(scenario.claim_of(a), Each)
    assert isinstance(scenario.claim_of(c), Latency)
    assert scenario.origin_of(a) is scenario.origin_of(b) is scenario.origin_of(c) is a
    assert scenario.source_of(c) is None


def test_about_leads_to_who_sent_and_again_sends_anew() -> None:
    scenario = _scenario(
        "{expect: a, send: {from: x, request: GET http://b/}, every: {status: 200}}",
        "{expect: b, about: a, every: {by: app}}",
        "{expect: c, about: b, every: {by: proxy}}",
        "{expect: d, again: c}",
        "{expect: e, about: d, every: {status: 2xx}}",
    )
    a, b, c, d, e = (expectation for _, expectation in scenario.expectations())
    assert [scenario.asked_by(one) for one in (a, b, c, d, e)] == [a, a, a, d, d]
    assert scenario.asking_of(a) == scenario.asking_of(c) == (a, b, c)
    assert scenario.asking_of(e) == (d, e)


def test_a_send_is_filled_with_values() -> None:
    scenario = _scenario(
        "{expect: a, send: {from: x, request: 'POST http://b/${author}', headers: {x: '${run.id}'}, "
        "json: {by: '${run.id}'}, rate: 7/s}, every: {status: 201}}"
    )
    source = scenario.source_of(scenario.expectation("a"))
    assert isinstance(source, Send)
    filled = source.filled({"author": "11", "run.id": "ab"})
    assert (str(filled.request), filled.headers, filled.json_) == ("POST http://b/11", {"x": "ab"}, {"by": "ab"})
    assert (filled.rate, filled.body) == (7.0, None)
    with pytest.raises(Unfillable, match="author"):
        source.filled({"run.id": "ab"})


def test_what_is_watched_has_a_claim_and_a_line(tmp_path: Path) -> None:
    watched = (
        "  always:\n"
        "    - {expect: a, send: {from: web, request: GET http://b/}, every: {status: 200}}\n"
        "    - expect: b\n"
        "      known-gap: linkerd-2.14\n"
        "      send: {from: web, request: GET http://b/}\n"
        "      share: {of: {status: 5xx}, at-most: 1%, resolution: 1pp}\n"
        "  steps:\n"
    )
    (tmp_path / "x.yaml").write_text(spoiled(SCENARIO, ("  steps:\n", watched)))
    loaded = load(tmp_path / "x.yaml")
    first, second = loaded.scenario.spec.always
    assert isinstance(first.claim, Every)
    assert isinstance(second.claim, Share)
    assert second.known_gap is not None
    assert str(second.known_gap) == "linkerd-2.14"
    assert [loaded.expectation_line(name) for name in ("a", "b", "never-fails", "z")] == [13, 14, 24, 0]


@pytest.mark.parametrize(("bound", "claimed"), [("is: 10%", 0.1), ("at-most: 5%", 0.05), ("at-least: 99%", 0.99)])
def test_a_share_knows_what_it_claims(bound: str, claimed: float) -> None:
    share = Share.model_validate(yaml.safe_load(f"{{of: {{status: 500}}, {bound}, resolution: 0.5pp}}"))
    assert (share.claimed, share.resolution) == (claimed, 0.005)


@pytest.mark.parametrize("bound", ["is: 50%, resolution: 50pp", "is: 5%, resolution: 5pp", "is: 70%, resolution: 30pp"])
def test_a_share_may_reach_the_very_limits(bound: str) -> None:
    Share.model_validate(yaml.safe_load(f"{{of: {{status: 500}}, {bound}}}"))


def test_a_json_body_may_be_anything_that_json_knows() -> None:
    scenario = _scenario(
        "{expect: a, send: {from: x, request: POST http://b/, json: {a: [1, null]}}, every: {status: 201, times: 1}}"
    )
    source = scenario.source_of(scenario.expectation("a"))
    assert isinstance(source, Send)
    assert source.json_ == {"a": [1, None]}


def test_everything_is_frozen() -> None:
    expectation: Any = Expectation.model_validate({"expect": "a", "again": "b"})
    with pytest.raises(ValidationError):
        expectation.expect = "c"


def test_a_pace_only_ever_slows_down() -> None:
    pace = Pace.model_validate({"max-rate": "500/s", "metrics-window": "10s"})
    assert (pace.rate(300.0), pace.rate(900.0)) == (300.0, 500.0)
    assert pace.window(timedelta(minutes=2)) == timedelta(seconds=10)
    assert pace.window(timedelta(seconds=5)) == timedelta(seconds=5)
    assert (Pace().rate(900.0), Pace().window(timedelta(hours=1))) == (900.0, timedelta(hours=1))
