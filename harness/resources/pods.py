"""What inbound policy must know about a pod (§3.2, §3.3, §3.6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.dialect import Dialect
from harness.resources.document import Node, ResourceInvalid
from harness.resources.identities import service_account_identity
from harness.resources.port_lists import annotated_ports

DEFAULT_POLICY: Final = "config.linkerd.io/default-inbound-policy"
IDENTITY_PORTS: Final = "config.linkerd.io/proxy-require-identity-inbound-ports"
OPAQUE_PORTS: Final = "config.linkerd.io/opaque-ports"
DEFAULT_OPAQUE_PORTS: Final = frozenset({25, 587, 3306, 4444, 5432, 6379, 9300, 11211})
"""Those of them that a pod declares are opaque if nothing is annotated (§1.61)."""

_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


@dataclass(frozen=True, slots=True)
class PodPort:
    """A TCP port that some container declares under a name."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class PodFacts:
    """One pod. Its labels and annotations may change while it runs, so read it again when they do.

    ports           declared under a name, of all containers; a name may stand for several numbers
    probe_paths     paths that the kubelet asks for by httpGet, sorted and without their query, by port number
    default_policy  the name that its annotation gives, None without one (§3.2)
    identity_ports  where clients must have an identity whatever the default policy says (§3.2)
    opaque_ports    where connections are not looked into, unless a Server says otherwise
    """

    namespace: str
    name: str
    service_account: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    ports: tuple[PodPort, ...] = ()
    probe_paths: Mapping[int, tuple[str, ...]] = field(default_factory=dict, hash=False)
    default_policy: str | None = None
    identity_ports: frozenset[int] = frozenset()
    opaque_ports: frozenset[int] = frozenset()

    @property
    def identity(self) -> str:
        """What it is called as a client, if it is meshed (§3.22)."""
        return service_account_identity(self.namespace, self.service_account)

    def selected_ports(self, port: int | str) -> frozenset[int]:
        """The numbers that a Server's port means here: a number itself, declared or not; a name perhaps none (§3.6)."""
        if isinstance(port, int):
            return frozenset({port})
        return frozenset(declared.number for declared in self.ports if declared.name == port)


def parse_pod(obj: Any, dialect: Dialect) -> PodFacts:
    """Read a pod as it is stored, its proxy's container and what injection annotated included.

    raises  ResourceInvalid with every problem, each with its path
    """
    node = Node(obj)
    metadata, spec = node.child("metadata"), node.child("spec")
    annotations = metadata.child("annotations").text_map()
    containers = spec.items("containers")
    if dialect.init_containers_have_ports:
        containers += spec.items("initContainers")
    facts = PodFacts(
        namespace=metadata.text("namespace"),
        name=metadata.text("name"),
        service_account=spec.text("serviceAccountName") or "default",
        labels=metadata.child("labels").text_map(),
        ports=tuple(port for container in containers for port in _named_ports(container)),
        probe_paths=_probe_paths(containers),
        default_policy=annotations.get(DEFAULT_POLICY),
        identity_ports=annotated_ports(annotations, IDENTITY_PORTS) or frozenset(),
        opaque_ports=_opaque_ports(annotations, containers),
    )
    if node.problems:
        raise ResourceInvalid(node.problems)
    return facts


def _named_ports(container: Node) -> Iterator[PodPort]:
    for item in container.items("ports"):
        number = item.integer("containerPort", low=1, high=65535)
        if number and item.text("name") and item.text("protocol", "TCP").upper() == "TCP":
            yield PodPort(item.text("name"), number)


def _opaque_ports(annotations: Mapping[str, str], containers: Iterable[Node]) -> frozenset[int]:
    annotated = annotated_ports(annotations, OPAQUE_PORTS)
    if annotated is not None:
        return annotated
    declared = (item.value.get("containerPort") for container in containers for item in container.items("ports"))
    return frozenset(port for port in declared if isinstance(port, int) and port in DEFAULT_OPAQUE_PORTS)


def _probe_paths(containers: Iterable[Node]) -> dict[int, tuple[str, ...]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    for container in containers:
        for key in _PROBES:
            if container.child(key).has("httpGet"):
                _add_probe(container, container.child(key).child("httpGet"), found)
    return {port: tuple(sorted(paths)) for port, paths in sorted(found.items())}


def _add_probe(container: Node, get: Node, found: defaultdict[int, set[str]]) -> None:
    port = get.text_or_integer("port")
    if isinstance(port, str):  # a name counts within its container only, and in any case of its letters
        named = (declared.number for declared in _named_ports(container) if declared.name.lower() == port.lower())
        port = next(named, None)
    path = get.text("path") or "/"
    if port and path.startswith("/"):  # Linkerd takes anything else for no path, so that such probes are not open
        found[port].add(path.partition("#")[0].partition("?")[0])
