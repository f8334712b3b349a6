"""A door before an API server that can be shut, for all or for some paths."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config as k8s_config


class Gate:
    """Passes GET requests on; `denied` are parts of paths that get 403, as an API server refuses."""

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        self._client = k8s_config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        self.denied: set[str] = set()
        self.port = 0
        self.kubeconfig = directory / "gate.yaml"
        self._server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Listen, the second time where the first time was."""
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, media = gate.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        context = {"name": "gate", "context": {"cluster": "gate", "user": "gate"}}
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "gate", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                    "users": [{"name": "gate", "user": {}}],
                    "contexts": [context],
                    "current-context": "gate",
                }
            )
        )

    def shut(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def close(self) -> None:
        self.shut()
        self._client.close()

    def answer(self, path: str) -> tuple[int, bytes, str]:
        """Status, body and media type."""
        if any(part in path for part in self.denied):
            return 403, b'{"kind":"Status","status":"Failure","code":403,"message":"forbidden"}', "application/json"
        pool = self._client.rest_client.pool_manager
        answer = pool.request("GET", self._client.configuration.host + path, retries=False)
        return answer.status, answer.data, answer.headers.get("Content-Type", "application/json")


@contextmanager
def gate_before(kubeconfig: Path, directory: Path) -> Iterator[Gate]:
    """An open gate."""
    gate = Gate(kubeconfig, directory)
    gate.open()
    try:
        yield gate
    finally:
        gate.close()
