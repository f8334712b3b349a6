"""The proxy's counters of one pod as Linkerd's metrics: names and labels of section 5. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.dialect import Dialect
from harness.embedded.dataplane.compile import counters
from harness.embedded.dataplane.compile.authorizations import parse_rule_name
from harness.embedded.dataplane.compile.names import OPAQUE, InboundLabel, RouteLabel, parse_service_cluster
from harness.embedded.dataplane.compile.outbound import CLUSTER_DOMAIN
from harness.embedded.dataplane.promtext import Exposition, Sample
from harness.embedded.pods import PodEndpoint
from harness.resources.identities import service_account_identity
from harness.resources.inbound import PolicyRef

LATENCY_LIMITS_MS: Final = tuple(digit * 10.0**power for power in range(5) for digit in (1, 2, 3, 4, 5))
"""§5.3."""
_ROUTE_LIMITS: Final = (0.05, 0.5, 1.0, 10.0)
_BACKEND_LIMITS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0)
_PREFIX: Final = f"envoy_{counters.PREFIX}_"
_NO_TLS_IN: Final = {"tls": "no_identity", "no_tls_reason": "no_tls_from_remote"}
_NO_TLS_OUT: Final = {"tls": "no_identity", "no_tls_reason": "not_provided_by_service_discovery"}
_MISSING: Final = {"group": "", "kind": "default", "namespace": "", "name": "fail", "port": "", "section_name": ""}
"""§5.11: all backends that can only answer 500."""
_DEFAULT_BACKEND: Final = {**_MISSING, "name": "service"}
_BROKEN_FLAGS: Final = frozenset({"UF", "UC", "UR", "LR", "UPE"})
"""The endpoint was there in name only; the answer is 502 (§4.15)."""
_RATE_LIMITED: Final = "RL"
_FAILED_CALLS: Final = frozenset({2, 4, 7, 13, 14, 15})
"""§5.2: UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE, DATA_LOSS."""

Lookup = Callable[[str], PodEndpoint | None]
"""The pod that has, or once had, an address."""


@dataclass(frozen=True, slots=True)
class Translator:
    """Reads the samples of one pod.

    find_pod  knows dead pods too: what was counted about them stays theirs
    """

    pod: PodEndpoint
    dialect: Dialect
    find_pod: Lookup

    def exposition(self, samples: Iterable[Sample]) -> str:
        """The pod's metrics as text; samples that say nothing of Linkerd's are left out."""
        into = Exposition()
        readers: Mapping[str, Callable[[Exposition, Sample], None]] = {
            f"{_PREFIX}{counters.INBOUND}": self._inbound,
            f"{_PREFIX}{counters.ATTEMPT}": self._attempt,
            f"{_PREFIX}{counters.OUTBOUND}": self._outbound,
            "envoy_http_downstream_cx_active": self._accepted,
            "envoy_cluster_upstream_cx_active": self._opened,
        }
        for sample in samples:
            if sample.name in readers:
                readers[sample.name](into, sample)
        return into.text()

    # what reached the pod

    def _inbound(self, into: Exposition, sample: Sample) -> None:
        """Policy is asked before requests are counted as such: what it answers itself is in its own series (§5.5)."""
        labels, label = sample.labels, InboundLabel.parse(sample.labels["route"])
        target = _target(f"{self.pod.pod_ip}:{labels['port']}")
        tls = {"tls": "true", "client_id": labels["client"]} if labels["client"] else _NO_TLS_IN
        server = {**target, **_reference("srv", label.server), "srv_port": labels["port"], **tls}
        if label.route is None:
            into.add("inbound_http_route_not_found_total", server, sample.value)
            return
        route = {**server, **_reference("route", label.route)}
        authorization = parse_rule_name(labels["authz"])
        if labels["decision"] != counters.ALLOWED or authorization is None:
            into.add("inbound_http_authz_deny_total", route, sample.value)
            return
        allowed = {**route, **_reference("authz", authorization)}
        into.add("inbound_http_authz_allow_total", allowed, sample.value)
        if labels["flags"] == _RATE_LIMITED and label.limit is not None:
            scope = {"ratelimit_scope": "identity" if labels["within_total"] else "total"}
            limit = {**server, **_reference("ratelimit", label.limit), **scope}
            into.add("inbound_http_local_ratelimit_total", limit, sample.value)
        elif not label.redirects:
            _count_responses(into, sample, {"direction": "inbound", **allowed}, int(labels["code"]))

    # what the pod sent

    def _attempt(self, into: Exposition, sample: Sample) -> None:
        """An attempt at an endpoint: what broke on the way counts as the 502 that it is answered with (§5.5)."""
        labels = sample.labels
        if labels["route"] == OPAQUE:
            return
        code = int(labels["code"]) or (502 if labels["flags"] in _BROKEN_FLAGS else 0)
        if labels["host"]:
            _count_responses(into, sample, self._destination(labels["cluster"], labels["host"]), code)
        route = RouteLabel.parse(labels["route"])
        if route is not None:
            self._count_backend(into, sample, route, self._backend(route, labels["cluster"]), str(code or ""))

    def _outbound(self, into: Exposition, sample: Sample) -> None:
        """A request of the pod's applications; those that found no endpoint count here, as they made no attempt."""
        labels, route = sample.labels, RouteLabel.parse(sample.labels["route"])
        if labels["route"] == OPAQUE:
            return
        error = _error_kind(labels["flags"], route)
        if error:
            into.add("outbound_http_errors_total", {"error": error}, sample.value)
        if route is None or not route.name:
            return  # §5.11: without a matching route there is no series of routes
        status, failure = _route_outcome(labels["code"], labels["flags"])
        if self.dialect.route_status_metrics:
            series = {**_route_labels(route), "hostname": ""}
            outcome = {"http_status": status, "error": failure}
            into.add("outbound_http_route_request_statuses_total", {**series, **outcome}, sample.value)
            _observe_seconds(into, "outbound_http_route_request_duration_seconds", series, _ROUTE_LIMITS, sample)
        if labels["flags"] in ("NC", "UH"):
            backend = _MISSING if labels["flags"] == "NC" else self._backend(route, labels["cluster"])
            self._count_backend(into, sample, route, backend, status, failure)

    def _count_backend(
        self,
        into: Exposition,
        sample: Sample,
        route: RouteLabel,
        backend: Mapping[str, str],
        status: str,
        failure: str = "",
    ) -> None:
        series = {**_route_labels(route), **_prefixed("backend", backend)}
        into.add("outbound_http_route_backend_requests_total", series, sample.value)
        if not self.dialect.route_status_metrics:
            return
        outcome = {"http_status": status, "error": failure or ("" if status else "UNKNOWN")}
        into.add("outbound_http_route_backend_response_statuses_total", {**series, **outcome}, sample.value)
        name = "outbound_http_route_backend_response_duration_seconds"
        _observe_seconds(into, name, series, _BACKEND_LIMITS, sample)

    def _backend(self, route: RouteLabel, cluster: str) -> Mapping[str, str]:
        service = parse_service_cluster(cluster)
        if service is None or (route.default_backend and not self.dialect.default_backend_is_service):
            return _DEFAULT_BACKEND
        return _service(*service)

    def _destination(self, cluster: str, host: str) -> dict[str, str]:
        service = parse_service_cluster(cluster)
        ip, _, port = host.rpartition(":")
        pod = self.find_pod(ip)
        labels = {"direction": "outbound", "authority": host, **_target(host)}
        if service is not None:
            namespace, name, number = service
            labels["authority"] = f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}:{number}"
            labels |= {"dst_namespace": namespace, "dst_service": name}
        if pod is not None:
            labels |= _workload(pod)
        if pod is None or not pod.meshed or int(port) in pod.skip_inbound:
            return labels | _NO_TLS_OUT
        return labels | {"tls": "true", "server_id": service_account_identity(pod.namespace, pod.service_account)}

    # connections

    def _accepted(self, into: Exposition, sample: Sample) -> None:
        """Gauges of connection managers: out_<pod>, in_<pod>_<port>_mesh, in_<pod>_<port>_plain."""
        direction, *rest = sample.labels["envoy_http_conn_manager_prefix"].split("_")
        labels = {"direction": f"{direction}bound", "peer": "src"}
        if direction == "in":
            labels |= _target(f"{self.pod.pod_ip}:{rest[1]}") | ({"tls": "true"} if rest[2] == "mesh" else _NO_TLS_IN)
        into.add("tcp_open_connections", labels, sample.value, kind="gauge")

    def _opened(self, into: Exposition, sample: Sample) -> None:
        """Gauges of clusters before applications: in_<pod>_<port>."""
        port = sample.labels["envoy_cluster_name"].rpartition("_")[2]
        labels = {"direction": "inbound", "peer": "dst", **_target(f"{self.pod.pod_ip}:{port}")}
        into.add("tcp_open_connections", labels, sample.value, kind="gauge")


