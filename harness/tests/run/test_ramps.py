"""Claims about ramps: about all of it, at the pace that the profile allows, and what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.forecast.effort import effort_of
from harness.scenario.clusters import Pace
from harness.tests.run.test_judging import judging, loaded, sender
from harness.verdict.judgement import Verdict

RAMP = """\
        - expect: all-the-way
          send: {from: webapp, request: GET http://books:7002/x, rate: 100/s, ramp: {from: 20/s, over: 10s}}
          %s
"""


@pytest.mark.parametrize("claim", ["every: {status: 200}", "share: {of: {status: 500}, at-most: 1%, resolution: 5pp}"])
def test_a_claim_about_a_ramp_is_about_all_of_it(tmp_path: Path, claim: str) -> None:
    """600 requests; what fails is at the top, long after the claim could have been decided.

    Failures that gather at the top are not independent of each other, so a share of them is no evidence.
    """
    scenario = loaded(tmp_path, RAMP % claim)
    fake, plans = sender(*[200] * 440, *[500] * 160)
    result = judging(scenario, fake).judge("only", scenario.scenario.expectation("all-the-way"))
    assert plans[0].ramp_requests == 600
    assert result.verdict is (Verdict.BROKEN if claim.startswith("every") else Verdict.INCONCLUSIVE)
    fake, plans = sender(200)
    result = judging(scenario, fake).judge("only", scenario.scenario.expectation("all-the-way"))
    assert result.verdict is Verdict.HOLDS
    assert result.requests >= 600


def test_the_profile_slows_a_ramp_at_both_ends(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, RAMP % "every: {status: 200}")
    fake, plans = sender(200)
    pace = Pace.model_validate({"max-rate": "30/s"})
    judging(scenario, fake, pace=pace).judge("only", scenario.scenario.expectation("all-the-way"))
    assert (plans[0].ramp_from_per_second, plans[0].rate_per_second, plans[0].limit) == (20, 30, 250)


def test_what_a_ramp_takes_is_known_beforehand_at_the_profiles_pace(tmp_path: Path) -> None:
    """Slowed at both ends it is a steady rate, of as many requests as are sent."""
    scenario = loaded(tmp_path, RAMP % "every: {status: 200}").scenario
    pace = Pace.model_validate({"max-rate": "10/s"})
    effort = effort_of(scenario, scenario.expectation("all-the-way"), pace)
    assert effort is not None
    assert (effort.least, effort.seconds) == (100, (10.0, 10.0))
