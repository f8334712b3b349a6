"""Endpoints and EndpointSlices follow the pods of a Service."""

from __future__ import annotations

from typing import Any

from harness.tests.apiserver.support import NEVER_READY, Box, deployment, official, pod
from harness.tests.apiserver.test_deleting import is_gone, until


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    return {"metadata": {"name": "svc"}, "spec": {"selector": {"app": "web"}, "ports": ports, **spec}}


def web_pod(name: str, port: int = 8080, **metadata: Any) -> dict[str, Any]:
    body = pod(name, labels={"app": "web"}, **metadata)
    body["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": port}]
    return body


def addresses(core: Any, namespace: str) -> dict[int, list[str]]:
    """Names of ready pods by port number; empty while there are no Endpoints."""
    found: dict[int, list[str]] = {}
    if is_gone(core.read_namespaced_endpoints, "svc", namespace):
        return found
    for subset in core.read_namespaced_endpoints("svc", namespace).subsets or ():
        found[subset.ports[0].port] = sorted(entry.target_ref.name for entry in subset.addresses or ())
    return found


def slices(api_client: Any, namespace: str) -> list[Any]:
    door = official.DiscoveryV1Api(api_client)
    return list(door.list_namespaced_endpoint_slice(namespace, label_selector="kubernetes.io/service-name=svc").items)


def test_ready_pods_are_addresses_and_others_are_not(core: Any, api_client: Any, namespace: str) -> None:
    core.create_namespaced_service(namespace, service())
    core.create_namespaced_pod(namespace, web_pod("ready"))
    core.create_namespaced_pod(namespace, web_pod("slow", annotations={NEVER_READY: "true"}))
    until(lambda: addresses(core, namespace) == {8080: ["ready"]}, "one ready address")
    (entry,) = slices(api_client, namespace)
    assert [(port.name, port.port) for port in entry.ports] == [("http", 8080)]
    (endpoint,) = entry.endpoints
    assert (endpoint.target_ref.kind, endpoint.target_ref.name) == ("Pod", "ready")
    conditions = endpoint.conditions
    assert (conditions.ready, conditions.serving, conditions.terminating) == (True, True, False)


def test_a_pod_that_stops_leaves_the_addresses_before_it_is_gone(
    box: Box, core: Any, api_client: Any, namespace: str
) -> None:
    core.create_namespaced_service(namespace, service())
    core.create_namespaced_pod(namespace, web_pod("one", finalizers=["example.com/hold"]))
    until(lambda: addresses(core, namespace) == {8080: ["one"]}, "an address")
    core.delete_namespaced_pod("one", namespace)
    until(lambda: addresses(core, namespace) == {}, "no address")
    (endpoint,) = slices(api_client, namespace)[0].endpoints
    conditions = endpoint.conditions
    assert (conditions.ready, conditions.serving, conditions.terminating) == (False, True, True)
    core.patch_namespaced_pod(
        "one", namespace, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/hold"]}}
    )
    until(lambda: slices(api_client, namespace)[0].endpoints in (None, []), "no endpoint")


def test_a_named_port_may_have_another_number_in_each_pod(core: Any, api_client: Any, namespace: str) -> None:
    core.create_namespaced_service(namespace, service())
    core.create_namespaced_pod(namespace, web_pod("old", 8080))
    core.create_namespaced_pod(namespace, web_pod("new", 9090))
    until(lambda: addresses(core, namespace) == {8080: ["old"], 9090: ["new"]}, "two ports")
    assert sorted(entry.ports[0].port for entry in slices(api_client, namespace)) == [8080, 9090]
    core.delete_namespaced_pod("old", namespace)
    until(lambda: addresses(core, namespace) == {9090: ["new"]}, "one port")
    until(lambda: len(slices(api_client, namespace)) == 1, "one slice")


def test_a_changed_selector_changes_the_endpoints(core: Any, namespace: str) -> None:
    core.create_namespaced_service(namespace, service())
    core.create_namespaced_pod(namespace, web_pod("one"))
    until(lambda: addresses(core, namespace) == {8080: ["one"]}, "an address")
    core.patch_namespaced_service("svc", namespace, {"spec": {"selector": {"app": "other"}}})
    until(lambda: addresses(core, namespace) == {}, "no address")
    core.patch_namespaced_pod("one", namespace, {"metadata": {"labels": {"app": "other"}}})
    until(lambda: addresses(core, namespace) == {8080: ["one"]}, "the address again")


def test_endpoints_go_with_their_service_but_hand_made_ones_stay(core: Any, api_client: Any, namespace: str) -> None:
    core.create_namespaced_endpoints(namespace, {"metadata": {"name": "mine"}})
    core.create_namespaced_service(namespace, service())
    until(lambda: slices(api_client, namespace), "a slice")
    core.delete_namespaced_service("svc", namespace)
    until(lambda: is_gone(core.read_namespaced_endpoints, "svc", namespace), "no endpoints")
    until(lambda: not slices(api_client, namespace), "no slice")
    assert core.read_namespaced_endpoints("mine", namespace)


def test_a_headless_service_has_endpoints_and_no_address(core: Any, apps: Any, namespace: str) -> None:
    body = service(clusterIP="None", ports=[{"name": "http", "port": 80, "targetPort": 8080}])
    assert core.create_namespaced_service(namespace, body).spec.cluster_ip == "None"
    apps.create_namespaced_deployment(namespace, deployment(replicas=2))
    until(lambda: len(addresses(core, namespace).get(8080, ())) == 2, "two addresses")
