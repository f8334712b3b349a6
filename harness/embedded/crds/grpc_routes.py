"""GRPCRoute of gateway.networking.k8s.io (bundle v1.1.1, the version that has it as v1)."""

from __future__ import annotations

from typing import Any, Final

from harness.embedded.crds import fields
from harness.embedded.crds.definition import definition
from harness.embedded.crds.fields import Schema, array, choice, keyed, obj, text
from harness.embedded.crds.http_routes import (
    COLUMNS,
    backend,
    extension,
    filter_of,
    mirror,
    modifier,
    parents,
    status,
)
from harness.resources.grpc_routes import KIND
from harness.resources.routes import GATEWAY_GROUP

_LONGEST_NAME: Final = 1024


def gateway_grpc_route() -> dict[str, Any]:
    """One version; matches have no default, so a rule without any takes everything."""
    filters = array(_filter(), 16)
    rule = {
        "name": fields.section_name(),
        "matches": array(obj(_match()), 8),
        "filters": filters,
        "backendRefs": array(backend(filters), 16),
    }
    spec = {
        "hostnames": array(fields.hostname(wildcard=True), 16),
        "parentRefs": parents(GATEWAY_GROUP),
        "rules": array(obj(rule), 16),
    }
    return definition(
        GATEWAY_GROUP,
        KIND,
        {"v1": obj(spec)},
        status=status(GATEWAY_GROUP, required=("conditions", "controllerName", "parentRef")),
        columns=COLUMNS,
        categories=("gateway-api",),
    )


def _match() -> dict[str, Schema]:
    value_type = choice("Exact", "RegularExpression", default="Exact")
    header = {"type": value_type, "name": fields.header_name(), "value": fields.header_value()}
    method = {"type": value_type, "service": text(high=_LONGEST_NAME), "method": text(high=_LONGEST_NAME)}
    return {
        "method": obj(method),
        "headers": keyed("name", obj(header, required=("name", "value")), 16),
    }


def _filter() -> Schema:
    return filter_of(
        {
            "requestHeaderModifier": modifier(remove_once=True),
            "responseHeaderModifier": modifier(remove_once=True),
            "requestMirror": mirror(),
            "extensionRef": extension(),
        }
    )
