"""The way in from outside: one plain listener, by host and path to the ready endpoints of a Service.

It is no member of the mesh: it has no identity, and no HTTPRoute holds for what it sends (§4.14).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.embedded.dataplane.compile.clusters import Spoken, client_cluster
from harness.embedded.dataplane.compile.http import ConnectionManager
from harness.embedded.dataplane.compile.listeners import listener as listening
from harness.embedded.dataplane.compile.local_replies import ingress_replies
from harness.embedded.dataplane.compile.names import INGRESS, Client, Config, service_assignment
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.ingresses import Ingress, IngressPath
from harness.embedded.dataplane.snapshot import ServiceKey

ADDRESS: Final = "127.0.0.1"
_SCHEME: Final = "traefik.ingress.kubernetes.io/service.serversscheme"
_OVERWRITE: Final = "OVERWRITE_IF_EXISTS_OR_ADD"
_CLIENT: Final = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
_FORWARDED: Final = {
    "x-forwarded-for": _CLIENT,
    "x-forwarded-host": "%REQ(:AUTHORITY)%",
    "x-forwarded-port": "%DOWNSTREAM_LOCAL_PORT%",
    "x-forwarded-proto": "http",
    "x-forwarded-server": INGRESS,
    "x-real-ip": _CLIENT,
}


def listener(ingress: Ingress) -> Config:
    """Where browsers and curl come in."""
    manager = ConnectionManager(table=INGRESS, stat_prefix=INGRESS, replies=ingress_replies())
    return listening(INGRESS, ADDRESS, ingress.port, [{"filters": [manager.network_filter()]}])


def clusters(view: View, ingress: Ingress, certificates: Path) -> Iterator[Config]:
    """One over each Service port that some path leads to."""
    for service, port in sorted({target for path in ingress.paths if (target := _target(view, path))}):
        spoken = Spoken.HTTP_2 if _takes_h2c(view, service) else Spoken.HTTP_1
        yield client_cluster(_client(ingress), service_assignment(service, port), certificates, spoken)


def _takes_h2c(view: View, service: ServiceKey) -> bool:
    """Traefik speaks HTTP/1.1 to a Service, whatever its client speaks, unless the Service says otherwise."""
    return view.snapshot.services[service].service.annotations.get(_SCHEME) == "h2c"


def table(view: View, ingress: Ingress) -> Config:
    """A virtual host for each host that is written, whatever port a request names beside it."""
    hosts = dict.fromkeys(path.host for path in ingress.paths if path.host)
    return {
        "name": INGRESS,
        "validate_clusters": False,
        "ignore_port_in_host_matching": True,
        "request_headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": _OVERWRITE} for key, value in _FORWARDED.items()
        ],
        "virtual_hosts": [_host(view, ingress, host) for host in (*hosts, "")],
    }


def _host(view: View, ingress: Ingress, host: str) -> Config:
    """Its own paths, then those of all hosts."""
    paths = [path for wanted in dict.fromkeys((host, "")) for path in ingress.paths if path.host == wanted]
    routes = [_route(ingress, path, target) for path in paths if (target := _target(view, path))]
    body = {"inline_string": "404 page not found\n"}
    unknown = {"match": {"prefix": "/"}, "direct_response": {"status": 404, "body": body}}
    return {"name": host or "any", "domains": [host or "*"], "routes": [*routes, unknown]}


def _route(ingress: Ingress, path: IngressPath, target: tuple[ServiceKey, int]) -> Config:
    cluster = _client(ingress).cluster(service_assignment(*target))
    return {"match": _match(path), "route": {"cluster": cluster, "timeout": "0s"}}


def _match(path: IngressPath) -> Config:
    if path.is_exact:
        return {"path": path.path}
    trimmed = path.path.rstrip("/")
    return {"path_separated_prefix": trimmed} if trimmed else {"prefix": "/"}


def _target(view: View, path: IngressPath) -> tuple[ServiceKey, int] | None:
    """The Service port behind a path; None if there is no such Service or port, and then the path is not there."""
    key = (path.namespace, path.service)
    state = view.snapshot.services.get(key)
    ports = state.service.ports if state else ()
    return next(((key, port.port) for port in ports if path.port in (port.port, port.name)), None)


def _client(ingress: Ingress) -> Client:
    return Client("", INGRESS, ingress.source)
