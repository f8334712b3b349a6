"""The way to a verdict is a line through shares; before the first response there is none."""

from __future__ import annotations

from harness.run.trail import Tracker
from harness.verdict.claims import Share
from harness.verdict.share import ShareJudge


def test_a_look_before_the_first_response_is_no_point() -> None:
    tracker, judge = Tracker(), ShareJudge(Share(target=0.1, resolution=0.05))
    tracker.look(judge)
    assert tracker.trail() is None
    judge.add(1, 10)
    tracker.look(judge)
    judge.add(2, 10)
    tracker.look(judge)
    trail = tracker.trail()
    assert trail is not None
    assert [(point.hits, point.total) for point in trail.points] == [(1, 10), (3, 20)]


def test_a_look_that_found_nothing_new_adds_nothing() -> None:
    tracker, judge = Tracker(), ShareJudge(Share(target=0.1, resolution=0.05))
    judge.add(1, 10)
    tracker.look(judge)
    tracker.look(judge)
    trail = tracker.trail()
    assert trail is not None
    assert len(trail.points) == 1
