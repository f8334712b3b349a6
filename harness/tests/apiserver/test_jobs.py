"""Jobs: each index once, failures replaced with back-off until the limit, an end that is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.objects import Obj, timestamp
from harness.embedded.controllers.job import INDEX, KEY, JobController
from harness.embedded.controllers.job_status import ranges
from harness.tests.apiserver.support import new_api

BEGIN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class Jobs:
    """One Job, whose pods end as a test says, at a time that a test sets."""

    def __init__(self, **spec: Any) -> None:
        self.now = BEGIN
        self.api: Api = new_api()
        self.api.create("namespaces", {"metadata": {"name": "n"}})
        self.api.create("serviceaccounts", {"metadata": {"name": "default"}}, namespace="n")
        self.controller = JobController(self.api, lambda: self.now)
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
        self.api.create(KEY, {"metadata": {"name": "j"}, "spec": {"template": template, **spec}}, namespace="n")
        self.look()

    def look(self) -> float | None:
        return self.controller.reconcile("n", "j")

    def pods(self) -> list[Obj]:
        pods = self.api.store.list("pods", "n")
        return [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]

    def end(self, pod: Obj, phase: str) -> None:
        ended = {"terminated": {"exitCode": int(phase == "Failed"), "finishedAt": timestamp(self.now)}}
        container = {"name": "c", "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": ended}
        status = {"phase": phase, "containerStatuses": [container]}
        self.api.update_status("pods", {**pod, "status": status})

    @property
    def job(self) -> Obj:
        found = self.api.store.get(KEY, "n", "j")
        assert found is not None
        return found

    def conditions(self) -> dict[str, str]:
        return {entry["type"]: entry["reason"] for entry in self.job["status"].get("conditions") or ()}


def indexes(pods: list[Obj]) -> list[str]:
    return sorted(pod["metadata"]["annotations"][INDEX] for pod in pods)


def test_every_index_runs_once_and_no_more_at_a_time_than_asked_for() -> None:
    jobs = Jobs(completions=3, parallelism=2, completionMode="Indexed")
    assert indexes(jobs.pods()) == ["0", "1"]
    first = next(pod for pod in jobs.pods() if pod["metadata"]["annotations"][INDEX] == "0")
    assert first["metadata"]["name"].startswith("j-0-")
    assert first["spec"]["hostname"] == "j-0"
    assert {"name": "JOB_COMPLETION_INDEX", "value": "0"} in first["spec"]["containers"][0]["env"]
    assert first["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "j"
    jobs.end(first, "Succeeded")
    jobs.look()
    assert indexes(jobs.pods()) == ["1", "2"]
    assert jobs.job["status"]["completedIndexes"] == "0"
    assert jobs.conditions() == {}


def test_the_end_is_said_when_all_indexes_are_done() -> None:
    jobs = Jobs(completions=2, parallelism=2, completionMode="Indexed")
    for pod in jobs.pods():
        jobs.end(pod, "Succeeded")
    jobs.look()
    assert jobs.conditions() == {"SuccessCriteriaMet": "Completed", "Complete": "Completed"}
    assert (jobs.job["status"]["succeeded"], jobs.job["status"]["completedIndexes"]) == (2, "0-1")
    assert jobs.job["status"]["completionTime"]
    jobs.look()
    assert jobs.pods() == []


def test_a_failed_pod_is_replaced_after_a_pause_under_the_same_index() -> None:
    jobs = Jobs(completions=1, completionMode="Indexed")
    jobs.end(jobs.pods()[0], "Failed")
    assert jobs.look() == 10
    assert jobs.pods() == []
    jobs.now += timedelta(seconds=11)
    jobs.look()
    assert indexes(jobs.pods()) == ["0"]
    jobs.end(jobs.pods()[0], "Failed")
    assert jobs.look() == 20


def test_too_many_failures_end_the_job_and_its_other_pods() -> None:
    jobs = Jobs(completions=2, parallelism=2, backoffLimit=0, completionMode="Indexed")
    jobs.end(jobs.pods()[0], "Failed")
    jobs.look()
    assert jobs.conditions()["Failed"] == "BackoffLimitExceeded"
    assert all(pod["metadata"].get("deletionTimestamp") for pod in jobs.pods())


def test_a_deadline_ends_the_job() -> None:
    jobs = Jobs(activeDeadlineSeconds=30)
    assert jobs.look() == 30
    jobs.now += timedelta(seconds=31)
    jobs.look()
    assert jobs.conditions()["Failed"] == "DeadlineExceeded"


def test_a_suspended_job_has_no_pods_until_it_is_resumed() -> None:
    jobs = Jobs(suspend=True)
    assert jobs.pods() == []
    assert "Suspended" in jobs.conditions()
    jobs.api.update(KEY, {**jobs.job, "spec": {**jobs.job["spec"], "suspend": False}})
    jobs.look()
    assert len(jobs.pods()) == 1


def test_a_job_whose_time_to_live_is_over_is_deleted() -> None:
    jobs = Jobs(ttlSecondsAfterFinished=0)
    jobs.end(jobs.pods()[0], "Succeeded")
    jobs.look()
    jobs.now = datetime.now(UTC) + timedelta(seconds=2)
    jobs.look()
    assert jobs.api.store.get(KEY, "n", "j") is None


@pytest.mark.parametrize(
    ("given", "text"), [(set(), ""), ({0}, "0"), ({0, 1, 2, 4}, "0-2,4"), ({7, 3, 4}, "3-4,7")], ids=str
)
def test_indexes_are_written_as_ranges(given: set[int], text: str) -> None:
    assert ranges(given) == text
