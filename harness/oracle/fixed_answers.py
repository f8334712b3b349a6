"""Applications that answer everything alike: an NGINX whose configuration does nothing but return one status.

It is what tutorials inject faults with. Anything in the configuration that is not known to leave the answer as it is
makes the answer unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from harness.oracle.outcome import Key, Outcome, Prediction

_CONFIG: Final = "/etc/nginx/nginx.conf"
_KINDS: Final = ("Deployment", "StatefulSet", "DaemonSet")
_HARMLESS: Final = frozenset(
    {"access_log", "daemon", "default_type", "error_log", "keepalive_timeout", "listen", "log_format", "pid"}
    | {"sendfile", "server_name", "server_tokens", "use", "user", "worker_connections", "worker_processes"}
)
_BLOCKS: Final = frozenset({"events", "http", "server"})
_WORDS: Final = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|[^\s{};#"']+""")
_STATUS: Final = re.compile(r"[1-9][0-9]{2}")
_PROXY: Final = "linkerd-proxy"
_HANGS_UP: Final = 444
"""Not a status: nginx closes the connection."""


def fixed_statuses(documents: Iterable[Any]) -> Mapping[Key, int]:
    """The status of each workload that is known to answer every request with it.

    documents  objects, whole; of two with one name the later counts
    """
    configs: dict[Key, Mapping[str, Any]] = {}
    templates: dict[Key, Mapping[str, Any]] = {}
    for document in documents:
        match document:
            case {"kind": "ConfigMap", "metadata": {"name": str(name)} as metadata, "data": dict(data)}:
                configs[_namespace(metadata), name] = data
            case {"kind": kind, "metadata": {"name": str(name)} as metadata, "spec": {"template": {"spec": dict(pod)}}}:
                if kind in _KINDS:
                    templates[_namespace(metadata), name] = pod
    found = {key: _status_of(pod, key[0], configs) for key, pod in templates.items()}
    return {key: status for key, status in found.items() if status is not None}


def mounted_configs(documents: Iterable[Any]) -> Iterator[Key]:
    """The ConfigMaps, by namespace and name, that decide what an NGINX answers."""
    for document in documents:
        match document:
            case {"kind": kind, "metadata": dict(metadata), "spec": {"template": {"spec": dict(pod)}}} if (
                kind in _KINDS
            ):
                for volume in pod.get("volumes") or () if _nginx(pod) is not None else ():
                    match volume:
                        case {"configMap": {"name": str(name)}}:
                            yield _namespace(metadata), name


def with_fixed(prediction: Prediction, statuses: Mapping[Key, int]) -> Prediction:
    """The prediction, with the statuses of applications that are known to answer alike.

    Where a failure is tried again (§2.9) the last answer is another one's, so it stays unknown.
    """
    return replace(prediction, outcomes=tuple(_with_fixed(outcome, statuses) for outcome in prediction.outcomes))


def _with_fixed(outcome: Outcome, statuses: Mapping[Key, int]) -> Outcome:
    if outcome.by != "app" or outcome.workload is None or outcome.limits.retry is not None or outcome.retryable:
        return outcome
    return replace(outcome, status=statuses.get(outcome.workload))


def _namespace(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("namespace") or "default")


def _status_of(pod: Mapping[str, Any], namespace: str, configs: Mapping[Key, Mapping[str, Any]]) -> int | None:
    app = _nginx(pod)
    text = None if app is None else _configuration(app, pod, namespace, configs)
    return None if text is None else returned(text)


def _nginx(pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The only application of a pod, if it is an NGINX as it comes."""
    containers = pod.get("containers")
    apps = [one for one in containers if not _is_proxy(one)] if isinstance(containers, list) else []
    if len(apps) != 1 or not isinstance(apps[0], dict):
        return None
    app: Mapping[str, Any] = apps[0]
    image = str(app.get("image", "")).rpartition("/")[2].partition("@")[0].partition(":")[0]
    return app if image == "nginx" and not app.get("command") and not app.get("args") else None


def _is_proxy(container: Any) -> bool:
    return isinstance(container, dict) and container.get("name") == _PROXY


def _configuration(
    app: Mapping[str, Any], pod: Mapping[str, Any], namespace: str, configs: Mapping[Key, Mapping[str, Any]]
) -> str | None:
    """The nginx.conf of a container whose only mounted file it is."""
    match app.get("volumeMounts"), pod.get("volumes"):
        case (
            [{"name": str(volume), "mountPath": str(path), "subPath": str(part)}],
            [{"name": named, "configMap": {"name": str(config), **more}}],
        ) if (volume, path) == (named, _CONFIG) and "items" not in more:
            text = configs.get((namespace, config), {}).get(part)
            return text if isinstance(text, str) else None
    return None


def returned(configuration: str) -> int | None:
    """The status that an nginx.conf answers every request with; None if it may do anything else."""
    statuses: set[int] = set()
    servers = answering = 0
    for words, opens in _directives(configuration):
        name, arguments = words[0], words[1:]
        if opens:
            if not ((name in _BLOCKS and not arguments) or (name, arguments) == ("location", ["/"])):
                return None
            servers += name == "server"
        elif name == "return" and 1 <= len(arguments) <= 2 and _STATUS.fullmatch(arguments[0]):
            statuses.add(int(arguments[0]))
            answering = servers if answering in (servers - 1, servers) else -1
        elif name not in _HARMLESS or (name == "listen" and len(arguments) != 1):
            return None
    everywhere = 0 < servers == answering
    return statuses.pop() if everywhere and len(statuses) == 1 and _HANGS_UP not in statuses else None


def _directives(configuration: str) -> Iterator[tuple[list[str], bool]]:
    """Each directive's words, and whether it opens a block."""
    words: list[str] = []
    for word in _WORDS.findall(configuration):
        if word.startswith("#") or word == "}":
            continue
        if word in "{;":
            if words:
                yield words, word == "{"
            words = []
        else:
            words.append(word)
