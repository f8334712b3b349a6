"""Every tutorial scenario holds on the embedded cluster, by the rules of both releases, sharing one cluster each."""

from __future__ import annotations

import pytest

from harness.errors import Exit
from harness.tests.lifecycle.running import signalbox

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.mark.parametrize("profile", ["embedded", "embedded-edge"])
def test_the_whole_tutorial_holds(profile: str) -> None:
    with signalbox("run", "scenarios/tutorial", "--cluster", profile) as running:
        assert running.wait(840) == Exit.HELD, "".join(running.lines)
        running.assert_nothing_left()
