"""What a plain test gets, for those who outgrow YAML: the same apps, senders, proofs and verdicts.

    def test_one_call_in_ten_fails(mesh: Mesh) -> None:
        mesh.install("booksapp")
        webapp = mesh.sender("webapp", namespace="booksapp", service_account="webapp")
        books = webapp.requests("GET", "http://books:7002/books.json", rate="500/s")
        mesh.apply("manifests/booksapp/error-injector.yaml")
        mesh.apply("manifests/booksapp/error-split-httproute.yaml")
        mesh.expect(books).share(status=500, is_="10%", resolution="5pp")

Words and values are those of the scenario language, with underscores for dashes. What a test changes is proved to be in
force before the next request counts, and undone when the test ends. A claim that does not hold raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.errors import Exit
from harness.kube.client import Kube
from harness.mesh.changes import Change, Witness, is_route
from harness.mesh.route_proof import has_service_parent, witness_of
from harness.plain.asking import Requests, Sender
from harness.plain.claims import Answers, Broken, Expecting, NotShown, spelled
from harness.plain.script import Script, slug
from harness.report.text import offence_lines
from harness.run import events as ev
from harness.run.always import StepChange
from harness.run.looked_at import EVERYTHING
from harness.run.scenario_run import ScenarioRun
from harness.run.session import Session
from harness.run.settling import witness_by
from harness.run.windows import Window
from harness.scenario.expectations import Metrics, Promise, Send
from harness.scenario.model import IngressSender, PodSender, Settle
from harness.verdict.judgement import Verdict

SETTLE_WITHIN: Final = "60s"
"""How long a change may take to be in force, where the test says nothing."""
_FIRST_STEP: Final = "the test"


@dataclass(slots=True)
class Mesh:
    """One test's hold on the cluster: what it does there and what it claims.

    kube  the cluster's API, for what is not said here
    """

    kube: Kube
    _run: ScenarioRun
    _script: Script
    _install: Callable[[str], None]
    _next_alpha: Callable[[], float]
    _within: float = 0.0
    _pending: list[Change] = field(default_factory=list)
    _asked: set[tuple[str, ...]] = field(default_factory=set)
    _step: str = ""

    def __repr__(self) -> str:
        return f"<mesh on {self._run.cluster.name}>"

    @property
    def kubeconfig(self) -> Path:
        """For kubectl and for clients of one's own."""
        return self._run.cluster.kubeconfig

    @property
    def ingress_address(self) -> str | None:
        """«host:port» of the cluster's ingress, or None."""
        return self._run.cluster.ingress

    # -- what a test does ----------------------------------------------------------------------------------------------

    def step(self, name: str, note: str = "") -> None:
        """What follows belongs to this step, in reports."""
        __tracebackhide__ = True
        self._script.step(name)
        self._step = name
        self._run.emit(ev.StepStarted(name, note))

    def install(self, *apps: str) -> None:
        """Have these recipes of fixtures/apps/ ready; they stay for other tests.

        raises  InputError, EnvironmentFailed
        """
        __tracebackhide__ = True
        for app in apps:
            self._script.app(app)
            self._install(app)

    def sender(
        self, name: str, *, namespace: str, service_account: str = "default", meshed: bool = True, copies: int = 1
    ) -> Sender:
        """A pod that asks from inside the cluster, until the test ends.

        copies  pods that share the requests, from 1 to 50
        raises  InputError, EnvironmentFailed if it does not start
        """
        __tracebackhide__ = True
        written = {"namespace": namespace, "serviceAccount": service_account, "meshed": meshed, "copies": copies}
        return self._started(name, self._script.sender(PodSender, name, written))

    def visitor(self, name: str, *, host: str) -> Sender:
        """Somebody who asks from outside, through the ingress, which routes by this host.

        raises  InputError, EnvironmentFailed if the cluster has no ingress
        """
        __tracebackhide__ = True
        return self._started(name, self._script.sender(IngressSender, name, {"via": "ingress", "host": host}))

    def apply(self, *manifests: str, within: str = SETTLE_WITHIN, expect_findings: Sequence[str] = ()) -> None:
        """Apply manifests; routes and policies are in force before the next request counts.

        within           how long that may take, such as «60s»
        expect_findings  codes of lint findings that the author knows of
        raises           InputError, also if the cluster refuses a manifest
        """
        __tracebackhide__ = True
        known = {"lint": {"expect": list(expect_findings)}} if expect_findings else {}
        self._act({"apply": list(manifests), **known}, within)

    def delete(self, *manifests: str, within: str = SETTLE_WITHIN) -> None:
        """Delete every object of the manifests, last one first; routes are forgotten before the next request.

        within  how long that may take, such as «60s»
        raises  InputError
        """
        __tracebackhide__ = True
        self._act({"delete": list(manifests)}, within)

    def patch(self, patch: Any, *, type: str, within: str = SETTLE_WITHIN, **what: Any) -> None:
        """Change part of a `deployment="namespace/name"`, or of a `resource` with its apiVersion, kind and name.

        type    «strategic», «merge» or «json»
        within  how long it may take to be in force, such as «60s»
        raises  InputError, also if the cluster refuses the patch
        """
        __tracebackhide__ = True
        self._act({"patch": {"patch": patch, "type": type, **what}}, within)

    def set_env(self, deployment: str, variable: str, value: str, **more: Any) -> None:
        """Give a Deployment's containers an environment variable."""
        __tracebackhide__ = True
        self._act({"set-env": {"deployment": deployment, "variable": variable, "value": value, **more}})

    def unset_env(self, deployment: str, variable: str, **more: Any) -> None:
        """Take an environment variable away."""
        __tracebackhide__ = True
        self._act({"unset-env": {"deployment": deployment, "variable": variable, **more}})

    def scale(self, deployment: str, replicas: int) -> None:
        """Set the number of replicas."""
        __tracebackhide__ = True
        self._act({"scale": {"deployment": deployment, "replicas": replicas}})

    def wait(self, **what: Any) -> None:
        """Go on when a `rollout` is complete, or `pods` or a `deployment` meet a `condition`.

        what    as in `wait` of the scenario language; `within` is «2m» if left out
        raises  InputError, WaitFailed
        """
        __tracebackhide__ = True
        self._act({"wait": what})

    # -- what a test claims --------------------------------------------------------------------------------------------

    def counted(self, proxy: str, *, direction: str, during: str, without: str | None = None) -> Metrics:
        """What the proxies of a workload count while a window passes, for a claim about it.

        proxy      the workload, «namespace/name»
        direction  «inbound» or «outbound»
        during     the window, such as «30s»; it begins when the claim is judged
        without    «probes» leaves out what the kubelet sent
        raises     InputError
        """
        __tracebackhide__ = True
        written = {"proxy": proxy, "direction": direction, "during": during, "without": without}
        return self._script.part(Metrics, {key: value for key, value in written.items() if value is not None})

    def expect(self, asked: Requests | Answers | Metrics, *, name: str = "", why: str = "") -> Expecting:
        """A claim to be finished by its result: about requests to come, answers there are, or what proxies count.

        name  the sentence that reports show; left out, made of the claim
        why   what makes the claim true, or where it is from
        """
        return Expecting(self._judge, asked, name, why)

    def expect_state(self, *, name: str = "", why: str = "", **state: Any) -> Answers:
        """Claim a `condition` of `pods` or a `deployment`, `for_` a while without a break or `within` a time.

        raises  InputError, Broken
        """
        __tracebackhide__ = True
        return self._judge("resource", {}, state, name, why)

    @contextmanager
    def always(self, requests: Requests, *, name: str = "", why: str = "", **claim: Any) -> Iterator[None]:
        """Claim something of requests that are sent all the time while the block runs.

        claim   `every={"status": 200}` or `share={…}`, as in the scenario language
        raises  InputError before the block; Broken or NotShown after it, unless the block has raised
        """
        __tracebackhide__ = True
        called = self._script.free_name(name or slug(f"always {claim}"))
        text = {"why": why} if why else {}
        written = {"expect": called, "send": requests.written, **text, **spelled(claim)}
        watch = self._script.watch(written)
        self._in_force(requests.send)
        self._load()
        watching, before = self._run.watching(watch), len(self._run.step_changes)
        watching.begin()
        try:
            with self._script.watched(watch):
                yield
        finally:
            watching.abandon()
        self._run.judging.alpha = self._next_alpha()
        self._told(watch, self._run.judging.judge_always(watching, self._run.step_changes[before:]))

    # -- how -----------------------------------------------------------------------------------------------------------

    def _started(self, name: str, spec: PodSender | IngressSender) -> Sender:
        self._load()
        self._run.start_senders({name: spec})
        return Sender(name, self._run.senders[name], self._requests, self._in_force)

    def _requests(self, keys: Mapping[str, Any]) -> Requests:
        __tracebackhide__ = True
        written = spelled(keys)
        return Requests(self._script.part(Send, written), written)

    def _act(self, written: Mapping[str, Any], within: str = SETTLE_WITHIN) -> None:
        """Do something.

        within  how long what it changes may take to be in force; of changes that are waited for together, the longest
        raises  InputError, WaitFailed
        """
        __tracebackhide__ = True
        self._begin()
        seconds = self._script.part(Settle, {"within": within}).within.total_seconds()
        action, place = self._script.action(written)
        self._load()
        began = time.monotonic()
        changed = self._run.act(place, [action])
        self._run.step_changes.append(StepChange(self._step, began, time.monotonic()))
        if changed:
            self._within = max(self._within, seconds) if self._pending else seconds
            self._pending += changed
            self._asked.clear()

    def _begin(self) -> None:
        if not self._step:
            self.step(_FIRST_STEP)

    def _load(self) -> None:
        """What was told so far is what runs."""
        self._run.loaded = self._run.judging.loaded = self._script.loaded()

    def _in_force(self, send: Send) -> None:
        """Wait until every change is proved to be in force, as far as these requests can tell; raises Broken."""
        __tracebackhide__ = True
        witness = witness_by(self._run.senders[send.from_], send)
        key = (
            send.from_,
            str(send.request),
            send.protocol,
            *(f"{name}: {text}" for name, text in send.headers.items()),
        )
        if not self._pending or key in self._asked:
            return
        self._asked.add(key)
        place = f"{self._script.path}:{self._script.line_now()}"
        asked = [witness] if witness else []
        failed = self._run.settle(self._step, self._pending, asked, within=self._within, place=place)
        if failed is not None:
            self._run.tell_why([])
            raise Broken(failed)
        self._pending = [change for change in self._pending if not _is_seen(change, asked)]

    def _judge(self, claim: str, source: Mapping[str, Any], said: Mapping[str, Any], name: str, why: str) -> Answers:
        """The claim judged.

        claim   its key in the scenario language
        source  where its responses come from, with that key
        said    what is claimed, as Python spells it
        raises  InputError, NotShown, Broken
        """
        __tracebackhide__ = True
        self._begin()
        called = self._script.free_name(name or slug(f"{claim} {said}"))
        text = {"why": why} if why else {}
        expectation = self._script.expectation({"expect": called, **source, claim: spelled(said), **text})
        self._load()
        if expectation.send is not None:
            self._in_force(expectation.send)
        judging = self._run.judging
        if expectation.metrics is not None:
            judging.windows[called] = Window(self.kube, expectation.metrics)
        judging.alpha = self._next_alpha()
        return self._told(expectation, judging.judge(self._step, expectation))

    def _told(self, promise: Promise, result: ev.ExpectationResult) -> Answers:
        """The answers behind the verdict on a promise; raises NotShown, or Broken with what was found out."""
        __tracebackhide__ = True
        self._run.add(result)
        if result.verdict is Verdict.BROKEN:
            explained = self._run.judging.explain(result)
            self._run.tell_why([result])
            raise Broken(result, list(offence_lines(explained)))
        if result.verdict is Verdict.INCONCLUSIVE:
            raise NotShown(result)
        sent = self._run.judging.sent_for(promise)
        return Answers(result, tuple(outcome for one in sent for outcome in one.burst.outcomes))


@contextmanager
def played(
    run: ScenarioRun,
    script: Script,
    session: Session,
    next_alpha: Callable[[], float],
    *,
    hint: str,
    ended: Callable[[], tuple[Exit, str]],
) -> Iterator[Mesh]:
    """One test's mesh; what the test changed is undone when the block is left, unless it is to be looked at.

    next_alpha  chance of a false «broken» of the next claim
    hint        what to do about a claim that does not hold
    ended       asked when the block is left: how the test ended, and what went wrong that was no claim, "" if nothing
    """

    def install(app: str) -> None:
        session.install([script.project.app(app)], script.project)

    run.judging.hint = hint
    run.judging.keep = EVERYTHING  # which questions follow nobody knows when requests are sent
    run.begin()
    try:
        yield Mesh(run.kube, run, script, install, next_alpha)
    finally:
        code, wrong = ended()
        if wrong:
            run.fail(wrong)
        run.undo_unless_left(code)


def _is_seen(change: Change, asked: Sequence[Witness]) -> bool:
    """Whether nothing more can be proved of a change: a policy may look different to each request."""
    if not is_route(change.newest):
        return False
    return not has_service_parent(change) or witness_of(change, asked) is not None
