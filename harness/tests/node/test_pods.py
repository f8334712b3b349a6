"""A pod from its creation to its end."""

from __future__ import annotations

import asyncio
import json

from harness.tests.node.local_node import NAMESPACE, Obj, local_node

WEB: Obj = {
    "image": "web:1",
    "args": ["8080"],
    "ports": [{"name": "http", "containerPort": 8080}],
    "readinessProbe": {"httpGet": {"path": "/healthy", "port": "http"}},
    "volumeMounts": [{"name": "state", "mountPath": "/state"}],
}
CONDITIONS = ("PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
STATE: list[Obj] = [{"name": "state", "emptyDir": {}}]


def test_a_pod_becomes_ready_by_its_http_probe_asked_from_the_node() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", WEB, volumes=STATE)
            await local.until(lambda: local.condition("a") == "True")
            assert local.phase("a") == "Running"
            assert local.history("a") == [("waiting", "ContainerCreating"), ("running", "")]
            assert local.status("a")["ready"] is True
            assert local.reasons("a") == ["Scheduled", "Pulled", "Created", "Started"]
            await local.until_logged("a", f"/healthy from {local.network.node_ip}")

    asyncio.run(run())


def test_a_pod_passes_through_every_state_and_tells_of_it() -> None:
    """Nothing is skipped: what `kubectl get -w` shows of a pod that starts, becomes ready, works and ends."""

    async def run() -> None:
        async with local_node() as local:
            seen: list[tuple[str, str, str]] = []

            def remember(_event: object) -> None:
                true = [kind for kind in CONDITIONS if local.condition("a", kind) == "True"]
                now = (local.phase("a"), local.state("a")[0], " ".join(true))
                if now[0] and now not in seen[-1:]:
                    seen.append(now)

            local.api.store.subscribe(("pods",), remember)
            probe = {"exec": {"command": ["sh", "-c", "test -e $SIGNALBOX_ROOT/state/up"]}, "timeoutSeconds": 20}
            args = ["until test -e $SIGNALBOX_ROOT/state/end; do sleep 0.01; done"]
            annotations = {"signalbox.dev/command": "sh -c"}
            mounts = WEB["volumeMounts"]
            container = {"image": "shell", "args": args, "readinessProbe": probe, "volumeMounts": mounts}
            local.create_pod("a", container, volumes=STATE, restartPolicy="Never", annotations=annotations)
            await local.until(lambda: local.phase("a") == "Running")
            state = next(local.run_dir.glob("pods/*/volumes/state"))
            (state / "up").touch()
            await local.until(lambda: local.condition("a") == "True")
            (state / "end").touch()
            await local.until(lambda: local.phase("a") == "Succeeded")
            started = "PodScheduled PodReadyToStartContainers Initialized"
            assert seen[0] == ("Pending", "", "")
            assert [entry for entry in seen[1:] if entry[1] == "waiting"]
            assert seen[-3:] == [
                ("Running", "running", started),
                ("Running", "running", f"{started} ContainersReady Ready"),
                ("Succeeded", "terminated", started),
            ]
            assert {phase for phase, *_ in seen[:-3]} == {"Pending"}
            assert local.reasons("a")[:4] == ["Scheduled", "Pulled", "Created", "Started"]

    asyncio.run(run())


def test_the_data_plane_knows_a_pod_before_its_process_and_longer() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", WEB, volumes=STATE)
            await local.until(lambda: local.phase("a") == "Running")
            endpoint = local.dataplane.pods["a"]
            pod = local.pod("a")
            assert pod is not None
            assert endpoint.pod_ip == pod["status"]["podIP"]
            assert [(port.name, port.number) for port in endpoint.ports] == [("http", 8080)]
            local.api.delete("pods", NAMESPACE, "a")
            await local.until(lambda: local.pod("a") is None)
            assert local.dataplane.calls == ["add a", "remove a"]

    asyncio.run(run())


def test_a_pod_waits_until_the_data_plane_takes_it() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.dataplane.refusals.append("address already in use")
            local.create_pod("a", {"image": "sleeper"})
            await local.until(lambda: local.phase("a") == "Running")
            refused = [message for _, reason, message in local.events if reason == "FailedCreatePodSandBox"]
            assert refused == ["Failed to create pod sandbox: address already in use"]

    asyncio.run(run())


def test_readiness_is_lost_after_the_failure_threshold_and_comes_back() -> None:
    async def run() -> None:
        async with local_node() as local:
            probe = {**WEB["readinessProbe"], "periodSeconds": 1, "failureThreshold": 3, "timeoutSeconds": 20}
            local.create_pod("a", {**WEB, "readinessProbe": probe}, volumes=STATE)
            await local.until(lambda: local.condition("a") == "True")
            ill = next(local.run_dir.glob("pods/*/volumes/state")) / "ill"
            ill.touch()
            await local.until(lambda: local.condition("a") == "False")
            assert local.status("a")["ready"] is False
            assert local.status("a")["restartCount"] == 0
            assert local.reasons("a").count("Unhealthy") >= 3
            assert ("a", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503") in local.events
            ill.unlink()
            await local.until(lambda: local.condition("a") == "True")

    asyncio.run(run())


def test_a_failed_liveness_probe_restarts_the_container() -> None:
    async def run() -> None:
        async with local_node() as local:
            probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 2, "timeoutSeconds": 20}
            local.create_pod("a", {"image": "graceful", "livenessProbe": probe})
            await local.until(lambda: local.status("a").get("restartCount") == 1)
            assert ("a", "Killing", "Container main failed liveness probe, will be restarted") in local.events
            assert local.status("a")["lastState"]["terminated"]["exitCode"] == 0

    asyncio.run(run())


def test_a_startup_probe_holds_the_others_back() -> None:
    async def run() -> None:
        async with local_node() as local:
            command = ["sh", "-c", "test -e $SIGNALBOX_ROOT/state/up"]
            startup = {"exec": {"command": command}, "timeoutSeconds": 20, "failureThreshold": 1000}
            local.create_pod("a", {**WEB, "startupProbe": startup}, volumes=STATE)
            await local.until(lambda: local.phase("a") == "Running")
            await local.until_logged("a", "serving")
            assert local.status("a")["started"] is False
            assert local.condition("a") == "False"
            (next(local.run_dir.glob("pods/*/volumes/state")) / "up").touch()
            await local.until(lambda: local.condition("a") == "True")
            assert local.status("a")["started"] is True

    asyncio.run(run())


def test_sigterm_ends_a_container_with_its_own_exit_code() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "graceful"}, terminationGracePeriodSeconds=1000)
            await local.until_logged("a", "sleeping")
            local.api.delete("pods", NAMESPACE, "a")
            await local.until(lambda: local.pod("a") is None)
            assert local.history("a")[-1] == ("terminated", "Completed")
            assert local.reasons("a")[-1] == "Killing"

    asyncio.run(run())