def _count_responses(into: Exposition, sample: Sample, labels: Mapping[str, str], code: int) -> None:
    """`code` 0 is a request without an answer, because whoever waited for it went away or gave up (§2.13)."""
    into.add("request_total", labels, sample.value)
    if code:
        answered = {**labels, "status_code": str(code)}
        into.add("response_total", {**answered, **_classified(sample.labels["grpc"], code)}, sample.value)
        into.observe("response_latency_ms", answered, LATENCY_LIMITS_MS, _milliseconds(sample), int(sample.value))


def _classified(grpc_status: str, code: int) -> dict[str, str]:
    """§5.2: of calls the status of gRPC decides, if there is one."""
    if not grpc_status.isdecimal():
        return {"classification": "failure" if 500 <= code <= 599 else "success"}
    failed = int(grpc_status) in _FAILED_CALLS
    return {"classification": "failure" if failed else "success", "grpc_status": grpc_status}


def _observe_seconds(
    into: Exposition, name: str, labels: Mapping[str, str], limits: tuple[float, ...], sample: Sample
) -> None:
    into.observe(name, labels, limits, _milliseconds(sample) / 1000, int(sample.value))


def _milliseconds(sample: Sample) -> int:
    """Whole milliseconds, as Linkerd counts them; what failed before it was sent took none."""
    text = sample.labels["ms"]
    return int(text) if text.isdecimal() else 0


