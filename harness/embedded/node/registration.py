"""The Node object under which this machine shows itself in the cluster; pure."""

from __future__ import annotations

import os
import platform
from datetime import datetime
from typing import Any

from harness.embedded.apiserver.definitions import GIT_VERSION
from harness.embedded.node.status import kubernetes_time

Obj = dict[str, Any]
_MAX_PODS = "110"  # a kubelet's default; nothing enforces it here


def node_object(name: str, address: str, now: datetime) -> Obj:
    """A ready node of this machine's size."""
    resources = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 1024}Ki",
        "pods": _MAX_PODS,
    }
    system = platform.uname()
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": _arch()},
        },
        "spec": {},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "conditions": [_ready(kubernetes_time(now))],
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "nodeInfo": {
                "architecture": _arch(),
                "bootID": "",
                "containerRuntimeVersion": "signalbox://local-processes",
                "kernelVersion": system.release,
                "kubeProxyVersion": "",
                "kubeletVersion": GIT_VERSION,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": system.system,
                "systemUUID": "",
            },
        },
    }


def _ready(now: str) -> Obj:
    return {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "the embedded node runs pods as local processes",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }


def _arch() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
