"""Volumes as files, and the root in which a container sees them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from harness.embedded.node.api_access import SERVICE_ACCOUNT_DIR
from harness.embedded.node.environment import ConfigError
from harness.embedded.node.volumes import make_root, volume_files, write_volume
from harness.tests.node.test_environment import PLACE

Obj = dict[str, Any]
POD: Obj = {
    "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "x"}},
    "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]},
}
OBJECTS = {
    ("configmaps", "site"): {"data": {"a": "1", "b": "2"}},
    ("secrets", "keys"): {"data": {"k": base64.b64encode(b"\x00\x01").decode()}},
}


def files(volume: Obj) -> dict[str, bytes] | None:
    full = {"name": "v", **volume}
    return volume_files(POD, full, find=lambda kind, name: OBJECTS.get((kind, name)), place=PLACE)


def test_files_of_volumes() -> None:
    assert files({"configMap": {"name": "site"}}) == {"a": b"1", "b": b"2"}
    assert files({"configMap": {"name": "site", "items": [{"key": "a", "path": "x/y"}]}}) == {"x/y": b"1"}
    assert files({"secret": {"secretName": "keys"}}) == {"k": b"\x00\x01"}
    assert files({"configMap": {"name": "none", "optional": True}}) == {}
    assert files({"emptyDir": {}}) is None
    downward = {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}
    assert files({"downwardAPI": downward}) == {"labels": b'app="x"'}
    cpu = {"path": "cpu", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"}}
    sources = [{"configMap": {"name": "site"}}, {"secret": {"name": "keys"}}, {"downwardAPI": {"items": [cpu]}}]
    assert files({"projected": {"sources": sources}}) == {"a": b"1", "b": b"2", "k": b"\x00\x01", "cpu": b"2"}


@pytest.mark.parametrize(
    ("volume", "problem"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"configMap": {"name": "site", "items": [{"key": "z", "path": "z"}]}}, "non-existent config key: z"),
        ({"nfs": {"server": "x", "path": "/"}}, "type that the embedded cluster does not offer"),
    ],
)
def test_volumes_that_cannot_be_made(volume: Obj, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        files(volume)


def test_a_volume_follows_its_object(tmp_path: Path) -> None:
    write_volume(tmp_path / "v", {"a": b"1", "deep/b": b"2"})
    untouched = (tmp_path / "v/a").stat().st_ino
    write_volume(tmp_path / "v", {"a": b"1", "c": b"3"})
    assert sorted(path.name for path in (tmp_path / "v").rglob("*") if path.is_file()) == ["a", "c"]
    assert (tmp_path / "v/a").stat().st_ino == untouched


def test_a_root_has_the_mounts_and_nothing_of_the_run_before(tmp_path: Path) -> None:
    volumes, root = tmp_path / "volumes", tmp_path / "root"
    write_volume(volumes / "conf", {"nginx.conf": b"one"})
    write_volume(volumes / "data", None)
    mounts = [
        {"name": "data", "mountPath": "/var/data/"},
        {"name": "conf", "mountPath": "/etc/nginx/nginx.conf", "subPath": "nginx.conf"},
        {"name": "data", "mountPath": "/other", "subPath": "new"},
    ]
    for _ in range(2):
        make_root(root, {"volumeMounts": mounts}, volumes, {"namespace": b"n"})
        assert not (root / "scratch").exists()
        (root / "scratch").touch()
    assert (root / "etc/nginx/nginx.conf").read_bytes() == b"one"
    (root / "var/data/x").touch()
    assert (volumes / "data/x").exists()
    assert (volumes / "data/new").is_dir()
    assert (root / SERVICE_ACCOUNT_DIR.lstrip("/") / "namespace").read_text() == "n"
    assert (root / "tmp").is_dir()


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leads out of its volume"):
        write_volume(tmp_path / "v", {"../a": b""})
    for mount in ({"name": "v", "mountPath": "/../../etc"}, {"name": "v", "mountPath": "/x", "subPath": "../.."}):
        with pytest.raises(ConfigError, match="leads out of its volume"):
            make_root(tmp_path / "root", {"volumeMounts": [mount]}, tmp_path, {})
