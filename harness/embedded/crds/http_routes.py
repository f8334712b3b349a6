"""HTTPRoute of policy.linkerd.io (§1.67, §1.70) and of gateway.networking.k8s.io (§1.68).

What a schema without CEL cannot say about the second is in `harness.resources.gateway_rules`.
"""

from __future__ import annotations

from typing import Any, Final

from harness.embedded.crds import fields
from harness.embedded.crds.definition import definition
from harness.embedded.crds.fields import Schema, array, choice, integer, keyed, obj, text
from harness.resources.routes import GATEWAY_GROUP, POLICY_GROUP

COLUMNS: Final = (("Hostnames", "string", ".spec.hostnames"), ("Age", "date", ".metadata.creationTimestamp"))
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_ANY_PATH: Final = {"type": "PathPrefix", "value": "/"}
# Said as a pattern because JSON Schema's «duration» format is ISO 8601. A sign passes: the webhook words that denial.
_GO_DURATION: Final = "^[+-]?(0|(([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$"
_GATEWAY_DURATION: Final = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_ORIGIN: Final = r"^(\*|https?://((\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(:[0-9]{1,5})?)$"


def policy_http_route() -> dict[str, Any]:
    """Four versions: backendRefs have their full shape from v1beta2 on, timeouts are in v1beta3 alone (§1.67)."""
    old_spec = _policy_spec({"backendRefs": _old_backends()}, parents(POLICY_GROUP, port={"type": "integer"}))
    backends = {"backendRefs": array(backend(array(_policy_filter(response=True), 16)), 16)}
    timeouts = {"timeouts": _timeouts(text(pattern=_GO_DURATION))}
    return definition(
        POLICY_GROUP,
        "HTTPRoute",
        {
            "v1beta3": _policy_spec(backends | timeouts, parents(POLICY_GROUP)),
            "v1beta2": _policy_spec(backends, parents(POLICY_GROUP)),
            "v1beta1": old_spec,
            "v1alpha1": old_spec,
        },
        status=status(POLICY_GROUP, required=("controllerName", "parentRef")),
        columns=COLUMNS,
    )


def gateway_http_route() -> dict[str, Any]:
    """Two versions of one shape."""
    filters = array(_gateway_filter(), 16)
    rule = {
        "name": fields.section_name(),
        "matches": _matches(64, fields.header_name()),
        "filters": filters,
        "backendRefs": array(backend(filters), 16),
        "timeouts": _timeouts(text(pattern=_GATEWAY_DURATION)),
    }
    spec = _spec(parents(GATEWAY_GROUP), rule, fewest_rules=1)  # §1.21
    return definition(
        GATEWAY_GROUP,
        "HTTPRoute",
        {"v1": spec, "v1beta1": spec},
        status=status(GATEWAY_GROUP, required=("conditions", "controllerName", "parentRef")),
        columns=COLUMNS,
        categories=("gateway-api",),
    )


def _policy_spec(rule: dict[str, Schema], parents: Schema) -> Schema:
    matches = _matches(8, text(1, 256))
    return _spec(parents, {"matches": matches, "filters": array(_policy_filter(response=False), 16)} | rule)


def _spec(parents: Schema, rule: dict[str, Schema], *, fewest_rules: int = 0) -> Schema:
    rules = array(obj(rule), 16, low=fewest_rules, default=[{"matches": [{"path": _ANY_PATH}]}])  # §1.21
    return obj({"hostnames": array(fields.hostname(wildcard=True), 16), "parentRefs": parents, "rules": rules})


def parents(group: str, port: Schema | None = None) -> Schema:
    """The parentRefs of a route of that group."""
    return array(_parent(group, port or fields.port()), 32)


def _parent(group: str, port: Schema) -> Schema:
    return obj(
        {
            "group": fields.group(group),  # §1.2: so a bare `kind: Service` is no Service
            "kind": fields.kind("Gateway"),
            "name": fields.name(),
            "namespace": fields.namespace(),
            "sectionName": fields.section_name(),
            "port": port,
        },
        required=("name",),
    )


def _matches(most: int, param_name: Schema) -> Schema:
    value_type = choice("Exact", "RegularExpression", default="Exact")
    header = {"type": value_type, "name": fields.header_name(), "value": fields.header_value()}
    param = {"type": value_type, "name": param_name, "value": text(1, 1024)}
    path = {
        "type": choice("Exact", "PathPrefix", "RegularExpression", default="PathPrefix"),  # §1.41
        "value": text(high=1024, default="/"),
    }
    match = {
        "path": obj(path, default=_ANY_PATH),
        "headers": keyed("name", obj(header, required=("name", "value")), 16),
        "queryParams": keyed("name", obj(param, required=("name", "value")), 16),
        "method": choice(*_METHODS),
    }
    return array(obj(match), most, default=[{"path": _ANY_PATH}])  # §1.22


