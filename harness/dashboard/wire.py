"""Frames as JSON, with every number as the page shows it: `signalbox stat` rounds the same way (§6.4). Pure."""

from __future__ import annotations

import json
from typing import Any

from harness.dashboard.feed import Frame
from harness.dashboard.rows import EdgeRow, Place, RefusedRow, View, health
from harness.mesh.authz import AuthzRow
from harness.mesh.stat import StatRow

Json = dict[str, Any]


def encode(frame: Frame) -> str:
    """One line of JSON; `view` is null until there is one."""
    shown = None if frame.view is None else _view(frame.view)
    return json.dumps({"problem": frame.problem, "view": shown}, ensure_ascii=False, separators=(",", ":"))


def _view(view: View) -> Json:
    return {
        "seconds": round(view.seconds, 1),
        "workloads": [_workload(row, view.seconds) for row in view.workloads],
        "edges": [_edge(row) for row in view.edges],
        "authorizations": [_authorization(place, row) for place, row in view.authorizations],
        "refused": [_refused(row) for row in view.refused],
        "notes": list(view.notes),
    }


def _workload(row: StatRow, seconds: float) -> Json:
    meshed, *numbers = row.cells()
    names = ("success", "rps", "p50", "p95", "p99", "connections")
    return {
        "key": f"{row.namespace}/{row.name}",
        "namespace": row.namespace,
        "name": row.name,
        "meshed": meshed,
        "health": health(row.success),
        "requests": round(row.rps * seconds),
        **dict(zip(names, numbers, strict=True)),
    }


def _edge(row: EdgeRow) -> Json:
    p50, p95, p99 = row.traffic.latencies
    source, destination = _name(row.source), _name(row.destination)
    return {
        "key": f"{source} {destination} {row.server} {row.plain}",
        "namespaces": [row.source.namespace, row.destination.namespace],
        "source": source,
        "destination": destination,
        "client": _short(row.client) or "none",
        "server": _short(row.server) or "none",
        "full": {"client": row.client, "server": row.server},
        "secured": "no: " + row.plain.replace("_", " ") if row.plain else "mTLS",
        "health": health(row.success),
        "requests": row.traffic.total,
        "success": f"{row.success:.2%}",
        "rps": f"{row.rps:.1f}rps",
        "p50": f"{p50}ms",
        "p95": f"{p95}ms",
        "p99": f"{p99}ms",
    }


def _authorization(place: Place, row: AuthzRow) -> Json:
    route, server, authorization, unauthorized, success, rps, *_ = row.cells()
    return {
        "key": f"{_name(place)} {server} {route} {authorization}",
        "namespaces": [place.namespace],
        "workload": _name(place),
        "server": server,
        "route": route,
        "authorization": authorization or "none",
        "unauthorized": unauthorized,
        "success": success,
        "rps": rps,
    }


def _refused(row: RefusedRow) -> Json:
    return {
        "key": f"{_name(row.workload)} {row.server} {row.route} {row.status} {row.client}",
        "namespaces": [row.workload.namespace],
        "workload": _name(row.workload),
        "server": row.server,
        "route": row.route or "none matches",
        "client": _short(row.client) or "no identity",
        "full": {"client": row.client},
        "status": {403: "403 not allowed", 404: "404 no route", 429: "429 too many"}[row.status],
        "requests": row.count,
        "rps": f"{row.rps:.1f}rps",
    }


def _short(identity: str) -> str:
    """`webapp.booksapp` for a ServiceAccount (§3.19), as `linkerd viz edges` prints it; anything else in full."""
    return identity.partition(".serviceaccount.identity.")[0]


def _name(place: Place) -> str:
    return f"{place.namespace}/{place.name}" if place.namespace else place.name
