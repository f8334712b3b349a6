"""How containers end, and when they are started again."""

from __future__ import annotations

import asyncio

import pytest

from harness.embedded.apiserver.api import ApiError
from harness.embedded.node.timing import Backoff, Timing
from harness.tests.node.local_node import NAMESPACE, Obj, local_node

STATE: list[Obj] = [{"name": "state", "emptyDir": {}}]
MOUNT: list[Obj] = [{"name": "state", "mountPath": "/state"}]


def test_a_crashed_container_is_started_again_and_its_previous_log_is_kept() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "crash_once", "volumeMounts": MOUNT}, volumes=STATE)
            await local.until(lambda: local.status("a").get("restartCount") == 1)
            await local.until_logged("a", "second run")
            last = local.status("a")["lastState"]["terminated"]
            assert (last["exitCode"], last["reason"]) == (3, "Error")
            assert local.phase("a") == "Running"
            assert await local.log("a", previous=True) == "first run fails\n"
            assert "first run" not in await local.log("a")
            assert ("waiting", "CrashLoopBackOff") not in local.history("a")  # the first restart comes at once

    asyncio.run(run())


def test_a_container_that_keeps_crashing_backs_off() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "exiting", "args": ["7"]})
            await local.until(lambda: local.state("a") == ("waiting", "CrashLoopBackOff"))
            status = local.status("a")
            assert status["restartCount"] == 1
            assert status["lastState"]["terminated"]["exitCode"] == 7
            assert status["state"]["waiting"]["message"].startswith("back-off 0.2s restarting failed container=main")
            assert local.phase("a") == "Running"  # as kubectl shows it, too
            assert local.condition("a") == "False"
            await local.until(lambda: local.status("a")["restartCount"] == 2)
            assert "BackOff" in local.reasons("a")
            local.api.delete("pods", NAMESPACE, "a")
            await local.until(lambda: local.pod("a") is None)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("policy", "code", "phase"),
    [("Never", "0", "Succeeded"), ("Never", "4", "Failed"), ("OnFailure", "0", "Succeeded")],
)
def test_the_restart_policy_decides_about_an_ended_container(policy: str, code: str, phase: str) -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "exiting", "args": [code]}, restartPolicy=policy)
            await local.until(lambda: local.phase("a") in ("Succeeded", "Failed"))
            assert local.phase("a") == phase
            assert local.status("a")["state"]["terminated"]["exitCode"] == int(code)
            assert local.status("a")["restartCount"] == 0
            assert await local.log("a") == f"ending with {code}\n"
            local.api.delete("pods", NAMESPACE, "a")
            await local.until(lambda: local.dataplane.calls == ["add a", "remove a"])

    asyncio.run(run())


def test_a_signal_is_reported_as_exit_code_and_signal() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "sleeper"}, restartPolicy="Never")
            await local.until_logged("a", "sleeping")
            (process,) = local.processes()
            process.kill()
            await local.until(lambda: local.phase("a") == "Failed")
            ended = local.status("a")["state"]["terminated"]
            assert (ended["exitCode"], ended["signal"], ended["reason"]) == (137, 9, "Error")

    asyncio.run(run())


def test_an_exception_of_a_stand_in_is_in_its_log() -> None:
    async def run() -> None:
        async with local_node() as local:
            container = {"image": "raising", "terminationMessagePolicy": "FallbackToLogsOnError"}
            local.create_pod("a", container, restartPolicy="Never")
            await local.until(lambda: local.phase("a") == "Failed")
            assert "RuntimeError: out of ideas" in await local.log("a")
            ended = local.status("a")["state"]["terminated"]
            assert ended["exitCode"] == 1
            assert ended["message"].endswith("RuntimeError: out of ideas\n")

    asyncio.run(run())


def test_what_a_container_left_behind_ends_with_it() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "daughter"}, restartPolicy="Never")
            await local.until(lambda: len(local.processes()) == 2)
            mother, daughter = sorted(local.processes(), key=lambda process: process.pid)
            mother.kill()
            await asyncio.to_thread(daughter.wait, 5)
            await local.until(lambda: local.phase("a") == "Failed")

    asyncio.run(run())


def test_an_unknown_image_waits_and_says_what_to_do() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "ghcr.io/acme/shop:v1"})
            await local.until(lambda: local.state("a") == ("waiting", "ImagePullBackOff"))
            assert local.history("a")[1:3] == [("waiting", "ErrImagePull"), ("waiting", "ImagePullBackOff")]
            message = local.status("a")["state"]["waiting"]["message"]
            for part in ("known images: sleeper, ", "--image ghcr.io/acme/shop=", "signalbox.dev/command"):
                assert part in message
            assert local.phase("a") == "Pending"
            assert local.reasons("a").count("Failed") >= 2
            with pytest.raises(ApiError, match="is waiting to start: ImagePullBackOff"):
                await local.log("a")
            local.api.delete("pods", NAMESPACE, "a")
            await local.until(lambda: local.pod("a") is None)

    asyncio.run(run())


def test_an_annotation_gives_an_unknown_image_a_command_at_once() -> None:
    async def run() -> None:
        async with local_node(Timing(second=0.05)) as local:
            local.create_pod("a", {"image": "acme/shop", "args": ["$(POD_IP)"]})
            await local.until(lambda: local.state("a") == ("waiting", "ImagePullBackOff"))
            annotation = {"metadata": {"annotations": {"signalbox.dev/command": "echo serving on"}}}
            local.api.patch("pods", NAMESPACE, "a", annotation, "application/merge-patch+json")
            pod = local.pod("a")
            assert pod is not None
            await local.until_logged("a", f"serving on {pod['status']['podIP']}\n")
            assert local.status("a")["imageID"] == "signalbox://echo serving on"

    asyncio.run(run())


def test_a_command_that_does_not_exist_cannot_be_started() -> None:
    async def run() -> None:
        async with local_node() as local:
            annotations = {"signalbox.dev/command": "no-such-program --port 1"}
            local.create_pod("a", {"image": "acme/shop"}, annotations=annotations)
            await local.until(lambda: local.state("a") == ("waiting", "RunContainerError"))
            assert 'exec: "no-such-program"' in local.status("a")["state"]["waiting"]["message"]

    asyncio.run(run())


def test_back_off_doubles_up_to_its_maximum_and_starts_again_after_a_long_run() -> None:
    crashes = Backoff(Timing())
    assert [crashes.failed(1) for _ in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert [crashes.failed(600), crashes.failed(1)] == [0, 10]
    pulls = Backoff(Timing(), first_at_once=False)
    assert [pulls.failed() for _ in range(3)] == [10, 20, 40]
