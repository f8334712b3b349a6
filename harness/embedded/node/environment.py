"""The environment and the command line of a container; pure functions of the pod and what it refers to."""

from __future__ import annotations

import base64
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from harness.embedded.node.addresses import PodAddresses
from harness.embedded.node.api_access import ApiAccess
from harness.embedded.node.processes import RUN_DIR_VARIABLE
from harness.embedded.pods import OUTBOUND_PORT

Obj = dict[str, Any]
Find = Callable[[str, str], Obj | None]
"""Kind key and name -> the object of the pod's namespace: find("configmaps", "settings")."""
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_QUANTITY = re.compile(r"(.*?)([numkMGTPE]|[KMGTPE]i)?")
_FACTORS = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T"), -3)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)},
}


class ConfigError(Exception):
    """A container cannot be created because something it refers to is missing; worded as a kubelet words it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a pod lives: what its containers are told beyond their manifest.

    meshed      its inbound listeners own pod_ip, so processes listen on app_ip
    skip_ports  ports that processes bind on pod_ip all the same, as the annotation lists them ("25,4190-4192")
    api         how processes reach the API server, if it can be reached
    """

    addresses: PodAddresses
    meshed: bool
    skip_ports: str
    node_name: str
    node_ip: str
    run_dir: str
    api: ApiAccess | None = None

    @property
    def bind(self) -> str:
        """The address for ordinary ports."""
        return self.addresses.app_ip if self.meshed else self.addresses.pod_ip


def container_environment(pod: Obj, container: Obj, *, find: Find, place: Place, root: str) -> dict[str, str]:
    """Everything a container's process finds in its environment; raises ConfigError.

    The manifest wins over conventional variables (PATH, http_proxy, …), never over SIGNALBOX_*.
    """
    signalbox = _signalbox_variables(place, root)
    environment = {**_conventional_variables(pod, place, root), **signalbox}
    for source in container.get("envFrom") or ():
        environment.update(_all_keys(source, find))
    for entry in container.get("env") or ():
        value = _value(pod, container, entry, environment, find, place)
        if value is not None:
            environment[entry["name"]] = value
    return {**environment, **signalbox}


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value and $$ by $; an unknown name stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        return "$" if match[1] is None else environment.get(match[1], match[0])

    return _REFERENCE.sub(replacement, text)


def expand_all(words: Iterable[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """`expand` for a command line."""
    return tuple(expand(word, environment) for word in words)


def pod_field(pod: Obj, path: str, place: Place) -> str:
    """The value of a fieldRef; raises ConfigError for a path that Kubernetes does not offer."""
    metadata, spec = pod["metadata"], pod["spec"]
    match = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if match:
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        return "\n".join(f'{key}="{value}"' for key, value in sorted((metadata.get(path[9:]) or {}).items()))
    fields = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": place.node_name,
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": place.addresses.pod_ip,
        "status.podIPs": place.addresses.pod_ip,
        "status.hostIP": place.node_ip,
        "status.hostIPs": place.node_ip,
    }
    if path not in fields:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(fields[path])


def container_resource(container: Obj, reference: Obj) -> str:
    """The value of a resourceFieldRef: in units of its divisor, rounded up; without a limit the machine's size."""
    kind, _, name = reference["resource"].partition(".")
    resources = container.get("resources") or {}
    amount = (resources.get(kind) or {}).get(name)
    if amount is None and kind == "requests":
        return "0"
    value = _machine(name) if amount is None else quantity(str(amount))
    divisor = quantity(str(reference.get("divisor") or "1")) or Decimal(1)
    return str(math.ceil(value / divisor))


def quantity(text: str) -> Decimal:
    """A Kubernetes quantity such as 500m, 64Mi or 1e3; raises ConfigError."""
    match = _QUANTITY.fullmatch(text)
    number, suffix = (match[1], match[2] or "") if match else (text, "")
    try:
        return Decimal(number) * _FACTORS[suffix]
    except (InvalidOperation, KeyError):
        raise ConfigError(f"'{text}' is not a quantity") from None


def _signalbox_variables(place: Place, root: str) -> dict[str, str]:
    return {
        "SIGNALBOX_BIND": place.bind,
        "SIGNALBOX_SKIP_BIND": place.addresses.pod_ip,
        "SIGNALBOX_SKIP_PORTS": place.skip_ports,
        "SIGNALBOX_ROOT": root,
        RUN_DIR_VARIABLE: place.run_dir,
    }


def _conventional_variables(pod: Obj, place: Place, root: str) -> dict[str, str]:
    direct = f"localhost,127.0.0.1,{place.bind}"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": root,
        "TMPDIR": f"{root}/tmp",
        "LANG": "C.UTF-8",
        "HOSTNAME": pod["spec"].get("hostname") or pod["metadata"]["name"],
        "POD_IP": place.addresses.pod_ip,
        "http_proxy": f"http://{place.addresses.pod_ip}:{OUTBOUND_PORT}",
        "NO_PROXY": direct,
        "no_proxy": direct,
        **(place.api.environment() if place.api else {}),
    }


