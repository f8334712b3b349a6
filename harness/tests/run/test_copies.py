"""A sender of several copies: an Indexed Job on a cluster whose counts are summed, gone when the scenario is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.kube.apply import Applier, Ledger
from harness.kube.objects import JsonObject, workload
from harness.kube.waits import wait_rollout
from harness.run import events as ev
from harness.run.answered import Answerers
from harness.run.senders import start_senders
from harness.run.session import open_session
from harness.scenario.model import PodSender
from harness.scenario.project import Project
from harness.traffic.plan import Plan, Request

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


def test_three_pods_send_as_one_and_go_together() -> None:
    project = Project(ROOT)
    _, profile = project.profile("embedded")
    spec = PodSender.model_validate({"namespace": "test", "copies": 3})
    asked = Plan(request=Request(url="http://backend-a-podinfo:9898/api/info"), rate_per_second=150, limit=90)

    def quiet(event: ev.Event) -> None:
        """Nobody reads along."""

    with open_session(profile, quiet) as session:
        applier, ledger = Applier(session.kube, "copies"), Ledger()
        for manifest in project.app("podinfo-a").spec.manifests:
            for one in project.manifests(manifest):
                applier.apply(dict(one.obj), Ledger())
        wait_rollout(session.kube, workload("Deployment", "test/backend-a-podinfo"), within=60)
        senders = start_senders(session.kube, session.cluster, applier, ledger, {"many": spec}, "copies")
        sender = senders["many"]
        assert len(sender.pods) == 3
        job = job_of(session.kube.objects("batch/v1", "Job", "test"))
        assert (job["spec"]["completionMode"], job["status"]["ready"]) == ("Indexed", 3)
        answerers = Answerers(session.kube, sender)
        with sender.client.send(asked) as sending:
            outcomes = [one for batch in sending for one in batch]
        assert [one.index for one in outcomes] == list(range(90))
        assert {one.status for one in outcomes} == {200}
        assert sending.summary is not None
        assert sending.summary.requests == 90
        assert answerers.workloads() == {"backend-a-podinfo": 90}
        assert applier.undo(ledger) == []
        assert session.kube.objects("batch/v1", "Job", "test") == []


def job_of(jobs: list[JsonObject]) -> JsonObject:
    (job,) = jobs
    return job
