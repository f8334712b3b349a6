"""Made-up runs for tests of reports."""

from __future__ import annotations

from harness.errors import Exit
from harness.mesh.authz import AuthzRow, AuthzTable
from harness.mesh.stat import StatRow, StatTable
from harness.record import Record, Stamped
from harness.report.story import Story, tell
from harness.run import events as ev
from harness.run.trail import Point, Trail
from harness.traffic.outcome import Failure, Outcome
from harness.traffic.plan import Request
from harness.verdict.judgement import Cause, Judgement, Verdict

HOSTILE = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)>& ]]> `|` @team #1 \x00\x1b[31m\ud7ff [a](javascript:b)"
)
"""What no report may take for its own markup."""


def outcome(index: int, status: int | None = 200, **more: object) -> Outcome:
    settings: dict[str, object] = {
        "scheduled": index / 100,
        "lag": 0.0001,
        "latency": 0.001 * (index % 40 + 1),
        "service_time": 0.0009,
        "error": Failure.TIMEOUT if status is None else None,
    }
    return Outcome(index=index, status=status, **{**settings, **more})  # type: ignore[arg-type]


def result(
    verdict: Verdict, name: str = "a-tenth-fails", *, text: str = "", step: str = "only"
) -> ev.ExpectationResult:
    judgement = Judgement(
        verdict=verdict,
        hits=10,
        total=100,
        low=0.05,
        high=0.2,
        level=0.999,
        promised=f"10% of responses {text}",
        seen=f"10 of 100 {text}",
        cause=Cause.BUDGET if verdict is Verdict.INCONCLUSIVE else None,
        requests=100,
    )
    points = tuple(Point(n // 10, n, 0.0, min(1.0, 20 / n), n / 120, -n / 200) for n in range(10, 101, 10))
    return ev.ExpectationResult(
        scenario=f"made-up{text}",
        step=f"{step}{text}",
        name=name,
        place=f"made-up.yaml:12{text}",
        judgement=judgement,
        seconds=1.25,
        requests=100,
        answered=f"books x 90, injector x 10 {text}",
        notes=(f"next: look here {text}",),
        why=f"because {text}",
        trail=Trail(0.1, 0.05, 0.15, points),
    )


def offence(text: str) -> ev.Offence:
    fates = (outcome(3, 500, headers={"server": f"nginx{text}"}, body_start=f"oh no {text}"), outcome(8, None))
    return ev.Offence(
        "webapp",
        "GET",
        f"http://books:7002/x{text}",
        (("x-a", text),),
        text,
        f"row 1 {text}",
        f"no responses with status 200 {text}",
        fates,
        2,
        100,
        (f"response_total{{{text}}} +2",),
    )


def events(*results: ev.ExpectationResult, text: str = "", failures: tuple[str, ...] = ()) -> list[ev.Event]:
    """A scenario with these results, up to and with its end."""
    promises = (
        *(ev.Promised(r.step, r.name, r.place) for r in results),
        ev.Promised("later", "never-asked", "m.yaml:9"),
    )
    request = Request(
        method="POST", url="http://books:7002/x", headers=(("x-a", text.replace("\x00", "").replace("\x1b", "")),)
    )
    fates = tuple(
        outcome(n, (200, 500, 404, None, 302)[n % 5], headers={"l5d-proxy-error": "x"} if n % 7 == 0 else {})
        for n in range(100)
    )
    scenario = f"made-up{text}"
    return [
        ev.RunStarted("embedded", "linkerd-2.14", (scenario,)),
        ev.ClusterReady(f"signalbox-1{text}", 0.8),
        ev.ScenarioStarted(
            scenario,
            f"made-up.yaml{text}",
            f"One. {text}",
            ("https://example.org/a", f"an article {text}"),
            (("mesh", "linkerd"),),
            promises,
        ),
        ev.SendersReady(
            scenario, (ev.Asker("webapp", "booksapp", f"webapp{text}", True, "pod"), ev.Asker("out", "", "", False))
        ),
        ev.StepStarted(f"only{text}", f"a note {text}"),
        ev.ActionDone(f"apply {text}", 0.1),
        ev.StepSettled(0.05, (f"proved {text}",)),
        ev.Progress(f"a-tenth-fails{text}", f"1 of 2 {text}"),
        ev.RequestsMade(
            scenario,
            f"only{text}",
            "a-tenth-fails",
            "webapp",
            request,
            100.0,
            3.0,
            fates,
            ((f"books{text}", 90), ("", 10)),
        ),
        *(ev.ExpectationJudged(one) for one in results),
        ev.TableShown(
            f"only{text}", StatTable(f"stat {text}", (StatRow(f"books{text}", "1/1", 1.0, 2.0, (1, 2, 3), 4),))
        ),
        ev.TableShown(f"only{text}", AuthzTable("authz", (AuthzRow("server", f"route{text}", ""),))),
        *(
            ev.FailureExplained(
                scenario,
                one.step,
                one.name,
                (offence(text),),
                (ev.Foretold("webapp", f"GET http://books:7002/{text}", text, (f"all to {text}",)),),
                (ev.Piece(f"a log {text}", text),),
            )
            for one in results
            if one.verdict is Verdict.BROKEN
        ),
        ev.Note(f"collected {text}"),
        ev.ScenarioFinished(ev.ScenarioReport(scenario, "made-up.yaml", results, 3.0, failures=failures)),
    ]


def finished(code: Exit) -> ev.RunFinished:
    return ev.RunFinished(code, 9.0, "the chance that this run is red by bad luck is at most 1%", (("cluster", 0.8),))


def story(*told: ev.Event, cut_off: bool = False) -> Story:
    stamped = tuple(Stamped(0.5 * n, event) for n, event in enumerate(told, 1))
    return tell(Record(1.8e9, "0.1.0", stamped, cut_off))


def runs() -> dict[str, Story]:
    """One run of every way to end."""
    holds, broken, unclear = (
        result(verdict, str(verdict)) for verdict in (Verdict.HOLDS, Verdict.BROKEN, Verdict.INCONCLUSIVE)
    )
    half = events(holds)[:-3]
    return {
        "held": story(*events(holds), finished(Exit.HELD)),
        "broken": story(*events(holds, broken), finished(Exit.BROKEN)),
        "inconclusive": story(*events(holds, unclear), finished(Exit.INCONCLUSIVE)),
        "undo-failed": story(*events(holds, failures=("books could not be restored",)), finished(Exit.ENVIRONMENT)),
        "interrupted": story(*half, ev.RunAborted(Exit.INTERRUPTED, "interrupted")),
        "environment": story(
            *half, ev.RunAborted(Exit.ENVIRONMENT, "environment failed", "Envoy died\n  remedy: look")
        ),
        "internal": story(*half, ev.RunAborted(Exit.ENVIRONMENT, "internal error", "KeyError: 'x'")),
        "bad-input": story(ev.RunAborted(Exit.INPUT, "bad input", "x.yaml:3: no")),
        "killed": story(*half, cut_off=True),
        "killed-at-once": story(cut_off=True),
        "hostile": story(
            *events(
                result(Verdict.BROKEN, text=HOSTILE),
                result(Verdict.INCONCLUSIVE, "b", text=HOSTILE),
                text=HOSTILE,
                failures=(HOSTILE,),
            ),
            finished(Exit.BROKEN),
        ),
    }
