"""The kinds of inbound policy, all of policy.linkerd.io (§1.69): Server and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.dialect import Dialect
from harness.embedded.crds import fields
from harness.embedded.crds.fields import Schema, choice, obj, text
from harness.resources.identity_names import DNS_LIKE_IDENTITY
from harness.resources.routes import POLICY_GROUP

_NAME: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_ANY_MAP: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_PORT_COLUMNS: Final = (("Port", "string", ".spec.port"), ("Protocol", "string", ".spec.proxyProtocol"))
_ACCESS_COLUMN: Final = ("Access Policy", "string", ".spec.accessPolicy")
_RATE_COLUMNS: Final = (
    ("Target_kind", "string", ".spec.targetRef.kind"),
    ("Target_name", "string", ".spec.targetRef.name"),
    ("Total_RPS", "integer", ".spec.total.requestsPerSecond"),
    ("Identity_RPS", "integer", ".spec.identity.requestsPerSecond"),
)


@dataclass(frozen=True, slots=True)
class _Version:
    """One served version; `successor` is the version to use in place of a deprecated one."""

    name: str
    spec: Schema
    columns: Sequence[tuple[str, str, str]] = ()
    successor: str = ""


def policy_kinds(dialect: Dialect) -> list[dict[str, Any]]:
    """The definitions of all kinds that this mesh has."""
    always = [
        server(dialect),
        server_authorization(),
        authorization_policy(),
        mesh_tls_authentication(dialect),
        network_authentication(),
    ]
    return [*always, rate_limit_policy()] if dialect.rate_limits else always


def server(dialect: Dialect) -> dict[str, Any]:
    """Two versions, or four of which the older two are deprecated: the last one has an access policy (§1.69)."""
    one_part = {"oneOf": [{"required": ["matchExpressions"]}, {"required": ["matchLabels"]}]}
    first = obj(_server_fields() | {"podSelector": _selector() | one_part}, required=("podSelector", "port"))
    second = obj(_server_fields() | {"podSelector": _selector()}, required=("podSelector", "port"))
    if not dialect.server_access_policies:
        versions = [_Version("v1beta1", second, _PORT_COLUMNS), _Version("v1alpha1", first, successor="v1beta1")]
        return _definition("Server", versions, short_names=("srv",))
    selectors = {"podSelector": _selector(), "externalWorkloadSelector": _selector()}
    one_selector = {"oneOf": [{"required": [name]} for name in selectors]}
    third = obj(_server_fields() | selectors, required=("port",)) | one_selector
    access = {"accessPolicy": text(default="deny")}  # which names are known is the webhook's business (§1.74)
    fourth = obj(_server_fields() | selectors | access, required=("port",)) | one_selector
    versions = [
        _Version("v1beta3", fourth, (*_PORT_COLUMNS, _ACCESS_COLUMN)),
        _Version("v1beta2", third, _PORT_COLUMNS),
        _Version("v1beta1", second, _PORT_COLUMNS, successor="v1beta3"),
        _Version("v1alpha1", first, successor="v1beta1"),
    ]
    return _definition("Server", versions, short_names=("srv",))


def server_authorization() -> dict[str, Any]:
    """Two versions of one shape, of which the older is deprecated."""
    one_server = {"oneOf": [{"required": ["name"]}, {"required": ["selector"]}]}
    account = obj({"name": text(pattern=_NAME), "namespace": text(pattern=_NAME)}, required=("name",))
    mesh_tls = {
        "unauthenticatedTLS": {"type": "boolean"},
        "identities": _list(text(pattern=DNS_LIKE_IDENTITY)),
        "serviceAccounts": _list(account),
    }
    client = {"networks": _networks(), "unauthenticated": {"type": "boolean"}, "meshTLS": obj(mesh_tls)}
    which = obj({"name": text(pattern=_NAME), "selector": _selector()}) | one_server
    spec = obj({"server": which, "client": obj(client)}, required=("server", "client"))
    versions = [
        _Version("v1beta1", spec, (("Server", "string", ".spec.server.name"),)),
        _Version("v1alpha1", spec, successor="v1beta1"),
    ]
    return _definition("ServerAuthorization", versions, short_names=("saz", "serverauthz", "srvauthz"))


def authorization_policy() -> dict[str, Any]:
    """One version; the required authentications must be written, if only as an empty list (§1.74)."""
    spec = obj(
        {
            "targetRef": obj(_reference(), required=("kind", "name")),
            "requiredAuthenticationRefs": _list(
                obj(_reference() | {"namespace": text(high=253)}, required=("kind", "name"))
            ),
        },
        required=("targetRef", "requiredAuthenticationRefs"),
    )
    return _definition(
        "AuthorizationPolicy",
        [_Version("v1alpha1", spec)],
        plural="authorizationpolicies",
        short_names=("authzpolicy",),
    )


def mesh_tls_authentication(dialect: Dialect) -> dict[str, Any]:
    """One version; exactly one of the two lists must be there, and not empty (§1.74)."""
    identity = text() if dialect.spiffe_identities else text(pattern=DNS_LIKE_IDENTITY)
    lists = {
        "identities": _list(identity, low=1),
        "identityRefs": _list(obj(_reference() | {"namespace": text(high=253)}, required=("kind",)), low=1),
    }
    spec = obj(lists) | {"oneOf": [{"required": [name]} for name in lists]}
    return _definition("MeshTLSAuthentication", [_Version("v1alpha1", spec)], short_names=("meshtlsauthn",))


def network_authentication() -> dict[str, Any]:
    """One version."""
    spec = obj({"networks": _networks()}, required=("networks",))
    names = ("netauthn", "networkauthn")
    return _definition("NetworkAuthentication", [_Version("v1alpha1", spec)], short_names=names)


def rate_limit_policy() -> dict[str, Any]:
    """One version, the only one of these kinds that has a status (§3.27)."""
    rate = {"requestsPerSecond": {"type": "integer", "format": "int64"}}
    client = obj(_reference() | {"namespace": fields.namespace()}, required=("kind", "name"))
    override = obj(rate | {"clientRefs": _list(client)}, required=("requestsPerSecond", "clientRefs"))
    spec = obj(
        {
            "targetRef": obj(_reference(), required=("kind", "name")),
            "total": obj(rate, required=("requestsPerSecond",)),
            "identity": obj(rate, required=("requestsPerSecond",)),
            "overrides": _list(override),
        },
        required=("targetRef",),
    )
    return _definition(
        "HTTPLocalRateLimitPolicy",
        [_Version("v1alpha1", spec, _RATE_COLUMNS)],
        plural="httplocalratelimitpolicies",
        status=_rate_limit_status(),
    )


def _rate_limit_status() -> Schema:
    known = fields.condition()["properties"]
    parts = ("lastTransitionTime", "status", "type", "reason", "message")
    condition = obj({part: known[part] for part in parts}, required=("status", "type"))
    target = {"group": fields.group(POLICY_GROUP), "kind": fields.kind("Server"), "name": fields.name()}
    return obj({"conditions": _list(condition), "targetRef": obj(target, required=("name",))}, required=("targetRef",))


def _server_fields() -> dict[str, Schema]:
    return {
        "port": {"x-kubernetes-int-or-string": True},
        "proxyProtocol": text(default="unknown"),  # the words are the webhook's business
    }


def _selector() -> Schema:
    expression = {
        "key": text(),
        "operator": choice("In", "NotIn", "Exists", "DoesNotExist"),
        "values": _list(text()),
    }
    parts = {"matchLabels": dict(_ANY_MAP), "matchExpressions": _list(obj(expression, required=("key", "operator")))}
    return obj(parts)


def _reference() -> dict[str, Schema]:
    return {"group": fields.group(), "kind": fields.kind(), "name": fields.name()}


def _networks() -> Schema:
    return _list(obj({"cidr": text(), "except": _list(text())}, required=("cidr",)))


def _list(items: Schema, *, low: int = 0) -> Schema:
    return {"type": "array", "items": items} | ({"minItems": low} if low else {})


def _definition(
    kind: str,
    versions: Sequence[_Version],
    *,
    plural: str = "",
    short_names: Sequence[str] = (),
    status: Schema | None = None,
) -> dict[str, Any]:
    """A namespaced kind; the stored version comes first."""
    plural = plural or kind.lower() + "s"
    names: dict[str, Any] = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{POLICY_GROUP}"},
        "spec": {
            "group": POLICY_GROUP,
            "scope": "Namespaced",
            "names": names | ({"shortNames": list(short_names)} if short_names else {}),
            "versions": [_version(kind, version, status, stored=index == 0) for index, version in enumerate(versions)],
        },
    }


def _version(kind: str, version: _Version, status: Schema | None, *, stored: bool) -> dict[str, Any]:
    meta = {"apiVersion": text(), "kind": text(), "metadata": {"type": "object"}, "spec": version.spec}
    document = meta if status is None else meta | {"status": status}
    found: dict[str, Any] = {
        "name": version.name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": obj(document, required=("spec",))},
    }
    if status is not None:
        found["subresources"] = {"status": {}}
    if version.columns:
        found["additionalPrinterColumns"] = [
            {"name": name, "type": type_, "jsonPath": path} for name, type_, path in version.columns
        ]
    return found | (_deprecation(kind, version) if version.successor else {})


def _deprecation(kind: str, version: _Version) -> dict[str, Any]:
    old, new = (f"{POLICY_GROUP}/{name} {kind}" for name in (version.name, version.successor))
    return {"deprecated": True, "deprecationWarning": f"{old} is deprecated; use {new}"}
