"""Mutations of inbound policy: Servers, who may do what, and how a client must have shown who it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from harness.prove.changes import Change, Data, each, each_object, gone, inner, put
from harness.prove.edits import Edit
from harness.prove.routes import of_route

EVERYBODY: Final = "*"
NOBODY: Final = "192.0.2.0/24"
"""A network of nobody: it is reserved for documents (RFC 5737)."""


def of_server(server: Data) -> Iterator[Change]:
    """Ports and pods that the Server is not about."""
    spec = inner(server, "spec")
    port = spec.get("port")
    hole = f"no expectation asks the port {port} for something that this Server forbids or lets pass"
    if port is not None:
        other = port + 1 if isinstance(port, int) else f"{port}-other"
        yield put(f"port {port} → {other}", hole, ("spec", "port"), other)
    for key, value in inner(spec, "podSelector", "matchLabels").items():
        at = ("spec", "podSelector", "matchLabels", key)
        hole = f"no expectation asks a pod with {key}={value} for what this Server forbids or lets pass"
        yield put(f"podSelector {key}={value} → {value}-other", hole, at, f"{value}-other")
    if policy := spec.get("accessPolicy"):
        other = "deny" if policy != "deny" else "all-unauthenticated"
        hole = f"no expectation asks for what accessPolicy {policy} decides"
        yield put(f"accessPolicy {policy} → {other}", hole, ("spec", "accessPolicy"), other)


def of_authorization(policy: Data) -> Iterator[Change]:
    """An AuthorizationPolicy that asks for less, or for something that nobody can show."""
    references = list(each_object(policy, "spec", "requiredAuthenticationRefs"))
    for at, reference in references:
        who = f"{reference.get('kind')} {reference.get('name')}"
        if len(references) > 1:
            yield gone(f"required {who}", f"no expectation asks as somebody who does not fit {who}", at)
        hole = f"no expectation is let in by {who}"
        yield put(f"required {who} does not exist", hole, (*at, "name"), f"{reference.get('name')}-other")


def of_mesh_tls(authentication: Data) -> Iterator[Change]:
    """Identities taken away one by one, and everybody let in."""
    identities = list(each(authentication, "spec", "identities"))
    for at, identity in identities:
        who = str(identity).partition(".serviceaccount.")[0]
        if len(identities) > 1:
            yield gone(f"identity {who}", f"no expectation asks as {who} and is let in", at)
        if identity != EVERYBODY:
            hole = f"no expectation asks as somebody of the mesh who is not {who} and is refused"
            yield put(f"identity {who} → everybody of the mesh", hole, at, EVERYBODY)


def of_network(authentication: Data) -> Iterator[Change]:
    """Networks in which nobody is."""
    networks = list(each_object(authentication, "spec", "networks"))
    if networks:
        listed = ", ".join(str(network.get("cidr")) for _, network in networks)
        edits = tuple(Edit((*at, "cidr"), NOBODY) for at, _ in networks)
        yield Change(f"networks {listed} → one where nobody is", f"no expectation is let in by {listed}", edits)


OPERATORS: Final[Mapping[str, Callable[[dict[str, Any]], Iterator[Change]]]] = {
    "HTTPRoute": of_route,
    "GRPCRoute": of_route,
    "Server": of_server,
    "AuthorizationPolicy": of_authorization,
    "MeshTLSAuthentication": of_mesh_tls,
    "NetworkAuthentication": of_network,
}
"""What can be made wrong in an object, by its kind."""
