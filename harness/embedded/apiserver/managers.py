"""Who manages which fields: metadata.managedFields, kept current by every write of a client.

Writes of the cluster's own controllers are not counted; what they set belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from harness.embedded.apiserver.fieldsets import Path, decode, encode, fields_of
from harness.embedded.apiserver.objects import Obj, same, timestamp
from harness.embedded.apiserver.schema import Node

MOST_UPDATERS = 10
"""Managers by update of one object; older ones count as one, so that no client makes an object grow by names."""
_ANCIENT = "ancient-changes"
_METADATA = (
    *("name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"),
    *("deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"),
)
_UNMANAGED = frozenset({("f:apiVersion",), ("f:kind",), *(("f:metadata", f"f:{name}") for name in _METADATA)})


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes how: one entry of managedFields.

    operation    "Apply" or "Update"
    subresource  "" for the object itself
    """

    manager: str
    operation: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """What one writer manages."""

    paths: frozenset[Path]
    api_version: str
    time: str


Shares = dict[Writer, Share]


def managed_fields(node: Node, obj: Obj | None) -> dict[Path, Any]:
    """The fields of an object that somebody can manage."""
    if obj is None:
        return {}
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name != "managedFields"}
    found = fields_of(node, {**obj, "metadata": metadata})
    return {path: value for path, value in found.items() if path not in _UNMANAGED}


def shares_of(entries: Any) -> Shares:
    """The shares in metadata.managedFields; entries that cannot be read count for nothing."""
    found: Shares = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and (paths := decode(entry.get("fieldsV1"))):
            names = (str(entry.get(name) or "") for name in ("manager", "operation", "subresource"))
            share = Share(frozenset(paths), str(entry.get("apiVersion") or ""), str(entry.get("time") or ""))
            found[Writer(*names)] = share
    return found


def write_shares(obj: Obj, shares: Shares) -> None:
    """Put the shares into an object's metadata."""
    entries = [_entry(writer, share) for writer, share in shares.items() if share.paths]
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def _entry(writer: Writer, share: Share) -> Obj:
    entry = {
        "manager": writer.manager,
        "operation": writer.operation,
        "apiVersion": share.api_version,
        "time": share.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": encode(share.paths),
    }
    return {**entry, "subresource": writer.subresource} if writer.subresource else entry


def record_update(node: Node, old: Obj | None, new: Obj, writer: Writer, api_version: str) -> None:
    """After a create, update or patch: the writer manages what it changed, and nobody else does any more."""
    entries = new["metadata"].get("managedFields")
    if entries and (old is None or not same(entries, old["metadata"].get("managedFields"))):
        write_shares(new, shares_of(entries))  # the client changed them itself
    was, now = _apart(old or {"metadata": {}}, new)
    before, after = managed_fields(node, was), managed_fields(node, now)
    changed = changed_paths(before, after)
    gone = before.keys() - after.keys()
    if not changed and not gone:
        return
    shares = without(shares_of(new["metadata"].get("managedFields")), changed | gone, keep=writer, gone=gone)
    mine = shares.get(writer, Share(frozenset(), api_version, ""))
    if changed:
        shares[writer] = Share(mine.paths | changed, api_version, timestamp())
    write_shares(new, _with_few_updaters(shares))


def _apart(old: Any, new: Any) -> tuple[Any, Any]:
    """Both without what is the same in both: most of an object is, and need not be walked."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return old, new
    kept = {name for name in old.keys() & new.keys() if same(old[name], new[name])}
    was, now = ({name: value for name, value in obj.items() if name not in kept} for obj in (old, new))
    if not was or not now:
        return old, new  # an empty object would be a field with a value of its own
    for name in was.keys() & now.keys():
        was[name], now[name] = _apart(was[name], now[name])
    return was, now


def _with_few_updaters(shares: Shares) -> Shares:
    updaters = [w for w, share in shares.items() if w.operation == "Update" and w.manager != _ANCIENT and share.paths]
    if len(updaters) <= MOST_UPDATERS:
        return shares
    old = updaters[:-MOST_UPDATERS]
    merged: Shares = {}
    for writer in (*(w for w in shares if w.manager == _ANCIENT), *old):
        share, ancient = shares[writer], replace(writer, manager=_ANCIENT)
        known = merged.get(ancient, Share(frozenset(), share.api_version, share.time))
        merged[ancient] = replace(share, paths=known.paths | share.paths)
    return {**merged, **{w: share for w, share in shares.items() if w not in old and w.manager != _ANCIENT}}


def record_apply(
    node: Node, old: Obj | None, new: Obj, writer: Writer, paths: Set[Path], taken: Set[Path], api_version: str
) -> None:
    """After an apply: the writer manages exactly `paths`, and nobody else `taken`."""
    existing = managed_fields(node, new)
    shares = without(shares_of(new["metadata"].get("managedFields")), taken, keep=writer)
    shares = {name: replace(share, paths=share.paths & existing.keys()) for name, share in shares.items()}
    mine = frozenset(paths & existing.keys())
    was, before = managed_fields(node, old), shares.get(writer)
    unchanged = was.keys() == existing.keys() and not changed_paths(was, existing)
    time = before.time if before and before.paths == mine and unchanged else timestamp()
    shares[writer] = Share(mine, api_version, time)
    write_shares(new, shares)


def changed_paths(before: Mapping[Path, Any], after: Mapping[Path, Any]) -> set[Path]:
    """The paths that are new or have another value."""
    return {path for path, value in after.items() if path not in before or not same(before[path], value)}


def without(shares: Shares, paths: Iterable[Path], *, keep: Writer, gone: Iterable[Path] = ()) -> Shares:
    """The shares without these paths; `keep` only loses those that are gone."""
    taken, lost = frozenset(paths), frozenset(gone)
    return {
        writer: replace(share, paths=share.paths - (lost if writer == keep else taken))
        for writer, share in shares.items()
    }