def backend(filters: Schema) -> Schema:
    """A backendRef."""
    return obj(_backend_name() | {"weight": integer(0, 1_000_000, default=1), "filters": filters}, required=("name",))


def _backend_name() -> dict[str, Schema]:
    return {
        "group": fields.group(""),
        "kind": fields.kind("Service"),
        "name": fields.name(),
        "namespace": fields.namespace(),
        "port": fields.port(),
    }


def _old_backends() -> Schema:
    backend = {
        "name": text(),
        "port": {"type": "integer"},
        "namespace": text(default="default"),
        "filters": array(_policy_filter(response=True), 16),
    }
    return {"type": "array", "items": obj(backend)}


def _policy_filter(*, response: bool) -> Schema:
    names = ["requestHeaderModifier", "responseHeaderModifier", "requestRedirect"]
    members = {"requestHeaderModifier": modifier(), "requestRedirect": _redirect(301, 302)}
    if response:  # §1.55: on backends only
        members["responseHeaderModifier"] = modifier()
    return filter_of({name: members[name] for name in names if name in members})


def _gateway_filter() -> Schema:
    return filter_of(
        {
            "requestHeaderModifier": modifier(remove_once=True),
            "responseHeaderModifier": modifier(remove_once=True),
            "requestMirror": mirror(),
            "requestRedirect": _redirect(301, 302, 303, 307, 308),
            "urlRewrite": obj({"hostname": fields.hostname(wildcard=False), "path": _rewrite()}),
            "cors": _cors(),
            "extensionRef": extension(),
        }
    )


def filter_of(members: dict[str, Schema]) -> Schema:
    """A filter that is one of these."""
    special = {"urlRewrite": "URLRewrite", "cors": "CORS"}
    kinds = [special.get(name, name[0].upper() + name[1:]) for name in members]
    return obj({"type": choice(*kinds)} | members, required=("type",))


def modifier(*, remove_once: bool = False) -> Schema:
    """A modifier of headers; `remove_once`: none is named twice."""
    header = obj({"name": fields.header_name(), "value": fields.header_value()}, required=("name", "value"))
    remove = fields.distinct(text(), 16) if remove_once else array(text(), 16)
    return obj({"add": keyed("name", header, 16), "set": keyed("name", header, 16), "remove": remove})


def _redirect(*codes: int) -> Schema:
    return obj(
        {
            "scheme": choice("http", "https"),
            "hostname": fields.hostname(wildcard=False),
            "path": _rewrite(),
            "port": fields.port(),
            "statusCode": {"type": "integer", "enum": list(codes), "default": 302},
        }
    )


def _rewrite() -> Schema:
    path = {
        "type": choice("ReplaceFullPath", "ReplacePrefixMatch"),
        "replaceFullPath": text(high=1024),
        "replacePrefixMatch": text(high=1024),
    }
    return obj(path, required=("type",))


def mirror() -> Schema:
    """RequestMirror."""
    fraction = obj({"numerator": integer(0), "denominator": integer(1, default=100)}, required=("numerator",))
    backend = obj(_backend_name(), required=("name",))
    return obj({"backendRef": backend, "percent": integer(0, 100), "fraction": fraction}, required=("backendRef",))


def _cors() -> Schema:
    return obj(
        {
            "allowOrigins": fields.distinct(text(1, 253, _ORIGIN), 64),
            "allowMethods": fields.distinct(choice(*_METHODS, "*"), 9),
            "allowHeaders": fields.distinct(fields.header_name(), 64),
            "exposeHeaders": fields.distinct(fields.header_name(), 64),
            "allowCredentials": {"type": "boolean"},
            "maxAge": integer(1, default=5),
        }
    )


def extension() -> Schema:
    """ExtensionRef."""
    return obj(
        {"group": fields.group(), "kind": fields.kind(), "name": fields.name()}, required=("group", "kind", "name")
    )


def _timeouts(duration: Schema) -> Schema:
    return obj({"request": duration, "backendRequest": duration})


def status(group: str, required: tuple[str, ...]) -> Schema:
    """The status of a route of that group; `required` of each parent."""
    parent = {
        "controllerName": fields.controller_name(),
        "parentRef": _parent(group, fields.port()),
        "conditions": keyed("type", fields.condition(), 8, low=1),
    }
    return obj({"parents": array(obj(parent, required=required), 32)}, required=("parents",))
