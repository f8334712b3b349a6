"""Which requests of a step settling may repeat, and how it sends them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.run.settling import witnesses
from harness.tests.run.test_judging import loaded, sender
from harness.traffic.plan import Plan

CHECK = "POST http://shop:9999/grpc.health.v1.Health/Check, protocol: grpc"


def probed(tmp_path: Path, send: str) -> list[Plan]:
    """What is sent to find out whether a change is in force, by a step that sends this."""
    claim = "grpc-status: OK" if "grpc" in send else "status: 200"
    step = f"        - expect: x\n          send: {{from: webapp, request: {send}}}\n          every: {{{claim}}}\n"
    scenario = loaded(tmp_path, step).scenario
    fake, plans = sender(200)
    for witness in witnesses(scenario, scenario.spec.steps[0], {"webapp": fake}):
        witness.send(witness.url, 2)
    return plans


def test_a_health_check_is_sent_as_the_step_sends_it(tmp_path: Path) -> None:
    (plan,) = probed(tmp_path, f"{CHECK}, message: CgRzaG9w, headers: {{x-user: amy}}")
    assert (plan.protocol, plan.limit, plan.request.method) == ("grpc", 2, "POST")
    assert (plan.request.body, plan.request.headers) == (b"\n\x04shop", (("x-user", "amy"),))


@pytest.mark.parametrize("protocol", ["http/1.1", "h2c"])
def test_a_get_is_sent_over_its_own_protocol(tmp_path: Path, protocol: str) -> None:
    (plan,) = probed(tmp_path, f"GET http://shop:80/, protocol: {protocol}")
    assert (plan.protocol, plan.request.method) == (protocol, "GET")


@pytest.mark.parametrize(
    "send",
    [
        "POST http://shop:80/orders",
        "POST http://shop:80/grpc.health.v1.Health/Check",
        "POST http://shop:9999/shop.Orders/Place, protocol: grpc",
        "'GET http://shop:80/${run.id}'",
        "GET http://shop:80/, headers: {x-run: '${run.id}'}",
    ],
)
def test_what_may_change_something_or_is_not_known_yet_is_not_repeated(tmp_path: Path, send: str) -> None:
    assert probed(tmp_path, send) == []
