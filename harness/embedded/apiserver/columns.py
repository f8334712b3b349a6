"""What `kubectl get` shows of each kind: the columns of a Table and how their cells are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.objects import Obj, condition, dig, is_deleting, name_of

Cell = Callable[[Obj], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `wide` ones are shown by `-o wide` only."""

    name: str
    cell: Cell
    type: str = "string"
    wide: bool = False

    def definition(self) -> Obj:
        """The entry of columnDefinitions."""
        return {
            "name": self.name,
            "type": self.type,
            "format": "name" if self.name == "Name" else "",
            "description": "",
            "priority": int(self.wide),
        }


def human_age(text: str | None, now: datetime | None = None) -> str:
    """How long ago a moment was, as short as Kubernetes writes it: 5s, 3m20s, 4h5m, 3d."""
    if not text:
        return "<unknown>"
    seconds = max(int(((now or datetime.now(UTC)) - datetime.fromisoformat(text)).total_seconds()), 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _pair(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 2 * 365:
        return f"{days}d"
    return _pair(days // 365, "y", days % 365, "d") if days < 8 * 365 else f"{days // 365}y"


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def columns_of(kind: Kind, printed: Sequence[Mapping[str, Any]] = ()) -> Sequence[Column]:
    """The columns of a kind.

    printed  additionalPrinterColumns of a custom kind's version
    """
    if kind.custom:
        return (_NAME, *map(_printed, printed)) if printed else (_NAME, _AGE)
    return _COLUMNS.get(kind.key, (_NAME, _AGE))


def _at(*path: str, missing: Any = "<none>") -> Cell:
    def cell(obj: Obj) -> Any:
        value = dig(obj, *path)
        return missing if value is None or value == "" else value

    return cell


def _age(obj: Obj) -> str:
    return human_age(dig(obj, "metadata", "creationTimestamp"))


_NAME = Column("Name", name_of)
_AGE = Column("Age", _age)


def _number(name: str, *path: str, missing: int = 0) -> Column:
    return Column(name, _at(*path, missing=missing), "integer")


def _containers(path: tuple[str, ...]) -> tuple[Column, Column]:
    def joined(field: str) -> Cell:
        return lambda obj: ",".join(str(entry.get(field, "")) for entry in dig(obj, *path) or ())

    return Column("Containers", joined("name"), wide=True), Column("Images", joined("image"), wide=True)


def _labels(*path: str) -> Cell:
    def cell(obj: Obj) -> str:
        found = dig(obj, *path) or {}
        labels = found.get("matchLabels", {}) if {"matchLabels", "matchExpressions"} & set(found) else found
        return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>"

    return cell


def _pod_ready(pod: Obj) -> str:
    statuses = dig(pod, "status", "containerStatuses") or ()
    return f"{sum(bool(status.get('ready')) for status in statuses)}/{len(pod['spec']['containers'])}"


def _pod_restarts(pod: Obj) -> str:
    return str(sum(status.get("restartCount", 0) for status in dig(pod, "status", "containerStatuses") or ()))


def _pod_status(pod: Obj) -> str:
    if is_deleting(pod):
        return "Terminating"
    starting = _init_status(pod)
    if starting:
        return starting
    shown = str(dig(pod, "status", "reason") or dig(pod, "status", "phase") or "Unknown")
    statuses: list[Obj] = dig(pod, "status", "containerStatuses") or []
    for status in reversed(statuses):
        shown = _held_up(status) or shown
    if shown == "Completed" and any(dig(status, "state", "running") for status in statuses):
        return "Running"
    return shown


def _init_status(pod: Obj) -> str:
    statuses: list[Obj] = dig(pod, "status", "initContainerStatuses") or []
    for index, status in enumerate(statuses):
        if dig(status, "state", "terminated", "exitCode") == 0:
            continue
        why = _held_up(status)
        return f"Init:{why}" if why not in ("", "PodInitializing") else f"Init:{index}/{len(statuses)}"
    return ""


def _held_up(status: Obj) -> str:
    waiting, ended = dig(status, "state", "waiting"), dig(status, "state", "terminated")
    if waiting:
        return str(waiting.get("reason") or "")
    return str(ended.get("reason") or f"ExitCode:{ended.get('exitCode')}") if ended else ""


def _deployment_ready(obj: Obj) -> str:
    return f"{dig(obj, 'status', 'readyReplicas') or 0}/{obj['spec']['replicas']}"


def _service_ports(service: Obj) -> str:
    def text(port: Obj) -> str:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"

    return ",".join(map(text, service["spec"].get("ports") or ())) or "<none>"


def _external_ip(service: Obj) -> str:
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName"))
    given = _addresses(service)
    return given or ("<pending>" if spec.get("type") == "LoadBalancer" else "<none>")


def _addresses(obj: Obj) -> str:
    entries = dig(obj, "status", "loadBalancer", "ingress") or ()
    return ",".join(str(entry.get("ip") or entry.get("hostname")) for entry in entries)


def _endpoints(obj: Obj) -> str:
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for port in subset.get("ports") or ()
    ]
    return _first_three(found) or "<none>"


def _first_three(found: list[str]) -> str:
    return ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")


def _slice_endpoints(obj: Obj) -> str:
    found = [address for endpoint in obj.get("endpoints") or () for address in endpoint["addresses"]]
    return _first_three(found) or "<unset>"


def _node_status(node: Obj) -> str:
    ready = condition(node, "Ready") or {}
    shown = {"True": "Ready", "False": "NotReady"}.get(str(ready.get("status")), "Unknown")
    return shown + ",SchedulingDisabled" * bool(dig(node, "spec", "unschedulable"))


def _node_roles(node: Obj) -> str:
    prefix = "node-role.kubernetes.io/"
    labels: Mapping[str, str] = node["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or "<none>"


def _internal_ip(node: Obj) -> str:
    addresses = dig(node, "status", "addresses") or ()
    return next((str(entry["address"]) for entry in addresses if entry["type"] == "InternalIP"), "<none>")


def _node_info(name: str, field: str) -> Column:
    return Column(name, _at("status", "nodeInfo", field, missing="<unknown>"), wide=True)


def _job_status(job: Obj) -> str:
    holding = (str(entry["type"]) for entry in dig(job, "status", "conditions") or () if entry["status"] == "True")
    return next((state for state in holding if state in ("Complete", "Failed", "Suspended")), "Running")


def _job_duration(job: Obj) -> str:
    start, end = dig(job, "status", "startTime"), dig(job, "status", "completionTime")
    return human_age(start, datetime.fromisoformat(end) if end else None) if start else ""


def _hosts(ingress: Obj) -> str:
    return ",".join(rule.get("host") or "*" for rule in dig(ingress, "spec", "rules") or ()) or "*"


def _count(*fields: str) -> Cell:
    return lambda obj: sum(len(obj.get(field) or ()) for field in fields)


def _event_object(event: Obj) -> str:
    about = event.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def _since(*paths: tuple[str, ...]) -> Cell:
    return lambda obj: human_age(next(filter(None, (dig(obj, *path) for path in paths)), None))


_TEMPLATE = ("spec", "template", "spec", "containers")
_SELECTOR = Column("Selector", _labels("spec", "selector"), wide=True)
_SEEN = _since(("lastTimestamp",), ("eventTime",), ("metadata", "creationTimestamp"))
_COLUMNS: Mapping[str, Sequence[Column]] = {
    "pods": (
        _NAME,
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _pod_restarts),
        _AGE,
        Column("IP", _at("status", "podIP"), wide=True),
        Column("Node", _at("spec", "nodeName"), wide=True),
        Column("Nominated Node", _at("status", "nominatedNodeName"), wide=True),
        Column("Readiness Gates", lambda pod: "<none>", wide=True),
    ),
    "deployments.apps": (
        _NAME,
        Column("Ready", _deployment_ready),
        _number("Up-to-date", "status", "updatedReplicas"),
        _number("Available", "status", "availableReplicas"),
        _AGE,
        *_containers(_TEMPLATE),
        _SELECTOR,
    ),
    "replicasets.apps": (
        _NAME,
        _number("Desired", "spec", "replicas", missing=1),
        _number("Current", "status", "replicas"),
        _number("Ready", "status", "readyReplicas"),
        _AGE,
        *_containers(_TEMPLATE),
        _SELECTOR,
    ),
    "jobs.batch": (
        _NAME,
        Column("Status", _job_status),
        Column(
            "Completions",
            lambda job: f"{dig(job, 'status', 'succeeded') or 0}/{dig(job, 'spec', 'completions') or 1}",
        ),
        Column("Duration", _job_duration),
        _AGE,
        *_containers(_TEMPLATE),
        _SELECTOR,
    ),
    "services": (
        _NAME,
        Column("Type", _at("spec", "type")),
        Column("Cluster-IP", _at("spec", "clusterIP")),
        Column("External-IP", _external_ip),
        Column("Port(s)", _service_ports),
        _AGE,
        _SELECTOR,
    ),
    "endpoints": (_NAME, Column("Endpoints", _endpoints), _AGE),
    "endpointslices.discovery.k8s.io": (
        _NAME,
        Column("AddressType", _at("addressType")),
        Column("Ports", lambda obj: ",".join(str(port.get("port")) for port in obj.get("ports") or ()) or "<unset>"),
        Column("Endpoints", _slice_endpoints),
        _AGE,
    ),
    "configmaps": (_NAME, Column("Data", _count("data", "binaryData"), "integer"), _AGE),
    "secrets": (_NAME, Column("Type", _at("type")), Column("Data", _count("data"), "integer"), _AGE),
    "serviceaccounts": (_NAME, Column("Secrets", _count("secrets"), "integer"), _AGE),
    "namespaces": (_NAME, Column("Status", _at("status", "phase")), _AGE),
    "nodes": (
        _NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        _AGE,
        Column("Version", _at("status", "nodeInfo", "kubeletVersion")),
        Column("Internal-IP", _internal_ip, wide=True),
        _node_info("OS-Image", "osImage"),
        _node_info("Kernel-Version", "kernelVersion"),
        _node_info("Container-Runtime", "containerRuntimeVersion"),
    ),
    "ingresses.networking.k8s.io": (
        _NAME,
        Column("Class", _at("spec", "ingressClassName")),
        Column("Hosts", _hosts),
        Column("Address", _addresses),
        Column("Ports", lambda obj: "80, 443" if dig(obj, "spec", "tls") else "80"),
        _AGE,
    ),
    "events": (
        Column("Last Seen", _SEEN),
        Column("Type", _at("type", missing="")),
        Column("Reason", _at("reason", missing="")),
        Column("Object", _event_object),
        Column("Subobject", _at("involvedObject", "fieldPath", missing=""), wide=True),
        Column("Source", _at("source", "component", missing=""), wide=True),
        Column("Message", lambda event: str(event.get("message") or "").strip()),
        Column("First Seen", _since(("firstTimestamp",), ("metadata", "creationTimestamp")), wide=True),
        Column("Count", _at("count", missing=1), "integer", wide=True),
        Column("Name", name_of, wide=True),
    ),
    "customresourcedefinitions.apiextensions.k8s.io": (
        _NAME,
        Column("Created At", _at("metadata", "creationTimestamp"), "date"),
    ),
}

_STEP = re.compile(r"\.(?P<field>(?:[A-Za-z0-9_$/-]|\\\.)+)|\[(?P<index>\d+|\*|'[^']*'|\"[^\"]*\"|\?\([^\]]*\))\]")
_FILTER = re.compile(r"\?\(\s*@\.(?P<path>[\w.]+)\s*==\s*[\"'](?P<value>[^\"']*)[\"']\s*\)")


def _printed(column: Mapping[str, Any]) -> Column:
    kind, path = column.get("type", "string"), column.get("jsonPath", "")

    def cell(obj: Obj) -> Any:
        found = json_path(obj, path)
        if not found:
            return None
        if kind == "date":
            return human_age(found[0]) if isinstance(found[0], str) else None
        if kind == "string" and not isinstance(found[0], str):
            return orjson.dumps(found[0]).decode()
        return found[0]

    return Column(column["name"], cell, kind, wide=bool(column.get("priority")))


def json_path(obj: Any, path: str) -> list[Any]:
    """What a printer column's path finds: fields, indices, `[*]` and `[?(@.type=="Ready")]`, nothing more."""
    found = [obj]
    place = 0
    while place < len(path):
        step = _STEP.match(path, place)
        if step is None:
            return []
        found = [value for one in found for value in _step(one, step)]
        place = step.end()
    return found


def _step(value: Any, step: re.Match[str]) -> Iterable[Any]:
    field, index = step["field"], step["index"]
    if field is None and index[0] in "'\"":
        field = index[1:-1]
    if field is not None:
        name = field.replace("\\.", ".")
        return [value[name]] if isinstance(value, Mapping) and name in value else []
    if not isinstance(value, list):
        return list(value.values()) if index == "*" and isinstance(value, Mapping) else []
    if index == "*":
        return value
    if index.isdigit():
        return value[int(index) : int(index) + 1]
    wanted = _FILTER.fullmatch(index)
    return [one for one in value if wanted and str(dig(one, *wanted["path"].split("."))) == wanted["value"]]
