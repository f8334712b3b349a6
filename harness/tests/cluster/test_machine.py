"""What is looked at on this machine before a cluster is made, on both sides of each limit."""

from __future__ import annotations

import socket
from collections import namedtuple
from pathlib import Path

import pytest

from harness.cluster import machine
from harness.cluster.preflight import Check


def program(folder: Path, name: str, says: str) -> None:
    """A command that says one thing, whatever it is asked."""
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(("limit", "holds"), [(8192, False), (65536, True)])
def test_inotify(tmp_path: Path, limit: int, holds: bool) -> None:
    (tmp_path / "max_user_watches").write_text(f"{limit}\n")
    (check,) = machine.inotify_limits(tmp_path)
    assert check.holds is holds
    assert check.remedy == "sudo sysctl fs.inotify.max_user_watches=524288"


@pytest.mark.parametrize(("free", "holds"), [(9e9, False), (11e9, True)])
def test_disk(monkeypatch: pytest.MonkeyPatch, free: float, holds: bool) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(free))
    assert machine.disk_has_room().holds is holds
    assert machine.disk_has_room().remedy == "docker system prune"


def test_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = machine.port_is_free(port)
    assert not taken.holds
    assert f"sport = :{port}" in taken.remedy
    assert machine.port_is_free(port).holds


@pytest.mark.parametrize(
    ("programs", "linkerd", "seen"),
    [
        ({}, "", "✗ helm or linkerd: neither is installed"),
        ({"helm": "v3.19.0+g3d8990f", "linkerd": "edge-1.2.3"}, "stable-2.14.10", "✓ helm 3.8.0 or newer: 3.19.0"),
        ({"helm": "v3.7.2+g663a896"}, "stable-2.14.10", "✗ helm 3.8.0 or newer: 3.7.2"),
        ({"linkerd": "edge-1.2.3"}, "stable-2.14.10", "✗ helm or linkerd: no helm, and linkerd is edge-1.2.3"),
        ({"linkerd": "stable-2.14.10"}, "stable-2.14.10", "✓ helm or linkerd: no helm, and linkerd is stable-2.14.10"),
        ({"linkerd": "edge-1.2.3"}, "", "✓ helm or linkerd: no helm, and linkerd is edge-1.2.3"),
    ],
)
def test_what_installs_linkerd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], linkerd: str, seen: str
) -> None:
    for name, says in programs.items():
        program(tmp_path, name, says)
    monkeypatch.setenv("PATH", str(tmp_path))
    check: Check = machine.mesh_installer(linkerd)
    assert str(check).splitlines()[0] == seen
    assert check.holds or "https://helm.sh" in check.remedy