def _error_kind(flags: str, route: RouteLabel | None) -> str:
    """§5.8; "" if the proxy made no error itself."""
    if flags in _BROKEN_FLAGS:
        return "i/o"
    if route is not None and not route.name:
        return "unexpected"
    return {"UH": "failfast", "UT": "response timeout", "NC": "unexpected"}.get(flags, "")


def _route_outcome(code: str, flags: str) -> tuple[str, str]:
    """`http_status` and `error` of a request (§5.10, §5.11)."""
    if flags == "UH":
        return "", "FAIL_FAST"
    if flags == "UT":
        return "", "REQUEST_TIMEOUT"
    return ("", "CANCEL") if code == "0" else (code, "")


def _route_labels(route: RouteLabel) -> dict[str, str]:
    named = {"group": route.group, "kind": route.kind, "namespace": route.namespace, "name": route.name}
    return _prefixed("parent", _service(*route.parent, route.port)) | _prefixed("route", named)


def _service(namespace: str, name: str, port: int) -> dict[str, str]:
    place = {"namespace": namespace, "name": name, "port": str(port), "section_name": ""}
    return {"group": "core", "kind": "Service", **place}


def _workload(pod: PodEndpoint) -> dict[str, str]:
    labels = {
        "dst_namespace": pod.namespace,
        "dst_pod": pod.name,
        "dst_deployment": pod.deployment or "",
        "dst_replicaset": pod.replicaset or "",
        "dst_serviceaccount": pod.service_account,
        "dst_pod_template_hash": pod.labels.get("pod-template-hash", ""),
        "dst_control_plane_ns": "linkerd" if pod.meshed else "",
    }
    return {name: value for name, value in labels.items() if value}


def _target(address: str) -> dict[str, str]:
    ip, _, port = address.rpartition(":")
    return {"target_addr": address, "target_ip": ip, "target_port": port}


def _reference(prefix: str, ref: PolicyRef) -> dict[str, str]:
    """§5.7."""
    return _prefixed(prefix, {"group": ref.group, "kind": ref.kind, "name": ref.name})


def _prefixed(prefix: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}_{name}": value for name, value in labels.items()}