def _value(
    pod: Obj, container: Obj, entry: Obj, environment: Mapping[str, str], find: Find, place: Place
) -> str | None:
    """The value of one entry of `env`; None if an optional reference leads nowhere."""
    source = entry.get("valueFrom")
    if not source:
        return expand(str(entry.get("value") or ""), environment)
    if "fieldRef" in source:
        return pod_field(pod, source["fieldRef"]["fieldPath"], place)
    if "resourceFieldRef" in source:
        return container_resource(container, source["resourceFieldRef"])
    if "configMapKeyRef" in source:
        return _key("configmaps", source["configMapKeyRef"], find, pod["metadata"]["namespace"])
    if "secretKeyRef" in source:
        return _key("secrets", source["secretKeyRef"], find, pod["metadata"]["namespace"])
    raise ConfigError(f"unsupported valueFrom of variable {entry['name']}: {', '.join(source)}")


def _key(kind: str, reference: Obj, find: Find, namespace: str) -> str | None:
    found = find(kind, reference["name"])
    optional = bool(reference.get("optional"))
    if found is None:
        if optional:
            return None
        raise missing(kind, reference["name"])
    values = text_data(kind, found)
    if reference["key"] not in values and not optional:
        title = "ConfigMap" if kind == "configmaps" else "Secret"
        raise ConfigError(f"couldn't find key {reference['key']} in {title} {namespace}/{reference['name']}")
    return values.get(reference["key"])


def _all_keys(source: Obj, find: Find) -> dict[str, str]:
    kind, reference = (
        ("configmaps", source["configMapRef"]) if "configMapRef" in source else ("secrets", source["secretRef"])
    )
    found = find(kind, reference["name"])
    if found is None:
        if reference.get("optional"):
            return {}
        raise missing(kind, reference["name"])
    prefix = source.get("prefix") or ""
    return {prefix + key: value for key, value in text_data(kind, found).items()}


def missing(kind: str, name: str) -> ConfigError:
    """The error for a ConfigMap or Secret that does not exist."""
    return ConfigError(f'{kind.removesuffix("s")} "{name}" not found')


def text_data(kind: str, obj: Obj) -> dict[str, str]:
    """The data of a ConfigMap or Secret as text."""
    return {key: value.decode(errors="replace") for key, value in binary_data(kind, obj).items()}


def binary_data(kind: str, obj: Obj) -> dict[str, bytes]:
    """The data of a ConfigMap or Secret as it would lie in files."""
    if kind == "secrets":
        return {key: _decoded(value) for key, value in (obj.get("data") or {}).items()}
    plain = {key: str(value).encode() for key, value in (obj.get("data") or {}).items()}
    return plain | {key: _decoded(value) for key, value in (obj.get("binaryData") or {}).items()}


def _decoded(value: str) -> bytes:
    return base64.b64decode(value)


def _machine(resource: str) -> Decimal:
    if resource == "cpu":
        return Decimal(os.cpu_count() or 1)
    if resource == "memory":
        return Decimal(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return Decimal(0)
