"""Metrics of pods, read from the proxy's admin socket at the moment they are asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiohttp

from harness.dialect import Dialect
from harness.embedded.dataplane.compile.names import stat_key
from harness.embedded.dataplane.labels import Translator
from harness.embedded.dataplane.promtext import parse_samples
from harness.embedded.pods import DataplaneError, PodEndpoint

_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class Metrics:
    """Reads counters and knows whose they are."""

    def __init__(self, admin_socket: Path, dialect: Dialect) -> None:
        self._socket = admin_socket
        self._dialect = dialect
        self._pods: dict[tuple[str, str], PodEndpoint] = {}
        self._ever: dict[str, PodEndpoint] = {}
        self._session: aiohttp.ClientSession | None = None

    def add_pod(self, pod: PodEndpoint) -> None:
        """From now on this pod can be asked for; its address is its own for ever."""
        self._pods[pod.namespace, pod.name] = pod
        self._ever[pod.pod_ip] = pod

    def remove_pod(self, namespace: str, name: str) -> None:
        """The pod cannot be asked for any more; what others counted about it keeps its labels."""
        self._pods.pop((namespace, name), None)

    async def of_pod(self, namespace: str, name: str) -> str:
        """A meshed pod's metrics as Prometheus text; "" for a pod without a proxy, or that is not there.

        raises  DataplaneError if the proxy does not answer
        """
        pod = self._pods.get((namespace, name))
        if pod is None or not pod.meshed:
            return ""
        samples = parse_samples(await self._scrape(pod))
        return Translator(pod, self._dialect, self._ever.get).exposition(samples)

    async def listener_address(self, name: str) -> str:
        """Where a listener is bound, as `address:port`; raises DataplaneError if it is not."""
        listeners = json.loads(await self._ask("listeners?format=json")).get("listener_statuses", ())
        found = (status["local_address"]["socket_address"] for status in listeners if status["name"] == name)
        address = next(found, None)
        if address is None:
            raise DataplaneError(f"the proxy has no listener '{name}'")
        return f"{address['address']}:{address['port_value']}"

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _scrape(self, pod: PodEndpoint) -> str:
        """The proxy picks out the pod's counters: reading ten pods costs no more than reading all at once."""
        mine = quote(rf"[._]{stat_key(pod.pod_ip)}[._]", safe="")
        return await self._ask(f"stats/prometheus?filter={mine}")

    async def _ask(self, path: str) -> str:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._socket)), timeout=_TIMEOUT)
        try:
            async with self._session.get(f"http://admin/{path}") as answer:
                answer.raise_for_status()
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DataplaneError(f"the proxy's admin interface does not answer: {error}") from error
