"""A recorded run reads back as the events it was made of, within a bounded size, also if it was cut off."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from harness.errors import Exit, InputError
from harness.mesh.stat import StatRow, StatTable
from harness.record import Recorder, read_record, writer
from harness.run import events as ev
from harness.run.trail import Point, Trail
from harness.traffic.outcome import Failure, Outcome
from harness.traffic.plan import Request
from harness.verdict.judgement import Cause, Judgement, Verdict


def outcome(index: int, status: int | None = 200, **more: object) -> Outcome:
    settings: dict[str, object] = {
        "scheduled": index / 100,
        "lag": 0.0001,
        "latency": 0.004,
        "service_time": 0.0039,
        "error": Failure.TIMEOUT if status is None else None,
    }
    return Outcome(index=index, status=status, **{**settings, **more})  # type: ignore[arg-type]


def made(*outcomes: Outcome, began: float = 5.0, body: bytes = b"") -> ev.RequestsMade:
    request = Request(method="POST", url="http://books:7002/x", headers=(("x-a", "1"), ("x-a", "2")), body=body)
    return ev.RequestsMade("s", "step", "e", "webapp", request, 500.0, began, outcomes, (("books", len(outcomes)),))


JUDGEMENT = Judgement(
    verdict=Verdict.INCONCLUSIVE,
    hits=5,
    total=50,
    low=0.01,
    high=0.2,
    level=0.999,
    promised="10% of it",
    seen="5 of 50",
    cause=Cause.LATE,
    requests=50,
)
RESULT = ev.ExpectationResult(
    "s", "step", "e", "s.yaml:4", JUDGEMENT, 1.5, 50, "books x 50", ("a note",), "because", Trail(
        0.1, 0.05, 0.15, (Point(5, 50, 0.01, 0.2, 0.3, -0.2),)
    ),
)  # fmt: skip
EVERY_KIND: tuple[ev.Event, ...] = (
    ev.RunStarted("embedded", "linkerd-2.14", ("s",)),
    ev.Note("a note with \n and ' and \u3042"),
    ev.ClusterReady("c", 0.8),
    ev.AppReady("booksapp", 0.3),
    ev.ScenarioStarted("s", "s.yaml", "One.", ("article", "https://example.org/"), (("mesh", "linkerd"),)),
    ev.SendersReady("s", (ev.Asker("webapp", "booksapp", "webapp", True, "sender-webapp-1"),)),
    ev.StepStarted("step", "why"),
    ev.ActionDone("apply x", 0.1),
    ev.StepSettled(0.02, ("the proxy counts",)),
    ev.Progress("e", "3 of 5"),
    made(outcome(0), outcome(1, 500, headers={"server": "nginx"}, body_start="no"), outcome(2, None), body=b"\xff\x00"),
    ev.ExpectationJudged(RESULT),
    ev.FailureExplained(
        "s",
        "step",
        "e",
        (
            ev.Offence(
                "webapp",
                "GET",
                "http://books:7002/x",
                (("x-a", "1"),),
                "body",
                "row 1",
                "no responses with status 200",
                (outcome(1, 500, headers={"server": "nginx"}, body_start="no"), outcome(2, None)),
                2,
                50,
                ('response_total{status_code="500"} +2',),
            ),
        ),
        (ev.Foretold("webapp", "GET http://books:7002/x", "row 1", ("90% the app of booksapp/books answers",)),),
        (ev.Piece("the last lines of nginx", "one\ntwo"),),
    ),
    ev.TableShown("step", StatTable("linkerd viz stat", (StatRow("books", "1/1", None, 0.0, (0, 0, 0), None),))),
    ev.ScenarioFinished(ev.ScenarioReport("s", "s.yaml", (RESULT,), 3.0, (("step", 0.02),), ("undo failed",))),
    ev.RunAborted(Exit.ENVIRONMENT, "environment failed", "Envoy died"),
    ev.ClusterKept("box", ("the cluster stays: box", "  signalbox down box")),
    ev.RunFinished(Exit.HELD, 9.0, "at most 1%", (("cluster", 0.8),)),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "run.ndjson.gz"


def clock() -> Iterator[float]:
    return itertools.count(5.0, 0.5)


def written(path: Path, *events: ev.Event) -> Path:
    ticks = clock()
    with Recorder(path, clock=lambda: next(ticks), unix_time=lambda: 1.8e9) as record:
        for event in events:
            record(event)
    return path


def test_every_event_reads_back_as_it_was(path: Path) -> None:
    record = read_record(written(path, *EVERY_KIND))
    shifted = [ev.RequestsMade if isinstance(e, ev.RequestsMade) else e for e in EVERY_KIND]
    assert [ev.RequestsMade if isinstance(s.event, ev.RequestsMade) else s.event for s in record.events] == shifted
    (requests,) = record.of(ev.RequestsMade)
    told = next(e for e in EVERY_KIND if isinstance(e, ev.RequestsMade))
    assert requests.outcomes == told.outcomes
    assert requests.request == told.request
    assert requests.began == 0.0  # the recording's own zero is at 5.0
    assert record.unix_time == 1.8e9
    assert not record.cut_off


def test_no_kind_of_event_is_left_out() -> None:
    assert {type(event) for event in EVERY_KIND} == set(get_args(ev.Event))


def test_events_carry_the_time_at_which_they_were_told(path: Path) -> None:
    record = read_record(written(path, *EVERY_KIND))
    assert [stamped.at for stamped in record.events] == [0.5 * n for n in range(1, len(EVERY_KIND) + 1)]


def test_answers_that_are_alike_are_written_once(path: Path) -> None:
    written(path, made(*(outcome(n, 500 if n % 10 == 0 else 200, body_start="x" * 1000) for n in range(1000))))
    line = json.loads(gzip.decompress(path.read_bytes()).splitlines()[1])
    assert [(a["status"], len(a["body"])) for a in line["answers"]] == [(500, 1000), (200, 1000)]
    assert path.stat().st_size < 40_000


def test_beyond_the_limit_outcomes_are_counted_by_tenths_of_a_second(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_OUTCOMES_OF_A_BURST", 100)
    fates = [outcome(n, 500 if n % 10 == 0 else 200, latency=0.001 * (n % 7 + 1)) for n in range(1000)]
    (requests,) = read_record(written(path, made(*fates))).of(ev.RequestsMade)
    assert requests.outcomes == tuple(fates[:100])
    assert sum(bucket.count for bucket in requests.buckets) == 900
    assert sum(bucket.count for bucket in requests.buckets if bucket.answer.status == 500) == 90
    assert [b.scheduled for b in requests.buckets] == sorted(b.scheduled for b in requests.buckets)
    slow = sum(count for b in requests.buckets for seconds, count in b.latencies if seconds > 0.0065)
    assert slow == sum(fate.latency > 0.0065 for fate in fates[100:])


def test_a_record_with_buckets_can_be_recorded_once_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_OUTCOMES_OF_A_BURST", 10)
    (first,) = read_record(written(path, made(*map(outcome, range(100))))).of(ev.RequestsMade)
    (second,) = read_record(written(path, first)).of(ev.RequestsMade)
    assert (second.outcomes, second.buckets) == (first.outcomes, first.buckets)


def test_the_whole_run_has_a_limit_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_OUTCOMES", 150)
    bursts = [made(*map(outcome, range(100))) for _ in range(3)]
    kept = [len(requests.outcomes) for requests in read_record(written(path, *bursts)).of(ev.RequestsMade)]
    assert kept == [100, 50, 0]


def test_bodies_that_never_repeat_do_not_fill_the_record(path: Path) -> None:
    fates = [outcome(n, body_start=f"{n} {'x' * 500}") for n in range(1000)]
    (requests,) = read_record(written(path, made(*fates))).of(ev.RequestsMade)
    assert len(requests.outcomes) == 1000
    assert sum(bool(fate.body_start) for fate in requests.outcomes) == 200


def test_a_run_that_was_killed_reads_up_to_its_last_event(path: Path) -> None:
    with Recorder(path) as recorder:
        recorder(ev.RunStarted("embedded", "linkerd-2.14", ("s",)))
        recorder(ev.StepStarted("step"))
        record = read_record(path)  # nobody has closed the file
    assert [type(stamped.event) for stamped in record.events] == [ev.RunStarted, ev.StepStarted]
    assert record.cut_off


@pytest.mark.parametrize("missing", [1, 9, 40, 200])
def test_a_file_cut_anywhere_reads_as_cut_off(path: Path, missing: int) -> None:
    written(path, *EVERY_KIND)
    path.write_bytes(path.read_bytes()[:-missing])
    assert read_record(path).cut_off


def test_a_run_without_an_end_is_cut_off_even_if_its_file_is_whole(path: Path) -> None:
    assert read_record(written(path, ev.StepStarted("step"))).cut_off


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("{}\n", "no record"),
        ("not json\n", "no record"),
        ('{"format":"signalbox-record","version":99}\n', "version 99"),
        ('{"format":"signalbox-record","version":1,"unix_time":0,"signalbox":"1"}\n{"at":1,"event":"nap"}\n', ":2:"),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "run.ndjson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_record(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
