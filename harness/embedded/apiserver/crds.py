"""Custom kinds: a CustomResourceDefinition in the store is a kind that is served.

A cluster creates the mesh's definitions (`harness/embedded/crds/`) when it starts; users may create more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.objects import Obj, is_condition_true, name_of, namespace_of, timestamp
from harness.embedded.apiserver.store import Event

CRD_KEY = "customresourcedefinitions.apiextensions.k8s.io"
_ANY_SCHEMA: Mapping[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def serve_custom_kinds(api: Api) -> None:
    """From now on serve what the CustomResourceDefinitions in the store define."""

    def follow(event: Event) -> None:
        if event.type == "DELETED":
            _withdraw(api, kind_of(event.obj))
        else:
            _serve(api, event.obj)

    api.store.subscribe([CRD_KEY], follow)


def kind_of(definition: Obj) -> Kind:
    """The line of the table of kinds that a CustomResourceDefinition stands for."""
    spec, names = definition["spec"], definition["spec"]["names"]
    versions = [version for version in spec["versions"] if version.get("served")]
    storage = next(version for version in spec["versions"] if version.get("storage"))
    subresources: Mapping[str, Any] = storage.get("subresources") or {}
    scale = subresources.get("scale") or {}
    paths = (scale.get(name, "") for name in ("specReplicasPath", "statusReplicasPath", "labelSelectorPath"))
    return Kind(
        spec["group"],
        storage["name"],
        names["plural"],
        names["kind"],
        spec["scope"] == "Namespaced",
        tuple(names.get("shortNames") or ()),
        tuple(name for name in ("status", "scale") if name in subresources),
        tuple(names.get("categories") or ()),
        served=tuple(sorted((version["name"] for version in versions), key=_priority)),
        custom=True,
        generation=True,
        list_kind=names["listKind"],
        singular=names["singular"],
        paths_to_scale=tuple(path.removeprefix(".") for path in paths),
    )


def _priority(version: str) -> tuple[int, int, int]:
    # v2 before v1 before v1beta2 before v1beta1 before v1alpha1, as Kubernetes orders served versions
    for stage, word in enumerate(("beta", "alpha"), start=1):
        major, found, minor = version.removeprefix("v").partition(word)
        if found and major.isdigit() and minor.isdigit():
            return stage, -int(major), -int(minor)
    major = version.removeprefix("v")
    return (0, -int(major), 0) if major.isdigit() else (3, 0, 0)


def _serve(api: Api, definition: Obj) -> None:
    kind = kind_of(definition)
    for version in definition["spec"]["versions"]:
        structural = (version.get("schema") or {}).get("openAPIV3Schema") or _ANY_SCHEMA
        api.schemas.register(kind, version["name"], structural, version.get("additionalPrinterColumns") or ())
    api.kinds.add(kind)
    if not is_condition_true(definition, "Established"):
        api.update_status(CRD_KEY, {**definition, "status": _established(definition, kind)})


def _withdraw(api: Api, kind: Kind) -> None:
    for obj in api.store.list(kind.key):
        api.store.remove(kind, namespace_of(obj), name_of(obj))
    api.kinds.remove(kind.key)


def _established(definition: Obj, kind: Kind) -> Obj:
    reasons = {
        "NamesAccepted": ("NoConflicts", "no conflicts found"),
        "Established": ("InitialNamesAccepted", "the initial names have been accepted"),
    }
    conditions = [
        {"type": type_, "status": "True", "reason": reason, "message": said, "lastTransitionTime": timestamp()}
        for type_, (reason, said) in reasons.items()
    ]
    names = definition["spec"]["names"]
    return {"acceptedNames": names, "conditions": conditions, "storedVersions": [kind.version]}
