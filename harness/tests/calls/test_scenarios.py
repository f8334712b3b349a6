"""What is promised of gRPC holds on the embedded cluster, by the rules of both releases, and can fail."""

from __future__ import annotations

import pytest

from harness.errors import Exit
from harness.tests.lifecycle.running import signalbox

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.mark.parametrize("profile", ["embedded", "embedded-edge"])
def test_every_scenario_of_grpc_holds(profile: str) -> None:
    with signalbox("run", "scenarios/grpc", "--cluster", profile) as running:
        assert running.wait(240) == Exit.HELD, "".join(running.lines)


def test_each_twin_turns_red_what_it_names() -> None:
    with signalbox("prove", "--twins", "scenarios/grpc", "--cluster", "embedded-edge") as running:
        assert running.wait(280) == Exit.HELD, "".join(running.lines)
