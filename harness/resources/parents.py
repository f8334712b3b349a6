"""What a route's parentRef points at, and how the status names it (§1.1, §1.2, §1.62)."""

from __future__ import annotations

from typing import Any, Final

from harness.resources.routes import POLICY_GROUP, BackendRef, ParentRef

CORE_GROUP: Final = "core"


def is_service_parent(parent: ParentRef) -> bool:
    """True if the parent is a Service: kind Service with group "", or "core", any case (§1.1)."""
    return _targets(parent.group, parent.kind, CORE_GROUP, "Service")


def is_server_parent(parent: ParentRef) -> bool:
    """True if the parent is a Server of policy.linkerd.io; its CRD's default group happens to be right (§1.2)."""
    return _targets(parent.group, parent.kind, POLICY_GROUP, "Server")


def is_egress_network_parent(parent: ParentRef) -> bool:
    """True if the parent is an EgressNetwork of policy.linkerd.io (§1.29, §1.71)."""
    return _targets(parent.group, parent.kind, POLICY_GROUP, "EgressNetwork")


def is_service_backend(backend: BackendRef) -> bool:
    """True if the backend is a Service by the same reading as a parent's (§1.27)."""
    return _targets(backend.group, backend.kind, CORE_GROUP, "Service")


def is_egress_network_backend(backend: BackendRef) -> bool:
    """True if the backend is an EgressNetwork of policy.linkerd.io (§1.29)."""
    return _targets(backend.group, backend.kind, POLICY_GROUP, "EgressNetwork")


def status_parent_ref(parent: ParentRef) -> dict[str, Any] | None:
    """The parentRef as the status controller echoes it, or None for a parent that is not Linkerd's (§1.62).

    Group and kind are canonical ("core" even if "" was written), the namespace is always there, sectionName never.
    """
    if is_server_parent(parent):
        return _echo(POLICY_GROUP, "Server", parent)
    if is_service_parent(parent):
        return _echo(CORE_GROUP, "Service", parent) | _port(parent)
    if is_egress_network_parent(parent):
        return _echo(POLICY_GROUP, "EgressNetwork", parent) | _port(parent)
    return None


def _targets(group: str, kind: str, wanted_group: str, wanted_kind: str) -> bool:
    return (group or CORE_GROUP).lower() == wanted_group and kind.lower() == wanted_kind.lower()


def _echo(group: str, kind: str, parent: ParentRef) -> dict[str, Any]:
    return {"group": group, "kind": kind, "namespace": parent.namespace, "name": parent.name}


def _port(parent: ParentRef) -> dict[str, Any]:
    return {} if parent.port is None else {"port": parent.port}
