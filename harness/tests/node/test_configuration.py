"""ConfigMaps, Secrets and volumes as a container's process finds them."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

from harness.tests.node.local_node import NAMESPACE, Obj, local_node


def test_the_environment_comes_from_everywhere() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create("configmaps", "settings", data={"color": "red", "size": "xl"})
            local.create("secrets", "keys", data={"token": base64.b64encode(b"s3cret").decode()})
            env = [
                {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "color"}}},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
                {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "GREETING", "value": "$(WHO) likes $(COLOR) and $$(WHO), $(NOBODY)"},
            ]
            from_all = [{"prefix": "MY_", "configMapRef": {"name": "settings"}}]
            container = {"image": "report", "env": env, "envFrom": from_all, "args": ["--name=$(WHO)", "$(MY_size)"]}
            local.create_pod("a", container, restartPolicy="Never")
            await local.until(lambda: local.phase("a") == "Succeeded")
            seen = json.loads(await local.log("a"))
            assert seen["argv"] == ["report", "--name=a", "xl"]
            found = {name: seen["env"][name] for name in ("COLOR", "TOKEN", "WHO", "GREETING", "MY_color")}
            assert found == {
                "COLOR": "red",
                "TOKEN": "s3cret",
                "WHO": "a",
                "GREETING": "a likes red and $(WHO), $(NOBODY)",
                "MY_color": "red",
            }
            ip = local.api.get("pods", NAMESPACE, "a")["status"]["podIP"]
            assert seen["env"]["http_proxy"] == f"http://{ip}:4140"
            assert seen["env"]["SIGNALBOX_BIND"] == ip  # not meshed
            assert seen["env"]["HOSTNAME"] == "a"
            assert seen["cwd"] == seen["env"]["SIGNALBOX_ROOT"]

    asyncio.run(run())


def test_a_container_waits_for_a_config_map_and_starts_when_it_comes() -> None:
    async def run() -> None:
        async with local_node() as local:
            env = [{"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "color"}}}]
            local.create_pod("a", {"image": "report", "env": env}, restartPolicy="Never")
            await local.until(lambda: local.state("a") == ("waiting", "CreateContainerConfigError"))
            assert local.status("a")["state"]["waiting"]["message"] == 'configmap "settings" not found'
            local.create("configmaps", "settings", data={"colour": "red"})
            wrong_key = f"couldn't find key color in ConfigMap {NAMESPACE}/settings"
            await local.until(lambda: local.status("a")["state"]["waiting"]["message"] == wrong_key)
            local.update_config_map("settings", color="red")
            await local.until(lambda: local.phase("a") == "Succeeded")
            assert json.loads(await local.log("a"))["env"]["COLOR"] == "red"

    asyncio.run(run())


def test_a_config_map_volume_is_seen_under_the_root_and_follows_its_config_map() -> None:
    async def run() -> None:
        async with local_node() as local:
            local.create("configmaps", "site", data={"nginx.conf": "return 500;"})
            container: Obj = {
                "image": "print_file",
                "args": ["/etc/nginx/nginx.conf"],
                "volumeMounts": [{"name": "conf", "mountPath": "/etc/nginx/nginx.conf", "subPath": "nginx.conf"}],
            }
            local.create_pod("a", container, volumes=[{"name": "conf", "configMap": {"name": "site"}}])
            await local.until_logged("a", "return 500;")
            local.update_config_map("site", **{"nginx.conf": "return 200;"})
            await local.until_logged("a", "return 200;")

    asyncio.run(run())


def test_a_pod_whose_volume_is_missing_stays_in_creation_until_it_comes() -> None:
    async def run() -> None:
        async with local_node() as local:
            volumes = [{"name": "conf", "secret": {"secretName": "site", "items": [{"key": "k", "path": "deep/file"}]}}]
            mounts = [{"name": "conf", "mountPath": "/conf"}]
            container = {"image": "print_file", "args": ["/conf/deep/file"], "volumeMounts": mounts}
            local.create_pod("a", container, volumes=volumes)
            await local.until(lambda: "FailedMount" in local.reasons("a"))
            assert local.state("a") == ("waiting", "ContainerCreating")
            problem = 'MountVolume.SetUp failed for volume "conf" : secret "site" not found'
            assert ("a", "FailedMount", problem) in local.events
            assert local.dataplane.calls == []
            local.create("secrets", "site", data={"k": base64.b64encode(b"content").decode()})
            await local.until_logged("a", "content")

    asyncio.run(run())


def test_a_restarted_container_finds_a_new_root_and_its_old_volumes() -> None:
    async def run() -> None:
        async with local_node() as local:
            script = "echo run; ls -A $HOME/keep; touch mine $HOME/keep/ours; cd $HOME; ls; exit 1"
            mounts = [{"name": "keep", "mountPath": "/keep"}]
            container = {"image": "shell", "args": [f"cd $HOME; {script}"], "volumeMounts": mounts}
            local.create_pod(
                "a",
                container,
                volumes=[{"name": "keep", "emptyDir": {}}],
                annotations={"signalbox.dev/command": "sh -c"},
            )
            await local.until(lambda: local.status("a").get("restartCount") == 1)
            await local.until(lambda: local.state("a") == ("waiting", "CrashLoopBackOff"))
            assert "ours" in (await local.log("a")).splitlines()
            assert (await local.log("a", previous=True)).splitlines() == ["run", "keep", "mine", "tmp", "var"]
            assert not Path("mine").exists()

    asyncio.run(run())
