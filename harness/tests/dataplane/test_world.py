"""Objects of the API in, snapshots out: which routes are in force and where Services lead (§1.5, §1.15, §1.24)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.dataplane.snapshot import Address, ServiceState
from harness.embedded.dataplane.world import ROUTES, SERVICES, SLICES, World
from harness.resources.circuit_breaking import CONSECUTIVE, MODE
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP
from harness.tests.dataplane.builders import pod

Obj = dict[str, Any]
POLICY_ROUTES, GATEWAY_ROUTES, _ = ROUTES


class Watched(World):
    """A world that remembers what people were told."""

    def __init__(self, dialect: Dialect = LINKERD_EDGE) -> None:
        self.told: list[str] = []
        super().__init__(dialect, lambda _obj, reason, message: self.told.append(f"{reason}: {message}"))

    def route_names(self) -> list[str]:
        return [item.route.name for item in self.snapshot().routes]

    def state(self, name: str = "books") -> ServiceState:
        return self.snapshot().services["booksapp", name]


def service_object(name: str = "books", **spec: Any) -> Obj:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    return {
        "metadata": {"namespace": "booksapp", "name": name},
        "spec": {"clusterIP": "127.77.1.1", "ports": ports, **spec},
    }


def slice_object(name: str, ips: dict[str, bool | None], port: int = 7000, service: str = "books") -> Obj:
    return {
        "metadata": {"namespace": "booksapp", "name": name, "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}, {"name": "other", "port": 1}],
        "endpoints": [{"addresses": [ip], "conditions": {"ready": ready}} for ip, ready in ips.items()],
    }


def condition(status: str = "True", **parent: Any) -> Obj:
    parent_ref = {"group": "core", "kind": "Service", "namespace": "booksapp", "name": "books", **parent}
    return {
        "parentRef": parent_ref,
        "controllerName": "linkerd.io/policy-controller",
        "conditions": [{"type": "Accepted", "status": status, "reason": "Accepted"}],
    }


def route_object(statuses: Iterable[Obj] = (), *, group: str = POLICY_GROUP, rules: Any = None, **parent: Any) -> Obj:
    version = "v1beta3" if group == POLICY_GROUP else "v1"
    parent_ref = {"group": "core", "kind": "Service", "name": "books", **parent}
    return {
        "apiVersion": f"{group}/{version}",
        "kind": "HTTPRoute",
        "metadata": {"namespace": "booksapp", "name": "split", "generation": 1},
        "spec": {"parentRefs": [parent_ref], **({} if rules is None else {"rules": rules})},
        "status": {"parents": list(statuses)},
    }


@pytest.mark.parametrize(
    ("obj", "in_force"),
    [
        (route_object(), False),
        (route_object([condition()]), True),
        (route_object([condition("False")]), False),
        (route_object([condition(group="")]), True),
        (route_object([condition(namespace="elsewhere")]), False),
        (route_object([condition(name="authors")]), False),
        (route_object([condition(port=80)]), False),
        (route_object([condition(port=80)], port=80), True),
        (route_object([condition()], port=80), False),
        (route_object([condition(kind="Server", group="policy.linkerd.io")]), False),
        (route_object([condition()], group="gateway.networking.k8s.io", rules=[]), True),
    ],
)
def test_a_route_is_in_force_once_its_parent_has_accepted_it(obj: Obj, in_force: bool) -> None:
    """§1.5."""
    world = Watched()
    world.put(POLICY_ROUTES, obj)
    assert world.route_names() == (["split"] if in_force else [])


def test_a_parent_of_another_group_is_no_service() -> None:
    """§1.2: what a route without a group asks for."""
    world = Watched()
    bare = route_object([condition()])
    del bare["spec"]["parentRefs"][0]["group"]
    world.put(POLICY_ROUTES, bare)
    assert world.route_names() == []


def test_routes_of_both_groups_are_kept_apart_and_removed_alone() -> None:
    """§1.14, §1.16."""
    world = Watched()
    world.put(POLICY_ROUTES, route_object([condition()]))
    world.put(GATEWAY_ROUTES, route_object([condition()], group=GATEWAY_GROUP))
    assert [item.route.group for item in world.snapshot().routes] == [GATEWAY_GROUP, POLICY_GROUP]
    world.remove(POLICY_ROUTES, route_object())
    assert [item.route.group for item in world.snapshot().routes] == [GATEWAY_GROUP]


def rules_with(filter_type: str) -> list[Obj]:
    return [{"filters": [{"type": filter_type}]}]


def test_an_unusable_version_keeps_the_previous_one_and_says_so_once() -> None:
    """§1.15."""
    world = Watched()
    world.put(POLICY_ROUTES, route_object([condition()], rules=[{}, {}]))
    for _ in range(2):
        world.put(POLICY_ROUTES, route_object([condition()], rules=rules_with("URLRewrite")))
    (kept,) = world.snapshot().routes
    assert len(kept.route.rules) == 2
    assert world.told == [
        "RouteNotUsable: spec.rules[0].filters[0]: filter URLRewrite is not supported; "
        "its previous version stays in force"
    ]


def test_a_route_that_was_never_usable_does_not_exist() -> None:
    world = Watched()
    world.put(POLICY_ROUTES, route_object([condition()], rules=rules_with("RequestMirror")))
    assert world.route_names() == []
    world.put(POLICY_ROUTES, route_object([condition()], rules=[{}]))
    assert world.route_names() == ["split"]


def test_the_status_counts_even_if_the_spec_is_unusable() -> None:
    world = Watched()
    world.put(POLICY_ROUTES, route_object([condition()]))
    world.put(POLICY_ROUTES, route_object([condition("False")], rules=rules_with("URLRewrite")))
    assert world.route_names() == []


def test_existence_of_backends_is_frozen_at_each_reading_where_the_dialect_says_so() -> None:
    """§1.24."""
    obj = route_object([condition()], rules=[{"backendRefs": [{"name": "late", "port": 80}]}])
    old, new = Watched(LINKERD_2_14), Watched(LINKERD_EDGE)
    for world in (old, new):
        world.put(POLICY_ROUTES, obj)
        world.put(SERVICES, service_object("late"))
    assert old.snapshot().routes[0].missing == frozenset({("booksapp", "late")})
    assert new.snapshot().routes[0].missing is None
    old.put(POLICY_ROUTES, obj)
    assert old.snapshot().routes[0].missing == frozenset()


def test_addresses_come_from_all_slices_by_port_name() -> None:
    world = Watched()
    world.put(SLICES, slice_object("a", {"127.77.64.1": True, "127.77.64.2": False}))
    world.put(SERVICES, service_object())
    world.put(SLICES, slice_object("b", {"127.77.64.3": None, "127.77.64.2": True}, port=7001))
    world.put(SLICES, slice_object("c", {"127.77.64.9": True}, service="authors"))
    assert world.state().targets == {
        80: (
            (7000, (Address("127.77.64.1"), Address("127.77.64.2", ready=False))),
            (7001, (Address("127.77.64.2"), Address("127.77.64.3"))),
        )
    }
    assert world.state().is_available(80)
    world.remove(SLICES, slice_object("a", {}))
    world.put(SLICES, slice_object("b", {"127.77.64.3": False}, port=7001))
    assert world.state().endpoints(80) == ((Address("127.77.64.3", ready=False), 7001),)
    assert not world.state().is_available(80)


def test_a_service_comes_and_goes() -> None:
    world = Watched()
    world.put(SERVICES, service_object())
    assert world.state().endpoints(80) == ()
    world.remove(SERVICES, service_object())
    assert world.snapshot().services == {}


def test_pods_come_and_go_in_a_fixed_order() -> None:
    world = Watched()
    for name in ("b", "a"):
        world.add_pod(pod(name, "127.77.64.1"))
    assert [item.endpoint.name for item in world.snapshot().pods] == ["a-1", "b-1"]
    world.remove_pod("booksapp", "a-1")
    world.remove_pod("booksapp", "never")
    assert [item.endpoint.name for item in world.snapshot().pods] == ["b-1"]


def test_annotations_without_effect_are_told_once() -> None:
    world = Watched(LINKERD_2_14)
    annotated = service_object()
    annotated["metadata"]["annotations"] = {"timeout.linkerd.io/request": "1s", "mine": "x"}
    routed = route_object([condition()])
    routed["metadata"]["annotations"] = {"retry.linkerd.io/http": "5xx"}
    for _ in range(2):
        world.put(SERVICES, annotated)
        world.put(POLICY_ROUTES, routed)
    assert world.told == [
        "AnnotationHasNoEffect: linkerd-2.14 does not know timeout.linkerd.io/request",
        "AnnotationHasNoEffect: linkerd-2.14 does not know retry.linkerd.io/http",
    ]
    assert world.route_names() == ["split"]


def test_annotations_that_would_break_circuits_but_are_wrong_are_told() -> None:
    """§4.3: a wrong value disables breaking."""
    world = Watched(LINKERD_2_14)
    cases: list[dict[str, str]] = [
        {MODE: "unified"},
        {MODE: "consecutive", f"{CONSECUTIVE}max-failures": "many"},
        {MODE: "consecutive"},
    ]
    for case in cases:
        annotated = service_object()
        annotated["metadata"]["annotations"] = case
        world.put(SERVICES, annotated)
    assert world.told == [
        f"AnnotationHasNoEffect: metadata.annotations.{MODE}: unsupported failure accrual mode: unified",
        f"AnnotationHasNoEffect: metadata.annotations.{CONSECUTIVE}max-failures: 'many' is no count of failures",
    ]
