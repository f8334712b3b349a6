"""`stat` and `authz` on a real cluster say what a sender counted itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import tenacity
from click.testing import CliRunner

from harness.cli import cli
from harness.kube.apply import Applier, Ledger
from harness.kube.client import Kube
from harness.kube.objects import workload
from harness.kube.waits import wait_rollout
from harness.mesh.authz import authz_rows
from harness.mesh.metrics import increase
from harness.mesh.stat import StatQuery, StatRow, stat_rows
from harness.mesh.targets import DEPLOYMENT, NAMESPACE, POD, SERVICE, Target
from harness.mesh.watch import Watched, watch
from harness.mesh.workloads import read_workloads
from harness.run.senders import Sender, start_senders
from harness.run.session import Session, open_session
from harness.scenario.model import PodSender
from harness.scenario.project import Project
from harness.traffic.plan import Plan, Request

ROOT = Path(__file__).parents[3]
AUTHORS = Target(DEPLOYMENT, "booksapp", "authors")
SENT = 200
RUN = "viz"
PLAN = Plan(request=Request(method="HEAD", url="http://authors:7001/authors/1.json"), rate_per_second=400, limit=SENT)
"""HEAD, because authors fails half of these and no others (§8.1.1)."""

Statuses = Counter[int | None]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120), pytest.mark.xdist_group("viz")]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """A cluster with booksapp whose own traffic is off, so that every request is ours."""
    project = Project(ROOT)
    _, profile = project.profile("embedded")
    app = project.app("booksapp")
    with open_session(profile, lambda event: None) as opened:
        applier, ledger = Applier(opened.kube, RUN), Ledger()
        for one in (one for manifest in app.spec.manifests for one in project.manifests(manifest)):
            obj = dict(one.obj)
            if (obj["kind"], obj["metadata"]["name"]) == ("Deployment", "traffic"):
                obj = {**obj, "spec": {**obj["spec"], "replicas": 0}}
            applier.apply(obj, ledger)
        for name in app.spec.ready:
            wait_rollout(opened.kube, workload("Deployment", str(name)), within=60)
        yield opened


@pytest.fixture(scope="module")
def sender(session: Session) -> Sender:
    spec = PodSender.model_validate({"namespace": "booksapp", "serviceAccount": "webapp"})
    applier = Applier(session.kube, RUN)
    return start_senders(session.kube, session.cluster, applier, Ledger(), {"webapp": spec}, RUN)["webapp"]


@pytest.fixture(scope="module")
def window(session: Session, sender: Sender) -> tuple[Watched, Statuses]:
    """The counters around the requests, and the statuses that the sender saw."""
    statuses = Statuses()

    def send(_: float) -> None:
        with sender.client.send(PLAN) as sending:
            statuses.update(outcome.status for outcomes in sending for outcome in outcomes)
        _await_counted(session.kube, first_look)

    first_look = watch(session.kube, lambda pod: True, 0)
    return watch(session.kube, lambda pod: True, 0, pause=send), statuses


def _await_counted(kube: Kube, start: Watched) -> None:
    """A proxy counts a response a moment after its client has it."""

    def counted() -> bool:
        now = watch(kube, lambda pod: True, 0)
        grown = increase(start.after, now.after, "response_total", by=("direction",), where=_is_application)
        return all(grown[(direction,)] >= SENT for direction in ("inbound", "outbound"))

    retry = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda done: not done),
        wait=tenacity.wait_fixed(0.05),
        stop=tenacity.stop_after_delay(10),
    )
    retry(counted)


def _is_application(labels: object) -> bool:
    return isinstance(labels, dict) and labels.get("route_name") != "probe"


def rows(session: Session, watched: Watched, query: StatQuery) -> list[StatRow]:
    return list(stat_rows(query, watched.before, watched.after, read_workloads(session.kube, query.target)))


def test_a_client_and_a_service_have_exactly_the_senders_counts(
    session: Session, window: tuple[Watched, Statuses]
) -> None:
    watched, statuses = window
    assert statuses.total() == SENT
    assert 0 < statuses[503] < SENT
    seconds = watched.after.at - watched.before.at
    source = Target(POD, "booksapp", f"sender-webapp-{RUN}")
    queries = [
        StatQuery(AUTHORS, source=source),
        StatQuery(source, destination=AUTHORS),
        StatQuery(Target(SERVICE, "booksapp", "authors")),
        StatQuery(Target(SERVICE, "booksapp", ""), source=source),
        StatQuery(Target(NAMESPACE, "", "booksapp"), source=source),
    ]
    for query in queries:
        (row,) = rows(session, watched, query)
        assert (row.rps * seconds, row.success) == pytest.approx((SENT, 1 - statuses[503] / SENT)), query


def test_the_server_side_adds_its_probes_and_nothing_else(session: Session, window: tuple[Watched, Statuses]) -> None:
    watched, statuses = window
    seconds = watched.after.at - watched.before.at
    (row,) = rows(session, watched, StatQuery(AUTHORS))
    assert row.success is not None
    total = row.rps * seconds
    assert total * (1 - row.success) == pytest.approx(statuses[503])
    assert SENT <= total + 1e-6 < SENT + 20
    others = [one.name for one in rows(session, watched, StatQuery(Target(DEPLOYMENT, "booksapp", ""))) if one.rps > 20]
    assert others == ["authors"]


def test_authz_names_the_default_that_let_the_requests_in(window: tuple[Watched, Statuses]) -> None:
    watched, statuses = window
    seconds = watched.after.at - watched.before.at
    found = {row.route: row for row in authz_rows(watched.before, watched.after)}
    assert set(found) <= {"default", "probe"}
    row = found["default"]
    assert (row.server, row.authorization) == ("default:all-unauthenticated", "default/all-unauthenticated")
    looks = increase(watched.before, watched.after, "response_total", where=lambda seen: seen.get("srv_port") == "4191")
    asked = SENT + looks[()]  # viz counts whoever reads the counters too (§5.14)
    assert (row.rps * seconds, row.success) == pytest.approx((asked, 1 - statuses[503] / asked))


def test_the_commands_print_tables(session: Session) -> None:
    here = ("-n", "booksapp", "-t", "1s", "--kubeconfig", str(session.cluster.kubeconfig))
    tables = {
        words: CliRunner().invoke(cli, (*words.split(), *here), standalone_mode=False)
        for words in ("stat deploy", "stat po -o wide", "authz deploy/books")
    }
    assert [result.exception for result in tables.values()] == [None] * 3
    deployments = [line.split()[:2] for line in tables["stat deploy"].stdout.splitlines()]
    assert deployments == [["NAME", "MESHED"], ["authors", "1/1"], ["books", "1/1"], ["webapp", "3/3"]]
    assert all(line.split()[1] in ("STATUS", "Running") for line in tables["stat po -o wide"].stdout.splitlines())
    assert tables["authz deploy/books"].stdout.startswith("ROUTE")
