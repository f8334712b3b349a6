"""Rules of built-in kinds that join several fields, or an object and its predecessor; no schema can say them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.embedded.apiserver.errors import Cause
from harness.embedded.apiserver.kinds import BUILTIN, Kind
from harness.embedded.apiserver.objects import Obj, clone, dig, name_of, same, shown
from harness.embedded.apiserver.refusals import refusal_findings
from harness.embedded.apiserver.rules import syntax_findings
from harness.embedded.apiserver.selectors import matches_selector
from harness.embedded.apiserver.validation import schema_error

Rule = Callable[[Obj, Obj | None], Iterator[Cause]]


def semantic_findings(kind: Kind, obj: Obj, old: Obj | None) -> list[Cause]:
    """What is wrong with an object whose schema is satisfied."""
    broken = [cause for rule in _RULES.get(kind.key, ()) for cause in rule(obj, old)]
    return [*broken, *refusal_findings(kind.key, obj)]


def _immutable(*path: str) -> Rule:
    def rule(obj: Obj, old: Obj | None) -> Iterator[Cause]:
        if old is not None and not same(dig(old, *path), dig(obj, *path)):
            yield Cause("FieldValueInvalid", "Invalid value: field is immutable", ".".join(path))

    return rule


def _selector_matches_template(obj: Obj, _old: Obj | None) -> Iterator[Cause]:
    selector = dig(obj, "spec", "selector")
    labels: Mapping[str, str] = dig(obj, "spec", "template", "metadata", "labels") or {}
    if not (selector.get("matchLabels") or selector.get("matchExpressions")):
        said = "Invalid value: empty selector is invalid for a workload"
        yield Cause("FieldValueInvalid", said, "spec.selector")
    elif not matches_selector(selector, labels):
        said = f"Invalid value: {shown(labels)}: `selector` does not match template `labels`"
        yield Cause("FieldValueInvalid", said, "spec.template.metadata.labels")


def _restarts(*allowed: str) -> Rule:
    def rule(obj: Obj, _old: Obj | None) -> Iterator[Cause]:
        policy = dig(obj, "spec", "template", "spec", "restartPolicy")
        if policy not in allowed:
            said = f"Unsupported value: {shown(policy)}: supported values: {', '.join(map(shown, allowed))}"
            yield Cause("FieldValueNotSupported", said, "spec.template.spec.restartPolicy")

    return rule


def _strategy_fits(obj: Obj, _old: Obj | None) -> Iterator[Cause]:
    strategy = obj["spec"]["strategy"]
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate" and rolling is not None:
        said = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        yield Cause("FieldValueForbidden", said, "spec.strategy.rollingUpdate")
    if strategy["type"] == "RollingUpdate" and rolling is not None:
        yield from _rolling_update_moves(rolling)


def _rolling_update_moves(rolling: Mapping[str, Any]) -> Iterator[Cause]:
    for name in ("maxSurge", "maxUnavailable"):
        value = rolling.get(name)
        if isinstance(value, str) and not (value.endswith("%") and value[:-1].isdigit()):
            said = f'Invalid value: "{value}": must be an integer or a percentage like 25%'
            yield Cause("FieldValueInvalid", said, f"spec.strategy.rollingUpdate.{name}")
    if all(rolling.get(name) in (0, "0%") for name in ("maxSurge", "maxUnavailable")):
        said = "Invalid value: 0: may not be 0 when `maxSurge` is 0"
        yield Cause("FieldValueInvalid", said, "spec.strategy.rollingUpdate.maxUnavailable")


def _ports_are_told_apart(obj: Obj, _old: Obj | None) -> Iterator[Cause]:
    spec = obj["spec"]
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield Cause("FieldValueRequired", "Required value", "spec.ports")
    names = [port.get("name") for port in ports]
    for index, name in enumerate(names):
        if len(ports) > 1 and not name:
            yield Cause("FieldValueRequired", "Required value", f"spec.ports[{index}].name")
        elif name and name in names[:index]:
            yield Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"spec.ports[{index}].name")


def _cluster_ip_stays(obj: Obj, old: Obj | None) -> Iterator[Cause]:
    before = dig(old, "spec", "clusterIP")
    after = obj["spec"].get("clusterIP")
    if before and before != after and obj["spec"]["type"] != "ExternalName":
        yield Cause("FieldValueInvalid", f'Invalid value: "{after}": may not change once set', "spec.clusterIPs[0]")


def _probes_have_one_way(obj: Obj, _old: Obj | None) -> Iterator[Cause]:
    path = "spec" if "containers" in obj["spec"] else "spec.template.spec"
    spec = obj["spec"] if path == "spec" else obj["spec"]["template"]["spec"]
    for index, container in enumerate(spec.get("containers") or ()):
        for name in ("livenessProbe", "readinessProbe", "startupProbe"):
            ways = {"httpGet", "tcpSocket", "exec", "grpc"} & set(container.get(name) or ())
            if name in container and len(ways) != 1:
                said = "Required value: must specify exactly one handler type"
                yield Cause("FieldValueRequired", said, f"{path}.containers[{index}].{name}")


def _volumes_exist(obj: Obj, _old: Obj | None) -> Iterator[Cause]:
    path = "spec" if "containers" in obj["spec"] else "spec.template.spec"
    spec = obj["spec"] if path == "spec" else obj["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    for index, container in enumerate(spec.get("containers") or ()):
        for number, mount in enumerate(container.get("volumeMounts") or ()):
            if mount["name"] not in volumes:
                field = f"{path}.containers[{index}].volumeMounts[{number}].name"
                yield Cause("FieldValueNotFound", f'Not found: "{mount["name"]}"', field)


def _only_images_change(obj: Obj, old: Obj | None) -> Iterator[Cause]:
    if old is not None and not same(_without_images(old["spec"]), _without_images(obj["spec"])):
        said = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
            "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.terminationGracePeriodSeconds`, "
            "`spec.tolerations` (only additions)"
        )
        yield Cause("FieldValueForbidden", said, "spec")


def _without_images(spec: Obj) -> Obj:
    bare = clone(spec)
    for name in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"):
        bare.pop(name, None)
    for container in [*bare.get("containers", ()), *bare.get("initContainers", ())]:
        container.pop("image", None)
    return bare


def _immutable_data(obj: Obj, old: Obj | None) -> Iterator[Cause]:
    if old is None or not old.get("immutable"):
        return
    for name in ("data", "binaryData", "immutable"):
        if old.get(name) != obj.get(name):
            yield Cause("FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", name)


def _schemas_compile(obj: Obj, _old: Obj | None) -> Iterator[Cause]:
    for index, version in enumerate(obj["spec"]["versions"]):
        schema, field = (version.get("schema") or {}).get("openAPIV3Schema"), f"spec.versions[{index}].schema"
        if schema is not None and (why := schema_error(schema)):
            yield Cause("FieldValueInvalid", f"Invalid value: {why}", f"{field}.openAPIV3Schema")
        yield from syntax_findings(schema, f"{field}.openAPIV3Schema")


def _versions_are_served(obj: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = obj["spec"]
    stored = [version["name"] for version in spec["versions"] if version["storage"]]
    if len(stored) != 1:
        said = f"Invalid value: {shown(stored)}: must have exactly one version marked as storage version"
        yield Cause("FieldValueInvalid", said, "spec.versions")
    names = [version["name"] for version in spec["versions"]]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"spec.versions[{index}].name")
    wanted = f"{spec['names']['plural']}.{spec['group']}"
    if name_of(obj) != wanted:
        said = f'Invalid value: "{name_of(obj)}": must be spec.names.plural+"."+spec.group'
        yield Cause("FieldValueInvalid", said, "metadata.name")
    if "." not in spec["group"]:
        said = f"Invalid value: {shown(spec['group'])}: should be a domain with at least one dot"
        yield Cause("FieldValueInvalid", said, "spec.group")
    elif any(kind.key == wanted for kind in BUILTIN):
        yield Cause("FieldValueForbidden", f"Forbidden: {wanted} is built in", "metadata.name")
    for path in (("spec", "scope"), ("spec", "group"), ("spec", "names", "plural"), ("spec", "names", "kind")):
        yield from _immutable(*path)(obj, old)


_POD_RULES: tuple[Rule, ...] = (_probes_have_one_way, _volumes_exist)
_RULES: Mapping[str, tuple[Rule, ...]] = {
    "pods": (*_POD_RULES, _only_images_change),
    "customresourcedefinitions.apiextensions.k8s.io": (_versions_are_served, _schemas_compile),
    "services": (_ports_are_told_apart, _cluster_ip_stays),
    "configmaps": (_immutable_data,),
    "secrets": (_immutable_data, _immutable("type")),
    "deployments.apps": (
        *_POD_RULES, _selector_matches_template, _restarts("Always"), _strategy_fits, _immutable("spec", "selector"),
    ),
    "replicasets.apps": (*_POD_RULES, _selector_matches_template, _restarts("Always"), _immutable("spec", "selector")),
    "jobs.batch": (
        *_POD_RULES, _restarts("OnFailure", "Never"), _immutable("spec", "template"), _immutable("spec", "selector"),
    ),
}  # fmt: skip
