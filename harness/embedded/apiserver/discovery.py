"""What is served: versions, groups and resources, in the old and in the aggregated form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.embedded.apiserver.definitions import GIT_VERSION, KUBERNETES
from harness.embedded.apiserver.errors import no_such_resource
from harness.embedded.apiserver.httpd import Request, Response
from harness.embedded.apiserver.kinds import Kind, Kinds
from harness.embedded.apiserver.messages import json_answer
from harness.embedded.apiserver.objects import Obj

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_CORE_FIRST = ("", "apps", "batch")


def version_answer() -> Response:
    """GET /version."""
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    return json_answer(
        {
            "major": major,
            "minor": minor,
            "gitVersion": GIT_VERSION,
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "",
            "compiler": "",
            "platform": "linux/amd64",
        }
    )


def discovery_answer(kinds: Kinds, segments: Sequence[str], request: Request) -> Response:
    """GET /api, /apis, /api/v1, /apis/{group} or /apis/{group}/{version}, given as path segments."""
    match list(segments):
        case ["api" | "apis" as root] if _wants_aggregated(request):
            return json_answer(_aggregated(kinds, core=root == "api"), content_type=_AGGREGATED)
        case ["api"]:
            return json_answer({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        case ["apis"]:
            groups = [_group(kinds, group) for group in _groups(kinds) if group]
            return json_answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        case ["api", version]:
            return _resource_list(kinds, "", version)
        case ["apis", group] if group in _groups(kinds):
            return json_answer({"kind": "APIGroup", "apiVersion": "v1", **_group(kinds, group)})
        case ["apis", group, version]:
            return _resource_list(kinds, group, version)
    raise no_such_resource()


def _wants_aggregated(request: Request) -> bool:
    offers = request.headers.get("accept", "").replace(" ", "").split(",")
    return any("as=APIGroupDiscoveryList" in offer and "v=v2" in offer.split(";") for offer in offers)


def _groups(kinds: Kinds) -> list[str]:
    found = dict.fromkeys(kind.group for kind in kinds)
    return sorted(found, key=lambda group: (group not in _CORE_FIRST, group))


def _versions(kinds: Iterable[Kind], group: str) -> list[str]:
    return list(dict.fromkeys(version for kind in kinds if kind.group == group for version in kind.served))


def _group(kinds: Kinds, group: str) -> Obj:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in _versions(kinds, group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _served(kinds: Kinds, group: str, version: str) -> list[Kind]:
    return [kind for kind in kinds if kind.group == group and version in kind.served]


def _resource_list(kinds: Kinds, group: str, version: str) -> Response:
    served = _served(kinds, group, version)
    if not served:
        raise no_such_resource()
    resources = [entry for kind in served for entry in _resources(kind)]
    group_version = f"{group}/{version}" if group else version
    body = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}
    return json_answer(body)


def _resources(kind: Kind) -> list[Obj]:
    own: Obj = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        **_shared(kind),
    }
    return [own, *(_subresource(kind, name) for name in kind.subresources)]


def _shared(kind: Kind) -> Obj:
    listed = {"verbs": kind.verbs, "shortNames": kind.short_names, "categories": kind.categories}
    return {name: list(values) for name, values in listed.items() if values}


def _subresource(kind: Kind, name: str) -> Obj:
    spoken = kind.subresource(name)
    entry: Obj = {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": spoken.kind,
        "verbs": list(spoken.verbs),
    }
    return {**entry, "group": spoken.group, "version": spoken.version} if spoken.group else entry


def _aggregated(kinds: Kinds, *, core: bool) -> Obj:
    items = [_aggregated_group(kinds, group) for group in _groups(kinds) if (group == "") == core]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _aggregated_group(kinds: Kinds, group: str) -> Obj:
    versions = [
        {
            "version": version,
            "resources": [_aggregated_resource(kind, version) for kind in _served(kinds, group, version)],
            "freshness": "Current",
        }
        for version in _versions(kinds, group)
    ]
    return {"metadata": {"name": group} if group else {}, "versions": versions}


def _aggregated_resource(kind: Kind, version: str) -> Obj:
    entry: Obj = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        **_shared(kind),
    }
    if kind.subresources:
        entry["subresources"] = [_aggregated_subresource(kind, version, name) for name in kind.subresources]
    return entry


def _aggregated_subresource(kind: Kind, version: str, name: str) -> Obj:
    spoken = kind.subresource(name)
    group, spoken_version = (spoken.group, spoken.version) if spoken.group else (kind.group, version)
    response = {"group": group, "version": spoken_version, "kind": spoken.kind}
    return {"subresource": name, "responseKind": response, "verbs": list(spoken.verbs)}
