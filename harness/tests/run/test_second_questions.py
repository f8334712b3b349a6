"""Second questions to the same responses: bursts keep what all of them look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.tests.run.test_judging import SAVING, SHARE, judging, loaded, sender
from harness.verdict.judgement import Verdict

QUESTIONS = """\
        - expect: a
          send: {from: webapp, request: GET http://books:7002/x}
          every: {status: 200}
        - expect: b
          about: a
          every: {header: {X-Served-By: v2}}
        - expect: c
          about: b
          every: {body-has: hello}
        - expect: d
          about: a
          every: {header: {x-served-by: v1}}
"""


def test_second_questions_look_at_headers_and_bodies_however_far_they_are_from_the_first(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, QUESTIONS)
    fake, plans = sender(200, headers={"x-served-by": "v2", "date": "today"}, body_start="hello")
    judges = judging(scenario, fake)
    a, b, c, d = (judges.judge("only", expectation) for _, expectation in scenario.scenario.expectations())
    assert [result.verdict for result in (a, b, c, d)] == [Verdict.HOLDS] * 3 + [Verdict.BROKEN]
    assert c.judgement.total == 20
    assert (len(plans), plans[0].keep_headers) == (1, ("x-served-by",))


def test_nothing_is_kept_that_no_claim_looks_at(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SHARE)
    fake, plans = sender(*[200] * 9, 500, headers={"x-served-by": "v2"}, body_start="hello")
    judging(scenario, fake).judge("only", scenario.scenario.expectation("a-tenth-fails"))
    assert (plans[0].keep_headers, plans[0].body_start_bytes) == ((), 0)


@pytest.mark.parametrize(
    ("claim", "missing"),
    [("{header: {x-served-by: v2}, body-has: hello}", "header x-served-by, bodies"), ("{header: {date: x}}", "")],
)
def test_no_claim_is_judged_by_what_was_not_kept(tmp_path: Path, claim: str, missing: str) -> None:
    first = QUESTIONS.partition("        - expect: b")[0].replace("{status: 200}", "{header: {date: x}}")
    scenario = loaded(tmp_path, first)
    fake, _ = sender(200, headers={"date": "x"})
    judges = judging(scenario, fake)
    judges.judge("only", scenario.scenario.expectation("a"))
    judges.loaded = loaded(tmp_path, f"{first}        - expect: late\n          about: a\n          every: {claim}\n")
    late = judges.loaded.scenario.expectation("late")
    if not missing:
        assert judges.judge("only", late).verdict is Verdict.HOLDS
        return
    with pytest.raises(InputError, match=f"made-up.yaml:14: about: 'late' looks at {missing}, which 'a' has not kept"):
        judges.judge("only", late)


def test_what_broke_a_second_question_to_a_second_question_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.judging.logs_of_involved", lambda *given: ())
    monkeypatch.setattr("harness.run.judging.foretold", lambda *given: ())
    scenario = loaded(tmp_path, QUESTIONS)
    fake, _ = sender(*[200] * 19, 200, headers={"x-served-by": "v2"}, body_start="goodbye")
    judges = judging(scenario, fake)
    results = [judges.judge("only", expectation) for _, expectation in scenario.scenario.expectations()]
    (offence,) = judges.explain(results[2]).offences
    assert (results[2].verdict, offence.offending, offence.total) == (Verdict.BROKEN, 20, 20)


def test_a_table_keeps_what_second_questions_look_at(tmp_path: Path) -> None:
    table = SAVING.partition("        - expect: and-again")[0].replace(", save: {book: json.id}", "")
    written = table.replace("${book}", "7") + "        - expect: b\n          about: what-was-made-can-be-read\n"
    scenario = loaded(tmp_path, written + "          share: {of: {header: {X-V: v2}}, is: 50%, resolution: 5pp}\n")
    fake, plans = sender(201)
    judging(scenario, fake).judge("only", scenario.scenario.expectation("what-was-made-can-be-read"))
    assert {plan.keep_headers for plan in plans} == {("x-v",)}