def test_sigkill_ends_a_container_after_its_grace() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "stubborn"}, terminationGracePeriodSeconds=4)
            await local.until_logged("a", "sleeping")
            last: list[Obj] = []
            local.api.store.subscribe(("pods",), lambda event: last.append(local.status("a")))
            begun = asyncio.get_running_loop().time()
            local.api.delete("pods", NAMESPACE, "a")
            await local.until(lambda: local.pod("a") is None)
            assert asyncio.get_running_loop().time() - begun >= 0.2  # 4 seconds of 0.05
            ended = [status["state"]["terminated"] for status in last if "terminated" in status.get("state", {})]
            assert (ended[-1]["exitCode"], ended[-1]["signal"]) == (137, 9)

    asyncio.run(run())


def test_a_second_deletion_with_a_shorter_grace_hurries_the_first() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "stubborn"}, terminationGracePeriodSeconds=10_000)
            await local.until_logged("a", "sleeping")
            local.api.delete("pods", NAMESPACE, "a")
            await local.until_logged("a", "no")
            local.api.delete("pods", NAMESPACE, "a", grace_seconds=1)
            await local.until(lambda: local.pod("a") is None)

    asyncio.run(run())


def test_a_pod_deleted_by_force_leaves_no_process() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create_pod("a", {"image": "stubborn"})
            await local.until_logged("a", "sleeping")
            (process,) = local.processes()
            local.api.delete("pods", NAMESPACE, "a", grace_seconds=0)
            assert local.pod("a") is None
            await asyncio.to_thread(process.wait, 5)
            local.create_pod("a", {"image": "sleeper", "args": ["again"]})
            await local.until_logged("a", "again")
            assert local.dataplane.calls == ["add a", "remove a", "add a"]

    asyncio.run(run())


def test_init_containers_come_first_and_one_by_one() -> None:
    async def run() -> None:
        async with local_node() as local:
            mount = {"volumeMounts": [{"name": "state", "mountPath": "/state"}]}
            touch = "test -e $SIGNALBOX_ROOT/state/one && touch $SIGNALBOX_ROOT/state/two"
            init = [
                {"name": "one", "image": "shell", "args": ["touch $SIGNALBOX_ROOT/state/one"], **mount},
                {"name": "two", "image": "shell", "args": [touch], **mount},
            ]
            main = {"image": "shell", "args": ["ls $SIGNALBOX_ROOT/state; sleep 1000"], **mount}
            local.create_pod(
                "a", main, volumes=STATE, initContainers=init, annotations={"signalbox.dev/command": "sh -c"}
            )
            await local.until_logged("a", "one\ntwo\n")
            assert local.history("a")[0] == ("waiting", "PodInitializing")
            assert local.condition("a", "Initialized") == "True"

    asyncio.run(run())


def test_a_failed_init_container_fails_a_pod_that_is_never_restarted() -> None:
    async def run() -> None:
        async with local_node() as local:
            init = [{"name": "one", "image": "exiting", "args": ["1"]}]
            local.create_pod("a", {"image": "sleeper"}, initContainers=init, restartPolicy="Never")
            await local.until(lambda: local.phase("a") == "Failed")
            assert "Started" in local.reasons("a")
            assert local.state("a") == ("waiting", "PodInitializing")

    asyncio.run(run())


def test_a_pre_stop_hook_runs_before_sigterm() -> None:
    async def run() -> None:
        async with local_node() as local:
            hook = {"preStop": {"exec": {"command": ["sh", "-c", "touch $SIGNALBOX_ROOT/state/ill"]}}}
            local.create_pod("a", {**WEB, "lifecycle": hook}, volumes=STATE, terminationGracePeriodSeconds=1000)
            await local.until(lambda: local.condition("a") == "True")
            volume = next(local.run_dir.glob("pods/*/volumes/state"))
            seen: list[bool] = []
            local.api.store.subscribe(("pods",), lambda _: seen.append((volume / "ill").exists()))
            local.api.delete("pods", NAMESPACE, "a")
            await local.until(lambda: local.pod("a") is None)
            assert seen[0] is False
            assert seen[1] is True
            assert not volume.exists()

    asyncio.run(run())


def test_pods_do_not_share_their_random_numbers() -> None:
    async def run() -> None:
        async with local_node() as local:
            for name in ("a", "b"):
                local.create_pod(name, {"image": "report"}, restartPolicy="Never")
            await local.until(lambda: local.phase("a") == local.phase("b") == "Succeeded")
            first, second = [json.loads(await local.log(name)) for name in ("a", "b")]
            assert first["random"] != second["random"]

    asyncio.run(run())
