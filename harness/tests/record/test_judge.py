"""`signalbox judge`: recorded responses under changed claims, and two runs beside each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.errors import Exit, InputError
from harness.judge_commands import judge
from harness.record import Recorder
from harness.record.reader import read_record
from harness.run import events as ev
from harness.tests.run.test_judging import EVERY, HEAD, SHARE, judging, loaded, sender
from harness.traffic.outcome import Failure

TABLE = """\
        - expect: rows-are-right
          each:
            from: webapp
            to: http://books:7002
            times: 5
            rows:
              - {request: GET /x, status: 200}
              - {request: GET /y, status: 2xx}
        - expect: pods-are-there
          resource: {pods: booksapp/app=books, condition: Ready, within: 1s}
"""


def recorded(folder: Path, name: str, *fates: int | Failure, expectations: str = SHARE) -> Path:
    """The record of a run whose requests met these fates."""
    scenario = loaded(folder, expectations)
    fake, _ = sender(*fates, connections=1)
    path = folder / f"{name}.ndjson.gz"
    with Recorder(path) as record:
        record(ev.RunStarted("embedded", "linkerd-2.14", (scenario.scenario.name,)))
        judges = judging(scenario, fake, emit=record)
        for step, expectation in scenario.scenario.expectations():
            if expectation.resource is None:
                record(ev.ExpectationJudged(judges.judge(step.name, expectation)))
        record(ev.RunFinished(Exit.HELD, 1.0, ""))
    return path


def judged(record: Path, *paths: Path) -> Result:
    return CliRunner().invoke(judge, [str(record), *map(str, paths)])


def changed(folder: Path, old: str, new: str, expectations: str = SHARE) -> Path:
    assert old in expectations
    path = folder / "changed.yaml"
    path.write_text(HEAD + expectations.replace(old, new))
    return path


def test_the_same_scenario_gives_the_same_verdicts(tmp_path: Path) -> None:
    record = recorded(tmp_path, "run", *[200] * 9, 500)
    result = judged(record, tmp_path / "made-up.yaml")
    assert result.exit_code == Exit.HELD, result.output
    assert "2 expectations, 0 with another verdict, 0 that the record cannot tell" in result.output


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("is: 10%, resolution: 5pp", "is: 30%, resolution: 5pp", Exit.BROKEN, "holds -> broken  a-tenth-fails"),
        ("is: 10%, resolution: 5pp", "is: 10%, resolution: 1pp", Exit.INCONCLUSIVE, "holds -> inconclusive"),
        ("is: 10%, resolution: 5pp", "is: 10%, resolution: 8pp", Exit.HELD, "0 with another verdict"),
        ("status: [200, 500]", "status: 200", Exit.BROKEN, "holds -> broken  nothing-else"),
        ("every: {status: [200, 500]}", "latency: {p50: ..1s}", Exit.HELD, "0 with another verdict"),
        ("every: {status: [200, 500]}", "latency: {p50: 1s..}", Exit.BROKEN, "holds -> broken  nothing-else"),
        (
            "GET http://books:7002/x",
            "GET http://books:7002/z",
            Exit.HELD,
            "asked something else: GET http://books:7002/x",
        ),
        (
            "status: [200, 500]",
            "header: {x-version: v1}",
            Exit.HELD,
            "no response of the record has a header",
        ),
        ("status: [200, 500]", "body-lacks: error", Exit.HELD, "the record has no bodies"),
    ],
)
def test_a_changed_claim_is_judged_over_the_same_responses(
    tmp_path: Path, old: str, new: str, code: Exit, told: str
) -> None:
    record = recorded(tmp_path, "run", *[200] * 9, 500)
    result = judged(record, changed(tmp_path, old, new))
    assert told in result.output
    assert result.exit_code == code, result.output


def test_a_second_question_to_a_second_question_is_judged_by_the_same_responses(tmp_path: Path) -> None:
    chain = SHARE + "        - expect: the-same\n          about: nothing-else\n          every: {status: [200, 500]}\n"
    record = recorded(tmp_path, "run", *[200] * 9, 500, expectations=chain)
    result = judged(record, tmp_path / "made-up.yaml")
    assert "3 expectations, 0 with another verdict, 0 that the record cannot tell" in result.output


def test_tables_are_judged_row_by_row_and_states_stay_as_they_were(tmp_path: Path) -> None:
    record = recorded(tmp_path, "run", 200, expectations=TABLE)
    result = judged(record, tmp_path / "made-up.yaml")
    assert "holds  rows-are-right" in result.output
    assert "pods-are-there  as recorded: it asks the cluster" in result.output
    worse = judged(record, changed(tmp_path, "status: 2xx", "status: 404", TABLE))
    assert worse.exit_code == Exit.BROKEN
    assert "row 2" in worse.output


def test_two_runs_are_compared(tmp_path: Path) -> None:
    before = recorded(tmp_path, "before", *[200] * 9, 500)
    after = recorded(tmp_path, "after", *[200] * 2, 500)
    same = judged(before, before)
    assert same.exit_code == Exit.HELD
    assert "2 expectations, 0 worse, 0 with another share" in same.output
    worse = judged(before, after)
    assert worse.exit_code == Exit.BROKEN
    assert "worse: made-up / a-tenth-fails  holds -> broken" in worse.output
    assert "the two intervals do not meet" in worse.output
    assert judged(after, before).exit_code == Exit.HELD


def with_another(folder: Path, name: str, *, reached: bool) -> Path:
    """A record of two scenarios, of which the second is reached or not."""
    (result,) = (
        event.event
        for event in read_record(recorded(folder, "one", 200, expectations=EVERY)).events
        if isinstance(event.event, ev.ExpectationJudged)
    )
    path = folder / f"{name}.ndjson.gz"
    with Recorder(path) as record:
        record(ev.RunStarted("embedded", "linkerd-2.14", ("made-up", "another")))
        record(result)
        if reached:
            record(replace(result, result=replace(result.result, scenario="another")))
        record(ev.RunFinished(Exit.HELD, 1.0, ""))
    return path


def test_what_the_later_run_does_not_reach_is_worse_but_not_what_is_no_part_of_it(tmp_path: Path) -> None:
    both = with_another(tmp_path, "both", reached=True)
    stopped = judged(both, with_another(tmp_path, "stopped", reached=False))
    assert stopped.exit_code == Exit.BROKEN
    assert "worse: another / always-200  holds -> not reached" in stopped.output
    alone = judged(both, recorded(tmp_path, "alone", 200, expectations=EVERY))
    assert alone.exit_code == Exit.HELD, alone.output
    assert "another is no part of the later run" in alone.output
    assert "1 expectations, 0 worse" in alone.output


def test_a_scenario_that_was_not_recorded_is_bad_input(tmp_path: Path) -> None:
    record = recorded(tmp_path, "run", *[200] * 9, 500)
    other = tmp_path / "other.yaml"
    other.write_text((HEAD + SHARE).replace("name: made-up", "name: another"))
    result = judged(record, other)
    assert isinstance(result.exception, InputError)
    assert "the record has other scenarios: made-up" in str(result.exception)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("about: a-tenth-fails", "about: a-tenth", "no expectation is called 'a-tenth'"),
        ("every: {status: [200, 500]}", "every: {grpc-status: OK}", "only calls of gRPC have one"),
    ],
)
def test_what_leads_nowhere_is_found_before_anything_is_judged(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    record = recorded(tmp_path, "run", *[200] * 9, 500)
    result = judged(record, changed(tmp_path, old, new))
    assert isinstance(result.exception, InputError)
    assert sentence in str(result.exception)
