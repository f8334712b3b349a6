"""Volumes as directories under the run dir, and a root per container in which its mount paths are links to them.

<pod dir>/volumes/<volume>/…        shared by the pod's containers
<pod dir>/<container>/root/…        SIGNALBOX_ROOT; new at every start, like a container's own layer
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.embedded.node.api_access import SERVICE_ACCOUNT_DIR
from harness.embedded.node.environment import (
    ConfigError,
    Find,
    Place,
    binary_data,
    container_resource,
    missing,
    pod_field,
)

Obj = dict[str, Any]
_FROM_OBJECTS = {"configMap": "configmaps", "secret": "secrets"}


def volume_files(pod: Obj, volume: Obj, *, find: Find, place: Place) -> dict[str, bytes] | None:
    """Relative path -> content of a volume made from objects, None for an emptyDir; raises ConfigError."""
    if "emptyDir" in volume:
        return None
    if "projected" in volume:
        files: dict[str, bytes] = {}
        for source in volume["projected"].get("sources") or ():
            files |= _source_files(pod, source, find=find, place=place)
        return files
    return _source_files(pod, volume, find=find, place=place)


def write_volume(directory: Path, files: Mapping[str, bytes] | None) -> None:
    """Make a volume's directory hold exactly these files; each is replaced in one step, so no reader sees a half."""
    directory.mkdir(parents=True, exist_ok=True)
    if files is None:
        return
    for path, content in files.items():
        file = _inside(directory, path)
        if not file.is_file() or file.read_bytes() != content:
            _replace(file, content)
    for present in [path for path in directory.rglob("*") if path.is_file()]:
        if str(present.relative_to(directory)) not in files:
            present.unlink()


def make_root(root: Path, container: Obj, volumes: Path, service_account: Mapping[str, bytes]) -> None:
    """A new, empty root for one start of a container with its mounts in place; raises ConfigError.

    service_account  what is mounted at SERVICE_ACCOUNT_DIR unless the container mounts something else there
    """
    shutil.rmtree(root, ignore_errors=True)
    (root / "tmp").mkdir(parents=True)
    mounts = container.get("volumeMounts") or ()
    if all(mount["mountPath"] != SERVICE_ACCOUNT_DIR for mount in mounts):
        for name, content in service_account.items():
            _replace(root / SERVICE_ACCOUNT_DIR.lstrip("/") / name, content)
    for mount in sorted(mounts, key=lambda mount: len(mount["mountPath"])):
        target = _inside(volumes / mount["name"], mount.get("subPath") or "")
        if not target.exists():  # a subPath that no file of the volume has is a new directory in it
            target.mkdir(parents=True)
        link = _inside(root, mount["mountPath"].strip("/"))
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        link.symlink_to(target)


def _inside(directory: Path, path: str) -> Path:
    """`path` below `directory`; raises ConfigError if it leads out of it."""
    if path.startswith("/") or ".." in Path(path).parts:
        raise ConfigError(f"path '{path}' leads out of its volume")
    return directory / path


def _source_files(pod: Obj, source: Obj, *, find: Find, place: Place) -> dict[str, bytes]:
    for field, kind in _FROM_OBJECTS.items():
        if field in source:
            return _object_files(kind, source[field], find)
    if "downwardAPI" in source:
        return _downward_files(pod, source["downwardAPI"], place)
    if "serviceAccountToken" in source:
        return {source["serviceAccountToken"]["path"]: place.api.token_of(pod) if place.api else b""}
    name = source.get("name", "")
    raise ConfigError(f'volume "{name}" has a type that the embedded cluster does not offer: {json.dumps(source)}')


def _object_files(kind: str, reference: Obj, find: Find) -> dict[str, bytes]:
    name = reference.get("name") or reference.get("secretName") or ""
    optional = bool(reference.get("optional"))
    found = find(kind, name)
    if found is None:
        if optional:
            return {}
        raise missing(kind, name)
    data = binary_data(kind, found)
    items = reference.get("items")
    if not items:
        return data
    absent = [item["key"] for item in items if item["key"] not in data]
    if absent and not optional:
        raise ConfigError(f"{kind.removesuffix('s')} references non-existent config key: {absent[0]}")
    return {item["path"]: data[item["key"]] for item in items if item["key"] in data}


def _downward_files(pod: Obj, downward: Obj, place: Place) -> dict[str, bytes]:
    files = {}
    for item in downward.get("items") or ():
        if "fieldRef" in item:
            value = pod_field(pod, item["fieldRef"]["fieldPath"], place)
        else:
            reference = item["resourceFieldRef"]
            containers = {container["name"]: container for container in pod["spec"]["containers"]}
            value = container_resource(containers.get(reference.get("containerName"), {}), reference)
        files[item["path"]] = value.encode()
    return files


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
