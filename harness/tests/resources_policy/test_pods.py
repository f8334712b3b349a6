"""What a stored pod tells inbound policy."""

from __future__ import annotations

from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE
from harness.resources.document import ResourceInvalid
from harness.resources.pods import PodFacts, parse_pod
from harness.resources.port_lists import parse_port_list
from harness.tests.resources_policy.documents import Obj, identity, pod


def facts(**spec: Any) -> PodFacts:
    return parse_pod(pod(**spec), LINKERD_EDGE)


def container(*ports: Obj, **probes: Any) -> Obj:
    return {"name": "c", "ports": list(ports), **probes}


def get(port: int | str, path: str = "/x") -> Obj:
    return {"httpGet": {"port": port, "path": path}}


def port(name: str, number: int, **more: str) -> Obj:
    return {"name": name, "containerPort": number, **more}


def test_names_ports_and_account() -> None:
    found = facts()
    assert (found.namespace, found.name, found.labels["app"]) == ("booksapp", "authors-1", "authors")
    assert found.identity == identity("authors")
    assert found.selected_ports("service") == {7001}
    assert found.probe_paths == {7001: ("/ping",)}


def test_a_name_may_mean_several_ports_and_a_number_any_3_6() -> None:
    found = facts(containers=[container(port("web", 1), port("web", 2)), container(port("web", 3))])
    assert found.selected_ports("web") == {1, 2, 3}
    assert found.selected_ports("Web") == frozenset()
    assert found.selected_ports(99) == {99}


def test_names_of_other_protocols_do_not_count_3_6() -> None:
    assert facts(containers=[container(port("dns", 53, protocol="UDP"))]).selected_ports("dns") == frozenset()


PROBES: dict[str, tuple[list[Obj], dict[int, tuple[str, ...]]]] = {
    "all three kinds": (
        [container(livenessProbe=get(1, "/l"), readinessProbe=get(1, "/r"), startupProbe=get(2, "/s"))],
        {1: ("/l", "/r"), 2: ("/s",)},
    ),
    "query is stripped": ([container(livenessProbe=get(1, "/l?x=1#y"))], {1: ("/l",)}),
    "no path": ([container(livenessProbe={"httpGet": {"port": 1}})], {1: ("/",)}),
    "relative path": ([container(livenessProbe=get(1, "ping"))], {}),
    "named port, any case": ([container(port("web", 8), livenessProbe=get("WEB"))], {8: ("/x",)}),
    "port of another container": ([container(port("web", 8)), container(livenessProbe=get("web"))], {}),
    "UDP port": ([container(port("web", 8, protocol="UDP"), livenessProbe=get("web"))], {}),
    "exec and tcp": ([container(livenessProbe={"exec": {}}, readinessProbe={"tcpSocket": {"port": 1}})], {}),
    "twice the same": ([container(livenessProbe=get(1), readinessProbe=get(1))], {1: ("/x",)}),
}


@pytest.mark.parametrize("case", PROBES)
def test_probe_paths_3_3(case: str) -> None:
    containers, expected = PROBES[case]
    assert facts(containers=containers).probe_paths == expected


def test_init_containers_count_but_not_in_2_14_3_3() -> None:
    sidecar = pod(initContainers=[container(port("admin", 4191), livenessProbe=get("admin", "/live"))])
    new, old = parse_pod(sidecar, LINKERD_EDGE), parse_pod(sidecar, LINKERD_2_14)
    assert new.selected_ports("admin") == {4191}
    assert 4191 in new.probe_paths
    assert old.selected_ports("admin") == frozenset()
    assert 4191 not in old.probe_paths


OPAQUE: dict[str, tuple[dict[str, str], set[int]]] = {
    "default ports that are declared": ({}, {5432}),
    "annotation instead": ({"config.linkerd.io/opaque-ports": "7001, 8000-8002"}, {7001, 8000, 8001, 8002}),
    "empty annotation": ({"config.linkerd.io/opaque-ports": ""}, set()),
    "unreadable annotation": ({"config.linkerd.io/opaque-ports": "7001,web"}, set()),
}


@pytest.mark.parametrize("case", OPAQUE)
def test_opaque_ports_1_61(case: str) -> None:
    annotations, expected = OPAQUE[case]
    found = facts(annotations=annotations, containers=[container(port("db", 5432), port("service", 7001))])
    assert found.opaque_ports == expected


@pytest.mark.parametrize("text", ["0", "65536", "2-1", "2-", "-2", "a", "1 2", "1-2-3"])
def test_what_is_no_list_of_ports(text: str) -> None:
    with pytest.raises(ValueError, match="is neither a port nor a range"):
        parse_port_list(text)


@pytest.mark.parametrize(("text", "ports"), [("", set()), ("1,", {1}), (" 4 ,1 - 3", {1, 2, 3, 4})])
def test_lists_of_ports(text: str, ports: set[int]) -> None:
    assert parse_port_list(text) == ports


def test_what_is_no_pod_is_refused() -> None:
    with pytest.raises(ResourceInvalid, match=r"spec.containers\[0\].ports: is an object, not a list"):
        facts(containers=[{"ports": {}}])
