"""From a pod's manifest to what is started: the plan of each container and its command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.embedded.node.api_access import service_account_files
from harness.embedded.node.environment import ConfigError, Find, Place, container_environment, expand_all
from harness.embedded.node.images import Images, UnknownImage
from harness.embedded.node.probes import parse_action, parse_probes
from harness.embedded.node.processes import Order
from harness.embedded.node.runtime import Blocked, Launch, Plan, RestartPolicy
from harness.embedded.node.volumes import make_root, volume_files, write_volume

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """One pod's place on the machine.

    directory    everything of the pod that is a file
    command_cwd  where local commands run, so that their relative paths are those of the person who gave them
    """

    place: Place
    find: Find
    images: Images
    directory: Path
    command_cwd: Path

    @property
    def volumes(self) -> Path:
        return self.directory / "volumes"

    def write_volumes(self, pod: Obj) -> None:
        """Bring all volumes up to date; raises ConfigError if one refers to something that does not exist."""
        for volume in pod["spec"].get("volumes") or ():
            try:
                files = volume_files(pod, volume, find=self.find, place=self.place)
                write_volume(self.volumes / volume["name"], files)
            except ConfigError as error:
                raise ConfigError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from None

    def remove(self) -> None:
        """Forget all files of the pod."""
        shutil.rmtree(self.directory, ignore_errors=True)


def container_plan(name: str, workplace: Workplace, current: Callable[[], Obj], *, init: bool = False) -> Plan:
    """What container `name` of a pod is.

    current  the pod as it is stored now: image and annotations may change while the container waits
    """
    pod = current()
    container = _container(pod, name)
    metadata, spec = pod["metadata"], pod["spec"]
    policy: RestartPolicy = spec.get("restartPolicy") or "Always"
    pod_ip = workplace.place.addresses.pod_ip
    hook = (container.get("lifecycle") or {}).get("preStop")
    return Plan(
        name=name,
        image=container.get("image", ""),
        container_id=f"signalbox://{metadata['uid']}/{name}",
        title=f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})",
        restart_policy="OnFailure" if init and policy == "Always" else policy,
        grace=spec.get("terminationGracePeriodSeconds", 30),
        probes={} if init else parse_probes(container, pod_ip),
        pre_stop=parse_action(hook, container, pod_ip) if hook else None,
        log_on_error=container.get("terminationMessagePolicy") == "FallbackToLogsOnError",
        node_ip=workplace.place.node_ip,
        prepare=lambda: prepare(current(), name, workplace),
    )


def prepare(pod: Obj, name: str, workplace: Workplace) -> Launch:
    """The next start of a container, with a new root for it; raises Blocked with the kubelet's reason."""
    container = _container(pod, name)
    root = workplace.directory / name / "root"
    try:
        account = workplace.find("serviceaccounts", pod["spec"].get("serviceAccountName") or "default")
        files = service_account_files(pod, account, workplace.place.api)
        make_root(root, container, workplace.volumes, files)
        environment = container_environment(pod, container, find=workplace.find, place=workplace.place, root=str(root))
        program = workplace.images.program(
            container.get("image", ""),
            command=container.get("command") or (),
            args=container.get("args") or (),
            annotations=pod["metadata"].get("annotations") or {},
        )
    except ConfigError as error:
        raise Blocked("CreateContainerConfigError", str(error), retry=False) from None
    except UnknownImage as error:
        raise Blocked("ErrImagePull", str(error)) from None
    environment["SIGNALBOX_ECHO_PORTS"] = ",".join(str(port["containerPort"]) for port in container.get("ports") or ())
    argv = expand_all(program.argv, environment)
    title = pod["metadata"]["name"]
    if program.function is not None:
        return Launch(Order(argv, environment, root, title, program.function), program.image_id, program.tools)
    if shutil.which(argv[0], path=environment["PATH"]) is None:
        message = f'exec: "{argv[0]}": executable file not found in $PATH'
        raise Blocked("RunContainerError", f'failed to start container "{name}": {message}')
    return Launch(Order(argv, environment, workplace.command_cwd, title), program.image_id)


def _container(pod: Obj, name: str) -> Obj:
    spec = pod["spec"]
    return next(c for c in (*spec["containers"], *(spec.get("initContainers") or ())) if c["name"] == name)
