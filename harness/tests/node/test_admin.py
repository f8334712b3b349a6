"""The admin port of a meshed pod."""

from __future__ import annotations

import asyncio
import logging

import pytest

from harness.embedded.node.addresses import PodNetwork
from harness.embedded.node.admin import AdminServer
from harness.tests.node.local_node import NAMESPACE, local_node


async def get(address: str, path: str, method: str = "GET") -> str:
    reader, writer = await asyncio.open_connection(address, 4191)
    writer.write(f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


def ask(path: str, method: str = "GET", *, broken: bool = False) -> str:
    async def metrics(namespace: str, name: str) -> str:
        if broken:
            raise KeyError("route")
        return f"response_total {namespace}/{name}\n"

    async def run() -> str:
        network = PodNetwork.claim()
        address = network.pod_addresses().pod_ip
        server = await AdminServer.start(address, "shop", "web", metrics)
        try:
            return await get(address, path, method)
        finally:
            server.close()
            network.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "method", "status", "body"),
    [
        ("/metrics", "GET", "200 OK", "response_total shop/web\n"),
        ("/metrics?x=1", "GET", "200 OK", "response_total shop/web\n"),
        ("/metrics", "HEAD", "200 OK", ""),
        ("/ready", "GET", "200 OK", "ready\n"),
        ("/live", "GET", "200 OK", "live\n"),
        ("/", "GET", "404 Not Found", ""),
        ("/metrics", "POST", "405 Method Not Allowed", ""),
    ],
)
def test_answers(path: str, method: str, status: str, body: str) -> None:
    head, _, content = ask(path, method).partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status}\r\n")
    assert content == body


def test_metrics_that_cannot_be_collected_are_an_error_and_not_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert ask("/metrics", broken=True).startswith("HTTP/1.1 500 ")
    assert "metrics cannot be collected" in caplog.text


def test_a_meshed_pod_has_its_proxy_container_and_admin_port() -> None:
    async def run() -> None:
        async with local_node() as local:
            containers = [{"name": "main", "image": "report"}, {"name": "linkerd-proxy", "image": "proxy"}]
            pod = {"metadata": {"name": "a"}, "spec": {"containers": containers, "restartPolicy": "Always"}}
            containers[0]["image"] = "sleeper"
            local.api.create("pods", pod, namespace=NAMESPACE)
            await local.until(lambda: local.condition("a") == "True")
            assert local.status("a", "linkerd-proxy")["ready"] is True
            endpoint = local.dataplane.pods["a"]
            assert endpoint.meshed
            assert (await get(endpoint.app_ip, "/metrics")).endswith(f'up{{pod="{NAMESPACE}/a"}} 1\n')
            (process,) = local.processes()
            assert process.is_running()
            local.api.delete("pods", NAMESPACE, "a")
            await local.until(lambda: local.pod("a") is None)
            with pytest.raises(ConnectionRefusedError):
                await get(endpoint.app_ip, "/metrics")

    asyncio.run(run())
