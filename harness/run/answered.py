"""Who answered a burst of requests, told by the sender's own proxy.

Names of workloads come from the proxy's counters, not from guesses about the body, so they are the same on every
cluster. An unmeshed sender has no proxy; then only what the responses say themselves is known.
"""

from __future__ import annotations

from collections import Counter

import tenacity

from harness.kube.client import Kube
from harness.mesh.metrics import Snapshot, increase, scrape
from harness.mesh.route_proof import NO_ROUTE_COUNTER, ROUTE_COUNTER
from harness.run.senders import Sender

OWN_PROXY = "the sender's own proxy"

TOLD_LABELS = (
    "direction",
    "dst_deployment",
    "status_code",
    "http_status",
    "classification",
    "error",
    "parent_name",
    "route_kind",
    "route_name",
    "backend_name",
)
"""Labels that say what became of a request; the others only say where the proxy runs."""


AT_REST_SECONDS = 0.1
"""How long a proxy must have counted nothing new: requests that are given up end within milliseconds."""
_PATIENCE_SECONDS = 2.0


def wait_until_at_rest(kube: Kube, sender: Sender) -> None:
    """Return when the sender's proxy counts no more of requests that were given up, which later ones would seem to be.

    It has no rest while an `always` claim sends from there all the time; then this ends after two seconds.
    """
    if not (sender.meshed and sender.pods):
        return
    last: list[int] = []

    def rests() -> bool:
        last.append(_counted(scrape(kube, sender.pods)))
        return last[-2:-1] == last[-1:]

    tenacity.Retrying(
        stop=tenacity.stop_after_delay(_PATIENCE_SECONDS),
        wait=tenacity.wait_fixed(AT_REST_SECONDS),
        retry=tenacity.retry_if_result(lambda at_rest: not at_rest),
        retry_error_callback=lambda state: None,
    )(rests)


def _counted(snapshot: Snapshot) -> int:
    return sum(
        int(sample.value)
        for samples in snapshot.pods.values()
        for sample in samples
        if sample.name == "response_total" and sample.labels.get("direction") == "outbound"
    )


class Answerers:
    """Watches one sender's proxy from now on."""

    def __init__(self, kube: Kube, sender: Sender) -> None:
        self._kube = kube
        self._sender = sender
        self._before = self._scrape()
        self._then: Snapshot | None = None

    def workloads(self) -> Counter[str] | None:
        """Responses per Deployment that answered ("" for an unmeshed endpoint), None without a proxy to ask."""
        after = self._after()
        if self._before is None or after is None:
            return None
        made = increase(
            self._before,
            after,
            "response_total",
            by=("dst_deployment",),
            where=lambda labels: labels.get("direction") == "outbound",
        )
        return Counter({name: count for (name,), count in made.items() if count})

    def by_whom(self) -> Counter[str]:
        """Responses by who made them: Deployments, and the sender's own proxy for what it refused to send."""
        made = self.workloads() or Counter()
        if refused := self._refused():
            made[OWN_PROXY] += refused
        return made

    def told(self) -> str:
        """«books x 729, error-injector x 82; under route error-split», or "" for an unmeshed sender."""
        after, made = self._after(), self.workloads()
        if self._before is None or after is None or made is None:
            return ""
        parts = [f"{name or 'an unmeshed endpoint'} x {count}" for name, count in made.most_common()]
        if refused := self._refused():
            parts.append(f"{OWN_PROXY} x {refused}")
        routes = increase(self._before, after, ROUTE_COUNTER, by=("route_kind", "route_name"))
        names = [_route(kind, name) for (kind, name), count in routes.most_common() if count]
        under = f"; the sender's proxy counts them under {', '.join(names)}" if names else ""
        return (", ".join(parts) or "nobody") + under

    def _refused(self) -> int:
        after = self._after()
        return increase(self._before, after, NO_ROUTE_COUNTER)[()] if self._before and after else 0

    def grown(self) -> tuple[str, ...]:
        """Every counter of requests that grew, with its labels and by how much; nothing without a proxy to ask."""
        after = self._after()
        if self._before is None or after is None:
            return ()
        names = sorted(
            {sample.name for samples in after.pods.values() for sample in samples if _counts_requests(sample.name)}
        )
        lines = []
        for name in names:
            for labels, count in increase(self._before, after, name, by=TOLD_LABELS).most_common():
                told = ", ".join(
                    f'{label}="{value}"' for label, value in zip(TOLD_LABELS, labels, strict=True) if value
                )
                lines += [f"{name}{{{told}}} +{count}"] if count else []
        return tuple(lines)

    def _after(self) -> Snapshot | None:
        """The proxy's counters after the burst, read once."""
        if self._then is None:
            self._then = self._scrape()
        return self._then

    def _scrape(self) -> Snapshot | None:
        return scrape(self._kube, self._sender.pods) if self._sender.meshed and self._sender.pods else None


def _counts_requests(name: str) -> bool:
    return name.endswith("_total") and name.startswith(("response_", "request_", "outbound_http_", "inbound_http_"))


def _route(kind: str, name: str) -> str:
    return f"the default route '{name}'" if kind == "default" else f"{kind} '{name}'"
